//! Data extensions and their fields: making and changing them, with the refusals of the service.

use serde::{Deserialize, Serialize};

use super::clock;
use super::ids::Ids;
use super::rows::{KeyLayout, Rows};
use super::switches::{KeyFolding, Switches};
use super::types::{Demand, FieldType, Reading, RowError};

/// Longest external key; longer ones were refused in practice.
pub const KEY_CHARS_MAX: usize = 200;
/// Longest Text field with a limit.
pub const TEXT_LENGTH_MAX: u32 = 4000;

/// A refusal with its code: 310001 to 310007.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct SchemaError {
    /// The error code.
    pub code: i64,
    /// What is wrong.
    pub message: String,
}

/// Neither key nor ObjectID was given.
pub const NO_KEY: i64 = 310_001;
/// What should be deleted is not there.
pub const DELETE_MISSING: i64 = 310_002;
/// It exists, and the request only adds.
pub const UPDATE_REFUSED: i64 = 310_003;
/// It is missing, and the request only updates.
pub const ADD_REFUSED: i64 = 310_004;
/// A request to add carried an ObjectID.
pub const ADD_WITH_ID: i64 = 310_005;
/// The definition is not valid.
pub const INVALID: i64 = 310_007;

/// A refusal.
pub fn refuse<T>(code: i64, message: impl Into<String>) -> Result<T, SchemaError> {
    Err(SchemaError { code, message: message.into() })
}

/// A field as asked for. Absent members keep their value, or get the usual one in a new field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldSpec {
    /// ObjectID of an existing field.
    pub object_id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its type; Text where absent.
    #[serde(rename = "type")]
    pub field_type: Option<FieldType>,
    /// Text: longest value in UTF-16 units; Decimal: precision.
    pub max_length: Option<u32>,
    /// Decimal: digits after the point.
    pub scale: Option<u32>,
    /// Whether a value is required.
    pub required: Option<bool>,
    /// Whether it is part of the primary key.
    pub primary_key: Option<bool>,
    /// Its default; `Now()` on a date is the time of insertion.
    pub default: Option<String>,
    /// Its description.
    pub description: Option<String>,
}

/// How long rows live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Each row goes when it is old.
    pub row_based: bool,
    /// An import begins the period anew.
    pub reset_on_import: bool,
    /// All rows go at the end and the data extension stays.
    pub delete_at_end: bool,
    /// How many units.
    pub length: Option<i64>,
    /// 3 days, 4 weeks, 5 months, 6 years.
    pub unit: Option<i64>,
    /// US text of the last day; empty where there is none.
    pub retain_until: String,
}

impl Retention {
    /// Only these go together: <https://github.com/Accenture/sfmc-devtools>, `lib/metadataTypes/DataExtension.js`.
    fn check(&self) -> Result<(), SchemaError> {
        let has_period = self.length.is_some_and(|it| 0 < it);
        if has_period && !matches!(self.unit, Some(3..=6)) {
            return refuse(INVALID, "The retention period needs a unit of measure: 3 days, 4 weeks, 5 months or 6 years.");
        }
        if has_period && !self.retain_until.is_empty() {
            return refuse(INVALID, "RetainUntil must be empty where there is a retention period.");
        }
        if self.row_based && self.delete_at_end {
            return refuse(INVALID, "Row based retention cannot delete all rows at the end of the period.");
        }
        if self.row_based && !has_period {
            return refuse(INVALID, "Row based retention needs a retention period.");
        }
        if self.row_based && self.reset_on_import {
            return refuse(INVALID, "The period of row based retention cannot be reset by an import.");
        }
        Ok(())
    }

    /// The age in milliseconds at which a row goes, where rows go one by one.
    pub fn row_age_ms(&self) -> Option<i64> {
        let days = match self.unit? {
            3 => 1,
            4 => 7,
            5 => 30,
            6 => 365,
            _ => return None,
        };
        self.row_based.then_some(self.length? * days * 86_400_000)
    }
}

/// How people are found by a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sendable {
    /// The field that names them.
    pub field: String,
    /// `_SubscriberKey` or `_SubscriberID`.
    pub subscriber_field: String,
}

