//! What may follow what: a table of facts for [`ActivationState::apply`].

mod deletions;

use super::*;
use crate::{
    activation::{Activation, FieldWish, IMPORT_DEADLINE_S, ImportRoute, InsertMode, PART_BYTES_MAX},
    data_extension::{DataExtension, Field},
    field_type::FieldType,
    guard::{Guard, Guards, Terms, Tripped},
    import::{ImportCounts, ImportOrder},
    model::{ModelColumn, ModelType},
    table::TableWish,
};

/// The events of one activation, each at a second of its own.
#[derive(Default)]
struct History {
    state: ActivationState,
}

impl History {
    fn of(events: &[RunEvent]) -> Self {
        let mut history = Self::default();
        events.iter().for_each(|it| history.takes("r1", it));
        history
    }

    fn apply(&mut self, run: &str, event: &RunEvent) -> Result<(), ImpossibleEvent> {
        let at_ms = (self.state.events as i64 + 1) * 1000;
        self.state.apply(&RunRecord { activation: "members".parse().unwrap(), run: RunId(run.into()), at_ms, event: event.clone() })
    }

    #[track_caller]
    fn takes(&mut self, run: &str, event: &RunEvent) {
        let applied = self.apply(run, event);
        assert!(applied.is_ok(), "{}", applied.unwrap_err());
    }

    /// The event is refused for the reason, and leaves no trace.
    #[track_caller]
    fn refuses(&mut self, run: &str, event: &RunEvent, why: &str) {
        let before = self.state.clone();
        let refused = self.apply(run, event).expect_err("the event must be refused");
        assert_eq!((refused.why, refused.event, refused.number), (why, event.name(), before.events + 1));
        assert_eq!(self.state, before);
    }

    #[track_caller]
    fn stage(&self) -> &PartStage {
        &self.state.open_parts.first().expect("a part is open").stage
    }
}

fn mapping() -> Mapping {
    let text = FieldType::Text { units_max: Some(50) };
    let field = |name: &str, is_primary_key| Field {
        id: ObjectId(name.into()),
        name: name.parse().unwrap(),
        field_type: text,
        is_required: is_primary_key,
        is_primary_key,
        ordinal: 0,
        default: None,
    };
    let wish = |field: &str, column: &str| FieldWish::new(field.parse().unwrap(), column);
    let activation = Activation {
        name: "members".parse().unwrap(),
        data_extension: "Members".parse().unwrap(),
        table: TableWish::default(),
        insert: InsertMode::InsertAndUpdate,
        primary_key: vec![wish("Key", "id")],
        fields: vec![wish("Name", "name")],
        custom_attributes: Vec::new(),
        on_exit: crate::OnExit::Keep,
        when_null: crate::WhenNull::Clear,
        time_zone: None,
        import: ImportRoute::Auto,
        part_bytes_max: PART_BYTES_MAX,
        import_deadline_s: IMPORT_DEADLINE_S,
        guards: Guards::default(),
    };
    let column = |name: &str| ModelColumn { name: name.into(), model_type: ModelType::Text };
    let members = DataExtension {
        id: ObjectId("de".into()),
        key: "Members".parse().unwrap(),
        name: "Members".into(),
        is_sendable: false,
        retention: None,
        fields: vec![field("Key", true), field("Name", false)],
    };
    Mapping::check(&activation, &[column("id"), column("name")], &members).unwrap()
}

fn identity(data_extension: &str) -> Identity {
    Identity { tenant: "t".into(), data_extension: Some(ObjectId(data_extension.into())), key: None, fields: BTreeMap::new() }
}

fn segment(name: &str) -> SegmentRef {
    SegmentRef { name: name.into(), bytes: 1, entries: 1, checksum: 1 }
}

fn started() -> RunEvent {
    RunEvent::Started { full: false, purpose: Purpose::Run }
}

