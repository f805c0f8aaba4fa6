//! Every type, with nulls, empties and extremes.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch, cast::AsArray, types::*};
use arrow_schema::{DataType, TimeUnit};
use outflow_ports::{Query, ScanOptions, Source, SourceError, promises::source::batches_of};

use crate::server::Server;

/// The one batch that `sql` gives.
async fn rows_of(server: &Server, sql: &str) -> RecordBatch {
    let source = server.source();
    let query = Query { sql: sql.to_owned() };
    let scan = source.scan(&query, ScanOptions::default()).await.unwrap_or_else(|error| panic!("`{sql}`: {error}"));
    assert_eq!(source.describe(&query).await.expect("what can be scanned can be described"), scan.schema);
    let schema = scan.schema.clone();
    let mut batches = batches_of(scan).await;
    assert!(batches.len() <= 1);
    batches.pop().unwrap_or_else(|| RecordBatch::new_empty(schema))
}

/// The texts of the column at `at`.
fn texts(batch: &RecordBatch, at: usize) -> Vec<Option<&str>> {
    batch.column(at).as_string::<i32>().iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_supported_type_arrives_as_documented() {
    let server = Server::start("", &[]);
    numbers(&server).await;
    decimals(&server).await;
    numerics_without_a_decimal_type_are_text(&server).await;
    texts_of_every_kind(&server).await;
    dates_and_timestamps(&server).await;
    types_that_the_server_casts(&server).await;
    types_of_the_person(&server).await;
    nulls_in_every_form(&server).await;
    texts_do_not_depend_on_the_roles_settings(&server).await;
}

async fn numbers(server: &Server) {
    let batch = rows_of(
        server,
        "VALUES ((-32768)::int2, (-2147483648)::int4, (-9223372036854775808)::int8, 4294967295::oid, '-Infinity'::float4, 'NaN'::float8, true),
                (32767::int2, 2147483647, 9223372036854775807, '0'::oid, '3.5'::float4, '1.7976931348623157e308'::float8, false)",
    )
    .await;
    assert_eq!(batch.column(0).as_primitive::<Int16Type>().values(), &[i16::MIN, i16::MAX]);
    assert_eq!(batch.column(1).as_primitive::<Int32Type>().values(), &[i32::MIN, i32::MAX]);
    assert_eq!(batch.column(2).as_primitive::<Int64Type>().values(), &[i64::MIN, i64::MAX]);
    assert_eq!(batch.column(3).as_primitive::<Int64Type>().values(), &[4_294_967_295, 0]);
    assert_eq!(batch.column(4).as_primitive::<Float32Type>().values(), &[f32::NEG_INFINITY, 3.5]);
    assert!(batch.column(5).as_primitive::<Float64Type>().value(0).is_nan());
    assert_eq!(batch.column(5).as_primitive::<Float64Type>().value(1), f64::MAX);
    assert_eq!(batch.column(6).as_boolean().iter().collect::<Vec<_>>(), [Some(true), Some(false)]);
}

async fn decimals(server: &Server) {
    let nines = "9".repeat(36);
    let batch = rows_of(
        server,
        &format!(
            "SELECT a::numeric(12,2) AS amount, b::numeric(38,2) AS wide, c::numeric(38,38) AS tiny, a::numeric(9) AS whole
             FROM (VALUES (1234567.89, {nines}.99, 0.{}1), (-0.01, -{nines}.99, 0), (0, 0, 0.5), (1000000000.00 / 10, 10, 0.25)) AS v(a, b, c)",
            "0".repeat(37)
        ),
    )
    .await;
    let column = |at: usize| batch.column(at).as_primitive::<Decimal128Type>().values().to_vec();
    assert_eq!(batch.schema().field(0).data_type(), &DataType::Decimal128(12, 2));
    assert_eq!(column(0), [123_456_789, -1, 0, 10_000_000_000]);
    assert_eq!(column(1), [10_i128.pow(38) - 1, -(10_i128.pow(38) - 1), 0, 1000]);
    assert_eq!(column(2), [1, 0, 5 * 10_i128.pow(37), 25 * 10_i128.pow(36)]);
    assert_eq!(column(3), [1_234_568, 0, 0, 100_000_000]);
}

async fn numerics_without_a_decimal_type_are_text(server: &Server) {
    let batch = rows_of(
        server,
        "SELECT a, b::numeric(40,1) AS b, 5::numeric(3,-2) AS c FROM (VALUES (1.50, 1.0), ('NaN', 'NaN'), ('Infinity', 0), (1e-20, 2)) AS v(a, b)",
    )
    .await;
    assert_eq!(texts(&batch, 0), [Some("1.50"), Some("NaN"), Some("Infinity"), Some("0.00000000000000000001")]);
    assert_eq!(texts(&batch, 1), [Some("1.0"), Some("NaN"), Some("0.0"), Some("2.0")]);
    assert_eq!(texts(&batch, 2)[0], Some("0"));
}

async fn texts_of_every_kind(server: &Server) {
    let batch = rows_of(
        server,
        "SELECT t AS a, t::varchar(50) AS b, t::char(6) AS c, t::name AS d, 'plain'
         FROM (VALUES ('00042'), (''), (E'tab\\tnew\\nline \"quoted\"'), ('Zoë 🙂 שלום')) AS v(t)",
    )
    .await;
    let all = [Some("00042"), Some(""), Some("tab\tnew\nline \"quoted\""), Some("Zoë 🙂 שלום")];
    assert_eq!(texts(&batch, 0), all);
    assert_eq!(texts(&batch, 1), all);
    assert_eq!(texts(&batch, 2), [Some("00042"), Some(""), Some("tab\tne"), Some("Zoë 🙂")]);
    assert_eq!(texts(&batch, 3), all);
    assert_eq!(texts(&batch, 4), [Some("plain"); 4]);

    let batch = rows_of(
        server,
        "SELECT 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid AS u, '{\"b\": 1,  \"a\": null}'::json AS j, '{\"b\": 1,  \"a\": null}'::jsonb AS jb",
    )
    .await;
    assert_eq!(texts(&batch, 0), [Some("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")]);
    assert_eq!(texts(&batch, 1), [Some("{\"b\": 1,  \"a\": null}")]);
    assert_eq!(texts(&batch, 2), [Some("{\"a\": null, \"b\": 1}")]);
}

async fn dates_and_timestamps(server: &Server) {
    let batch = rows_of(
        server,
        "VALUES ('1970-01-01'::date, '1970-01-01 00:00:00.000001'::timestamp, '1970-01-01 02:00:00+02'::timestamptz),
                ('1969-12-31', '1969-12-31 23:59:59.999999', '2026-07-01 12:00:00.5+00'),
                ('infinity', 'infinity', 'infinity'), ('-infinity', '-infinity', '-infinity')",
    )
    .await;
    assert_eq!(batch.schema().field(1).data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
    assert_eq!(batch.schema().field(2).data_type(), &DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from("UTC"))));
    assert_eq!(batch.column(0).as_primitive::<Date32Type>().values(), &[0, -1, i32::MAX, i32::MIN]);
    assert_eq!(batch.column(1).as_primitive::<TimestampMicrosecondType>().values(), &[1, -1, i64::MAX, i64::MIN]);
    assert_eq!(batch.column(2).as_primitive::<TimestampMicrosecondType>().values(), &[0, 1_782_907_200_500_000, i64::MAX, i64::MIN]);
}

