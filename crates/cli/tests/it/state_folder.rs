//! The state folder locked, read-only, torn, of another secret, of another activation, restored from an old copy.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use outflow_sandbox::model::{ImportFault, When};
use serde_json::json;

use crate::{
    people::{self, people, person, truncate},
    world::{ACTIVATION, Project, World, activation, until},
};

/// A world whose first run is over, and whose second has something to do; calls are forgotten.
fn second_day() -> World {
    let world = World::of(&people(30));
    world.run(0);
    world.write_people(&Project::default(), &people(32));
    world.forget_calls();
    world
}

fn segments(world: &World) -> Vec<PathBuf> {
    world.state_files().into_iter().filter(|it| it.extension().is_some_and(|it| it == "seg")).collect()
}

/// The run is refused with these words, without a call that writes; the rows are as they were.
#[track_caller]
fn is_refused(world: &World, words: &[&str]) {
    let before = world.rows();
    let told = world.run(1);
    for word in words {
        assert!(told.err.contains(word), "`{word}` is missing: {}", told.err);
    }
    assert_eq!(world.writing_calls(), []);
    assert_eq!(world.rows(), before);
}

/// The remedy that the refusals name: afterwards the run does what it must.
#[track_caller]
fn rebuilding_helps(world: &World) {
    let rebuilt = world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    assert!(rebuilt.out.contains("30 rows"), "{}", rebuilt.out);
    world.run(0);
    assert_eq!(world.rows(), people::rows(&people(32)));
}

#[test]
fn two_runs_at_once() {
    let world = World::of(&people(10));
    world.fault(When { times: Some(1), ..When::default() }, ImportFault::HoldUntilReleased);
    let first = world.program.start(&["run", ACTIVATION]);
    let imports = || world.inspect("GET", "imports")["imports"].clone();
    until("the first run has started its import", || imports()[0]["held"] == true);
    let second = world.run(5);
    assert!(second.err.contains("error[RUN-002]: another run holds `") && second.err.contains("(process "), "{}", second.err);
    let rebuilt = world.program.ends(5, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    assert!(rebuilt.err.contains("RUN-002"), "{}", rebuilt.err);
    world.program.ends(0, &["plan", ACTIVATION]);
    world.inspect("POST", &format!("imports/{}/release", imports()[0]["id"]));
    assert_eq!(first.end().code, Some(0));
    assert_eq!(world.rows(), people::rows(&people(10)));
}

#[test]
fn a_torn_baseline_file() {
    let world = second_day();
    let torn = segments(&world);
    truncate(&torn[0], 100);
    let name = torn[0].file_name().and_then(|it| it.to_str()).expect("a plain name");
    is_refused(&world, &["BASE-001", name, "torn", "outflow baseline rebuild members --from destination"]);
    rebuilding_helps(&world);
}

#[test]
fn a_flipped_bit_in_the_baseline() {
    let world = second_day();
    let path = &segments(&world)[0];
    let mut bytes = fs::read(path).expect("the segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("the segment can be written");
    is_refused(&world, &["BASE-001", "outflow baseline rebuild members --from destination"]);
    rebuilding_helps(&world);
}

#[test]
fn a_baseline_file_that_is_gone() {
    let world = second_day();
    fs::remove_file(&segments(&world)[0]).expect("the segment can be removed");
    is_refused(&world, &["BASE-002", "outflow baseline rebuild members --from destination"]);
    rebuilding_helps(&world);
}

#[test]
fn the_baseline_of_another_secret() {
    let mut world = second_day();
    world.program.environment.insert("OUTFLOW_SECRET", "another secret of the tests, just as long as the first".into());
    is_refused(&world, &["BASE-001", "another project secret", "give the project the secret it had", "outflow baseline rebuild members"]);
    rebuilding_helps(&world);
}

#[test]
fn the_baseline_of_another_activation() {
    let world = second_day();
    let path = &segments(&world)[0];
    // The same rows of another project's activation, by whatever hand they came here.
    let other = World::of(&people(30));
    let project =
        fs::read_to_string(other.path("outflow.yaml")).expect("the project").replace("\n  members:\n    to:", "\n  others:\n    to:");
    fs::write(other.path("outflow.yaml"), project).expect("the project can be written");
    other.program.ends(0, &["run", "others"]);
    fs::copy(&segments(&other)[0], path).expect("the segment can be replaced");
    is_refused(&world, &["BASE-001", "outflow baseline rebuild members --from destination"]);
    rebuilding_helps(&world);
}

/// Root may write everywhere, so the program runs as somebody else where these tests run as root.
fn nobody() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0).then_some(65_534)
}

#[test]
fn a_read_only_state_folder() {
    let mut world = second_day();
    if let Some(user) = nobody() {
        world.program = world.program.of_user(user);
    }
    fs::set_permissions(&world.program.folder, fs::Permissions::from_mode(0o755)).expect("our own folder");
    for path in world.state_files() {
        fs::set_permissions(path, fs::Permissions::from_mode(0o444)).expect("our own file");
    }
    set_folders(&world.state(), 0o555);
    for command in [&["status"][..], &["runs"], &["plan", ACTIVATION], &["rejects", ACTIVATION], &["why", ACTIVATION, "--key", "P00001"]] {
        let told = world.program.call(command);
        assert_eq!(told.code, Some(0), "{command:?} only reads: {}", told.err);
    }
    is_refused(&world, &["DISK-001", "/lock` cannot be taken", "make the state folder writable for this user"]);
    set_folders(&world.state(), 0o755);
}

