//! Parts whose rows are deleted: they have no file and no import.

use super::*;

/// A plan of a part whose rows are deleted.
fn planned_deletion() -> RunEvent {
    let mut event = planned(1);
    if let RunEvent::Planned { manifest, .. } = &mut event {
        manifest.parts[0].is_of_deletes = true;
    }
    event
}

fn deleting(part: u32) -> RunEvent {
    RunEvent::DeletesStarting { part, doubt: segment("doubt") }
}

fn numbers() -> RunEvent {
    RunEvent::RowsNumbered { data_extension: ObjectId("de".into()), up_to: 7 }
}

#[test]
fn rows_are_deleted_without_a_file() {
    let mut history = History::of(&[started(), numbers(), planned_deletion()]);
    history.refuses("r1", &travelling(1), "its file has arrived already");
    history.refuses("r1", &settled(1, None, None), "its import has not ended");
    history.takes("r1", &deleting(1));
    assert_eq!((history.stage(), history.state.open_parts[0].doubt.clone()), (&PartStage::Deleting, Some(segment("doubt"))));
    history.refuses("r1", &deleting(1), "an import may still be running");
    history.refuses("r1", &dropped(1), "its import may have been started");
    history.takes("r1", &settled(1, Some("gone"), None));
    assert!(history.state.open_parts.is_empty());
    assert_eq!(history.state.confirmed[0].segment, segment("gone"));
    // The row that had the highest number may be among those that are gone.
    assert_eq!(history.state.rows_numbered, None);
}

#[test]
fn no_other_part_is_deleted() {
    History::of(&[started(), planned(1)]).refuses("r1", &deleting(1), "its rows were not planned to be deleted, or were already");
}

#[test]
fn nothing_is_deleted_while_an_import_may_be_running() {
    let mut history = up_to("import_started");
    history.refuses("r1", &deleting(1), "an import may still be running");
}

#[test]
fn a_deletion_that_got_lost_may_be_heard_for_an_hour_after_it_was_read_back() {
    let mut history = History::of(&[started(), planned_deletion(), deleting(1)]);
    let part = |history: &History| history.state.open_parts[0].clone();
    assert!(part(&history).may_be_running() && part(&history).may_delete_late(i64::MAX));
    // The fourth event: at four seconds.
    history.takes("r1", &settled(1, Some("gone"), Some("doubt")));
    let open = part(&history);
    assert!(!open.may_be_running() && open.may_delete_late(4_000 + LATE_CALL_MS - 1) && !open.may_delete_late(4_000 + LATE_CALL_MS));
    // A person may give it up, and it keeps its doubt.
    history.takes("r1", &abandoned(1));
    assert!(part(&history).is_abandoned && part(&history).doubt.is_some());
    history.takes("r1", &settled(1, None, None));
    assert!(history.state.open_parts.is_empty());
}

#[test]
fn an_import_is_never_heard_as_a_deletion() {
    let mut history = History::of(&way());
    history.takes("r1", &settled(1, None, Some("doubt")));
    assert!(!history.state.open_parts[0].may_delete_late(0));
}
