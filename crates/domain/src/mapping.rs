//! Field mappings that fit the model and the data extension.

mod exits;
mod problem;

use serde::{Deserialize, Serialize};

pub use self::problem::MappingProblem;

use crate::{
    activation::{Activation, FieldWish, Flag, WhenNull},
    data_extension::{DataExtension, NewColumn},
    field_type::{FieldType, TEXT_UNITS_MAX},
    model::{ModelColumn, ModelType},
    names::{FieldName, ObjectId},
    table::{NewDataExtension, Table, TypeChange, WiderColumn},
    verdict::KEY_UNITS_MAX,
};

/// A field that is filled from a column, both known to exist and to fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappedField {
    /// The field, spelled as the service spells it.
    pub field: FieldName,
    /// Its identity, or `None` while the column is yet to be created.
    pub field_id: Option<ObjectId>,
    /// Its type and limits.
    #[serde(rename = "kind")]
    pub field_type: FieldType,
    /// Whether a blank is refused by the service: required and without default.
    pub is_required: bool,
    /// The column of the model, by name; of a flag, which no column fills, the key of the project file that does.
    pub column: String,
    /// The column's type.
    pub model_type: ModelType,
    /// Whether a text that is longer than the field takes may have it made longer.
    #[serde(default)]
    pub may_widen: bool,
    /// Digits after the point that numbers are rounded to before they become the field's; never rounded when absent. Like the column, it says
    /// where a value comes from and not which it is, so no digest has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u8>,
    /// The flag that fills it, in every row alike, in place of a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag: Option<Flag>,
    /// What a null or blank does to the field: nothing but [`WhenNull::Clear`] in a key.
    #[serde(default, skip_serializing_if = "WhenNull::is_usual")]
    pub when_null: WhenNull,
}

/// What is named in place of a column where a flag fills a field.
const FLAG_COLUMN: &str = "on_exit.flag";

/// Field mappings that fit the model and the data extension. Only [`Mapping::check`] makes one.
///
/// Keys and values are each sorted by folded field name, so that the order in a project file never makes a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    keys: Vec<MappedField>,
    values: Vec<MappedField>,
    time_zone: Option<String>,
}

impl Mapping {
    /// Checks all wishes of an activation against the model's columns and the data extension, and tells *all* that is wrong.
    ///
    /// Custom attributes whose field is missing are mapped to a field yet to be created, see [`Mapping::columns_to_add`].
    ///
    /// # Errors
    /// Every problem found, in the order of the activation.
    pub fn check(activation: &Activation, model: &[ModelColumn], destination: &DataExtension) -> Result<Self, Vec<MappingProblem>> {
        Check { activation, model, destination: View::of(destination), problems: Vec::new() }.run()
    }

    /// The same against a data extension that is to be made: each of its fields is yet to be created.
    ///
    /// # Errors
    /// Every problem found, in the order of the activation.
    pub fn check_new(activation: &Activation, model: &[ModelColumn], new: &NewDataExtension) -> Result<Self, Vec<MappingProblem>> {
        let mut check = Check { activation, model, destination: View::of_new(new), problems: Vec::new() };
        check.new_table_can_be_made(new);
        check.run()
    }

    /// [`Mapping::check`] or [`Mapping::check_new`].
    ///
    /// # Errors
    /// Every problem found, in the order of the activation.
    pub fn check_table(activation: &Activation, model: &[ModelColumn], table: &Table) -> Result<Self, Vec<MappingProblem>> {
        match table {
            Table::There(there) => Self::check(activation, model, there),
            Table::New(new) => Self::check_new(activation, model, new),
        }
    }

    /// The fields of the primary key, sorted by folded name.
    #[must_use]
    pub fn keys(&self) -> &[MappedField] {
        &self.keys
    }

    /// The other mapped fields, sorted by folded name.
    #[must_use]
    pub fn values(&self) -> &[MappedField] {
        &self.values
    }

    /// Keys, then values: the order of columns in files and of cells in a row.
    pub fn fields(&self) -> impl Iterator<Item = &MappedField> {
        self.keys.iter().chain(&self.values)
    }

