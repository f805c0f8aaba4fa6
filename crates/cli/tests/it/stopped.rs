//! Ctrl-C, and a service manager's SIGTERM, in every phase of a run: it ends at once and in order, and the next run goes on.

use outflow_sandbox::model::{Effect, Fault, FileFault, ImportFault, When};
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    killed::{Days, PARTS, Point, RECORDING, lines, loud},
    people::{people, person},
    postgres::Server,
    program::{Running, Told},
    world::{ACTIVATION, Project, World, until},
};

/// Longer than any test waits.
const FOR_EVER_MS: u64 = 3_600_000;

/// The program told of its stop, in its own way.
#[track_caller]
fn was_stopped(told: &Told) {
    assert_eq!(told.code, Some(1), "{}\n{}", told.out, told.err);
    assert!(told.err.contains("error[RUN-001]: stopped; what was confirmed stays confirmed"), "{}", told.err);
}

/// At every event, by either signal. The last ones come too late to stop anything.
#[test]
fn at_every_event() {
    let quiet = Days::new(PARTS);
    let events = lines(&quiet, &people(200)).iter().filter(|it| it.contains(RECORDING)).count();
    assert!(events > 20, "a run of several parts has many events: {events}");
    let mut stopped = 0;
    for n in 1..=events {
        let days = Days::new(PARTS);
        let (world, point) = (&days.world, Point { text: RECORDING, n });
        world.write_people(&days.project, &people(200));
        let mut running = loud(world).start(&["run", ACTIVATION]);
        assert!(running.says(point.text, n), "{point:?}: a run has as many events as the one before it");
        running.signal(if n % 2 == 0 { Signal::INT } else { Signal::TERM });
        let told = running.end();
        if told.code != Some(0) {
            was_stopped(&told);
            stopped += 1;
            let status = world.status();
            // Nothing is left to stop once the end is on its way to the ledger.
            let last = &status["last_run"]["result"];
            assert!(last["code"] == "RUN-001" || (n == events && last["result"] == "succeeded"), "{point:?}: {status}");
            if status["open"] == Value::Array(Vec::new()) {
                assert_eq!(world.spool_files(), Vec::<std::path::PathBuf>::new(), "{point:?}: no private file stays");
            }
        }
        days.goes_on(point, &people(200));
    }
    assert!(stopped > events / 2, "only {stopped} of {events} were stopped in their course");
}

/// A run that hangs in the call that meets this fault, stopped, and the next one.
#[track_caller]
fn while_it_hangs(phase: &'static str, days: &Days, fault: Fault) {
    let world = &days.world;
    world.write_people(&days.project, &people(200));
    let id = world.model(move |model, _| model.add_fault(fault));
    let running = loud(world).start(&["run", ACTIVATION]);
    let set = || world.inspect("GET", "faults")["faults"].as_array().cloned().unwrap_or_default();
    until(phase, || set().iter().any(|it| it["id"] == id && it["met"] == 1));
    ends_when_asked(running, phase);
    world.model(move |model, _| model.remove_fault(id));
    days.goes_on(Point { text: phase, n: 1 }, &people(200));
}

#[track_caller]
fn ends_when_asked(running: Running, phase: &str) {
    running.signal(Signal::INT);
    let told = running.end();
    assert!(told.err.contains("RUN-001"), "{phase}: {}", told.err);
    was_stopped(&told);
}

fn late(door: &str, method: &str) -> Fault {
    let when = When { door: Some(door.into()), method: Some(method.into()), times: Some(1), ..When::default() };
    Fault { when, effect: Effect::Delay { millis: FOR_EVER_MS } }
}

#[test]
fn while_logging_in() {
    while_it_hangs("the login", &Days::new(PARTS), late("auth", "post"));
}

#[test]
fn while_asking_for_the_data_extension() {
    while_it_hangs("a question", &Days::new(PARTS), late("soap", "retrieve"));
}

#[test]
fn while_creating_columns() {
    while_it_hangs("the columns", &Days::new(PARTS), late("soap", "update"));
}

#[test]
fn while_sending_a_file() {
    let when = When { door: Some("sftp".into()), method: Some("write".into()), times: Some(1), ..When::default() };
    let fault = Fault { when, effect: Effect::File { fault: FileFault::Delay { millis: FOR_EVER_MS } } };
    while_it_hangs("the file", &Days::new(PARTS), fault);
}

