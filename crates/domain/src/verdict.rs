//! Why a value cannot be taken by its field.

use serde::{Deserialize, Serialize};

/// Our verdict on a cell, before anything is sent.
///
/// Only where the rule is published or no reading of the service could accept the value; anything else is sent with a [`CellWarning`] and the
/// service decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum CellProblem {
    /// A null or blank in the primary key.
    NullKey = 1,
    /// A null or blank where the field is required and has no default.
    NullRequired = 2,
    /// More UTF-16 code units than the field takes.
    TooLong = 3,
    /// Not a whole number.
    NotANumber = 4,
    /// Outside of −2 147 483 648 to 2 147 483 647.
    NumberOutOfRange = 5,
    /// More whole digits than precision and scale leave room for.
    DecimalPrecision = 6,
    /// More digits after the point than the field keeps; never rounded.
    DecimalScale = 7,
    /// Neither a date nor a date with time.
    NotADate = 8,
    /// Before 1753 or after 9999.
    DateOutOfRange = 9,
    /// Neither true nor false.
    NotABoolean = 10,
    /// Not an e-mail address under any reading.
    NotAnEmailAddress = 11,
    /// A character that XML cannot carry: control characters but tab, line feed and carriage return, and U+FFFE and U+FFFF.
    Unprintable = 12,
    /// Not a finite number.
    NotFinite = 13,
    /// The whole key is longer than the service's index takes.
    KeyTooLong = 14,
    /// The model's column has a type that cannot become the field's.
    WrongType = 15,
    /// A null or blank in a field that says not to send the row then. Nothing is wrong with it: the row is *skipped*, not invalid.
    NullSkipsRow = 16,
}

impl CellProblem {
    /// All problems.
    pub const ALL: [Self; 16] = [
        Self::NullKey,
        Self::NullRequired,
        Self::TooLong,
        Self::NotANumber,
        Self::NumberOutOfRange,
        Self::DecimalPrecision,
        Self::DecimalScale,
        Self::NotADate,
        Self::DateOutOfRange,
        Self::NotABoolean,
        Self::NotAnEmailAddress,
        Self::Unprintable,
        Self::NotFinite,
        Self::KeyTooLong,
        Self::WrongType,
        Self::NullSkipsRow,
    ];

    /// The stable name, as reports and the ledger spell it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NullKey => "null_key",
            Self::NullRequired => "null_required",
            Self::TooLong => "too_long",
            Self::NotANumber => "not_a_number",
            Self::NumberOutOfRange => "number_out_of_range",
            Self::DecimalPrecision => "decimal_precision",
            Self::DecimalScale => "decimal_scale",
            Self::NotADate => "not_a_date",
            Self::DateOutOfRange => "date_out_of_range",
            Self::NotABoolean => "not_a_boolean",
            Self::NotAnEmailAddress => "not_an_email_address",
            Self::Unprintable => "unprintable",
            Self::NotFinite => "not_finite",
            Self::KeyTooLong => "key_too_long",
            Self::WrongType => "wrong_type",
            Self::NullSkipsRow => "null_skips_row",
        }
    }

    /// One sentence for the person who must act.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NullKey => "the primary key must not be null or blank",
            Self::NullRequired => "the field is required and has no default, and the value is null or blank",
            Self::TooLong => "the text is longer than the field; the service refuses it and never cuts it",
            Self::NotANumber => "a Number field takes whole numbers only",
            Self::NumberOutOfRange => "a Number field takes -2147483648 to 2147483647; use a Decimal field for more",
            Self::DecimalPrecision => "the number has more whole digits than the field keeps",
            Self::DecimalScale => "the number has more digits after the point than the field keeps, and is never rounded",
            Self::NotADate => "the text is neither a date nor a date with time (write YYYY-MM-DD or YYYY-MM-DDThh:mm:ss)",
            Self::DateOutOfRange => "the service keeps dates from 1753-01-01 to 9999-12-31",
            Self::NotABoolean => "a Boolean field takes true or false, 1 or 0",
            Self::NotAnEmailAddress => "an e-mail address needs one `@` with text on both sides and no blanks",
            Self::Unprintable => {
                "the text has a control character or another that XML cannot carry, so that what has arrived could never be read back"
            }
            Self::NotFinite => "the number is infinite or not a number",
            Self::KeyTooLong => "the primary key has more than 450 characters in all, the most that the service's index takes",
            Self::WrongType => "a value of this type cannot become the field's type",
            Self::NullSkipsRow => "the value is null or blank, and the field says not to send the row then (`when_null: skip_row`)",
        }
    }

    /// What the person can do: the row is sent by the first run after it.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NullKey => "give the row a key in the model, or leave it out there",
            Self::NullRequired => "fill the value in the model, or give the field a default in Marketing Cloud",
            Self::NullSkipsRow => "fill the value in the model, or say `when_null: clear` or `keep` of the field",
            Self::TooLong => "shorten the text in the model, or make the field longer (`widen: allow` at the destination)",
            Self::NumberOutOfRange => "map the column to a Decimal field, or leave such numbers out in the model",
            Self::DecimalPrecision | Self::DecimalScale => "round or cut the number in the model, or use a field that keeps more digits",
            Self::NotANumber | Self::NotADate | Self::NotABoolean | Self::WrongType => {
                "cast or correct the value in the model, or map the column to a field of another type"
            }
            Self::Unprintable => {
                "take the character out in the model: tab, line feed and carriage return may stay, other control characters may not"
            }
            _ => "correct the value in the source or in the model",
        }
    }
}

/// Most UTF-16 code units all key columns may have together: SQL Server's 900-byte index key at two bytes a unit.
pub const KEY_UNITS_MAX: u32 = 450;

/// What the service may refuse, by a rule that it does not publish: the value is sent all the same, and this is told.
///
/// Which readings of the service there are, and why none is taken for granted: decision 0014.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum CellWarning {
    /// An address that is thinkable, and not of the usual kind.
    UnusualEmailAddress = 1,
    /// Not what people write as a phone number.
    UnusualPhone = 2,
    /// Not a language, or a language and a region.
    UnusualLocale = 3,
}

impl CellWarning {
    /// All warnings.
    pub const ALL: [Self; 3] = [Self::UnusualEmailAddress, Self::UnusualPhone, Self::UnusualLocale];

    /// The stable name, as reports spell it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnusualEmailAddress => "unusual_email_address",
            Self::UnusualPhone => "unusual_phone",
            Self::UnusualLocale => "unusual_locale",
        }
    }

    /// One sentence for the person who may have to act.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::UnusualEmailAddress => "an e-mail address is usually `name@domain.tld`, in letters, digits and `.+-_` of ASCII",
            Self::UnusualPhone => "a phone number usually has 7 to 15 digits, with nothing but `+-.()/`, `x` and blanks between them",
            Self::UnusualLocale => "a locale is usually a language, or a language and a region, such as `en` or `en-US`",
        }
    }
}
