//! Where rows come from.

use std::{fmt, pin::Pin};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::Stream;

/// A question to a source: one read-only SELECT, as the person wrote it or wrapped by a segment's condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The SQL text.
    pub sql: String,
}

/// How a query is read.
#[derive(Clone, Copy, Debug)]
pub struct ScanOptions {
    /// Most streams read side by side; a source may give fewer.
    pub partitions_max: usize,
    /// Rows a batch should have; a source may give other sizes.
    pub batch_rows: usize,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { partitions_max: 2, batch_rows: 8192 }
    }
}

/// Batches of one partition, in any order among partitions. The first error ends the stream.
pub type BatchStream = Pin<Box<dyn Stream<Item = Result<RecordBatch, SourceError>> + Send>>;

/// A query's answer as it is read. Dropping it cancels the query at the source.
pub struct Scan {
    /// The columns, in order; every batch has this schema.
    pub schema: SchemaRef,
    /// Streams that together give every row once.
    pub partitions: Vec<BatchStream>,
}

impl fmt::Debug for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("schema", &self.schema).field("partitions", &self.partitions.len()).finish()
    }
}

/// A place that answers SQL with Arrow batches.
#[async_trait]
pub trait Source: fmt::Debug + Send + Sync {
    /// Finds out whether the source can be reached and asked.
    async fn check(&self) -> Result<(), SourceError>;

    /// The columns that the query would give, without reading its rows.
    async fn describe(&self, query: &Query) -> Result<SchemaRef, SourceError>;

    /// Reads the query's rows.
    ///
    /// Memory stays flat whatever the number of rows. A stream that ends without an error has given all rows of its partition.
    async fn scan(&self, query: &Query, options: ScanOptions) -> Result<Scan, SourceError>;
}

/// Why a source did not answer.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It could not be reached, or the login failed.
    #[error("source `{source_name}` cannot be reached: {message}")]
    Unreachable {
        /// The source.
        source_name: String,
        /// What the client said.
        message: String,
        /// Whether trying again may help.
        is_transient: bool,
    },
    /// It refused the query.
    #[error("source `{source_name}` refused the query: {message}")]
    Query {
        /// The source.
        source_name: String,
        /// What it said, with the position where it gave one.
        message: String,
    },
    /// It took the query, and could not compute a value of some row: a cast, a division, a sum that is too large.
    #[error("source `{source_name}` could not compute {} of a row: {message}; correct the value in the source, or catch it in the model's SQL", .column.as_ref().map_or_else(|| "a value".to_owned(), |it| format!("the column `{it}`")))]
    Row {
        /// The source.
        source_name: String,
        /// The column of the answer, where it can be told.
        column: Option<String>,
        /// What is wrong, without the value.
        message: String,
    },
    /// The query is not one read-only SELECT.
    #[error("the query of source `{source_name}` is not one read-only SELECT: {message}")]
    NotReadOnly {
        /// The source.
        source_name: String,
        /// Why.
        message: String,
    },
    /// A column has a type that cannot be read.
    #[error(
        "column `{column}` of source `{source_name}` has the type `{type_name}`, which is not supported; cast it in the query, for instance to text"
    )]
    UnsupportedType {
        /// The source.
        source_name: String,
        /// The column.
        column: String,
        /// Its type, as the source names it.
        type_name: String,
    },
    /// A file or the connection broke off while reading; the rows so far are not the whole.
    #[error("reading from source `{source_name}` broke off: {message}")]
    Broken {
        /// The source.
        source_name: String,
        /// What went wrong, naming the file where there is one.
        message: String,
    },
}