async fn types_that_the_server_casts(server: &Server) {
    let expressions = [
        ("'12:34:56.5'::time", "12:34:56.5"),
        ("'12:34:56+02'::timetz", "12:34:56+02"),
        ("'1 year 2 mons 3 days 04:05:06'::interval", "1 year 2 mons 3 days 04:05:06"),
        ("'192.168.0.1/24'::inet", "192.168.0.1/24"),
        ("'10.0.0.0/8'::cidr", "10.0.0.0/8"),
        ("'08:00:2b:01:02:03'::macaddr", "08:00:2b:01:02:03"),
        ("B'1010'", "1010"),
        ("'x'::\"char\"", "x"),
        ("'<a>b</a>'::xml", "<a>b</a>"),
        ("ARRAY['a,b', 'c', NULL]", "{\"a,b\",c,NULL}"),
        ("ARRAY[[1,2],[3,4]]", "{{1,2},{3,4}}"),
        ("int4range(1, 5)", "[1,5)"),
        ("'{[1,3), [7,9)}'::int4multirange", "{[1,3),[7,9)}"),
    ];
    let list: Vec<&str> = expressions.iter().map(|it| it.0).collect();
    let names: Vec<String> = (0..list.len()).map(|at| format!("\"column {at}\"")).collect();
    let batch = rows_of(server, &format!("SELECT * FROM (VALUES ({})) AS v({})", list.join(", "), names.join(", "))).await;
    for (at, (expression, text)) in expressions.iter().enumerate() {
        assert_eq!(texts(&batch, at), [Some(*text)], "{expression}");
        assert_eq!(batch.schema().field(at).name(), &format!("column {at}"));
    }
}

