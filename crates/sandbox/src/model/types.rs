//! Field types: what each accepts, how it is stored, how it is read back.

use serde::{Deserialize, Serialize};

use super::clock;
use super::folding::fold_into;
use super::switches::{KeyFolding, Switches};
use super::value_rules::{BooleanWords, ValueRules};

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldType {
    /// Any text, its length in UTF-16 code units.
    Text,
    /// A signed number of 32 bits.
    Number,
    /// Digits with a point; precision and scale are kept, never rounded to.
    Decimal,
    /// A date with a time, on the servers' clock.
    Date,
    /// `True` or `False`.
    Boolean,
    /// An address of at most 254 characters, its syntax checked.
    EmailAddress,
    /// Something that looks like a phone number.
    Phone,
    /// A culture code such as `en-US`.
    Locale,
}

impl FieldType {
    /// All of them, in the order of the partner WSDL.
    pub const ALL: [Self; 8] =
        [Self::Text, Self::Number, Self::Date, Self::Boolean, Self::EmailAddress, Self::Phone, Self::Decimal, Self::Locale];

    /// Its name in SOAP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Number => "Number",
            Self::Decimal => "Decimal",
            Self::Date => "Date",
            Self::Boolean => "Boolean",
            Self::EmailAddress => "EmailAddress",
            Self::Phone => "Phone",
            Self::Locale => "Locale",
        }
    }

    /// The type of that name, in any case as REST and SOAP differ.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// Whether values are texts, which fold as keys.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::EmailAddress | Self::Phone | Self::Locale)
    }
}

/// Why a cell or a row is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RowError {
    /// More or fewer cells than headings.
    InvalidFieldCount,
    /// A required field without a value.
    RequiredFieldMissing,
    /// Longer than the field.
    InvalidLength,
    /// Not a number, or beyond 32 bits.
    InvalidNumber,
    /// Too many digits before the point.
    InvalidDecimalPrecision,
    /// Too many digits after the point.
    InvalidDecimalScale,
    /// Not a date.
    InvalidDate,
    /// Not a truth value.
    InvalidBoolean,
    /// Not an address.
    InvalidEmailAddress,
    /// An address of more than 254 characters.
    InvalidEmailAddressLength,
    /// Not a phone number.
    InvalidPhone,
    /// Not a culture code.
    InvalidLocale,
    /// Another row of the file has the same key.
    DuplicateRow,
    /// The update type leaves this row alone, and the switch calls that an error.
    IgnoredRow,
    /// The control column has a value without an action.
    InvalidAction,
    /// Refused because a fault says so.
    Rejected,
}

impl RowError {
    /// Its name in validation results. Names of import error codes as documented; for length, required, key and
    /// action the documented list is cut off, and these names are the sandbox's own.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidFieldCount => "InvalidFieldCount",
            Self::RequiredFieldMissing => "RequiredFieldMissing",
            Self::InvalidLength => "InvalidLength",
            Self::InvalidNumber => "InvalidNumber",
            Self::InvalidDecimalPrecision => "InvalidDecimalPrecision",
            Self::InvalidDecimalScale => "InvalidDecimalScale",
            Self::InvalidDate => "InvalidDate",
            Self::InvalidBoolean => "InvalidBoolean",
            Self::InvalidEmailAddress => "InvalidEmailAddress",
            Self::InvalidEmailAddressLength => "InvalidEmailAddressLength",
            Self::InvalidPhone => "InvalidPhone",
            Self::InvalidLocale => "InvalidLocale",
            Self::DuplicateRow => "DuplicateRow",
            Self::IgnoredRow => "IgnoredRow",
            Self::InvalidAction => "InvalidAction",
            Self::Rejected => "Rejected",
        }
    }

    /// Its number in validation results (`validationErrorCodeId`); the real numbers are not public.
    pub fn id(self) -> u32 {
        self as u32 + 1
    }

    /// Its code in the row APIs: 70001 null, 70002 too long, 2 anything else.
    pub fn api_code(self) -> i64 {
        match self {
            Self::RequiredFieldMissing => 70001,
            Self::InvalidLength => 70002,
            _ => 2,
        }
    }

    /// What the row APIs say of a field's value.
    pub fn message(self, field: &str, value: &str) -> String {
        match self {
            Self::RequiredFieldMissing => format!("Column [{field}] does not allow null value."),
            Self::InvalidLength => {
                format!("{field}: The value for column [{field}] exceeds the column's maximum length.")
            }
            Self::InvalidEmailAddress | Self::InvalidEmailAddressLength => {
                format!("{value} is not a valid email address. Parse error [{}]", self.name())
            }
            Self::InvalidPhone => {
                format!("{value} is not a valid phone number. Parse error [ExactTarget.Core.Validation.ValidationResult[]]")
            }
            other => format!("{field}: The value '{value}' is not valid. [{}]", other.name()),
        }
    }
}

/// What a field demands of a value.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// Its type.
    pub field_type: FieldType,
    /// Text: UTF-16 units; Decimal: precision; absent: no limit.
    pub max_length: Option<u32>,
    /// Decimal: digits after the point.
    pub scale: u32,
}

