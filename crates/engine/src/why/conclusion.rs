//! What all that is known of a row comes down to.

use outflow_baseline::Presence;
use outflow_domain::CellProblem;

use super::{DestinationRow, InRun, RowFate, RowInRun, RowReport};

/// What all that is known of a row comes down to, as far as it can be said without another look at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// It is neither in the model nor known to be in the data extension.
    NotInModel,
    /// It has left the model, and was confirmed before.
    Left,
    /// Rows of the model have its key, and differ: none is sent.
    DuplicateKey,
    /// A value cannot be taken by its field: it is not sent.
    Invalid,
    /// A value is null or blank whose field says that such rows are not sent.
    Skipped,
    /// It was sent, and whether it was taken is not known yet.
    InDoubt,
    /// The data extension was confirmed to hold it as the model has it now.
    Confirmed,
    /// It was confirmed so, and the data extension holds something else now: somebody else has changed or removed it.
    ChangedThere,
    /// The service refused it as it is now: it is not sent again yet.
    Refused,
    /// It is held back, to be approved by a person.
    Held,
    /// It has changed since it was confirmed, or refused: the next run sends it.
    Changed,
    /// Its key is there, and its values are not known: the next run sends it.
    ValueUnknown,
    /// Update-only, and its key is not known to be there: it is sent once it is.
    NotInDestination,
    /// Nothing was confirmed of it: the next run sends it.
    NotConfirmed,
}

impl Conclusion {
    /// A stable word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotInModel => "not_in_model",
            Self::Left => "left",
            Self::DuplicateKey => "duplicate_key",
            Self::Invalid => "invalid",
            Self::Skipped => "skipped",
            Self::InDoubt => "in_doubt",
            Self::Confirmed => "confirmed",
            Self::ChangedThere => "changed_there",
            Self::Refused => "refused",
            Self::Held => "held",
            Self::Changed => "changed",
            Self::ValueUnknown => "value_unknown",
            Self::NotInDestination => "not_in_destination",
            Self::NotConfirmed => "not_confirmed",
        }
    }
}

impl RowReport {
    /// What it comes down to.
    #[must_use]
    pub fn conclusion(&self) -> Conclusion {
        let Some(first) = self.model.first() else {
            return match (self.in_doubt.is_empty(), &self.baseline) {
                (false, _) => Conclusion::InDoubt,
                (true, Some(_)) => Conclusion::Left,
                (true, None) => Conclusion::NotInModel,
            };
        };
        let differ = self.model.iter().any(|it| it.print != first.print || it.problems.is_empty() != first.problems.is_empty());
        if differ {
            return Conclusion::DuplicateKey;
        }
        if let Some((_, problem)) = first.problems.first() {
            return if *problem == CellProblem::NullSkipsRow { Conclusion::Skipped } else { Conclusion::Invalid };
        }
        if !self.in_doubt.is_empty() {
            return Conclusion::InDoubt;
        }
        match &self.baseline {
            Some(it) if it.is_as_model == Some(true) => match &self.destination {
                Some(DestinationRow::Absent | DestinationRow::There { is_as_model: Some(false), .. }) => Conclusion::ChangedThere,
                _ => Conclusion::Confirmed,
            },
            _ if self.refusal.as_ref().is_some_and(|it| it.holds) => Conclusion::Refused,
            _ if self.past.iter().any(|it| matches!(it.what, InRun::Held { until: None })) => Conclusion::Held,
            Some(it) if it.presence == Presence::ValueUnknown => Conclusion::ValueUnknown,
            Some(_) => Conclusion::Changed,
            None if self.refusal.is_some() => Conclusion::Changed,
            None if !self.inserts => Conclusion::NotInDestination,
            None => Conclusion::NotConfirmed,
        }
    }

    /// The newest run of the history that confirmed the row with the values that the model has now.
    #[must_use]
    pub fn confirmed_in(&self) -> Option<&RowInRun> {
        let confirmed = |it: &&RowInRun| matches!(it.what, InRun::Sent { is_as_model: Some(true), fate: RowFate::Confirmed { .. }, .. });
        self.past.iter().find(confirmed)
    }

    /// The newest run of the history in which the service refused the row.
    #[must_use]
    pub fn refused_in(&self) -> Option<&RowInRun> {
        self.past.iter().find(|it| matches!(it.what, InRun::Sent { fate: RowFate::Refused { .. }, .. }))
    }
}
