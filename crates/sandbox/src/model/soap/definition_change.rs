//! Create, change and delete import definitions.

use super::change::{Change, Fate, Refusal, echo_of};
use super::element::Element;
use crate::model::Model;
use crate::model::imports::{ColumnAction, Control, Definition, FieldMap, ImportPlan, MapSource, MappingType, UpdateType, day_first};
use crate::model::units::{Unit, same};

const KEY_MISSING: i64 = 43000;
const NOT_FOUND: i64 = 43010;
const UNSUPPORTED: i64 = 43020;
const EXISTS: i64 = 43030;
const INVALID: i64 = 43060;

impl Model {
    /// Creates or changes an import definition.
    pub(super) fn save_definition(&mut self, change: Change, object: &Element, account_id: u64, now_ms: i64) -> Fate {
        let key = object.filled("CustomerKey").unwrap_or_default().to_owned();
        let id = object.filled("ObjectID").unwrap_or_default().to_owned();
        let new_id = self.ids.guid();
        let Some(unit) = self.units.get_mut(&account_id) else { return Fate::bad(4, "No such business unit.") };
        let at = unit
            .definitions
            .iter()
            .position(|it| if key.is_empty() { !id.is_empty() && it.object_id.eq_ignore_ascii_case(&id) } else { same(&it.key, &key) });
        let mut definition = match (change, at) {
            (Change::Create, Some(_)) => return Fate::bad(EXISTS, "An ImportDefinition with this CustomerKey exists already."),
            (Change::Create, None) if key.is_empty() => {
                return Fate::bad(KEY_MISSING, "The CustomerKey of the ImportDefinition is missing.");
            }
            (Change::Create, None) => blank_definition(new_id.clone(), key, now_ms),
            (_, None) if key.is_empty() && id.is_empty() => {
                return Fate::bad(KEY_MISSING, "Neither CustomerKey nor ObjectID was specified.");
            }
            (_, None) => return Fate::bad(NOT_FOUND, "The ImportDefinition was not found."),
            (_, Some(at)) => unit.definitions[at].clone(),
        };
        if let Err(refusal) = merge(&mut definition, object, unit) {
            return refusal.into();
        }
        if let Some(problem) = definition.problem() {
            return Fate::bad(INVALID, problem);
        }
        if unit.definitions.iter().any(|it| it.object_id != definition.object_id && same(&it.name, &definition.name)) {
            return Fate::bad(INVALID, format!("An ImportDefinition named {} exists already.", definition.name));
        }
        definition.modified_ms = now_ms;
        let object_id = definition.object_id.clone();
        match at {
            Some(at) => {
                unit.definitions[at] = definition;
                Fate { echo: Some(echo_of(object, Some(&object_id))), ..Fate::good("ImportDefinition updated") }
            }
            None => {
                unit.definitions.push(definition);
                Fate {
                    echo: Some(echo_of(object, Some(&object_id))),
                    new_object_id: Some(object_id),
                    ..Fate::good("ImportDefinition created.")
                }
            }
        }
    }

    /// Deletes an import definition.
    pub(super) fn delete_definition(&mut self, object: &Element, account_id: u64) -> Fate {
        let (key, id) = (object.filled("CustomerKey"), object.filled("ObjectID"));
        if key.is_none() && id.is_none() {
            return Fate::bad(KEY_MISSING, "Neither CustomerKey nor ObjectID was specified.");
        }
        let Some(unit) = self.units.get_mut(&account_id) else { return Fate::bad(4, "No such business unit.") };
        let at = unit.definitions.iter().position(|it| match key {
            Some(key) => same(&it.key, key),
            None => id.is_some_and(|id| it.object_id.eq_ignore_ascii_case(id)),
        });
        match at {
            Some(at) => {
                unit.definitions.remove(at);
                Fate::good("ImportDefinition deleted")
            }
            None => Fate::bad(NOT_FOUND, "The ImportDefinition was not found."),
        }
    }
}

/// A definition before anything was said about it.
pub fn blank_definition(object_id: String, key: String, now_ms: i64) -> Definition {
    Definition {
        object_id,
        name: String::new(),
        key,
        description: String::new(),
        plan: ImportPlan { location: String::new(), header_lines: 1, ..ImportPlan::default() },
        file_type: "CSV".to_owned(),
        locale: "en-US".to_owned(),
        notify: String::new(),
        code_page: None,
        frequency_hours: 0,
        age_offset_hours: 0,
        ordered: true,
        sequential: true,
        created_ms: now_ms,
        modified_ms: now_ms,
    }
}

