//! Rows that have left the model, and are flagged for it in the data extension, or deleted from it.
//!
//! Flagged ones travel in files of their own, with the key and the flag alone, and never make a row: each such file only updates. Its fingerprints are
//! those of [`Mapping::of_exits`], under which it is read back.

use outflow_baseline::{Entry, Origin, Presence};
use outflow_domain::{Activation, ActivationState, CellProblem, Identity, Mapping, OnExit, RowFingerprint, SegmentRef};
use outflow_rows::{FlagCell, Scheme};

use crate::{
    error::EngineError,
    job::{Job, Ports},
    key_store::{KeyStore, OpenKeys},
    known::Known,
    others::Others,
    report::Warning,
    steps::resolve::Resolved,
};

/// What becomes of rows that leave, where they do not simply stay.
pub(crate) struct Exits {
    kind: Kind,
    /// The keys that are stored.
    pub keys: OpenKeys,
    /// Whether rows that were flagged have the flag in the field that is today's.
    is_same_field: bool,
}

enum Kind {
    /// They are flagged; what their flag is.
    Flag(FlagCell),
    /// They are deleted.
    Delete {
        /// Also those that were there before us.
        adopted: bool,
        /// Whether the keys that are there were read: otherwise nobody could tell whether a row is gone, or whose it is.
        may_read: bool,
        /// Whose keys are left alone.
        others: Others,
    },
}

/// Stands in place of the values of a row that is deleted.
const DELETED: RowFingerprint = RowFingerprint::of(0);

/// What becomes of an entry that no row met, where rows that leave are flagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It is to be flagged, where its key is known.
    Flag,
    /// It was flagged, and is so still as far as anybody knows.
    Flagged,
    /// It is to be deleted, where its key is known and nobody else holds it.
    Delete,
    /// It was there before us, or nobody can tell, and stays.
    Keep,
    /// Just this was refused before.
    Refused,
}

impl Exits {
    /// `None` where rows that leave stay as they are.
    pub async fn of(
        job: &Job,
        ports: &Ports,
        resolved: &Resolved,
        may_read: bool,
        state: &ActivationState,
        store: &KeyStore<'_>,
    ) -> Result<Option<Self>, EngineError> {
        let Resolved { mapping, identity, scheme, retired, .. } = resolved;
        let kind = match &job.activation.on_exit {
            OnExit::Keep => return Ok(None),
            OnExit::Flag(_) => match flag_of(&job.activation, mapping, scheme)? {
                Some(cell) => Kind::Flag(cell),
                None => return Ok(None),
            },
            OnExit::Delete { adopted } => Kind::Delete { adopted: *adopted, may_read, others: Others::of(job, ports, resolved).await? },
        };
        let field = |mapping: &Mapping| mapping.flag().and_then(|(at, _)| mapping.fields().nth(at)).map(|it| it.field.folded());
        let of_column = |identity: &Identity, name: &str| identity.fields.get(name).cloned();
        let flagged_before = state.mapping.as_deref().and_then(field).filter(|it| field(mapping).as_ref() == Some(it));
        let column_before = flagged_before.and_then(|name| Some((of_column(state.identity.as_ref()?, &name)?, name)));
        let is_same_field = column_before.is_some_and(|(id, name)| of_column(identity, &name) == Some(id));
        let named: &[SegmentRef] = if *retired { &[] } else { &state.baseline.keys };
        Ok(Some(Self { kind, keys: store.open(named)?, is_same_field }))
    }

    /// The fingerprint of a row that is flagged or deleted.
    pub const fn row(&self) -> RowFingerprint {
        match &self.kind {
            Kind::Flag(cell) => cell.row,
            Kind::Delete { .. } => DELETED,
        }
    }

    /// Whether rows that leave are deleted.
    pub const fn are_deleted(&self) -> bool {
        matches!(self.kind, Kind::Delete { .. })
    }

    /// Why no row at all is deleted, where none is.
    pub const fn warning(&self) -> Option<Warning> {
        match &self.kind {
            Kind::Delete { others, .. } if others.are_unreadable() => Some(Warning::OthersUnreadable),
            Kind::Delete { .. } | Kind::Flag(_) => None,
        }
    }

    /// Whether a row is left alone, given the cells of its key: another activation of the data extension holds it, or may.
    pub fn is_shared(&self, key: &[u8]) -> bool {
        matches!(&self.kind, Kind::Delete { others, .. } if others.hold(key))
    }

    /// Whether entries that say so are not flagged in today's field.
    pub const fn are_flagged_elsewhere(&self) -> bool {
        !self.is_same_field
    }

    /// What becomes of an entry that no row met.
    pub fn judge(&self, entry: &Entry, known: &Known) -> Exit {
        let in_doubt = known.is_in_doubt(entry.key);
        let is_trusted = self.is_same_field && !known.full && !in_doubt && !known.distrusts(entry.key);
        let is_refused = !in_doubt && known.refused.get(&entry.key) == Some(&self.row());
        match &self.kind {
            Kind::Flag(cell) if entry.state.presence == Presence::LeftFlagged && entry.row == cell.row && is_trusted => Exit::Flagged,
            Kind::Delete { may_read: false, .. } => Exit::Keep,
            Kind::Delete { adopted: false, .. } if entry.state.origin == Origin::Adopted => Exit::Keep,
            _ if is_refused => Exit::Refused,
            Kind::Flag(_) => Exit::Flag,
            Kind::Delete { .. } => Exit::Delete,
        }
    }

    /// The record of a row, from the cells of its key.
    pub fn record(&self, mut key: Vec<u8>) -> Vec<u8> {
        if let Kind::Flag(cell) = &self.kind {
            key.push(b',');
            key.extend_from_slice(&cell.csv);
        }
        key.push(b'\n');
        key
    }
}

/// What the flag of rows that have left is; `None` where rows are not flagged.
pub(crate) fn flag_of(activation: &Activation, mapping: &Mapping, scheme: &Scheme) -> Result<Option<FlagCell>, EngineError> {
    let Some(exits) = mapping.of_exits() else { return Ok(None) };
    // That both values fit was found out when the mapping was checked.
    let unfit = |it: CellProblem| EngineError::UnfitBatch(format!("the flag of `{}` is none: {}", activation.name, it.sentence()));
    FlagCell::of(&exits, scheme).map_err(unfit)
}
