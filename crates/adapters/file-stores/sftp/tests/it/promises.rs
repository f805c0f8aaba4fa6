//! Each server, with our client before it, keeps the promises of a file store.

use std::fs;

use outflow_domain::{FileName, Secret};
use outflow_file_store_sftp::SftpSettings;
use outflow_ports::promises::file_store as promises;
use outflow_sandbox::{Options, Sandbox, model::ENHANCED_FTP};
use tokio::runtime::Handle;

use crate::support::{Server, pinned, settings, settings_with_password, store};

async fn check(server: &Server, settings: SftpSettings) {
    let store = store(settings);
    promises::keeps_its_promises(&store).await;
    promises::the_bytes_are_those_sent(&store, &|name| fs::read(server.import().join(name.as_str())).unwrap()).await;
    assert_eq!(server.files(), [""; 0], "nothing is left behind");
}

#[tokio::test]
async fn openssh() {
    let server = Server::openssh(&[]);
    check(&server, settings(&server)).await;
}

#[tokio::test]
async fn openssh_without_a_rename_that_replaces() {
    let server = Server::openssh(&["ForceCommand internal-sftp -P posix-rename"]);
    let root = server.import();
    check(&server, SftpSettings { folder: root.display().to_string(), ..settings(&server) }).await;
}

#[tokio::test]
async fn proftpd() {
    let server = Server::proftpd(&[]);
    check(&server, settings_with_password(&server)).await;
}

#[tokio::test]
async fn proftpd_without_a_rename_that_replaces() {
    let server = Server::proftpd(&["SFTPExtensions -posixRename"]);
    check(&server, settings_with_password(&server)).await;
}

#[tokio::test]
async fn asyncssh() {
    let server = Server::asyncssh("none");
    check(&server, settings_with_password(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_sandbox() {
    let sandbox = Sandbox::start(Options::default()).await.expect("free ports on loopback");
    let door = &sandbox.ready.sftp;
    let mut settings = SftpSettings::new(&door.host, &door.user, pinned(&[&door.host_key_fingerprint]));
    settings.port = door.port;
    settings.password = Some(Secret::new(&door.password));
    let folder = settings.folder.clone();
    let store = store(settings);
    promises::keeps_its_promises(&store).await;
    let lies_there = |name: &FileName| {
        let path = format!("{folder}/{name}");
        let bytes = sandbox.model(move |model, _| model.file_get(ENHANCED_FTP, &path).map(<[u8]>::to_vec));
        tokio::task::block_in_place(|| Handle::current().block_on(bytes)).unwrap()
    };
    promises::the_bytes_are_those_sent(&store, &lies_there).await;
    let left = sandbox.model(|model, _| model.file_list(ENHANCED_FTP, "")).await.unwrap();
    let left: Vec<String> = left.into_iter().filter(|it| !it.is_dir).map(|it| it.path).collect();
    assert_eq!(left, [""; 0], "nothing is left behind");
    sandbox.stop().await.unwrap();
}
