//! Rows that leave the model, and are flagged for it.

use serde_json::Value;

use crate::{
    guards::gives,
    people::{Person, people, person},
    world::{ACTIVATION, Project, World, activation},
};

const FLAG: &str = "on_exit: { flag: { field: IsMember, value: false, present: true } }";

/// A project that flags who left, in a field that a run creates.
fn flagging(line: &str) -> Project {
    Project {
        file: "people.parquet",
        destination: ", fields: { IsMember: Boolean }",
        activation: activation(&format!("{FLAG}\n    {line}")),
        ..Project::default()
    }
}

/// The keys of rows whose flag is this one, in order.
fn with_flag(world: &World, flag: &str) -> Vec<String> {
    let rows = world.rows().into_iter();
    let mut keys: Vec<String> = rows.filter(|(_, row)| row["IsMember"].as_deref() == Some(flag)).map(|(key, _)| key).collect();
    keys.sort();
    keys
}

pub fn keys(people: &[Person]) -> Vec<String> {
    let mut keys: Vec<String> = people.iter().map(|it| it.id.clone()).collect();
    keys.sort();
    keys
}

#[track_caller]
pub fn ran(world: &World, code: i32) -> Value {
    world.program.json(code, &["run", ACTIVATION])["runs"][0].clone()
}

/// Rows of the outcomes with that intent and fate.
pub fn count(ran: &Value, intent: &str, fate: &str) -> u64 {
    let outcomes = ran["outcomes"].as_array().expect("outcomes are listed").iter();
    outcomes.filter(|it| it["intent"] == intent && it["fate"] == fate).filter_map(|it| it["rows"].as_u64()).sum()
}

#[track_caller]
fn leave_and_return(road: &str) {
    let (world, project, all) = (World::new(), flagging(road), people(60));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);
    assert_eq!((with_flag(&world, "True"), with_flag(&world, "False")), (keys(&all), vec![]));

    world.write_people(&project, &all[3..]);
    let planned = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(planned.contains("flag (no longer in the model) 3 rows"), "{planned}");
    let left = ran(&world, 0);
    assert_eq!(count(&left, "flag", "flagged"), 3, "{left}");
    assert_eq!(left["plan"]["parts"][0]["only_flags"], true, "{left}");
    assert_eq!((with_flag(&world, "True"), with_flag(&world, "False")), (keys(&all[3..]), keys(&all[..3])));
    let why = world.program.json(0, &["why", ACTIVATION, "--key", &all[0].id]);
    assert_eq!(why["baseline"]["presence"], "flagged", "{why}");

    world.forget_calls();
    assert_eq!(count(&ran(&world, 0), "none", "flagged"), 3, "they are flagged once, and told in every run");
    assert_eq!(world.writing_calls(), []);

    world.write_people(&project, &all[2..]);
    let back = ran(&world, 0);
    assert_eq!((count(&back, "update", "confirmed"), count(&back, "none", "flagged")), (1, 2), "{back}");
    assert_eq!((with_flag(&world, "True"), with_flag(&world, "False")), (keys(&all[2..]), keys(&all[..2])));
}

#[test]
fn who_leaves_is_flagged_by_rest_until_they_return() {
    leave_and_return("import: rest");
}

#[test]
fn who_leaves_is_flagged_by_soap_until_they_return() {
    leave_and_return("import: soap");
}

/// What somebody else has removed is not made again for the sake of its flag.
#[test]
fn a_row_that_is_gone_is_not_made_to_be_flagged() {
    let (world, project, all) = (World::new(), flagging("import: rest"), people(30));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);
    let gone = [("Id".to_owned(), all[0].id.clone())].into();
    let write = outflow_sandbox::model::OtherWrite::DeleteRow { de: crate::world::DATA_EXTENSION.into(), keys: gone };
    world.model(move |model, now| model.other_write(&write, now)).expect("the row is there");
    // A new member in its place, so that the number of rows tells nothing.
    let mut next = all[2..].to_vec();
    next.extend([person(90), person(91)]);
    world.write_people(&project, &next);
    let ran = ran(&world, 0);
    assert_eq!(
        count(&ran, "flag", "flagged") + count(&ran, "flag", "not_in_destination") + count(&ran, "none", "not_in_destination"),
        2,
        "{ran}"
    );
    assert_eq!(with_flag(&world, "False"), keys(&all[1..2]));
    assert!(!world.rows().contains_key(&all[0].id));
}

