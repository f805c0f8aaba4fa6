//! The REST door, apart from imports.

use outflow_sandbox::model::Switches;
use serde_json::{Value, json};

use crate::model_support::Cloud;

const FIELDS: &str = "Id:Text(10)! Name:Text(5) Age:Number";

#[test]
fn asynchronous_rows_are_upserted_and_their_results_kept_in_order() {
    let mut cloud = Cloud::with(Switches { async_rows_ms: 1000, ..Switches::instant() });
    cloud.table("people", FIELDS);
    let items = json!({ "items": [{ "id": "a", "NAME": "Ada", "Age": 36 }, { "Id": "b", "Name": "longer" }, { "Name": "Eve" }] });
    let (status, answer) = cloud.rest("PUT", "/data/v1/async/dataextensions/key:people/rows", items);
    assert_eq!(status, 202);
    let id = answer["requestId"].as_str().expect("an id").to_owned();
    let path = |what: &str| format!("/data/v1/async/{id}/{what}");
    let (status, answer) = cloud.rest("GET", &path("status"), Value::Null);
    assert_eq!((status, answer.get("status")), (200, None));
    assert_eq!(cloud.rest("GET", &path("results"), Value::Null).1["resultMessages"][0]["resultCode"], "AsyncRequestStatusNotFound");
    cloud.now += 1000;
    let (_, answer) = cloud.rest("GET", &path("status"), Value::Null);
    assert_eq!(answer["status"]["requestStatus"], "Complete");
    assert_eq!(answer["status"]["resultStatus"], "Has Errors");
    let (_, answer) = cloud.rest("GET", &path("results"), Value::Null);
    assert_eq!((&answer["count"], &answer["pageSize"]), (&json!(3), &json!(50)));
    assert_eq!(answer["items"][0], json!({ "status": "OK", "message": "Upserted DataExtensionObject" }));
    assert_eq!(answer["items"][1]["errors"][0]["errorCode"], 70002);
    assert_eq!(answer["items"][2]["message"], "Cannot locate the existing record. Required keys are missing.");
    assert_eq!(cloud.rows("people"), "a|Ada|36");
}

#[test]
fn inserting_an_existing_key_names_the_constraint() {
    let mut cloud = Cloud::with_people(FIELDS);
    cloud.upsert(&[("Id", "a")]);
    let (_, answer) = cloud.rest("POST", "/data/v1/async/dataextensions/key:people/rows", json!({ "items": [{ "Id": "A" }] }));
    let id = answer["requestId"].as_str().expect("an id").to_owned();
    let (_, answer) = cloud.rest("GET", &format!("/data/v1/async/{id}/results"), Value::Null);
    assert!(answer["items"][0]["message"].as_str().is_some_and(|it| it.contains("PRIMARY KEY constraint 'PK_C")));
}

#[test]
fn asynchronous_rows_are_refused_at_the_door() {
    let mut cloud = Cloud::with(Switches { async_rows_max: 1, ..Switches::instant() });
    cloud.table("people", FIELDS);
    let (status, answer) = cloud.rest("PUT", "/data/v1/async/dataextensions/key:nobody/rows", json!({ "items": [] }));
    assert_eq!((status, &answer["resultMessages"][0]["resultCode"]), (400, &json!("CustomObjectNotFound")));
    assert_eq!(
        answer["resultMessages"][0]["message"],
        "Failed to resolve the Custom Object from the provided ObjectReferenceIdentifier [Id: , Key: nobody]."
    );
    let path = "/data/v1/async/dataextensions/key:people/rows";
    assert_eq!(cloud.rest("PUT", path, json!({ "items": [{}, {}] })).0, 400);
    assert_eq!(cloud.rest("GET", "/data/v1/async/malformed/status", Value::Null).0, 500);
}

#[test]
fn a_row_set_comes_in_pages_and_an_empty_one_has_no_items() {
    let mut cloud = Cloud::with_people(FIELDS);
    let (_, answer) = cloud.rest("GET", "/data/v1/customobjectdata/key/people/rowset?$page=1&$pagesize=1", Value::Null);
    assert_eq!((&answer["count"], answer.get("items")), (&json!(0), None));
    for id in ["a", "b", "c"] {
        cloud.upsert(&[("Id", id), ("Age", "7")]);
    }
    let (_, answer) = cloud.rest("GET", "/data/v1/customobjectdata/key/people/rowset?$page=1&$pageSize=2", Value::Null);
    assert_eq!(answer["items"][1], json!({ "keys": { "Id": "b" }, "values": { "Name": "", "Age": "7" } }));
    let next = answer["links"]["next"].as_str().expect("a next page").to_owned();
    let (_, answer) = cloud.rest("GET", &format!("/data{next}"), Value::Null);
    assert_eq!((&answer["page"], answer["items"].as_array().map(Vec::len), answer["links"].get("next")), (&json!(2), Some(1), None));
    let (_, answer) = cloud.rest("GET", "/data/v1/customobjectdata/key/people/rowset?$filter=Id%20eq%20'B'", Value::Null);
    assert_eq!(answer["count"], 1);
}

