//! What a null of the model does to its field: it clears it, leaves it as it is, or keeps its row from being sent.

use serde_json::json;

use crate::{
    people::{Person, people},
    world::{ACTIVATION, DATA_EXTENSION, Project, World},
};

/// The people with points below zero have none, those of a multiple of seven no birthday.
fn project(points: &str, born: &str, more: &str) -> Project {
    let activation = format!(
        "from: people\n    insert: true\n    primary_key: {{ Id: id }}\n    import: rest\n    {more}\n    fields:\n      Email: email\n      Name: name\n      Points: {{ column: points, when_null: {points} }}\n      Born: {{ column: born, when_null: {born} }}"
    );
    let sql = "SELECT id, email, name, CASE WHEN points >= 0 THEN points END AS points, CAST(born AS DATE) AS born FROM people".to_owned();
    Project { activation, sql, ..Project::default() }
}

fn set_up(project: &Project, people: &[Person]) -> World {
    let world = World::new();
    world.write(project);
    world.write_people(project, people);
    world
}

/// Somebody else writes a value into a row.
fn somebody_writes(world: &World, id: &str, field: &str, value: &str) {
    let values = [("Id", id), (field, value)].map(|(field, value)| (field.to_owned(), Some(value.to_owned()))).into();
    world.model(move |model, now| model.upsert_row(DATA_EXTENSION, &values, now).map_err(|it| it.0)).expect("a row takes the value");
}

fn held(world: &World, id: &str, field: &str) -> Option<String> {
    world.rows()[id][field].clone().filter(|it| !it.is_empty())
}

/// Rows by outcome, as a plan or run says.
fn fate(report: &serde_json::Value, fate: &str) -> u64 {
    let outcomes = report["outcomes"].as_array().or(report["decided"].as_array()).expect("outcomes are listed");
    outcomes.iter().filter(|it| it["fate"] == fate).filter_map(|it| it["rows"].as_u64()).sum()
}

#[test]
fn a_kept_field_stays_as_it_is_and_the_row_travels_without_it() {
    let project = project("keep", "clear", "");
    let mut model = people(30);
    model[20].points = 77;
    let world = set_up(&project, &model);
    world.run(0);
    assert_eq!(held(&world, "P00003", "Points"), None, "a new row has nothing to be kept");
    assert_eq!(held(&world, "P00020", "Points"), Some("77".into()));

    // One row loses its points, and one without any was given some by somebody else and changes in another field.
    somebody_writes(&world, "P00003", "Points", "1000");
    model[20].points = -1;
    model[3].name = "Somebody else".to_owned();
    model[20].name = "Somebody else".to_owned();
    world.write_people(&project, &model);
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(plan["parts"][0]["kept"], json!(["Points"]), "{plan}");
    assert_eq!((plan["parts"].as_array().map(Vec::len), &plan["parts"][0]["rows"]), (Some(1), &json!(2)), "{plan}");
    let told = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(told.contains("1 of them without `Points`, which 2 rows leave as they are"), "{told}");
    world.run(0);
    for (id, points) in [("P00003", "1000"), ("P00020", "77")] {
        assert_eq!(held(&world, id, "Name"), Some("Somebody else".into()));
        assert_eq!(held(&world, id, "Points"), Some(points.into()));
    }
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(plan["has_changes"], false, "{plan}");

    // What is left as it is is no drift, whoever writes it; what is not, is.
    let verified = world.program.json(0, &["verify", ACTIVATION]);
    assert_eq!(verified["verified"]["drifted"], 0, "{verified}");
    let why = world.program.json(0, &["why", ACTIVATION, "--key", "P00003", "--destination"]);
    assert_eq!((&why["conclusion"], &why["model"][0]["kept"]), (&json!("confirmed"), &json!(["Points"])), "{why}");
    let told = world.program.ends(0, &["why", ACTIVATION, "--key", "P00003"]).out;
    assert!(told.contains("Points: (blank)  so the field is left as it is"), "{told}");

    // Nor is it news after the baseline was made from what is there.
    world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(plan["parts"], json!([]), "{plan}");
}

#[test]
fn a_field_that_is_cleared_from_now_on_is_and_nothing_else_is_sent() {
    let (keeps, clears) = (project("keep", "clear", ""), project("clear", "clear", ""));
    let model = people(30);
    let world = set_up(&keeps, &model);
    world.run(0);
    somebody_writes(&world, "P00003", "Points", "1000");
    world.write(&clears);
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    let without = model.iter().filter(|it| it.points < 0).count();
    assert_eq!((plan["parts"].as_array().map(Vec::len), &plan["parts"][0]["rows"]), (Some(1), &json!(without)), "{plan}");
    world.run(0);
    assert_eq!(held(&world, "P00003", "Points"), None);
    // The other way round there is nothing to do.
    world.write(&keeps);
    let run = world.program.json(0, &["run", ACTIVATION]);
    assert_eq!(fate(&run["runs"][0], "confirmed"), 0, "{run}");
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(plan["has_changes"], false, "{plan}");
}

