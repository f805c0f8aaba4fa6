//! What is known of the destination before the comparison.

use std::collections::HashMap;

use outflow_baseline::{Baseline, Old, Origin, Presence, Probe};
use outflow_domain::{InsertMode, KeyFingerprint, RowFingerprint, Write};
use outflow_ports::Blob;

use crate::split::Sizes;

/// What is known of the destination before the comparison: asked about every row of the model.
pub(crate) struct Known {
    pub baseline: Baseline<Blob>,
    /// Rows in doubt, one set for each part that left some.
    pub doubts: Vec<Doubt>,
    /// How large files become.
    pub sizes: Sizes,
    /// Refused rows that are remembered under today's schema.
    pub refused: HashMap<KeyFingerprint, RowFingerprint>,
    /// The keys the data extension really holds, where they were read; rows made since they were last read are [`MADE_SINCE`].
    pub membership: Option<Baseline<Blob>>,
    /// Whether the data extension was known to hold nothing at all.
    pub is_empty: bool,
    /// Whether entries say which keys are there, but no longer with which values: the fields are others, or filled otherwise.
    pub values_unknown: bool,
    /// Whether some of the keys in the baseline are gone, and it cannot be read which.
    pub keys_unknown: bool,
    pub insert: InsertMode,
    /// Send every row.
    pub full: bool,
}

/// Rows that a part left in doubt.
pub(crate) struct Doubt {
    pub rows: Baseline<Blob>,
    /// The size of the files in which they are sent again, by number.
    pub size: usize,
}

/// Stands in place of a member's values, which are not read: the row was made since the keys were last read.
pub(crate) const MADE_SINCE: RowFingerprint = RowFingerprint::MAX;

/// What a row of the model is, alone with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Confirmed as it is; nothing to remember.
    Unchanged,
    /// Confirmed as it is, but to be recorded: its entry changes its state, or its key occurred before.
    UnchangedRecorded,
    /// To be sent.
    Send(Write),
    /// Refused before and unchanged since.
    RememberedRefusal,
    /// Update-only, and the key is not there.
    NotInDestination,
}

impl Known {
    pub fn is_in_doubt(&self, key: KeyFingerprint) -> bool {
        self.doubts.iter().any(|it| it.rows.contains(key))
    }

    /// The size of the file in which a row is sent, by number: of several doubts that of the smallest files.
    pub fn size_of(&self, key: KeyFingerprint) -> usize {
        let sizes = self.doubts.iter().filter(|it| it.size != Sizes::USUAL && it.rows.contains(key)).map(|it| it.size);
        sizes.min().unwrap_or(Sizes::USUAL)
    }

    /// Whether an entry that says the very row is there is right without more ado.
    pub fn trusts_all_entries(&self) -> bool {
        let nothing_is_unknown = !self.values_unknown && !self.keys_unknown;
        nothing_is_unknown && self.membership.is_none() && self.doubts.is_empty() && !self.full
    }

    fn is_member(&self, key: KeyFingerprint) -> Option<bool> {
        self.membership.as_ref().map(|it| it.contains(key))
    }

    /// Whether the key is known to be gone from the data extension.
    pub fn is_gone(&self, key: KeyFingerprint) -> bool {
        self.is_member(key) == Some(false)
    }

    /// Whether nothing is known of the values there, in spite of an entry whose value would count otherwise, and only this run can tell: the row
    /// was made again since, or is perhaps gone.
    pub fn distrusts(&self, key: KeyFingerprint) -> bool {
        self.keys_unknown || self.was_made_since(key)
    }

    /// Whether the row there was made by somebody else since the keys were last read.
    pub fn was_made_since(&self, key: KeyFingerprint) -> bool {
        self.membership.as_ref().and_then(|it| it.get(key)).is_some_and(|it| it.row == MADE_SINCE)
    }

    /// What a valid row is, from the baseline's answer.
    pub fn judge(&self, key: KeyFingerprint, row: RowFingerprint, probe: &Probe) -> Verdict {
        let member = self.membership.as_ref().map(|it| it.get(key));
        let is_gone = matches!(member, Some(None));
        if self.insert == InsertMode::UpdateOnly && is_gone {
            return Verdict::NotInDestination;
        }
        // A row in doubt is never unchanged, whatever its value now: the other end may hold what was sent and lost.
        let in_doubt = self.is_in_doubt(key);
        let was_made_since = matches!(member, Some(Some(it)) if it.row == MADE_SINCE);
        let is_trusted = !self.values_unknown && !self.keys_unknown && !in_doubt && !is_gone && !was_made_since;
        // What is known of a flagged row is its flag, whatever values it has else.
        let confirmed = matches!(probe, Probe::Same { state, .. } if state.presence != Presence::LeftFlagged) && is_trusted;
        if confirmed && !self.full {
            return match probe {
                Probe::Same { state, again: false } if state.presence == Presence::Present => Verdict::Unchanged,
                _ => Verdict::UnchangedRecorded,
            };
        }
        if !in_doubt && self.refused.get(&key) == Some(&row) {
            return Verdict::RememberedRefusal;
        }
        Verdict::Send(self.write(key, !matches!(probe, Probe::Absent)))
    }

    /// What a row that is sent is meant to do, given whether its key is in the baseline.
    pub fn write(&self, key: KeyFingerprint, in_baseline: bool) -> Write {
        let is_there = match self.is_member(key) {
            Some(member) => Some(member),
            None if self.is_in_doubt(key) => None,
            None if in_baseline && !self.keys_unknown => Some(true),
            None if self.is_empty => Some(false),
            None => None,
        };
        match (is_there, self.insert) {
            (Some(true), _) | (None, InsertMode::UpdateOnly) => Write::Update,
            (Some(false), _) => Write::Insert,
            (None, InsertMode::InsertAndUpdate) => Write::InsertOrUpdate,
        }
    }

    /// Whose row it is once it is confirmed. Where that cannot be known it counts as adopted: only what we surely wrote may ever be removed.
    pub fn origin(&self, write: Write, old: Option<Old>) -> Origin {
        match (write, old) {
            (Write::Insert, _) => Origin::Created,
            (_, Some(old)) => old.state.origin,
            (Write::Update | Write::InsertOrUpdate | Write::Flag | Write::Delete, None) => Origin::Adopted,
        }
    }
}
