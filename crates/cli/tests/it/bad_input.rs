//! Bad input gets an error that names the place and the remedy, and nothing is lost or half-done.

use std::fs;

use outflow_sandbox::model::{Effect, Fault, FieldSpec, FileFault, ImportFault, RestImport, When};
use serde_json::Value;

use crate::{
    people::{self, people, person, truncate},
    world::{ACTIVATION, DATA_EXTENSION, Project, Route, World, activation},
};

/// A run with this end and these words on standard error; it has written nothing to the other end.
#[track_caller]
fn refused(world: &World, code: i32, words: &[&str]) {
    let before = world.rows();
    let calls = world.writing_calls().len();
    let told = world.program.call(&["run", ACTIVATION]);
    assert_eq!(told.code, Some(code), "{}\n{}", told.out, told.err);
    for word in words {
        assert!(told.err.contains(word), "`{word}` is missing: {}", told.err);
    }
    assert_eq!(world.writing_calls().len(), calls, "{:?}", world.writing_calls());
    assert_eq!(world.rows(), before);
    assert_eq!(world.spool_files(), Vec::<std::path::PathBuf>::new());
}

/// The usual project over this file, whose content a test spoils.
fn world_of(file: &'static str) -> (World, Project) {
    let world = World::new();
    let project = Project { file, ..Project::default() };
    world.write(&project);
    world.write_people(&project, &people(300));
    (world, project)
}

#[track_caller]
fn project_is_refused(project: &Project, code: i32, words: &[&str]) {
    let world = World::of(&people(10));
    world.write(project);
    refused(&world, code, words);
}

mod files {
    use super::*;

    #[test]
    fn that_are_missing() {
        let (world, project) = world_of("people.csv");
        fs::remove_file(world.path(project.file)).expect("the model can be removed");
        refused(&world, 1, &["SRC-", "`lake`", "people.csv"]);
    }

    /// The row's value is not told, as it may be a customer's; the column is.
    #[test]
    fn with_a_value_that_cannot_be_cast() {
        let sql = "SELECT id, email, name, CAST(name AS BIGINT) AS points, CAST(born AS DATE) AS born, tier FROM people".to_owned();
        project_is_refused(&Project { sql, ..Project::default() }, 1, &["SRC-007", "`lake`", "the column `points`"]);
    }

    #[test]
    fn parquet_cut_short() {
        let (world, project) = world_of("people.parquet");
        let bytes = fs::metadata(world.path(project.file)).expect("the model").len();
        truncate(&world.path(project.file), bytes / 2);
        refused(&world, 1, &["SRC-", "`lake`", "people.parquet"]);
    }

    #[test]
    fn parquet_with_spoilt_pages() {
        let (world, project) = world_of("people.parquet");
        let path = world.path(project.file);
        let mut bytes = fs::read(&path).expect("the model");
        let middle = bytes.len() / 4;
        bytes[middle..middle + 64].fill(0xA5);
        fs::write(&path, bytes).expect("the model can be spoilt");
        refused(&world, 1, &["SRC-", "`lake`", "people.parquet"]);
    }

    #[test]
    fn a_text_that_calls_itself_parquet() {
        let (world, project) = world_of("people.parquet");
        fs::write(world.path(project.file), "id,email\n1,a@example.com\n").expect("the model can be spoilt");
        refused(&world, 1, &["SRC-", "`lake`", "people.parquet"]);
    }

    #[test]
    fn csv_cut_within_a_quote() {
        let (world, project) = world_of("people.csv");
        let text = fs::read_to_string(world.path(project.file)).expect("the model");
        let within = text.rfind("O'Neill").expect("one of them is called so");
        fs::write(world.path(project.file), &text[..within]).expect("the model can be cut");
        refused(&world, 1, &["SRC-", "`lake`", "people.csv"]);
    }

    #[test]
    fn csv_with_a_cell_too_many() {
        let (world, project) = world_of("people.csv");
        let text = fs::read_to_string(world.path(project.file)).expect("the model").replace("P00200,", "P00200,surplus,");
        fs::write(world.path(project.file), text).expect("the model can be spoilt");
        refused(&world, 1, &["SRC-", "`lake`", "people.csv"]);
    }

