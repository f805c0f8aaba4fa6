//! What guards hold, how it is told, and what an approval lets through.

use serde_json::Value;

use crate::{
    output::has,
    people::{self, Person, people},
    program::Told,
    world::{ACTIVATION, DATA_EXTENSION, Project, World, activation},
};

/// The usual project with guards.
fn guarded(guards: &str) -> Project {
    Project { file: "people.parquet", activation: activation(&format!("guards: {{ {guards} }}")), ..Project::default() }
}

/// A world in which sixty people are confirmed.
#[track_caller]
fn settled(project: &Project) -> (World, Vec<Person>) {
    let (world, people) = (World::new(), people(60));
    world.write(project);
    world.write_people(project, &people);
    world.run(0);
    (world, people)
}

/// So many people have more points.
fn changed(people: &[Person], count: usize) -> Vec<Person> {
    let mut people = people.to_vec();
    people.iter_mut().take(count).for_each(|it| it.points += 1_000);
    people
}

/// Gives a command just as it was told.
#[track_caller]
pub fn gives(world: &World, command: &Value, code: i32) -> Value {
    let words: Vec<&str> = command.as_str().expect("a command is told").split(' ').collect();
    assert_eq!(words[0], "outflow");
    world.program.json(code, &words[1..])["runs"][0].clone()
}

#[track_caller]
fn is_refused(told: &Told, code: &str) {
    assert!(told.err.contains(&format!("error[{code}]: ")), "{}", told.err);
}

fn count_of(outcomes: &Value, fate: &str, leaving: bool) -> u64 {
    let outcomes = outcomes.as_array().expect("outcomes are listed").iter();
    outcomes.filter(|it| it["fate"] == fate && it["leaving"] == leaving).filter_map(|it| it["rows"].as_u64()).sum()
}

#[test]
fn too_many_updates_wait_for_a_person() {
    let project = guarded("max_updates: 10 %");
    let (world, before) = settled(&project);
    // Six of sixty are an ordinary day, and beside seven updates all else goes on.
    let ordinary = changed(&before, 6);
    world.write_people(&project, &ordinary);
    world.run(0);
    let mut after = changed(&ordinary, 7);
    after.push(people::person(60));
    world.write_people(&project, &after);

    let planned = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(planned.contains("held: 7 rows") && planned.contains("at most 6 may be of the 60 confirmed before"), "{planned}");
    let ran = world.program.json(4, &["run", ACTIVATION])["runs"][0].clone();
    let held = &ran["plan"]["held"];
    has(held, &["rows", "to_send", "leaving", "guards", "approve"]);
    has(&held["guards"][0], &["guard", "limit", "rows", "of", "rows_max", "sentence"]);
    assert_eq!(
        (&held["rows"], &held["guards"][0]["guard"], &held["guards"][0]["limit"]),
        (&7.into(), &"max_updates".into(), &"10 %".into())
    );
    assert_eq!((count_of(&ran["outcomes"], "held", false), count_of(&ran["outcomes"], "confirmed", false)), (7, 1), "{ran}");
    let mut there = people::rows(&ordinary);
    there.extend(people::rows(&after[60..]));
    assert_eq!(world.rows(), there, "what is held is as it was");

    let told = world.run(4).out;
    assert!(told.contains("held: 7 rows, until a person approves"), "{told}");
    let status = world.status();
    assert_eq!((&status["held"]["rows"], &status["held"]["leaving"]), (&7.into(), &0.into()), "{status}");
    assert!(status["held"]["since_ms"].as_i64() < status["held"]["planned_ms"].as_i64(), "rows are held since the first run: {status}");
    assert_eq!(status["held"]["expires_ms"].as_i64(), status["held"]["planned_ms"].as_i64().map(|it| it + 24 * 3_600_000));
    let shown = world.program.ends(0, &["status"]).out;
    assert!(shown.contains("max_updates") && shown.contains("--approve"), "{shown}");
    let explained = world.program.ends(0, &["runs", ran["run"].as_str().expect("a run has a name")]).out;
    assert!(explained.contains("7 rows held by plan"), "{explained}");

    has(&status["held"], &["plan", "run", "rows", "leaving", "since_ms", "planned_ms", "expires_ms", "guards", "approve"]);
    let approved = gives(&world, &status["held"]["approve"], 0);
    has(&approved["plan"]["approved"], &["plan", "rows"]);
    assert_eq!((&approved["plan"]["approved"]["rows"], count_of(&approved["outcomes"], "confirmed", false)), (&7.into(), 7), "{approved}");
    assert_eq!(world.rows(), people::rows(&after));
    assert_eq!(world.status()["held"], Value::Null);
    world.forget_calls();
    world.run(0);
    assert_eq!(world.writing_calls(), []);
}

