//! What a destination asks of its data extension, and the planned changes to it, as values.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    activation::{Activation, FieldWish, InsertMode},
    data_extension::{DataExtension, NewColumn},
    field_type::{FieldType, TEXT_UNITS_MAX},
    model::ModelColumn,
    names::{DataExtensionKey, DataExtensionName, FieldName, FolderName, InvalidName},
};

/// What a destination asks of its data extension beyond its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableWish {
    /// How it is made where it is missing; without it a missing one is an error.
    pub create: Option<CreateWish>,
    /// Types given by a person: fields to be created have them, and those that are there are held against them.
    pub given: Vec<NewColumn>,
    /// Whether a run may make text columns longer.
    pub may_widen: bool,
}

/// How a missing data extension is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateWish {
    /// Its name for people.
    pub name: DataExtensionName,
    /// Its folder, made where it is missing; the root of all data extensions when absent.
    pub folder: Option<FolderPath>,
    /// The fields of its primary key, in order.
    pub primary_key: Vec<NewColumn>,
    /// How people are found by its rows, where messages may be sent to them.
    pub sendable: Option<Sendable>,
    /// When rows are removed, if ever.
    pub retention: Option<Retention>,
}

/// A folder below the root of all data extensions, such as `Loyalty/Daily`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FolderPath(Vec<FolderName>);

impl FolderPath {
    /// The folders, from the outermost in; at least one.
    #[must_use]
    pub fn folders(&self) -> &[FolderName] {
        &self.0
    }
}

impl FromStr for FolderPath {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        text.split('/').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<String> for FolderPath {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<FolderPath> for String {
    fn from(path: FolderPath) -> Self {
        path.to_string()
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(FolderName::as_str).collect::<Vec<_>>().join("/"))
    }
}

/// How people are found by a row: messages may be sent to the data extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sendable {
    /// The field that names a person.
    pub field: FieldName,
    /// What it is equal to.
    pub subscriber: SubscriberField,
}

/// What a sendable data extension is related to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriberField {
    /// The subscriber's key, which is the contact's.
    SubscriberKey,
    /// The number that the service gives each subscriber.
    SubscriberId,
}

impl SubscriberField {
    /// As it is sent.
    #[must_use]
    pub const fn sent(self) -> &'static str {
        match self {
            Self::SubscriberKey => "Subscriber Key",
            Self::SubscriberId => "Subscriber ID",
        }
    }

    /// As the service tells it: recorded in `test/resources` of <https://github.com/Accenture/sfmc-devtools>.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::SubscriberKey => "_SubscriberKey",
            Self::SubscriberId => "_SubscriberID",
        }
    }
}

/// When rows are removed by the service itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// What is removed.
    pub removes: Removes,
    /// After how many of its units.
    pub length: u32,
    /// The unit.
    pub period: Period,
    /// Whether each import begins the period anew; never of single rows.
    pub restarts_on_import: bool,
}

/// What retention removes. Which flags of the service mean what: `lib/metadataTypes/DataExtension.js` of
/// <https://github.com/Accenture/sfmc-devtools>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Removes {
    /// Each row, at its own age.
    EachRow,
    /// All rows at once; the data extension stays.
    AllRows,
    /// All rows and the data extension itself.
    DataExtension,
}

/// A unit of retention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Days.
    Days,
    /// Weeks.
    Weeks,
    /// Months.
    Months,
    /// Years.
    Years,
}

impl Period {
    /// The service's number of the unit, from the enumeration of its partner WSDL.
    #[must_use]
    pub const fn service_number(self) -> u8 {
        match self {
            Self::Days => 3,
            Self::Weeks => 4,
            Self::Months => 5,
            Self::Years => 6,
        }
    }

    /// In words, of more than one.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Weeks => "weeks",
            Self::Months => "months",
            Self::Years => "years",
        }
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { removes, length, period, restarts_on_import } = self;
        let period = period.word();
        match removes {
            Removes::EachRow => write!(f, "each row is removed {length} {period} after it was added")?,
            Removes::AllRows => write!(f, "all rows are removed after {length} {period}")?,
            Removes::DataExtension => write!(f, "the data extension is removed after {length} {period}")?,
        }
        f.write_str(if *restarts_on_import { ", counted anew from each import" } else { "" })
    }
}

/// A data extension that is to be made: the planned change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDataExtension {
    /// Its external key.
    pub key: DataExtensionKey,
    /// Its name for people.
    pub name: DataExtensionName,
    /// Its folder, made where it is missing.
    pub folder: Option<FolderPath>,
    /// How people are found by its rows.
    pub sendable: Option<Sendable>,
    /// When rows are removed, if ever.
    pub retention: Option<Retention>,
    /// Its fields: the primary key, then the others in the order of the activation, then those that are only given.
    pub fields: Vec<NewField>,
}

