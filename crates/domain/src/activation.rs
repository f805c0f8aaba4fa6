//! What a person asks for: this model, into that data extension.

use serde::{Deserialize, Serialize};

use crate::{
    guard::Guards,
    names::{DataExtensionKey, FieldName, Name},
    table::TableWish,
};

/// A field of the data extension and the model's column that fills it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldWish {
    /// The field of the data extension.
    pub field: FieldName,
    /// The column of the model.
    pub column: String,
    /// Digits after the point that its numbers are rounded to; never rounded when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u8>,
    /// What a null or blank of the model does to the field; what the activation says when absent. Of no meaning in a primary key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_null: Option<WhenNull>,
}

impl FieldWish {
    /// The field filled with what the column has.
    #[must_use]
    pub fn new(field: FieldName, column: impl Into<String>) -> Self {
        Self { field, column: column.into(), round: None, when_null: None }
    }
}

/// What a null or blank of the model does to its field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenNull {
    /// The field is blank afterwards.
    #[default]
    Clear,
    /// The field stays as it is: the row travels without it.
    Keep,
    /// The row is not sent.
    SkipRow,
}

impl WhenNull {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Clear, Self::Keep, Self::SkipRow];

    /// The word of a project file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Keep => "keep",
            Self::SkipRow => "skip_row",
        }
    }

    /// Whether it is what happens where nobody says otherwise.
    #[must_use]
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of rows that leave the model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExit {
    /// They stay in the data extension as they are.
    #[default]
    Keep,
    /// They stay, and a field says that they have left.
    Flag(Flag),
    /// Those that this activation has made are deleted.
    Delete {
        /// Also those that were there before it.
        adopted: bool,
    },
}

/// A field that says of each row whether the model has it, in the spelling of the project file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flag {
    /// The field.
    pub field: FieldName,
    /// What it has in rows that have left.
    pub value: String,
    /// What it has in rows of the model: sent with each of them, so that one that returns is no longer flagged.
    pub present: String,
}

impl OnExit {
    /// The flag of rows that leave, where they get one.
    #[must_use]
    pub const fn flag(&self) -> Option<&Flag> {
        match self {
            Self::Keep | Self::Delete { .. } => None,
            Self::Flag(flag) => Some(flag),
        }
    }

    /// Whether rows that leave have to be named, so that the keys of rows are stored.
    #[must_use]
    pub const fn needs_keys(&self) -> bool {
        !matches!(self, Self::Keep)
    }

    /// Whether rows that leave are deleted.
    #[must_use]
    pub const fn is_delete(&self) -> bool {
        matches!(self, Self::Delete { .. })
    }
}

/// Whether rows that are not in the data extension are added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InsertMode {
    /// New records are inserted, known ones updated.
    InsertAndUpdate,
    /// Only rows already in the data extension are updated.
    UpdateOnly,
}

/// The road into an import, as asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportRoute {
    /// REST where the tenant takes it, SOAP otherwise.
    #[default]
    Auto,
    /// The one-time REST import.
    Rest,
    /// A SOAP import definition.
    Soap,
}

/// A model or segment, to be kept in step with a data extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// Its name, unique in the project.
    pub name: Name,
    /// The data extension.
    pub data_extension: DataExtensionKey,
    /// What is asked of the data extension itself.
    #[serde(default)]
    pub table: TableWish,
    /// Whether new records are inserted.
    pub insert: InsertMode,
    /// Each field of the primary key, with its column.
    pub primary_key: Vec<FieldWish>,
    /// Each other mapped field, with its column.
    pub fields: Vec<FieldWish>,
    /// Columns of the model exported as fields of the same name, created when missing.
    pub custom_attributes: Vec<String>,
    /// What becomes of rows that leave the model.
    #[serde(default)]
    pub on_exit: OnExit,
    /// What a null or blank does to a field that does not say so itself; never to those of the primary key.
    #[serde(default)]
    pub when_null: WhenNull,
    /// The IANA zone in which timestamps without zone are read; as they stand when absent.
    pub time_zone: Option<String>,
    /// The road into the import.
    pub import: ImportRoute,
    /// Most bytes of one file.
    pub part_bytes_max: u64,
    /// Seconds after which an import that has not ended blocks the activation.
    pub import_deadline_s: u64,
    /// What is held back until a person has looked at it.
    #[serde(default)]
    pub guards: Guards,
}

/// Most bytes of one file unless the activation says otherwise.
pub const PART_BYTES_MAX: u64 = 100_000_000;

/// Seconds an import may take unless the activation says otherwise.
pub const IMPORT_DEADLINE_S: u64 = 7_200;
