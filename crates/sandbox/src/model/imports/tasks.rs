//! Imports under way: they wait, begin, work and end, one after another in a business unit.

use serde::{Deserialize, Serialize};

use super::apply::{Applied, Circumstances, Counts, Rejections, RowVerdict, apply};
use super::pick::pick;
use super::{Definition, ImportPlan};
use crate::model::Model;
use crate::model::clock::server_ms;
use crate::model::faults::{Call, CountChange, Effect, ImportFault};
use crate::model::snapshot::Blob;

/// Who started an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportOrigin {
    /// A definition, by its key.
    Definition(String),
    /// A one-time REST import.
    Rest,
}

/// Where an import stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportStatus {
    /// It has not begun.
    New,
    /// It has read its file.
    Processing,
    /// It ended; rows may have been refused.
    Completed,
    /// It ended with an error, which is named here and nowhere in the API.
    Error(String),
}

/// One import.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Import {
    /// The `TaskResultID`, and the `id` of a one-time import.
    pub id: u64,
    /// Its `ObjectID`.
    pub object_id: String,
    /// The business unit.
    pub account_id: u64,
    /// Who started it.
    pub origin: ImportOrigin,
    /// What it does, as it stood at the start.
    pub plan: ImportPlan,
    /// Key of the data extension at the start.
    pub target_key: String,
    /// Where it stands.
    pub status: ImportStatus,
    /// When it was started, unix milliseconds.
    pub started_ms: i64,
    /// When it began, unix milliseconds.
    pub began_ms: Option<i64>,
    /// When it ended, unix milliseconds.
    pub ended_ms: Option<i64>,
    /// The files it read.
    pub files: Vec<String>,
    /// Counters.
    pub counts: Counts,
    /// Refused rows.
    pub verdicts: Vec<RowVerdict>,
    /// How often its result was asked for.
    pub polls: u32,
    polls_after_end: u32,
    /// Begins when this has come, if its turn has come too.
    begin_due_ms: i64,
    finish_due_ms: i64,
    content: Vec<Blob>,
    rejections: Rejections,
    stop_after: Option<u64>,
    apply_delay_ms: i64,
    /// `Some(whether rows are written)` where it never ends.
    never_finishes: Option<bool>,
    held: bool,
    /// Beside the queue: a fault keeps it, and others need not wait for it.
    aside: bool,
    count_change: Option<(u32, CountChange)>,
    applied: bool,
}

impl Import {
    /// Whether it ended.
    pub fn has_ended(&self) -> bool {
        matches!(self.status, ImportStatus::Completed | ImportStatus::Error(_))
    }

    /// Whether it waits for a release.
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Its counters as they are reported now: zero until it ends, and perhaps changed afterwards.
    pub fn reported(&self) -> Counts {
        if !self.has_ended() {
            return Counts::default();
        }
        let Some((after, change)) = &self.count_change else { return self.counts };
        if self.polls_after_end <= *after {
            return self.counts;
        }
        let moved = |count: u64, by: i64| count.saturating_add_signed(by);
        Counts {
            total: moved(self.counts.total, change.total),
            successful: moved(self.counts.successful, change.successful),
            duplicated: moved(self.counts.duplicated, change.duplicated),
            errors: moved(self.counts.errors, change.errors),
            restricted: moved(self.counts.restricted, change.restricted),
        }
    }

    fn due(&self) -> Option<i64> {
        match self.status {
            ImportStatus::New if self.held => None,
            ImportStatus::New => Some(self.begin_due_ms),
            ImportStatus::Processing if self.applied || self.never_finishes == Some(false) => None,
            ImportStatus::Processing => Some(self.finish_due_ms),
            _ => None,
        }
    }
}

/// All imports of a tenant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Imports {
    all: Vec<Import>,
    /// Positions of those that may still do something.
    open: Vec<usize>,
}

impl Imports {
    /// All of them, oldest first.
    pub fn all(&self) -> &[Import] {
        &self.all
    }

