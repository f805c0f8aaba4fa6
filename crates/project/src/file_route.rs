//! The road on which files reach Marketing Cloud.

use std::path::PathBuf;

use outflow_domain::Secret;
use url::Url;

use crate::{
    address::{host, service_url},
    context::Context,
    entries::Entries,
    problem::Code,
    reference::{Lines, Text},
    shape::{Key, Kind, Shape},
    source::{S3Credentials, is_bucket, s3_credentials},
};

/// The external key of the file location that every tenant has for its own SFTP.
const ENHANCED_FTP: &str = "ExactTarget Enhanced FTP";
const FOLDER: &str = "Import";
/// The tenant's SFTP takes ten connections of a user; some are left for people.
const CONNECTIONS: i64 = 4;

pub(crate) static FILE_ROUTE: Shape = Shape {
    id: "file_route",
    what: "a file route",
    about: "Where files are put for the tenant to pick up: its own SFTP, another, or a bucket.",
    keys: &[
        Key::optional("sftp", Kind::Object(&SFTP), "{host: …}", "An SFTP server."),
        Key::optional("s3", Kind::Object(&S3), "{bucket: …}", "A bucket that the tenant knows as a file location."),
    ],
    exactly_one: &[&["sftp", "s3"]],
};

static SFTP: Shape = Shape {
    id: "sftp",
    what: "an SFTP route",
    about: "An SFTP server, logged into by `password`, by `private_key`, or by both where the server asks for both.",
    keys: &[
        Key::required("host", Kind::Text, "mc563885gzs27c5t9-63k636ttgm.ftp.marketingcloudops.com", "The server."),
        Key::with_default("port", Kind::Integer { min: 1, max: 65_535 }, "22", "22", "The server's port."),
        Key::required("user", Kind::Text, "\"510001234\"", "The user."),
        Key::optional("password", Kind::Secret, "${SFTP_PASSWORD}", "The user's password."),
        Key::optional("private_key", Kind::Secret, "file:keys/outflow_ed25519", "The user's private key, as OpenSSH or PEM writes it."),
        Key::optional("passphrase", Kind::Secret, "${SFTP_PASSPHRASE}", "The passphrase of the private key."),
        Key::optional(
            "host_key",
            Kind::Texts,
            "SHA256:uNiVztksCsDhcc0u9e8BrNXVGDIPxnBfIsCGEvJCPzA",
            "The fingerprint of the server's key, as `ssh-keygen -lf` prints it; several while the key is being replaced. A server with another key is refused.",
        ),
        Key::optional("known_hosts", Kind::Text, "keys/known_hosts", "A file of OpenSSH's known hosts, instead of `host_key`."),
        Key::with_default("folder", Kind::Text, "Import", "Import", "The folder for files."),
        Key::with_default(
            "connections_max",
            Kind::Integer { min: 1, max: 10 },
            "4",
            "4",
            "Most connections at a time. The tenant's own SFTP takes ten of a user.",
        ),
        Key::with_default(
            "legacy_algorithms",
            Kind::Boolean,
            "false",
            "true",
            "Also offer algorithms that are no longer safe (`ssh-rsa` and the like), for a server that knows no others.",
        ),
        Key::with_default(
            "file_location",
            Kind::Text,
            "ExactTarget Enhanced FTP",
            "ExactTarget Enhanced FTP",
            "The external key of the file location in Marketing Cloud that means this server.",
        ),
    ],
    exactly_one: &[&["host_key", "known_hosts"]],
};

static S3: Shape = Shape {
    id: "s3",
    what: "an S3 route",
    about: "A bucket that the tenant knows as a file location.",
    keys: &[
        Key::required("bucket", Kind::Text, "acme-marketing", "The bucket."),
        Key::optional("prefix", Kind::Text, "outflow", "The folder within the bucket, as in the file location."),
        Key::required("region", Kind::Text, "eu-central-1", "The region of the bucket."),
        Key::optional(
            "endpoint",
            Kind::Text,
            "https://s3.example.com",
            "The address of a server other than Amazon's; plain http only for this machine.",
        ),
        Key::optional(
            "access_key_id",
            Kind::Text,
            "${AWS_ACCESS_KEY_ID}",
            "The access key. Without it, the environment's credentials are used.",
        ),
        Key::optional("secret_access_key", Kind::Secret, "${AWS_SECRET_ACCESS_KEY}", "The secret of the access key."),
        Key::required(
            "file_location",
            Kind::Text,
            "acme-bucket",
            "The external key of the file location in Marketing Cloud that means this bucket.",
        ),
    ],
    exactly_one: &[],
};

