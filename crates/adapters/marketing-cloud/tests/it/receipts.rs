//! Refused rows: numbers, codes and fields, never values.

use outflow_domain::{ImportId, Route, RowRefusal};
use outflow_ports::{MarketingCloud, RefusalList};
use serde_json::{Value, json};

use crate::fake::*;

fn import() -> ImportId {
    ImportId { route: Route::Rest, id: "7".to_owned() }
}

fn summary_of_errors() -> Reply {
    let counts = json!([{ "validationErrorType": "InvalidEmailAddress", "validationErrorCodeId": 3, "errorsCount": 2 }]);
    json_reply(200, json!({ "id": 7, "importValidationSummary": counts }))
}

fn summary() -> Reply {
    json_reply(200, json!({ "summary": { "id": 7, "importStatus": "Completed", "targetKey": "loyalty" } }))
}

fn row(id: u64, code: &str, details: &str) -> Value {
    json!({ "rowId": id, "validationErrorType": code, "validationErrorCodeId": 3, "validationErrorDetails": details })
}

fn pages(pages: &[Value]) -> (RefusalList, Vec<String>) {
    let head = [summary_of_errors(), summary(), data_extension(), member_fields()];
    let world = World::answering(head.into_iter().chain(pages.iter().map(|it| json_reply(200, it.clone()))));
    let list = run(world.cloud.refusals(&import())).unwrap().expect("a list");
    world.assert_over();
    (list, world.calls().into_iter().map(|it| it.target).collect())
}

fn refusal(row: u64, code: &str, field: Option<&str>) -> RowRefusal {
    RowRefusal { row, code: code.to_owned(), field: field.map(field_name) }
}

#[test]
fn a_refused_row_has_number_code_and_field() {
    let rows = json!({ "count": 3, "items": [
        row(1, "InvalidEmailAddress", "The value 'ada@' of column [EMAIL] is no address."),
        row(5, "InvalidEmailAddress", "Id: x is bad, Email too"),
        row(9, "FieldCount", "the row has too many cells"),
    ] });
    let (list, targets) = pages(&[rows]);
    assert_eq!(
        list.rows,
        [refusal(1, "InvalidEmailAddress", Some("Email")), refusal(5, "InvalidEmailAddress", Some("Id")), refusal(9, "FieldCount", None),]
    );
    assert_eq!(list.by_code, [("InvalidEmailAddress".to_owned(), 2)]);
    assert_eq!(targets[0], "/data/v1/async/import/7/validationsummary");
    assert_eq!(targets[4], "/data/v1/async/import/7/validationresult?$page=1");
}

#[test]
fn pages_are_read_to_the_last() {
    let page = |id: u64| json!({ "page": id, "pageSize": 1, "count": 3, "items": [row(id, "InvalidDate", "")] });
    let (list, _) = pages(&[page(1), page(2), page(3)]);
    assert_eq!(list.rows.iter().map(|it| it.row).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_service_that_passes_over_the_page_number_is_not_asked_for_ever() {
    let page = || json!({ "count": 3, "items": [row(1, "InvalidDate", "")] });
    let (list, _) = pages(&[page(), page()]);
    assert_eq!(list.rows.len(), 1);
}

#[test]
fn the_list_may_have_any_name_or_none() {
    for rows in [json!({ "id": 7, "importValidationResult": [row(4, "InvalidDate", "")] }), json!([row(4, "InvalidDate", "")])] {
        assert_eq!(pages(&[rows]).0.rows, [refusal(4, "InvalidDate", None)]);
    }
}

#[test]
fn a_field_is_named_only_where_it_stands_alone() {
    let cases = [
        ("Email", Some("Email")),
        ("column [email]", Some("Email")),
        ("Emails are bad", None),
        ("my_email", None),
        ("ida@id.example", None),
        ("'Identity' is bad", None),
        ("id", Some("Id")),
        ("", None),
    ];
    for (details, field) in cases {
        let rows = json!({ "items": [row(1, "X", details)] });
        assert_eq!(pages(&[rows]).0.rows[0].field, field.map(field_name), "{details}");
    }
}

#[test]
fn a_code_that_is_none_is_cut_to_its_number() {
    let rows = json!({ "items": [
        row(1, "'ada@example.com' is bad", ""),
        { "rowId": "2", "validationErrorCodeId": 12 },
        { "rowId": 3 },
        { "validationErrorType": "no row" },
    ] });
    assert_eq!(pages(&[rows]).0.rows, [refusal(1, "3", None), refusal(2, "12", None), refusal(3, "Unknown", None)]);
}

#[test]
fn a_service_that_does_not_show_refused_rows_tells_counts_only() {
    for status in [403, 404] {
        let world = World::answering([Ok(response(status, ""))]);
        assert_eq!(run(world.cloud.refusals(&import())).unwrap(), None);
    }
    let world = World::answering([]);
    assert_eq!(run(world.cloud.refusals(&ImportId { route: Route::Soap, ..import() })).unwrap(), None);
}

#[test]
fn refused_rows_without_fields_are_better_than_none() {
    let forbidden = page("Error: API Permission Failed.", "DataExtension", &[]);
    let rows = json!({ "items": [row(1, "InvalidDate", "Email")] });
    let world = World::answering([summary_of_errors(), summary(), forbidden, json_reply(200, rows)]);
    assert_eq!(run(world.cloud.refusals(&import())).unwrap().unwrap().rows, [refusal(1, "InvalidDate", None)]);
}
