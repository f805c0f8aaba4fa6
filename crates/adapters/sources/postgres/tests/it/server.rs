//! A throwaway PostgreSQL on loopback.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use outflow_domain::secret::Secret;
use outflow_ports::SourceError;
use outflow_source_postgres::{PostgresSettings, PostgresSource, SslMode};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// An owner for the server's files: PostgreSQL refuses to run as root, and any other user does.
const NOBODY: u32 = 65_534;
pub const PASSWORD: &str = "correct horse; battery='staple'";

/// A running server; dropping it stops the server and removes its files.
pub struct Server {
    folder: TempDir,
    binaries: PathBuf,
    pub port: u16,
}

impl Server {
    /// Starts a server of its own with more lines for `postgresql.conf`.
    pub fn start(configuration: &str, files: &[(&str, &str)]) -> Self {
        let binaries = binaries();
        let folder = tempfile::Builder::new().prefix("outflow-pg-").tempdir().expect("a temporary folder");
        let server = Self { folder, binaries, port: free_port() };
        server.give_away(server.folder.path());
        let password_file = server.write("password", PASSWORD);
        let data = server.path("data");
        server.run(
            "initdb",
            &["-D", &data, "-U", "app", "-A", "scram-sha-256", "--pwfile", &password_file, "-E", "UTF8", "--locale=C.UTF-8", "-N"],
        );
        for (name, content) in files {
            server.write(name, content);
        }
        let sockets = server.path("");
        let configuration = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{sockets}'\nfsync = off\n{}\n",
            server.port,
            configuration.replace("FOLDER", &sockets)
        );
        server.write("data/postgresql.auto.conf", &configuration);
        let log = server.path("log");
        server.run("pg_ctl", &["-D", &data, "-w", "-l", &log, "start"]);
        server
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("temporary folders have plain names").to_owned()
    }

    pub fn settings(&self) -> PostgresSettings {
        PostgresSettings {
            name: "warehouse".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: self.port,
            database: "postgres".to_owned(),
            user: "app".to_owned(),
            password: Some(Secret::new(PASSWORD)),
            ssl_mode: SslMode::Disable,
            root_certificate: None,
            application_name: PostgresSettings::APPLICATION_NAME.to_owned(),
            connect_timeout: PostgresSettings::CONNECT_TIMEOUT,
            statement_timeout: None,
        }
    }

    pub fn source(&self) -> PostgresSource {
        source(self.settings()).expect("plain settings are good")
    }

    /// A connection of the test's own, to prepare and to look.
    pub async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user("app")
            .dbname("postgres")
            .password(PASSWORD)
            .application_name("test")
            .connect(NoTls)
            .await
            .expect("the test can connect");
        tokio::spawn(connection);
        client
    }

    /// Waits until the source has no connection left at the server.
    pub async fn until_no_source_is_connected(&self) {
        let client = self.client().await;
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outflow'";
            let connected: i64 = client.query_one(query, &[]).await.expect("activity can be seen").get(0);
            if connected == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{connected} connections of the source are still there");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a file of the server");
        // PostgreSQL refuses a key that others may read.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its permissions");
        self.give_away(Path::new(&path));
        path
    }

    fn give_away(&self, path: &Path) {
        if is_root() {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.output(program, arguments);
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{program} failed:\n{}\n{log}", String::from_utf8_lossy(&said));
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.binaries.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        // The server keeps what it is given open; a log file of its own lets `output` see the end.
        command.args(arguments).current_dir("/").output().expect("PostgreSQL's programs can be run")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.path("data");
        self.output("pg_ctl", &["-D", &data, "-m", "immediate", "-w", "stop"]);
    }
}

pub fn source(settings: PostgresSettings) -> Result<PostgresSource, SourceError> {
    PostgresSource::new(settings)
}

fn binaries() -> PathBuf {
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|folders| folders.flatten().map(|it| it.path().join("bin")).filter(|it| it.join("initdb").exists()).collect())
        .unwrap_or_default();
    versions.sort();
    versions.pop().expect("PostgreSQL's server is needed: apt-get install --no-install-recommends postgresql")
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

/// Ports are taken one at a time, so that two servers of this test binary do not get the same.
fn free_port() -> u16 {
    static TAKEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        if !taken.contains(&port) {
            taken.push(port);
            return port;
        }
    }
}
