//! What is held against the rules after every run, however it ended.

use std::collections::{BTreeMap, BTreeSet};

use outflow_domain::{KeyFingerprint, Outcome, RowFingerprint, RunEvent, Withheld};
use outflow_engine::{EngineError, RunReport};
use outflow_rows::{Canonicalizer, CsvFile, Scheme, fingerprints};

use super::{
    Before, Broken, Rule, World, blanks_arrive,
    check::{Group, MARKER},
    fields::LEFT,
    is_done, job, keys,
    others::FOREIGN,
};
use crate::simulated::{ModelRow, SimulatedSource};

/// Fingerprints of the model's rows, by key as the service compares keys.
type Fingerprints = BTreeMap<String, (KeyFingerprint, RowFingerprint)>;

impl World {
    /// Holds what a run did against every rule; `None` is a run in which the machine has crashed.
    pub(super) fn watch(&mut self, before: &Before, ran: Option<&Result<RunReport, EngineError>>) -> Result<(), Box<Broken>> {
        self.note_events(before.events);
        if let Some(Err(error)) = ran
            && (matches!(error.code(), "BUG-001" | "LED-002" | "BASE-003") || (error.code() == "BASE-001" && !self.is_torn))
        {
            return Err(self.broken(Rule::CountsHold, error.to_string()));
        }
        self.check_imports()?;
        self.check_asked(before)?;
        let sent = self.check_files(before)?;
        self.note_ours(before, &sent, matches!(ran, Some(Ok(_))));
        self.check_table(before)?;
        if self.is_guarded() && before.is_settled {
            self.check_kept(&before.held, &sent)?;
        }
        self.check_marker()?;
        if let Some(Ok(report)) = ran {
            self.check_report(report)?;
            self.check_held(report, &before.options, before.measure)?;
            if is_done(report) {
                self.check_rows()?;
                self.check_exits(report)?;
                self.check_deleted(report)?;
            }
        }
        Ok(())
    }

    pub(super) fn note_events(&mut self, since: usize) {
        for record in self.ledger.records_since(since) {
            let is_ours = record.activation == Self::name();
            if is_ours {
                self.note_held(record.at_ms, &record.event);
            }
            match record.event {
                RunEvent::Planned { manifest, mapping, .. } => {
                    self.mapping = if is_ours { Some(*mapping) } else { self.mapping.take() };
                    self.planned.extend(manifest.parts.into_iter().map(|it| (it.file().to_string(), it)));
                }
                RunEvent::ImportStarting { part, .. } => {
                    let file =
                        self.planned.values().find(|it| it.part == part && it.file().to_string().contains(&file_word(&record.run.0)));
                    if let Some(file) = file.map(|it| it.file().to_string()) {
                        self.intended.entry(file).or_insert(record.at_ms);
                    }
                }
                _ => {}
            }
        }
    }

    /// One import at a time, each intended before it was started.
    pub(super) fn check_imports(&self) -> Result<(), Box<Broken>> {
        let model = self.model();
        let imports = model.imports();
        for (at, import) in imports.iter().enumerate() {
            let file = &import.plan.file_spec;
            if self.intended.get(file).is_none_or(|it| *it > import.started_ms) {
                return Err(self.broken(Rule::IntentFirst, format!("an import of `{file}` was started, which the ledger does not know")));
            }
            // Somebody else's start of our definition after its file was gone for good: there is nothing that it could write.
            let has_no_file = |it: &outflow_sandbox::model::Import| {
                self.files.removed_ms(&it.plan.file_spec).is_some_and(|removed_ms| removed_ms <= it.started_ms)
            };
            if has_no_file(import) {
                continue;
            }
            for earlier in imports[..at].iter().filter(|it| it.plan.file_spec != *file) {
                let has_ended = |it: &outflow_sandbox::model::Import| it.ended_ms.is_some_and(|it| it <= import.started_ms);
                // An import whose start got lost cannot be found on every road: the same file was imported once more, and has ended.
                let is_repeated =
                    imports.iter().any(|it| it.id > earlier.id && it.plan.file_spec == earlier.plan.file_spec && has_ended(it));
                if !has_ended(earlier) && !is_repeated && !has_no_file(earlier) && !self.abandoned.contains(&earlier.plan.file_spec) {
                    let detail = format!("`{file}` was started while `{}` was at work", earlier.plan.file_spec);
                    return Err(self.broken(Rule::OneImport, detail));
                }
            }
        }
        Ok(())
    }

