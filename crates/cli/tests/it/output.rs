//! `--output json` of every command, and every exit code by a real situation.

use std::collections::BTreeSet;

use outflow_sandbox::model::{ImportFault, When};
use serde_json::Value;

use crate::{
    people::people,
    world::{ACTIVATION, DATA_EXTENSION, Project, World, activation},
};

/// The document has exactly these members.
#[track_caller]
pub fn has(document: &Value, members: &[&str]) {
    let found: BTreeSet<&str> =
        document.as_object().unwrap_or_else(|| panic!("no object: {document}")).keys().map(String::as_str).collect();
    assert_eq!(found, members.iter().copied().collect(), "{document}");
}

const PLAN: [&str; 27] = [
    "plan",
    "activation",
    "data_extension",
    "route",
    "is_first",
    "is_retired",
    "key_moved",
    "has_changes",
    "create",
    "columns",
    "wider",
    "types_changed",
    "source_rows",
    "to_send",
    "decided",
    "newly_left",
    "of_nobody",
    "parts",
    "skipped",
    "sent_with_warning",
    "alike_keys",
    "held",
    "approved",
    "open_parts",
    "warnings",
    "blocked",
    "old_state",
];

#[test]
fn every_command_prints_one_document() {
    let world = World::of(&people(10));
    let program = &world.program;
    let plan = program.json(0, &["plan", ACTIVATION]);
    has(&plan, &[&PLAN[..], &["invalid"]].concat());
    has(&plan["to_send"][0], &["intent", "rows"]);
    has(&plan["parts"][0], &["file", "rows", "bytes", "in_doubt", "only_new_columns", "only_flags", "deletes", "kept"]);
    has(&plan["columns"][0], &["name", "type"]);

    has(&program.json(0, &["runs"]), &["runs"]);
    let ran = program.json(0, &["run", ACTIVATION]);
    has(&ran, &["runs"]);
    let run = &ran["runs"][0];
    has(run, &["run", "activation", "result", "outcomes", "resumed", "refused", "failed_imports", "rounds", "plan"]);
    has(&run["outcomes"][0], &["intent", "fate", "leaving", "rows"]);
    assert_eq!(run["outcomes"], serde_json::json!([{ "intent": "insert", "fate": "confirmed", "leaving": false, "rows": 10 }]));

    let runs = program.json(0, &["runs", "--activation", ACTIVATION]);
    has(&runs["runs"][0], &["run", "activation", "started_ms", "purpose", "under_way", "result"]);
    let explained = program.json(0, &["runs", run["run"].as_str().expect("a run has a name")]);
    has(&explained, &["run", "events"]);
    assert_eq!(explained["events"][0]["event"], "started");

    let rejects = program.json(0, &["rejects", ACTIVATION]);
    has(&rejects, &["run", "activation", "started_ms", "rows", "has_compared", "result", "without_key", "is_forgotten"]);

    let why = program.json(0, &["why", ACTIVATION, "--key", "P00001", "--destination"]);
    let members =
        ["activation", "data_extension", "key", "conclusion", "sentence", "model_rows", "model", "baseline", "in_doubt", "refusal"];
    has(&why, &[&members[..], &["runs", "kept_since_ms", "unreadable", "destination"]].concat());
    has(
        &why["runs"][0],
        &["run", "at_ms", "what", "part", "row", "file", "import", "intent", "is_as_model", "fate", "by", "code", "field", "settled_ms"],
    );
    has(&why["destination"], &["row", "is_as_model", "forbidden"]);

    let status = program.json(0, &["status"]);
    has(&status, &["activations"]);
    has(
        &status["activations"][0],
        &["activation", "last_success_ms", "last_run", "current_run", "baseline_version", "rows_confirmed", "open", "held"],
    );

    let check = program.json(0, &["check", "--connect", "--canary"]);
    has(&check, &["problems", "connect"]);
    has(&check["connect"][0], &["what", "ok", "problem", "warning"]);

    let list = program.json(0, &["destination", "list"]);
    has(&list["data_extensions"][0], &["connection", "key", "name", "is_sendable", "retention"]);
    let shown = program.json(0, &["destination", "show", DATA_EXTENSION]);
    assert_eq!((&shown["key"], &shown["rows"]), (&DATA_EXTENSION.into(), &10.into()), "{shown}");
    let rebuilt = program.json(0, &["baseline", "rebuild", ACTIVATION, "--from", "destination"]);
    has(&rebuilt, &["activation", "rows", "unreadable"]);
    assert!(program.json(0, &["schema"])["properties"].is_object());
    has(&program.json(0, &["init", program.folder.join("new").to_str().expect("a plain name")]), &["files"]);
}