/// A data extension as asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataExtensionSpec {
    /// ObjectID of an existing one.
    pub object_id: Option<String>,
    /// External key; made up where absent.
    pub key: Option<String>,
    /// Name, unique in the business unit.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Folder; the root where absent.
    pub category_id: Option<u64>,
    /// Whether it may be sent to.
    pub sendable: Option<Sendable>,
    /// Whether tests may be sent to it.
    pub testable: Option<bool>,
    /// Retention, where it is mentioned at all.
    pub retention: Option<Retention>,
    /// Key of the template, kept and nothing else.
    pub template_key: Option<String>,
    /// Fields: new ones, and changes of those that carry an ObjectID.
    pub fields: Vec<FieldSpec>,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// `ObjectID`.
    pub object_id: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub field_type: FieldType,
    /// Text: longest value in UTF-16 units; Decimal: precision; absent: no limit, or none that applies.
    pub max_length: Option<u32>,
    /// Decimal: digits after the point.
    pub scale: u32,
    /// Whether a value is required.
    pub required: bool,
    /// Whether it is part of the primary key.
    pub primary_key: bool,
    /// Its default, empty for none.
    pub default: String,
    /// Its description.
    pub description: String,
    /// Its place, from 0.
    pub ordinal: usize,
    /// When it was made, unix milliseconds.
    pub created_ms: i64,
    /// Where its values stand in a row; never given twice.
    pub slot: usize,
}

impl Field {
    /// What it demands of values.
    pub fn demand(&self) -> Demand {
        Demand { field_type: self.field_type, max_length: self.max_length, scale: self.scale }
    }

    /// Appends the stored form of its default.
    pub fn store_default(&self, now_ms: i64, reading: Reading, out: &mut Vec<u8>) -> Result<(), RowError> {
        if self.field_type == FieldType::Date && is_now(&self.default) {
            let server = clock::server_ms(now_ms, reading.offset_hours);
            out.extend_from_slice(&(server.div_euclid(1000) * 1000).to_le_bytes());
            return Ok(());
        }
        self.demand().store(&self.default, reading, out)
    }
}

fn is_now(default: &str) -> bool {
    matches!(default.trim().to_ascii_lowercase().as_str(), "now()" | "getdate()")
}

/// A data extension with its rows.
#[derive(Debug, Serialize, Deserialize)]
pub struct DataExtension {
    /// `ObjectID`.
    pub object_id: String,
    /// `CustomerKey`.
    pub key: String,
    /// `Name`.
    pub name: String,
    /// `Description`.
    pub description: String,
    /// `CategoryID`.
    pub category_id: u64,
    /// Whether and how it may be sent to.
    pub sendable: Option<Sendable>,
    /// `IsTestable`.
    pub testable: bool,
    /// How long rows live.
    pub retention: Retention,
    /// `Template.CustomerKey`.
    pub template_key: String,
    /// Fields in the order of their making.
    pub fields: Vec<Field>,
    /// When it was made, unix milliseconds.
    pub created_ms: i64,
    /// When its definition was changed, unix milliseconds.
    pub modified_ms: i64,
    /// The rows.
    pub rows: Rows,
    slots: usize,
}

/// What a change needs to know besides.
pub struct Context<'a> {
    /// Identifiers.
    pub ids: &'a mut Ids,
    /// The time, unix milliseconds.
    pub now_ms: i64,
    /// The folder for those who name none.
    pub root_folder: u64,
    /// The uncertain things.
    pub switches: &'a Switches,
}

