//! The PostgreSQL source, with nobody behind it.

use std::time::Instant;

use futures::StreamExt;
use outflow_ports::{Query, ScanOptions, Source};
use outflow_source_postgres::{PostgresSettings, PostgresSource, SslMode};

/// Reads every row and prints seconds, rows and bytes in memory as JSON.
pub async fn read(port: u16, user: String, sql: String) -> Result<(), Box<dyn std::error::Error>> {
    let source = PostgresSource::new(PostgresSettings {
        name: "bench".into(),
        host: "127.0.0.1".into(),
        port,
        database: "postgres".into(),
        user,
        password: None,
        ssl_mode: SslMode::Disable,
        root_certificate: None,
        application_name: PostgresSettings::APPLICATION_NAME.into(),
        connect_timeout: PostgresSettings::CONNECT_TIMEOUT,
        statement_timeout: None,
    })?;
    let began = Instant::now();
    let scan = source.scan(&Query { sql }, ScanOptions::default()).await?;
    let (mut rows, mut bytes) = (0, 0);
    for mut partition in scan.partitions {
        while let Some(batch) = partition.next().await {
            let batch = batch?;
            rows += batch.num_rows();
            bytes += batch.get_array_memory_size();
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    super::print(&serde_json::json!({ "seconds": seconds, "rows": rows, "arrow_bytes": bytes }));
    Ok(())
}