/// A plan of so many parts.
fn planned(parts: u32) -> RunEvent {
    let part = |part: u32| PartPlan {
        part,
        rows: 1,
        bytes: 1,
        order: ImportOrder {
            activation: "members".parse().unwrap(),
            route: Route::Soap,
            data_extension: "Members".parse().unwrap(),
            insert: InsertMode::InsertAndUpdate,
            file_location: "sftp".into(),
            file: format!("members_{part}.csv").parse().unwrap(),
            fields: Vec::new(),
        },
        is_of_exits: false,
        is_of_deletes: false,
        kept: Vec::new(),
    };
    let manifest = Manifest {
        plan: PlanId("plan".into()),
        route: Route::Soap,
        create: None,
        columns: Vec::new(),
        wider: Vec::new(),
        parts: (1..=parts).map(part).collect(),
        source_rows: 1,
        leaving_rows: 0,
        newly_left: 0,
        decided: OutcomeCounts::default(),
    };
    RunEvent::Planned { manifest: Box::new(manifest), mapping: Box::new(mapping()), identity: identity("de") }
}

fn travelling(part: u32) -> RunEvent {
    RunEvent::TransferStarting { part }
}

fn transferred(part: u32) -> RunEvent {
    RunEvent::Transferred { part }
}

fn starting(part: u32) -> RunEvent {
    RunEvent::ImportStarting { part, newest: Some("7".into()), doubt: segment("doubt"), keys: Some(segment("keys")) }
}

fn import() -> ImportId {
    ImportId { route: Route::Soap, id: "8".into() }
}

fn numbered(part: u32) -> RunEvent {
    RunEvent::ImportStarted { part, import: import() }
}

fn not_started(part: u32, closed: Option<Route>) -> RunEvent {
    RunEvent::ImportNotStarted { part, code: "no".into(), closed }
}

fn completed() -> ImportStatus {
    ImportStatus::Completed { counts: ImportCounts::default() }
}

fn import_ended(part: u32) -> RunEvent {
    RunEvent::ImportEnded { part, status: completed() }
}

fn settled(part: u32, confirmed: Option<&str>, doubt: Option<&str>) -> RunEvent {
    let outcomes = OutcomeCounts::default();
    RunEvent::PartSettled { part, evidence: Evidence::ReadBack, outcomes, confirmed: confirmed.map(segment), doubt: doubt.map(segment) }
}

fn dropped(part: u32) -> RunEvent {
    RunEvent::PartDropped { part }
}

fn abandoned(part: u32) -> RunEvent {
    RunEvent::Abandoned { part }
}

fn advanced(version: u64, merged: &[&str]) -> RunEvent {
    RunEvent::BaselineAdvanced {
        baseline: BaselineRef { version, ..BaselineRef::default() },
        merged: merged.iter().map(|it| (*it).to_owned()).collect(),
        mapping: Box::new(mapping()),
        identity: identity("de"),
    }
}

fn ended(result: RunResult) -> RunEvent {
    RunEvent::Ended { result, outcomes: OutcomeCounts::default() }
}

/// Each step of a part, in the order of a run in which nothing goes wrong.
fn way() -> Vec<RunEvent> {
    vec![started(), planned(1), travelling(1), transferred(1), starting(1), numbered(1), import_ended(1)]
}

/// A history up to and with the event of that name on the way of a part.
fn up_to(name: &str) -> History {
    let way = way();
    let last = way.iter().position(|it| it.name() == name).expect("the event is on the way");
    History::of(&way[..=last])
}

#[test]
fn a_part_walks_its_way() {
    let mut history = History::of(&way());
    assert_eq!(*history.stage(), PartStage::Ended { import: Some(import()), status: completed() });
    history.takes("r1", &settled(1, Some("confirmed"), None));
    assert!(history.state.open_parts.is_empty());
    assert_eq!(history.state.confirmed[0].segment, segment("confirmed"));
    history.takes("r1", &advanced(1, &["confirmed"]));
    assert!(history.state.confirmed.is_empty());
    history.takes("r1", &ended(RunResult::Succeeded));
    assert_eq!((history.state.current_run.clone(), history.state.planned.clone()), (None, None));
    assert_eq!((history.state.last_success_ms, history.state.events), (Some(10_000), 10));
}

