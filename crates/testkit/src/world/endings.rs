//! What every world ends with, once nothing goes wrong any more: everything again, then nothing, then one small thing of its own.

use std::collections::BTreeSet;

use outflow_domain::{Outcome, Withheld};
use outflow_engine::{EngineError, RunOptions, RunReport};
use outflow_ports::BaselineStore as _;
use outflow_sandbox::model::{Effect, Fault, ImportFault, OtherWrite, When};

use super::{
    Broken, MEMBERS, Names, Rule, World, blanks_arrive,
    check::{Group, MARKER},
    fields::NOTE_AT,
    is_done, keys,
    names::UNPRINTABLE,
    others::FOREIGN,
    poll_once,
};
use crate::{
    sabotage::Saboteur,
    simulated::{Cell, Harm, ModelRow},
};

/// In every so many worlds each row is asked about: as many questions as rows would be much of what a world costs.
const PAST_ASKED_EVERY: u64 = 3;

impl World {
    /// Everything again, whatever the baseline says: even what others have touched is as the model has it then.
    pub(super) fn end(&mut self) -> Result<(), Box<Broken>> {
        self.others.touched.clear();
        // What others have removed meanwhile is no loss of ours.
        self.held = self.stored();
        let ran = self.run(&RunOptions { full: true, ..RunOptions::default() }, None)?;
        if !ran.is_some_and(|it| it.is_ok_and(|it| is_done(&it))) {
            return if self.script.may_never_rest() {
                Ok(())
            } else {
                Err(self.broken(Rule::ComesToRest, "not even a full run ends well"))
            };
        }
        self.nothing_rests()?;
        let is_asked = self.saboteur.as_ref().is_none_or(Saboteur::is_about_the_past);
        if is_asked && self.script.seed.is_multiple_of(PAST_ASKED_EVERY) {
            self.the_past_is_told()?;
        }
        self.plans_are_equal()?;
        self.quiet("nothing has changed")?;
        if self.script.update_only {
            self.a_row_is_made_again()?;
        }
        if blanks_arrive(&self.script.switches) {
            // A variant that compares keys otherwise would be caught by that already.
            if is_asked {
                self.nothing_has_drifted()?;
            }
            self.one_thing_more()?;
        }
        self.nothing_rests()
    }

    fn one_thing_more(&mut self) -> Result<(), Box<Broken>> {
        if self.is_guarded() {
            let held = self.guards_hold();
            self.lift_guards();
            return held;
        }
        if let (Some(adopted), true) = (self.script.deletes, self.script.seed.is_multiple_of(2)) {
            return self.a_row_leaves_and_is_deleted(adopted);
        }
        match self.script.seed % 16 {
            0 if self.script.flags => self.a_row_leaves_and_is_flagged(),
            0 => self.a_row_leaves_and_returns(),
            1 => self.a_row_is_refused(),
            2 => self.rows_are_lost(&OtherWrite::RecreateDataExtension { de: MEMBERS.into() }),
            3 => self.rows_are_lost(&OtherWrite::ClearRows { de: MEMBERS.into() }),
            4 => self.a_row_becomes_invalid(),
            5 => self.a_key_occurs_twice(),
            6 => self.a_value_changes(),
            7 => self.the_source_breaks_off(),
            8 => self.a_field_goes_and_returns(),
            9 => self.a_column_is_created(),
            10 => self.another_column_fills_a_field(),
            11 => self.another_field_is_filled(),
            12 => self.a_field_is_made_again(),
            13 => self.a_segment_is_torn().and_then(|()| self.an_old_copy_is_noticed()),
            14 => self.what_others_wrote_is_mended(),
            _ => self.the_machine_crashes(),
        }
    }

    /// Rule 11: a row that somebody else has deleted and made again holds nothing of ours. Where the service tells by its numbers it is sent.
    fn a_row_is_made_again(&mut self) -> Result<(), Box<Broken>> {
        let Some((_, key)) = self.lone_rows().into_iter().next() else { return Ok(()) };
        self.tell(&format!("somebody else deletes `{key}` and makes it again"));
        self.other(&keys::delete(&key));
        self.other(&keys::upsert(&key, &[("Name", &self.script.names.of("Zq7 other")), ("Foreign", FOREIGN)]));
        let switches = &self.script.switches;
        if switches.custom_object_key_retrievable && !switches.remade_rows_keep_number {
            // It is noticed: so it is vouched for again.
            self.others.touched.clear();
            self.held = self.stored();
            self.done().map_err(|it| if it.rule == Rule::Arrives { self.broken(Rule::LossIsNoticed, it.detail) } else { it })?;
            return self.quiet("a row made again was sent").map(|_| ());
        }
        // Nobody can tell it from a row that somebody else has changed.
        self.quiet("a row was made again under its number")?;
        self.others.touched.clear();
        self.held = self.stored();
        self.done_with(&RunOptions { full: true, ..RunOptions::default() }).map(|_| ())
    }

