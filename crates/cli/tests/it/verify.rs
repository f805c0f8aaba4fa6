//! Whether the data extension holds what the model says, and what brings it back.

use outflow_sandbox::model::OtherWrite;
use serde_json::Value;

use crate::{
    output::has,
    people::{self, people},
    world::{ACTIVATION, DATA_EXTENSION, World},
};

/// Sixty people are confirmed.
fn settled() -> World {
    let world = World::of(&people(60));
    world.run(0);
    world
}

/// Somebody else changes one row, removes two, and makes one of his own.
fn others_write(world: &World) {
    let key = |id: &str| [("Id".to_owned(), id.to_owned())].into();
    let row = |id: &str| [("Id", id), ("Name", "somebody else")].map(|(k, v)| (k.to_owned(), Some(v.to_owned()))).into();
    let de = || DATA_EXTENSION.to_owned();
    let writes = [
        OtherWrite::UpsertRow { de: de(), values: row("P00004") },
        OtherWrite::UpsertRow { de: de(), values: row("X1") },
        OtherWrite::DeleteRow { de: de(), keys: key("P00007") },
        OtherWrite::DeleteRow { de: de(), keys: key("P00008") },
    ];
    world.model(move |model, now| writes.iter().for_each(|it| model.other_write(it, now).expect("the row can be written")));
}

fn rows(verified: &Value, finding: &str) -> u64 {
    let findings = verified["findings"].as_array().expect("findings are listed").iter();
    findings.filter(|it| it["finding"] == finding).filter_map(|it| it["rows"].as_u64()).sum()
}

#[test]
fn nothing_has_drifted_where_nobody_else_wrote() {
    let world = settled();
    world.forget_calls();
    let told = world.program.json(0, &["verify", ACTIVATION, "--detailed-exitcode"]);
    has(&told, &["activation", "verified", "repair"]);
    has(&told["verified"], &["source_rows", "held_rows", "drifted", "findings"]);
    assert_eq!((rows(&told["verified"], "equal"), &told["verified"]["drifted"], &told["repair"]), (60, &Value::from(0), &Value::Null));
    assert!(world.writing_calls().is_empty() && world.spool_files().is_empty());
    let told = world.program.ends(0, &["verify", ACTIVATION]);
    assert!(told.out.contains("Nothing has drifted."), "{}", told.out);
}

#[test]
fn what_others_wrote_is_told_and_repaired() {
    let world = settled();
    others_write(&world);
    let told = world.program.ends(2, &["verify", ACTIVATION, "--detailed-exitcode"]);
    assert!(told.out.contains("3 rows have drifted") && told.out.contains("--repair"), "{}", told.out);
    assert!(!told.out.contains("P00007") && told.out.contains("key P…(6)"), "keys are masked: {}", told.out);
    let verified = world.program.json(0, &["verify", ACTIVATION])["verified"].clone();
    let found = ["equal", "altered", "missing", "foreign"].map(|it| rows(&verified, it));
    assert_eq!(found, [57, 1, 2, 1], "{verified}");

    let repaired = world.program.json(0, &["verify", ACTIVATION, "--repair"]);
    let sent: u64 = repaired["repair"]["plan"]["parts"].as_array().expect("files").iter().filter_map(|it| it["rows"].as_u64()).sum();
    assert_eq!(sent, 3, "just those: {repaired}");
    let mut held = world.rows();
    assert!(held.remove("X1").is_some(), "what is somebody else's stays");
    assert_eq!(held, people::rows(&people(60)));
    let verified = world.program.json(0, &["verify", ACTIVATION, "--detailed-exitcode"])["verified"].clone();
    assert_eq!(verified["drifted"], 0, "{verified}");
}

#[test]
fn what_the_model_has_changed_since_is_no_drift() {
    let world = settled();
    let mut people = people(61);
    people[3].points += 1;
    people.remove(9);
    world.write_people(&crate::world::Project::default(), &people);
    let verified = world.program.json(0, &["verify", ACTIVATION, "--detailed-exitcode"])["verified"].clone();
    let found = ["equal", "pending", "left"].map(|it| rows(&verified, it));
    assert_eq!((found, &verified["drifted"]), ([58, 2, 1], &Value::from(0)), "{verified}");
}
