//! Customers and fingerprints made from their numbers, the same everywhere.

use std::{error::Error, sync::Arc};

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray,
    cast::AsArray as _,
};
use arrow_schema::DataType;
use outflow_domain::{
    Activation, DataExtension, Field, FieldType, FieldWish, ImportRoute, InsertMode, KeyFingerprint, Mapping, ObjectId, RowFingerprint,
    activation::{IMPORT_DEADLINE_S, PART_BYTES_MAX},
};
use outflow_rows::model_columns;

/// Rows of one batch, as the sources give them.
pub const ROWS: u64 = 8192;

const NAME: FieldType = FieldType::Text { units_max: Some(50) };

/// The key and nine more fields; columns of the model have the names of the fields.
const FIELDS: [(&str, FieldType); 10] = [
    ("CustomerKey", NAME),
    ("Email", FieldType::EmailAddress),
    ("FirstName", NAME),
    ("LastName", NAME),
    ("City", NAME),
    ("Points", FieldType::Number),
    ("Amount", FieldType::Decimal { precision: 12, scale: 2 }),
    ("Active", FieldType::Boolean),
    ("Born", FieldType::Date),
    ("Updated", FieldType::Date),
];

/// A batch of a model, and how it fills a data extension.
pub struct Customers {
    pub mapping: Mapping,
    pub batch: RecordBatch,
}

/// Chance from a number: the finalizer of splitmix64.
pub const fn mixed(number: u64) -> u64 {
    let a = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    b ^ (b >> 31)
}

/// The key fingerprint of a row by its number: as even as a hash.
pub const fn key(number: u64) -> KeyFingerprint {
    KeyFingerprint((mixed(2 * number + 1) as u128) << 64 | mixed(2 * number + 2) as u128)
}

/// The row fingerprint of a row by its number.
pub const fn row(number: u64) -> RowFingerprint {
    RowFingerprint::of(mixed(!number))
}

impl Customers {
    /// Ten columns whose keys begin with `key_begin`.
    pub fn with_keys(key_begin: &str) -> Result<Self, Box<dyn Error>> {
        let arrays = FIELDS.iter().map(|it| it.0).zip(columns(key_begin)?);
        let batch = RecordBatch::try_from_iter_with_nullable(arrays.map(|(name, array)| (name, array, true)))?;
        let field = |(at, (name, field_type)): (usize, &(&str, FieldType))| -> Result<Field, Box<dyn Error>> {
            Ok(Field {
                id: ObjectId((*name).to_owned()),
                name: name.parse()?,
                field_type: *field_type,
                is_required: at == 0,
                is_primary_key: at == 0,
                ordinal: at as u32,
                default: None,
            })
        };
        let wish = |(name, _): &(&str, FieldType)| -> Result<FieldWish, Box<dyn Error>> { Ok(FieldWish::new(name.parse()?, *name)) };
        let destination = DataExtension {
            id: ObjectId("customers".to_owned()),
            key: "customers".parse()?,
            name: "Customers".to_owned(),
            is_sendable: false,
            retention: None,
            fields: FIELDS.iter().enumerate().map(field).collect::<Result<_, _>>()?,
        };
        let activation = Activation {
            name: "customers".parse()?,
            data_extension: "customers".parse()?,
            table: outflow_domain::TableWish::default(),
            insert: InsertMode::InsertAndUpdate,
            primary_key: FIELDS[..1].iter().map(wish).collect::<Result<_, _>>()?,
            fields: FIELDS[1..].iter().map(wish).collect::<Result<_, _>>()?,
            custom_attributes: Vec::new(),
            on_exit: outflow_domain::OnExit::Keep,
            when_null: outflow_domain::WhenNull::Clear,
            time_zone: None,
            import: ImportRoute::Auto,
            part_bytes_max: PART_BYTES_MAX,
            import_deadline_s: IMPORT_DEADLINE_S,
            guards: outflow_domain::Guards::default(),
        };
        let mapping = Mapping::check(&activation, &model_columns(&batch.schema()), &destination);
        Ok(Self { mapping: mapping.map_err(|problems| format!("the mapping does not fit: {problems:?}"))?, batch })
    }

    /// The same with texts in views, as Parquet files give them.
    pub fn in_views(self) -> Result<Self, Box<dyn Error>> {
        let schema = self.batch.schema();
        let columns = schema.fields().iter().zip(self.batch.columns()).map(|(field, array)| {
            let views = || -> ArrayRef { Arc::new(StringViewArray::from(array.as_string::<i32>())) };
            let is_text = *field.data_type() == DataType::Utf8;
            (field.name().clone(), if is_text { views() } else { Arc::clone(array) }, true)
        });
        Ok(Self { batch: RecordBatch::try_from_iter_with_nullable(columns)?, ..self })
    }
}

fn columns(key_begin: &str) -> Result<Vec<ArrayRef>, Box<dyn Error>> {
    const FIRST: [&str; 8] = ["Ada", "Grace", "José", "Zoë", "Mehmet", "Noor", "Ingrid", "Yuki"];
    const CITIES: [&str; 6] = ["Berlin", "Sao Paulo", "Nairobi", "Kyoto", "New York", "Saint-Étienne"];
    let text = |make: &dyn Fn(u64) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values((0..ROWS).map(make))) };
    let amounts = Decimal128Array::from_iter_values((0..ROWS).map(|it| i128::from(mixed(it ^ 5) % 10_000_000)));
    let seconds = (0..ROWS).map(|it| (1_600_000_000 + mixed(it ^ 9) % 100_000_000) as i64);
    Ok(vec![
        text(&|it| format!("{key_begin}{it:08}")),
        text(&|it| format!("customer.{:x}@example.com", mixed(it) & 0xff_ffff_ffff)),
        text(&|it| FIRST[(mixed(it ^ 1) % 8) as usize].to_owned()),
        text(&|it| format!("Family \"{}\"", mixed(it ^ 2) % 50_000)),
        text(&|it| CITIES[(mixed(it ^ 3) % 6) as usize].to_owned()),
        Arc::new(Int32Array::from_iter_values((0..ROWS).map(|it| (mixed(it ^ 4) % 100_000) as i32))),
        Arc::new(amounts.with_precision_and_scale(12, 2)?),
        Arc::new(BooleanArray::from_iter((0..ROWS).map(|it| Some(!mixed(it ^ 6).is_multiple_of(10))))),
        Arc::new(Date32Array::from_iter((0..ROWS).map(|it| (!mixed(it ^ 7).is_multiple_of(4)).then(|| (mixed(it ^ 8) % 20_000) as i32)))),
        Arc::new(TimestampMicrosecondArray::from_iter_values(seconds.map(|it| it * 1_000_000)).with_timezone("UTC")),
    ])
}
