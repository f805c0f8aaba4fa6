//! Which column of the model fills which field of the data extension, and what blanks do there: what a person may change between two runs.

use outflow_domain::WhenNull;

use crate::simulated::Cell;

/// The fields that a world may map, in the order of the model's columns behind `id`.
pub(super) const FIELDS: [&str; 6] = ["Name", "Age", "Amount", "Active", "Born", "Seen"];

/// The field that may be filled in place of `Name`.
pub(super) const ALIAS: &str = "Alias";

/// The column that is exported as a field of its own name, and created when it is missing.
pub(super) const NOTE: &str = "note";

/// The field that says whether a row has left, where that is asked for.
pub(super) const LEFT: &str = "Left";

/// What it has in rows of the model, and in those that have left.
pub(super) const HERE: &str = "here";
pub(super) const GONE: &str = "gone";

/// The model's column of that name.
pub(super) const NOTE_AT: usize = 7;

/// Which column of the model fills which field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Which of the six fields are mapped, as bits.
    pub mapped: u8,
    /// Whether the column `note` is exported as a custom attribute.
    pub custom: bool,
    /// Whether `Alias` is filled with what would fill `Name`.
    pub alias: bool,
    /// Whether that is the column `note`, and not `name`.
    pub from_note: bool,
    /// Which fields a blank leaves as they are, as bits; behind the six, that of the column `note`.
    pub keep: u8,
    /// In which fields a blank keeps its row from being sent, likewise.
    pub skip: u8,
}

impl Fields {
    /// Each mapped field with the position of its column in the model.
    pub(super) fn each(self) -> impl Iterator<Item = (&'static str, usize)> {
        let field = move |at: usize| if at == 0 && self.alias { ALIAS } else { FIELDS[at] };
        let mapped = (0..FIELDS.len()).filter(move |&at| self.mapped >> at & 1 == 1).map(move |at| (field(at), self.column(at)));
        mapped.chain(self.custom.then_some((NOTE, NOTE_AT)))
    }

    /// The model's column behind the `at`-th field.
    pub(super) const fn column(self, at: usize) -> usize {
        if at == 0 && self.from_note { NOTE_AT } else { at + 1 }
    }

    /// Whether the `at`-th field is mapped.
    pub(super) const fn has(self, at: usize) -> bool {
        self.mapped >> at & 1 == 1
    }

    /// What a blank does to a field.
    pub(super) fn when_null(self, field: &str) -> WhenNull {
        let at = match field {
            NOTE => FIELDS.len(),
            ALIAS => 0,
            other => FIELDS.iter().position(|it| *it == other).unwrap_or(FIELDS.len()),
        };
        match (self.keep >> at & 1, self.skip >> at & 1) {
            (1, _) => WhenNull::Keep,
            (_, 1) => WhenNull::SkipRow,
            _ => WhenNull::Clear,
        }
    }

    /// Whether a row with this value leaves the field as it is.
    pub(super) fn leaves(self, field: &str, value: &Cell) -> bool {
        is_blank(value) && self.when_null(field) == WhenNull::Keep
    }

    /// Whether a row of the model is not sent for the sake of one of its blanks.
    pub(super) fn skips(self, row: &[Cell]) -> bool {
        self.each().any(|(field, column)| is_blank(&row[column]) && self.when_null(field) == WhenNull::SkipRow)
    }

    /// What a person can tell from other fields: what is not mapped says nothing of blanks.
    pub(super) fn as_mapped(self) -> Self {
        let told = self.mapped | if self.custom { 1 << FIELDS.len() } else { 0 };
        Self { keep: self.keep & told, skip: self.skip & told, ..self }
    }

    /// The first mapped field.
    pub(super) const fn first(self) -> usize {
        self.mapped.trailing_zeros() as usize
    }

    /// All mapped but one.
    #[must_use]
    pub(super) const fn without(self, at: usize) -> Self {
        Self { mapped: self.mapped & !(1 << at), ..self }
    }
}

/// Whether a value is none.
fn is_blank(value: &Cell) -> bool {
    match value {
        Cell::Null => true,
        Cell::Text(text) => text.is_empty(),
        _ => false,
    }
}
