//! What other writers have done, or may do at any moment: what is theirs must stay, and what they touched is not ours to vouch for.

use std::collections::BTreeSet;

use outflow_marketing_cloud::definition_key;
use outflow_sandbox::model::{Effect, Fault, OtherWrite};

use super::{World, keys};

/// Somebody starts the import definition of every world's activation, as a person or an automation would.
pub(super) fn starts_our_definition() -> OtherWrite {
    OtherWrite::StartDefinition { definition: definition_key(&World::name()) }
}

/// What another writer puts into the column that no world maps.
pub(super) const FOREIGN: &str = "Zq7 foreign";

/// Other writers of the data extension. Keys are as the service compares them.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Keys somebody else has written or removed since the last full run.
    pub touched: BTreeSet<String>,
    /// Keys that somebody else has ever written or removed, or may have.
    pub ever_touched: BTreeSet<String>,
    /// Keys somebody else may ever have made.
    pub made: BTreeSet<String>,
    /// Keys whose foreign column somebody else has filled and nobody has removed.
    pub filled: BTreeSet<String>,
    /// Fields that somebody has removed and made again: what rows held there is gone.
    pub remade: BTreeSet<String>,
    /// Whether somebody has made the data extension anew, or may have.
    pub has_remade_table: bool,
    /// Keys that the neighbours may ever have made.
    pub made_by_neighbours: BTreeSet<String>,
    /// Keys that somebody may ever have written or removed while a run was under way.
    pub uncertain: BTreeSet<String>,
    /// Keys that a fault may remove at any moment.
    threatened: BTreeSet<String>,
}

impl Others {
    /// Somebody has written, just now.
    pub fn wrote(&mut self, write: &OtherWrite) {
        let keys = keys_of(write);
        self.touched.extend(keys.iter().cloned());
        self.ever_touched.extend(keys.iter().cloned());
        match write {
            OtherWrite::UpsertRow { .. } => {
                self.made.extend(keys.iter().cloned());
                self.filled.extend(keys.into_iter().filter(|it| !self.threatened.contains(it)));
            }
            OtherWrite::RecreateField { field, .. } => _ = self.remade.insert(field.clone()),
            OtherWrite::StartDefinition { .. } => {}
            other => {
                self.has_remade_table |= matches!(other, OtherWrite::RecreateDataExtension { .. });
                self.filled.retain(|it| !keys.contains(it));
            }
        }
    }

    /// Somebody will write between two calls, it is not known when.
    pub fn may_write(&mut self, fault: &Fault) {
        let (Effect::Before { write } | Effect::After { write }) = &fault.effect else { return };
        let keys = keys_of(write);
        self.touched.extend(keys.iter().cloned());
        self.ever_touched.extend(keys.iter().cloned());
        self.uncertain.extend(keys.iter().cloned());
        match write {
            OtherWrite::UpsertRow { .. } => self.made.extend(keys),
            OtherWrite::RecreateField { field, .. } => _ = self.remade.insert(field.clone()),
            OtherWrite::StartDefinition { .. } => {}
            other => {
                self.has_remade_table |= matches!(other, OtherWrite::RecreateDataExtension { .. });
                self.filled.retain(|it| !keys.contains(it));
                self.threatened.extend(keys);
            }
        }
    }

    /// Neighbours may fill their column in these rows, at any moment from now on.
    pub fn may_fill(&mut self, keys: impl Iterator<Item = String>) {
        for key in keys {
            self.touched.insert(key.clone());
            self.ever_touched.insert(key.clone());
            self.made.insert(key.clone());
            self.made_by_neighbours.insert(key);
        }
    }

    /// The foreign column of these rows is seen to be filled.
    pub fn filled_now(&mut self, keys: impl Iterator<Item = String>) {
        self.filled.extend(keys.filter(|it| !self.threatened.contains(it)));
    }

    /// Whether a field holds nothing since somebody has made it again.
    pub fn has_emptied(&self, field: &str, held: Option<&str>) -> bool {
        held.is_none_or(str::is_empty) && self.remade.contains(field)
    }

    /// Faults are gone.
    pub fn heal(&mut self) {
        self.threatened.clear();
    }

    /// Nobody can vouch for any row.
    pub fn touch_all(&mut self) {
        self.touched.extend(keys::all_folded());
    }
}

fn keys_of(write: &OtherWrite) -> BTreeSet<String> {
    match write {
        OtherWrite::UpsertRow { values, .. } => keys::of_fields(|it| values.get(it)?.as_deref()).into_iter().collect(),
        OtherWrite::DeleteRow { keys: fields, .. } => keys::of_fields(|it| fields.get(it).map(String::as_str)).into_iter().collect(),
        // It imports a file of ours, or none.
        OtherWrite::StartDefinition { .. } => BTreeSet::new(),
        // Rows that vanish without a trace.
        _ => keys::all_folded(),
    }
}