    /// The import of that id.
    pub fn get(&self, id: u64) -> Option<&Import> {
        self.all.binary_search_by_key(&id, |it| it.id).ok().map(|at| &self.all[at])
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Import> {
        self.all.binary_search_by_key(&id, |it| it.id).ok().map(|at| &mut self.all[at])
    }

    /// Notes that a result was asked for.
    pub fn polled(&mut self, id: u64) {
        if let Some(import) = self.get_mut(id) {
            import.polls += 1;
            if import.has_ended() {
                import.polls_after_end += 1;
            }
        }
    }

    /// Lets a held import begin; whether there was one.
    pub fn release(&mut self, id: u64, now_ms: i64) -> bool {
        let Some(import) = self.get_mut(id).filter(|it| it.held) else { return false };
        import.held = false;
        import.begin_due_ms = now_ms;
        true
    }

    /// Position and time of the next thing that happens.
    fn next(&self) -> Option<(i64, usize)> {
        let mut next: Option<(i64, usize)> = None;
        for at in &self.open {
            let import = &self.all[*at];
            let Some(due) = import.due() else { continue };
            if next.is_none_or(|(soonest, _)| due < soonest) && self.has_its_turn(*at) {
                next = Some((due, *at));
            }
        }
        next
    }

    /// Imports of a business unit work one after another, in the order of their starts.
    fn has_its_turn(&self, at: usize) -> bool {
        let import = &self.all[at];
        import.status != ImportStatus::New
            || import.aside
            || !self.open.iter().map(|it| &self.all[*it]).any(|other| {
                other.account_id == import.account_id
                    && !other.aside
                    && !other.has_ended()
                    && (other.id < import.id || other.status == ImportStatus::Processing)
            })
    }
}

impl Model {
    /// All imports, oldest first, with the verdicts on their rows.
    pub fn imports(&self) -> &[Import] {
        self.imports.all()
    }

    /// Lets an import begin that a fault holds; whether there was one.
    pub fn release_import(&mut self, id: u64, now_ms: i64) -> bool {
        self.imports.release(id, now_ms)
    }

    /// Starts an import and gives its id. It begins at its time.
    pub(in crate::model) fn start_import(&mut self, account_id: u64, origin: ImportOrigin, plan: ImportPlan, now_ms: i64) -> u64 {
        let target_key = self
            .units
            .get(&account_id)
            .and_then(|unit| unit.data_extension_by_id(&plan.target))
            .map_or_else(String::new, |it| it.key.clone());
        let id = self.ids.task();
        let mut import = Import {
            id,
            object_id: self.ids.guid(),
            account_id,
            origin,
            plan,
            target_key,
            status: ImportStatus::New,
            started_ms: now_ms,
            began_ms: None,
            ended_ms: None,
            files: Vec::new(),
            counts: Counts::default(),
            verdicts: Vec::new(),
            polls: 0,
            polls_after_end: 0,
            begin_due_ms: now_ms + self.switches.import_new_ms,
            finish_due_ms: 0,
            content: Vec::new(),
            rejections: Rejections::default(),
            stop_after: None,
            apply_delay_ms: 0,
            never_finishes: None,
            held: false,
            aside: false,
            count_change: None,
            applied: false,
        };
        self.meet_import_faults(&mut import);
        self.imports.open.push(self.imports.all.len());
        self.imports.all.push(import);
        id
    }

    fn meet_import_faults(&mut self, import: &mut Import) {
        let name = match &import.origin {
            ImportOrigin::Definition(key) => format!("{key} {}", import.plan.file_spec),
            ImportOrigin::Rest => import.plan.file_spec.clone(),
        };
        let call = Call { door: "import", method: import.plan.update_type.name(), object: &import.target_key, path: &name };
        let met = self.faults.meet(&call, |effect| match effect {
            Effect::Import { fault } => Some(fault.clone()),
            _ => None,
        });
        for (_, fault) in met {
            match fault {
                ImportFault::RejectRows { rows, keys, code } => {
                    import.rejections.rows.extend(rows.into_iter().map(|it| (it, code.clone())));
                    import.rejections.keys.extend(keys.into_iter().map(|it| (it, code.clone())));
                }
                ImportFault::NeverFinish { apply } => {
                    import.never_finishes = Some(apply);
                    import.aside = true;
                }
                ImportFault::StopAfterRows { rows } => import.stop_after = Some(rows),
                ImportFault::BeginLate { millis } => {
                    import.begin_due_ms += millis;
                    import.aside = true;
                }
                ImportFault::ApplyLate { millis } => {
                    import.apply_delay_ms = millis;
                    import.aside = true;
                }
                ImportFault::HoldUntilReleased => {
                    import.held = true;
                    import.aside = true;
                }
                ImportFault::ChangeCounts { after_polls, change } => import.count_change = Some((after_polls, change)),
            }
        }
    }

    /// Starts a stored definition; its id, or `None` where there is none of that key.
    pub fn start_definition(&mut self, account_id: u64, key: &str, now_ms: i64) -> Option<u64> {
        let definition: Definition = self.units.get(&account_id)?.definition(key)?.clone();
        let mut plan = definition.plan;
        plan.delete_file |= self.switches.definition_import_deletes_file;
        Some(self.start_import(account_id, ImportOrigin::Definition(definition.key), plan, now_ms))
    }

