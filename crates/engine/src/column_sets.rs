//! Which columns a file has.
//!
//! Most rows travel whole. Rows that need fewer columns travel in files of their own, and all rows of a file have the same ones: its *column
//! set*. Which there are shows as rows are compared: a blank that leaves its field as it is ([`WhenNull::Keep`]) takes a column away.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
};

use outflow_domain::{Mapping, OnExit, WhenNull};
use outflow_rows::{CsvEncoder, KeptFields, WarningRules, keepable_fields};

use crate::error::EngineError;

/// Most column sets of a run: each has at least one file and one import of its own.
pub(crate) const COLUMN_SETS_MAX: usize = 8;

/// Combinations of kept fields that are counted beyond that, so that a person can be told what would make them fewer.
const COUNTED_MAX: usize = 4_096;

/// The columns of a file.
#[derive(Clone, Debug)]
pub(crate) struct ColumnSet {
    /// Positions of the fields it has in `Mapping::fields`, ascending.
    pub fields: Vec<usize>,
    /// Positions of the fields that its rows leave as they are, ascending; of a narrow set also such as it would not have anyway.
    pub kept: Vec<usize>,
    /// Whether it has the key and new columns alone, since all else is there as it was confirmed.
    pub is_narrow: bool,
    encoder: CsvEncoder,
    warning_rules: WarningRules,
}

/// What makes a column set, short of the mapping.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cut {
    is_narrow: bool,
    kept: KeptFields,
}

