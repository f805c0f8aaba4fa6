//! What a sandbox is told at its start.

use std::path::{Path, PathBuf};

use russh::keys::PublicKey;

use super::State;
use crate::model::Config;

/// How a sandbox starts. The default is one in memory on free ports, without the proxy.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where its state lives.
    pub state: State,
    /// Its ports.
    pub ports: Ports,
    /// The proxy that stands in for the service's host names, if wanted.
    pub proxy: Option<ProxyOptions>,
    /// Who may log in by SFTP, beside the account with its password.
    pub sftp: SftpOptions,
    /// What the model begins with. A state folder that holds a model already goes on with that one.
    pub config: Config,
}

/// Ports on 127.0.0.1; 0 takes a free one.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    /// Inspection, and every HTTP door below that has no port of its own.
    pub http: u16,
    /// Tokens, on a port of its own.
    pub auth: Option<u16>,
    /// REST, on a port of its own.
    pub rest: Option<u16>,
    /// SOAP, on a port of its own.
    pub soap: Option<u16>,
    /// SFTP.
    pub sftp: u16,
    /// S3.
    pub s3: u16,
}

/// The proxy.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Its port; 0 takes a free one.
    pub port: u16,
    /// Where the certificate authority's certificate (PEM) is written for clients to trust.
    pub ca_file: PathBuf,
}

impl ProxyOptions {
    /// A proxy on a free port whose authority is written beside the ready file: `ready.json` has
    /// `ready.ca.pem` next to it.
    pub fn beside(ready_file: &Path) -> Self {
        Self { port: 0, ca_file: ready_file.with_extension("ca.pem") }
    }
}

/// The SFTP account.
#[derive(Clone, Debug, Default)]
pub struct SftpOptions {
    /// Public keys that may log in.
    pub authorized_keys: Vec<PublicKey>,
    /// What a login takes.
    pub login: SftpLogin,
}

impl SftpOptions {
    /// Reads public keys in the form of OpenSSH's `authorized_keys`, one on a line; blank lines and lines
    /// that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`super::StartError::AuthorizedKey`] with the number of the first line that is no key.
    pub fn authorized_keys(text: &str) -> Result<Vec<PublicKey>, super::StartError> {
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| PublicKey::from_openssh(line).map_err(|source| super::StartError::AuthorizedKey { line: number, source }))
            .collect()
    }
}

/// What a login takes: the four kinds that Marketing Cloud's setup offers for an FTP user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SftpLogin {
    /// The password.
    Password,
    /// A key.
    Key,
    /// Either of them.
    #[default]
    KeyOrPassword,
    /// Both of them.
    KeyAndPassword,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::StartError;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@here";

    #[test]
    fn authorized_keys_are_lines() {
        let keys = SftpOptions::authorized_keys(&format!("# mine\n\n{KEY}\n")).expect("a good key");
        assert_eq!(keys.len(), 1);
    }

    #[test]
    fn a_bad_key_is_named_by_its_line() {
        let error = SftpOptions::authorized_keys(&format!("{KEY}\nssh-ed25519 nonsense")).expect_err("a bad key");
        assert!(matches!(error, StartError::AuthorizedKey { line: 2, .. }), "{error}");
    }

    #[test]
    fn the_authority_lies_beside_the_ready_file() {
        let proxy = ProxyOptions::beside(Path::new("/tmp/ready.json"));
        assert_eq!(proxy.ca_file, Path::new("/tmp/ready.ca.pem"));
    }
}
