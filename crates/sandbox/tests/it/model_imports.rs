//! Imports: files, update types, counts, verdicts, time.

use outflow_sandbox::model::{BlankCells, DuplicateRows, FinishedStatus, IgnoredRows, RestImport, RowNumbering, Switches};
use serde_json::{Value, json};

use crate::model_support::{Cloud, between, simple};

const FIELDS: &str = "Id:Text(10)! Name:Text(10) Age:Number";

fn people(rows: &[(&str, &str)]) -> Cloud {
    let mut cloud = Cloud::with_people(FIELDS);
    for (id, name) in rows {
        cloud.upsert(&[("Id", id), ("Name", name)]);
    }
    cloud
}

fn with(switches: Switches) -> Cloud {
    let mut cloud = Cloud::with(switches);
    cloud.table("people", FIELDS);
    cloud
}

#[test]
fn each_update_type_treats_known_and_new_keys_in_its_own_way() {
    for (update_type, counts, rows) in [
        ("AddAndUpdate", "Completed 2/2/0/0/0", "A|Ida|~; b|Bob|~"),
        ("AddAndDoNotUpdate", "Completed 2/1/0/0/0", "a|Ada|~; b|Bob|~"),
        ("UpdateButDoNotAdd", "Completed 2/1/0/0/0", "A|Ida|~"),
        ("Overwrite", "Completed 2/2/0/0/0", "A|Ida|~; b|Bob|~"),
    ] {
        let mut cloud = people(&[("a", "Ada")]);
        assert_eq!(cloud.import("Id,Name\nA,Ida\nb,Bob\n", update_type), counts, "{update_type}");
        assert_eq!(cloud.rows("people"), rows, "{update_type}");
    }
    let mut cloud = people(&[("z", "Zoe")]);
    cloud.import("Id,Name\nA,Ida\n", "Overwrite");
    assert_eq!(cloud.rows("people"), "A|Ida|~");
}

#[test]
fn columns_that_are_not_in_the_file_keep_their_values() {
    let mut cloud = Cloud::with_people(FIELDS);
    cloud.upsert(&[("Id", "a"), ("Name", "Ada"), ("Age", "36")]);
    cloud.import("id,AGE\na,37\n", "AddAndUpdate");
    assert_eq!(cloud.rows("people"), "a|Ada|37");
}

#[test]
fn ignored_rows_are_counted_where_the_switch_says() {
    for (switch, counts) in [
        (IgnoredRows::Nowhere, "Completed 2/1/0/0/0"),
        (IgnoredRows::Duplicated, "Completed 2/1/1/0/0"),
        (IgnoredRows::Restricted, "Completed 2/1/0/0/1"),
        (IgnoredRows::Errors, "Completed 2/1/0/1/0"),
        (IgnoredRows::Successful, "Completed 2/2/0/0/0"),
    ] {
        let mut cloud = with(Switches { ignored_rows: switch, ..Switches::instant() });
        cloud.upsert(&[("Id", "a")]);
        assert_eq!(cloud.import("Id,Name\na,Ida\nb,Bob\n", "UpdateButDoNotAdd"), counts);
    }
}

#[test]
fn equal_keys_in_a_file_follow_the_switch() {
    for (switch, counts, rows) in [
        (DuplicateRows::LastWins, "Completed 3/2/1/0/0", "b|2|~; A|3|~"),
        (DuplicateRows::FirstWins, "Completed 3/2/1/0/0", "a|1|~; b|2|~"),
        (DuplicateRows::AllRefused, "Completed 3/1/0/2/0", "b|2|~"),
        (DuplicateRows::AllApplied, "Completed 3/3/0/0/0", "A|3|~; b|2|~"),
    ] {
        let mut cloud = with(Switches { duplicate_rows: switch, ..Switches::instant() });
        assert_eq!(cloud.import("Id,Name\na,1\nb,2\nA,3\n", "AddAndUpdate"), counts, "{switch:?}");
        assert_eq!(cloud.rows("people"), rows, "{switch:?}");
    }
}

