//! One connection, from login to a clean end.

use std::time::Duration;

use outflow_ports::SourceError;
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{Client, Config, NoTls, Socket, config, tls::TlsStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    errors::{Blame, message_of},
    settings::{PostgresSettings, SslMode},
};

/// How long telling the server to stop, or waiting for its last word, may take; after that the closed connection has to do.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

/// A logged-in connection and the task that moves its bytes.
pub(crate) struct Connection {
    pub client: Client,
    wire: JoinHandle<Option<String>>,
    tls: Option<MakeRustlsConnect>,
}

impl Connection {
    /// Connects and logs in.
    pub async fn open(settings: &PostgresSettings, tls: Option<MakeRustlsConnect>, blame: &Blame) -> Result<Self, SourceError> {
        let config = config_of(settings);
        let logging_in = async {
            match tls.clone() {
                Some(tls) => config.connect(tls).await.map(|(client, wire)| (client, tokio::spawn(until_closed(wire)))),
                None => config.connect(NoTls).await.map(|(client, wire)| (client, tokio::spawn(until_closed(wire)))),
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
    pub async fn begin(&self, settings: &PostgresSettings, blame: &Blame) -> Result<(), SourceError> {
        // Text casts must not depend on the role's settings; how it reads dates and its time zone are the person's choice.
        let mut begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL DateStyle = 'ISO'; \
             SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 1;"
            .to_owned();
        if let Some(limit) = settings.statement_timeout {
            begin.push_str(&format!(" SET LOCAL statement_timeout = {};", limit.as_millis().clamp(1, i32::MAX as u128)));
        }
        self.client.batch_execute(&begin).await.map_err(|error| blame.running(&error))
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
    pub async fn close(mut self) {
        drop(self.client);
        // An error after the goodbye changes nothing for what was read before.
        if timeout(FAREWELL_TIMEOUT, &mut self.wire).await.is_err() {
            self.wire.abort();
        }
    }

    /// What ended the connection, where the wire knows more than "closed".
    pub async fn reason_of_end(self) -> Option<String> {
        drop(self.client);
        self.wire.await.ok().flatten()
    }
}

/// Moves the connection's bytes until its end; what went wrong, if anything.
async fn until_closed<T: TlsStream + Unpin>(wire: tokio_postgres::Connection<Socket, T>) -> Option<String> {
    wire.await.err().map(|error| message_of(&error))
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
