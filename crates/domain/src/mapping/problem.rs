//! Why wishes do not fit, each in a sentence that says what to do.

use crate::{field_type::FieldType, verdict::KEY_UNITS_MAX};

/// Why a wish cannot be mapped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingProblem {
    /// The data extension has no primary key.
    #[error(
        "`{data_extension}` has no primary key, so rows cannot be told apart and an import could only replace everything; create it anew with a primary key"
    )]
    NoPrimaryKey {
        /// Its external key.
        data_extension: String,
    },
    /// A field of the primary key is filled by nothing.
    #[error("`{field}` is part of the primary key of `{data_extension}` and nobody maps it; add it under `primary_key`")]
    KeyNotMapped {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
    },
    /// A field under `primary_key` is none.
    #[error("`{field}` is not part of the primary key of `{data_extension}` (that is {primary_key}); move it to `fields`")]
    NotAKey {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
        /// The fields of its primary key, for a person.
        primary_key: String,
    },
    /// A field of the primary key under `fields`.
    #[error("`{field}` is part of the primary key of `{data_extension}`; move it to `primary_key`")]
    KeyAmongFields {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
    },
    /// No such field.
    #[error("`{data_extension}` has no field `{field}`{}; a field of another name than its column is created where `fields` of the destination gives its type, and one of the same name by `custom_attributes`", did_you_mean(.nearest))]
    NoSuchField {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
        /// The field with the most similar name.
        nearest: Option<String>,
    },
    /// A field of another type than a person gives.
    #[error(
        "`{field}` of `{data_extension}` is {there}, and {given} is given for it; the service refuses to change the type of a field: correct `fields`, or drop the field there and let it be created anew"
    )]
    Retyped {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
        /// The type it has.
        there: FieldType,
        /// The type given.
        given: FieldType,
    },
    /// A text field that takes longer texts than a person gives.
    #[error(
        "`{field}` of `{data_extension}` is {there}, and {given} is given for it; the service refuses to make a field shorter: correct `fields`"
    )]
    Narrowed {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
        /// The type it has.
        there: FieldType,
        /// The type given.
        given: FieldType,
    },
    /// The key of a data extension that is to be made is none that the service can find rows by.
    #[error("`{field}` cannot be part of the primary key of `{data_extension}`: {why}")]
    UnfitKey {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
        /// Why not.
        why: &'static str,
    },
    /// The parts of the key are too long together.
    #[error(
        "the primary key of `{data_extension}` takes {units} characters, and an index of the service has room for {KEY_UNITS_MAX}; give it shorter fields"
    )]
    KeyTooWide {
        /// The data extension.
        data_extension: String,
        /// Characters of all its parts.
        units: u32,
    },
    /// The field that names people is not among those to be made.
    #[error("`{field}` shall name the people of `{data_extension}`, and nobody fills it or gives its type")]
    NoSendableField {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
    },
    /// A flag's value is none of its field.
    #[error("`{value}` is no value of the field `{field}` ({field_type}), which flags rows that leave; correct `on_exit`")]
    UnfitFlag {
        /// The field.
        field: String,
        /// The value, as written in the project.
        value: String,
        /// The type of the field.
        field_type: FieldType,
    },
    /// Both values of a flag are one for the service.
    #[error(
        "`{value}` and `{present}` are the same in the field `{field}` ({field_type}), so that it would tell nothing; correct `on_exit`"
    )]
    FlagTellsNothing {
        /// The field.
        field: String,
        /// What it is to have in rows that have left.
        value: String,
        /// What it is to have in rows of the model.
        present: String,
        /// The type of the field.
        field_type: FieldType,
    },
    /// No such column.
    #[error("the model has no column `{column}`{}", did_you_mean(.nearest))]
    NoSuchColumn {
        /// The column.
        column: String,
        /// The column with the most similar name.
        nearest: Option<String>,
    },
    /// The model's own key is none of its columns.
    #[error("the model has no column `{column}`, which `primary_key` of the model names{}", did_you_mean(.nearest))]
    NoModelKey {
        /// The column.
        column: String,
        /// The column with the most similar name.
        nearest: Option<String>,
    },
    /// A field is filled twice.
    #[error("`{field}` is filled twice, from `{first}` and from `{second}`")]
    FilledTwice {
        /// The field.
        field: String,
        /// The first column.
        first: String,
        /// The second column.
        second: String,
    },
    /// A required field without default is filled by nothing, although rows are inserted.
    #[error("`{field}` of `{data_extension}` is required and has no default, and nobody maps it: every new record would be refused")]
    RequiredNotMapped {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
    },
    /// The types cannot fit, whatever the value.
    #[error("`{column}` ({model_type}) cannot become `{field}` ({field_type}); convert it in the model")]
    TypeCannotFit {
        /// The column.
        column: String,
        /// Its type, for a person.
        model_type: String,
        /// The field.
        field: String,
        /// Its type, for a person.
        field_type: String,
    },
    /// Floats compare badly and print in several ways.
    #[error("`{column}` is a floating-point number and cannot be a primary key; cast it to a whole number, a decimal or text in the model")]
    FloatKey {
        /// The column.
        column: String,
    },
    /// A field without digits after the point is to be rounded.
    #[error("`{field}` is {field_type} and has nothing to round; `round` is for Decimal and Number fields")]
    NothingToRound {
        /// The field.
        field: String,
        /// Its type.
        field_type: FieldType,
    },
    /// A number would be rounded to digits that the field does not keep.
    #[error("`{field}` keeps {scale} digits after the point, and `round: {round}` would leave more; write `round: {scale}`, or fewer")]
    RoundedTooFinely {
        /// The field.
        field: String,
        /// Digits that would be left.
        round: u8,
        /// Digits that the field keeps.
        scale: u8,
    },
    /// A field name that cannot be one.
    #[error("`{column}` cannot be created as a column: {why}")]
    BadColumnName {
        /// The column.
        column: String,
        /// Why not.
        why: String,
    },
    /// The service's own column.
    #[error("`{field}` is a column of the service itself and cannot be written")]
    SystemField {
        /// The field.
        field: String,
    },
}

fn did_you_mean(name: &Option<String>) -> String {
    name.as_ref().map(|it| format!(" (did you mean `{it}`?)")).unwrap_or_default()
}