    /// Files are as planned, and hold rows that may be sent.
    fn check_files(&mut self, before: &Before) -> Result<BTreeSet<String>, Box<Broken>> {
        let fingerprints = self.fingerprints();
        let (mut sent, mut all, mut flagged) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for file in self.files.arrived_since(before.arrivals) {
            let name = &file.name;
            let Some(plan) = self.planned.get(name) else {
                return Err(self.broken(Rule::AsPlanned, format!("`{name}` is in no manifest")));
            };
            if plan.bytes != file.bytes.len() as u64 {
                return Err(
                    self.broken(Rule::AsPlanned, format!("`{name}` has {} bytes where {} were planned", file.bytes.len(), plan.bytes))
                );
            }
            match self.contents.get(name) {
                Some(first) if *first == file.bytes => continue,
                Some(_) => return Err(self.broken(Rule::AsPlanned, format!("`{name}` is not what it was when it was first sent"))),
                None => {}
            }
            let rows = plan.rows;
            self.contents.insert(name.clone(), file.bytes.clone());
            let mut found = 0;
            for record in CsvFile::new(&file.bytes).skip(1) {
                let Ok(cells) = record else { return Err(self.broken(Rule::AsPlanned, format!("`{name}` is torn"))) };
                let key = self.script.keys.of_record(&cells);
                found += 1;
                if plan.is_of_exits {
                    self.check_flagged(name, &key, cells.get(self.script.keys.fields().len()).and_then(Option::as_deref), plan)?;
                } else {
                    self.check_sent(name, &key, before, &fingerprints)?;
                }
                // A run that finds its road closed begins anew on the other one, under another name.
                let run = name.rsplit_once('_').map_or("", |(run, _)| run).to_owned();
                if plan.is_of_exits {
                    flagged.insert(key.clone());
                } else {
                    all.insert(key.clone());
                }
                if !sent.insert((run, key.clone())) {
                    return Err(self.broken(Rule::NoDuplicates, format!("`{key}` is sent twice in one run")));
                }
            }
            if found != rows {
                return Err(self.broken(Rule::AsPlanned, format!("`{name}` has {found} rows where {rows} were planned")));
            }
        }
        if self.is_guarded() {
            self.check_guards(&all, &before.options, before.has_doubt, before.measure)?;
            self.check_guarded_exits(&flagged, &before.options, before.measure)?;
        }
        all.extend(flagged);
        Ok(all)
    }

    fn check_sent(&self, file: &str, key: &str, before: &Before, fingerprints: &Fingerprints) -> Result<(), Box<Broken>> {
        match self.groups().get(key) {
            None => return Err(self.broken(Rule::AsPlanned, format!("`{file}` has `{key}`, which the model has not"))),
            Some(Group::Withheld) => {
                return Err(self.broken(Rule::NoDuplicates, format!("`{file}` has `{key}`, whose rows differ or cannot be sent")));
            }
            Some(Group::Sendable(_)) => {}
        }
        // A row in doubt is sent again, whatever was refused before; and so is all that a person asks for.
        // Under another mapping a refused row is another one, though its fingerprint may be the same.
        let may_repeat = before.sends_refused || before.has_doubt || self.mapped.len() > 1;
        let now_ms = self.clock.read();
        let refused = before.refused.iter().filter(|it| !it.is_due(now_ms));
        let was_refused = fingerprints.get(key).is_some_and(|(key, row)| refused.clone().any(|it| it.key == *key && it.row == *row));
        if was_refused && !may_repeat {
            return Err(self.broken(Rule::RefusedOnce, format!("`{file}` has `{key}`, which was refused just as it is")));
        }
        Ok(())
    }

