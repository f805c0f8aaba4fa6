//! Data extensions are made once, with all that is asked, and proved to be there; columns only grow.

use outflow_domain::{NewDataExtension, NewField, Period, Removes, Retention, Sendable, SubscriberField, WiderColumn};
use outflow_ports::{CloudError, MarketingCloud};

use crate::{fake::*, requests::body_of};

fn new_field(name: &str, field_type: &str, is_primary_key: bool) -> NewField {
    NewField { name: field_name(name), field_type: field_type.parse().unwrap(), is_primary_key }
}

fn wanted() -> NewDataExtension {
    NewDataExtension {
        key: key(),
        name: "Loyalty Members".parse().unwrap(),
        folder: None,
        sendable: None,
        retention: None,
        fields: vec![new_field("Id", "Text(36)", true), new_field("Amount", "Decimal(18,2)", false)],
    }
}

fn its_fields() -> Reply {
    fields(&[
        field(0, "Id", "Text", "<MaxLength>36</MaxLength><IsRequired>true</IsRequired><IsPrimaryKey>true</IsPrimaryKey>"),
        field(1, "Amount", "Decimal", "<MaxLength>18</MaxLength>").replace("<Scale>0<", "<Scale>2<"),
    ])
}

fn nothing() -> Reply {
    found("DataExtension", &[])
}

fn created() -> Reply {
    acted("CreateResponse", "<StatusCode>OK</StatusCode><StatusMessage>Data Extension created.</StatusMessage><NewID>0</NewID>", "OK")
}

fn refused() -> Reply {
    let result = "<StatusCode>Error</StatusCode><StatusMessage>A data extension named Loyalty Members already exists.</StatusMessage><ErrorCode>310007</ErrorCode>";
    acted("CreateResponse", result, "Error")
}

#[test]
fn a_data_extension_is_made_with_its_members_in_the_order_of_the_wsdl() {
    let root = "<ID>7</ID><Name>Data Extensions</Name><ParentFolder><ID>0</ID></ParentFolder>";
    let folder = "<ID>12</ID><Name>daily</Name><ParentFolder><ID>7</ID></ParentFolder>";
    let related = "<CustomerKey>loyalty</CustomerKey><SendableDataExtensionField><Name>Id</Name></SendableDataExtensionField><SendableSubscriberField><Name>_SubscriberKey</Name></SendableSubscriberField>";
    let there = "<ObjectID>de-1</ObjectID><CustomerKey>loyalty</CustomerKey><Name>Loyalty Members</Name><IsSendable>true</IsSendable><DataRetentionPeriodLength>90</DataRetentionPeriodLength><DataRetentionPeriodUnitOfMeasure>3</DataRetentionPeriodUnitOfMeasure><RowBasedRetention>true</RowBasedRetention>";
    let there = found("DataExtension", &[there]);
    let related = found("DataExtension", &[related]);
    let world = World::answering([nothing(), found("DataFolder", &[root, folder]), created(), there, its_fields(), related]);
    let wanted = NewDataExtension {
        folder: Some("Daily".parse().unwrap()),
        sendable: Some(Sendable { field: field_name("id"), subscriber: SubscriberField::SubscriberKey }),
        retention: Some(Retention { removes: Removes::EachRow, length: 90, period: Period::Days, restarts_on_import: false }),
        ..wanted()
    };
    run(world.cloud.create(&wanted)).unwrap();
    world.assert_over();
    assert_eq!(world.calls()[2].header("SOAPAction"), "Create");
    assert_eq!(
        body_of(&world.calls()[2]),
        concat!(
            r#"<CreateRequest><Options/><Objects xsi:type="DataExtension"><CustomerKey>loyalty</CustomerKey><Name>Loyalty Members</Name>"#,
            "<IsSendable>true</IsSendable><SendableDataExtensionField><Name>Id</Name><FieldType>Text</FieldType></SendableDataExtensionField>",
            "<SendableSubscriberField><Name>Subscriber Key</Name><Value/></SendableSubscriberField>",
            "<DataRetentionPeriodLength>90</DataRetentionPeriodLength><DataRetentionPeriodUnitOfMeasure>3</DataRetentionPeriodUnitOfMeasure>",
            "<RowBasedRetention>true</RowBasedRetention><ResetRetentionPeriodOnImport>false</ResetRetentionPeriodOnImport>",
            "<DeleteAtEndOfRetentionPeriod>false</DeleteAtEndOfRetentionPeriod><RetainUntil></RetainUntil><Fields>",
            "<Field><Name>Id</Name><MaxLength>36</MaxLength><IsRequired>true</IsRequired><IsPrimaryKey>true</IsPrimaryKey><FieldType>Text</FieldType></Field>",
            "<Field><Name>Amount</Name><Scale>2</Scale><MaxLength>18</MaxLength><IsRequired>false</IsRequired><IsPrimaryKey>false</IsPrimaryKey><FieldType>Decimal</FieldType></Field>",
            "</Fields><CategoryID>12</CategoryID></Objects></CreateRequest>"
        )
    );
}

