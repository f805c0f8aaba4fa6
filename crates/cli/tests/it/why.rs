//! What happened to one customer: the model, what is confirmed, the runs, and the data extension itself.

use outflow_sandbox::model::{FieldSpec, FieldType, ImportFault, OtherWrite, When};
use serde_json::{Value, json};

use crate::{
    people::{Person, people},
    world::{ACTIVATION, DATA_EXTENSION, Project, World, activation},
};

struct Asked {
    world: World,
    project: Project,
}

impl Asked {
    fn new(line: &str, people: &[Person]) -> Self {
        let world = World::new();
        let project = Project { activation: activation(line), ..Project::default() };
        world.write(&project);
        world.write_people(&project, people);
        Self { world, project }
    }

    #[track_caller]
    fn why(&self, key: &str, more: &[&str]) -> Value {
        self.world.program.json(0, &[&["why", ACTIVATION, "--key", key], more].concat())
    }

    #[track_caller]
    fn text(&self, key: &str, more: &[&str]) -> String {
        self.world.program.ends(0, &[&["why", ACTIVATION, "--key", key], more].concat()).out
    }

    /// The name of the newest run.
    fn last_run(&self) -> String {
        self.world.program.json(0, &["runs"])["runs"][0]["run"].as_str().expect("a run has a name").to_owned()
    }
}

#[track_caller]
fn concludes(document: &Value, conclusion: &str) {
    assert_eq!(document["conclusion"], conclusion, "{document:#}");
}

#[test]
fn a_confirmed_row_is_told_with_its_file_line_and_import() {
    for line in ["import: rest", "import: soap"] {
        let asked = Asked::new(line, &people(40));
        asked.world.run(0);
        let run = asked.last_run();
        asked.world.forget_calls();
        // As Marketing Cloud compares keys: case and trailing spaces do not count.
        let document = asked.why("p00003 ", &["--show-values"]);
        concludes(&document, "confirmed");
        assert_eq!(document["key"], json!({ "Id": "p00003 " }));
        assert_eq!(document["model"][0]["values"]["Name"], "李小龙", "{document:#}");
        assert_eq!(document["baseline"], json!({ "presence": "present", "origin": "created", "is_as_model": true }));
        let sent = &document["runs"][0];
        assert_eq!(
            (&sent["run"], &sent["what"], &sent["part"], &sent["row"]),
            (&json!(run), &json!("sent"), &json!(1), &json!(4)),
            "{sent:#}"
        );
        assert_eq!(
            (&sent["fate"], &sent["by"], &sent["intent"], &sent["is_as_model"]),
            (&json!("confirmed"), &json!("counts"), &json!("insert"), &json!(true))
        );
        let road = line.split(' ').next_back().expect("two words");
        assert!(sent["import"].as_str().is_some_and(|it| it.starts_with(road)), "{sent:#}");
        assert!(sent["file"].as_str().is_some_and(|it| it.starts_with("members_") && it.ends_with("_0001.csv")), "{sent:#}");
        let text = asked.text("P00003", &[]);
        assert!(text.contains(&format!("as the model has it now in run {run}")) && text.contains("row 4 of part 1"), "{text}");
        assert_eq!(asked.world.journal(), [], "what is known here is told without asking there");
    }
}

#[test]
fn values_are_masked_unless_asked_for() {
    let asked = Asked::new("import: rest", &people(5));
    asked.world.run(0);
    for more in [&[][..], &["--destination"]] {
        let text = asked.text("P00004", more);
        assert!(!text.contains("person.4@") && !text.contains("0042"), "{text}");
        assert!(text.contains("Email: p…(20+)") && text.contains("`--show-values` shows them"), "{text}");
        assert!(!asked.why("P00004", more).to_string().contains("person.4@"));
    }
    let text = asked.text("P00004", &["--destination", "--show-values"]);
    assert_eq!(text.matches("person.4@example.com").count(), 2, "{text}");
}

