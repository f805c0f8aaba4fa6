//! A transport that answers by a script, a clock that is always right, and chance that is none.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use outflow_domain::{DataExtensionKey, FieldName, ImportOrder, InsertMode, Route, Secret};
use outflow_marketing_cloud::{HttpRequest, HttpResponse, HttpTransport, Method, SalesforceCloud, Settings, TransportError};
use outflow_ports::{Clock, Entropy};
use serde_json::{Value, json};

pub const SECRET: &str = "s3cr3t-of-the-package";

pub type Reply = Result<HttpResponse, TransportError>;

/// A request as it left.
#[derive(Clone)]
pub struct Seen {
    pub method: Method,
    pub host: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value)
    }

    /// The token it carried, wherever it carried it.
    pub fn token(&self) -> String {
        if let Some(token) = self.header("Authorization").strip_prefix("Bearer ") {
            return token.to_owned();
        }
        let begin = self.body.find("<fueloauth").and_then(|it| self.body[it..].find('>').map(|end| it + end + 1));
        begin.map(|it| self.body[it..].split('<').next().unwrap_or_default().to_owned()).unwrap_or_default()
    }
}

/// Answers calls in the order of the script; the token endpoint gives `token-1`, `token-2`, … unless its own script says otherwise.
#[derive(Default)]
pub struct Fake {
    replies: Mutex<VecDeque<Reply>>,
    token_replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
    tokens: AtomicU64,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

#[async_trait]
impl HttpTransport for Fake {
    async fn send(&self, request: HttpRequest) -> Reply {
        // Somebody else may run while a request is under way.
        yield_once().await;
        let target = request.url.as_str().split_once("://").and_then(|(_, it)| it.find('/').map(|at| it[at..].to_owned())).unwrap();
        let is_token = target == "/v2/token";
        self.seen.lock().unwrap().push(Seen {
            method: request.method,
            host: request.url.host_str().unwrap_or_default().to_owned(),
            target: target.clone(),
            headers: request.headers,
            body: String::from_utf8(request.body.to_vec()).unwrap(),
        });
        if is_token {
            let number = self.tokens.fetch_add(1, Ordering::SeqCst) + 1;
            return self.token_replies.lock().unwrap().pop_front().unwrap_or_else(|| token(number, "mc0"));
        }
        let reply = self.replies.lock().unwrap().pop_front();
        reply.unwrap_or_else(|| panic!("the script has no answer for {} {target}", request.method.as_str()))
    }
}

async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Time that passes when somebody waits for it.
#[derive(Debug, Default)]
pub struct FakeClock {
    now_ms: AtomicI64,
    slept: Mutex<Vec<Duration>>,
}

#[async_trait]
impl Clock for FakeClock {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration);
        self.slept.lock().unwrap().push(duration);
    }
}

impl FakeClock {
    pub fn pass(&self, duration: Duration) {
        self.now_ms.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

/// Always the same bytes.
#[derive(Debug)]
pub struct NoChance(pub u8);

impl Entropy for NoChance {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

/// The adapter over a script.
pub struct World {
    pub cloud: SalesforceCloud,
    pub fake: Arc<Fake>,
    pub clock: Arc<FakeClock>,
}

pub fn settings() -> Settings {
    Settings::for_subdomain("production", "mc0", "client-id", Secret::new(SECRET)).unwrap().with_account(Some(510_001_234))
}

impl World {
    pub fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with_tokens([], replies)
    }

    pub fn with_tokens(token_replies: impl IntoIterator<Item = Reply>, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::of(settings(), token_replies, replies)
    }

    pub fn of(settings: Settings, token_replies: impl IntoIterator<Item = Reply>, replies: impl IntoIterator<Item = Reply>) -> Self {
        let fake = Fake {
            replies: Mutex::new(replies.into_iter().collect()),
            token_replies: Mutex::new(token_replies.into_iter().collect()),
            ..Fake::default()
        };
        let (fake, clock) = (Arc::new(fake), Arc::new(FakeClock::default()));
        let cloud = SalesforceCloud::new(settings, fake.clone(), clock.clone(), Arc::new(NoChance(0)));
        Self { cloud, fake, clock }
    }

    /// Every request but those for tokens.
    pub fn calls(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|it| it.target != "/v2/token").collect()
    }

    pub fn token_requests(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|it| it.target == "/v2/token").collect()
    }

    fn seen(&self) -> Vec<Seen> {
        self.fake.seen.lock().unwrap().clone()
    }

    /// Whether the script was played to its end.
    pub fn assert_over(&self) {
        assert_eq!(self.fake.replies.lock().unwrap().len(), 0, "answers were left in the script");
    }
}

/// Runs a call to its end.
pub fn run<T>(call: impl Future<Output = T>) -> T {
    futures::executor::block_on(call)
}

pub fn response(status: u16, body: impl Into<Vec<u8>>) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: Bytes::from(body.into()) }
}