    #[test]
    fn csv_that_is_not_utf_8() {
        let (world, project) = world_of("people.csv");
        let mut bytes = fs::read(world.path(project.file)).expect("the model");
        let at = bytes.len() - 20;
        bytes[at] = 0xFF;
        fs::write(world.path(project.file), bytes).expect("the model can be spoilt");
        refused(&world, 1, &["SRC-", "`lake`", "people.csv"]);
    }

    /// What a person is told and what the ledger keeps hold no value, quoted or not.
    #[test]
    fn ndjson_of_numbers_and_texts() {
        let world = World::new();
        let project = Project { file: "people.ndjson", ..Project::default() };
        world.write(&project);
        let rows = [
            r#"{"id":"P1","email":"a@example.com","name":4915112345678,"points":1,"born":null,"tier":"gold"}"#,
            r#"{"id":"P2","email":"b@example.com","name":"Ada","points":1,"born":null,"tier":"gold"}"#,
        ];
        fs::write(world.path(project.file), rows.join("\n")).expect("the model can be written");
        let told = world.run(1);
        assert!(told.err.contains("error[SRC-") && told.err.contains("`lake`"), "{}", told.err);
        let files = world.state_files().into_iter().map(|it| fs::read(it).expect("a file of the state folder"));
        for text in files.chain([told.err.into_bytes(), told.out.into_bytes()]) {
            assert!(!String::from_utf8_lossy(&text).contains("49151"), "a value is told: {}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn ndjson_cut_within_a_row() {
        let (world, project) = world_of("people.ndjson");
        let bytes = fs::metadata(world.path(project.file)).expect("the model").len();
        truncate(&world.path(project.file), bytes - 15);
        refused(&world, 1, &["SRC-", "`lake`", "people.ndjson"]);
    }
}

mod projects {
    use super::*;

    #[test]
    fn with_a_key_that_the_model_does_not_have() {
        let world = World::of(&people(10));
        let file = world.path("outflow.yaml");
        let text = fs::read_to_string(&file).expect("the project");
        fs::write(&file, text.replace("primary_key: id\n", "primary_key: emal\n")).expect("the project can be written");
        for command in ["plan", "run"] {
            let told = world.program.ends(64, &[command, ACTIVATION]);
            let words = "the model has no column `emal`, which `primary_key` of the model names (did you mean `email`?)";
            assert!(told.err.contains("error[DE-002]") && told.err.contains(words), "{}", told.err);
        }
        assert_eq!(world.writing_calls(), []);
    }

    fn with_activation(from: &str, to: &str) -> Project {
        let text = activation("import: rest");
        assert!(text.contains(from), "{from} is no part of {text}");
        Project { activation: text.replace(from, to), ..Project::default() }
    }

    #[test]
    fn that_map_a_column_the_model_does_not_have() {
        project_is_refused(
            &with_activation("Name: name", "Name: nam"),
            64,
            &["DE-002", "the model has no column `nam`", "did you mean `name`"],
        );
    }

    #[test]
    fn that_map_a_field_the_data_extension_does_not_have() {
        project_is_refused(&with_activation("Points: points", "Ponts: points"), 64, &["no field `Ponts`", "did you mean `Points`"]);
    }

    #[test]
    fn that_do_not_map_the_primary_key() {
        let project = with_activation("primary_key: { Id: id }", "primary_key: { Name: name }");
        let project = Project { activation: project.activation.replace(", Name: name,", ","), ..project };
        project_is_refused(
            &project,
            64,
            &["DE-002", "`Id` is part of the primary key of `Loyalty_Members` and nobody maps it", "add it under `primary_key`"],
        );
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let project = with_activation("Name: name, Points: points", "Nam: name, Points: point");
        project_is_refused(&project, 64, &["no field `Nam`", "no column `point`"]);
    }

    #[test]
    fn whose_column_cannot_become_the_field() {
        let project = with_activation("Points: points, Born: born", "Points: born");
        project_is_refused(&project, 64, &["DE-002", "`born`", "`Points`", "convert it in the model"]);
    }

    #[test]
    fn that_name_a_data_extension_nearly_right() {
        let project = Project { data_extension: "Loyalty_Member", ..Project::default() };
        project_is_refused(&project, 64, &["DE-001", "`Loyalty_Member`", "did you mean `Loyalty_Members`?"]);
    }

    #[test]
    fn whose_data_extension_has_no_primary_key() {
        let world = World::of(&people(10));
        let field = |name: &str| FieldSpec { name: Some(name.into()), max_length: Some(50), ..FieldSpec::default() };
        world.create("Keyless", ["Id", "Email", "Name", "Points", "Born"].map(field).into());
        world.write(&Project { data_extension: "Keyless", ..Project::default() });
        refused(&world, 64, &["DE-002", "`Keyless` has no primary key", "create it anew with a primary key"]);
    }

    #[test]
    fn whose_sql_is_wrong() {
        let sql = "SELECT id, no_such_column FROM people".to_owned();
        project_is_refused(&Project { sql, ..Project::default() }, 1, &["SRC-002", "`lake`", "no_such_column"]);
    }

    #[test]
    fn whose_sql_writes() {
        let sql = "DROP TABLE people".to_owned();
        project_is_refused(&Project { sql, ..Project::default() }, 64, &["SELECT", "outflow.yaml"]);
    }

    #[test]
    fn with_a_variable_that_is_not_set() {
        let project = Project { secret: "${NOBODY_SETS_THIS}".into(), ..Project::default() };
        project_is_refused(&project, 64, &["NOBODY_SETS_THIS", "outflow.yaml:2:", "1 problem"]);
    }

    #[test]
    fn that_are_not_there() {
        let world = World::new();
        refused(&world, 64, &["outflow.yaml", "outflow init"]);
    }
}

mod doors {
    use super::*;

    fn with(name: &'static str, value: &str) -> World {
        let mut world = World::of(&people(10));
        world.program.environment.insert(name, value.into());
        world
    }

    #[test]
    fn a_wrong_client_secret() {
        refused(
            &with("MC_CLIENT_SECRET", "Wrong-Secret"),
            1,
            &["MC-001", "510001234", "where: connection `cloud`", "check client id, secret and account id"],
        );
    }

    #[test]
    fn a_wrong_client_id() {
        refused(&with("MC_CLIENT_ID", "nobody"), 1, &["MC-001", "check client id, secret and account id"]);
    }

    #[test]
    fn another_business_unit() {
        refused(&with("MC_ACCOUNT_ID", "42"), 1, &["MC-001", "check client id, secret and account id"]);
    }

    #[test]
    fn nobody_answers() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = free.local_addr().expect("a bound socket has an address").to_string();
        drop(free);
        refused(&with("MC_AUTH_URL", &format!("http://{address}/")), 1, &["MC-004", "127.0.0.1 cannot be reached"]);
    }

    /// The login comes first, so no column is created for a file that cannot travel.
    #[test]
    fn a_wrong_sftp_password() {
        refused(&with("MC_SFTP_PASSWORD", "Wrong-Password"), 1, &["FILE-001", "refused the login"]);
    }

    #[test]
    fn a_wrong_host_key() {
        let world = World::of(&people(10));
        let pinned = "SHA256:uNiVztksCsDhcc0u9e8BrQXVXUpTZjw0tMTxQTvSPxM";
        world.write(&Project { host_key: pinned.into(), ..Project::default() });
        let seen = world.program.environment["MC_SFTP_HOST_KEY"].clone();
        refused(&world, 1, &["FILE-002", &seen, pinned, "nothing was sent", "where: connection `cloud`"]);
    }

    #[test]
    fn a_wrong_s3_secret() {
        let world = with("MC_S3_SECRET", "wrong");
        world.write(&Project { route: Route::S3, ..Project::default() });
        refused(&world, 1, &["FILE-001", "refused the login"]);
    }

    #[test]
    fn no_room_at_the_route() {
        let world = World::of(&people(300));
        let when = When { door: Some("sftp".into()), times: Some(1), ..When::default() };
        let effect = Effect::File { fault: FileFault::NoSpace { after_bytes: 1_000 } };
        world.model(move |model, _| model.add_fault(Fault { when, effect }));
        let told = world.run(1);
        assert!(told.err.contains("FILE-004") && told.err.contains("no room"), "{}", told.err);
        assert_eq!(world.rows().len(), 0);
        world.run(0);
        assert_eq!(world.rows(), people::rows(&people(300)));
        assert_eq!((world.files(), world.spool_files()), (Vec::new(), Vec::new()));
    }

    /// A person does not even notice.
    #[test]
    fn connections_that_break_in_the_middle() {
        for door in ["sftp", "s3"] {
            let world = World::of(&people(300));
            let route = if door == "s3" { Route::S3 } else { Route::Sftp };
            world.write(&Project { route, ..Project::default() });
            let file = When { door: Some(door.into()), times: Some(2), ..When::default() };
            let dropped = Fault { when: file, effect: Effect::File { fault: FileFault::DropConnection { after_bytes: 1_000 } } };
            let soap = When { door: Some("soap".into()), skip: 2, times: Some(2), ..When::default() };
            let lost = Fault { when: soap, effect: Effect::DropUnread };
            world.model(move |model, _| [dropped, lost].map(|it| model.add_fault(it)));
            world.run(0);
            assert_eq!(world.rows(), people::rows(&people(300)));
            let met: Vec<u64> = world.model(|model, _| model.faults().iter().map(|it| it.met).collect());
            assert!(met.iter().all(|&it| it > 0), "{door}: {met:?}");
        }
    }

    #[test]
    fn a_package_without_the_permission_to_import() {
        let world = World::of(&people(10));
        world.model(|model, _| model.change_switches(|it| it.rest_import = RestImport::Forbidden));
        let told = world.run(1);
        assert!(told.err.contains("IMP-003") && told.err.contains("Rest"), "{}", told.err);
        assert_eq!(world.rows().len(), 0);
        world.write(&Project { activation: activation("import: auto"), ..Project::default() });
        world.run(0);
        assert_eq!(world.rows(), people::rows(&people(10)));
    }

    #[test]
    fn check_tells_what_is_wrong_with_each() {
        let world = World::of(&people(10));
        let pinned = "SHA256:uNiVztksCsDhcc0u9e8BrQXVXUpTZjw0tMTxQTvSPxM";
        let project = Project { host_key: pinned.into(), data_extension: "Loyalty_Member", ..Project::default() };
        world.write(&project);
        world.model(|model, _| model.change_switches(|it| it.scopes_withheld = vec!["automations_execute".into()]));
        let told = world.program.ends(1, &["check", "--connect", "--canary"]);
        for words in [
            "ok       source `lake` answers",
            "ok       connection `cloud` logs in",
            "PROBLEM  connection `cloud` has the permission `automations_execute`",
            "PROBLEM  the file route of `cloud` can be reached",
            "PROBLEM  activation `members` fits",
            "did you mean `Loyalty_Members`?",
            pinned,
        ] {
            assert!(told.out.contains(words), "`{words}` is missing: {}", told.out);
        }
    }

    #[test]
    fn check_tells_of_a_model_without_its_primary_key() {
        let world = World::of(&people(10));
        let project =
            fs::read_to_string(world.path("outflow.yaml")).expect("the project").replace("primary_key: id\n", "primary_key: ids\n");
        fs::write(world.path("outflow.yaml"), project).expect("the project can be written");
        let told = world.program.ends(1, &["check", "--connect"]);
        let words = "PROBLEM  activation `members` fits its model and data extension: its model has no column `ids`";
        assert!(told.out.contains(words) && told.out.contains("did you mean `id`?"), "{}", told.out);
    }

    #[test]
    fn check_is_content_with_a_good_project() {
        let world = World::of(&people(10));
        let told = world.program.ends(0, &["check", "--connect", "--canary"]);
        assert!(!told.out.contains("PROBLEM"), "{}", told.out);
        assert_eq!(world.files(), Vec::<String>::new());
    }
}

mod rows {
    use super::*;

