//! Rows that were not sent or not taken, found again by what the history keeps of them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use outflow_sandbox::model::{ImportFault, When};
use serde_json::{Value, json};

use crate::{
    people::{Person, people},
    world::{ACTIVATION, Project, World, activation},
};

/// Ten people: one too long, one shared key that differs, one that the service refuses.
fn spoilt() -> Vec<Person> {
    let mut model = people(10);
    model[1].name = "x".repeat(101);
    model.push(Person { id: "p00003 ".into(), name: "Another".into(), ..model[3].clone() });
    model
}

struct Spoilt {
    world: World,
    project: Project,
    /// The run in which it happened.
    run: String,
}

impl Spoilt {
    fn new(line: &str) -> Self {
        let world = World::new();
        let project = Project { activation: activation(line), ..Project::default() };
        world.write(&project);
        world.write_people(&project, &spoilt());
        let fault = ImportFault::RejectRows { rows: vec![], keys: vec!["P00007".into()], code: "InvalidNumber".into() };
        world.fault(When { times: Some(1), ..When::default() }, fault);
        world.run(3);
        let run = world.program.json(0, &["runs"])["runs"][0]["run"].as_str().expect("a run has a name").to_owned();
        Self { world, project, run }
    }

    #[track_caller]
    fn rejects(&self, arguments: &[&str]) -> Value {
        self.world.program.json(0, &[&["rejects"], arguments].concat())
    }
}

/// Reason, code, field and keys of each.
fn told(document: &Value) -> Vec<Value> {
    let rows = document["rows"].as_array().expect("rows are listed");
    rows.iter().map(|it| json!([it["reason"], it["code"], it["field"], it["keys"]])).collect()
}

#[test]
fn every_row_that_did_not_arrive_is_listed_with_its_key() {
    for (line, code) in [("import: rest", "InvalidNumber"), ("import: soap", "unexplained")] {
        let spoilt = Spoilt::new(line);
        let document = spoilt.rejects(&[&spoilt.run, "--show-values"]);
        let expected = vec![
            json!(["refused", code, if line.contains("rest") { document["rows"][0]["field"].clone() } else { Value::Null }, [{ "Id": "P00007" }]]),
            json!(["invalid", "too_long", "Name", [{ "Id": "P00001" }]]),
            json!(["duplicate_key", "duplicate_key", null, [{ "Id": "P00003" }, { "Id": "p00003 " }]]),
        ];
        assert_eq!(told(&document), expected, "{document}");
        assert_eq!((&document["without_key"], &document["is_forgotten"]), (&json!(0), &json!(false)), "{document}");
        for it in document["rows"].as_array().expect("rows are listed") {
            assert!(it["remedy"].as_str().is_some_and(|it| it.len() > 20), "{it}");
        }
    }
}

#[test]
fn keys_are_masked_unless_asked_for() {
    let spoilt = Spoilt::new("import: rest");
    let text = spoilt.world.program.ends(0, &["rejects", ACTIVATION]).out;
    for word in ["InvalidNumber", "too_long", "what to do:", "P…(6)", "1 key shared"] {
        let is_code = word == "too_long";
        assert_eq!(text.contains(word), !is_code, "{word}: {text}");
    }
    for id in ["P00007", "P00001", "p00003"] {
        assert!(!text.contains(id), "{text}");
    }
    let document = spoilt.rejects(&[ACTIVATION]);
    assert_eq!(document["rows"][1]["keys"], json!([{ "Id": "P…(6)" }]), "{document}");
    assert!(spoilt.world.program.ends(0, &["rejects", ACTIVATION, "--show-values"]).out.contains("P00007"));
}

