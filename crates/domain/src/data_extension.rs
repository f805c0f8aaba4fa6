//! Data extensions and their fields, as Marketing Cloud describes them.

use serde::{Deserialize, Serialize};

use crate::{
    field_type::FieldType,
    names::{DataExtensionKey, FieldName, ObjectId},
};

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

/// A column with its type: one to be created, always nullable and never part of the key; or the type that a person gives for a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewColumn {
    /// Its name.
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