impl ColumnSet {
    fn of_fields(mapping: &Mapping, fields: Vec<usize>, kept: Vec<usize>, is_narrow: bool) -> Self {
        let encoder = CsvEncoder::of_fields(mapping, fields.clone());
        let warning_rules = WarningRules::of_fields(mapping, &fields);
        Self { fields, kept, is_narrow, encoder, warning_rules }
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

/// The column sets of a run, by number; shared by all threads of the pass.
#[derive(Debug)]
pub(crate) struct ColumnSets {
    mapping: Mapping,
    /// Positions of the fields that may be kept.
    keepable: Vec<usize>,
    /// Positions of the key and the new fields, where there are rows of which only new columns travel.
    narrow: Option<Vec<usize>>,
    /// Key and flag alone, where rows that leave are flagged; the key, where they are deleted.
    exits: Option<Arc<ColumnSet>>,
    found: RwLock<Found>,
}

#[derive(Debug, Default)]
struct Found {
    /// By number.
    sets: Vec<(Cut, Arc<ColumnSet>)>,
    /// Those for which there is no room.
    beyond: BTreeSet<Cut>,
}

impl ColumnSets {
    /// The number of the set of all columns.
    pub const WHOLE: usize = 0;

    /// The number of the set of the key and the flag: of rows that have left the model. No other set has it, and none counts it.
    const EXITS: usize = COLUMN_SETS_MAX + 1;

    /// All columns; as rows ask for them the `narrow` ones, and either without kept fields; and key and flag where rows that leave are flagged.
    pub fn new(mapping: &Mapping, narrow: Option<Vec<usize>>, on_exit: &OnExit) -> Self {
        let flag = mapping.flag().map(|(flag, _)| flag);
        let exits = on_exit.needs_keys().then(|| {
            let fields = (0..mapping.keys().len()).chain(flag).collect();
            Arc::new(ColumnSet::of_fields(mapping, fields, Vec::new(), false))
        });
        let sets = Self { mapping: mapping.clone(), keepable: keepable_fields(mapping), narrow, exits, found: RwLock::default() };
        sets.number(false, &[]);
        sets
    }

    /// The number of the set of the key and the flag, if there is one.
    pub fn exits(&self) -> Option<usize> {
        self.exits.as_ref().map(|_| Self::EXITS)
    }

    /// Whether there are rows of which only the key and new columns travel.
    pub const fn has_narrow(&self) -> bool {
        self.narrow.is_some()
    }

    /// The set of that number.
    ///
    /// # Panics
    /// If [`ColumnSets::number`] never gave it.
    pub fn get(&self, number: usize) -> Arc<ColumnSet> {
        if let Some(exits) = self.exits.as_ref().filter(|_| number == Self::EXITS) {
            return Arc::clone(exits);
        }
        Arc::clone(&self.found.read().unwrap_or_else(PoisonError::into_inner).sets[number].1)
    }

    /// The number of the set of a row that keeps these fields, given as bits; `None` where there is no room for it, so that the run will be refused.
    pub fn number(&self, is_narrow: bool, kept: &[u64]) -> Option<usize> {
        let cut = Cut { is_narrow, kept: KeptFields::of_bits(kept) };
        let at = |found: &Found| found.sets.iter().position(|(it, _)| *it == cut);
        if let Some(number) = at(&self.found.read().unwrap_or_else(PoisonError::into_inner)) {
            return Some(number);
        }
        let mut found = self.found.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = at(&found) {
            return Some(number);
        }
        // The whole set has its number whether a row needs it or not.
        if found.sets.len() > COLUMN_SETS_MAX {
            if found.beyond.len() < COUNTED_MAX {
                found.beyond.insert(cut);
            }
            return None;
        }
        let set = self.cut(&cut);
        found.sets.push((cut, Arc::new(set)));
        Some(found.sets.len() - 1)
    }

    fn cut(&self, Cut { is_narrow, kept }: &Cut) -> ColumnSet {
        let kept: Vec<usize> = self.positions(kept).collect();
        let mut fields = match &self.narrow {
            Some(narrow) if *is_narrow => narrow.clone(),
            _ => (0..self.mapping.fields().count()).collect(),
        };
        fields.retain(|it| !kept.contains(it));
        ColumnSet::of_fields(&self.mapping, fields, kept, *is_narrow)
    }

    /// The first field, by position, without which a new row cannot be made, of those that a row keeps.
    pub fn required_of(&self, kept: &[u64]) -> Option<usize> {
        let is_required = |at: &usize| self.mapping.fields().nth(*at).is_some_and(|it| it.is_required);
        self.positions(&KeptFields::of_bits(kept)).find(is_required)
    }

    /// The positions of kept fields in `Mapping::fields`, ascending.
    fn positions(&self, kept: &KeptFields) -> impl Iterator<Item = usize> {
        kept.places().filter_map(|place| self.keepable.get(place).copied())
    }

    /// Refuses a run whose rows need more column sets than there may be, the whole one among them if it is `used`.
    pub fn check(&self, activation: &str, used: impl Fn(usize) -> bool) -> Result<(), EngineError> {
        let found = self.found.read().unwrap_or_else(PoisonError::into_inner);
        let sets = found.sets.iter().enumerate().filter(|(number, _)| *number != Self::WHOLE || used(Self::WHOLE));
        let cuts: BTreeSet<Cut> = sets.map(|(_, (cut, _))| cut.clone()).chain(found.beyond.iter().cloned()).collect();
        if cuts.len() <= COLUMN_SETS_MAX {
            return Ok(());
        }
        let (cheaper, left) = cheaper(&cuts);
        let names = |places: BTreeSet<usize>| -> Vec<String> {
            let name = |place: usize| Some(self.mapping.fields().nth(*self.keepable.get(place)?)?.field.to_string());
            places.into_iter().filter_map(name).collect()
        };
        Err(EngineError::ColumnSets {
            activation: activation.to_owned(),
            sets: cuts.len(),
            are_all: found.beyond.len() < COUNTED_MAX,
            fields: names(cuts.iter().flat_map(|it| it.kept.places().collect::<Vec<_>>()).collect()),
            cheaper: names(cheaper),
            left,
        })
    }
}

/// The fields, by their places, that leave few enough column sets when they are not kept; and how many are left. Fields that save most come first,
/// which need not be the fewest there could be.
fn cheaper(cuts: &BTreeSet<Cut>) -> (BTreeSet<usize>, usize) {
    let without = |cuts: &BTreeSet<Cut>, field: usize| -> BTreeSet<Cut> {
        let cut = |it: &Cut| Cut { kept: KeptFields::of_places(it.kept.places().filter(|it| *it != field)), ..it.clone() };
        cuts.iter().map(cut).collect()
    };
    let (mut cuts, mut cheaper) = (cuts.clone(), BTreeSet::new());
    while cuts.len() > COLUMN_SETS_MAX {
        let fields: BTreeSet<usize> = cuts.iter().flat_map(|it| it.kept.places().collect::<Vec<_>>()).collect();
        let best = fields.into_iter().map(|field| (without(&cuts, field), field)).min_by_key(|(cuts, field)| (cuts.len(), *field));
        let Some((fewer, field)) = best else { break };
        cheaper.insert(field);
        cuts = fewer;
    }
    (cheaper, cuts.len())
}

/// Whether a mapping leaves any field as it is.
pub(crate) fn keeps_any(mapping: &Mapping) -> bool {
    mapping.fields().any(|it| it.when_null == WhenNull::Keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(kept: &[&[usize]]) -> BTreeSet<Cut> {
        kept.iter().map(|it| Cut { is_narrow: false, kept: KeptFields::of_places(it.iter().copied()) }).collect()
    }

    #[test]
    fn the_field_that_doubles_the_sets_is_named() {
        // Three fields that are blank together, and one that is blank as it likes, beside two more.
        let all: Vec<Vec<usize>> = (0..16_usize)
            .map(|it| {
                let together: &[usize] = if it & 1 > 0 { &[0, 1, 2] } else { &[] };
                [together, &[3_usize, 4, 5].into_iter().filter(|at| it >> (at - 2) & 1 > 0).collect::<Vec<_>>()].concat()
            })
            .collect();
        let all: Vec<&[usize]> = all.iter().map(Vec::as_slice).collect();
        let (cheaper, left) = cheaper(&cuts(&all));
        assert_eq!((cheaper.into_iter().collect::<Vec<_>>(), left), (vec![3], 8));
    }

    #[test]
    fn few_enough_sets_need_nothing() {
        assert_eq!(cheaper(&cuts(&[&[], &[0], &[1]])), (BTreeSet::new(), 3));
    }
}
