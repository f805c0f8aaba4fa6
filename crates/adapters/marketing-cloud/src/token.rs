//! Access tokens by client credentials: <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/access-token-s2s>.
//!
//! One token is cached and renewed at four fifths of its life; whoever needs one while it is being fetched waits for that same request,
//! since the service asks for few token requests and counts them.

use std::{fmt, sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use outflow_domain::Secret;
use outflow_ports::CloudError;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use crate::{
    http::{HttpRequest, HttpResponse, Method},
    retry::{Backoff, Trouble, Verdict, judge},
    session::Session,
    settings::{ClientSecret, Door, Settings, base_url},
    words,
};

/// Life of a token whose answer does not tell it.
const LIFE_S_ASSUMED: u64 = 60;

/// The longest life we believe in.
const LIFE_S_MAX: u64 = 24 * 3600;

/// How long the token endpoint may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A token and where it is good.
pub(crate) struct Token {
    pub(crate) text: Secret,
    pub(crate) soap_url: Url,
    pub(crate) rest_url: Url,
    pub(crate) scopes: Vec<String>,
    number: u64,
    taken_ms: i64,
    renew_ms: i64,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(number {})", self.number)
    }
}

/// The token in use.
#[derive(Debug, Default)]
pub(crate) struct TokenCache(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    token: Option<Arc<Token>>,
    fetched: u64,
    /// Which of the client secrets was taken last; it is tried first.
    secret: usize,
}

impl TokenCache {
    /// Drops the token, unless it was renewed already.
    pub(crate) async fn forget(&self, token: &Token) {
        let mut held = self.0.lock().await;
        held.token.take_if(|it| it.number == token.number);
    }
}

impl Session {
    /// A token that should be good for a while.
    pub(crate) async fn token(&self) -> Result<Arc<Token>, CloudError> {
        let mut held = self.tokens().0.lock().await;
        let now_ms = self.clock().now_ms();
        if let Some(token) = held.token.as_ref().filter(|it| (it.taken_ms..it.renew_ms).contains(&now_ms)) {
            return Ok(Arc::clone(token));
        }
        let number = held.fetched + 1;
        let token = Arc::new(self.log_in(number, &mut held.secret).await?);
        held.fetched = number;
        held.token = Some(Arc::clone(&token));
        Ok(token)
    }

    /// Logs in with the secret that was taken last, and with the other one where that is refused.
    async fn log_in(&self, number: u64, last: &mut usize) -> Result<Token, CloudError> {
        let mut secrets: Vec<_> = self.settings().client_secrets().enumerate().collect();
        secrets.rotate_left(*last);
        let mut refusals = Vec::new();
        for (at, (name, secret)) in secrets {
            match self.fetch_token(number, secret).await {
                Err(CloudError::Credentials { message, .. }) => refusals.push((name, message, secret.expires)),
                Ok(token) => {
                    if let Some((other, message, _)) = refusals.first() {
                        let connection = self.settings().name();
                        tracing::warn!(
                            "Marketing Cloud refused `{other}` of connection `{connection}` ({message}) and took `{name}` in its place"
                        );
                    }
                    *last = at;
                    return Ok(token);
                }
                other => return other,
            }
        }
        let today = self.today();
        let told = |(name, message, expires): &(&str, String, Option<Date>)| match expires.filter(|it| today >= *it) {
            Some(day) => format!("{message}; `{name}` has expired on {day}, as the project says"),
            None if refusals.len() > 1 => format!("{message} (`{name}`)"),
            None => message.clone(),
        };
        let message = refusals.iter().map(told).collect::<Vec<_>>().join("; ");
        Err(CloudError::Credentials { tenant: self.settings().tenant_name(), message })
    }

    fn today(&self) -> Date {
        TimeZone::UTC.to_datetime(Timestamp::from_millisecond(self.clock().now_ms()).unwrap_or_default()).date()
    }