    /// The zone in which timestamps without zone are read.
    #[must_use]
    pub fn time_zone(&self) -> Option<&str> {
        self.time_zone.as_deref()
    }

    /// The fields yet to be created. Text fields among them still have the longest length; see
    /// [`crate::data_extension::text_length_for`].
    #[must_use]
    pub fn columns_to_add(&self) -> Vec<NewColumn> {
        let missing = self.values.iter().filter(|it| it.field_id.is_none());
        missing.map(|it| NewColumn { name: it.field.clone(), field_type: it.field_type }).collect()
    }

    /// This mapping as it is once columns are created with these types, and made longer.
    #[must_use]
    pub fn once_changed<'a>(mut self, created: impl IntoIterator<Item = (&'a FieldName, FieldType)>, wider: &'a [WiderColumn]) -> Self {
        let wider = wider.iter().map(|it| (&it.name, FieldType::Text { units_max: Some(it.to) }));
        for (name, field_type) in created.into_iter().chain(wider) {
            for field in self.keys.iter_mut().chain(&mut self.values).filter(|it| it.field.is_same_as(name)) {
                field.field_type = field_type;
            }
        }
        self
    }

    /// Fields that `old` filled too, when they had another type. A text that takes longer values than before takes all it took.
    #[must_use]
    pub fn types_changed_since(&self, old: &Self) -> Vec<TypeChange> {
        let changed = |it: &MappedField| {
            let was = old.fields().find(|old| old.field.is_same_as(&it.field))?;
            // Once, columns were remembered with the longest length there is, whatever they were created with.
            let is_guess = was.field_id.is_none() && was.field_type == FieldType::Text { units_max: Some(TEXT_UNITS_MAX) };
            let is_longer = match (was.field_type, it.field_type) {
                (FieldType::Text { units_max: Some(was) }, FieldType::Text { units_max }) => units_max.is_none_or(|it| was <= it),
                (was, is) => was == is,
            };
            let differs = !is_longer && it.field_id.is_some() && !is_guess;
            differs.then(|| TypeChange { field: it.field.clone(), was: was.field_type, is: it.field_type })
        };
        self.fields().filter_map(changed).collect()
    }

    /// What the row fingerprints depend on, as stable text: field names, how values are converted, never the columns they come from.
    ///
    /// A column's length is left out: it decides whether a value is sent, not what the value is.
    #[must_use]
    pub fn digest_text(&self) -> String {
        let mut text = String::from("mapping 1\n");
        text.push_str(&self.key_digest_text());
        for line in self.value_digest_lines() {
            text.push_str(&format!("value {line}\n"));
        }
        if let Some(zone) = &self.time_zone {
            text.push_str(&format!("zone {zone}\n"));
        }
        text
    }

    /// What key fingerprints depend on: where it changes, no key is what it was.
    #[must_use]
    pub fn key_digest_text(&self) -> String {
        self.keys.iter().map(|it| format!("key {}\n", it.digest_line())).collect()
    }

    /// What each value of a row fingerprint depends on, in the order of [`Mapping::values`].
    pub fn value_digest_lines(&self) -> impl Iterator<Item = String> + '_ {
        self.values.iter().map(MappedField::digest_line)
    }

    /// Positions among the values of those whose field `old` did not fill, or filled in another form.
    pub fn values_not_in<'a>(&'a self, old: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let is_new = |it: &MappedField| !old.values.iter().any(|old| old.holds_what(it));
        self.values.iter().enumerate().filter(move |(_, it)| is_new(it)).map(|(at, _)| at)
    }

    /// Positions among the values of those whose blanks clear what `old` has left as it was.
    pub fn values_cleared_since<'a>(&'a self, old: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let was_kept = |it: &MappedField| old.values.iter().any(|old| old.holds_what(it) && old.when_null == WhenNull::Keep);
        self.values.iter().enumerate().filter(move |(_, it)| it.when_null == WhenNull::Clear && was_kept(it)).map(|(at, _)| at)
    }

    /// This mapping with every field that `new` fills too filled from the column, rounded as, and in the zone, of `new`: what today's rows would have
    /// been under this mapping. Fields that `new` has dropped are filled as they were.
    #[must_use]
    pub fn filled_as(&self, new: &Self) -> Self {
        let filled = |it: &MappedField| {
            let now = new.values.iter().find(|new| it.holds_what(new));
            now.map_or_else(
                || it.clone(),
                |now| MappedField {
                    column: now.column.clone(),
                    model_type: now.model_type.clone(),
                    round: now.round,
                    flag: now.flag.clone(),
                    ..it.clone()
                },
            )
        };
        Self { keys: new.keys.clone(), values: self.values.iter().map(filled).collect(), time_zone: new.time_zone.clone() }
    }
}

