//! Stories told by hand, each of a mistake that was made once: what happens, and what the runs must say of it.
//!
//! A world lives each to its end, so that everything else that a world watches is watched here, too.

use outflow_domain::{Guards, Limit, Outcome, OutcomeCounts, Sent, Write};
use outflow_engine::RunOptions;
use outflow_marketing_cloud::definition_key;
use outflow_sandbox::model::{CountChange, Effect, Fault, ImportFault, OtherWrite, Switches, When};
use outflow_testkit::{
    simulated::{Cell, ModelRow},
    world::{Event, Fields, Keys, MEMBERS, NO_GUARDS, Names, Script, World},
};

fn row(key: &str, name: &str) -> ModelRow {
    let text = |it: &str| Cell::Text(it.to_owned());
    ModelRow([text(key), text(name), Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null])
}

fn model(rows: &[(&str, &str)]) -> Event {
    Event::Model(rows.iter().map(|(key, name)| row(key, name)).collect())
}

const fn run() -> Event {
    Event::Run { options: RunOptions { full: false, retry_refused: false, approve: None }, crash_after: None }
}

fn fault(when: When, effect: Effect) -> Event {
    Event::Fault(Box::new(Fault { when, effect }))
}

/// Something goes wrong with the next import.
fn import(fault: ImportFault) -> Event {
    let when = When { door: Some("import".into()), times: Some(1), ..When::default() };
    self::fault(when, Effect::Import { fault })
}

/// Rows may be counted, but not read.
fn reading_is_refused(times: Option<u64>) -> Event {
    let object = Some(format!("DataExtensionObject[{MEMBERS}]"));
    let when = When { door: Some("soap".into()), method: Some("Retrieve".into()), object, times, ..When::default() };
    fault(when, Effect::Refuse { status: 403, headers: Default::default(), body: String::new() })
}

fn somebody_deletes(key: &str) -> Event {
    let keys = [("Key".to_owned(), key.to_owned())].into();
    Event::Other(Box::new(OtherWrite::DeleteRow { de: MEMBERS.into(), keys }))
}

fn somebody_inserts(key: &str) -> Event {
    let values = [("Key", key), ("Name", "Zq7 other"), ("Foreign", "Zq7 foreign")];
    let values = values.map(|(field, text)| (field.to_owned(), Some(text.to_owned()))).into();
    Event::Other(Box::new(OtherWrite::UpsertRow { de: MEMBERS.into(), values }))
}

/// What the runs of a story said of their rows.
#[track_caller]
fn live(soap: bool, events: Vec<Event>) -> Vec<Option<OutcomeCounts>> {
    live_and_flag(soap, false, events)
}

/// The same, where rows that leave are perhaps flagged.
#[track_caller]
fn live_and_flag(soap: bool, flags: bool, events: Vec<Event>) -> Vec<Option<OutcomeCounts>> {
    live_with(soap, false, flags, None, events)
}

/// The same, where rows that leave are perhaps deleted.
#[track_caller]
fn live_and_delete(adopted: bool, events: Vec<Event>) -> Vec<Option<OutcomeCounts>> {
    live_with(false, false, false, Some(adopted), events)
}

#[track_caller]
fn live_with(soap: bool, update_only: bool, flags: bool, deletes: Option<bool>, events: Vec<Event>) -> Vec<Option<OutcomeCounts>> {
    // `Name` alone is mapped; of this seed's world one value changes in the end.
    let fields = Fields { mapped: 1, ..Fields::default() };
    let switches = Switches { import_new_ms: 0, import_processing_ms: 1500, empty_polls: 0, ..Switches::default() };
    let script = Script {
        seed: 6,
        switches,
        update_only,
        table_is_missing: false,
        soap,
        fields,
        names: Names::default(),
        keys: Keys::default(),
        part_bytes_max: None,
        guards: NO_GUARDS,
        flags,
        deletes,
        events,
    };
    World::of_script(script).live().unwrap_or_else(|broken| panic!("{broken}")).outcomes
}

/// The last run of the script left so many rows as they are, and confirmed so many.
#[track_caller]
fn check_last(outcomes: &[Option<OutcomeCounts>], unchanged: u64, confirmed: u64) {
    let Some(Some(last)) = outcomes.last() else { panic!("the last run did not come to its end") };
    let said = (last.get(Outcome::Unchanged), last.of_fate("confirmed"));
    assert_eq!(said, (unchanged, confirmed), "unchanged and confirmed rows of {last:?}");
}

