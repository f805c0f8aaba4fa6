//! What tests and other writers do to a tenant directly, without a call: typed, and with the same effects.

use std::collections::BTreeMap;

use super::Model;
use super::data_extension::{Context, DataExtension, DataExtensionSpec, FieldSpec, INVALID, SchemaError, UPDATE_REFUSED, refuse};
use super::faults::OtherWrite;
use super::rows::Cells;
use super::types::Reading;
use super::units::same;
use super::writing::{WriteMode, Writing};

/// Why another writer could not do what it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WriteError(pub String);

/// A row as it is read back: text for each column, `None` for NULL.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ShownRow {
    /// `_CustomObjectKey`.
    pub number: u64,
    /// Values in the order of the columns.
    pub values: Vec<Option<String>>,
}

impl Model {
    /// Makes a data extension in the owning business unit; its ObjectID.
    pub fn create_data_extension(&mut self, spec: &DataExtensionSpec, now_ms: i64) -> Result<String, SchemaError> {
        self.create_data_extension_in(self.config.account_id, spec, now_ms)
    }

    /// Makes a data extension in a business unit; its ObjectID.
    pub fn create_data_extension_in(&mut self, account_id: u64, spec: &DataExtensionSpec, now_ms: i64) -> Result<String, SchemaError> {
        let Some(unit) = self.units.get_mut(&account_id) else {
            return refuse(INVALID, format!("There is no business unit {account_id}."));
        };
        let name = spec.name.clone().unwrap_or_default();
        if let Some(key) = &spec.key
            && unit.data_extension(key).is_some()
        {
            return refuse(UPDATE_REFUSED, format!("A data extension with the key {key} already exists."));
        }
        if unit.data_extensions.iter().any(|it| same(it.name.trim(), name.trim())) {
            return refuse(INVALID, format!("A data extension named {name} already exists."));
        }
        if let Some(refusal) = spec.category_id.and_then(|it| unit.refusal_of_folder(it)) {
            return refuse(INVALID, refusal);
        }
        let root_folder = unit.root_folder();
        let mut context = Context { ids: &mut self.ids, now_ms, root_folder, switches: &self.switches };
        let made = DataExtension::create(spec, &mut context)?;
        let id = made.object_id.clone();
        unit.data_extensions.push(made);
        Ok(id)
    }

    /// Changes the data extension of an ObjectID.
    pub fn update_data_extension_in(
        &mut self,
        account_id: u64,
        object_id: &str,
        spec: &DataExtensionSpec,
        now_ms: i64,
    ) -> Result<(), SchemaError> {
        let Some(unit) = self.units.get_mut(&account_id) else {
            return refuse(INVALID, format!("There is no business unit {account_id}."));
        };
        if let Some(name) = &spec.name
            && unit.data_extensions.iter().any(|it| it.object_id != object_id && same(it.name.trim(), name.trim()))
        {
            return refuse(INVALID, format!("A data extension named {name} already exists."));
        }
        if let Some(refusal) = spec.category_id.and_then(|it| unit.refusal_of_folder(it)) {
            return refuse(INVALID, refusal);
        }
        let root_folder = unit.root_folder();
        let mut context = Context { ids: &mut self.ids, now_ms, root_folder, switches: &self.switches };
        match unit.data_extensions.iter_mut().find(|it| it.object_id == object_id) {
            Some(de) => de.update(spec, &mut context),
            None => refuse(INVALID, format!("There is no data extension {object_id}.")),
        }
    }

    /// The data extension of that key in the owning business unit.
    pub fn data_extension(&self, key: &str) -> Option<&DataExtension> {
        self.units.get(&self.config.account_id)?.data_extension(key)
    }

    /// All data extensions with their business units.
    pub fn data_extensions(&self) -> impl Iterator<Item = (u64, &DataExtension)> {
        self.units.values().flat_map(|unit| unit.data_extensions.iter().map(|it| (unit.account_id, it)))
    }

    fn de_mut(&mut self, key: &str) -> Result<&mut DataExtension, WriteError> {
        let unit = self.units.get_mut(&self.config.account_id);
        unit.and_then(|unit| unit.data_extension_mut(key)).ok_or_else(|| WriteError(format!("there is no data extension `{key}`")))
    }

    /// The columns and rows of a data extension as they are read back, in the order of `_CustomObjectKey`.
    pub fn rows(&self, key: &str) -> Option<(Vec<String>, Vec<ShownRow>)> {
        let de = self.data_extension(key)?;
        let columns = de.fields.iter().map(|it| it.name.clone()).collect();
        let rows =
            de.rows.iter().map(|row| ShownRow { number: row.number, values: de.fields.iter().map(|it| de.shown(row, it)).collect() });
        Some((columns, rows.collect()))
    }

    /// Inserts a row or updates the one with its key.
    pub fn upsert_row(&mut self, key: &str, values: &BTreeMap<String, Option<String>>, now_ms: i64) -> Result<(), WriteError> {
        let reading = Reading::of(&self.switches);
        let (prolongs, keeps_number) = (self.switches.update_prolongs_retention, self.switches.remade_rows_keep_number);
        let de = self.de_mut(key)?;
        let mut cells = Cells::default();
        cells.reset(de.slots());
        for (name, value) in values {
            let Some(field) = de.field(name) else { return Err(WriteError(format!("there is no field `{name}`"))) };
            de.set_text(&mut cells, field, value.as_deref(), reading).map_err(|it| WriteError(it.message))?;
        }
        let written = de.write(&mut cells, WriteMode::Upsert, Writing { now_ms, reading, prolongs, keeps_number });
        written.map(|_| ()).map_err(|errors| WriteError(errors.into_iter().map(|it| it.message).collect()))
    }

