//! Types of fields, as the service has them and as a person writes them: `Text(50)`, `Decimal(10,2)`, `Date`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The longest text field that has a length, in UTF-16 code units.
pub const TEXT_UNITS_MAX: u32 = 4000;

/// Most digits of a decimal.
pub const DECIMAL_DIGITS_MAX: u8 = 38;

/// The type of a field of a data extension, with the limits that the service enforces.
///
/// Types and limits: <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/dataextensionfieldtype.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FieldType {
    /// Text of at most `units_max` UTF-16 code units; `None` where the field was created without a length.
    Text {
        /// Most UTF-16 code units.
        units_max: Option<u32>,
    },
    /// A whole number of 32 bits with sign.
    Number,
    /// An exact decimal.
    Decimal {
        /// Digits in all, at most 38.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// A date or a date with time, from the year 1753, kept by the service in its own UTC−6 clock.
    Date,
    /// True or false.
    Boolean,
    /// An e-mail address, at most 254 characters.
    EmailAddress,
    /// A phone number, by rules that nobody publishes.
    Phone,
    /// A culture code such as `en-US`.
    Locale,
}

impl FieldType {
    /// The most UTF-16 code units a value may have, for types that hold text, where that is known of the service.
    ///
    /// Nobody publishes it for phone numbers and locales (decision 0014): those are sent, and the service decides.
    #[must_use]
    pub const fn units_max(self) -> Option<u32> {
        match self {
            Self::Text { units_max } => units_max,
            Self::EmailAddress => Some(254),
            _ => None,
        }
    }

    /// The length in UTF-16 code units that a field of text is created with, and takes in an index: for phone numbers and locales, the one that
    /// tools of others give them.
    #[must_use]
    pub const fn units_when_made(self) -> Option<u32> {
        match self {
            Self::Phone => Some(50),
            Self::Locale => Some(5),
            other => other.units_max(),
        }
    }

    /// Whether values are texts, so that keys fold and blanks are blanks.
    #[must_use]
    pub const fn is_text_like(self) -> bool {
        matches!(self, Self::Text { .. } | Self::EmailAddress | Self::Phone | Self::Locale)
    }

    /// The service's own word for the type.
    #[must_use]
    pub const fn service_name(self) -> &'static str {
        match self {
            Self::Text { .. } => "Text",
            Self::Number => "Number",
            Self::Decimal { .. } => "Decimal",
            Self::Date => "Date",
            Self::Boolean => "Boolean",
            Self::EmailAddress => "EmailAddress",
            Self::Phone => "Phone",
            Self::Locale => "Locale",
        }
    }
}

/// As a person writes it; [`FieldType::from_str`] reads it back.
impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { units_max: Some(length) } => write!(f, "Text({length})"),
            Self::Decimal { precision, scale } => write!(f, "Decimal({precision},{scale})"),
            other => f.write_str(other.service_name()),
        }
    }
}

/// Why a text is no type of a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFieldType {
    /// There is no such type.
    #[error(
        "`{text}` is not a type of a field; write `Text(50)`, `Number`, `Decimal(10,2)`, `Date`, `Boolean`, `EmailAddress`, `Phone` or `Locale`"
    )]
    Unknown {
        /// The refused text.
        text: String,
    },
    /// A length that no text field has.
    #[error("`{text}` has a length that no text field takes; it is from 1 to {TEXT_UNITS_MAX}")]
    Length {
        /// The refused text.
        text: String,
    },
    /// Digits that no decimal has.
    #[error(
        "`{text}` needs its digits in all, from 1 to {DECIMAL_DIGITS_MAX}, and how many of them stand after the point, such as `Decimal(10,2)`"
    )]
    Digits {
        /// The refused text.
        text: String,
    },
}

impl FromStr for FieldType {
    type Err = InvalidFieldType;

    fn from_str(text: &str) -> Result<Self, InvalidFieldType> {
        let text = text.trim();
        let unknown = || InvalidFieldType::Unknown { text: text.to_owned() };
        let (name, limits) = match text.split_once('(') {
            Some((name, rest)) => (name.trim_end(), Some(rest.strip_suffix(')').ok_or_else(unknown)?)),
            None => (text, None),
        };
        match (name, limits) {
            ("Text", None) => Ok(Self::Text { units_max: None }),
            ("Text", Some(length)) => {
                let length = length.trim().parse().ok().filter(|it| (1..=TEXT_UNITS_MAX).contains(it));
                Ok(Self::Text { units_max: Some(length.ok_or_else(|| InvalidFieldType::Length { text: text.to_owned() })?) })
            }
            ("Decimal", digits) => {
                let digits = digits.and_then(|it| it.split_once(','));
                let digits = digits.and_then(|(precision, scale)| Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?)));
                let fits = |&(precision, scale): &(u8, u8)| (1..=DECIMAL_DIGITS_MAX).contains(&precision) && scale <= precision;
                let (precision, scale) = digits.filter(fits).ok_or_else(|| InvalidFieldType::Digits { text: text.to_owned() })?;
                Ok(Self::Decimal { precision, scale })
            }
            ("Number", None) => Ok(Self::Number),
            ("Date", None) => Ok(Self::Date),
            ("Boolean", None) => Ok(Self::Boolean),
            ("EmailAddress", None) => Ok(Self::EmailAddress),
            ("Phone", None) => Ok(Self::Phone),
            ("Locale", None) => Ok(Self::Locale),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_read_as_it_is_written() {
        for text in [
            "Text",
            "Text(1)",
            "Text(4000)",
            "Number",
            "Decimal(38,18)",
            "Decimal(5,5)",
            "Date",
            "Boolean",
            "EmailAddress",
            "Phone",
            "Locale",
        ] {
            assert_eq!(text.parse::<FieldType>().map(|it| it.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(" Decimal ( 10 , 2 ) ".parse(), Ok(FieldType::Decimal { precision: 10, scale: 2 }));
    }

    #[test]
    fn limits_that_the_service_does_not_take_are_refused() {
        for text in ["Text(0)", "Text(4001)", "Text()", "Text(-1)"] {
            assert!(matches!(text.parse::<FieldType>(), Err(InvalidFieldType::Length { .. })), "{text}");
        }
        for text in ["Decimal", "Decimal(10)", "Decimal(39,2)", "Decimal(2,3)", "Decimal(0,0)"] {
            assert!(matches!(text.parse::<FieldType>(), Err(InvalidFieldType::Digits { .. })), "{text}");
        }
        for text in ["", "text(50)", "Number(3)", "Text(50", "nvarchar"] {
            assert!(matches!(text.parse::<FieldType>(), Err(InvalidFieldType::Unknown { .. })), "{text}");
        }
    }
}
