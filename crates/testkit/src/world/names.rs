//! What the field `Name` of a world holds: texts, or values whose rules the service does not publish.

use outflow_sandbox::model::{BooleanWords, Effect, EmailRule, FieldType, LocaleRule, OtherWrite, PhoneRule, Switches};

use super::{
    Values,
    fields::{ALIAS, FIELDS, NOTE_AT},
    script::{Event, Script},
};
use crate::simulated::{Cell, ModelRow};

/// The type of `Name`, and of the field that may be filled in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// Texts of at most twelve characters.
    #[default]
    Texts,
    /// E-mail addresses, some of them of a kind that the service may refuse.
    Addresses,
    /// Phone numbers, likewise.
    Phones,
    /// Locales, likewise.
    Locales,
}

/// What a text of the scripts is as an address, a phone number and a locale. The last three are taken under every rule.
const SPELLINGS: [(&str, [&str; 3]); 10] = [
    ("Zq7", ["Zq7@a.co", "5551234567", "en"]),
    ("Zq7 Ada", ["Zq7.Ada@a.co", "+4915112345678", "en-US"]),
    ("Zq7, \"x\"", ["Zq7@localhost", "Zq7 call me", "Zq7"]),
    ("Zq7\u{1f600}", ["Zq7\u{1f600}@a.co", "+1 (555) 123-4567 x7", "de_CH"]),
    (" Zq7 ", ["Zq7@mail.test", "555 1234", "es-419"]),
    ("007 Zq7", ["007+Zq7@a.co", "0071234567", "de-AT"]),
    ("Zq7 note", ["Zq7.note@a.co", "+4933333333", "it-IT"]),
    ("Zq7 other", ["Zq7.other@a.co", "+4900000000", "xx-XX"]),
    ("Zq7 new", ["Zq7.new@a.co", "+4911111111", "fr-FR"]),
    ("Zq7 newer", ["Zq7.newer@a.co", "+4922222222", "fr-CA"]),
];

/// A text of the scripts that `Name` does not take.
const TOO_LONG: &str = "Zq7 is much too long";

/// What stands in its place in some worlds: XML cannot carry it.
pub(super) const UNPRINTABLE: &str = "Zq7\u{b}Ada";

/// Whether XML, by which rows are read back, cannot carry a text of these worlds.
pub(super) fn cannot_be_read_back(text: &str) -> bool {
    text.contains('\u{b}')
}

/// Keeps its texts: of the first 400 worlds, it alone notices an engine that overlooks the starts of others.
const KEPT: u64 = 107;

impl Names {
    /// A text of the scripts as a value of the field.
    pub(super) fn of(self, text: &str) -> String {
        let at = match self {
            Self::Texts => return text.to_owned(),
            Self::Addresses => 0,
            Self::Phones => 1,
            Self::Locales => 2,
        };
        SPELLINGS.iter().find(|(it, _)| *it == text).map_or(text, |(_, spelled)| spelled[at]).to_owned()
    }

    /// The type of the field, and its length.
    pub(super) const fn field_type(self) -> (FieldType, Option<u32>) {
        match self {
            Self::Texts => (FieldType::Text, Some(12)),
            Self::Addresses => (FieldType::EmailAddress, None),
            Self::Phones => (FieldType::Phone, None),
            Self::Locales => (FieldType::Locale, None),
        }
    }

    /// Whether no reading of the service could refuse to look at the value. Whether it takes it is for its rules to say.
    pub(super) fn may_be_sent(self, text: &str) -> bool {
        match self {
            Self::Texts => text.encode_utf16().count() <= 12,
            Self::Addresses => text.is_empty() || (text.contains('@') && !text.contains(' ')),
            Self::Phones | Self::Locales => true,
        }
    }

    /// A text that may not be sent, if there is one but those that no field may have.
    pub(super) const fn unfit(self) -> Option<&'static str> {
        match self {
            Self::Texts | Self::Addresses => Some(TOO_LONG),
            Self::Phones | Self::Locales => None,
        }
    }
}

impl Script {
    /// By the seed, without a draw, so that other seeds keep their stories: in one world of eight names are no mere texts, and the service
    /// takes of them what a switch says.
    pub(super) fn name_anew(&mut self) {
        let seed = self.seed / 8;
        let switches = Switches {
            phone_rule: [PhoneRule::Usual, PhoneRule::International, PhoneRule::Anything][(seed / 3 % 3) as usize],
            locale_rule: [LocaleRule::Usual, LocaleRule::LanguageAndRegion, LocaleRule::Anything][(seed / 3 % 3) as usize],
            email_rule: [EmailRule::Syntax, EmailRule::Domain, EmailRule::Lenient][(seed / 3 % 3) as usize],
            boolean_words: [BooleanWords::YesAndNo, BooleanWords::Digits, BooleanWords::TrueAndFalse][(self.seed % 3) as usize],
            ..self.switches.clone()
        };
        // Where rows may not be read, one that the service refuses stays in doubt for ever, and its world never comes to rest.
        if self.seed % 8 == 3 && self.seed != KEPT && !switches.row_reading_refused {
            self.names = [Names::Addresses, Names::Phones, Names::Locales][(seed % 3) as usize];
        }
        self.switches = switches;
        let (names, odd) = (self.names, self.seed % 8 == 5);
        for event in &mut self.events {
            match event {
                Event::Model(rows) if odd => rows.iter_mut().for_each(make_unprintable),
                Event::Model(rows) => rows.iter_mut().for_each(|it| name_row(it, names)),
                Event::Other(write) => name_write(write, names),
                Event::Fault(fault) => {
                    if let Effect::Before { write } | Effect::After { write } = &mut fault.effect {
                        name_write(write, names);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Both columns that may fill the field.
fn name_row(row: &mut ModelRow, names: Names) {
    for at in [1, NOTE_AT] {
        if let Cell::Text(text) = &mut row.0[at] {
            *text = names.of(text);
        }
    }
}

/// A text that is too long has a control character instead, which no text may have however long the field is.
fn make_unprintable(row: &mut ModelRow) {
    for at in [1, NOTE_AT] {
        if let Cell::Text(text) = &mut row.0[at]
            && text == TOO_LONG
        {
            *text = UNPRINTABLE.to_owned();
        }
    }
}

fn name_write(write: &mut OtherWrite, names: Names) {
    if let OtherWrite::UpsertRow { values, .. } = write {
        rename(values, names);
    }
}

fn rename(values: &mut Values, names: Names) {
    let named = values.iter_mut().filter(|(field, _)| [FIELDS[0], ALIAS].contains(&field.as_str()));
    named.filter_map(|(_, value)| value.as_mut()).for_each(|it| *it = names.of(it));
}