#[test]
fn one_that_is_there_is_taken_where_it_has_just_these_fields() {
    let world = World::answering([data_extension(), its_fields()]);
    run(world.cloud.create(&wanted())).unwrap();
    world.assert_over();
    for other in [
        vec![],
        vec![field(0, "Id", "Text", "<MaxLength>36</MaxLength>")],
        vec![field(0, "Id", "Number", "<IsPrimaryKey>true</IsPrimaryKey>")],
    ] {
        let world = World::answering([data_extension(), fields(&other)]);
        let error = run(world.cloud.create(&wanted())).unwrap_err();
        assert!(matches!(&error, CloudError::Refused { code, .. } if code == "another_shape"), "{error}");
    }
    let more = field(2, "Must", "Number", "<IsRequired>true</IsRequired>");
    let mut its = vec![field(0, "Id", "Text", "<MaxLength>36</MaxLength><IsPrimaryKey>true</IsPrimaryKey>"), more];
    its.push(field(1, "Amount", "Decimal", "<MaxLength>18</MaxLength>").replace("<Scale>0<", "<Scale>2<"));
    let world = World::answering([data_extension(), fields(&its)]);
    let error = run(world.cloud.create(&wanted())).unwrap_err();
    assert!(error.to_string().contains("`Must` has to be filled too"), "{error}");
}

#[test]
fn a_create_whose_answer_was_lost_is_settled_by_reading() {
    let world = World::answering([nothing(), interrupted(), refused(), data_extension(), its_fields()]);
    run(world.cloud.create(&wanted())).unwrap();
    world.assert_over();
}

#[test]
fn a_refusal_to_make_one_comes_with_its_code_and_reason() {
    let world = World::answering([nothing(), refused(), nothing()]);
    let error = run(world.cloud.create(&wanted())).unwrap_err();
    assert!(
        matches!(&error, CloudError::Refused { code, message, .. } if code == "310007" && message.contains("already exists")),
        "{error}"
    );
    let world = World::answering([nothing(), created(), nothing()]);
    let error = run(world.cloud.create(&wanted())).unwrap_err();
    assert!(matches!(&error, CloudError::Unreadable { message, .. } if message.contains("not there")), "{error}");
}

#[test]
fn a_relation_that_the_service_tells_otherwise_is_no_success() {
    let other = "<CustomerKey>loyalty</CustomerKey><SendableDataExtensionField><Name>Id</Name></SendableDataExtensionField><SendableSubscriberField><Name>_SubscriberID</Name></SendableSubscriberField>";
    let world = World::answering([nothing(), created(), data_extension(), its_fields(), found("DataExtension", &[other])]);
    let sendable = Some(Sendable { field: field_name("Id"), subscriber: SubscriberField::SubscriberKey });
    let error = run(world.cloud.create(&NewDataExtension { sendable, ..wanted() })).unwrap_err();
    assert!(error.to_string().contains("`_SubscriberID`"), "{error}");
}

fn wider(to: u32) -> [WiderColumn; 1] {
    [WiderColumn { name: field_name("notes"), from: 50, to }]
}

fn notes(length: &str) -> Reply {
    let more = format!("{length}<IsRequired>true</IsRequired><IsPrimaryKey>false</IsPrimaryKey>");
    fields(&[field(3, "Notes", "Text", &more).replace("<DefaultValue></DefaultValue>", "<DefaultValue>none</DefaultValue>")])
}

#[test]
fn a_longer_column_keeps_all_but_its_length() {
    let done = acted("UpdateResponse", "<StatusCode>OK</StatusCode><StatusMessage>Data Extension updated.</StatusMessage>", "OK");
    let (short, long) = (notes("<MaxLength>50</MaxLength>"), notes("<MaxLength>100</MaxLength>"));
    let world = World::answering([data_extension(), short, done, data_extension(), long]);
    run(world.cloud.widen_columns(&key(), &wider(100))).unwrap();
    world.assert_over();
    assert_eq!(
        body_of(&world.calls()[2]),
        concat!(
            r#"<UpdateRequest><Options/><Objects xsi:type="DataExtension"><CustomerKey>loyalty</CustomerKey><Fields><Field>"#,
            "<ObjectID>field-3</ObjectID><Name>Notes</Name><DefaultValue>none</DefaultValue><MaxLength>100</MaxLength>",
            "<IsRequired>true</IsRequired><IsPrimaryKey>false</IsPrimaryKey></Field></Fields></Objects></UpdateRequest>"
        )
    );
}

#[test]
fn a_column_that_is_long_enough_is_left_alone() {
    for length in ["<MaxLength>100</MaxLength>", "<MaxLength>254</MaxLength>", ""] {
        let world = World::answering([data_extension(), notes(length)]);
        run(world.cloud.widen_columns(&key(), &wider(100))).unwrap();
        assert_eq!(world.calls().len(), 2);
    }
}

#[test]
fn longer_is_believed_only_when_it_shows() {
    let done = || acted("UpdateResponse", "<StatusCode>OK</StatusCode><StatusMessage>Data Extension updated.</StatusMessage>", "OK");
    let short = || notes("<MaxLength>50</MaxLength>");
    let world = World::answering([data_extension(), short(), done(), data_extension(), short()]);
    let error = run(world.cloud.widen_columns(&key(), &wider(100))).unwrap_err();
    assert!(matches!(&error, CloudError::Unreadable { message, .. } if message.contains("Notes")), "{error}");
    let world = World::answering([data_extension(), short(), interrupted(), done(), data_extension(), notes("<MaxLength>100</MaxLength>")]);
    run(world.cloud.widen_columns(&key(), &wider(100))).unwrap();
    world.assert_over();
}

#[test]
fn only_text_becomes_longer() {
    for there in [fields(&[field(3, "Notes", "Number", "")]), fields(&[])] {
        let world = World::answering([data_extension(), there]);
        let error = run(world.cloud.widen_columns(&key(), &wider(100))).unwrap_err();
        assert!(matches!(&error, CloudError::Refused { code, .. } if code == "another_type"), "{error}");
        assert_eq!(world.calls().len(), 2);
    }
}
