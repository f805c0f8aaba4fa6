//! Strings and files that others have gathered to break programs with: they arrive as they are, or are refused by row with the reason.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use outflow_sandbox::model::{FieldSpec, FieldType};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use crate::{
    npm,
    postgres::Server,
    world::{ACTIVATION, Project, Route, World},
};

/// The Big List of Naughty Strings: <https://www.npmjs.com/package/blns>.
fn naughty_strings() -> Vec<String> {
    let text = fs::read_to_string(npm::package("blns").join("resources/blns.json")).expect("the package has the list");
    let strings: Vec<String> = serde_json::from_str(&text).expect("strings");
    assert_eq!(strings.len(), 485);
    strings
}

fn text(name: &str, max_length: u32, is_key: bool) -> FieldSpec {
    FieldSpec {
        name: Some(name.into()),
        field_type: Some(FieldType::Text),
        max_length: Some(max_length),
        primary_key: Some(is_key),
        required: Some(is_key),
        ..FieldSpec::default()
    }
}

/// A world with a data extension of two texts, and a project that fills it from this source.
fn world_of(file: &'static str, route: Route, import: &str, source: Option<String>) -> (World, Project) {
    let world = World::new();
    world.create("Naughty", vec![text("Id", 250, true), text("Said", 4_000, false)]);
    let activation =
        format!("from: people\n    insert: true\n    primary_key: {{ Id: id }}\n    fields: {{ Said: said }}\n    import: {import}");
    let sql = "SELECT id, said FROM people".to_owned();
    let project = Project { file, source, sql, route, data_extension: "Naughty", activation, ..Project::default() };
    world.write(&project);
    without_segments(&world);
    (world, project)
}

/// Segments of the usual project ask for a column that these models do not have.
fn without_segments(world: &World) {
    let whole = fs::read_to_string(world.path("outflow.yaml")).expect("the project");
    let kept: Vec<&str> = whole.lines().filter(|it| !it.starts_with("segments:") && !it.starts_with("  gold:")).collect();
    fs::write(world.path("outflow.yaml"), kept.join("\n")).expect("the project can be written");
}

/// Each with a key of its own.
fn numbered(strings: &[String]) -> Vec<(String, String)> {
    strings.iter().enumerate().map(|(at, it)| (format!("N{at:03}"), it.clone())).collect()
}

fn write(rows: &[(String, String)], path: &Path) {
    match path.extension().and_then(|it| it.to_str()) {
        Some("ndjson") => {
            let lines: Vec<String> = rows.iter().map(|(id, said)| json!({ "id": id, "said": said }).to_string()).collect();
            fs::write(path, lines.join("\n"))
        }
        Some("csv") => {
            let quoted = |it: &str| format!("\"{}\"", it.replace('"', "\"\""));
            let lines: Vec<String> = rows.iter().map(|(id, said)| format!("{},{}", quoted(id), quoted(said))).collect();
            fs::write(path, format!("id,said\n{}\n", lines.join("\n")))
        }
        Some("parquet") => {
            let column = |of: fn(&(String, String)) -> &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(rows.iter().map(of))) };
            let batch = RecordBatch::try_from_iter([("id", column(|it| &it.0)), ("said", column(|it| &it.1))]).expect("two columns");
            let mut bytes = Vec::new();
            let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a plain schema");
            writer.write(&batch).expect("memory takes it");
            writer.close().expect("memory takes it");
            fs::write(path, bytes)
        }
        other => panic!("{other:?} is no format of these tests"),
    }
    .expect("the model can be written");
}

/// What the data extension holds under each key.
fn held(world: &World) -> BTreeMap<String, Option<String>> {
    world.rows_of("Naughty").into_iter().map(|(key, values)| (key, values["Said"].clone())).collect()
}

/// What XML cannot carry, and so no row that is read back.
fn is_unreadable(it: char) -> bool {
    it.is_ascii_control() && !matches!(it, '\t' | '\n' | '\r' | '\u{7F}') || matches!(it, '\u{FFFE}' | '\u{FFFF}')
}

