//! Data extensions by REST: `/data/v1/customobjects` and the older list.

use serde_json::{Value, json};

use super::{Answer, Rest, not_found};
use crate::model::Model;
use crate::model::clock::{iso_text, server_ms};
use crate::model::data_extension::{DataExtension, DataExtensionSpec, Field, FieldSpec, SchemaError, Sendable};
use crate::model::http::HttpAnswer;
use crate::model::types::FieldType;

impl Model {
    pub(super) fn rest_custom_objects(&mut self, rest: &Rest<'_>, tail: &[&str]) -> Answer {
        let reads = rest.request.method == "GET";
        rest.needs(if reads { "data_extensions_read" } else { "data_extensions_write" })?;
        match (rest.request.method.as_str(), tail) {
            ("GET", []) => self.search_objects(rest),
            ("POST", []) => self.create_object(rest),
            ("GET", ["category", id]) => {
                let id: u64 = id.parse().map_err(|_| invalid_id())?;
                let inside = |it: &&DataExtension| it.category_id == id;
                Ok(self.object_page(rest, inside))
            }
            ("GET", [id]) => self.with_object(rest, id, |model, de| Ok(HttpAnswer::json(200, &model.object_json(de)))),
            ("GET", [id, "fields"]) => self.with_object(rest, id, |_, de| {
                let fields: Vec<Value> = de.fields.iter().map(field_json).collect();
                Ok(HttpAnswer::json(200, &json!({ "id": de.object_id, "fields": fields })))
            }),
            ("PATCH", [id]) | ("POST" | "PATCH", [id, "fields"]) => self.change_object(rest, id),
            ("DELETE", [id]) => {
                self.with_object(rest, id, |_, _| Ok(HttpAnswer::empty(200)))?;
                if let Some(unit) = self.units.get_mut(&rest.grant.account_id) {
                    unit.data_extensions.retain(|it| !it.object_id.eq_ignore_ascii_case(id));
                }
                Ok(HttpAnswer::empty(200))
            }
            ("POST", [id, "cleardata"]) => {
                self.with_object(rest, id, |_, _| Ok(HttpAnswer::empty(200)))?;
                let unit = self.units.get_mut(&rest.grant.account_id);
                if let Some(de) = unit.and_then(|unit| unit.data_extension_by_id_mut(id)) {
                    de.rows.clear();
                }
                Ok(HttpAnswer::json(200, &json!({ "requestId": self.ids.guid(), "resultMessages": [] })))
            }
            _ => Err(not_found()),
        }
    }

    /// A key where an id is wanted is refused by its shape.
    fn with_object(&self, rest: &Rest<'_>, id: &str, answer: impl Fn(&Self, &DataExtension) -> Answer) -> Answer {
        if id.len() != 36 {
            return Err(invalid_id());
        }
        let unit = self.units.get(&rest.grant.account_id).ok_or_else(not_found)?;
        answer(self, unit.data_extension_by_id(id).ok_or_else(not_found)?)
    }

    fn search_objects(&self, rest: &Rest<'_>) -> Answer {
        let Some(search) = rest.request.query("$search") else {
            return Err(HttpAnswer::rest_error(400, 10005, "$search is a required parameter"));
        };
        if search.contains(['*', '%']) {
            return Err(HttpAnswer::rest_error(400, 10005, "$search must not contain wildcards"));
        }
        let search = search.to_lowercase();
        Ok(self.object_page(rest, |it| it.name.to_lowercase().contains(&search) || it.key.to_lowercase().contains(&search)))
    }

    fn object_page(&self, rest: &Rest<'_>, wanted: impl Fn(&&DataExtension) -> bool) -> HttpAnswer {
        let (page, page_size) = rest.paging(25, 500);
        let all = self.units.get(&rest.grant.account_id).map_or(&[][..], |unit| &unit.data_extensions);
        let found: Vec<&DataExtension> = all.iter().filter(wanted).collect();
        let items: Vec<Value> = found.iter().skip((page - 1) * page_size).take(page_size).map(|it| self.object_json(it)).collect();
        HttpAnswer::json(200, &json!({ "page": page, "pageSize": page_size, "count": found.len(), "items": items }))
    }

    fn object_json(&self, de: &DataExtension) -> Value {
        let date = |ms: i64| iso_text(server_ms(ms, self.switches.server_offset_hours));
        json!({
            "id": de.object_id,
            "name": de.name,
            "key": de.key,
            "description": de.description,
            "isActive": true,
            "isSendable": de.sendable.is_some(),
            "sendableCustomObjectField": de.sendable.as_ref().map(|it| &it.field),
            "sendableSubscriberField": de.sendable.as_ref().map(|it| &it.subscriber_field),
            "isTestable": de.testable,
            "categoryId": de.category_id,
            "ownerId": 0,
            "createdDate": date(de.created_ms),
            "modifiedDate": date(de.modified_ms),
            "rowCount": de.rows.len(),
            "fieldCount": de.fields.len(),
        })
    }

