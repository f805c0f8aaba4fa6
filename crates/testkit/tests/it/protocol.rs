//! The protocol holds in every state; each known-bad habit breaks it.

#![allow(clippy::print_stderr, reason = "the number of states explored and the stories are worth reading")]

use outflow_domain::{InsertMode, Route};
use outflow_testkit::protocol::{Abandon, Habit, Invariant, Service, Settings, Value, explore};

#[track_caller]
fn holds(what: &str, settings: &Settings) {
    let explored = explore(settings);
    eprintln!("{what}: {explored}");
    if let Some(found) = &explored.found {
        panic!("{what}: {found}");
    }
    assert!(explored.states > 1000, "{what}: only {explored}");
    assert!(!settings.must_rest || explored.come_to_rest == explored.states, "{what}: {explored}");
}

#[track_caller]
fn breaks(habits: &[Habit], invariant: Invariant, settings: &Settings) {
    let explored = explore(&Settings { habits: habits.to_vec(), ..settings.clone() });
    let Some(found) = explored.found else { panic!("{habits:?} goes unnoticed in {explored}") };
    eprintln!("{habits:?}: {found}\n");
    assert_eq!(found.invariant, invariant, "{habits:?}: {found}");
}

fn rest() -> Settings {
    Settings::default()
}

fn soap() -> Settings {
    Settings { route: Route::Soap, service: Service::AtOnce, ..Settings::default() }
}

fn update_only() -> Settings {
    Settings { insert: InsertMode::UpdateOnly, others_edit: true, stops: false, loses_starts: false, ..soap() }
}

fn others_start() -> Settings {
    Settings { others_start: true, stops: false, changes: vec![Some(Value::A), Some(Value::B)], ..soap() }
}

fn given_up() -> Settings {
    let changes = vec![Some(Value::A), Some(Value::B)];
    Settings { abandon: Abandon::AnyTime, loses_starts: false, stops: false, must_rest: false, changes, ..soap() }
}

fn two_activations() -> Settings {
    Settings { activations: 2, changes: vec![Some(Value::A)], loses_starts: false, stops: false, must_rest: false, ..rest() }
}

#[test]
fn holds_by_rest_when_starts_get_lost() {
    holds("REST", &rest());
}

#[test]
fn holds_by_soap_when_imports_run_at_once() {
    holds("SOAP", &soap());
}

#[test]
fn holds_while_others_edit() {
    holds("others edit", &Settings { others_edit: true, stops: false, ..rest() });
}

#[test]
fn holds_when_only_rows_that_are_there_are_updated() {
    holds("update-only", &update_only());
}

#[test]
fn holds_when_a_value_is_refused() {
    holds("refused, REST", &Settings { refuses: Some(Value::B), ..rest() });
    holds("refused, SOAP", &Settings { refuses: Some(Value::B), loses_starts: false, ..soap() });
}

#[test]
fn holds_when_reading_is_not_permitted_for_a_time() {
    let changes = vec![Some(Value::A), Some(Value::B)];
    holds("no reading", &Settings { forbids_reading: true, loses_starts: false, changes, ..rest() });
}

#[test]
fn holds_while_others_start_our_definition() {
    holds("others start", &Settings { loses_starts: false, ..others_start() });
}

#[test]
fn holds_when_two_activations_write_to_one_data_extension() {
    holds("two activations", &two_activations());
}

#[test]
fn holds_when_refused_rows_may_not_be_read_for_a_time() {
    let changes = vec![Some(Value::A), Some(Value::B)];
    let settings = Settings { forbids_reading: true, refuses: Some(Value::B), loses_starts: false, must_rest: false, changes, ..rest() };
    holds("refused, no reading", &settings);
}

#[test]
fn holds_for_two_keys() {
    holds(
        "two keys",
        &Settings {
            keys: 2,
            changes: vec![Some(Value::A), Some(Value::B)],
            loses_starts: false,
            stops: false,
            refuses: Some(Value::B),
            ..rest()
        },
    );
}

#[test]
fn holds_when_the_road_closes_meanwhile() {
    holds("closed road", &Settings { closes_road: true, ..rest() });
}

