//! Data that others have gathered, from npm: installed below the target folder when a test first asks for it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// What is installed, and in which versions.
const LIST: &str = include_str!("../npm/package.json");

/// The folder of an installed package.
pub fn package(name: &str) -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(install).join("node_modules").join(name)
}

fn install() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("npm");
    // Written last: a folder of the same list is used again, half an installation is not.
    let done = folder.join("installed.json");
    if fs::read_to_string(&done).is_ok_and(|it| it == LIST) {
        return folder;
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    fs::write(folder.join("package.json"), LIST).expect("the target folder can be written");
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]).current_dir(&folder).stdin(Stdio::null());
    let installed = npm.output().expect("npm is needed: apt-get install --no-install-recommends npm");
    let said = String::from_utf8_lossy(&installed.stderr);
    assert!(installed.status.success(), "npm must reach a package registry: {said}");
    fs::write(done, LIST).expect("the target folder can be written");
    folder
}
