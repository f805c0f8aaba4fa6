//! What may become of a row.
//!
//! An outcome is an *intent* and a *fate*. The enum below has one value for each pair that can happen, so that the others do not compile.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a sent row was meant to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Write {
    /// Its key was known to be absent.
    Insert,
    /// Its key was known to be there.
    Update,
    /// New to this activation; whether the key was there is not known.
    InsertOrUpdate,
    /// It has left the model, and a field of it shall say so.
    Flag,
    /// It has left the model, and is to be deleted.
    Delete,
}

impl Write {
    /// Whether it is of a row that has left the model.
    #[must_use]
    pub const fn is_of_exits(self) -> bool {
        matches!(self, Self::Flag | Self::Delete)
    }
}

/// What became of a sent row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// The destination holds it: by receipt or by reading back.
    Confirmed,
    /// The service refused it.
    Refused,
    /// Update-only, and its key is not there.
    NotInDestination,
    /// Not known; the row stays in doubt until a later run settles it.
    Unconfirmed,
}

/// Why a row was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// Several rows of the model have the same key, as Marketing Cloud compares keys.
    DuplicateKey,
    /// A value cannot be taken by its field: our verdict, before sending.
    Invalid,
    /// The service refused this very row before, and nothing has changed since.
    Refused,
    /// Update-only, and its key is not in the data extension.
    NotInDestination,
    /// Held back: by a guard, or since the run was stopped before the row was sent.
    Held,
    /// A value is null or blank whose field says that such rows are not sent.
    Skipped,
}

/// What became of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The destination was confirmed to hold just this row already.
    Unchanged,
    /// A further copy of a row, equal in every mapped value; the one row stands for it.
    Copy,
    /// Not sent, for a reason.
    Withheld {
        /// The reason.
        why: Withheld,
    },
    /// Sent.
    Sent {
        /// What it was meant to do.
        write: Write,
        /// What became of it.
        fate: Sent,
    },
    /// In the baseline and no longer in the model; kept in the data extension.
    LeftKept,
    /// In the baseline and no longer in the model, and confirmed to be flagged as such.
    LeftFlagged,
    /// In the baseline and no longer in the model: it would be flagged, but its key is not stored. It is kept until a rebuild has read the keys.
    LeftKeyUnknown,
    /// In the baseline and no longer in the model: the service refused to flag it before, and nothing has changed since.
    LeftRefused,
    /// In the baseline and no longer in the model: it would be deleted, but another activation of the data extension holds its key, or may.
    LeftShared,
    /// In the baseline, no longer in the model, and found to be gone from the data extension.
    LeftGone,
    /// In the baseline and no longer in the model, as far as the source can be trusted: a guard holds it, and nothing is written down.
    LeftHeld,
}

impl Outcome {
    /// The intent, as the report names it.
    #[must_use]
    pub const fn intent(self) -> &'static str {
        match self {
            Self::Unchanged
            | Self::Copy
            | Self::Withheld { .. }
            | Self::LeftKept
            | Self::LeftFlagged
            | Self::LeftKeyUnknown
            | Self::LeftRefused
            | Self::LeftShared
            | Self::LeftGone
            | Self::LeftHeld => "none",
            Self::Sent { write: Write::Insert, .. } => "insert",
            Self::Sent { write: Write::Update, .. } => "update",
            Self::Sent { write: Write::InsertOrUpdate, .. } => "insert_or_update",
            Self::Sent { write: Write::Flag, .. } => "flag",
            Self::Sent { write: Write::Delete, .. } => "delete",
        }
    }

    /// The fate, as the report names it.
    #[must_use]
    pub const fn fate(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Copy => "copy",
            Self::LeftKept => "kept",
            Self::LeftFlagged => "flagged",
            Self::LeftKeyUnknown => "key_unknown",
            Self::LeftRefused => "refused",
            Self::LeftShared => "shared",
            Self::LeftGone => "not_in_destination",
            Self::LeftHeld => "held",
            Self::Withheld { why } => match why {
                Withheld::DuplicateKey => "duplicate_key",
                Withheld::Invalid => "invalid",
                Withheld::Refused => "refused",
                Withheld::NotInDestination => "not_in_destination",
                Withheld::Held => "held",
                Withheld::Skipped => "skipped",
            },
            Self::Sent { write: Write::Flag, fate: Sent::Confirmed } => "flagged",
            Self::Sent { write: Write::Delete, fate: Sent::Confirmed } => "deleted",
            Self::Sent { fate, .. } => match fate {
                Sent::Confirmed => "confirmed",
                Sent::Refused => "refused",
                Sent::NotInDestination => "not_in_destination",
                Sent::Unconfirmed => "unconfirmed",
            },
        }
    }

    /// Whether it is the outcome of a row of the source; otherwise it is one of a baseline entry that was not seen.
    #[must_use]
    pub const fn is_of_source(self) -> bool {
        !matches!(
            self,
            Self::LeftKept
                | Self::LeftFlagged
                | Self::LeftKeyUnknown
                | Self::LeftRefused
                | Self::LeftShared
                | Self::LeftGone
                | Self::LeftHeld
                | Self::Sent { write: Write::Flag | Write::Delete, .. }
        )
    }

    /// Whether a guard holds the row back.
    #[must_use]
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Withheld { why: Withheld::Held } | Self::LeftHeld)
    }
}

