//! Rows that have left the model, and are flagged for it in the data extension.
//!
//! They travel in files of their own, with the key and the flag alone, and never make a row: each such file only updates. Its fingerprints are
//! those of [`Mapping::of_exits`], under which it is read back.

use outflow_baseline::{Entry, Presence};
use outflow_domain::{Activation, ActivationState, CellProblem, Identity, Mapping, RowFingerprint, SegmentRef};
use outflow_rows::FlagCell;

use crate::{
    error::EngineError,
    key_store::{KeyStore, OpenKeys},
    known::Known,
    steps::resolve::Resolved,
};

/// How rows that leave are flagged.
pub(crate) struct Exits {
    /// What their flag is.
    cell: FlagCell,
    /// The keys that are stored.
    pub keys: OpenKeys,
    /// Whether rows that were flagged have the flag in the field that is today's.
    is_same_field: bool,
}

/// What becomes of an entry that no row met, where rows that leave are flagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is to be flagged, where its key is known.
    Flag,
    /// It was flagged, and is so still as far as anybody knows.
    Flagged,
    /// Just this was refused before.
    Refused,
}

impl Exits {
    /// `None` where rows that leave stay as they are.
    pub fn of(
        activation: &Activation,
        resolved: &Resolved,
        state: &ActivationState,
        store: &KeyStore<'_>,
    ) -> Result<Option<Self>, EngineError> {
        let Resolved { mapping, identity, scheme, retired, .. } = resolved;
        let Some(exits) = mapping.of_exits() else { return Ok(None) };
        // That both values fit was found out when the mapping was checked.
        let unfit = |it: CellProblem| EngineError::UnfitBatch(format!("the flag of `{}` is none: {}", activation.name, it.sentence()));
        let Some(cell) = FlagCell::of(&exits, scheme).map_err(unfit)? else { return Ok(None) };
        let field = |mapping: &Mapping| mapping.flag().and_then(|(at, _)| mapping.fields().nth(at)).map(|it| it.field.folded());
        let of_column = |identity: &Identity, name: &str| identity.fields.get(name).cloned();
        let flagged_before = state.mapping.as_deref().and_then(field).filter(|it| field(mapping).as_ref() == Some(it));
        let column_before = flagged_before.and_then(|name| Some((of_column(state.identity.as_ref()?, &name)?, name)));
        let is_same_field = column_before.is_some_and(|(id, name)| of_column(identity, &name) == Some(id));
        let named: &[SegmentRef] = if *retired { &[] } else { &state.baseline.keys };
        Ok(Some(Self { cell, keys: store.open(named)?, is_same_field }))
    }

    /// The fingerprint of a flagged row.
    pub const fn row(&self) -> RowFingerprint {
        self.cell.row
    }

    /// Whether entries that say so are not flagged in today's field.
    pub const fn are_flagged_elsewhere(&self) -> bool {
        !self.is_same_field
    }

    /// What becomes of an entry that no row met.
    pub fn judge(&self, entry: &Entry, known: &Known) -> Exit {
        let in_doubt = known.is_in_doubt(entry.key);
        let is_trusted = self.is_same_field && !known.full && !in_doubt && !known.distrusts(entry.key);
        if entry.state.presence == Presence::LeftFlagged && entry.row == self.cell.row && is_trusted {
            Exit::Flagged
        } else if !in_doubt && known.refused.get(&entry.key) == Some(&self.cell.row) {
            Exit::Refused
        } else {
            Exit::Flag
        }
    }

    /// The record of a row, from the cells of its key.
    pub fn record(&self, mut key: Vec<u8>) -> Vec<u8> {
        key.push(b',');
        key.extend_from_slice(&self.cell.csv);
        key.push(b'\n');
        key
    }
}