    /// A run that must end well.
    pub(super) fn done(&mut self) -> Result<RunReport, Box<Broken>> {
        self.done_with(&RunOptions::default())
    }

    /// A run as a person wants it that must end well.
    pub(super) fn done_with(&mut self, options: &RunOptions) -> Result<RunReport, Box<Broken>> {
        match self.run(options, None)? {
            Some(Ok(report)) if is_done(&report) => Ok(report),
            Some(Ok(report)) => Err(self.broken(Rule::ComesToRest, format!("{:?}", report.result))),
            Some(Err(error)) => Err(self.broken(Rule::ComesToRest, error.to_string())),
            None => Err(self.broken(Rule::ComesToRest, "the machine crashed by itself")),
        }
    }

    /// A run that has nothing to send: no file, no call that writes, no new baseline, no news.
    pub(super) fn quiet(&mut self, why: &str) -> Result<RunReport, Box<Broken>> {
        let (arrivals, calls, version) =
            (self.files.arrivals(), self.writing_calls(), self.ledger.state_of(&Self::name()).baseline.version);
        let report = self.done()?;
        let seen = [
            ("files", (self.files.arrivals() - arrivals) as u64),
            ("planned files", report.plan.parts.len() as u64),
            ("calls that write", (self.writing_calls() - calls) as u64),
            ("baselines", self.ledger.state_of(&Self::name()).baseline.version - version),
            ("rows that left", report.plan.newly_left),
        ];
        match seen.iter().find(|(_, count)| *count > 0) {
            Some((what, count)) => Err(self.broken(Rule::Quiet, format!("{why}, and there were {count} {what}"))),
            None => Ok(report),
        }
    }

    fn writing_calls(&self) -> usize {
        let model = self.model();
        let is_write = |it: &&outflow_sandbox::model::JournalEntry| {
            ["Create", "Update", "Delete", "Perform"].contains(&it.method.as_str()) || (it.method == "POST" && it.path.contains("import"))
        };
        model.journal().entries().filter(is_write).count()
    }

    /// Rules 7 and 9: nothing is left here or at the route, and no value is in baseline or ledger.
    pub(super) fn nothing_rests(&self) -> Result<(), Box<Broken>> {
        let left = [self.disk.private_files(), self.neighbours_disk.private_files(), self.files.lying()].concat();
        if !left.is_empty() {
            return Err(self.broken(Rule::NothingRests, format!("left behind: {}", left.join(", "))));
        }
        for (name, disk) in [(Self::name(), &self.disk), (Self::neighbours_name(), &self.neighbours_disk)] {
            let named: Vec<String> = self.ledger.history_of(&name).into_iter().map(|it| it.file.name).collect();
            let mut lists = disk.history().list().unwrap_or_default();
            lists.retain(|it| !named.contains(it));
            if !lists.is_empty() {
                return Err(self.broken(Rule::NothingRests, format!("lists that the ledger does not name: {}", lists.join(", "))));
            }
        }
        let ledger = serde_json::to_string(&self.ledger.records_since(0)).unwrap_or_default();
        if ledger.contains(MARKER) {
            return Err(self.broken(Rule::NothingRests, "the marker is in the ledger"));
        }
        let baseline = self.disk.bytes_outside_of_the_spool();
        if baseline.windows(MARKER.len()).any(|it| it == MARKER.as_bytes()) {
            return Err(self.broken(Rule::NothingRests, "the marker is in a baseline"));
        }
        Ok(())
    }

    /// Rule 5: the order of a scan does not matter to a plan, and a plan changes nothing.
    fn plans_are_equal(&mut self) -> Result<(), Box<Broken>> {
        let (events, rows) = (self.ledger.len(), self.rows.clone());
        let mut plans = Vec::new();
        for turned in [false, true] {
            let mut scanned = rows.clone();
            if turned {
                scanned.reverse();
            }
            self.source.set(scanned);
            // Everything is planned anew, so that there is something to compare.
            let options = RunOptions { full: true, ..RunOptions::default() };
            let (job, ports) = (self.job(), self.ports());
            match poll_once(outflow_engine::plan(&job, &ports, &options)) {
                Some(Ok(plan)) => plans.push(plan.plan),
                other => return Err(self.broken(Rule::PlansAreEqual, format!("no plan: {other:?}"))),
            }
        }
        self.source.set(rows);
        if plans[0] != plans[1] {
            return Err(self.broken(Rule::PlansAreEqual, "the order of the scan changes the plan"));
        }
        if self.ledger.len() != events || !self.disk.private_files().is_empty() {
            return Err(self.broken(Rule::PlansAreEqual, "a plan has left something behind"));
        }
        Ok(())
    }

