//! Characters that XML 1.0 cannot carry, on the way out and in.

use std::borrow::Cow;

/// Whether XML 1.0 can carry the character: <https://www.w3.org/TR/xml/#charsets>.
pub(crate) const fn is_legal(it: char) -> bool {
    matches!(it, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// A text as the content of an element. Characters that XML cannot carry are left out; a carriage return is written by number, since a
/// reader would make a line feed of it.
pub(crate) fn escaped(text: &str) -> Cow<'_, str> {
    let is_plain = |it: char| is_legal(it) && !matches!(it, '&' | '<' | '>' | '\r');
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut written = String::with_capacity(text.len() + 16);
    for it in text.chars() {
        match it {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '\r' => written.push_str("&#13;"),
            it if is_legal(it) => written.push(it),
            _ => {}
        }
    }
    Cow::Owned(written)
}

/// A document without the characters, and references to characters, that XML 1.0 cannot carry, so that one odd cell does not hide a page
/// of rows.
pub(crate) fn legible(xml: &str) -> Cow<'_, str> {
    let may_be_odd = |(at, byte): (usize, u8)| match byte {
        0..0x20 => !matches!(byte, b'\t' | b'\n' | b'\r'),
        b'&' => xml.as_bytes().get(at + 1) == Some(&b'#'),
        0xEF => xml.as_bytes().get(at + 1) == Some(&0xBF) && matches!(xml.as_bytes().get(at + 2), Some(0xBE | 0xBF)),
        _ => false,
    };
    let Some(first) = xml.bytes().enumerate().position(may_be_odd) else { return Cow::Borrowed(xml) };
    let mut kept = String::with_capacity(xml.len());
    kept.push_str(&xml[..first]);
    let mut rest = &xml[first..];
    while let Some(it) = rest.chars().next() {
        let mut length = it.len_utf8();
        if rest.starts_with("&#") {
            if let Some((reference, character)) = reference(rest) {
                length = reference.len();
                if character.is_some_and(is_legal) {
                    kept.push_str(reference);
                }
            } else {
                kept.push(it);
            }
        } else if is_legal(it) {
            kept.push(it);
        }
        rest = &rest[length..];
    }
    Cow::Owned(kept)
}

/// A character reference at the beginning of a text, and its character, if it is one.
fn reference(text: &str) -> Option<(&str, Option<char>)> {
    /// No reference to a character is longer, leading zeros aside.
    const LENGTH_MAX: usize = 16;
    let end = text.bytes().take(LENGTH_MAX).position(|it| it == b';')?;
    let digits = &text[2..end];
    let number = match digits.strip_prefix('x') {
        Some(hex) if hex.bytes().all(|it| it.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
        None if digits.bytes().all(|it| it.is_ascii_digit()) => digits.parse(),
        _ => return None,
    };
    number.ok().map(|it| (&text[..=end], char::from_u32(it)))
}
