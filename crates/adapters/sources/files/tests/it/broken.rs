//! Files that cannot be read: the error names them, and no end is mistaken for the whole.

use std::{fs, sync::Arc};

use arrow_array::{ArrayRef, StringArray};
use futures::StreamExt as _;
use outflow_ports::{Query, ScanOptions, Source, SourceError};
use outflow_source_files::{CsvOptions, FileFormat, FilesSource};

use crate::{
    formats::Folder,
    parquet_files::{write, write_people},
};

const CSV: FileFormat = FileFormat::Csv(CsvOptions { has_header: true, delimiter: b',', has_quoted_line_breaks: true });

/// The error that reading the whole table ends with.
async fn error_of(source: &FilesSource) -> SourceError {
    let mut scan = match source.scan(&Query { sql: "SELECT * FROM t".to_owned() }, ScanOptions::default()).await {
        Ok(scan) => scan,
        Err(error) => return error,
    };
    for partition in &mut scan.partitions {
        while let Some(batch) = partition.next().await {
            if let Err(error) = batch {
                assert!(partition.next().await.is_none(), "the first error ends the stream");
                return error;
            }
        }
    }
    panic!("a broken file looked whole")
}

fn names(error: &SourceError, file: &str) {
    assert!(error.to_string().contains(file), "the error names `{file}`: {error}");
}

#[tokio::test]
async fn missing_files_are_named_before_anything_is_read() {
    let folder = Folder::new();
    for path in ["missing.parquet", "missing-*.parquet", "."] {
        let source = folder.source("t", path, FileFormat::Parquet);
        let error = source.check().await.expect_err("it is not there");
        assert!(matches!(error, SourceError::Unreachable { is_transient: false, .. }), "{error:?}");
        names(&error, folder.path("").to_str().expect("a plain name").trim_end_matches('/'));
    }
}

#[tokio::test]
async fn a_truncated_or_empty_parquet_file_is_named() {
    let folder = Folder::new();
    write_people(&folder.path("a.parquet"), 0..1000);
    let whole = fs::read(folder.path("a.parquet")).expect("the file");
    for content in [&whole[..whole.len() - 100], &whole[..3], b""] {
        folder.write("b.parquet", content);
        let error = error_of(&folder.source("t", "?.parquet", FileFormat::Parquet)).await;
        assert!(matches!(error, SourceError::Broken { .. }), "{error:?}");
        names(&error, "b.parquet");
    }
}

#[tokio::test]
async fn damage_within_a_parquet_file_is_found_and_named() {
    let folder = Folder::new();
    write_people(&folder.path("a.parquet"), 0..20_000);
    write_people(&folder.path("b.parquet"), 20_000..40_000);
    let mut bytes = fs::read(folder.path("b.parquet")).expect("the file");
    // Behind the ids of the second row group of four lie its texts, each with its length.
    let texts = bytes.len() / 2 - 60_000;
    bytes[texts..texts + 20_000].fill(0xff);
    folder.write("b.parquet", bytes);
    let error = error_of(&folder.source("t", "?.parquet", FileFormat::Parquet)).await;
    assert!(matches!(error, SourceError::Broken { .. }), "{error:?}");
    names(&error, "b.parquet");
}

#[tokio::test]
async fn files_with_other_columns_are_no_table() {
    let folder = Folder::new();
    write_people(&folder.path("a.parquet"), 0..10);
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["1"]));
    for columns in [vec![("id", ids.clone()), ("email", ids.clone())], vec![("id", ids.clone())]] {
        write(&folder.path("b.parquet"), columns);
        let error = error_of(&folder.source("t", "?.parquet", FileFormat::Parquet)).await;
        names(&error, "b.parquet");
        names(&error, "a.parquet");
    }
    folder.write("a.csv", "id,email\n1,a\n");
    for header in ["email,id\n", "id\n", "id,mail\n"] {
        folder.write("b.csv", header);
        names(&error_of(&folder.source("t", "?.csv", CSV)).await, "b.csv");
    }
    folder.write("a.ndjson", "{\"id\":1}\n");
    folder.write("b.ndjson", "{\"id\":\"one\"}\n");
    names(&error_of(&folder.source("t", "?.ndjson", FileFormat::Ndjson)).await, "b.ndjson");
}

#[tokio::test]
async fn broken_text_is_named_with_its_file() {
    let folder = Folder::new();
    folder.write("a.csv", "id,email\n1,a\n");
    for content in [&b"id,email\n1,a\n2\n"[..], b"id,email\n1,a\n2,b,c\n", b"id,email\n1,\xff\xfe\n", b""] {
        folder.write("b.csv", content);
        let error = error_of(&folder.source("t", "?.csv", CSV)).await;
        assert!(matches!(error, SourceError::Broken { .. }), "{error:?}");
        names(&error, "b.csv");
    }
    folder.write("a.ndjson", "{\"id\":1}\n");
    for content in ["{\"id\":1}\n{\"id\":\n", "{\"id\":1}\nno json\n"] {
        folder.write("b.ndjson", content);
        names(&error_of(&folder.source("t", "?.ndjson", FileFormat::Ndjson)).await, "b.ndjson");
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_cast_is_told_with_its_column_and_is_not_quoted() {
    let folder = Folder::new();
    folder.write("a.csv", "id\n1\nanna@example.com\n");
    let source = folder.source("t", "a.csv", CSV);
    let queries = [
        ("SELECT CAST(id AS BIGINT) AS id FROM t", Some("id")),
        ("SELECT 'x' AS one, id AS two, CAST(id AS DOUBLE) + 1 AS \"My Three\" FROM t", Some("My Three")),
        ("SELECT id FROM t WHERE CAST(id AS BIGINT) > 0", None),
    ];
    for (sql, wanted) in queries {
        let mut scan = source.scan(&Query { sql: sql.to_owned() }, ScanOptions::default()).await.expect("a scan");
        let error = scan.partitions[0].next().await.expect("an answer").expect_err("a cast that fails");
        let SourceError::Row { column, .. } = &error else { panic!("{error:?}") };
        assert_eq!(column.as_deref(), wanted, "{error}");
        assert!(!format!("{error:?}").contains("anna"), "{error}");
        assert!(!error.to_string().contains("Arrow error") && !error.to_string().contains("Cast error"), "{error}");
    }
}

#[tokio::test]
async fn a_column_that_a_file_has_twice_is_named() {
    let folder = Folder::new();
    folder.write("a.csv", "id,Email,Email\n1,a,b\n");
    let error = error_of(&folder.source("t", "a.csv", CSV)).await;
    assert!(error.to_string().contains("two columns called `Email`") && error.to_string().contains("a.csv"), "{error}");
}
