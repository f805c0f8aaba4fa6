//! What guards hold back of a comparison, and what a person's approval lets through.
//!
//! Which guards a source trips is known before its rows are sorted; which ones the changes trip, only afterwards, since copies and duplicates
//! do not count. So a pass is sealed a second time where its changes are too many, and only there.

use std::collections::BTreeMap;

use outflow_baseline::{Baseline, Kind, Presence};
use outflow_domain::{
    ActivationState, Guard, Guards, Hold, KeyFingerprint, Mapping, PlanId, RowFingerprint, SegmentRef, Tripped, Write,
    guard::{Changed, Meant, SourceCounts, Terms},
};
use outflow_ports::Blob;

use crate::{
    digest,
    error::EngineError,
    job::{Job, RunOptions},
    known::Known,
    segments::Segments,
    steps::resolve::Resolved,
};

/// What an approval of this run would rest on.
pub(crate) fn terms(job: &Job, resolved: &Resolved) -> Terms {
    let hex = |digest: u128| format!("{digest:032x}");
    Terms {
        mapping: hex(mapping_digest(&resolved.mapping)),
        model: hex(digest::of(&[job.query.sql.as_bytes()])),
        guards: hex(digest::of(&[format!("{:?} {:?}", job.activation.guards, job.activation.on_exit).as_bytes()])),
        table: resolved.identity.clone(),
    }
}

/// What is mapped, where its values come from and which rows are skipped, of which no fingerprint depends on the latter two: a person has looked
/// at values of those columns.
fn mapping_digest(mapping: &Mapping) -> u128 {
    let come_from: String = mapping.fields().map(|it| format!("{:?} {:?} {:?}\n", it.column, it.round, it.when_null)).collect();
    digest::of(&[mapping.digest_text().as_bytes(), come_from.as_bytes()])
}

/// Why an approval is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefused {
    /// No plan of that id holds rows.
    #[error("no plan with that id holds rows back{}", .newest.as_ref().map_or_else(String::new, |it| format!("; `{it}` is the newest that does")))]
    Unknown {
        /// The newest plan that does, if any.
        newest: Option<PlanId>,
    },
    /// What it held cannot be read any more.
    #[error("the rows that it held cannot be read any more ({why})")]
    Unreadable {
        /// Why.
        why: String,
    },
    /// It was held too long ago.
    #[error("it was made more than 24 hours ago")]
    Expired,
    /// What the approval rests on is another now.
    #[error("{} has changed since it was made", .what.words())]
    Changed {
        /// What.
        what: Changed,
    },
}

/// What a person has approved.
pub(crate) struct Approval {
    pub plan: PlanId,
    /// The guards that had held the rows: a row that another guard holds now is held anew.
    guards: Vec<Guard>,
    /// The size of the source that was approved, where it was held for the source.
    pub source_rows: Option<u64>,
    rows: Baseline<Blob>,
}

impl Approval {
    /// What the plan held that a person approves; `None` where the ledger knows no such plan.
    ///
    /// # Errors
    /// [`EngineError::Approval`] where an approval of it is not taken any more.
    pub fn of(
        job: &Job,
        plan: &PlanId,
        state: &ActivationState,
        resolved: &Resolved,
        segments: &Segments<'_>,
        now_ms: i64,
    ) -> Result<Option<Self>, EngineError> {
        let Some(held) = state.holds.iter().find(|it| it.hold.plan == *plan) else { return Ok(None) };
        let hold = &held.hold;
        let refuse = |why| Err(refused(job, plan, why));
        if held.is_expired(now_ms) {
            return refuse(ApprovalRefused::Expired);
        }
        if let Some(what) = hold.terms.changed(&terms(job, resolved)) {
            return refuse(ApprovalRefused::Changed { what });
        }
        let rows = match segments.open_set(Kind::Held, &hold.rows) {
            Ok(rows) => rows,
            Err(error) => return refuse(ApprovalRefused::Unreadable { why: cause(&error) }),
        };
        Ok(Some(Self {
            plan: plan.clone(),
            guards: guards_of(&hold.guards),
            source_rows: approved_size(&hold.guards, hold.source_rows),
            rows,
        }))
    }

    /// Whether just this row was held, by a guard that holds such rows.
    fn covers_any(&self, meant: Meant, key: KeyFingerprint, row: Option<RowFingerprint>) -> bool {
        self.guards.iter().any(|it| it.holds(meant) && self.covers(*it, key, row))
    }

    /// Whether just this row was held, and by that guard.
    fn covers(&self, guard: Guard, key: KeyFingerprint, row: Option<RowFingerprint>) -> bool {
        self.guards.contains(&guard)
            && self.rows.get(key).is_some_and(|it| match row {
                Some(row) => it.state.presence == Presence::Present && it.row == row,
                None => it.state.presence == Presence::LeftKept,
            })
    }
}

