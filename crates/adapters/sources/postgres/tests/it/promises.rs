//! The promises of the port.

use outflow_ports::promises::source::{Sample, keeps_its_promises};

use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_source_keeps_the_promises_of_its_port() {
    let server = Server::start("", &[]);
    let client = server.client().await;
    let people = "CREATE TABLE people AS SELECT n AS id, 'person' || n || '@example.com' AS email FROM generate_series(0, 99999) AS n";
    client.batch_execute(people).await.expect("a table of people");
    let source = server.source();
    keeps_its_promises(&Sample { source: &source, table: "people", rows: 100_000 }).await;
    server.until_no_source_is_connected().await;
}
