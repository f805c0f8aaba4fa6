//! What the source does not do, and how it says so.

use futures::StreamExt as _;
use outflow_domain::secret::Secret;
use outflow_ports::{Query, ScanOptions, Source, SourceError};
use outflow_source_postgres::PostgresSettings;

use crate::server::{PASSWORD, Server, source};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_and_wrong_queries_are_told_apart() {
    let server = Server::start("", &[]);
    wrong_settings_are_told_without_the_password(&server).await;
    a_wrong_query_is_told_with_its_place(&server).await;
    what_could_write_is_refused(&server).await;
}

async fn wrong_settings_are_told_without_the_password(server: &Server) {
    let good = server.settings();
    let wrong = [
        (PostgresSettings { password: Some(Secret::new("hunter2")), ..good.clone() }, false, "28P01"),
        (PostgresSettings { database: "nowhere".to_owned(), ..good.clone() }, false, "3D000"),
        (PostgresSettings { user: "nobody".to_owned(), ..good.clone() }, false, "28P01"),
        (PostgresSettings { password: None, ..good.clone() }, false, "password"),
        (PostgresSettings { port: 1, ..good.clone() }, true, "refused"),
    ];
    for (settings, may_pass, told) in wrong {
        let error = source(settings).expect("the settings themselves are good").check().await.expect_err("it cannot be reached");
        let SourceError::Unreachable { is_transient, message, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*is_transient, may_pass, "{message}");
        assert!(message.contains(told), "{message}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    assert!(!format!("{:?}", server.source()).contains(PASSWORD), "a printed source keeps its password");
}

async fn a_wrong_query_is_told_with_its_place(server: &Server) {
    for (sql, told) in [
        ("SELECT 1 AS a,\n  nme FROM pg_class", "line 2, column 3"),
        ("SELEC 1", "line 1, column 1"),
        ("SELECT relname, relname FROM pg_class", "`relname`"),
        ("SELECT 1 AS a WHERE 1 = $1", "parameters"),
        ("SELECT rolpassword FROM pg_authid_missing", "pg_authid_missing"),
    ] {
        let error = server.source().describe(&Query { sql: sql.to_owned() }).await.expect_err("the query is wrong");
        assert!(matches!(error, SourceError::Query { .. }), "{error:?}");
        assert!(error.to_string().contains(told), "{error}");
    }
}

async fn what_could_write_is_refused(server: &Server) {
    server.client().await.batch_execute("CREATE TABLE counted (n int); CREATE SEQUENCE numbers").await.expect("something to write to");
    for sql in [
        "INSERT INTO counted VALUES (1) RETURNING n",
        "WITH new AS (INSERT INTO counted VALUES (1) RETURNING n) SELECT n FROM new",
        "SELECT 1 AS a INTO copied",
        "SELECT nextval('numbers') AS n",
        "SELECT n FROM counted FOR UPDATE",
        "SELECT 1 AS a) TO STDOUT; DROP TABLE counted; --",
        "EXPLAIN SELECT 1",
        "SHOW server_version",
        "BEGIN",
        "COMMIT",
    ] {
        let error = match server.source().scan(&Query { sql: sql.to_owned() }, ScanOptions::default()).await {
            Err(error) => error,
            Ok(mut scan) => scan.partitions[0].next().await.expect("an answer").expect_err("no rows"),
        };
        let is_syntax = sql.contains(") TO STDOUT") && matches!(error, SourceError::Query { .. });
        assert!(is_syntax || matches!(error, SourceError::NotReadOnly { .. }), "`{sql}`: {error:?}");
    }
    let rows: i64 = server.client().await.query_one("SELECT count(*) FROM counted", &[]).await.expect("the table is still there").get(0);
    assert_eq!(rows, 0, "nothing was written");
}
