//! The mark of a generation in a definition's description: what is around it belongs to people.

/// What a definition's description says where nobody has written one.
const OURS: &str = "Kept by Outflow; changed before each import.";

/// How a mark begins, and ends.
const MARK: (&str, char) = ("[outflow generation ", ']');

/// Most characters of a description that we write: an assumption, since no source tells how many the service takes. A longer one that people
/// have written is left as it is.
const DESCRIPTION_CHARS_MAX: usize = 200;

/// The highest generation that is believed: with an import every millisecond it takes thirty years to get there. A higher one was written by
/// somebody else, and a ledger that took it over could hardly count on from it.
const GENERATION_MAX: u64 = 1_000_000_000_000;

/// The highest generation that a description is marked with; `None` where there is none that can be read and believed.
pub(super) fn read(description: &str) -> Option<u64> {
    let marked = places(description).filter_map(|(at, end)| description[at + MARK.0.len()..end - MARK.1.len_utf8()].parse().ok());
    marked.filter(|it| *it <= GENERATION_MAX).max()
}

/// The description with this mark in the place of the first one that is there, others left out; before the text where there is none.
pub(super) fn write(description: Option<&str>, generation: u64) -> String {
    let theirs = description.unwrap_or_default();
    let (begin, end) = MARK;
    let mark = format!("{begin}{generation}{end}");
    let mut marked = String::new();
    let mut copied = 0;
    for (number, (at, end)) in places(theirs).enumerate() {
        marked.push_str(&theirs[copied..at]);
        if number == 0 {
            marked.push_str(&mark);
        }
        copied = end;
    }
    marked.push_str(&theirs[copied..]);
    if copied == 0 {
        marked = format!("{mark} {}", if theirs.trim().is_empty() { OURS } else { theirs });
    }
    if DESCRIPTION_CHARS_MAX < marked.chars().count() { theirs.to_owned() } else { marked }
}

/// Where marks begin and end, whatever is in them.
fn places(description: &str) -> impl Iterator<Item = (usize, usize)> {
    let begins = description.match_indices(MARK.0);
    begins.filter_map(|(at, begin)| {
        let inner = &description[at + begin.len()..];
        inner.find([MARK.1, '[']).filter(|it| inner[*it..].starts_with(MARK.1)).map(|it| (at, at + begin.len() + it + MARK.1.len_utf8()))
    })
}

#[cfg(test)]
mod tests {
    use super::{GENERATION_MAX, read, write};

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        assert_eq!(write(None, 7), "[outflow generation 7] Kept by Outflow; changed before each import.");
        assert_eq!(write(Some(" "), 7), write(None, 7));
        assert_eq!(read(&write(None, GENERATION_MAX)), Some(GENERATION_MAX));
    }

    #[test]
    fn the_text_around_a_mark_stays_theirs() {
        for theirs in ["Ask Ada.", "[outflow generation", "] <b>&amp;", "[outflow generation [x]", "żółć 🦀"] {
            let marked = write(Some(theirs), 9);
            assert_eq!((marked.as_str(), read(&marked)), (format!("[outflow generation 9] {theirs}").as_str(), Some(9)));
        }
        assert_eq!(write(Some("Ask Ada. [outflow generation 9] Or Bo."), 10), "Ask Ada. [outflow generation 10] Or Bo.");
        assert_eq!(write(Some("[outflow generation 9]a[outflow generation x]b"), 10), "[outflow generation 10]ab");
    }

    #[test]
    fn what_cannot_be_read_is_no_mark() {
        let unreadable =
            ["", "Ask Ada.", "[outflow generation ]", "[outflow generation -1]", "[outflow generation 99999999999999999999999]"];
        for theirs in unreadable {
            assert_eq!(read(theirs), None, "{theirs}");
        }
        for beyond in [GENERATION_MAX + 1, u64::MAX] {
            let theirs = format!("[outflow generation {beyond}] Ask Ada.");
            assert_eq!(read(&theirs), None, "{beyond} is nothing that imports have counted");
            assert_eq!(write(Some(&theirs), 7), "[outflow generation 7] Ask Ada.", "and it does not stay");
        }
        assert_eq!(read("[outflow generation 3] [outflow generation x] [outflow generation 4]"), Some(4));
    }

    #[test]
    fn a_text_without_room_for_a_mark_is_left_alone() {
        let long = "x".repeat(200);
        assert_eq!(write(Some(&long), 1), long);
    }
}
