//! Field mappings that fit the model and the data extension.

use serde::{Deserialize, Serialize};

use crate::{
    activation::{Activation, FieldWish},
    data_extension::{DataExtension, FieldType, NewColumn},
    model::{ModelColumn, ModelType},
    names::{FieldName, ObjectId},
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
    /// The column of the model, by name.
    pub column: String,
    /// The column's type.
    pub model_type: ModelType,
}

/// Field mappings that fit the model and the data extension. Only [`Mapping::check`] makes one.
///
/// Keys and values are each sorted by folded field name, so that the order in a project file never makes a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    keys: Vec<MappedField>,
    values: Vec<MappedField>,
    time_zone: Option<String>,
}

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
    #[error("`{data_extension}` has no field `{field}`{}; fields of another name than the model's column are not created, use `custom_attributes` for that", did_you_mean(.nearest))]
    NoSuchField {
        /// The field.
        field: String,
        /// The data extension.
        data_extension: String,
        /// The field with the most similar name.
        nearest: Option<String>,
    },
    /// No such column.
    #[error("the model has no column `{column}`{}", did_you_mean(.nearest))]
    NoSuchColumn {
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

impl Mapping {
    /// Checks all wishes of an activation against the model's columns and the data extension, and tells *all* that is wrong.
    ///
    /// Custom attributes whose field is missing are mapped to a field yet to be created, see [`Mapping::columns_to_add`].
    ///
    /// # Errors
    /// Every problem found, in the order of the activation.
    pub fn check(activation: &Activation, model: &[ModelColumn], destination: &DataExtension) -> Result<Self, Vec<MappingProblem>> {
        Check { activation, model, destination, problems: Vec::new() }.run()
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

    /// This mapping with every field that `new` fills too filled from the column, and in the zone, of `new`: what today's rows would have
    /// been under this mapping. Fields that `new` has dropped are filled as they were.
    #[must_use]
    pub fn filled_as(&self, new: &Self) -> Self {
        let filled = |it: &MappedField| {
            let now = new.values.iter().find(|new| it.holds_what(new));
            now.map_or_else(
                || it.clone(),
                |now| MappedField { column: now.column.clone(), model_type: now.model_type.clone(), ..it.clone() },
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
        format!("{:?} {kind} {class}", self.field.folded())
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
            Self::Text => FieldType::Text { units_max: Some(4000) },
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

struct Check<'a> {
    activation: &'a Activation,
    model: &'a [ModelColumn],
    destination: &'a DataExtension,
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
        self.destination.key.to_string()
    }

    fn primary_key_is_whole(&mut self) {
        let data_extension = self.name();
        if self.destination.primary_key().next().is_none() {
            self.problems.push(MappingProblem::NoPrimaryKey { data_extension });
            return;
        }
        let wished = |field: &FieldName| self.activation.primary_key.iter().any(|it| it.field.is_same_as(field));
        let forgotten = self.destination.primary_key().filter(|it| !wished(&it.name));
        let forgotten: Vec<_> = forgotten
            .map(|it| MappingProblem::KeyNotMapped { field: it.name.to_string(), data_extension: data_extension.clone() })
            .collect();
        self.problems.extend(forgotten);
    }

    fn key(&mut self, wish: &FieldWish) -> Option<MappedField> {
        let mapped = self.existing(wish)?;
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
        let Some(field) = self.destination.field(&wish.field).cloned() else {
            let names = self.destination.fields.iter().map(|it| it.name.as_str());
            let nearest = most_similar(wish.field.as_str(), names);
            self.problems.push(MappingProblem::NoSuchField { field: wish.field.to_string(), data_extension: self.name(), nearest });
            return None;
        };
        let column = column?;
        self.fits(MappedField {
            field: field.name,
            field_id: Some(field.id),
            field_type: field.field_type,
            is_required: field.is_required && field.default.is_none(),
            column: column.name,
            model_type: column.model_type,
        })
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
        if self.destination.field(&field).is_some() {
            return self.value(&FieldWish { field, column: name.to_owned() });
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
        let is_required = false;
        Some(MappedField { field, field_id: None, field_type, is_required, column: column.name, model_type: column.model_type })
    }

    fn fits(&mut self, mapped: MappedField) -> Option<MappedField> {
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

    fn column(&mut self, name: &str) -> Option<ModelColumn> {
        let found = self.model.iter().find(|it| it.name == name);
        let found = found.or_else(|| {
            let mut folded = self.model.iter().filter(|it| it.name.eq_ignore_ascii_case(name));
            folded.next().filter(|_| folded.next().is_none())
        });
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
        let required = self.destination.fields.iter().filter(|it| it.is_required && !it.is_primary_key && it.default.is_none());
        let missing = required.filter(|it| !values.iter().any(|value| value.field.is_same_as(&it.name)));
        let wished = |it: &&crate::data_extension::Field| !self.activation.fields.iter().any(|wish| wish.field.is_same_as(&it.name));
        let missing: Vec<_> = missing
            .filter(wished)
            .map(|it| MappingProblem::RequiredNotMapped { field: it.name.to_string(), data_extension: data_extension.clone() })
            .collect();
        self.problems.extend(missing);
    }
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
