//! Data extensions and their fields, as Marketing Cloud describes them.

use serde::{Deserialize, Serialize};

use crate::names::{DataExtensionKey, FieldName, ObjectId};

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
    /// The most UTF-16 code units a value may have, for types that hold text.
    #[must_use]
    pub const fn units_max(self) -> Option<u32> {
        match self {
            Self::Text { units_max } => units_max,
            Self::EmailAddress => Some(254),
            Self::Phone => Some(50),
            Self::Locale => Some(5),
            Self::Number | Self::Decimal { .. } | Self::Date | Self::Boolean => None,
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

/// A field of a data extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The service's identity of this column; a dropped and re-added column has another.
    pub id: ObjectId,
    /// The name, spelled as the service spells it.
    pub name: FieldName,
    /// Type and limits.
    #[serde(rename = "kind")]
    pub field_type: FieldType,
    /// Whether a row without it is refused.
    pub is_required: bool,
    /// Whether it is part of the primary key.
    pub is_primary_key: bool,
    /// Zero-based position.
    pub ordinal: u32,
    /// The default value's text, if one is set.
    pub default: Option<String>,
}

/// A data extension with its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataExtension {
    /// The service's identity: a re-created data extension of the same key has another.
    pub id: ObjectId,
    /// The external key.
    pub key: DataExtensionKey,
    /// The name shown to people.
    pub name: String,
    /// Whether messages may be sent to its rows.
    pub is_sendable: bool,
    /// Retention in a person's words, if any is set.
    pub retention: Option<String>,
    /// The fields, by ordinal.
    pub fields: Vec<Field>,
}

impl DataExtension {
    /// The field of that name, compared as the service does.
    #[must_use]
    pub fn field(&self, name: &FieldName) -> Option<&Field> {
        self.fields.iter().find(|it| it.name.is_same_as(name))
    }

    /// The fields of the primary key, by ordinal.
    pub fn primary_key(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|it| it.is_primary_key)
    }
}

/// A column to be created: always nullable, never part of the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewColumn {
    /// Its name, which is the name of the model's column.
    pub name: FieldName,
    /// Its type.
    #[serde(rename = "kind")]
    pub field_type: FieldType,
}

/// The lengths a text column is created with, in UTF-16 code units.
pub const TEXT_LENGTH_STEPS: [u32; 7] = [50, 100, 254, 500, 1000, 2000, 4000];

/// The shortest step that holds `units_longest` code units, or the longest step there is.
#[must_use]
pub fn text_length_for(units_longest: u32) -> u32 {
    TEXT_LENGTH_STEPS.into_iter().find(|&step| units_longest <= step).unwrap_or(4000)
}

#[cfg(test)]
mod tests {
    use super::text_length_for;

    #[test]
    fn text_columns_grow_in_steps() {
        let steps = [0, 50, 51, 254, 255, 4000, 9999].map(text_length_for);
        assert_eq!(steps, [50, 50, 100, 254, 500, 4000, 4000]);
    }
}