/// The longest of all: its document has those of the commands that it shows.
#[test]
fn the_demo_is_one_document() {
    let world = World::new();
    let demo = world.program.json(0, &["demo"]);
    has(&demo, &["commands"]);
    let commands = demo["commands"].as_array().expect("commands are listed");
    assert!(commands.len() > 5, "{demo}");
    for it in commands {
        has(it, &["arguments", "exit", "document"]);
        assert!(it["document"].is_object(), "{it}");
    }
}

#[test]
fn an_import_given_up_is_a_document() {
    let world = World::new();
    let project = Project { activation: activation("import: rest\n    import_deadline: 1s"), ..Project::default() };
    world.write(&project);
    world.write_people(&project, &people(10));
    world.fault(When::default(), ImportFault::NeverFinish { apply: false });
    let ran = world.program.json(5, &["run", ACTIVATION]);
    assert_eq!(ran["runs"][0]["error"]["code"], "IMP-002", "{ran}");
    has(
        &world.program.json(5, &["baseline", "rebuild", ACTIVATION, "--from", "destination"])["error"],
        &["code", "message", "where", "causes"],
    );
    let import = world.status()["open"][0]["import"].as_str().expect("the import has a name").to_owned();
    has(&world.program.json(0, &["abandon", &import]), &["abandoned", "activation"]);
}

#[test]
fn errors_are_documents_too() {
    let world = World::of(&people(10));
    has(&world.program.json(64, &["plan", "memberz"])["error"], &["code", "message", "where", "causes"]);
    has(&world.program.json(1, &["abandon", "nothing"])["error"], &["code", "message", "where", "causes"]);
    has(&world.program.json(1, &["runs", "no-such-run"])["error"], &["code", "message", "where", "causes"]);
    has(&world.program.json(64, &["destination", "show", "Nowhere"])["error"], &["code", "message", "where", "causes"]);
    world.write(&Project { data_extension: "Nowhere", ..Project::default() });
    has(&world.program.json(64, &["plan", ACTIVATION])["error"], &["code", "message", "where", "causes"]);
    let ran = world.program.json(64, &["run", ACTIVATION]);
    has(&ran["runs"][0], &["activation", "error"]);
    has(&ran["runs"][0]["error"], &["code", "message", "where", "causes"]);
    world.write(&Project { activation: "from: nobody".into(), ..Project::default() });
    // Every command that reads the project tells its problems, and in the same way.
    for arguments in [
        &["check"][..],
        &["check", "--connect"],
        &["plan", ACTIVATION],
        &["run", ACTIVATION],
        &["runs"],
        &["rejects", ACTIVATION],
        &["why", ACTIVATION, "--key", "P00001"],
        &["status"],
        &["abandon", "rest:1"],
        &["destination", "list"],
        &["destination", "show", DATA_EXTENSION],
        &["baseline", "rebuild", ACTIVATION, "--from", "destination"],
    ] {
        let problems = world.program.json(64, arguments);
        has(&problems, &["problems"]);
        has(&problems["problems"][0], &["code", "file", "line", "column", "what", "hint"]);
    }
    has(&world.program.json(1, &["init"])["error"], &["code", "message", "where", "causes"]);
}