#[test]
fn an_earlier_plan_is_approved_with_the_values_it_held() {
    let project = guarded("max_updates: 1");
    let (world, before) = settled(&project);
    world.write_people(&project, &changed(&before, 3));
    let first = world.program.json(4, &["run", ACTIVATION])["runs"][0]["plan"]["held"]["approve"].clone();
    // Two of the three change once more, and one that nobody has seen.
    let mut after = changed(&changed(&before, 3), 2);
    after[10].points += 5;
    world.write_people(&project, &after);
    world.run(4);
    let ran = gives(&world, &first, 4);
    assert_eq!((count_of(&ran["outcomes"], "confirmed", false), count_of(&ran["outcomes"], "held", false)), (1, 3), "{ran}");
    let mut there = before;
    there[2] = after[2].clone();
    assert_eq!(world.rows(), people::rows(&there));
    gives(&world, &ran["plan"]["held"]["approve"], 0);
    assert_eq!(world.rows(), people::rows(&after));
}

#[test]
fn what_a_plan_shows_can_be_approved_at_once() {
    let project = guarded("max_inserts: 2, max_updates: 2");
    let (world, before) = settled_with_approval(&project);
    let after = changed(&before, 3);
    world.write_people(&project, &after);
    let planned = world.program.json(2, &["plan", ACTIVATION, "--detailed-exitcode"]);
    assert_eq!(planned["held"]["rows"], 3);
    // It is of these changes: with one more it is another plan.
    world.write_people(&project, &changed(&before, 4));
    let command = planned["held"]["approve"].as_str().expect("a command is told").to_owned();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    is_refused(&world.program.ends(64, &words), "GRD-001");
    assert_eq!(world.rows(), people::rows(&before));
    world.write_people(&project, &after);
    gives(&world, &planned["held"]["approve"], 0);
    assert_eq!(world.rows(), people::rows(&after));
}

/// A first run of more rows than a guard allows.
#[track_caller]
fn settled_with_approval(project: &Project) -> (World, Vec<Person>) {
    let (world, people) = (World::new(), people(60));
    world.write(project);
    world.write_people(project, &people);
    let ran = world.program.json(4, &["run", ACTIVATION])["runs"][0].clone();
    assert_eq!((count_of(&ran["outcomes"], "held", false), world.rows().len()), (60, 0), "{ran}");
    gives(&world, &ran["plan"]["held"]["approve"], 0);
    (world, people)
}

#[test]
fn an_empty_source_takes_nothing_away_unseen() {
    let project = Project { file: "people.parquet", ..Project::default() };
    let (world, before) = settled(&project);
    world.write_people(&project, &[]);
    let ran = world.program.json(4, &["run", ACTIVATION])["runs"][0].clone();
    let held = &ran["plan"]["held"];
    assert_eq!(
        (&held["leaving"], &held["guards"][0]["guard"], &ran["plan"]["newly_left"]),
        (&60.into(), &"empty_source".into(), &0.into())
    );
    assert_eq!(count_of(&ran["outcomes"], "held", true), 60, "{ran}");
    let approved = gives(&world, &held["approve"], 0);
    assert_eq!(approved["plan"]["newly_left"], 60, "{approved}");
    assert_eq!(world.rows(), people::rows(&before), "rows that left are kept");
    world.run(0);
}

#[test]
fn a_source_that_shrinks_too_much_is_not_believed() {
    let project = guarded("max_source_shrink: 20 %");
    let (world, before) = settled(&project);
    let after = changed(&before[..40], 1);
    world.write_people(&project, &after);
    let ran = world.program.json(4, &["run", ACTIVATION])["runs"][0].clone();
    let held = &ran["plan"]["held"];
    assert_eq!((&held["rows"], &held["leaving"], &held["guards"][0]["of"]), (&21.into(), &20.into(), &60.into()), "{ran}");
    assert_eq!(world.rows(), people::rows(&before));
    gives(&world, &held["approve"], 0);
    // What was approved is what later runs measure by.
    world.write_people(&project, &changed(&after[..39], 2));
    world.run(0);
}

