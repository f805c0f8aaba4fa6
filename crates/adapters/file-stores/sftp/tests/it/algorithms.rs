//! Old algorithms, only where they were asked for.

use outflow_file_store_sftp::SftpSettings;
use outflow_ports::FileStoreError;

use crate::support::{Kind, Server, check, fingerprint, key, pinned, settings};

/// A server as it may still stand in a cellar.
fn old(more: &[&str]) -> Server {
    let mut options = vec![
        "HostKeyAlgorithms ssh-rsa",
        "PubkeyAcceptedAlgorithms +ssh-rsa",
        "KexAlgorithms diffie-hellman-group14-sha1",
        "Ciphers aes256-cbc,3des-cbc",
        "MACs hmac-sha1",
    ];
    options.splice(0..0, more.iter().copied());
    Server::openssh(&options)
}

fn for_old(server: &Server, legacy_algorithms: bool) -> SftpSettings {
    let host_keys = pinned(&[&fingerprint(Kind::HostRsa)]);
    SftpSettings { legacy_algorithms, host_keys, private_key: Some(key(Kind::UserRsa)), ..settings(server) }
}

async fn refused(settings: SftpSettings) -> String {
    match check(settings).await.unwrap_err() {
        FileStoreError::LoginRefused { message, .. } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_old_server_is_refused_naming_what_it_offers_and_the_way_out() {
    let server = old(&[]);
    let told = refused(for_old(&server, false)).await;
    assert!(told.contains("diffie-hellman-group14-sha1") && told.contains("`legacy_algorithms: true`"), "{told}");
}

#[tokio::test]
async fn each_old_algorithm_alone_is_refused() {
    for (option, what) in [
        ("KexAlgorithms diffie-hellman-group14-sha1", "key exchange"),
        ("HostKeyAlgorithms ssh-rsa", "host key signature"),
        ("Ciphers aes256-cbc", "cipher"),
        ("MACs hmac-sha1\nCiphers aes128-ctr", "message authentication"),
    ] {
        let server = Server::openssh(&[option]);
        let told = refused(for_old(&server, false)).await;
        assert!(told.contains(what), "{option}: {told}");
    }
}

#[tokio::test]
async fn an_old_server_is_met_where_that_was_asked_for() {
    let server = old(&[]);
    check(for_old(&server, true)).await.unwrap();
}

#[tokio::test]
async fn a_key_that_may_only_sign_with_sha1_is_refused_naming_the_way_out() {
    let server = Server::openssh(&["PubkeyAcceptedAlgorithms ssh-rsa"]);
    let told = refused(for_old(&server, false)).await;
    assert!(told.contains("SHA-1") && told.contains("`legacy_algorithms: true`"), "{told}");
    check(for_old(&server, true)).await.unwrap();
}