    /// Deletes the row with that key; whether there was one.
    pub fn delete_row(&mut self, key: &str, keys: &BTreeMap<String, String>) -> Result<bool, WriteError> {
        let reading = Reading::of(&self.switches);
        let de = self.de_mut(key)?;
        let mut cells = Cells::default();
        cells.reset(de.slots());
        for (name, value) in keys {
            let Some(field) = de.field(name) else { return Err(WriteError(format!("there is no field `{name}`"))) };
            de.set_text(&mut cells, field, Some(value), reading).map_err(|it| WriteError(it.message))?;
        }
        let row_key = de.rows.key_of(&cells).ok_or_else(|| WriteError("the key is not complete".to_owned()))?;
        Ok(de.rows.remove(&row_key))
    }

    /// Deletes all rows.
    pub fn clear_rows(&mut self, key: &str) -> Result<(), WriteError> {
        self.de_mut(key)?.rows.clear();
        Ok(())
    }

    /// Deletes the oldest rows, as retention does; how many went.
    pub fn expire_rows(&mut self, key: &str, count: usize) -> Result<usize, WriteError> {
        Ok(self.de_mut(key)?.rows.expire_count(count))
    }

    /// Drops and remakes a data extension: same key, name and fields; other identities; no rows.
    pub fn recreate_data_extension(&mut self, key: &str, now_ms: i64) -> Result<(), WriteError> {
        let account_id = self.config.account_id;
        let de = self.units.get_mut(&account_id).and_then(|unit| unit.data_extension_mut(key));
        let de = de.ok_or_else(|| WriteError(format!("there is no data extension `{key}`")))?;
        de.recreate(&mut self.ids, now_ms);
        Ok(())
    }

    /// Drops a field and makes one of the same name in its place, of whatever type: how somebody changes a type that cannot be changed.
    pub fn replace_field(&mut self, key: &str, spec: &FieldSpec, now_ms: i64) -> Result<(), WriteError> {
        let (account_id, de) = (self.config.account_id, self.de_mut(key)?);
        let object_id = de.object_id.clone();
        let ids: Vec<String> = spec.name.iter().filter_map(|it| Some(de.field(it)?.object_id.clone())).collect();
        de.remove_fields(&ids, now_ms).map_err(|it| WriteError(it.message))?;
        let change = DataExtensionSpec { fields: vec![spec.clone()], ..DataExtensionSpec::default() };
        self.update_data_extension_in(account_id, &object_id, &change, now_ms).map_err(|it| WriteError(it.message))
    }

    /// Does what another writer would do.
    pub fn other_write(&mut self, write: &OtherWrite, now_ms: i64) -> Result<(), WriteError> {
        let account_id = self.config.account_id;
        match write {
            OtherWrite::UpsertRow { de, values } => self.upsert_row(de, values, now_ms),
            OtherWrite::DeleteRow { de, keys } => self.delete_row(de, keys).map(|_| ()),
            OtherWrite::ClearRows { de } => self.clear_rows(de),
            OtherWrite::ExpireRows { de, count } => self.expire_rows(de, *count).map(|_| ()),
            OtherWrite::RecreateDataExtension { de } => self.recreate_data_extension(de, now_ms),
            OtherWrite::DropDataExtension { de } => {
                let id = self.de_mut(de)?.object_id.clone();
                if let Some(unit) = self.units.get_mut(&account_id) {
                    unit.data_extensions.retain(|it| it.object_id != id);
                }
                Ok(())
            }
            OtherWrite::RecreateField { de, field } => {
                let found = self.units.get_mut(&account_id).and_then(|unit| unit.data_extension_mut(de));
                let done = found.is_some_and(|it| it.recreate_field(field, &mut self.ids));
                if done { Ok(()) } else { Err(WriteError(format!("`{field}` of `{de}` cannot be made again"))) }
            }
            OtherWrite::StartDefinition { definition } => self
                .start_definition(account_id, definition, now_ms)
                .map(|_| ())
                .ok_or_else(|| WriteError(format!("there is no import definition `{definition}`"))),
            OtherWrite::PutFile { location, path, text } => {
                self.file_put(location, path, text.clone().into_bytes(), now_ms).map_err(|error| WriteError(error.to_string()))
            }
            OtherWrite::RemoveFile { location, path } => self.file_remove(location, path).map_err(|error| WriteError(error.to_string())),
        }
    }

    /// Removes rows whose age has come.
    pub(super) fn expire_by_age(&mut self, now_ms: i64) {
        for de in self.units.values_mut().flat_map(|unit| &mut unit.data_extensions) {
            if let Some(age_ms) = de.retention.row_age_ms() {
                de.rows.expire_before(now_ms - age_ms);
            }
        }
    }

    /// When the next row's age comes.
    pub(super) fn next_row_expiry(&self) -> Option<i64> {
        let ages = self.data_extensions().filter_map(|(_, de)| Some(de.rows.oldest_ms()? + de.retention.row_age_ms()? + 1));
        ages.min()
    }
}