    /// Each row gets its verdict; its neighbours travel.
    #[test]
    fn that_cannot_be_taken() {
        let world = World::new();
        let project =
            Project { file: "people.ndjson", sql: "SELECT id, email, name, points, born, tier FROM people".into(), ..Project::default() };
        world.write(&project);
        let rows = [
            r#"{"id":"good","email":"a@example.com","name":"A","points":"1","born":"2001-02-03","tier":"gold"}"#,
            r#"{"id":"word","email":"a@example.com","name":"A","points":"many","born":"2001-02-03","tier":"gold"}"#,
            r#"{"id":"huge","email":"a@example.com","name":"A","points":"2147483648","born":"2001-02-03","tier":"gold"}"#,
            r#"{"id":"undated","email":"a@example.com","name":"A","points":"1","born":"someday","tier":"gold"}"#,
            r#"{"id":"a key of more than 20 characters","email":"a@example.com","name":"A","points":"1","born":null,"tier":"gold"}"#,
            r#"{"id":null,"email":"a@example.com","name":"A","points":"1","born":null,"tier":"gold"}"#,
            r#"{"id":"twice","email":"a@example.com","name":"A","points":"1","born":null,"tier":"gold"}"#,
            r#"{"id":"TWICE ","email":"a@example.com","name":"B","points":"1","born":null,"tier":"gold"}"#,
            r#"{"id":"no address","email":"a@@","name":"A","points":"1","born":null,"tier":"gold"}"#,
        ];
        fs::write(world.path(project.file), rows.join("\n")).expect("the model can be written");
        let ran = world.program.json(3, &["run", ACTIVATION]);
        assert_eq!(world.rows().into_keys().collect::<Vec<_>>(), ["good"]);
        let plan = &ran["runs"][0]["plan"];
        let mut verdicts: Vec<(String, String, u64)> = Vec::new();
        for it in plan["invalid"].as_array().expect("verdicts are listed") {
            let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
            verdicts.push((text("field"), text("problem"), it["rows"].as_u64().unwrap_or_default()));
        }
        verdicts.sort();
        let verdict = |field: &str, problem: &str| (field.to_owned(), problem.to_owned(), 1);
        assert_eq!(
            verdicts,
            [
                verdict("Born", "not_a_date"),
                verdict("Email", "not_an_email_address"),
                verdict("Id", "null_key"),
                verdict("Id", "too_long"),
                verdict("Points", "not_a_number"),
                verdict("Points", "number_out_of_range"),
            ]
        );
        let told = world.program.ends(0, &["plan", ACTIVATION]);
        assert!(told.out.contains("2 rows share their key with another row and are not sent"), "{}", told.out);
    }

