//! File locations, as far as they may be seen.

use outflow_ports::MarketingCloud;
use serde_json::{Value, json};

use crate::fake::*;

fn list(items: Value) -> Reply {
    let count = items.as_array().map_or(0, Vec::len);
    json_reply(200, json!({ "page": 1, "pageSize": 50, "count": count, "items": items }))
}

fn ftp() -> Reply {
    list(json!([{ "name": "ExactTarget Enhanced FTP", "id": "1", "locationTypeId": 0, "relPath": "ExactTarget Enhanced FTP" }]))
}

fn buckets() -> Reply {
    list(json!([{ "name": "Our drop", "customerKey": "acme_s3", "locationType": "AmazonSimpleStorage" }]))
}

fn forbidden() -> Reply {
    json_reply(403, json!({ "message": "Insufficient Privileges", "errorcode": 20000 }))
}

fn has(key: &str, replies: impl IntoIterator<Item = Reply>) -> Option<bool> {
    let world = World::answering(replies);
    let has = run(world.cloud.has_file_location(key)).unwrap();
    world.assert_over();
    has
}

#[test]
fn the_enhanced_ftp_is_known_by_its_name() {
    assert_eq!(has("ExactTarget Enhanced FTP", [ftp()]), Some(true));
}

#[test]
fn a_bucket_is_known_by_its_key() {
    assert_eq!(has("acme_s3", [ftp(), buckets()]), Some(true));
}

#[test]
fn what_is_in_no_list_is_not_there() {
    assert_eq!(has("other", [ftp(), buckets()]), Some(false));
}

#[test]
fn what_may_not_be_asked_is_not_known() {
    assert_eq!(has("other", [forbidden(), buckets()]), None);
    assert_eq!(has("other", [ftp(), forbidden()]), None);
    assert_eq!(has("acme_s3", [forbidden(), buckets()]), Some(true));
}

#[test]
fn a_list_is_read_to_its_last_page() {
    let page = |name: &str| json_reply(200, json!({ "page": 1, "pageSize": 1, "count": 2, "items": [{ "name": name }] }));
    assert_eq!(has("second", [page("first"), page("second")]), Some(true));
    assert_eq!(has("third", [page("first"), page("second"), buckets()]), Some(false));
}