impl DataExtension {
    /// Makes one, or says what is wrong. That name and key are free is the caller's business.
    pub fn create(spec: &DataExtensionSpec, context: &mut Context<'_>) -> Result<Self, SchemaError> {
        if spec.object_id.as_deref().is_some_and(|it| !it.is_empty()) {
            return refuse(ADD_WITH_ID, "An ObjectID was specified on an add request.");
        }
        let name = spec.name.clone().unwrap_or_default();
        check_name(&name)?;
        if spec.fields.is_empty() {
            return refuse(INVALID, "A data extension must have at least one field.");
        }
        let key = match spec.key.as_deref().filter(|it| !it.is_empty()) {
            Some(key) if KEY_CHARS_MAX < key.chars().count() => {
                return refuse(INVALID, format!("The CustomerKey is longer than {KEY_CHARS_MAX} characters."));
            }
            Some(key) => key.to_owned(),
            None => context.ids.guid().to_uppercase(),
        };
        let mut made = Self {
            object_id: context.ids.guid(),
            key,
            name,
            description: spec.description.clone().unwrap_or_default(),
            category_id: spec.category_id.unwrap_or(context.root_folder),
            sendable: None,
            testable: spec.testable.unwrap_or(false),
            retention: spec.retention.clone().unwrap_or_default(),
            template_key: spec.template_key.clone().unwrap_or_default(),
            fields: Vec::new(),
            created_ms: context.now_ms,
            modified_ms: context.now_ms,
            rows: Rows::new(KeyLayout::default()),
            slots: 0,
        };
        for field in &spec.fields {
            made.add_field(field, context)?;
        }
        made.set_sendable(spec.sendable.as_ref())?;
        made.retention.check()?;
        made.rows = Rows::new(made.layout(context.switches.key_folding));
        Ok(made)
    }

    /// Changes it, wholly or not at all.
    pub fn update(&mut self, spec: &DataExtensionSpec, context: &mut Context<'_>) -> Result<(), SchemaError> {
        let (fields, slots) = (self.fields.clone(), self.slots);
        let result = self.change_fields(spec, context).and_then(|()| {
            if let Some(name) = &spec.name {
                check_name(name)?;
            }
            spec.retention.as_ref().map_or(Ok(()), Retention::check)?;
            if spec.sendable.is_some() {
                self.set_sendable(spec.sendable.as_ref())?;
            }
            Ok(())
        });
        if let Err(error) = result {
            (self.fields, self.slots) = (fields, slots);
            return Err(error);
        }
        let new: Vec<Field> = self.fields.iter().filter(|it| slots <= it.slot).cloned().collect();
        for field in new.iter().filter(|it| !it.default.is_empty() && it.required) {
            let reading = Reading::of(context.switches);
            let mut value = Vec::new();
            if field.store_default(context.now_ms, reading, &mut value).is_ok() {
                self.rows.fill(field.slot, Some(&value));
            }
        }
        self.name = spec.name.clone().unwrap_or_else(|| self.name.clone());
        self.description = spec.description.clone().unwrap_or_else(|| self.description.clone());
        self.category_id = spec.category_id.unwrap_or(self.category_id);
        self.testable = spec.testable.unwrap_or(self.testable);
        self.retention = spec.retention.clone().unwrap_or_else(|| self.retention.clone());
        self.modified_ms = context.now_ms;
        self.rows.set_layout(self.layout(context.switches.key_folding));
        Ok(())
    }

    fn change_fields(&mut self, spec: &DataExtensionSpec, context: &mut Context<'_>) -> Result<(), SchemaError> {
        for field in &spec.fields {
            match field.object_id.as_deref().filter(|it| !it.is_empty()) {
                Some(id) => self.change_field(id, field)?,
                None => self.add_field(field, context)?,
            }
        }
        Ok(())
    }