/// A field of a data extension that is to be made. Fields of the primary key are required, no others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewField {
    /// Its name.
    pub name: FieldName,
    /// Its type.
    #[serde(rename = "kind")]
    pub field_type: FieldType,
    /// Whether it is part of the primary key.
    pub is_primary_key: bool,
}

impl NewDataExtension {
    /// What an activation would have made for it, or `None` where its destination does not say how, or where it only updates: there would
    /// be nothing to update.
    ///
    /// Texts without a given type get the longest length, to be cut to what is seen. What cannot be found out, as the type of a column that
    /// the model does not have, is left out, and told by [`crate::Mapping::check_new`].
    #[must_use]
    pub fn wanted(activation: &Activation, model: &[ModelColumn]) -> Option<Self> {
        let wish = activation.table.create.as_ref().filter(|_| activation.insert == InsertMode::InsertAndUpdate)?;
        let key = |it: &NewColumn| NewField { name: it.name.clone(), field_type: it.field_type, is_primary_key: true };
        let mut fields: Vec<NewField> = wish.primary_key.iter().map(key).collect();
        let custom = activation.custom_attributes.iter().filter_map(|it| Some(FieldWish::new(it.parse().ok()?, it.as_str())));
        let filled = activation.fields.iter().cloned().chain(custom);
        let filled = filled.filter_map(|it| Some((activation.table.type_of(&it.field, &it.column, model)?, it.field)));
        // A flag without a given type is text, which any value fits.
        let flag = activation.on_exit.flag().map(|it| {
            let natural = FieldType::Text { units_max: Some(TEXT_UNITS_MAX) };
            (activation.table.given_type(&it.field).unwrap_or(natural), it.field.clone())
        });
        let given = activation.table.given.iter().map(|it| (it.field_type, it.name.clone()));
        for (field_type, name) in filled.chain(flag).chain(given) {
            if !fields.iter().any(|it| it.name.is_same_as(&name)) {
                fields.push(NewField { name, field_type, is_primary_key: false });
            }
        }
        Some(Self {
            key: activation.data_extension.clone(),
            name: wish.name.clone(),
            folder: wish.folder.clone(),
            sendable: wish.sendable.clone(),
            retention: wish.retention,
            fields,
        })
    }
}

impl TableWish {
    /// The type that a person gives for a field.
    #[must_use]
    pub fn given_type(&self, field: &FieldName) -> Option<FieldType> {
        self.given.iter().find(|it| it.name.is_same_as(field)).map(|it| it.field_type)
    }

    /// The type with which a field would be created: the given one, or that which any value of the column fits.
    fn type_of(&self, field: &FieldName, column: &str, model: &[ModelColumn]) -> Option<FieldType> {
        let natural = || ModelColumn::find(model, column)?.model_type.natural_field_type();
        self.given_type(field).or_else(natural)
    }
}

/// The data extension that rows go into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// It is there.
    There(DataExtension),
    /// The run makes it.
    New(NewDataExtension),
}

impl Table {
    /// Its external key.
    #[must_use]
    pub const fn key(&self) -> &DataExtensionKey {
        match self {
            Self::There(it) => &it.key,
            Self::New(it) => &it.key,
        }
    }
}

/// A text column that is to be made longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WiderColumn {
    /// The field.
    pub name: FieldName,
    /// The most UTF-16 code units it takes now.
    pub from: u32,
    /// The most it shall take.
    pub to: u32,
}

/// A field whose type is another than when rows were last confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeChange {
    /// The field.
    pub field: FieldName,
    /// Its type then.
    pub was: FieldType,
    /// Its type now.
    pub is: FieldType,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_path_names_each_folder() {
        let path: FolderPath = "Loyalty / Daily".parse().unwrap();
        assert_eq!(path.to_string(), "Loyalty/Daily");
        assert!("/Loyalty".parse::<FolderPath>().is_err());
        assert!("Loyalty//Daily".parse::<FolderPath>().is_err());
    }

    #[test]
    fn retention_is_told_in_words() {
        let retention = |removes| Retention { removes, length: 90, period: Period::Days, restarts_on_import: removes != Removes::EachRow };
        assert_eq!(retention(Removes::EachRow).to_string(), "each row is removed 90 days after it was added");
        assert_eq!(retention(Removes::AllRows).to_string(), "all rows are removed after 90 days, counted anew from each import");
    }
}
