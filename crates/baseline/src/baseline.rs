//! A base and the delta over it as one set of rows.

use outflow_domain::KeyFingerprint;

use crate::entry::{Entry, Update, key_of};
use crate::error::OpenError;
use crate::header::{Header, Kind};
use crate::layered::Layered;
use crate::seen::Seen;
use crate::segment::Segment;

/// Keys of the delta that are looked up in the base at a time.
const HIDE_BATCH_KEYS: usize = 1024;

/// What the destination was confirmed to hold: a base, and a delta whose entries hide those of the base.
///
/// Questions may come from several threads at once. No key counts twice: base entries that the delta hides, and dropped keys, are
/// marked as seen when it opens, and never come up again.
#[derive(Debug)]
pub struct Baseline<B> {
    pub(crate) base: Option<Level<B>>,
    pub(crate) delta: Option<Level<B>>,
    len: u64,
}

/// A segment and which of its entries were seen.
#[derive(Debug)]
pub(crate) struct Level<B> {
    pub(crate) segment: Segment<B>,
    pub(crate) seen: Seen,
}

impl<B: AsRef<[u8]>> Baseline<B> {
    /// Joins the two levels; either may be missing, as both are before the first run.
    ///
    /// A segment of rows in doubt, or of the keys a data extension holds, opens as a base without a delta.
    ///
    /// # Errors
    /// [`OpenError::OtherKind`] for a delta in place of the base or the reverse, [`OpenError::LevelsDiffer`] where their
    /// fingerprints cannot be compared.
    pub fn open(base: Option<Segment<B>>, delta: Option<Segment<B>>) -> Result<Self, OpenError> {
        if let Some(base) = base.as_ref().filter(|it| it.header().kind == Kind::Delta) {
            return Err(OpenError::OtherKind { found: base.header().kind, expected: Kind::Base });
        }
        if let Some(delta) = delta.as_ref().filter(|it| it.header().kind != Kind::Delta) {
            return Err(OpenError::OtherKind { found: delta.header().kind, expected: Kind::Delta });
        }
        if let (Some(base), Some(delta)) = (&base, &delta)
            && !comparable(base.header(), delta.header())
        {
            return Err(OpenError::LevelsDiffer);
        }
        let (base, delta) = (base.map(Level::new), delta.map(Level::new));
        let hidden = match (&base, &delta) {
            (Some(base), Some(delta)) => base.hide_behind(&delta.segment),
            _ => 0,
        };
        let stored = base.as_ref().map_or(0, |it| it.segment.len()) - hidden;
        let added = delta.as_ref().map_or(0, Level::mark_dropped);
        Ok(Self { base, delta, len: stored + added })
    }

    /// Rows the destination was confirmed to hold.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether the destination was not confirmed to hold any row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The base, where there is one.
    #[must_use]
    pub fn base(&self) -> Option<&Segment<B>> {
        self.base.as_ref().map(|it| &it.segment)
    }

    /// The delta, where there is one.
    #[must_use]
    pub fn delta(&self) -> Option<&Segment<B>> {
        self.delta.as_ref().map(|it| &it.segment)
    }

    /// The row with this key. Asking leaves no mark.
    #[must_use]
    pub fn get(&self, key: KeyFingerprint) -> Option<Entry> {
        let said = self.delta().and_then(|it| it.get(key)).or_else(|| self.base().and_then(|it| it.get(key)));
        match said {
            Some(Update::Put(entry)) => Some(entry),
            Some(Update::Drop(_)) | None => None,
        }
    }

    /// Whether there is a row with this key. Asking leaves no mark.
    #[must_use]
    pub fn contains(&self, key: KeyFingerprint) -> bool {
        self.get(key).is_some()
    }

    /// All rows, in key order.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + '_ {
        let base = self.base.iter().flat_map(|it| it.segment.updates());
        let delta = self.delta.iter().flat_map(|it| it.segment.updates());
        Layered::new(base, delta).filter_map(|update| match update {
            Update::Put(entry) => Some(entry),
            Update::Drop(_) => None,
        })
    }

    /// Rows that no [`Self::probe`] has met: once the whole model was probed, those that left it.
    #[must_use]
    pub fn unseen_len(&self) -> u64 {
        self.levels().map(|it| it.seen.unset_len() as u64).sum()
    }

    /// The rows that no [`Self::probe`] has met, in key order.
    pub fn unseen(&self) -> impl Iterator<Item = Entry> + '_ {
        // A hidden or dropped entry counts as seen, so the two never have a key in common.
        let base = self.base.iter().flat_map(Level::unseen);
        let delta = self.delta.iter().flat_map(Level::unseen);
        Layered::new(base, delta).filter_map(|update| match update {
            Update::Put(entry) => Some(entry),
            Update::Drop(_) => None,
        })
    }

    fn levels(&self) -> impl Iterator<Item = &Level<B>> {
        self.base.iter().chain(&self.delta)
    }
}

impl<B: AsRef<[u8]>> Level<B> {
    fn new(segment: Segment<B>) -> Self {
        let seen = Seen::none_of(segment.view().entries.len());
        Self { segment, seen }
    }

    /// Marks what `delta` hides as seen, and tells how many entries that are.
    fn hide_behind(&self, delta: &Segment<B>) -> u64 {
        let view = self.segment.view();
        let mut hidden = 0;
        let mut keys = Vec::with_capacity(HIDE_BATCH_KEYS);
        for batch in delta.view().entries.chunks(HIDE_BATCH_KEYS) {
            keys.clear();
            keys.extend(batch.iter().map(key_of));
            view.find_each(&keys, None, |_, found| {
                if let Some(position) = found {
                    self.seen.set(position);
                    hidden += 1;
                }
            });
        }
        hidden
    }

    /// Marks dropped keys as seen, and tells how many entries are not dropped.
    fn mark_dropped(&self) -> u64 {
        let view = self.segment.view();
        if self.segment.dropped_len() > 0 {
            let dropped = (0..view.entries.len()).filter(|&it| view.value(it).is_dropped());
            dropped.for_each(|position| {
                self.seen.set(position);
            });
        }
        self.segment.len() - self.segment.dropped_len()
    }

    fn unseen(&self) -> impl Iterator<Item = Update> + '_ {
        let view = self.segment.view();
        self.seen.unset().map(move |position| Update::of_bytes(&view.entries[position]))
    }
}

/// Whether fingerprints under both headers mean the same; kind and version may differ.
fn comparable(one: &Header, other: &Header) -> bool {
    Header { kind: other.kind, version: other.version, ..*one } == *other
}
