//! Ten columns of customers, made from their numbers; a second version differs from the first as a night does.

use std::{fs::File, path::Path, sync::Arc};

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use outflow_domain::FieldType;
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::properties::WriterProperties,
};

/// Fields of the data extension beside its key, the columns that fill them, and their types.
pub const FIELDS: [(&str, &str, FieldType); 9] = [
    ("Email", "email", FieldType::EmailAddress),
    ("FirstName", "first_name", FieldType::Text { units_max: Some(50) }),
    ("LastName", "last_name", FieldType::Text { units_max: Some(50) }),
    ("City", "city", FieldType::Text { units_max: Some(100) }),
    ("Points", "points", FieldType::Number),
    ("Amount", "amount", FieldType::Decimal { precision: 12, scale: 2 }),
    ("Active", "active", FieldType::Boolean),
    ("Born", "born", FieldType::Date),
    ("Updated", "updated", FieldType::Date),
];

/// Rows of a batch and of a row group.
const BATCH: u64 = 65_536;
const ROW_GROUP: usize = 1 << 20;

/// Writes both versions.
pub fn write(folder: &Path, rows: u64) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    write_version(&folder.join("before.parquet"), 0..rows, false)?;
    // The first half per cent is gone, and as many are new.
    write_version(&folder.join("after.parquet"), rows / 200..rows + rows / 200, true)
}

fn schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        text("email"),
        text("first_name"),
        text("last_name"),
        text("city"),
        Field::new("points", DataType::Int32, true),
        Field::new("amount", DataType::Decimal128(12, 2), true),
        Field::new("active", DataType::Boolean, true),
        Field::new("born", DataType::Date32, true),
        Field::new("updated", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
    ]))
}

/// Chance from a number, the same everywhere: the finalizer of splitmix64.
const fn mixed(number: u64) -> u64 {
    let a = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

fn write_version(path: &Path, rows: std::ops::Range<u64>, is_after: bool) -> Result<(), Box<dyn std::error::Error>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, schema(), Some(properties))?;
    let mut from = rows.start;
    while from < rows.end {
        let to = (from + BATCH).min(rows.end);
        writer.write(&batch(from..to, is_after)?)?;
        from = to;
    }
    writer.close()?;
    Ok(())
}

fn batch(rows: std::ops::Range<u64>, is_after: bool) -> Result<RecordBatch, arrow_schema::ArrowError> {
    const FIRST: [&str; 8] = ["Ada", "Grace", "José", "Zoë", "Mehmet", "Noor", "Ingrid", "Yuki"];
    const CITIES: [&str; 6] = ["Berlin", "Sao Paulo", "Nairobi", "Kyoto", "New York", "Saint-Étienne"];
    let numbers: Vec<u64> = rows.collect();
    // One row in a hundred has changed: its points and its time.
    let changed = |it: u64| u64::from(is_after && mixed(it ^ 0xc4a6).is_multiple_of(100));
    let text = |make: &dyn Fn(u64) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(numbers.iter().map(|&it| make(it)))) };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(numbers.iter().map(|&it| (it % (1 << 31)) as i64))),
        text(&|it| format!("customer.{:x}@example.com", mixed(it) & 0xff_ffff_ffff)),
        text(&|it| FIRST[(mixed(it ^ 1) % 8) as usize].to_owned()),
        text(&|it| format!("Family{}", mixed(it ^ 2) % 50_000)),
        text(&|it| CITIES[(mixed(it ^ 3) % 6) as usize].to_owned()),
        Arc::new(Int32Array::from_iter_values(numbers.iter().map(|&it| (mixed(it ^ 4) % 100_000 + changed(it)) as i32))),
        Arc::new(
            Decimal128Array::from_iter_values(numbers.iter().map(|&it| i128::from(mixed(it ^ 5) % 10_000_000)))
                .with_precision_and_scale(12, 2)?,
        ),
        Arc::new(BooleanArray::from_iter(numbers.iter().map(|&it| Some(!mixed(it ^ 6).is_multiple_of(10))))),
        Arc::new(Date32Array::from_iter(
            numbers.iter().map(|&it| (!mixed(it ^ 7).is_multiple_of(4)).then(|| (mixed(it ^ 8) % 20_000) as i32)),
        )),
        Arc::new(
            TimestampMicrosecondArray::from_iter_values(
                numbers.iter().map(|&it| (1_600_000_000 + mixed(it ^ 9) % 100_000_000 + changed(it)) as i64 * 1_000_000),
            )
            .with_timezone("UTC"),
        ),
    ];
    RecordBatch::try_new(schema(), columns)
}