    fn add_field(&mut self, spec: &FieldSpec, context: &mut Context<'_>) -> Result<(), SchemaError> {
        let name = spec.name.clone().unwrap_or_default();
        check_field_name(&name)?;
        if self.field(&name).is_some() {
            return refuse(INVALID, format!("A field named {name} already exists."));
        }
        let field_type = spec.field_type.unwrap_or(FieldType::Text);
        let primary_key = spec.primary_key.unwrap_or(false);
        let required = spec.required.unwrap_or(false);
        if primary_key && !required {
            return refuse(INVALID, format!("The primary key field {name} must be required."));
        }
        let max_length = match (field_type, spec.max_length.filter(|it| 0 < *it)) {
            (FieldType::Text, Some(length)) if TEXT_LENGTH_MAX < length => {
                return refuse(INVALID, format!("The MaxLength of {name} is greater than {TEXT_LENGTH_MAX}."));
            }
            (FieldType::Text, length) => length,
            (FieldType::Decimal, None) => {
                return refuse(INVALID, format!("The Decimal field {name} needs a precision and a scale."));
            }
            (FieldType::Decimal, Some(precision)) if 38 < precision || precision < spec.scale.unwrap_or(0) => {
                return refuse(INVALID, format!("The precision of {name} must be from its scale to 38."));
            }
            (FieldType::Decimal, precision) => precision,
            (FieldType::EmailAddress, _) => Some(254),
            (FieldType::Phone, length) => Some(length.unwrap_or(50)),
            (FieldType::Locale, length) => Some(length.unwrap_or(5)),
            (FieldType::Number | FieldType::Date | FieldType::Boolean, _) => None,
        };
        let field = Field {
            object_id: context.ids.guid(),
            name: name.clone(),
            field_type,
            max_length,
            scale: if field_type == FieldType::Decimal { spec.scale.unwrap_or(0) } else { 0 },
            required,
            primary_key,
            default: spec.default.clone().unwrap_or_default(),
            description: spec.description.clone().unwrap_or_default(),
            ordinal: self.fields.len(),
            created_ms: context.now_ms,
            slot: self.slots,
        };
        check_default(&field)?;
        if !self.rows.is_empty() {
            if primary_key {
                return refuse(INVALID, format!("The primary key field {name} cannot be added: there are rows."));
            }
            if required && field.default.is_empty() {
                return refuse(INVALID, format!("The required field {name} needs a default: there are rows."));
            }
        }
        self.slots += 1;
        self.fields.push(field);
        Ok(())
    }

    fn change_field(&mut self, id: &str, spec: &FieldSpec) -> Result<(), SchemaError> {
        let Some(at) = self.fields.iter().position(|it| it.object_id.eq_ignore_ascii_case(id)) else {
            return refuse(INVALID, format!("No field of this data extension has the ObjectID {id}."));
        };
        let mut field = self.fields[at].clone();
        if let Some(name) = &spec.name {
            check_field_name(name)?;
            if self.field(name).is_some_and(|it| it.object_id != field.object_id) {
                return refuse(INVALID, format!("A field named {name} already exists."));
            }
            field.name.clone_from(name);
        }
        if spec.field_type.is_some_and(|it| it != field.field_type) {
            return refuse(INVALID, format!("The type of the field {} cannot be changed.", field.name));
        }
        if let Some(length) = spec.max_length.filter(|it| 0 < *it)
            && matches!(field.field_type, FieldType::Text | FieldType::Decimal | FieldType::Phone | FieldType::Locale)
        {
            match field.max_length {
                Some(now) if length < now => {
                    return refuse(INVALID, format!("The MaxLength of {} cannot be decreased.", field.name));
                }
                Some(_) => field.max_length = Some(length),
                None if field.field_type == FieldType::Text => {
                    return refuse(INVALID, format!("The MaxLength of {} cannot be decreased.", field.name));
                }
                None => {}
            }
        }
        match spec.required {
            Some(true) if !field.required => {
                return refuse(INVALID, format!("The nullable field {} cannot be made required.", field.name));
            }
            Some(false) if field.primary_key => {
                return refuse(INVALID, format!("The primary key field {} must be required.", field.name));
            }
            Some(required) => field.required = required,
            None => {}
        }
        if spec.primary_key.is_some_and(|it| it != field.primary_key) {
            return refuse(INVALID, format!("The primary key cannot be changed at the field {}.", field.name));
        }
        field.default = spec.default.clone().unwrap_or(field.default);
        field.description = spec.description.clone().unwrap_or(field.description);
        check_default(&field)?;
        self.fields[at] = field;
        Ok(())
    }

