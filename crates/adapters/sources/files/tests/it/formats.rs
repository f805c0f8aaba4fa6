//! What each text format means.

use std::{collections::BTreeMap, fs, ops::Range};

use arrow_array::{
    Array, RecordBatch,
    cast::AsArray,
    types::{Float64Type, Int64Type},
};
use arrow_schema::DataType;
use outflow_ports::{Query, ScanOptions, Source, SourceError, promises::source::batches_of};
use outflow_source_files::{CsvOptions, FileFormat, FilesSettings, FilesSource, TableFiles};
use tempfile::TempDir;

/// A folder of files to read.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    /// A source with one table; its path is relative to this folder.
    pub fn source(&self, table: &str, path: &str, format: FileFormat) -> FilesSource {
        FilesSource::new(self.settings(table, path, format))
    }

    pub fn settings(&self, table: &str, path: &str, format: FileFormat) -> FilesSettings {
        FilesSettings {
            name: "exports".to_owned(),
            tables: BTreeMap::from([(table.to_owned(), TableFiles { paths: vec![path.to_owned()], format })]),
            base_folder: self.0.path().to_owned(),
            s3: None,
            memory_limit_bytes: FilesSettings::MEMORY_LIMIT_BYTES,
            spill_folder: None,
        }
    }
}

pub fn people_as_text(ids: Range<i64>, header: &str, line: impl Fn(i64, &str) -> String) -> String {
    header.to_owned() + &ids.map(|id| line(id, &format!("person{id}@example.com"))).collect::<String>()
}

/// The rows of `sql` in one batch.
async fn rows_of(source: &FilesSource, sql: &str) -> Result<RecordBatch, SourceError> {
    let scan = source.scan(&Query { sql: sql.to_owned() }, ScanOptions { partitions_max: 1, batch_rows: 8192 }).await?;
    Ok(batches_of(scan).await.remove(0))
}

#[tokio::test]
async fn csv_columns_are_text_and_keep_their_zeros() {
    let folder = Folder::new();
    folder.write("a.csv", "Id;Code;Note\n007;99999999999999999999;\"two\nlines; one \"\"field\"\"\"\n8;1.50;\n");
    let options = CsvOptions { delimiter: b';', ..CsvOptions::default() };
    let rows = rows_of(&folder.source("T", "a.csv", FileFormat::Csv(options)), "SELECT Id, Code, Note FROM T").await.expect("a CSV file");
    let texts = |at: usize| rows.column(at).as_string::<i32>().iter().collect::<Vec<_>>();
    assert_eq!(texts(0), [Some("007"), Some("8")]);
    assert_eq!(texts(1), [Some("99999999999999999999"), Some("1.50")]);
    assert_eq!(texts(2), [Some("two\nlines; one \"field\""), None], "an empty field is null");
}

#[tokio::test]
async fn csv_without_a_header_has_numbered_columns() {
    let folder = Folder::new();
    folder.write("a.csv", "1,a\n2,b\n");
    let source = folder.source("t", "a.csv", FileFormat::Csv(CsvOptions { has_header: false, ..CsvOptions::default() }));
    let rows = rows_of(&source, "SELECT column_2, CAST(column_1 AS BIGINT) AS id FROM t").await.expect("a CSV file");
    assert_eq!(rows.column(1).as_primitive::<Int64Type>().values(), &[1, 2]);
}

#[tokio::test]
async fn ndjson_values_have_the_types_they_are_written_with() {
    let folder = Folder::new();
    folder.write("a.ndjson", "{\"id\":1,\"score\":1,\"name\":\"Zoë\",\"active\":true}\n{\"id\":2,\"score\":2.5,\"name\":null}\n");
    folder.write("b.ndjson", "{\"id\":3,\"score\":3,\"late\":\"new\"}\n");
    let source = folder.source("t", "?.ndjson", FileFormat::Ndjson);
    let rows = rows_of(&source, "SELECT id, score, name, active, late FROM t ORDER BY id").await.expect("NDJSON files");
    assert_eq!(rows.column(0).as_primitive::<Int64Type>().values(), &[1, 2, 3]);
    assert_eq!(rows.column(1).as_primitive::<Float64Type>().values(), &[1.0, 2.5, 3.0]);
    assert!(rows.column(2).is_null(1) && rows.column(2).is_null(2), "null and missing are null");
    assert_eq!(rows.column(3).as_boolean().iter().collect::<Vec<_>>(), [Some(true), None, None]);
    assert!(rows.column(4).is_null(0) && rows.column(4).is_valid(2), "a field that other files lack");
}

#[tokio::test]
async fn a_nested_value_is_no_value() {
    let folder = Folder::new();
    folder.write("a.ndjson", "{\"id\":1,\"tags\":[\"a\"]}\n");
    let source = folder.source("t", "a.ndjson", FileFormat::Ndjson);
    let error = source.describe(&Query { sql: "SELECT * FROM t".to_owned() }).await.expect_err("a list cannot be sent");
    assert!(matches!(&error, SourceError::UnsupportedType { column, .. } if column == "tags"), "{error:?}");
    let schema = source.describe(&Query { sql: "SELECT id FROM t".to_owned() }).await.expect("the other columns can");
    assert_eq!(schema.field(0).data_type(), &DataType::Int64);
}