    /// What the service refuses is named, remembered, not sent again, and sent again when a person asks.
    #[test]
    fn that_the_service_refuses() {
        let world = World::of(&people(10));
        let refusal = ImportFault::RejectRows { rows: vec![], keys: vec!["P00004".into()], code: "InvalidEmailAddress".into() };
        world.fault(When { times: Some(1), ..When::default() }, refusal);
        let told = world.run(3);
        assert!(told.out.contains("refused by Marketing Cloud") && told.out.contains("1 × InvalidEmailAddress"), "{}", told.out);
        assert_eq!(world.rows().len(), 9);
        world.forget_calls();
        let told = world.run(3);
        assert!(told.out.contains("refused before, unchanged since"), "{}", told.out);
        assert_eq!(world.writing_calls(), []);
        world.program.ends(0, &["run", ACTIVATION, "--retry-refused"]);
        assert_eq!(world.rows(), people::rows(&people(10)));
    }

    #[test]
    fn of_a_data_extension_that_another_writer_cleared() {
        let world = World::of(&people(10));
        world.run(0);
        world.model(|model, _| model.clear_rows(DATA_EXTENSION).map_err(|it| it.0)).expect("rows can be cleared");
        world.run(0);
        assert_eq!(world.rows(), people::rows(&people(10)));
    }
}

mod imports {
    use super::*;