/// Where files are put for the tenant to pick up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileRoute {
    /// An SFTP server.
    Sftp(Sftp),
    /// A bucket.
    S3(S3),
}

impl FileRoute {
    /// The external key of the file location that Marketing Cloud reads from.
    #[must_use]
    pub fn file_location(&self) -> &str {
        match self {
            Self::Sftp(it) => &it.file_location,
            Self::S3(it) => &it.file_location,
        }
    }
}

/// An SFTP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sftp {
    /// The server's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The user's password. At least one of password and private key is there.
    pub password: Option<Secret>,
    /// The user's private key.
    pub private_key: Option<PrivateKey>,
    /// Which server it must be.
    pub server: ServerIdentity,
    /// The folder for files, without `/` at its end.
    pub folder: String,
    /// Most connections at a time, 1 to 10.
    pub connections_max: usize,
    /// Whether algorithms that are no longer safe are offered too.
    pub legacy_algorithms: bool,
    /// The external key of the file location.
    pub file_location: String,
}

/// A private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKey {
    /// As OpenSSH or PEM writes it.
    pub pem: Secret,
    /// What it is encrypted with, if it is.
    pub passphrase: Option<Secret>,
}

/// How an SFTP server is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerIdentity {
    /// By the fingerprint of its key, any of these: `SHA256:` and 43 characters of base64 without padding.
    Fingerprints(Vec<String>),
    /// By a file of OpenSSH's known hosts.
    KnownHosts(PathBuf),
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// The folder within it: empty, or ending with `/`.
    pub prefix: String,
    /// The region.
    pub region: String,
    /// A server other than Amazon's.
    pub endpoint: Option<Url>,
    /// Static credentials; the environment's where absent.
    pub credentials: Option<S3Credentials>,
    /// The external key of the file location.
    pub file_location: String,
}

/// Decodes a file route.
pub(crate) fn file_route(entries: Entries<'_>, cx: &mut Context<'_>) -> Option<FileRoute> {
    let sftp = entries.object("sftp", cx).and_then(|it| sftp(it, cx));
    let s3 = entries.object("s3", cx).and_then(|it| s3(it, cx));
    entries.finish();
    sftp.map(FileRoute::Sftp).or(s3.map(FileRoute::S3))
}

fn sftp(entries: Entries<'_>, cx: &mut Context<'_>) -> Option<Sftp> {
    let host = entries.text("host", cx).and_then(|it| host(&it, cx));
    let port = entries.integer("port", cx).and_then(|it| u16::try_from(it).ok());
    let user = entries.text("user", cx);
    let password = entries.secret("password", Lines::One, cx);
    let private_key = private_key(&entries, cx);
    let fingerprints: Vec<_> = entries.texts("host_key", cx).into_iter().filter_map(|it| fingerprint(&it, cx)).collect();
    let known_hosts = entries.text("known_hosts", cx).map(|it| cx.folder.join(it.value));
    let folder = entries.text("folder", cx).and_then(|it| folder(&it, cx));
    let connections_max = entries.integer("connections_max", cx).unwrap_or(CONNECTIONS);
    let legacy_algorithms = entries.boolean("legacy_algorithms", cx).unwrap_or(false);
    let file_location = entries.text("file_location", cx).map_or_else(|| ENHANCED_FTP.to_owned(), |it| it.value);
    if !entries.has("password") && !entries.has("private_key") {
        cx.report(Code::MissingKey, entries.span, "an SFTP route needs `password` or `private_key`")
            .hint("add one of them, or both where the server asks for both");
    }
    let server = match known_hosts {
        Some(path) => ServerIdentity::KnownHosts(path),
        None => ServerIdentity::Fingerprints(fingerprints),
    };
    entries.finish();
    Some(Sftp {
        host: host?,
        port: port.unwrap_or(22),
        user: user?.value,
        password,
        private_key,
        server,
        folder: folder.unwrap_or_else(|| FOLDER.to_owned()),
        connections_max: usize::try_from(connections_max).ok()?,
        legacy_algorithms,
        file_location,
    })
}

