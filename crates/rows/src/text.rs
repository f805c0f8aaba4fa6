//! Columns of text, shared with the Arrow batch they came in.

use arrow_array::{Array, LargeStringArray, StringArray, StringViewArray};
use outflow_domain::CellProblem;

/// A column of text in one of Arrow's layouts. Nulls read as empty: both are blanks.
#[derive(Clone, Debug)]
pub enum TextColumn {
    /// Offsets of 32 bits.
    Small(StringArray),
    /// Offsets of 64 bits.
    Large(LargeStringArray),
    /// Views, in which Parquet and dictionaries arrive.
    Views(StringViewArray),
}

impl TextColumn {
    /// The text of a row, empty for a blank.
    #[must_use]
    pub fn get(&self, row: usize) -> &str {
        match self {
            Self::Small(texts) if texts.is_valid(row) => texts.value(row),
            Self::Large(texts) if texts.is_valid(row) => texts.value(row),
            Self::Views(texts) if texts.is_valid(row) => texts.value(row),
            _ => "",
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Small(texts) => texts.len(),
            Self::Large(texts) => texts.len(),
            Self::Views(texts) => texts.len(),
        }
    }

    /// Whether surely no text has a character beyond ASCII.
    pub(crate) fn is_ascii(&self) -> bool {
        match self {
            Self::Small(texts) => {
                let offsets = texts.value_offsets();
                texts.value_data()[offsets[0] as usize..offsets[texts.len()] as usize].is_ascii()
            }
            Self::Large(texts) => {
                let offsets = texts.value_offsets();
                texts.value_data()[offsets[0] as usize..offsets[texts.len()] as usize].is_ascii()
            }
            Self::Views(texts) => texts.iter().flatten().all(str::is_ascii),
        }
    }

    /// Whether any text may have a character that XML cannot carry: a quick look at all bytes at once, where they lie together.
    pub(crate) fn may_be_unprintable(&self) -> bool {
        match self {
            Self::Small(texts) => {
                let offsets = texts.value_offsets();
                has_odd_bytes(&texts.value_data()[offsets[0] as usize..offsets[texts.len()] as usize])
            }
            Self::Large(texts) => {
                let offsets = texts.value_offsets();
                has_odd_bytes(&texts.value_data()[offsets[0] as usize..offsets[texts.len()] as usize])
            }
            // The bytes between two texts are unknown here.
            Self::Views(_) => true,
        }
    }
}

/// Reads a column's texts row by row, whatever its layout, with a loop of its own for each layout.
///
/// `$text` is a closure from a row to its bytes, empty for a blank.
macro_rules! with_texts {
    ($column:expr, $text:ident => $body:expr) => {
        match $column {
            $crate::text::TextColumn::Small(texts) => {
                let (offsets, data) = (texts.value_offsets(), texts.value_data());
                match arrow_array::Array::nulls(texts).filter(|it| it.null_count() > 0) {
                    None => {
                        let $text = |row: usize| &data[offsets[row] as usize..offsets[row + 1] as usize];
                        $body
                    }
                    Some(nulls) => {
                        let $text = |row: usize| match nulls.is_valid(row) {
                            true => &data[offsets[row] as usize..offsets[row + 1] as usize],
                            false => &[][..],
                        };
                        $body
                    }
                }
            }
            $crate::text::TextColumn::Large(texts) => {
                let (offsets, data) = (texts.value_offsets(), texts.value_data());
                let nulls = arrow_array::Array::nulls(texts);
                let $text = |row: usize| match nulls.is_none_or(|it| it.is_valid(row)) {
                    true => &data[offsets[row] as usize..offsets[row + 1] as usize],
                    false => &[][..],
                };
                $body
            }
            $crate::text::TextColumn::Views(texts) => {
                let nulls = arrow_array::Array::nulls(texts);
                let $text = |row: usize| match nulls.is_none_or(|it| it.is_valid(row)) {
                    true => texts.value(row).as_bytes(),
                    false => &[][..],
                };
                $body
            }
        }
    };
}
pub(crate) use with_texts;

/// How many UTF-16 code units a UTF-8 text has: the unit of text lengths at the service.
///
/// Every character has one, those outside the basic plane (four bytes in UTF-8) have two.
#[must_use]
pub fn utf16_units(utf8: &[u8]) -> u32 {
    let characters = utf8.iter().filter(|&&byte| byte & 0xC0 != 0x80).count();
    let pairs = utf8.iter().filter(|&&byte| byte >= 0xF0).count();
    (characters + pairs) as u32
}

/// Whether a text surely is of ASCII, with neither blank nor control character, an `@` and something on both sides of it.
///
/// A quick look at eight bytes at a time; what does not pass deserves a closer one.
pub(crate) fn is_plain_address(utf8: &[u8]) -> bool {
    let (Some(first), Some(last)) = (utf8.first(), utf8.last()) else { return false };
    let mut low = 0;
    let mut at = 0;
    for_words(utf8, |word| {
        low |= any_below_or_beyond(word, b' ' + 1);
        at |= any_below(word ^ repeated(b'@'), 1);
    });
    low == 0 && at != 0 && *first != b'@' && *last != b'@'
}

/// First byte of U+FFFE and U+FFFF in UTF-8, and of many characters that are as good as any.
const BEFORE_NONCHARACTERS: u8 = 0xEF;

/// Whether some byte is below a blank, or from [`BEFORE_NONCHARACTERS`] on. The two are one range where bytes wrap around, so that the least byte tells.
fn has_odd_bytes(utf8: &[u8]) -> bool {
    const SHIFT: u8 = BEFORE_NONCHARACTERS.wrapping_neg();
    utf8.iter().fold(u8::MAX, |least, byte| least.min(byte.wrapping_add(SHIFT))) < b' ' + SHIFT
}