/// Which events of a part may follow which step of its way: everything else is refused, with its reason.
#[test]
fn only_the_next_step_of_a_part_may_follow() {
    let arrived = "its file has arrived already";
    let unsent = "its transfer was not started";
    let absent = "its file has not arrived";
    let over = "another import may still be running";
    let unintended = "no start was intended";
    let unstarted = "no import was started";
    let open = "its import has not ended";
    let begun = "its import may have been started";
    let closed = "its import is not open";
    type Row = (&'static str, [Option<&'static str>; 9]);
    #[rustfmt::skip]
    let table: [Row; 6] = [
        // after               travelling     transferred   starting      numbered          not_started       ended            settled     dropped      abandoned
        ("planned",           [None,          Some(unsent), Some(absent), Some(unintended), Some(unintended), Some(unstarted), Some(open), None,        Some(closed)]),
        ("transfer_starting", [None,          None,         Some(absent), Some(unintended), Some(unintended), Some(unstarted), Some(open), None,        Some(closed)]),
        ("transferred",       [Some(arrived), Some(unsent), None,         Some(unintended), Some(unintended), Some(unstarted), Some(open), None,        Some(closed)]),
        ("import_starting",   [Some(arrived), Some(unsent), None,         None,             None,             None,            Some(open), Some(begun), None]),
        ("import_started",    [Some(arrived), Some(unsent), Some(over),   Some(unintended), Some(unintended), None,            Some(open), Some(begun), None]),
        ("import_ended",      [Some(arrived), Some(unsent), Some(absent), Some(unintended), Some(unintended), Some(unstarted), None,       Some(begun), Some(closed)]),
    ];
    let events = [
        travelling(1),
        transferred(1),
        starting(1),
        numbered(1),
        not_started(1, None),
        import_ended(1),
        settled(1, None, None),
        dropped(1),
        abandoned(1),
    ];
    for (after, row) in table {
        for (event, refusal) in events.iter().zip(row) {
            let refused = up_to(after).apply("r1", event).err().map(|it| it.why);
            assert_eq!(refused, refusal, "{} after {after}", event.name());
        }
    }
}

#[test]
fn nothing_befalls_a_part_that_is_not_open() {
    let mut history = up_to("planned");
    let events = [travelling(2), transferred(2), starting(2), numbered(2), not_started(2, None), import_ended(2)];
    for event in events.into_iter().chain([settled(2, None, None), dropped(2), abandoned(2)]) {
        history.refuses("r1", &event, "the run has no such open part");
    }
    history.refuses("r2", &travelling(1), "the run has no such open part");
}

#[test]
fn a_refused_event_says_where_it_stands() {
    let refused = up_to("planned").apply("r1", &transferred(1)).unwrap_err().to_string();
    let wanted = "event 3 of activation `members` (transferred) cannot follow what the ledger holds: its transfer was not started";
    assert_eq!(refused, wanted);
}

#[test]
fn a_run_plans_and_ends_only_after_it_has_started() {
    History::default().refuses("r1", &planned(1), "the run has not started");
    History::default().refuses("r1", &ended(RunResult::Succeeded), "the run has not started");
    let mut history = History::of(&[started()]);
    history.refuses("r2", &planned(1), "the run has not started");
    history.refuses("r2", &ended(RunResult::Succeeded), "the run has not started");
    history.takes("r1", &ended(RunResult::Succeeded));
    history.refuses("r1", &ended(RunResult::Succeeded), "the run has not started");
}

