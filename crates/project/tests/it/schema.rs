//! Editors and people are told the same keys that decoding takes.

use std::{collections::BTreeMap, fs, path::PathBuf};

use outflow_project::{Code, parse_text, reference_tables, schema};
use serde_json::Value;

/// Each kind of mapping with its keys, as the schema has them.
fn keys() -> BTreeMap<String, Vec<String>> {
    let schema = schema();
    let names = |it: &Value| it["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut all: BTreeMap<_, _> = schema["$defs"].as_object().unwrap().iter().map(|(id, it)| (id.clone(), names(it))).collect();
    all.insert("project".into(), names(&schema));
    all
}

/// A file with one key in a mapping of each kind.
fn file_with(id: &str, key: &str) -> String {
    let inner = format!("{{{key}: }}");
    match id {
        "project" => format!("{key}:\n"),
        "connection" | "source" | "model" | "segment" | "destination" | "activation" => format!("{id}s: {{a: {inner}}}\n"),
        "marketing_cloud" | "file_route" => format!("connections: {{a: {{{id}: {inner}}}}}\n"),
        "sftp" | "s3" => format!("connections: {{a: {{file_route: {{{id}: {inner}}}}}}}\n"),
        "files" | "postgres" => format!("sources: {{a: {{{id}: {inner}}}}}\n"),
        "guards" => format!("activations: {{a: {{guards: {inner}}}}}\n"),
        "create" => format!("destinations: {{a: {{create: {inner}}}}}\n"),
        "sendable" | "retention" => format!("destinations: {{a: {{create: {{{id}: {inner}}}}}}}\n"),
        "on_exit" => format!("activations: {{a: {{on_exit: {inner}}}}}\n"),
        "flag" => format!("activations: {{a: {{on_exit: {{flag: {inner}}}}}}}\n"),
        "filled_field" => format!("activations: {{a: {{fields: {{A: {inner}}}}}}}\n"),
        "table" => format!("sources: {{a: {{files: {{tables: {{a: {inner}}}}}}}}}\n"),
        "s3_access" => format!("sources: {{a: {{files: {{s3: {inner}}}}}}}\n"),
        other => panic!("where does `{other}` stand? add it here"),
    }
}

fn refuses(text: &str) -> bool {
    parse_text(text, &crate::env).unwrap_err().iter().any(|it| it.code == Code::UnknownKey)
}

#[test]
fn decoding_takes_every_key_of_the_schema() {
    for (id, keys) in keys() {
        for key in keys {
            assert!(!refuses(&file_with(&id, &key)), "`{key}` of {id}");
        }
    }
}

#[test]
fn decoding_takes_no_other_key_where_the_schema_takes_none() {
    let schema = schema();
    for id in keys().keys() {
        assert!(refuses(&file_with(id, "zzz")), "{id}");
        let definition = if id == "project" { &schema } else { &schema["$defs"][id] };
        assert_eq!(definition["additionalProperties"], Value::Bool(false), "{id}");
    }
}

#[test]
fn the_schema_asks_for_what_decoding_asks_for() {
    let schema = schema();
    for id in keys().keys().filter(|it| *it != "project") {
        let problems = parse_text(&file_with(id, "zzz"), &crate::env).unwrap_err();
        for required in schema["$defs"][id]["required"].as_array().into_iter().flatten() {
            let wanted = format!("needs `{}`", required.as_str().unwrap());
            assert!(problems.iter().any(|it| it.code == Code::MissingKey && it.what.ends_with(&wanted)), "{id}: {wanted}");
        }
    }
}

#[test]
fn every_reference_in_the_schema_leads_somewhere() {
    fn walk(value: &Value, definitions: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    let id = reference.strip_prefix("#/$defs/").unwrap();
                    assert!(definitions[id].is_object(), "{reference}");
                }
                map.values().for_each(|it| walk(it, definitions));
            }
            Value::Array(items) => items.iter().for_each(|it| walk(it, definitions)),
            _ => {}
        }
    }
    let schema = schema();
    walk(&schema, &schema["$defs"]);
}

/// The documentation holds the tables of keys as they are. `OUTFLOW_BLESS=1` rewrites them.
#[test]
fn the_documentation_has_every_key() {
    const BEGIN: &str = "<!-- keys: begin -->\n";
    const END: &str = "<!-- keys: end -->";
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/project-files.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the tables have a beginning");
    let (_, after) = rest.split_once(END).expect("the tables have an end");
    let expected = format!("{before}{BEGIN}{}{END}{after}", reference_tables());
    if crate::is_blessing() {
        fs::write(&path, &expected).unwrap();
    } else {
        assert!(text == expected, "the tables of docs/reference/project-files.md are not those of the code; OUTFLOW_BLESS=1 rewrites them");
    }
}

#[test]
fn the_documentation_has_every_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/project-files.md");
    let text = fs::read_to_string(path).unwrap();
    for code in Code::ALL {
        assert!(text.contains(&format!("| {code} |")), "{code}");
    }
}