/// Whether a text may have a character that XML cannot carry. A quick look at eight bytes at a time.
pub(crate) fn is_suspect(utf8: &[u8]) -> bool {
    let mut odd = 0;
    for_words(utf8, |word| odd |= any_below(word, b' ') | any_below(word ^ repeated(BEFORE_NONCHARACTERS), 1));
    odd != 0
}

/// Whether a text has a character that XML 1.0 cannot carry: a control character below the blank but tab, line feed and carriage return, or one
/// of the two that are none, U+FFFE and U+FFFF (<https://www.w3.org/TR/xml/#charsets>).
pub(crate) fn is_unprintable(utf8: &[u8]) -> bool {
    let is_control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    utf8.iter().any(is_control) || utf8.windows(3).any(|it| matches!(it, [BEFORE_NONCHARACTERS, 0xBF, 0xBE | 0xBF]))
}

/// Looks at all bytes in words of eight; some may be seen twice, and a short text is filled up with `DEL`.
#[inline(always)]
fn for_words(utf8: &[u8], mut look: impl FnMut(u64)) {
    if let Some(last) = utf8.last_chunk::<8>() {
        for word in utf8.as_chunks::<8>().0 {
            look(u64::from_le_bytes(*word));
        }
        return look(u64::from_le_bytes(*last));
    }
    let filling = repeated(0x7F);
    look(match (utf8.first_chunk::<4>(), utf8.last_chunk::<4>()) {
        (Some(head), Some(tail)) => u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32,
        _ => utf8.iter().fold(filling, |word, byte| word << 8 | u64::from(*byte)),
    });
}

const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Not zero if and only if a byte of the word is below `limit`, which is at most 128: it alone borrows from its highest bit.
#[inline(always)]
const fn any_below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(repeated(limit)) & !word & repeated(0x80)
}

/// Not zero if and only if a byte of the word is below `limit`, which is at most 128, or none of ASCII.
#[inline(always)]
const fn any_below_or_beyond(word: u64, limit: u8) -> u64 {
    (word.wrapping_sub(repeated(limit)) | word) & repeated(0x80)
}

/// Whether some reading of the service could accept the text as an e-mail address.
///
/// Only what no reading could take is refused: no `@`, nothing on one side of it, a blank inside. A quoted local part may hold blanks.
pub(crate) fn email_problem(utf8: &[u8]) -> Option<CellProblem> {
    let address = utf8.trim_ascii();
    let at = memchr::memrchr(b'@', address);
    let has_two_sides = at.is_some_and(|at| at > 0 && at + 1 < address.len());
    let has_blank = || memchr::memchr3(b' ', b'\t', b'\n', address).is_some() && address[0] != b'"';
    (!has_two_sides || has_blank()).then_some(CellProblem::NotAnEmailAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf16_units_are_those_of_the_standard_library() {
        for text in ["", "abc", "naïve", "漢字", "a😀b", "\u{10FFFF}\u{FFFF}\u{7FF}\u{800}"] {
            assert_eq!(utf16_units(text.as_bytes()) as usize, text.encode_utf16().count(), "{text}");
        }
    }

    #[test]
    fn what_xml_cannot_carry_is_found_wherever_it_is() {
        for (length, odd) in (0..40).flat_map(|it| ["\0", "\u{1}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"].map(|odd| (it, odd))) {
            let mut text = vec![b'a'; length];
            text.extend_from_slice("é漢".as_bytes());
            assert!(!has_odd_bytes(&text) && !is_suspect(&text) && !is_unprintable(&text));
            for at in 0..=text.len() {
                let mut with_odd = text.clone();
                with_odd.splice(at..at, odd.bytes());
                assert!(has_odd_bytes(&with_odd) && is_suspect(&with_odd) && is_unprintable(&with_odd), "{odd:?} at {at} of {length}");
            }
        }
    }

    #[test]
    fn no_quick_look_overlooks_what_a_close_one_finds_and_xml_carries_all_else() {
        for it in '\0'..=char::MAX {
            let text = it.to_string();
            let is_legal = matches!(it, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
            assert_eq!(is_unprintable(text.as_bytes()), !is_legal, "{it:?}");
            assert!(is_legal || (has_odd_bytes(text.as_bytes()) && is_suspect(text.as_bytes())), "{it:?}");
        }
    }

    #[test]
    fn the_quick_look_passes_only_what_the_close_one_does() {
        for text in ["a@b", "a@@b", "ada.lovelace+list@mail.example.com"] {
            assert!(is_plain_address(text.as_bytes()) && email_problem(text.as_bytes()).is_none(), "{text}");
        }
        let odd = ["a@b\0", "a@b.example.com\u{b}", "a@b.example.com\u{ffff}", "ü@exämple.de"];
        for text in ["", "@", "@b.c.d.e.f.g", "a.b.c.d.e.f@", "a b@c", "nobody.at.example"].into_iter().chain(odd) {
            assert!(!is_plain_address(text.as_bytes()), "{text}");
        }
    }

    #[track_caller]
    fn address(text: &str, could_be_accepted: bool) {
        assert_eq!(email_problem(text.as_bytes()).is_none(), could_be_accepted, "{text}");
    }

    #[test]
    fn what_could_be_an_address_is_left_to_the_service() {
        for text in ["a@b", "ada.lovelace+list@mail.example.com", "ü@exämple.de", " a@b.c ", "\"a b\"@c.d", "a@b@c"] {
            address(text, true);
        }
    }

    #[test]
    fn what_no_reading_accepts_is_refused() {
        for text in ["n/a", "@", "@b.c", "a@", "a b@c.d", "a@b .c", " @b"] {
            address(text, false);
        }
    }
}
