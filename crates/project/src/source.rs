//! Where rows come from.

use std::{collections::BTreeMap, path::PathBuf};

use outflow_domain::Secret;
use url::Url;

use crate::{
    address::service_url,
    context::Context,
    entries::{Entries, Named},
    nearest::nearest,
    postgres::{POSTGRES, Postgres},
    problem::Code,
    reference::{Lines, Text},
    shape::{Key, Kind, Shape},
    sql::Dialect,
};

pub(crate) static SOURCE: Shape = Shape {
    id: "source",
    what: "a source",
    about: "Where rows come from: files, or a PostgreSQL database.",
    keys: &[
        Key::optional("files", Kind::Object(&FILES), "{tables: …}", "Files, each group of them a table that SQL can ask."),
        Key::optional("postgres", Kind::Object(&POSTGRES), "{host: …}", "A PostgreSQL database."),
    ],
    exactly_one: &[&["files", "postgres"]],
};

static FILES: Shape = Shape {
    id: "files",
    what: "a source of files",
    about: "Parquet, CSV and NDJSON files, here or in a bucket, asked with SQL by an embedded engine.",
    keys: &[
        Key::required(
            "tables",
            Kind::Named(&TABLE),
            "{customers: {path: data/customers.parquet}}",
            "The tables, by the name they have in SQL: lower-case letters, digits and `_`.",
        ),
        Key::optional(
            "s3",
            Kind::Object(&S3_ACCESS),
            "{region: eu-central-1}",
            "How to reach paths that begin with `s3://`. Without it, region and credentials come from the environment.",
        ),
    ],
    exactly_one: &[],
};

static TABLE: Shape = Shape {
    id: "table",
    what: "a table of files",
    about: "Files of the same columns, read as one table.",
    keys: &[
        Key::required(
            "path",
            Kind::Texts,
            "data/customers-*.parquet",
            "A path or glob, or a list of them: in the project's folder, absolute, or `s3://bucket/…`.",
        ),
        Key::optional(
            "format",
            Kind::Choice(&["parquet", "csv", "ndjson"]),
            "csv",
            "What the files are. Without it their ending tells: `.parquet`, `.csv`, `.ndjson` or `.jsonl`.",
        ),
    ],
    exactly_one: &[],
};

static S3_ACCESS: Shape = Shape {
    id: "s3_access",
    what: "an access to S3",
    about: "How to reach a bucket that files are read from.",
    keys: &[
        Key::optional("region", Kind::Text, "eu-central-1", "The region of the buckets."),
        Key::optional(
            "endpoint",
            Kind::Text,
            "https://s3.example.com",
            "The address of a server other than Amazon's; plain http only for this machine.",
        ),
        Key::optional(
            "access_key_id",
            Kind::Text,
            "${AWS_ACCESS_KEY_ID}",
            "The access key. Without it, the environment's credentials are used.",
        ),
        Key::optional("secret_access_key", Kind::Secret, "${AWS_SECRET_ACCESS_KEY}", "The secret of the access key."),
    ],
    exactly_one: &[],
};

/// A source of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Files, asked with SQL by an embedded engine.
    Files(Files),
    /// A PostgreSQL database.
    Postgres(Postgres),
}

/// Files as tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The tables, by their name in SQL.
    pub tables: BTreeMap<String, FileTable>,
    /// How to reach `s3://` paths; region and credentials from the environment where absent.
    pub s3: Option<S3Access>,
}

/// Files of the same columns, read as one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTable {
    /// Where the files are; each may be a glob.
    pub locations: Vec<FileLocation>,
    /// What the files are.
    pub format: FileFormat,
}

/// A path or glob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileLocation {
    /// On this machine, absolute or beginning with the project's folder.
    Local(PathBuf),
    /// `s3://bucket/key`.
    S3 {
        /// The bucket.
        bucket: String,
        /// The key or glob within it, without leading `/`.
        key: String,
    },
}

/// What files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

/// An access to S3. What is absent comes from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Access {
    /// The region.
    pub region: Option<String>,
    /// A server other than Amazon's.
    pub endpoint: Option<Url>,
    /// Static credentials.
    pub credentials: Option<S3Credentials>,
}

/// An access key and its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Credentials {
    /// The access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
}

impl Source {
    /// How its SQL is quoted.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Files(_) => Dialect::DataFusion,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }
}

/// Decodes a source.
pub(crate) fn source(named: &Named<'_>, cx: &mut Context<'_>) -> Option<Source> {
    let entries = Entries::open(named.value, &SOURCE, named.span, cx)?;
    let files = entries.object("files", cx).and_then(|it| files(it, cx));
    let postgres = entries.object("postgres", cx).and_then(|it| crate::postgres::postgres(it, cx));
    entries.finish();
    files.map(Source::Files).or(postgres.map(Source::Postgres))
}