#[test]
fn blank_cells_follow_the_switch() {
    for (switch, rows) in [
        (BlankCells::Null, "a|~|~; b|~|~"),
        (BlankCells::EmptyText, "a||~; b||~"),
        (BlankCells::Keep, "a|Ada|36; b|~|~"),
        (BlankCells::Default, "a|~|~; b|~|~"),
    ] {
        let mut cloud = with(Switches { blank_cells: switch, ..Switches::instant() });
        cloud.upsert(&[("Id", "a"), ("Name", "Ada"), ("Age", "36")]);
        assert_eq!(cloud.import("Id,Name,Age\na,,\nb,\"\",\n", "AddAndUpdate"), "Completed 2/2/0/0/0");
        assert_eq!(cloud.rows("people"), rows, "{switch:?}");
    }
}

#[test]
fn bad_rows_are_refused_alone_and_told_by_number() {
    let mut cloud = Cloud::with_people("Id:Text(3)! Name:Text(5) Age:Number City:Text(9)*");
    let csv = "Id,Name,Age,City\na,Ada,36,Rome\nlong,Bob,1,Oslo\nc,Cecilia,x,Bonn\nd,Dan,4\n,Eve,5,Kiev\nf,Fay,6,\n";
    let id = cloud.start_rest_import(csv, "AddAndUpdate");
    assert_eq!(cloud.summary(id), "Completed 6/1/0/5/0");
    assert_eq!(cloud.verdicts(id), "2:InvalidLength 3:InvalidLength 4:InvalidFieldCount 5:RequiredFieldMissing 6:RequiredFieldMissing");
    cloud.model.change_switches(|it| it.validation_every_cell = true);
    assert!(cloud.verdicts(id).starts_with("2:InvalidLength 3:InvalidLength 3:InvalidNumber 4:"));
    cloud.model.change_switches(|it| it.validation_rows_max = Some(2));
    assert_eq!(cloud.verdicts(id), "2:InvalidLength 3:InvalidLength");
    let (_, summary) = cloud.rest("GET", &format!("/data/v1/async/import/{id}/validationsummary"), Value::Null);
    let counts: Vec<(&str, u64)> = summary["importValidationSummary"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| (it["validationErrorType"].as_str().unwrap_or("?"), it["errorsCount"].as_u64().unwrap_or(0)))
        .collect();
    assert_eq!(counts, [("InvalidFieldCount", 1), ("InvalidLength", 2), ("RequiredFieldMissing", 2)]);
    assert_eq!(cloud.rows("people"), "a|Ada|36|Rome");
}

#[test]
fn rows_are_numbered_as_the_switch_says() {
    let csv = "Id,Name\na,\"Ada\nMay\"\ntoo-long-key,Bob\n";
    for (from_one, header_counts, physical_lines, number) in [
        (true, false, false, 2),
        (false, false, false, 1),
        (true, true, false, 3),
        (true, false, true, 3),
        (true, true, true, 4),
        (false, true, true, 3),
    ] {
        let row_numbering = RowNumbering { from_one, header_counts, physical_lines };
        let mut cloud = with(Switches { row_numbering, ..Switches::instant() });
        let id = cloud.start_rest_import(csv, "AddAndUpdate");
        assert_eq!(cloud.verdicts(id), format!("{number}:InvalidLength"), "{row_numbering:?}");
    }
}

#[test]
fn cells_with_line_breaks_may_be_refused() {
    let mut cloud = with(Switches { multi_line_cells_refused: true, ..Switches::instant() });
    assert_eq!(cloud.import("Id,Name\na,\"x\ny\"\nb,z\n", "AddAndUpdate"), "Completed 2/1/0/1/0");
}

#[test]
fn an_import_that_cannot_begin_ends_as_an_error() {
    for (csv, reason) in [
        ("", "EmptySource"),
        ("Id,Name\n", "EmptySource"),
        ("Key,Colour\na,b\n", "FieldNotFound: no heading is the name of a field"),
        ("Name\nAda\n", "FieldNotFound: Id"),
        ("\u{feff}Id,Name\na,Ada\n", "FieldNotFound: Id"),
    ] {
        let mut cloud = people(&[("z", "Zoe")]);
        let id = cloud.start_rest_import(csv, "Overwrite");
        assert!(cloud.summary(id).starts_with("Error 0/"), "{csv}");
        let (_, import) = cloud.inspect("GET", &format!("imports/{id}"), Value::Null);
        assert_eq!(import["error"], reason, "{csv}");
        assert_eq!(cloud.rows("people"), "z|Zoe|~");
    }
}

