//! The inspect door, and the state as bytes.

use outflow_sandbox::model::Model;
use serde_json::{Value, json};

use crate::model_support::Cloud;

#[test]
fn a_data_extension_is_made_and_its_rows_are_shown() {
    let mut cloud = Cloud::new();
    let body = json!({ "key": "k", "name": "K", "fields": [
        { "name": "Id", "type": "Text", "max_length": 9, "required": true, "primary_key": true }, { "name": "N", "type": "Number" },
    ] });
    let (status, made) = cloud.inspect("POST", "data-extensions", body);
    assert_eq!((status, &made["row_count"]), (201, &json!(0)), "{made}");
    for id in ["a", "b"] {
        let write = json!({ "do": "upsert_row", "de": "k", "values": { "Id": id, "N": null } });
        assert_eq!(cloud.inspect("POST", "write", write).0, 204);
    }
    let (_, rows) = cloud.inspect("GET", "data-extensions/k/rows?skip=1", Value::Null);
    assert_eq!(rows, json!({ "count": 2, "columns": ["Id", "N"], "rows": [{ "_CustomObjectKey": 2, "values": ["b", null] }] }));
    let (status, error) = cloud.inspect("POST", "write", json!({ "do": "clear_rows", "de": "nobody" }));
    assert_eq!((status, &error["error"]), (400, &json!("there is no data extension `nobody`")));
}

#[test]
fn switches_are_read_patched_and_put() {
    let mut cloud = Cloud::new();
    let (_, all) = cloud.inspect("PATCH", "switches", json!({ "ignored_rows": "duplicated" }));
    assert_eq!((&all["ignored_rows"], &all["empty_polls"]), (&json!("duplicated"), &json!(0)));
    let (_, all) = cloud.inspect("PUT", "switches", json!({ "token_lives_s": 5 }));
    assert_eq!((&all["ignored_rows"], &all["empty_polls"]), (&json!("nowhere"), &json!(1)));
    assert_eq!(cloud.inspect("PATCH", "switches", json!({ "colour": "red" })).0, 400);
}

#[test]
fn faults_are_set_listed_and_removed() {
    let mut cloud = Cloud::new();
    let fault = json!({ "when": { "door": "rest", "path": "ftplocations" }, "effect": { "effect": "throttle", "retry_after_s": 3 } });
    let (status, made) = cloud.inspect("POST", "faults", fault);
    assert_eq!(status, 201, "{made}");
    assert_eq!(cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null).0, 429);
    let (_, list) = cloud.inspect("GET", "faults", Value::Null);
    assert_eq!(list["faults"][0]["met"], 1);
    let nested = json!({ "effect": { "effect": "import", "fault": { "import": "reject_rows", "rows": [1], "code": "X" } } });
    assert_eq!(cloud.inspect("POST", "faults", nested).0, 201);
    let file = json!({ "effect": { "effect": "file", "fault": { "file": "no_space", "after_bytes": 9 } } });
    assert_eq!(cloud.inspect("POST", "faults", file).0, 201);
    assert_eq!(cloud.inspect("DELETE", &format!("faults/{}", made["id"]), Value::Null).0, 204);
    assert_eq!(cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null).0, 200);
    assert_eq!(cloud.inspect("POST", "faults", json!({ "effect": { "effect": "moon" } })).0, 400);
}

#[test]
fn the_journal_knows_every_call_and_no_secret() {
    let mut cloud = Cloud::with_people("Id:Text(9)!");
    cloud.retrieve("DataExtension", "Name", "");
    cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null);
    let (_, journal) = cloud.inspect("GET", "journal", Value::Null);
    let calls: Vec<String> = journal["calls"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| {
            format!(
                "{} {} {} {}",
                it["door"].as_str().unwrap_or(""),
                it["method"].as_str().unwrap_or(""),
                it["object"].as_str().unwrap_or(""),
                it["status"]
            )
        })
        .collect();
    assert_eq!(calls, ["auth POST  200", "soap Retrieve DataExtension 200", "rest GET  200"]);
    let text = journal.to_string();
    assert!(!text.contains("sandbox-secret") && !text.contains(&cloud.token));
    assert_eq!(cloud.inspect("GET", "journal?after=2", Value::Null).1["calls"].as_array().map(Vec::len), Some(1));
}

#[test]
fn files_are_put_listed_and_read() {
    let mut cloud = Cloud::new();
    assert_eq!(cloud.inspect("PUT", "files/ExactTarget%20Enhanced%20FTP/Import/a.csv", json!("x")).0, 204);
    let (_, list) = cloud.inspect("GET", "files/ExactTarget%20Enhanced%20FTP?prefix=Import/", Value::Null);
    assert_eq!((&list["files"][0]["path"], &list["files"][0]["size"]), (&json!("Import/a.csv"), &json!(3)));
    assert_eq!(cloud.inspect("GET", "files/ExactTarget%20Enhanced%20FTP/Import/a.csv", Value::Null).1, json!("x"));
    assert_eq!(cloud.inspect("DELETE", "files/ExactTarget%20Enhanced%20FTP/Import/a.csv", Value::Null).0, 204);
}

#[test]
fn the_whole_state_survives_as_bytes() {
    let mut cloud = Cloud::with_people("Id:Text(9)! Name:Text(9)");
    cloud.import("Id,Name\na,Ada\nb,Bob\n", "AddAndUpdate");
    cloud.put_file("kept.csv", "Id\nc\n");
    cloud.model = Model::restore(&cloud.model.snapshot()).expect("the state");
    assert_eq!(cloud.rows("people"), "a|Ada; b|Bob");
    cloud.upsert(&[("Id", "A"), ("Name", "Ida")]);
    cloud.upsert(&[("Id", "c")]);
    assert_eq!(cloud.rows("people"), "A|Ida; b|Bob; c|~");
    assert_eq!(cloud.model.file_get("ExactTarget Enhanced FTP", "Import/kept.csv"), Ok(&b"Id\nc\n"[..]));
    assert_eq!(cloud.rest("GET", "/automation/v1/ftplocations/", Value::Null).0, 200);
    assert!(Model::restore(b"{").is_err());
}
