//! A throwaway S3 server that checks signatures and policies, and a look at it past our own client.

use std::{
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A policy for [`Moto::start`].
pub const EVERYTHING: &str = "s3:*";
/// The bucket there is.
pub const BUCKET: &str = "loyalty";
/// Where it says it is.
pub const REGION: &str = "eu-central-1";

/// A server that ends with the test.
#[derive(Debug)]
pub struct Moto {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The one user's key.
    pub access_key_id: String,
    /// And its secret.
    pub secret_access_key: String,
    child: Child,
    python: PathBuf,
    log: TempDir,
}

impl Moto {
    /// A server with one bucket and one user, who may do what the policy lists. Its Python environment is made on the first call, beside
    /// `target_tmpdir`: the test's `env!("CARGO_TARGET_TMPDIR")`.
    ///
    /// # Panics
    /// When the server does not start, as everything here does: it is for tests.
    #[must_use]
    pub fn start(target_tmpdir: &str, policy: &str) -> Self {
        let python = environment(target_tmpdir);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = tempfile::tempdir().unwrap();
        let output = fs::File::create(log.path().join("log")).unwrap();
        let mut command = Command::new(python.join("bin/moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        // The first three calls make the user; from then on signatures and policies are checked.
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", "3");
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().expect("run crates/testkit/servers/moto.sh");
        let mut moto = Self { port, access_key_id: String::new(), secret_access_key: String::new(), child, python, log };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = moto.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "moto does not start: {}", moto.log());
            thread::sleep(Duration::from_millis(20));
        }
        let account: serde_json::Value = serde_json::from_slice(&moto.look(&["account", policy], b"")).unwrap();
        moto.access_key_id = account["access_key_id"].as_str().unwrap().to_owned();
        moto.secret_access_key = account["secret_access_key"].as_str().unwrap().to_owned();
        moto.look_at("make", &[], b"");
        moto
    }

    /// Where clients find it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The bytes of an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Vec<u8> {
        self.look_at("get", &[key], b"")
    }

    /// Makes an object.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        self.look_at("put", &[key], bytes);
    }

    /// The keys of all objects, and `unfinished` with those of uploads that were never ended.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        String::from_utf8(self.look_at("list", &[], b"")).unwrap().lines().map(str::to_owned).collect()
    }

    fn look_at(&self, command: &str, more: &[&str], input: &[u8]) -> Vec<u8> {
        let arguments = [&[command, &self.access_key_id, &self.secret_access_key, BUCKET], more].concat();
        self.look(&arguments, input)
    }

    fn look(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new(self.python.join("bin/python"));
        command.arg(servers().join("bucket.py")).args([&self.endpoint(), REGION]).args(arguments);
        let mut looking = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        looking.stdin.take().unwrap().write_all(input).unwrap();
        let done = looking.wait_with_output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {}\n{}", String::from_utf8_lossy(&done.stderr), self.log());
        done.stdout
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers")
}

fn environment(target_tmpdir: &str) -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let environment = Path::new(target_tmpdir).join("../venv-moto");
        let made = Command::new(servers().join("moto.sh")).arg(&environment).output().unwrap();
        let hint = "apt-get install python3-venv, and let pip reach a package index";
        assert!(made.status.success(), "{}\n{hint}", String::from_utf8_lossy(&made.stderr));
        environment
    };
    MADE.get_or_init(make).clone()
}
