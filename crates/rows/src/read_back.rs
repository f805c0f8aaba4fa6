//! Rows as the service tells them, back to canonical values.

use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use outflow_domain::{CellProblem, FieldType, KeyFingerprint, MappedField, Mapping, ModelType, RowFingerprint};

use crate::{
    batch::{CanonicalBatch, CanonicalColumn, DateColumn, DateKinds, FixedColumn},
    canonicalizer::LongestText,
    convert::{Problems, convert, each_text},
    date::{DateKind, parse_service_date},
    fingerprints::{fingerprints, key_fingerprints},
    folding::trim_end,
    kept::{KeptBlanks, has, keepable_fields},
    scheme::Scheme,
    text::TextColumn,
};

/// Turns cells of text, as the service tells them or as our files hold them, into the canonical values of a mapping.
///
/// Dates of the service are readings of its own clock. Where the model has instants they are moved back to UTC, otherwise they stand as
/// they are. A model that has dates as *text* may mix both; there the service's reading is compared with what UTC−6 shows for an instant, so
/// for a tenant on another clock such instants do not compare equal.
#[derive(Clone, Debug)]
pub struct ReadBack {
    fields: Vec<FieldReader>,
    keys: usize,
    /// How many fields may be left as they are: see [`FieldReader::keep_place`].
    keepable: usize,
    spelling: Spelling,
}

#[derive(Clone, Debug)]
struct FieldReader {
    name: String,
    /// Its place among the fields that may be left as they are.
    keep_place: Option<usize>,
    field_type: FieldType,
    date_kind: DateKind,
}

/// How cells are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// As the service tells them by SOAP.
    Service { server_offset_seconds: i32 },
    /// As our own files hold them.
    File,
}

/// Why a row has no fingerprint. The value itself is not told, as it may be a customer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableRow {
    /// A cell is not of its field's type, or a key is blank.
    #[error("a value of `{field}` that was read back cannot be understood: {}", .problem.sentence())]
    Cell {
        /// The field.
        field: String,
        /// What is wrong with the value.
        problem: CellProblem,
    },
    /// The row has another number of cells than there are fields.
    #[error("a row that was read back has {found} cells for {wanted} fields")]
    CellCount {
        /// Mapped fields.
        wanted: usize,
        /// Cells of the row.
        found: usize,
    },
}

impl ReadBack {
    /// Reads rows as the service tells them: dates as `M/D/YYYY h:mm:ss AM` on a clock that is `server_offset_seconds` ahead of UTC
    /// ([`crate::SERVER_OFFSET_SECONDS`] unless the tenant was found to differ), booleans as `True`, `False`, `1` or `0`.
    #[must_use]
    pub fn new(mapping: &Mapping, server_offset_seconds: i32) -> Self {
        Self::spelled(mapping, Spelling::Service { server_offset_seconds })
    }

    /// Reads rows of our own files.
    #[must_use]
    pub fn of_file(mapping: &Mapping) -> Self {
        Self::spelled(mapping, Spelling::File)
    }

    fn spelled(mapping: &Mapping, spelling: Spelling) -> Self {
        let has_clock = mapping.time_zone().is_some();
        let keepable = keepable_fields(mapping);
        let reader = |(at, it)| FieldReader { keep_place: keepable.binary_search(&at).ok(), ..FieldReader::new(it, has_clock) };
        let fields = mapping.fields().enumerate().map(reader).collect();
        Self { fields, keys: mapping.keys().len(), keepable: keepable.len(), spelling }
    }

