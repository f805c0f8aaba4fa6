//! When Marketing Cloud calls two keys equal.
//!
//! SQL Server under a case-insensitive collation compares without regard to case and to trailing spaces (U+0020), and with regard to accents
//! and to the way a character is composed. We fold per character, with the simple mappings of Unicode; characters whose other case has
//! several letters (`ß`, `İ`) stay as they are. Keys that fold together are reported, so folding too much costs a report, and folding too
//! little would let two rows overwrite each other.

/// Number of the folding below. Another mapping, by us or by a newer Unicode, is another number: a test knows the hash of the whole table.
pub const FOLDING_VERSION: u16 = 1;

/// The folded form of one character: the lower case of its upper case, where both are one character.
///
/// Going up first brings together what has one upper case (`ς` and `σ`, `ſ` and `s`, `µ` and `μ`). The dotless `ı` is a letter of its own,
/// though its upper case is `I`.
#[must_use]
pub fn fold_char(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    if character == 'ı' {
        return character;
    }
    let upper = only(character.to_uppercase()).unwrap_or(character);
    only(upper.to_lowercase()).unwrap_or(upper)
}

fn only(mut characters: impl Iterator<Item = char>) -> Option<char> {
    characters.next().filter(|_| characters.next().is_none())
}

/// The folded form of a key's text.
#[must_use]
pub fn fold_text(text: &str) -> String {
    text.trim_end_matches(' ').chars().map(fold_char).collect()
}

/// The bytes of a text without trailing spaces.
pub(crate) fn trim_end(mut utf8: &[u8]) -> &[u8] {
    while let [rest @ .., b' '] = utf8 {
        utf8 = rest;
    }
    utf8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn equal(one: &str, other: &str) {
        assert_eq!(fold_text(one), fold_text(other));
    }

    #[track_caller]
    fn different(one: &str, other: &str) {
        assert_ne!(fold_text(one), fold_text(other));
    }

    #[test]
    fn case_does_not_count() {
        equal("ABC", "abc");
        equal("ÄÖÜ", "äöü");
        equal("ΑΣ", "ας");
        equal("Жук", "жУК");
        equal("\u{212A}elvin", "kelvin");
        equal("ſtraße", "Straße");
        equal("ǅ", "ǆ");
        equal("\u{10400}", "\u{10428}");
    }

    #[test]
    fn trailing_spaces_do_not_count() {
        equal("x", "x   ");
        equal("", "   ");
    }

    #[test]
    fn everything_else_counts() {
        different("x", " x");
        different("a b", "ab");
        different("x", "x\t");
        different("x", "x\u{a0}");
        different("e", "é");
        different("\u{e9}", "e\u{301}");
        different("ß", "ss");
        different("ı", "i");
        different("İ", "i");
        different("007", "7");
    }

    #[test]
    fn the_table_is_that_of_this_folding_version() {
        let mut table = blake3::Hasher::new();
        for character in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let folded = fold_char(character);
            assert_eq!(fold_char(folded), folded, "{character}");
            if folded != character {
                table.update(format!("{:x}>{:x} ", u32::from(character), u32::from(folded)).as_bytes());
            }
        }
        let hash = table.finalize().to_hex();
        assert_eq!(
            &hash[..16],
            "34119ec97ddedba5",
            "the folding has changed (a newer Unicode?): raise FOLDING_VERSION, then note the new hash"
        );
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,20}") {
            prop_assert_eq!(fold_text(&fold_text(&text)), fold_text(&text));
        }

        #[test]
        fn the_other_case_is_the_same_key(text in "[a-zA-Zà-öÀ-Öа-яА-Я0-9 @.]{0,20}") {
            prop_assert_eq!(fold_text(&text.to_uppercase()), fold_text(&text.to_lowercase()));
        }
    }
}
