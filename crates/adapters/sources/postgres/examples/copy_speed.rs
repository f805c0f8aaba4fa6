//! Reads a query's rows into Arrow and prints how fast.
//!
//! `copy_speed HOST PORT DATABASE USER PASSWORD_FILE SQL`, where HOST may be a socket folder and PASSWORD_FILE may be `-` for none.
//! Compare with `psql -c "\copy (SQL) to /dev/null (format binary)"`.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it found")]

use std::{error::Error, fs, time::Instant};

use futures::StreamExt as _;
use outflow_domain::secret::Secret;
use outflow_ports::{Query, ScanOptions, Source};
use outflow_source_postgres::{PostgresSettings, PostgresSource, SslMode};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, database, user, password_file, sql] = arguments.as_slice() else {
        return Err("usage: copy_speed HOST PORT DATABASE USER PASSWORD_FILE SQL".into());
    };
    let password = match password_file.as_str() {
        "-" => None,
        path => Some(Secret::new(fs::read_to_string(path)?.trim_end())),
    };
    let source = PostgresSource::new(PostgresSettings {
        name: "measured".to_owned(),
        host: host.clone(),
        port: port.parse()?,
        database: database.clone(),
        user: user.clone(),
        password,
        ssl_mode: SslMode::Prefer,
        root_certificate: None,
        application_name: PostgresSettings::APPLICATION_NAME.to_owned(),
        connect_timeout: PostgresSettings::CONNECT_TIMEOUT,
        statement_timeout: None,
    })?;
    let started = Instant::now();
    let scan = source.scan(&Query { sql: sql.clone() }, ScanOptions::default()).await?;
    let (mut rows, mut bytes) = (0, 0);
    for mut partition in scan.partitions {
        while let Some(batch) = partition.next().await {
            let batch = batch?;
            rows += batch.num_rows();
            bytes += batch.get_array_memory_size();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{rows} rows, {:.1} MB as Arrow, {seconds:.3} s, {:.0} rows/s", bytes as f64 / 1e6, rows as f64 / seconds);
    Ok(())
}