    /// Positions of rows that alone have their key and are there.
    pub(super) fn lone_rows(&self) -> Vec<(usize, String)> {
        let groups = self.groups();
        let mut seen = BTreeSet::new();
        let mut lone = Vec::new();
        for (at, row) in self.rows.iter().enumerate() {
            let Some(key) = keys::of_row(row) else { continue };
            let is_alone = self.rows.iter().filter(|it| keys::of_row(it).as_ref() == Some(&key)).count() == 1;
            let is_held = self.held.contains_key(&key) && matches!(groups.get(&key), Some(Group::Sendable(_)));
            if is_alone && is_held && seen.insert(key.clone()) {
                lone.push((at, key));
            }
        }
        lone
    }

    /// The model with one row changed in a mapped column, in a way that can be sent.
    pub(super) fn changed(&self, at: usize) -> Vec<ModelRow> {
        let mut rows = self.rows.clone();
        let column = self.fields.column(self.fields.first());
        let other = |cell: &Cell, one: Cell, two: Cell| if *cell == one { two } else { one };
        let cell = &rows[at].0[column];
        let text = |it: &str| Cell::Text(self.script.names.of(it));
        rows[at].0[column] = match column {
            1 | NOTE_AT => other(cell, text("Zq7 new"), text("Zq7 newer")),
            2 => other(cell, Cell::Integer(70), Cell::Integer(71)),
            3 => other(cell, Cell::Decimal(7000), Cell::Decimal(7100)),
            4 => other(cell, Cell::Boolean(true), Cell::Boolean(false)),
            5 => other(cell, Cell::Date(7000), Cell::Date(7100)),
            _ => other(cell, Cell::Instant(70_000_000), Cell::Instant(71_000_000)),
        };
        rows
    }

    /// A row leaves the model: the rows as they were before, and what the run after it tells.
    pub(super) fn leaves(&mut self, at: usize, key: &str) -> Result<(Vec<ModelRow>, RunReport), Box<Broken>> {
        self.tell(&format!("`{key}` leaves the model"));
        let all = self.rows.clone();
        let mut fewer = all.clone();
        fewer.remove(at);
        self.set_rows(&fewer);
        Ok((all, self.done()?))
    }

    /// Rule 12: a row that leaves stays and is told once; one that returns as it was is no news.
    fn a_row_leaves_and_returns(&mut self) -> Result<(), Box<Broken>> {
        let Some((at, key)) = self.lone_rows().into_iter().next() else { return Ok(()) };
        let (all, report) = self.leaves(at, &key)?;
        if report.plan.newly_left != 1 || !report.plan.parts.is_empty() || report.outcomes.get(Outcome::LeftKept) == 0 {
            return Err(self.broken(Rule::LeavesOnce, format!("`{key}` left, and the run says {} did", report.plan.newly_left)));
        }
        let again = self.quiet("a row had left before")?;
        if again.outcomes.get(Outcome::LeftKept) != report.outcomes.get(Outcome::LeftKept) {
            return Err(self.broken(Rule::LeavesOnce, format!("`{key}` is not told as left any more")));
        }
        self.set_rows(&all);
        let back = self.done()?;
        if !back.plan.parts.is_empty() || back.outcomes.get(Outcome::LeftKept) + 1 != report.outcomes.get(Outcome::LeftKept) {
            return Err(self.broken(Rule::LeavesOnce, format!("`{key}` is back as it was, and is sent")));
        }
        self.quiet("a row had returned before").map(|_| ())
    }

