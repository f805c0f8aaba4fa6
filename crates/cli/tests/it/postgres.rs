//! A model in a real PostgreSQL.

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    people::Person,
    whole_path::walk,
    world::{Project, World},
};

/// PostgreSQL refuses to run as root, and any other user does.
const NOBODY: u32 = 65_534;

/// A server of its own, gone with the test.
pub struct Server {
    folder: TempDir,
    pub port: u16,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with("", &[])
    }

    /// The same with more options, and with files in its folder, which `FOLDER` stands for in the options.
    pub fn start_with(options: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("outflow-pg-").tempdir().expect("a temporary folder");
        let free = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let server = Self { port: free.local_addr().expect("a bound socket has an address").port(), folder };
        drop(free);
        if is_root() {
            std::os::unix::fs::chown(server.folder.path(), Some(NOBODY), Some(NOBODY)).expect("root gives folders away");
        }
        let (data, sockets) = (server.path("data"), server.path(""));
        server.run("initdb", &["-D", &data, "-U", "app", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]);
        for (name, content) in files {
            server.write(name, content);
        }
        let own = format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={sockets} -c fsync=off", server.port);
        let options = format!("{own} {}", options.replace("FOLDER", &sockets));
        server.run("pg_ctl", &["-D", &data, "-w", "-l", &server.path("log"), "-o", &options, "start"]);
        server
    }

    /// A file of its folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("temporary folders have plain names").to_owned()
    }

    fn run(&self, tool: &str, arguments: &[&str]) {
        let mut command = Command::new(binaries().join(tool));
        command.env("PGSSLMODE", "disable").args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        assert!(command.status().expect("the tool starts").success(), "{tool} {arguments:?}");
    }

    /// A file that only its owner may read, as PostgreSQL asks of keys.
    fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::write(&path, content).expect("a file of the server can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("our own file");
        if is_root() {
            std::os::unix::fs::chown(&path, Some(NOBODY), Some(NOBODY)).expect("root gives files away");
        }
    }

    /// Carries out a script, past our own client.
    pub fn sql(&self, sql: &str) {
        let script = self.path("script.sql");
        fs::write(&script, sql).expect("the script can be written");
        let port = self.port.to_string();
        self.run("psql", &["-h", "127.0.0.1", "-p", &port, "-U", "app", "-q", "-v", "ON_ERROR_STOP=1", "-f", &script, "postgres"]);
    }

    /// The answer to a question that has one row of one column.
    pub fn ask(&self, sql: &str) -> String {
        let mut command = Command::new(binaries().join("psql"));
        command.env("PGSSLMODE", "disable").args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-U",
            "app",
            "-At",
            "-c",
            sql,
            "postgres",
        ]);
        let told = command.stdin(Stdio::null()).output().expect("psql starts");
        assert!(told.status.success(), "{sql}: {}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8_lossy(&told.stdout).trim().to_owned()
    }

    /// The people as a table.
    pub fn hold(&self, people: &[Person]) {
        let text = |it: &str| format!("'{}'", it.replace('\'', "''"));
        let rows: Vec<String> = people
            .iter()
            .map(|it| {
                let born = it.born.map_or_else(|| "NULL".to_owned(), |it| format!("'{it}'"));
                format!("({},{},{},{},{born},{})", text(&it.id), text(&it.email), text(&it.name), it.points, text(it.tier))
            })
            .collect();
        self.sql(&format!(
            "SET client_min_messages TO warning; BEGIN; DROP TABLE IF EXISTS people; CREATE TABLE people (id text, email text, name text, points int, born date, tier text); INSERT INTO people VALUES {}; COMMIT;",
            rows.join(",\n")
        ));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-D", &self.path("data"), "-m", "immediate", "-w", "stop"]);
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0)
}

fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|it| it.path().join("bin"));
    versions
        .filter(|it| it.join("initdb").exists())
        .max()
        .expect("PostgreSQL's server is needed: apt-get install --no-install-recommends postgresql")
}

#[test]
fn a_table_of_postgresql_by_sftp_and_rest() {
    let (server, world) = (Server::start(), World::new());
    let source = format!("{{ postgres: {{ host: 127.0.0.1, port: {}, database: postgres, user: app }} }}", server.port);
    let project = Project { source: Some(source), ..Project::default() };
    walk(&world, &project, |people| server.hold(people));
}