    /// Lets imports move on that are due by `now_ms`, in the order of their times.
    pub(in crate::model) fn advance_imports(&mut self, now_ms: i64) {
        while let Some((due, at)) = self.imports.next().filter(|(due, _)| *due <= now_ms) {
            // One that had to wait for its turn begins when the one before it ended.
            let ended = self.imports.all.iter().filter_map(|it| it.ended_ms).max().unwrap_or(due);
            let time = if self.imports.all[at].status == ImportStatus::New { due.max(ended.min(now_ms)) } else { due };
            match self.imports.all[at].status {
                ImportStatus::New => self.begin(at, time),
                _ => self.finish(at, time),
            }
            if self.imports.all[at].due().is_none() && !self.imports.all[at].held {
                self.imports.open.retain(|it| *it != at);
            }
        }
    }

    /// When an import next moves on.
    pub(in crate::model) fn next_import_due(&self) -> Option<i64> {
        self.imports.next().map(|(due, _)| due)
    }

    /// Reads the file: it has to be there now.
    fn begin(&mut self, at: usize, time_ms: i64) {
        let found = self.files_of(&self.imports.all[at], time_ms);
        let processing_ms = self.switches.import_processing_ms;
        let import = &mut self.imports.all[at];
        import.began_ms = Some(time_ms);
        import.status = ImportStatus::Processing;
        import.finish_due_ms = time_ms + processing_ms + import.apply_delay_ms;
        match found {
            Some((files, content)) => {
                import.files = files;
                import.content = content;
            }
            None => {
                import.status = ImportStatus::Error("FileNotFound".to_owned());
                import.ended_ms = Some(time_ms);
            }
        }
    }

    /// Names and bytes of the files that an import means.
    fn files_of(&self, import: &Import, time_ms: i64) -> Option<(Vec<String>, Vec<Blob>)> {
        let unit = self.units.get(&import.account_id)?;
        let location = unit.locations.iter().find(|it| it.key.eq_ignore_ascii_case(&import.plan.location))?;
        let store = self.stores.get(&location.store()?)?;
        let folder = location.import_folder();
        let spec = import.plan.file_spec.trim_start_matches('/');
        let found: Vec<String> = if import.plan.whole_folder {
            let inside = format!("{folder}{}/", spec.trim_end_matches('/'));
            store.list(&inside).into_iter().filter(|it| !it.is_dir).map(|it| it.path).collect()
        } else {
            let server = server_ms(time_ms, self.switches.server_offset_hours);
            let picked = pick(store, &folder, spec, server)?;
            let hours_max = import.plan.file_age_hours_max;
            if 0 < hours_max && picked.modified_ms + hours_max * 3_600_000 < time_ms {
                return None;
            }
            vec![picked.path]
        };
        let content: Vec<Blob> = found.iter().map(|it| store.get(it).map(|it| Blob(it.to_vec()))).collect::<Result<_, _>>().ok()?;
        (!found.is_empty()).then_some((found, content))
    }

    /// Writes the rows and ends.
    fn finish(&mut self, at: usize, time_ms: i64) {
        let import = &mut self.imports.all[at];
        let content = std::mem::take(&mut import.content);
        let files: Vec<&[u8]> = content.iter().map(|it| it.0.as_slice()).collect();
        let circumstances =
            Circumstances { switches: &self.switches, now_ms: time_ms, rejections: &import.rejections, stop_after: import.stop_after };
        let target = self.units.get_mut(&import.account_id).and_then(|unit| unit.data_extension_by_id_mut(&import.plan.target));
        let Applied { counts, verdicts, failure } = match target {
            Some(de) => apply(de, &import.plan, &files, &circumstances),
            None => Applied { failure: Some("The data extension does not exist any more".to_owned()), ..Applied::default() },
        };
        (import.counts, import.verdicts, import.applied) = (counts, verdicts, true);
        if import.never_finishes.is_none() {
            import.ended_ms = Some(time_ms);
            import.status = failure.map_or(ImportStatus::Completed, ImportStatus::Error);
        }
        if import.plan.delete_file && import.ended_ms.is_some() {
            let (location, files) = (import.plan.location.clone(), import.files.clone());
            for file in files {
                // Somebody may have been quicker.
                let _ = self.file_remove(&location, &file);
            }
        }
    }
}
