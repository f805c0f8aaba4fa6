//! The SFTP door, met by an SSH client over a real socket.

use outflow_sandbox::Options;
use outflow_sandbox::Sandbox;
use outflow_sandbox::doors::{Running, SftpLogin, SftpOptions};
use russh::keys::{Algorithm, PrivateKey};
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{OpenFlags, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::doors_support::{by_key, by_password, files, journal, open_files, sandbox, set_fault, ssh};

async fn put(files: &SftpSession, path: &str, bytes: &[u8]) {
    let mut file = files.create(path).await.expect("a new file");
    file.write_all(bytes).await.expect("room for it");
    file.close().await.expect("a good end");
}

fn refused_with<T: std::fmt::Debug>(answer: Result<T, SftpError>) -> StatusCode {
    match answer.expect_err("it must be refused") {
        SftpError::Status(status) => status.status_code,
        other => panic!("refused without a status: {other}"),
    }
}

#[tokio::test]
async fn the_home_folder_has_three_folders() {
    let sandbox = sandbox().await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    assert_eq!(files.canonicalize(".").await.expect("a home"), "/");
    let mut names: Vec<String> = files.read_dir(".").await.expect("a listing").map(|it| it.file_name()).collect();
    names.sort();
    assert_eq!(names, ["Export", "Import", "Reports"]);
}

#[tokio::test]
async fn what_was_put_can_be_read_back() {
    let sandbox = sandbox().await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    // More than one packet and more than one window.
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    put(&files, "Import/a.csv", &bytes).await;
    assert_eq!(files.metadata("Import/a.csv").await.expect("it is there").size, Some(3_000_000));
    assert_eq!(files.read("/Import/a.csv").await.expect("it is readable"), bytes);
}

#[tokio::test]
async fn a_rename_onto_a_file_is_refused_as_by_openssh() {
    let sandbox = sandbox().await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    put(&files, "Import/a.part", b"new").await;
    put(&files, "Import/a.csv", b"old").await;
    assert_eq!(refused_with(files.rename("Import/a.part", "Import/a.csv").await), StatusCode::Failure);
    assert_eq!(files.read("Import/a.csv").await.expect("it stays"), b"old");
    files.remove_file("Import/a.csv").await.expect("it may be removed");
    files.rename("Import/a.part", "Import/a.csv").await.expect("nothing is in the way");
    assert_eq!(files.read("Import/a.csv").await.expect("it moved"), b"new");
    assert_eq!(refused_with(files.metadata("Import/a.part").await), StatusCode::NoSuchFile);
}

#[tokio::test]
async fn names_with_forbidden_characters_are_refused() {
    let sandbox = sandbox().await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    for name in ["a:b", "a*b", "a<b", "a>b", "a|b", "a?b", "a\"b", "a\\b"] {
        assert_eq!(refused_with(files.create(format!("Import/{name}")).await.map(|_| ())), StatusCode::Failure, "{name}");
    }
}

#[tokio::test]
async fn the_three_folders_stay() {
    let sandbox = sandbox().await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    assert_eq!(refused_with(files.remove_dir("Import").await), StatusCode::PermissionDenied);
    assert_eq!(refused_with(files.rename("Import", "Other").await), StatusCode::PermissionDenied);
}

#[tokio::test]
async fn folders_may_be_made_and_removed() {
    let sandbox = sandbox().await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    files.create_dir("Import/new").await.expect("a new folder");
    put(&files, "Import/new/a.csv", b"a").await;
    assert_eq!(refused_with(files.remove_dir("Import/new").await), StatusCode::Failure, "it is not empty");
    files.remove_file("Import/new/a.csv").await.expect("a file");
    files.remove_dir("Import/new").await.expect("an empty folder");
}

#[tokio::test]
async fn a_dropped_upload_is_resumed_where_it_broke() {
    let sandbox = sandbox().await;
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 253) as u8).collect();
    set_fault(
        &sandbox.ready,
        json!({ "when": { "door": "sftp", "method": "write", "times": 1 },
            "effect": { "effect": "file", "fault": { "file": "drop_connection", "after_bytes": 100_000 } } }),
    )
    .await;
    let (session, first) = files(&sandbox.ready.sftp).await;
    let mut file = first.create("Import/a.part").await.expect("a new file");
    let broke = async {
        file.write_all(&bytes).await?;
        file.flush().await
    };
    assert!(broke.await.is_err(), "the connection must break");
    drop((file, first, session));

    let (_session, second) = files(&sandbox.ready.sftp).await;
    let there = second.metadata("Import/a.part").await.expect("a part of it is there").size.expect("a size");
    assert_eq!(there, 100_000, "not a byte more or less than the fault says");
    let mut file = second.open_with_flags("Import/a.part", OpenFlags::WRITE).await.expect("the part");
    file.seek(std::io::SeekFrom::Start(there)).await.expect("its end");
    file.write_all(&bytes[100_000..]).await.expect("the fault is over");
    file.close().await.expect("a good end");
    let mut whole = Vec::new();
    second.open("Import/a.part").await.expect("the file").read_to_end(&mut whole).await.expect("readable");
    assert_eq!(whole, bytes);
}

