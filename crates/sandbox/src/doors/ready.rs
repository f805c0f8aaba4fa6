//! What a client needs to know of a running sandbox: the ready file.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StartError;
use super::state::write_atomically;

/// Addresses and credentials of a running sandbox; serialises to the ready file.
///
/// Every URL is a base URL that ends in a slash, as the instance URLs of the service's own token
/// answers do. The secrets are those of a practice tenant on this machine, but `Debug` leaves them out
/// all the same.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Base of the token endpoint: `{auth_url}v2/token`.
    pub auth_url: String,
    /// Base of the REST routes.
    pub rest_url: String,
    /// Base of the SOAP endpoint: `{soap_url}Service.asmx`; the WSDL is `{soap_url}etframework.wsdl`.
    pub soap_url: String,
    /// Client id of the installed package.
    pub client_id: String,
    /// Client secret of the installed package.
    pub client_secret: String,
    /// Member id (MID) of the business unit.
    pub account_id: String,
    /// The tenant's own SFTP.
    pub sftp: SftpReady,
    /// The bucket behind the sandbox's Amazon S3 file location.
    pub s3: S3Ready,
    /// Base of the inspection routes, which no real tenant has.
    pub inspect_url: String,
    /// The proxy that stands in for the service's host names, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// The certificate authority (PEM) that a client of the proxy must trust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// How to reach the sandbox's SFTP.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SftpReady {
    /// Always a loopback address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name.
    pub user: String,
    /// Password of that user.
    pub password: String,
    /// SHA-256 fingerprint of the host key as OpenSSH prints it: `SHA256:…`.
    pub host_key_fingerprint: String,
}

/// How to reach the sandbox's bucket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3Ready {
    /// Base URL of the S3 API; buckets are addressed by path.
    pub endpoint: String,
    /// The one bucket there is.
    pub bucket: String,
    /// Region to sign for.
    pub region: String,
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Customer key of the file location that reads this bucket.
    pub file_location_key: String,
}

impl Ready {
    /// Writes the ready file as JSON: whole under its final name, or not at all, and readable by its
    /// owner alone. A client may therefore wait for the name to appear.
    ///
    /// # Errors
    /// [`StartError::State`] when the folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), StartError> {
        let mut text = serde_json::to_string_pretty(self).map_err(|error| StartError::state("describe the sandbox for", path, error))?;
        text.push('\n');
        write_atomically(path, text.as_bytes()).map_err(|error| StartError::state("write the ready file", path, error))
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("auth_url", &self.auth_url)
            .field("rest_url", &self.rest_url)
            .field("soap_url", &self.soap_url)
            .field("client_id", &self.client_id)
            .field("account_id", &self.account_id)
            .field("sftp", &self.sftp)
            .field("s3", &self.s3)
            .field("inspect_url", &self.inspect_url)
            .field("proxy_url", &self.proxy_url)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SftpReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{} ({})", self.user, self.host, self.port, self.host_key_fingerprint)
    }
}

impl fmt::Debug for S3Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ({})", self.bucket, self.endpoint, self.region)
    }
}