#[test]
fn a_skipped_row_is_told_and_what_was_sent_of_it_stays() {
    let project = project("skip_row", "clear", "");
    let mut model = people(30);
    let world = set_up(&project, &model);
    let skipped = model.iter().filter(|it| it.points < 0).count() as u64;
    let run = world.program.json(0, &["run", ACTIVATION]);
    assert_eq!((fate(&run["runs"][0], "skipped"), world.rows().len() as u64), (skipped, 30 - skipped), "{run}");

    model[20].points = -1;
    model[20].name = "Somebody else".to_owned();
    world.write_people(&project, &model);
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!((&plan["skipped"][0]["field"], &plan["skipped"][0]["rows"]), (&json!("Points"), &json!(skipped + 1)), "{plan}");
    assert_eq!((&plan["parts"], &plan["invalid"], &plan["newly_left"]), (&json!([]), &json!([]), &json!(0)), "{plan}");
    let before = world.rows();
    let told = world.run(0).out;
    assert!(told.contains("not sent: skipped, as a field says that is null or blank"), "{told}");
    assert_eq!(world.rows(), before);

    let rejects = world.program.json(0, &["rejects", ACTIVATION]);
    let rows = rejects["rows"].as_array().expect("rows are listed");
    assert_eq!(rows.len() as u64, skipped + 1, "{rejects}");
    assert!(rows.iter().all(|it| it["reason"] == "skipped" && it["field"] == "Points" && it["code"] == "null_skips_row"), "{rejects}");
    let why = world.program.json(0, &["why", ACTIVATION, "--key", "P00020"]);
    assert_eq!((&why["conclusion"], &why["runs"][0]["what"]), (&json!("skipped"), &json!("skipped")), "{why}");
    let verified = world.program.json(0, &["verify", ACTIVATION]);
    assert_eq!(verified["verified"]["drifted"], 0, "{verified}");

    // Once it has its value again it is a row like any other.
    model[20].points = 5;
    world.write_people(&project, &model);
    world.run(0);
    assert_eq!((held(&world, "P00020", "Points"), held(&world, "P00020", "Name")), (Some("5".into()), Some("Somebody else".into())));
}

#[test]
fn what_an_activation_says_holds_for_fields_that_say_nothing() {
    let mut project = project("clear", "clear", "when_null: keep");
    project.sql = project.sql.replace(" name,", " CASE WHEN points >= 0 THEN name END AS name,");
    let mut model = people(20);
    model[5].points = 3;
    let world = set_up(&project, &model);
    world.run(0);
    let name = held(&world, "P00005", "Name");
    model[5].points = -1;
    world.write_people(&project, &model);
    world.run(0);
    assert_eq!((held(&world, "P00005", "Name"), held(&world, "P00005", "Points")), (name, None));
}

#[test]
fn a_new_row_without_a_required_field_is_invalid_and_a_known_one_keeps_it() {
    use outflow_sandbox::model::{FieldSpec, FieldType};
    let field = |name: &str, field_type, length, required| FieldSpec {
        name: Some(name.into()),
        field_type: Some(field_type),
        max_length: length,
        required: Some(required),
        primary_key: Some(name == "Id"),
        ..FieldSpec::default()
    };
    let project = Project { data_extension: "Strict", ..project("keep", "clear", "") };
    let world = World::new();
    world.create(
        "Strict",
        vec![
            field("Id", FieldType::Text, Some(20), true),
            field("Email", FieldType::EmailAddress, None, false),
            field("Name", FieldType::Text, Some(100), false),
            field("Points", FieldType::Number, None, true),
            field("Born", FieldType::Date, None, false),
        ],
    );
    let mut model = people(30);
    world.write(&project);
    world.write_people(&project, &model);
    let without = model.iter().filter(|it| it.points < 0).count() as u64;
    let run = world.program.json(3, &["run", ACTIVATION]);
    assert_eq!(fate(&run["runs"][0], "invalid"), without, "{run}");
    assert_eq!(run["runs"][0]["plan"]["invalid"][0]["problem"], "null_required", "{run}");

    let points = world.rows_of("Strict")["P00025"]["Points"].clone();
    model[25].points = -1;
    model[25].name = "Somebody else".to_owned();
    world.write_people(&project, &model);
    world.run(3);
    let row = world.rows_of("Strict")["P00025"].clone();
    assert_eq!((row["Name"].as_deref(), &row["Points"]), (Some("Somebody else"), &points));
}

#[test]
fn more_than_eight_column_sets_are_refused_before_anything_leaves() {
    let columns = ["a", "b", "c", "d"];
    let bit = |(at, name): (usize, &&str)| format!("CASE WHEN CAST(substr(id, 2) AS INT) / {} % 2 = 0 THEN name END AS {name}", 1 << at);
    let made: Vec<String> = columns.iter().enumerate().map(bit).collect();
    let project = Project {
        sql: format!("SELECT id, email, {} FROM people", made.join(", ")),
        destination: ", fields: { a: Text(100), b: Text(100), c: Text(100), d: Text(100) }",
        activation: "from: people\n    insert: true\n    primary_key: { Id: id }\n    fields: { Email: email, a: a, b: b, c: c, d: d }\n    when_null: keep".to_owned(),
        ..Project::default()
    };
    let world = set_up(&project, &people(40));
    for command in ["plan", "run"] {
        let told = world.program.ends(64, &[command, ACTIVATION]).err;
        for words in
            ["RUN-003", "16 combinations", "`a`, `b`, `c`, `d`", "with `when_null: clear` (or `skip_row`) for `a`, 8 combinations are left"]
        {
            assert!(told.contains(words), "{words}: {told}");
        }
    }
    assert_eq!((world.writing_calls(), world.files(), world.spool_files()), (vec![], vec![], vec![]));
    let allowed = Project { activation: project.activation.replace("a: a,", "a: { column: a, when_null: clear },"), ..project };
    world.write(&allowed);
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(plan["parts"].as_array().map(Vec::len), Some(8), "{plan}");
    world.run(0);
    assert_eq!(world.rows().len(), 40);
}