#[test]
fn synchronous_rows_stop_at_the_first_bad_one() {
    let mut cloud = Cloud::with_people(FIELDS);
    let row = |id: &str, name: &str| json!({ "keys": { "Id": id }, "values": { "Name": name } });
    let (status, answer) =
        cloud.rest("POST", "/hub/v1/dataevents/key:people/rowset", json!([row("a", "Ada"), row("b", "longer"), row("c", "Cid")]));
    assert_eq!((status, &answer["errorcode"]), (400, &json!(10006)));
    assert_eq!(answer["additionalErrors"].as_array().map(Vec::len), Some(1));
    assert_eq!(cloud.rows("people"), "a|Ada|~");
    assert_eq!(cloud.rest("POST", "/hub/v1/dataevents/key:people/rowset", json!([{ "keys": { "id": "b" } }])).1["errorcode"], 10000);
    assert_eq!(cloud.rest("PUT", "/hub/v1/dataevents/key:people/rows/Id:d", json!({ "values": { "Age": "4" } })).0, 200);
    assert_eq!(cloud.rest("POST", "/hub/v1/dataevents/key:people/rowset/delete", json!({ "keys": { "Id": "a" } })).0, 400);
    assert_eq!(cloud.rest("POST", "/hub/v1/dataevents/key:people/rowset/delete", json!([{ "keys": { "Id": "A" } }])).0, 200);
    assert_eq!(cloud.rows("people"), "d|~|4");
    assert_eq!(cloud.rest("POST", "/hub/v1/dataevents/key:nobody/rowset", json!([])).1["errorcode"], 10001);
}

#[test]
fn data_extensions_are_made_found_and_deleted() {
    let mut cloud = Cloud::new();
    let field = |name: &str, key: bool| json!({ "name": name, "type": "Text", "isNullable": !key, "isPrimaryKey": key, "length": 50 });
    let body = json!({ "name": "Orders", "key": "orders", "isSendable": false, "fields": [field("Id", true), field("City", false)] });
    let (status, answer) = cloud.rest("POST", "/data/v1/customobjects", body.clone());
    assert_eq!((status, &answer["key"]), (201, &json!("orders")));
    let id = answer["id"].as_str().expect("an id").to_owned();
    assert_eq!(cloud.rest("POST", "/data/v1/customobjects", body).0, 400);
    let (_, answer) = cloud.rest("GET", &format!("/data/v1/customobjects/{id}/fields"), Value::Null);
    assert_eq!(answer["fields"][0]["isPrimaryKey"], true);
    let (status, answer) = cloud.rest("GET", "/data/v1/customobjects", Value::Null);
    assert_eq!((status, &answer["errorcode"]), (400, &json!(10005)));
    assert_eq!(cloud.rest("GET", "/data/v1/customobjects?$search=order", Value::Null).1["count"], 1);
    assert_eq!(cloud.rest("GET", "/data/v1/customobjects/orders", Value::Null).1["message"], "Id is invalid");
    assert_eq!(cloud.rest("GET", "/legacy/v1/beta/object/?$top=50&$skip=0", Value::Null).1["totalResults"], 1);
    let more = json!({ "fields": [field("Country", false)] });
    assert_eq!(cloud.rest("POST", &format!("/data/v1/customobjectsasync/{id}/fields"), more).0, 200);
    assert_eq!(cloud.model.data_extension("orders").expect("orders").fields.len(), 3);
    assert_eq!(cloud.rest("DELETE", &format!("/data/v1/customobjects/{id}"), Value::Null).0, 200);
    assert!(cloud.model.data_extension("orders").is_none());
}