#[test]
fn confirming_at_send_is_noticed() {
    breaks(&[Habit::ConfirmsAtSend], Invariant::ConfirmedWasApplied, &rest());
}

#[test]
fn doubt_that_is_not_durable_is_noticed() {
    breaks(&[Habit::DoubtsAfterTheStart], Invariant::DoubtBeforeStart, &rest());
}

#[test]
fn starting_over_an_open_import_is_noticed() {
    breaks(&[Habit::StartsOverAnOpenImport], Invariant::NoStartOverAnOpenImport, &soap());
}

#[test]
fn taking_doubt_for_unchanged_is_noticed() {
    let settings = Settings { forbids_reading: true, loses_starts: false, ..rest() };
    breaks(&[Habit::TakesDoubtForUnchanged], Invariant::UnchangedIsTrue, &settings);
}

#[test]
fn believing_counts_of_an_update_only_import_is_noticed() {
    breaks(&[Habit::CountsInUpdateOnly], Invariant::ConfirmedWasApplied, &update_only());
}

#[test]
fn forgetting_a_lost_start_is_noticed() {
    breaks(&[Habit::ForgetsALostStart], Invariant::NoStartOverAnOpenImport, &soap());
}

#[test]
fn waiting_only_for_newer_imports_is_noticed() {
    breaks(&[Habit::WaitsOnlyForNewerImports], Invariant::NoStartOverAnOpenImport, &soap());
}

#[test]
fn removing_files_after_settling_is_noticed() {
    breaks(&[Habit::RemovesTheFileAfterSettling], Invariant::NoFileIsForgotten, &rest());
}

#[test]
fn removing_files_after_abandoning_is_noticed() {
    let settings = Settings { abandon: Abandon::AnyTime, ..rest() };
    breaks(&[Habit::RemovesTheFileAfterAbandoning], Invariant::NoFileIsForgotten, &settings);
}

#[test]
fn looking_for_others_only_once_is_noticed() {
    breaks(&[Habit::LooksForOthersOnlyOnce], Invariant::NoStartOverAnOpenImport, &two_activations());
}

#[test]
fn removing_files_after_the_end_is_noticed() {
    breaks(&[Habit::RemovesTheFileAfterTheEnd], Invariant::NoStartOverAnOpenImport, &others_start());
}

#[test]
fn readying_an_import_before_its_intent_is_noticed() {
    breaks(&[Habit::PreparesBeforeTheIntent], Invariant::DoubtBeforeStart, &others_start());
}

#[test]
fn taking_doubt_back_blindly_is_noticed() {
    breaks(&[Habit::TakesDoubtBackBlindly], Invariant::NoStartOverAnOpenImport, &others_start());
}

#[test]
fn settling_abandoned_imports_before_newer_ones_is_noticed() {
    breaks(&[Habit::SettlesInOrder], Invariant::UnchangedIsTrue, &given_up());
}

#[test]
fn ending_doubt_by_refusals_is_noticed() {
    let changes = vec![Some(Value::A), Some(Value::B), Some(Value::C)];
    let settings = Settings { forbids_reading: true, refuses: Some(Value::C), loses_starts: false, changes, ..rest() };
    breaks(&[Habit::EndsDoubtByRefusals], Invariant::UnchangedIsTrue, &settings);
}

#[test]
fn ending_doubt_when_the_road_closes_is_noticed() {
    let settings = Settings { closes_road: true, service: Service::AtOnce, ..rest() };
    breaks(&[Habit::EndsDoubtWhenTheRoadCloses], Invariant::NoStartOverAnOpenImport, &settings);
}

#[test]
fn forgetting_abandoned_imports_is_noticed() {
    let settings = Settings { abandon: Abandon::AnyTime, loses_starts: false, ..soap() };
    breaks(&[Habit::ForgetsAbandonedImports], Invariant::UnchangedIsTrue, &settings);
}

/// What the protocol has to trust: of two one-time imports of a file, the one whose answer was lost ends first, or has no file left.
#[test]
fn a_lost_rest_start_is_only_safe_where_imports_keep_their_order() {
    breaks(&[], Invariant::NoStartOverAnOpenImport, &Settings { service: Service::AtOnce, ..rest() });
}
