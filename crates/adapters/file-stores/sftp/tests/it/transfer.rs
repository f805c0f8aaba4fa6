//! Whole or not at all, whatever the line and the disk do.

use std::{fs, sync::Mutex};

use outflow_file_store_sftp::SftpSettings;
use outflow_ports::{FileStore, FileStoreError, partial_name, promises::file_store::Sample};

use crate::support::{Proxy, Server, name, put, settings, settings_with_password, store};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_file_travels_under_a_name_that_no_import_looks_for() {
    let server = Server::openssh(&[]);
    let seen = Mutex::new(Vec::new());
    let sample = Sample::of(MIB);
    let store = store(settings(&server));
    store.put(&name(), &sample, &|_| seen.lock().unwrap().extend(server.files())).await.unwrap();
    let mut seen = seen.into_inner().unwrap();
    seen.dedup();
    assert_eq!(seen, [partial_name(&name())]);
    assert_eq!(server.files(), [name().as_str()]);
}

async fn check_resumes(server: &Server, settings: SftpSettings) {
    let sample = Sample::of(16 * MIB + 17);
    let bytes = sample.bytes().len() as u64;
    // Twice, well within the file.
    let proxy = Proxy::to(server.port, &[6 * MIB as u64, 5 * MIB as u64]).await;
    let store = store(SftpSettings { port: proxy.port, ..settings });
    let told = Mutex::new(Vec::new());
    let stored = store.put(&name(), &sample, &|it| told.lock().unwrap().push((proxy.opened(), it))).await.unwrap();
    assert_eq!(stored.bytes, bytes);
    assert!(fs::read(server.import().join(name().as_str())).unwrap() == sample.bytes(), "other bytes arrived");
    assert_eq!(server.files(), [name().as_str()]);
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted_by_key(|it| it.1) && told.last() == Some(&(3, bytes)), "{told:?}");
    // What was acknowledged over the first two connections did not go over the third.
    let acknowledged = told.iter().rfind(|it| it.0 < 3).unwrap().1;
    let sent = proxy.bytes_up()[2];
    let left = bytes - acknowledged;
    assert!(acknowledged > 0 && sent >= left && sent < left + 200_000, "{sent} bytes for {left}");
}

#[tokio::test]
async fn a_dropped_connection_is_resumed_from_the_last_acknowledged_byte_on_openssh() {
    let server = Server::openssh(&[]);
    check_resumes(&server, settings(&server)).await;
}

#[tokio::test]
async fn a_dropped_connection_is_resumed_from_the_last_acknowledged_byte_on_proftpd() {
    let server = Server::proftpd(&[]);
    check_resumes(&server, settings_with_password(&server)).await;
}

#[tokio::test]
async fn a_line_that_breaks_anywhere_leaves_a_whole_file_or_none() {
    let server = Server::openssh(&[]);
    let sample = Sample::of(100_001);
    for step in 0..40 {
        // From the greeting over login and upload to the rename and past it.
        let breaks_after = 200 + step * 2_800;
        let proxy = Proxy::to(server.port, &[breaks_after]).await;
        let store = store(SftpSettings { port: proxy.port, ..settings(&server) });
        match put(&store, &sample).await {
            Ok(_) => {
                let found = fs::read(server.import().join(name().as_str())).unwrap();
                assert!(found == sample.bytes(), "{breaks_after}: other bytes arrived");
            }
            // A line that breaks while a password may be on its way is not tried again at once.
            Err(error) => {
                assert!(error.is_transient(), "{breaks_after}: {error}");
                assert_eq!(store.stat(&name()).await.unwrap(), None, "{breaks_after}");
            }
        }
        store.remove(&name()).await.unwrap();
        assert_eq!(server.files(), [""; 0], "{breaks_after}");
    }
}

#[tokio::test]
async fn a_line_that_keeps_breaking_is_given_up() {
    let server = Server::openssh(&[]);
    let proxy = Proxy::to(server.port, &[100; 100]).await;
    let store = store(SftpSettings { port: proxy.port, ..settings(&server) });
    let error = put(&store, &Sample::of(MIB)).await.unwrap_err();
    assert!(matches!(error, FileStoreError::Unreachable { .. }) && error.is_transient(), "{error}");
    assert_eq!(proxy.opened(), 5);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let server = Server::openssh(&[]);
    let settings = settings(&server);
    drop(server);
    let error = put(&store(settings), &Sample::of(1)).await.unwrap_err();
    assert!(matches!(error, FileStoreError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn bytes_that_a_server_drops_silently_are_missed() {
    let server = Server::asyncssh("truncate");
    let store = store(settings_with_password(&server));
    let error = put(&store, &Sample::of(300_000)).await.unwrap_err();
    match error {
        FileStoreError::Incomplete { arrived, bytes, .. } => assert!(arrived < bytes && bytes == 300_000),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.files(), [""; 0], "nothing bears the final name, and nothing is left");
}

async fn check_full(settings: SftpSettings) {
    let store = store(settings);
    let error = put(&store, &Sample::of(5 * MIB)).await.unwrap_err();
    assert!(matches!(error, FileStoreError::Full { .. }) && !error.is_transient(), "{error:?}");
    assert_eq!(store.stat(&name()).await.unwrap(), None);
    put(&store, &Sample::of(MIB)).await.expect("the room of the failed attempt is free again");
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_freed_on_openssh() {
    let server = Server::openssh_with_room(2 * MIB as u64);
    check_full(settings(&server)).await;
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_freed_on_proftpd() {
    let server = Server::proftpd_with_room(2 * MIB as u64);
    check_full(settings_with_password(&server)).await;
}

#[tokio::test]
async fn a_server_that_says_what_is_full_is_understood() {
    for fault in ["nospace", "quota"] {
        let server = Server::asyncssh(fault);
        let error = put(&store(settings_with_password(&server)), &Sample::of(300_000)).await.unwrap_err();
        assert!(matches!(error, FileStoreError::Full { .. }), "{fault}: {error:?}");
        assert_eq!(server.files(), [""; 0]);
    }
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let server = Server::openssh(&[]);
    let missing = SftpSettings { folder: "Elsewhere".to_owned(), ..settings(&server) };
    let store = store(missing);
    for error in [store.check().await.unwrap_err(), put(&store, &Sample::of(1)).await.unwrap_err()] {
        match &error {
            FileStoreError::Refused { message, .. } => assert!(message.contains("`Elsewhere` is not there"), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_folder_that_may_not_be_written_refuses() {
    let server = Server::openssh(&["ForceCommand internal-sftp -R"]);
    let folder = server.import().display().to_string();
    let store = store(SftpSettings { folder, ..settings(&server) });
    store.check().await.unwrap();
    let error = put(&store, &Sample::of(1)).await.unwrap_err();
    assert!(matches!(error, FileStoreError::Refused { .. }) && !error.is_transient(), "{error:?}");
}