    /// Nobody asks any more for the end of an import whose activation has another name now; it can be given up all the same.
    #[test]
    fn of_an_activation_that_was_renamed() {
        let world = World::new();
        let project = Project { activation: activation("import: rest\n    import_deadline: 1s"), ..Project::default() };
        world.write(&project);
        world.write_people(&project, &people(10));
        world.fault(When { times: Some(1), ..When::default() }, ImportFault::NeverFinish { apply: false });
        world.run(5);
        let file = world.path("outflow.yaml");
        let text = fs::read_to_string(&file).expect("the project");
        fs::write(&file, text.replace("\n  members:\n    to:", "\n  renamed:\n    to:")).expect("the project can be written");
        let told = world.program.ends(5, &["run", "renamed"]);
        assert!(told.err.contains("error[IMP-002]"), "{}", told.err);
        let status = world.program.json(0, &["status"]);
        let gone = &status["activations"][1];
        assert_eq!((&status["activations"][0]["activation"], &gone["activation"]), (&Value::from("renamed"), &Value::from("members")));
        let text = world.program.ends(0, &["status"]).out;
        assert!(text.contains("members (no longer in the project)"), "{text}");
        let import = gone["open"][0]["import"].as_str().expect("the import has a name");
        world.program.ends(0, &["abandon", import]);
        assert_eq!(world.spool_files(), Vec::<std::path::PathBuf>::new(), "no value stays behind");
        world.program.ends(0, &["run", "renamed"]);
        assert_eq!(world.rows(), people::rows(&people(10)));
    }

