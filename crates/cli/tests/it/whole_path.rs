//! From a model to rows in a data extension, by every road.

use serde_json::Value;

use crate::{
    people::{self, people, person},
    world::{ACTIVATION, Project, Route, World, activation},
};

/// Plans, runs, plans again; changes the model, plans and runs; the data extension holds the model, and only the difference travelled.
#[track_caller]
pub fn walk(world: &World, project: &Project, write: impl Fn(&[people::Person])) {
    world.write(project);
    let mut model = people(60);
    write(&model);

    let plan = world.program.json(2, &["plan", ACTIVATION, "--detailed-exitcode"]);
    assert_eq!((rows_to_send(&plan), &plan["columns"][0]["name"]), (60, &Value::from("tier")), "{plan}");
    assert!(!world.state().exists(), "a plan leaves nothing behind");
    assert_eq!(world.writing_calls(), [], "a plan writes nothing anywhere");

    world.run(0);
    assert_eq!(world.rows(), people::rows(&model));
    assert_eq!(world.spool_files(), Vec::<std::path::PathBuf>::new());

    world.forget_calls();
    let plan = world.program.json(0, &["plan", ACTIVATION, "--detailed-exitcode"]);
    assert_eq!((rows_to_send(&plan), &plan["has_changes"]), (0, &Value::from(false)), "{plan}");
    world.run(0);
    assert_eq!(world.writing_calls(), [], "a run that has nothing to send writes nothing anywhere");

    // Three change, two join, one leaves; whoever left stays in the data extension.
    let left = model.remove(50);
    for person in &mut model[7..10] {
        person.points += 1_000;
    }
    model.extend([person(60), person(61)]);
    write(&model);
    let planned = world.program.json(2, &["plan", ACTIVATION, "--detailed-exitcode"]);
    assert_eq!((rows_to_send(&planned), &planned["newly_left"]), (5, &Value::from(1)), "{planned}");
    let ran = world.program.json(0, &["run", ACTIVATION]);
    let ran = &ran["runs"][0];
    assert_eq!((rows_to_send(&ran["plan"]), &ran["plan"]["plan"]), (5, &planned["plan"]), "what was planned is what ran");
    let mut expected = people::rows(&model);
    expected.extend(people::rows(&[left]));
    assert_eq!(world.rows(), expected);
    assert_eq!(world.files(), Vec::<String>::new(), "no file stays at the route");
}

fn rows_to_send(plan: &Value) -> u64 {
    plan["to_send"].as_array().expect("a plan lists what it sends").iter().filter_map(|it| it["rows"].as_u64()).sum()
}

#[track_caller]
fn check(file: &'static str, route: Route, import: &str) {
    let world = World::new();
    let project = Project { file, route, activation: activation(import), ..Project::default() };
    walk(&world, &project, |people| world.write_people(&project, people));
}

#[test]
fn csv_by_sftp_and_rest() {
    check("people.csv", Route::Sftp, "import: rest");
}

#[test]
fn ndjson_by_sftp_and_soap() {
    check("people.ndjson", Route::Sftp, "import: soap");
}

#[test]
fn parquet_by_s3_and_soap() {
    check("people.parquet", Route::S3, "import: soap");
}

#[test]
fn several_parts_by_s3_and_whatever_road_is_open() {
    check("people.parquet", Route::S3, "part_size: 1kB");
}

#[test]
fn a_segment_sends_only_its_rows() {
    let world = World::new();
    let project = Project { activation: activation("import: rest").replace("from: people", "from: gold"), ..Project::default() };
    world.write(&project);
    world.write_people(&project, &people(60));
    world.run(0);
    let gold: Vec<_> = people(60).into_iter().filter(|it| it.tier == "gold").collect();
    assert_eq!(world.rows(), people::rows(&gold));
}

#[test]
fn update_only_leaves_everyone_else_out() {
    let world = World::new();
    let project = Project { activation: activation("import: soap").replace("insert: true", "insert: false"), ..Project::default() };
    world.write(&project);
    world.write_people(&project, &people(10));
    world
        .model(|model, now| {
            let values = [("Id".to_owned(), Some("P00003".to_owned())), ("Name".to_owned(), Some("Somebody".to_owned()))].into();
            model.upsert_row("Loyalty_Members", &values, now).map_err(|it| it.0)
        })
        .expect("a row can be there before");
    let ran = world.program.json(0, &["run", ACTIVATION]);
    assert_eq!(world.rows(), people::rows(&[person(3)]));
    let outcomes = ran["runs"][0]["outcomes"].as_array().expect("outcomes are listed").clone();
    let of = |fate: &str| outcomes.iter().filter(|it| it["fate"] == fate).filter_map(|it| it["rows"].as_u64()).sum::<u64>();
    assert_eq!((of("confirmed"), of("not_in_destination")), (1, 9), "{outcomes:?}");
}

#[test]
fn rows_of_others_and_unmapped_columns_are_left_alone() {
    let world = World::new();
    let project = Project { activation: activation("import: rest").replace(", Born: born", ""), ..Project::default() };
    world.write(&project);
    world.write_people(&project, &people(5));
    for id in ["P00002", "FOREIGN"] {
        world
            .model(move |model, now| {
                let values = [("Id".to_owned(), Some(id.to_owned())), ("Born".to_owned(), Some("2001-02-03".to_owned()))].into();
                model.upsert_row("Loyalty_Members", &values, now).map_err(|it| it.0)
            })
            .expect("a row can be there before");
    }
    world.run(0);
    let rows = world.rows();
    assert_eq!(rows.len(), 6);
    assert_eq!(rows["FOREIGN"]["Email"], None);
    assert_eq!(rows["P00002"]["Born"].as_deref(), Some("2/3/2001 12:00:00 AM"));
    assert_eq!(rows["P00002"]["Email"].as_deref(), Some("person.2@example.com"));
}

#[test]
fn full_sends_every_row_again() {
    let world = World::of(&people(12));
    world.run(0);
    let ran = world.program.json(0, &["run", ACTIVATION, "--full"]);
    assert_eq!(rows_to_send(&ran["runs"][0]["plan"]), 12);
    assert_eq!(world.rows(), people::rows(&people(12)));
}

#[test]
fn the_project_that_init_writes_is_sound() {
    let world = World::new();
    world.program.ends(0, &["init"]);
    let variables =
        [("SFMC_SUBDOMAIN", "mc-acme"), ("SFMC_CLIENT_ID", "id"), ("SFMC_CLIENT_SECRET", "s"), ("SFTP_HOST", "ftp.example.com")];
    let more = [("SFTP_USER", "u"), ("SFTP_PASSWORD", "p"), ("SFTP_HOST_KEY", "SHA256:uNiVztksCsDhcc0u9e8BrQXVXUpTZjw0tMTxQTvSPxM")];
    let mut program = world.program.clone();
    program.environment = variables.into_iter().chain(more).map(|(name, value)| (name, value.to_owned())).collect();
    let told = program.ends(0, &["check"]);
    assert!(told.out.contains("The project is sound"), "{}", told.out);
    let again = program.ends(1, &["init"]);
    assert!(again.err.contains("outflow.yaml"), "{}", again.err);
}
