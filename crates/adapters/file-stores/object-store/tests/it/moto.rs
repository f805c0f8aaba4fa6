//! A throwaway S3 server, and a look at it past our own client.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Once,
    thread,
    time::{Duration, Instant},
};

use outflow_domain::Secret;
use outflow_file_store_object_store::{Credentials, S3Settings};
use tempfile::TempDir;

/// A policy for [`Moto::start`].
pub const EVERYTHING: &str = "s3:*";
const BUCKET: &str = "loyalty";

/// A server that ends with the test.
pub struct Moto {
    pub port: u16,
    pub access_key_id: String,
    secret_access_key: String,
    child: Child,
    log: TempDir,
}

impl Moto {
    /// A server with one bucket and one user, who may do what the policy lists.
    pub fn start(policy: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = tempfile::tempdir().unwrap();
        let output = fs::File::create(log.path().join("log")).unwrap();
        let mut command = Command::new(python("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        // The first three calls make the user; from then on signatures and policies are checked.
        command.env("INITIAL_NO_AUTH_ACTION_COUNT", "3");
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let child = command.spawn().expect("run tests/moto.sh");
        let mut moto = Self { port, access_key_id: String::new(), secret_access_key: String::new(), child, log };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = moto.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "moto does not start: {}", moto.log());
            thread::sleep(Duration::from_millis(20));
        }
        let account: serde_json::Value = serde_json::from_slice(&moto.look(&["account", policy])).unwrap();
        moto.access_key_id = account["access_key_id"].as_str().unwrap().to_owned();
        moto.secret_access_key = account["secret_access_key"].as_str().unwrap().to_owned();
        moto.look_at("make", &[]);
        moto
    }

    pub fn settings(&self, prefix: &str) -> S3Settings {
        S3Settings {
            bucket: BUCKET.to_owned(),
            prefix: prefix.to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            credentials: Credentials::Keys {
                access_key_id: self.access_key_id.clone(),
                secret_access_key: Secret::new(&self.secret_access_key),
                session_token: None,
            },
        }
    }

    /// The bytes of an object.
    pub fn get(&self, key: &str) -> Vec<u8> {
        self.look_at("get", &[key])
    }

    /// The keys of all objects, and `unfinished` with those of uploads that were never ended.
    pub fn list(&self) -> Vec<String> {
        String::from_utf8(self.look_at("list", &[])).unwrap().lines().map(str::to_owned).collect()
    }

    fn look_at(&self, command: &str, more: &[&str]) -> Vec<u8> {
        let arguments = [&[command, &self.access_key_id, &self.secret_access_key, BUCKET], more].concat();
        self.look(&arguments)
    }

    fn look(&self, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new(python("python"));
        command.arg(tests().join("bucket.py")).arg(format!("http://127.0.0.1:{}", self.port)).args(arguments);
        let done = command.output().unwrap();
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

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A program of the Python environment, which is made on the first call.
fn python(program: &str) -> PathBuf {
    static MADE: Once = Once::new();
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../venv-moto");
    MADE.call_once(|| {
        let made = Command::new(tests().join("moto.sh")).arg(&environment).output().unwrap();
        let hint = "apt-get install python3-venv, and let pip reach a package index";
        assert!(made.status.success(), "{}\n{hint}", String::from_utf8_lossy(&made.stderr));
    });
    environment.join("bin").join(program)
}
