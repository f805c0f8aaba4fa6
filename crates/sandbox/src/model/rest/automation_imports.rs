//! Import definitions by REST: `/automation/v1/imports`.

use serde_json::{Value, json};

use super::{Answer, Rest, not_found};
use crate::model::Model;
use crate::model::clock::{iso_text, server_ms};
use crate::model::http::HttpAnswer;
use crate::model::imports::{BlankFile, Definition, FieldMap, MapSource, MappingType, UpdateType, day_first};
use crate::model::soap::blank_definition;
use crate::model::units::{Unit, same};

impl Model {
    pub(super) fn rest_automation_imports(&mut self, rest: &Rest<'_>, tail: &[&str]) -> Answer {
        let reads = rest.request.method == "GET";
        rest.needs(if reads { "automations_read" } else { "automations_write" })?;
        match (rest.request.method.as_str(), tail) {
            ("GET", []) => self.list_definitions(rest),
            ("POST", []) => self.save_rest_definition(rest, None),
            (method, [id]) => {
                let unit = self.units.get_mut(&rest.grant.account_id).ok_or_else(not_found)?;
                let at = unit.definitions.iter().position(|it| it.object_id.eq_ignore_ascii_case(id)).ok_or_else(not_found)?;
                match method {
                    "GET" => {
                        let definition = unit.definitions[at].clone();
                        Ok(HttpAnswer::json(200, &self.definition_json(rest.grant.account_id, &definition, true)))
                    }
                    "PATCH" => self.save_rest_definition(rest, Some(at)),
                    "DELETE" => {
                        unit.definitions.remove(at);
                        Ok(HttpAnswer::empty(200))
                    }
                    _ => Err(not_found()),
                }
            }
            _ => Err(not_found()),
        }
    }

    fn list_definitions(&self, rest: &Rest<'_>) -> Answer {
        let (page, page_size) = rest.paging(50, 500);
        let account_id = rest.grant.account_id;
        let unit = self.units.get(&account_id).ok_or_else(not_found)?;
        let wanted = rest.request.query("$filter");
        let wanted =
            wanted.as_deref().and_then(|it| it.split_once(" eq ")).map(|(name, value)| (name.trim(), value.trim().trim_matches('\'')));
        let fits = |it: &&Definition| match wanted {
            Some(("customerKey", value)) => same(&it.key, value),
            Some(("name", value)) => same(&it.name, value),
            _ => true,
        };
        let found: Vec<&Definition> = unit.definitions.iter().filter(fits).collect();
        let items: Vec<Value> =
            found.iter().skip((page - 1) * page_size).take(page_size).map(|it| self.definition_json(account_id, it, false)).collect();
        Ok(HttpAnswer::json(200, &json!({ "page": page, "pageSize": page_size, "count": found.len(), "items": items })))
    }

    fn save_rest_definition(&mut self, rest: &Rest<'_>, at: Option<usize>) -> Answer {
        let body = rest.body()?;
        let id = self.ids.guid();
        let unit = self.units.get_mut(&rest.grant.account_id).ok_or_else(not_found)?;
        let mut definition = match at {
            Some(at) => unit.definitions[at].clone(),
            None => {
                let key = body.get("customerKey").and_then(Value::as_str).filter(|it| !it.is_empty());
                let key = key.map_or_else(|| id.clone(), str::to_owned);
                if unit.definition(&key).is_some() {
                    return Err(refusal(&format!("An import with the key {key} already exists.")));
                }
                blank_definition(id, key, rest.now_ms)
            }
        };
        merge(&mut definition, &body, unit).map_err(|it| refusal(&it))?;
        if let Some(problem) = definition.problem() {
            return Err(refusal(&problem));
        }
        if unit.definitions.iter().any(|it| it.object_id != definition.object_id && same(&it.name, &definition.name)) {
            return Err(refusal(&format!("An import named {} already exists.", definition.name)));
        }
        definition.modified_ms = rest.now_ms;
        match at {
            Some(at) => unit.definitions[at] = definition.clone(),
            None => unit.definitions.push(definition.clone()),
        }
        Ok(HttpAnswer::json(200, &self.definition_json(rest.grant.account_id, &definition, false)))
    }

