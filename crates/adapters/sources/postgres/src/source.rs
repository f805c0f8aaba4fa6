//! The port's methods.

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::stream;
use outflow_ports::{BatchStream, Query, Scan, ScanOptions, Source, SourceError};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{connection::Connection, decoder::Decoder, errors::Blame, prepared::Prepared, scan::CopyScan, settings::PostgresSettings, tls};

/// A PostgreSQL database that is asked for rows.
pub struct PostgresSource {
    settings: PostgresSettings,
    /// None where the connection is not to be encrypted.
    tls: Option<MakeRustlsConnect>,
    blame: Blame,
}

impl std::fmt::Debug for PostgresSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresSource").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl PostgresSource {
    /// A source of these settings; nothing is connected yet.
    ///
    /// # Errors
    /// [`SourceError::Unreachable`] if the root certificate cannot be used.
    pub fn new(settings: PostgresSettings) -> Result<Self, SourceError> {
        let blame = Blame { source_name: settings.name.clone() };
        let tls = tls::connector(settings.effective_ssl_mode(), settings.root_certificate.as_deref())
            .map_err(|message| SourceError::Unreachable { source_name: settings.name.clone(), message, is_transient: false })?;
        Ok(Self { settings, tls, blame })
    }

    /// A connection with its read-only transaction open.
    async fn open(&self) -> Result<Connection, SourceError> {
        let mut connection = Connection::open(&self.settings, self.tls.clone(), &self.blame).await?;
        connection.begin(&self.settings, &self.blame).await?;
        Ok(connection)
    }
}

#[async_trait]
impl Source for PostgresSource {
    async fn check(&self) -> Result<(), SourceError> {
        self.open().await?.close().await;
        Ok(())
    }

    async fn describe(&self, query: &Query) -> Result<SchemaRef, SourceError> {
        let mut connection = self.open().await?;
        let prepared = connection.wire.during(Prepared::new(&connection.client, &query.sql, &self.blame)).await?;
        connection.close().await;
        Ok(prepared.schema)
    }

    async fn scan(&self, query: &Query, options: ScanOptions) -> Result<Scan, SourceError> {
        let mut connection = self.open().await?;
        let preparing = Prepared::new(&connection.client, &query.sql, &self.blame);
        let Prepared { schema, forms, copy } = connection.wire.during(preparing).await?;
        let decoder = Decoder::new(schema.clone(), &forms, options.batch_rows);
        let batches = CopyScan { connection, copy, decoder, blame: self.blame.clone() }.start();
        let stream: BatchStream = Box::pin(stream::unfold(batches, async |mut batches| batches.recv().await.map(|it| (it, batches))));
        Ok(Scan { schema, partitions: vec![stream] })
    }
}