#[test]
fn a_run_that_crashed_gives_way_to_the_next() {
    let mut history = up_to("planned");
    history.takes("r2", &started());
    assert_eq!((history.state.current_run.clone(), history.state.planned.clone()), (Some(RunId("r2".into())), None));
    history.refuses("r1", &ended(RunResult::Succeeded), "the run has not started");
}

#[test]
fn nothing_is_planned_over_parts_that_are_neither_dropped_nor_ended() {
    let why = "an earlier run's parts are neither dropped nor ended";
    for after in ["planned", "transfer_starting", "transferred", "import_starting", "import_started"] {
        let mut history = up_to(after);
        history.takes("r2", &started());
        history.refuses("r2", &planned(1), why);
    }
    let mut history = up_to("transferred");
    history.takes("r2", &started());
    history.takes("r1", &dropped(1));
    history.takes("r2", &planned(1));
}

#[test]
fn an_abandoned_import_opens_the_road_and_stays_in_doubt() {
    for after in ["import_starting", "import_started"] {
        let mut history = up_to(after);
        history.takes("r1", &abandoned(1));
        assert!(!history.state.open_parts[0].may_be_running());
        history.takes("r2", &started());
        history.takes("r2", &planned(1));
        [travelling(1), transferred(1), starting(1)].iter().for_each(|it| history.takes("r2", it));
        assert_eq!(history.state.open_parts[0].doubt, Some(segment("doubt")));
    }
}

#[test]
fn an_abandoned_part_may_be_settled_in_pieces() {
    let mut history = up_to("import_started");
    history.takes("r1", &abandoned(1));
    history.takes("r1", &settled(1, None, Some("rest")));
    assert_eq!((history.stage(), &history.state.open_parts[0].doubt), (&PartStage::Unresolved, &Some(segment("rest"))));
    history.takes("r1", &settled(1, None, None));
    assert!(history.state.open_parts.is_empty() && history.state.confirmed.is_empty());
}

#[test]
fn rows_that_stay_in_doubt_keep_their_part_open_and_what_was_confirmed_counts() {
    let mut history = History::of(&way());
    history.takes("r1", &settled(1, Some("some"), Some("rest")));
    let open = &history.state.open_parts[0];
    assert_eq!((&open.stage, &open.doubt), (&PartStage::Unresolved, &Some(segment("rest"))));
    assert!(!open.may_be_running() && !open.is_not_started());
    assert_eq!(history.state.confirmed.len(), 1);
    history.refuses("r1", &abandoned(1), "its import is not open");
    history.takes("r1", &settled(1, Some("rest"), None));
    assert!(history.state.open_parts.is_empty());
    let names: Vec<_> = history.state.confirmed.iter().map(|it| it.segment.name.as_str()).collect();
    assert_eq!(names, ["some", "rest"]);
}

#[test]
fn no_part_is_started_while_another_may_still_be_imported() {
    let mut history = History::of(&[started(), planned(2)]);
    for event in [travelling(1), transferred(1), travelling(2), transferred(2), starting(1)] {
        history.takes("r1", &event);
    }
    history.refuses("r1", &starting(2), "another import may still be running");
    history.takes("r1", &numbered(1));
    history.refuses("r1", &starting(2), "another import may still be running");
    history.takes("r1", &import_ended(1));
    history.takes("r1", &starting(2));
}

#[test]
fn a_lost_start_is_repeated_with_its_doubt_and_its_newest_import() {
    let mut history = up_to("import_starting");
    let again = RunEvent::ImportStarting { part: 1, newest: Some("9".into()), doubt: segment("other"), keys: None };
    history.takes("r1", &again);
    assert_eq!(*history.stage(), PartStage::Starting);
    let open = &history.state.open_parts[0];
    assert_eq!((&open.newest, &open.doubt), (&Some("7".into()), &Some(segment("doubt"))));
}

