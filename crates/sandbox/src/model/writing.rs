//! Writing rows: what an insert, an update and an upsert demand.

use super::data_extension::{DataExtension, Field};
use super::rows::{Cells, Row};
use super::types::{Reading, RowError, show};

/// What a write may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    /// Only add.
    Insert,
    /// Only change.
    Update,
    /// Either.
    Upsert,
}

/// What a write did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A new row.
    Inserted,
    /// A changed row.
    Updated,
    /// Nothing: the key exists, and the mode only adds.
    KeyExists,
    /// Nothing: the key is new, and the mode only changes.
    KeyMissing,
}

/// A value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Which field.
    pub field: String,
    /// What is wrong.
    pub error: RowError,
    /// Code and text of the row APIs.
    pub message: String,
}

impl FieldError {
    /// What is wrong with a field's value.
    pub fn new(field: &Field, error: RowError, value: &str) -> Self {
        Self { field: field.name.clone(), error, message: error.message(&field.name, value) }
    }
}

/// Circumstances of a write.
#[derive(Clone, Copy, Debug)]
pub struct Writing {
    /// The time, unix milliseconds.
    pub now_ms: i64,
    /// How dates are read.
    pub reading: Reading,
    /// An update begins the row's retention anew.
    pub prolongs: bool,
    /// A row made again gets its old number.
    pub keeps_number: bool,
}

impl DataExtension {
    /// Sets a value from text. `""` is NULL on every type but text-like ones that take it.
    pub fn set_text(&self, cells: &mut Cells, field: &Field, text: Option<&str>, reading: Reading) -> Result<(), FieldError> {
        let text = match text {
            None => {
                cells.set_null(field.slot);
                return Ok(());
            }
            Some("") if field.field_type != super::types::FieldType::Text => {
                cells.set_null(field.slot);
                return Ok(());
            }
            Some(text) => text,
        };
        cells.set(field.slot, |out| field.demand().store(text, reading, out)).map_err(|error| FieldError::new(field, error, text))
    }

    /// Writes one row. All that is missing is told at once.
    pub fn write(&mut self, cells: &mut Cells, mode: WriteMode, writing: Writing) -> Result<Written, Vec<FieldError>> {
        let key = self.rows.key_of(cells);
        let exists = key.as_ref().is_some_and(|it| self.rows.find(it).is_some());
        match (mode, exists) {
            (WriteMode::Insert, true) => return Ok(Written::KeyExists),
            (WriteMode::Update, false) => {
                // A key that cannot be told is an error of its own, not a missing row.
                let missing: Vec<FieldError> = self
                    .key_fields()
                    .filter(|it| cells.get(it.slot).is_none())
                    .map(|it| FieldError::new(it, RowError::RequiredFieldMissing, ""))
                    .collect();
                return if missing.is_empty() { Ok(Written::KeyMissing) } else { Err(missing) };
            }
            _ => {}
        }
        let mut missing = Vec::new();
        for field in &self.fields {
            if !exists && cells.is_absent(field.slot) && !field.default.is_empty() {
                // Defaults were checked with the definition.
                let _ = cells.set(field.slot, |out| field.store_default(writing.now_ms, writing.reading, out));
            }
            let untouched = exists && cells.is_absent(field.slot);
            if field.required && !untouched && cells.get(field.slot).is_none() {
                missing.push(FieldError::new(field, RowError::RequiredFieldMissing, ""));
            }
        }
        if !missing.is_empty() {
            return Err(missing);
        }
        if let (true, Some(key)) = (exists, &key) {
            self.rows.update(cells, key, writing.prolongs.then_some(writing.now_ms));
            Ok(Written::Updated)
        } else {
            self.rows.insert(cells, key.as_deref(), writing.now_ms);
            if let Some(key) = key.as_ref().filter(|_| writing.keeps_number) {
                self.rows.take_old_number(key);
            }
            Ok(Written::Inserted)
        }
    }

    /// A value of a row as it is read back, `None` for NULL.
    pub fn shown(&self, row: &Row, field: &Field) -> Option<String> {
        row.cell(field.slot).map(|it| show(field.field_type, it))
    }
}
