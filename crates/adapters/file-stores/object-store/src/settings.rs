//! What a person says of a bucket, and what is checked of it before anything is sent.

use std::time::Duration;

use object_store::{
    BackoffConfig, ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key},
    path::Path,
};
use outflow_domain::Secret;
use url::{Host, Url};

/// A bucket, a place in it, and who we are there.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// The bucket.
    pub bucket: String,
    /// What the names of all files begin with: folders, such as `marketing/outflow`; may be empty.
    pub prefix: String,
    /// The bucket's region, such as `eu-central-1`.
    pub region: String,
    /// Where the service is, if not Amazon's own in that region. Plain `http` for this machine only.
    pub endpoint: Option<String>,
    /// Who we are.
    pub credentials: Credentials,
}

/// Who we are to the service.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A pair of keys, as made for a program.
    Keys {
        /// The public half.
        access_key_id: String,
        /// The secret half.
        secret_access_key: Secret,
        /// For temporary keys.
        session_token: Option<Secret>,
    },
    /// Those of the environment: `AWS_…` variables as the caller found them, else those that the machine's own role grants.
    /// Variables that say anything but who we are, are not looked at.
    Environment(Vec<(String, Secret)>),
}

/// Why settings cannot work.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// No bucket has such a name.
    #[error("`{bucket}` is no name of a bucket: 3 to 63 lower-case letters, digits, `-` and `.`")]
    Bucket {
        /// The refused name.
        bucket: String,
    },
    /// The prefix is no list of folders.
    #[error("`{prefix}` is no prefix for files, such as `marketing/outflow`: {message}")]
    Prefix {
        /// The refused prefix.
        prefix: String,
        /// Why.
        message: String,
    },
    /// The endpoint is no address.
    #[error("`{endpoint}` is no address such as `https://s3.example.com`: {message}")]
    Endpoint {
        /// The refused address.
        endpoint: String,
        /// Why.
        message: String,
    },
    /// Files would travel in the clear.
    #[error("`{endpoint}` is not encrypted; use `https`, as plain `http` is for this machine only")]
    PlainHttp {
        /// The refused address.
        endpoint: String,
    },
    /// The library refused what was checked, such as half a pair of keys in the environment.
    #[error("the settings of the bucket `{bucket}` do not fit together: {message}")]
    Unfit {
        /// The bucket.
        bucket: String,
        /// Why.
        message: String,
    },
}

/// Longest time for one request, which carries 16 MiB at most.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Variables that say who we are.
const IDENTITY: [Key; 9] = [
    Key::AccessKeyId,
    Key::SecretAccessKey,
    Key::Token,
    Key::WebIdentityTokenFile,
    Key::RoleArn,
    Key::RoleSessionName,
    Key::ContainerCredentialsRelativeUri,
    Key::ContainerCredentialsFullUri,
    Key::ContainerAuthorizationTokenFile,
];

/// Settings that were checked.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// For a person: `s3://bucket/prefix`.
    pub(crate) store: String,
    /// Who we are, for a person: the key's public half, or where it is from.
    pub(crate) user: String,
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) prefix: Path,
    pub(crate) s3: AmazonS3,
}

impl Endpoint {
    pub(crate) fn check(settings: S3Settings) -> Result<Self, InvalidSettings> {
        let S3Settings { bucket, prefix, region, endpoint, credentials } = settings;
        let allowed = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '.');
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(allowed) {
            return Err(InvalidSettings::Bucket { bucket });
        }
        let path = Path::parse(prefix.trim_matches('/'))
            .map_err(|it| InvalidSettings::Prefix { prefix: prefix.clone(), message: it.to_string() })?;
        let mut options = ClientOptions::new().with_timeout(REQUEST_TIMEOUT).with_connect_timeout(CONNECT_TIMEOUT);
        let mut builder = AmazonS3Builder::new().with_bucket_name(&bucket).with_region(&region);
        if let Some(endpoint) = endpoint {
            options = options.with_allow_http(is_plain_http(&endpoint)?);
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        let user = match credentials {
            Credentials::Keys { access_key_id, secret_access_key, session_token } => {
                builder = builder.with_access_key_id(&access_key_id).with_secret_access_key(secret_access_key.expose());
                if let Some(token) = session_token {
                    builder = builder.with_token(token.expose());
                }
                access_key_id
            }
            Credentials::Environment(variables) => {
                let mut user = "the environment's credentials".to_owned();
                for (name, value) in variables {
                    match name.to_lowercase().parse::<Key>() {
                        Ok(key) if name.starts_with("AWS_") && IDENTITY.contains(&key) => {
                            if key == Key::AccessKeyId {
                                value.expose().clone_into(&mut user);
                            }
                            builder = builder.with_config(key, value.expose());
                        }
                        _ => {}
                    }
                }
                user
            }
        };
        let built = builder.with_client_options(options).with_retry(retries()).build();
        let s3 = built.map_err(|it| InvalidSettings::Unfit { bucket: bucket.clone(), message: it.to_string() })?;
        let store = format!("s3://{bucket}/{path}").trim_end_matches('/').to_owned();
        Ok(Self { store, user, bucket, region, prefix: path, s3 })
    }
}

