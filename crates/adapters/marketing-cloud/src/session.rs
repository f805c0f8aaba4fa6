//! A call as a whole: token, sending, judging, waiting, sending again.

use std::{sync::Arc, time::Duration};

use outflow_ports::{Clock, CloudError, Entropy};

use crate::{
    failure::{Failure, Privacy, Refusal},
    http::{HttpRequest, HttpResponse, HttpTransport},
    rest,
    retry::{Backoff, Repeat, Trouble, Verdict, judge},
    settings::{Door, Settings},
    soap::Fault,
    token::{Token, TokenCache},
};

/// How long a call may take. A page of rows of a wide data extension takes a while.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(180);

/// What is said of a call while it is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// What it is for, to follow "to".
    pub(crate) action: &'a str,
    /// Where it goes.
    pub(crate) door: Door,
    /// Whether it may be sent again.
    pub(crate) repeat: Repeat,
    /// Whether the service's words about it may be shown.
    pub(crate) privacy: Privacy,
}

/// A connection to one business unit.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Settings,
    transport: Arc<dyn HttpTransport>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tokens: TokenCache,
}

impl Session {
    pub(crate) fn new(settings: Settings, transport: Arc<dyn HttpTransport>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { settings, transport, clock, entropy, tokens: TokenCache::default() }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn transport(&self) -> &dyn HttpTransport {
        &*self.transport
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    pub(crate) fn tokens(&self) -> &TokenCache {
        &self.tokens
    }

    /// Sends the call until there is an answer, as far as it may be repeated. `make` writes the request for a token.
    ///
    /// A refused token is renewed once and the call repeated once; a second refusal is final. A call that is never repeated is not
    /// repeated then either: its caller is told that nothing was done, and the next call takes a new token.
    pub(crate) async fn deliver(
        &self,
        call: &Call<'_>,
        make: impl Fn(&Token) -> Option<HttpRequest> + Send + Sync,
    ) -> Result<HttpResponse, Failure> {
        let mut backoff = Backoff::new(self.clock(), self.entropy());
        let mut was_renewed = false;
        loop {
            let token = self.token().await.map_err(|error| Failure { error, may_have_acted: false, status: None })?;
            let request = make(&token).ok_or_else(|| cannot_build(call))?;
            backoff.count();
            let (trouble, status) = match self.transport.send(request).await {
                Ok(response) => match judge(call.door, &response, self.clock.now_ms()) {
                    Verdict::Good => return Ok(response),
                    Verdict::Refused => return Err(refusal(call, &response)),
                    Verdict::TokenRefused => {
                        self.tokens.forget(&token).await;
                        if call.repeat == Repeat::Never {
                            (token_trouble(), Some(response.status))
                        } else if was_renewed {
                            return Err(self.twice_refused(call, &response));
                        } else {
                            was_renewed = true;
                            continue;
                        }
                    }
                    Verdict::Trouble(trouble) => (trouble, Some(response.status)),
                },
                Err(error) => (Trouble::from(&error), None),
            };
            let may_repeat = trouble.may_repeat(call.repeat);
            tracing::debug!(
                door = call.door.label(),
                attempt = backoff.attempts(),
                may_repeat,
                "No answer to the call to {}: {}",
                call.action,
                trouble.message
            );
            if !may_repeat || !backoff.pause(trouble.retry_after).await {
                let Trouble { message, retry_after, may_have_acted, .. } = trouble;
                let error = CloudError::Unavailable { action: call.action.to_owned(), attempts: backoff.attempts(), message, retry_after };
                return Err(Failure { error, may_have_acted, status });
            }
        }
    }

    /// A fresh token was refused too. SOAP says so by a fault of security, which is about the login; REST by 401, which may be about a permission.
    fn twice_refused(&self, call: &Call<'_>, response: &HttpResponse) -> Failure {
        let failure = refusal(call, response);
        match failure.error {
            CloudError::Refused { message, .. } if call.door == Door::Soap => {
                let error = CloudError::Credentials { tenant: self.settings.tenant_name(), message };
                Failure { error, ..failure }
            }
            error => Failure { error, ..failure },
        }
    }
}

fn token_trouble() -> Trouble {
    Trouble {
        message: "the access token had expired; the next call takes a new one".to_owned(),
        retry_after: None,
        was_sent: true,
        may_have_acted: false,
        is_final: false,
    }
}

/// What the service said no with.
fn refusal(call: &Call<'_>, response: &HttpResponse) -> Failure {
    let refusal = match call.door {
        Door::Soap => Fault::of(&response.body).map(Refusal::from),
        Door::Rest | Door::Auth => rest::refusal_of(&response.body),
    };
    let refusal = refusal.unwrap_or_else(|| Refusal { code: None, message: format!("HTTP {}", response.status) });
    Failure::refused(call.action, response.status, &refusal, call.privacy)
}

fn cannot_build(call: &Call<'_>) -> Failure {
    let error = CloudError::Unreadable { action: call.action.to_owned(), message: "the address of the call cannot be built".to_owned() };
    Failure { error, may_have_acted: false, status: None }
}
