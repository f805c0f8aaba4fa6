//! Who we are, and how a refusal is told.

use std::sync::Arc;

use outflow_domain::Secret;
use outflow_file_store_sftp::{InvalidSettings, PrivateKeyText, SftpSettings, SftpStore};
use outflow_ports::FileStoreError;

use crate::support::{ENCRYPTED_WITH, Kind, PASSWORD, Server, USER, check, key, pinned, private_key, settings, settings_with_password};

/// The message of a refused login, which never tells a secret.
async fn refused(settings: SftpSettings) -> String {
    let error = check(settings).await.unwrap_err();
    assert!(matches!(error, FileStoreError::LoginRefused { .. }) && !error.is_transient(), "{error:?}");
    let told = format!("{error} {error:?}");
    assert!(!told.contains(PASSWORD) && !told.contains("wrong horse"), "{told}");
    error.to_string()
}

#[tokio::test]
async fn a_key_logs_in() {
    let server = Server::openssh(&[]);
    check(settings(&server)).await.unwrap();
}

#[tokio::test]
async fn an_rsa_key_in_the_older_format_logs_in() {
    let server = Server::openssh(&[]);
    check(SftpSettings { private_key: Some(key(Kind::UserRsa)), ..settings(&server) }).await.unwrap();
}

#[tokio::test]
async fn a_key_under_a_passphrase_logs_in() {
    let server = Server::openssh(&[]);
    let key = PrivateKeyText { passphrase: Some(Secret::new(ENCRYPTED_WITH)), ..key(Kind::UserEncrypted) };
    check(SftpSettings { private_key: Some(key), ..settings(&server) }).await.unwrap();
}

#[tokio::test]
async fn a_password_logs_in() {
    let server = Server::proftpd(&[]);
    check(settings_with_password(&server)).await.unwrap();
}

#[tokio::test]
async fn a_password_answers_the_questions_of_a_server_that_asks() {
    let server = Server::asyncssh("none");
    check(settings_with_password(&server)).await.unwrap();
    let wrong = Some(Secret::new("wrong horse"));
    let told = refused(SftpSettings { password: wrong, ..settings_with_password(&server) }).await;
    assert!(told.contains("the password was not accepted"), "{told}");
}

#[tokio::test]
async fn a_server_may_ask_for_both() {
    let server = Server::proftpd(&["publickey+password"]);
    let both = SftpSettings { password: Some(Secret::new(PASSWORD)), ..settings(&server) };
    check(both.clone()).await.unwrap();
    refused(SftpSettings { password: None, ..both.clone() }).await;
    refused(SftpSettings { private_key: None, ..both }).await;
}

#[tokio::test]
async fn with_both_given_one_may_be_enough() {
    let server = Server::openssh(&[]);
    check(SftpSettings { password: Some(Secret::new("wrong horse")), ..settings(&server) }).await.unwrap();
    let server = Server::proftpd(&[]);
    check(SftpSettings { private_key: Some(key(Kind::Stranger)), ..settings_with_password(&server) }).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let server = Server::proftpd(&[]);
    let told = refused(SftpSettings { password: Some(Secret::new("wrong horse")), ..settings_with_password(&server) }).await;
    assert!(told.contains(USER) && told.contains("the password was not accepted"), "{told}");
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let server = Server::openssh(&[]);
    let told = refused(SftpSettings { private_key: Some(key(Kind::Stranger)), ..settings(&server) }).await;
    assert!(told.contains("the key was not accepted"), "{told}");
}

#[tokio::test]
async fn a_login_the_server_does_not_offer_is_told() {
    let server = Server::openssh(&[]);
    let told = refused(settings_with_password(&server)).await;
    assert!(told.contains("it asks for what is not configured: publickey"), "{told}");
}

#[tokio::test]
async fn a_server_without_sftp_is_told() {
    let server = Server::openssh(&["Subsystem other internal-sftp"]);
    let told = refused(settings(&server)).await;
    assert!(told.contains("it offers no SFTP to this account"), "{told}");
}

fn invalid(change: impl FnOnce(&mut SftpSettings)) -> InvalidSettings {
    #[derive(Debug)]
    struct NoClock;
    #[async_trait::async_trait]
    impl outflow_ports::Clock for NoClock {
        fn now_ms(&self) -> i64 {
            0
        }
        async fn sleep(&self, _: std::time::Duration) {}
    }
    let mut settings = SftpSettings::new("ftp.example.com", USER, pinned(&[]));
    settings.password = Some(Secret::new(PASSWORD));
    change(&mut settings);
    SftpStore::new(settings, Arc::new(NoClock)).unwrap_err()
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
    let error = invalid(|it| it.password = None);
    assert_eq!(error.to_string(), format!("neither a password nor a private key is given for `{USER}`"));
    let error = invalid(|it| it.connections_max = 0);
    assert!(matches!(error, InvalidSettings::NoConnection));
    let error = invalid(|it| it.host_keys = pinned(&["16:27:ac:a5"]));
    assert!(matches!(error, InvalidSettings::Fingerprint { .. }));
}

#[test]
fn a_key_that_cannot_be_read_is_told_without_its_text() {
    let text = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0bWFya2Vy\n-----END OPENSSH PRIVATE KEY-----\n";
    let broken = PrivateKeyText { text: Secret::new(text), passphrase: None };
    let error = invalid(|it| it.private_key = Some(broken));
    assert!(matches!(error, InvalidSettings::PrivateKey { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("c2Vj"));
}

#[test]
fn a_missing_or_wrong_passphrase_is_told() {
    let with = |passphrase: Option<&str>| {
        let key = PrivateKeyText { text: Secret::new(private_key(Kind::UserEncrypted)), passphrase: passphrase.map(Secret::new) };
        invalid(|it| it.private_key = Some(key)).to_string()
    };
    assert!(with(None).contains("it is encrypted"), "{}", with(None));
    assert!(with(Some("wrong")).contains("the passphrase is wrong"), "{}", with(Some("wrong")));
}