/// Failures of the service and the line are repeated, a little later each time.
fn retries() -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(8), base: 2. };
    RetryConfig { backoff, max_retries: 5, retry_timeout: Duration::from_secs(120) }
}

fn is_plain_http(endpoint: &str) -> Result<bool, InvalidSettings> {
    let refused = |message: String| InvalidSettings::Endpoint { endpoint: endpoint.to_owned(), message };
    let url = Url::parse(endpoint).map_err(|it| refused(it.to_string()))?;
    let is_here = match url.host() {
        None => return Err(refused("it names no host".to_owned())),
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("a login does not belong there".to_owned()));
    }
    match url.scheme() {
        "https" => Ok(false),
        "http" if is_here => Ok(true),
        "http" => Err(InvalidSettings::PlainHttp { endpoint: endpoint.to_owned() }),
        other => Err(refused(format!("`{other}` is not `https`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut S3Settings)) -> Result<Endpoint, InvalidSettings> {
        let mut settings = S3Settings {
            bucket: "loyalty".to_owned(),
            prefix: String::new(),
            region: "eu-central-1".to_owned(),
            endpoint: None,
            credentials: Credentials::Keys {
                access_key_id: "AKIAEXAMPLE".to_owned(),
                secret_access_key: Secret::new("hunter2"),
                session_token: Some(Secret::new("hunter3")),
            },
        };
        change(&mut settings);
        Endpoint::check(settings)
    }

    #[test]
    fn a_place_is_named_for_a_person() {
        assert_eq!(check(|_| ()).unwrap().store, "s3://loyalty");
        assert_eq!(check(|it| it.prefix = "/a/b/".to_owned()).unwrap().store, "s3://loyalty/a/b");
    }

    #[test]
    fn no_secret_is_printed() {
        let printed = format!("{:?}", check(|_| ()).unwrap());
        assert!(!printed.contains("hunter"), "{printed}");
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for endpoint in ["http://127.0.0.1:9000", "http://[::1]:9000/", "http://localhost", "https://s3.example.com"] {
            check(|it| it.endpoint = Some(endpoint.to_owned())).unwrap();
        }
        for endpoint in ["http://s3.example.com", "http://10.0.0.1", "http://localhost.example.com", "http://0.0.0.0"] {
            let error = check(|it| it.endpoint = Some(endpoint.to_owned())).unwrap_err();
            assert!(matches!(error, InvalidSettings::PlainHttp { .. }), "{endpoint}: {error}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for endpoint in ["", "s3.example.com", "ftp://s3.example.com", "https://key:secret@s3.example.com"] {
            let error = check(|it| it.endpoint = Some(endpoint.to_owned())).unwrap_err();
            assert!(matches!(error, InvalidSettings::Endpoint { .. }), "{endpoint}: {error}");
        }
    }

    #[test]
    fn what_is_no_bucket_or_prefix_is_refused() {
        for bucket in ["", "ab", "Loyalty", "a/b", "loyalty?x"] {
            let error = check(|it| it.bucket = bucket.to_owned()).unwrap_err();
            assert!(matches!(error, InvalidSettings::Bucket { .. }), "{bucket}: {error}");
        }
        for prefix in ["a//b", "a/../b", "."] {
            let error = check(|it| it.prefix = prefix.to_owned()).unwrap_err();
            assert!(matches!(error, InvalidSettings::Prefix { .. }), "{prefix}: {error}");
        }
    }

    #[test]
    fn of_the_environment_only_who_we_are_is_taken() {
        let variable = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
        let variables = vec![
            variable("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"),
            variable("AWS_SECRET_ACCESS_KEY", "hunter2"),
            variable("AWS_ENDPOINT_URL", "http://elsewhere.example.com"),
            variable("AWS_BUCKET", "elsewhere"),
            variable("BUCKET", "elsewhere"),
            variable("PATH", "/bin"),
        ];
        let endpoint = check(|it| it.credentials = Credentials::Environment(variables)).unwrap();
        assert_eq!(endpoint.user, "AKIAENVIRONMENT");
        let printed = format!("{endpoint:?}");
        assert!(!printed.contains("elsewhere") && !printed.contains("hunter"), "{printed}");
    }
}
