//! Updates of several segments as one sequence.

use std::{iter::Peekable, thread::Scope};

use outflow_baseline::Update;

use crate::compute;

/// So many updates are sorted at once, on average: few enough to lie in a processor's second cache.
const SORTED_AT_ONCE: usize = 1 << 13;

/// Stretches that lie ready.
const READY_MAX: usize = 2;

/// Updates of several segments in key order, a stretch at a time; of equal keys the latest segment speaks.
///
/// Keys are evenly spread, so that those that share their top bits are about as many in every stretch. A stretch is taken from each segment
/// in turn and then sorted by merging: what each segment gave is in order already.
pub(crate) struct Layers<I: Iterator<Item = Update>> {
    /// The latest is last.
    segments: Vec<Peekable<I>>,
    /// How far to shift the high half of a key for the bits by which stretches are told apart.
    shift: u32,
}

impl<I: ExactSizeIterator<Item = Update>> Layers<I> {
    /// Of segments in the order in which they were settled; each must ascend by key.
    pub fn new(segments: impl IntoIterator<Item = I>) -> Self {
        Self::in_stretches_of(SORTED_AT_ONCE, segments)
    }

    /// The same updates, sorted by a thread of its own while others are taken.
    pub fn ahead<'s>(self, scope: &'s Scope<'s, '_>) -> impl Iterator<Item = Update> + use<I>
    where
        I: Send + 's,
    {
        compute::ahead(self, READY_MAX, scope).flatten()
    }

    fn in_stretches_of(updates: usize, segments: impl IntoIterator<Item = I>) -> Self {
        let segments: Vec<_> = segments.into_iter().map(Iterator::peekable).collect();
        let len: usize = segments.iter().map(ExactSizeIterator::len).sum();
        let bits = (len / updates).checked_ilog2().unwrap_or(0).max(1);
        Self { segments, shift: u64::BITS - bits }
    }
}

impl<I: Iterator<Item = Update>> Iterator for Layers<I> {
    type Item = Vec<Update>;

    /// Everything whose keys share the top bits of the least key left.
    fn next(&mut self) -> Option<Vec<Update>> {
        let shift = self.shift;
        let number_of = |update: &Update| ((update.key().0 >> 64) as u64) >> shift;
        let number = self.segments.iter_mut().filter_map(Peekable::peek).map(number_of).min()?;
        let mut stretch = Vec::with_capacity(SORTED_AT_ONCE);
        for segment in &mut self.segments {
            while let Some(update) = segment.next_if(|it| number_of(it) == number) {
                stretch.push(update);
            }
        }
        // It keeps the order of equal keys, and finds the runs that are in order already.
        stretch.sort_by_key(Update::key);
        stretch.dedup_by(|later, earlier| {
            let is_same = later.key() == earlier.key();
            if is_same {
                *earlier = *later;
            }
            is_same
        });
        Some(stretch)
    }
}

#[cfg(test)]
mod tests {
    use outflow_baseline::{Entry, EntryState, Origin, Presence};
    use outflow_domain::{KeyFingerprint, RowFingerprint};

    use super::*;

    /// Keys are told apart by their top bits, as fingerprints are.
    fn put(key: u8, row: u64) -> Update {
        let state = EntryState { presence: Presence::Present, origin: Origin::Created };
        Update::Put(Entry { key: key_of(key), row: RowFingerprint::of(row), state })
    }

    fn key_of(key: u8) -> KeyFingerprint {
        KeyFingerprint(u128::from(key) << 120)
    }

    fn layered(updates: usize, segments: Vec<Vec<Update>>) -> Vec<Update> {
        let stretches = || Layers::in_stretches_of(updates, segments.clone().into_iter().map(Vec::into_iter));
        let one_by_one: Vec<_> = stretches().flatten().collect();
        let ahead: Vec<_> = std::thread::scope(|scope| stretches().ahead(scope).collect());
        assert_eq!(one_by_one, ahead);
        one_by_one
    }

    #[test]
    fn nothing_over_nothing_is_nothing() {
        assert_eq!(layered(1, vec![]), []);
        assert_eq!(layered(1, vec![vec![], vec![]]), []);
    }

    #[test]
    fn of_equal_keys_the_latest_segment_speaks() {
        let segments = vec![vec![put(1, 1), put(9, 1)], vec![put(1, 2), put(255, 2)], vec![Update::Drop(key_of(9)), put(255, 3)]];
        for updates in [1, 2, 100] {
            assert_eq!(layered(updates, segments.clone()), [put(1, 2), Update::Drop(key_of(9)), put(255, 3)]);
        }
    }

    /// As a map would tell it, whatever the stretches.
    #[test]
    fn every_key_comes_once_and_in_order() {
        let segments: Vec<Vec<_>> =
            (0..7_u8).map(|at| (at..=255).step_by(usize::from(at) + 1).map(|it| put(it, at.into())).collect()).collect();
        let expected: std::collections::BTreeMap<_, _> = segments.iter().flatten().map(|it| (it.key(), *it)).collect();
        for updates in [1, 3, 16, 64, 1000] {
            let told = layered(updates, segments.clone());
            assert!(told.iter().eq(expected.values()), "in stretches of {updates}");
        }
    }
}
