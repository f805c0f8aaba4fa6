//! Keys as a service would compare them that ignores more than case and trailing spaces.
//!
//! [`fold_text`](crate::fold_text) is what Marketing Cloud is taken to do; how its database really compares is not published. Collations of SQL
//! Server may also ignore the width of a character (`ＡＢＣ` and `ABC`), the kind of Japanese letter (`カ` and `か`) and how a character is composed,
//! and take `ß` for `ss`. Rows whose keys are one under such a comparison are told, and sent all the same: fingerprints know nothing of this.

use std::borrow::Cow;

use arrow_array::StringArray;
use outflow_domain::KeyFingerprint;
use unicode_normalization::UnicodeNormalization;

use crate::{
    batch::{CanonicalBatch, CanonicalColumn},
    encoding::RowBytes,
    scheme::Scheme,
    sip::SipKey,
    text::TextColumn,
};

/// Tells the rows whose key is another one once it is folded widely, with the fingerprint that this other key has. `keys` are the usual
/// fingerprints of the batch.
///
/// Two keys are one under the wider comparison where the fingerprints told of both are equal, or where the one told of one is the other's
/// own. Keys of ASCII are never told: they are what they are under either comparison.
pub fn wide_keys(batch: &CanonicalBatch, scheme: &Scheme, keys: &[KeyFingerprint], mut found: impl FnMut(u32, KeyFingerprint)) {
    let texts = || batch.keys().iter().filter_map(|it| if let CanonicalColumn::Text(texts) = it { Some(texts) } else { None });
    if texts().all(TextColumn::is_ascii) {
        return;
    }
    let is_other = |row: usize| texts().any(|it| matches!(fold_widely(it.get(row)), Cow::Owned(_)));
    let rows: Vec<usize> = (0..batch.rows()).filter(|&row| is_other(row)).collect();
    if rows.is_empty() {
        return;
    }
    let widely = |texts: &TextColumn| {
        let mut of_rows = rows.iter().copied().peekable();
        let folded = (0..batch.rows()).map(|row| of_rows.next_if_eq(&row).map(|row| fold_widely(texts.get(row))));
        TextColumn::Small(folded.collect::<StringArray>())
    };
    let columns: Vec<CanonicalColumn> = batch
        .keys()
        .iter()
        .map(|it| if let CanonicalColumn::Text(texts) = it { CanonicalColumn::Text(widely(texts)) } else { it.clone() })
        .collect();
    let key = SipKey::new(&scheme.key_fingerprint);
    let mut bytes = RowBytes::default();
    for row in rows {
        bytes.encode_folded(&columns, row..row + 1);
        key.hash_all_128(bytes.rows(), |hash| {
            if KeyFingerprint(hash) != keys[row] {
                found(row as u32, KeyFingerprint(hash));
            }
        });
    }
}

/// The text as a wider comparison takes it; borrowed where that is not known to differ from [`fold_text`](crate::fold_text), whatever its case.
///
/// Compatible characters are one (NFKC), both kinds of kana are one, and case is folded with all the letters that a character stands for. Going
/// down first and last brings `ẞ` and `ß` together.
fn fold_widely(text: &str) -> Cow<'_, str> {
    if is_plain_text(text.as_bytes()) || text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    // Letters that came apart from their accents are composed again.
    Cow::Owned(without_case(text.nfkc().map(to_hiragana)).nfkc().collect())
}

