//! One page of a bucket's keys, as S3 cuts it.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Keys and common prefixes of one page together, at most: S3's own limit.
pub(super) const PAGE_ENTRIES_MAX: usize = 1000;

/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// What a client asks of a listing.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted<'a> {
    /// Only keys that begin so.
    pub(super) prefix: &'a str,
    /// Keys that hold this after the prefix are rolled up into one common prefix.
    pub(super) delimiter: Option<&'a str>,
    /// Only keys and common prefixes after this one.
    pub(super) after: &'a str,
    /// Entries of the page at most.
    pub(super) entries_max: usize,
}

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    /// The keys of the page, in order.
    pub(super) contents: Vec<T>,
    /// The common prefixes of the page, in order.
    pub(super) prefixes: Vec<String>,
    /// Where the next page begins (after this entry), if there is one.
    pub(super) next_after: Option<String>,
}

/// Cuts a page out of `entries`, which are sorted by `key`.
pub(super) fn page<T>(entries: impl IntoIterator<Item = T>, key: impl Fn(&T) -> &str, wanted: &Wanted<'_>) -> Page<T> {
    let mut contents = Vec::new();
    let mut prefixes = BTreeSet::new();
    let mut last = None;
    for entry in entries {
        let Some(rest) = key(&entry).strip_prefix(wanted.prefix) else { continue };
        let rolled_up = wanted.delimiter.filter(|it| !it.is_empty()).and_then(|delimiter| {
            let at = rest.find(delimiter)?;
            Some(format!("{}{}", wanted.prefix, &rest[..at + delimiter.len()]))
        });
        let name = rolled_up.clone().unwrap_or_else(|| key(&entry).to_owned());
        if name.as_str() <= wanted.after || prefixes.contains(&name) {
            continue;
        }
        if contents.len() + prefixes.len() == wanted.entries_max {
            return Page { contents, prefixes: prefixes.into_iter().collect(), next_after: last };
        }
        match rolled_up {
            Some(prefix) => _ = prefixes.insert(prefix),
            None => contents.push(entry),
        }
        last = Some(name);
    }
    Page { contents, prefixes: prefixes.into_iter().collect(), next_after: None }
}

/// A key as the answer spells it: percent-encoded when the client asked for `encoding-type=url`, so that
/// keys survive that XML cannot hold.
pub(super) fn spelled(key: &str, url_encoded: bool) -> String {
    match url_encoded {
        true => utf8_percent_encode(key, PLAIN).to_string(),
        false => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = ["a", "in/1.csv", "in/2.csv", "in/old/1.csv", "out/1.csv", "z"];

    fn list(wanted: Wanted<'_>) -> (Vec<&'static str>, Vec<String>, Option<String>) {
        let page = page(KEYS, |key| key, &wanted);
        (page.contents, page.prefixes, page.next_after)
    }

    #[test]
    fn every_key_without_conditions() {
        let (keys, prefixes, next) = list(Wanted { entries_max: 10, ..Wanted::default() });
        assert_eq!((keys.len(), prefixes.len(), next), (6, 0, None));
    }

    #[test]
    fn a_prefix_narrows() {
        let (keys, ..) = list(Wanted { prefix: "in/", entries_max: 10, ..Wanted::default() });
        assert_eq!(keys, ["in/1.csv", "in/2.csv", "in/old/1.csv"]);
    }

    #[test]
    fn a_delimiter_rolls_up() {
        let (keys, prefixes, _) = list(Wanted { delimiter: Some("/"), entries_max: 10, ..Wanted::default() });
        assert_eq!((keys, prefixes), (vec!["a", "z"], vec!["in/".to_owned(), "out/".to_owned()]));
    }

    #[test]
    fn pages_join_without_gap_or_repetition() {
        for entries_max in 1..=4 {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let wanted = Wanted { delimiter: Some("/"), after: &after, entries_max, ..Wanted::default() };
                let (keys, prefixes, next) = list(wanted);
                seen.extend(keys.into_iter().map(str::to_owned));
                seen.extend(prefixes);
                match next {
                    Some(next) => after = next,
                    None => break,
                }
            }
            seen.sort();
            assert_eq!(seen, ["a", "in/", "out/", "z"], "pages of {entries_max}");
        }
    }

    #[test]
    fn a_full_last_page_has_no_next() {
        let (_, _, next) = list(Wanted { entries_max: KEYS.len(), ..Wanted::default() });
        assert_eq!(next, None);
    }

    #[test]
    fn odd_keys_are_spelled_in_percent() {
        assert_eq!(spelled("my/ü c+&.csv", true), "my/%C3%BC%20c%2B%26.csv");
        assert_eq!(spelled("my/ü c+&.csv", false), "my/ü c+&.csv");
    }
}
