//! What happens at the service, in the warehouse and in the office: all that the engine does not do itself.

use super::{
    explore::{Next, Step},
    ledger::Ledgers,
    state::{Abandon, End, Habit, Import, Invariant, Phase, Process, Rows, STARTS_MAX, Service, Settings, State, Value},
};

const VALUES: [Option<Value>; 3] = [None, Some(Value::A), Some(Value::B)];

/// Every step of the world around the engine.
pub(super) fn steps(settings: &Settings, ledgers: &mut Ledgers, from: &State, into: &mut Vec<Next>) {
    for at in 0..from.imports.len() {
        import_moves(settings, from, at, into);
    }
    for side in 0..from.sides.len() {
        crash(from, side, into);
        model_changes(settings, from, side, into);
        abandon(settings, ledgers, from, side, into);
        if settings.others_start {
            other_starts(settings, ledgers, from, side, into);
        }
        if settings.others_edit {
            other_edits(settings, from, side, into);
        }
    }
}

fn crash(from: &State, side: usize, into: &mut Vec<Next>) {
    if from.sides[side].process != Process::Idle {
        let mut state = from.clone();
        state.sides[side].process = Process::Idle;
        into.push(Next::fault(Step::of(side, "the machine crashes"), state));
    }
}

/// Only between runs: a comparison reads the model once, so that a change during a run is one after it.
fn model_changes(settings: &Settings, from: &State, side: usize, into: &mut Vec<Next>) {
    if from.sides[side].process != Process::Idle {
        return;
    }
    for key in 0..settings.keys {
        for &value in settings.changes.iter().filter(|it| **it != from.sides[side].model[key]) {
            let mut state = from.clone();
            state.sides[side].model[key] = value;
            into.push(Next::fault(Step::of(side, "the model changes"), state));
        }
    }
}

fn other_edits(settings: &Settings, from: &State, side: usize, into: &mut Vec<Next>) {
    for key in 0..settings.keys {
        for value in VALUES.into_iter().filter(|it| *it != from.sides[side].held[key]) {
            let mut state = from.clone();
            state.sides[side].held[key] = value;
            state.sides[side].edited |= 1 << key;
            into.push(Next::fault(Step::of(side, "somebody else edits the data extension"), state));
        }
    }
}

/// Somebody else starts our import definition, while it means a file that is there.
fn other_starts(settings: &Settings, ledgers: &Ledgers, from: &State, side: usize, into: &mut Vec<Next>) {
    let it = &from.sides[side];
    for part in &ledgers.view(it.ledger).parts {
        let is_readied_early = settings.has(Habit::PreparesBeforeTheIntent) && it.process == Process::Intending { part: part.run };
        let is_meant = !part.is_not_started || is_readied_early;
        let has_room = from.imports_of(side, part.run).count() < STARTS_MAX;
        if !is_meant || !has_room || it.files >> part.run & 1 == 0 {
            continue;
        }
        let broken = part.doubt.is_none().then_some((Invariant::DoubtBeforeStart, "somebody else imports rows that are not in doubt"));
        let mut state = from.clone();
        let import = Import { side: side as u8, part: part.run, rows: part.rows, phase: Phase::Queued, is_abandoned: part.is_abandoned };
        state.imports.push(import);
        let step = Step::of(side, "somebody else starts our import definition").part(part.run);
        into.push(Next { step, is_calm: false, state, broken });
    }
}

fn abandon(settings: &Settings, ledgers: &mut Ledgers, from: &State, side: usize, into: &mut Vec<Next>) {
    let it = &from.sides[side];
    if settings.abandon == Abandon::Never || it.process != Process::Idle {
        return;
    }
    let open: Vec<u8> = ledgers.view(it.ledger).parts.iter().filter(|it| it.may_be_running).map(|it| it.run).collect();
    for part in open {
        let mut state = from.clone();
        state.sides[side].process = Process::Abandoning { part };
        into.push(Next::fault(Step::of(side, "a person gives the open import up"), state));
    }
}

fn import_moves(settings: &Settings, from: &State, at: usize, into: &mut Vec<Next>) {
    let import = from.imports[at];
    let is_first = from.imports[..at].iter().all(|it| it.phase.has_ended());
    if settings.service == Service::InOrder && !is_first {
        return;
    }
    let side = usize::from(import.side);
    let mut moved = |phase: Phase, words: &'static str, state: State, is_calm: bool| {
        let mut state = state;
        state.imports[at].phase = phase;
        let step = Step::of(side, words).part(import.part);
        into.push(if is_calm { Next::calm(step, state) } else { Next::fault(step, state) });
    };
    match import.phase {
        Phase::Queued if from.sides[side].files >> import.part & 1 == 1 => {
            moved(Phase::Read, "the import reads its file", from.clone(), true);
        }
        Phase::Queued => moved(Phase::Ended(End::Failed), "the import finds no file and fails", from.clone(), true),
        Phase::Read => {
            let (state, errors) = applied(settings, from, side, &import.rows, usize::MAX);
            moved(Phase::Written(End::Completed { errors }), "the import writes its rows", state, true);
            if settings.stops {
                for rows in 0..import.rows.iter().flatten().count() {
                    let (state, _) = applied(settings, from, side, &import.rows, rows);
                    moved(Phase::Ended(End::Failed), "the import stops with an error before its last row", state, false);
                }
            }
        }
        Phase::Written(end) => moved(Phase::Ended(end), "the import ends", from.clone(), true),
        Phase::Ended(_) => {}
    }
}

/// Rows of an import written, up to so many; and how many were refused.
fn applied(settings: &Settings, from: &State, side: usize, rows: &Rows, rows_max: usize) -> (State, u8) {
    let (mut state, mut errors) = (from.clone(), 0);
    let sent = rows.iter().enumerate().filter_map(|(key, value)| Some((key, (*value)?)));
    for (key, value) in sent.take(rows_max) {
        if settings.refuses == Some(value) {
            errors += 1;
        } else if !settings.is_update_only() || state.exists(key) {
            state.sides[side].held[key] = Some(value);
            state.sides[side].edited &= !(1 << key);
        }
        // Update-only: a row whose key is not there is ignored, and counted as if it had been applied.
    }
    (state, errors)
}
