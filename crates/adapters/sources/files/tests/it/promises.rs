//! The promises of the port, for every format.

use outflow_ports::promises::source::{Sample, keeps_its_promises};
use outflow_source_files::{CsvOptions, FileFormat};

use crate::formats::{Folder, people_as_text};

const ROWS: i64 = 60_000;

#[tokio::test(flavor = "multi_thread")]
async fn parquet_keeps_the_promises_of_the_port() {
    let folder = Folder::new();
    crate::parquet_files::write_people(&folder.path("people-1.parquet"), 0..ROWS / 2);
    crate::parquet_files::write_people(&folder.path("people-2.parquet"), ROWS / 2..ROWS);
    let source = folder.source("people", "people-*.parquet", FileFormat::Parquet);
    keeps_its_promises(&Sample { source: &source, table: "people", rows: ROWS }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_keeps_the_promises_of_the_port() {
    let folder = Folder::new();
    folder.write("people.csv", people_as_text(0..ROWS, "id,email\n", |id, email| format!("{id},{email}\n")));
    let source = folder.source("people", "people.csv", FileFormat::Csv(CsvOptions::default()));
    keeps_its_promises(&Sample { source: &source, table: "people", rows: ROWS }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ndjson_keeps_the_promises_of_the_port() {
    let folder = Folder::new();
    folder.write("people.ndjson", people_as_text(0..ROWS, "", |id, email| format!("{{\"id\":{id},\"email\":\"{email}\"}}\n")));
    let source = folder.source("people", "people.ndjson", FileFormat::Ndjson);
    keeps_its_promises(&Sample { source: &source, table: "people", rows: ROWS }).await;
}