    /// Canonical values of whole rows. `cell` gives the text of a row and field, by its position in `Mapping::fields`; `None` for a null.
    ///
    /// A cell that cannot be understood, and a blank key, is among the problems of the batch.
    pub fn rows<'a>(&self, rows: usize, cell: impl Fn(usize, usize) -> Option<&'a str>) -> CanonicalBatch {
        self.read(&self.fields, rows, cell, |_| &[])
    }

    /// As [`ReadBack::rows`], to be compared with rows that leave some fields as they are: of each row its bits (see [`crate::KeptFields`]). What
    /// such a field holds is not looked at.
    pub fn rows_keeping<'a, 'k>(
        &self,
        rows: usize,
        cell: impl Fn(usize, usize) -> Option<&'a str>,
        kept: impl Fn(usize) -> &'k [u64],
    ) -> CanonicalBatch {
        self.read(&self.fields, rows, cell, kept)
    }

    /// As [`ReadBack::rows`], of rows of which only the key was asked for.
    pub fn keys<'a>(&self, rows: usize, cell: impl Fn(usize, usize) -> Option<&'a str>) -> CanonicalBatch {
        self.read(&self.fields[..self.keys], rows, cell, |_| &[])
    }

    /// Key and row fingerprint of one row, its cells in the order of `Mapping::fields`, to be compared with a row that leaves these fields as
    /// they are.
    ///
    /// # Errors
    /// [`UnreadableRow`].
    pub fn fingerprints(
        &self,
        scheme: &Scheme,
        cells: &[Option<&str>],
        kept: &[u64],
    ) -> Result<(KeyFingerprint, RowFingerprint), UnreadableRow> {
        let batch = self.one(&self.fields, cells, kept)?;
        let (mut keys, mut rows) = (Vec::new(), Vec::new());
        fingerprints(&batch, scheme, &mut keys, &mut rows);
        Ok((keys[0], rows[0]))
    }

    /// The fingerprint of one key, its cells in the order of `Mapping::keys`.
    ///
    /// # Errors
    /// [`UnreadableRow`].
    pub fn key_fingerprint(&self, scheme: &Scheme, cells: &[Option<&str>]) -> Result<KeyFingerprint, UnreadableRow> {
        let batch = self.one(&self.fields[..self.keys], cells, &[])?;
        let mut keys = Vec::new();
        key_fingerprints(&batch, scheme, &mut keys);
        Ok(keys[0])
    }

    fn one(&self, fields: &[FieldReader], cells: &[Option<&str>], kept: &[u64]) -> Result<CanonicalBatch, UnreadableRow> {
        if cells.len() != fields.len() {
            return Err(UnreadableRow::CellCount { wanted: fields.len(), found: cells.len() });
        }
        let batch = self.read(fields, 1, |_, field| cells[field], |_| kept);
        match batch.problems() {
            [] => Ok(batch),
            [first, ..] => {
                let field = fields[usize::from(first.field)].name.clone();
                Err(UnreadableRow::Cell { field, problem: first.problem })
            }
        }
    }

    fn read<'a, 'k>(
        &self,
        fields: &[FieldReader],
        rows: usize,
        cell: impl Fn(usize, usize) -> Option<&'a str>,
        kept: impl Fn(usize) -> &'k [u64],
    ) -> CanonicalBatch {
        let mut problems = Vec::new();
        let mut columns = Vec::with_capacity(fields.len());
        for (at, field) in fields.iter().enumerate() {
            let mut verdicts = Problems::of_field(at as u16, &mut problems);
            let is_kept = |row: usize| field.keep_place.is_some_and(|place| has(kept(row), place));
            let texts = StringArray::from_iter((0..rows).map(|row| if is_kept(row) { None } else { cell(row, at) }));
            columns.push(field.column(texts, self.spelling, &mut verdicts));
            if at < self.keys {
                verdicts.push_where(rows, CellProblem::NullKey, |row| cell(row, at).is_none_or(|it| trim_end(it.as_bytes()).is_empty()));
            }
        }
        problems.sort_by_key(|it| (it.row, it.field));
        problems.dedup_by_key(|it| (it.row, it.field));
        let kept = KeptBlanks::of_rows(rows, self.keepable, kept);
        CanonicalBatch { rows, keys: self.keys, columns, problems, longest: LongestText::default(), kept }
    }
}

impl FieldReader {
    fn new(mapped: &MappedField, has_clock: bool) -> Self {
        let date_kind = match mapped.model_type {
            ModelType::Timestamp { zoned } if zoned || has_clock => DateKind::Instant,
            ModelType::Date => DateKind::Day,
            _ => DateKind::Wall,
        };
        Self { name: mapped.field.to_string(), keep_place: None, field_type: mapped.field_type, date_kind }
    }

    fn column(&self, texts: StringArray, spelling: Spelling, problems: &mut Problems<'_>) -> CanonicalColumn {
        match (self.field_type, spelling) {
            (FieldType::Date, Spelling::Service { server_offset_seconds }) => {
                let to_kind = if self.date_kind == DateKind::Instant { i64::from(server_offset_seconds) } else { 0 };
                let parse = |text: &[u8]| parse_service_date(text, server_offset_seconds).map(|wall| wall - to_kind);
                let seconds: FixedColumn<i64> = each_text(&TextColumn::Small(texts), problems, parse);
                CanonicalColumn::Date(DateColumn { seconds, kinds: DateKinds::All(self.date_kind) })
            }
            (field_type, _) => convert(&(Arc::new(texts) as ArrayRef), field_type, None, None, problems),
        }
    }
}