#[test]
fn the_export_is_its_owners_alone() {
    let spoilt = Spoilt::new("import: rest");
    let path = spoilt.world.path("rejects.csv");
    fs::write(&path, "what was there before").expect("a file can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode can be set");
    let csv = path.to_str().expect("a plain name");
    let text = spoilt.world.program.ends(0, &["rejects", &spoilt.run, "--csv", csv]).out;
    assert!(!text.contains("P00007"), "{text}");
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
    let lines: Vec<String> = fs::read_to_string(&path).expect("it can be read").lines().map(str::to_owned).collect();
    assert_eq!(lines[0], r#""Id","reason","field","code","sentence","remedy","in_model","run""#);
    let begins: Vec<&str> = lines[1..].iter().map(|it| it.split(",\"").take(2).last().unwrap_or_default()).collect();
    assert_eq!(begins, ["refused\"", "invalid\"", "duplicate_key\"", "duplicate_key\""], "{lines:?}");
    assert!(lines[1].starts_with("\"P00007\"") && lines[4].starts_with("\"p00003 \""), "{lines:?}");
    assert!(lines[1..].iter().all(|it| it.ends_with(&format!("\"yes\",\"{}\"", spoilt.run))), "{lines:?}");
    let told = spoilt.world.program.ends(1, &["rejects", &spoilt.run, "--csv", "/nowhere/rejects.csv"]);
    assert!(told.err.contains("CLI-009"), "{}", told.err);
}

#[test]
fn the_same_rows_are_told_of_the_next_run_and_kept_once() {
    let spoilt = Spoilt::new("import: rest");
    let first = spoilt.world.history_files();
    spoilt.world.run(3);
    let second = spoilt.rejects(&[ACTIVATION, "--show-values"]);
    assert_ne!(second["run"], json!(spoilt.run));
    let reasons: Vec<&Value> = second["rows"].as_array().expect("rows are listed").iter().map(|it| &it["reason"]).collect();
    assert_eq!(reasons, ["refused_before", "invalid", "duplicate_key"], "{second}");
    assert_eq!(second["rows"][0]["code"], "InvalidNumber", "{second}");
    // The refused row is a row that is not sent now, so there is one list more; from here on nothing is.
    let after_second = spoilt.world.history_files();
    assert_eq!(after_second.len(), first.len() + 1, "{after_second:?}");
    spoilt.world.run(3);
    assert_eq!(spoilt.world.history_files(), after_second, "a run that finds the same writes nothing");
    assert_eq!(told(&spoilt.rejects(&[ACTIVATION])), told(&spoilt.rejects(&[second["run"].as_str().expect("a name")])));
    // Of the first run it is told as it was.
    assert_eq!(spoilt.rejects(&[&spoilt.run])["rows"][0]["reason"], "refused");
}

#[test]
fn rows_that_are_put_right_are_told_no_more_and_rows_that_are_gone_are_counted() {
    let spoilt = Spoilt::new("import: rest");
    let world = &spoilt.world;
    let mut model = people(10);
    model.remove(1);
    world.write_people(&spoilt.project, &model);
    world.program.ends(0, &["run", ACTIVATION, "--retry-refused"]);
    let now = spoilt.rejects(&[ACTIVATION]);
    assert_eq!((told(&now), &now["is_forgotten"]), (vec![], &json!(false)), "{now}");
    let text = world.program.ends(0, &["rejects", ACTIVATION]).out;
    assert!(text.contains("every row was sent and taken"), "{text}");
    let then = spoilt.rejects(&[&spoilt.run, "--show-values"]);
    let in_model: Vec<&Value> = then["rows"].as_array().expect("rows are listed").iter().map(|it| &it["in_model"]).collect();
    assert_eq!(in_model, [true, false, true], "{then}");
    let text = world.program.ends(0, &["rejects", &spoilt.run]).out;
    assert!(text.contains("1 of them no longer in the model"), "{text}");
}

#[test]
fn rows_without_a_key_are_counted() {
    let world = World::new();
    let project = Project::default();
    world.write(&project);
    let mut model = people(4);
    model[2].id = String::new();
    world.write_people(&project, &model);
    world.run(3);
    let document = world.program.json(0, &["rejects", ACTIVATION]);
    assert_eq!((told(&document), &document["without_key"]), (vec![], &json!(1)), "{document}");
    assert!(world.program.ends(0, &["rejects", ACTIVATION]).out.contains("1 row without a usable key"));
}

#[test]
fn what_cannot_be_read_any_more_is_told() {
    let spoilt = Spoilt::new("import: rest");
    for path in spoilt.world.state_files().into_iter().filter(|it| it.components().any(|it| it.as_os_str() == "history")) {
        fs::remove_file(path).expect("a file can be removed");
    }
    let document = spoilt.rejects(&[&spoilt.run]);
    assert_eq!((told(&document), &document["is_forgotten"]), (vec![], &json!(true)), "{document}");
    // A run needs none of it, and tells anew what is wrong.
    spoilt.world.run(3);
    assert_eq!(told(&spoilt.rejects(&[ACTIVATION])).len(), 3);
}

#[test]
fn a_run_that_nobody_knows_is_told() {
    let world = World::of(&people(3));
    for arguments in [["rejects", "20261123T000000Z-000000"], ["rejects", ACTIVATION]] {
        assert_eq!(world.program.json(1, &arguments)["error"]["code"], "CLI-005");
    }
    world.run(0);
    assert_eq!(told(&world.program.json(0, &["rejects", ACTIVATION])), Vec::<Value>::new());
    assert_eq!(world.program.json(1, &["rejects", "nobody"])["error"]["code"], "CLI-005");
}
