//! Rows that leave the model, and are deleted for it.

use outflow_sandbox::model::{Effect, Fault, OtherWrite, When};

use crate::{
    exits::{count, keys, ran},
    guards::gives,
    people::{Person, people, rows},
    world::{ACTIVATION, DATA_EXTENSION, Project, World, activation, until},
};

const DELETE: &str = "on_exit: delete";

/// A project that deletes who left.
fn deleting(line: &str) -> Project {
    Project { file: "people.parquet", activation: activation(&format!("{DELETE}\n    {line}")), ..Project::default() }
}

/// Something that becomes of calls which delete rows.
fn deletions(world: &World, times: u64, effect: Effect) {
    let when = When { door: Some("soap".into()), method: Some("Delete".into()), times: Some(times), ..When::default() };
    world.model(move |model, _| model.add_fault(Fault { when, effect }));
}

fn somebody_writes(world: &World, id: &str) {
    let values = [("Id", id), ("Name", "Nobody")].map(|(field, it)| (field.to_owned(), Some(it.to_owned()))).into();
    let write = OtherWrite::UpsertRow { de: DATA_EXTENSION.into(), values };
    world.model(move |model, now| model.other_write(&write, now)).expect("a row is added");
}

#[track_caller]
fn leave_and_return(road: &str) {
    let (world, project, all) = (World::new(), deleting(road), people(60));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);

    world.write_people(&project, &all[3..]);
    let planned = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(planned.contains("delete for good (no longer in the model) 3 rows"), "{planned}");
    assert!(planned.contains("cannot be brought back") && planned.contains("no file to send"), "{planned}");
    let left = ran(&world, 0);
    assert_eq!(count(&left, "delete", "deleted"), 3, "{left}");
    let part = &left["plan"]["parts"][0];
    assert_eq!((&part["deletes"], &part["only_flags"], part["file"].is_null()), (&true.into(), &false.into(), true), "{left}");
    assert_eq!(world.rows(), rows(&all[3..]));
    assert_eq!(world.status()["rows_confirmed"], 57);
    let run = left["run"].as_str().expect("a run has a name");
    let events = world.program.ends(0, &["runs", run]).out;
    assert!(events.contains("3 rows to delete") && events.contains("deleting its rows; 3 rows are in doubt"), "{events}");
    let why = world.program.json(0, &["why", ACTIVATION, "--key", &all[0].id]);
    assert_eq!(
        (&why["conclusion"], &why["runs"][0]["intent"], &why["runs"][0]["fate"]),
        (&"not_in_model".into(), &"delete".into(), &"deleted".into())
    );
    let told = world.program.ends(0, &["why", ACTIVATION, "--key", &all[0].id]).out;
    assert!(told.contains("to be deleted, as it had left the model") && told.contains("read back as gone"), "{told}");

    world.forget_calls();
    let again = ran(&world, 0);
    assert_eq!((count(&again, "delete", "deleted"), count(&again, "none", "unchanged")), (0, 57), "{again}");
    assert_eq!(world.writing_calls(), []);

    world.write_people(&project, &all[2..]);
    let back = ran(&world, 0);
    assert_eq!((count(&back, "insert", "confirmed"), count(&back, "none", "unchanged")), (1, 57), "{back}");
    assert_eq!(world.rows(), rows(&all[2..]));
}

#[test]
fn who_leaves_is_deleted_and_made_anew_by_rest() {
    leave_and_return("import: rest");
}

#[test]
fn who_leaves_is_deleted_and_made_anew_by_soap() {
    leave_and_return("import: soap");
}

#[test]
fn who_was_there_before_stays_unless_a_person_says_otherwise() {
    let (world, project, all) = (World::new(), deleting("import: rest"), people(20));
    world.write(&project);
    world.write_people(&project, &all);
    somebody_writes(&world, &all[0].id);
    world.run(0);
    world.write_people(&project, &all[2..]);
    let left = ran(&world, 0);
    assert_eq!((count(&left, "delete", "deleted"), count(&left, "none", "kept")), (1, 1), "{left}");
    assert!(world.rows().contains_key(&all[0].id) && !world.rows().contains_key(&all[1].id));
    world.write(&deleting("delete_adopted: true"));
    assert_eq!(count(&ran(&world, 0), "delete", "deleted"), 1);
    assert_eq!(world.rows(), rows(&all[2..]));
}

/// A world in which these people are confirmed, and those with gold by another activation of the data extension, too.
fn beside_gold(all: &[Person]) -> (World, Project) {
    let world = World::new();
    let gold = activation("overlap: last_writer").replace("from: people", "from: gold");
    let project = Project {
        activation: format!("{}\n  gold:\n    to: members\n    {gold}", deleting("overlap: last_writer").activation),
        ..deleting("")
    };
    world.write(&project);
    world.write_people(&project, all);
    world.run(0);
    world.program.ends(0, &["run", "gold"]);
    (world, project)
}