    /// What the table holds is explained by the model and by others, and what is theirs is as they left it.
    fn check_table(&mut self, before: &Before) -> Result<(), Box<Broken>> {
        let stored = self.stored();
        let others = &self.others;
        let blanks = blanks_arrive(&self.script.switches);
        for (key, row) in &stored {
            let foreign = row.get("Foreign").and_then(Option::as_deref).filter(|it| !it.is_empty());
            if !others.made.contains(key) {
                if self.script.update_only {
                    return Err(self.broken(Rule::NeverInserts, format!("`{key}` was inserted")));
                }
                if foreign.is_some() {
                    return Err(self.broken(Rule::OnlyOurs, format!("the foreign column of `{key}` was filled")));
                }
                let versions = self.ever.get(key).map_or(&[][..], Vec::as_slice);
                // Under one mapping a row holds what one version of the model had; under several, each column some version's value.
                let is_explained = if let [_] = self.mapped.as_slice() {
                    self.is_a_version(versions, row)
                } else {
                    let ours = row.iter().filter(|(column, _)| !self.script.keys.has(column) && *column != "Foreign");
                    ours.into_iter().all(|(column, value)| self.is_explained(versions, column, value.as_deref()))
                };
                if blanks && !is_explained && !others.touched.contains(key) {
                    return Err(self.broken(Rule::Explained, format!("`{key}` holds {row:?}")));
                }
            }
        }
        let groups = self.groups();
        for (key, row) in stored.iter().filter(|(key, _)| before.is_settled && !others.touched.contains(*key)) {
            let Some(held) = self.held.get(key) else { continue };
            let kept = if let Some(Group::Sendable(row)) = groups.get(key) { self.kept(row) } else { Vec::new() };
            let is_flag = |column: &str| self.script.flags && column == LEFT;
            let may_change = |column: &str| (self.fields.each().any(|(it, _)| it == column) && !kept.contains(&column)) || is_flag(column);
            let changed = row
                .iter()
                .find(|(column, value)| !may_change(column) && !self.script.keys.has(column) && held.get(*column) != Some(*value));
            // A column that was created just now was not there before.
            if let Some((column, _)) = changed.filter(|(column, _)| held.contains_key(*column)) {
                return Err(self.broken(Rule::OnlyOurs, format!("`{column}` of `{key}` is not mapped, or is to be kept, and was changed")));
            }
        }
        // A deletion may be heard late, and the row made again by the same run, without what others had filled.
        let is_filled = |key: &String| stored.get(key).and_then(|it| it.get("Foreign")?.as_deref()).is_some_and(|it| !it.is_empty());
        let was_deleted: Vec<String> = others.filled.iter().filter(|it| !is_filled(it) && self.was_to_be_deleted(it)).cloned().collect();
        self.others.filled.retain(|it| !was_deleted.contains(it));
        let others = &self.others;
        for key in &others.filled {
            let Some(row) = stored.get(key) else { return Err(self.broken(Rule::OnlyOurs, format!("`{key}` of another writer is gone"))) };
            if row.get("Foreign").and_then(Option::as_deref) != Some(FOREIGN) {
                return Err(self.broken(Rule::OnlyOurs, format!("the foreign column of `{key}` was changed")));
            }
            let name = row.get("Name").and_then(Option::as_deref);
            let is_theirs = name == Some(self.script.names.of("Zq7 other").as_str())
                || others.has_emptied("Name", name)
                || (name.is_none() && others.made_by_neighbours.contains(key));
            if !self.ever.contains_key(key) && !is_theirs {
                return Err(self.broken(Rule::OnlyOurs, format!("`{key}`, which was never in the model, was changed")));
            }
        }
        let may_go = |key: &String| others.touched.contains(key) || self.was_to_be_deleted(key);
        if let Some(key) = self.held.keys().find(|it| !stored.contains_key(*it) && !may_go(it)) {
            return Err(self.broken(Rule::OnlyOurs, format!("`{key}` was there and is gone")));
        }
        self.held = stored;
        Ok(())
    }

    /// Rule 9: no value of a customer is found in ledger or baseline.
    fn check_marker(&self) -> Result<(), Box<Broken>> {
        let refused = serde_json::to_string(&self.ledger.refused_of(&Self::name())).unwrap_or_default();
        if refused.contains(MARKER) {
            return Err(self.broken(Rule::NothingRests, "the marker is among the refusals of the ledger"));
        }
        Ok(())
    }

