//! A table: files of one format whose columns agree.

use std::{collections::BTreeSet, sync::Arc};

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use datafusion::{
    arrow::csv::reader::Format,
    datasource::{
        file_format::{FileFormat as Reader, csv::CsvFormat, json::JsonFormat, parquet::ParquetFormat},
        listing::{ListingOptions, ListingTable, ListingTableConfig},
    },
    prelude::SessionContext,
};
use object_store::ObjectStoreExt as _;
use outflow_ports::SourceError;

use crate::{
    errors::{Blame, text_of},
    locate::{Located, locate},
    settings::{CsvOptions, FileFormat, FilesSettings, TableFiles},
};

/// Bytes of a CSV file that are looked at to find its header.
const HEADER_BYTES: u64 = 64 << 10;

/// Records of an NDJSON file that are looked at to find its columns.
const NDJSON_RECORDS_INFERRED: usize = 10_000;

/// An opened table: its files are there and have the same columns.
#[derive(Debug)]
pub(crate) struct Table {
    pub files: Vec<Located>,
    reader: Arc<dyn Reader>,
    schema: SchemaRef,
}

impl Table {
    /// Finds the files and compares their columns; only headers, footers and first records are read.
    pub async fn open(files: &TableFiles, settings: &FilesSettings, context: &SessionContext, blame: &Blame) -> Result<Self, SourceError> {
        let reader = reader(files.format, context);
        let files_found = locate(files, settings, context, blame).await?;
        let mut whole: Option<(Schema, &str)> = None;
        for file in &files_found {
            let schema = columns_of(file, files.format, reader.as_ref(), context, blame).await?;
            whole = Some(match whole {
                None => (schema, file.name.as_str()),
                Some((first, name)) => {
                    let joined = joined(files.format, &first, &schema).map_err(|what| {
                        blame.broken(format!("`{}` has other columns than `{name}`: {what}; they cannot be one table", file.name))
                    })?;
                    (joined, name)
                }
            });
        }
        let (schema, _) = whole.ok_or_else(|| blame.unreachable("a table has no paths"))?;
        Ok(Self { files: files_found, reader, schema: Arc::new(schema) })
    }

    /// What DataFusion reads `files` with, all of this table or some.
    pub fn provider(&self, files: &[Located]) -> Result<Arc<ListingTable>, datafusion::error::DataFusionError> {
        let options = ListingOptions::new(self.reader.clone()).with_file_extension("");
        let config = ListingTableConfig::new_with_multi_paths(files.iter().map(|it| it.url.clone()).collect())
            .with_listing_options(options)
            .with_schema(self.schema.clone());
        Ok(Arc::new(ListingTable::try_new(config)?))
    }
}

fn reader(format: FileFormat, context: &SessionContext) -> Arc<dyn Reader> {
    match format {
        FileFormat::Parquet => Arc::new(ParquetFormat::default().with_options(context.copied_table_options().parquet)),
        FileFormat::Csv(options) => Arc::new(
            CsvFormat::default()
                .with_has_header(options.has_header)
                .with_delimiter(options.delimiter)
                .with_newlines_in_values(options.has_quoted_line_breaks)
                .with_truncated_rows(false)
                .with_schema_infer_max_rec(1),
        ),
        FileFormat::Ndjson => Arc::new(JsonFormat::default().with_schema_infer_max_rec(NDJSON_RECORDS_INFERRED)),
    }
}

async fn columns_of(
    file: &Located,
    format: FileFormat,
    reader: &dyn Reader,
    context: &SessionContext,
    blame: &Blame,
) -> Result<Schema, SourceError> {
    if file.meta.size == 0 && format != FileFormat::Ndjson {
        return Err(blame.broken(format!("`{}` is empty", file.name)));
    }
    if let FileFormat::Csv(options) = format
        && let Some(name) = twice_in_header(file, options).await
    {
        return Err(blame.broken(has_twice(file, &name)));
    }
    let schema = reader
        .infer_schema(&context.state(), &file.store, std::slice::from_ref(&file.meta))
        .await
        .map_err(|error| blame.broken(format!("`{}` cannot be read: {}", file.name, text_of(&error))))?;
    if let Some(name) = twice(&schema) {
        return Err(blame.broken(has_twice(file, &name)));
    }
    let fields = schema.fields().iter().map(|field| {
        let data_type = if matches!(format, FileFormat::Csv(_)) { DataType::Utf8 } else { field.data_type().clone() };
        Field::new(field.name(), data_type, true)
    });
    Ok(Schema::new(fields.collect::<Vec<_>>()))
}

/// A name that the header of a CSV file has twice: DataFusion takes the two for one column, and stumbles over the next record.
async fn twice_in_header(file: &Located, options: CsvOptions) -> Option<String> {
    if !options.has_header {
        return None;
    }
    let head = file.store.get_range(&file.meta.location, 0..file.meta.size.min(HEADER_BYTES)).await.ok()?;
    let format = Format::default().with_header(true).with_delimiter(options.delimiter);
    let (header, _) = format.infer_schema(&head[..], Some(0)).ok()?;
    twice(&header)
}

/// A name that two columns have.
fn twice(schema: &Schema) -> Option<String> {
    let mut names = BTreeSet::new();
    schema.fields().iter().find(|it| !names.insert(it.name())).map(|it| it.name().clone())
}

fn has_twice(file: &Located, column: &str) -> String {
    format!("`{}` has two columns called `{column}`, so that a query could not tell them apart; rename one of them", file.name)
}

/// The columns of a table with files of `first` and of `second`, or how the two differ.
fn joined(format: FileFormat, first: &Schema, second: &Schema) -> Result<Schema, String> {
    match format {
        // Fields go by position.
        FileFormat::Csv(_) if first != second => Err(difference(first, second).unwrap_or_else(|| "their order differs".to_owned())),
        FileFormat::Csv(_) => Ok(first.clone()),
        FileFormat::Parquet => difference(first, second).map_or_else(|| Ok(first.clone()), Err),
        FileFormat::Ndjson => with_new_fields(first, second),
    }
}

/// The first column that only one has, or that has two types.
fn difference(first: &Schema, second: &Schema) -> Option<String> {
    let missing = first.fields().iter().find(|it| second.field_with_name(it.name()).is_err());
    if let Some(field) = missing {
        return Some(format!("`{}` is missing", field.name()));
    }
    second.fields().iter().find_map(|field| match first.field_with_name(field.name()) {
        Err(_) => Some(format!("`{}` is new", field.name())),
        Ok(other) if other.data_type() != field.data_type() => {
            Some(format!("`{}` is {} and not {}", field.name(), field.data_type(), other.data_type()))
        }
        Ok(_) => None,
    })
}

/// JSON records may leave fields out, and a whole number is a number.
fn with_new_fields(first: &Schema, second: &Schema) -> Result<Schema, String> {
    let mut fields: Vec<Field> = first.fields().iter().map(|it| it.as_ref().clone()).collect();
    for field in second.fields() {
        let Some(known) = fields.iter_mut().find(|it| it.name() == field.name()) else {
            fields.push(field.as_ref().clone());
            continue;
        };
        let data_type = match (known.data_type(), field.data_type()) {
            (a, b) if a == b => a.clone(),
            (DataType::Null, other) | (other, DataType::Null) => other.clone(),
            (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
            (a, b) => return Err(format!("`{}` is {b} and not {a}", field.name())),
        };
        *known = Field::new(field.name(), data_type, true);
    }
    Ok(Schema::new(fields))
}
