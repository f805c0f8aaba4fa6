//! One connection, from login to a clean end.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use outflow_ports::SourceError;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, Socket, config, tls::TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    errors::{Blame, message_of},
    settings::{PostgresSettings, SslMode},
};

/// How long telling the server to stop, or waiting for its last word, may take; after that the closed connection has to do.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// A logged-in connection.
pub(crate) struct Connection {
    pub client: Client,
    pub wire: Wire,
    tls: Option<MakeRustlsConnect>,
}

/// What moves a connection's bytes. It moves them only while something is awaited [`during`](Wire::during) it.
///
/// That is in the task which takes the rows, not in one of its own: handing every 8 KiB from thread to thread made reading a fifth slower
/// (1.17 instead of 0.93 times what `psql` takes, `docs/benchmarks.md`).
pub(crate) struct Wire {
    /// None once it has come to its end.
    moving: Option<BoxFuture<'static, Option<String>>>,
    /// What ended it, if anything went wrong.
    broken: Option<String>,
}

impl Connection {
    /// Connects and logs in.
    pub async fn open(settings: &PostgresSettings, tls: Option<MakeRustlsConnect>, blame: &Blame) -> Result<Self, SourceError> {
        let config = config_of(settings);
        let logging_in = async {
            match tls.clone() {
                Some(tls) => config.connect(tls).await.map(|(client, wire)| (client, Wire::of(wire))),
                None => config.connect(NoTls).await.map(|(client, wire)| (client, Wire::of(wire))),
            }
        };
        let logged_in = timeout(settings.connect_timeout, logging_in).await.map_err(|_| SourceError::Unreachable {
            source_name: blame.source_name.clone(),
            message: format!("`{}` port {} did not answer within {:?}", settings.host, settings.port, settings.connect_timeout),
            is_transient: true,
        })?;
        let (client, wire) = logged_in.map_err(|error| blame.unreachable(&error))?;
        Ok(Self { client, wire, tls })
    }

    /// Begins the one transaction this connection is for: it sees one state of the data and cannot write.
    pub async fn begin(&mut self, settings: &PostgresSettings, blame: &Blame) -> Result<(), SourceError> {
        // Text casts must not depend on the role's settings; how it reads dates and its time zone are the person's choice.
        let mut begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL DateStyle = 'ISO'; \
             SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 1;"
            .to_owned();
        if let Some(limit) = settings.statement_timeout {
            begin.push_str(&format!(" SET LOCAL statement_timeout = {};", limit.as_millis().clamp(1, i32::MAX as u128)));
        }
        self.wire.during(self.client.batch_execute(&begin)).await.map_err(|error| blame.running(&error))
    }

    /// Stops the running query at the server, then closes.
    ///
    /// The closed connection would end the query too, if later, so a failure to cancel is not told.
    pub async fn cancel(self) {
        let token = self.client.cancel_token();
        let cancelling = async {
            match self.tls.clone() {
                Some(tls) => token.cancel_query(tls).await,
                None => token.cancel_query(NoTls).await,
            }
        };
        let _ = timeout(FAREWELL_TIMEOUT, cancelling).await;
        self.close().await;
    }

    /// Says goodbye and waits until the last byte is out.
    pub async fn close(self) {
        let Self { client, wire, .. } = self;
        drop(client);
        // An error after the goodbye changes nothing for what was read before.
        let _ = timeout(FAREWELL_TIMEOUT, wire.until_closed()).await;
    }

    /// What ended the connection, where the wire knows more than "closed".
    pub async fn reason_of_end(self) -> Option<String> {
        let Self { client, wire, .. } = self;
        drop(client);
        wire.until_closed().await
    }
}

impl Wire {
    fn of<T: TlsStream + Unpin + Send + 'static>(wire: tokio_postgres::Connection<Socket, T>) -> Self {
        let moving = async { wire.await.err().map(|error| message_of(&error)) };
        Self { moving: Some(Box::pin(moving)), broken: None }
    }

    /// Waits for `work`, which waits for what this wire brings.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            // Where the wire has come to its end, the work is told so by its client.
            let _ = self.poll(context);
            work.as_mut().poll(context)
        })
        .await
    }

    /// Waits until the connection is closed; what went wrong, if anything.
    async fn until_closed(mut self) -> Option<String> {
        poll_fn(|context| self.poll(context)).await;
        self.broken
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(moving) = &mut self.moving else { return Poll::Ready(()) };
        moving.as_mut().poll(context).map(|broken| {
            self.broken = broken;
            self.moving = None;
        })
    }
}

fn config_of(settings: &PostgresSettings) -> Config {
    let mut config = Config::new();
    config
        .host(&settings.host)
        .port(settings.port)
        .dbname(&settings.database)
        .user(&settings.user)
        .application_name(&settings.application_name)
        .connect_timeout(settings.connect_timeout);
    if let Some(password) = &settings.password {
        config.password(password.expose());
    }
    config.ssl_mode(match settings.effective_ssl_mode() {
        SslMode::Disable => config::SslMode::Disable,
        SslMode::Prefer => config::SslMode::Prefer,
        SslMode::Require | SslMode::VerifyFull => config::SslMode::Require,
    });
    config
}
