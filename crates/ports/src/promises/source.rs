//! What every [`Source`] promises.

use std::collections::BTreeSet;

use arrow_array::{Array, Int64Array, RecordBatch};
use futures::StreamExt as _;

use crate::source::{BatchStream, Query, Scan, ScanOptions, Source, SourceError};

/// A source that holds a table of people for the suite to read.
#[derive(Debug)]
pub struct Sample<'a> {
    /// The source.
    pub source: &'a dyn Source,
    /// A table with at least the columns `id`, which counts from 0 without gaps, and `email`.
    pub table: &'a str,
    /// Its rows; at least 20,000, so that a scan has many batches.
    pub rows: i64,
}

/// Every promise, one after the other. Panics at the first that is broken.
pub async fn keeps_its_promises(sample: &Sample<'_>) {
    assert!(20_000 <= sample.rows, "the sample is too small to tell much");
    a_source_that_answers_passes_its_check(sample).await;
    a_description_is_the_schema_of_the_scan(sample).await;
    the_partitions_together_give_every_row_once(sample).await;
    no_more_partitions_than_asked_for(sample).await;
    every_batch_has_the_schema_of_the_scan(sample).await;
    a_condition_and_a_query_within_a_query_are_understood(sample).await;
    a_query_without_rows_still_has_columns(sample).await;
    a_dropped_scan_leaves_the_source_ready(sample).await;
    two_scans_may_run_side_by_side(sample).await;
    an_unknown_column_or_table_is_refused(sample).await;
    anything_but_one_read_only_select_is_refused(sample).await;
}

async fn a_source_that_answers_passes_its_check(sample: &Sample<'_>) {
    sample.source.check().await.expect("a source that can be asked passes its check");
}

async fn a_description_is_the_schema_of_the_scan(sample: &Sample<'_>) {
    let query = people(sample, "");
    let described = sample.source.describe(&query).await.expect("a good query can be described");
    let names: Vec<&str> = described.fields().iter().map(|it| it.name().as_str()).collect();
    assert_eq!(names, ["email", "id"], "columns come in the order of the query");
    let scan = sample.source.scan(&query, ScanOptions::default()).await.expect("a good query can be scanned");
    assert_eq!(described, scan.schema, "description and scan agree");
}

async fn the_partitions_together_give_every_row_once(sample: &Sample<'_>) {
    for partitions_max in [1, 2, 4] {
        let options = ScanOptions { partitions_max, ..ScanOptions::default() };
        let ids = ids_of(scan(sample, &people(sample, ""), options).await).await;
        let distinct: BTreeSet<i64> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "no row comes twice from {partitions_max} partitions");
        assert!(distinct.into_iter().eq(0..sample.rows), "every row comes from {partitions_max} partitions");
    }
}

async fn no_more_partitions_than_asked_for(sample: &Sample<'_>) {
    for partitions_max in [1, 2] {
        let options = ScanOptions { partitions_max, ..ScanOptions::default() };
        let partitions = scan(sample, &people(sample, ""), options).await.partitions.len();
        assert!((1..=partitions_max).contains(&partitions), "{partitions} partitions where at most {partitions_max} were asked for");
    }
}

async fn every_batch_has_the_schema_of_the_scan(sample: &Sample<'_>) {
    let scan = scan(sample, &people(sample, ""), ScanOptions { partitions_max: 2, batch_rows: 1000 }).await;
    let schema = scan.schema.clone();
    let mut batches = 0;
    for batch in batches_of(scan).await {
        assert_eq!(batch.schema(), schema, "a batch has the columns of its scan");
        batches += 1;
    }
    assert!(1 < batches, "{} rows do not come in one batch: memory stays flat", sample.rows);
}

async fn a_condition_and_a_query_within_a_query_are_understood(sample: &Sample<'_>) {
    let inner = people(sample, "").sql;
    let query = Query { sql: format!("SELECT * FROM ({inner}) AS model WHERE id < 10") };
    let ids = ids_of(scan(sample, &query, ScanOptions::default()).await).await;
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), (0..10).collect(), "a segment's condition holds");
}

async fn a_query_without_rows_still_has_columns(sample: &Sample<'_>) {
    let scan = scan(sample, &people(sample, "WHERE 1 = 0"), ScanOptions::default()).await;
    assert_eq!(scan.schema.fields().len(), 2);
    assert_eq!(ids_of(scan).await, [] as [i64; 0], "no rows");
}

