//! What goes in and out of the model by HTTP, free of any server library.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The door a call came through. `Any` routes by path, so one port can serve everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// `{subdomain}.auth…`: `/v2/token`.
    Auth,
    /// `{subdomain}.rest…`.
    Rest,
    /// `{subdomain}.soap…`: `/Service.asmx` in any case, `/etframework.wsdl`.
    Soap,
    /// `/__inspect/…`: for tests, never part of the service.
    Inspect,
    /// Not known; decided by the path.
    Any,
}

impl Door {
    /// The door that a path belongs to when all of them share one port.
    pub fn of_path(path: &str) -> Self {
        let path = path.to_ascii_lowercase();
        if path.starts_with("/__inspect") {
            Self::Inspect
        } else if path.ends_with("service.asmx") || path.ends_with(".wsdl") {
            Self::Soap
        } else if path.starts_with("/v1/requesttoken") || path.starts_with("/v2/token") {
            Self::Auth
        } else {
            Self::Rest
        }
    }

    /// Its name in the journal and in faults.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Rest => "rest",
            Self::Soap => "soap",
            Self::Inspect => "inspect",
            Self::Any => "any",
        }
    }
}

/// One HTTP request, read completely.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query as they stood in the request line.
    pub target: String,
    /// Names in any case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// A request without headers.
    pub fn new(method: &str, target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: body.into() }
    }

    /// The same with one more header.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path, decoded, without the slash at its end.
    pub fn path(&self) -> String {
        let raw = self.raw_path();
        let raw = raw.strip_suffix('/').unwrap_or(raw);
        decode(raw)
    }

    /// The path as sent, without the query. A proxy's absolute form is cut to its path.
    pub fn raw_path(&self) -> &str {
        let target = match self.target.find("://") {
            Some(at) if !self.target.starts_with('/') => {
                let rest = &self.target[at + 3..];
                rest.find('/').map_or("/", |slash| &rest[slash..])
            }
            _ => self.target.as_str(),
        };
        target.split('?').next().unwrap_or("/")
    }

    /// The decoded segments of the path. Each is decoded by itself: a key may hold a `/`.
    pub fn segments(&self) -> Vec<String> {
        self.raw_path().split('/').filter(|it| !it.is_empty()).map(decode).collect()
    }

    /// A query parameter, its name in any case: clients send both `$pageSize` and `$pagesize`.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            decode(key).eq_ignore_ascii_case(name).then(|| decode(&value.replace('+', " ")))
        })
    }
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// How an answer travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// At once and whole.
    #[default]
    Whole,
    /// Whole, after a while.
    Delay {
        /// Milliseconds to wait before the first byte.
        millis: u64,
    },
    /// Not at all: the connection closes without a byte. Whether the model acted is its own secret.
    DropBeforeAnswer,
    /// The connection closes after this many bytes of the body.
    Truncate {
        /// Bytes of the body that still leave.
        bytes: usize,
    },
}

/// One HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// Headers; `Content-Length` is the door's business.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How it travels.
    pub wire: Wire,
}

impl HttpAnswer {
    /// An answer of a given media type.
    pub fn of(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type".to_owned(), media_type.to_owned())], body: body.into(), wire: Wire::Whole }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/json; charset=utf-8", body.to_string())
    }

    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), wire: Wire::Whole }
    }

    /// The REST error body: `message`, `errorcode`, `documentation`.
    pub fn rest_error(status: u16, errorcode: i64, message: &str) -> Self {
        Self::json(status, &json!({ "documentation": DOCUMENTATION, "errorcode": errorcode, "message": message }))
    }

    /// `429` as the service answers it: header and member say how many seconds to wait.
    pub fn throttled(errorcode: i64, message: &str, retry_after_s: u64) -> Self {
        let mut answer = Self::json(
            429,
            &json!({
                "message": message, "errorcode": errorcode, "documentation": DOCUMENTATION,
                "retryAfter": retry_after_s,
            }),
        );
        answer.headers.push(("Retry-After".to_owned(), retry_after_s.to_string()));
        answer
    }

    /// The body as text, for tests and messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `Null` where it is none.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// The page that error bodies name.
pub const DOCUMENTATION: &str = "https://developer.salesforce.com/docs/atlas.en-us.mc-apis.meta/mc-apis/error-handling.htm";
