//! Guards in a world: what they may let through, watched from outside.
//!
//! The world knows nothing of the engine's baseline. It knows which rows lay in files, what the data extension held before, how many rows the
//! model had, and what a person has looked at when approving: that is enough to tell that nothing beyond a limit has left.

use std::collections::{BTreeMap, BTreeSet};

use outflow_domain::{EmptySource, Guards, Limit, Outcome, PlanId, RunEvent};
use outflow_engine::{EngineError, RunOptions, RunReport};

use super::{Broken, Fields, Rule, World, check::Group, keys};
use crate::simulated::ModelRow;

/// No guard at all, not even that of an empty source.
pub const NO_GUARDS: Guards = Guards {
    max_inserts: None,
    max_updates: None,
    max_deletes: None,
    max_source_shrink: None,
    max_null_keys: None,
    empty_source: EmptySource::Allow,
};

/// The column of the model that has two values alone.
const BOOLEAN: usize = 4;

/// What a person saw when a plan held rows.
#[derive(Clone)]
pub(super) struct Seen {
    at_ms: i64,
    fields: Fields,
    guards: Guards,
    /// Every row that could be sent.
    rows: BTreeMap<String, ModelRow>,
    /// Whether the source was held as a whole.
    is_of_source: bool,
}

impl World {
    /// Whether the script has guards, which the world then watches.
    pub(super) fn is_guarded(&self) -> bool {
        self.script.guards != NO_GUARDS
    }

    /// Notes what a run has held, and by how many rows the next one measures its source.
    pub(super) fn note_held(&mut self, at_ms: i64, event: &RunEvent) {
        match event {
            RunEvent::RowsHeld { hold } => {
                self.see(&hold.plan, at_ms, hold.guards.iter().any(|it| it.guard.is_of_source()));
            }
            RunEvent::HoldApproved { plan, .. } if self.seen.get(&plan.0).is_none_or(|it| it.is_of_source) => self.measure = None,
            RunEvent::Ended { outcomes, .. } if outcomes.iter().next().is_some() && outcomes.count(Outcome::is_held) == 0 => {
                self.measure = Some(outcomes.count(Outcome::is_of_source));
            }
            _ => {}
        }
    }

