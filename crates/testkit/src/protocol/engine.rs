//! A run, step by step, as `outflow-engine` does it: `run`, `resume`, `advance`, `steps/import`, `steps/settle`.

use outflow_domain::Route;

use super::{
    explore::{Next, Step},
    ledger::{Ended, Fact, Ledgers, Part, Said, Stage, Updates, View},
    state::{End, Habit, Import, Invariant, KEYS, Phase, Process, Rows, SLOTS, STARTS_MAX, Settings, State},
};

/// Every step that a process of the engine may take.
pub(super) fn steps(settings: &Settings, ledgers: &mut Ledgers, from: &State, into: &mut Vec<Next>) {
    for side in 0..from.sides.len() {
        Engine { settings, ledgers: &mut *ledgers, from, side, into: &mut *into }.step();
    }
}

/// Forgets what cannot matter any more, so that equal futures are equal states.
pub(super) fn tidy(ledgers: &Ledgers, state: &mut State) {
    let State { sides, imports } = state;
    imports.retain(|it| {
        let side = &sides[usize::from(it.side)];
        !it.phase.has_ended() || ledgers.view(side.ledger).part(it.part).is_some()
    });
    for side in sides.iter_mut() {
        let view = ledgers.view(side.ledger);
        for slot in 0..SLOTS {
            match view.part(slot as u8) {
                Some(part) if !part.is_not_started => {
                    for key in 0..KEYS {
                        if part.rows[key].is_some() && part.rows[key] == side.held[key] {
                            side.applied[slot] |= 1 << key;
                        }
                    }
                }
                _ => side.applied[slot] = 0,
            }
        }
        if side.process == Process::Idle {
            side.run = 0;
        }
    }
}

/// Whether a file lies at the route that nobody will ever remove.
pub(super) fn has_forgotten_file(ledgers: &Ledgers, state: &State) -> bool {
    state.sides.iter().filter(|it| it.process == Process::Idle).any(|side| {
        let view = ledgers.view(side.ledger);
        (0..SLOTS as u8).any(|slot| side.files >> slot & 1 == 1 && view.part(slot).is_none_or(|it| it.is_abandoned))
    })
}

/// The keys that have a value, as bits.
fn keys_of(rows: &Rows) -> u8 {
    (0..KEYS).filter(|it| rows[*it].is_some()).fold(0, |keys, key| keys | 1 << key)
}

/// Whether the destination holds what the model has, and nothing is under way.
pub(super) fn is_good(settings: &Settings, ledgers: &Ledgers, state: &State) -> bool {
    let is_quiet = state.imports.iter().all(|it| it.phase.has_ended());
    is_quiet
        && state.sides.iter().all(|side| {
            let is_right = |key: usize| {
                let wanted = side.model[key];
                let is_sendable = wanted.is_some() && wanted != settings.refuses && (!settings.is_update_only() || state.exists(key));
                !is_sendable || side.edited >> key & 1 == 1 || side.held[key] == wanted
            };
            let view = ledgers.view(side.ledger);
            side.process == Process::Idle && view.parts.iter().all(|it| it.is_abandoned) && (0..settings.keys).all(is_right)
        })
}

/// Whether a run cannot begin only since no slot is free to tell its part apart.
pub(super) fn is_at_the_bounds(ledgers: &Ledgers, state: &State) -> bool {
    let is_stuck = |side: usize| state.sides[side].process == Process::Idle && free_slot(ledgers, state, side).is_none();
    let starts = |side: usize| (0..SLOTS).any(|part| state.imports_of(side, part as u8).count() >= STARTS_MAX);
    (0..state.sides.len()).any(|side| is_stuck(side) || starts(side))
}

fn free_slot(ledgers: &Ledgers, state: &State, side: usize) -> Option<u8> {
    let it = &state.sides[side];
    let view = ledgers.view(it.ledger);
    (0..SLOTS as u8).find(|&slot| view.part(slot).is_none() && it.files >> slot & 1 == 0 && state.imports_of(side, slot).next().is_none())
}