    /// What a run says is what an independent count of the model's rows gives.
    fn check_report(&self, report: &RunReport) -> Result<(), Box<Broken>> {
        let outcomes = &report.outcomes;
        let wrong = |what: &str, said: u64, is: u64| {
            let detail = format!("{what}: the run says {said}, there are {is}");
            if said == is { Ok(()) } else { Err(self.broken(Rule::SaysWhatIs, detail)) }
        };
        let groups = self.groups();
        let sendable = groups.values().filter(|it| matches!(it, Group::Sendable(_))).count() as u64;
        let in_sendable = |row: &&ModelRow| keys::of_row(row).is_some_and(|it| matches!(groups.get(&it), Some(Group::Sendable(_))));
        let rows_of_sendable = self.rows.iter().filter(in_sendable).count() as u64;
        wrong("rows of the model", report.plan.source_rows, self.rows.len() as u64)?;
        wrong("copies", outcomes.get(Outcome::Copy), rows_of_sendable - sendable)?;
        let bad = |it| matches!(it, Outcome::Withheld { why: Withheld::Invalid | Withheld::DuplicateKey | Withheld::Skipped });
        wrong("invalid, skipped and duplicate rows", outcomes.count(bad), self.rows.len() as u64 - rows_of_sendable)?;
        self.check_skipped(outcomes.get(Outcome::Withheld { why: Withheld::Skipped }))?;
        let left = outcomes.count(|it| !it.is_of_source());
        let may_have_left = self.ever.keys().filter(|it| !groups.contains_key(*it)).count() as u64;
        // A rebuilt baseline knows every row there is, also those that were never ours.
        if left > may_have_left && !self.is_rebuilt {
            return Err(self.broken(Rule::SaysWhatIs, format!("{left} rows are said to have left, where at most {may_have_left} did")));
        }
        Ok(())
    }

    /// Skipped is no row without a blank that says so, and each that has one, and its key for itself.
    fn check_skipped(&self, said: u64) -> Result<(), Box<Broken>> {
        let mut by_key: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        for row in &self.rows {
            if let Some(key) = keys::of_row(row).filter(|_| keys::is_keyed(row)) {
                by_key.entry(key).or_default().push(self.fields.skips(&row.0));
            }
        }
        let lone = by_key.values().filter(|it| **it == [true]).count() as u64;
        let all = by_key.values().flatten().filter(|it| **it).count() as u64;
        if (lone..=all).contains(&said) {
            return Ok(());
        }
        Err(self.broken(Rule::SaysWhatIs, format!("{said} rows are said to be skipped, where {lone} to {all} are")))
    }

    /// Every sendable row is as the model has it, or its refusal is remembered.
    fn check_rows(&self) -> Result<(), Box<Broken>> {
        let fingerprints = self.fingerprints();
        let refused = self.ledger.refused_of(&Self::name());
        for (key, group) in self.groups() {
            let Group::Sendable(row) = group else { continue };
            let is_refused = fingerprints.get(&key).is_some_and(|(key, row)| refused.iter().any(|it| it.key == *key && it.row == *row));
            if is_refused || self.others.touched.contains(&key) || self.may_go_late(&key) {
                continue;
            }
            match self.held.get(&key) {
                None if self.script.update_only => {}
                None => return Err(self.broken(Rule::Arrives, format!("`{key}` is not there"))),
                Some(found) => {
                    let wrong = self.differences(row, found);
                    if !wrong.is_empty() {
                        return Err(self.broken(Rule::Arrives, format!("`{key}`: {}", wrong.join("; "))));
                    }
                }
            }
        }
        Ok(())
    }

    /// Fingerprints of the sendable rows, under the newest plan's mapping; none before there was any.
    pub(super) fn fingerprints(&self) -> Fingerprints {
        let Some(mapping) = &self.mapping else { return Fingerprints::new() };
        let Ok(canonicalizer) = Canonicalizer::new(mapping, &SimulatedSource::schema()) else { return Fingerprints::new() };
        let groups = self.groups();
        let rows =
            groups.iter().filter_map(|(key, it)| if let Group::Sendable(row) = it { Some((key.clone(), (*row).clone())) } else { None });
        let (names, rows): (Vec<String>, Vec<_>) = rows.unzip();
        let (mut of_keys, mut of_rows) = (Vec::new(), Vec::new());
        let canonical = canonicalizer.canonicalize(&SimulatedSource::batch(&rows));
        fingerprints(&canonical, &Scheme::derive(job::SECRET, Self::name().as_str()), &mut of_keys, &mut of_rows);
        names.into_iter().zip(of_keys.into_iter().zip(of_rows)).collect()
    }
}

/// A run's name as it stands in the names of its files.
fn file_word(run: &str) -> String {
    run.replace(|it: char| !it.is_ascii_alphanumeric() && it != '-', "_")
}