#[test]
fn without_a_primary_key_only_overwrite_works() {
    let mut cloud = Cloud::with_people("Name:Text(10)");
    assert!(cloud.import("Name\na\n", "AddAndUpdate").starts_with("Error"));
    assert_eq!(cloud.import("Name\na\na\n", "Overwrite"), "Completed 2/2/0/0/0");
    let mut keyed = with(Switches { overwrite_needs_no_key: true, ..Switches::instant() });
    assert!(keyed.import("Id\na\n", "Overwrite").starts_with("Error"));
}

#[test]
fn the_file_is_removed_from_the_enhanced_ftp_after_a_one_time_import() {
    for deletes in [true, false] {
        let mut cloud = with(Switches { rest_import_deletes_file: deletes, ..Switches::instant() });
        cloud.import("Id\na\n", "AddAndUpdate");
        let there = cloud.model.file_stat("ExactTarget Enhanced FTP", "Import/rows.csv").expect("a location");
        assert_eq!(there.is_none(), deletes);
    }
}

fn import_of_b(location: &str) -> serde_json::Value {
    json!({
        "source": { "fileInfo": { "specifier": "b.csv", "contentType": "CSV" } },
        "target": { "type": "DataExtension", "key": "people", "updateType": "AddAndUpdate" },
        "mapping": {}, "transport": { "key": location },
    })
}

#[test]
fn a_bucket_location_keeps_the_file() {
    let mut cloud = Cloud::with_people(FIELDS);
    cloud.model.file_put("sandbox_s3", "b.csv", b"Id\na\n".to_vec(), cloud.now).expect("stored");
    let (_, answer) = cloud.rest("POST", "/data/v1/async/import", import_of_b("sandbox_s3"));
    assert_eq!(cloud.summary(answer["id"].as_u64().expect("an id")), "Completed 1/1/0/0/0");
    assert!(cloud.model.file_stat("sandbox_s3", "b.csv").expect("a location").is_some());
}

#[test]
fn a_bucket_location_with_a_path_reads_below_it() {
    let mut cloud = Cloud::with_people(FIELDS);
    let bucket = json!({ "regionName": "eucentral1", "authType": "AccessKey", "accessKeyId": "A", "secretAccessKey": "s",
        "bucketName": "sandbox-drop", "relativePath": "in" });
    let location = json!({ "fileTransferLocation": { "customerKey": "below", "name": "below", "locationType": "AmazonSimpleStorage",
        "awsFileTransferLocation": bucket } });
    let (made, answer) = cloud.rest("POST", "/data/v1/filetransferlocation", location);
    assert!(made < 300, "{answer}");
    cloud.model.file_put("below", "in/b.csv", b"Id\na\n".to_vec(), cloud.now).expect("stored");
    let (_, answer) = cloud.rest("POST", "/data/v1/async/import", import_of_b("below"));
    assert_eq!(cloud.summary(answer["id"].as_u64().expect("an id")), "Completed 1/1/0/0/0");
}

#[test]
fn the_one_time_import_may_be_missing_forbidden_or_flat() {
    let nested = json!({
        "source": { "fileInfo": { "specifier": "rows.csv" } }, "target": { "key": "people" },
        "transport": { "key": "ExactTarget Enhanced FTP" },
    });
    let flat = json!({ "specifier": "rows.csv", "targetKey": "people", "transportKey": "ExactTarget Enhanced FTP" });
    for (switch, of_nested, of_flat) in
        [(RestImport::Nested, 200, 400), (RestImport::Flat, 400, 200), (RestImport::Forbidden, 403, 403), (RestImport::Missing, 404, 404)]
    {
        let mut cloud = with(Switches { rest_import: switch, ..Switches::instant() });
        assert_eq!(cloud.rest("POST", "/data/v1/async/import", nested.clone()).0, of_nested, "{switch:?}");
        assert_eq!(cloud.rest("POST", "/data/v1/async/import", flat.clone()).0, of_flat, "{switch:?}");
    }
}

