//! The field that says of each row whether it has left the model.

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use outflow_domain::{CellProblem, Mapping, MappingProblem, RowFingerprint};

use crate::{batch::CanonicalBatch, canonicalizer::Canonicalizer, csv::CsvEncoder, fingerprints::fingerprints, scheme::Scheme};

/// What the flag's field has in every row of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagCell {
    /// The fingerprint of a row that has no other values, as those of [`Mapping::of_exits`] have none.
    pub row: RowFingerprint,
    /// In the spelling of our files.
    pub csv: Vec<u8>,
}

impl FlagCell {
    /// The cell of the mapping's flag; `None` where it has none.
    ///
    /// # Errors
    /// When its field does not take the text.
    pub fn of(mapping: &Mapping, scheme: &Scheme) -> Result<Option<Self>, CellProblem> {
        let Some(batch) = row_of(mapping)? else { return Ok(None) };
        let (mut keys, mut rows) = (Vec::new(), Vec::new());
        fingerprints(&batch, scheme, &mut keys, &mut rows);
        Ok(rows.first().map(|&row| Self { row, csv: csv_of(mapping, &batch) }))
    }
}

/// Whether a flag tells anything: both its values are values of its field, and differ there.
#[must_use]
pub fn flag_problem(mapping: &Mapping) -> Option<MappingProblem> {
    let (at, flag) = mapping.flag()?;
    let field = mapping.fields().nth(at)?;
    let (name, field_type) = (field.field.to_string(), field.field_type);
    let exits = mapping.of_exits()?;
    let mut cells = Vec::new();
    for (mapping, text) in [(mapping, &flag.present), (&exits, &flag.value)] {
        match row_of(mapping) {
            Ok(batch) => cells.extend(batch.map(|it| csv_of(mapping, &it))),
            Err(_) => return Some(MappingProblem::UnfitFlag { field: name, value: text.clone(), field_type }),
        }
    }
    let (value, present) = (flag.value.clone(), flag.present.clone());
    (cells.first() == cells.last()).then_some(MappingProblem::FlagTellsNothing { field: name, value, present, field_type })
}

/// A row that has the flag's field alone.
fn row_of(mapping: &Mapping) -> Result<Option<CanonicalBatch>, CellProblem> {
    let Some(canonicalizer) = Canonicalizer::of_flag(mapping) else { return Ok(None) };
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let Ok(batch) = RecordBatch::try_new_with_options(Schema::empty().into(), Vec::new(), &options) else { return Ok(None) };
    let batch = canonicalizer.canonicalize(&batch);
    match batch.problems().first() {
        Some(it) => Err(it.problem),
        None => Ok(Some(batch)),
    }
}

fn csv_of(mapping: &Mapping, batch: &CanonicalBatch) -> Vec<u8> {
    let mut csv = Vec::new();
    CsvEncoder::of_fields(mapping, vec![0]).encode(batch, &[0], &mut csv, &mut Vec::new());
    csv.pop();
    csv
}
