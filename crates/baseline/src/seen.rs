//! Which entries occurred in the model: one bit each.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::raw::prefetch;

const WORD_BITS: usize = u64::BITS as usize;

/// One bit per entry, set from several threads.
///
/// Every access is relaxed: a bit tells only of itself, `fetch_or` gives each first setting to exactly one thread, and what is
/// read in the end is read after the threads were joined.
#[derive(Debug)]
pub(crate) struct Seen {
    words: Vec<AtomicU64>,
    bits: usize,
}

impl Seen {
    /// None of `bits` entries seen.
    pub(crate) fn none_of(bits: usize) -> Self {
        Self { words: std::iter::repeat_with(AtomicU64::default).take(bits.div_ceil(WORD_BITS)).collect(), bits }
    }

    /// Asks for the word of `bit`, which will be set soon.
    #[inline(always)]
    pub(crate) fn prefetch(&self, bit: usize) {
        prefetch(&self.words, bit / WORD_BITS);
    }

    /// Sets `bit`, and tells whether it had been set before.
    #[inline]
    pub(crate) fn set(&self, bit: usize) -> bool {
        let mask = 1 << (bit % WORD_BITS);
        self.words[bit / WORD_BITS].fetch_or(mask, Ordering::Relaxed) & mask != 0
    }

    /// The bits not set.
    pub(crate) fn unset_len(&self) -> usize {
        let set: u32 = self.words.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum();
        self.bits - set as usize
    }

    /// The bits not set, in ascending order.
    pub(crate) fn unset(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(number, word)| {
            let first = number * WORD_BITS;
            let beyond = WORD_BITS.saturating_sub(self.bits - first);
            // Bits past the end count as set.
            let mut unset = !word.load(Ordering::Relaxed) & (u64::MAX >> beyond);
            std::iter::from_fn(move || {
                let bit = (unset != 0).then(|| first + unset.trailing_zeros() as usize);
                unset &= unset.wrapping_sub(1);
                bit
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_setting_knows_of_the_first() {
        let seen = Seen::none_of(65);
        assert!(!seen.set(64));
        assert!(seen.set(64));
        assert!(!seen.set(0));
    }

    #[test]
    fn what_was_not_set_is_told_in_order() {
        for bits in [0, 1, 63, 64, 65, 128, 200] {
            let seen = Seen::none_of(bits);
            (0..bits).filter(|bit| bit % 3 == 0).for_each(|bit| assert!(!seen.set(bit)));
            let unset: Vec<usize> = (0..bits).filter(|bit| bit % 3 != 0).collect();
            assert_eq!(seen.unset().collect::<Vec<_>>(), unset);
            assert_eq!(seen.unset_len(), unset.len());
        }
    }

    #[test]
    fn of_many_threads_one_is_the_first() {
        let seen = Seen::none_of(1000);
        let firsts: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..1000).filter(|&bit| !seen.set(bit)).count())).collect();
            threads.into_iter().map(|it| it.join().expect("the thread ran")).sum()
        });
        assert_eq!(firsts, 1000);
    }
}
