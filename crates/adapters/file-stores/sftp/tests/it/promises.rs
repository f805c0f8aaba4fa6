//! Each server, with our client before it, keeps the promises of a file store.

use std::fs;

use outflow_file_store_sftp::SftpSettings;
use outflow_ports::promises::file_store as promises;

use crate::support::{Server, settings, settings_with_password, store};

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