impl MappedField {
    /// Whether equal values of both are equal in the same column of the data extension, which somebody may have renamed.
    fn holds_what(&self, other: &Self) -> bool {
        let is_same_column = match (&self.field_id, &other.field_id) {
            (Some(id), Some(other)) => id == other,
            _ => self.field.is_same_as(&other.field),
        };
        is_same_column && self.form() == other.form()
    }

    fn digest_line(&self) -> String {
        let (kind, class) = self.form();
        // A kept blank has a fingerprint of its own; whether a row with a blank is sent at all is none of its fingerprint's business.
        let kept = if self.when_null == WhenNull::Keep { " keep" } else { "" };
        format!("{:?} {kind} {class}{kept}", self.field.folded())
    }

    /// Field type and conversion, as far as a value depends on them.
    fn form(&self) -> (String, &'static str) {
        let kind = match self.field_type {
            FieldType::Text { .. } => "Text".to_owned(),
            other => format!("{other:?}"),
        };
        (kind, self.model_type.conversion_class())
    }
}

impl ModelType {
    /// Types of one class give the same canonical value in the same field.
    fn conversion_class(&self) -> &'static str {
        match self {
            Self::Timestamp { zoned: true } => "instant",
            Self::Timestamp { zoned: false } => "wall",
            _ => "plain",
        }
    }

    /// Whether values of this type can become values of a field at all; each row has its own verdict then.
    #[must_use]
    pub fn can_become(&self, field: FieldType) -> bool {
        match (self, field) {
            (Self::Other { .. }, _) => false,
            (Self::Text, _) => true,
            (_, FieldType::Text { .. }) => true,
            (Self::Integer | Self::Decimal { .. } | Self::Float, FieldType::Number | FieldType::Decimal { .. } | FieldType::Phone) => true,
            (Self::Integer | Self::Boolean, FieldType::Boolean) => true,
            (Self::Boolean, FieldType::Number) => true,
            (Self::Date | Self::Timestamp { .. }, FieldType::Date) => true,
            _ => false,
        }
    }

    /// The field type a new column of this model type is created with; texts get the longest length, to be cut to what was seen.
    #[must_use]
    pub fn natural_field_type(&self) -> Option<FieldType> {
        Some(match *self {
            Self::Text => FieldType::Text { units_max: Some(TEXT_UNITS_MAX) },
            // 64-bit whole numbers do not fit the service's 32-bit Number; 19 digits hold any of them.
            Self::Integer => FieldType::Decimal { precision: 19, scale: 0 },
            Self::Decimal { precision, scale } => {
                let scale = scale.clamp(0, 38) as u8;
                FieldType::Decimal { precision: precision.clamp(1, 38).max(scale), scale }
            }
            // Seventeen significant digits tell every double apart; 18 places hold those of any double from 1 on, and of most below.
            Self::Float => FieldType::Decimal { precision: 38, scale: 18 },
            Self::Boolean => FieldType::Boolean,
            Self::Date | Self::Timestamp { .. } => FieldType::Date,
            Self::Other { .. } => return None,
        })
    }

    /// The type in a person's words.
    #[must_use]
    pub fn for_people(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Integer => "whole number".into(),
            Self::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            Self::Float => "floating-point number".into(),
            Self::Boolean => "boolean".into(),
            Self::Date => "date".into(),
            Self::Timestamp { zoned: true } => "timestamp with zone".into(),
            Self::Timestamp { zoned: false } => "timestamp".into(),
            Self::Other { name } => name.clone(),
        }
    }
}

