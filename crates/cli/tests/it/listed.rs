//! What is said of runs that were none, came to no end, or have compared nothing; and how values are shown.

use std::fs;

use outflow_sandbox::model::{ImportFault, When};
use serde_json::{Value, json};

use crate::{
    people::{people, person},
    world::{ACTIVATION, Project, World, until},
};

#[track_caller]
fn newest(world: &World) -> Value {
    world.program.json(0, &["runs"])["runs"][0].clone()
}

/// Making the baseline anew is in the list, and neither the last run nor a success.
#[test]
fn a_rebuild_is_no_run_that_a_person_asks_after() {
    let world = World::of(&people(5));
    world.run(0);
    let (before, ran) = (world.status(), newest(&world));
    assert_eq!((&ran["purpose"], &ran["result"]["result"]), (&json!("run"), &json!("succeeded")), "{ran}");
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    let rebuilt = newest(&world);
    assert_eq!((&rebuilt["purpose"], &rebuilt["result"]["result"]), (&json!("rebuild"), &json!("succeeded")), "{rebuilt}");
    assert!(world.program.ends(0, &["runs"]).out.contains("baseline rebuild: succeeded"));
    let after = world.status();
    for it in ["last_success_ms", "last_run", "current_run"] {
        assert_eq!(after[it], before[it], "{it}: {after}");
    }
    let rejects = world.program.json(0, &["rejects", ACTIVATION]);
    assert_eq!(rejects["run"], ran["run"], "the newest run that has compared its model");
}

/// Nor is the half of a repair that tells the baseline what has drifted.
#[test]
fn a_repair_is_one_run() {
    let world = World::of(&people(5));
    world.run(0);
    let gone = [("Id".to_owned(), "P00003".to_owned())].into();
    let write = outflow_sandbox::model::OtherWrite::DeleteRow { de: crate::world::DATA_EXTENSION.into(), keys: gone };
    world.model(move |model, now| model.other_write(&write, now)).expect("the row is there");
    world.program.ends(0, &["verify", ACTIVATION, "--repair"]);
    let runs = world.program.json(0, &["runs"])["runs"].clone();
    let purposes: Vec<&Value> = runs.as_array().expect("runs are listed").iter().map(|it| &it["purpose"]).collect();
    assert_eq!(purposes, ["run", "repair", "run"], "{runs}");
}

/// The kernel has freed the lock of a run that was killed: it is not under way.
#[test]
fn a_killed_run_has_ended_without_a_result() {
    let world = World::of(&people(5));
    world.fault(When { times: Some(1), ..When::default() }, ImportFault::HoldUntilReleased);
    let running = world.program.start(&["run", ACTIVATION]);
    let imports = || world.inspect("GET", "imports")["imports"].clone();
    until("the import is held", || imports()[0]["held"] == true);
    let listed = newest(&world);
    assert_eq!((&listed["under_way"], &listed["result"]), (&json!(true), &Value::Null), "{listed}");
    assert!(world.program.ends(0, &["status"]).out.contains("under way"));
    running.kill();
    let listed = newest(&world);
    assert_eq!((&listed["under_way"], &listed["result"]), (&json!(false), &Value::Null), "{listed}");
    for command in [&["runs"][..], &["status"]] {
        let told = world.program.ends(0, command).out;
        assert!(told.contains("ended without a result") && !told.contains("under way"), "{told}");
    }
    let run = listed["run"].as_str().expect("a run has a name").to_owned();
    let told = world.program.ends(0, &["rejects", &run]).out;
    assert!(!told.contains("every row was sent and taken") && told.contains("it has not come to its end"), "{told}");
    world.inspect("POST", &format!("imports/{}/release", imports()[0]["id"]));
    world.run(0);
    assert!(world.program.ends(0, &["status"]).out.contains("succeeded"));
}

/// Of a run that has compared nothing no row is known to be right.
#[test]
fn a_run_that_failed_took_no_row() {
    let world = World::of(&people(5));
    world.run(0);
    fs::remove_file(world.path("people.csv")).expect("the model can be lost");
    world.run(1);
    let run = newest(&world)["run"].as_str().expect("a run has a name").to_owned();
    let told = world.program.ends(0, &["rejects", &run]).out;
    assert!(!told.contains("every row was sent and taken") && told.contains("it failed before it had compared them (SRC-00"), "{told}");
    let document = world.program.json(0, &["rejects", &run]);
    assert_eq!((&document["has_compared"], &document["result"]["result"]), (&json!(false), &json!("failed")), "{document}");
}

/// Whoever looks after runs need not have every secret of the project.
#[test]
fn what_has_run_is_told_without_any_secret() {
    let mut world = World::of(&people(5));
    world.run(0);
    world.program.environment.clear();
    let told = world.program.ends(0, &["status"]).out;
    assert!(told.contains(ACTIVATION) && told.contains("succeeded"), "{told}");
    assert_eq!(newest(&world)["activation"], ACTIVATION);
    assert_eq!(world.program.json(0, &["runs", "--activation", ACTIVATION])["runs"].as_array().map(Vec::len), Some(1));
    assert!(world.program.ends(64, &["runs", "--activation", "memberz"]).err.contains("did you mean `members`?"));
    world.program.ends(64, &["plan", ACTIVATION]);
}