#[tokio::test]
async fn no_space_is_a_failure() {
    let sandbox = sandbox().await;
    let fault = json!({ "when": { "door": "sftp" },
        "effect": { "effect": "file", "fault": { "file": "no_space", "after_bytes": 10 } } });
    set_fault(&sandbox.ready, fault).await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    let mut file = files.create("Import/a.csv").await.expect("a new file");
    let written = async {
        file.write_all(&[7; 100]).await?;
        file.flush().await
    };
    assert!(written.await.expect_err("the disk is full").to_string().contains("No space left"));
    assert_eq!(files.metadata("Import/a.csv").await.expect("it is there").size, Some(10));
}

#[tokio::test]
async fn a_silent_loss_shows_in_the_size_alone() {
    let sandbox = sandbox().await;
    let fault = json!({ "when": { "door": "sftp", "times": 1 },
        "effect": { "effect": "file", "fault": { "file": "truncate_silently", "after_bytes": 50_000 } } });
    set_fault(&sandbox.ready, fault).await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    put(&files, "Import/a.csv", &[7; 200_000]).await;
    assert_eq!(files.metadata("Import/a.csv").await.expect("it is there").size, Some(50_000));
}

#[tokio::test]
async fn a_lost_answer_leaves_the_deed() {
    let sandbox = sandbox().await;
    let (session, first) = files(&sandbox.ready.sftp).await;
    put(&first, "Import/a.part", b"a").await;
    let fault = json!({ "when": { "door": "sftp", "method": "rename", "times": 1 },
        "effect": { "effect": "file", "fault": { "file": "lose_answer" } } });
    set_fault(&sandbox.ready, fault).await;
    assert!(first.rename("Import/a.part", "Import/a.csv").await.is_err());
    drop((first, session));
    let (_session, second) = files(&sandbox.ready.sftp).await;
    assert!(second.try_exists("Import/a.csv").await.expect("an answer"));
}

#[tokio::test]
async fn a_transfer_is_one_call_in_the_journal() {
    let sandbox = sandbox().await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    put(&files, "Import/a.csv", &[7; 200_000]).await;
    let calls = journal(&sandbox.ready).await;
    assert_eq!(calls, ["sftp login 200", "sftp open 200", "sftp write 200", "sftp close 200"]);
}

#[tokio::test]
async fn the_eleventh_connection_is_refused() {
    let sandbox = sandbox().await;
    let mut connections = Vec::new();
    for _ in 0..10 {
        connections.push(files(&sandbox.ready.sftp).await);
    }
    let mut eleventh = ssh(&sandbox.ready.sftp).await;
    by_password(&mut eleventh, &sandbox.ready.sftp, &sandbox.ready.sftp.password).await;
    assert!(eleventh.channel_open_session().await.is_err(), "there is no room for it");
    connections.pop();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let mut again = ssh(&sandbox.ready.sftp).await;
        by_password(&mut again, &sandbox.ready.sftp, &sandbox.ready.sftp.password).await;
        if again.channel_open_session().await.is_ok() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "a closed connection must make room");
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let sandbox = sandbox().await;
    let mut session = ssh(&sandbox.ready.sftp).await;
    assert!(!by_password(&mut session, &sandbox.ready.sftp, "wrong").await.success());
}

#[tokio::test]
async fn a_login_may_be_refused_on_demand() {
    let sandbox = sandbox().await;
    let fault = json!({ "when": { "door": "sftp", "method": "login", "times": 1 },
        "effect": { "effect": "file", "fault": { "file": "login_refused" } } });
    set_fault(&sandbox.ready, fault).await;
    let mut session = ssh(&sandbox.ready.sftp).await;
    let sftp = &sandbox.ready.sftp;
    assert!(!by_password(&mut session, sftp, &sftp.password).await.success());
    assert!(by_password(&mut session, sftp, &sftp.password).await.success(), "only once");
}

async fn with_key(login: SftpLogin, key: &PrivateKey) -> Running {
    let sftp = SftpOptions { authorized_keys: vec![key.public_key().clone()], login };
    Sandbox::start(Options { sftp, ..Options::default() }).await.expect("a sandbox in memory starts")
}

fn new_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).expect("a random key")
}

#[tokio::test]
async fn an_authorized_key_logs_in_and_another_does_not() {
    let key = new_key();
    let sandbox = with_key(SftpLogin::KeyOrPassword, &key).await;
    let mut session = ssh(&sandbox.ready.sftp).await;
    assert!(!by_key(&mut session, &sandbox.ready.sftp, &new_key()).await.success());
    assert!(by_key(&mut session, &sandbox.ready.sftp, &key).await.success());
    assert!(open_files(&session).await.try_exists("Import").await.expect("an answer"));
}

#[tokio::test]
async fn both_are_needed_where_both_are_asked_for() {
    let key = new_key();
    let sandbox = with_key(SftpLogin::KeyAndPassword, &key).await;
    let sftp = &sandbox.ready.sftp;
    let mut session = ssh(sftp).await;
    assert!(!by_key(&mut session, sftp, &key).await.success(), "the password is still missing");
    assert!(by_password(&mut session, sftp, &sftp.password).await.success());
}

#[tokio::test]
async fn stopping_ends_connections() {
    let sandbox = sandbox().await;
    let (_session, files) = files(&sandbox.ready.sftp).await;
    sandbox.stop().await.expect("nothing to save");
    assert!(files.metadata("Import").await.is_err());
}
