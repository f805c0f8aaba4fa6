//! Data extensions and fields as they are read.

use outflow_domain::FieldType;
use outflow_ports::{CloudError, MarketingCloud};

use crate::fake::*;

fn retention_of(members: &str) -> Option<String> {
    let object = format!("<ObjectID>1</ObjectID><CustomerKey>k</CustomerKey><Name>n</Name>{members}");
    let world = World::answering([found("DataExtension", &[&object])]);
    run(world.cloud.list()).unwrap().remove(0).retention
}

fn type_of(kind: &str, members: &str) -> FieldType {
    let world = World::answering([data_extension(), fields(&[field(0, "Column", kind, members)])]);
    run(world.cloud.describe(&key())).unwrap().unwrap().fields.remove(0).field_type
}

#[test]
fn a_data_extension_comes_with_its_fields_by_ordinal() {
    let shuffled = fields(&[
        field(2, "Amount", "Decimal", "<MaxLength>6</MaxLength>").replace("<Scale>0<", "<Scale>3<"),
        field(0, "Id", "Text", "<MaxLength>36</MaxLength><IsRequired>true</IsRequired><IsPrimaryKey>true</IsPrimaryKey>"),
        field(1, "Since", "Date", "").replace("<DefaultValue></DefaultValue>", "<DefaultValue>Now()</DefaultValue>"),
    ]);
    let world = World::answering([data_extension(), shuffled]);
    let there = run(world.cloud.describe(&key())).unwrap().unwrap();
    assert_eq!((there.id.0.as_str(), there.name.as_str(), there.is_sendable), ("de-1", "Loyalty Members", true));
    let names: Vec<&str> = there.fields.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["Id", "Since", "Amount"]);
    let keys: Vec<&str> = there.primary_key().map(|it| it.name.as_str()).collect();
    assert_eq!(keys, ["Id"]);
    assert!(there.fields[0].is_required && !there.fields[1].is_required);
    assert_eq!(there.fields[0].id.0, "field-0");
    assert_eq!(there.fields[1].default.as_deref(), Some("Now()"));
    assert_eq!(there.fields[2].default, None);
    assert_eq!(there.fields[2].field_type, FieldType::Decimal { precision: 6, scale: 3 });
}

