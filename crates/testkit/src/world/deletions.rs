//! Rows that are deleted since they have left the model: none but those that may be, by what can be known of them; and each of those in the end.
//!
//! Whose a row is, the world knows better than the engine can. A row counts as ours here from the moment on when a file of ours that may have
//! made it (or that has it, where rows that were there before are deleted, too) lies at the route. It is ours no more once a run that comes to
//! its end found its key absent; and in update-only, where the service numbers its rows, once somebody else has made it again.

use std::{collections::BTreeSet, sync::Arc};

use outflow_domain::{Name, Outcome, Sent, Write};
use outflow_engine::RunReport;
use outflow_ports::{BaselineStore, BaselineStores};
use outflow_sandbox::model::OtherWrite;

use super::{Before, Broken, Rule, World, check::Stored, keys};
use crate::simulated::{AskedDeletions, SimulatedDisk};

/// What a world knows of rows that may be deleted. Keys are as the service compares them.
#[derive(Debug, Default)]
pub(super) struct Deletions {
    /// What the service is asked to delete.
    pub calls: AskedDeletions,
    /// All that it was ever asked to delete, and might.
    asked: BTreeSet<String>,
    /// Rows that the activation may take for its own.
    ours: BTreeSet<String>,
    /// Rows that the neighbours' baseline surely holds.
    pub neighbours_hold: BTreeSet<String>,
}

/// The disks of both activations.
#[derive(Debug)]
pub(super) struct AllDisks {
    pub neighbours: SimulatedDisk,
    pub ours: SimulatedDisk,
}

impl BaselineStores for AllDisks {
    fn of(&self, activation: &Name) -> Arc<dyn BaselineStore> {
        let disk = if *activation == World::neighbours_name() { &self.neighbours } else { &self.ours };
        Arc::new(disk.baselines())
    }
}

impl World {
    /// Whether the service was asked to delete a row, and might do so at any moment.
    pub(super) fn was_to_be_deleted(&self, key: &str) -> bool {
        self.deletions.asked.contains(key)
    }

    /// Whether a row may be gone as a deletion of it got lost, which the engine still reckons with.
    pub(super) fn may_go_late(&self, key: &str) -> bool {
        self.was_to_be_deleted(key) && self.ledger.state_of(&Self::name()).open_parts.iter().any(|it| it.plan.is_of_deletes)
    }

    /// Another writer is about to act.
    pub(super) fn another_writes(&mut self, write: &OtherWrite) {
        let switches = &self.script.switches;
        let is_numbered = switches.custom_object_key_retrievable && !switches.remade_rows_keep_number;
        let is_told = self.script.update_only && is_numbered && self.ledger.state_of(&Self::name()).rows_numbered.is_some();
        if let OtherWrite::UpsertRow { values, .. } = write
            && is_told
            && let Some(key) = keys::of_fields(|it| values.get(it)?.as_deref())
            && !self.stored().contains_key(&key)
        {
            self.deletions.ours.remove(&key);
        }
    }

    /// The service was asked to delete none but rows that have left, that are ours as far as can be known, and that nobody else holds.
    pub(super) fn check_asked(&mut self, before: &Before) -> Result<(), Box<Broken>> {
        for fields in self.deletions.calls.take() {
            let Some(key) = keys::of_fields(|it| fields.get(it).map(String::as_str)) else { continue };
            let wrong = if self.script.deletes.is_none() {
                "where nothing is to be"
            } else if self.groups().contains_key(&key) {
                "which the model has"
            } else if self.deletions.neighbours_hold.contains(&key) {
                "which the neighbours hold"
            } else if !self.ever.contains_key(&key) {
                "which the model never had"
            } else if before.stored.contains_key(&key) && !self.deletions.ours.contains(&key) && !self.others.uncertain.contains(&key) {
                "which is not ours"
            } else {
                self.deletions.asked.insert(key);
                continue;
            };
            return Err(self.broken(Rule::OnlyOurs, format!("`{key}` was to be deleted, {wrong}")));
        }
        Ok(())
    }

