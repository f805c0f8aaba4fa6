//! One HTTP request and its answer, free of any client library.

mod reqwest;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

pub use self::reqwest::{ReqwestTransport, TransportOptions, UnusableOptions};

/// The methods we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Everything else.
    Post,
}

impl Method {
    /// As the request line spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request, ready to leave. Printing it shows neither headers nor body, since they hold tokens and values.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: Url,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "HttpRequest({} {host}{}, {} bytes)", self.method.as_str(), self.url.path(), self.body.len())
    }
}

/// An answer, read completely. Printing it does not show the body.
#[derive(Clone)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Header names, in any case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl HttpResponse {
    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpResponse({}, {} bytes)", self.status, self.body.len())
    }
}

/// Carries requests.
#[async_trait]
pub trait HttpTransport: fmt::Debug + Send + Sync {
    /// Sends the request once and reads the whole answer. Follows no redirect and repeats nothing of which a byte may have arrived.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, TransportError>;
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No byte of the request left: the host could not be found, connected to or agreed with.
    #[error("{message}")]
    NotSent {
        /// What the client said.
        message: String,
    },
    /// No byte of the request left, since the other end could not prove who it is. Trying again does not help.
    #[error(
        "the certificate of `{host}` does not verify ({message}); nothing was sent; if a device of your own network stands in between, name the file of its authority in `SSL_CERT_FILE`"
    )]
    Certificate {
        /// The host.
        host: String,
        /// What is wrong with it.
        message: String,
    },
    /// A byte of the request may have arrived, and no whole answer came back.
    #[error("{message}")]
    Interrupted {
        /// What the client said.
        message: String,
    },
    /// The answer is longer than any we know of. A byte of the request has arrived.
    #[error("the answer is longer than {bytes_max} bytes")]
    TooLong {
        /// The most we read.
        bytes_max: usize,
    },
}

impl TransportError {
    /// Whether the service may have acted on the request.
    #[must_use]
    pub const fn may_have_arrived(&self) -> bool {
        matches!(self, Self::Interrupted { .. } | Self::TooLong { .. })
    }
}