fn set_folders(folder: &Path, mode: u32) {
    for entry in fs::read_dir(folder).expect("a folder").flatten().filter(|it| it.path().is_dir()) {
        set_folders(&entry.path(), mode);
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).expect("our own folder");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

/// An old copy knows less than the data extension holds, and by REST nothing tells: what it takes for changed is sent again, and nothing is lost.
#[test]
fn a_state_folder_restored_from_an_old_copy() {
    let world = World::of(&people(30));
    world.run(0);
    copy(&world.state(), &world.path("copy"));
    let mut model = people(32);
    model[4].points = 77;
    world.write_people(&Project::default(), &model);
    world.run(0);
    fs::remove_dir_all(world.state()).expect("the state can be lost");
    fs::rename(world.path("copy"), world.state()).expect("the copy can be put back");
    // A→B→A: person 4 is what the old copy says, and the data extension holds something else. Person 5 has moved on.
    let mut model = people(33);
    model[5].points = 78;
    world.write_people(&Project::default(), &model);
    let told = world.run(0);
    assert_eq!(world.rows()["P00005"], people::rows(&model)["P00005"], "{}", told.out);
    assert_eq!(world.rows()["P00032"], people::rows(&[person(32)])["P00032"]);
    assert_ne!(world.rows()["P00004"], people::rows(&model)["P00004"], "nothing here can know of the lost run…");
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    world.run(0);
    assert_eq!(world.rows(), people::rows(&model), "…and reading the data extension back heals it");
}

/// By SOAP the import definition bears the mark of the newer state.
#[test]
fn an_old_copy_of_the_state_folder_is_refused_where_a_mark_is_kept() {
    let soap = || Project { activation: activation("import: soap"), ..Project::default() };
    let send = |world: &World, model: &[people::Person]| {
        world.write(&soap());
        world.write_people(&soap(), model);
    };
    let world = World::new();
    send(&world, &people(30));
    world.run(0);
    copy(&world.state(), &world.path("copy"));
    let mut model = people(32);
    model[4].points = 77;
    send(&world, &model);
    world.run(0);
    fs::remove_dir_all(world.state()).expect("the state can be lost");
    fs::rename(world.path("copy"), world.state()).expect("the copy can be put back");
    // Person 4 has gone back to what the copy knows, and the data extension holds what was in between.
    send(&world, &people(33));
    world.forget_calls();
    let before = world.rows();
    for _ in 0..2 {
        let told = world.run(5);
        let words =
            ["LED-004", "its generation is 1, and imports have left the mark of 2", "outflow baseline rebuild members --from destination"];
        words.iter().for_each(|it| assert!(told.err.contains(it), "`{it}` is missing: {}", told.err));
    }
    // Also where all that changed has gone back, so that there is nothing to be sent.
    send(&world, &people(30));
    let planned = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!((&planned["old_state"], &planned["parts"]), (&json!({ "generation": 1, "mark": 2 }), &json!([])), "{planned}");
    let told = world.program.ends(2, &["plan", ACTIVATION, "--detailed-exitcode"]);
    assert!(told.out.contains("LED-004"), "{}", told.out);
    assert!(world.run(5).err.contains("LED-004"));
    let told = world.program.ends(5, &["verify", ACTIVATION]);
    assert!(told.err.contains("LED-004") && !told.out.contains("somebody else"), "{}", told.err);
    assert_eq!((world.writing_calls(), world.rows()), (vec![], before));
    send(&world, &people(33));
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    let definitions = || world.journal().iter().filter(|it| it.object == "ImportDefinition").count();
    world.forget_calls();
    world.run(0);
    assert_eq!(world.rows(), people::rows(&people(33)));
    assert_ne!(definitions(), 0);
    world.forget_calls();
    world.run(0);
    assert_eq!(definitions(), 1, "where nothing has changed the mark is asked for, once");
    assert_eq!(world.writing_calls(), []);
    // A new state folder knows nothing that could be outdated.
    fs::remove_dir_all(world.state()).expect("the state can be lost");
    send(&world, &people(34));
    world.run(0);
    assert_eq!(world.rows(), people::rows(&people(34)));
}

/// Ledger and baselines of two moments: told, not guessed.
#[test]
fn a_ledger_restored_without_its_baselines() {
    let world = World::of(&people(30));
    world.run(0);
    let old = fs::read(world.state().join("ledger.sqlite")).expect("the ledger");
    world.write_people(&Project::default(), &people(31));
    world.run(0);
    world.run(0);
    for path in world.state_files().into_iter().filter(|it| it.to_string_lossy().contains("ledger.sqlite-")) {
        fs::remove_file(path).expect("a side file can be removed");
    }
    fs::write(world.state().join("ledger.sqlite"), old).expect("the ledger can be put back");
    world.write_people(&Project::default(), &people(32));
    let told = world.program.call(&["run", ACTIVATION]);
    if told.code != Some(0) {
        assert!(told.err.contains("outflow baseline rebuild members --from destination"), "{}", told.err);
        world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
        world.run(0);
    }
    assert_eq!(world.rows(), people::rows(&people(32)));
}

#[test]
fn a_ledger_that_is_no_ledger() {
    let world = second_day();
    for path in world.state_files().into_iter().filter(|it| it.to_string_lossy().contains("ledger.sqlite-")) {
        fs::remove_file(path).expect("a side file can be removed");
    }
    fs::write(world.state().join("ledger.sqlite"), "this is a text").expect("the ledger can be spoilt");
    is_refused(&world, &["LED-003", "ledger.sqlite"]);
}
