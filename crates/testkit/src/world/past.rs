//! What is told of a row's past, held against what the world has seen: files that arrived, imports that ran, and the model.

use std::collections::{BTreeMap, BTreeSet};

use outflow_domain::{Evidence, RunEvent};
use outflow_engine::{Conclusion, DestinationRow, InRun, KeyPart, Reject, RejectReason, RowFate, RowReport};
use outflow_rows::CsvFile;
use outflow_sandbox::model::ImportStatus;

use super::{Broken, Rule, World, blanks_arrive, check::Group, keys, poll_once};
use crate::simulated::Cell;

/// Each key as the service compares it, with the places where it was sent: file, and row from 1.
type Sent = BTreeMap<String, BTreeSet<(String, u64)>>;

impl World {
    /// Asks about every key that the model ever had, of every second world with a look at the data extension. The model must have stopped changing,
    /// and no other writer be at work.
    pub(super) fn the_past_is_told(&self) -> Result<(), Box<Broken>> {
        let look = self.script.seed.is_multiple_of(2);
        let sent = self.sent();
        for (key, versions) in &self.ever {
            // Any spelling will do.
            let Some(Cell::Text(spelled)) = versions.last().map(|it| it.0[0].clone()) else { continue };
            let (job, ports) = (self.job(), self.ports());
            let asked: Vec<KeyPart> = keys::values(&spelled).map(|(field, value)| KeyPart { field: Some(field), value }).collect();
            let told = match poll_once(outflow_engine::why(&job, &ports, &asked, look)) {
                Some(Ok(told)) => told,
                // A blank is no key.
                Some(Err(error)) if error.code() == "CLI-010" && key.split(keys::BETWEEN).any(str::is_empty) => continue,
                other => return Err(self.broken(Rule::PastIsTold, format!("`{spelled}` cannot be asked about: {other:?}"))),
            };
            self.check_sent_places(key, &told, sent.get(key))?;
            self.check_fates(key, &told)?;
            self.check_conclusion(key, &told)?;
            self.check_look(key, &told)?;
        }
        self.check_rejects()
    }

    /// The rows that the last run did not send, or that were not taken, are just those of the model that cannot be, and those it says were refused.
    fn check_rejects(&self) -> Result<(), Box<Broken>> {
        let Some((run, outcomes)) = self.ledger.records_since(0).into_iter().rev().find_map(|it| match it.event {
            RunEvent::Ended { outcomes, .. } if it.activation == Self::name() => Some((it.run, outcomes)),
            _ => None,
        }) else {
            return Ok(());
        };
        let (job, ports) = (self.job(), self.ports());
        let told = match poll_once(outflow_engine::rejects(&job, &ports, &run)) {
            Some(Ok(Some(told))) if !told.is_forgotten => told,
            other => return Err(self.broken(Rule::PastIsTold, format!("the rows that were not sent cannot be listed: {other:?}"))),
        };
        let (refused, withheld): (Vec<&Reject>, Vec<&Reject>) =
            told.rows.iter().partition(|it| matches!(it.reason, RejectReason::Refused { .. }));
        if refused.len() as u64 != outcomes.of_fate("refused") {
            let detail = format!("{} refused rows are listed, and the run says {}", refused.len(), outcomes.of_fate("refused"));
            return Err(self.broken(Rule::PastIsTold, detail));
        }
        let listed: BTreeSet<String> = withheld.iter().flat_map(|it| &it.keys).map(|it| keys::folded(&it.join(keys::BETWEEN))).collect();
        let groups = self.groups();
        let wanted: BTreeSet<String> =
            groups.iter().filter(|(key, it)| matches!(it, Group::Withheld) && keys::is_usable(key)).map(|(key, _)| key.clone()).collect();
        if listed == wanted {
            Ok(())
        } else {
            Err(self.broken(Rule::PastIsTold, format!("rows of {listed:?} are listed as not sent, and those of {wanted:?} were not")))
        }
    }

    /// Where each key was sent: in files whose import was intended.
    fn sent(&self) -> Sent {
        let mut sent = Sent::new();
        for (file, bytes) in self.contents.iter().filter(|(file, _)| self.intended.contains_key(*file)) {
            for (at, record) in CsvFile::new(bytes).skip(1).enumerate() {
                let key = record.map(|cells| self.script.keys.of_record(&cells)).unwrap_or_default();
                sent.entry(key).or_default().insert((file.clone(), at as u64 + 1));
            }
        }
        sent
    }