/// How many rows had each outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts(BTreeMap<Outcome, u64>);

impl OutcomeCounts {
    /// Counts `rows` more rows of an outcome.
    pub fn add(&mut self, outcome: Outcome, rows: u64) {
        if rows > 0 {
            *self.0.entry(outcome).or_default() += rows;
        }
    }

    /// Takes all counts of another set in.
    pub fn merge(&mut self, other: &Self) {
        for (&outcome, &rows) in &other.0 {
            self.add(outcome, rows);
        }
    }

    /// The rows of one outcome.
    #[must_use]
    pub fn get(&self, outcome: Outcome) -> u64 {
        self.0.get(&outcome).copied().unwrap_or(0)
    }

    /// The rows of all outcomes that fit.
    pub fn count(&self, fits: impl Fn(Outcome) -> bool) -> u64 {
        self.0.iter().filter(|(outcome, _)| fits(**outcome)).map(|(_, rows)| rows).sum()
    }

    /// Each outcome that occurred, with its rows.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> + '_ {
        self.0.iter().map(|(outcome, rows)| (*outcome, *rows))
    }

    /// Rows of a fate, whatever the intent, by the name of [`Outcome::fate`].
    #[must_use]
    pub fn of_fate(&self, fate: &str) -> u64 {
        self.count(|it| it.fate() == fate)
    }
}

impl Serialize for OutcomeCounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(outcome, rows)| Count { outcome: *outcome, rows: *rows }))
    }
}

impl<'de> Deserialize<'de> for OutcomeCounts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts = Vec::<Count>::deserialize(deserializer)?;
        let mut sum = Self::default();
        for count in counts {
            sum.add(count.outcome, count.rows);
        }
        Ok(sum)
    }
}

#[derive(Serialize, Deserialize)]
struct Count {
    #[serde(flatten)]
    outcome: Outcome,
    rows: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_survive_the_ledger() {
        let mut counts = OutcomeCounts::default();
        counts.add(Outcome::Unchanged, 7);
        counts.add(Outcome::Sent { write: Write::Update, fate: Sent::Confirmed }, 2);
        let text = serde_json::to_string(&counts).unwrap();
        assert_eq!(serde_json::from_str::<OutcomeCounts>(&text).unwrap(), counts, "{text}");
    }

    #[test]
    fn a_flagged_row_is_none_of_the_source() {
        let flagged = Outcome::Sent { write: Write::Flag, fate: Sent::Confirmed };
        assert_eq!((flagged.intent(), flagged.fate(), flagged.is_of_source()), ("flag", "flagged", false));
        assert!(Outcome::Sent { write: Write::Update, fate: Sent::Confirmed }.is_of_source());
    }

    #[test]
    fn no_rows_leave_no_trace() {
        let mut counts = OutcomeCounts::default();
        counts.add(Outcome::LeftKept, 0);
        assert_eq!(counts.iter().count(), 0);
    }
}
