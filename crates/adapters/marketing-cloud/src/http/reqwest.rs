//! The transport over real sockets.

use std::{error::Error as _, io, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::redirect;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use url::Url;

use super::{HttpRequest, HttpResponse, HttpTransport, Method, TransportError};

/// The longest answer we read: a page of 2,500 rows with some twenty fields of 4,000 characters fits.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// What a network may need beyond the defaults.
#[derive(Clone, Debug, Default)]
pub struct TransportOptions {
    /// A PEM file with certificate authorities to trust beside the system's own.
    pub extra_ca_file: Option<PathBuf>,
    /// A proxy that answers CONNECT, for https only; loopback never goes through it.
    pub proxy: Option<Url>,
    /// Hosts that are reached without it, as `NO_PROXY` lists them: names with all below them, addresses and networks, apart by commas.
    pub no_proxy: Option<String>,
}

/// Why a transport could not be made.
#[derive(Debug, thiserror::Error)]
pub enum UnusableOptions {
    /// The extra authorities could not be read.
    #[error("the certificate file `{}` cannot be read", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The extra authorities are none.
    #[error("the file `{}` holds no usable certificate ({message}); it must be PEM, with BEGIN CERTIFICATE", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// There is nothing to verify a server by.
    #[error("this system has no certificate authorities; install `ca-certificates` or name a certificate file")]
    NoRoots,
    /// The TLS or HTTP client refused its configuration.
    #[error("the HTTP client cannot be set up: {message}")]
    Client {
        /// What it said.
        message: String,
    },
}

/// HTTP/1.1 over rustls with the system's certificate authorities.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: reqwest::Client,
    /// Host and port of the proxy, if there is one; never what stands before them, which may be a password.
    proxy: Option<String>,
}

impl ReqwestTransport {
    /// Reads the certificate authorities and readies a pool of connections.
    pub fn new(options: &TransportOptions) -> Result<Self, UnusableOptions> {
        let client_error = |message: String| UnusableOptions::Client { message };
        let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|it| client_error(it.to_string()))?
            .with_root_certificates(roots(options)?)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut builder = reqwest::Client::builder()
            .use_preconfigured_tls(tls)
            .http1_only()
            .redirect(redirect::Policy::none())
            // What may be repeated is decided above, with its consequences in view.
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("outflow/", env!("CARGO_PKG_VERSION")))
            // The environment is read by the program alone.
            .no_proxy();
        if let Some(proxy) = &options.proxy {
            let proxy = reqwest::Proxy::https(proxy.as_str()).map_err(|it| client_error(it.to_string()))?;
            let direct = format!("localhost,127.0.0.0/8,::1,{}", options.no_proxy.as_deref().unwrap_or_default());
            builder = builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_string(&direct)));
        }
        let proxy = options.proxy.as_ref().and_then(|it| Some(format!("{}:{}", it.host_str()?, it.port_or_known_default()?)));
        Ok(Self { client: builder.build().map_err(|it| client_error(it.to_string()))?, proxy })
    }
}

fn roots(options: &TransportOptions) -> Result<RootCertStore, UnusableOptions> {
    let mut roots = RootCertStore::empty();
    // Single system certificates that cannot be parsed are common and harmless.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = &options.extra_ca_file {
        let pem = std::fs::read(path).map_err(|source| UnusableOptions::CaFile { path: path.clone(), source })?;
        let unusable = |message: String| UnusableOptions::NoCertificate { path: path.clone(), message };
        let mut found = 0;
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate.map_err(|it| unusable(it.to_string()))?).map_err(|it| unusable(it.to_string()))?;
            found += 1;
        }
        if found == 0 {
            return Err(unusable("no certificate in it".to_owned()));
        }
    }
    if roots.is_empty() { Err(UnusableOptions::NoRoots) } else { Ok(roots) }
}

#[async_trait]
impl HttpTransport for ReqwestTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = self.client.request(method, request.url).timeout(request.timeout);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let mut answer = builder.send().await.map_err(|it| explain(&it, &host, self.proxy.as_deref()))?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|it| interrupted(&it))? {
            if ANSWER_BYTES_MAX - body.len() < chunk.len() {
                return Err(TransportError::TooLong { bytes_max: ANSWER_BYTES_MAX });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpResponse { status, headers, body: Bytes::from(body) })
    }
}

fn explain(error: &reqwest::Error, host: &str, proxy: Option<&str>) -> TransportError {
    if let Some(wrong) = certificate_error(error) {
        return TransportError::Certificate { host: host.to_owned(), message: wrong };
    }
    if error.is_connect() || error.is_builder() {
        let proxy = proxy.map(|it| format!(" (there is a proxy, {it})")).unwrap_or_default();
        return TransportError::NotSent { message: format!("{host} cannot be reached{proxy}: {}", chain(error)) };
    }
    interrupted(error)
}

fn interrupted(error: &reqwest::Error) -> TransportError {
    let message = if error.is_timeout() { "no answer in time".to_owned() } else { chain(error) };
    TransportError::Interrupted { message }
}

/// The TLS library's words about a certificate, wherever in the chain of causes they hide.
fn certificate_error(error: &reqwest::Error) -> Option<String> {
    let mut cause = error.source();
    while let Some(it) = cause {
        if let Some(rustls::Error::InvalidCertificate(wrong)) = tls_error(it) {
            return Some(wrong.to_string());
        }
        cause = it.source();
    }
    None
}

/// The error itself, or what it wraps: an `io::Error` tells the source of what it wraps as its own, and so hides that.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut error = error;
    while let Some(wrapped) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = wrapped;
    }
    error.downcast_ref()
}

/// The causes in one line. The first one is left out: it repeats the address.
fn chain(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(it) = cause {
        let text = it.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        cause = it.source();
    }
    if texts.is_empty() { "the connection failed".to_owned() } else { texts.join(": ") }
}
