//! A bucket of `s3://` paths: how it is reached, and what its refusals mean to the person who must act.

use std::{net::IpAddr, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, Error, ObjectStore, ObjectStoreExt as _, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey as Key},
    path::Path,
};
use url::{Host, Url};

use crate::settings::{S3Credentials, S3Settings};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time for one request, which carries a range of a file.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);

/// Codes that say who we are is wrong: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
const LOGIN: [&str; 6] =
    ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidClientTokenId", "RequestTimeTooSkewed"];
/// Codes that say the bucket is elsewhere.
const REGION: [&str; 3] = ["AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"];

/// Variables of the environment that say who we are.
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

/// A bucket that can be asked.
pub(crate) struct Bucket {
    name: String,
    region: String,
    /// Who we are, for a person: the key's public half, or where it is from.
    user: String,
    pub store: Arc<dyn ObjectStore>,
}

impl Bucket {
    /// Checks the settings; nothing is sent yet.
    pub fn open(name: &str, s3: &S3Settings) -> Result<Self, String> {
        let mut options = ClientOptions::new().with_timeout(REQUEST_TIMEOUT).with_connect_timeout(CONNECT_TIMEOUT);
        let mut builder = AmazonS3Builder::new().with_bucket_name(name).with_region(&s3.region);
        if let Some(endpoint) = &s3.endpoint {
            let url = Url::parse(endpoint).map_err(|error| format!("the endpoint `{endpoint}` is no URL: {error}"))?;
            if url.scheme() != "https" && !is_loopback(&url) {
                return Err(format!("the endpoint `{endpoint}` is not encrypted; write https"));
            }
            options = options.with_allow_http(url.scheme() == "http");
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        let mut user = "the environment's credentials".to_owned();
        match &s3.credentials {
            S3Credentials::Keys { access_key_id, secret_access_key } => {
                builder = builder.with_access_key_id(access_key_id).with_secret_access_key(secret_access_key.expose());
                user = format!("the access key `{access_key_id}`");
            }
            S3Credentials::Environment(variables) => {
                for (name, value) in variables {
                    match name.to_lowercase().parse::<Key>() {
                        Ok(key) if name.starts_with("AWS_") && IDENTITY.contains(&key) => {
                            if key == Key::AccessKeyId {
                                user = format!("the access key `{}` of the environment", value.expose());
                            }
                            builder = builder.with_config(key, value.expose());
                        }
                        _ => {}
                    }
                }
            }
        }
        let built = builder.with_client_options(options).with_retry(retries()).build();
        let store = Arc::new(built.map_err(|error| error.to_string())?);
        Ok(Self { name: name.to_owned(), region: s3.region.clone(), user, store })
    }

    /// Why an object that cannot be looked at cannot. The answer to a mere look has no body, so the object itself is asked for.
    pub async fn why(&self, key: &Path, error: &Error) -> String {
        match self.store.get(key).await {
            Ok(_) => self.told(error, key.as_ref()),
            Err(told) => self.told(&told, key.as_ref()),
        }
    }

    /// What the service's error means.
    pub fn told(&self, error: &Error, key: &str) -> String {
        let text = chain(error);
        let code = element(&text, "Code").unwrap_or_default();
        let reason = match element(&text, "Message") {
            Some(message) if !code.is_empty() => format!("{} ({code})", message.trim_end_matches('.')),
            _ if !code.is_empty() => code.to_owned(),
            _ => text.clone(),
        };
        let Self { name, region, user, .. } = self;
        match code {
            "NoSuchBucket" => format!("there is no bucket `{name}`"),
            "NoSuchKey" => format!("there is no object `s3://{name}/{key}`"),
            "AccessDenied" => {
                format!("{user} may not read `s3://{name}/{key}`: {reason}; it needs s3:GetObject, and s3:ListBucket for a path with `*`")
            }
            _ if REGION.contains(&code) => format!("the bucket `{name}` is not in the region `{region}`: {reason}"),
            _ if LOGIN.contains(&code) => format!("{user} is refused: {reason}; check key and secret"),
            _ => reason,
        }
    }
}

/// Failures of the service and the line are repeated, a little later each time.
fn retries() -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(8), base: 2. };
    RetryConfig { backoff, max_retries: 5, retry_timeout: Duration::from_secs(120) }
}

/// The error and what lies beneath it; a text that repeats the one above is left out.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        source = error.source();
    }
    text
}

/// The text of an element of the service's answer. Its errors are flat, and their codes plain words.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once("</")?;
    Some(value.trim())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_http_to(endpoint: &str) -> Result<Bucket, String> {
        let credentials = S3Credentials::Environment(Vec::new());
        Bucket::open("lake", &S3Settings { region: "eu-central-1".into(), endpoint: Some(endpoint.into()), credentials })
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        assert!(plain_http_to("http://127.0.0.1:9000").is_ok() && plain_http_to("http://localhost:9000/").is_ok());
        let refused = plain_http_to("http://s3.example.com").err().unwrap();
        assert!(refused.contains("`http://s3.example.com` is not encrypted"), "{refused}");
        assert!(plain_http_to("s3.example.com").err().unwrap().contains("is no URL"));
    }
}
