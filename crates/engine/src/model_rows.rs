//! Finds rows of the model by their keys, for whoever asks about some of them.

use arrow_array::RecordBatch;
use futures::StreamExt;
use outflow_domain::{KeyFingerprint, Mapping};
use outflow_ports::{Progress, ScanOptions};
use outflow_rows::{CanonicalBatch, Canonicalizer, Scheme, key_fingerprints};

use crate::{
    error::EngineError,
    job::{Job, Ports},
};

/// A row of the model of which the key is known.
pub(crate) struct KeyRow<'b> {
    pub key: KeyFingerprint,
    /// All columns that the model gave.
    pub batch: &'b RecordBatch,
    /// Its place in the batch.
    pub row: usize,
    keys: &'b CanonicalBatch,
}

impl KeyRow<'_> {
    /// Its key in the spelling of our files, in the order of `Mapping::keys`.
    pub fn texts(&self) -> Vec<String> {
        (0..self.keys.keys().len()).map(|field| self.keys.text(self.row, field).unwrap_or_default()).collect()
    }
}

/// Reads the model once and hands on every row that has a usable key.
pub(crate) async fn each_row(
    job: &Job,
    ports: &Ports,
    mapping: &Mapping,
    scheme: &Scheme,
    mut take: impl FnMut(KeyRow<'_>),
) -> Result<(), EngineError> {
    let name = job.activation.name.as_str();
    let scan = ports.source.scan(&job.query, ScanOptions { partitions_max: ports.compute.width(), ..ScanOptions::default() }).await?;
    let canonicalizer = Canonicalizer::of_keys(mapping, &scan.schema).map_err(|it| EngineError::UnfitBatch(it.to_string()))?;
    let (mut prints, mut rows) = (Vec::new(), 0);
    for mut partition in scan.partitions {
        while let Some(batch) = partition.next().await {
            let batch = batch?;
            let keys = canonicalizer.canonicalize(&batch);
            key_fingerprints(&keys, scheme, &mut prints);
            for (row, &key) in prints.iter().enumerate().filter(|(row, _)| keys.has_usable_key(*row)) {
                take(KeyRow { key, batch: &batch, row, keys: &keys });
            }
            rows += batch.num_rows() as u64;
            ports.progress.show(name, Progress::Comparing { rows, candidates: 0 });
        }
    }
    ports.progress.show(name, Progress::Done);
    Ok(())
}