const THREE: [(&str, &str); 3] = [("a1", "Zq7"), ("b2", "Zq7"), ("c3", "Zq7")];

#[test]
fn where_rows_are_lost_and_none_can_be_read_all_are_sent() {
    let outcomes = live(false, vec![model(&THREE), run(), somebody_deletes("a1"), reading_is_refused(None), run()]);
    check_last(&outcomes, 0, 3);
}

/// A row is lost while its key cannot be sent. Somebody makes another row, so that the count fits again, and then the key can be sent.
#[track_caller]
fn check_lost_meanwhile(meanwhile: &[(&str, &str)]) {
    let lost = [model(&THREE), run(), somebody_deletes("a1"), reading_is_refused(None), model(meanwhile), run()];
    let found = [somebody_inserts("x y"), model(&THREE), run()];
    let outcomes = live(false, [lost.as_slice(), found.as_slice()].concat());
    check_last(&outcomes, 2, 1);
}

#[test]
fn what_is_lost_while_it_is_invalid_is_remembered() {
    check_lost_meanwhile(&[("a1", "Zq7 is much too long"), ("b2", "Zq7"), ("c3", "Zq7")]);
}

#[test]
fn what_is_lost_while_its_key_occurs_twice_is_remembered() {
    check_lost_meanwhile(&[("a1", "Zq7"), ("b2", "Zq7"), ("c3", "Zq7"), ("a1", "Zq7 Ada")]);
}

#[test]
fn a_row_in_doubt_is_sent_whatever_a_guard_says() {
    let counts_prove_nothing =
        ImportFault::ChangeCounts { after_polls: 0, change: CountChange { successful: -1, ..CountChange::default() } };
    let outcomes = live(
        false,
        vec![
            model(&THREE),
            run(),
            model(&[("a1", "Zq7 b"), ("b2", "Zq7"), ("c3", "Zq7")]),
            import(counts_prove_nothing),
            reading_is_refused(None),
            run(),
            Event::Guard(Guards { max_updates: Some(Limit::Rows(0)), ..NO_GUARDS }),
            model(&[("a1", "Zq7 c"), ("b2", "Zq7 c"), ("c3", "Zq7")]),
            run(),
        ],
    );
    let Some(Some(last)) = outcomes.last() else { panic!("the last run did not come to its end") };
    assert_eq!((last.of_fate("confirmed"), last.of_fate("held")), (1, 1), "{last:?}");
}

/// Three rows of which one is held while its field is mapped otherwise: it keeps what it had, and is sent once it is approved.
#[test]
fn a_held_row_outlives_another_mapping() {
    let wide = Fields { mapped: 0b11, ..Fields::default() };
    let outcomes = live(
        false,
        vec![
            model(&THREE),
            run(),
            Event::Guard(Guards { max_updates: Some(Limit::Rows(0)), ..NO_GUARDS }),
            model(&[("a1", "Zq7 b"), ("b2", "Zq7"), ("c3", "Zq7"), ("e5", "Zq7")]),
            Event::Map(wide),
            run(),
            // What was established under the new mapping is all that is known of values: the others are held again, and none is lost.
            run(),
            Event::Approve { earlier: 0, crash_after: None },
            run(),
        ],
    );
    let held: Vec<u64> = outcomes.iter().map(|it| it.as_ref().map_or(0, |it| it.of_fate("held"))).collect();
    assert_eq!((held[0], held[1] > 0, held[2] > 0, held[3]), (0, true, true, 0), "{outcomes:?}");
}

#[test]
fn a_refused_row_does_not_end_the_doubt_about_an_older_one() {
    let counts_prove_nothing =
        ImportFault::ChangeCounts { after_polls: 0, change: CountChange { successful: -1, ..CountChange::default() } };
    let refused = ImportFault::RejectRows { rows: Vec::new(), keys: vec!["a1".into()], code: "InvalidNumber".into() };
    let outcomes = live(
        false,
        vec![
            model(&[("a1", "Zq7")]),
            run(),
            // It arrives, and nobody knows.
            model(&[("a1", "Zq7 b")]),
            import(counts_prove_nothing),
            reading_is_refused(None),
            run(),
            Event::Heal,
            // A newer value is refused by a receipt that a single row read back proves.
            model(&[("a1", "Zq7 c")]),
            import(refused),
            reading_is_refused(Some(1)),
            run(),
            Event::Heal,
            model(&[("a1", "Zq7")]),
            run(),
        ],
    );
    check_last(&outcomes, 0, 1);
}

