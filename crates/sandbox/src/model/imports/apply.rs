//! What becomes of each row of a file.

use std::collections::{HashMap, HashSet};
use std::hash::Hasher as _;

use csv::ByteRecord;
use serde::{Deserialize, Serialize};

use super::csv::{RowFile, line_of};
use super::{ColumnAction, ImportPlan, MapSource, MappingType, UpdateType};
use crate::model::data_extension::{DataExtension, Field};
use crate::model::rows::Cells;
use crate::model::switches::{BlankCells, DuplicateRows, IgnoredRows, Switches};
use crate::model::types::{FieldType, Reading, RowError};
use crate::model::writing::{WriteMode, Writing, Written};

/// The counters of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows read.
    pub total: u64,
    /// Rows written, deleted or skipped on purpose.
    pub successful: u64,
    /// Rows whose key stood in the file twice.
    pub duplicated: u64,
    /// Rows refused.
    pub errors: u64,
    /// Rows counted as restricted, by a switch.
    pub restricted: u64,
}

/// Why a row was refused, for validation results and inspection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowVerdict {
    /// The data row, from 1.
    pub row: u64,
    /// The physical line it begins at, from 1 with the header.
    pub line: u64,
    /// What is wrong, by field; the field is empty where it is the whole row.
    pub errors: Vec<(String, RowError)>,
    /// The name shown instead of the first error's, when a fault chose it.
    pub code: Option<String>,
}

/// Rows that are refused whatever is in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejections {
    /// Data rows, from 1, with the code.
    pub rows: HashMap<u64, String>,
    /// Texts of the first key field, with the code.
    pub keys: HashMap<String, String>,
}

/// How an import ended: its counters, and why it failed if it did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Counters.
    pub counts: Counts,
    /// Refused rows.
    pub verdicts: Vec<RowVerdict>,
    /// The error that ended it.
    pub failure: Option<String>,
}

/// What applying needs to know besides plan and file.
pub struct Circumstances<'a> {
    /// The uncertain things.
    pub switches: &'a Switches,
    /// The time, unix milliseconds.
    pub now_ms: i64,
    /// Rows refused by a fault.
    pub rejections: &'a Rejections,
    /// Rows handled before a fault ends it.
    pub stop_after: Option<u64>,
}

/// Imports files into a data extension.
pub fn apply(de: &mut DataExtension, plan: &ImportPlan, files: &[&[u8]], circumstances: &Circumstances<'_>) -> Applied {
    let mut run = Run { de, plan, circumstances, applied: Applied::default(), cells: Cells::default(), written: HashSet::new() };
    if let Err(failure) = run.all(files) {
        run.applied.failure = Some(failure);
    }
    run.applied
}

struct Run<'a> {
    de: &'a mut DataExtension,
    plan: &'a ImportPlan,
    circumstances: &'a Circumstances<'a>,
    applied: Applied,
    cells: Cells,
    /// Keys seen, where the first of several rows counts.
    written: HashSet<Vec<u8>>,
}

/// A mapped column: where it stands in the file, and the field.
type Columns = Vec<(usize, Field)>;

/// Key → the last row that has it, of keys that several rows have.
type Repeated = HashMap<Vec<u8>, u64>;