fn private_key(entries: &Entries<'_>, cx: &mut Context<'_>) -> Option<PrivateKey> {
    let pem = entries.secret("private_key", Lines::Many, cx);
    let passphrase = entries.secret("passphrase", Lines::One, cx);
    if entries.has("passphrase") && !entries.has("private_key") {
        cx.report(Code::Conflict, entries.span_of("passphrase"), "`passphrase` needs `private_key`")
            .hint("add `private_key: file:…`, or call it `password`");
    }
    let pem = pem?;
    let first = pem.expose().trim_start().lines().next().unwrap_or_default();
    if !first.starts_with("-----BEGIN ") || !first.contains("PRIVATE KEY") {
        let (what, hint) = if first.starts_with("ssh-") || first.contains("PUBLIC KEY") {
            ("`private_key` refers to a public key", "refer to the file without `.pub`")
        } else {
            ("`private_key` refers to something that is no private key", "it begins with `-----BEGIN` and names a PRIVATE KEY")
        };
        cx.report(Code::SecretFile, entries.span_of("private_key"), what).hint(hint);
        return None;
    }
    Some(PrivateKey { pem, passphrase })
}

/// `SHA256:` and the base64 of 32 bytes, without padding.
fn fingerprint(text: &Text, cx: &mut Context<'_>) -> Option<String> {
    let value = text.value.trim();
    let digest = value.strip_prefix("SHA256:").map(|it| it.trim_end_matches('='));
    let is_base64 = |it: &str| it.len() == 43 && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'+' || it == b'/');
    if let Some(digest) = digest.filter(|it| is_base64(it)) {
        return Some(format!("SHA256:{digest}"));
    }
    let hint = if value.starts_with("MD5:") || value.contains(':') && value.len() == 47 {
        "this is an MD5 fingerprint, which is no longer safe; `ssh-keyscan HOST | ssh-keygen -lf -` prints the SHA256 one"
    } else {
        "write `SHA256:` and 43 characters, as `ssh-keyscan HOST | ssh-keygen -lf -` prints them; compare them with what the server's owner tells"
    };
    cx.report(Code::InvalidValue, text.span, format!("`{}` is not the fingerprint of a host key", text.raw)).hint(hint);
    None
}

/// A path of plain names. The service's own SFTP refuses `\ : * < > | ? "` in them.
fn folder(text: &Text, cx: &mut Context<'_>) -> Option<String> {
    let value = text.value.trim().trim_end_matches('/');
    let is_plain = |it: &str| {
        !it.is_empty()
            && it != "."
            && it != ".."
            && !it.contains(['\\', ':', '*', '<', '>', '|', '?', '"'])
            && !it.contains(char::is_control)
    };
    if value.strip_prefix('/').unwrap_or(value).split('/').all(is_plain) {
        return Some(value.to_owned());
    }
    cx.report(Code::InvalidValue, text.span, format!("`{}` is not a folder for files", text.raw))
        .hint("names separated by `/`, such as `Import/outflow`");
    None
}

fn s3(entries: Entries<'_>, cx: &mut Context<'_>) -> Option<S3> {
    let bucket = entries.text("bucket", cx).and_then(|it| {
        if is_bucket(&it.value) {
            return Some(it.value);
        }
        cx.report(Code::InvalidValue, it.span, format!("`{}` is not the name of a bucket", it.raw))
            .hint("3 to 63 lower-case letters, digits, hyphens and points, without `s3://` and folders");
        None
    });
    let prefix = entries.text("prefix", cx).map_or_else(String::new, |it| format!("{}/", it.value.trim().trim_matches('/')));
    let region = entries.text("region", cx);
    let endpoint = entries.text("endpoint", cx).and_then(|it| service_url(&it, cx));
    let credentials = s3_credentials(&entries, cx);
    let file_location = entries.text("file_location", cx);
    entries.finish();
    let prefix = if prefix == "/" { String::new() } else { prefix };
    Some(S3 { bucket: bucket?, prefix, region: region?.value, endpoint, credentials, file_location: file_location?.value })
}