#[test]
fn too_many_rows_without_a_key_hold_what_is_there() {
    let project = Project {
        sql: "SELECT NULLIF(id, 'P00007') AS id, email, name, points, born, tier FROM people".to_owned(),
        ..guarded("max_null_keys: 0")
    };
    let (world, before) = (World::new(), people(20));
    let honest = guarded("max_null_keys: 0");
    world.write(&honest);
    world.write_people(&honest, &before);
    world.run(0);
    world.write(&project);
    world.write_people(&project, &changed(&before, 1));
    let ran = world.program.json(4, &["run", ACTIVATION])["runs"][0].clone();
    let held = &ran["plan"]["held"];
    assert_eq!((&held["rows"], &held["leaving"], &held["guards"][0]["guard"]), (&2.into(), &1.into(), &"max_null_keys".into()), "{ran}");
    assert_eq!(world.rows(), people::rows(&before));
}

#[test]
fn an_approval_of_something_else_is_refused() {
    let project = guarded("max_updates: 0");
    let (world, before) = settled(&project);
    world.write_people(&project, &changed(&before, 3));
    let plan = world.program.json(4, &["run", ACTIVATION])["runs"][0]["plan"]["plan"].as_str().expect("a plan has an id").to_owned();
    let approve = ["run", ACTIVATION, "--approve", &plan];
    is_refused(&world.program.ends(64, &["run", ACTIVATION, "--approve", "0123456789abcdef"]), "GRD-001");
    is_refused(&world.program.ends(64, &["run", ACTIVATION, ACTIVATION, "--approve", &plan]), "CLI-008");
    let changes = [
        (guarded("max_updates: 1"), "a guard"),
        (Project { sql: format!("{} WHERE points > -1000", project.sql), ..project.clone() }, "the text of the model"),
        (Project { activation: project.activation.replace(", Born: born", ""), ..project.clone() }, "the mapping"),
    ];
    for (other, what) in changes {
        world.write(&other);
        let told = world.program.ends(64, &approve);
        is_refused(&told, "GRD-003");
        assert!(told.err.contains(&format!("{what} has changed")), "{}", told.err);
    }
    world.write(&project);
    let recreate = outflow_sandbox::model::OtherWrite::RecreateDataExtension { de: DATA_EXTENSION.into() };
    world.model(move |model, now| model.other_write(&recreate, now)).expect("the data extension is there");
    let told = world.program.ends(64, &approve);
    is_refused(&told, "GRD-003");
    assert!(told.err.contains("the data extension has changed"), "{}", told.err);
    assert_eq!(world.rows().len(), 0, "nothing was sent");
}

#[test]
fn a_full_run_is_guarded_and_approved_as_a_full_run() {
    let project = guarded("max_updates: 50 %");
    let (world, before) = settled(&project);
    let ran = world.program.json(4, &["run", ACTIVATION, "--full"])["runs"][0].clone();
    let command = &ran["plan"]["held"]["approve"];
    assert!(command.as_str().is_some_and(|it| it.starts_with("outflow run members --full --approve ")), "{command}");
    let approved = gives(&world, command, 0);
    assert_eq!(count_of(&approved["outcomes"], "confirmed", false), 60, "{approved}");
    assert_eq!(world.rows(), people::rows(&before));
}

#[test]
fn what_is_held_leaves_no_value_behind() {
    let project = guarded("max_updates: 0");
    let (world, before) = settled(&project);
    world.write_people(&project, &changed(&before, 60));
    world.run(4);
    assert_eq!(world.spool_files(), Vec::<std::path::PathBuf>::new());
    for file in world.state_files() {
        let bytes = std::fs::read(&file).expect("a file of the state folder can be read");
        let has_value = |it: &[u8]| it == b"person.7@example.com".as_slice();
        assert!(!bytes.windows(20).any(has_value), "{}", file.display());
    }
    assert!(world.state_files().iter().any(|it| it.to_string_lossy().contains("held")), "{:?}", world.state_files());
}