fn without_case(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// A quicker look than [`is_plain`] at each character, for the letters that most keys beyond ASCII have; what does not pass deserves the
/// closer one.
fn is_plain_text(utf8: &[u8]) -> bool {
    let mut at = 0;
    while at < utf8.len() {
        let behind = || utf8.get(at + 1).copied().unwrap_or(0);
        at += match utf8[at] {
            ..0x80 => 1,
            // U+00C0 to U+017F: all but `ß`, and those that `is_plain` leaves out.
            0xC3 if behind() != 0x9F => 2,
            0xC4 if !matches!(behind(), 0xB0..=0xB3 | 0xBF) => 2,
            0xC5 if !matches!(behind(), 0x80 | 0x89 | 0xBF) => 2,
            // U+0400 to U+047F.
            0xD0 | 0xD1 => 2,
            // U+4E00 to U+9FFF.
            0xE4 if behind() >= 0xB8 => 3,
            0xE5..=0xE9 => 3,
            _ => return false,
        };
    }
    true
}

/// Whether a character is surely the same under both comparisons, beside others of its kind: a quick look at the letters most keys have.
const fn is_plain(character: char) -> bool {
    matches!(character,
        '\0'..='\x7F'
        | 'À'..='Þ' | 'à'..='į'            // Latin, without `ß`, which is told apart below, and `İ` and `ı`
        | 'Ĵ'..='ľ' | 'Ł'..='ň' | 'Ŋ'..='ž' // without `ĳ`, `ŀ`, `ŉ` and `ſ`
        | 'Ѐ'..='ѿ'                         // Cyrillic
        | 'ぁ'..='ゖ'                       // Hiragana
        | '一'..='\u{9FFF}'                 // Han
        | '가'..='힣'                       // Hangul
    ) && character != 'ß'
}

/// The Hiragana letter of a Katakana one.
const fn to_hiragana(character: char) -> char {
    match character {
        'ァ'..='ヶ' => match char::from_u32(character as u32 - 0x60) {
            Some(hiragana) => hiragana,
            None => character,
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::folding::fold_text;

    /// What is compared in the end.
    fn compared(text: &str) -> String {
        fold_text(&fold_widely(text))
    }

    #[track_caller]
    fn alike(one: &str, other: &str) {
        assert_eq!(compared(one), compared(other));
        assert_ne!(fold_text(one), fold_text(other), "the usual folding does that already");
    }

    #[test]
    fn width_and_kind_of_letter_do_not_count() {
        alike("ＡＢＣ１２３", "abc123");
        alike("ｶﾞ", "ガ");
        alike("カナ", "かな");
        alike("x\u{3000}", "x");
    }

    #[test]
    fn letters_that_stand_for_several_are_several() {
        alike("Straße", "STRASSE");
        alike("STRAẞE", "strasse");
        alike("ﬁn", "fin");
        alike("ǆ", "dž");
    }

    #[test]
    fn how_a_character_is_composed_does_not_count() {
        alike("\u{e9}", "e\u{301}");
        alike("İ", "i\u{307}");
        alike("\u{c5}", "a\u{30a}");
    }

    #[test]
    fn accents_and_letters_count() {
        for (one, other) in [("e", "é"), ("か", "が"), ("я", "a"), ("007", "7"), ("o", "ø")] {
            assert_ne!(compared(one), compared(other), "{one} {other}");
        }
    }

    #[test]
    fn a_plain_character_is_the_same_under_both() {
        for character in ('\0'..=char::MAX).filter(|it| is_plain(*it)) {
            let text = character.to_string();
            let folded: String = without_case(text.nfkc().map(to_hiragana)).collect();
            assert_eq!(fold_text(&folded), fold_text(&text), "{character}");
        }
    }

    #[test]
    fn the_quick_look_passes_only_what_the_closer_one_does() {
        let passed = ('\0'..=char::MAX).filter(|it| is_plain_text(it.to_string().as_bytes()));
        assert_eq!(passed.filter(|it| !is_plain(*it)).collect::<Vec<_>>(), []);
        for text in ["Grüße aus Köln", "x\u{df}", "東京ｶ", "ЖУК-İ"] {
            assert!(!is_plain_text(text.as_bytes()), "{text}");
        }
        for text in ["", "abc", "Köln", "Жук", "東京", "ŁÓDŹ"] {
            assert!(is_plain_text(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_one_under_the_usual_comparison_is_one_under_the_wider(text in "[a-zA-Zà-ÿÀ-ßſıİΑ-Ωα-ωА-яЀ-ѿぁ-ヶｦ-ﾝＡ-Ｚ가-힣ﬁ-ﬄ ]{0,12}") {
            let other: String = text.chars().map(crate::folding::fold_char).collect();
            prop_assert_eq!(compared(&text), compared(&other));
            prop_assert_eq!(compared(&compared(&text)), compared(&text));
        }

        #[test]
        fn plain_characters_beside_each_other_are_the_same_under_both(text in "[a-z0-9À-ÖØ-öø-įŁ-ňŊ-žЀ-ѿぁ-ゖ一-龥가-힣 @.-]{0,12}") {
            prop_assume!(text.chars().all(is_plain));
            let folded: String = without_case(text.nfkc().map(to_hiragana)).collect();
            prop_assert_eq!(fold_text(&folded), fold_text(&text));
        }
    }
}
