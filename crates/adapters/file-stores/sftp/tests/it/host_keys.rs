//! The server must be the one that was meant, before it learns anything about us.

use outflow_file_store_sftp::{HostKeys, SftpSettings};
use outflow_ports::FileStoreError;

use crate::support::{Kind, Server, check, fingerprint, pinned, public_key, settings};

fn with(server: &Server, host_keys: HostKeys) -> SftpSettings {
    SftpSettings { host_keys, ..settings(server) }
}

fn known(server: &Server, kind: Kind) -> HostKeys {
    HostKeys::KnownHosts(format!("[127.0.0.1]:{} {}\n", server.port, public_key(kind)))
}

/// What was expected and seen, where the server is refused; it heard no user's name.
async fn refused(server: &Server, host_keys: HostKeys) -> (String, String) {
    match check(with(server, host_keys)).await.unwrap_err() {
        FileStoreError::HostKey { seen, expected, .. } => {
            assert!(!server.log().contains(&format!("user {}", server.user)), "a name was sent: {}", server.log());
            (expected, seen)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_pinned_key_is_trusted_whichever_kind_it_is() {
    let server = Server::openssh(&["LogLevel DEBUG1"]);
    for kind in [Kind::Host, Kind::HostRsa] {
        check(with(&server, pinned(&[&fingerprint(kind)]))).await.unwrap();
    }
}

#[tokio::test]
async fn one_of_several_pinned_keys_is_enough() {
    let server = Server::openssh(&[]);
    check(with(&server, pinned(&[&fingerprint(Kind::Stranger), &fingerprint(Kind::Host)]))).await.unwrap();
}

#[tokio::test]
async fn a_changed_key_is_refused_naming_all_that_were_seen() {
    let server = Server::openssh(&["LogLevel DEBUG1"]);
    let stranger = fingerprint(Kind::Stranger);
    let (expected, seen) = refused(&server, pinned(&[&stranger])).await;
    assert_eq!(expected, format!("not the pinned {stranger}"));
    assert_eq!(seen, format!("{} or {}", fingerprint(Kind::Host), fingerprint(Kind::HostRsa)));
}

#[tokio::test]
async fn without_a_pin_the_key_seen_is_named() {
    let server = Server::openssh(&["LogLevel DEBUG1"]);
    let (expected, seen) = refused(&server, pinned(&[])).await;
    assert_eq!((expected.as_str(), seen), ("not pinned: no host key is", fingerprint(Kind::Host)));
}

#[tokio::test]
async fn a_key_in_known_hosts_is_trusted_whichever_kind_it_is() {
    let server = Server::openssh(&[]);
    for kind in [Kind::Host, Kind::HostRsa] {
        check(with(&server, known(&server, kind))).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_not_in_known_hosts_is_refused() {
    let server = Server::openssh(&["LogLevel DEBUG1"]);
    let elsewhere = HostKeys::KnownHosts(format!("ftp.example.com {}\n", public_key(Kind::Host)));
    let (expected, seen) = refused(&server, elsewhere).await;
    assert_eq!((expected.as_str(), seen), ("not in known_hosts", fingerprint(Kind::Host)));
}

#[tokio::test]
async fn a_key_that_changed_since_known_hosts_was_written_is_refused() {
    let server = Server::openssh(&["LogLevel DEBUG1"]);
    let (expected, seen) = refused(&server, known(&server, Kind::Stranger)).await;
    assert_eq!(expected, format!("not the one in known_hosts, {}", fingerprint(Kind::Stranger)));
    assert_eq!(seen, fingerprint(Kind::Host));
}
