//! Data extensions that the program makes, and columns that it makes longer or leaves as they are.

use outflow_sandbox::model::{DataExtension, DataExtensionSpec, FieldSpec, ImportFault, Model, OtherWrite, When};
use serde_json::{Value, json};

use crate::{
    people::{self, Person, people},
    world::{ACTIVATION, DATA_EXTENSION, Project, World, activation},
};

const FRESH: &str = "Fresh_Members";

const CREATE: &str = ", fields: { Email: EmailAddress, Points: Number, Remark: Text(20) }, create: { name: Fresh members, folder: Loyalty/Daily, \
                      primary_key: { Id: Text(20) }, sendable: { field: Id }, retention: { removes: each_row, days: 90 } }";

fn fresh(people: &[Person]) -> World {
    let world = World::new();
    let project = Project { data_extension: FRESH, destination: CREATE, ..Project::default() };
    world.write(&project);
    world.write_people(&project, people);
    world
}

/// The fields of a data extension as `Name Type(length)`.
fn fields(model: &Model, key: &str) -> Vec<String> {
    let fields = model.data_extension(key).map_or(&[][..], |it| &it.fields);
    fields.iter().map(|it| format!("{} {}({})", it.name, it.field_type.name(), it.max_length.unwrap_or(0))).collect()
}

/// What a data extension of the tests holds without the field that nobody fills.
fn rows(world: &World, key: &str) -> people::Rows {
    let mut rows = world.rows_of(key);
    for row in rows.values_mut() {
        assert_eq!(row.remove("Remark").flatten(), None);
    }
    rows
}

