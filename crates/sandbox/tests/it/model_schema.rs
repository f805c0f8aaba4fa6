//! Making and changing data extensions, by SOAP.

use crate::model_support::{Cloud, between, simple};

/// `StatusCode ErrorCode StatusMessage` of a change.
fn outcome(text: &str) -> String {
    let code = if text.contains("<ErrorCode>") { between(text, "<ErrorCode>", "<") } else { "0" };
    format!("{} {code}: {}", between(text, "<StatusCode>", "<"), between(text, "<StatusMessage>", "<"))
}

fn create(cloud: &mut Cloud, members: &str) -> String {
    outcome(&cloud.soap(&format!(r#"<CreateRequest><Options/><Objects xsi:type="DataExtension">{members}</Objects></CreateRequest>"#)))
}

fn update(cloud: &mut Cloud, members: &str) -> String {
    outcome(&cloud.soap(&format!(
        r#"<UpdateRequest><Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey>{members}</Objects></UpdateRequest>"#
    )))
}

fn change_field(cloud: &mut Cloud, name: &str, members: &str) -> String {
    let id = cloud.model.data_extension("people").and_then(|it| it.field(name)).expect("the field").object_id.clone();
    update(cloud, &format!("<Fields><Field><ObjectID>{id}</ObjectID>{members}</Field></Fields>"))
}

fn add_field(cloud: &mut Cloud, members: &str) -> String {
    update(cloud, &format!("<Fields><Field>{members}</Field></Fields>"))
}

const ID: &str = "<Field><Name>Id</Name><MaxLength>10</MaxLength><IsRequired>true</IsRequired><IsPrimaryKey>true</IsPrimaryKey><FieldType>Text</FieldType></Field>";

#[test]
fn a_data_extension_is_created_and_echoed() {
    let mut cloud = Cloud::new();
    let text = cloud.soap(&format!(
        r#"<CreateRequest><Objects xsi:type="DataExtension"><Name>N</Name><CustomerKey>k</CustomerKey><Fields>{ID}<Field><Name>A</Name><DefaultValue></DefaultValue><MaxLength></MaxLength><FieldType>Number</FieldType></Field></Fields></Objects></CreateRequest>"#
    ));
    assert_eq!(outcome(&text), "OK 0: Data Extension created.");
    assert_eq!(between(&text, "<NewID>", "<"), "0");
    assert_eq!(between(&text, "<NewObjectID>", "<"), cloud.model.data_extension("k").expect("k").object_id);
    assert!(text.contains(r#"<Field><PartnerKey xsi:nil="true"/><ObjectID xsi:nil="true"/><Name>A</Name>"#), "{text}");
    let (_, fields) = cloud.retrieve(
        "DataExtensionField",
        "Name FieldType MaxLength Scale IsPrimaryKey IsRequired Ordinal CustomerKey",
        &simple("DataExtension.CustomerKey", "equals", &["k"]),
    );
    assert_eq!(
        fields,
        [
            "Name=Id FieldType=Text MaxLength=10 Scale=0 IsPrimaryKey=true IsRequired=true Ordinal=0 CustomerKey=[k].[Id]",
            "Name=A FieldType=Number MaxLength=~ Scale=0 IsPrimaryKey=false IsRequired=false Ordinal=1 CustomerKey=[k].[A]",
        ]
    );
}

#[test]
fn creation_is_refused_with_the_codes_of_data_extensions() {
    let mut cloud = Cloud::with_people("Id:Text(10)!");
    for (members, expected) in [
        (format!("<Name>people</Name><Fields>{ID}</Fields>"), "Error 310007: A data extension named people already exists."),
        (
            format!("<Name>x</Name><CustomerKey>PEOPLE</CustomerKey><Fields>{ID}</Fields>"),
            "Error 310003: Updating an existing Data Extension definition is not allowed when doing an add-only operation.",
        ),
        (
            format!("<Name>x</Name><ObjectID>0</ObjectID><Fields>{ID}</Fields>"),
            "Error 310005: An ObjectID was specified on an add request.",
        ),
        (format!("<Name>_x</Name><Fields>{ID}</Fields>"), "Error 310007: The name _x is reserved for system tables."),
        ("<Name>x</Name>".to_owned(), "Error 310007: A data extension must have at least one field."),
        (format!("<Name>x</Name><Fields>{ID}{ID}</Fields>"), "Error 310007: A field named Id already exists."),
        (
            format!("<Name>x</Name><CustomerKey>{}</CustomerKey><Fields>{ID}</Fields>", "k".repeat(201)),
            "Error 310007: The CustomerKey is longer than 200 characters.",
        ),
        (
            "<Name>x</Name><Fields><Field><Name>A</Name><IsPrimaryKey>true</IsPrimaryKey></Field></Fields>".to_owned(),
            "Error 310007: The primary key field A must be required.",
        ),
        (
            "<Name>x</Name><Fields><Field><Name>A</Name><FieldType>Decimal</FieldType></Field></Fields>".to_owned(),
            "Error 310007: The Decimal field A needs a precision and a scale.",
        ),
        (
            "<Name>x</Name><Fields><Field><Name>A</Name><MaxLength>4001</MaxLength></Field></Fields>".to_owned(),
            "Error 310007: The MaxLength of A is greater than 4000.",
        ),
        (
            "<Name>x</Name><Fields><Field><Name>A</Name><FieldType>Money</FieldType></Field></Fields>".to_owned(),
            "Error 310007: Money is not a field type.",
        ),
    ] {
        assert_eq!(create(&mut cloud, &members), expected);
    }
}

#[test]
fn a_missing_key_is_made_up() {
    let mut cloud = Cloud::new();
    assert_eq!(create(&mut cloud, &format!("<Name>x</Name><Fields>{ID}</Fields>")), "OK 0: Data Extension created.");
    let key = cloud.model.data_extensions().next().expect("one").1.key.clone();
    assert_eq!(key.len(), 36);
}

#[test]
fn fields_are_added_and_changed_with_the_known_refusals() {
    let mut cloud = Cloud::with_people("Id:Text(10)! Name:Text(50) Amount:Decimal(6,2)");
    let new = |name: &str, more: &str| format!("<Name>{name}</Name><FieldType>Text</FieldType><MaxLength>50</MaxLength>{more}");
    let required = "<IsRequired>true</IsRequired>";
    assert_eq!(add_field(&mut cloud, &new("City", "")), "OK 0: Data Extension updated.");
    assert_eq!(add_field(&mut cloud, &new("CITY", "")), "Error 310007: A field named CITY already exists.");
    assert_eq!(add_field(&mut cloud, &new("Must", required)), "OK 0: Data Extension updated.");
    cloud.upsert(&[("Id", "1"), ("Must", "m")]);
    assert_eq!(add_field(&mut cloud, &new("Other", required)), "Error 310007: The required field Other needs a default: there are rows.");
    let with_default = format!("{required}<DefaultValue>d</DefaultValue>");
    assert_eq!(add_field(&mut cloud, &new("Other", &with_default)), "OK 0: Data Extension updated.");
    assert_eq!(cloud.rows("people"), "1|~|~|~|m|d");
    let key = format!("{required}<IsPrimaryKey>true</IsPrimaryKey>");
    assert_eq!(add_field(&mut cloud, &new("Key2", &key)), "Error 310007: The primary key field Key2 cannot be added: there are rows.");

    assert_eq!(change_field(&mut cloud, "Name", "<Name>FullName</Name>"), "OK 0: Data Extension updated.");
    assert_eq!(change_field(&mut cloud, "FullName", "<MaxLength>100</MaxLength>"), "OK 0: Data Extension updated.");
    assert_eq!(
        change_field(&mut cloud, "FullName", "<MaxLength>50</MaxLength>"),
        "Error 310007: The MaxLength of FullName cannot be decreased."
    );
    assert_eq!(change_field(&mut cloud, "FullName", required), "Error 310007: The nullable field FullName cannot be made required.");
    assert_eq!(
        change_field(&mut cloud, "FullName", "<FieldType>Date</FieldType>"),
        "Error 310007: The type of the field FullName cannot be changed."
    );
    assert_eq!(change_field(&mut cloud, "Must", "<IsRequired>false</IsRequired>"), "OK 0: Data Extension updated.");
    assert_eq!(cloud.model.data_extension("people").and_then(|it| it.field("fullname")).and_then(|it| it.max_length), Some(100));
}

#[test]
fn an_update_is_done_wholly_or_not_at_all() {
    let mut cloud = Cloud::with_people("Id:Text(10)!");
    let two = "<Fields><Field><Name>Good</Name></Field><Field><Name>_Bad</Name></Field></Fields>";
    assert_eq!(update(&mut cloud, two), "Error 310007: The field name _Bad is reserved.");
    assert_eq!(cloud.model.data_extension("people").expect("people").fields.len(), 1);
}

#[test]
fn what_is_missing_cannot_be_changed_or_deleted() {
    let mut cloud = Cloud::new();
    assert!(update(&mut cloud, "<Name>x</Name>").starts_with("Error 310004"));
    let delete = |members: &str| format!(r#"<DeleteRequest><Objects xsi:type="DataExtension">{members}</Objects></DeleteRequest>"#);
    assert!(outcome(&cloud.soap(&delete("<CustomerKey>people</CustomerKey>"))).starts_with("Error 310002"));
    assert!(outcome(&cloud.soap(&delete(""))).starts_with("Error 310001"));
}

#[test]
fn columns_are_deleted_through_their_data_extension() {
    let mut cloud = Cloud::with_people("Id:Text(10)! Name:Text(50) City:Text(50)");
    cloud.upsert(&[("Id", "1"), ("Name", "Ada"), ("City", "Rome")]);
    let id_of =
        |cloud: &Cloud, name: &str| cloud.model.data_extension("people").and_then(|it| it.field(name)).expect(name).object_id.clone();
    let delete = |id: &str| {
        format!(
            r#"<DeleteRequest><Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><Fields><Field><ObjectID>{id}</ObjectID></Field></Fields></Objects></DeleteRequest>"#
        )
    };
    let (key, name) = (id_of(&cloud, "Id"), id_of(&cloud, "Name"));
    assert!(outcome(&cloud.soap(&delete(&key))).starts_with("Error 310007"));
    assert!(outcome(&cloud.soap(&delete(&name))).starts_with("OK"));
    assert_eq!(cloud.rows("people"), "1|Rome");
}

#[test]
fn a_sendable_data_extension_reads_back_the_subscriber_key() {
    let mut cloud = Cloud::new();
    let sendable = "<IsSendable>true</IsSendable><SendableDataExtensionField><Name>Id</Name><FieldType>Text</FieldType></SendableDataExtensionField><SendableSubscriberField><Name>Subscriber Key</Name><Value/></SendableSubscriberField>";
    assert_eq!(
        create(&mut cloud, &format!("<Name>s</Name><CustomerKey>s</CustomerKey>{sendable}<Fields>{ID}</Fields>")),
        "OK 0: Data Extension created."
    );
    let (_, found) = cloud.retrieve("DataExtension", "IsSendable SendableDataExtensionField.Name SendableSubscriberField.Name", "");
    assert_eq!(found, ["IsSendable=true SendableDataExtensionField.Name=Id SendableSubscriberField.Name=_SubscriberKey"]);
}

#[test]
fn what_is_told_of_a_relation_is_not_what_is_sent() {
    let mut cloud = Cloud::new();
    let with = |name: &str| {
        format!(
            "<Name>s</Name><IsSendable>true</IsSendable><SendableDataExtensionField><Name>Id</Name></SendableDataExtensionField><SendableSubscriberField><Name>{name}</Name><Value/></SendableSubscriberField><Fields>{ID}</Fields>"
        )
    };
    assert!(create(&mut cloud, &with("_SubscriberKey")).starts_with("Error 310007: _SubscriberKey is not a subscriber field"));
    assert_eq!(create(&mut cloud, &with("Subscriber Key")), "OK 0: Data Extension created.");
}

#[test]
fn retention_is_taken_in_its_known_combinations_alone() {
    let mut cloud = Cloud::new();
    let days =
        "<DataRetentionPeriodLength>90</DataRetentionPeriodLength><DataRetentionPeriodUnitOfMeasure>3</DataRetentionPeriodUnitOfMeasure>";
    let row_based = "<RowBasedRetention>true</RowBasedRetention>";
    for (members, expected) in [
        ("<DataRetentionPeriodLength>90</DataRetentionPeriodLength>".to_owned(), "Error 310007: The retention period needs a unit"),
        (format!("{days}<RetainUntil>5/9/2024 12:00:00 AM</RetainUntil>"), "Error 310007: RetainUntil must be empty"),
        (row_based.to_owned(), "Error 310007: Row based retention needs a retention period."),
        (format!("{days}{row_based}<DeleteAtEndOfRetentionPeriod>true</DeleteAtEndOfRetentionPeriod>"), "Error 310007: Row based"),
        (format!("{days}{row_based}<ResetRetentionPeriodOnImport>true</ResetRetentionPeriodOnImport>"), "Error 310007: The period of row"),
        (format!("{days}{row_based}<RetainUntil></RetainUntil>"), "OK 0"),
    ] {
        let told = create(&mut cloud, &format!("<Name>r</Name>{members}<Fields>{ID}</Fields>"));
        assert!(told.starts_with(expected), "{members}: {told}");
    }
}

#[test]
fn a_folder_takes_its_own_kind_alone() {
    let mut cloud = Cloud::new();
    let (_, found) = cloud.retrieve("DataFolder", "ID", &simple("ContentType", "equals", &["synchronizeddataextension"]));
    let synchronized = found[0].trim_start_matches("ID=").to_owned();
    let folder = |parent: &str, kind: &str| {
        format!(
            r#"<CreateRequest><Objects xsi:type="DataFolder"><Name>F</Name><ParentFolder><ID>{parent}</ID></ParentFolder><ContentType>{kind}</ContentType></Objects></CreateRequest>"#
        )
    };
    assert!(outcome(&cloud.soap(&folder(&synchronized, "dataextension"))).starts_with("Error 2: A folder of the content type"));
    let into = |id: &str| format!("<Name>x</Name><Fields>{ID}</Fields><CategoryID>{id}</CategoryID>");
    assert!(create(&mut cloud, &into(&synchronized)).contains("takes no data extension"));
    assert!(create(&mut cloud, &into("4")).contains("The CategoryID 4 does not exist."));
}

#[test]
fn folders_are_found_made_and_refused() {
    let mut cloud = Cloud::new();
    let (_, roots) = cloud.retrieve("DataFolder", "ID Name ParentFolder.ID", &simple("ContentType", "equals", &["dataextension"]));
    let root = between(&roots[0], "ID=", " ").to_owned();
    assert_eq!(roots, [format!("ID={root} Name=Data Extensions ParentFolder.ID=0")]);
    let make = format!(
        r#"<CreateRequest><Objects xsi:type="DataFolder"><Name>Loads</Name><Description/><ParentFolder><ID>{root}</ID></ParentFolder><ContentType>dataextension</ContentType></Objects></CreateRequest>"#
    );
    assert_eq!(outcome(&cloud.soap(&make)), "OK 0: Folder created successfully.");
    assert!(outcome(&cloud.soap(&make)).starts_with("Error 2"));
}