#[test]
fn file_locations_are_listed_the_old_and_the_new_way() {
    let mut cloud = Cloud::new();
    let (_, old) = cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null);
    assert_eq!(old["items"][0]["relPath"], "ExactTarget Enhanced FTP");
    assert_eq!((&old["items"][0]["locationTypeId"], &old["items"][1]["locationTypeId"]), (&json!(0), &json!(13)));
    assert_eq!(old["items"][1]["locationUrl"], "S3://sandbox-drop/");
    let (_, new) = cloud.rest("GET", "/data/v1/filetransferlocations", Value::Null);
    assert_eq!((&new["count"], &new["items"][0]["customerKey"]), (&json!(1), &json!("sandbox_s3")));
}

#[test]
fn file_locations_are_made_changed_and_deleted_without_showing_secrets() {
    let mut cloud = Cloud::new();
    let body = json!({ "fileTransferLocation": {
        "customerKey": "drop", "name": "drop", "description": "", "locationType": "AmazonSimpleStorage",
        "awsFileTransferLocation": { "regionName": "eucentral1", "authType": "AccessKey", "accessKeyId": "A", "secretAccessKey": "hidden-secret", "bucketName": "b", "relativePath": "x/y" },
    } });
    let (status, answer) = cloud.rest("POST", "/data/v1/filetransferlocation", body.clone());
    assert_eq!(status, 200);
    assert!(!answer.to_string().contains("hidden-secret"));
    assert!(!String::from_utf8_lossy(&cloud.model.snapshot()).contains("hidden-secret"));
    assert_eq!(cloud.rest("POST", "/data/v1/filetransferlocation", body).0, 400);
    let change = json!({ "fileTransferLocation": { "description": "new" } });
    assert_eq!(cloud.rest("PATCH", "/data/v1/filetransferlocation/drop", change).1["fileTransferLocation"]["description"], "new");
    assert_eq!(
        cloud.rest("GET", "/data/v1/filetransferlocation/ExactTarget%20Enhanced%20FTP", Value::Null).1.get("fileTransferLocation"),
        None
    );
    assert_eq!(cloud.rest("DELETE", "/data/v1/filetransferlocation/drop", Value::Null).0, 200);
    assert_eq!(cloud.rest("GET", "/data/v1/filetransferlocation/drop", Value::Null).0, 400);
}

#[test]
fn import_definitions_live_in_both_worlds() {
    let mut cloud = Cloud::with_people(FIELDS);
    let target = cloud.model.data_extension("people").expect("people").object_id.clone();
    let (_, locations) = cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null);
    let body = json!({
        "name": "load", "customerKey": "load", "destinationObjectId": target, "destinationObjectTypeId": 310,
        "fieldMappingType": "InferFromColumnHeadings", "fieldMappings": [], "fileNamingPattern": "p.csv", "fileType": "CSV",
        "fileTransferLocationId": locations["items"][0]["id"], "hasColumnHeader": true, "updateTypeId": 2, "standardQuotedStrings": true,
    });
    let (status, made) = cloud.rest("POST", "/automation/v1/imports/", body.clone());
    assert_eq!(status, 200, "{made}");
    assert_eq!(cloud.rest("POST", "/automation/v1/imports/", body).0, 400);
    let path = format!("/automation/v1/imports/{}", made["importDefinitionId"].as_str().expect("an id"));
    assert_eq!(cloud.rest("GET", "/automation/v1/imports/?$filter=customerKey%20eq%20load", Value::Null).1["count"], 1);
    assert_eq!(cloud.rest("GET", "/automation/v1/imports/?$filter=customerKey%20eq%20other", Value::Null).1["count"], 0);
    let (_, one) = cloud.rest("GET", &path, Value::Null);
    assert_eq!((&one["destinationName"], &one["blankFileProcessingType"]), (&json!("people"), &json!(0)));
    assert_eq!(cloud.rest("PATCH", &path, json!({ "updateTypeId": 0, "blankFileProcessingType": 2 })).1["updateTypeId"], 0);
    let (_, found) = cloud.retrieve("ImportDefinition", "CustomerKey UpdateType", "");
    assert_eq!(found, ["CustomerKey=load UpdateType=AddAndUpdate"]);
    assert_eq!(cloud.rest("DELETE", &path, Value::Null), (200, Value::Null));
    assert_eq!(cloud.rest("GET", &path, Value::Null).0, 404);
}

#[test]
fn unknown_routes_are_not_found() {
    let mut cloud = Cloud::new();
    let (status, answer) = cloud.rest("GET", "/data/v1/moon", Value::Null);
    assert_eq!((status, &answer["errorcode"], &answer["message"]), (404, &json!(404), &json!("Not Found")));
}
