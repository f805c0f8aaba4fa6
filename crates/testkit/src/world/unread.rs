//! How a world ends in which no row may be read: counts are all there is.

use std::collections::BTreeSet;

use outflow_domain::RunResult;
use outflow_engine::RunOptions;
use outflow_sandbox::model::{Effect, Fault, ImportFault, When};

use super::{
    Broken, Rule, World,
    check::Group,
    keys::{Keys, folded},
    model_row,
};
use crate::simulated::{Cell, ModelRow};

/// Runs within which all that can be confirmed must be.
const RUNS_MAX: usize = 5;

impl World {
    /// An update-only run cannot do without the keys, and says so.
    pub(super) fn cannot_begin(&mut self) -> Result<(), Box<Broken>> {
        match self.run(&RunOptions::default(), None)? {
            Some(Err(error)) if error.code() == "MC-006" => Ok(()),
            other => Err(self.broken(Rule::NeverInserts, format!("the keys may not be read, and the run ended with {other:?}"))),
        }
    }

    /// Everything again; then rows are refused for good, and few beside them may stay in doubt; then nothing is refused any more.
    pub(super) fn end_unread(&mut self) -> Result<(), Box<Broken>> {
        self.others.touched.clear();
        self.held = self.stored();
        self.set_rows(&many_rows(self.script.keys));
        self.done_with(&RunOptions { full: true, ..RunOptions::default() })?;
        self.quiet("nothing has changed")?;

        let refused: Vec<String> = (0..=self.script.seed % 2).map(|it| self.key_of((it * 4) as usize)).collect();
        self.tell(&format!("every row changes, and {refused:?} are refused"));
        let mut rows = self.rows.clone();
        for (at, row) in rows.iter_mut().enumerate() {
            *row = self.changed(at).swap_remove(at);
        }
        self.set_rows(&rows);
        let fault = ImportFault::RejectRows { rows: Vec::new(), keys: refused.clone(), code: "InvalidNumber".into() };
        let when = When { door: Some("import".into()), ..When::default() };
        self.model().add_fault(Fault { when, effect: Effect::Import { fault } });
        self.doubt_shrinks(refused.len() as u64)?;

        self.model().clear_faults();
        self.done()?;
        self.quiet("nothing is refused any more")?;
        self.nothing_rests()
    }

    /// Rows are refused in every run: at last no more are in doubt than files as small as they become can hide.
    fn doubt_shrinks(&mut self, refused: u64) -> Result<(), Box<Broken>> {
        // What was asked of the run, not what a bad variant makes of it.
        let hidden_max = refused * (1 + self.script.seed % 3);
        let mut unconfirmed = 0;
        for _ in 0..RUNS_MAX {
            let report = match self.run(&RunOptions::default(), None)? {
                Some(Ok(report)) if report.result == RunResult::RowsPending => report,
                other => return Err(self.broken(Rule::DoubtShrinks, format!("rows were refused, and the run ended with {other:?}"))),
            };
            unconfirmed = report.outcomes.of_fate("unconfirmed");
            let differing: BTreeSet<String> = self.differing();
            if differing.len() as u64 > unconfirmed {
                let detail = format!("{differing:?} are not as the model has them, and {unconfirmed} rows are said to be unconfirmed");
                return Err(self.broken(Rule::Arrives, detail));
            }
        }
        if unconfirmed > hidden_max {
            let detail = format!("{unconfirmed} rows are still unconfirmed, where {refused} are refused");
            return Err(self.broken(Rule::DoubtShrinks, detail));
        }
        Ok(())
    }

    /// Sendable rows that the destination does not hold as the model has them.
    fn differing(&self) -> BTreeSet<String> {
        let differs = |key: &str, row: &ModelRow| self.held.get(key).is_none_or(|it| !self.differences(row, it).is_empty());
        let groups = self.groups().into_iter();
        groups.filter_map(|(key, it)| matches!(it, Group::Sendable(row) if differs(&key, row)).then_some(key)).collect()
    }

    fn key_of(&self, at: usize) -> String {
        match &self.rows[at].0[0] {
            Cell::Text(key) => key.clone(),
            _ => String::new(),
        }
    }
}

/// A row for each key there is.
fn many_rows(keys: Keys) -> Vec<ModelRow> {
    let mut seen = BTreeSet::new();
    let keys = keys.all().into_iter().filter(|it| seen.insert(folded(it)));
    let text = |it: &str| Cell::Text(it.to_owned());
    keys.map(|key| {
        let (born, seen) = (Cell::Date(9000), Cell::Instant(40_000_000));
        model_row([text(key), text("Zq7"), Cell::Integer(1), Cell::Decimal(100), Cell::Boolean(true), born, seen, text("Zq7 note")])
    })
    .collect()
}
