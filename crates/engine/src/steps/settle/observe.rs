//! Reads rows back and tells what the destination holds, as fingerprints.

use std::collections::{HashMap, HashSet};

use outflow_domain::{KeyFingerprint, Mapping, OpenPart, RowFingerprint};
use outflow_ports::{CloudError, Progress, RowFilter, RowQuery};
use outflow_rows::{CsvFile, KeptFields, ReadBack, Scheme, keepable_fields};

use crate::{
    error::EngineError,
    job::{Job, Ports},
    pages::each_page,
    part_files::{PartRow, csv_name},
};

/// Keys asked for in one call: of a single field by `IN`, of several by `OR`.
const KEYS_PER_CALL: (usize, usize) = (1000, 50);

/// Rows of a page when all are read.
const PAGE_ROWS: u64 = 2500;

/// What the destination holds under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The row, or `None` where its values cannot be understood.
    pub row: Option<RowFingerprint>,
}

/// Reads rows of one part back.
pub(crate) struct Observer<'a> {
    job: &'a Job,
    ports: &'a Ports,
    open: &'a OpenPart,
    mapping: &'a Mapping,
    scheme: &'a Scheme,
    rows: &'a [PartRow],
    reader: ReadBack,
    /// What all rows of the part leave as it is, and so is not compared.
    kept: KeptFields,
}

impl<'a> Observer<'a> {
    /// `mapping` is the one that the part's fingerprints are of.
    pub fn new(job: &'a Job, ports: &'a Ports, open: &'a OpenPart, mapping: &'a Mapping, scheme: &'a Scheme, rows: &'a [PartRow]) -> Self {
        let reader = ReadBack::new(mapping, job.server_offset_s);
        let fields: Vec<_> = mapping.fields().map(|it| &it.field).collect();
        let is_kept = |at: &usize| open.plan.kept.iter().any(|it| it.is_same_as(fields[*at]));
        let places = keepable_fields(mapping).into_iter().enumerate().filter(|(_, at)| is_kept(at)).map(|(place, _)| place);
        Self { job, ports, open, mapping, scheme, rows, reader, kept: KeptFields::of_places(places) }
    }

    /// What the destination holds of every row of the part; keys that are not there are left out.
    pub async fn all(&self) -> Result<HashMap<KeyFingerprint, Observed>, EngineError> {
        match self.read_all().await {
            // A data extension that somebody has deleted holds none of them.
            Err(EngineError::Cloud(CloudError::Refused { .. })) if self.is_table_gone().await? => Ok(HashMap::new()),
            other => other,
        }
    }

    /// Where nothing at all is told, it may be that nothing may be seen.
    async fn is_table_gone(&self) -> Result<bool, EngineError> {
        let (cloud, key) = (&self.ports.cloud, &self.job.activation.data_extension);
        Ok(cloud.describe(key).await?.is_none() && !cloud.list().await?.is_empty())
    }

    async fn read_all(&self) -> Result<HashMap<KeyFingerprint, Observed>, EngineError> {
        let every: Vec<usize> = (0..self.rows.len()).collect();
        let key = &self.job.activation.data_extension;
        let calls = (every.len() as u64).div_ceil(self.keys_per_call() as u64);
        let pages = self.ports.cloud.row_count(key).await?.div_ceil(PAGE_ROWS).max(1);
        match self.key_texts(&every)? {
            Some(keys) if calls <= pages => self.by_keys(keys).await,
            // Paging through everything is cheaper, or all there is: the keys' texts went with the spool.
            _ => self.by_pages().await,
        }
    }

    /// What the destination holds of some rows, by their position in the part.
    pub async fn of_rows(&self, rows: &[usize]) -> Result<HashMap<KeyFingerprint, Observed>, EngineError> {
        match self.key_texts(rows)? {
            Some(keys) => self.by_keys(keys).await,
            None => self.by_pages().await,
        }
    }

    fn keys_per_call(&self) -> usize {
        if self.mapping.keys().len() == 1 { KEYS_PER_CALL.0 } else { KEYS_PER_CALL.1 }
    }

    /// The texts of some rows' keys, from the private file that was sent; `None` when it is gone, or is not aligned with the rows.
    fn key_texts(&self, wanted: &[usize]) -> Result<Option<Vec<Vec<String>>>, EngineError> {
        let Some(csv) = self.ports.spool.read(&self.open.run, &csv_name(self.open.plan.part))? else { return Ok(None) };
        let wanted: HashSet<KeyFingerprint> = wanted.iter().map(|&it| self.rows[it].key).collect();
        let keys = self.mapping.keys().len();
        let of_file = ReadBack::of_file(self.mapping);
        let mut texts = Vec::with_capacity(wanted.len());
        for record in CsvFile::new(csv.as_ref()).skip(1) {
            let Ok(record) = record else { return Ok(None) };
            let cells: Vec<Option<&str>> = record.iter().take(keys).map(|it| it.as_deref()).collect();
            let Ok(key) = of_file.key_fingerprint(self.scheme, &cells) else { return Ok(None) };
            if wanted.contains(&key) {
                texts.push(cells.iter().map(|it| it.unwrap_or_default().to_owned()).collect());
            }
        }
        Ok((texts.len() == wanted.len()).then_some(texts))
    }

    async fn by_keys(&self, keys: Vec<Vec<String>>) -> Result<HashMap<KeyFingerprint, Observed>, EngineError> {
        let mut observed = HashMap::new();
        for chunk in keys.chunks(self.keys_per_call()) {
            self.read(RowFilter::Keys(chunk.to_vec()), &mut observed, |_| true).await?;
        }
        Ok(observed)
    }

    async fn by_pages(&self) -> Result<HashMap<KeyFingerprint, Observed>, EngineError> {
        let ours: HashSet<KeyFingerprint> = self.rows.iter().map(|it| it.key).collect();
        let mut observed = HashMap::new();
        self.read(RowFilter::All, &mut observed, |key| ours.contains(&key)).await?;
        Ok(observed)
    }

    async fn read(
        &self,
        filter: RowFilter,
        observed: &mut HashMap<KeyFingerprint, Observed>,
        is_ours: impl Fn(KeyFingerprint) -> bool,
    ) -> Result<(), EngineError> {
        let mapping = self.mapping;
        let query = RowQuery {
            data_extension: self.job.activation.data_extension.clone(),
            key_fields: mapping.keys().iter().map(|it| it.field.clone()).collect(),
            fields: mapping.fields().map(|it| it.field.clone()).collect(),
            filter,
        };
        each_page(self.ports.cloud.as_ref(), &query, |page| {
            for row in &page.rows {
                let cells: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
                let keys = &cells[..mapping.keys().len().min(cells.len())];
                let Ok(key) = self.reader.key_fingerprint(self.scheme, keys) else { continue };
                if is_ours(key) {
                    let row = self.reader.fingerprints(self.scheme, &cells, self.kept.bits()).ok().map(|(_, row)| row);
                    observed.insert(key, Observed { row });
                }
            }
            let (part, of) = (self.open.plan.part, self.rows.len() as u64);
            self.ports.progress.show(self.job.activation.name.as_str(), Progress::ReadingBack { part, rows: observed.len() as u64, of });
        })
        .await?;
        Ok(())
    }
}