impl Run<'_> {
    fn all(&mut self, files: &[&[u8]]) -> Result<(), String> {
        self.check_target()?;
        if files.iter().all(|it| !has_rows(it, self.plan)) {
            return match self.plan.blank_file {
                super::BlankFile::Fail => Err("EmptySource".to_owned()),
                super::BlankFile::Skip => Ok(()),
                super::BlankFile::Process => {
                    if self.plan.update_type == UpdateType::Overwrite {
                        self.de.rows.clear();
                    }
                    Ok(())
                }
            };
        }
        let repeated = match self.circumstances.switches.duplicate_rows {
            DuplicateRows::LastWins | DuplicateRows::AllRefused => self.repeated_keys(files)?,
            _ => Repeated::new(),
        };
        // Headings are judged before anything is removed.
        for bytes in files {
            self.columns(&self.open(bytes))?;
        }
        if self.plan.update_type == UpdateType::Overwrite {
            self.de.rows.clear();
        }
        let mut row = 0;
        for bytes in files {
            self.file(bytes, &mut row, &repeated)?;
        }
        Ok(())
    }

    fn check_target(&self) -> Result<(), String> {
        let keyed = self.de.has_key();
        match self.plan.update_type {
            UpdateType::Overwrite if keyed && self.circumstances.switches.overwrite_needs_no_key => {
                Err("Overwrite needs a data extension without primary key".to_owned())
            }
            UpdateType::Overwrite => Ok(()),
            UpdateType::ColumnBased if self.circumstances.switches.control_columns_refused => {
                Err("ColumnBased is not available".to_owned())
            }
            _ if !keyed => Err("Without a primary key only Overwrite is possible".to_owned()),
            _ => Ok(()),
        }
    }

    fn open<'f>(&self, bytes: &'f [u8]) -> RowFile<'f> {
        RowFile::open(bytes, self.plan, self.circumstances.switches.byte_order_mark_spoils_header)
    }

    /// Which column goes into which field.
    fn columns(&self, file: &RowFile<'_>) -> Result<Columns, String> {
        let not_found = |what: &str| format!("FieldNotFound: {what}");
        let heading = |name: &str| {
            let name = name.trim();
            file.headings
                .iter()
                .position(|it| it == name)
                .or_else(|| file.headings.iter().position(|it| it.to_lowercase() == name.to_lowercase()))
        };
        let mut columns = Columns::new();
        match self.plan.mapping {
            MappingType::InferFromColumnHeadings => {
                for (at, name) in file.headings.iter().enumerate() {
                    if let Some(field) = self.de.field(name) {
                        columns.push((at, field.clone()));
                    }
                }
            }
            MappingType::MapByOrdinal if self.plan.maps.is_empty() => {
                columns.extend(self.de.fields.iter().cloned().enumerate());
            }
            MappingType::MapByOrdinal | MappingType::ManualMap => {
                for map in &self.plan.maps {
                    let field = self.de.field(&map.destination).ok_or_else(|| not_found(&map.destination))?;
                    let at = match &map.source {
                        MapSource::Name(name) => heading(name).ok_or_else(|| not_found(name))?,
                        MapSource::Ordinal(ordinal) => ordinal.checked_sub(1).ok_or_else(|| not_found("0"))?,
                    };
                    columns.push((at, field.clone()));
                }
            }
        }
        if columns.is_empty() {
            return Err(not_found("no heading is the name of a field"));
        }
        if let Some(key) = self.de.key_fields().find(|it| !columns.iter().any(|(_, field)| field.slot == it.slot)) {
            return Err(not_found(&key.name));
        }
        if self.circumstances.switches.unmapped_header_refused {
            let control = self.plan.control.as_ref().map(|it| it.column.as_str());
            let spare = file
                .headings
                .iter()
                .enumerate()
                .find(|(at, name)| !columns.iter().any(|(it, _)| it == at) && Some(name.as_str()) != control);
            if let Some((_, name)) = spare {
                return Err(not_found(name));
            }
        }
        Ok(columns)
    }

    /// Keys that several good rows have.
    ///
    /// Files have millions of keys and few of them twice, so hashes are compared first, and keys only where
    /// hashes meet.
    fn repeated_keys(&mut self, files: &[&[u8]]) -> Result<Repeated, String> {
        let mut hashes = Vec::new();
        self.each_key(files, |_, key| hashes.push(hash_of(key)))?;
        hashes.sort_unstable();
        let met: HashSet<u64> = hashes.windows(2).filter(|it| it[0] == it[1]).map(|it| it[0]).collect();
        drop(hashes);
        if met.is_empty() {
            return Ok(Repeated::new());
        }
        let mut seen: HashMap<Vec<u8>, (u64, bool)> = HashMap::new();
        self.each_key(files, |row, key| {
            if met.contains(&hash_of(key)) {
                seen.entry(key.to_vec()).and_modify(|it| *it = (row, true)).or_insert((row, false));
            }
        })?;
        Ok(seen.into_iter().filter(|(_, (_, again))| *again).map(|(key, (row, _))| (key, row)).collect())
    }

    /// Calls `take` with the number and the key of each good row.
    fn each_key(&mut self, files: &[&[u8]], mut take: impl FnMut(u64, &[u8])) -> Result<(), String> {
        if !self.de.has_key() {
            return Ok(());
        }
        let mut row = 0;
        let mut record = ByteRecord::new();
        for bytes in files {
            let mut file = self.open(bytes);
            let columns = self.columns(&file)?;
            while file.next(&mut record) {
                row += 1;
                if self.read(&record, &columns, file.headings.len(), row).is_ok()
                    && let Some(key) = self.de.rows.key_of(&self.cells)
                {
                    take(row, &key);
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, bytes: &[u8], row: &mut u64, repeated: &Repeated) -> Result<(), String> {
        let mut file = self.open(bytes);
        let columns = self.columns(&file)?;
        let control = match &self.plan.control {
            Some(control) if self.plan.update_type == UpdateType::ColumnBased => {
                let name = control.column.to_lowercase();
                let at = file.headings.iter().position(|it| it.to_lowercase() == name);
                Some((at.ok_or_else(|| format!("FieldNotFound: {}", control.column))?, control))
            }
            _ => None,
        };
        let mut record = ByteRecord::new();
        while file.next(&mut record) {
            if self.circumstances.stop_after.is_some_and(|it| it <= self.applied.counts.total) {
                return Err("The import was stopped".to_owned());
            }
            *row += 1;
            self.applied.counts.total += 1;
            let action = match control {
                None => Ok(None),
                Some((at, control)) => action_of(record.get(at).unwrap_or_default(), control).map(Some),
            };
            let errors = match action {
                Err(error) => vec![(String::new(), error)],
                Ok(action) => match self.read(&record, &columns, file.headings.len(), *row) {
                    Ok(()) => self.write(*row, action, repeated),
                    Err(errors) => errors,
                },
            };
            if errors.is_empty() {
                continue;
            }
            self.applied.counts.errors += 1;
            let code = self.rejection(&record, &columns, *row).cloned();
            let (line, row) = (line_of(&record), *row);
            self.applied.verdicts.push(RowVerdict { row, line, errors, code });
            if !self.plan.allow_errors {
                return Err("The first bad row ended the import, as errors are not allowed".to_owned());
            }
        }
        Ok(())
    }

    fn rejection(&self, record: &ByteRecord, columns: &Columns, row: u64) -> Option<&String> {
        let rejections = self.circumstances.rejections;
        rejections.rows.get(&row).or_else(|| {
            if rejections.keys.is_empty() {
                return None;
            }
            let cell = |slot| columns.iter().find(|(_, field)| field.slot == slot).and_then(|(at, _)| record.get(*at));
            let key: Vec<_> = self.de.key_fields().filter_map(|it| cell(it.slot)).map(String::from_utf8_lossy).collect();
            rejections.keys.get(&key.join("|"))
        })
    }

    /// Reads a record into `self.cells`, or tells all that is wrong with it.
    fn read(&mut self, record: &ByteRecord, columns: &Columns, headings: usize, row: u64) -> Result<(), Vec<(String, RowError)>> {
        let switches = self.circumstances.switches;
        let whole = |error| vec![(String::new(), error)];
        if self.rejection(record, columns, row).is_some() {
            return Err(whole(RowError::Rejected));
        }
        if 0 < headings && record.len() != headings {
            return Err(whole(RowError::InvalidFieldCount));
        }
        if switches.multi_line_cells_refused && record.iter().any(|it| it.contains(&b'\n') || it.contains(&b'\r')) {
            return Err(whole(RowError::InvalidFieldCount));
        }
        let reading = Reading { day_first: self.plan.day_first, ..Reading::of(switches) };
        self.cells.reset(self.de.slots());
        let mut errors = Vec::new();
        for (at, field) in columns {
            let Some(cell) = record.get(*at) else {
                return Err(whole(RowError::InvalidFieldCount));
            };
            let text = String::from_utf8_lossy(cell);
            if text.is_empty() {
                self.blank(field, reading);
            } else if !self.plan.null_text.is_empty() && text == self.plan.null_text {
                self.cells.set_null(field.slot);
            } else if let Err(error) = self.cells.set(field.slot, |out| field.demand().store(&text, reading, out)) {
                errors.push((field.name.clone(), error));
                continue;
            }
            if field.required && !self.cells.is_absent(field.slot) && self.cells.get(field.slot).is_none() {
                errors.push((field.name.clone(), RowError::RequiredFieldMissing));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn blank(&mut self, field: &Field, reading: Reading) {
        let now_ms = self.circumstances.now_ms;
        match self.circumstances.switches.blank_cells {
            BlankCells::EmptyText if field.field_type == FieldType::Text && !field.required => {
                let _ = self.cells.set(field.slot, |_| Ok::<(), RowError>(()));
            }
            BlankCells::Default if !field.default.is_empty() => {
                let _ = self.cells.set(field.slot, |out| field.store_default(now_ms, reading, out));
            }
            // A key that is kept would be no key.
            BlankCells::Keep if !field.primary_key => {}
            _ => self.cells.set_null(field.slot),
        }
    }

    /// Writes the row in `self.cells`; errors that only show now, or none.
    fn write(&mut self, row: u64, action: Option<ColumnAction>, repeated: &Repeated) -> Vec<(String, RowError)> {
        let key = self.de.rows.key_of(&self.cells);
        if let Some(key) = &key {
            let first_wins = self.circumstances.switches.duplicate_rows == DuplicateRows::FirstWins;
            if first_wins && !self.written.insert(key.clone()) {
                self.applied.counts.duplicated += 1;
                return Vec::new();
            }
            if let Some(last) = repeated.get(key) {
                if self.circumstances.switches.duplicate_rows == DuplicateRows::AllRefused {
                    return vec![(String::new(), RowError::DuplicateRow)];
                }
                if row != *last {
                    self.applied.counts.duplicated += 1;
                    return Vec::new();
                }
            }
        }
        let mode = match (action, self.plan.update_type) {
            (Some(ColumnAction::Skip), _) => {
                self.applied.counts.successful += 1;
                return Vec::new();
            }
            (Some(ColumnAction::Delete), _) => {
                if key.is_some_and(|it| self.de.rows.remove(&it)) {
                    self.applied.counts.successful += 1;
                    return Vec::new();
                }
                return self.ignored();
            }
            (Some(ColumnAction::AddButDoNotUpdate), _) | (None, UpdateType::AddAndDoNotUpdate) => WriteMode::Insert,
            (Some(ColumnAction::UpdateButDoNotAdd), _) | (None, UpdateType::UpdateButDoNotAdd) => WriteMode::Update,
            _ => WriteMode::Upsert,
        };
        let switches = self.circumstances.switches;
        let writing = Writing {
            now_ms: self.circumstances.now_ms,
            reading: Reading { day_first: self.plan.day_first, ..Reading::of(switches) },
            prolongs: switches.update_prolongs_retention,
            keeps_number: switches.remade_rows_keep_number,
        };
        match self.de.write(&mut self.cells, mode, writing) {
            Ok(Written::Inserted | Written::Updated) => {
                self.applied.counts.successful += 1;
                Vec::new()
            }
            Ok(Written::KeyExists | Written::KeyMissing) => self.ignored(),
            Err(errors) => errors.into_iter().map(|it| (it.field, it.error)).collect(),
        }
    }

    fn ignored(&mut self) -> Vec<(String, RowError)> {
        let counts = &mut self.applied.counts;
        match self.circumstances.switches.ignored_rows {
            IgnoredRows::Duplicated => counts.duplicated += 1,
            IgnoredRows::Restricted => counts.restricted += 1,
            IgnoredRows::Successful => counts.successful += 1,
            IgnoredRows::Nowhere => {}
            IgnoredRows::Errors => return vec![(String::new(), RowError::IgnoredRow)],
        }
        Vec::new()
    }
}

fn hash_of(key: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(key);
    hasher.finish()
}

fn has_rows(bytes: &[u8], plan: &ImportPlan) -> bool {
    RowFile::open(bytes, plan, false).next(&mut ByteRecord::new())
}

fn action_of(cell: &[u8], control: &super::Control) -> Result<ColumnAction, RowError> {
    let text = String::from_utf8_lossy(cell);
    let own = control.actions.iter().find(|(value, _)| value.eq_ignore_ascii_case(text.trim()));
    own.map(|(_, action)| *action).or(control.default).ok_or(RowError::InvalidAction)
}
