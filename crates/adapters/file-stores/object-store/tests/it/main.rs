//! The S3 store against moto, a server that nobody here wrote and that checks signatures and policies, and against our own sandbox.

use std::sync::Mutex;

use outflow_domain::{FileName, Secret};
use outflow_file_store_object_store::{Credentials, S3Settings, S3Store};
use outflow_ports::{
    FileStore, FileStoreError, StoredFile,
    promises::file_store::{self as promises, Sample},
};
use outflow_sandbox::{Options, Sandbox};
use outflow_testkit::servers::{BUCKET, EVERYTHING, Moto, REGION};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

const MIB: usize = 1 << 20;

fn start(policy: &str) -> Moto {
    Moto::start(env!("CARGO_TARGET_TMPDIR"), policy)
}

fn settings(moto: &Moto, prefix: &str) -> S3Settings {
    S3Settings {
        bucket: BUCKET.to_owned(),
        prefix: prefix.to_owned(),
        region: REGION.to_owned(),
        endpoint: Some(moto.endpoint()),
        credentials: keys(&moto.access_key_id, &moto.secret_access_key),
    }
}

fn keys(access_key_id: &str, secret_access_key: &str) -> Credentials {
    let secret_access_key = Secret::new(secret_access_key);
    Credentials::Keys { access_key_id: access_key_id.to_owned(), secret_access_key, session_token: None }
}

fn store(settings: S3Settings) -> S3Store {
    S3Store::new(settings).expect("settings")
}

fn name() -> FileName {
    "loyalty-0001.csv".parse().unwrap()
}