#[test]
fn who_had_left_before_is_flagged_once_their_keys_were_read() {
    let (world, all) = (World::new(), people(40));
    let keeping = Project { activation: activation("import: rest"), ..flagging("") };
    world.write(&keeping);
    world.write_people(&keeping, &all);
    world.run(0);
    world.write_people(&keeping, &all[2..]);
    world.run(0);

    let project = flagging("import: rest");
    world.write(&project);
    let switched = ran(&world, 4);
    assert_eq!((count(&switched, "update", "confirmed"), count(&switched, "none", "key_unknown")), (38, 2), "{switched}");
    let planned = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(planned.contains("2 rows left the model and cannot be flagged"), "{planned}");
    // Their rows were ours; one that is there and never was is left alone.
    let values = [("Id", "stranger"), ("Name", "Nobody")].map(|(field, it)| (field.to_owned(), Some(it.to_owned()))).into();
    let write = outflow_sandbox::model::OtherWrite::UpsertRow { de: crate::world::DATA_EXTENSION.into(), values };
    world.model(move |model, now| model.other_write(&write, now)).expect("a row is added");
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    assert_eq!(count(&ran(&world, 0), "flag", "flagged"), 2);
    assert_eq!((with_flag(&world, "True"), with_flag(&world, "False")), (keys(&all[2..]), keys(&all[..2])));
    assert_eq!(world.rows()["stranger"]["IsMember"], None);
}

/// Who was flagged before a rebuild does not leave anew, so that a guard lets those pass who do.
#[test]
fn who_was_flagged_before_a_rebuild_has_left_before() {
    let (world, project, all) = (World::new(), flagging("guards: { max_deletes: 3 }"), people(40));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);
    world.write_people(&project, &all[3..]);
    assert_eq!(count(&ran(&world, 0), "flag", "flagged"), 3);
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    world.forget_calls();
    assert_eq!(count(&ran(&world, 0), "none", "flagged"), 3);
    assert_eq!(world.writing_calls(), []);
    world.write_people(&project, &all[6..]);
    let left = ran(&world, 0);
    assert_eq!((count(&left, "flag", "flagged"), count(&left, "none", "flagged")), (3, 3), "{left}");
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    world.write_people(&project, &all);
    ran(&world, 0);
    assert_eq!((with_flag(&world, "True"), with_flag(&world, "False")), (keys(&all), vec![]), "who returns is un-flagged");
}

/// Rows that only a lost state folder had sent may be anybody's to a new one: they are told in every plan, run and verification.
#[test]
fn what_only_a_lost_state_folder_had_sent_is_told() {
    let (world, project, all) = (World::new(), flagging("import: rest"), people(40));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);
    std::fs::remove_dir_all(world.state()).expect("the state can be lost");
    world.write_people(&project, &all[2..]);
    let of_nobody = || {
        let told = world.program.ends(0, &["plan", ACTIVATION]).out;
        assert!(told.contains("2 rows of the data extension are not in the model"), "{told}");
        world.program.json(0, &["plan", ACTIVATION])["of_nobody"].clone()
    };
    assert_eq!(of_nobody(), 2, "before the first run");
    assert_eq!(ran(&world, 0)["plan"]["of_nobody"], 2);
    assert_eq!(of_nobody(), 2, "after it");
    let told = world.program.ends(0, &["verify", ACTIVATION]).out;
    assert!(told.contains("2 rows in the data extension alone, and not known here"), "{told}");
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    assert_eq!(of_nobody(), 2, "after a rebuild");
    assert_eq!(ran(&world, 0)["plan"]["of_nobody"], 2);
}

/// A run that could not flag whom it should have is not done.
#[test]
fn a_run_that_cannot_flag_for_want_of_a_key_ends_as_pending() {
    let (world, project, all) = (World::new(), flagging("import: rest"), people(40));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);
    std::fs::remove_dir_all(world.state()).expect("the state can be lost");
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    world.run(0);
    world.write_people(&project, &all[1..]);
    for _ in 0..2 {
        let left = ran(&world, 4);
        assert_eq!((count(&left, "none", "key_unknown"), &left["result"]["result"]), (1, &"rows_pending".into()), "{left}");
    }
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    assert_eq!(count(&ran(&world, 0), "flag", "flagged"), 1);
    assert_eq!(with_flag(&world, "False"), keys(&all[..1]));
}

#[test]
fn too_many_who_leave_wait_for_a_person() {
    let (world, project, all) = (World::new(), flagging("guards: { max_deletes: 5 % }"), people(60));
    world.write(&project);
    world.write_people(&project, &all);
    world.run(0);
    world.write_people(&project, &all[4..]);
    let held = ran(&world, 4);
    assert_eq!(
        (&held["plan"]["held"]["leaving"], &held["plan"]["held"]["guards"][0]["guard"]),
        (&4.into(), &"max_deletes".into()),
        "{held}"
    );
    assert_eq!(with_flag(&world, "False"), Vec::<String>::new());
    let approved = gives(&world, &held["plan"]["held"]["approve"], 0);
    assert_eq!(count(&approved, "flag", "flagged"), 4, "{approved}");
    assert_eq!(with_flag(&world, "False"), keys(&all[..4]));
}

#[test]
fn a_flag_that_its_field_cannot_take_is_told_before_anything_is_sent() {
    let world = World::new();
    let on_exit = "on_exit: { flag: { field: IsMember, value: gone, present: true } }";
    let project = Project { activation: activation(on_exit), ..flagging("") };
    world.write(&project);
    world.write_people(&project, &people(5));
    let told = world.run(64);
    assert!(told.err.contains("DE-002") && told.err.contains("`gone` is no value of the field `IsMember`"), "{}", told.err);
    assert_eq!(world.rows().len(), 0);
}
