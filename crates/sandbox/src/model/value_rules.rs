//! What fields take by rules that are not public: one switch for each, and what each of its settings takes.

use serde::{Deserialize, Serialize};

use super::switches::Switches;

/// What a Phone field takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneRule {
    /// Seven to fifteen digits, and what people write between them.
    #[default]
    Usual,
    /// A plus sign and eight to fifteen digits, nothing else.
    International,
    /// Any text of the field's length.
    Anything,
}

/// What a Locale field takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LocaleRule {
    /// A language, or a language and a region behind `-` or `_`.
    #[default]
    Usual,
    /// Both, with two letters each and `-` between them.
    LanguageAndRegion,
    /// Any text of the field's length.
    Anything,
}

/// What an EmailAddress field takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmailRule {
    /// What the syntax of addresses in ASCII allows.
    #[default]
    Syntax,
    /// That, at a domain whose top level is not reserved for examples and tests: those have no mail server.
    Domain,
    /// Something on both sides of an `@`.
    Lenient,
}

/// What a Boolean field takes. Case never matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BooleanWords {
    /// `true`, `false`, `1`, `0`, and `yes`, `no`, `y`, `n`, which are documented for lists of subscribers.
    #[default]
    YesAndNo,
    /// `true`, `false`, `1` and `0`.
    Digits,
    /// `true` and `false`.
    TrueAndFalse,
}

/// The four of a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct ValueRules {
    /// For Phone fields.
    pub phone: PhoneRule,
    /// For Locale fields.
    pub locale: LocaleRule,
    /// For EmailAddress fields.
    pub email: EmailRule,
    /// For Boolean fields.
    pub boolean: BooleanWords,
}

impl ValueRules {
    /// As the switches have them.
    pub fn of(switches: &Switches) -> Self {
        Self { phone: switches.phone_rule, locale: switches.locale_rule, email: switches.email_rule, boolean: switches.boolean_words }
    }
}

impl PhoneRule {
    pub(super) fn takes(self, text: &str) -> bool {
        let digits = text.chars().filter(char::is_ascii_digit).count();
        match self {
            Self::Usual => (7..=15).contains(&digits) && text.chars().all(|c| c.is_ascii_digit() || "+-(). xX/".contains(c)),
            Self::International => (8..=15).contains(&digits) && text.strip_prefix('+').is_some_and(|it| it.len() == digits),
            Self::Anything => true,
        }
    }
}

impl LocaleRule {
    pub(super) fn takes(self, text: &str) -> bool {
        let letters = |it: &str| it.chars().all(|c| c.is_ascii_alphabetic());
        match self {
            Self::Usual => {
                let (language, region) = text.split_once(['-', '_']).unwrap_or((text, "US"));
                let region_fits = (2..=4).contains(&region.len()) && region.chars().all(|c| c.is_ascii_alphanumeric());
                (2..=3).contains(&language.len()) && letters(language) && region_fits
            }
            Self::LanguageAndRegion => {
                text.len() == 5 && text.split_once('-').is_some_and(|(a, b)| a.len() == 2 && letters(a) && letters(b))
            }
            Self::Anything => true,
        }
    }
}

impl EmailRule {
    pub(super) fn takes(self, text: &str) -> bool {
        /// RFC 2606 reserves them.
        const RESERVED: [&str; 4] = ["example", "invalid", "localhost", "test"];
        match self {
            Self::Syntax => looks_like_email(text),
            Self::Domain => {
                looks_like_email(text) && text.rsplit('.').next().is_none_or(|it| !RESERVED.contains(&it.to_ascii_lowercase().as_str()))
            }
            Self::Lenient => text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty()),
        }
    }
}

impl BooleanWords {
    pub(super) fn read(self, text: &str) -> Option<bool> {
        let text = text.trim().to_ascii_lowercase();
        match (self, text.as_str()) {
            (_, "true") => Some(true),
            (_, "false") => Some(false),
            (Self::YesAndNo | Self::Digits, "1") | (Self::YesAndNo, "yes" | "y") => Some(true),
            (Self::YesAndNo | Self::Digits, "0") | (Self::YesAndNo, "no" | "n") => Some(false),
            _ => None,
        }
    }
}

fn looks_like_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let dots_fit = |it: &str| !it.is_empty() && !it.starts_with('.') && !it.ends_with('.') && !it.contains("..");
    let local_char = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let label = |it: &str| {
        !it.is_empty() && !it.starts_with('-') && !it.ends_with('-') && it.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let top = domain.rsplit('.').next().unwrap_or("");
    dots_fit(local)
        && local.chars().all(local_char)
        && domain.contains('.')
        && domain.split('.').all(label)
        && 2 <= top.len()
        && top.chars().any(|c| c.is_ascii_alphabetic())
}
