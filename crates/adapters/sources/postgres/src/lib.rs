//! PostgreSQL as a [`Source`](outflow_ports::Source): `COPY (query) TO STDOUT (FORMAT binary)`, decoded straight into Arrow.
//!
//! One query is one read-only transaction and one stream: `COPY` is a single process on the server and the server is what bounds
//! the speed, so [`ScanOptions::partitions_max`](outflow_ports::ScanOptions) is answered with one partition.
//!
//! # Types
//!
//! | PostgreSQL | Arrow |
//! |---|---|
//! | `smallint`, `integer`, `bigint`, `oid` | `Int16`, `Int32`, `Int64`, `Int64` |
//! | `numeric(p, s)` with 0 ≤ s ≤ p ≤ 38 | `Decimal128(p, s)`; `NaN` ends the scan with an error that names the column |
//! | any other `numeric` | `Utf8`, as PostgreSQL prints it (so `NaN` and `Infinity` are texts) |
//! | `real`, `double precision`, `boolean` | `Float32`, `Float64`, `Boolean` |
//! | `text`, `varchar`, `name`, `citext`, enums, `json`, `jsonb`, `uuid` | `Utf8` |
//! | `char(n)` | `Utf8` without the padding, as PostgreSQL's own cast to text gives it |
//! | `date`, `timestamp`, `timestamptz` | `Date32`, `Timestamp(µs)`, `Timestamp(µs, "UTC")`; see below |
//! | `time`, `interval`, network addresses, bits, `money`, `xml`, ranges, arrays of any of these | `Utf8`, cast to text by the server |
//! | anything else (`bytea`, composites, geometry, `hstore`, …) | an error naming the column: cast it in the query |
//!
//! `infinity` and `-infinity` in a date or timestamp arrive as the largest and smallest value of the Arrow type: far outside what
//! a destination can hold, so the row gets its own verdict and the others travel. They are never taken for null.

mod columns;
mod connection;
mod copy_format;
mod decoder;
mod errors;
mod numeric;
mod prepared;
mod scan;
mod settings;
mod source;
mod tls;

pub use settings::{PostgresSettings, SslMode};
pub use source::PostgresSource;
