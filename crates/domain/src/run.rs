//! A run as its events tell it, and what they add up to for an activation.
//!
//! Few events, durable, in one order. [`ActivationState::apply`] turns what was recorded into what is true, and refuses the impossible.
//! The intent is recorded before each effect and the result after it, so that a crash anywhere leaves a state from which the next run
//! can settle what was started.

mod baseline;
mod impossible;
mod part;
mod plan;
mod purpose;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    fingerprint::{KeyFingerprint, RowFingerprint},
    guard::{Held, Hold},
    import::{ImportId, ImportStatus, Route},
    mapping::Mapping,
    names::{FieldName, Name, ObjectId, RunId},
    outcome::{Outcome, OutcomeCounts},
};

pub use baseline::{BaselineRef, SegmentRef};
pub use impossible::ImpossibleEvent;
pub use part::{LATE_CALL_MS, OpenPart, PartStage};
pub use plan::{Manifest, PartPlan, PlanId};
pub use purpose::Purpose;

/// Whose rows a baseline speaks of. When any of it changes, what was confirmed no longer holds as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The tenant and business unit, as the connection names them.
    pub tenant: String,
    /// The data extension; a re-created one has another id. `None` while it is yet to be made.
    pub data_extension: Option<ObjectId>,
    /// Its external key in lower case, which a re-created one may have too; `None` in what was recorded before it was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Each mapped field by folded name; a dropped and re-added one has another id.
    pub fields: BTreeMap<String, ObjectId>,
}

impl Identity {
    /// Whether both speak of the same table: tenant, business unit and data extension. One that is yet to be made is none that was there before.
    #[must_use]
    pub fn is_same_table(&self, other: &Self) -> bool {
        self.tenant == other.tenant && self.data_extension.is_some() && self.data_extension == other.data_extension
    }

    /// Whether an import that is on its way into the one may write into the other: imports are meant for whatever has the external key by then.
    #[must_use]
    pub fn may_write_into(&self, other: &Self) -> bool {
        self.is_same_table(other) || (self.tenant == other.tenant && self.key.is_some() && self.key == other.key)
    }

    /// Whether each field that both have is the same column.
    #[must_use]
    pub fn shares_fields_with(&self, other: &Self) -> bool {
        self.fields.iter().all(|(name, id)| other.fields.get(name).is_none_or(|it| it == id))
    }
}

/// A row the service refused; not sent again until its values, the mapping or the field changes, or a person asks; or a day has passed, where
/// the reason is not known to lie in the row ([`crate::refusal`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// The row's key.
    pub key: KeyFingerprint,
    /// The values that were refused.
    pub row: RowFingerprint,
    /// The service's code, or `unexplained` where only reading back told.
    pub code: String,
    /// The field, where the service named one.
    pub field: Option<FieldName>,
    /// Digest of mapping and field types under which it was refused.
    pub schema: String,
    /// When it was refused last, in milliseconds since 1970, UTC; 0 where that was not yet written down.
    #[serde(default)]
    pub at_ms: i64,
}