    /// A person looks at the model as it is now, and at a plan of it.
    fn see(&mut self, plan: &PlanId, at_ms: i64, is_of_source: bool) {
        let row = |(key, it): (String, Group<'_>)| if let Group::Sendable(row) = it { Some((key, row.clone())) } else { None };
        let rows = self.groups().into_iter().filter_map(row).collect();
        let seen = Seen { at_ms, fields: self.fields, guards: self.guards, rows, is_of_source };
        self.seen.insert(plan.0.clone(), seen);
    }

    /// A person approves what a plan has held: the newest, or an earlier one.
    pub(super) fn approve(&mut self, earlier: usize, crash_after: Option<u32>) -> Result<(), Box<Broken>> {
        let held = self.ledger.state_of(&Self::name()).holds;
        let Some(hold) = held.iter().rev().nth(earlier).map(|it| it.hold.clone()) else { return Ok(()) };
        let options = RunOptions { full: hold.full, retry_refused: hold.retry_refused, approve: Some(hold.plan.clone()) };
        let seen = self.seen.get(&hold.plan.0).cloned();
        let now = self.clock.read();
        let ran = self.run(&options, crash_after)?;
        let Some(seen) = seen else { return Ok(()) };
        let is_taken = matches!(&ran, Some(Ok(report)) if report.plan.approved.is_some());
        let why = [
            ("more than a day old", now - seen.at_ms >= 24 * 3_600_000),
            ("of other fields", seen.fields.as_mapped() != self.fields.as_mapped()),
            ("of other guards", seen.guards != self.guards),
        ];
        match why.iter().find(|(_, is_so)| *is_so && is_taken) {
            Some((why, _)) => Err(self.broken(Rule::HoldsBack, format!("an approval is taken that is {why}"))),
            None => Ok(()),
        }
    }

    /// Whether a person has approved a plan of a model that did not have the key.
    pub(super) fn had_left_as_approved(&self, key: &str, options: &RunOptions) -> bool {
        let approved = options.approve.as_ref().and_then(|it| self.seen.get(&it.0));
        approved.is_some_and(|it| !it.rows.contains_key(key))
    }

    /// The rows that a run has sent beyond what it had to send: none in doubt, and none that a person has approved just so.
    fn unapproved(&self, sent: &BTreeSet<String>, options: &RunOptions) -> Vec<String> {
        let groups = self.groups();
        let approved = options.approve.as_ref().and_then(|it: &PlanId| self.seen.get(&it.0));
        let is_approved = |key: &String| match (approved.and_then(|it| it.rows.get(key)), groups.get(key)) {
            (Some(then), Some(Group::Sendable(now))) => self.wanted(then) == self.wanted(now),
            _ => false,
        };
        sent.iter().filter(|it| !is_approved(it)).cloned().collect()
    }

    /// Nothing beyond a limit leaves unapproved, and nothing that may change a row where the source cannot be trusted.
    pub(super) fn check_guards(
        &self,
        sent: &BTreeSet<String>,
        options: &RunOptions,
        has_doubt: bool,
        measure: Option<u64>,
    ) -> Result<(), Box<Broken>> {
        if has_doubt {
            // Rows in doubt are sent whatever a guard says, and which those are only the engine knows.
            return Ok(());
        }
        let unapproved = self.unapproved(sent, options);
        if let (Some(Limit::Rows(inserts)), Some(Limit::Rows(updates))) = (self.guards.max_inserts, self.guards.max_updates)
            && unapproved.len() as u64 > if self.script.update_only { updates } else { inserts + updates }
        {
            let detail = format!("{unapproved:?} were sent, where {inserts} new ones and {updates} updates may be");
            return Err(self.broken(Rule::HoldsBack, detail));
        }
        if self.source_is_held(measure)
            && let Some(key) = unapproved.iter().find(|it| self.held.contains_key(*it) && !self.others.touched.contains(*it))
        {
            let detail = format!("`{key}` was sent, where the source has {} rows and had {measure:?}", self.rows.len());
            return Err(self.broken(Rule::HoldsBack, detail));
        }
        Ok(())
    }

    /// Whether a person approves a source that was not trusted: by its size, which the world does not keep, this one is measured then.
    pub(super) fn approves_source(&self, options: &RunOptions) -> bool {
        options.approve.as_ref().and_then(|it| self.seen.get(&it.0)).is_some_and(|it| it.is_of_source)
    }

    /// Whether the source must be held, as far as the world knows.
    pub(super) fn source_is_held(&self, measure: Option<u64>) -> bool {
        let rows = self.rows.len() as u64;
        let null_keys = self.rows.iter().filter(|it| !keys::is_keyed(it)).count() as u64;
        let exceeds = |limit: Option<Limit>, found: u64, of: u64| limit.is_some_and(|it| found > it.rows_of(of));
        let has_shrunk = measure.is_some_and(|it| exceeds(self.guards.max_source_shrink, it.saturating_sub(rows), it));
        rows > 0 && (has_shrunk || exceeds(self.guards.max_null_keys, null_keys, rows))
    }

    /// What is held is told, row by row: whatever differs is among it, and nothing has left meanwhile.
    pub(super) fn check_held(&self, report: &RunReport, options: &RunOptions, measure: Option<u64>) -> Result<(), Box<Broken>> {
        let held = report.outcomes.count(Outcome::is_held);
        let told = report.plan.held.as_ref().map_or(0, |it| it.rows());
        if held != told {
            return Err(self.broken(Rule::SaysWhatIs, format!("{held} rows are held, and the run tells of {told}")));
        }
        if self.source_is_held(measure) && options.approve.is_none() && report.plan.newly_left > 0 {
            let detail = format!("{} rows left, as a source says that is not to be trusted", report.plan.newly_left);
            return Err(self.broken(Rule::HoldsBack, detail));
        }
        Ok(())
    }

    /// Nothing of a run's doing has changed a row that it did not send.
    pub(super) fn check_kept(&self, before: &BTreeMap<String, super::check::Stored>, sent: &BTreeSet<String>) -> Result<(), Box<Broken>> {
        for (key, row) in before.iter().filter(|(key, _)| !sent.contains(*key) && !self.others.touched.contains(*key)) {
            if self.held.get(key).is_some_and(|it| row.iter().any(|(column, value)| it.get(column) != Some(value))) {
                return Err(self.broken(Rule::Keeps, format!("`{key}` was not sent and is not what it was")));
            }
        }
        Ok(())
    }

    /// From here on nothing is held any more: a person has taken the guards away.
    pub(super) fn lift_guards(&mut self) {
        if self.guards != NO_GUARDS {
            self.tell("a person takes the guards away");
            self.guards = NO_GUARDS;
        }
    }

    /// A run that must hold so many rows, and leave everything as it is.
    fn holds(&mut self, rows: u64, why: &str) -> Result<PlanId, Box<Broken>> {
        let (arrivals, held, version) = (self.files.arrivals(), self.held.clone(), self.ledger.state_of(&Self::name()).baseline.version);
        let ran = self.run(&RunOptions::default(), None)?;
        let report = match ran {
            Some(Ok(report)) => report,
            other => return Err(self.broken(Rule::ComesToRest, format!("{why}, and the run ended with {other:?}"))),
        };
        let told = report.outcomes.count(Outcome::is_held);
        if report.result != outflow_domain::RunResult::RowsPending || told != rows {
            return Err(
                self.broken(Rule::SaysWhatIs, format!("{why}, and {told} rows are held where {rows} should be: {:?}", report.result))
            );
        }
        let is_as_before = self.files.arrivals() == arrivals && self.held == held;
        // What others have removed is dropped all the same: that is seen in the data extension, and not taken from the source.
        let is_gone = report.outcomes.get(Outcome::LeftGone) > 0;
        if !is_as_before || (!is_gone && self.ledger.state_of(&Self::name()).baseline.version != version) {
            return Err(self.broken(Rule::HoldsBack, format!("{why}, and something has changed all the same")));
        }
        Ok(report.plan.plan)
    }

    /// An approval that must not be taken.
    fn is_refused(&mut self, plan: &PlanId, code: &str) -> Result<(), Box<Broken>> {
        let arrivals = self.files.arrivals();
        let ran = self.run(&RunOptions { approve: Some(plan.clone()), ..RunOptions::default() }, None)?;
        match ran {
            Some(Err(error)) if error.code() == code && self.files.arrivals() == arrivals => Ok(()),
            other => Err(self.broken(Rule::HoldsBack, format!("an approval was not refused with {code}: {other:?}"))),
        }
    }

    fn approved(&mut self, plan: PlanId) -> Result<RunReport, Box<Broken>> {
        self.done_with(&RunOptions { approve: Some(plan), ..RunOptions::default() })
    }

    /// A world's ending with guards: each holds, tells, and lets through just what is approved.
    pub(super) fn guards_hold(&mut self) -> Result<(), Box<Broken>> {
        let lone = self.lone_rows();
        let Some((at, key)) = lone.first().cloned() else { return Ok(()) };
        let strict = Guards { max_updates: Some(Limit::Rows(0)), max_inserts: Some(Limit::Rows(0)), ..NO_GUARDS };
        self.guards = strict;
        self.tell(&format!("`{key}` changes, and no update is allowed"));
        let changed = self.changed(at);
        self.set_rows(&changed);
        let plan = self.holds(1, "no update is allowed")?;
        if self.holds(1, "no update is allowed, still")? != plan {
            return Err(self.broken(Rule::PlansAreEqual, "the same is held under another plan"));
        }
        self.is_refused(&PlanId("0000000000000000".into()), "GRD-001")?;
        self.guards.max_updates = None;
        self.is_refused(&plan, "GRD-003")?;
        self.guards = strict;
        self.clock.pass(25 * 3_600_000);
        self.is_refused(&plan, "GRD-002")?;
        let plan = self.holds(1, "an approval has expired")?;
        self.approved(plan)?;
        self.quiet("what was held is approved")?;
        // A row that was not changed yet can be changed twice; but for a boolean, which is back then.
        if let [_, (other, _), ..] = lone.as_slice()
            && self.fields.column(self.fields.first()) != BOOLEAN
        {
            self.one_of_two_changes_again(*other, at)?;
        }
        self.a_mere_plan_is_approved(at)?;
        self.the_source_is_empty()
    }

    /// Of two rows that are held one has other values when a person approves: nobody has looked at those.
    fn one_of_two_changes_again(&mut self, one: usize, other: usize) -> Result<(), Box<Broken>> {
        self.tell("two rows change, and one of them again before they are approved");
        let first = self.changed(one);
        self.set_rows(&first);
        let both = self.changed(other);
        self.set_rows(&both);
        let plan = self.holds(2, "no update is allowed")?;
        let again = self.changed(one);
        self.set_rows(&again);
        let ran = self.run(&RunOptions { approve: Some(plan), ..RunOptions::default() }, None)?;
        let newest = match &ran {
            Some(Ok(report)) if report.outcomes.of_fate("confirmed") == 1 && report.outcomes.of_fate("held") == 1 => {
                report.plan.plan.clone()
            }
            _ => return Err(self.broken(Rule::HoldsBack, format!("one of two approved rows has changed, and the run ended with {ran:?}"))),
        };
        self.approved(newest)?;
        self.quiet("both are approved").map(|_| ())
    }

    /// What `outflow plan` tells can be approved as it is.
    fn a_mere_plan_is_approved(&mut self, at: usize) -> Result<(), Box<Broken>> {
        self.tell("a row changes, and what a plan tells is approved");
        let changed = self.changed(at);
        self.set_rows(&changed);
        let (job, ports) = (self.job(), self.ports());
        let planned = match super::poll_once(outflow_engine::plan(&job, &ports, &RunOptions::default())) {
            Some(Ok(planned)) if planned.held.as_ref().is_some_and(|it| it.rows() == 1) => planned.plan,
            other => return Err(self.broken(Rule::SaysWhatIs, format!("a plan does not tell what is held: {other:?}"))),
        };
        self.see(&planned, self.clock.read(), false);
        let report = self.approved(planned)?;
        if report.plan.approved.as_ref().map(|it| it.rows) != Some(1) {
            return Err(self.broken(Rule::SaysWhatIs, format!("one row was approved, and the run tells of {:?}", report.plan.approved)));
        }
        self.quiet("what a plan told is approved").map(|_| ())
    }

    /// Nothing has left as long as nobody has looked at a source that is empty.
    fn the_source_is_empty(&mut self) -> Result<(), Box<Broken>> {
        self.guards = Guards::default();
        self.tell("the source is empty");
        let all = self.rows.clone();
        self.set_rows(&[]);
        let (job, ports) = (self.job(), self.ports());
        let leaving = match super::poll_once(outflow_engine::plan(&job, &ports, &RunOptions::default())) {
            Some(Ok(planned)) => planned.held.map_or(0, |it| it.leaving),
            other => return Err(self.broken(Rule::SaysWhatIs, format!("no plan: {other:?}"))),
        };
        if leaving == 0 {
            return Err(self.broken(Rule::HoldsBack, "the source is empty, and nothing is held"));
        }
        let plan = self.holds(leaving, "the source is empty")?;
        let report = self.approved(plan)?;
        if report.outcomes.count(Outcome::is_held) > 0 || report.plan.newly_left == 0 {
            return Err(self.broken(Rule::LeavesOnce, format!("{leaving} rows left with approval: {:?}", report.outcomes)));
        }
        self.quiet("a person knows that the source is empty")?;
        self.set_rows(&all);
        self.done()?;
        self.quiet("the rows are back").map(|_| ())
    }

    /// What a person does at last about a run that holds rows.
    pub(super) fn approve_newest(&mut self) -> Result<Option<Result<RunReport, EngineError>>, Box<Broken>> {
        let Some(hold) = self.ledger.state_of(&Self::name()).holds.last().map(|it| it.hold.clone()) else { return Ok(None) };
        self.tell(&format!("a person approves {}", hold.plan));
        self.run(&RunOptions { full: hold.full, retry_refused: hold.retry_refused, approve: Some(hold.plan) }, None)
    }
}
