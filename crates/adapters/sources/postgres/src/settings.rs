//! What a PostgreSQL source needs to know.

use std::{path::PathBuf, time::Duration};

use outflow_domain::secret::Secret;

/// How to reach a database and as whom.
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    /// What the source is called in the project; errors name it.
    pub name: String,
    /// Host name, address, or a folder (`/var/run/postgresql`) that holds the server's socket.
    pub host: String,
    /// TCP port, or the number in the socket's name.
    pub port: u16,
    /// Database.
    pub database: String,
    /// Role.
    pub user: String,
    /// The role's password, where the server asks for one.
    pub password: Option<Secret>,
    /// Whether the connection is encrypted, and whom to trust.
    pub ssl_mode: SslMode,
    /// A PEM file of certificate authorities to trust instead of the machine's own.
    pub root_certificate: Option<PathBuf>,
    /// What `pg_stat_activity` shows.
    pub application_name: String,
    /// How long to wait for the connection, login included.
    pub connect_timeout: Duration,
    /// How long the query may run on the server; `None` leaves the role's own limit.
    pub statement_timeout: Option<Duration>,
}

impl PostgresSettings {
    /// The default port of a server.
    pub const PORT: u16 = 5432;
    /// The name that connections bear unless a person chose another.
    pub const APPLICATION_NAME: &str = "outflow";
    /// How long a connection may take unless a person chose otherwise.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

    /// The mode that holds: as in libpq, a socket in the file system needs no encryption.
    pub(crate) fn effective_ssl_mode(&self) -> SslMode {
        if self.host.starts_with('/') { SslMode::Disable } else { self.ssl_mode }
    }
}

/// Encryption, with the meaning that libpq gives these words
/// (<https://www.postgresql.org/docs/current/libpq-ssl.html>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SslMode {
    /// Plain text.
    Disable,
    /// Encrypted if the server can; the certificate is not checked.
    #[default]
    Prefer,
    /// Encrypted. The certificate's chain, but not its host name, is checked if a root certificate is given; otherwise neither.
    Require,
    /// Encrypted; chain and host name are checked against the root certificate or else the machine's own authorities.
    VerifyFull,
}