/// What ended the doubt about a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The counts proved that every row was applied.
    Counts,
    /// The receipt told each refused row.
    Rows,
    /// The rows were read back.
    ReadBack,
    /// Nothing could be established; the rows stay in doubt.
    None,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum RunResult {
    /// Every sendable row is confirmed.
    Succeeded,
    /// Finished, but rows were refused or are invalid.
    RowsRefused,
    /// Finished, but rows are held or unconfirmed.
    RowsPending,
    /// An import has not ended; nothing is started over it.
    Blocked {
        /// The import, or the file where its number is not known.
        import: String,
    },
    /// Stopped by an error or a person; what was confirmed stays confirmed.
    Failed {
        /// The error's code.
        code: String,
        /// The error in a sentence, without values.
        message: String,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// A run begins.
    Started {
        /// Whether every row is sent, whatever the baseline says.
        full: bool,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Purpose::is_run")]
        purpose: Purpose,
    },
    /// The plan is made; nothing is decided afterwards.
    Planned {
        /// The plan.
        manifest: Box<Manifest>,
        /// The mapping its fingerprints are of.
        mapping: Box<Mapping>,
        /// Whose rows they are, columns yet to be added left out.
        identity: Identity,
    },
    /// The data extension is about to be made.
    TableCreating,
    /// The data extension was made; the identity has it now, with its fields.
    TableCreated {
        /// Whose rows the baseline speaks of from here on.
        identity: Identity,
    },
    /// Columns are about to be made longer.
    ColumnsWidening,
    /// Columns were made longer.
    ColumnsWidened,
    /// Columns are about to be created.
    ColumnsAdding,
    /// Columns were created; the identity has their fields now.
    ColumnsAdded {
        /// Whose rows the baseline speaks of from here on.
        identity: Identity,
    },
    /// A person has approved what a plan held: just those rows pass in this run.
    HoldApproved {
        /// The plan.
        plan: PlanId,
        /// The size of the source that was approved with it, by which the next runs measure theirs.
        source_rows: Option<u64>,
    },
    /// Guards hold rows back, until a person approves them.
    RowsHeld {
        /// What is held, and why.
        hold: Box<Hold>,
    },
    /// A file is about to travel.
    TransferStarting {
        /// The part.
        part: u32,
    },
    /// The file lies whole at the route.
    Transferred {
        /// The part.
        part: u32,
    },
    /// An import is about to be started. From here on, every row of the part is in doubt.
    ImportStarting {
        /// The part.
        part: u32,
        /// The newest import the service knew of this activation just before, where it can be asked.
        newest: Option<String>,
        /// The part's keys with what was sent, sorted.
        doubt: SegmentRef,
        /// The keys themselves, encrypted, where they may be needed later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keys: Option<SegmentRef>,
    },
    /// The service has a number for it.
    ImportStarted {
        /// The part.
        part: u32,
        /// The number.
        import: ImportId,
    },
    /// The start was refused for certain: nothing was begun and nothing is in doubt.
    ImportNotStarted {
        /// The part.
        part: u32,
        /// The service's code.
        code: String,
        /// The road, where it is closed to this tenant as such.
        closed: Option<Route>,
    },
    /// Rows that have left the model are about to be deleted. From here on, every row of the part is in doubt.
    DeletesStarting {
        /// The part.
        part: u32,
        /// The part's keys, sorted.
        doubt: SegmentRef,
    },
    /// The import is known to have ended.
    ImportEnded {
        /// The part.
        part: u32,
        /// Its end.
        status: ImportStatus,
    },
    /// What became of each row of the part is established as far as it can be.
    PartSettled {
        /// The part.
        part: u32,
        /// What told.
        evidence: Evidence,
        /// The outcomes of its rows.
        outcomes: OutcomeCounts,
        /// Entries to be merged into the baseline.
        confirmed: Option<SegmentRef>,
        /// Rows still in doubt, or `None` when none is.
        doubt: Option<SegmentRef>,
    },
    /// The part was never started; its file is removed here and at the route.
    PartDropped {
        /// The part.
        part: u32,
    },
    /// A new baseline counts from here on.
    BaselineAdvanced {
        /// The baseline.
        baseline: BaselineRef,
        /// Settled segments that it has taken in.
        merged: Vec<String>,
        /// The mapping it is written under.
        mapping: Box<Mapping>,
        /// Whose rows it speaks of.
        identity: Identity,
    },
    /// The keys of the data extension were read with the numbers that the service gives its rows. What was confirmed of rows with a higher
    /// number than the last time is marked as unknown: they were made again since.
    RowsNumbered {
        /// The data extension; another one numbers anew.
        data_extension: ObjectId,
        /// The highest number.
        up_to: u64,
    },
    /// The service holds a mark of a newer generation than ours, and nothing here is older than what it speaks of: the data extension was read
    /// back, or nothing was known of it. The generation counts on from there.
    GenerationRaised {
        /// The generation from here on.
        to: u64,
    },
    /// A person gave up on an import whose end is not known. Its rows stay in doubt; the road is open again.
    Abandoned {
        /// The part.
        part: u32,
    },
    /// The run is over.
    Ended {
        /// How.
        result: RunResult,
        /// The outcomes of all rows.
        outcomes: OutcomeCounts,
    },
}

/// An event with its place in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The activation.
    pub activation: Name,
    /// The run.
    pub run: RunId,
    /// Milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: RunEvent,
}

/// Entries that were confirmed and are yet to be merged into the baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedSegment {
    /// The entries, in key order.
    pub segment: SegmentRef,
    /// The keys of the part that was settled, where they were stored; some of them may have no entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<SegmentRef>,
    /// The mapping their fingerprints are of.
    pub mapping: Box<Mapping>,
    /// Whose rows they are.
    pub identity: Identity,
}

