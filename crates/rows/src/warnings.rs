//! Values that are sent, and that the service may refuse by a rule that it does not publish.
//!
//! Looked at where rows are news only, as their values are encoded: a comparison in which nothing changed does not pay for it.

use outflow_domain::{CellWarning, FieldType, Mapping};

use crate::batch::{CanonicalBatch, CanonicalColumn};

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
    is_usual: fn(&str) -> bool,
}

impl WarningRules {
    /// Rules for all fields.
    #[must_use]
    pub fn new(mapping: &Mapping) -> Self {
        let rule = |(at, field_type): (usize, FieldType)| {
            let (warning, is_usual): (_, fn(&str) -> bool) = match field_type {
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
            for &row in rows {
                let text = texts.get(row as usize);
                if !text.is_empty() && !is_usual(text) {
                    found(row, field, warning);
                }
            }
        }
    }
}

/// A dot-atom of ASCII, one `@`, and a domain of at least two labels, the last of which has a letter.
fn is_usual_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_atom = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&it));
    let is_label = |it: &str| {
        let has_good_ends = !it.starts_with('-') && !it.ends_with('-');
        !it.is_empty() && has_good_ends && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
    };
    let top = domain.rsplit_once('.').map_or("", |(_, top)| top);
    let has_top = top.len() >= 2 && top.bytes().any(|it| it.is_ascii_alphabetic());
    local.len() <= 64 && has_top && local.split('.').all(is_atom) && domain.split('.').all(is_label)
}

/// Seven to fifteen digits (fifteen is the most that E.164 allows), with what people write before and between them.
fn is_usual_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let begins_well = text.starts_with(|it: char| it.is_ascii_digit() || matches!(it, '+' | '('));
    let is_clean = text.bytes().all(|it| it.is_ascii_digit() || b"+-.()/xX ".contains(&it)) && !text[1..].contains('+');
    (7..=15).contains(&digits) && begins_well && is_clean && text.len() <= PHONE_UNITS_MAX
}

/// `en`, `en-US`.
fn is_usual_locale(text: &str) -> bool {
    let (language, region) = text.split_once('-').map_or((text, None), |(language, region)| (language, Some(region)));
    let is_word = |it: &str, letters: usize| it.len() == letters && it.bytes().all(|it| it.is_ascii_alphabetic());
    is_word(language, 2) && region.is_none_or(|it| is_word(it, 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(is_usual: fn(&str) -> bool, usual: &[&str], unusual: &[&str]) {
        for text in usual {
            assert!(is_usual(text), "`{text}` is usual");
        }
        for text in unusual {
            assert!(!is_usual(text), "`{text}` is unusual");
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