#[test]
fn a_road_that_closes_after_a_lost_start_keeps_its_doubt() {
    let start =
        |skip: u64| When { path: Some("async/import".into()), method: Some("POST".into()), skip, times: Some(1), ..When::default() };
    let outcomes = live(
        false,
        vec![
            model(&[("a1", "Zq7")]),
            run(),
            model(&[("a1", "Zq7 b")]),
            import(ImportFault::ApplyLate { millis: 30 * 60_000 }),
            fault(start(0), Effect::LoseAnswer),
            fault(start(1), Effect::Refuse { status: 403, headers: Default::default(), body: String::new() }),
            run(),
            Event::Heal,
            model(&[("a1", "Zq7")]),
            Event::Wait(3600),
            run(),
        ],
    );
    assert_eq!(outcomes[1], None, "the run with the closed road is not blocked");
    check_last(&outcomes, 0, 1);
}

#[test]
fn a_start_that_is_refused_keeps_its_doubt_where_somebody_else_has_started_the_same() {
    let definition = definition_key(&"members".parse().unwrap());
    let soap =
        |method: &str, skip: u64| When { door: Some("soap".into()), method: Some(method.into()), skip, times: Some(1), ..When::default() };
    // It is read for its mark, then before it is changed, and again afterwards.
    let is_ready = When { object: Some("ImportDefinition".into()), ..soap("Retrieve", 2) };
    let outcomes = live(
        true,
        vec![
            model(&[("a1", "Zq7")]),
            run(),
            model(&[("a1", "Zq7 b")]),
            fault(is_ready, Effect::Before { write: OtherWrite::StartDefinition { definition } }),
            fault(soap("Perform", 0), Effect::Refuse { status: 403, headers: Default::default(), body: String::new() }),
            run(),
            Event::Heal,
            model(&[("a1", "Zq7")]),
            run(),
        ],
    );
    assert_eq!(outcomes[1], None, "the run whose start is refused comes to its end");
    check_last(&outcomes, 0, 1);
}

#[test]
fn a_newer_receipt_does_not_end_the_doubt_of_an_import_that_was_given_up() {
    let outcomes = live(
        true,
        vec![
            model(&[("a1", "Zq7")]),
            run(),
            model(&[("a1", "Zq7 b")]),
            import(ImportFault::ApplyLate { millis: 100 * 3_600_000 }),
            run(),
            Event::GiveUp,
            model(&[("a1", "Zq7 c")]),
            run(),
            // The import that was given up writes after all.
            Event::Wait(60 * 3600),
            run(),
        ],
    );
    check_last(&outcomes, 0, 1);
}

/// One of three rows is refused once; a day later the same three are sent again, or not.
#[track_caller]
fn check_refused_once(soap: bool, code: &str, is_tried_again: bool) {
    let refused = ImportFault::RejectRows { rows: Vec::new(), keys: vec!["b2".into()], code: code.into() };
    let (soon, later) = (Event::Wait(23 * 3600), Event::Wait(2 * 3600));
    let outcomes = live(soap, vec![model(&THREE), import(refused), run(), soon, run(), later, run()]);
    let refused: Vec<u64> = outcomes.iter().map(|it| it.as_ref().map_or(0, |it| it.of_fate("refused"))).collect();
    assert_eq!(refused, [1, 1, u64::from(!is_tried_again)], "{outcomes:?}");
    check_last(&outcomes, 2, u64::from(is_tried_again));
}

#[test]
fn a_refusal_that_may_pass_by_itself_is_tried_again_after_a_day() {
    check_refused_once(false, "GlobalUnsub", true);
    // That road tells no codes.
    check_refused_once(true, "InvalidNumber", true);
}

#[test]
fn a_value_that_is_refused_is_not_tried_again() {
    check_refused_once(false, "InvalidNumber", false);
}

/// What the last run said of rows that have left: flagged just now, flagged before, refused, and unconfirmed.
#[track_caller]
fn check_left(outcomes: &[Option<OutcomeCounts>], wanted: (u64, u64, u64, u64)) {
    let Some(Some(last)) = outcomes.last() else { panic!("the last run did not come to its end") };
    let sent = |fate| last.get(Outcome::Sent { write: Write::Flag, fate });
    let refused = last.get(Outcome::LeftRefused) + sent(Sent::Refused);
    let said = (sent(Sent::Confirmed), last.get(Outcome::LeftFlagged), refused, sent(Sent::Unconfirmed));
    assert_eq!(said, wanted, "flagged, flagged before, refused and unconfirmed rows of {last:?}");
}

