//! The floor: decoding alone, all columns, by the same library, row groups shared among threads.

use std::{
    fs::File,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

/// Decodes every row group and prints seconds and rows as JSON.
pub fn decode(file: &Path, threads: usize) -> Result<(), Box<dyn std::error::Error>> {
    let began = Instant::now();
    let opened = File::open(file)?;
    let metadata = ArrowReaderMetadata::load(&opened, Default::default())?;
    let (next, groups) = (AtomicUsize::new(0), metadata.metadata().num_row_groups());
    let rows = thread::scope(|scope| {
        let work = || -> Result<usize, parquet::errors::ParquetError> {
            let mut rows = 0;
            loop {
                let group = next.fetch_add(1, Ordering::Relaxed);
                if group >= groups {
                    return Ok(rows);
                }
                // Opened anew: clones of a file share its position, and the threads would read at each other's.
                let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(File::open(file)?, metadata.clone());
                for batch in builder.with_row_groups(vec![group]).with_batch_size(8192).build()? {
                    rows += batch?.num_rows();
                }
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|it| it.join().unwrap_or(Ok(0))).sum::<Result<usize, _>>()
    })?;
    super::println_json(&serde_json::json!({ "seconds": began.elapsed().as_secs_f64(), "source_rows": rows }));
    Ok(())
}