#[test]
fn types_come_with_their_limits() {
    assert_eq!(type_of("Text", "<MaxLength>4000</MaxLength>"), FieldType::Text { units_max: Some(4000) });
    assert_eq!(type_of("Text", ""), FieldType::Text { units_max: None });
    assert_eq!(type_of("Text", r#"<MaxLength xsi:nil="true"/>"#), FieldType::Text { units_max: None });
    assert_eq!(type_of("Number", ""), FieldType::Number);
    assert_eq!(type_of("Decimal", "<MaxLength>18</MaxLength>"), FieldType::Decimal { precision: 18, scale: 0 });
    assert_eq!(type_of("Decimal", "<MaxLength>99999999999</MaxLength>"), FieldType::Decimal { precision: 38, scale: 0 });
    assert_eq!(type_of("Date", ""), FieldType::Date);
    assert_eq!(type_of("Boolean", ""), FieldType::Boolean);
    assert_eq!(type_of("EmailAddress", "<MaxLength>254</MaxLength>"), FieldType::EmailAddress);
    assert_eq!(type_of("Phone", "<MaxLength>50</MaxLength>"), FieldType::Phone);
    assert_eq!(type_of("Locale", "<MaxLength>5</MaxLength>"), FieldType::Locale);
    assert_eq!(type_of("Base16Encrypted", "<MaxLength>80</MaxLength>"), FieldType::Text { units_max: None });
}

#[test]
fn a_data_extension_that_is_not_there_is_none() {
    let world = World::answering([found("DataExtension", &[])]);
    assert_eq!(run(world.cloud.describe(&key())).unwrap(), None);
}

#[test]
fn of_two_keys_that_differ_in_case_the_asked_one_counts() {
    let object = |id: &str, key: &str| format!("<ObjectID>{id}</ObjectID><CustomerKey>{key}</CustomerKey><Name>n</Name>");
    let world = World::answering([found("DataExtension", &[&object("1", "LOYALTY"), &object("2", "loyalty")]), fields(&[])]);
    assert_eq!(run(world.cloud.describe(&key())).unwrap().unwrap().id.0, "2");
}

#[test]
fn fields_of_a_key_too_long_to_filter_by_are_picked_from_all() {
    let of_another = field(0, "Other", "Text", "").replace("loyalty", "another");
    let truncated = page("Error: String or binary data would be truncated.", "DataExtensionField", &[]);
    let first = page("MoreDataAvailable", "DataExtensionField", &[&of_another, &field(1, "Email", "EmailAddress", "")]);
    let world = World::answering([data_extension(), truncated, first, fields(&[field(0, "Id", "Text", "")])]);
    let there = run(world.cloud.describe(&key())).unwrap().unwrap();
    assert_eq!(there.fields.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["Id", "Email"]);
    assert!(!world.calls()[2].body.contains("<Filter"));
    assert!(world.calls()[3].body.contains("<ContinueRequest>page-id</ContinueRequest>"));
}

#[test]
fn a_list_goes_on_to_its_last_page() {
    let object = |key: &str| format!("<ObjectID>{key}</ObjectID><CustomerKey>{key}</CustomerKey><Name>n</Name>");
    let world = World::answering([
        page("MoreDataAvailable", "DataExtension", &[&object("a")]),
        page("MoreDataAvailable", "DataExtension", &[&object("b")]),
        found("DataExtension", &[&object("c")]),
    ]);
    let keys: Vec<String> = run(world.cloud.list()).unwrap().into_iter().map(|it| it.key.into()).collect();
    assert_eq!(keys, ["a", "b", "c"]);
}

#[test]
fn retention_is_told_in_words() {
    let period =
        "<DataRetentionPeriodLength>6</DataRetentionPeriodLength><DataRetentionPeriodUnitOfMeasure>5</DataRetentionPeriodUnitOfMeasure>";
    let cases = [
        (String::new(), None),
        ("<RowBasedRetention>false</RowBasedRetention><RetainUntil></RetainUntil>".to_owned(), None),
        (format!("{period}<RowBasedRetention>true</RowBasedRetention>"), Some("each row is removed 6 months after it was added")),
        (format!("{period}<DeleteAtEndOfRetentionPeriod>true</DeleteAtEndOfRetentionPeriod>"), Some("all rows are removed after 6 months")),
        (
            format!("{period}<ResetRetentionPeriodOnImport>true</ResetRetentionPeriodOnImport>"),
            Some("the data extension is removed after 6 months, counted anew from each import"),
        ),
        ("<RetainUntil>5/9/2024 12:00:00 AM</RetainUntil>".to_owned(), Some("the data extension is removed on 5/9/2024")),
    ];
    for (members, words) in cases {
        assert_eq!(retention_of(&members).as_deref(), words, "{members}");
    }
}

#[test]
fn a_refusal_comes_with_its_words() {
    let world = World::answering([page("Error: Unable to find a handler for object type: X.", "DataExtension", &[])]);
    let error = run(world.cloud.list()).unwrap_err();
    assert!(matches!(&error, CloudError::Refused { message, .. } if message.contains("Unable to find a handler")), "{error}");
    let world = World::answering([page("Error: API Permission Failed. Retrieve is not permitted.", "DataExtension", &[])]);
    let error = run(world.cloud.list()).unwrap_err();
    assert!(matches!(&error, CloudError::Forbidden { action, .. } if action == "list the data extensions"), "{error}");
}

#[test]
fn envelopes_of_soap_1_2_and_any_prefix_are_read() {
    let body = r#"<x:Envelope xmlns:x="http://www.w3.org/2003/05/soap-envelope" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:p="http://exacttarget.com/wsdl/partnerAPI"><x:Body><p:RetrieveResponseMsg><p:OverallStatus>OK</p:OverallStatus><p:Results i:type="p:DataExtension"><p:ObjectID>1</p:ObjectID><p:CustomerKey>k</p:CustomerKey><p:Name><![CDATA[a & b]]><!-- no --> c</p:Name></p:Results></p:RetrieveResponseMsg></x:Body></x:Envelope>"#;
    let world = World::answering([Ok(response(200, body))]);
    assert_eq!(run(world.cloud.list()).unwrap()[0].name, "a & b c");
}