pub fn json_reply(status: u16, body: Value) -> Reply {
    Ok(response(status, body.to_string()))
}

pub fn with_header(reply: Reply, name: &str, value: &str) -> Reply {
    let mut response = reply.unwrap();
    response.headers.push((name.to_owned(), value.to_owned()));
    Ok(response)
}

pub fn token(number: u64, subdomain: &str) -> Reply {
    token_with(number, "data_extensions_read data_extensions_write automations_read automations_execute", |door| {
        format!("https://{subdomain}.{door}.marketingcloudapis.com/")
    })
}

pub fn token_with(number: u64, scope: &str, url: impl Fn(&str) -> String) -> Reply {
    json_reply(
        200,
        json!({
            "access_token": format!("token-{number}"), "token_type": "Bearer", "expires_in": 1079, "scope": scope,
            "soap_instance_url": url("soap"), "rest_instance_url": url("rest"),
        }),
    )
}

pub fn interrupted() -> Reply {
    Err(TransportError::Interrupted { message: "the connection was closed".to_owned() })
}

pub fn not_sent() -> Reply {
    Err(TransportError::NotSent { message: "connection refused".to_owned() })
}

/// An envelope as the service writes it.
pub fn envelope(body: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"><soap:Header><wsa:Action>Response</wsa:Action></soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>"#
    )
}

pub fn soap(body: &str) -> Reply {
    Ok(response(200, envelope(body)))
}

/// A page of objects of one type.
pub fn page(status: &str, kind: &str, objects: &[&str]) -> Reply {
    let results: String =
        objects.iter().map(|it| format!(r#"<Results xsi:type="{kind}"><PartnerKey xsi:nil="true"/>{it}</Results>"#)).collect();
    soap(&format!(
        r#"<RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>{status}</OverallStatus><RequestID>page-id</RequestID>{results}</RetrieveResponseMsg>"#
    ))
}

pub fn found(kind: &str, objects: &[&str]) -> Reply {
    page("OK", kind, objects)
}

/// The answer to an update or create of one object.
pub fn acted(root: &str, result: &str, overall: &str) -> Reply {
    soap(&format!(
        r#"<{root} xmlns="http://exacttarget.com/wsdl/partnerAPI"><Results>{result}</Results><RequestID>1</RequestID><OverallStatus>{overall}</OverallStatus></{root}>"#
    ))
}

pub fn fault(code: &str, text: &str) -> Reply {
    let code = match code {
        "Security" => {
            r#"<faultcode xmlns:q0="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">q0:Security</faultcode>"#
                .to_owned()
        }
        other => format!("<faultcode>soap:{other}</faultcode>"),
    };
    let body = envelope(&format!("<soap:Fault>{code}<faultstring>{text}</faultstring><faultactor>https://mc0/</faultactor></soap:Fault>"));
    Ok(response(500, body))
}

pub fn token_expired() -> Reply {
    fault("Security", "Token Expired")
}

/// A data extension with an ObjectID, as a retrieve shows it.
pub fn data_extension() -> Reply {
    found(
        "DataExtension",
        &["<ObjectID>de-1</ObjectID><CustomerKey>loyalty</CustomerKey><Name>Loyalty Members</Name><IsSendable>true</IsSendable>"],
    )
}

pub fn field(ordinal: u32, name: &str, kind: &str, more: &str) -> String {
    format!(
        "<ObjectID>field-{ordinal}</ObjectID><CustomerKey>[loyalty].[{name}]</CustomerKey><Name>{name}</Name><Scale>0</Scale><DefaultValue></DefaultValue>{more}<Ordinal>{ordinal}</Ordinal><FieldType>{kind}</FieldType><DataExtension><CustomerKey>loyalty</CustomerKey></DataExtension>"
    )
}

/// Its fields.
pub fn fields(fields: &[String]) -> Reply {
    found("DataExtensionField", &fields.iter().map(String::as_str).collect::<Vec<_>>())
}

pub fn member_fields() -> Reply {
    fields(&[
        field(0, "Id", "Text", "<MaxLength>36</MaxLength><IsRequired>true</IsRequired><IsPrimaryKey>true</IsPrimaryKey>"),
        field(1, "Email", "EmailAddress", "<MaxLength>254</MaxLength><IsRequired>false</IsRequired><IsPrimaryKey>false</IsPrimaryKey>"),
    ])
}

pub fn key() -> DataExtensionKey {
    "loyalty".parse().unwrap()
}

pub fn field_name(text: &str) -> FieldName {
    text.parse().unwrap()
}

pub fn order(route: Route) -> ImportOrder {
    ImportOrder {
        activation: "loyalty-members".parse().unwrap(),
        route,
        data_extension: key(),
        insert: InsertMode::InsertAndUpdate,
        file_location: "ExactTarget Enhanced FTP".to_owned(),
        file: "outflow_20261123_1.csv".parse().unwrap(),
        fields: vec![field_name("Id"), field_name("Email")],
    }
}