/// How values of this request are read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Hours the servers' clock is away from UTC.
    pub offset_hours: i64,
    /// `01-09-2010` is the first of September.
    pub day_first: bool,
    /// What fields take.
    pub rules: ValueRules,
}

impl Reading {
    /// As the switches have it; months before days, unless an import says otherwise.
    pub fn of(switches: &Switches) -> Self {
        Self { offset_hours: switches.server_offset_hours, day_first: false, rules: ValueRules::of(switches) }
    }
}

impl Demand {
    /// Checks a text and appends its stored form.
    pub fn store(&self, text: &str, reading: Reading, out: &mut Vec<u8>) -> Result<(), RowError> {
        match self.field_type {
            FieldType::Text => {
                self.check_length(text, RowError::InvalidLength)?;
                out.extend_from_slice(text.as_bytes());
            }
            FieldType::EmailAddress => {
                let text = text.trim();
                if self.max_length.unwrap_or(254) < utf16_len(text) {
                    return Err(RowError::InvalidEmailAddressLength);
                }
                if !reading.rules.email.takes(text) {
                    return Err(RowError::InvalidEmailAddress);
                }
                out.extend_from_slice(text.as_bytes());
            }
            FieldType::Phone => {
                self.check_length(text, RowError::InvalidPhone)?;
                if !reading.rules.phone.takes(text) {
                    return Err(RowError::InvalidPhone);
                }
                out.extend_from_slice(text.as_bytes());
            }
            FieldType::Locale => {
                self.check_length(text, RowError::InvalidLocale)?;
                if !reading.rules.locale.takes(text) {
                    return Err(RowError::InvalidLocale);
                }
                out.extend_from_slice(text.as_bytes());
            }
            FieldType::Number => {
                let number: i32 = text.trim().parse().map_err(|_| RowError::InvalidNumber)?;
                out.extend_from_slice(&number.to_le_bytes());
            }
            FieldType::Decimal => store_decimal(text.trim(), self.max_length.unwrap_or(18), self.scale, out)?,
            FieldType::Date => {
                let ms = clock::parse(text, reading.day_first, reading.offset_hours).ok_or(RowError::InvalidDate)?;
                out.extend_from_slice(&ms.to_le_bytes());
            }
            FieldType::Boolean => out.push(reading.rules.boolean.read(text).ok_or(RowError::InvalidBoolean)?.into()),
        }
        Ok(())
    }

    fn check_length(&self, text: &str, error: RowError) -> Result<(), RowError> {
        match self.max_length {
            // A text of n bytes has at most n units, so most need no count.
            Some(max) if (max as usize) < text.len() && max < utf16_len(text) => Err(error),
            _ => Ok(()),
        }
    }
}

/// A stored value as it is read back.
pub fn show(field_type: FieldType, stored: &[u8]) -> String {
    match field_type {
        FieldType::Number => number(stored).to_string(),
        FieldType::Date => clock::us_text(date_ms(stored)),
        FieldType::Boolean => if stored == [1] { "True" } else { "False" }.to_owned(),
        _ => String::from_utf8_lossy(stored).into_owned(),
    }
}

/// The number in a stored `Number`.
pub fn number(stored: &[u8]) -> i32 {
    stored.try_into().map(i32::from_le_bytes).unwrap_or_default()
}

/// The moment in a stored `Date`.
pub fn date_ms(stored: &[u8]) -> i64 {
    stored.try_into().map(i64::from_le_bytes).unwrap_or_default()
}

/// Appends what a stored value is compared by as a key: its length, then folded text or the bytes themselves.
pub fn key_part_into(field_type: FieldType, stored: &[u8], folding: KeyFolding, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    if field_type.is_text() {
        match std::str::from_utf8(stored) {
            Ok(text) => fold_into(text, folding, out),
            Err(_) => out.extend_from_slice(stored),
        }
    } else {
        out.extend_from_slice(stored);
    }
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// The length of a text as an `nvarchar` column counts it.
pub fn utf16_len(text: &str) -> u32 {
    text.chars().map(|it| it.len_utf16() as u32).sum()
}

/// What counts as true and false.
pub fn truth(text: &str) -> Option<bool> {
    BooleanWords::default().read(text)
}

/// Plain digits with a point. Read back with as many digits after the point as the field has.
fn store_decimal(text: &str, precision: u32, scale: u32, out: &mut Vec<u8>) -> Result<(), RowError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    if !plain(whole) || !plain(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return Err(RowError::InvalidNumber);
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if precision.saturating_sub(scale) < whole.len() as u32 {
        return Err(RowError::InvalidDecimalPrecision);
    }
    if scale < fraction.len() as u32 {
        return Err(RowError::InvalidDecimalScale);
    }
    if negative && !(whole.is_empty() && fraction.is_empty()) {
        out.push(b'-');
    }
    out.extend_from_slice(if whole.is_empty() { "0" } else { whole }.as_bytes());
    if 0 < scale {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
        out.resize(out.len() + scale as usize - fraction.len(), b'0');
    }
    Ok(())
}
