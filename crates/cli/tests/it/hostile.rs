//! Hostile strings arrive as they are, or are refused by row with the reason.

use std::{collections::BTreeMap, fs};

use outflow_sandbox::model::{FieldSpec, FieldType, Switches};
use serde_json::json;

use crate::world::{ACTIVATION, Project, World};

/// Longest text of a field with a limit, in UTF-16 code units.
const UNITS_MAX: usize = 4_000;

fn hostile() -> Vec<String> {
    let plain = [
        " leading and trailing ",
        "\"",
        "\"\"",
        "'",
        "'; DROP TABLE people; --",
        ",",
        "a,b;c\td|e",
        "\r\n",
        "two\r\nlines",
        "two\nlines",
        "old\rmac",
        "\"quoted, with\nnewline\"",
        "\\",
        "\\N",
        "\\\"",
        "NULL",
        "null",
        "None",
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "=cmd|' /C calc'!A0",
        "007",
        "1e9",
        "NaN",
        "true",
        "2001-02-03",
        "<script>alert(1)</script>",
        "<![CDATA[x]]>",
        "&amp; &lt; &#0;",
        "]]>",
        "%00%0a",
        "%%[SET @x = 1]%%",
        "{{ 7 * 7 }}",
        "../../etc/passwd",
        "\u{FEFF}marked",
        "مرحبا\u{202E}gnp.exe",
        "שלום",
        "Ω≈ç√∫˜µ≤≥÷",
        "田中さんにあげて下さい",
        "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪",
        "Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮",
        "e\u{301} is not é",
        "\u{200B}\u{200C}\u{200D}",
        "\u{1}\u{2}\u{7}\u{8}\u{B}\u{1B}[31m",
        "\u{7F}\u{85}\u{A0}\u{2028}\u{2029}",
        "a\0b",
        "\u{FFFD}\u{FFFE}\u{FFFF}",
        "𝕳𝖊𝖑𝖑𝖔 𐍈",
    ];
    let long = ["x".repeat(UNITS_MAX), "x".repeat(UNITS_MAX + 1), "😀".repeat(UNITS_MAX / 2), "😀".repeat(UNITS_MAX / 2 + 1)];
    plain.into_iter().map(str::to_owned).chain(long).collect()
}

fn world() -> (World, Project) {
    let world = World::new();
    let field = |name: &str, max_length: u32, is_key: bool| FieldSpec {
        name: Some(name.into()),
        field_type: Some(FieldType::Text),
        max_length: Some(max_length),
        primary_key: Some(is_key),
        required: Some(is_key),
        ..FieldSpec::default()
    };
    world.create("Hostile", vec![field("Id", 50, true), field("Said", UNITS_MAX as u32, false)]);
    let project = Project {
        file: "people.ndjson",
        sql: "SELECT id, said FROM people".into(),
        data_extension: "Hostile",
        activation: "from: people\n    insert: true\n    primary_key: { Id: id }\n    fields: { Said: said }\n    import: rest".into(),
        ..Project::default()
    };
    world.write(&project);
    let text = fs::read_to_string(world.path("outflow.yaml")).expect("the project");
    let segment = text.lines().filter(|it| !it.starts_with("segments:") && !it.starts_with("  gold:")).collect::<Vec<_>>().join("\n");
    fs::write(world.path("outflow.yaml"), segment).expect("the project can be written");
    (world, project)
}

#[track_caller]
fn arrive_or_are_refused(switches: Switches, expected: i32, refused: &[(&str, u64)]) {
    let (world, project) = world();
    world.model(move |model, _| model.set_switches(switches));
    let strings = hostile();
    let lines: Vec<String> =
        strings.iter().enumerate().map(|(at, it)| json!({ "id": format!("H{at:03}"), "said": it }).to_string()).collect();
    fs::write(world.path(project.file), lines.join("\n")).expect("the model can be written");
    let ran = world.program.json(expected, &["run", ACTIVATION]);
    let run = &ran["runs"][0];
    let reasons = |list: &serde_json::Value, code: &str| -> BTreeMap<String, u64> {
        let all = list.as_array().expect("reasons are listed").iter();
        all.map(|it| (it[code].as_str().unwrap_or_default().to_owned(), it["rows"].as_u64().unwrap_or_default())).collect()
    };
    let mut told = reasons(&run["plan"]["invalid"], "problem");
    told.extend(reasons(&run["refused"], "code"));
    let wanted: BTreeMap<String, u64> = refused.iter().map(|(code, rows)| ((*code).to_owned(), *rows)).collect();
    assert_eq!(told, wanted, "{run}");

    let rows = world.rows_of("Hostile");
    let missing = strings.len() as u64 - rows.len() as u64;
    assert_eq!(missing, told.values().sum::<u64>(), "every row that did not arrive has a reason");
    for (at, string) in strings.iter().enumerate() {
        let Some(row) = rows.get(&format!("H{at:03}")) else { continue };
        assert_eq!(row["Said"].as_deref(), Some(string.as_str()), "{string:?}");
    }
    // What was read of them is what was confirmed: nothing is sent again.
    world.forget_calls();
    world.program.ends(expected, &["run", ACTIVATION]);
    assert_eq!(world.writing_calls(), []);
}

#[test]
fn hostile_strings_arrive_as_they_are_or_are_refused_by_row() {
    arrive_or_are_refused(Switches::instant(), 3, &[("too_long", 2), ("unprintable", 3)]);
}

#[test]
fn hostile_keys_are_rows_of_their_own() {
    let (world, project) = world();
    let is_odd = |it: char| matches!(it, '\0'..='\u{1F}' | '\u{FFFE}'..='\u{FFFF}') && !matches!(it, '\t' | '\r' | '\n');
    let keys: Vec<String> = hostile().into_iter().filter(|it| it.encode_utf16().count() <= 50 && !it.contains(is_odd)).collect();
    let lines: Vec<String> = keys.iter().map(|it| json!({ "id": it, "said": "x" }).to_string()).collect();
    fs::write(world.path(project.file), lines.join("\n")).expect("the model can be written");
    let ran = world.program.json(0, &["run", ACTIVATION]);
    let rows = world.rows_of("Hostile");
    let lost: Vec<&str> = keys.iter().map(String::as_str).filter(|it| !rows.contains_key(*it)).collect();
    // Folded, `NULL` and `null` are one key, and these two rows are one and the same.
    assert!(lost == ["NULL"] || lost == ["null"], "{lost:?}: {ran}");
    world.forget_calls();
    world.program.ends(0, &["run", ACTIVATION]);
    assert_eq!(world.writing_calls(), []);
}
