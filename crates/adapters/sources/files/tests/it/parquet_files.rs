//! Parquet, and how it is read.

use std::{fs::File, ops::Range, path::Path, sync::Arc};

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use outflow_ports::{Query, ScanOptions, Source};
use outflow_source_files::FileFormat;
use parquet::{arrow::ArrowWriter, file::properties::WriterProperties};

use crate::formats::Folder;

/// A file of people in row groups of 5,000.
pub fn write_people(path: &Path, ids: Range<i64>) {
    let emails: Vec<String> = ids.clone().map(|id| format!("person{id}@example.com")).collect();
    write(path, vec![("id", Arc::new(Int64Array::from_iter_values(ids))), ("email", Arc::new(StringArray::from(emails)))]);
}

pub fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(5000)).set_dictionary_enabled(false).build();
    let mut writer = ArrowWriter::try_new(File::create(path).expect("a file"), batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("a footer");
}

#[tokio::test]
async fn a_plain_selection_is_a_bare_scan_of_as_many_parts_as_asked_for() {
    let folder = Folder::new();
    write_people(&folder.path("people.parquet"), 0..200_000);
    let source = folder.source("people", "people.parquet", FileFormat::Parquet);
    let query = Query { sql: "SELECT email, id FROM people".to_owned() };
    let explained = source.explain(&query, ScanOptions::default()).await.expect("a plan");
    assert_eq!(explained.lines().count(), 1, "nothing stands between the file and us: {explained}");
    assert!(explained.starts_with("DataSourceExec: file_groups={2 groups"), "{explained}");
    let scan = source.scan(&query, ScanOptions::default()).await.expect("a scan");
    assert_eq!(scan.partitions.len(), 2);
}

#[tokio::test]
async fn columns_may_stand_in_another_order_from_file_to_file() {
    let folder = Folder::new();
    write_people(&folder.path("a.parquet"), 0..1);
    let turned: Vec<(&str, ArrayRef)> =
        vec![("email", Arc::new(StringArray::from(vec!["b"]))), ("id", Arc::new(Int64Array::from(vec![1])))];
    write(&folder.path("b.parquet"), turned);
    let source = folder.source("t", "*.parquet", FileFormat::Parquet);
    let scan = source.scan(&Query { sql: "SELECT sum(id) AS id FROM t".to_owned() }, ScanOptions::default()).await.expect("a scan");
    let batches = outflow_ports::promises::source::batches_of(scan).await;
    assert_eq!(batches[0].column(0).as_ref(), &Int64Array::from(vec![1]) as &dyn arrow_array::Array);
}
