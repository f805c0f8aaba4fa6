//! Servers as child processes on loopback, each with a folder `Import` of its own.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Kind, private_key_path, public_key};

/// The account's password, where a server knows one.
pub const PASSWORD: &str = "correct horse";
/// The account at ProFTPD and AsyncSSH, in the form that Marketing Cloud gives them.
pub const USER: &str = "510000123_2";
/// `PASSWORD` as `openssl passwd -6` writes it.
const PASSWORD_HASH: &str = "$6$outflowtests$NHJArXCXyXrqnwdlMg4cVTp54smOm5bUBN81.P6.cokagB0A.hil9D4QAa3./NW2TMpR7hRER9mvkHwDHJ8sY/";

/// A server that ends with the test.
pub struct Server {
    pub port: u16,
    pub user: String,
    folder: TempDir,
    child: Child,
}

impl Server {
    /// OpenSSH's server: the account is whoever runs the tests, who logs in by key.
    pub fn openssh(more: &[&str]) -> Self {
        Self::openssh_at(free_port(), more, None)
    }

    /// OpenSSH's server on a disk of so many bytes.
    pub fn openssh_with_room(bytes: u64) -> Self {
        Self::openssh_at(free_port(), &[], Some(bytes))
    }

    fn openssh_at(port: u16, more: &[&str], room: Option<u64>) -> Self {
        let folder = folder();
        let root = folder.path().join("root");
        let keys = [Kind::User, Kind::UserRsa, Kind::UserEncrypted].map(public_key).join("\n");
        fs::write(folder.path().join("authorized_keys"), keys).unwrap();
        let owner = folder.path().metadata().unwrap().uid();
        if owner == 0 {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        // The first value given for an option counts.
        let config = format!(
            "{more}
            Port {port}
            ListenAddress 127.0.0.1
            HostKey {host_key}
            HostKey {host_key_rsa}
            PidFile none
            UsePAM no
            StrictModes no
            PermitRootLogin yes
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            AuthorizedKeysFile {keys}
            MaxStartups 100
            {subsystem}
            ",
            more = more.join("\n"),
            subsystem = match more.iter().any(|it| it.starts_with("Subsystem")) {
                true => String::new(),
                false => format!("Subsystem sftp internal-sftp -d {}", root.display()),
            },
            host_key = private_key_path(Kind::Host).display(),
            host_key_rsa = private_key_path(Kind::HostRsa).display(),
            keys = folder.path().join("authorized_keys").display(),
        );
        let config_path = folder.path().join("sshd_config");
        fs::write(&config_path, config).unwrap();
        let mut command = on_disk("/usr/sbin/sshd", &folder, room);
        command.args(["-D", "-e", "-f"]).arg(&config_path);
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        Self::started(command, port, user, folder, "apt-get install openssh-server")
    }

    /// ProFTPD with `mod_sftp`: virtual accounts, by password unless `more` says otherwise.
    pub fn proftpd(more: &[&str]) -> Self {
        Self::proftpd_at(free_port(), more, None)
    }

    /// ProFTPD on a disk of so many bytes.
    pub fn proftpd_with_room(bytes: u64) -> Self {
        Self::proftpd_at(free_port(), &[], Some(bytes))
    }

    fn proftpd_at(port: u16, more: &[&str], room: Option<u64>) -> Self {
        let folder = folder();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let owner = folder.path().metadata().unwrap().uid();
        // It lets nobody in as root.
        let uid = if owner == 0 { 65534 } else { owner };
        write_private(&at("users"), &format!("{USER}:{PASSWORD_HASH}:{uid}:{uid}::{}:/bin/false\n", at("root")));
        let exported = Command::new("ssh-keygen").args(["-e", "-f"]).arg(private_key_path(Kind::User)).output().unwrap();
        fs::write(at("user-keys"), exported.stdout).unwrap();
        let config = format!(
            "ModulePath /usr/lib/proftpd
            LoadModule mod_sftp.c
            ServerType standalone
            DefaultAddress 127.0.0.1
            SocketBindTight on
            UseIPv6 off
            Port {port}
            {switch_user}
            AuthOrder mod_auth_file.c
            AuthUserFile {users}
            RequireValidShell off
            WtmpLog off
            AllowOverwrite on
            AllowStoreRestart on
            PidFile {pid}
            ScoreboardFile {scoreboard}
            DelayEngine off
            SystemLog none
            TransferLog none
            SFTPEngine on
            SFTPHostKey {host_key}
            SFTPAuthorizedUserKeys file:{user_keys}
            SFTPAuthMethods {methods}
            {more}

            ",
            switch_user = if owner == 0 { "User nobody\nGroup nogroup" } else { "" },
            users = at("users"),
            pid = at("pid"),
            scoreboard = at("scoreboard"),
            user_keys = at("user-keys"),
            host_key = private_key_path(Kind::Host).display(),
            methods = more.first().filter(|it| !it.contains(' ')).unwrap_or(&"password"),
            more = more.iter().filter(|it| it.contains(' ')).copied().collect::<Vec<_>>().join("\n"),
        );
        fs::write(at("proftpd.conf"), config).unwrap();
        let mut command = on_disk("/usr/sbin/proftpd", &folder, room);
        command.args(["--nodaemon", "--quiet", "--config"]).arg(at("proftpd.conf"));
        Self::started(command, port, USER.to_owned(), folder, "apt-get install proftpd-core proftpd-mod-crypto")
    }

    /// AsyncSSH, which takes passwords by keyboard-interactive only and fails as `tests/faults.py` says.
    pub fn asyncssh(fault: &str) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../venv-asyncssh");
        static MADE: std::sync::Once = std::sync::Once::new();
        MADE.call_once(|| {
            let made = Command::new(tests.join("asyncssh.sh")).arg(&python).output().unwrap();
            let hint = "apt-get install python3-venv, and let pip reach a package index";
            assert!(made.status.success(), "{}\n{hint}", String::from_utf8_lossy(&made.stderr));
        });
        let (port, folder) = (free_port(), folder());
        let mut command = Command::new(python.join("bin/python"));
        command.arg(tests.join("faults.py")).arg(port.to_string()).arg(private_key_path(Kind::Host));
        command.arg(folder.path().join("root")).args([PASSWORD, fault]);
        Self::started(command, port, USER.to_owned(), folder, "run tests/asyncssh.sh")
    }

