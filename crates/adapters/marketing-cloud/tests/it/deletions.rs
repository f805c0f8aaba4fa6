//! Rows are deleted by their keys, and each is told.

use outflow_ports::{CloudError, MarketingCloud, RowDeletion};

use crate::{fake::*, requests::body_of};

fn deletion(keys: &[&[&str]]) -> RowDeletion {
    let keys = keys.iter().map(|it| it.iter().map(|it| (*it).to_owned()).collect()).collect();
    RowDeletion { data_extension: key(), key_fields: vec![field_name("Id"), field_name("Shop")], keys }
}

fn deleted(results: &str, overall: &str) -> Reply {
    soap(&format!(
        r#"<DeleteResponse xmlns="http://exacttarget.com/wsdl/partnerAPI">{results}<RequestID>1</RequestID><OverallStatus>{overall}</OverallStatus></DeleteResponse>"#
    ))
}

fn result(ordinal: usize, status: &str, more: &str) -> String {
    format!(
        "<Results><StatusCode>{status}</StatusCode><StatusMessage>Zq7 said</StatusMessage><OrdinalID>{ordinal}</OrdinalID>{more}</Results>"
    )
}

fn refused(ordinal: usize, code: &str) -> String {
    result(ordinal, "Error", &format!("<ErrorCode>{code}</ErrorCode><ErrorMessage>Cannot locate \"Zq7\".</ErrorMessage>"))
}

#[track_caller]
fn told(results: &[String], overall: &str) -> Result<Vec<Option<String>>, CloudError> {
    let world = World::answering([deleted(&results.concat(), overall)]);
    let told = run(world.cloud.delete_rows(&deletion(&[&["1", "a"], &["2", "b"], &["3", "c"]])));
    world.assert_over();
    told
}

#[test]
fn a_row_is_named_by_its_whole_key() {
    let results = [result(0, "OK", ""), result(1, "OK", "")].concat();
    let world = World::answering([deleted(&results, "OK")]);
    run(world.cloud.delete_rows(&deletion(&[&["1<", "a"], &["2", "b"]]))).unwrap();
    let calls = world.calls();
    assert_eq!(calls[0].header("SOAPAction"), "Delete");
    let row = |id: &str, shop: &str| {
        format!(
            r#"<Objects xsi:type="DataExtensionObject"><CustomerKey>loyalty</CustomerKey><Keys><Key><Name>Id</Name><Value>{id}</Value></Key><Key><Name>Shop</Name><Value>{shop}</Value></Key></Keys></Objects>"#
        )
    };
    assert_eq!(body_of(&calls[0]), format!("<DeleteRequest><Options/>{}{}</DeleteRequest>", row("1&lt;", "a"), row("2", "b")));
}

#[test]
fn each_row_is_told_by_its_number() {
    let results = [refused(2, "2"), result(0, "OK", ""), result(1, "OK", "")];
    assert_eq!(told(&results, "Has Errors").unwrap(), [None, None, Some("2".to_owned())]);
}

#[test]
fn without_numbers_the_order_tells() {
    let plain = |it: String| it.split("<OrdinalID>").map(|it| it.split_once("</OrdinalID>").map_or(it, |(_, it)| it)).collect::<String>();
    let results = [result(0, "OK", ""), refused(1, "310002"), result(2, "OK", "")].map(plain);
    assert_eq!(told(&results, "Has Errors").unwrap(), [None, Some("310002".to_owned()), None]);
}

#[test]
fn where_all_rows_are_refused_each_is_told() {
    let results = [refused(0, "2"), refused(1, "2"), refused(2, "2")];
    assert_eq!(told(&results, "Error").unwrap(), vec![Some("2".to_owned()); 3]);
}

#[test]
fn what_is_not_told_of_is_not_taken_for_deleted() {
    for results in
        [vec![], vec![result(0, "OK", ""), result(1, "OK", "")], vec![result(0, "OK", ""), result(0, "OK", ""), result(0, "OK", "")]]
    {
        let error = told(&results, "OK").unwrap_err();
        assert!(matches!(error, CloudError::Unreadable { .. }), "{error}");
    }
}

#[test]
fn a_missing_permission_is_told_as_such() {
    let results = [refused(0, "4"), refused(1, "4"), refused(2, "4")];
    let error = told(&results, "Error").unwrap_err();
    assert!(matches!(error, CloudError::Forbidden { .. }), "{error}");
}

#[test]
fn what_the_service_says_of_rows_is_not_shown() {
    let error = told(&[], "Error: \"Zq7\" is none").unwrap_err();
    assert!(!error.to_string().contains("Zq7"), "{error}");
}

#[test]
fn a_call_whose_answer_was_lost_is_told() {
    // It may be heard later, so that whoever deletes has to know of it.
    let world = World::answering([interrupted()]);
    let error = run(world.cloud.delete_rows(&deletion(&[&["1", "a"]]))).unwrap_err();
    assert!(matches!(error, CloudError::Unavailable { .. }), "{error}");
    world.assert_over();
}

#[test]
fn no_rows_are_no_call() {
    let world = World::answering([]);
    assert!(run(world.cloud.delete_rows(&deletion(&[]))).unwrap().is_empty());
    assert!(world.token_requests().is_empty());
}
