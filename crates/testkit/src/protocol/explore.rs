//! Every state, nearest first; and the shortest story of what went wrong.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
};

use super::{
    engine,
    ledger::{Ledgers, road},
    service,
    state::{Invariant, Process, Settings, Side, State, letters},
};

/// A step, for a story.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    side: u8,
    part: Option<u8>,
    words: &'static str,
}

impl Step {
    pub const fn of(side: usize, words: &'static str) -> Self {
        Self { side: side as u8, part: None, words }
    }

    pub const fn part(self, part: u8) -> Self {
        Self { part: Some(part), ..self }
    }
}

/// A state that may follow.
pub(super) struct Next {
    pub step: Step,
    /// Whether it happens when nothing goes wrong.
    pub is_calm: bool,
    pub state: State,
    /// What the step broke.
    pub broken: Option<(Invariant, &'static str)>,
}

impl Next {
    pub const fn calm(step: Step, state: State) -> Self {
        Self { step, is_calm: true, state, broken: None }
    }

    pub const fn fault(step: Step, state: State) -> Self {
        Self { step, is_calm: false, state, broken: None }
    }
}

/// What an exploration came to.
#[derive(Debug)]
pub struct Explored {
    /// Different states visited.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// Different ledgers met.
    pub ledgers: usize,
    /// Different questions to the fold of the events.
    pub folds: usize,
    /// States that end well without faults, whatever the order of what is still to happen.
    pub come_to_rest: usize,
    /// The first broken invariant.
    pub found: Option<Found>,
}

/// A broken invariant, with a shortest way to it.
#[derive(Debug)]
pub struct Found {
    /// The invariant.
    pub invariant: Invariant,
    /// How many steps lead to it.
    pub steps: usize,
    /// The steps, one a line.
    pub story: String,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, ledgers, folds, come_to_rest, .. } = self;
        write!(f, "{states} states, {steps} steps, {ledgers} ledgers, {folds} different folds")?;
        if *come_to_rest > 0 {
            write!(f, "; {come_to_rest} states come to rest")?;
        }
        Ok(())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "broken after {} steps: {}", self.steps, self.invariant)?;
        f.write_str(&self.story)
    }
}

struct Search {
    settings: Settings,
    ledgers: Ledgers,
    states: Vec<State>,
    numbers: HashMap<State, u32>,
    /// How each state was first reached.
    came: Vec<Option<(u32, Step)>>,
    /// Calm steps, from and to.
    calm: Vec<(u32, u32)>,
    steps: usize,
}

/// Explores every state that the settings allow, until an invariant breaks.
#[must_use]
pub fn explore(settings: &Settings) -> Explored {
    let side = Side {
        model: Default::default(),
        held: Default::default(),
        edited: 0,
        ledger: 0,
        refused: Default::default(),
        files: 0,
        applied: Default::default(),
        process: Process::Idle,
        run: 0,
    };
    let first = State { sides: vec![side; settings.activations], imports: Vec::new() };
    let mut search = Search {
        settings: settings.clone(),
        ledgers: Ledgers::new(settings),
        states: vec![first.clone()],
        numbers: HashMap::from([(first, 0)]),
        came: vec![None],
        calm: Vec::new(),
        steps: 0,
    };
    let found = search.breadth_first();
    let (found, come_to_rest) = match found {
        None if settings.must_rest => search.unrest(),
        found => (found, 0),
    };
    let (ledgers, folds) = search.ledgers.len();
    Explored { states: search.states.len(), steps: search.steps, ledgers, folds, come_to_rest, found }
}

