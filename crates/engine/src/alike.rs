//! Keys that Marketing Cloud may take for one another, if it compares them more widely than we do.
//!
//! Two rows with one key overwrite each other, and the baseline would call both of them right. Keys that fold together as the service is known
//! to fold are never sent; what may fold together beyond that is sent and told, as nobody knows (decision 0014).

use std::collections::BTreeSet;

use outflow_domain::KeyFingerprint;

/// Most keys that a thread keeps for a comparison, each some 60 bytes. A model whose keys are all of full-width letters has more.
const KEYS_MAX: usize = 50_000;

/// Masked examples that are told.
const EXAMPLES_MAX: usize = 3;

/// Keys of a pass that a wider comparison takes for other keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct WideKeys {
    keys: Vec<WideKey>,
    not_kept: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct WideKey {
    /// The fingerprint of what the key is once it is folded widely.
    wide: KeyFingerprint,
    /// Its own.
    key: KeyFingerprint,
    masked: Box<str>,
}

impl WideKeys {
    /// Takes in a key whose own fingerprint is another one than that of its wide form.
    pub fn add(&mut self, wide: KeyFingerprint, key: KeyFingerprint, masked: impl FnOnce() -> String) {
        if self.keys.len() < KEYS_MAX {
            self.keys.push(WideKey { wide, key, masked: masked().into() });
        } else {
            self.not_kept += 1;
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.not_kept += other.not_kept;
    }

    /// The keys sorted, to be held against those of other rows.
    pub fn sorted(self) -> SortedWideKeys {
        let Self { mut keys, not_kept } = self;
        keys.sort_unstable();
        keys.dedup_by_key(|it| it.key);
        SortedWideKeys { keys, not_kept, met: BTreeSet::new() }
    }
}

/// Wide keys, waiting for rows whose own keys are just those.
#[derive(Debug)]
pub(crate) struct SortedWideKeys {
    keys: Vec<WideKey>,
    not_kept: u64,
    met: BTreeSet<KeyFingerprint>,
}

impl SortedWideKeys {
    /// Sees the key of a row.
    pub fn meet(&mut self, key: KeyFingerprint) {
        if self.keys.binary_search_by_key(&key, |it| it.wide).is_ok() {
            self.met.insert(key);
        }
    }

    /// The rows that may be taken for others; `is_there` knows the keys of rows that nobody has seen here, as nothing of them is news.
    pub fn alike(self, is_there: impl Fn(KeyFingerprint) -> bool) -> Option<AlikeKeys> {
        let mut alike = AlikeKeys { rows: 0, examples: Vec::new(), not_compared: self.not_kept };
        for keys in self.keys.chunk_by(|one, other| one.wide == other.wide) {
            let wide = keys[0].wide;
            let others = usize::from(self.met.contains(&wide) || is_there(wide));
            if keys.len() + others > 1 {
                alike.rows += (keys.len() + others) as u64;
                let room = EXAMPLES_MAX - alike.examples.len();
                alike.examples.extend(keys.iter().take(room).map(|it| it.masked.to_string()));
            }
        }
        (alike.rows > 0 || alike.not_compared > 0).then_some(alike)
    }
}

/// Rows whose keys Marketing Cloud may take for those of other rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlikeKeys {
    /// How many rows.
    pub rows: u64,
    /// The masked keys of some.
    pub examples: Vec<String>,
    /// Rows with such keys that were too many to be compared with others.
    pub not_compared: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn key(number: u128) -> KeyFingerprint {
        KeyFingerprint(number)
    }

    /// Wide keys as (wide, own), rows that are recorded, and rows that are in the baseline alone.
    fn alike(wide: &[(u128, u128)], met: &[u128], there: &[u128]) -> Option<(u64, usize)> {
        let mut keys = WideKeys::default();
        for &(wide, own) in wide {
            keys.add(key(wide), key(own), || format!("{own}"));
        }
        let mut sorted = keys.sorted();
        met.iter().for_each(|&it| sorted.meet(key(it)));
        sorted.alike(|it| there.contains(&it.0)).map(|it| (it.rows, it.examples.len()))
    }

    #[test]
    fn a_wide_key_alone_is_nothing() {
        assert_eq!(alike(&[(1, 11)], &[2], &[3]), None);
    }

    #[test]
    fn its_other_may_be_news_or_not() {
        assert_eq!(alike(&[(1, 11)], &[1], &[]), Some((2, 1)));
        assert_eq!(alike(&[(1, 11)], &[], &[1]), Some((2, 1)));
        assert_eq!(alike(&[(1, 11)], &[1], &[1]), Some((2, 1)), "an entry of the baseline that changes is one row");
    }

    #[test]
    fn two_wide_keys_may_be_one() {
        assert_eq!(alike(&[(1, 11), (1, 12), (2, 13)], &[], &[]), Some((2, 2)));
        assert_eq!(alike(&[(1, 11), (1, 12), (1, 13), (1, 14)], &[1], &[]), Some((5, 3)));
    }

    #[test]
    fn a_key_that_occurs_twice_is_told_as_such_elsewhere() {
        assert_eq!(alike(&[(1, 11), (1, 11)], &[], &[]), None);
    }

    #[test]
    fn what_is_too_much_is_told() {
        let mut keys = WideKeys::default();
        for number in 0..KEYS_MAX as u128 + 2 {
            keys.add(key(number), key(number + 1_000_000), String::new);
        }
        let told = keys.sorted().alike(|_| false);
        assert_eq!(told, Some(AlikeKeys { rows: 0, examples: vec![], not_compared: 2 }));
    }
}