    fn started(mut command: Command, port: u16, user: String, folder: TempDir, install: &str) -> Self {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn().unwrap_or_else(|it| panic!("{command:?} does not start ({it}): {install}"));
        let mut server = Self { port, user, folder, child };
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{command:?} {ended:?}: {}\n{install}", server.log());
            thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// The folder that files are put into.
    pub fn import(&self) -> PathBuf {
        self.folder.path().join("root/Import")
    }

    /// Names of the files there.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.import()).unwrap();
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// What it wrote about itself.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln_log(&self.log());
        }
    }
}

/// A server whose folder `Import` is a disk of so many bytes, if any: one that only this server sees, and that is gone with it.
fn on_disk(program: &str, folder: &TempDir, bytes: Option<u64>) -> Command {
    let Some(bytes) = bytes else { return Command::new(program) };
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if folder.path().metadata().unwrap().uid() != 0 {
        command.arg("--map-root-user");
    }
    let import = folder.path().join("root/Import");
    let script = format!("mount -t tmpfs -o size={bytes},mode=777 tmpfs {} && exec \"$0\" \"$@\"", import.display());
    command.args(["sh", "-c", &script, program]);
    command
}

/// Shown with the failed test.
#[allow(clippy::print_stderr)]
fn eprintln_log(log: &str) {
    eprintln!("the server said:\n{log}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A folder with `root/Import` that the server's other users may write too.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let import = folder.path().join("root/Import");
    fs::create_dir_all(&import).unwrap();
    for path in [folder.path(), &folder.path().join("root")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(import, fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

fn write_private(path: &str, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