#[test]
fn wrong_usage_is_a_document_too() {
    let world = World::of(&people(1));
    for arguments in
        [&["no-such-command"][..], &["run"], &["plan", ACTIVATION, "--fulll"], &["baseline", "rebuild", ACTIVATION, "--from", "x"]]
    {
        let document = world.program.json(64, arguments);
        assert_eq!(document["error"]["code"], "CLI-008", "{document}");
    }
    let told = world.program.ends(64, &["--output=json", "no-such-command"]);
    assert!(told.out.starts_with('{') && told.err.is_empty(), "{}\n{}", told.out, told.err);
    let told = world.program.ends(64, &["no-such-command"]);
    assert!(told.out.is_empty() && told.err.starts_with("error: "), "{}\n{}", told.out, told.err);
}

#[test]
fn a_run_that_is_locked_out_is_one_document() {
    let world = World::of(&people(10));
    world.fault(When::default(), ImportFault::HoldUntilReleased);
    let _first = world.program.start(&["run", ACTIVATION]);
    crate::world::until("the import is held", || world.inspect("GET", "imports")["imports"][0]["held"] == true);
    let second = world.program.json(5, &["run", ACTIVATION]);
    has(&second["runs"][0], &["activation", "error"]);
    assert_eq!(second["runs"][0]["error"]["code"], "RUN-002");
}

/// 0, 1, 2, 3, 4, 5 and 64, each as it comes about.
mod exit_codes {
    use super::*;

    #[test]
    fn success_and_changes() {
        let world = World::of(&people(10));
        world.program.ends(0, &["plan", ACTIVATION]);
        world.program.ends(2, &["plan", ACTIVATION, "--detailed-exitcode"]);
        world.run(0);
        world.program.ends(0, &["plan", ACTIVATION, "--detailed-exitcode"]);
    }

    #[test]
    fn failed() {
        let world = World::of(&people(10));
        std::fs::remove_file(world.path("people.csv")).expect("the model can be removed");
        world.run(1);
    }

    #[test]
    fn rows_refused() {
        let world = World::of(&people(10));
        let fault = ImportFault::RejectRows { rows: vec![2], keys: vec![], code: "InvalidNumber".into() };
        world.fault(When::default(), fault);
        world.run(3);
    }

    #[test]
    fn rows_pending() {
        let world = World::of(&people(10));
        world.fault(When::default(), ImportFault::StopAfterRows { rows: 3 });
        let told = world.run(4);
        assert!(told.out.contains("sent, not confirmed"), "{}", told.out);
    }

    #[test]
    fn blocked() {
        let world = World::new();
        let project = Project { activation: activation("import: rest\n    import_deadline: 1s"), ..Project::default() };
        world.write(&project);
        world.write_people(&project, &people(10));
        world.fault(When::default(), ImportFault::NeverFinish { apply: true });
        world.run(5);
    }

    #[test]
    fn wrong_usage_and_configuration() {
        let world = World::of(&people(10));
        world.program.ends(64, &["no-such-command"]);
        world.program.ends(64, &["run"]);
        world.program.ends(64, &["run", "no-such-activation"]);
        world.program.ends(64, &["--log", "no=such=level", "status"]);
        world.write(&Project { activation: "from: nobody".into(), ..Project::default() });
        world.program.ends(64, &["check"]);
    }

    #[test]
    fn help_and_version_are_no_errors() {
        let world = World::new();
        let told = world.program.ends(0, &["--help"]);
        assert!(told.out.contains("Usage: outflow") && told.err.is_empty(), "{}", told.out);
        world.program.ends(0, &["--version"]);
    }

    /// The worst of several counts, and the others run all the same.
    #[test]
    fn of_several_activations() {
        let world = World::of(&people(10));
        let told = world.program.call(&["run", ACTIVATION, "nobody"]);
        assert_eq!(told.code, Some(64), "{}", told.err);
        assert_eq!(world.rows().len(), 0, "a wrong name is told before anything runs");
    }
}

/// Whoever reads an empty document must not take it for a good one.
#[test]
fn what_cannot_be_printed_is_no_success() {
    let world = World::of(&people(10));
    for arguments in [vec!["schema"], vec!["status"], vec!["status", "--output", "json"], vec!["plan", ACTIVATION]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let told = world.program.writing_to(full, &arguments);
        assert_eq!(told.code, Some(1), "{arguments:?}: {}", told.err);
        assert!(told.err.contains("standard output cannot be written"), "{arguments:?}: {}", told.err);
    }
}
