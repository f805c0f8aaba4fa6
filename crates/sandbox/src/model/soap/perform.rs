//! Perform: start an import, clear a data extension.

use super::element::Element;
use crate::model::Model;
use crate::model::imports::Definition;
use crate::model::token::Grant;
use crate::model::units::{Unit, same};

/// What became of one definition.
struct Performed {
    code: i64,
    message: String,
    task: Option<(u64, String)>,
}

impl Performed {
    fn bad(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), task: None }
    }

    fn good(message: &str, task: Option<(u64, String)>) -> Self {
        Self { code: 0, message: message.to_owned(), task }
    }
}

impl Model {
    /// Answers a `PerformRequestMsg`.
    pub(super) fn perform(&mut self, message: &Element, grant: &Grant, now_ms: i64) -> Element {
        let action = message.filled("Action").unwrap_or_default().to_owned();
        let definitions: Vec<&Element> = message.child("Definitions").into_iter().flat_map(|it| it.all("Definition")).collect();
        let results: Vec<(Performed, &Element)> =
            definitions.into_iter().map(|it| (self.perform_one(&action, it, grant, now_ms), it)).collect();
        let bad = results.iter().filter(|(it, _)| it.code != 0).count();
        let (overall, text) = match bad {
            0 if results.is_empty() => ("Error", "No definition was given."),
            0 => ("OK", ""),
            _ if bad == results.len() => ("Error", ""),
            _ => ("Has Errors", ""),
        };
        Element::new("PerformResponseMsg")
            .with(Element::new("Results").with_all(results.into_iter().map(|(it, definition)| result(it, definition))))
            .with_text("OverallStatus", overall)
            .with_text("OverallStatusMessage", text)
            .with_text("RequestID", self.ids.guid())
    }

    fn perform_one(&mut self, action: &str, definition: &Element, grant: &Grant, now_ms: i64) -> Performed {
        let account_id = grant.account_id;
        match (definition.kind.as_deref().unwrap_or_default(), action.to_ascii_lowercase().as_str()) {
            ("ImportDefinition", "start") => {
                if !grant.may("automations_execute") {
                    return Performed::bad(4, "Insufficient Privileges. The token may not start imports.");
                }
                let found = self.units.get(&account_id).and_then(|unit| find(unit, definition)).cloned();
                let Some(found) = found else {
                    return Performed::bad(43010, "The ImportDefinition was not found.");
                };
                match self.start_definition(account_id, &found.key, now_ms) {
                    Some(task) => Performed::good("OK", Some((task, found.object_id))),
                    None => Performed::bad(43010, "The ImportDefinition was not found."),
                }
            }
            ("DataExtension", "cleardata") => {
                if !grant.may("data_extensions_write") {
                    return Performed::bad(4, "Insufficient Privileges. The token may not clear data.");
                }
                let Some(unit) = self.units.get_mut(&account_id) else { return Performed::bad(4, "No such business unit.") };
                let found = match definition.filled("CustomerKey") {
                    Some(key) => unit.data_extension_mut(key),
                    None => unit.data_extension_by_id_mut(definition.filled("ObjectID").unwrap_or_default()),
                };
                match found {
                    Some(de) => {
                        de.rows.clear();
                        Performed::good("Data Extension cleared.", None)
                    }
                    None => Performed::bad(310_001, "The Data Extension was not found."),
                }
            }
            (kind, _) => Performed::bad(5, format!("The action {action} is not supported on the type {kind}.")),
        }
    }
}

fn find<'a>(unit: &'a Unit, definition: &Element) -> Option<&'a Definition> {
    match (definition.filled("CustomerKey"), definition.filled("ObjectID")) {
        (Some(key), _) => unit.definitions.iter().find(|it| same(&it.key, key)),
        (None, Some(id)) => unit.definitions.iter().find(|it| it.object_id.eq_ignore_ascii_case(id)),
        (None, None) => None,
    }
}

fn result(performed: Performed, definition: &Element) -> Element {
    let status = if performed.code == 0 { "OK" } else { "Error" };
    let mut object = definition.clone();
    "Object".clone_into(&mut object.name);
    let mut result =
        Element::new("Result").with_text("StatusCode", status).with_text("StatusMessage", performed.message.clone()).with(object);
    if performed.code != 0 {
        result = result.with_text("ErrorCode", performed.code.to_string());
    }
    let mut task = Element::new("Task").with_text("StatusCode", status).with_text("StatusMessage", performed.message);
    if let Some((id, object_id)) = performed.task {
        task = task.with_text("ID", id.to_string()).with_text("InteractionObjectID", object_id);
    }
    result.with(task)
}
