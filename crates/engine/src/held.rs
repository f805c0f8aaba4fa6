//! Every row that a data extension holds, read back.

use outflow_domain::{DataExtensionKey, KeyFingerprint, Mapping, RowFingerprint};
use outflow_ports::{Progress, RowFilter, RowQuery};
use outflow_rows::{CanonicalBatch, ReadBack, Scheme, fingerprints, key_fingerprints};

use crate::{
    column_sets::keeps_any,
    error::EngineError,
    job::{Job, Ports},
    pages::each_page,
};

/// A page of rows.
pub(crate) struct HeldRows<'a> {
    pub batch: &'a CanonicalBatch,
    pub keys: &'a [KeyFingerprint],
    /// Of no meaning where a row's values cannot be understood.
    pub rows: &'a [RowFingerprint],
}

impl HeldRows<'_> {
    /// The rows whose keys a model could have, by their places on the page, and whether their values can be understood.
    ///
    /// A key of the service that we cannot read is none that the model could have: its own types guard it.
    pub fn with_a_key(&self) -> impl Iterator<Item = (usize, bool)> + '_ {
        (0..self.keys.len()).filter(|&it| self.batch.has_usable_key(it)).map(|it| (it, self.batch.is_valid(it)))
    }
}

/// Reads key and mapped values of every row, a page at a time. What a row of the model leaves as it is, which `kept` tells of a key, is not looked
/// at.
pub(crate) async fn each_held_page<'k>(
    job: &Job,
    ports: &Ports,
    mapping: &Mapping,
    scheme: &Scheme,
    kept: impl Fn(KeyFingerprint) -> &'k [u64],
    mut take: impl FnMut(&HeldRows<'_>),
) -> Result<(), EngineError> {
    let reader = ReadBack::new(mapping, job.server_offset_s);
    // Columns that are yet to be created hold nothing; of the others, the place among those that are asked for.
    let mut asked = 0..;
    let places: Vec<Option<usize>> = mapping.fields().map(|it| it.field_id.as_ref().and_then(|_| asked.next())).collect();
    let query = RowQuery {
        data_extension: DataExtensionKey::clone(&job.activation.data_extension),
        key_fields: mapping.keys().iter().map(|it| it.field.clone()).collect(),
        fields: mapping.fields().filter(|it| it.field_id.is_some()).map(|it| it.field.clone()).collect(),
        filter: RowFilter::All,
    };
    let (mut keys, mut rows, mut read) = (Vec::new(), Vec::new(), 0);
    each_page(ports.cloud.as_ref(), &query, |page| {
        let cell = |row: usize, field: usize| page.rows[row].get(places[field]?)?.as_deref();
        let batch = if keeps_any(mapping) {
            key_fingerprints(&reader.keys(page.rows.len(), cell), scheme, &mut keys);
            reader.rows_keeping(page.rows.len(), cell, |row| kept(keys[row]))
        } else {
            reader.rows(page.rows.len(), cell)
        };
        keys.clear();
        rows.clear();
        fingerprints(&batch, scheme, &mut keys, &mut rows);
        take(&HeldRows { batch: &batch, keys: &keys, rows: &rows });
        read += page.rows.len() as u64;
        ports.progress.show(job.activation.name.as_str(), Progress::ReadingKeys { rows: read });
    })
    .await?;
    Ok(())
}