/// All of them arrive as they are but those that XML cannot carry, which are refused by row. Read back by SOAP they are what was sent, so that
/// nothing is sent again.
#[track_caller]
fn all_arrive(world: &World, rows: &[(String, String)]) {
    let unreadable = rows.iter().filter(|(_, said)| said.contains(is_unreadable)).count();
    let code = if unreadable > 0 { 3 } else { 0 };
    let ran = world.program.json(code, &["run", ACTIVATION]);
    let invalid = ran["runs"][0]["plan"]["invalid"].as_array().expect("reasons are listed");
    let told: Vec<_> =
        invalid.iter().map(|it| (it["problem"].as_str().unwrap_or_default(), it["rows"].as_u64().unwrap_or_default())).collect();
    assert_eq!(told, if unreadable > 0 { vec![("unprintable", unreadable as u64)] } else { Vec::new() });
    // An empty text and no value are one to Marketing Cloud.
    let readable = rows.iter().filter(|(_, said)| !said.contains(is_unreadable));
    let expected: BTreeMap<String, Option<String>> =
        readable.map(|(id, said)| (id.clone(), Some(said.clone()).filter(|it| !it.is_empty()))).collect();
    let held = held(world);
    for (id, said) in &expected {
        assert_eq!(held.get(id), Some(said), "{id}: {ran}");
    }
    assert_eq!(held.len(), expected.len());
    let rebuilt = world.program.json(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    assert_eq!((&rebuilt["rows"], &rebuilt["unreadable"]), (&json!(expected.len()), &json!(0)), "{rebuilt}");
    world.forget_calls();
    world.program.ends(code, &["run", ACTIVATION]);
    assert_eq!(world.writing_calls(), []);
    assert_eq!(self::held(world), expected);
}

fn naughty_strings_arrive(file: &'static str, route: Route, import: &str) {
    let (world, project) = world_of(file, route, import, None);
    let rows = numbered(&naughty_strings());
    write(&rows, &world.path(project.file));
    all_arrive(&world, &rows);
}

#[test]
fn naughty_strings_of_ndjson_by_sftp_and_rest() {
    naughty_strings_arrive("people.ndjson", Route::Sftp, "rest");
}

#[test]
fn naughty_strings_of_parquet_by_s3_and_soap() {
    naughty_strings_arrive("people.parquet", Route::S3, "soap");
}

#[test]
fn naughty_strings_of_csv_by_s3_and_rest() {
    naughty_strings_arrive("people.csv", Route::S3, "rest");
}

#[test]
fn naughty_strings_of_postgresql_by_sftp_and_soap() {
    let server = Server::start();
    let rows = numbered(&naughty_strings());
    let literal = |it: &str| format!("'{}'", it.replace('\'', "''"));
    let values: Vec<String> = rows.iter().map(|(id, said)| format!("({}, {})", literal(id), literal(said))).collect();
    server.sql(&format!("CREATE TABLE people (id text, said text); INSERT INTO people VALUES {};", values.join(",\n")));
    let source = format!("{{ postgres: {{ host: 127.0.0.1, port: {}, database: postgres, user: app }} }}", server.port);
    let (world, _) = world_of("people.csv", Route::Sftp, "soap", Some(source));
    all_arrive(&world, &rows);
}

/// As keys they are rows of their own, unless Marketing Cloud takes two of them for one; the sums tell what became of every row.
#[test]
fn naughty_strings_as_keys() {
    let (world, project) = world_of("people.ndjson", Route::Sftp, "rest", None);
    let rows: Vec<(String, String)> = naughty_strings().into_iter().map(|it| (it.clone(), it)).collect();
    write(&rows, &world.path(project.file));
    let ran = world.program.json(3, &["run", ACTIVATION]);
    let run = &ran["runs"][0];
    let mut by_fate = BTreeMap::<&str, u64>::new();
    for it in run["outcomes"].as_array().expect("outcomes are listed") {
        *by_fate.entry(it["fate"].as_str().unwrap_or_default()).or_default() += it["rows"].as_u64().unwrap_or_default();
    }
    assert_eq!(by_fate.values().sum::<u64>(), 485, "{by_fate:?}");
    assert_eq!(
        by_fate["invalid"],
        rows.iter().filter(|(id, _)| id.trim_end_matches(' ').is_empty() || id.contains(is_unreadable)).count() as u64,
        "{by_fate:?}"
    );
    let held = held(&world);
    assert_eq!(held.len() as u64, by_fate["confirmed"], "{by_fate:?}");
    for (key, said) in &held {
        assert_eq!(Some(key), said.as_ref(), "each stands under itself");
    }
    // One by one: a key that has not arrived is blank or cannot be read back, or another one is the same to Marketing Cloud.
    let same = |it: &str| it.trim_end_matches(' ').to_lowercase();
    let missing: Vec<&str> = rows.iter().map(|(id, _)| id.as_str()).filter(|it| !held.contains_key(*it)).collect();
    for key in &missing {
        let twins = rows.iter().filter(|(it, _)| it != key && same(it) == same(key)).count();
        assert!(same(key).is_empty() || key.contains(is_unreadable) || twins > 0, "{key:?} is lost: {by_fate:?}");
    }
    world.forget_calls();
    world.program.ends(3, &["run", ACTIVATION]);
    assert_eq!(world.writing_calls(), []);
}

/// Halves of a surrogate pair are no text. JSON can write them all the same; a file that does is refused as a whole, by its name.
#[test]
fn lone_surrogates_are_no_text() {
    for half in ["\\ud800", "\\udc00", "\\udc00\\ud800", "before\\ud83d", "\\ude00after"] {
        let (world, project) = world_of("people.ndjson", Route::Sftp, "rest", None);
        let lines = [r#"{"id":"A","said":"good"}"#.to_owned(), format!(r#"{{"id":"B","said":"{half}"}}"#)];
        fs::write(world.path(project.file), lines.join("\n")).expect("the model can be written");
        let told = world.program.call(&["run", ACTIVATION]);
        assert_eq!(told.code, Some(1), "{half}: {}\n{}", told.out, told.err);
        assert!(told.err.contains("error[SRC-005]") && told.err.contains("people.ndjson"), "{half}: {}", told.err);
        assert_eq!((held(&world).len(), world.writing_calls()), (0, Vec::new()), "{half}");
    }
    // The two halves of one character are one character.
    let (world, project) = world_of("people.ndjson", Route::Sftp, "rest", None);
    fs::write(world.path(project.file), r#"{"id":"A","said":"\ud83d\ude00"}"#).expect("the model can be written");
    all_arrive(&world, &[("A".to_owned(), "😀".to_owned())]);
}

/// Each file of csv-spectrum becomes the rows that its JSON tells: <https://www.npmjs.com/package/csv-spectrum>.
#[test]
fn the_files_of_csv_spectrum() {
    let package = npm::package("csv-spectrum");
    let files: BTreeSet<String> = fs::read_dir(package.join("csvs"))
        .expect("the package has files")
        .flatten()
        .filter_map(|it| Some(it.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(files.len(), 12, "{files:?}");
    for name in &files {
        let told = fs::read_to_string(package.join(format!("json/{name}.json"))).expect("every file has its JSON");
        let told: Value = serde_json::from_str(&told).expect("JSON");
        let mut told: Vec<BTreeMap<String, String>> =
            if told.is_array() { serde_json::from_value(told) } else { serde_json::from_value(told).map(|it| vec![it]) }.expect("rows");
        if name == "location_coordinates" {
            // Here the JSON tells another number than the file has.
            told[0].insert("Contact Phone Number".into(), "2095257564".into());
        }
        becomes(name, &package.join(format!("csvs/{name}.csv")), told);
    }
}

#[track_caller]
fn becomes(name: &str, csv: &Path, mut told: Vec<BTreeMap<String, String>>) {
    let columns: Vec<String> = told[0].keys().cloned().collect();
    let world = World::new();
    let fields = columns.iter().map(|it| text(it, 200, false));
    world.create("Naughty", [text("Id", 20, true)].into_iter().chain(fields).collect());
    let quoted: Vec<String> = columns.iter().map(|it| format!("\"{it}\"")).collect();
    let pairs: Vec<String> = quoted.iter().map(|it| format!("{it}: {it}")).collect();
    let project = Project {
        file: "people.csv",
        sql: format!("'SELECT CAST(row_number() OVER () AS VARCHAR) AS id, {} FROM people'", quoted.join(", ")),
        data_extension: "Naughty",
        activation: format!(
            "from: people\n    insert: true\n    primary_key: {{ Id: id }}\n    fields: {{ {} }}\n    import: rest",
            pairs.join(", ")
        ),
        ..Project::default()
    };
    world.write(&project);
    without_segments(&world);
    fs::copy(csv, world.path(project.file)).expect("the file can be copied");
    world.run(0);
    let mut held: Vec<BTreeMap<String, String>> = world
        .rows_of("Naughty")
        .into_values()
        .map(|it| it.into_iter().filter(|(name, _)| name != "Id").map(|(name, value)| (name, value.unwrap_or_default())).collect())
        .collect();
    held.sort();
    told.sort();
    assert_eq!(held, told, "{name}");
}