struct Engine<'a> {
    settings: &'a Settings,
    ledgers: &'a mut Ledgers,
    from: &'a State,
    side: usize,
    into: &'a mut Vec<Next>,
}

type Broken = (Invariant, &'static str);

impl Engine<'_> {
    fn step(&mut self) {
        match self.from.sides[self.side].process {
            Process::Idle => self.begin(),
            Process::Resuming => self.resume(),
            Process::Finding { part } => self.find(part),
            Process::StartingAgain { part } => self.start_again(part),
            Process::Starting { part, again } => self.start(part, again),
            Process::Answered { part, import } => self.answered(part, import),
            Process::Refused { part } => self.take_back(part),
            Process::Watching { part } => self.watch(part),
            Process::Settling { part } => self.settle(part),
            Process::Removing { part, settled } => self.remove(part, settled),
            Process::Merging => self.merge("what was confirmed is merged", Process::Comparing),
            Process::Comparing => self.compare(),
            Process::Dropping { keys } => self.drop_entries(keys),
            Process::Transferring { part } => {
                self.record("the transfer is intended", part, Fact::TransferStarting, Process::Putting { part }, true);
            }
            Process::Putting { part } => {
                let state = self.with_file(part, true);
                self.record_in(state, "the file is put", part, Fact::Transferred, Process::Intending { part }, true);
            }
            Process::Intending { part } => self.intend(part),
            Process::EndingDoubts { keys } => self.end_older_doubts(keys),
            Process::MergingOwn => self.merge("what the run has confirmed is merged", Process::Ending),
            Process::Ending => self.end("the run ends", Ended::Well, true),
            Process::Abandoning { part } => self.abandon(part),
        }
    }

    fn view(&self) -> &View {
        self.ledgers.view(self.from.sides[self.side].ledger)
    }

    /// The open part; a process only works on parts that its own ledger holds.
    fn part(&self, run: u8) -> Part {
        *self.view().part(run).unwrap_or_else(|| unreachable!("a process works on part {run}, which its ledger does not hold"))
    }

    fn run(&self) -> u8 {
        self.from.sides[self.side].run
    }

    fn push(&mut self, words: &'static str, part: Option<u8>, state: State, is_calm: bool, broken: Option<Broken>) {
        let step = part.into_iter().fold(Step::of(self.side, words), Step::part);
        self.into.push(Next { step, is_calm, state, broken });
    }

    fn with(&self, process: Process) -> State {
        let mut state = self.from.clone();
        state.sides[self.side].process = process;
        state
    }

    fn with_file(&self, part: u8, is_there: bool) -> State {
        let mut state = self.from.clone();
        let files = &mut state.sides[self.side].files;
        *files = if is_there { *files | 1 << part } else { *files & !(1 << part) };
        state
    }

    fn record(&mut self, words: &'static str, run: u8, fact: Fact, then: Process, is_calm: bool) {
        self.record_in(self.from.clone(), words, run, fact, then, is_calm);
    }

    fn record_in(&mut self, mut state: State, words: &'static str, run: u8, fact: Fact, then: Process, is_calm: bool) {
        let broken = self.append(&mut state, run, fact);
        state.sides[self.side].process = then;
        self.push(words, Some(run), state, is_calm, broken);
    }

    fn append(&mut self, state: &mut State, run: u8, fact: Fact) -> Option<Broken> {
        let side = &mut state.sides[self.side];
        match self.ledgers.append(side.ledger, run, fact) {
            Ok(ledger) => {
                side.ledger = ledger;
                None
            }
            Err(why) => Some((Invariant::EventsFollow, why)),
        }
    }

    fn begin(&mut self) {
        let Some(run) = free_slot(self.ledgers, self.from, self.side) else { return };
        let mut state = self.with(Process::Resuming);
        state.sides[self.side].run = run;
        let broken = self.append(&mut state, run, Fact::Started);
        self.push("a run begins", Some(run), state, true, broken);
    }

    fn end(&mut self, words: &'static str, result: Ended, is_calm: bool) {
        self.record(words, self.run(), Fact::Ended { result }, Process::Idle, is_calm);
    }

    fn resume(&mut self) {
        let run = self.run();
        let looks_at_abandoned = !self.settings.has(Habit::ForgetsAbandonedImports);
        let parts = self.view().parts.clone();
        if let Some(part) = parts.iter().find(|it| it.is_not_started) {
            let state = self.with_file(part.run, false);
            return self.record_in(state, "a part that was never started is dropped", part.run, Fact::Dropped, Process::Resuming, true);
        }
        // Those that were given up come last: what their imports wrote after a newer one is read then, and nothing older is believed after it.
        let is_last = |it: &&Part| it.is_abandoned && !self.settings.has(Habit::SettlesInOrder);
        let (last, first): (Vec<&Part>, Vec<&Part>) = parts.iter().filter(|it| it.run != run).partition(is_last);
        for part in first.into_iter().chain(last) {
            let then = match part.stage {
                // An abandoned import is not waited for; but where it can be asked, and has ended, its part can be settled.
                Stage::Started { .. } if part.is_abandoned && !(looks_at_abandoned && self.has_ended(part)) => continue,
                Stage::Starting | Stage::Unresolved if part.is_abandoned => continue,
                Stage::Starting => Process::Finding { part: part.run },
                Stage::Started { .. } => Process::Watching { part: part.run },
                Stage::Ended { .. } | Stage::Unresolved => Process::Settling { part: part.run },
                Stage::Planned | Stage::Moving => continue,
            };
            let are_all_tried = parts.iter().all(|it| it.run == run || it.is_abandoned || it.stage == Stage::Unresolved);
            if are_all_tried && self.settings.forbids_reading {
                let words = "reading is not permitted: earlier rows stay in doubt";
                self.push(words, Some(part.run), self.with(Process::Merging), false, None);
            }
            return self.push("an earlier run's part is taken up", Some(part.run), self.with(then), true, None);
        }
        self.push("nothing of earlier runs is open", None, self.with(Process::Merging), true, None);
    }

    fn has_ended(&self, part: &Part) -> bool {
        let Stage::Started { import } = part.stage else { return false };
        let mut all = self.from.imports_of(self.side, part.run).enumerate();
        let is_awaited = |at: usize| match self.settings.route {
            // Other imports of the part cannot be found.
            Route::Rest => at == usize::from(import),
            Route::Soap if self.settings.has(Habit::WaitsOnlyForNewerImports) => at >= usize::from(import),
            Route::Soap => true,
        };
        all.all(|(at, it)| !is_awaited(at) || it.phase.has_ended())
    }

    fn find(&mut self, part: u8) {
        if self.settings.route == Route::Rest {
            return self.push("its import cannot be looked for", Some(part), self.with(Process::StartingAgain { part }), true, None);
        }
        let since: Vec<Phase> = self.from.imports_of(self.side, part).map(|it| it.phase).collect();
        match since.as_slice() {
            [] => self.push("no import of its own is found", Some(part), self.with(Process::StartingAgain { part }), true, None),
            all if all.iter().all(|it| it.has_ended()) => {
                // All have read the one file of the part, whoever has started them: the newest is taken.
                let (fact, then) = (Fact::ImportStarted { import: all.len() as u8 - 1 }, Process::Watching { part });
                self.record("its import is found, and has ended", part, fact, then, true);
            }
            _ => self.end("the deadline of the search passes: blocked", Ended::Blocked, false),
        }
    }

    fn start_again(&mut self, part: u8) {
        let state = self.with_file(part, true);
        let rows = self.part(part).doubt.unwrap_or_default();
        let then = Process::Starting { part, again: true };
        self.record_in(state, "the same file is put, and the start intended again", part, Fact::ImportStarting { rows }, then, true);
    }

    fn intend(&mut self, part: u8) {
        let then = Process::Starting { part, again: false };
        if self.settings.has(Habit::DoubtsAfterTheStart) {
            return self.push("the start is not recorded yet", Some(part), self.with(then), true, None);
        }
        // Asked in the very transaction that records the intent: of two runs that have both compared, one comes first.
        if !self.settings.has(Habit::LooksForOthersOnlyOnce) && self.somebody_else_imports() {
            return self.end("another activation is importing: blocked before the start", Ended::Blocked, false);
        }
        let rows = self.part(part).rows;
        self.record("the start is intended; its rows are in doubt", part, Fact::ImportStarting { rows }, then, true);
    }

    fn start(&mut self, part: u8, again: bool) {
        let lost = match (again, self.settings.has(Habit::ForgetsALostStart)) {
            (_, true) => Process::Refused { part },
            // A second start without an answer is not looked for, either: the same file is started once more.
            (true, _) => Process::StartingAgain { part },
            (false, _) => Process::Finding { part },
        };
        let import = self.from.imports_of(self.side, part).count();
        if import < STARTS_MAX {
            let broken = self.start_breaks(part);
            let mut started = self.from.clone();
            let rows = self.part(part).rows;
            started.imports.push(Import { side: self.side as u8, part, rows, phase: Phase::Queued, is_abandoned: false });
            let mut answered = started.clone();
            answered.sides[self.side].process = Process::Answered { part, import: import as u8 };
            self.push("the import is started", Some(part), answered, true, broken);
            if self.settings.loses_starts {
                started.sides[self.side].process = lost;
                self.push("the import is started, and the answer gets lost", Some(part), started, false, broken);
            }
        }
        if self.settings.loses_starts {
            self.push("the start gets lost on its way", Some(part), self.with(lost), false, None);
        }
        if !again {
            self.push("the start is refused for certain", Some(part), self.with(Process::Refused { part }), false, None);
        } else if self.settings.closes_road && self.settings.has(Habit::EndsDoubtWhenTheRoadCloses) {
            let fact = Fact::ImportNotStarted { closed: true };
            self.record("the road is closed meanwhile; the doubt is taken back", part, fact, Process::Idle, false);
        } else {
            self.end("the second start is refused; the run fails", Ended::Failed, false);
        }
    }

    /// The doubt of a start that was refused for certain ends only where nobody can have imported the file.
    fn take_back(&mut self, part: u8) {
        if self.from.sides[self.side].files >> part & 1 == 1 {
            return self.push("the refused start's file is removed", Some(part), self.with_file(part, false), true, None);
        }
        let is_blind = self.settings.has(Habit::TakesDoubtBackBlindly) || self.settings.has(Habit::ForgetsALostStart);
        if !is_blind && self.from.imports_of(self.side, part).next().is_some() {
            return self.end("somebody else has started it: the run fails, and its rows stay in doubt", Ended::Failed, true);
        }
        self.record("the refusal is recorded; the run fails", part, Fact::ImportNotStarted { closed: false }, Process::Idle, true);
    }

    fn somebody_else_imports(&self) -> bool {
        let others = self.from.sides.iter().enumerate().filter(|(at, _)| *at != self.side);
        others.flat_map(|(_, it)| &self.ledgers.view(it.ledger).parts).any(|it| it.may_be_running)
    }

    fn start_breaks(&self, part: u8) -> Option<Broken> {
        let doubt = self.part(part).doubt;
        if doubt != Some(self.part(part).rows) {
            return Some((Invariant::DoubtBeforeStart, "its rows are not in doubt in the ledger"));
        }
        let is_other = |it: &&Import| usize::from(it.side) != self.side || it.part != part;
        let may_write = |it: &Import| it.phase.may_write(self.from.sides[usize::from(it.side)].files >> it.part & 1 == 1);
        let over = self.from.imports.iter().filter(is_other).any(|it| !it.is_abandoned && may_write(it));
        // A service that works in the order of starts ends the earlier import first; two activations' imports must not even wait together.
        let is_held =
            |it: &Import| usize::from(it.side) == self.side && self.settings.service == super::Service::InOrder && self.is_doubled(it);
        let over = over && !self.from.imports.iter().filter(is_other).filter(|it| !it.is_abandoned && may_write(it)).all(is_held);
        over.then_some((Invariant::NoStartOverAnOpenImport, "another import may still write"))
    }

    /// Whether it is a further import of a file whose settling import has ended already.
    fn is_doubled(&self, import: &Import) -> bool {
        self.view().part(import.part).is_none()
    }

    fn answered(&mut self, part: u8, import: u8) {
        let mut state = self.from.clone();
        if self.settings.has(Habit::DoubtsAfterTheStart) {
            let rows = self.part(part).rows;
            let broken = self.append(&mut state, part, Fact::ImportStarting { rows });
            if broken.is_some() {
                return self.push("the start is recorded", Some(part), state, true, broken);
            }
        }
        self.record_in(state, "its number is recorded", part, Fact::ImportStarted { import }, Process::Watching { part }, true);
    }

    fn watch(&mut self, part: u8) {
        let open = self.part(part);
        let Stage::Started { import } = open.stage else { return };
        let phase = self.from.imports_of(self.side, part).nth(usize::from(import)).map(|it| it.phase);
        if self.settings.has(Habit::ConfirmsAtSend) {
            let fact = Fact::ImportEnded { end: End::Completed { errors: 0 } };
            return self.record("its import is taken for completed", part, fact, Process::Settling { part }, true);
        }
        match phase {
            // Before others are asked for: whoever starts our definition from here on finds no file.
            Some(Phase::Ended(_)) if self.removes_the_file_first() && self.from.sides[self.side].files >> part & 1 == 1 => {
                self.push("the imported file is removed", Some(part), self.with_file(part, false), true, None);
            }
            Some(Phase::Ended(end)) if self.has_ended(&open) => {
                self.record("the import is seen to have ended", part, Fact::ImportEnded { end }, Process::Settling { part }, true);
            }
            _ if self.settings.has(Habit::StartsOverAnOpenImport) => {
                let state = self.with_file(part, false);
                self.record_in(state, "the deadline passes: the import is given up", part, Fact::Abandoned, Process::Idle, false);
            }
            _ => {
                let mut state = self.with_file(part, false);
                let broken = self.append(&mut state, self.run(), Fact::Ended { result: Ended::Blocked });
                state.sides[self.side].process = Process::Idle;
                self.push("the deadline passes: its file is removed, the run blocked", Some(part), state, false, broken);
            }
        }
    }

    fn removes_the_file_first(&self) -> bool {
        !self.settings.has(Habit::RemovesTheFileAfterSettling) && !self.settings.has(Habit::RemovesTheFileAfterTheEnd)
    }

    fn settle(&mut self, part: u8) {
        let open = self.part(part);
        let rows = open.doubt.unwrap_or_default();
        let end = match open.stage {
            Stage::Ended { end } => Some(end),
            _ => None,
        };
        let is_whole = rows == open.rows;
        // A newer import may have written since an abandoned one: only reading tells what is there.
        let is_latest = !open.is_abandoned;
        let counts_may_prove = is_latest && (!self.settings.is_update_only() || self.settings.has(Habit::CountsInUpdateOnly));
        if end == Some(End::Completed { errors: 0 }) && counts_may_prove && is_whole {
            let confirmed = rows.map(|it| it.map_or(Said::Nothing, Said::Put));
            return self.settled(part, "clean counts confirm every row", confirmed, &rows, Rows::default());
        }
        if self.settings.forbids_reading {
            let mut state = self.with_file(part, false);
            let fact = Fact::Settled { confirmed: Updates::default(), doubt: rows };
            let broken = self.append(&mut state, part, fact);
            // Its own doubt stands for its keys from here on.
            state.sides[self.side].process = Process::Removing { part, settled: keys_of(&rows) };
            let words = "reading is not permitted: its rows stay in doubt";
            self.push(words, Some(part), state, false, broken);
        }
        let others_left_doubt = self.view().parts.iter().any(|it| it.run != part && it.doubt.is_some());
        let may_believe = !others_left_doubt || self.settings.has(Habit::EndsDoubtByRefusals);
        let tells_rows = self.settings.route == Route::Rest && counts_may_prove && is_whole && may_believe;
        let held = self.from.sides[self.side].held;
        let errors = if let Some(End::Completed { errors }) = end { errors } else { 0 };
        let (mut confirmed, mut refused) = (Updates::default(), Rows::default());
        let sent = rows.iter().enumerate().filter_map(|(key, it)| Some((key, (*it)?)));
        for (key, value) in sent {
            let is_refused = errors > 0 && self.settings.refuses == Some(value);
            confirmed[key] = match held[key] {
                _ if is_refused && tells_rows => Said::Nothing,
                Some(seen) => Said::Put(seen),
                None => Said::Drop,
            };
            if is_refused && held[key] != Some(value) {
                refused[key] = Some(value);
            }
        }
        let words = if tells_rows && errors > 0 { "the receipt tells each row" } else { "its rows are read back" };
        self.settled(part, words, confirmed, &rows, refused);
    }

    fn settled(&mut self, part: u8, words: &'static str, confirmed: Updates, rows: &Rows, refused: Rows) {
        let mut state = self.from.clone();
        if !self.settings.has(Habit::RemovesTheFileAfterSettling) {
            state = self.with_file(part, false);
        }
        let mut broken = self.append(&mut state, part, Fact::Settled { confirmed, doubt: Rows::default() });
        let side = &mut state.sides[self.side];
        for key in (0..KEYS).filter(|&it| rows[it].is_some()) {
            side.refused[key] = refused[key];
            let was_there = side.applied[usize::from(part)] >> key & 1 == 1;
            if let Said::Put(value) = confirmed[key]
                && side.held[key] != Some(value)
                && !was_there
            {
                broken = broken.or(Some((Invariant::ConfirmedWasApplied, "the destination never held it")));
            }
        }
        // A row that a receipt calls refused is not spoken for: which older value is there it does not tell.
        let is_spoken_for = |key: &usize| confirmed[*key] != Said::Nothing || self.settings.has(Habit::EndsDoubtByRefusals);
        let settled = (0..KEYS).filter(|it| rows[*it].is_some()).filter(is_spoken_for).fold(0, |keys, key| keys | 1 << key);
        side.process = Process::Removing { part, settled };
        self.push(words, Some(part), state, true, broken);
    }

    fn remove(&mut self, part: u8, settled: u8) {
        let mut state = self.with_file(part, false);
        let is_own = part == self.run();
        state.sides[self.side].process = if is_own { Process::EndingDoubts { keys: settled } } else { Process::Resuming };
        self.push("the settled part's file is removed", Some(part), state, true, None);
    }

    fn merge(&mut self, words: &'static str, then: Process) {
        if self.view().confirmed.is_empty() {
            return self.push("there is nothing to merge", None, self.with(then), true, None);
        }
        let base = self.view().merged();
        self.record(words, self.run(), Fact::Advanced { base, merged: true }, then, true);
    }

    fn compare(&mut self) {
        if self.somebody_else_imports() {
            return self.end("another activation is importing: blocked", Ended::Blocked, false);
        }
        let (view, side) = (self.view().clone(), &self.from.sides[self.side]);
        let rows_there = (0..KEYS).filter(|&it| self.from.exists(it)).count();
        let reads_keys = self.settings.is_update_only() || rows_there < view.base.iter().flatten().count();
        let (mut to_send, mut drops, mut broken) = (Rows::default(), 0, None);
        for (key, sent) in to_send.iter_mut().enumerate().take(self.settings.keys) {
            let is_gone = reads_keys && !self.from.exists(key);
            let Some(value) = side.model[key] else {
                drops |= u8::from(is_gone && view.base[key].is_some()) << key;
                continue;
            };
            if self.settings.is_update_only() && is_gone {
                drops |= u8::from(view.base[key].is_some()) << key;
                continue;
            }
            let in_doubt = view.in_doubt(key) && !self.settings.has(Habit::TakesDoubtForUnchanged);
            if view.base[key] == Some(value) && !in_doubt && !is_gone {
                if side.held[key] != Some(value) && side.edited >> key & 1 == 0 {
                    broken = Some((Invariant::UnchangedIsTrue, "a row is judged unchanged that the destination does not hold"));
                }
            } else if in_doubt || side.refused[key] != Some(value) {
                *sent = Some(value);
            }
        }
        let run = self.run();
        if to_send == Rows::default() && drops == 0 {
            return self.push("the comparison finds nothing to do", None, self.with(Process::Ending), true, broken);
        }
        let mut state = self.from.clone();
        let follows = self.append(&mut state, run, Fact::Planned { rows: to_send });
        state.sides[self.side].process = match (drops, to_send == Rows::default()) {
            (0, _) => Process::Transferring { part: run },
            (keys, _) => Process::Dropping { keys },
        };
        self.push("the comparison is planned", Some(run), state, true, broken.or(follows));
    }

    fn drop_entries(&mut self, keys: u8) {
        let mut base = self.view().base;
        (0..KEYS).filter(|it| keys >> it & 1 == 1).for_each(|it| base[it] = None);
        let run = self.run();
        let then = if self.view().part(run).is_some() { Process::Transferring { part: run } } else { Process::Ending };
        self.record("entries whose key is gone are dropped", run, Fact::Advanced { base, merged: false }, then, true);
    }

    fn end_older_doubts(&mut self, keys: u8) {
        let (run, forgets) = (self.run(), self.settings.has(Habit::ForgetsAbandonedImports));
        let (mut state, mut broken) = (self.from.clone(), None);
        for part in self.view().parts.clone().iter().filter(|it| it.run != run) {
            let Some(doubt) = part.doubt else { continue };
            // An abandoned import may still write; the newer one says nothing of that.
            if part.is_abandoned && !forgets {
                continue;
            }
            let left: Rows = std::array::from_fn(|it| doubt[it].filter(|_| keys >> it & 1 == 0));
            if left != doubt {
                broken = broken.or(self.append(&mut state, part.run, Fact::Settled { confirmed: Updates::default(), doubt: left }));
            }
        }
        state.sides[self.side].process = Process::MergingOwn;
        self.push("older doubts about the settled keys end", None, state, true, broken);
    }

    fn abandon(&mut self, part: u8) {
        let is_recorded = self.part(part).is_abandoned;
        let has_file = self.from.sides[self.side].files >> part & 1 == 1;
        if has_file && (is_recorded || !self.settings.has(Habit::RemovesTheFileAfterAbandoning)) {
            let then = if is_recorded { Process::Idle } else { Process::Abandoning { part } };
            let mut state = self.with_file(part, false);
            state.sides[self.side].process = then;
            return self.push("the abandoned import's file is removed", Some(part), state, true, None);
        }
        let then = if has_file { Process::Abandoning { part } } else { Process::Idle };
        let mut state = self.from.clone();
        for import in state.imports.iter_mut().filter(|it| usize::from(it.side) == self.side && it.part == part) {
            import.is_abandoned = true;
        }
        self.record_in(state, "that it was given up is recorded", part, Fact::Abandoned, then, true);
    }
}
