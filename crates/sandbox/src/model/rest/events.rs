//! Rows in small numbers, at once: `/hub/v1/dataevents`.

use serde_json::{Map, Value, json};

use super::{Answer, Rest, cell_text, not_found};
use crate::model::Model;
use crate::model::data_extension::DataExtension;
use crate::model::http::HttpAnswer;
use crate::model::rows::Cells;
use crate::model::types::Reading;
use crate::model::writing::{WriteMode, Writing};

impl Model {
    pub(super) fn rest_events(&mut self, rest: &Rest<'_>, tail: &[&str]) -> Answer {
        rest.needs("data_extensions_write")?;
        let Some((reference, tail)) = tail.split_first() else { return Err(not_found()) };
        let reading = Reading::of(&self.switches);
        let keeps_number = self.switches.remade_rows_keep_number;
        let writing = Writing { now_ms: rest.now_ms, reading, prolongs: self.switches.update_prolongs_retention, keeps_number };
        let invalid = || HttpAnswer::rest_error(400, 10001, &format!("Parameter {{{reference}}} is invalid."));
        let id = self.de_id_of(rest.grant.account_id, reference).ok_or_else(invalid)?;
        let unit = self.units.get_mut(&rest.grant.account_id).ok_or_else(not_found)?;
        let de = unit.data_extension_by_id_mut(&id).ok_or_else(invalid)?;
        if !de.has_key() {
            return Err(unable(de, &["The data extension has no primary key.".to_owned()]));
        }
        match (rest.request.method.as_str(), tail) {
            ("POST", ["rowset"]) => upsert_all(de, rest.body()?, writing),
            ("POST", ["rowset", "delete"]) => delete_all(de, &rest.body()?, writing),
            ("PUT", ["rows", keys]) => {
                let mut body = rest.body()?;
                let mut named = Map::new();
                for pair in keys.split(',') {
                    let (name, value) = pair.split_once(':').ok_or_else(invalid)?;
                    named.insert(name.trim().to_owned(), value.into());
                }
                let values = body.get_mut("values").map(Value::take).unwrap_or(json!({}));
                let item = json!({ "keys": named, "values": values });
                upsert_all(de, json!([item]), writing)?;
                Ok(HttpAnswer::json(200, &item))
            }
            _ => Err(not_found()),
        }
    }
}

/// Rows before the first bad one are stored, those after it are not.
fn upsert_all(de: &mut DataExtension, body: Value, writing: Writing) -> Answer {
    let Value::Array(items) = &body else { return Err(no_array()) };
    for item in items {
        let mut cells = cells_of(de, item, &["keys", "values"], writing)?;
        if let Err(errors) = de.write(&mut cells, WriteMode::Upsert, writing) {
            return Err(unable(de, &errors.into_iter().map(|it| it.message).collect::<Vec<_>>()));
        }
    }
    Ok(HttpAnswer::json(200, &body))
}

fn delete_all(de: &mut DataExtension, body: &Value, writing: Writing) -> Answer {
    let Value::Array(items) = body else { return Err(no_array()) };
    for item in items {
        let cells = cells_of(de, item, &["keys"], writing)?;
        let key = de.rows.key_of(&cells).ok_or_else(|| unable(de, &["The primary key is not complete.".to_owned()]))?;
        de.rows.remove(&key);
    }
    Ok(HttpAnswer::json(200, body))
}

/// Column names are case-sensitive on this route, and unknown ones are refused.
fn cells_of(de: &DataExtension, item: &Value, parts: &[&str], writing: Writing) -> Result<Cells, HttpAnswer> {
    let mut cells = Cells::default();
    cells.reset(de.slots());
    for part in parts {
        let Some(members) = item.get(part).and_then(Value::as_object) else { continue };
        for (name, value) in members {
            let field = de.fields.iter().find(|it| it.name == *name && (*part == "values" || it.primary_key));
            let Some(field) = field else {
                let text = if *part == "keys" {
                    format!("Primary key '{name}' does not exist.")
                } else {
                    format!("Column '{name}' does not exist.")
                };
                return Err(HttpAnswer::rest_error(400, 10000, &text));
            };
            if let Err(error) = de.set_text(&mut cells, field, cell_text(value).as_deref(), writing.reading) {
                return Err(unable(de, &[error.message]));
            }
        }
    }
    Ok(cells)
}

fn no_array() -> HttpAnswer {
    HttpAnswer::rest_error(400, 10003, "JSON deserialization error. The body must be an array.")
}

fn unable(de: &DataExtension, reasons: &[String]) -> HttpAnswer {
    let additional: Vec<Value> = reasons.iter().map(|it| json!({ "message": it, "errorcode": 10000, "documentation": "" })).collect();
    HttpAnswer::json(
        400,
        &json!({
            "message": format!("Unable to save rows for data extension ID {}", de.object_id),
            "errorcode": 10006,
            "documentation": "",
            "additionalErrors": additional,
        }),
    )
}
