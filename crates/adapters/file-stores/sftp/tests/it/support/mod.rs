//! Throwaway servers and what it takes to meet them.

mod keys;
mod proxy;
mod server;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use outflow_domain::{FileName, Secret};
use outflow_file_store_sftp::{HostKeys, PrivateKeyText, SftpSettings, SftpStore};
use outflow_ports::{Clock, FileStore, FileStoreError, StoredFile, promises::file_store::Sample};

pub use keys::{ENCRYPTED_WITH, Kind, fingerprint, private_key, private_key_path, public_key};
pub use proxy::Proxy;
pub use server::{PASSWORD, Server, USER};

/// A clock on which waiting takes no time.
#[derive(Debug)]
struct Hasty;

#[async_trait]
impl Clock for Hasty {
    fn now_ms(&self) -> i64 {
        0
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }
}

/// Settings that fit the server: its Ed25519 host key is pinned, the login is by key.
pub fn settings(server: &Server) -> SftpSettings {
    let mut settings = SftpSettings::new("127.0.0.1", &server.user, pinned(&[&fingerprint(Kind::Host)]));
    settings.port = server.port;
    settings.private_key = Some(key(Kind::User));
    settings
}

/// Settings for servers that take passwords.
pub fn settings_with_password(server: &Server) -> SftpSettings {
    SftpSettings { password: Some(Secret::new(PASSWORD)), private_key: None, ..settings(server) }
}

pub fn key(kind: Kind) -> PrivateKeyText {
    PrivateKeyText { text: Secret::new(private_key(kind)), passphrase: None }
}

pub fn pinned(fingerprints: &[&str]) -> HostKeys {
    HostKeys::Pinned(fingerprints.iter().map(|&it| it.to_owned()).collect())
}

pub fn store(settings: SftpSettings) -> SftpStore {
    SftpStore::new(settings, Arc::new(Hasty)).expect("settings")
}

pub fn name() -> FileName {
    "loyalty-0001.csv".parse().unwrap()
}

pub async fn put(store: &SftpStore, sample: &Sample) -> Result<StoredFile, FileStoreError> {
    store.put(&name(), sample, &|_| ()).await
}

pub async fn check(settings: SftpSettings) -> Result<(), FileStoreError> {
    store(settings).check().await
}

/// Waits until `is_so`, and fails where it does not come about.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let poll = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), poll).await.unwrap_or_else(|_| panic!("never: {what}"));
}