    /// What a run has made ours, and what it has found to be ours no more.
    pub(super) fn note_ours(&mut self, before: &Before, sent: &BTreeSet<String>, has_ended: bool) {
        let Some(adopted) = self.script.deletes else { return };
        let stored = self.stored();
        let was_absent = |key: &String| !before.stored.contains_key(key);
        if has_ended {
            let (others, is_there) = (&self.others, |key: &String| stored.contains_key(key));
            self.deletions.ours.retain(|it| !was_absent(it) || is_there(it) || sent.contains(it) || others.uncertain.contains(it));
        }
        let may_be_made = |key: &&String| adopted || was_absent(key) || self.others.uncertain.contains(*key);
        let made: Vec<String> = sent.iter().filter(may_be_made).cloned().collect();
        self.deletions.ours.extend(made);
    }

    /// What the neighbours' baseline holds once a run of theirs is done.
    pub(super) fn note_neighbours(&mut self, is_done: bool, holds_theirs: impl Fn(&Stored) -> bool) {
        let stored = self.stored();
        self.deletions.neighbours_hold.retain(|it| stored.contains_key(it));
        if is_done && self.ledger.state_of(&Self::neighbours_name()).open_parts.is_empty() {
            let is_alone = |key: &&String| self.neighbours.iter().filter(|it| keys::folded(it) == keys::folded(key)).count() == 1;
            let held = self.neighbours.iter().filter(is_alone).map(|it| keys::folded(it)).filter(|it| keys::is_usable(it));
            let held: Vec<String> = held.filter(|it| stored.get(it).is_some_and(&holds_theirs)).collect();
            self.deletions.neighbours_hold.extend(held);
        }
    }

    /// Once a run calls itself done, whatever we have made and the model no longer has is gone, but for what the run tells.
    pub(super) fn check_deleted(&self, report: &RunReport) -> Result<(), Box<Broken>> {
        let is_known = self.script.deletes.is_some() && !self.others.has_remade_table && !self.is_rebuilt;
        if !is_known || !self.ledger.state_of(&Self::name()).open_parts.is_empty() {
            return Ok(());
        }
        let groups = self.groups();
        let there: Vec<&String> = self.held.keys().filter(|it| !groups.contains_key(*it) && self.is_surely_ours(it)).collect();
        let is_told = |it: Outcome| !it.is_of_source() && !matches!(it, Outcome::LeftGone | Outcome::Sent { fate: Sent::Confirmed, .. });
        let told = report.outcomes.count(is_told);
        if there.len() as u64 > told {
            return Err(self.broken(Rule::LeavesDeleted, format!("{there:?} left and are there, and {told} are told so")));
        }
        Ok(())
    }

    /// Whether nobody else was ever near a row of ours.
    fn is_surely_ours(&self, key: &str) -> bool {
        self.ever.contains_key(key) && !self.others.ever_touched.contains(key) && !self.others.made.contains(key)
    }

    /// Rule 12: a row that leaves is deleted once, if it is ours; one that returns is made anew, where rows are made.
    pub(super) fn a_row_leaves_and_is_deleted(&mut self, adopted: bool) -> Result<(), Box<Broken>> {
        let Some((at, key)) = self.lone_rows().into_iter().next() else { return Ok(()) };
        let is_expected = !self.deletions.neighbours_hold.contains(&key) && (adopted || (self.is_surely_ours(&key) && !self.is_rebuilt));
        // Of any other row too much has happened to tell what the engine takes it for.
        if !is_expected {
            return Ok(());
        }
        let (all, report) = self.leaves(at, &key)?;
        let deleted = report.outcomes.get(Outcome::Sent { write: Write::Delete, fate: Sent::Confirmed });
        if (report.plan.newly_left, deleted) != (1, 1) || self.held.contains_key(&key) {
            return Err(self.broken(Rule::LeavesDeleted, format!("`{key}` left, and {deleted} rows were deleted")));
        }
        self.quiet("a row had been deleted before")?;
        self.set_rows(&all);
        let report = self.done()?;
        let is_back = self.held.contains_key(&key);
        if is_back == self.script.update_only {
            return Err(self.broken(Rule::Arrives, format!("`{key}` is back, and whether it is there: {is_back}")));
        }
        let made = report.outcomes.get(Outcome::Sent { write: Write::Insert, fate: Sent::Confirmed });
        if !self.script.update_only && made == 0 {
            return Err(self.broken(Rule::SaysWhatIs, format!("`{key}` is back, and {made} rows were made")));
        }
        self.quiet("a row had returned before").map(|_| ())
    }
}