/// What was confirmed of another data extension no longer counts: that is said, and why nothing has left.
#[test]
fn what_no_longer_counts_is_told_by_the_plan() {
    let world = World::of(&people(5));
    world.run(0);
    let words = "the primary key or the data extension is another than when rows were confirmed";
    assert!(!world.program.ends(0, &["plan", ACTIVATION]).out.contains(words));
    let write = outflow_sandbox::model::OtherWrite::RecreateDataExtension { de: crate::world::DATA_EXTENSION.into() };
    world.model(move |model, now| model.other_write(&write, now)).expect("it is there");
    let planned = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(planned.contains(words) && !planned.contains("nothing was confirmed before"), "{planned}");
    assert_eq!(world.program.json(0, &["plan", ACTIVATION])["is_retired"], true);
}

/// A key that comes from another column may be the same key, or make another row of each: which, only a person can tell.
#[test]
fn a_key_from_another_column_is_told_by_the_plan() {
    let world = World::of(&people(5));
    world.run(0);
    let other = Project { activation: Project::default().activation.replace("{ Id: id }", "{ Id: email }"), ..Project::default() };
    world.write(&other);
    let planned = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(planned.contains("the primary key `Id` comes from `email`, and came from `id` when rows were confirmed"), "{planned}");
    let planned = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(planned["key_moved"], json!([{ "field": "Id", "was": "id", "is": "email" }]));
}

/// `name=value` of a field that is none of the key is a value like any other, and probably not what was meant.
#[test]
fn a_key_that_names_no_field_is_told_as_the_value_it_was_taken_for() {
    let world = World::of(&people(5));
    world.run(0);
    let told = world.program.ends(0, &["why", ACTIVATION, "--key", "Foo=P00001"]).out;
    assert!(told.contains("`Foo` is no field of the key, so all of it was taken for the value of `Id`"), "{told}");
    assert!(!world.program.ends(0, &["why", ACTIVATION, "--key", "Id=P00001"]).out.contains("no field of the key"));
}

/// The state folder is of who made it: it tells who is in a model, and when.
#[test]
fn a_state_folder_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::of(&people(5));
    world.run(0);
    let mode = |path: std::path::PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(world.state()), 0o700);
    world.program.ends(0, &["init", world.path("new").to_str().expect("a plain name")]);
    assert_eq!(mode(world.path("new/.outflow")), 0o700);
}

#[test]
fn a_csv_that_cannot_be_written_is_told_by_its_own_name() {
    let world = World::of(&people(5));
    world.run(0);
    let told = world.program.ends(1, &["rejects", ACTIVATION, "--csv", "nowhere/rejects.csv"]).err;
    assert!(told.contains("CLI-009") && told.contains("`nowhere/rejects.csv` cannot be written") && !told.contains(".tmp"), "{told}");
}

#[test]
fn no_folder_for_temporary_files_is_an_error() {
    let mut world = World::of(&people(5));
    world.program.environment.insert("TMPDIR", "/nowhere/at/all".into());
    let told = world.program.ends(1, &["plan", ACTIVATION]).err;
    assert!(told.contains("CLI-002") && told.contains("`/nowhere/at/all`") && told.contains("TMPDIR"), "{told}");
}

/// A value that is asked for is shown, and does not drive the terminal that shows it.
#[test]
fn values_are_shown_without_their_control_characters() {
    let world = World::new();
    let project = Project { file: "people.ndjson", ..Project::default() };
    world.write(&project);
    let mut model = vec![person(1), person(2)];
    model[0].name = "Ada\u{1b}]0;title\u{7}\u{9b}2J".into();
    // XML can carry this one, and some terminals begin a command with it.
    (model[1].id, model[1].name) = ("P\u{9b}31m".into(), "x".repeat(101));
    world.write_people(&project, &model);
    world.run(3);
    let rejects = world.program.ends(0, &["rejects", ACTIVATION, "--show-values"]).out;
    assert!(rejects.contains("P\\u{9b}31m"), "{rejects}");
    let why = world.program.ends(0, &["why", ACTIVATION, "--key", &model[0].id, "--show-values"]).out;
    assert!(why.contains("Ada\\u{1b}]0;title\\u{7}\\u{9b}2J"), "{why}");
    for told in [&rejects, &why] {
        assert!(!told.contains(|it: char| it.is_control() && it != '\n'), "{told:?}");
    }
    let document = world.program.json(0, &["why", ACTIVATION, "--key", &model[0].id, "--show-values"]);
    assert_eq!(document["model"][0]["values"]["Name"], json!(model[0].name), "a document has the value as it is");
}