    /// A row is told as sent just where it was.
    fn check_sent_places(&self, key: &str, told: &RowReport, sent: Option<&BTreeSet<(String, u64)>>) -> Result<(), Box<Broken>> {
        let places: BTreeSet<(String, u64)> = told
            .past
            .iter()
            .filter_map(|it| if let InRun::Sent { file, row, .. } = &it.what { Some((file.clone(), *row)) } else { None })
            // Rows that are deleted never travel in a file.
            .filter(|(file, _)| !self.planned.get(file).is_some_and(|it| it.is_of_deletes))
            .collect();
        if Some(&places).filter(|it| !it.is_empty()) != sent || !told.unreadable.is_empty() {
            return Err(self.broken(Rule::PastIsTold, format!("`{key}` was sent in {sent:?}, and is told in {places:?}")));
        }
        Ok(())
    }

    /// What became of a sent row is what its imports did.
    fn check_fates(&self, key: &str, told: &RowReport) -> Result<(), Box<Broken>> {
        let model = self.model();
        for it in &told.past {
            let InRun::Sent { file, row, fate, .. } = &it.what else { continue };
            let imports: Vec<_> = model.imports().iter().filter(|it| it.plan.file_spec == *file).collect();
            let is_refused = |it: &&outflow_sandbox::model::Import| it.verdicts.iter().any(|it| it.row == *row);
            let has_failed = imports.iter().any(|it| matches!(it.status, ImportStatus::Error(_)));
            let is_wrong = match fate {
                // Whoever starts the same file again may be refused what was taken before.
                RowFate::Confirmed { by: Evidence::Counts | Evidence::Rows } => imports.len() == 1 && imports.iter().any(is_refused),
                // What is read back as another value may be somebody else's.
                RowFate::Refused { .. } => {
                    // Of a file that was given up nobody knows which import of its definition was its own: counts of a later one may be taken for its.
                    let is_given_up = self.abandoned.contains(file);
                    !has_failed && !imports.iter().any(is_refused) && !self.others.ever_touched.contains(key) && !is_given_up
                }
                RowFate::NotStarted => imports.iter().any(|it| it.began_ms.is_some()),
                // All has been settled, and nothing was harmed.
                RowFate::UnderWay | RowFate::Unknown => true,
                _ => false,
            };
            if is_wrong {
                return Err(self.broken(Rule::PastIsTold, format!("row {row} of `{file}` with `{key}` is told as {fate:?}")));
            }
        }
        Ok(())
    }

    /// What a look finds is what is there.
    fn check_look(&self, key: &str, told: &RowReport) -> Result<(), Box<Broken>> {
        let Some(found) = &told.destination else { return Ok(()) };
        let held = self.held.get(key);
        let is_told = match (found, self.groups().get(key)) {
            (DestinationRow::Absent, _) => held.is_none(),
            (DestinationRow::There { is_as_model, .. }, Some(Group::Sendable(row))) => {
                // Where blanks do not arrive, what was there before them is not as the model.
                let is_kept = *is_as_model == Some(false) && !blanks_arrive(&self.script.switches);
                held.is_some_and(|it| is_kept || *is_as_model == Some(self.differences(row, it).is_empty()))
            }
            (DestinationRow::There { .. }, _) => held.is_some(),
            (DestinationRow::Forbidden(_), _) => false,
        };
        if is_told { Ok(()) } else { Err(self.broken(Rule::PastIsTold, format!("`{key}` is told to be {found:?}, and is {held:?}"))) }
    }

    /// What it comes down to is what the model and the data extension are.
    fn check_conclusion(&self, key: &str, told: &RowReport) -> Result<(), Box<Broken>> {
        let conclusion = told.conclusion();
        let held = self.held.get(key);
        // That the table is another one is seen by a look at it alone, where nothing could be sent since.
        let is_of_old = self.others.has_remade_table && told.destination.is_none();
        let is_told = match self.groups().get(key) {
            None => matches!(conclusion, Conclusion::NotInModel | Conclusion::Left),
            Some(Group::Withheld) => {
                let is_still_so = |it: &InRun| matches!(it, InRun::Invalid { until: None, .. } | InRun::DuplicateKey { until: None });
                let has_usable_key = told.model_rows > 0;
                matches!(conclusion, Conclusion::Invalid | Conclusion::Skipped | Conclusion::DuplicateKey)
                    && told.past.iter().any(|it| is_still_so(&it.what))
                    || !has_usable_key
            }
            Some(Group::Sendable(row)) => match conclusion {
                Conclusion::Confirmed => is_of_old || held.is_some_and(|it| self.differences(row, it).is_empty()),
                Conclusion::Changed => is_of_old && self.script.update_only && held.is_none(),
                Conclusion::Refused => self.ledger.refused_of(&Self::name()).len() as u64 > 0,
                // Where blanks do not arrive a look finds what was there before.
                Conclusion::ChangedThere => !blanks_arrive(&self.script.switches) && held.is_some(),
                Conclusion::NotInDestination => self.script.update_only && held.is_none(),
                _ => false,
            },
        };
        if is_told {
            Ok(())
        } else {
            Err(self.broken(Rule::PastIsTold, format!("`{key}` comes down to {conclusion:?}, and holds {held:?}")))
        }
    }
}