#[test]
fn what_another_activation_holds_stays() {
    let all = people(40);
    let (world, project) = beside_gold(&all);
    let of_gold = all.iter().filter(|it| it.tier == "gold").count();
    assert!(of_gold > 0 && of_gold < all.len(), "some are gold, and some are not");
    // Everyone leaves; the other activation has not run since.
    world.write_people(&project, &all[..0]);
    let left = world.program.json(4, &["run", ACTIVATION])["runs"][0].clone();
    let left = gives(&world, &left["plan"]["held"]["approve"], 0);
    assert_eq!(
        (count(&left, "none", "shared"), count(&left, "delete", "deleted")),
        (of_gold as u64, (all.len() - of_gold) as u64),
        "{left}"
    );
    let planned = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(planned.contains("another activation of the data extension holds them, or may"), "{planned}");
    let mut there: Vec<String> = world.rows().into_keys().collect();
    there.sort();
    let gold: Vec<_> = all.iter().filter(|it| it.tier == "gold").cloned().collect();
    assert_eq!(there, keys(&gold));
}

#[test]
fn where_it_cannot_be_read_what_another_activation_holds_none_is_deleted() {
    let all = people(20);
    let (world, project) = beside_gold(&all);
    std::fs::remove_dir_all(world.state().join("activations/gold/baseline")).expect("its baseline is there");
    world.write_people(&project, &all[1..]);
    let left = ran(&world, 0);
    assert_eq!((count(&left, "none", "shared"), &left["plan"]["warnings"][0]["code"]), (1, &"others_unreadable".into()), "{left}");
    assert_eq!(world.rows().len(), all.len());
}

#[test]
fn who_had_left_before_is_deleted_once_their_keys_were_read() {
    let (world, all) = (World::new(), people(40));
    let keeping = Project { activation: activation("import: rest"), ..deleting("") };
    world.write(&keeping);
    world.write_people(&keeping, &all);
    world.run(0);
    world.write_people(&keeping, &all[2..]);
    world.run(0);

    world.write(&deleting("import: rest"));
    // What could not be deleted for want of its key waits, as the exit code says.
    let switched = ran(&world, 4);
    assert_eq!((count(&switched, "none", "unchanged"), count(&switched, "none", "key_unknown")), (38, 2), "{switched}");
    let planned = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(planned.contains("2 rows left the model and cannot be flagged or deleted"), "{planned}");
    // Their rows were made by us; one that is there and never was is left alone.
    somebody_writes(&world, "stranger");
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    assert_eq!(count(&ran(&world, 0), "delete", "deleted"), 2);
    let mut there = keys(&all[2..]);
    there.push("stranger".into());
    assert_eq!(world.rows().into_keys().collect::<std::collections::BTreeSet<_>>(), there.into_iter().collect());
}

#[test]
fn too_many_who_leave_wait_for_a_person() {
    let (world, project, all) = (World::new(), deleting("guards: { max_deletes: 5 % }"), people(60));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);
    world.write_people(&project, &all[4..]);
    let held = ran(&world, 4);
    assert_eq!(held["plan"]["held"]["guards"][0]["guard"], "max_deletes", "{held}");
    assert_eq!(world.rows().len(), 60);
    let approved = gives(&world, &held["plan"]["held"]["approve"], 0);
    assert_eq!(count(&approved, "delete", "deleted"), 4, "{approved}");
    assert_eq!(world.rows(), rows(&all[4..]));
}

/// The program is killed when the rows are gone already and it has not heard of it.
#[test]
fn kill_9_between_a_deletion_and_its_answer() {
    let (world, project, all) = (World::new(), deleting("import: rest"), people(30));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);
    world.write_people(&project, &all[3..]);
    deletions(&world, 1, Effect::Delay { millis: 60_000 });
    let running = world.program.start(&["run", ACTIVATION]);
    until("the rows are gone", || world.rows().len() == 27);
    running.kill();

    let told = world.program.json(0, &["run", ACTIVATION])["runs"][0].clone();
    assert_eq!(count(&serde_json::json!({ "outcomes": told["resumed"] }), "delete", "deleted"), 3, "{told}");
    assert_eq!(world.rows(), rows(&all[3..]));
    assert_eq!(world.spool_files(), Vec::<std::path::PathBuf>::new());
    // A call that is heard later would find rows that returned meanwhile: they are in doubt for an hour, and told so.
    let status = world.status();
    assert_eq!((&status["open"][0]["rows_in_doubt"], &status["open"][0]["blocks"]), (&3.into(), &false.into()), "{status}");
    let why = world.program.json(0, &["why", ACTIVATION, "--key", &all[0].id]);
    assert_eq!(why["conclusion"], "in_doubt", "{why}");
    world.write_people(&project, &all);
    let back = ran(&world, 0);
    assert_eq!((count(&back, "insert", "confirmed"), count(&back, "none", "unchanged")), (3, 27), "{back}");
    let again = ran(&world, 0);
    assert_eq!((count(&again, "update", "confirmed"), count(&again, "none", "unchanged")), (3, 27), "{again}");
    assert_eq!(world.rows(), rows(&all));
}

#[test]
fn a_deletion_that_nobody_answers_is_not_taken_for_done() {
    let (world, project, all) = (World::new(), deleting("import: rest"), people(30));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);
    world.write_people(&project, &all[3..]);
    deletions(&world, 3, Effect::DropUnread);
    let pending = ran(&world, 4);
    assert_eq!(count(&pending, "delete", "unconfirmed"), 3, "{pending}");
    assert_eq!(world.rows().len(), 30);
    assert_eq!(count(&ran(&world, 0), "delete", "deleted"), 3);
    assert_eq!(world.rows(), rows(&all[3..]));
}