/// A data extension as a mapping sees it, whether it is there or yet to be made.
struct View<'a> {
    name: String,
    fields: Vec<ViewedField<'a>>,
    is_new: bool,
}

struct ViewedField<'a> {
    name: &'a FieldName,
    id: Option<&'a ObjectId>,
    field_type: FieldType,
    /// Whether a row without it is refused.
    is_required: bool,
    is_primary_key: bool,
}

impl<'a> View<'a> {
    fn of(there: &'a DataExtension) -> Self {
        let field = |it: &'a crate::data_extension::Field| ViewedField {
            name: &it.name,
            id: Some(&it.id),
            field_type: it.field_type,
            is_required: it.is_required && it.default.is_none(),
            is_primary_key: it.is_primary_key,
        };
        Self { name: there.key.to_string(), fields: there.fields.iter().map(field).collect(), is_new: false }
    }

    fn of_new(new: &'a NewDataExtension) -> Self {
        let field = |it: &'a crate::table::NewField| ViewedField {
            name: &it.name,
            id: None,
            field_type: it.field_type,
            is_required: it.is_primary_key,
            is_primary_key: it.is_primary_key,
        };
        Self { name: new.key.to_string(), fields: new.fields.iter().map(field).collect(), is_new: true }
    }

    fn field(&self, name: &FieldName) -> Option<&ViewedField<'a>> {
        self.fields.iter().find(|it| it.name.is_same_as(name))
    }

    fn primary_key(&self) -> impl Iterator<Item = &ViewedField<'a>> {
        self.fields.iter().filter(|it| it.is_primary_key)
    }
}

struct Check<'a> {
    activation: &'a Activation,
    model: &'a [ModelColumn],
    destination: View<'a>,
    problems: Vec<MappingProblem>,
}