#[test]
fn a_start_that_an_older_ledger_tells_of_is_read() {
    let state = up_to("import_starting").state;
    let now = serde_json::to_string(&state).unwrap();
    // The newest import once stood with the stage, too.
    let older = now.replace(r#"{"stage":"starting"}"#, r#"{"stage":"starting","newest":"7"}"#);
    assert_ne!(older, now);
    assert_eq!(serde_json::from_str::<ActivationState>(&older).unwrap(), state);
}

#[test]
fn a_lost_start_may_be_known_to_have_ended_without_a_number() {
    let mut history = up_to("import_starting");
    history.takes("r1", &import_ended(1));
    assert_eq!(*history.stage(), PartStage::Ended { import: None, status: completed() });
}

#[test]
fn a_start_refused_for_certain_leaves_nothing_in_doubt() {
    let mut history = up_to("import_starting");
    history.takes("r1", &not_started(1, None));
    assert_eq!((history.stage(), &history.state.open_parts[0].doubt), (&PartStage::Transferred, &None));
    assert!(history.state.closed_roads.is_empty());
    history.takes("r1", &starting(1));
}

#[test]
fn a_closed_road_is_remembered_once_with_its_latest_time() {
    let mut history = up_to("import_starting");
    history.takes("r1", &not_started(1, Some(Route::Rest)));
    history.takes("r1", &starting(1));
    history.takes("r1", &not_started(1, Some(Route::Soap)));
    history.takes("r1", &starting(1));
    history.takes("r1", &not_started(1, Some(Route::Rest)));
    assert_eq!(history.state.closed_roads, [(Route::Soap, 8000), (Route::Rest, 10_000)]);
    history.refuses("r1", &not_started(1, Some(Route::Soap)), "no start was intended");
}

#[test]
fn the_baseline_counts_up_by_one() {
    let mut history = History::default();
    for version in [0, 2] {
        history.refuses("r1", &advanced(version, &[]), "the baseline's version does not follow");
    }
    history.takes("r1", &advanced(1, &[]));
    history.refuses("r1", &advanced(1, &[]), "the baseline's version does not follow");
    history.takes("r1", &advanced(2, &[]));
    assert_eq!((history.state.mapping, history.state.identity), (Some(Box::new(mapping())), Some(identity("de"))));
}

#[test]
fn a_baseline_takes_in_just_the_segments_it_names() {
    let mut history = History::of(&[started(), planned(2)]);
    for part in [1, 2] {
        let way = [travelling(part), transferred(part), starting(part), numbered(part), import_ended(part)];
        way.iter().for_each(|it| history.takes("r1", it));
        history.takes("r1", &settled(part, Some(&format!("of_{part}")), None));
    }
    history.takes("r1", &advanced(1, &["of_1"]));
    let left: Vec<_> = history.state.confirmed.iter().map(|it| it.segment.name.as_str()).collect();
    assert_eq!(left, ["of_2"]);
}

#[test]
fn a_table_that_is_made_changes_whose_rows_the_parts_of_its_plan_carry() {
    let unmade = Identity { data_extension: None, ..identity("-") };
    let created = RunEvent::TableCreated { identity: identity("made") };
    let mut history = History::of(&[started()]);
    history.refuses("r1", &RunEvent::TableCreating, "there is no plan");
    history.refuses("r1", &created, "there is no plan");
    let RunEvent::Planned { manifest, mapping, .. } = planned(1) else { unreachable!("it is a plan") };
    history.takes("r1", &RunEvent::Planned { manifest, mapping, identity: unmade.clone() });
    assert!(!history.state.open_parts[0].identity.is_same_table(&unmade), "what is yet to be made is nothing that anyone has filled");
    history.takes("r1", &RunEvent::TableCreating);
    history.takes("r1", &created);
    assert_eq!(history.state.open_parts[0].identity, identity("made"));
}

#[test]
fn an_identity_from_before_tables_were_made_is_still_read() {
    let text = r#"{"tenant":"t","data_extension":"de","fields":{}}"#;
    assert_eq!(serde_json::from_str::<Identity>(text).unwrap(), identity("de"));
}

#[test]
fn columns_are_added_to_a_plan_and_change_whose_rows_its_parts_carry() {
    let adding = RunEvent::ColumnsAdding;
    let added = RunEvent::ColumnsAdded { identity: identity("other") };
    let mut history = History::of(&[started()]);
    history.refuses("r1", &adding, "there is no plan");
    history.refuses("r1", &added, "there is no plan");
    history.takes("r1", &planned(1));
    history.takes("r1", &adding);
    history.takes("r1", &added);
    assert_eq!(history.state.open_parts[0].identity, identity("other"));
    assert_eq!(history.state.planned.as_ref().map(|it| &it.1), Some(&identity("other")));
}

#[test]
fn upkeep_is_no_run_that_a_person_asks_after() {
    let mut history = History::of(&[started(), ended(RunResult::RowsPending)]);
    for purpose in [Purpose::Rebuild, Purpose::Repair] {
        history.takes("upkeep", &RunEvent::Started { full: false, purpose });
        history.takes("upkeep", &ended(RunResult::Succeeded));
        assert_eq!(history.state.last_success_ms, None, "{purpose:?}");
        assert_eq!(history.state.last_ended, Some((RunId("r1".into()), 2000, RunResult::RowsPending)), "{purpose:?}");
    }
    history.takes("r2", &started());
    history.takes("r2", &ended(RunResult::Succeeded));
    assert_eq!(history.state.last_success_ms, Some(8000));
}

#[test]
fn what_an_old_ledger_has_started_was_a_run() {
    let old: RunEvent = serde_json::from_str(r#"{"event":"started","full":true}"#).unwrap();
    assert_eq!(old, RunEvent::Started { full: true, purpose: Purpose::Run });
    assert_eq!(serde_json::to_string(&old).unwrap(), r#"{"event":"started","full":true}"#);
}

#[test]
fn only_a_run_without_pending_rows_counts_as_success() {
    let failed = RunResult::Failed { code: "c".into(), message: "m".into() };
    let results = [
        (RunResult::Succeeded, true),
        (RunResult::RowsRefused, true),
        (RunResult::RowsPending, false),
        (RunResult::Blocked { import: "soap:8".into() }, false),
        (failed, false),
    ];
    for (result, succeeds) in results {
        let history = History::of(&[started(), ended(result.clone())]);
        assert_eq!(history.state.last_success_ms, succeeds.then_some(2000), "{result:?}");
        assert_eq!(history.state.last_ended, Some((RunId("r1".into()), 2000, result)));
    }
}

#[test]
fn a_state_and_its_events_survive_being_written_down() {
    let mut history = History::default();
    for event in way() {
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<RunEvent>(&text).unwrap(), event, "{text}");
        history.takes("r1", &event);
        let text = serde_json::to_string(&history.state).unwrap();
        assert_eq!(serde_json::from_str::<ActivationState>(&text).unwrap(), history.state, "{text}");
    }
}

#[test]
fn another_table_and_another_column_are_told_apart() {
    let with = |id: &str| Identity { fields: [("name".to_owned(), ObjectId(id.into()))].into(), ..identity("de") };
    let made_anew = |id: &str| Identity { key: Some("members".into()), ..identity(id) };
    assert!(!made_anew("1").is_same_table(&made_anew("2")) && made_anew("1").may_write_into(&made_anew("2")));
    assert!(!identity("1").may_write_into(&identity("2")) && !identity("1").may_write_into(&made_anew("2")));
    assert!(with("1").is_same_table(&with("2")) && !with("1").is_same_table(&identity("other")));
    assert!(!with("1").shares_fields_with(&with("2")));
    assert!(with("1").shares_fields_with(&with("1")) && with("1").shares_fields_with(&identity("de")));
}

#[test]
fn the_numbers_of_rows_belong_to_a_run_and_a_data_extension() {
    let numbered = |data_extension: &str, up_to| RunEvent::RowsNumbered { data_extension: ObjectId(data_extension.into()), up_to };
    let mut history = History::default();
    history.refuses("r1", &numbered("de", 7), "the run has not started");
    history.takes("r1", &started());
    history.takes("r1", &numbered("de", 7));
    // Another data extension begins anew.
    history.takes("r1", &numbered("other", 2));
    assert_eq!(history.state.rows_numbered, Some((ObjectId("other".into()), 2)));
}

#[test]
fn a_generation_counts_intents_and_never_falls() {
    let mut history = up_to("import_starting");
    assert_eq!(history.state.generation, 1);
    history.refuses("r1", &RunEvent::GenerationRaised { to: 0 }, "a generation never falls");
    history.takes("r1", &RunEvent::GenerationRaised { to: 7 });
    assert_eq!(history.state.generation, 7);
    assert!(!history.state.believes_nothing() && ActivationState::default().believes_nothing());
    let mut older = serde_json::to_value(history.state).unwrap();
    assert!(older.as_object_mut().unwrap().remove("generation").is_some());
    assert_eq!(
        serde_json::from_value::<ActivationState>(older).unwrap().generation,
        0,
        "a state that was kept before there were generations"
    );
}

#[test]
fn a_state_that_knows_no_numbers_is_read() {
    let now = serde_json::to_value(up_to("import_starting").state).unwrap();
    let mut older = now;
    assert!(older.as_object_mut().unwrap().remove("rows_numbered").is_some());
    assert_eq!(serde_json::from_value::<ActivationState>(older).unwrap().rows_numbered, None);
}

/// Rows that a plan holds back.
fn rows_held(plan: &str) -> RunEvent {
    let guards = vec![Tripped { guard: Guard::MaxUpdates, limit: Some("5".parse().unwrap()), rows: 6, of: 9 }];
    let terms = Terms { mapping: "m".into(), model: "q".into(), guards: "g".into(), table: identity("de") };
    let (plan, rows) = (PlanId(plan.into()), segment(plan));
    let hold = Hold { plan, guards, rows, writes: 6, source_rows: 9, terms, full: false, retry_refused: false };
    RunEvent::RowsHeld { hold: Box::new(hold) }
}

/// A run's end that says so many rows are unchanged and so many held.
fn ended_holding(unchanged: u64, held: u64) -> RunEvent {
    let mut outcomes = OutcomeCounts::default();
    outcomes.add(Outcome::Unchanged, unchanged);
    outcomes.add(Outcome::Withheld { why: crate::Withheld::Held }, held);
    let result = if held > 0 { RunResult::RowsPending } else { RunResult::Succeeded };
    RunEvent::Ended { result, outcomes }
}

fn held_plans(state: &ActivationState) -> Vec<&str> {
    state.holds.iter().map(|it| it.hold.plan.0.as_str()).collect()
}

#[test]
fn what_is_held_may_be_approved_until_nothing_is_held() {
    let mut history = History::of(&[started(), rows_held("a"), ended_holding(3, 6)]);
    history.takes("r1", &started());
    history.takes("r1", &rows_held("b"));
    history.takes("r1", &ended_holding(3, 6));
    assert_eq!(held_plans(&history.state), ["a", "b"]);
    assert_eq!(history.state.held_since_ms, Some(2000));
    history.takes("r1", &started());
    history.takes("r1", &ended_holding(9, 0));
    assert_eq!((held_plans(&history.state), history.state.held_since_ms), (Vec::new(), None));
}

#[test]
fn a_plan_that_holds_the_same_again_is_kept_once_and_with_its_newest_time() {
    let history = History::of(&[started(), rows_held("a"), rows_held("b"), rows_held("a")]);
    assert_eq!(held_plans(&history.state), ["b", "a"]);
    let held = &history.state.holds[1];
    assert_eq!((held.at_ms, history.state.held_since_ms), (4000, Some(2000)));
    assert!(!held.is_expired(4000 + 24 * 3_600_000 - 1) && held.is_expired(4000 + 24 * 3_600_000));
}

#[test]
fn no_more_held_plans_are_kept_than_of_a_day() {
    let mut history = History::of(&[started()]);
    (0..30).for_each(|it| history.takes("r1", &rows_held(&it.to_string())));
    assert_eq!((history.state.holds.len(), held_plans(&history.state)[0]), (24, "6"));
    let day_later = RunRecord {
        activation: "members".parse().unwrap(),
        run: RunId("r1".into()),
        at_ms: history.state.holds[10].at_ms + 24 * 3_600_000,
        event: rows_held("late"),
    };
    history.state.apply(&day_later).unwrap();
    assert_eq!(held_plans(&history.state)[0], "17", "what is older can be approved no longer");
}

#[test]
fn a_run_that_compared_nothing_ends_no_hold() {
    let mut history = History::of(&[started(), rows_held("a"), ended_holding(3, 6)]);
    for result in [RunResult::Failed { code: "c".into(), message: "m".into() }, RunResult::Succeeded] {
        history.takes("r1", &started());
        history.takes("r1", &ended(result));
    }
    assert_eq!((held_plans(&history.state), history.state.source_rows), (vec!["a"], None));
}

#[test]
fn a_source_is_measured_by_the_last_run_that_held_nothing() {
    let mut history = History::of(&[started(), ended_holding(100, 0)]);
    assert_eq!(history.state.source_rows, Some(100));
    history.takes("r1", &started());
    history.takes("r1", &rows_held("a"));
    history.takes("r1", &ended_holding(30, 20));
    assert_eq!(history.state.source_rows, Some(100), "a run that holds rows is no measure");
    let approved = |source_rows| RunEvent::HoldApproved { plan: PlanId("a".into()), source_rows };
    history.refuses("r2", &approved(Some(50)), "the run has not started");
    history.takes("r1", &started());
    history.takes("r1", &approved(None));
    assert_eq!(history.state.source_rows, Some(100));
    history.takes("r1", &approved(Some(50)));
    assert_eq!(history.state.source_rows, Some(50), "a person has looked at the smaller source");
}

#[test]
fn rows_are_held_by_a_run() {
    History::default().refuses("r1", &rows_held("a"), "the run has not started");
}

#[test]
fn a_state_that_knows_no_guards_is_read() {
    let mut older = serde_json::to_value(History::of(&[started(), rows_held("a")]).state).unwrap();
    for member in ["holds", "held_since_ms", "source_rows"] {
        assert!(older.as_object_mut().unwrap().remove(member).is_some(), "{member}");
    }
    let read = serde_json::from_value::<ActivationState>(older).unwrap();
    assert_eq!((read.holds, read.held_since_ms, read.source_rows), (Vec::new(), None, None));
}

#[test]
fn an_approval_rests_on_its_terms() {
    use crate::guard::Changed;
    let terms = |mapping: &str, model: &str, guards: &str, table: &str| Terms {
        mapping: mapping.into(),
        model: model.into(),
        guards: guards.into(),
        table: identity(table),
    };
    let then = terms("m", "q", "g", "de");
    assert_eq!(then.changed(&terms("m", "q", "g", "de")), None);
    assert_eq!(then.changed(&terms("n", "q", "g", "de")), Some(Changed::Mapping));
    assert_eq!(then.changed(&terms("m", "r", "g", "de")), Some(Changed::Model));
    assert_eq!(then.changed(&terms("m", "q", "h", "de")), Some(Changed::Guards));
    assert_eq!(then.changed(&terms("m", "q", "g", "other")), Some(Changed::DataExtension));
}