    /// Rules 1 and 8: a refused row keeps what is there, is told until it changes, and is not sent again.
    fn a_row_is_refused(&mut self) -> Result<(), Box<Broken>> {
        // Names that the service does not take are told all the while; where names are texts, it takes every one.
        let are_texts = self.script.names == Names::Texts;
        let refused = self.refused_keys();
        // A refused row is read back whole, also where it would keep a blank: that is sent once more then, which says nothing of refusals.
        let keeps = |at: usize| self.fields.each().any(|(field, column)| self.fields.leaves(field, &self.rows[at].0[column]));
        let may_change = |(at, key): &(usize, String)| (are_texts || !refused.contains(key)) && !keeps(*at);
        let Some((at, key)) = self.lone_rows().into_iter().find(may_change) else { return Ok(()) };
        let rows = |report: &RunReport| report.refused.iter().map(|it| it.rows).sum::<u64>();
        let standing = if are_texts { 0 } else { rows(&self.quiet("nothing has changed yet")?) };
        let Cell::Text(spelled) = self.rows[at].0[0].clone() else { return Ok(()) };
        self.tell(&format!("`{key}` changes and is refused"));
        let (before, held) = (self.rows.clone(), self.held.get(&key).cloned());
        let changed = self.changed(at);
        self.set_rows(&changed);
        let fault = ImportFault::RejectRows { rows: Vec::new(), keys: vec![spelled], code: "InvalidNumber".into() };
        let when = When { door: Some("import".into()), ..When::default() };
        self.model().add_fault(Fault { when, effect: Effect::Import { fault } });
        let report = self.done()?;
        if report.outcomes.of_fate("refused") != standing + 1 || rows(&report) != standing + 1 {
            return Err(self.broken(Rule::RefusedOnce, format!("`{key}` was refused, and the run says {:?}", report.refused)));
        }
        if self.held.get(&key) != held.as_ref() {
            return Err(self.broken(Rule::Keeps, format!("`{key}` was refused and is not what it was")));
        }
        self.model().clear_faults();
        let again = self.quiet("a row had been refused before")?;
        if again.outcomes.get(Outcome::Withheld { why: Withheld::Refused }) != standing + 1 || rows(&again) != standing + 1 {
            return Err(self.broken(Rule::RefusedOnce, format!("`{key}` is not told any more")));
        }
        self.set_rows(&before);
        let back = self.quiet("a refused row is what it was")?;
        if rows(&back) != standing {
            return Err(self.broken(Rule::RefusedOnce, format!("`{key}` is what it was and still told as refused")));
        }
        self.set_rows(&changed);
        let asked = self.run(&RunOptions { retry_refused: true, ..RunOptions::default() }, None)?;
        match asked {
            Some(Ok(report)) if report.outcomes.of_fate("confirmed") == 1 && rows(&report) == standing => Ok(()),
            other => Err(self.broken(Rule::RefusedOnce, format!("`{key}` is not sent when a person asks: {other:?}"))),
        }
    }

    /// Rule 11: what was confirmed says nothing about a table that is another, or has fewer rows.
    fn rows_are_lost(&mut self, loss: &OtherWrite) -> Result<(), Box<Broken>> {
        self.tell(&format!("{loss:?}"));
        self.other(loss);
        // It is noticed: so everything is vouched for again.
        self.others.touched.clear();
        self.held.clear();
        let report = self.done().map_err(|it| if it.rule == Rule::Arrives { self.broken(Rule::LossIsNoticed, it.detail) } else { it })?;
        let unchanged = report.outcomes.get(Outcome::Unchanged);
        if unchanged > 0 {
            return Err(self.broken(Rule::LossIsNoticed, format!("{unchanged} rows are said to be unchanged in an empty table")));
        }
        self.quiet("what was lost has been sent again").map(|_| ())
    }

    /// Rules 1 and 4: a row that becomes invalid keeps what is there, and has not left.
    fn a_row_becomes_invalid(&mut self) -> Result<(), Box<Broken>> {
        let Some((at, key)) = self.lone_rows().into_iter().next() else { return Ok(()) };
        let (column, cell) = match (self.fields.mapped, self.script.names.unfit()) {
            (it, _) if it & 1 > 0 && self.script.seed % 4 == 1 => (self.fields.column(0), Cell::Text(UNPRINTABLE.into())),
            (it, Some(unfit)) if it & 1 > 0 => (self.fields.column(0), Cell::Text(unfit.into())),
            (it, _) if it & 2 > 0 => (2, Cell::Integer(3_000_000_000)),
            (it, _) if it & 4 > 0 => (3, Cell::Decimal(123_456_789)),
            _ => return Ok(()),
        };
        self.tell(&format!("`{key}` becomes invalid"));
        let (mut rows, before, held) = (self.rows.clone(), self.rows.clone(), self.held.clone());
        rows[at].0[column] = cell;
        self.set_rows(&rows);
        self.quiet("a row has become invalid")?;
        if self.held != held {
            return Err(self.broken(Rule::Keeps, format!("`{key}` became invalid and is not what it was")));
        }
        self.set_rows(&before);
        self.quiet("an invalid row is what it was").map(|_| ())
    }

