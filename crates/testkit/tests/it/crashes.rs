//! One fixed story, in which the machine crashes after every single effect.

use outflow_engine::RunOptions;
use outflow_sandbox::model::{Effect, Fault, ImportFault, Switches, When};
use outflow_testkit::{
    simulated::{Cell, ModelRow},
    world::{Event, Fields, Keys, NO_GUARDS, Names, Script, World},
};

/// More effects than any run of the story has.
const EFFECTS_MAX: u32 = 2000;

fn row(key: &str, name: &str, age: i64, note: &str) -> ModelRow {
    let text = |it: &str| Cell::Text(it.to_owned());
    ModelRow([text(key), text(name), Cell::Integer(age), Cell::Null, Cell::Null, Cell::Null, Cell::Null, text(note)])
}

/// Rows that need two files, one of which the service refuses the first time.
fn first() -> Vec<ModelRow> {
    ["a1", "b2", "c3", "d-4", "e5", "0009"].into_iter().enumerate().map(|(at, key)| row(key, "Zq7", at as i64, "Zq7 note")).collect()
}

/// Other values, one row less, one more, and one that returns to what it was.
fn second() -> Vec<ModelRow> {
    let mut rows = first();
    rows[0] = row("a1", "Zq7 Ada", 7, "Zq7 other");
    rows.remove(1);
    rows[3] = row("e5", "Zq7 Eve", 4, "Zq7 note");
    rows.push(row("x y", "Zq7", 1, "Zq7 note"));
    rows
}

fn refusal() -> Event {
    let fault = ImportFault::RejectRows { rows: Vec::new(), keys: vec!["c3".into(), "e5".into()], code: "InvalidNumber".into() };
    let when = When { door: Some("import".into()), times: Some(2), ..When::default() };
    Event::Fault(Box::new(Fault { when, effect: Effect::Import { fault } }))
}

const fn run(crash_after: Option<u32>) -> Event {
    Event::Run { options: RunOptions { full: false, retry_refused: false, approve: None }, crash_after }
}

fn script(road: Road, events: Vec<Event>) -> Script {
    let switches = Switches {
        import_new_ms: 500,
        import_processing_ms: 1500,
        row_reading_refused: matches!(road, Road::Unread),
        ..Switches::default()
    };
    let soap = matches!(road, Road::Soap);
    // `Name` and `Age` are mapped; the seed chooses how the world ends.
    let fields = Fields { mapped: 0b11, custom: true, ..Fields::default() };
    let table_is_missing = matches!(road, Road::ToBeMade);
    Script {
        seed: 14,
        switches,
        table_is_missing,
        update_only: false,
        soap,
        fields,
        names: Names::default(),
        keys: Keys::default(),
        part_bytes_max: Some(120),
        guards: NO_GUARDS,
        flags: matches!(road, Road::Flagging),
        deletes: matches!(road, Road::Deleting).then_some(false),
        events,
    }
}

/// How the story's imports are told of.
#[derive(Clone, Copy, Debug)]
enum Road {
    Rest,
    Soap,
    /// By counts alone, as no row may be read back.
    Unread,
    /// By a receipt, in a data extension that a run has to make first.
    ToBeMade,
    /// By a receipt, and rows that leave are flagged.
    Flagging,
    /// By a receipt, and rows that leave are deleted.
    Deleting,
}

/// Crashes after one effect more each time, until a run comes to its end.
fn crash_everywhere(road: Road, events: impl Fn(u32) -> Vec<Event>) {
    for effects in 1..EFFECTS_MAX {
        let lived = World::of_script(script(road, events(effects))).live();
        let lived = lived.unwrap_or_else(|broken| panic!("after {effects} effects:\n{broken}"));
        // The ending of this seed crashes by itself, a fixed number of times.
        if lived.crashes == quiet_crashes(road, &events) {
            assert!(effects > 50, "a run of the story has more effects than {effects}");
            return;
        }
    }
    panic!("no run came to its end within {EFFECTS_MAX} effects");
}

/// Crashes of the ending alone.
fn quiet_crashes(road: Road, events: &impl Fn(u32) -> Vec<Event>) -> u32 {
    World::of_script(script(road, events(u32::MAX))).live().unwrap_or_else(|broken| panic!("without a crash:\n{broken}")).crashes
}

/// The first run: a column is added, two files are sent, a row is refused.
fn in_the_first_run(effects: u32) -> Vec<Event> {
    vec![Event::Model(first()), refusal(), run(Some(effects)), Event::Model(second())]
}

/// The second run: rows change, leave and come, one is refused.
fn in_the_second_run(effects: u32) -> Vec<Event> {
    vec![Event::Model(first()), run(None), Event::Model(second()), refusal(), run(Some(effects)), Event::Model(first())]
}

#[test]
fn a_first_run_by_rest_survives_a_crash_after_any_effect() {
    crash_everywhere(Road::Rest, in_the_first_run);
}

#[test]
fn a_first_run_by_soap_survives_a_crash_after_any_effect() {
    crash_everywhere(Road::Soap, in_the_first_run);
}

#[test]
fn a_first_run_that_makes_its_data_extension_survives_a_crash_after_any_effect() {
    crash_everywhere(Road::ToBeMade, in_the_first_run);
}

#[test]
fn a_second_run_by_rest_survives_a_crash_after_any_effect() {
    crash_everywhere(Road::Rest, in_the_second_run);
}

#[test]
fn a_second_run_by_soap_survives_a_crash_after_any_effect() {
    crash_everywhere(Road::Soap, in_the_second_run);
}

#[test]
fn a_second_run_that_flags_who_left_survives_a_crash_after_any_effect() {
    crash_everywhere(Road::Flagging, in_the_second_run);
}

#[test]
fn a_second_run_that_deletes_who_left_survives_a_crash_after_any_effect() {
    crash_everywhere(Road::Deleting, in_the_second_run);
}

#[test]
fn a_first_run_in_rounds_survives_a_crash_after_any_effect() {
    crash_everywhere(Road::Unread, in_the_first_run);
}

#[test]
fn a_second_run_in_rounds_survives_a_crash_after_any_effect() {
    crash_everywhere(Road::Unread, in_the_second_run);
}
