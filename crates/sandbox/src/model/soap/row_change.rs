//! Rows as objects: `DataExtensionObject`.

use super::change::{Fate, Save};
use super::element::Element;
use crate::model::Model;
use crate::model::data_extension::DataExtension;
use crate::model::rows::Cells;
use crate::model::types::{Reading, RowError};
use crate::model::writing::{FieldError, WriteMode, Writing, Written};

const BAD_DE_KEY: i64 = 70003;

impl Model {
    /// Inserts, updates or upserts a row.
    pub(super) fn save_row_object(&mut self, save: Save, object: &Element, account_id: u64, now_ms: i64) -> Fate {
        let reading = Reading::of(&self.switches);
        let (prolongs, keeps_number) = (self.switches.update_prolongs_retention, self.switches.remade_rows_keep_number);
        let kind = if save == Save::AddOnly { "DataExtensionCreateResult" } else { "DataExtensionUpdateResult" };
        let Some(de) = self.de_of_row(object, account_id) else {
            return Fate { kind: Some(kind), ..Fate::bad(BAD_DE_KEY, "The data extension of the object does not exist.") };
        };
        let mut cells = Cells::default();
        cells.reset(de.slots());
        let mut errors = Vec::new();
        let properties = object.child("Properties").into_iter().flat_map(|it| it.all("Property"));
        let keys = object.child("Keys").into_iter().flat_map(|it| it.all("Key"));
        for property in properties.chain(keys) {
            set(de, &mut cells, property, reading, &mut errors);
        }
        if !errors.is_empty() {
            return with_errors(kind, de, errors);
        }
        let mode = match save {
            Save::AddOnly => WriteMode::Insert,
            Save::UpdateOnly => WriteMode::Update,
            Save::UpdateAdd => WriteMode::Upsert,
        };
        match de.write(&mut cells, mode, Writing { now_ms, reading, prolongs, keeps_number }) {
            Err(errors) => with_errors(kind, de, errors),
            Ok(Written::Inserted) => Fate { kind: Some(kind), ..Fate::good("Created DataExtensionObject") },
            Ok(Written::Updated) => Fate { kind: Some(kind), ..Fate::good("Updated DataExtensionObject") },
            Ok(Written::KeyExists) => refused(
                kind,
                format!(
                    "Violation of PRIMARY KEY constraint 'PK_C{}'. Cannot insert duplicate key: the primary key exists already.",
                    de.object_id.get(..8).unwrap_or_default(),
                ),
            ),
            Ok(Written::KeyMissing) => refused(kind, "Cannot locate the existing record.".to_owned()),
        }
    }

    /// Deletes a row by its key.
    pub(super) fn delete_row_object(&mut self, object: &Element, account_id: u64) -> Fate {
        const KIND: &str = "DataExtensionDeleteResult";
        let (reading, absent_is_done) = (Reading::of(&self.switches), self.switches.absent_deletes_succeed);
        let Some(de) = self.de_of_row(object, account_id) else {
            return Fate { kind: Some(KIND), ..Fate::bad(BAD_DE_KEY, "The data extension of the object does not exist.") };
        };
        let mut cells = Cells::default();
        cells.reset(de.slots());
        let mut errors = Vec::new();
        for key in object.child("Keys").into_iter().flat_map(|it| it.all("Key")) {
            set(de, &mut cells, key, reading, &mut errors);
        }
        let Some(key) = de.rows.key_of(&cells).filter(|_| errors.is_empty()) else {
            return refused(KIND, "Keys Not Found".to_owned());
        };
        if de.rows.remove(&key) || absent_is_done {
            Fate { kind: Some(KIND), ..Fate::good("Deleted DataExtensionObject") }
        } else {
            refused(KIND, "Cannot locate the existing record.".to_owned())
        }
    }

    fn de_of_row(&mut self, object: &Element, account_id: u64) -> Option<&mut DataExtension> {
        let unit = self.units.get_mut(&account_id)?;
        if let Some(key) = object.filled("CustomerKey") {
            return unit.data_extension_mut(key);
        }
        unit.data_extension_by_id_mut(object.filled("ObjectID")?)
    }
}

/// Sets one `Name`/`Value`. A `NullAPIProperty` is NULL, as is a value that is nil.
fn set(de: &DataExtension, cells: &mut Cells, property: &Element, reading: Reading, errors: &mut Vec<FieldError>) {
    let name = property.filled("Name").unwrap_or_default();
    let Some(field) = de.field(name) else {
        let message = format!("The field {name} does not exist in the data extension.");
        errors.push(FieldError { field: name.to_owned(), error: RowError::InvalidFieldCount, message });
        return;
    };
    let null = property.kind.as_deref() == Some("NullAPIProperty");
    let value = if null { None } else { property.value("Value") };
    if let Err(error) = de.set_text(cells, field, value, reading) {
        errors.push(error);
    }
}

fn refused(kind: &'static str, message: String) -> Fate {
    Fate { kind: Some(kind), details: vec![Element::text("ErrorMessage", message.clone())], ..Fate::bad(2, message) }
}

/// The useful text is in `ErrorMessage`; errors of key fields and of others are told apart.
fn with_errors(kind: &'static str, de: &DataExtension, errors: Vec<FieldError>) -> Fate {
    let all: Vec<&str> = errors.iter().map(|it| it.message.as_str()).collect();
    let mut details = vec![Element::text("ErrorMessage", all.join(" "))];
    let is_key = |it: &&FieldError| de.field(&it.field).is_some_and(|it| it.primary_key);
    let list = |name: &str, errors: Vec<&FieldError>| {
        let items = errors.into_iter().map(|it| {
            Element::new(name)
                .with_text("Name", it.field.clone())
                .with_text("ErrorCode", it.error.api_code().to_string())
                .with_text("ErrorMessage", it.message.clone())
        });
        Element::new(&format!("{name}s")).with_all(items)
    };
    let (keys, values): (Vec<&FieldError>, Vec<&FieldError>) = errors.iter().partition(is_key);
    if !keys.is_empty() {
        details.push(list("KeyError", keys));
    }
    if !values.is_empty() {
        details.push(list("ValueError", values));
    }
    Fate { kind: Some(kind), details, ..Fate::bad(2, "Error") }
}