fn cause(error: &EngineError) -> String {
    match error {
        EngineError::Baseline { source, .. } => source.to_string(),
        EngineError::BaselineUnreadable { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

fn guards_of(tripped: &[Tripped]) -> Vec<Guard> {
    tripped.iter().map(|it| it.guard).collect()
}

/// The size of a source that is approved with what it tripped.
pub(crate) fn approved_size(tripped: &[Tripped], source_rows: u64) -> Option<u64> {
    tripped.iter().any(|it| it.guard.is_of_source()).then_some(source_rows)
}

/// The error that an approval is not taken.
pub(crate) fn refused(job: &Job, plan: &PlanId, why: ApprovalRefused) -> EngineError {
    EngineError::Approval { activation: job.activation.name.to_string(), plan: plan.to_string(), why }
}

/// The error that the ledger knows no such plan, and this run has another one.
pub(crate) fn unknown(job: &Job, plan: &PlanId, state: &ActivationState) -> EngineError {
    refused(job, plan, ApprovalRefused::Unknown { newest: state.holds.last().map(|it| it.hold.plan.clone()) })
}

/// How a pass is guarded.
pub(crate) struct Guarding<'a> {
    pub guards: Guards,
    pub source: SourceCounts,
    /// Rows that were confirmed before.
    pub confirmed: u64,
    pub approval: Option<&'a Approval>,
    /// Whether a person has approved whatever this very plan holds.
    pub all_is_approved: bool,
}

impl Guarding<'_> {
    /// The guards that the source alone trips.
    pub fn of_source(&self) -> Vec<Tripped> {
        if self.all_is_approved { Vec::new() } else { self.guards.of_source(self.source, self.confirmed) }
    }

    /// Whether so many candidates may trip a guard of changes. Most runs are told apart here, without looking at any of their rows.
    pub fn may_be_too_many(&self, candidates: u64) -> bool {
        !self.all_is_approved && candidates > self.guards.changes_allowed(self.confirmed)
    }
}

/// Decides row by row what is held, under the guards that have tripped so far.
pub(crate) struct Holding<'a> {
    known: &'a Known,
    approval: Option<&'a Approval>,
    pub tripped: Vec<Tripped>,
    /// Whether rows have to be looked at one by one: in most runs none has.
    pub looks: bool,
    /// Changes that count against their limits: neither in doubt nor approved.
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    /// Rows that an approval lets through.
    pub released: u64,
}

impl<'a> Holding<'a> {
    /// `counts` says that changes may be too many.
    pub const fn new(known: &'a Known, approval: Option<&'a Approval>, tripped: Vec<Tripped>, counts: bool) -> Self {
        let looks = counts || !tripped.is_empty() || approval.is_some();
        Self { known, approval, tripped, looks, inserts: 0, updates: 0, deletes: 0, released: 0 }
    }

    /// Whether a row that would be sent is held.
    ///
    /// Rows in doubt are sent whatever a guard says, and count for none: until they are, nobody knows what the destination holds.
    pub fn holds_write(&mut self, key: KeyFingerprint, row: RowFingerprint, write: Write) -> bool {
        if self.known.is_in_doubt(key) {
            return false;
        }
        let limit = if write == Write::Update { Guard::MaxUpdates } else { Guard::MaxInserts };
        if !self.approval.is_some_and(|it| it.covers(limit, key, Some(row))) {
            *(if write == Write::Update { &mut self.updates } else { &mut self.inserts }) += 1;
        }
        self.holds(Meant::Write(write), key, Some(row))
    }

    /// Whether it is held that a row has left the model.
    pub fn holds_leaving(&mut self, key: KeyFingerprint) -> bool {
        self.holds(Meant::Leave, key, None)
    }

    /// Whether a row that has left is held, which would be flagged.
    pub fn holds_exit(&mut self, key: KeyFingerprint) -> bool {
        if !self.approval.is_some_and(|it| it.covers(Guard::MaxDeletes, key, None)) {
            self.deletes += 1;
        }
        self.holds(Meant::Exit, key, None)
    }

    fn holds(&mut self, meant: Meant, key: KeyFingerprint, row: Option<RowFingerprint>) -> bool {
        let approval = self.approval;
        let mut holding = self.tripped.iter().map(|it| it.guard).filter(|it| it.holds(meant));
        let is_held = holding.any(|guard| !approval.is_some_and(|it| it.covers(guard, key, row)));
        // What was held may be few enough by now to pass without: it was approved all the same.
        self.released += u64::from(!is_held && approval.is_some_and(|it| it.covers_any(meant, key, row)));
        is_held
    }
}

/// What is held of a pass.
#[derive(Debug)]
pub(crate) struct HeldRows {
    /// Why.
    pub tripped: Vec<Tripped>,
    /// Rows that were to be sent, by intent.
    pub writes: BTreeMap<Write, u64>,
    /// Rows that are no longer in the model.
    pub leaving: u64,
    /// Commutative sum over them all.
    pub sum: u128,
    /// The rows; `None` for a mere plan.
    pub segment: Option<SegmentRef>,
}

impl HeldRows {
    /// All of them.
    pub fn rows(&self) -> u64 {
        self.writes.values().sum::<u64>() + self.leaving
    }

    /// What is written down of it, so that it can be approved.
    pub fn hold(&self, plan: &PlanId, source_rows: u64, terms: Terms, options: &RunOptions) -> Option<Hold> {
        Some(Hold {
            plan: plan.clone(),
            guards: self.tripped.clone(),
            rows: self.segment.clone()?,
            writes: self.writes.values().sum(),
            source_rows,
            terms,
            full: options.full,
            retry_refused: options.retry_refused,
        })
    }
}
