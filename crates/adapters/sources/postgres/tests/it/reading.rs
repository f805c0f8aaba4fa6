//! Long reads, and reads that do not reach their end.

use std::time::{Duration, Instant};

use arrow_array::{cast::AsArray, types::Int64Type};
use futures::StreamExt as _;
use outflow_ports::{Query, ScanOptions, Source, SourceError, promises::source::batches_of};

use crate::server::{Server, source};

/// Rows that would fill any buffer between server and reader many times over.
const ENDLESS: &str = "SELECT n AS id, repeat('x', 1000) AS filler FROM generate_series(1::bigint, 100000000) AS n";

async fn first_batch_of(server: &Server, sql: &str) -> outflow_ports::Scan {
    let mut scan = server.source().scan(&Query { sql: sql.to_owned() }, ScanOptions::default()).await.expect("the scan begins");
    scan.partitions[0].next().await.expect("there is a first batch").expect("it can be read");
    scan
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_every_length_end_as_they_should() {
    let server = Server::start("", &[]);
    a_hundred_thousand_rows_arrive_in_order_and_in_batches(&server).await;
    a_batch_of_long_texts_is_given_out_early(&server).await;
    a_text_of_twenty_megabytes_arrives_whole(&server).await;
    a_dropped_scan_ends_the_query_at_the_server(&server).await;
    a_scan_dropped_before_its_first_row_ends_the_query_too(&server).await;
    a_killed_connection_is_an_error_and_no_end(&server).await;
    an_error_in_the_middle_of_the_rows_is_told(&server).await;
    the_statement_timeout_is_the_servers_to_keep(&server).await;
}

async fn a_hundred_thousand_rows_arrive_in_order_and_in_batches(server: &Server) {
    let query = Query { sql: "SELECT n AS id FROM generate_series(1::bigint, 100000) AS n -- the end".to_owned() };
    let scan = server.source().scan(&query, ScanOptions { partitions_max: 8, batch_rows: 1024 }).await.expect("the scan begins");
    assert_eq!(scan.partitions.len(), 1, "COPY is one stream");
    let batches = batches_of(scan).await;
    assert_eq!(batches.len(), 98);
    let ids = batches.iter().flat_map(|it| it.column(0).as_primitive::<Int64Type>().values().to_vec());
    assert!(ids.eq(1..=100_000));
}

async fn a_batch_of_long_texts_is_given_out_early(server: &Server) {
    let query = Query { sql: "SELECT repeat('x', 1000000) AS t FROM generate_series(1, 100)".to_owned() };
    let batches = batches_of(server.source().scan(&query, ScanOptions::default()).await.expect("the scan begins")).await;
    assert_eq!(batches.iter().map(|it| it.num_rows()).sum::<usize>(), 100);
    assert!(batches.iter().all(|it| it.num_rows() <= 17), "a batch has little more than 16 MB of text");
}

async fn a_text_of_twenty_megabytes_arrives_whole(server: &Server) {
    let query = Query { sql: "SELECT repeat('0123456789', 2000000) AS t".to_owned() };
    let batches = batches_of(server.source().scan(&query, ScanOptions::default()).await.expect("the scan begins")).await;
    assert_eq!(batches[0].column(0).as_string::<i32>().value(0), "0123456789".repeat(2_000_000));
}

async fn a_dropped_scan_ends_the_query_at_the_server(server: &Server) {
    drop(first_batch_of(server, ENDLESS).await);
    server.until_no_source_is_connected().await;
}

async fn a_scan_dropped_before_its_first_row_ends_the_query_too(server: &Server) {
    let scan =
        server.source().scan(&Query { sql: "SELECT 1 AS one, pg_sleep(600)::text AS nothing".to_owned() }, ScanOptions::default()).await;
    drop(scan.expect("the scan begins"));
    server.until_no_source_is_connected().await;
}

async fn a_killed_connection_is_an_error_and_no_end(server: &Server) {
    let mut scan = first_batch_of(server, ENDLESS).await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'outflow'";
    server.client().await.batch_execute(kill).await.expect("backends can be ended");
    let error = loop {
        match scan.partitions[0].next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("a connection that broke off looked like the end"),
        }
    };
    assert!(matches!(error, SourceError::Broken { .. }), "{error:?}");
    assert!(scan.partitions[0].next().await.is_none(), "the first error ends the stream");
}

async fn an_error_in_the_middle_of_the_rows_is_told(server: &Server) {
    for (sql, told) in [
        ("SELECT 1 / (50000 - n) AS ratio FROM generate_series(1, 100000) AS n", "division by zero"),
        ("SELECT ('NaN'::numeric)::numeric(5,2) AS amount", "`amount` holds `NaN`"),
        ("SELECT CASE WHEN n < 50000 THEN '1' ELSE 'anna@example.com' END::int AS x FROM generate_series(1, 100000) AS n", "\"…\""),
    ] {
        let scan = server.source().scan(&Query { sql: sql.to_owned() }, ScanOptions::default()).await;
        let error = match scan {
            Err(error) => error,
            Ok(mut scan) => loop {
                match scan.partitions[0].next().await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error,
                    None => panic!("`{sql}` looked complete"),
                }
            },
        };
        let text = error.to_string();
        assert!(text.contains(told), "{text}");
        assert!(!text.contains("anna"), "a value stands in an error: {text}");
    }
    server.until_no_source_is_connected().await;
}

async fn the_statement_timeout_is_the_servers_to_keep(server: &Server) {
    let settings = outflow_source_postgres::PostgresSettings { statement_timeout: Some(Duration::from_millis(100)), ..server.settings() };
    let started = Instant::now();
    let (source, query) = (source(settings).expect("good settings"), Query { sql: "SELECT pg_sleep(600)::text AS t".to_owned() });
    let error = match source.scan(&query, ScanOptions::default()).await {
        Err(error) => error,
        Ok(mut scan) => scan.partitions[0].next().await.expect("an answer").expect_err("no row in time"),
    };
    assert!(error.to_string().contains("57014"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60));
}
