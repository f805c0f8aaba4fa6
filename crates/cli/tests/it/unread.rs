//! A package that may not read rows back: counts are all there is, and what they do not prove is narrowed down.

use outflow_sandbox::model::{ImportFault, When};
use serde_json::Value;

use crate::{
    people::{self, people},
    world::{ACTIVATION, DATA_EXTENSION, Project, World, activation},
};

/// A world in which no row may be read.
fn unreadable(people: &[people::Person]) -> World {
    let world = World::of(people);
    world.model(|model, _| model.change_switches(|it| it.row_reading_refused = true));
    world
}

#[test]
fn rows_arrive_all_the_same_and_people_are_warned() {
    let world = unreadable(&people(60));
    let plan = world.program.ends(0, &["plan", ACTIVATION]);
    assert!(plan.out.contains("warning: the rows of the data extension may not be read"), "{}", plan.out);
    assert!(plan.out.contains("send (new to this activation, or in doubt) 60 rows"), "no insert is claimed: {}", plan.out);
    let told = world.run(0);
    assert!(told.out.contains("60 of 60 rows sent are confirmed") && told.out.contains("data_extensions_read"), "{}", told.out);
    let told = world.run(0);
    assert!(told.out.contains("nothing was sent"), "{}", told.out);
    let check = world.program.ends(0, &["check", "--connect"]);
    assert!(check.out.contains(&format!("WARNING  the rows of data extension `{DATA_EXTENSION}` can be read")), "{}", check.out);
    let shown = world.program.json(0, &["destination", "show", DATA_EXTENSION]);
    assert_eq!(shown["rows"], Value::Null);
}

#[test]
fn one_bad_row_holds_at_most_a_hundred() {
    let world = unreadable(&people(1200));
    let bad = people(1200)[700].id.clone();
    world.fault(When::default(), ImportFault::RejectRows { rows: Vec::new(), keys: vec![bad.clone()], code: "InvalidNumber".into() });
    // 1,200 rows in one file, then ten of 120, then two of a hundred at most: all in one run, and each round a plan of its own.
    let ran = world.program.json(4, &["run", ACTIVATION]);
    let run = &ran["runs"][0];
    let files: Vec<u64> = run["rounds"].as_array().expect("rounds are listed").iter().filter_map(|it| it["files"].as_u64()).collect();
    assert_eq!(files, [1, 10], "{run}");
    let parts = run["plan"]["parts"].as_array().expect("files are listed");
    assert!(parts.iter().all(|it| it["in_doubt"] == true && it["rows"].as_u64() <= Some(100)), "{run}");
    let pending = world.status()["open"][0]["rows_in_doubt"].as_u64().expect("a row is in doubt");
    assert!((1..=100).contains(&pending), "{pending}");
    assert_eq!(world.rows().len(), 1199, "all but the bad row are there");

    // It is told until it is mended, and never more open parts than one.
    let told = world.run(4);
    assert!(told.out.contains("warning: the rows of the data extension may not be read"), "{}", told.out);
    assert_eq!(world.status()["open"].as_array().map(Vec::len), Some(1));
    world.model(|model, _| model.clear_faults());
    world.run(0);
    assert_eq!(world.rows(), people::rows(&people(1200)));
    assert_eq!(world.status()["open"], Value::Array(Vec::new()));
}

#[test]
fn update_only_says_which_permission_is_missing() {
    let world = unreadable(&people(10));
    world.write(&Project { activation: activation("import: rest").replace("insert: true", "insert: false"), ..Project::default() });
    let told = world.run(1);
    assert!(told.err.contains("error[MC-006]") && told.err.contains("data_extensions_read"), "{}", told.err);
    let check = world.program.ends(1, &["check", "--connect"]);
    assert!(check.out.contains("only updates rows that are there"), "{}", check.out);
    assert_eq!(world.rows().len(), 0);
}