impl Search {
    fn breadth_first(&mut self) -> Option<Found> {
        let mut nexts = Vec::new();
        let mut at = 0;
        while at < self.states.len() {
            let from = self.states[at].clone();
            engine::steps(&self.settings, &mut self.ledgers, &from, &mut nexts);
            service::steps(&self.settings, &mut self.ledgers, &from, &mut nexts);
            for mut next in nexts.drain(..) {
                self.steps += 1;
                if let Some((invariant, why)) = next.broken {
                    return Some(self.found(invariant, at as u32, Some((next.step, why))));
                }
                engine::tidy(&self.ledgers, &mut next.state);
                if engine::has_forgotten_file(&self.ledgers, &next.state) {
                    let why = "its file lies at the route for ever";
                    return Some(self.found(Invariant::NoFileIsForgotten, at as u32, Some((next.step, why))));
                }
                let number = self.visit(next.state, at as u32, next.step);
                if next.is_calm {
                    self.calm.push((at as u32, number));
                }
            }
            at += 1;
        }
        None
    }

    fn visit(&mut self, state: State, from: u32, step: Step) -> u32 {
        if let Some(&known) = self.numbers.get(&state) {
            return known;
        }
        let number = self.states.len() as u32;
        self.numbers.insert(state.clone(), number);
        self.states.push(state);
        self.came.push(Some((from, step)));
        number
    }

    /// The nearest state from which calm steps alone need not lead to the good end; and how many states are well.
    ///
    /// A state is well when it is good, or when it has calm steps and all of them lead to states that are well.
    fn unrest(&self) -> (Option<Found>, usize) {
        let mut open = vec![0_u32; self.states.len()];
        let mut before = vec![Vec::new(); self.states.len()];
        for &(from, to) in &self.calm {
            open[from as usize] += 1;
            before[to as usize].push(from);
        }
        let mut is_well = vec![false; self.states.len()];
        let good = |it: &State| engine::is_good(&self.settings, &self.ledgers, it) || engine::is_at_the_bounds(&self.ledgers, it);
        let mut queue: VecDeque<u32> = (0..self.states.len() as u32).filter(|&it| good(&self.states[it as usize])).collect();
        queue.iter().for_each(|&it| is_well[it as usize] = true);
        while let Some(at) = queue.pop_front() {
            for &from in &before[at as usize] {
                open[from as usize] -= 1;
                if open[from as usize] == 0 && !std::mem::replace(&mut is_well[from as usize], true) {
                    queue.push_back(from);
                }
            }
        }
        let unwell = is_well.iter().position(|it| !it);
        (unwell.map(|it| self.found(Invariant::ComesToRest, it as u32, None)), is_well.iter().filter(|it| **it).count())
    }

    fn found(&self, invariant: Invariant, at: u32, last: Option<(Step, &'static str)>) -> Found {
        let mut way = Vec::new();
        let mut here = at;
        while let Some((from, step)) = self.came[here as usize] {
            way.push((step, here));
            here = from;
        }
        way.reverse();
        let mut lines = vec![format!("  by {} ({:?}):", road(self.settings.route), self.settings.insert)];
        lines.extend(way.iter().enumerate().map(|(number, (step, state))| self.line(number + 1, *step, &self.states[*state as usize])));
        let steps = way.len() + usize::from(last.is_some());
        if let Some((step, why)) = last {
            lines.push(format!("{:4}. {} <- {why}", steps, words(step, self.settings.activations)));
        }
        Found { invariant, steps, story: lines.join("\n") }
    }

    fn line(&self, number: usize, step: Step, state: &State) -> String {
        let side = &state.sides[usize::from(step.side)];
        let base = self.ledgers.view(side.ledger).base;
        let held = format!("model {} destination {} baseline {}", letters(&side.model), letters(&side.held), letters(&base));
        format!("{number:4}. {:64} {held}", words(step, self.settings.activations))
    }
}

fn words(step: Step, activations: usize) -> String {
    let who = if activations > 1 { format!("{}: ", ["one", "other"][usize::from(step.side)]) } else { String::new() };
    let part = step.part.map_or_else(String::new, |it| format!(" (part {it})"));
    format!("{who}{}{part}", step.words)
}
