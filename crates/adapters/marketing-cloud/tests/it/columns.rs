//! Columns are added once, and proved to be there.

use outflow_domain::{FieldType, NewColumn};
use outflow_ports::{CloudError, MarketingCloud};

use crate::fake::*;

fn wanted() -> [NewColumn; 1] {
    [NewColumn { name: field_name("Notes"), field_type: FieldType::Text { units_max: Some(100) } }]
}

fn with_notes(kind: &str, length: &str) -> Reply {
    fields(&[field(0, "Id", "Text", "<MaxLength>36</MaxLength>"), field(1, "NOTES", kind, length)])
}

fn done() -> Reply {
    acted("UpdateResponse", "<StatusCode>OK</StatusCode><StatusMessage>Data Extension updated.</StatusMessage>", "OK")
}

fn refused() -> Reply {
    let result = "<StatusCode>Error</StatusCode><StatusMessage>Updating an existing Data Extension: the field exists.</StatusMessage><ErrorCode>310007</ErrorCode>";
    acted("UpdateResponse", result, "Error")
}

#[test]
fn a_column_that_is_there_is_not_added() {
    for length in ["<MaxLength>100</MaxLength>", "<MaxLength>4000</MaxLength>", ""] {
        let world = World::answering([data_extension(), with_notes("Text", length)]);
        run(world.cloud.add_columns(&key(), &wanted())).unwrap();
        assert_eq!(world.calls().len(), 2);
    }
}

#[test]
fn a_column_of_another_or_a_narrower_type_is_refused_before_anything_is_sent() {
    for (kind, length) in [("Number", ""), ("Text", "<MaxLength>50</MaxLength>")] {
        let world = World::answering([data_extension(), with_notes(kind, length)]);
        let error = run(world.cloud.add_columns(&key(), &wanted())).unwrap_err();
        assert!(matches!(&error, CloudError::Refused { code, .. } if code == "another_type"), "{error}");
        assert_eq!(world.calls().len(), 2);
    }
}

#[test]
fn a_column_that_somebody_else_adds_meanwhile_is_no_error() {
    let world =
        World::answering([data_extension(), fields(&[]), refused(), data_extension(), with_notes("Text", "<MaxLength>100</MaxLength>")]);
    run(world.cloud.add_columns(&key(), &wanted())).unwrap();
    world.assert_over();
}

#[test]
fn an_update_whose_answer_was_lost_is_repeated_and_settled_by_reading() {
    let there = with_notes("Text", "<MaxLength>100</MaxLength>");
    let world = World::answering([data_extension(), fields(&[]), interrupted(), refused(), data_extension(), there]);
    run(world.cloud.add_columns(&key(), &wanted())).unwrap();
    world.assert_over();
}

#[test]
fn a_refusal_comes_with_its_code() {
    let world = World::answering([data_extension(), fields(&[]), refused(), data_extension(), fields(&[])]);
    let error = run(world.cloud.add_columns(&key(), &wanted())).unwrap_err();
    assert!(matches!(&error, CloudError::Refused { code, .. } if code == "310007"), "{error}");
}

#[test]
fn done_is_believed_only_when_it_shows() {
    let world = World::answering([data_extension(), fields(&[]), done(), data_extension(), fields(&[])]);
    let error = run(world.cloud.add_columns(&key(), &wanted())).unwrap_err();
    assert!(matches!(&error, CloudError::Unreadable { message, .. } if message.contains("Notes")), "{error}");
}

#[test]
fn nothing_is_added_to_nothing() {
    let world = World::answering([found("DataExtension", &[])]);
    let error = run(world.cloud.add_columns(&key(), &wanted())).unwrap_err();
    assert!(matches!(&error, CloudError::Refused { code, .. } if code == "310001"), "{error}");
}
