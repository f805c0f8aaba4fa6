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

    /// Whether there may be a NUL in any text: a quick look at all bytes at once, where they lie together.
    pub(crate) fn may_have_nul(&self) -> bool {
        let has_nul = |from: usize, until: usize, data: &[u8]| memchr::memchr(0, &data[from..until]).is_some();
        match self {
            Self::Small(texts) => {
                let offsets = texts.value_offsets();
                has_nul(offsets[0] as usize, offsets[texts.len()] as usize, texts.value_data())
            }
            Self::Large(texts) => {
                let offsets = texts.value_offsets();
                has_nul(offsets[0] as usize, offsets[texts.len()] as usize, texts.value_data())
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

/// Whether a text surely has neither NUL nor blank nor other control character, an `@` and something on both sides of it.
///
/// A quick look at eight bytes at a time; what does not pass deserves a closer one.
pub(crate) fn is_plain_address(utf8: &[u8]) -> bool {
    let (Some(first), Some(last)) = (utf8.first(), utf8.last()) else { return false };
    let mut low = 0;
    let mut at = 0;
    for_words(utf8, |word| {
        low |= any_below(word, b' ' + 1);
        at |= any_below(word ^ repeated(b'@'), 1);
    });
    low == 0 && at != 0 && *first != b'@' && *last != b'@'
}

/// Whether a text has a NUL.
pub(crate) fn has_nul(utf8: &[u8]) -> bool {
    let mut nul = 0;
    for_words(utf8, |word| nul |= any_below(word, 1));
    nul != 0
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
    fn a_nul_is_found_wherever_it_is() {
        for length in 0..40 {
            let mut text = vec![b'a'; length];
            text.extend_from_slice("é😀".as_bytes());
            assert!(!has_nul(&text));
            for at in 0..text.len() {
                let mut with_nul = text.clone();
                with_nul[at] = 0;
                assert!(has_nul(&with_nul), "{at} of {length}");
            }
        }
    }

    #[test]
    fn the_quick_look_passes_only_what_the_close_one_does() {
        for text in ["a@b", "a@@b", "ü@exämple.de", "ada.lovelace+list@mail.example.com"] {
            assert!(is_plain_address(text.as_bytes()) && email_problem(text.as_bytes()).is_none(), "{text}");
        }
        for text in ["", "@", "@b.c.d.e.f.g", "a.b.c.d.e.f@", "a b@c", "a@b\0", "nobody.at.example", "a@b.example.com\u{b}"] {
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
