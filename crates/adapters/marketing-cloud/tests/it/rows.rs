//! Rows as they are read and counted.

use outflow_ports::{CloudError, MarketingCloud, RowFilter, RowPage, RowQuery};
use serde_json::json;

use crate::fake::*;

fn query(filter: RowFilter) -> RowQuery {
    let fields = ["Id", "E-Mail", "Name"].map(field_name).to_vec();
    RowQuery { data_extension: key(), key_fields: vec![field_name("Id")], fields, filter }
}

fn row(properties: &[(&str, &str)]) -> String {
    let properties: String = properties.iter().map(|(name, value)| format!("<Property><Name>{name}</Name>{value}</Property>")).collect();
    format!("<Type>DataExtensionObject</Type><Properties>{properties}</Properties>")
}

fn read(replies: impl IntoIterator<Item = Reply>) -> RowPage {
    let world = World::answering(replies);
    run(world.cloud.read_rows(&query(RowFilter::All), None)).unwrap()
}

#[test]
fn values_stand_in_the_order_of_the_asked_fields() {
    let shuffled = row(&[
        ("NAME", "<Value>Ada</Value>"),
        ("Id", "<Value>007</Value>"),
        ("Else", "<Value>x</Value>"),
        ("e-mail", "<Value> a@b </Value>"),
    ]);
    let page = read([found("DataExtensionObject", &[&shuffled])]);
    assert_eq!(page.rows, [[Some("007".to_owned()), Some(" a@b ".to_owned()), Some("Ada".to_owned())]]);
    assert_eq!(page.next, None);
}

#[test]
fn a_value_that_is_not_told_is_none() {
    let row = row(&[("Id", "<Value>1</Value>"), ("E-Mail", r#"<Value xsi:nil="true"/>"#), ("Name", "<Value/>")]);
    assert_eq!(read([found("DataExtensionObject", &[&row])]).rows, [[Some("1".to_owned()), None, Some(String::new())]]);
    let short = self::row(&[("Id", "<Value>1</Value>"), ("E-Mail", "")]);
    assert_eq!(read([found("DataExtensionObject", &[&short])]).rows, [[Some("1".to_owned()), None, None]]);
}

#[test]
fn line_breaks_quotes_and_emoji_survive() {
    let row = row(&[("Id", "<Value>a&#13;&#10;b\n\t\"c\"&#x1F600;&lt;</Value>")]);
    assert_eq!(read([found("DataExtensionObject", &[&row])]).rows[0][0].as_deref(), Some("a\r\nb\n\t\"c\"😀<"));
}

#[test]
fn one_cell_with_characters_that_xml_cannot_carry_does_not_hide_its_page() {
    let odd = row(&[("Id", "<Value>a&#x1;b\u{2}c&#55296;d\u{FFFE}e&#xFFFF;f</Value>")]);
    let good = row(&[("Id", "<Value>2</Value>")]);
    let page = read([found("DataExtensionObject", &[&odd, &good])]);
    let ids: Vec<Option<&str>> = page.rows.iter().map(|it| it[0].as_deref()).collect();
    assert_eq!(ids, [Some("abcdef"), Some("2")]);
}

#[test]
fn a_page_tells_where_the_next_begins() {
    let page = read([page("MoreDataAvailable", "DataExtensionObject", &[&row(&[("Id", "<Value>1</Value>")])])]);
    assert_eq!(page.next.as_deref(), Some("page-id"));
}

#[test]
fn no_keys_are_no_question() {
    let world = World::answering([]);
    assert_eq!(run(world.cloud.read_rows(&query(RowFilter::Keys(Vec::new())), None)).unwrap(), RowPage::default());
    assert!(world.token_requests().is_empty());
}

#[test]
fn a_refusal_to_show_rows_is_a_permission() {
    let world = World::answering([page("Error: API Permission Failed. Retrieve is not permitted.", "DataExtensionObject", &[])]);
    let error = run(world.cloud.read_rows(&query(RowFilter::All), None)).unwrap_err();
    assert!(matches!(error, CloudError::Forbidden { .. }), "{error}");
}

#[test]
fn rows_are_counted_by_rest_without_reading_them() {
    let world = World::answering([json_reply(200, json!({ "count": 10_000_000_000_u64, "items": [] }))]);
    assert_eq!(run(world.cloud.row_count(&"My Key/ä".parse().unwrap())).unwrap(), 10_000_000_000);
    assert_eq!(world.calls()[0].target, "/data/v1/customobjectdata/key/My%20Key%2F%C3%A4/rowset?$page=1&$pagesize=1");
}

#[test]
fn where_rest_does_not_count_the_pages_do() {
    let one = row(&[("Id", "<Value>1</Value>")]);
    let forbidden = json_reply(403, json!({ "message": "Insufficient Privileges", "errorcode": 20000 }));
    let world = World::answering([
        forbidden,
        data_extension(),
        member_fields(),
        page("MoreDataAvailable", "DataExtensionObject", &[&one, &one]),
        found("DataExtensionObject", &[&one]),
    ]);
    assert_eq!(run(world.cloud.row_count(&key())).unwrap(), 3);
    assert!(world.calls()[3].body.contains("<Properties>Id</Properties></RetrieveRequest>"));
}