    /// `whole` adds what only a definition read by its id shows.
    fn definition_json(&self, account_id: u64, it: &Definition, whole: bool) -> Value {
        let date = |ms: i64| iso_text(server_ms(ms, self.switches.server_offset_hours));
        let unit = self.units.get(&account_id);
        let location = unit.and_then(|unit| unit.location(&it.plan.location));
        let maps: Vec<Value> = it
            .plan
            .maps
            .iter()
            .map(|map| {
                let source = match &map.source {
                    MapSource::Name(name) => name.clone(),
                    MapSource::Ordinal(at) => at.to_string(),
                };
                json!({ "sourceFieldName": source, "destinationFieldName": map.destination })
            })
            .collect();
        let mut json = json!({
            "importDefinitionId": it.object_id,
            "name": it.name,
            "customerKey": it.key,
            "description": it.description,
            "createdDate": date(it.created_ms),
            "modifiedDate": date(it.modified_ms),
            "allowErrors": it.plan.allow_errors,
            "dateFormatLocale": it.locale,
            "deleteFile": it.plan.delete_file,
            "destinationObjectId": it.plan.target,
            "destinationObjectTypeId": 310,
            "destinationId": 0,
            "fieldMappingType": it.plan.mapping.name(),
            "fieldMappings": maps,
            "fileNamingPattern": it.plan.file_spec,
            "fileTransferLocationId": location.map(|it| &it.id),
            "fileTransferLocationTypeId": location.map_or(0, |it| it.type_id()),
            "fileType": it.file_type,
            "filter": "",
            "hasColumnHeader": 0 < it.plan.header_lines,
            "isOrderedImport": it.ordered,
            "isSequential": it.sequential,
            "maxFileAgeHours": it.plan.file_age_hours_max,
            "maxImportFrequencyHours": it.frequency_hours,
            "maxFileAgeScheduleOffsetHours": it.age_offset_hours,
            "sendEmailNotification": !it.notify.is_empty(),
            "standardQuotedStrings": it.plan.quoted,
            "subscriberImportTypeId": 255,
            "updateTypeId": it.plan.update_type.id(),
        });
        if it.file_type == "Other" {
            json["delimiter"] = char::from(it.plan.delimiter).to_string().into();
        }
        if whole {
            let target = unit.and_then(|unit| unit.data_extension_by_id(&it.plan.target));
            json["destinationName"] = target.map(|it| it.name.clone()).into();
            json["encodingName"] = "utf-8".into();
            json["fileTransferLocationName"] = location.map(|it| it.name.clone()).into();
            json["blankFileProcessingType"] = it.plan.blank_file.id().into();
        }
        json
    }
}

fn refusal(message: &str) -> HttpAnswer {
    HttpAnswer::rest_error(400, 10006, message)
}

/// Takes over what the body says; the rest stays.
fn merge(definition: &mut Definition, body: &Value, unit: &Unit) -> Result<(), String> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let truth = |name: &str| body.get(name).and_then(Value::as_bool);
    let number = |name: &str| body.get(name).and_then(Value::as_i64);
    let copy = |name: &str, into: &mut String| {
        if let Some(value) = text(name) {
            value.clone_into(into);
        }
    };
    copy("name", &mut definition.name);
    copy("customerKey", &mut definition.key);
    copy("description", &mut definition.description);
    copy("dateFormatLocale", &mut definition.locale);
    copy("fileType", &mut definition.file_type);
    copy("fileNamingPattern", &mut definition.plan.file_spec);
    if body.get("destinationObjectTypeId").and_then(Value::as_u64).is_some_and(|it| it != 310) {
        return Err("Only data extensions (destinationObjectTypeId 310) are modelled here.".to_owned());
    }
    if let Some(id) = text("destinationObjectId") {
        let target = unit.data_extension_by_id(id).ok_or_else(|| format!("The data extension {id} does not exist."))?;
        definition.plan.target = target.object_id.clone();
    }
    if let Some(id) = text("fileTransferLocationId") {
        let location = unit.locations.iter().find(|it| it.id.eq_ignore_ascii_case(id));
        definition.plan.location = location.ok_or_else(|| format!("The file location {id} does not exist."))?.key.clone();
    }
    if let Some(id) = body.get("updateTypeId").and_then(Value::as_u64) {
        definition.plan.update_type = UpdateType::of_id(id).ok_or_else(|| format!("The updateTypeId {id} is not known."))?;
    }
    if let Some(name) = text("fieldMappingType") {
        definition.plan.mapping = MappingType::named(name).ok_or_else(|| format!("The fieldMappingType {name} is not known."))?;
    }
    if let Some(maps) = body.get("fieldMappings").and_then(Value::as_array) {
        definition.plan.maps = maps
            .iter()
            .map(|it| {
                let member = |name: &str| it.get(name).and_then(Value::as_str).map(str::to_owned);
                Some(FieldMap { source: MapSource::Name(member("sourceFieldName")?), destination: member("destinationFieldName")? })
            })
            .collect::<Option<_>>()
            .ok_or("A field mapping needs sourceFieldName and destinationFieldName.")?;
    }
    definition.plan.delimiter = match (definition.file_type.as_str(), text("delimiter").map(str::as_bytes)) {
        ("TAB", _) => b'\t',
        ("Other", Some([delimiter])) => *delimiter,
        ("Other", _) => definition.plan.delimiter,
        _ => b',',
    };
    let plan = &mut definition.plan;
    plan.day_first = day_first(&definition.locale);
    plan.allow_errors = truth("allowErrors").unwrap_or(plan.allow_errors);
    plan.delete_file = truth("deleteFile").unwrap_or(plan.delete_file);
    plan.quoted = truth("standardQuotedStrings").unwrap_or(plan.quoted);
    plan.header_lines = truth("hasColumnHeader").map_or(plan.header_lines, usize::from);
    plan.file_age_hours_max = number("maxFileAgeHours").unwrap_or(plan.file_age_hours_max);
    if let Some(id) = body.get("blankFileProcessingType").and_then(Value::as_u64) {
        plan.blank_file = BlankFile::of_id(id).ok_or_else(|| format!("The blankFileProcessingType {id} is not known."))?;
    }
    definition.frequency_hours = number("maxImportFrequencyHours").unwrap_or(definition.frequency_hours);
    definition.age_offset_hours = number("maxFileAgeScheduleOffsetHours").unwrap_or(definition.age_offset_hours);
    definition.ordered = truth("isOrderedImport").unwrap_or(definition.ordered);
    definition.sequential = truth("isSequential").unwrap_or(definition.sequential);
    Ok(())
}
