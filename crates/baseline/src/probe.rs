//! Is this row news? Asked once for each row of the model, so this is the hottest loop of a run.
//!
//! Keys are hashes, so each question goes to a place of its own in the file: a word of the index, then the entries of a bucket and
//! a bit of the map of what was seen. Waiting for memory twice a key would cost some 200 ns. So keys walk through three stages, some
//! twenty keys apart: ask for the word of the index; read it and ask for entries and bit; compare. The answers have then
//! arrived.

use std::ops::Range;

use outflow_domain::{KeyFingerprint, RowFingerprint};

use crate::baseline::{Baseline, Level};
use crate::entry::{Entry, EntryState, Presence, Value};
use crate::record::Old;
use crate::seen::Seen;
use crate::segment::{Segment, View};

/// Keys between two stages.
const STAGE_KEYS: usize = 16;

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
        assert_eq!(keys.len(), rows.len(), "each key has its row");
        out.clear();
        out.reserve(keys.len());
        let delta = self.delta.as_ref().map(Sight::of);
        let in_delta = |key, row| delta.as_ref().map_or(Probe::Absent, |delta| delta.ask(key, row));
        let Some(base) = self.base.as_ref().map(Sight::of) else {
            out.extend(keys.iter().zip(rows).map(|(&key, &row)| in_delta(key, row)));
            return;
        };
        let mut rows = rows.iter().zip(keys);
        base.view.find_each_with(Some(base.seen), keys.iter().copied(), |found| {
            let Some((&row, &key)) = rows.next() else { return };
            let Some(position) = found else {
                out.push(in_delta(key, row));
                return;
            };
            let value = base.view.value(position);
            let again = base.seen.set(position);
            if again
                && let Some(delta) = &delta
                && let Some(position) = delta.find(key)
            {
                // Not seen again but hidden: what the delta says counts.
                out.push(delta.answer(position, row));
                return;
            }
            out.push(Probe::of(value, row, again));
        });
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
        let mut answers = keys.iter().zip(out);
        view.find_each(keys.iter().copied(), |found| {
            let Some((&key, answer)) = answers.next() else { return };
            if let Some(position) = found {
                let value = view.value(position);
                *answer = (!value.is_dropped()).then(|| value.entry(key));
            }
        });
    }
}

/// A level as one batch of questions sees it.
struct Sight<'a> {
    view: View<'a>,
    seen: &'a Seen,
}

impl<'a> Sight<'a> {
    fn of<B: AsRef<[u8]>>(level: &'a Level<B>) -> Self {
        Self { view: level.segment.view(), seen: &level.seen }
    }

    fn ask(&self, key: KeyFingerprint, row: RowFingerprint) -> Probe {
        self.find(key).map_or(Probe::Absent, |position| self.answer(position, row))
    }

    fn find(&self, key: KeyFingerprint) -> Option<usize> {
        self.view.find(self.view.range(key), key)
    }

    fn answer(&self, position: usize, row: RowFingerprint) -> Probe {
        let value = self.view.value(position);
        if value.is_dropped() { Probe::Absent } else { Probe::of(value, row, self.seen.set(position)) }
    }
}

impl View<'_> {
    /// Finds each key and hands its position to `each`, in order.
    pub(crate) fn find_each(&self, keys: impl Iterator<Item = KeyFingerprint> + Clone, each: impl FnMut(Option<usize>)) {
        self.find_each_with(None, keys, each);
    }

    /// As [`Self::find_each`], and asks for the bits of `seen` as well.
    #[inline(always)]
    fn find_each_with(&self, seen: Option<&Seen>, keys: impl Iterator<Item = KeyFingerprint> + Clone, mut each: impl FnMut(Option<usize>)) {
        let mut to_index = keys.clone();
        let mut to_entries = keys.clone();
        let ask_index = |key: Option<KeyFingerprint>| {
            if let Some(key) = key {
                self.prefetch_index(key);
            }
        };
        let ask_entries = |key: Option<KeyFingerprint>| match key {
            Some(key) => {
                let range = self.range(key);
                self.prefetch_entries(&range);
                if let Some(seen) = seen {
                    seen.prefetch(range.start as usize);
                }
                range
            }
            None => 0..0,
        };
        // Where the entries of the next keys lie, the next one's at `turn`.
        let mut ahead: [Range<u32>; STAGE_KEYS] = std::array::from_fn(|_| 0..0);
        for _ in 0..2 * STAGE_KEYS {
            ask_index(to_index.next());
        }
        for range in &mut ahead {
            *range = ask_entries(to_entries.next());
        }
        for (turn, key) in keys.enumerate() {
            ask_index(to_index.next());
            let range = std::mem::replace(&mut ahead[turn % STAGE_KEYS], ask_entries(to_entries.next()));
            each(self.find(range, key));
        }
    }
}