#[test]
fn a_missing_data_extension_is_planned_made_once_and_filled() {
    let world = fresh(&people(60));
    let plan = world.program.json(2, &["plan", ACTIVATION, "--detailed-exitcode"]);
    assert_eq!(
        plan["create"],
        json!({
            "key": FRESH, "name": "Fresh members", "folder": "Loyalty/Daily",
            "fields": [
                { "name": "Id", "type": "Text(20)", "is_primary_key": true },
                { "name": "Email", "type": "EmailAddress", "is_primary_key": false },
                { "name": "Name", "type": "Text(50)", "is_primary_key": false },
                { "name": "Points", "type": "Number", "is_primary_key": false },
                { "name": "Born", "type": "Date", "is_primary_key": false },
                { "name": "tier", "type": "Text(50)", "is_primary_key": false },
                { "name": "Remark", "type": "Text(20)", "is_primary_key": false },
            ],
            "sendable": { "field": "Id", "subscriber": "subscriber_key" }, "retention": "each row is removed 90 days after it was added",
        }),
        "{plan}"
    );
    assert_eq!((&plan["columns"], &plan["to_send"]), (&json!([]), &json!([{ "intent": "insert", "rows": 60 }])), "{plan}");
    let told = world.program.ends(0, &["plan", ACTIVATION]).out;
    for line in [
        "+ data extension Fresh_Members (Fresh members) in the folder Loyalty/Daily",
        "+ Id Text(20), primary key",
        "risk: its rows may become contacts",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
    assert_eq!(world.writing_calls(), [], "a plan writes nothing anywhere");
    assert!(world.model(|model, _| model.data_extension(FRESH).is_none()));

    let ran = world.program.json(0, &["run", ACTIVATION]);
    assert_eq!(ran["runs"][0]["plan"]["plan"], plan["plan"], "what was planned is what ran");
    assert_eq!(rows(&world, FRESH), people::rows(&people(60)));
    // Two folders and one data extension.
    assert_eq!(world.writing_calls().iter().filter(|it| it.method == "Create").count(), 3);
    let (relation, retention) = world.model(|model, _| {
        let made: &DataExtension = model.data_extension(FRESH).expect("it was made");
        (
            made.sendable.clone().map(|it| (it.field, it.subscriber_field)),
            (made.retention.row_based, made.retention.length, made.retention.unit),
        )
    });
    assert_eq!(relation, Some(("Id".to_owned(), "_SubscriberKey".to_owned())));
    assert_eq!(retention, (true, Some(90), Some(3)));

    world.forget_calls();
    let plan = world.program.json(0, &["plan", ACTIVATION, "--detailed-exitcode"]);
    assert_eq!((&plan["create"], &plan["has_changes"], &plan["types_changed"]), (&Value::Null, &json!(false), &json!([])), "{plan}");
    world.run(0);
    assert_eq!(world.writing_calls(), [], "it is made once");
    let told = world.program.json(0, &["runs"]);
    let first = told["runs"][1]["run"].as_str().expect("two runs are listed").to_owned();
    let told = world.program.ends(0, &["runs", &first]).out;
    assert!(told.contains("creating the data extension") && told.contains("data extension created"), "{told}");
}

#[test]
fn an_empty_model_makes_an_empty_data_extension() {
    let world = fresh(&[]);
    world.run(0);
    assert_eq!(world.rows_of(FRESH).len(), 0);
    let made = world.model(|model, _| fields(model, FRESH));
    assert_eq!(made.len(), 7, "{made:?}");
}

#[test]
fn one_that_only_updates_makes_none() {
    let world = World::new();
    let activation = activation("import: soap").replace("insert: true", "insert: false");
    let project = Project { data_extension: FRESH, destination: CREATE, activation, ..Project::default() };
    world.write(&project);
    world.write_people(&project, &people(3));
    let told = world.run(64);
    assert!(told.err.contains("DE-001"), "{}", told.err);
    assert_eq!(world.writing_calls(), []);
}

#[test]
fn check_tells_whether_it_can_be_made() {
    let world = fresh(&people(3));
    let told = world.program.json(0, &["check", "--connect"]);
    let facts = told["connect"].as_array().expect("facts are listed").clone();
    let made = facts.iter().find(|it| it["what"] == "data extension `Fresh_Members` is missing, and a run makes it").expect("it is told");
    assert!(made["ok"] == true && made["warning"].as_str().is_some_and(|it| it.contains("Manage Data Extension Retention")), "{made}");
    world.model(|model, now| {
        let id = FieldSpec { name: Some("Id".into()), ..FieldSpec::default() };
        let spec = DataExtensionSpec {
            key: Some("other".into()),
            name: Some("FRESH members".into()),
            fields: vec![id],
            ..DataExtensionSpec::default()
        };
        model.create_data_extension(&spec, now).expect("a name that is free");
    });
    let told = world.program.ends(1, &["check", "--connect"]);
    assert!(told.out.contains("has the name `FRESH members` already"), "{}", told.out);
    let told = world.run(1);
    assert!(told.err.contains("MC-003") && told.err.contains("already exists"), "{}", told.err);
    assert_eq!(world.files(), Vec::<String>::new(), "nothing has travelled");
}

#[test]
fn one_that_is_gone_is_made_again_and_filled() {
    let world = fresh(&people(20));
    world.run(0);
    world.model(|model, now| model.other_write(&OtherWrite::DropDataExtension { de: FRESH.into() }, now)).expect("it can be dropped");
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!((&plan["create"]["key"], &plan["is_first"]), (&json!(FRESH), &json!(true)), "{plan}");
    world.run(0);
    assert_eq!(rows(&world, FRESH), people::rows(&people(20)));
}

#[test]
fn rows_in_doubt_of_one_that_is_gone_are_not_waited_for() {
    let world = World::new();
    let project =
        Project { data_extension: FRESH, destination: CREATE, activation: activation("import_deadline: 1s"), ..Project::default() };
    world.write(&project);
    world.write_people(&project, &people(20));
    world.fault(When::default(), ImportFault::HoldUntilReleased);
    world.run(5);
    world.model(|model, now| {
        model.other_write(&OtherWrite::DropDataExtension { de: FRESH.into() }, now).expect("it can be dropped");
        model.clear_faults();
        let held: Vec<u64> = model.imports().iter().filter(|it| it.is_held()).map(|it| it.id).collect();
        assert!(held.into_iter().all(|id| model.release_import(id, now)));
        model.advance(now + 60_000);
    });
    let told = world.run(0);
    assert!(told.out.contains("data extension Fresh_Members (Fresh members) created"), "{}", told.out);
    assert_eq!(rows(&world, FRESH), people::rows(&people(20)));
}

fn long_names(people: &mut [Person]) {
    for person in people.iter_mut().step_by(10) {
        person.name = "N".repeat(120);
    }
}

#[test]
fn a_text_that_is_too_long_is_offered_a_longer_column_and_gets_it_where_that_is_allowed() {
    let world = World::new();
    let project = Project::default();
    let mut model = people(30);
    world.write(&project);
    world.write_people(&project, &model);
    world.run(0);
    long_names(&mut model);
    world.write_people(&project, &model);
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(plan["wider"], json!([{ "column": "Name", "from": 100, "to": 254, "is_allowed": false, "rows": 3 }]), "{plan}");
    let told = world.run(3);
    assert!(told.out.contains("`widen: allow` at the destination lets a run make it Text(254)"), "{}", told.out);
    assert_eq!(world.rows(), people::rows(&people(30)), "rows that are too long keep what they had");

    world.write(&Project { destination: ", widen: allow", ..Project::default() });
    world.forget_calls();
    let plan = world.program.json(2, &["plan", ACTIVATION, "--detailed-exitcode"]);
    assert_eq!(plan["wider"], json!([{ "column": "Name", "from": 100, "to": 254, "is_allowed": true, "rows": 0 }]), "{plan}");
    assert_eq!(world.writing_calls(), [], "a plan writes nothing anywhere");
    let told = world.run(0);
    assert!(told.out.contains("column Name made longer: Text(254)"), "{}", told.out);
    assert_eq!(world.rows(), people::rows(&model));
    assert!(world.model(|model, _| fields(model, DATA_EXTENSION)).contains(&"Name Text(254)".to_owned()));
    let plan = world.program.json(0, &["plan", ACTIVATION, "--detailed-exitcode"]);
    assert_eq!((&plan["wider"], &plan["types_changed"]), (&json!([]), &json!([])), "{plan}");
}

#[test]
fn a_length_that_is_given_is_enough_to_make_a_column_longer() {
    let world = World::new();
    let project = Project { destination: ", widen: allow, fields: { Name: Text(200) }", ..Project::default() };
    world.write(&project);
    world.write_people(&project, &people(3));
    world.run(0);
    assert!(world.model(|model, _| fields(model, DATA_EXTENSION)).contains(&"Name Text(200)".to_owned()));
}

#[test]
fn narrowing_and_retyping_are_refused_with_the_reason() {
    let world = World::new();
    let project = Project { destination: ", widen: allow, fields: { Name: Text(50), Points: Text(10) }", ..Project::default() };
    world.write(&project);
    world.write_people(&project, &people(3));
    let told = world.run(64);
    for reason in [
        "`Name` of `Loyalty_Members` is Text(100), and Text(50) is given for it; the service refuses to make a field shorter",
        "`Points` of `Loyalty_Members` is Number, and Text(10) is given",
    ] {
        assert!(told.err.contains(reason), "{reason}: {}", told.err);
    }
    assert_eq!(world.writing_calls(), []);
}

#[test]
fn a_type_that_others_have_changed_is_told_with_the_rows_it_was_confirmed_for() {
    let world = World::of(&people(12));
    world.run(0);
    world.model(|model, now| {
        let text = FieldSpec { name: Some("Points".into()), max_length: Some(30), ..FieldSpec::default() };
        model.replace_field(DATA_EXTENSION, &text, now).expect("a field can be dropped and made anew");
    });
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(plan["types_changed"], json!([{ "column": "Points", "was": "Number", "is": "Text(30)", "rows": 12 }]), "{plan}");
    let told = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(told.contains("! column Points is Text(30) and was Number when 12 rows were confirmed"), "{told}");
    world.run(0);
    assert_eq!(world.rows(), people::rows(&people(12)));
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!((&plan["types_changed"], &plan["has_changes"]), (&json!([]), &json!(false)), "{plan}");
}

#[test]
fn after_an_added_field_rows_that_are_there_need_only_the_key_and_the_new_column() {
    let world = World::new();
    let only_updates = activation("import: soap").replace("insert: true", "insert: false").replace("    custom_attributes: [tier]\n", "");
    let without_points = Project { activation: only_updates.replace(" Points: points,", ""), ..Project::default() };
    let with_points = Project { activation: only_updates, ..Project::default() };
    let mut model = people(30);
    world.write(&without_points);
    world.write_people(&without_points, &model);
    for person in model.clone() {
        let values = [("Id".to_owned(), Some(person.id))].into();
        world
            .model(move |model, now| model.upsert_row(DATA_EXTENSION, &values, now).map_err(|it| it.0))
            .expect("a row can be there before");
    }
    world.run(0);

    // One row changes in another field too, and travels whole.
    model[3].name = "Somebody else".to_owned();
    world.write(&with_points);
    world.write_people(&with_points, &model);
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    let records = model.iter().filter(|it| it.id != model[3].id).map(|it| format!("\"{}\",{}\n", it.id, it.points));
    let narrow: String = std::iter::once("Id,Points\n".to_owned()).chain(records).collect();
    let mut parts: Vec<(bool, u64, u64)> = plan["parts"]
        .as_array()
        .expect("parts are listed")
        .iter()
        .map(|it| (it["only_new_columns"] == true, it["rows"].as_u64().unwrap_or(0), it["bytes"].as_u64().unwrap_or(0)))
        .collect();
    parts.sort_unstable();
    assert_eq!((parts.len(), parts[1]), (2, (true, 29, narrow.len() as u64)), "{plan}");
    assert_eq!((parts[0].0, parts[0].1), (false, 1), "{plan}");
    let told = world.program.ends(0, &["plan", ACTIVATION]).out;
    assert!(told.contains("1 of them with nothing but the key and new columns of 29 rows that are there"), "{told}");
    world.run(0);
    let mut expected = people::rows(&model);
    expected.values_mut().for_each(|it| {
        it.remove("tier");
    });
    assert_eq!(world.rows(), expected);
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(plan["has_changes"], false, "{plan}");
}
