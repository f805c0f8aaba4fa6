//! The whole model as fingerprints, sorted into private files: for whoever holds it against what the data extension holds.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow_schema::SchemaRef;
use futures::StreamExt as _;
use outflow_baseline::{Baseline, Entry, EntryState, Origin, Presence, Record, RecordKind, Sealed, Spread, Spreader, Update};
use outflow_domain::{KeyFingerprint, Mapping, RowFingerprint, RunId};
use outflow_ports::{BatchStream, Blob, Progress, ProgressSink, ScanOptions};
use outflow_rows::{Canonicalizer, KeptFields, Scheme, fingerprints};

use crate::{
    buckets::Buckets,
    column_sets::keeps_any,
    error::EngineError,
    job::{Job, Ports},
    segments::Segments,
};

/// The model, read to its end.
pub(crate) struct ModelSet {
    /// Its keys and values; those of rows that cannot be sent with an unknown value.
    pub keys: Baseline<Blob>,
    pub source_rows: u64,
    /// Rows whose key is blank or cannot be understood.
    pub without_a_key: u64,
    kept: Option<Kept>,
}

/// Which fields rows of the model leave as they are.
struct Kept {
    /// The keys of rows that keep any, each with the number of its fields in the place of its values.
    keys: Baseline<Blob>,
    fields: Vec<KeptFields>,
}

impl ModelSet {
    /// Reads the model into private files of the run.
    pub async fn read(job: &Job, ports: &Ports, run: &RunId, mapping: &Mapping, scheme: &Scheme) -> Result<Self, EngineError> {
        let pass = Arc::new(ModelPass {
            activation: job.activation.name.to_string(),
            mapping: mapping.clone(),
            scheme: scheme.clone(),
            buckets: Buckets::new(Arc::clone(&ports.spool), run.clone()),
            rows_read: AtomicU64::new(0),
            without_a_key: AtomicU64::new(0),
            kept: Mutex::new(BTreeMap::new()),
        });
        let options = ScanOptions { partitions_max: ports.compute.width(), ..ScanOptions::default() };
        let scan = ports.source.scan(&job.query, options).await?;
        let tasks = scan
            .partitions
            .into_iter()
            .map(|it| partition(Arc::clone(&pass), Arc::clone(&ports.progress), scan.schema.clone(), it))
            .collect();
        let mut spread = Spread::default();
        ports.compute.all(tasks).await?.iter().for_each(|it| spread.add(it));
        let segments = Segments::new(ports, job.activation.name.as_str(), scheme);
        let mut keys = segments.private_set(run, "model", mapping)?;
        let mut kept = keeps_any(mapping).then(|| segments.private_set(run, "kept", mapping)).transpose()?;
        for sealed in pass.buckets.sorted(&spread, false) {
            let sealed = sealed?;
            if let Some(kept) = &mut kept {
                for it in sealed.kept().filter(|it| it.note > 0) {
                    kept.push(Update::Put(entry(it, RowFingerprint::of(u64::from(it.note)), Presence::Present)))?;
                }
            }
            updates_of(&sealed).into_iter().try_for_each(|it| keys.push(it))?;
        }
        let keys = segments.open_private_set(run, keys)?;
        let kept = match kept {
            Some(kept) => Some(Kept { keys: segments.open_private_set(run, kept)?, fields: pass.kept_by_number() }),
            None => None,
        };
        let [source_rows, without_a_key] = [&pass.rows_read, &pass.without_a_key].map(|it| it.load(Ordering::Relaxed));
        Ok(Self { keys, source_rows, without_a_key, kept })
    }

    /// The fields, as bits, that the model's row of this key leaves as they are.
    pub fn kept(&self, key: KeyFingerprint) -> &[u64] {
        let number = self.kept.as_ref().and_then(|it| it.keys.get(key)).map_or(0, |it| it.row.bits());
        let fields = self.kept.as_ref().zip(number.checked_sub(1)).and_then(|(it, at)| it.fields.get(at as usize));
        fields.map_or(&[], KeptFields::bits)
    }
}

/// What the threads that read the model share.
struct ModelPass {
    activation: String,
    mapping: Mapping,
    scheme: Scheme,
    buckets: Buckets,
    rows_read: AtomicU64,
    without_a_key: AtomicU64,
    /// Combinations of kept fields, numbered from 1.
    kept: Mutex<BTreeMap<KeptFields, u32>>,
}

impl ModelPass {
    /// The number of what a row keeps; 0 of nothing.
    fn kept_number(&self, kept: &[u64]) -> u32 {
        if kept.is_empty() {
            return 0;
        }
        let mut numbers = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let next = numbers.len() as u32 + 1;
        *numbers.entry(KeptFields::of_bits(kept)).or_insert(next)
    }

    fn kept_by_number(&self) -> Vec<KeptFields> {
        let numbers = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut by_number: Vec<(u32, KeptFields)> = numbers.iter().map(|(kept, number)| (*number, kept.clone())).collect();
        by_number.sort_unstable_by_key(|(number, _)| *number);
        by_number.into_iter().map(|(_, kept)| kept).collect()
    }
}

/// Records every row of one partition that has a key.
async fn partition(
    pass: Arc<ModelPass>,
    progress: Arc<dyn ProgressSink>,
    schema: SchemaRef,
    mut batches: BatchStream,
) -> Result<Spread, EngineError> {
    let canonicalizer = Canonicalizer::new(&pass.mapping, &schema).map_err(|it| EngineError::UnfitBatch(it.to_string()))?;
    let mut spreader = Spreader::new(&pass.buckets);
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    while let Some(batch) = batches.next().await {
        let batch = canonicalizer.canonicalize(&batch?);
        keys.clear();
        values.clear();
        fingerprints(&batch, &pass.scheme, &mut keys, &mut values);
        for row in 0..batch.rows() {
            if !batch.has_usable_key(row) {
                pass.without_a_key.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let kind = if batch.is_valid(row) { RecordKind::New } else { RecordKind::Invalid };
            let note = pass.kept_number(batch.kept(row));
            spreader.push(&Record { key: keys[row], row: values[row], kind, again: false, old: None, place: None, note })?;
        }
        let rows = pass.rows_read.fetch_add(batch.rows() as u64, Ordering::Relaxed) + batch.rows() as u64;
        progress.show(&pass.activation, Progress::Comparing { rows, candidates: 0 });
    }
    Ok(spreader.finish()?)
}

/// The rows of a bucket in the order of their keys, each key once.
fn updates_of(sealed: &Sealed) -> Vec<Update> {
    let update = |record: Record, presence| Update::Put(entry(record, record.row, presence));
    let unsendable = sealed.struck().map(|it| update(it, Presence::ValueUnknown));
    let kept = sealed.kept().map(|it| update(it, if it.kind == RecordKind::New { Presence::Present } else { Presence::ValueUnknown }));
    let mut updates: Vec<Update> = kept.chain(unsendable).collect();
    updates.sort_unstable_by_key(Update::key);
    updates.dedup_by_key(|it| it.key());
    updates
}

fn entry(record: Record, row: RowFingerprint, presence: Presence) -> Entry {
    Entry { key: record.key, row, state: EntryState { presence, origin: Origin::Created } }
}
