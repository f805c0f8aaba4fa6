//! The JSON Schema of project files, for editors, from the same tables that decoding reads.

use serde_json::{Map, Value, json};

use crate::{
    project::PROJECT,
    shape::{Key, Kind, Shape, all_below},
};

/// A text that consists of, or contains, a variable.
const HAS_VARIABLE: &str = r"\$\{[A-Za-z_][A-Za-z0-9_]*\}";

/// The JSON Schema (draft 2020-12) of a file of a project.
#[must_use]
pub fn schema() -> Value {
    let mut definitions = Map::new();
    let mut root = mapping(&PROJECT, &mut definitions);
    root.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".into(), json!("Outflow project file"));
    definitions.sort_keys();
    root.insert("$defs".into(), Value::Object(definitions));
    Value::Object(root)
}

fn mapping(shape: &'static Shape, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let properties: Map<String, Value> = shape.keys.iter().map(|it| (it.name.to_owned(), property(it, definitions))).collect();
    let required: Vec<_> = shape.keys.iter().filter(|it| it.is_required).map(|it| it.name).collect();
    let mut schema = Map::new();
    schema.insert("description".into(), json!(shape.about));
    schema.insert("type".into(), json!("object"));
    schema.insert("additionalProperties".into(), json!(false));
    schema.insert("properties".into(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    let groups: Vec<_> = shape
        .exactly_one
        .iter()
        .map(|group| json!({ "oneOf": group.iter().map(|name| json!({ "required": [name] })).collect::<Vec<_>>() }))
        .collect();
    if !groups.is_empty() {
        schema.insert("allOf".into(), json!(groups));
    }
    schema
}

fn property(key: &'static Key, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = kind(key.kind, definitions);
    schema.insert("description".into(), json!(key.about));
    if let Some(default) = key.default {
        schema.insert("default".into(), as_json(default));
    }
    // Examples of mappings are shortened for people; an editor has the definition.
    if !matches!(key.kind, Kind::Object(_) | Kind::ChoiceOr(..) | Kind::Named(_) | Kind::Columns | Kind::FilledFields(_) | Kind::FieldTypes)
        && !key.example.starts_with('[')
    {
        schema.insert("examples".into(), json!([as_json(key.example.trim_matches('"'))]));
    }
    Value::Object(schema)
}

/// A value as a person would write it.
fn as_json(text: &str) -> Value {
    match text {
        "true" => json!(true),
        "false" => json!(false),
        _ if text.len() < 9 => text.parse::<i64>().map_or_else(|_| json!(text), |it| json!(it)),
        _ => json!(text),
    }
}

fn kind(kind: Kind, definitions: &mut Map<String, Value>) -> Map<String, Value> {
    let or_variable = |schema: Value| json!({ "anyOf": [schema, { "type": "string", "pattern": HAS_VARIABLE }] });
    let schema = match kind {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Integer { min, max } => or_variable(json!({ "type": "integer", "minimum": min, "maximum": max })),
        Kind::Digits => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": format!("^[0-9]{{1,20}}$|{HAS_VARIABLE}") },
        ] }),
        Kind::Boolean => or_variable(json!({ "type": "boolean" })),
        Kind::Choice(words) => or_variable(json!({ "enum": words })),
        Kind::Value => json!({ "type": ["string", "number", "boolean"] }),
        Kind::ChoiceOr(words, shape) => json!({ "anyOf": [{ "enum": words }, { "$ref": defined(shape, definitions) }] }),
        Kind::Secret => json!({ "type": "string", "pattern": format!("^(\\s*{HAS_VARIABLE}\\s*|\\s*file:.+)$") }),
        Kind::Size => json!({ "type": "string", "pattern": format!("^\\s*[0-9][0-9_]*\\s*([kKmMgG][iI]?)?[bB]\\s*$|{HAS_VARIABLE}") }),
        Kind::Duration => json!({ "type": "string", "pattern": format!("^\\s*([0-9][0-9_]*[dhms]\\s*)+$|{HAS_VARIABLE}") }),
        Kind::Limit => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": format!("^\\s*[0-9][0-9_]*(\\.[0-9]{{1,2}}\\s*%|\\s*%)?\\s*$|{HAS_VARIABLE}") },
        ] }),
        Kind::Texts => json!({ "anyOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1 } },
        ] }),
        Kind::Object(shape) => json!({ "$ref": defined(shape, definitions) }),
        Kind::Named(shape) => {
            let reference = defined(shape, definitions);
            json!({
                "type": ["object", "null"],
                "propertyNames": { "pattern": "^[A-Za-z0-9_-]{1,60}$" },
                "additionalProperties": { "$ref": reference },
            })
        }
        Kind::FieldTypes => json!({ "type": "object", "additionalProperties": {
            "type": "string",
            "pattern": format!("^\\s*(Number|Date|Boolean|EmailAddress|Phone|Locale|Text(\\s*\\(\\s*[0-9]+\\s*\\))?|Decimal\\s*\\(\\s*[0-9]+\\s*,\\s*[0-9]+\\s*\\))\\s*$|{HAS_VARIABLE}"),
        } }),
        Kind::Columns => json!({ "type": "object", "additionalProperties": { "type": "string", "minLength": 1 } }),
        Kind::FilledFields(shape) => {
            let reference = defined(shape, definitions);
            let filled = json!({ "anyOf": [{ "type": "string", "minLength": 1 }, { "$ref": reference }] });
            json!({ "type": "object", "additionalProperties": filled })
        }
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn defined(shape: &'static Shape, definitions: &mut Map<String, Value>) -> String {
    if !definitions.contains_key(shape.id) {
        // Entered before its keys are, so that a shape may contain itself one day.
        definitions.insert(shape.id.to_owned(), Value::Null);
        let schema = mapping(shape, definitions);
        definitions.insert(shape.id.to_owned(), Value::Object(schema));
    }
    format!("#/$defs/{}", shape.id)
}

/// The tables of all keys as Markdown, one section per kind of mapping, for the documentation.
#[must_use]
pub fn reference_tables() -> String {
    all_below(&PROJECT).into_iter().map(table).collect::<Vec<_>>().join("\n")
}

fn table(shape: &Shape) -> String {
    let mut text = format!("### `{}`\n\n{}\n\n| key | value | default | meaning |\n|---|---|---|---|\n", shape.id, shape.about);
    for key in shape.keys {
        let default = match (key.default, key.is_required) {
            (Some(default), _) => format!("`{default}`"),
            (None, true) => "needed".into(),
            (None, false) if shape.exactly_one.iter().any(|it| it.contains(&key.name)) => "one of them".into(),
            (None, false) => "—".into(),
        };
        let value = match key.kind {
            Kind::Object(inner) => format!("[`{0}`](#{0})", inner.id),
            Kind::ChoiceOr(words, inner) => format!("{}, or [`{1}`](#{1})", Kind::Choice(words).for_people(), inner.id),
            Kind::Named(inner) => format!("names, each with a [`{0}`](#{0})", inner.id),
            other => other.for_people(),
        };
        let example = match key.kind {
            Kind::Object(_) | Kind::Named(_) => String::new(),
            _ => format!(" Example: `{}: {}`", key.name, key.example),
        };
        text.push_str(&format!("| `{}` | {value} | {default} | {}{example} |\n", key.name, key.about));
    }
    for group in shape.exactly_one {
        let names = group.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" and ");
        text.push_str(&format!("\nExactly one of {names} must be there.\n"));
    }
    text
}