/// What the events of an activation add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationState {
    /// The baseline that counts.
    pub baseline: BaselineRef,
    /// The mapping it is written under.
    pub mapping: Option<Box<Mapping>>,
    /// Whose rows it speaks of.
    pub identity: Option<Identity>,
    /// Segments that were settled and are yet to be merged into the baseline, oldest first.
    pub confirmed: Vec<ConfirmedSegment>,
    /// Parts that are not wholly settled, oldest first.
    pub open_parts: Vec<OpenPart>,
    /// The run that has started and not ended.
    pub current_run: Option<RunId>,
    /// What it is for.
    #[serde(default)]
    pub current_purpose: Purpose,
    /// The plan of the current run.
    pub planned: Option<(Box<Mapping>, Identity)>,
    /// The last run that ended, with its time and result; upkeep is none.
    pub last_ended: Option<(RunId, i64, RunResult)>,
    /// Roads into an import that the tenant was found to close, and when.
    #[serde(default)]
    pub closed_roads: Vec<(Route, i64)>,
    /// Roads on which an import was once started: such a road was open, whatever it is now.
    #[serde(default)]
    pub roads_taken: Vec<Route>,
    /// The highest number of a row when keys were last read, and in which data extension.
    #[serde(default)]
    pub rows_numbered: Option<(ObjectId, u64)>,
    /// What is held, oldest first, as long as it may be approved; nothing once a run has come to its end without holding anything.
    #[serde(default)]
    pub holds: Vec<Held>,
    /// Since when rows are held without a break.
    #[serde(default)]
    pub held_since_ms: Option<i64>,
    /// Rows of the source in the last run that held nothing, or that a person approved since.
    #[serde(default)]
    pub source_rows: Option<u64>,
    /// Counts up with every intent to start an import, and never down: a copy of this state that was taken before has a lower one.
    #[serde(default)]
    pub generation: u64,
    /// When a run last succeeded.
    pub last_success_ms: Option<i64>,
    /// Events applied so far.
    pub events: u64,
}

/// Plans whose held rows are kept at most: a run an hour for a day.
const HOLDS_MAX: usize = 24;

impl RunEvent {
    /// The event's stable name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Planned { .. } => "planned",
            Self::TableCreating => "table_creating",
            Self::TableCreated { .. } => "table_created",
            Self::ColumnsWidening => "columns_widening",
            Self::ColumnsWidened => "columns_widened",
            Self::ColumnsAdding => "columns_adding",
            Self::ColumnsAdded { .. } => "columns_added",
            Self::HoldApproved { .. } => "hold_approved",
            Self::RowsHeld { .. } => "rows_held",
            Self::TransferStarting { .. } => "transfer_starting",
            Self::Transferred { .. } => "transferred",
            Self::ImportStarting { .. } => "import_starting",
            Self::ImportStarted { .. } => "import_started",
            Self::ImportNotStarted { .. } => "import_not_started",
            Self::DeletesStarting { .. } => "deletes_starting",
            Self::ImportEnded { .. } => "import_ended",
            Self::PartSettled { .. } => "part_settled",
            Self::PartDropped { .. } => "part_dropped",
            Self::BaselineAdvanced { .. } => "baseline_advanced",
            Self::RowsNumbered { .. } => "rows_numbered",
            Self::GenerationRaised { .. } => "generation_raised",
            Self::Abandoned { .. } => "abandoned",
            Self::Ended { .. } => "ended",
        }
    }
}

impl ActivationState {
    /// Takes an event in.
    ///
    /// # Errors
    /// When the event cannot follow; the state is as it was then.
    pub fn apply(&mut self, record: &RunRecord) -> Result<(), ImpossibleEvent> {
        let mut next = self.clone();
        next.step(record).map_err(|why| ImpossibleEvent {
            activation: record.activation.clone(),
            number: self.events + 1,
            event: record.event.name(),
            why,
        })?;
        next.events += 1;
        *self = next;
        Ok(())
    }