impl Check<'_> {
    fn run(mut self) -> Result<Mapping, Vec<MappingProblem>> {
        self.primary_key_is_whole();
        let activation = self.activation;
        let mut keys: Vec<_> = activation.primary_key.iter().filter_map(|it| self.key(it)).collect();
        let mut values: Vec<_> = activation.fields.iter().filter_map(|it| self.value(it)).collect();
        let custom: Vec<_> = activation.custom_attributes.iter().filter_map(|it| self.custom_attribute(it)).collect();
        values.extend(custom);
        values.extend(activation.on_exit.flag().and_then(|it| self.flag(it)));
        self.no_field_is_filled_twice(keys.iter().chain(&values));
        self.required_fields_are_mapped(&values);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        keys.sort_by_key(|it| it.field.folded());
        values.sort_by_key(|it| it.field.folded());
        Ok(Mapping { keys, values, time_zone: activation.time_zone.clone() })
    }

    fn name(&self) -> String {
        self.destination.name.clone()
    }

    /// What is known to be refused, or to be of no use, is not tried.
    fn new_table_can_be_made(&mut self, new: &NewDataExtension) {
        let data_extension = self.name();
        let mut units = 0_u32;
        for it in new.fields.iter().filter(|it| it.is_primary_key) {
            let why = match it.field_type {
                // SOAP tells dates to the second, so that rows could not be found again:
                // https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/creating_a_data_extension_using_web_service_api.html
                FieldType::Date => Some("the service tells dates to the second alone, so that rows could not be found again; use text"),
                FieldType::Text { units_max: None } => {
                    Some("a text without length has no room in an index; give it one, such as `Text(36)`")
                }
                _ => None,
            };
            if let Some(why) = why {
                let (field, data_extension) = (it.name.to_string(), data_extension.clone());
                self.problems.push(MappingProblem::UnfitKey { field, data_extension, why });
            } else if it.field_type.is_text_like() {
                units += it.field_type.units_when_made().unwrap_or(0);
            }
        }
        if units > KEY_UNITS_MAX {
            self.problems.push(MappingProblem::KeyTooWide { data_extension: data_extension.clone(), units });
        }
        if let Some(field) = new.sendable.as_ref().map(|it| &it.field).filter(|it| self.destination.field(it).is_none()) {
            self.problems.push(MappingProblem::NoSendableField { field: field.to_string(), data_extension });
        }
    }

    fn primary_key_is_whole(&mut self) {
        let data_extension = self.name();
        if self.destination.primary_key().next().is_none() {
            self.problems.push(MappingProblem::NoPrimaryKey { data_extension });
            return;
        }
        let wished = |field: &FieldName| self.activation.primary_key.iter().any(|it| it.field.is_same_as(field));
        let forgotten = self.destination.primary_key().filter(|it| !wished(it.name));
        let forgotten: Vec<_> = forgotten
            .map(|it| MappingProblem::KeyNotMapped { field: it.name.to_string(), data_extension: data_extension.clone() })
            .collect();
        self.problems.extend(forgotten);
    }

    fn key(&mut self, wish: &FieldWish) -> Option<MappedField> {
        let mapped = MappedField { when_null: WhenNull::Clear, ..self.existing(wish)? };
        let field = self.destination.field(&wish.field)?;
        if !field.is_primary_key {
            let names: Vec<_> = self.destination.primary_key().map(|it| format!("`{}`", it.name)).collect();
            if !names.is_empty() {
                let (field, data_extension, primary_key) = (field.name.to_string(), self.name(), names.join(", "));
                self.problems.push(MappingProblem::NotAKey { field, data_extension, primary_key });
            }
            return None;
        }
        if mapped.model_type == ModelType::Float {
            self.problems.push(MappingProblem::FloatKey { column: wish.column.clone() });
            return None;
        }
        Some(mapped)
    }

    fn value(&mut self, wish: &FieldWish) -> Option<MappedField> {
        let mapped = self.existing(wish)?;
        if self.destination.field(&wish.field).is_some_and(|it| it.is_primary_key) {
            self.problems.push(MappingProblem::KeyAmongFields { field: wish.field.to_string(), data_extension: self.name() });
            return None;
        }
        Some(mapped)
    }

    fn existing(&mut self, wish: &FieldWish) -> Option<MappedField> {
        if wish.field.as_str().starts_with('_') {
            self.problems.push(MappingProblem::SystemField { field: wish.field.to_string() });
            return None;
        }
        let column = self.column(&wish.column);
        let Some(field) = self.destination.field(&wish.field) else {
            return self.yet_to_be_created(wish, column?);
        };
        let (id, field_type, is_required) = (field.id.cloned(), field.field_type, field.is_required);
        let (name, may_widen) = (field.name.clone(), self.may_widen(field));
        if id.is_some() {
            self.fits_what_is_given(&name, field_type);
        }
        let column = column?;
        let (column, model_type, round, when_null) = (column.name, column.model_type, wish.round, self.when_null(wish));
        let (field, field_id, flag) = (name, id, None);
        self.fits(MappedField { field, field_id, field_type, is_required, column, model_type, may_widen, round, when_null, flag })
    }

    /// A field that is not there, and is created where its type is given.
    fn yet_to_be_created(&mut self, wish: &FieldWish, column: ModelColumn) -> Option<MappedField> {
        let (field, ModelColumn { name: column, model_type }) = (wish.field.clone(), column);
        if let Some(field_type) = self.activation.table.given_type(&field) {
            let (is_required, may_widen, round, when_null) = (false, false, wish.round, self.when_null(wish));
            let (field_id, flag) = (None, None);
            return self.fits(MappedField {
                field,
                field_id,
                field_type,
                is_required,
                column,
                model_type,
                may_widen,
                round,
                when_null,
                flag,
            });
        }
        self.problems.push(if self.destination.is_new {
            // Any column whose type a field could have is among the fields to be made.
            let (field, field_type) = (field.to_string(), "any type".into());
            MappingProblem::TypeCannotFit { column, model_type: model_type.for_people(), field, field_type }
        } else {
            let nearest = most_similar(field.as_str(), self.destination.fields.iter().map(|it| it.name.as_str()));
            MappingProblem::NoSuchField { field: field.to_string(), data_extension: self.name(), nearest }
        });
        None
    }

    fn when_null(&self, wish: &FieldWish) -> WhenNull {
        wish.when_null.unwrap_or(self.activation.when_null)
    }

    /// Whether a run may make the field longer. Keys stay as they are: changing the primary key of a data extension is not documented to work.
    fn may_widen(&self, field: &ViewedField<'_>) -> bool {
        let is_limited = matches!(field.field_type, FieldType::Text { units_max: Some(units) } if units < TEXT_UNITS_MAX);
        self.activation.table.may_widen && is_limited && !field.is_primary_key && field.id.is_some()
    }

    /// Holds the type of a field that is there against the one a person gives. A text that may be longer than it is there is no problem: see
    /// [`WiderColumn`].
    fn fits_what_is_given(&mut self, field: &FieldName, there: FieldType) {
        let table = &self.activation.table;
        let key = table.create.iter().flat_map(|it| &it.primary_key).find(|it| it.name.is_same_as(field));
        let Some(given) = table.given_type(field).or(key.map(|it| it.field_type)) else { return };
        let (field, data_extension) = (field.to_string(), self.name());
        self.problems.extend(match (there, given) {
            _ if there == given => None,
            // Without a length, any is meant.
            (FieldType::Text { .. }, FieldType::Text { units_max: None }) => None,
            (FieldType::Text { units_max: there_max }, FieldType::Text { units_max: given_max }) => {
                (there_max.is_none() || there_max > given_max).then_some(MappingProblem::Narrowed { field, data_extension, there, given })
            }
            _ => Some(MappingProblem::Retyped { field, data_extension, there, given }),
        });
    }

    fn custom_attribute(&mut self, name: &str) -> Option<MappedField> {
        let column = self.column(name)?;
        let field = match name.parse::<FieldName>() {
            Ok(field) if !field.as_str().starts_with('_') => field,
            Ok(field) => {
                self.problems.push(MappingProblem::SystemField { field: field.to_string() });
                return None;
            }
            Err(why) => {
                self.problems.push(MappingProblem::BadColumnName { column: name.to_owned(), why: why.to_string() });
                return None;
            }
        };
        if self.destination.field(&field).is_some() || self.activation.table.given_type(&field).is_some() {
            return self.value(&FieldWish::new(field, name));
        }
        let Some(field_type) = column.model_type.natural_field_type() else {
            let (column, model_type) = (column.name, column.model_type.for_people());
            self.problems.push(MappingProblem::TypeCannotFit {
                column,
                model_type,
                field: field.to_string(),
                field_type: "any type".into(),
            });
            return None;
        };
        let (column, model_type) = (column.name, column.model_type);
        let (is_required, may_widen, when_null) = (false, false, self.activation.when_null);
        let (field_id, round, flag) = (None, None, None);
        Some(MappedField { field, field_id, field_type, is_required, column, model_type, may_widen, round, when_null, flag })
    }

    /// The field that says of each row whether it has left: no column fills it, and all else is as of any other field.
    fn flag(&mut self, flag: &Flag) -> Option<MappedField> {
        if flag.field.as_str().starts_with('_') {
            self.problems.push(MappingProblem::SystemField { field: flag.field.to_string() });
            return None;
        }
        let column = ModelColumn { name: FLAG_COLUMN.to_owned(), model_type: ModelType::Text };
        let Some(there) = self.destination.field(&flag.field) else {
            let mapped = self.yet_to_be_created(&FieldWish::new(flag.field.clone(), FLAG_COLUMN), column)?;
            // It is never blank.
            return Some(MappedField { flag: Some(flag.clone()), when_null: WhenNull::Clear, ..mapped });
        };
        if there.is_primary_key {
            self.problems.push(MappingProblem::KeyAmongFields { field: flag.field.to_string(), data_extension: self.name() });
            return None;
        }
        let (field, field_id, field_type, is_required) = (there.name.clone(), there.id.cloned(), there.field_type, there.is_required);
        if field_id.is_some() {
            self.fits_what_is_given(&field, field_type);
        }
        let ModelColumn { name: column, model_type } = column;
        let (may_widen, round, when_null, flag) = (false, None, WhenNull::Clear, Some(flag.clone()));
        Some(MappedField { field, field_id, field_type, is_required, column, model_type, may_widen, round, when_null, flag })
    }

    fn fits(&mut self, mapped: MappedField) -> Option<MappedField> {
        self.can_be_rounded(&mapped);
        if mapped.model_type.can_become(mapped.field_type) {
            return Some(mapped);
        }
        self.problems.push(MappingProblem::TypeCannotFit {
            column: mapped.column,
            model_type: mapped.model_type.for_people(),
            field: mapped.field.to_string(),
            field_type: mapped.field_type.service_name().to_owned(),
        });
        None
    }

    /// Rounding to more digits than the field keeps would leave values that it refuses, and that is surely not meant.
    fn can_be_rounded(&mut self, mapped: &MappedField) {
        let Some(round) = mapped.round else { return };
        let scale = match mapped.field_type {
            FieldType::Number => Some(0),
            FieldType::Decimal { scale, .. } => Some(scale),
            _ => None,
        };
        let field = mapped.field.to_string();
        self.problems.extend(match scale {
            None => Some(MappingProblem::NothingToRound { field, field_type: mapped.field_type }),
            Some(scale) if scale < round => Some(MappingProblem::RoundedTooFinely { field, round, scale }),
            Some(_) => None,
        });
    }

    fn column(&mut self, name: &str) -> Option<ModelColumn> {
        let found = ModelColumn::find(self.model, name);
        if found.is_none() {
            let nearest = most_similar(name, self.model.iter().map(|it| it.name.as_str()));
            self.problems.push(MappingProblem::NoSuchColumn { column: name.to_owned(), nearest });
        }
        found.cloned()
    }

    fn no_field_is_filled_twice<'b>(&mut self, fields: impl Iterator<Item = &'b MappedField>) {
        let mut seen: Vec<&MappedField> = Vec::new();
        for it in fields {
            match seen.iter().find(|other| other.field.is_same_as(&it.field)) {
                Some(first) => self.problems.push(MappingProblem::FilledTwice {
                    field: it.field.to_string(),
                    first: first.column.clone(),
                    second: it.column.clone(),
                }),
                None => seen.push(it),
            }
        }
    }

    fn required_fields_are_mapped(&mut self, values: &[MappedField]) {
        if self.activation.insert == crate::activation::InsertMode::UpdateOnly {
            return;
        }
        let data_extension = self.name();
        let required = self.destination.fields.iter().filter(|it| it.is_required && !it.is_primary_key);
        let missing = required.filter(|it| !values.iter().any(|value| value.field.is_same_as(it.name)));
        let flag = self.activation.on_exit.flag().map(|it| &it.field);
        let fields = || self.activation.fields.iter().map(|it| &it.field).chain(flag);
        let wished = |it: &&ViewedField<'_>| !fields().any(|wish| wish.is_same_as(it.name));
        let missing: Vec<_> = missing
            .filter(wished)
            .map(|it| MappingProblem::RequiredNotMapped { field: it.name.to_string(), data_extension: data_extension.clone() })
            .collect();
        self.problems.extend(missing);
    }
}

/// Columns of a model's own key that the model does not have, each with the column of the most similar name.
pub fn missing_of_key<'k>(key: &'k [String], columns: &[&str]) -> Vec<(&'k str, Option<String>)> {
    let missing = key.iter().map(String::as_str).filter(|it| !columns.contains(it));
    missing.map(|it| (it, most_similar(it, columns.iter().copied()))).collect()
}

/// The name that shares the most with `name`: equal but for case, or at most a third of its letters away.
pub fn most_similar<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let wanted = name.to_lowercase();
    let scored = names.map(|it| (edit_distance(&wanted, &it.to_lowercase()), it));
    let (distance, nearest) = scored.min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= wanted.chars().count().max(3)).then(|| nearest.to_owned())
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