#[test]
fn a_row_that_left_is_flagged_once() {
    for soap in [false, true] {
        let events = vec![model(&THREE), run(), model(&THREE[..2]), run()];
        check_left(&live_and_flag(soap, true, events.clone()), (1, 0, 0, 0));
        let outcomes = live_and_flag(soap, true, [events, vec![run()]].concat());
        check_left(&outcomes, (0, 1, 0, 0));
        check_last(&outcomes, 2, 0);
    }
}

#[test]
fn a_row_that_returns_is_sent_though_it_is_as_it_was() {
    let outcomes = live_and_flag(false, true, vec![model(&THREE), run(), model(&THREE[..2]), run(), model(&THREE), run()]);
    check_left(&outcomes, (0, 0, 0, 0));
    check_last(&outcomes, 2, 1);
}

#[test]
fn a_flag_that_was_refused_is_told_and_not_sent_again() {
    let refused = || ImportFault::RejectRows { rows: Vec::new(), keys: vec!["c3".into()], code: "InvalidBoolean".into() };
    let events = vec![model(&THREE), run(), model(&THREE[..2]), import(refused()), run(), run()];
    check_left(&live_and_flag(false, true, events), (0, 0, 1, 0));
}

/// Counts of an import that only updates prove nothing.
#[test]
fn a_flag_that_may_not_be_read_back_is_in_doubt_until_it_may() {
    let unread = vec![model(&THREE), run(), model(&THREE[..2]), reading_is_refused(None), run()];
    check_left(&live_and_flag(false, true, unread.clone()), (0, 0, 0, 1));
    check_left(&live_and_flag(false, true, [unread, vec![Event::Heal, run()]].concat()), (0, 1, 0, 0));
}

#[test]
fn a_row_in_doubt_that_leaves_is_flagged_once_it_is_known_to_be_there() {
    let lost = ImportFault::StopAfterRows { rows: 3 };
    let events = vec![model(&THREE), import(lost), reading_is_refused(None), run(), model(&THREE[..2]), Event::Heal, run()];
    check_left(&live_and_flag(true, true, events), (1, 0, 0, 0));
}

#[test]
fn no_more_rows_are_flagged_than_a_guard_allows() {
    let guard = Event::Guard(Guards { max_deletes: Some(Limit::Rows(1)), ..NO_GUARDS });
    let held = vec![model(&THREE), run(), guard.clone(), model(&THREE[..1]), run()];
    let outcomes = live_and_flag(false, true, held.clone());
    check_left(&outcomes, (0, 0, 0, 0));
    assert_eq!(outcomes.last().and_then(Option::as_ref).map(|it| it.get(Outcome::LeftHeld)), Some(2));
    check_left(&live_and_flag(false, true, vec![model(&THREE), run(), guard, model(&THREE[..2]), run()]), (1, 0, 0, 0));
}

/// What the last run said of rows that have left: deleted just now, kept, refused, and unconfirmed.
#[track_caller]
fn check_deleted(outcomes: &[Option<OutcomeCounts>], wanted: (u64, u64, u64, u64)) {
    let Some(Some(last)) = outcomes.last() else { panic!("the last run did not come to its end") };
    let sent = |fate| last.get(Outcome::Sent { write: Write::Delete, fate });
    let said = (sent(Sent::Confirmed), last.get(Outcome::LeftKept), sent(Sent::Refused), sent(Sent::Unconfirmed));
    assert_eq!(said, wanted, "deleted, kept, refused and unconfirmed rows of {last:?}");
}

#[test]
fn a_row_that_we_made_is_deleted_once_it_leaves() {
    let events = vec![model(&THREE), run(), model(&THREE[..2]), run()];
    check_deleted(&live_and_delete(false, events.clone()), (1, 0, 0, 0));
    let outcomes = live_and_delete(false, [events, vec![run()]].concat());
    check_deleted(&outcomes, (0, 0, 0, 0));
    check_last(&outcomes, 2, 0);
}

#[test]
fn a_row_that_returns_is_made_anew() {
    let outcomes = live_and_delete(false, vec![model(&THREE), run(), model(&THREE[..2]), run(), model(&THREE), run()]);
    check_last(&outcomes, 2, 1);
}