#[test]
fn a_row_is_followed_through_its_runs() {
    let asked = Asked::new("import: rest", &people(10));
    let world = &asked.world;
    concludes(&asked.why("P00004", &[]), "not_confirmed");
    world.run(0);
    let mut model = people(10);
    model[4].points = 7;
    world.write_people(&asked.project, &model);
    let changed = asked.why("P00004", &[]);
    concludes(&changed, "changed");
    assert_eq!((&changed["baseline"]["is_as_model"], &changed["runs"][0]["is_as_model"]), (&json!(false), &json!(false)), "{changed:#}");
    let fault = ImportFault::RejectRows { rows: vec![], keys: vec!["P00004".into()], code: "InvalidNumber".into() };
    world.fault(When { times: Some(1), ..When::default() }, fault);
    world.run(3);
    let refused = asked.why("P00004", &[]);
    concludes(&refused, "refused");
    assert_eq!(
        (&refused["refusal"]["code"], &refused["refusal"]["holds"], &refused["refusal"]["due_ms"]),
        (&json!("InvalidNumber"), &json!(true), &Value::Null)
    );
    let fates: Vec<&Value> = refused["runs"].as_array().expect("runs are listed").iter().map(|it| &it["fate"]).collect();
    assert_eq!(fates, ["refused", "confirmed"], "{refused:#}");
    let text = asked.text("P00004", &[]);
    assert!(
        text.contains("Marketing Cloud refused the row just as it is in run") && text.contains("What to do: correct the value"),
        "{text}"
    );

    model[4].points = 8;
    model[4].name = "y".repeat(101);
    world.write_people(&asked.project, &model);
    world.run(3);
    let invalid = asked.why("P00004", &[]);
    concludes(&invalid, "invalid");
    assert_eq!(invalid["model"][0]["problems"][0]["problem"], "too_long", "{invalid:#}");
    assert_eq!(
        (&invalid["runs"][0]["what"], &invalid["runs"][0]["field"], &invalid["runs"][0]["until"]),
        (&json!("invalid"), &json!("Name"), &Value::Null)
    );

    model[4].name = "Well".into();
    world.write_people(&asked.project, &model);
    world.run(0);
    let run = asked.last_run();
    let well = asked.why("P00004", &[]);
    concludes(&well, "confirmed");
    assert_eq!(well["refusal"], Value::Null, "{well:#}");
    let whats: Vec<&Value> = well["runs"].as_array().expect("runs are listed").iter().map(|it| &it["what"]).collect();
    assert_eq!(whats, ["sent", "invalid", "sent", "sent"], "{well:#}");
    assert_eq!(well["runs"][1]["until"]["run"], json!(run), "{well:#}");

    model.remove(4);
    world.write_people(&asked.project, &model);
    world.run(0);
    let left = asked.why("P00004", &[]);
    concludes(&left, "left");
    assert_eq!((&left["baseline"]["presence"], &left["model_rows"]), (&json!("left"), &json!(0)), "{left:#}");
    concludes(&asked.why("nobody", &[]), "not_in_model");
}

#[test]
fn rows_that_share_their_key_are_told() {
    let mut model = people(6);
    model.push(Person { id: "p00002".into(), name: "Another".into(), ..model[2].clone() });
    let asked = Asked::new("import: rest", &model);
    asked.world.run(3);
    let document = asked.why("P00002", &[]);
    concludes(&document, "duplicate_key");
    assert_eq!((&document["model_rows"], &document["runs"][0]["what"]), (&json!(2), &json!("duplicate_key")), "{document:#}");
    model[6] = model[2].clone();
    asked.world.write_people(&asked.project, &model);
    asked.world.run(0);
    concludes(&asked.why("P00002", &[]), "confirmed");
}

