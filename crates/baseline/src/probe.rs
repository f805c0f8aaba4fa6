//! Is this row news? Asked once for each row of the model, so this is the hottest loop of a run.
//!
//! Keys are hashes, so each question goes to a place of its own in the file: a word of the index, then the entries of a bucket and
//! a bit of the map of what was seen. Waiting for memory three times a key would cost some 400 ns. So keys go in groups, and while
//! one group is answered, the entries of the next are on their way and the index words of the one after that. Each step is a loop of
//! its own: short loops let the processor have many misses in flight, those of page tables among them.

use outflow_domain::{KeyFingerprint, RowFingerprint};

use crate::baseline::{Baseline, Level};
use crate::entry::{Entry, EntryState, Presence, Value};
use crate::index::Candidates;
use crate::record::Old;
use crate::seen::Seen;
use crate::segment::{Segment, View};
use crate::trail::{Steps, Walk};

/// Keys of one group: enough to hide a miss, few enough that what was fetched is still there when its turn comes.
const GROUP_KEYS: usize = 32;

/// What the baseline says of a row of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The key is not in the baseline.
    Absent,
    /// The destination holds this very row; its value is known.
    Same {
        /// The state of the entry: a row that had left is back.
        state: EntryState,
        /// Whether the key occurred before in the model.
        again: bool,
    },
    /// The destination holds another value under this key, or an unknown one.
    Different {
        /// The row fingerprint of the entry; of no meaning where the value is unknown.
        old: RowFingerprint,
        /// The state of the entry.
        state: EntryState,
        /// Whether the key occurred before in the model.
        again: bool,
    },
}

/// How a thread finds its way through the base.
#[derive(Debug, Default)]
pub enum Way<'t> {
    /// It asks about each row.
    #[default]
    Unmarked,
    /// It asks about each row, and notes where it came by.
    Noted(Steps),
    /// It walks along the trail of somebody who has noted it, and asks about those rows alone that are not on it.
    Walked(Walk<'t>),
}

impl Probe {
    /// Whether the key occurred before in the model and is in the baseline. Keys that are in no baseline and repeat are found by
    /// the seal.
    #[must_use]
    pub const fn again(&self) -> bool {
        match self {
            Self::Absent => false,
            Self::Same { again, .. } | Self::Different { again, .. } => *again,
        }
    }

    /// What the baseline holds, where `row` is the row that was asked about.
    #[must_use]
    pub const fn old(&self, row: RowFingerprint) -> Option<Old> {
        match *self {
            Self::Absent => None,
            Self::Same { state, .. } => Some(Old { row, state }),
            Self::Different { old, state, .. } => Some(Old { row: old, state }),
        }
    }

    #[inline(always)]
    fn of(value: Value, row: RowFingerprint, again: bool) -> Self {
        let (old, state) = (value.row(), value.state());
        if old == row && state.presence != Presence::ValueUnknown {
            Self::Same { state, again }
        } else {
            Self::Different { old, state, again }
        }
    }
}

impl<B: AsRef<[u8]>> Baseline<B> {
    /// Asks about rows of the model and marks their keys as seen; `out` is cleared and gets one answer per row, in order.
    ///
    /// May be called from several threads at once: of equal keys exactly one is the first, whichever threads ask.
    ///
    /// # Panics
    /// When there are not as many keys as rows.
    pub fn probe(&self, keys: &[KeyFingerprint], rows: &[RowFingerprint], out: &mut Vec<Probe>) {
        self.probe_along(&mut Way::Unmarked, keys, rows, out);
    }

    /// As [`Baseline::probe`], for a thread that keeps to a way, on which the batches of its rows follow each other.
    ///
    /// Of equal keys in a batch, any may be the first.
    ///
    /// # Panics
    /// When there are not as many keys as rows.
    pub fn probe_along(&self, way: &mut Way<'_>, keys: &[KeyFingerprint], rows: &[RowFingerprint], out: &mut Vec<Probe>) {
        assert_eq!(keys.len(), rows.len(), "each key has its row");
        out.clear();
        out.resize(keys.len(), Probe::Absent);
        match (way, &self.base) {
            (Way::Walked(walk), Some(base)) if walk.leads_on() => {
                let mut left = Vec::new();
                for (number, (&key, &row)) in keys.iter().zip(rows).enumerate() {
                    if let Some(soon) = walk.soon() {
                        base.seen.prefetch(soon);
                    }
                    match walk.find(key, row) {
                        // What was seen before may be hidden by the delta.
                        Some((position, state)) if !base.seen.set(position) => out[number] = Probe::Same { state, again: false },
                        _ => left.push(number),
                    }
                }
                walk.count(keys.len(), keys.len() - left.len());
                let (keys, rows): (Vec<_>, Vec<_>) = left.iter().map(|&number| (keys[number], rows[number])).unzip();
                self.ask(&keys, &rows, |_, _| (), |at, answer| out[left[at]] = answer);
            }
            (Way::Noted(steps), Some(_)) => {
                let note = |number: usize, (position, answer): (usize, Probe)| {
                    if let Probe::Same { state, again: false } = answer {
                        steps.note(keys[number], rows[number], state, position);
                    }
                };
                self.ask(keys, rows, note, |number, answer| out[number] = answer);
            }
            _ => self.ask(keys, rows, |_, _| (), |number, answer| out[number] = answer),
        }
    }