fn files(entries: Entries<'_>, cx: &mut Context<'_>) -> Option<Files> {
    let mut tables = BTreeMap::new();
    for entry in entries.pairs("tables", cx) {
        if !is_table_name(&entry.key) {
            cx.cover(&entry.value);
            let what = format!("`{}` is not a name of a table", entry.key);
            cx.report(Code::InvalidName, entry.key_span, what)
                .hint("lower-case letters, digits and `_`, as SQL reads names without quotes in lower case");
            continue;
        }
        let Some(table) = Entries::open(&entry.value, &TABLE, entry.key_span, cx) else { continue };
        if let Some(table) = file_table(table, cx) {
            tables.insert(entry.key.clone(), table);
        }
    }
    if entries.is_blank("tables") {
        cx.report(Code::InvalidValue, entries.span_of("tables"), "a source of files needs at least one table")
            .hint("add one: `customers: {path: data/customers.parquet}`");
    }
    let s3 = entries.object("s3", cx).map(|it| s3_access(it, cx));
    entries.finish();
    Some(Files { tables, s3 })
}

fn is_table_name(text: &str) -> bool {
    let begins_well = text.starts_with(|it: char| it.is_ascii_lowercase() || it == '_');
    begins_well && text.len() <= 63 && text.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_')
}

fn file_table(entries: Entries<'_>, cx: &mut Context<'_>) -> Option<FileTable> {
    let paths = entries.texts("path", cx);
    let format = entries.choice("format", cx).map(|it| match it {
        "parquet" => FileFormat::Parquet,
        "csv" => FileFormat::Csv,
        _ => FileFormat::Ndjson,
    });
    let format = if entries.has("format") { format } else { format_of(&paths, cx) };
    let locations: Vec<_> = paths.iter().filter_map(|it| location(it, cx)).collect();
    entries.finish();
    Some(FileTable { locations, format: format? })
}

fn format_of(paths: &[Text], cx: &mut Context<'_>) -> Option<FileFormat> {
    let mut first: Option<FileFormat> = None;
    for path in paths {
        let name = path.value.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let format = match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("parquet" | "pq") => FileFormat::Parquet,
            Some("csv") => FileFormat::Csv,
            Some("ndjson" | "jsonl") => FileFormat::Ndjson,
            _ => {
                cx.report(Code::MissingKey, path.span, format!("the ending of `{}` does not tell what the files are", path.raw))
                    .hint("add `format: parquet`, `format: csv` or `format: ndjson`");
                return None;
            }
        };
        if first.is_some_and(|it| it != format) {
            cx.report(Code::Conflict, path.span, "the files of one table are of different kinds")
                .hint("make them two tables and join them with UNION ALL in the model");
            return None;
        }
        first = Some(format);
    }
    first
}

fn location(path: &Text, cx: &mut Context<'_>) -> Option<FileLocation> {
    let Some((scheme, rest)) = path.value.split_once("://") else {
        return Some(FileLocation::Local(cx.folder.join(path.value.trim())));
    };
    match (scheme, rest.split_once('/')) {
        ("s3", Some((bucket, key))) if is_bucket(bucket) && !key.is_empty() => {
            Some(FileLocation::S3 { bucket: bucket.to_owned(), key: key.to_owned() })
        }
        ("s3", _) => {
            cx.report(Code::InvalidValue, path.span, format!("`{}` is not a path in a bucket", path.raw))
                .hint("write `s3://bucket/folder/*.parquet`");
            None
        }
        _ => {
            cx.report(Code::InvalidValue, path.span, format!("files cannot be read from `{}`", path.raw))
                .hint("write a path of this machine, or `s3://…`");
            None
        }
    }
}

/// The naming rules of buckets (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>), without the rarer ones.
pub(crate) fn is_bucket(text: &str) -> bool {
    let is_inner = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '.');
    let is_outer = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    (3..=63).contains(&text.len())
        && text.chars().all(is_inner)
        && text.starts_with(is_outer)
        && text.ends_with(is_outer)
        && !text.contains("..")
}

fn s3_access(entries: Entries<'_>, cx: &mut Context<'_>) -> S3Access {
    let region = entries.text("region", cx).map(|it| it.value);
    let endpoint = entries.text("endpoint", cx).and_then(|it| service_url(&it, cx));
    let credentials = s3_credentials(&entries, cx);
    entries.finish();
    S3Access { region, endpoint, credentials }
}

/// `access_key_id` and `secret_access_key`: both or none.
pub(crate) fn s3_credentials(entries: &Entries<'_>, cx: &mut Context<'_>) -> Option<S3Credentials> {
    let access_key_id = entries.text("access_key_id", cx);
    let secret_access_key = entries.secret("secret_access_key", Lines::One, cx);
    for (one, other) in [("access_key_id", "secret_access_key"), ("secret_access_key", "access_key_id")] {
        if entries.has(one) && !entries.has(other) {
            cx.report(Code::Conflict, entries.span_of(one), format!("`{one}` needs `{other}`"))
                .hint("give both, or neither to use the environment's");
        }
    }
    Some(S3Credentials { access_key_id: access_key_id?.value, secret_access_key: secret_access_key? })
}

/// Tells that a table is not among those of a source of files.
pub(crate) fn table_exists(files: &Files, table: &Text, cx: &mut Context<'_>) {
    if files.tables.contains_key(&table.value) {
        return;
    }
    let names = files.tables.keys().map(String::as_str);
    let hint = match nearest(&table.raw, names.clone()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("its tables are {}", names.map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")),
    };
    cx.report(Code::UnknownReference, table.span, format!("the source has no table `{}`", table.raw)).hint(hint);
}
