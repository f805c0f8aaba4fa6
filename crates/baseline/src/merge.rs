//! From one baseline to the next.

use std::io::Write;

use outflow_domain::RowFingerprint;

use crate::entry::{Entry, EntryState, Presence, Update};
use crate::header::Kind;
use crate::layered::Layered;
use crate::layout::SegmentInfo;
use crate::segment::Segment;
use crate::writer::{SegmentWriter, WriteError};

/// A delta of this share of its base, or more, is merged into a new base.
pub const DELTA_PERCENT_MAX: u64 = 5;

/// What a settle has to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing changed: no file is written, and the baseline version stays.
    Nothing,
    /// A new delta in place of the old one, over the same base: [`write_delta`].
    Delta,
    /// A new base, and no delta: [`write_base`].
    Base,
}

/// What to write for `updates` updates, given the entries of the base (0 where there is none) and of the delta.
#[must_use]
pub const fn next_shape(base_entries: u64, delta_entries: u64, updates: u64) -> Shape {
    if updates == 0 {
        Shape::Nothing
    } else if (delta_entries + updates) * 100 < base_entries * DELTA_PERCENT_MAX {
        Shape::Delta
    } else {
        Shape::Base
    }
}

/// Why a merge failed. What was written by then is no segment.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The segment could not be written, or the updates were not in order.
    #[error("the next baseline could not be written")]
    Write(#[from] WriteError),
    /// The writer was begun for another kind of segment.
    #[error("the next {expected:?} segment was begun as {found:?}")]
    Kind {
        /// What the writer's header says.
        found: Kind,
        /// What is to be written.
        expected: Kind,
    },
    /// A bug: entries were lost or doubled.
    #[error("the next baseline has {written} entries where {expected} must come out; the old one stays; please report this bug")]
    Conservation {
        /// Entries that came out.
        written: u64,
        /// Entries that must come out.
        expected: u64,
    },
}

/// Writes the delta that says what `old` says, overruled by `updates`, which strictly ascend.
///
/// A dropped key stays in the delta, as the base may hold it.
///
/// # Errors
/// When `updates` do not strictly ascend or writing fails.
pub fn write_delta<B: AsRef<[u8]>, W: Write>(
    old: Option<&Segment<B>>,
    updates: impl IntoIterator<Item = Update>,
    writer: SegmentWriter<W>,
) -> Result<SegmentInfo, MergeError> {
    merge(Kind::Delta, [old, None], |it| it, updates, writer)
}

/// Writes the base that holds what `old_base` and `old_delta` hold, overruled by `updates`, which strictly ascend.
///
/// # Errors
/// When `updates` do not strictly ascend or writing fails.
pub fn write_base<B: AsRef<[u8]>, W: Write>(
    old_base: Option<&Segment<B>>,
    old_delta: Option<&Segment<B>>,
    updates: impl IntoIterator<Item = Update>,
    writer: SegmentWriter<W>,
) -> Result<SegmentInfo, MergeError> {
    merge(Kind::Base, [old_base, old_delta], |it| it, updates, writer)
}

/// Like [`write_base`], where fingerprints of the old entries mean nothing any more: they were made under another mapping, or a field was
/// re-created. What `updates` does not overrule is kept as a key whose value is not known, for row fingerprints tell nothing of their
/// mapping: one of another mapping may be equal to one of this.
///
/// # Errors
/// When `updates` do not strictly ascend or writing fails.
pub fn write_base_of_new_values<B: AsRef<[u8]>, W: Write>(
    old_base: Option<&Segment<B>>,
    old_delta: Option<&Segment<B>>,
    updates: impl IntoIterator<Item = Update>,
    writer: SegmentWriter<W>,
) -> Result<SegmentInfo, MergeError> {
    merge(Kind::Base, [old_base, old_delta], without_value, updates, writer)
}

fn without_value(update: Update) -> Update {
    match update {
        // It tells of the flag, and of no mapped value.
        Update::Put(entry) if entry.state.presence == Presence::LeftFlagged => update,
        Update::Put(entry) => {
            let state = EntryState { presence: Presence::ValueUnknown, origin: entry.state.origin };
            Update::Put(Entry { key: entry.key, row: RowFingerprint::of(0), state })
        }
        drop @ Update::Drop(_) => drop,
    }
}

/// Writes what the segments and, above them, the updates say; of equal keys the last source speaks.
fn merge<B: AsRef<[u8]>, W: Write>(
    kind: Kind,
    segments: [Option<&Segment<B>>; 2],
    carried: impl Fn(Update) -> Update,
    updates: impl IntoIterator<Item = Update>,
    mut writer: SegmentWriter<W>,
) -> Result<SegmentInfo, MergeError> {
    if writer.header().kind != kind {
        return Err(MergeError::Kind { found: writer.header().kind, expected: kind });
    }
    let [below, above] = segments.map(|it| it.into_iter().flat_map(Segment::updates));
    let mut updates = Ascending { updates: updates.into_iter(), taken: 0, latest: None, mistake: None };
    let mut stored = Layered::new(below, above);
    let mut next = Layered::new(stored.by_ref().map(carried), &mut updates);
    // Dropped keys that need no mention, as nothing lies below.
    let mut left_out = 0;
    for update in &mut next {
        match update {
            Update::Drop(_) if kind != Kind::Delta => left_out += 1,
            update => writer.push_update(update)?,
        }
    }
    let hidden = next.hidden() + stored.hidden();
    if let Some(mistake) = updates.mistake {
        return Err(mistake.into());
    }
    // The lengths are those the footers state, which no step above has looked at.
    let sources = segments.into_iter().flatten().map(Segment::len).sum::<u64>() + updates.taken;
    let (written, expected) = (writer.entries(), sources - hidden - left_out);
    if written != expected {
        return Err(MergeError::Conservation { written, expected });
    }
    Ok(writer.finish()?)
}

/// Updates up to the first that is out of order: one that came too late could drop a key that was already written.
struct Ascending<I> {
    updates: I,
    taken: u64,
    latest: Option<u128>,
    mistake: Option<WriteError>,
}

impl<I: Iterator<Item = Update>> Iterator for Ascending<I> {
    type Item = Update;

    fn next(&mut self) -> Option<Update> {
        if self.mistake.is_some() {
            return None;
        }
        let update = self.updates.next()?;
        let key = update.key().0;
        if let Some(previous) = self.latest.replace(key).filter(|&previous| previous >= key) {
            self.mistake = Some(WriteError::NotAscending { previous, key });
            return None;
        }
        self.taken += 1;
        Some(update)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_updates_nothing_is_written() {
        assert_eq!(next_shape(0, 0, 0), Shape::Nothing);
        assert_eq!(next_shape(100, 50, 0), Shape::Nothing);
    }

    #[test]
    fn below_five_percent_the_delta_is_rewritten() {
        assert_eq!(next_shape(1000, 0, 49), Shape::Delta);
        assert_eq!(next_shape(1000, 0, 50), Shape::Base);
        assert_eq!(next_shape(1000, 30, 19), Shape::Delta);
        assert_eq!(next_shape(1000, 30, 20), Shape::Base);
    }

    #[test]
    fn without_a_base_one_is_written() {
        assert_eq!(next_shape(0, 0, 1), Shape::Base);
    }
}
