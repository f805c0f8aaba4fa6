//! Values that are sent, and that the service may refuse by a rule that it does not publish.
//!
//! Looked at where rows are news only, as their values are encoded: a comparison in which nothing changed does not pay for it.

use outflow_domain::{CellWarning, FieldType, Mapping};

use crate::{
    batch::{CanonicalBatch, CanonicalColumn},
    text::with_texts,
};

/// Most UTF-16 code units of a phone number that tools of others have seen, all of them ASCII here.
const PHONE_UNITS_MAX: usize = 50;

/// The fields of a mapping whose values deserve a look, each with what is usual there.
#[derive(Clone, Debug)]
pub struct WarningRules {
    rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    /// Zero-based position in `Mapping::fields`.
    field: u16,
    warning: CellWarning,
    is_usual: fn(&[u8]) -> bool,
}

impl WarningRules {
    /// Rules for all fields.
    #[must_use]
    pub fn new(mapping: &Mapping) -> Self {
        let rule = |(at, field_type): (usize, FieldType)| {
            let (warning, is_usual): (_, fn(&[u8]) -> bool) = match field_type {
                FieldType::EmailAddress => (CellWarning::UnusualEmailAddress, is_usual_address),
                FieldType::Phone => (CellWarning::UnusualPhone, is_usual_phone),
                FieldType::Locale => (CellWarning::UnusualLocale, is_usual_locale),
                _ => return None,
            };
            Some(Rule { field: at as u16, warning, is_usual })
        };
        Self { rules: mapping.fields().map(|it| it.field_type).enumerate().filter_map(rule).collect() }
    }

    /// Rules for some of the fields alone, by their positions in `Mapping::fields`.
    #[must_use]
    pub fn of_fields(mapping: &Mapping, fields: &[usize]) -> Self {
        let mut rules = Self::new(mapping);
        rules.rules.retain(|it| fields.contains(&usize::from(it.field)));
        rules
    }

    /// Tells each unusual value of the selected rows: its row, its field by position, and what is unusual.
    ///
    /// # Panics
    /// If a selected row is not in the batch.
    pub fn look_at(&self, batch: &CanonicalBatch, rows: &[u32], mut found: impl FnMut(u32, u16, CellWarning)) {
        for &Rule { field, warning, is_usual } in &self.rules {
            let CanonicalColumn::Text(texts) = &batch.columns()[usize::from(field)] else { continue };
            with_texts!(texts, text => for &row in rows {
                let text = text(row as usize);
                if !text.is_empty() && !is_usual(text) {
                    found(row, field, warning);
                }
            });
        }
    }
}

/// What a character of ASCII may be in an address.
const ATOM: u8 = 1;
const LABEL: u8 = 2;
const LETTER: u8 = 4;

/// [`ATOM`], [`LABEL`] and [`LETTER`] of each byte: every address of a first run is looked at, so that each byte should cost little.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphabetic() {
            classes[byte as usize] = ATOM | LABEL | LETTER;
        } else if byte.is_ascii_digit() || byte == b'-' {
            classes[byte as usize] = ATOM | LABEL;
        } else if matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'/' | b'=' | b'?' | b'^'..=b'`' | b'{'..=b'~') {
            classes[byte as usize] = ATOM;
        }
        byte += 1;
    }
    classes
};

/// Whether these are words of one class with single dots between them; `is_edge` may not stand beside a dot, nor at either end.
#[inline(always)]
fn are_words(text: &[u8], class: u8, is_edge: impl Fn(u8) -> bool) -> bool {
    let (mut before, mut is_bad) = (b'.', false);
    for &byte in text {
        let is_dot = byte == b'.';
        is_bad |= !is_dot && CLASSES[usize::from(byte)] & class == 0;
        is_bad |= (is_dot || is_edge(byte)) && before == b'.' || is_dot && is_edge(before);
        before = byte;
    }
    !is_bad && before != b'.' && !is_edge(before)
}

/// A dot-atom of ASCII, one `@`, and a domain of at least two labels, the last of which has a letter.
fn is_usual_address(text: &[u8]) -> bool {
    let Some(at) = memchr::memchr(b'@', text) else { return false };
    let (local, domain) = (&text[..at], &text[at + 1..]);
    let Some(dot) = memchr::memrchr(b'.', domain) else { return false };
    let top = &domain[dot + 1..];
    let has_top = top.len() >= 2 && top.iter().any(|it| CLASSES[usize::from(*it)] & LETTER != 0);
    local.len() <= 64 && has_top && are_words(local, ATOM, |_| false) && are_words(domain, LABEL, |it| it == b'-')
}

/// Seven to fifteen digits (fifteen is the most that E.164 allows), with what people write before and between them.
fn is_usual_phone(text: &[u8]) -> bool {
    let digits = text.iter().filter(|it| it.is_ascii_digit()).count();
    let begins_well = text[0].is_ascii_digit() || matches!(text[0], b'+' | b'(');
    let is_clean = text[1..].iter().all(|it| it.is_ascii_digit() || b"-.()/xX ".contains(it));
    (7..=15).contains(&digits) && begins_well && is_clean && text.len() <= PHONE_UNITS_MAX
}

/// `en`, `en-US`.
fn is_usual_locale(text: &[u8]) -> bool {
    let is_word = |it: &[u8]| it.len() == 2 && it.iter().all(u8::is_ascii_alphabetic);
    match text {
        [language @ .., b'-', a, b] => is_word(language) && is_word(&[*a, *b]),
        language => is_word(language),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(is_usual: fn(&[u8]) -> bool, usual: &[&str], unusual: &[&str]) {
        for text in usual {
            assert!(is_usual(text.as_bytes()), "`{text}` is usual");
        }
        for text in unusual {
            assert!(!is_usual(text.as_bytes()), "`{text}` is unusual");
        }
    }

    #[test]
    fn addresses() {
        check(
            is_usual_address,
            &["ada@example.com", "ada.lovelace+list@mail.example.com", "o'neil@a-b.co", "a@b.xn--p1ai", "1@2.c3"],
            &[
                "a@b",
                "a@b.c",
                "a@b.12",
                "ü@example.com",
                "a@exämple.de",
                " a@example.com",
                "\"a b\"@example.com",
                "a@b@example.com",
                ".a@example.com",
                "a.@example.com",
                "a..b@example.com",
                "a@-b.com",
                "a@b-.com",
                "a@b..com",
                "a@[127.0.0.1]",
                "Ada <ada@example.com>",
            ],
        );
        check(is_usual_address, &[&format!("{}@example.com", "a".repeat(64))], &[&format!("{}@example.com", "a".repeat(65))]);
    }

    #[test]
    fn phone_numbers() {
        check(
            is_usual_phone,
            &["+4915112345678", "5551234", "(555) 123-4567", "555.123.4567 x12", "+1/555/1234567"],
            &[
                "n/a",
                "123456",
                "1234567890123456",
                "+49 151 CALL ME",
                "0049;1234567",
                "-1234567",
                "12345+67",
                "５５５１２３４",
                "tel:5551234",
            ],
        );
        let far_apart = |blanks: usize| format!("555{}1234", " ".repeat(blanks));
        check(is_usual_phone, &[&far_apart(43)], &[&far_apart(44)]);
    }

    #[test]
    fn locales() {
        check(
            is_usual_locale,
            &["en", "en-US", "de-ch"],
            &["e", "eng", "en_US", "en-USA", "en-", "zh-Hans-CN", "es-419", "english", "é1", "en-US "],
        );
    }
}
