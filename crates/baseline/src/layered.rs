//! One sequence of updates over another.

use crate::entry::Update;

/// Two sequences that ascend by key as one that does; where both have a key, the one above speaks.
pub(crate) struct Layered<L, U> {
    below: L,
    above: U,
    next_below: Option<Update>,
    next_above: Option<Update>,
    hidden: u64,
}

impl<L: Iterator<Item = Update>, U: Iterator<Item = Update>> Layered<L, U> {
    pub(crate) fn new(mut below: L, mut above: U) -> Self {
        let (next_below, next_above) = (below.next(), above.next());
        Self { below, above, next_below, next_above, hidden: 0 }
    }

    /// How many from below were hidden so far.
    pub(crate) const fn hidden(&self) -> u64 {
        self.hidden
    }
}

impl<L: Iterator<Item = Update>, U: Iterator<Item = Update>> Iterator for Layered<L, U> {
    type Item = Update;

    #[inline]
    fn next(&mut self) -> Option<Update> {
        let Some(below) = self.next_below else { return std::mem::replace(&mut self.next_above, self.above.next()) };
        if let Some(above) = self.next_above
            && above.key() <= below.key()
        {
            self.next_above = self.above.next();
            if above.key() == below.key() {
                self.next_below = self.below.next();
                self.hidden += 1;
            }
            return Some(above);
        }
        std::mem::replace(&mut self.next_below, self.below.next())
    }
}
