//! What a source of files needs to know.

use std::{collections::BTreeMap, path::PathBuf};

use outflow_domain::secret::Secret;

/// A set of tables, each made of files.
#[derive(Clone, Debug)]
pub struct FilesSettings {
    /// What the source is called in the project; errors name it.
    pub name: String,
    /// Tables by the name that queries use.
    pub tables: BTreeMap<String, TableFiles>,
    /// The folder that relative paths start from.
    pub base_folder: PathBuf,
    /// How to reach `s3://` paths, where there are any.
    pub s3: Option<S3Settings>,
    /// Most memory that sorting, joining and grouping may take. A plain scan takes none of it.
    pub memory_limit_bytes: usize,
    /// Where to put what does not fit into memory; without it such a query fails.
    pub spill_folder: Option<PathBuf>,
}

impl FilesSettings {
    /// The memory that a query may take unless a person chose otherwise.
    pub const MEMORY_LIMIT_BYTES: usize = 512 << 20;
}

/// The files of one table.
#[derive(Clone, Debug)]
pub struct TableFiles {
    /// Paths or globs, relative, absolute or `s3://bucket/…`. A glob's `*` does not match `/`; `**` does.
    pub paths: Vec<String>,
    /// What is in them.
    pub format: FileFormat,
}

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Delimited text.
    Csv(CsvOptions),
    /// One JSON object a line.
    Ndjson,
}

/// How delimited text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Whether the first record names the columns; otherwise they are `column_1`, `column_2`, ….
    pub has_header: bool,
    /// What stands between two fields.
    pub delimiter: u8,
    /// Whether quoted fields may hold line breaks. A large file that has none is read side by side if this is off.
    pub has_quoted_line_breaks: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { has_header: true, delimiter: b',', has_quoted_line_breaks: true }
    }
}

/// How to reach `s3://` paths.
#[derive(Clone, Debug)]
pub struct S3Settings {
    /// Region, such as `eu-central-1`.
    pub region: String,
    /// Another service than Amazon's; `http://` only on loopback.
    pub endpoint: Option<String>,
    /// Who we are.
    pub credentials: S3Credentials,
}

/// Who asks for objects.
#[derive(Clone, Debug)]
pub enum S3Credentials {
    /// A pair of keys.
    Keys {
        /// Access key.
        access_key_id: String,
        /// Its secret.
        secret_access_key: Secret,
    },
    /// What the environment says: its variables, of which those that begin with `AWS_` and tell who we are count.
    Environment(Vec<(String, Secret)>),
}
