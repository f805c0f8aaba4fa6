//! Rows that leave the model, where they are flagged: each is in the end, whatever goes wrong, and none but those.

use std::collections::BTreeSet;

use outflow_domain::{InsertMode, Limit, Outcome, PartPlan, RunResult, Sent, Write};
use outflow_engine::{RunOptions, RunReport};

use super::{
    Broken, Rule, World,
    fields::{GONE, HERE, LEFT},
};

impl World {
    /// Whether a value is the flag of a row that has left, which no version of the model has.
    pub(super) fn may_be_flagged(&self, column: &str, value: Option<&str>) -> bool {
        self.script.flags && column == LEFT && value == Some(GONE)
    }

    /// A file of rows that have left flags just such, and makes none.
    pub(super) fn check_flagged(&self, file: &str, key: &str, flag: Option<&str>, plan: &PartPlan) -> Result<(), Box<Broken>> {
        let wrong = if self.groups().contains_key(key) {
            "which the model has"
        } else if !self.ever.contains_key(key) {
            "which the model never had"
        } else if flag != Some(GONE) {
            "with another flag"
        } else if plan.order.insert != InsertMode::UpdateOnly {
            "and would make it"
        } else {
            return Ok(());
        };
        Err(self.broken(Rule::LeavesFlagged, format!("`{file}` flags `{key}`, {wrong}")))
    }

    /// No more is flagged than may be without a person, and nothing that a source says which cannot be trusted.
    pub(super) fn check_guarded_exits(
        &self,
        flagged: &BTreeSet<String>,
        options: &RunOptions,
        measure: Option<u64>,
    ) -> Result<(), Box<Broken>> {
        let unapproved: Vec<&String> = flagged.iter().filter(|it| !self.had_left_as_approved(it, options)).collect();
        let is_too_many = matches!(self.guards.max_deletes, Some(Limit::Rows(most)) if unapproved.len() as u64 > most);
        if is_too_many || (self.source_is_held(measure) && !self.approves_source(options) && !unapproved.is_empty()) {
            let detail = format!("{unapproved:?} were flagged under {:?}", self.guards);
            return Err(self.broken(Rule::HoldsBack, detail));
        }
        Ok(())
    }

    /// Once a run calls itself done, whatever we have put there and the model no longer has is flagged, but for what the run tells.
    pub(super) fn check_exits(&self, report: &RunReport) -> Result<(), Box<Broken>> {
        // Of rows that came into a table which somebody made anew under way, nobody knows; and another table never has exits.
        let is_known = self.script.flags && !self.others.has_remade_table;
        // What is in doubt is known to nobody, the engine included.
        if !is_known || !self.ledger.state_of(&Self::name()).open_parts.is_empty() {
            return Ok(());
        }
        let groups = self.groups();
        let is_unflagged = |flag: Option<&Option<String>>| flag.and_then(Option::as_deref) == Some(HERE);
        let unflagged: Vec<&String> = self
            .held
            .iter()
            .filter(|(key, row)| !groups.contains_key(*key) && is_unflagged(row.get(LEFT)) && !self.others.touched.contains(*key))
            .map(|(key, _)| key)
            .collect();
        let outcomes = &report.outcomes;
        // Only a baseline that was lost knows no keys; and what is left of it tells rows of others from ours no more.
        let key_unknown = outcomes.get(Outcome::LeftKeyUnknown);
        if key_unknown > 0 && !self.is_rebuilt {
            return Err(self.broken(Rule::LeavesFlagged, format!("of {key_unknown} rows that left no key is stored")));
        }
        if key_unknown > 0 && report.result == RunResult::Succeeded {
            return Err(
                self.broken(Rule::LeavesFlagged, format!("{key_unknown} rows that left are not flagged, and the run calls itself done"))
            );
        }
        let refused = outcomes.get(Outcome::LeftRefused) + outcomes.get(Outcome::Sent { write: Write::Flag, fate: Sent::Refused });
        let told = refused + key_unknown + if self.is_rebuilt { outcomes.get(Outcome::LeftKept) } else { 0 };
        if unflagged.len() as u64 > told {
            return Err(self.broken(Rule::LeavesFlagged, format!("{unflagged:?} left and are not flagged, and {told} are told so")));
        }
        Ok(())
    }

    /// Rule 12: a row that leaves stays, and is flagged once; one that returns is no longer.
    pub(super) fn a_row_leaves_and_is_flagged(&mut self) -> Result<(), Box<Broken>> {
        let Some((at, key)) = self.lone_rows().into_iter().next() else { return Ok(()) };
        let before = self.done()?.outcomes.get(Outcome::LeftFlagged);
        let (all, report) = self.leaves(at, &key)?;
        let flagged = report.outcomes.get(Outcome::Sent { write: Write::Flag, fate: Sent::Confirmed });
        if (report.plan.newly_left, report.plan.parts.len(), flagged) != (1, 1, 1) {
            return Err(self.broken(Rule::LeavesFlagged, format!("`{key}` left, and {flagged} rows were flagged")));
        }
        let holds = |world: &Self, flag: &str| world.held.get(&key).is_some_and(|it| it.get(LEFT).and_then(Option::as_deref) == Some(flag));
        if !holds(self, GONE) {
            return Err(self.broken(Rule::LeavesFlagged, format!("`{key}` is said to be flagged")));
        }
        let again = self.quiet("a row had left before")?.outcomes.get(Outcome::LeftFlagged);
        if again != before + 1 {
            return Err(self.broken(Rule::LeavesOnce, format!("{before} rows were flagged before `{key}`, and {again} are")));
        }
        if !self.script.switches.row_reading_refused {
            self.tell("the baseline is rebuilt");
            self.rebuild()?;
            let report = self.done()?;
            let flags = report.plan.to_send.get(&Write::Flag).copied().unwrap_or(0);
            if (flags, report.outcomes.get(Outcome::LeftFlagged)) != (0, again) {
                let detail = format!("{again} rows were flagged before the baseline was rebuilt, and {flags} leave anew");
                return Err(self.broken(Rule::LeavesOnce, detail));
            }
        }
        self.set_rows(&all);
        self.done()?;
        if !holds(self, HERE) {
            return Err(self.broken(Rule::LeavesFlagged, format!("`{key}` is back and still flagged")));
        }
        self.quiet("a row had returned before").map(|_| ())
    }
}
