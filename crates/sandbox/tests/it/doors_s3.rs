//! The S3 door, met by the `object_store` client over a real socket.

use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, RetryConfig};
use outflow_sandbox::Ready;
use serde_json::json;

use crate::doors_support::{sandbox, set_fault};

fn builder(ready: &Ready) -> AmazonS3Builder {
    // Faults are to be seen, not retried away.
    let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
    AmazonS3Builder::new()
        .with_endpoint(&ready.s3.endpoint)
        .with_bucket_name(&ready.s3.bucket)
        .with_region(&ready.s3.region)
        .with_access_key_id(&ready.s3.access_key_id)
        .with_secret_access_key(&ready.s3.secret_access_key)
        .with_allow_http(true)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_retry(once)
}

fn store(ready: &Ready) -> AmazonS3 {
    crate::doors_support::http();
    builder(ready).build().expect("a client")
}

async fn put(store: &AmazonS3, key: &str, text: &str) {
    store.put(&Path::from(key), PutPayload::from(text.to_owned())).await.expect("a stored object");
}

#[tokio::test]
async fn what_was_put_can_be_read_back() {
    let sandbox = sandbox().await;
    let store = store(&sandbox.ready);
    put(&store, "in/ünïc ode+&.csv", "a,b\n1,2\n").await;
    let path = Path::from("in/ünïc ode+&.csv");
    assert_eq!(store.head(&path).await.expect("it is there").size, 8);
    let bytes = store.get(&path).await.expect("it is there").bytes().await.expect("readable");
    assert_eq!(bytes, "a,b\n1,2\n");
    assert_eq!(store.list(None).try_collect::<Vec<_>>().await.expect("a list")[0].location, path);
}

#[tokio::test]
async fn a_range_is_a_part_of_it() {
    let sandbox = sandbox().await;
    let store = store(&sandbox.ready);
    put(&store, "in/a", "0123456789").await;
    let options = GetOptions { range: Some(GetRange::Bounded(3..6)), ..GetOptions::default() };
    let part = store.get_opts(&Path::from("in/a"), options).await.expect("it is there");
    assert_eq!(part.bytes().await.expect("readable"), "345");
}

#[tokio::test]
async fn a_listing_rolls_up_at_the_delimiter() {
    let sandbox = sandbox().await;
    let store = store(&sandbox.ready);
    for key in ["in/1", "in/2", "in/old/1", "top"] {
        put(&store, key, "x").await;
    }
    let listed = store.list_with_delimiter(Some(&Path::from("in"))).await.expect("a list");
    assert_eq!(listed.objects.len(), 2);
    assert_eq!(listed.common_prefixes, [Path::from("in/old")]);
}

#[tokio::test]
async fn more_keys_than_a_page_holds_are_all_listed() {
    let sandbox = sandbox().await;
    let location = sandbox.ready.s3.file_location_key.clone();
    sandbox
        .model(move |model, now_ms| {
            for number in 0..2_345 {
                model.file_put(&location, &format!("in/{number}"), Vec::new(), now_ms).expect("a bucket");
            }
        })
        .await;
    let listed: Vec<_> = store(&sandbox.ready).list(None).try_collect().await.expect("a list");
    assert_eq!(listed.len(), 2_345);
}

#[tokio::test]
async fn a_put_that_may_only_create_refuses_to_replace() {
    let sandbox = sandbox().await;
    let store = store(&sandbox.ready);
    let path = Path::from("in/a");
    let create = || store.put_opts(&path, PutPayload::from_static(b"1"), PutMode::Create.into());
    create().await.expect("nothing is there");
    let error = create().await.expect_err("something is there");
    assert!(matches!(error, object_store::Error::AlreadyExists { .. }), "{error}");
}

#[tokio::test]
async fn parts_become_one_object() {
    let sandbox = sandbox().await;
    let store = store(&sandbox.ready);
    let path = Path::from("in/big");
    let mut upload = store.put_multipart(&path).await.expect("an upload");
    upload.put_part(PutPayload::from(vec![1; 5 << 20])).await.expect("a part");
    upload.put_part(PutPayload::from(vec![2; 100])).await.expect("the last part");
    upload.complete().await.expect("all parts are there");
    assert_eq!(store.head(&path).await.expect("it is there").size, (5 << 20) + 100);
}

#[tokio::test]
async fn an_upload_given_up_leaves_nothing() {
    let sandbox = sandbox().await;
    let store = store(&sandbox.ready);
    let path = Path::from("in/big");
    let mut upload = store.put_multipart(&path).await.expect("an upload");
    upload.put_part(PutPayload::from_static(b"x")).await.expect("a part");
    upload.abort().await.expect("it was under way");
    assert!(matches!(store.head(&path).await, Err(object_store::Error::NotFound { .. })));
}

#[tokio::test]
async fn removing_and_copying() {
    let sandbox = sandbox().await;
    let store = store(&sandbox.ready);
    put(&store, "in/a", "x").await;
    store.copy(&Path::from("in/a"), &Path::from("in/b")).await.expect("the source is there");
    store.delete(&Path::from("in/a")).await.expect("it is there");
    let keys: Vec<_> = store.list(None).map_ok(|it| it.location.to_string()).try_collect().await.expect("a list");
    assert_eq!(keys, ["in/b"]);
}

#[tokio::test]
async fn signatures_are_checked() {
    let sandbox = sandbox().await;
    let _ready = store(&sandbox.ready);
    let wrong = [
        builder(&sandbox.ready).with_secret_access_key("wrong"),
        builder(&sandbox.ready).with_access_key_id("WRONG"),
        builder(&sandbox.ready).with_region("us-east-1"),
    ];
    for builder in wrong {
        let put = builder.build().expect("a client").put(&Path::from("in/a"), PutPayload::from_static(b"x")).await;
        assert!(put.is_err());
    }
    assert!(builder(&sandbox.ready).with_bucket_name("another").build().expect("a client").head(&Path::from("a")).await.is_err());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_object() {
    let sandbox = sandbox().await;
    let store = store(&sandbox.ready);
    let fault = json!({ "when": { "door": "s3", "method": "put", "times": 1 },
        "effect": { "effect": "file", "fault": { "file": "lose_answer" } } });
    set_fault(&sandbox.ready, fault).await;
    assert!(store.put(&Path::from("in/a"), PutPayload::from_static(b"x")).await.is_err());
    assert!(store.head(&Path::from("in/a")).await.is_ok());
}

#[tokio::test]
async fn a_dropped_upload_leaves_nothing() {
    let sandbox = sandbox().await;
    let store = store(&sandbox.ready);
    let fault = json!({ "when": { "door": "s3", "method": "put", "times": 1 },
        "effect": { "effect": "file", "fault": { "file": "drop_connection", "after_bytes": 1 } } });
    set_fault(&sandbox.ready, fault).await;
    assert!(store.put(&Path::from("in/a"), PutPayload::from_static(b"xyz")).await.is_err());
    assert!(matches!(store.head(&Path::from("in/a")).await, Err(object_store::Error::NotFound { .. })));
}

#[tokio::test]
async fn the_model_sees_what_was_uploaded() {
    let sandbox = sandbox().await;
    put(&store(&sandbox.ready), "in/a.csv", "a\n1\n").await;
    let location = sandbox.ready.s3.file_location_key.clone();
    let bytes = sandbox.model(move |model, _| model.file_get(&location, "in/a.csv").map(<[u8]>::to_vec)).await;
    assert_eq!(bytes.expect("it is there"), b"a\n1\n");
}