async fn types_of_the_person(server: &Server) {
    let types = "CREATE TYPE tier AS ENUM ('gold', 'silver'); CREATE DOMAIN code AS varchar(5); CREATE TYPE pair AS (a int, b int);";
    server.client().await.batch_execute(types).await.expect("types of one's own");
    let batch = rows_of(server, "SELECT 'gold'::tier AS t, ARRAY['silver', NULL]::tier[] AS ts, 'AB'::code AS c").await;
    assert_eq!([texts(&batch, 0), texts(&batch, 1), texts(&batch, 2)], [[Some("gold")], [Some("{silver,NULL}")], [Some("AB")]]);

    for (expression, type_name) in
        [("'\\x00'::bytea", "bytea"), ("ROW(1, 2)::pair", "pair"), ("point(1, 2)", "point"), ("ARRAY['\\x00'::bytea]", "_bytea")]
    {
        let sql = format!("SELECT 1 AS id, {expression} AS odd");
        let error = server.source().describe(&Query { sql }).await.expect_err("the type has no text of ours");
        let SourceError::UnsupportedType { column, type_name: told, .. } = &error else { panic!("{error:?}") };
        assert_eq!((column.as_str(), told.as_str()), ("odd", type_name));
    }
}

async fn nulls_in_every_form(server: &Server) {
    let types = [
        "int2",
        "int4",
        "int8",
        "oid",
        "float4",
        "float8",
        "bool",
        "numeric(12,2)",
        "numeric",
        "date",
        "timestamp",
        "timestamptz",
        "text",
        "char(3)",
        "jsonb",
        "uuid",
        "interval",
    ];
    let list: Vec<String> = types.iter().enumerate().map(|(at, it)| format!("NULL::{it} AS c{at}")).collect();
    let batch = rows_of(server, &format!("SELECT {}", list.join(", "))).await;
    for (at, type_) in types.iter().enumerate() {
        assert!(batch.column(at).is_null(0), "a null of {type_} stays null");
    }
}

async fn texts_do_not_depend_on_the_roles_settings(server: &Server) {
    let settings = "ALTER ROLE app SET DateStyle = 'German'; ALTER ROLE app SET IntervalStyle = 'iso_8601'; ALTER ROLE app SET extra_float_digits = -10";
    server.client().await.batch_execute(settings).await.expect("a role with tastes of its own");
    let batch =
        rows_of(server, "SELECT ARRAY['2026-02-01'::date] AS d, '1 day'::interval AS i, ARRAY[0.1::float8 + 0.2::float8] AS f").await;
    assert_eq!(
        [texts(&batch, 0)[0], texts(&batch, 1)[0], texts(&batch, 2)[0]],
        [Some("{2026-02-01}"), Some("1 day"), Some("{0.30000000000000004}")]
    );
}