async fn a_dropped_scan_leaves_the_source_ready(sample: &Sample<'_>) {
    for _ in 0..3 {
        let mut scan = scan(sample, &people(sample, ""), ScanOptions { partitions_max: 2, batch_rows: 100 }).await;
        let first = scan.partitions[0].next().await.expect("there is a first batch").expect("and it can be read");
        assert!(first.num_rows() < usize::try_from(sample.rows).expect("a sample is small"), "a first batch is not the whole");
        drop(scan);
    }
    a_source_that_answers_passes_its_check(sample).await;
}

async fn two_scans_may_run_side_by_side(sample: &Sample<'_>) {
    let (query, options) = (people(sample, ""), ScanOptions::default());
    let (left, right) = futures::join!(scan(sample, &query, options), scan(sample, &query, options));
    let (left, right) = futures::join!(ids_of(left), ids_of(right));
    assert_eq!(left.len(), right.len(), "scans do not take each other's rows");
}

async fn an_unknown_column_or_table_is_refused(sample: &Sample<'_>) {
    for sql in [format!("SELECT no_such_column FROM {}", sample.table), "SELECT 1 AS one FROM no_such_table".to_owned()] {
        let error = sample.source.describe(&Query { sql: sql.clone() }).await.expect_err("an unknown name is refused");
        assert!(matches!(error, SourceError::Query { .. }), "`{sql}` is a wrong query, not: {error:?}");
        assert!(error.to_string().contains("no_such_"), "the error names what is unknown: {error}");
    }
}

async fn anything_but_one_read_only_select_is_refused(sample: &Sample<'_>) {
    let table = sample.table;
    for sql in [
        format!("INSERT INTO {table} SELECT * FROM {table}"),
        format!("DELETE FROM {table}"),
        format!("DROP TABLE {table}"),
        format!("CREATE TABLE copy_of_it AS SELECT * FROM {table}"),
        format!("COPY {table} TO '/nowhere/at/all'"),
        format!("SELECT id FROM {table}; SELECT id FROM {table}"),
        format!("SELECT id FROM {table}; DROP TABLE {table}"),
        "SET timezone = 'UTC'".to_owned(),
        String::new(),
    ] {
        let query = Query { sql: sql.clone() };
        let described = sample.source.describe(&query).await.expect_err("what is no query is refused");
        assert!(matches!(described, SourceError::NotReadOnly { .. }), "`{sql}` is not read-only, not: {described:?}");
        let scanned = sample.source.scan(&query, ScanOptions::default()).await.expect_err("and is not run either");
        assert!(matches!(scanned, SourceError::NotReadOnly { .. }), "`{sql}` is not read-only, not: {scanned:?}");
    }
    assert_eq!(ids_of(scan(sample, &people(sample, ""), ScanOptions::default()).await).await.len() as i64, sample.rows, "nothing was done");
}

/// E-mail and id of the people, the id as a 64-bit integer whatever it is stored as.
fn people(sample: &Sample<'_>, condition: &str) -> Query {
    Query { sql: format!("SELECT email, CAST(id AS BIGINT) AS id FROM {} {condition}", sample.table) }
}

async fn scan(sample: &Sample<'_>, query: &Query, options: ScanOptions) -> Scan {
    sample.source.scan(query, options).await.unwrap_or_else(|error| panic!("`{}` can be scanned: {error}", query.sql))
}

/// All batches of all partitions, which are read side by side as the engine does.
pub async fn batches_of(scan: Scan) -> Vec<RecordBatch> {
    let read = |partition: BatchStream| async { partition.map(|it| it.expect("the rows can be read")).collect::<Vec<_>>().await };
    futures::future::join_all(scan.partitions.into_iter().map(read)).await.concat()
}

async fn ids_of(scan: Scan) -> Vec<i64> {
    let mut ids = Vec::new();
    for batch in batches_of(scan).await {
        let column = batch.column_by_name("id").expect("the query has a column `id`");
        let column = column.as_any().downcast_ref::<Int64Array>().expect("`id` was cast to a 64-bit integer");
        assert_eq!(column.null_count(), 0, "no id of the sample is null");
        ids.extend_from_slice(column.values());
    }
    ids
}
