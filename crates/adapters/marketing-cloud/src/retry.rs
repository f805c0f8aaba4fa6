//! What may be repeated, and when.

use std::time::Duration;

use outflow_ports::{Clock, Entropy};
use serde_json::Value;

use crate::{
    http::{HttpResponse, TransportError},
    settings::Door,
    soap::{Fault, FaultKind},
};

/// How often a call is sent at most.
pub(crate) const ATTEMPTS_MAX: u32 = 6;

/// The pause after the first attempt; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(500);

/// The longest pause of our own accord.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The longest pause the service may ask for; beyond it the run had better tell its reader.
const ASKED_MAX: Duration = Duration::from_secs(120);

/// Whether a call may be sent again once a byte of it may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Sending it twice does what sending it once does.
    Safely,
    /// Sending it twice does what sending it once does, but the first one must not be done later than the second: only what the service has
    /// surely not acted on is sent again.
    UnlessActed,
    /// Sending it twice may do a thing twice.
    Never,
}

/// What an answer means for sending the call again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is an answer.
    Good,
    /// The token is expired or unknown; nothing was done.
    TokenRefused,
    /// The service said no, and would again.
    Refused,
    /// Later may be better.
    Trouble(Trouble),
}

/// Why there is no answer yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// In words, without values.
    pub(crate) message: String,
    /// How long the service asked us to wait.
    pub(crate) retry_after: Option<Duration>,
    /// Whether a byte of the call arrived or may have.
    pub(crate) was_sent: bool,
    /// Whether the service may have acted on it.
    pub(crate) may_have_acted: bool,
    /// Whether waiting cannot help.
    pub(crate) is_final: bool,
}

impl Trouble {
    /// Whether the call may be sent again.
    pub(crate) fn may_repeat(&self, repeat: Repeat) -> bool {
        !self.is_final
            && match repeat {
                Repeat::Safely => true,
                Repeat::UnlessActed => !self.may_have_acted,
                Repeat::Never => !self.was_sent,
            }
    }
}

impl From<&TransportError> for Trouble {
    fn from(error: &TransportError) -> Self {
        let is_final = matches!(error, TransportError::Certificate { .. } | TransportError::TooLong { .. });
        let was_sent = error.may_have_arrived();
        Self { message: error.to_string(), retry_after: None, was_sent, may_have_acted: was_sent, is_final }
    }
}

/// Judges an answer. SOAP tells expired tokens and throttling alike by status 500, so its faults are looked into
/// (<https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/soap_faults.html>,
/// <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/rate-limiting.html>).
pub(crate) fn judge(door: Door, response: &HttpResponse, now_ms: i64) -> Verdict {
    let trouble = |may_have_acted: bool, words: &str| {
        Verdict::Trouble(Trouble {
            message: format!("HTTP {}{words}", response.status),
            retry_after: retry_after(response, now_ms),
            was_sent: true,
            may_have_acted,
            is_final: false,
        })
    };
    match (door, response.status) {
        (_, 200..=299) => Verdict::Good,
        (Door::Rest | Door::Soap, 401) => Verdict::TokenRefused,
        (_, 429) => trouble(false, ", too many requests"),
        (Door::Soap, 500) => match Fault::of(&response.body).map(|it| it.kind) {
            Some(FaultKind::Security) => Verdict::TokenRefused,
            Some(FaultKind::Client) => Verdict::Refused,
            Some(FaultKind::Server) => trouble(true, ", a fault of the server"),
            None => trouble(true, ""),
        },
        (_, 408 | 500..=599) => trouble(true, ""),
        _ => Verdict::Refused,
    }
}

/// How long the service asks us to wait: the header in seconds or as a date, or the member `retryAfter` of a JSON body.
pub(crate) fn retry_after(response: &HttpResponse, now_ms: i64) -> Option<Duration> {
    if let Some(text) = response.header("retry-after").map(str::trim) {
        if let Ok(seconds) = text.parse::<u32>() {
            return Some(Duration::from_secs(seconds.into()));
        }
        if let Ok(at) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text) {
            let millis = at.as_millisecond().saturating_sub(now_ms);
            return Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
        }
    }
    let body: Value = serde_json::from_slice(&response.body).ok()?;
    let seconds = match body.get("retryAfter")? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// The pauses of one call: they double, with jitter, and are never shorter than the service asks for.
#[derive(Debug)]
pub(crate) struct Backoff<'a> {
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
    attempts: u32,
}

impl<'a> Backoff<'a> {
    pub(crate) fn new(clock: &'a dyn Clock, entropy: &'a dyn Entropy) -> Self {
        Self { clock, entropy, attempts: 0 }
    }

    /// Notes that the call was sent once more.
    pub(crate) fn count(&mut self) {
        self.attempts += 1;
    }

    /// How often the call was sent.
    pub(crate) const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Waits before the next attempt; `false` where there is none.
    pub(crate) async fn pause(&self, asked: Option<Duration>) -> bool {
        if ATTEMPTS_MAX <= self.attempts || asked.is_some_and(|it| ASKED_MAX < it) {
            return false;
        }
        let doublings = self.attempts.saturating_sub(1).min(16);
        let own = PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX);
        // Half of the pause is chance, so that clients throttled together do not come back together.
        let half = own / 2;
        let share = (self.entropy.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let jitter = half.mul_f64(share);
        self.clock.sleep(asked.map_or(half, |it| it.max(half)) + jitter).await;
        true
    }
}