fn define(cloud: &mut Cloud, members: &str) -> String {
    cloud.soap(&format!(
        r#"<CreateRequest><Options/><Objects xsi:type="ImportDefinition"><CustomerKey>load</CustomerKey><Name>load</Name><AllowErrors>true</AllowErrors><DestinationObject xsi:type="DataExtension"><CustomerKey>people</CustomerKey></DestinationObject><FileSpec>p.csv</FileSpec><FileType>CSV</FileType><RetrieveFileTransferLocation><CustomerKey>ExactTarget Enhanced FTP</CustomerKey></RetrieveFileTransferLocation>{members}</Objects></CreateRequest>"#
    ))
}

fn start(cloud: &mut Cloud) -> String {
    let text = cloud.soap(r#"<PerformRequestMsg><Options/><Action>start</Action><Definitions><Definition xsi:type="ImportDefinition"><ObjectID xsi:nil="true"/><CustomerKey>load</CustomerKey></Definition></Definitions></PerformRequestMsg>"#);
    assert_eq!(between(&text, "<OverallStatus>", "<"), "OK", "{text}");
    between(between(&text, "<Task>", "</Task>"), "<ID>", "<").to_owned()
}

fn poll(cloud: &mut Cloud, task: &str) -> Vec<String> {
    cloud
        .retrieve(
            "ImportResultsSummary",
            "ImportStatus TotalRows NumberSuccessful NumberErrors",
            &simple("TaskResultID", "equals", &[task]),
        )
        .1
}

const MANUAL: &str = "<FieldMappingType>ManualMap</FieldMappingType><FieldMaps><FieldMap><SourceName>key</SourceName><DestinationName>Id</DestinationName></FieldMap><FieldMap><SourceOrdinal>2</SourceOrdinal><DestinationName>Name</DestinationName></FieldMap></FieldMaps><UpdateType>AddAndUpdate</UpdateType><HeaderLines>1</HeaderLines>";

#[test]
fn a_definition_is_started_and_watched_to_its_end() {
    let mut cloud = with(Switches { empty_polls: 1, import_new_ms: 1000, import_processing_ms: 2000, ..Switches::default() });
    assert!(define(&mut cloud, MANUAL).contains("<StatusMessage>ImportDefinition created.</StatusMessage>"));
    cloud.put_file("p.csv", "key,who\na,Ada\nb,far too long a name\n");
    let task = start(&mut cloud);
    assert_eq!(poll(&mut cloud, &task), Vec::<String>::new());
    assert_eq!(poll(&mut cloud, &task), ["ImportStatus=New TotalRows=0 NumberSuccessful=0 NumberErrors=0"]);
    assert_eq!(cloud.model.next_due(), Some(cloud.now + 1000));
    cloud.now += 1000;
    assert_eq!(poll(&mut cloud, &task), ["ImportStatus=Processing TotalRows=0 NumberSuccessful=0 NumberErrors=0"]);
    assert_eq!(cloud.rows("people"), "");
    cloud.now += 2000;
    assert_eq!(poll(&mut cloud, &task), ["ImportStatus=Completed TotalRows=2 NumberSuccessful=1 NumberErrors=1"]);
    assert_eq!(cloud.rows("people"), "a|Ada|~");
    assert_eq!(cloud.model.next_due(), None);
}

#[test]
fn the_file_has_to_be_there_when_the_import_begins() {
    let mut cloud = with(Switches { empty_polls: 0, import_new_ms: 1000, import_processing_ms: 0, ..Switches::default() });
    define(&mut cloud, MANUAL);
    let early = start(&mut cloud);
    cloud.now += 500;
    cloud.put_file("p.csv", "key,who\na,Ada\n");
    cloud.now += 600;
    assert_eq!(poll(&mut cloud, &early), ["ImportStatus=Completed TotalRows=1 NumberSuccessful=1 NumberErrors=0"]);
    let late = start(&mut cloud);
    cloud.model.file_remove("ExactTarget Enhanced FTP", "Import/p.csv").expect("removed");
    cloud.now += 1100;
    assert_eq!(poll(&mut cloud, &late), ["ImportStatus=Error TotalRows=0 NumberSuccessful=0 NumberErrors=0"]);
}

#[test]
fn imports_work_one_after_another() {
    let mut cloud = with(Switches { empty_polls: 0, import_new_ms: 0, import_processing_ms: 1000, ..Switches::default() });
    define(&mut cloud, MANUAL);
    cloud.put_file("p.csv", "key,who\na,Ada\n");
    let (one, two) = (start(&mut cloud), start(&mut cloud));
    let status = |cloud: &mut Cloud, task: &str| between(&poll(cloud, task)[0], "ImportStatus=", " ").to_owned();
    assert_eq!((status(&mut cloud, &one), status(&mut cloud, &two)), ("Processing".to_owned(), "New".to_owned()));
    cloud.now += 1000;
    assert_eq!((status(&mut cloud, &one), status(&mut cloud, &two)), ("Completed".to_owned(), "Processing".to_owned()));
    cloud.now += 1000;
    assert_eq!(status(&mut cloud, &two), "Completed");
}

#[test]
fn definitions_are_refused_with_their_codes() {
    let mut cloud = Cloud::with_people(FIELDS);
    let code = |text: &str| between(text, "<ErrorCode>", "<").to_owned();
    define(&mut cloud, MANUAL);
    assert_eq!(code(&define(&mut cloud, MANUAL)), "43030");
    let create = |members: &str| format!(r#"<CreateRequest><Objects xsi:type="ImportDefinition">{members}</Objects></CreateRequest>"#);
    assert_eq!(code(&cloud.soap(&create("<Name>x</Name>"))), "43000");
    let long = "k".repeat(37);
    assert_eq!(code(&cloud.soap(&create(&format!("<CustomerKey>{long}</CustomerKey><Name>x</Name>")))), "43060");
    let delete = |key: &str| {
        format!(r#"<DeleteRequest><Objects xsi:type="ImportDefinition"><CustomerKey>{key}</CustomerKey></Objects></DeleteRequest>"#)
    };
    assert_eq!(code(&cloud.soap(&delete("other"))), "43010");
    assert!(cloud.soap(&delete("load")).contains("ImportDefinition deleted<"));
}

#[test]
fn an_update_of_a_definition_changes_only_what_it_says() {
    let mut cloud = Cloud::with_people(FIELDS);
    define(&mut cloud, MANUAL);
    cloud.soap(r#"<UpdateRequest><Objects xsi:type="ImportDefinition"><CustomerKey>load</CustomerKey><FileSpec>new.csv</FileSpec></Objects></UpdateRequest>"#);
    let (_, found) = cloud.retrieve("ImportDefinition", "FileSpec FieldMappingType UpdateType DestinationObject.ObjectID", "");
    let id = cloud.model.data_extension("people").expect("people").object_id.clone();
    assert_eq!(found, [format!("FileSpec=new.csv FieldMappingType=ManualMap UpdateType=AddAndUpdate DestinationObject.ObjectID={id}")]);
}

#[test]
fn a_control_column_decides_row_by_row() {
    let mut cloud = people(&[("a", "Ada"), ("b", "Bob"), ("c", "Cid")]);
    define(
        &mut cloud,
        "<FieldMappingType>InferFromColumnHeadings</FieldMappingType><UpdateType>ColumnBased</UpdateType><ControlColumn>op</ControlColumn><ControlColumnActions><ControlColumnAction><Value>d</Value><Action>Delete</Action></ControlColumnAction><ControlColumnAction><Value>u</Value><Action>AddAndUpdate</Action></ControlColumnAction><ControlColumnAction><Value>s</Value><Action>Skip</Action></ControlColumnAction></ControlColumnActions>",
    );
    cloud.put_file("p.csv", "Id,Name,op\na,x,d\nb,Bea,u\nc,y,s\nd,Dan,U\ne,Eve,?\n");
    let task = start(&mut cloud);
    assert_eq!(poll(&mut cloud, &task), ["ImportStatus=Completed TotalRows=5 NumberSuccessful=4 NumberErrors=1"]);
    assert_eq!(cloud.rows("people"), "b|Bea|~; c|Cid|~; d|Dan|~");
}

#[test]
fn an_import_that_allows_no_errors_stops_at_the_first() {
    let mut cloud = Cloud::with_people(FIELDS);
    define(&mut cloud, MANUAL);
    cloud.soap(r#"<UpdateRequest><Objects xsi:type="ImportDefinition"><CustomerKey>load</CustomerKey><AllowErrors>false</AllowErrors></Objects></UpdateRequest>"#);
    cloud.put_file("p.csv", "key,who\na,Ada\nmuch-too-long,Bob\nc,Cid\n");
    let task = start(&mut cloud);
    assert_eq!(poll(&mut cloud, &task), ["ImportStatus=Error TotalRows=2 NumberSuccessful=1 NumberErrors=1"]);
    assert_eq!(cloud.rows("people"), "a|Ada|~");
}

#[test]
fn a_dated_pattern_takes_the_nearest_file() {
    let mut cloud = Cloud::with_people(FIELDS);
    define(&mut cloud, MANUAL);
    cloud.soap(r#"<UpdateRequest><Objects xsi:type="ImportDefinition"><CustomerKey>load</CustomerKey><FileSpec>p_%%Year%%%%Month%%%%Day%%.csv</FileSpec></Objects></UpdateRequest>"#);
    for (name, who) in [("p_20261101.csv", "old"), ("p_20261121.csv", "near"), ("q_20261123.csv", "other")] {
        cloud.put_file(name, &format!("key,who\na,{who}\n"));
    }
    let task = start(&mut cloud);
    poll(&mut cloud, &task);
    assert_eq!(cloud.rows("people"), "a|near|~");
}

#[test]
fn the_status_and_the_number_of_result_rows_follow_their_switches() {
    let csv = "Id,Age\na,1\nb,x\n";
    for (switch, rest, soap) in [
        (FinishedStatus::Completed, "Completed 2/1/0/1/0", "Completed"),
        (FinishedStatus::Success, "Success 2/1/0/1/0", "Completed"),
        (FinishedStatus::ErrorWithErrors, "Error 2/1/0/1/0", "Error"),
    ] {
        let mut cloud = with(Switches { finished_status: switch, ..Switches::instant() });
        let id = cloud.start_rest_import(csv, "AddAndUpdate");
        assert_eq!(cloud.summary(id), rest);
        let (_, found) = cloud.retrieve("ImportResultsSummary", "ImportStatus", &simple("TaskResultID", "equals", &[&id.to_string()]));
        assert_eq!(found, [format!("ImportStatus={soap}")]);
        cloud.model.change_switches(|it| it.two_result_rows = true);
        let (_, found) = cloud.retrieve("ImportResultsSummary", "ImportStatus", "");
        assert_eq!(found, ["ImportStatus=Processing".to_owned(), format!("ImportStatus={soap}")]);
        cloud.model.change_switches(|it| it.rest_import_in_results = false);
        assert_eq!(cloud.retrieve("ImportResultsSummary", "ImportStatus", "").1.len(), 0);
    }
}

#[test]
fn rows_expire_by_age_and_updates_may_prolong_them() {
    for prolongs in [true, false] {
        let mut cloud = with(Switches { update_prolongs_retention: prolongs, token_lives_s: 1_000_000, ..Switches::instant() });
        cloud.soap(r#"<UpdateRequest><Objects xsi:type="DataExtension"><CustomerKey>people</CustomerKey><RowBasedRetention>true</RowBasedRetention><DataRetentionPeriodLength>1</DataRetentionPeriodLength><DataRetentionPeriodUnitOfMeasure>3</DataRetentionPeriodUnitOfMeasure></Objects></UpdateRequest>"#);
        cloud.import("Id\na\nb\n", "AddAndUpdate");
        cloud.now += 43_200_000;
        cloud.import("Id,Name\na,Ada\n", "AddAndUpdate");
        cloud.now += 43_300_000;
        cloud.model.advance(cloud.now);
        assert_eq!(cloud.rows("people"), if prolongs { "a|Ada|~" } else { "" });
    }
}