    fn set_sendable(&mut self, sendable: Option<&Sendable>) -> Result<(), SchemaError> {
        let Some(wanted) = sendable else { return Ok(()) };
        let Some(field) = self.field(&wanted.field) else {
            return refuse(INVALID, format!("The sendable field {} does not exist.", wanted.field));
        };
        let subscriber_field = match wanted.subscriber_field.to_ascii_lowercase().replace([' ', '_'], "").as_str() {
            "subscriberkey" => "_SubscriberKey",
            "subscriberid" => "_SubscriberID",
            other => return refuse(INVALID, format!("{other} is not a subscriber field.")),
        };
        self.sendable = Some(Sendable { field: field.name.clone(), subscriber_field: subscriber_field.to_owned() });
        Ok(())
    }

    /// Removes fields by their ObjectIDs.
    pub fn remove_fields(&mut self, ids: &[String], now_ms: i64) -> Result<(), SchemaError> {
        for id in ids {
            let Some(field) = self.fields.iter().find(|it| it.object_id.eq_ignore_ascii_case(id)) else {
                return refuse(DELETE_MISSING, format!("No field of this data extension has the ObjectID {id}."));
            };
            if field.primary_key {
                return refuse(INVALID, format!("The primary key field {} cannot be deleted.", field.name));
            }
            if self.sendable.as_ref().is_some_and(|it| it.field == field.name) {
                return refuse(INVALID, format!("The sendable field {} cannot be deleted.", field.name));
            }
        }
        self.fields.retain(|it| !ids.iter().any(|id| it.object_id.eq_ignore_ascii_case(id)));
        for (ordinal, field) in self.fields.iter_mut().enumerate() {
            field.ordinal = ordinal;
        }
        self.modified_ms = now_ms;
        Ok(())
    }

    /// Drops and remakes a field: same name and type, another identity, no values.
    pub fn recreate_field(&mut self, name: &str, ids: &mut Ids) -> bool {
        let slot = self.slots;
        let Some(field) = self.fields.iter_mut().find(|it| it.name.eq_ignore_ascii_case(name)) else { return false };
        if field.primary_key {
            return false;
        }
        field.object_id = ids.guid();
        field.slot = slot;
        self.slots += 1;
        true
    }

    /// Drops and remakes the whole: same key, name and fields, other identities, no rows.
    pub fn recreate(&mut self, ids: &mut Ids, now_ms: i64) {
        self.object_id = ids.guid();
        for field in &mut self.fields {
            field.object_id = ids.guid();
            field.created_ms = now_ms;
        }
        (self.created_ms, self.modified_ms) = (now_ms, now_ms);
        self.rows = Rows::new(self.rows.layout().clone());
    }

    /// The field of that name, in any case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        let lower = name.to_lowercase();
        self.fields.iter().find(|it| it.name == name).or_else(|| self.fields.iter().find(|it| it.name.to_lowercase() == lower))
    }

    /// The fields of the primary key.
    pub fn key_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|it| it.primary_key)
    }

    /// Whether it has a primary key.
    pub fn has_key(&self) -> bool {
        self.key_fields().next().is_some()
    }

    /// How many slots a row has.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Which cells make the key.
    pub fn layout(&self, folding: KeyFolding) -> KeyLayout {
        KeyLayout { parts: self.key_fields().map(|it| (it.slot, it.field_type)).collect(), folding }
    }
}

fn check_name(name: &str) -> Result<(), SchemaError> {
    match name.trim() {
        "" => refuse(INVALID, "A data extension needs a name."),
        it if it.starts_with('_') => refuse(INVALID, format!("The name {name} is reserved for system tables.")),
        it if 100 < it.chars().count() => refuse(INVALID, "The name is longer than 100 characters."),
        _ => Ok(()),
    }
}

fn check_field_name(name: &str) -> Result<(), SchemaError> {
    match name.trim() {
        "" => refuse(INVALID, "A field needs a name."),
        it if it.starts_with('_') => refuse(INVALID, format!("The field name {name} is reserved.")),
        it if 128 < it.chars().count() => refuse(INVALID, "A field name is longer than 128 characters."),
        _ => Ok(()),
    }
}

fn check_default(field: &Field) -> Result<(), SchemaError> {
    let reading = Reading::of(&Switches::default());
    if field.default.is_empty() || field.store_default(0, reading, &mut Vec::new()).is_ok() {
        return Ok(());
    }
    refuse(INVALID, format!("The default of the field {} does not fit its type.", field.name))
}
