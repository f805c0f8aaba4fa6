//! The files source alone: what of a run is the query engine's.

use std::{path::Path, time::Instant};

use futures::StreamExt;
use outflow_ports::{Query, ScanOptions, Source};

/// Reads every partition to its end and prints seconds and rows as JSON.
pub fn scan(file: &Path, threads: usize) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let began = Instant::now();
    let rows = runtime.block_on(async {
        let query = Query { sql: "SELECT * FROM customers".into() };
        let options = ScanOptions { partitions_max: threads, ..ScanOptions::default() };
        let scan = super::source(file).scan(&query, options).await?;
        let mut readers = tokio::task::JoinSet::new();
        for mut partition in scan.partitions {
            readers.spawn(async move {
                let mut rows = 0;
                while let Some(batch) = partition.next().await {
                    rows += batch?.num_rows();
                }
                Ok::<_, outflow_ports::SourceError>(rows)
            });
        }
        readers.join_all().await.into_iter().sum::<Result<usize, _>>()
    })?;
    super::println_json(&serde_json::json!({ "seconds": began.elapsed().as_secs_f64(), "source_rows": rows }));
    Ok(())
}
