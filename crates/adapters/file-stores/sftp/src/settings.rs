//! What a person says of an SFTP server, and what is checked of it before anything is sent.

use std::{fmt, sync::Arc, time::Duration};

use outflow_domain::Secret;
use russh::keys::{self, PrivateKey, decode_secret_key};

use crate::host_key::{HostKeys, Trust};

/// A server, who we are there, and how it proves that it is the one.
#[derive(Clone, Debug)]
pub struct SftpSettings {
    /// Its name or address, such as `{tenant}.ftp.marketingcloudops.com`.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The account, such as `510000123` or `510000123_2`.
    pub user: String,
    /// The account's password.
    pub password: Option<Secret>,
    /// The account's private key. With a password too, both are given where the server asks for both.
    pub private_key: Option<PrivateKeyText>,
    /// Which host keys the server may show.
    pub host_keys: HostKeys,
    /// The folder for the files, from the folder of login unless it begins with `/`.
    pub folder: String,
    /// Connections open at once. The Enhanced FTP takes ten per account, all programs together.
    pub connections_max: usize,
    /// Whether SHA-1 key exchange and signatures, and AES-CBC, are good enough for this server.
    pub legacy_algorithms: bool,
    /// Longest wait for the server to accept, greet and log in.
    pub connect_timeout: Duration,
    /// Longest silence: a connection without an answer is given up, one without work is closed.
    pub idle_timeout: Duration,
}

impl SftpSettings {
    /// The usual settings: port 22, the folder `Import`, four connections, modern algorithms only.
    pub fn new(host: impl Into<String>, user: impl Into<String>, host_keys: HostKeys) -> Self {
        Self {
            host: host.into(),
            port: 22,
            user: user.into(),
            password: None,
            private_key: None,
            host_keys,
            folder: "Import".to_owned(),
            connections_max: 4,
            legacy_algorithms: false,
            connect_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// A private key as its file has it: OpenSSH, PKCS#1, PKCS#8 or PuTTY.
#[derive(Clone, Debug)]
pub struct PrivateKeyText {
    /// The file's text.
    pub text: Secret,
    /// What it is encrypted with.
    pub passphrase: Option<Secret>,
}

/// Why settings cannot work.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// The text is no private key that we can read.
    #[error("the private key for `{user}` cannot be read: {reason}")]
    PrivateKey {
        /// The account.
        user: String,
        /// Why; never a part of the key.
        reason: &'static str,
    },
    /// The text is no fingerprint.
    #[error("`{text}` is no fingerprint of a host key; one looks like `SHA256:` and 43 letters, digits, `+` and `/`")]
    Fingerprint {
        /// The refused text.
        text: String,
    },
    /// Nothing to log in with.
    #[error("neither a password nor a private key is given for `{user}`")]
    NoCredential {
        /// The account.
        user: String,
    },
    /// Not a single connection is allowed.
    #[error("at least one connection must be allowed")]
    NoConnection,
}

/// Settings that were checked.
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: Option<Secret>,
    pub(crate) private_key: Option<Arc<PrivateKey>>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) folder: String,
    pub(crate) legacy_algorithms: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) idle_timeout: Duration,
}

impl Endpoint {
    pub(crate) fn check(settings: SftpSettings) -> Result<Self, InvalidSettings> {
        let SftpSettings { host, port, user, password, folder, legacy_algorithms, connect_timeout, idle_timeout, .. } = settings;
        if settings.connections_max == 0 {
            return Err(InvalidSettings::NoConnection);
        }
        if password.is_none() && settings.private_key.is_none() {
            return Err(InvalidSettings::NoCredential { user });
        }
        let private_key = match &settings.private_key {
            Some(key) => Some(Arc::new(read_key(key).map_err(|reason| InvalidSettings::PrivateKey { user: user.clone(), reason })?)),
            None => None,
        };
        let trust = Arc::new(Trust::of(&settings.host_keys, &host, port)?);
        let folder = match folder.trim_end_matches('/') {
            "" if folder.starts_with('/') => "/".to_owned(),
            "" => ".".to_owned(),
            folder => folder.to_owned(),
        };
        Ok(Self { host, port, user, password, private_key, trust, folder, legacy_algorithms, connect_timeout, idle_timeout })
    }

    /// Where a file of this name lies.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder.trim_end_matches('/'))
    }
}

/// For a person: `sftp://host:port/folder`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, folder, .. } = self;
        write!(f, "sftp://{host}:{port}/{}", folder.trim_start_matches('/'))
    }
}

/// Reasons are our own words, as a parser's message might quote what it read.
fn read_key(key: &PrivateKeyText) -> Result<PrivateKey, &'static str> {
    let passphrase = key.passphrase.as_ref().map(Secret::expose);
    match decode_secret_key(key.text.expose(), passphrase) {
        Ok(key) if key.is_encrypted() => Err("it is encrypted, and its passphrase is not given"),
        Ok(key) => Ok(key),
        Err(keys::Error::KeyIsEncrypted) => Err("it is encrypted, and its passphrase is not given"),
        Err(_) if passphrase.is_some() => Err("it is not a private key, or the passphrase is wrong"),
        Err(_) => Err("it is not a private key in OpenSSH, PKCS#1, PKCS#8 or PuTTY format"),
    }
}
