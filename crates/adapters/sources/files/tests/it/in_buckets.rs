//! `s3://` paths against moto, a server that nobody here wrote and that checks signatures and policies.

use std::{collections::BTreeMap, fs};

use outflow_domain::secret::Secret;
use outflow_ports::{
    Source, SourceError,
    promises::source::{Sample, keeps_its_promises},
};
use outflow_source_files::{CsvOptions, FileFormat, FilesSettings, FilesSource, S3Credentials, S3Settings, TableFiles};
use outflow_testkit::servers::{BUCKET, EVERYTHING, Moto, REGION};

use crate::{
    formats::{Folder, people_as_text},
    parquet_files::write_people,
};

const ROWS: i64 = 20_000;

fn moto() -> Moto {
    Moto::start(env!("CARGO_TARGET_TMPDIR"), EVERYTHING)
}

fn keys(access_key_id: &str, secret_access_key: &str) -> S3Credentials {
    S3Credentials::Keys { access_key_id: access_key_id.to_owned(), secret_access_key: Secret::new(secret_access_key) }
}

/// A source whose table `people` is in a bucket.
fn source(moto: &Moto, path: &str, format: FileFormat) -> FilesSource {
    source_of(moto, path, format, keys(&moto.access_key_id, &moto.secret_access_key))
}

fn source_of(moto: &Moto, path: &str, format: FileFormat, credentials: S3Credentials) -> FilesSource {
    FilesSource::new(FilesSettings {
        name: "exports".to_owned(),
        tables: BTreeMap::from([("people".to_owned(), TableFiles { paths: vec![path.to_owned()], format })]),
        base_folder: "/".into(),
        s3: Some(S3Settings { region: REGION.to_owned(), endpoint: Some(moto.endpoint()), credentials }),
        memory_limit_bytes: FilesSettings::MEMORY_LIMIT_BYTES,
        spill_folder: None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_keep_the_promises_of_the_port() {
    let (moto, folder) = (moto(), Folder::new());
    for (name, ids) in [("1", 0..ROWS / 2), ("2", ROWS / 2..ROWS)] {
        write_people(&folder.path(name), ids);
        moto.put(&format!("day/people-{name}.parquet"), &fs::read(folder.path(name)).expect("the file"));
    }
    // Beside the point: a glob takes what it says, as in a folder.
    moto.put("day/other.txt", b"no people");
    moto.put("day/people-0/old.parquet", b"no people either");
    moto.put("people.csv", people_as_text(0..ROWS, "id,email\n", |id, email| format!("{id},{email}\n")).as_bytes());
    let lines = people_as_text(0..ROWS, "", |id, email| format!("{{\"id\":{id},\"email\":\"{email}\"}}\n"));
    moto.put("a folder/people+1.ndjson", lines.as_bytes());
    for (key, format) in [
        ("day/people-*.parquet", FileFormat::Parquet),
        ("people.csv", FileFormat::Csv(CsvOptions::default())),
        ("a folder/people+1.ndjson", FileFormat::Ndjson),
    ] {
        let source = source(&moto, &format!("s3://{BUCKET}/{key}"), format);
        keeps_its_promises(&Sample { source: &source, table: "people", rows: ROWS }).await;
    }
}

#[track_caller]
fn says(error: &SourceError, words: &str) {
    assert!(matches!(error, SourceError::Unreachable { is_transient: false, .. }), "{error:?}");
    assert!(error.to_string().contains(words), "`{words}` is missing: {error}");
}

async fn error_of(source: &FilesSource) -> SourceError {
    source.check().await.expect_err("it cannot be read")
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let moto = moto();
    for (path, words) in [
        (format!("s3://{BUCKET}/missing.parquet"), format!("there is no object `s3://{BUCKET}/missing.parquet`")),
        (format!("s3://{BUCKET}/missing-*.parquet"), format!("no object matches `s3://{BUCKET}/missing-*.parquet`")),
        ("s3://elsewhere/people.parquet".to_owned(), "there is no bucket `elsewhere`".to_owned()),
        ("s3://elsewhere/people-*.parquet".to_owned(), "there is no bucket `elsewhere`".to_owned()),
    ] {
        says(&error_of(&source(&moto, &path, FileFormat::Parquet)).await, &words);
    }
}

#[tokio::test]
async fn a_login_that_is_refused_is_named_without_its_secret() {
    let moto = moto();
    moto.put("people.ndjson", b"{\"id\":1}\n");
    let user = moto.access_key_id.clone();
    for (credentials, words) in [
        (keys(&user, "wrong-secret-marker"), format!("the access key `{user}` is refused")),
        (keys("AKIANOBODY", "wrong-secret-marker"), "the access key `AKIANOBODY` is refused".to_owned()),
    ] {
        for path in ["people.ndjson", "*.ndjson"] {
            let source = source_of(&moto, &format!("s3://{BUCKET}/{path}"), FileFormat::Ndjson, credentials.clone());
            let error = error_of(&source).await;
            says(&error, &words);
            assert!(!format!("{error:?} {source:?}").contains("wrong-secret-marker"));
        }
    }
}

#[tokio::test]
async fn a_user_who_may_not_read_is_told_what_is_missing() {
    let moto = Moto::start(env!("CARGO_TARGET_TMPDIR"), "s3:CreateBucket,s3:PutObject");
    moto.put("people.ndjson", b"{\"id\":1}\n");
    for path in ["people.ndjson", "*.ndjson"] {
        let error = error_of(&source(&moto, &format!("s3://{BUCKET}/{path}"), FileFormat::Ndjson)).await;
        says(&error, &format!("the access key `{}` may not read `s3://{BUCKET}/{path}`", moto.access_key_id));
        says(&error, "s3:GetObject");
    }
}

#[tokio::test]
async fn the_environments_keys_are_taken() {
    let moto = moto();
    moto.put("people.ndjson", b"{\"id\":1}\n");
    let variables = vec![
        ("AWS_ACCESS_KEY_ID".to_owned(), Secret::new(&moto.access_key_id)),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), Secret::new(&moto.secret_access_key)),
        // Only who we are is taken from there, not where to go.
        ("AWS_ENDPOINT_URL".to_owned(), Secret::new("http://127.0.0.1:1/")),
    ];
    let path = format!("s3://{BUCKET}/people.ndjson");
    source_of(&moto, &path, FileFormat::Ndjson, S3Credentials::Environment(variables)).check().await.expect("it can be read");
}

#[tokio::test]
async fn a_torn_object_is_named() {
    let (moto, folder) = (moto(), Folder::new());
    write_people(&folder.path("whole"), 0..1000);
    let whole = fs::read(folder.path("whole")).expect("the file");
    moto.put("torn.parquet", &whole[..whole.len() - 100]);
    let source = source(&moto, &format!("s3://{BUCKET}/torn.parquet"), FileFormat::Parquet);
    let query = outflow_ports::Query { sql: "SELECT * FROM people".to_owned() };
    let error = source.describe(&query).await.expect_err("it is torn");
    assert!(matches!(error, SourceError::Broken { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("s3://{BUCKET}/torn.parquet")), "{error}");
}