    async fn fetch_token(&self, number: u64, secret: &ClientSecret) -> Result<Token, CloudError> {
        const ACTION: &str = "log in";
        let mut backoff = Backoff::new(self.clock(), self.entropy());
        loop {
            let request = token_request(self.settings(), &secret.text).ok_or_else(|| unreadable("the token address cannot be built"))?;
            let answer = self.transport().send(request).await;
            backoff.count();
            let now_ms = self.clock().now_ms();
            let trouble = match &answer {
                Ok(response) => match judge(Door::Auth, response, now_ms) {
                    Verdict::Good => return read_token(&response.body, self.settings(), number, now_ms),
                    Verdict::Refused | Verdict::TokenRefused => return Err(refused(response, self.settings(), &secret.text)),
                    Verdict::Trouble(trouble) => trouble,
                },
                Err(error) => Trouble::from(error),
            };
            tracing::debug!(attempt = backoff.attempts(), "The token endpoint gave no token: {}", trouble.message);
            if trouble.is_final || !backoff.pause(trouble.retry_after).await {
                return Err(CloudError::Unavailable {
                    action: ACTION.to_owned(),
                    attempts: backoff.attempts(),
                    message: trouble.message,
                    retry_after: trouble.retry_after,
                });
            }
        }
    }
}

fn token_request(settings: &Settings, secret: &Secret) -> Option<HttpRequest> {
    let mut body = json!({
        "grant_type": "client_credentials",
        "client_id": settings.client_id(),
        "client_secret": secret.expose(),
    });
    if let (Some(account_id), Some(members)) = (settings.account_id(), body.as_object_mut()) {
        members.insert("account_id".to_owned(), account_id.to_string().into());
    }
    Some(HttpRequest {
        method: Method::Post,
        url: settings.auth_url().join("v2/token").ok()?,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into(),
        timeout: TIMEOUT,
    })
}

/// Reads the answer of the token endpoint.
pub(crate) fn read_token(body: &[u8], settings: &Settings, number: u64, now_ms: i64) -> Result<Token, CloudError> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| unreadable("no JSON came"))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let token = text("access_token").map(str::trim).filter(|it| is_token(it)).ok_or_else(|| unreadable("`access_token` is missing"))?;
    let life_s = answer.get("expires_in").and_then(Value::as_u64).unwrap_or(LIFE_S_ASSUMED).min(LIFE_S_MAX);
    let life_ms = i64::try_from(life_s * 1000).unwrap_or(0);
    let door_url = |door: Door, member: &str| match settings.given_url(door) {
        Some(url) => Ok(url.clone()),
        None => {
            let url = text(member).and_then(base_url).ok_or_else(|| unreadable(&format!("`{member}` is missing")))?;
            // A token sent to a stranger is a token lost.
            let is_own = settings.tenant().admits(&url, door);
            is_own.then_some(url).ok_or_else(|| unreadable(&format!("`{member}` is no host of this tenant; nothing is sent there")))
        }
    };
    Ok(Token {
        text: Secret::new(token),
        soap_url: door_url(Door::Soap, "soap_instance_url")?,
        rest_url: door_url(Door::Rest, "rest_instance_url")?,
        scopes: text("scope").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
        number,
        taken_ms: now_ms,
        renew_ms: now_ms.saturating_add(life_ms / 5 * 4),
    })
}

/// Whether the text can stand in a header.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic())
}

fn refused(response: &HttpResponse, settings: &Settings, secret: &Secret) -> CloudError {
    let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let said = ["error_description", "message", "error"].into_iter().find_map(|it| answer.get(it).and_then(Value::as_str));
    let shown = match said {
        // The service repeats what it was sent in some answers, and its sentence becomes a part of ours.
        Some(text) => words::without_values(&text.replace(secret.expose(), "****")).trim_end_matches('.').to_owned(),
        None => format!("HTTP {}", response.status),
    };
    CloudError::Credentials { tenant: settings.tenant_name(), message: shown }
}

fn unreadable(message: &str) -> CloudError {
    CloudError::Unreadable { action: "log in".to_owned(), message: message.to_owned() }
}