#[test]
fn a_row_that_was_there_before_stays_unless_a_person_says_otherwise() {
    let events = vec![somebody_inserts("c3"), model(&THREE), run(), model(&THREE[..2]), run()];
    check_deleted(&live_and_delete(false, events), (0, 1, 0, 0));
}

#[test]
fn no_more_rows_are_deleted_than_a_guard_allows() {
    let guard = Event::Guard(Guards { max_deletes: Some(Limit::Rows(1)), ..NO_GUARDS });
    let outcomes = live_and_delete(false, vec![model(&THREE), run(), guard, model(&THREE[..1]), run()]);
    check_deleted(&outcomes, (0, 0, 0, 0));
    assert_eq!(outcomes.last().and_then(Option::as_ref).map(|it| it.get(Outcome::LeftHeld)), Some(2));
}

/// Deletions are not answered, and heard only after so many seconds.
fn deletions_are_late(seconds: i64, times: u64) -> Event {
    let when = When { door: Some("soap".into()), method: Some("Delete".into()), times: Some(times), ..When::default() };
    fault(when, Effect::ActLate { millis: seconds * 1000 })
}

/// What is updated, and deleted whoever has made it.
#[track_caller]
fn live_and_delete_what_is_there(events: Vec<Event>) -> Vec<Option<OutcomeCounts>> {
    live_with(false, true, false, Some(true), events)
}

#[test]
fn a_deletion_whose_answer_is_lost_is_asked_for_again() {
    let events = vec![model(&THREE), run(), model(&THREE[..2]), deletions_are_late(600, 1), run()];
    check_deleted(&live_and_delete(false, events.clone()), (1, 0, 0, 0));
    // It returns before the lost call is heard, and is no more taken for unchanged than what nobody knows.
    let returns = vec![model(&THREE), run(), run()];
    check_last(&live_and_delete(false, [events.clone(), returns.clone()].concat()), 2, 1);
    // It is heard now.
    check_last(&live_and_delete(false, [events.clone(), returns.clone(), vec![Event::Wait(900), run()]].concat()), 2, 1);
    let long_after = vec![Event::Wait(900), run(), Event::Wait(3600), run(), run()];
    check_last(&live_and_delete(false, [events, returns, long_after].concat()), 3, 0);
}

#[test]
fn a_row_that_returns_while_its_deletion_may_yet_be_heard_is_sent() {
    // Nobody has heard of any of the calls: the row is there, as it was.
    let events = vec![model(&THREE), run(), model(&THREE[..2]), deletions_are_late(1800, 3), run()];
    check_deleted(&live_and_delete(false, events.clone()), (0, 0, 0, 1));
    check_last(&live_and_delete(false, [events.clone(), vec![model(&THREE), run()]].concat()), 2, 1);
    // While it has not returned, it is deleted all the same.
    check_deleted(&live_and_delete(false, [events, vec![run()]].concat()), (1, 0, 0, 0));
}

#[test]
fn a_row_that_others_made_again_unseen_is_theirs() {
    let events = vec![somebody_inserts("a1"), somebody_inserts("b2"), somebody_inserts("c3"), model(&THREE), run()];
    let leaves = vec![model(&THREE[..2]), run()];
    check_deleted(&live_and_delete_what_is_there([events.clone(), leaves.clone()].concat()), (1, 0, 0, 0));
    let made_again = vec![somebody_deletes("c3"), somebody_inserts("c3")];
    check_deleted(&live_and_delete_what_is_there([events.clone(), made_again.clone(), leaves.clone()].concat()), (0, 1, 0, 0));
    // Once it is sent it is deleted in its turn.
    check_deleted(&live_and_delete_what_is_there([events, made_again, vec![run()], leaves].concat()), (1, 0, 0, 0));
}

#[test]
fn the_newest_row_that_is_deleted_makes_no_other_one_new() {
    let events = vec![somebody_inserts("a1"), somebody_inserts("b2"), somebody_inserts("c3"), model(&THREE), run()];
    let outcomes = live_and_delete_what_is_there([events, vec![run(), model(&THREE[..2]), run(), run()]].concat());
    check_last(&outcomes, 2, 0);
}

#[test]
fn a_row_is_kept_where_the_keys_that_are_there_may_not_be_read() {
    let events = vec![model(&THREE), run(), model(&THREE[..2]), reading_is_refused(None), run()];
    check_deleted(&live_and_delete(false, events.clone()), (0, 1, 0, 0));
    check_deleted(&live_and_delete(false, [events, vec![Event::Heal, run()]].concat()), (1, 0, 0, 0));
}
