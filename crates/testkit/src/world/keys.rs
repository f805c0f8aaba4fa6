//! Which rows are the same row: keys of one field or of two, as the service compares them, written apart from engine and sandbox.
//!
//! A script spells a key as one text. Where the primary key has two fields, the text has both, with [`BETWEEN`] between them.

use std::{collections::BTreeSet, ops::Deref};

use outflow_sandbox::model::{Effect, ImportFault, OtherWrite};

use super::{
    Values,
    script::{Event, Script},
};
use crate::simulated::{Cell, ModelRow};

/// The keys of all worlds; some are equal as the service compares them.
pub(super) const KEYS: [&str; 12] = ["a1", "A1", "b2", "b2 ", "c3", "d-4", "e5", "f\u{fc}nf", "g,7", "h\"8", "0009", "x y"];

/// The same keys of two fields. Their texts in a row are equal here and there, and so is one of the two often; the keys are not.
const PAIRS: [&str; 12] = ["a|1", "A|1", "b|2", "b |2 ", "a|12", "a1|2", "b|1", "f\u{fc}|nf", "g,|7", "h\"|8", "00|09", "1|a"];

/// A key of two fields of which one has nothing.
const HALF: &str = "b|";

/// What stands between two fields of a key, in scripts and stories.
pub(crate) const BETWEEN: &str = "|";

/// The fields that a primary key may have, with the columns of the model that fill them.
const FIELDS: [(&str, &str); 2] = [("Key", "id"), ("Kind", "kind")];

/// How long the text in a key field may be, in UTF-16 code units.
pub(super) const UNITS_MAX: u32 = 20;

/// Of how many fields the primary key is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keys {
    /// `Key` alone.
    #[default]
    One,
    /// `Key` and `Kind`.
    Two,
}

impl Keys {
    /// The key fields, with the columns that fill them.
    pub(super) fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::One => &FIELDS[..1],
            Self::Two => &FIELDS,
        }
    }

    /// Whether a field belongs to the key.
    pub(super) fn has(self, field: &str) -> bool {
        self.fields().iter().any(|(it, _)| *it == field)
    }

    /// All keys of the scripts.
    pub(super) const fn all(self) -> [&'static str; 12] {
        match self {
            Self::One => KEYS,
            Self::Two => PAIRS,
        }
    }

    /// The key in the first cells of a record, as the service compares it.
    pub(super) fn of_record<T: Deref<Target = str>>(self, cells: &[Option<T>]) -> String {
        let cells: Vec<&str> = cells.iter().take(self.fields().len()).map(|it| it.as_deref().unwrap_or_default()).collect();
        folded(&cells.join(BETWEEN))
    }
}

/// A key as the service compares it in the worlds' alphabet.
pub(super) fn folded(key: &str) -> String {
    let cells: Vec<String> = key.split(BETWEEN).map(|it| it.trim_end_matches(' ').to_lowercase()).collect();
    cells.join(BETWEEN)
}

/// Whether a row with this key, as the service compares it, can be sent and found again.
pub(super) fn is_usable(key: &str) -> bool {
    key.split(BETWEEN).all(|it| !it.is_empty() && it.encode_utf16().count() <= UNITS_MAX as usize)
}

/// The key of a row of the model, as the service compares it; `None` where the row has none at all.
pub(super) fn of_row(row: &ModelRow) -> Option<String> {
    if let Cell::Text(key) = &row.0[0] { Some(folded(key)) } else { None }
}

/// Whether a row has a key that can be sent and found again.
pub(super) fn is_keyed(row: &ModelRow) -> bool {
    matches!(&row.0[0], Cell::Text(key) if is_usable(&folded(key)) && key.split(BETWEEN).all(|it| it.encode_utf16().count() <= UNITS_MAX as usize))
}

/// The key fields with their values, as another writer gives them.
pub(super) fn values(key: &str) -> impl Iterator<Item = (String, String)> {
    FIELDS.into_iter().zip(key.split(BETWEEN)).map(|((field, _), it)| (field.to_owned(), it.to_owned()))
}

/// The key that another writer gives, field by field, as the service compares it.
pub(super) fn of_fields<'v>(value: impl Fn(&str) -> Option<&'v str>) -> Option<String> {
    let cells: Vec<&str> = FIELDS.iter().map_while(|(it, _)| value(it)).collect();
    (!cells.is_empty()).then(|| folded(&cells.join(BETWEEN)))
}

/// A row as another writer writes it: these fields beside the key.
pub(super) fn upsert(key: &str, fields: &[(&str, &str)]) -> OtherWrite {
    let beside = fields.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned()));
    let values: Values = values(key).chain(beside).map(|(field, value)| (field, Some(value))).collect();
    OtherWrite::UpsertRow { de: super::MEMBERS.into(), values }
}

/// A row as another writer removes it.
pub(super) fn delete(key: &str) -> OtherWrite {
    OtherWrite::DeleteRow { de: super::MEMBERS.into(), keys: values(key).collect() }
}

/// Every key of every world, as the service compares it.
pub(super) fn all_folded() -> BTreeSet<String> {
    KEYS.iter().chain(&PAIRS).map(|it| folded(it)).collect()
}

impl Script {
    /// By the seed, without a draw, so that other seeds keep their stories: in one world of eight the primary key has two fields.
    pub(super) fn key_anew(&mut self) {
        if self.seed % 8 != 5 {
            return;
        }
        self.keys = Keys::Two;
        for event in &mut self.events {
            match event {
                Event::Model(rows) => rows.iter_mut().for_each(pair_row),
                Event::Other(write) => pair_write(write),
                Event::Fault(fault) => match &mut fault.effect {
                    Effect::Before { write } | Effect::After { write } => pair_write(write),
                    Effect::Import { fault: ImportFault::RejectRows { keys, .. } } => keys.iter_mut().for_each(|it| *it = paired(it)),
                    _ => {}
                },
                _ => {}
            }
        }
    }
}

/// A key of one field as a key of two.
fn paired(key: &str) -> String {
    KEYS.iter().position(|it| *it == key).map_or(key, |at| PAIRS[at]).to_owned()
}

/// Of the rows without a key, every second has half of one.
fn pair_row(row: &mut ModelRow) {
    row.0[0] = match &row.0[0] {
        Cell::Text(key) => Cell::Text(paired(key)),
        _ if matches!(row.0[4], Cell::Boolean(true)) => Cell::Text(HALF.into()),
        _ => Cell::Null,
    };
}

fn pair_write(write: &mut OtherWrite) {
    match write {
        OtherWrite::UpsertRow { values: fields, .. } => {
            let key = fields.get("Key").cloned().flatten().unwrap_or_default();
            fields.extend(values(&paired(&key)).map(|(field, it)| (field, Some(it))));
        }
        OtherWrite::DeleteRow { keys, .. } => {
            let key = keys.get("Key").cloned().unwrap_or_default();
            keys.extend(values(&paired(&key)));
        }
        _ => {}
    }
}