#[test]
fn a_row_in_doubt_says_so() {
    let asked = Asked::new("import: rest\n    import_deadline: 1s", &people(6));
    asked.world.fault(When::default(), ImportFault::NeverFinish { apply: false });
    asked.world.run(5);
    let document = asked.why("P00002", &[]);
    concludes(&document, "in_doubt");
    assert_eq!((&document["runs"][0]["fate"], &document["in_doubt"][0]["part"]), (&json!("under_way"), &json!(1)), "{document:#}");
    let import = document["in_doubt"][0]["import"].as_str().expect("the import has a name").to_owned();
    assert_eq!(document["runs"][0]["import"], json!(import));
    asked.world.program.ends(0, &["abandon", &import]);
    concludes(&asked.why("P00002", &[]), "in_doubt");
    asked.world.program.ends(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    let document = asked.why("P00002", &[]);
    concludes(&document, "not_confirmed");
    assert_eq!(document["runs"][0]["fate"], "superseded", "{document:#}");
}

#[test]
fn the_data_extension_itself_is_looked_at_when_asked() {
    let asked = Asked::new("import: rest", &people(6));
    asked.world.run(0);
    let document = asked.why("p00005", &["--destination", "--show-values"]);
    assert_eq!(document["destination"]["is_as_model"], true, "{document:#}");
    assert_eq!(document["destination"]["row"]["Points"], "-25", "{document:#}");
    assert_eq!(asked.why("P00005", &[])["destination"], Value::Null);
    asked
        .world
        .model(|model, now| {
            let values = [("Id", "P00005"), ("Name", "Edited")].map(|(field, value)| (field.to_owned(), Some(value.to_owned()))).into();
            model.other_write(&OtherWrite::UpsertRow { de: DATA_EXTENSION.into(), values }, now).expect("a row can be edited");
            model.other_write(
                &OtherWrite::DeleteRow { de: DATA_EXTENSION.into(), keys: [("Id".to_owned(), "P00001".to_owned())].into() },
                now,
            )
        })
        .expect("a row can be deleted");
    let document = asked.why("P00005", &["--destination", "--show-values"]);
    assert_eq!(
        (&document["destination"]["is_as_model"], &document["destination"]["row"]["Name"]),
        (&json!(false), &json!("Edited")),
        "{document:#}"
    );
    concludes(&document, "changed_there");
    concludes(&asked.why("P00005", &[]), "confirmed");
    let text = asked.text("P00001", &["--destination"]);
    assert!(text.contains("has no row with this key now") && text.contains("somebody else has changed or removed it"), "{text}");
    // Another table of that name has nothing of what was confirmed.
    asked
        .world
        .model(|model, now| model.other_write(&OtherWrite::RecreateDataExtension { de: DATA_EXTENSION.into() }, now))
        .expect("it can");
    let document = asked.why("P00005", &["--destination"]);
    concludes(&document, "not_confirmed");
    assert_eq!(document["baseline"], Value::Null, "{document:#}");
}

#[test]
fn an_update_only_activation_says_that_a_key_is_not_there() {
    let asked = Asked::new("import: soap", &people(4));
    asked.world.run(0);
    let project = Project { activation: activation("import: soap").replace("insert: true", "insert: false"), ..asked.project.clone() };
    asked.world.write(&project);
    asked.world.write_people(&project, &people(5));
    asked.world.run(0);
    concludes(&asked.why("P00004", &[]), "not_in_destination");
    concludes(&asked.why("P00003", &[]), "confirmed");
}

#[test]
fn keys_of_several_fields_and_other_types_are_understood() {
    let world = World::new();
    let field = |name: &str, field_type, max_length, is_key| FieldSpec {
        name: Some(name.into()),
        field_type: Some(field_type),
        max_length,
        required: Some(is_key),
        primary_key: Some(is_key),
        ..FieldSpec::default()
    };
    world.create(
        "Pairs",
        vec![
            field("Points", FieldType::Number, None, true),
            field("Born", FieldType::Date, None, true),
            field("Name", FieldType::Text, Some(100), false),
        ],
    );
    let activation =
        "from: people\n    insert: true\n    primary_key: { Points: points, Born: born }\n    fields: { Name: name }\n    import: rest";
    let project = Project { data_extension: "Pairs", activation: activation.into(), ..Project::default() };
    world.write(&project);
    let model: Vec<Person> = people(20).into_iter().filter(|it| it.born.is_some()).collect();
    world.write_people(&project, &model);
    world.run(0);
    // A number is one however it is spelled.
    let (at, person) = model.iter().enumerate().find(|(_, it)| it.points > 0).expect("some have points");
    let born = person.born.expect("each of them has a day");
    for points in [format!("Points={}", person.points), format!("points=00{}", person.points)] {
        let document = world.program.json(0, &["why", ACTIVATION, "--key", &points, "--key", &format!("born={born}")]);
        concludes(&document, "confirmed");
        assert_eq!(document["runs"][0]["row"], at + 1, "{document:#}");
    }
    for wrong in [
        &["--key", "7"][..],
        &["--key", "Points=7"],
        &["--key", "Points=7", "--key", "Points=8"],
        &["--key", "Points=seven", "--key", "Born=2001-02-03"],
        &["--key", "Points=7", "--key", "Name=Ada"],
    ] {
        let document = world.program.json(64, &[&["why", ACTIVATION], wrong].concat());
        assert_eq!(document["error"]["code"], "CLI-010", "{document}");
        assert!(document["error"]["message"].as_str().is_some_and(|it| it.contains("Points")), "{document}");
    }
    assert_eq!(world.program.json(64, &["why", ACTIVATION])["error"]["code"], "CLI-008");
}