/// Takes over what the object says; the rest stays.
fn merge(definition: &mut Definition, object: &Element, unit: &Unit) -> Result<(), Refusal> {
    let invalid = |message: String| Refusal::new(INVALID, message);
    let text = |name: &str, into: &mut String| {
        if let Some(value) = object.value(name) {
            value.clone_into(into);
        }
    };
    text("Name", &mut definition.name);
    text("Description", &mut definition.description);
    text("FileSpec", &mut definition.plan.file_spec);
    text("NullRepresentation", &mut definition.plan.null_text);
    text("Notification/ResponseAddress", &mut definition.notify);
    if let Some(destination) = object.child("DestinationObject") {
        match destination.kind.as_deref() {
            None | Some("DataExtension") => {}
            Some(other) => return Err(Refusal::new(UNSUPPORTED, format!("Imports into {other} are not modelled here."))),
        }
        let found = match destination.filled("ObjectID") {
            Some(id) => unit.data_extension_by_id(id),
            None => destination.filled("CustomerKey").and_then(|it| unit.data_extension(it)),
        };
        definition.plan.target = found.ok_or_else(|| invalid("The DestinationObject does not exist.".to_owned()))?.object_id.clone();
    }
    if object.child("SourceObject").is_some() || object.child("AutoGenerateDestination").is_some() {
        return Err(Refusal::new(UNSUPPORTED, "SourceObject and AutoGenerateDestination are not modelled here."));
    }
    if let Some(place) = object.child("RetrieveFileTransferLocation") {
        let found = match place.filled("CustomerKey") {
            Some(key) => unit.location(key),
            None => place.filled("ObjectID").and_then(|id| unit.locations.iter().find(|it| it.id == id)),
        };
        definition.plan.location = found.ok_or_else(|| invalid("The RetrieveFileTransferLocation does not exist.".to_owned()))?.key.clone();
    }
    if let Some(name) = object.filled("UpdateType") {
        definition.plan.update_type = UpdateType::named(name).ok_or_else(|| invalid(format!("The UpdateType {name} is not available.")))?;
    }
    if let Some(name) = object.filled("FieldMappingType") {
        definition.plan.mapping = MappingType::named(name).ok_or_else(|| invalid(format!("The FieldMappingType {name} is not known.")))?;
    }
    if let Some(maps) = object.child("FieldMaps") {
        definition.plan.maps = maps
            .all("FieldMap")
            .map(field_map)
            .collect::<Option<_>>()
            .ok_or_else(|| invalid("A FieldMap needs a SourceName or SourceOrdinal, and a DestinationName.".to_owned()))?;
    }
    if let Some(file_type) = object.filled("FileType") {
        file_type.clone_into(&mut definition.file_type);
    }
    definition.plan.delimiter = match (definition.file_type.as_str(), object.value("Delimiter").map(str::as_bytes)) {
        ("CSV", _) => b',',
        ("TAB", _) => b'\t',
        ("Other", Some([delimiter])) => *delimiter,
        ("Other", None) => definition.plan.delimiter,
        ("Other", _) => return Err(invalid("The Delimiter must be one character.".to_owned())),
        (other, _) => return Err(invalid(format!("The FileType {other} is not known."))),
    };
    if let Some(locale) = object.filled("DateFormattingLocale/LocaleCode") {
        locale.clone_into(&mut definition.locale);
        definition.plan.day_first = day_first(locale);
    }
    let plan = &mut definition.plan;
    plan.header_lines = object.number("HeaderLines").unwrap_or(plan.header_lines);
    plan.allow_errors = object.truth("AllowErrors").unwrap_or(plan.allow_errors);
    plan.quoted = object.truth("StandardQuotedStrings").unwrap_or(plan.quoted);
    plan.delete_file = object.truth("DeleteFile").unwrap_or(plan.delete_file);
    plan.file_age_hours_max = object.number("MaxFileAge").unwrap_or(plan.file_age_hours_max);
    definition.age_offset_hours = object.number("MaxFileAgeScheduleOffset").unwrap_or(definition.age_offset_hours);
    definition.frequency_hours = object.number("MaxImportFrequency").unwrap_or(definition.frequency_hours);
    definition.code_page = object.number("EncodingCodePage").or(definition.code_page);
    merge_control(definition, object)
}

fn merge_control(definition: &mut Definition, object: &Element) -> Result<(), Refusal> {
    let Some(column) = object.filled("ControlColumn") else { return Ok(()) };
    let action = |name: &str| ColumnAction::named(name).ok_or_else(|| Refusal::new(INVALID, format!("The action {name} is not known.")));
    let mut control = Control { column: column.to_owned(), ..Control::default() };
    if let Some(name) = object.filled("ControlColumnDefaultAction") {
        control.default = Some(action(name)?);
    }
    for it in object.child("ControlColumnActions").into_iter().flat_map(|it| it.all("ControlColumnAction")) {
        let value = it.value("Value").unwrap_or_default().to_owned();
        control.actions.push((value, action(it.filled("Action").unwrap_or_default())?));
    }
    definition.plan.control = Some(control);
    Ok(())
}

fn field_map(map: &Element) -> Option<FieldMap> {
    let source = match map.filled("SourceName") {
        Some(name) => MapSource::Name(name.to_owned()),
        None => MapSource::Ordinal(map.number("SourceOrdinal")?),
    };
    Some(FieldMap { source, destination: map.filled("DestinationName")?.to_owned() })
}
