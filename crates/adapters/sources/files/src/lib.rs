//! Parquet, CSV and NDJSON files as a [`Source`](outflow_ports::Source), queried with SQL by an embedded DataFusion.
//!
//! # What to expect
//!
//! - Names of tables and columns are taken as they are written: `SELECT FirstName` finds `FirstName`, not `firstname`.
//! - **Parquet** columns have the file's types. All files of a table must have the same columns and types.
//! - **CSV** columns are text, always (`docs/decisions/0005-csv-columns.md`); an empty field is null. All files of a table must
//!   have the same columns in the same order, and every record must have all of them.
//! - **NDJSON** columns are what the first 10,000 records of each file hold: whole numbers are 64-bit integers, other numbers
//!   64-bit floats, `true` and `false` booleans, texts text. A field that no record of these has is not a column; a later value of
//!   another type is an error. A missing field is null. Half of a surrogate pair (`"\ud800"`) is no text, and an error for the whole file.
//! - A path that is missing, a glob that matches nothing, an empty Parquet or CSV file, or a file that differs from its
//!   neighbours is an error that names it, before anything is read.

mod bucket;
mod culprit;
mod errors;
mod local;
mod locate;
mod plan;
mod session;
mod settings;
mod source;
mod table;

pub use settings::{CsvOptions, FileFormat, FilesSettings, S3Credentials, S3Settings, TableFiles};
pub use source::FilesSource;