    /// Asks both levels, and hands to `tell` what is known of each row that is known; to `found` before that, where the base holds it.
    #[inline(always)]
    fn ask(
        &self,
        keys: &[KeyFingerprint],
        rows: &[RowFingerprint],
        mut found: impl FnMut(usize, (usize, Probe)),
        mut tell: impl FnMut(usize, Probe),
    ) {
        let mut tell = |number: usize, answer: Option<(usize, Probe)>| {
            if let Some((_, answer)) = answer {
                tell(number, answer);
            }
        };
        let Some(base) = &self.base else {
            if let Some(delta) = &self.delta {
                delta.ask(keys, rows, tell);
            }
            return;
        };
        // Where the base knows nothing, or its entry was marked already, be it as seen or as hidden, the delta has the last word. These
        // rows are few, and are asked about together so that they too wait together for memory.
        let mut left: Vec<usize> = Vec::new();
        base.ask(keys, rows, |number, answer| {
            if self.delta.is_some() && answer.is_none_or(|(_, it)| it.again()) {
                left.push(number);
            }
            if let Some(answer) = answer {
                found(number, answer);
            }
            tell(number, answer);
        });
        if let Some(delta) = self.delta.as_ref().filter(|_| !left.is_empty()) {
            let (keys, rows): (Vec<_>, Vec<_>) = left.iter().map(|&number| (keys[number], rows[number])).unzip();
            delta.ask(&keys, &rows, |at, answer| tell(left[at], answer));
        }
    }

    /// Looks many keys up without marking them; `out` is cleared and gets one answer per key, in order.
    pub fn lookup(&self, keys: &[KeyFingerprint], out: &mut Vec<Option<Entry>>) {
        out.clear();
        out.resize(keys.len(), None);
        for segment in [self.base(), self.delta()].into_iter().flatten() {
            segment.say_of(keys, out);
        }
    }
}

impl<B: AsRef<[u8]>> Segment<B> {
    /// Replaces what `out` has of each key by what this segment says, where it says something.
    fn say_of(&self, keys: &[KeyFingerprint], out: &mut [Option<Entry>]) {
        let view = self.view();
        view.find_each(keys, None, |number, found| {
            if let Some(position) = found {
                let value = view.value(position);
                out[number] = (!value.is_dropped()).then(|| value.entry(keys[number]));
            }
        });
    }
}

impl<B: AsRef<[u8]>> Level<B> {
    /// Asks about rows, marks their keys as seen, and hands each answer to `each` with the number of its row and the position of its entry:
    /// `None` where this level says nothing of the key, [`Probe::Absent`] where it says that the key was dropped.
    #[inline(always)]
    fn ask(&self, keys: &[KeyFingerprint], rows: &[RowFingerprint], mut each: impl FnMut(usize, Option<(usize, Probe)>)) {
        let view = self.segment.view();
        view.find_each(keys, Some(&self.seen), |number, found| {
            let answer = found.map(|position| {
                let answer = match view.value(position) {
                    value if value.is_dropped() => Probe::Absent,
                    value => Probe::of(value, rows[number], self.seen.set(position)),
                };
                (position, answer)
            });
            each(number, answer);
        });
    }
}

impl View<'_> {
    /// Finds each key and hands its position to `each`, in order; asks for the bits of `seen` on the way, if they will be needed.
    #[inline(always)]
    pub(crate) fn find_each(&self, keys: &[KeyFingerprint], seen: Option<&Seen>, mut each: impl FnMut(usize, Option<usize>)) {
        let group = |number: usize| {
            let first = (number * GROUP_KEYS).min(keys.len());
            &keys[first..(first + GROUP_KEYS).min(keys.len())]
        };
        let ask_index = |number: usize| group(number).iter().for_each(|&key| self.index.prefetch(key.0));
        let ask_entries = |number: usize, places: &mut [Candidates; GROUP_KEYS]| {
            for (place, &key) in places.iter_mut().zip(group(number)) {
                *place = self.index.candidates(key.0);
                self.prefetch_entries(*place);
                if let Some(seen) = seen {
                    seen.prefetch(place.first as usize);
                }
            }
        };
        // Where the keys of this group and of the next may be.
        let (mut places, mut next_places) = ([Candidates::default(); GROUP_KEYS], [Candidates::default(); GROUP_KEYS]);
        ask_index(0);
        ask_index(1);
        ask_entries(0, &mut places);
        for number in 0..keys.len().div_ceil(GROUP_KEYS) {
            ask_index(number + 2);
            ask_entries(number + 1, &mut next_places);
            for (at, (&place, &key)) in places.iter().zip(group(number)).enumerate() {
                each(number * GROUP_KEYS + at, self.find_at(place, key));
            }
            std::mem::swap(&mut places, &mut next_places);
        }
    }
}