    fn create_object(&mut self, rest: &Rest<'_>) -> Answer {
        let spec = spec_of(&rest.body()?, true)?;
        let id = self.create_data_extension_in(rest.grant.account_id, &spec, rest.now_ms).map_err(|it| refusal(&it))?;
        self.with_object(rest, &id, |_, de| Ok(HttpAnswer::json(201, &json!({ "id": de.object_id, "name": de.name, "key": de.key }))))
    }

    fn change_object(&mut self, rest: &Rest<'_>, id: &str) -> Answer {
        self.with_object(rest, id, |_, _| Ok(HttpAnswer::empty(200)))?;
        let spec = spec_of(&rest.body()?, false)?;
        self.update_data_extension_in(rest.grant.account_id, id, &spec, rest.now_ms).map_err(|it| refusal(&it))?;
        Ok(HttpAnswer::json(200, &json!({ "requestId": self.ids.guid(), "resultMessages": [] })))
    }

    /// `/legacy/v1/beta/object`: all data extensions, and one.
    pub(super) fn rest_legacy_objects(&mut self, rest: &Rest<'_>, tail: &[&str]) -> Answer {
        rest.needs("data_extensions_read")?;
        match tail {
            [] => {
                let number = |name: &str| rest.request.query(name).and_then(|it| it.parse::<usize>().ok());
                let all = self.units.get(&rest.grant.account_id).map_or(&[][..], |unit| &unit.data_extensions);
                let shown = all.iter().skip(number("$skip").unwrap_or(0)).take(number("$top").unwrap_or(50));
                let entry: Vec<Value> = shown.map(|it| self.object_json(it)).collect();
                Ok(HttpAnswer::json(200, &json!({ "totalResults": all.len(), "entry": entry })))
            }
            [id] => self.with_object(rest, id, |model, de| Ok(HttpAnswer::json(200, &model.object_json(de)))),
            _ => Err(not_found()),
        }
    }
}

fn invalid_id() -> HttpAnswer {
    HttpAnswer::rest_error(400, 10001, "Id is invalid")
}

fn refusal(error: &SchemaError) -> HttpAnswer {
    HttpAnswer::rest_error(400, 10006, &error.message)
}

fn field_json(field: &Field) -> Value {
    json!({
        "id": field.object_id,
        "name": field.name,
        "type": field.field_type.name(),
        "length": field.max_length,
        "scale": field.scale,
        "ordinal": field.ordinal,
        "isNullable": !field.required,
        "isPrimaryKey": field.primary_key,
        "defaultValue": field.default,
        "isTemplateField": false,
        "isHidden": false,
        "isReadOnly": false,
        "isInheritable": false,
        "isOverridable": false,
        "mustOverride": false,
    })
}

/// In a create, fields have to come with these members; the first missing one is named.
const FIELD_MEMBERS: [&str; 4] = ["name", "type", "isNullable", "isPrimaryKey"];

fn spec_of(body: &Value, creates: bool) -> Result<DataExtensionSpec, HttpAnswer> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let fields = body.get("fields").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let sendable = match (body.get("isSendable").and_then(Value::as_bool), text("sendableCustomObjectField")) {
        (Some(true), Some(field)) => {
            Some(Sendable { field, subscriber_field: text("sendableSubscriberField").unwrap_or_else(|| "_SubscriberKey".to_owned()) })
        }
        (Some(true), None) if creates => return Err(HttpAnswer::rest_error(400, 10001, "Parameter sendableCustomObjectField is invalid.")),
        _ => None,
    };
    Ok(DataExtensionSpec {
        key: text("key").filter(|_| creates),
        name: text("name"),
        description: text("description"),
        category_id: body.get("categoryId").and_then(Value::as_u64).filter(|it| *it != 0),
        sendable,
        testable: body.get("isTestable").and_then(Value::as_bool),
        fields: fields.iter().map(field_spec).collect::<Result<_, _>>()?,
        ..DataExtensionSpec::default()
    })
}

fn field_spec(field: &Value) -> Result<FieldSpec, HttpAnswer> {
    let id = field.get("id").and_then(Value::as_str).map(str::to_owned);
    let invalid = |name: &str| HttpAnswer::rest_error(400, 10001, &format!("Parameter {name} is invalid."));
    if id.is_none()
        && let Some(missing) = FIELD_MEMBERS.iter().find(|it| field.get(**it).is_none())
    {
        return Err(invalid(missing));
    }
    let field_type = match field.get("type").and_then(Value::as_str) {
        None => None,
        Some(name) => Some(FieldType::named(name).ok_or_else(|| invalid("type"))?),
    };
    let number = |name: &str| field.get(name).and_then(Value::as_u64).and_then(|it| u32::try_from(it).ok());
    Ok(FieldSpec {
        object_id: id,
        name: field.get("name").and_then(Value::as_str).map(str::to_owned),
        field_type,
        max_length: number("length"),
        scale: number("scale"),
        required: field.get("isNullable").and_then(Value::as_bool).map(|it| !it),
        primary_key: field.get("isPrimaryKey").and_then(Value::as_bool),
        default: field.get("defaultValue").and_then(Value::as_str).map(str::to_owned),
        description: field.get("description").and_then(Value::as_str).map(str::to_owned),
    })
}