    /// Rule 10: rows that fold together are told, never merged, and have not left.
    fn a_key_occurs_twice(&mut self) -> Result<(), Box<Broken>> {
        let Some((at, key)) = self.lone_rows().into_iter().next() else { return Ok(()) };
        self.tell(&format!("`{key}` occurs twice"));
        let (mut rows, before, held) = (self.rows.clone(), self.rows.clone(), self.held.clone());
        let mut twin = self.changed(at).swap_remove(at);
        if let Cell::Text(key) = &mut twin.0[0] {
            *key = format!("{} ", key.to_uppercase());
        }
        rows.push(twin);
        self.set_rows(&rows);
        self.quiet("a key occurs twice")?;
        if self.held != held {
            return Err(self.broken(Rule::NoDuplicates, format!("`{key}` occurs twice and is not what it was")));
        }
        self.set_rows(&before);
        self.quiet("a key occurs once again").map(|_| ())
    }

    /// One changed value sends one row.
    fn a_value_changes(&mut self) -> Result<(), Box<Broken>> {
        let Some((at, key)) = self.lone_rows().into_iter().next() else { return Ok(()) };
        self.tell(&format!("`{key}` changes"));
        let changed = self.changed(at);
        self.set_rows(&changed);
        let report = self.done()?;
        let sent: u64 = report.plan.parts.iter().map(|it| it.rows).sum();
        if sent != 1 || report.outcomes.of_fate("confirmed") != 1 {
            return Err(self.broken(Rule::Quiet, format!("`{key}` alone has changed, and {sent} rows were sent")));
        }
        self.quiet("a change has been sent").map(|_| ())
    }

    /// Rule 4: a source that breaks off has no leaving rows, and no manifest.
    fn the_source_breaks_off(&mut self) -> Result<(), Box<Broken>> {
        self.tell("the source breaks off");
        let version = self.ledger.state_of(&Self::name()).baseline.version;
        self.source.break_after(Some(0));
        let ran = self.run(&RunOptions::default(), None)?;
        self.source.break_after(None);
        if !matches!(&ran, Some(Err(error)) if error.code() == "SRC-005") || self.ledger.state_of(&Self::name()).baseline.version != version
        {
            return Err(self.broken(Rule::SaysWhatIs, format!("a source broke off, and the run ended with {ran:?}")));
        }
        self.quiet("a source had broken off").map(|_| ())
    }

    /// A file of the baseline that is not what the ledger names is refused with a remedy, and nothing is sent; the remedy puts it right.
    fn a_segment_is_torn(&mut self) -> Result<(), Box<Broken>> {
        // A baseline of another table, which nothing has followed yet, is not read at all.
        if self.script.switches.row_reading_refused || self.quiet("nothing has changed")?.plan.is_first {
            return Ok(());
        }
        for harm in Harm::ALL {
            let baseline = self.ledger.state_of(&Self::name()).baseline;
            let Some(named) = baseline.delta.or(baseline.base) else { return Ok(()) };
            if !self.disk.harm(&named.name, harm, &mut self.chance) {
                continue;
            }
            self.tell(&format!("`{}` is harmed: {harm:?}", named.name));
            self.is_torn = true;
            let arrivals = self.files.arrivals();
            let ran = self.run(&RunOptions::default(), None)?;
            let names_remedy =
                |it: &EngineError| matches!(it.code(), "BASE-001" | "BASE-002") && it.to_string().contains("baseline rebuild");
            if !matches!(&ran, Some(Err(error)) if names_remedy(error)) || self.files.arrivals() > arrivals {
                return Err(self.broken(Rule::TornIsRefused, format!("a file was harmed, and the run ended with {ran:?}")));
            }
            self.rebuild()?;
            self.done()?;
            self.quiet("the baseline was rebuilt")?;
        }
        Ok(())
    }

    /// Rules 2, 6 and 7: a change that was on its way when the machine crashed, and is taken back, is not there in the end.
    fn the_machine_crashes(&mut self) -> Result<(), Box<Broken>> {
        let Some((at, key)) = self.lone_rows().into_iter().next() else { return Ok(()) };
        let before = self.rows.clone();
        let changed = self.changed(at);
        for effects in [20, 24, 28, 32, 36, 40] {
            self.tell(&format!("`{key}` changes, and the machine crashes after {effects} effects"));
            self.set_rows(&changed);
            self.run(&RunOptions::default(), Some(effects))?;
            self.clock.pass(3_600_000);
            self.set_rows(&before);
            self.done()?;
            self.quiet("a crash has been settled")?;
        }
        Ok(())
    }
}
