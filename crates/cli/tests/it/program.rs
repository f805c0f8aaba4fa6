//! The program as a person starts it: a child process, its two outputs and its exit code.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Nothing these tests wait for takes nearly as long, not even on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// A call of the program, ready to be made.
#[derive(Clone, Debug)]
pub struct Program {
    pub binary: PathBuf,
    pub folder: PathBuf,
    pub environment: BTreeMap<&'static str, String>,
    /// Another user than the one who tests.
    pub user: Option<u32>,
    /// What starts it instead of the test itself, such as `nsenter` with its arguments.
    pub starter: Vec<String>,
}

/// What a call has told.
#[derive(Debug)]
pub struct Told {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Program {
    /// The program in a project's folder, with these variables.
    pub fn new(folder: &Path, environment: BTreeMap<&'static str, String>) -> Self {
        Self { binary: env!("CARGO_BIN_EXE_outflow").into(), folder: folder.to_owned(), environment, user: None, starter: Vec::new() }
    }

    /// The same program started by another user, who may not be allowed into the folder where it was built.
    pub fn of_user(&self, user: u32) -> Self {
        let binary = self.folder.join("outflow");
        if fs::hard_link(&self.binary, &binary).is_err() {
            fs::copy(&self.binary, &binary).expect("the program can be copied");
        }
        Self { binary, user: Some(user), ..self.clone() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self.starter.iter().map(OsStr::new).chain([self.binary.as_os_str()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).arg("-C").arg(&self.folder).args(arguments);
        command.env_remove("OUTFLOW_LOG").env_remove("OUTFLOW_PROJECT").envs(&self.environment);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn call(&self, arguments: &[&str]) -> Told {
        let output = self.command(arguments).output().expect("the program starts");
        let text = |it: Vec<u8>| String::from_utf8(it).expect("the program speaks UTF-8");
        Told { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs it to its end, with standard output somewhere else.
    pub fn writing_to(&self, out: std::fs::File, arguments: &[&str]) -> Told {
        let output = self.command(arguments).stdout(out).output().expect("the program starts");
        Told { code: output.status.code(), out: String::new(), err: String::from_utf8(output.stderr).expect("the program speaks UTF-8") }
    }

    /// Runs it to its end, which must be this one.
    #[track_caller]
    pub fn ends(&self, code: i32, arguments: &[&str]) -> Told {
        let told = self.call(arguments);
        assert_eq!(told.code, Some(code), "{arguments:?}\n{}\n{}", told.out, told.err);
        told
    }

    /// Runs it with `--output json`: standard output is one document, whatever the end.
    #[track_caller]
    pub fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let told = self.ends(code, &[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", told.out))
    }

    /// Starts it, to be stopped by the test.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).spawn().expect("the program starts");
        let (sender, lines) = channel();
        let err = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
        let reader = std::thread::spawn(move || {
            for line in err.lines().map_while(Result::ok) {
                // Nobody listens any more once the test has seen enough.
                let _ = sender.send(line);
            }
        });
        Running { child, lines, seen: Vec::new(), reader: Some(reader) }
    }
}

/// A program under way; killed when the test ends.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    /// What it has written to standard error and was waited for.
    pub seen: Vec<String>,
    reader: Option<JoinHandle<()>>,
}

impl Running {
    /// The next line of standard error, or `None` when it has ended.
    fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the program says nothing more: {:#?}", self.seen),
        }
    }

    /// Waits for the `n`th line that contains `text`; whether it came before the end.
    pub fn says(&mut self, text: &str, n: usize) -> bool {
        let mut met = 0;
        while met < n {
            let Some(line) = self.line() else { return false };
            met += usize::from(line.contains(text));
        }
        true
    }

    /// `kill -9`.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child ends");
        while self.line().is_some() {}
        std::mem::take(&mut self.seen)
    }

    /// Sends a signal, as Ctrl-C or a service manager does.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, signal).expect("a child can be signalled");
    }

    /// Waits for its end.
    pub fn end(mut self) -> Told {
        let began = Instant::now();
        while self.line().is_some() {}
        assert!(began.elapsed() < DEADLINE, "the program does not end");
        let mut out = String::new();
        let stdout = self.child.stdout.as_mut().expect("standard output is a pipe");
        stdout.read_to_string(&mut out).expect("the program speaks UTF-8");
        let status = self.child.wait().expect("a child ends");
        Told { code: status.code(), out, err: std::mem::take(&mut self.seen).join("\n") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
