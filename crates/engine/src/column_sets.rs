//! Which columns a file has.
//!
//! Most rows travel whole. Rows that need fewer columns travel in files of their own, and all rows of a file have the same ones: its *column
//! set*.

use outflow_domain::Mapping;
use outflow_rows::{CsvEncoder, WarningRules};

/// The columns of a file.
#[derive(Clone, Debug)]
pub(crate) struct ColumnSet {
    /// Positions of the fields it has in `Mapping::fields`, ascending.
    pub fields: Vec<usize>,
    /// Whether it has the key and new columns alone, since all else is there as it was confirmed.
    pub is_narrow: bool,
    encoder: CsvEncoder,
    warning_rules: WarningRules,
}

impl ColumnSet {
    fn new(mapping: &Mapping, fields: Vec<usize>, is_narrow: bool) -> Self {
        let encoder = CsvEncoder::of_fields(mapping, fields.clone());
        let warning_rules = WarningRules::of_fields(mapping, &fields);
        Self { fields, is_narrow, encoder, warning_rules }
    }

    /// Writes rows of these columns.
    pub const fn encoder(&self) -> &CsvEncoder {
        &self.encoder
    }

    /// What is looked for in the values that travel.
    pub const fn warning_rules(&self) -> &WarningRules {
        &self.warning_rules
    }
}

/// The column sets of a run, by number.
#[derive(Debug)]
pub(crate) struct ColumnSets {
    sets: Vec<ColumnSet>,
    narrow: Option<usize>,
    exits: Option<usize>,
}

impl ColumnSets {
    /// The number of the set of all columns.
    pub const WHOLE: usize = 0;

    /// All columns; the `narrow` ones where there are rows of which only new columns travel; and key and flag where rows that leave are flagged.
    pub fn new(mapping: &Mapping, narrow: Option<Vec<usize>>) -> Self {
        let mut sets = vec![ColumnSet::new(mapping, (0..mapping.fields().count()).collect(), false)];
        let narrow = narrow.map(|fields| {
            sets.push(ColumnSet::new(mapping, fields, true));
            sets.len() - 1
        });
        let exits = mapping.flag().map(|(flag, _)| {
            sets.push(ColumnSet::new(mapping, (0..mapping.keys().len()).chain([flag]).collect(), false));
            sets.len() - 1
        });
        Self { sets, narrow, exits }
    }

    /// The set of that number.
    pub fn get(&self, number: usize) -> &ColumnSet {
        &self.sets[number]
    }

    /// The number of the set of the key and new columns, if there is one.
    pub const fn narrow(&self) -> Option<usize> {
        self.narrow
    }

    /// The number of the set of the key and the flag, if there is one: of rows that have left the model.
    pub const fn exits(&self) -> Option<usize> {
        self.exits
    }
}