async fn put(store: &S3Store, sample: &Sample) -> Result<StoredFile, FileStoreError> {
    store.put(&name(), sample, &|_| ()).await
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_file_store() {
    let moto = start(EVERYTHING);
    for prefix in ["", "marketing/outflow"] {
        let store = store(settings(&moto, prefix));
        promises::keeps_its_promises(&store).await;
        promises::the_bytes_are_those_sent(&store, &|name| moto.get(format!("{prefix}/{name}").trim_start_matches('/'))).await;
        assert_eq!(moto.list(), [""; 0], "nothing is left behind");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_sandbox_keeps_them_too() {
    let sandbox = Sandbox::start(Options::default()).await.expect("free ports on loopback");
    let bucket = sandbox.ready.s3.clone();
    for prefix in ["", "marketing/outflow"] {
        let store = store(S3Settings {
            bucket: bucket.bucket.clone(),
            prefix: prefix.to_owned(),
            region: bucket.region.clone(),
            endpoint: Some(bucket.endpoint.clone()),
            credentials: keys(&bucket.access_key_id, &bucket.secret_access_key),
        });
        promises::keeps_its_promises(&store).await;
        let lies_there = |name: &FileName| {
            let (location, path) = (bucket.file_location_key.clone(), format!("{prefix}/{name}").trim_start_matches('/').to_owned());
            let bytes = sandbox.model(move |model, _| model.file_get(&location, &path).map(<[u8]>::to_vec));
            tokio::task::block_in_place(|| Handle::current().block_on(bytes)).unwrap()
        };
        promises::the_bytes_are_those_sent(&store, &lies_there).await;
        let location = bucket.file_location_key.clone();
        let left = sandbox.model(move |model, _| model.file_list(&location, "")).await.unwrap();
        assert_eq!(left, [], "nothing is left behind");
    }
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_file_lies_under_its_prefix() {
    let moto = start(EVERYTHING);
    put(&store(settings(&moto, "/marketing/outflow/")), &Sample::of(10)).await.unwrap();
    assert_eq!(moto.list(), ["marketing/outflow/loyalty-0001.csv"]);
}

#[tokio::test]
async fn a_long_file_travels_in_parts() {
    let moto = start(EVERYTHING);
    let sample = Sample::of(17 * MIB + 1);
    let told = Mutex::new(Vec::new());
    store(settings(&moto, "")).put(&name(), &sample, &|it| told.lock().unwrap().push(it)).await.unwrap();
    assert!(moto.get(name().as_str()) == sample.bytes(), "other bytes arrived");
    let told = told.into_inner().unwrap();
    assert!(told.len() == 3 && told.is_sorted() && told[2] == 17 * MIB as u64 + 1, "{told:?}");
    assert_eq!(moto.list(), [name().as_str()], "and no upload is left unfinished");
}

#[tokio::test]
async fn the_parts_of_a_long_file_that_breaks_off_are_removed() {
    let moto = start(EVERYTHING);
    let broken = Sample::of(17 * MIB).breaking_off_at(16 * MIB as u64 + 1);
    let error = put(&store(settings(&moto, "")), &broken).await.unwrap_err();
    assert!(matches!(error, FileStoreError::Content { .. }), "{error}");
    assert_eq!(moto.list(), [""; 0]);
}

#[tokio::test]
async fn a_wrong_secret_is_a_refused_login() {
    let moto = start(EVERYTHING);
    let user = moto.access_key_id.clone();
    let credentials =
        Credentials::Keys { access_key_id: user.clone(), secret_access_key: Secret::new("wrong-secret-marker"), session_token: None };
    let store = store(S3Settings { credentials, ..settings(&moto, "") });
    for error in [store.check().await.unwrap_err(), put(&store, &Sample::of(1)).await.unwrap_err()] {
        assert!(matches!(&error, FileStoreError::LoginRefused { user: told, .. } if *told == user), "{error:?}");
        assert!(error.to_string().contains("SignatureDoesNotMatch"), "{error}");
        assert!(!error.is_transient() && !format!("{error:?}").contains("wrong-secret-marker"));
    }
}

#[tokio::test]
async fn an_unknown_key_is_a_refused_login() {
    let moto = start(EVERYTHING);
    let credentials =
        Credentials::Keys { access_key_id: "AKIAUNKNOWN".to_owned(), secret_access_key: Secret::new("secret"), session_token: None };
    let error = store(S3Settings { credentials, ..settings(&moto, "") }).check().await.unwrap_err();
    assert!(matches!(error, FileStoreError::LoginRefused { .. }), "{error:?}");
}

#[tokio::test]
async fn the_environments_keys_are_taken() {
    let moto = start(EVERYTHING);
    let Credentials::Keys { access_key_id, secret_access_key, .. } = settings(&moto, "").credentials else { panic!("moto gives keys") };
    let variables =
        vec![("AWS_ACCESS_KEY_ID".to_owned(), Secret::new(access_key_id)), ("AWS_SECRET_ACCESS_KEY".to_owned(), secret_access_key)];
    let settings = S3Settings { credentials: Credentials::Environment(variables), ..settings(&moto, "") };
    put(&store(settings), &Sample::of(1)).await.unwrap();
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let moto = start(EVERYTHING);
    let store = store(S3Settings { bucket: "elsewhere".to_owned(), ..settings(&moto, "") });
    let errors = [
        store.check().await.unwrap_err(),
        put(&store, &Sample::of(1)).await.unwrap_err(),
        put(&store, &Sample::of(17 * MIB)).await.unwrap_err(),
        store.remove(&name()).await.unwrap_err(),
    ];
    for error in errors {
        match &error {
            FileStoreError::Refused { message, .. } => assert_eq!(message, "there is no bucket `elsewhere`"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_user_who_may_not_write_is_refused() {
    let moto = start("s3:CreateBucket,s3:ListBucket,s3:GetObject,s3:ListBucketMultipartUploads");
    let store = store(settings(&moto, ""));
    store.check().await.unwrap();
    let error = put(&store, &Sample::of(1)).await.unwrap_err();
    assert!(matches!(error, FileStoreError::Refused { .. }) && !error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("AccessDenied"), "{error}");
    assert_eq!(moto.list(), [""; 0]);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unreachable() {
    let moto = start(EVERYTHING);
    let settings = settings(&moto, "");
    drop(moto);
    let error = store(settings).check().await.unwrap_err();
    assert!(matches!(error, FileStoreError::Unreachable { .. }) && error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn dropped_connections_are_tried_again() {
    let moto = start(EVERYTHING);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
    let port = moto.port;
    let line = tokio::spawn(async move {
        for at in 0.. {
            let (mut client, _) = listener.accept().await.unwrap();
            // The first two break at once.
            if at >= 2 {
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        }
    });
    let sample = Sample::of(300_000);
    put(&store(S3Settings { endpoint, ..settings(&moto, "") }), &sample).await.unwrap();
    assert!(moto.get(name().as_str()) == sample.bytes());
    line.abort();
}
