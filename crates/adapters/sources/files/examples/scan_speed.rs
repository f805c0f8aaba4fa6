//! Reads a Parquet file with this source and with the bare Parquet reader, both on two threads, and prints the ratio.
//!
//! `scan_speed PATH [ROUNDS]`; build it with `--release`, or it says nothing.

#![allow(clippy::print_stdout, reason = "an example that measures prints what it found")]

use std::{collections::BTreeMap, error::Error, fs::File, path::Path, thread, time::Instant};

use futures::StreamExt as _;
use outflow_ports::{Query, ScanOptions, Source};
use outflow_source_files::{FileFormat, FilesSettings, FilesSource, TableFiles};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

type AnyError = Box<dyn Error + Send + Sync>;
const PARTITIONS: usize = 2;
const BATCH_ROWS: usize = 8192;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), AnyError> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("usage: scan_speed PATH [ROUNDS]")?;
    let rounds: usize = arguments.next().map_or(Ok(3), |it| it.parse())?;
    for _ in 0..rounds {
        let started = Instant::now();
        let bare_rows = bare_reader(Path::new(&path))?;
        let bare = started.elapsed().as_secs_f64();
        let started = Instant::now();
        let rows = source(&path).await?;
        let ours = started.elapsed().as_secs_f64();
        if rows != bare_rows {
            return Err(format!("the source gave {rows} rows and the reader {bare_rows}").into());
        }
        println!(
            "bare reader {:.2} M rows/s, source {:.2} M rows/s, ratio {:.3}",
            rows as f64 / bare / 1e6,
            rows as f64 / ours / 1e6,
            ours / bare
        );
    }
    Ok(())
}

/// Row groups dealt out to threads in turn, every column decoded.
fn bare_reader(path: &Path) -> Result<usize, AnyError> {
    let groups = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.metadata().num_row_groups();
    thread::scope(|scope| {
        let read = |thread: usize| -> Result<usize, AnyError> {
            let mine = (thread..groups).step_by(PARTITIONS).collect();
            let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
            let mut rows = 0;
            for batch in builder.with_row_groups(mine).with_batch_size(BATCH_ROWS).build()? {
                rows += batch?.num_rows();
            }
            Ok(rows)
        };
        let threads: Vec<_> = (0..PARTITIONS).map(|thread| scope.spawn(move || read(thread))).collect();
        threads.into_iter().map(|it| it.join().map_err(|_| "a thread panicked")?).sum()
    })
}

async fn source(path: &str) -> Result<usize, AnyError> {
    let source = FilesSource::new(FilesSettings {
        name: "measured".to_owned(),
        tables: BTreeMap::from([("t".to_owned(), TableFiles { paths: vec![path.to_owned()], format: FileFormat::Parquet })]),
        base_folder: std::env::current_dir()?,
        s3: None,
        memory_limit_bytes: FilesSettings::MEMORY_LIMIT_BYTES,
        spill_folder: None,
    });
    let options = ScanOptions { partitions_max: PARTITIONS, batch_rows: BATCH_ROWS };
    let scan = source.scan(&Query { sql: "SELECT * FROM t".to_owned() }, options).await?;
    let threads = scan.partitions.into_iter().map(|mut partition| {
        tokio::spawn(async move {
            let mut rows = 0;
            while let Some(batch) = partition.next().await {
                rows += batch?.num_rows();
            }
            Ok::<usize, AnyError>(rows)
        })
    });
    let mut rows = 0;
    for thread in threads.collect::<Vec<_>>() {
        rows += thread.await??;
    }
    Ok(rows)
}