#[test]
fn while_starting_an_import() {
    while_it_hangs("the start by REST", &Days::new(PARTS), late("rest", "post"));
    let days = Days::new("import: soap\n    part_size: 5kB");
    while_it_hangs("the start by SOAP", &days, late("soap", "perform"));
}

#[test]
fn while_an_import_is_at_work() {
    for signal in [Signal::INT, Signal::TERM] {
        let days = Days::new(PARTS);
        let world = &days.world;
        world.write_people(&days.project, &people(200));
        world.fault(When { skip: 1, times: Some(1), ..When::default() }, ImportFault::HoldUntilReleased);
        let mut running = loud(world).start(&["run", ACTIVATION]);
        until("the second import is held", || !held(world).is_empty());
        assert!(running.says("import_started", 2));
        running.signal(signal);
        was_stopped(&running.end());

        let last = world.program.ends(0, &["runs"]);
        assert!(last.out.contains("failed (RUN-001)"), "{}", last.out);
        let status = world.status();
        assert!(status["rows_confirmed"].as_u64() == Some(0) && status["open"][0]["blocks"] == true, "{status}");

        for id in held(world) {
            world.inspect("POST", &format!("imports/{id}/release"));
        }
        days.goes_on(Point { text: "a signal", n: 1 }, &people(200));
    }
}

fn held(world: &World) -> Vec<u64> {
    let imports = world.inspect("GET", "imports");
    let held = imports["imports"].as_array().expect("imports are listed").iter().filter(|it| it["held"] == true);
    held.filter_map(|it| it["id"].as_u64()).collect()
}

#[test]
fn while_rows_are_read_back() {
    let days = Days::new("import: rest");
    days.world.fault(When { times: Some(1), ..When::default() }, ImportFault::StopAfterRows { rows: 50 });
    let when = When {
        door: Some("soap".into()),
        method: Some("retrieve".into()),
        object: Some("DataExtensionObject[Loyalty_Members]".into()),
        times: Some(1),
        ..When::default()
    };
    let fault = Fault { when, effect: Effect::Delay { millis: FOR_EVER_MS } };
    while_it_hangs("reading back", &days, fault);
}

/// The model's query is cancelled at the server, and nothing of the run is left.
#[test]
fn while_the_model_is_read() {
    let (server, world) = (Server::start(), World::new());
    server.hold(&people(30));
    let source = format!("{{ postgres: {{ host: 127.0.0.1, port: {}, database: postgres, user: app }} }}", server.port);
    let sql = "SELECT id, email, name, points, born, tier FROM people".to_owned();
    let project = Project { source: Some(source), sql, ..Project::default() };
    world.write(&Project { sql: format!("{} CROSS JOIN pg_sleep(3600)", project.sql), ..project.clone() });
    let active = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'outflow' AND state = 'active'";
    let running = world.program.start(&["run", ACTIVATION]);
    until("the query is at work", || server.ask(active) == "1");
    ends_when_asked(running, "reading the model");
    until("the query is cancelled", || server.ask(active) == "0");
    assert_eq!(world.spool_files(), Vec::<std::path::PathBuf>::new());
    assert_eq!(world.writing_calls(), []);
    world.write(&project);
    world.run(0);
    assert_eq!(world.rows(), crate::people::rows(&people(30)));
}

/// The rest is not begun, and programs get one document all the same.
#[test]
fn a_stopped_run_is_one_document() {
    let days = Days::new("import: rest");
    let world = &days.world;
    world.write_people(&days.project, &[person(1)]);
    world.fault(When { times: Some(1), ..When::default() }, ImportFault::HoldUntilReleased);
    let running = world.program.start(&["run", ACTIVATION, ACTIVATION, "--output", "json"]);
    until("the import is held", || !held(world).is_empty());
    running.signal(Signal::INT);
    let told = running.end();
    let document: Value = serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{error}: {}", told.out));
    assert_eq!((told.code, document["runs"].as_array().map(Vec::len)), (Some(1), Some(1)), "{document}");
    assert_eq!(document["runs"][0]["error"]["code"], "RUN-001", "{document}");
}
