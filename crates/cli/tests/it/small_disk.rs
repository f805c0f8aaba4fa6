//! A disk of a few pages: a file system in memory that only the programs in a namespace of their own see.
//!
//! Root needs nothing for it, any other user the right to make user namespaces, which Debian gives.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// A mounted disk; gone with its last process.
pub struct SmallDisk {
    /// Keeps the namespace, and ends when its standard input does.
    keeper: Child,
    mounted_at: PathBuf,
}

impl SmallDisk {
    /// A disk of so many bytes in this folder, which must be there.
    pub fn mounted_at(folder: &Path, bytes: u64) -> Self {
        let mut command = Command::new("unshare");
        command.arg("--mount").args(if is_root() { None } else { Some("--map-root-user") });
        let script = "mount -t tmpfs -o \"size=$1,mode=700\" outflow-test \"$2\" && echo mounted && exec cat";
        command.args(["sh", "-c", script, "sh", &bytes.to_string()]).arg(folder);
        let mut keeper =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare is there: apt-get install util-linux");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("standard output is a pipe")).read_line(&mut line).expect("the keeper can be read");
        assert_eq!(line, "mounted\n", "a disk needs root, or a kernel that lets this user make namespaces");
        Self { keeper, mounted_at: folder.to_owned() }
    }

    /// What starts a program where the disk is seen.
    pub fn starter(&self) -> Vec<String> {
        let user: &[&str] = if is_root() { &[] } else { &["--user", "--preserve-credentials"] };
        let words = ["nsenter", "--target", &self.keeper.id().to_string(), "--mount"].map(str::to_owned);
        words.into_iter().chain(user.iter().map(|&it| it.to_owned())).collect()
    }

    /// Leaves so many bytes free: rounded up to whole pages, as the disk has them. One that is empty keeps a page.
    pub fn leave_free(&self, bytes: u64) {
        let starter = self.starter();
        let size = format!("remount,size={}", (self.used() + bytes).max(1));
        let mut command = Command::new(&starter[0]);
        command.args(&starter[1..]).args(["mount", "-o", &size]).arg(&self.mounted_at);
        assert!(command.status().expect("nsenter is there: apt-get install util-linux").success(), "{command:?}");
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        let disk = rustix::fs::statvfs(&self.seen()).expect("the disk can be asked");
        (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    }

    /// The disk as the test sees it, from outside of the namespace.
    pub fn seen(&self) -> PathBuf {
        let inside = self.mounted_at.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(inside)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}