    /// Past its deadline the run ends as blocked; nothing is started over the import until it ends or a person gives it up.
    #[test]
    fn that_never_end() {
        for import in ["import: rest", "import: soap"] {
            let world = World::new();
            let project = Project { activation: activation(&format!("{import}\n    import_deadline: 1s")), ..Project::default() };
            world.write(&project);
            world.write_people(&project, &people(10));
            world.fault(When { times: Some(1), ..When::default() }, ImportFault::NeverFinish { apply: false });
            let told = world.run(5);
            assert!(told.err.contains("error[IMP-002]") && told.err.contains("outflow abandon"), "{}", told.err);
            let status = world.status();
            let open = &status["open"][0];
            let name = open["import"].as_str().expect("the import has a name").to_owned();
            assert!(told.err.contains(&name), "{name}: {}", told.err);
            assert_eq!((&open["blocks"], &open["rows_in_doubt"]), (&Value::from(true), &Value::from(10)));
            let text = world.program.ends(0, &["status"]);
            assert!(text.out.contains(&format!("import not known to have ended: {name}")), "{}", text.out);
            assert_eq!(world.files(), Vec::<String>::new(), "an import that has not begun must find no file");
            let plan = world.program.ends(0, &["plan", ACTIVATION]);
            assert!(plan.out.contains("ends as blocked (exit code 5)") && plan.out.contains(&name), "{}", plan.out);
            let plan = world.program.json(0, &["plan", ACTIVATION]);
            let blocked = serde_json::json!({ "activation": ACTIVATION, "import": name, "is_waited_for": true });
            assert_eq!(plan["blocked"], blocked);

            world.write_people(&project, &people(12));
            let calls = world.writing_calls().len();
            let told = world.run(5);
            assert!(told.err.contains(&name), "{}", told.err);
            assert_eq!(world.writing_calls()[calls..].iter().filter(|it| it.door != "sftp").count(), 0, "nothing is started over it");

            let wrong = world.program.ends(1, &["abandon", "no-such-import"]);
            assert!(
                wrong.err.contains("no open import is called `no-such-import`; `outflow status` names those there are"),
                "{}",
                wrong.err
            );
            let abandoned = world.program.ends(0, &["abandon", &name]);
            assert!(abandoned.out.contains("Its rows stay in doubt"), "{}", abandoned.out);
            world.run(0);
            assert_eq!(world.rows(), people::rows(&people(12)));
            // The import may still write, after anything newer: the doubt outlives the newer receipt, until everything is read back.
            assert_eq!(world.status()["open"][0]["rows_in_doubt"], Value::from(10));
            let told = world.run(0);
            assert!(told.out.contains("10 of 10 rows sent are confirmed"), "{}", told.out);
            world.program.ends(0, &["baseline", "rebuild", "members", "--from", "destination"]);
            assert_eq!(world.status()["open"], Value::Array(Vec::new()));
            let told = world.run(0);
            assert!(told.out.contains("nothing was sent"), "{}", told.out);
        }
    }

    #[test]
    fn that_end_after_all_open_the_road_by_themselves() {
        let world = World::new();
        let project = Project { activation: activation("import: soap\n    import_deadline: 1s"), ..Project::default() };
        world.write(&project);
        world.write_people(&project, &people(10));
        world.fault(When { times: Some(1), ..When::default() }, ImportFault::BeginLate { millis: 3_000 });
        world.run(5);
        world.write_people(&project, &[people(10), vec![person(10)]].concat());
        // Each run asks anew; sooner or later the import has ended.
        crate::world::until("the import has ended", || world.program.call(&["run", ACTIVATION]).code == Some(0));
        assert_eq!(world.rows(), people::rows(&people(11)));
    }

    #[test]
    fn that_stop_half_way() {
        let world = World::of(&people(40));
        world.fault(When { times: Some(1), ..When::default() }, ImportFault::StopAfterRows { rows: 15 });
        let told = world.program.call(&["run", ACTIVATION]);
        assert_eq!(told.code, Some(4), "{}\n{}", told.out, told.err);
        assert!(told.out.contains("failed at Marketing Cloud"), "{}", told.out);
        world.run(0);
        assert_eq!(world.rows(), people::rows(&people(40)));
    }
}