    fn step(&mut self, record: &RunRecord) -> Result<(), &'static str> {
        use PartStage as Stage;
        match &record.event {
            RunEvent::Started { purpose, .. } => {
                (self.current_run, self.current_purpose) = (Some(record.run.clone()), *purpose);
                self.planned = None;
            }
            RunEvent::Planned { manifest, mapping, identity } => {
                self.is_current(&record.run)?;
                if self.open_parts.iter().any(|it| it.is_not_started() || it.may_be_running()) {
                    return Err("an earlier run's parts are neither dropped nor ended");
                }
                self.planned = Some((mapping.clone(), identity.clone()));
                self.open_parts.extend(manifest.parts.iter().map(|plan| OpenPart {
                    run: record.run.clone(),
                    plan: plan.clone(),
                    identity: identity.clone(),
                    mapping: mapping.clone(),
                    doubt: None,
                    keys: None,
                    stage: Stage::Planned,
                    newest: None,
                    is_abandoned: false,
                    asked_ms: None,
                }));
            }
            RunEvent::TableCreating | RunEvent::ColumnsAdding | RunEvent::ColumnsWidening | RunEvent::ColumnsWidened => {
                self.planned.as_ref().ok_or("there is no plan")?;
            }
            RunEvent::TableCreated { identity } | RunEvent::ColumnsAdded { identity } => {
                self.planned.as_mut().ok_or("there is no plan")?.1 = identity.clone();
                for part in self.open_parts.iter_mut().filter(|it| it.run == record.run) {
                    part.identity = identity.clone();
                }
            }
            RunEvent::HoldApproved { source_rows, .. } => {
                self.is_current(&record.run)?;
                self.source_rows = source_rows.or(self.source_rows);
            }
            RunEvent::RowsHeld { hold } => {
                self.is_current(&record.run)?;
                self.holds.retain(|it| it.hold.plan != hold.plan && !it.is_expired(record.at_ms));
                self.holds.push(Held { run: record.run.clone(), at_ms: record.at_ms, hold: (**hold).clone() });
                let too_many = self.holds.len().saturating_sub(HOLDS_MAX);
                self.holds.drain(..too_many);
                self.held_since_ms.get_or_insert(record.at_ms);
            }
            RunEvent::TransferStarting { part } => {
                let part = self.part(&record.run, *part)?;
                part.stage = match part.stage {
                    Stage::Planned | Stage::Transferring if !part.plan.is_of_deletes => Stage::Transferring,
                    _ => return Err("its file has arrived already"),
                };
            }
            RunEvent::Transferred { part } => {
                let part = self.part(&record.run, *part)?;
                part.stage = match part.stage {
                    Stage::Transferring => Stage::Transferred,
                    _ => return Err("its transfer was not started"),
                };
            }
            RunEvent::ImportStarting { part, newest, doubt, keys } => {
                if self.open_parts.iter().any(OpenPart::may_be_running) {
                    let part = self.part(&record.run, *part)?;
                    // The same file may be started again when its first start got lost.
                    if !matches!(part.stage, Stage::Starting) {
                        return Err("another import may still be running");
                    }
                }
                let part = self.part(&record.run, *part)?;
                match &part.stage {
                    Stage::Transferred => {
                        part.stage = Stage::Starting;
                        part.newest.clone_from(newest);
                        part.doubt = Some(doubt.clone());
                        part.keys.clone_from(keys);
                    }
                    Stage::Starting => {}
                    _ => return Err("its file has not arrived"),
                }
                self.generation = self.generation.saturating_add(1);
            }
            RunEvent::ImportStarted { part, import } => {
                if !self.roads_taken.contains(&import.route) {
                    self.roads_taken.push(import.route);
                }
                let part = self.part(&record.run, *part)?;
                part.stage = match part.stage {
                    Stage::Starting => Stage::Started { import: import.clone() },
                    _ => return Err("no start was intended"),
                };
            }
            RunEvent::ImportNotStarted { part, closed, .. } => {
                if let Some(route) = closed {
                    self.closed_roads.retain(|(it, _)| it != route);
                    self.closed_roads.push((*route, record.at_ms));
                }
                let part = self.part(&record.run, *part)?;
                if !matches!(part.stage, Stage::Starting) {
                    return Err("no start was intended");
                }
                part.stage = Stage::Transferred;
                (part.doubt, part.keys) = (None, None);
            }
            RunEvent::DeletesStarting { part, doubt } => {
                if self.open_parts.iter().any(OpenPart::may_be_running) {
                    return Err("an import may still be running");
                }
                let part = self.part(&record.run, *part)?;
                if !part.plan.is_of_deletes || part.stage != Stage::Planned {
                    return Err("its rows were not planned to be deleted, or were already");
                }
                (part.stage, part.doubt) = (Stage::Deleting, Some(doubt.clone()));
            }
            RunEvent::ImportEnded { part, status } => {
                let part = self.part(&record.run, *part)?;
                let import = match &part.stage {
                    Stage::Started { import } => Some(import.clone()),
                    Stage::Starting => None,
                    _ => return Err("no import was started"),
                };
                part.stage = Stage::Ended { import, status: status.clone() };
            }
            RunEvent::PartSettled { part, confirmed, doubt, .. } => {
                let number = *part;
                let part = self.part(&record.run, number)?;
                let may_settle = match part.stage {
                    Stage::Ended { .. } | Stage::Unresolved | Stage::Deleting => true,
                    Stage::Starting | Stage::Started { .. } => part.is_abandoned,
                    Stage::Planned | Stage::Transferring | Stage::Transferred => false,
                };
                if !may_settle {
                    return Err("its import has not ended");
                }
                let has_deleted = part.plan.is_of_deletes;
                let segment = confirmed.clone();
                let taken = segment.map(|segment| ConfirmedSegment {
                    segment,
                    keys: part.keys.clone(),
                    mapping: part.mapping.clone(),
                    identity: part.identity.clone(),
                });
                match doubt {
                    Some(doubt) => {
                        // No call of it is made any more: from now on it counts how late one may still be heard.
                        part.asked_ms = part.asked_ms.or_else(|| part.plan.is_of_deletes.then_some(record.at_ms));
                        part.doubt = Some(doubt.clone());
                        part.stage = Stage::Unresolved;
                    }
                    None => self.open_parts.retain(|it| it.run != record.run || it.plan.part != number),
                }
                self.confirmed.extend(taken);
                if has_deleted {
                    // The row with the highest number may be gone by our own hand: numbers that fall would tell of others.
                    self.rows_numbered = None;
                }
            }
            RunEvent::PartDropped { part } => {
                let number = *part;
                if !self.part(&record.run, number)?.is_not_started() {
                    return Err("its import may have been started");
                }
                self.open_parts.retain(|it| it.run != record.run || it.plan.part != number);
            }
            RunEvent::BaselineAdvanced { baseline, merged, mapping, identity } => {
                if baseline.version != self.baseline.version + 1 {
                    return Err("the baseline's version does not follow");
                }
                self.baseline = baseline.clone();
                self.mapping = Some(mapping.clone());
                self.identity = Some(identity.clone());
                self.confirmed.retain(|it| !merged.contains(&it.segment.name));
            }
            RunEvent::RowsNumbered { data_extension, up_to } => {
                self.is_current(&record.run)?;
                self.rows_numbered = Some((data_extension.clone(), *up_to));
            }
            RunEvent::GenerationRaised { to } => {
                self.is_current(&record.run)?;
                if *to < self.generation {
                    return Err("a generation never falls");
                }
                self.generation = *to;
            }
            RunEvent::Abandoned { part } => {
                let part = self.part(&record.run, *part)?;
                let may_be_deleted_late = part.plan.is_of_deletes && matches!(part.stage, Stage::Deleting | Stage::Unresolved);
                if !matches!(part.stage, Stage::Starting | Stage::Started { .. }) && !may_be_deleted_late {
                    return Err("its import is not open");
                }
                part.is_abandoned = true;
            }
            RunEvent::Ended { result, outcomes } => {
                if self.current_run.take().as_ref() != Some(&record.run) {
                    return Err("the run has not started");
                }
                self.planned = None;
                if !self.current_purpose.is_run() {
                    return Ok(());
                }
                if matches!(result, RunResult::Succeeded | RunResult::RowsRefused) {
                    self.last_success_ms = Some(record.at_ms);
                }
                // What failed has compared nothing and tells of no row.
                if outcomes.iter().next().is_some() && outcomes.count(Outcome::is_held) == 0 {
                    self.source_rows = Some(outcomes.count(Outcome::is_of_source));
                    (self.holds, self.held_since_ms) = (Vec::new(), None);
                }
                self.last_ended = Some((record.run.clone(), record.at_ms, result.clone()));
            }
        }
        Ok(())
    }

    /// Whether nothing is known of what the data extension holds, nor may be written there any more: such a state is older than nothing.
    #[must_use]
    pub fn believes_nothing(&self) -> bool {
        let BaselineRef { base, delta, .. } = &self.baseline;
        base.is_none() && delta.is_none() && self.confirmed.is_empty() && self.open_parts.iter().all(|it| it.doubt.is_none())
    }

    fn is_current(&self, run: &RunId) -> Result<(), &'static str> {
        if self.current_run.as_ref() == Some(run) { Ok(()) } else { Err("the run has not started") }
    }

    fn part(&mut self, run: &RunId, number: u32) -> Result<&mut OpenPart, &'static str> {
        let mut parts = self.open_parts.iter_mut();
        parts.find(|it| it.run == *run && it.plan.part == number).ok_or("the run has no such open part")
    }
}

#[cfg(test)]
mod tests;
