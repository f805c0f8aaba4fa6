//! What a row costs, phase by phase: `cargo run --release -p outflow-rows --example rows_speed`.
//!
//! A key and ten mixed columns, as a customer model has them; once in the layout that Parquet is read in (views), once in that of a database (offsets).
#![allow(clippy::print_stdout, reason = "it is a program for a person")]

use std::{hint::black_box, sync::Arc, time::Instant};

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray,
    TimestampMicrosecondArray,
};
use outflow_domain::{
    Activation, DataExtension, Field, FieldType, FieldWish, ImportRoute, InsertMode, Mapping, ObjectId, TableWish,
    activation::{IMPORT_DEADLINE_S, PART_BYTES_MAX},
};
use outflow_rows::{Canonicalizer, CsvEncoder, Scheme, fingerprints, key_fingerprints, model_columns};
use rand::{Rng, SeedableRng, rngs::SmallRng};

const ROWS: usize = 8192;
const BATCHES: usize = 60;

fn main() {
    for (layout, is_view) in [("views", true), ("offsets", false)] {
        let batches: Vec<RecordBatch> = (0..BATCHES).map(|seed| customers(seed as u64, is_view)).collect();
        let mapping = mapping(&batches[0]);
        let canonicalizer = Canonicalizer::new(&mapping, &batches[0].schema()).unwrap();
        let scheme = Scheme::derive(b"a secret of the project", "customers");
        let encoder = CsvEncoder::new(&mapping);
        let canonical: Vec<_> = batches.iter().map(|it| canonicalizer.canonicalize(it)).collect();
        let (mut keys, mut rows) = (Vec::new(), Vec::new());
        let (mut csv, mut lengths) = (Vec::new(), Vec::new());
        let all: Vec<u32> = (0..ROWS as u32).collect();
        println!("{layout}:");
        measure("canonical", || {
            for batch in &batches {
                black_box(canonicalizer.canonicalize(batch));
            }
        });
        measure("key fingerprints", || {
            for batch in &canonical {
                key_fingerprints(batch, &scheme, &mut keys);
                black_box(&keys);
            }
        });
        measure("key and row fingerprints", || {
            for batch in &canonical {
                fingerprints(batch, &scheme, &mut keys, &mut rows);
                black_box((&keys, &rows));
            }
        });
        measure("canonical and fingerprints", || {
            for batch in &batches {
                fingerprints(&canonicalizer.canonicalize(batch), &scheme, &mut keys, &mut rows);
                black_box((&keys, &rows));
            }
        });
        measure("csv", || {
            for batch in &canonical {
                csv.clear();
                lengths.clear();
                encoder.encode(batch, &all, &mut csv, &mut lengths);
                black_box(&csv);
            }
        });
        println!("  {:<28} {:>6.1} bytes", "a row of csv", csv.len() as f64 / ROWS as f64);
    }
}

/// Prints the nanoseconds of a row: the best of several rounds, as others use the machine too.
fn measure(phase: &str, mut round: impl FnMut()) {
    let best = (0..15).map(|_| {
        let start = Instant::now();
        round();
        start.elapsed()
    });
    let nanoseconds = best.min().unwrap_or_default().as_nanos() as f64;
    println!("  {phase:<28} {:>6.1} ns", nanoseconds / (ROWS * BATCHES) as f64);
}

fn customers(seed: u64, is_view: bool) -> RecordBatch {
    let random = &mut SmallRng::seed_from_u64(seed);
    let texts = |values: Vec<Option<String>>| -> ArrayRef {
        if is_view { Arc::new(StringViewArray::from_iter(values)) } else { Arc::new(StringArray::from_iter(values)) }
    };
    let names = ["Ada", "Grace", "Edsger", "Barbara", "Maximiliane", "Bo", "Zoë"];
    let cities = ["Paris", "Buenos Aires", "Köln", "San Francisco", "Llanfairpwllgwyngyll"];
    let name = |random: &mut SmallRng| names[random.random_range(0..names.len())];
    let ids = (0..ROWS).map(|row| Some(format!("C{:09}", seed as usize * ROWS + row))).collect();
    let emails = (0..ROWS).map(|row| Some(format!("{}.{row}@example.com", name(random).to_lowercase()))).collect();
    let first_names = (0..ROWS).map(|_| Some(name(random).to_owned())).collect();
    let towns = (0..ROWS).map(|_| random.random_bool(0.9).then(|| cities[random.random_range(0..cities.len())].to_owned())).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", texts(ids)),
        ("email", texts(emails)),
        ("first_name", texts(first_names)),
        ("city", texts(towns)),
        ("age", Arc::new(Int32Array::from_iter((0..ROWS).map(|_| random.random_bool(0.95).then(|| random.random_range(18..99)))))),
        ("points", Arc::new(Int64Array::from_iter_values((0..ROWS).map(|_| random.random_range(0..1_000_000))))),
        (
            "balance",
            Arc::new(
                Decimal128Array::from_iter_values((0..ROWS).map(|_| random.random_range(-100_000..1_000_000)))
                    .with_precision_and_scale(12, 2)
                    .unwrap(),
            ),
        ),
        ("score", Arc::new(Float64Array::from_iter_values((0..ROWS).map(|_| f64::from(random.random_range(0..10_000)) / 100.0)))),
        ("birthday", Arc::new(Date32Array::from_iter_values((0..ROWS).map(|_| random.random_range(-10_000..15_000))))),
        (
            "changed_at",
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(
                    (0..ROWS).map(|_| random.random_range(1_600_000_000_000_000_i64..1_700_000_000_000_000)),
                )
                .with_timezone("UTC"),
            ),
        ),
        ("active", Arc::new(BooleanArray::from_iter((0..ROWS).map(|_| Some(random.random_bool(0.8)))))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn mapping(batch: &RecordBatch) -> Mapping {
    let text = FieldType::Text { units_max: Some(100) };
    let decimal = FieldType::Decimal { precision: 12, scale: 2 };
    let types = [
        text,
        FieldType::EmailAddress,
        text,
        text,
        FieldType::Number,
        FieldType::Number,
        decimal,
        decimal,
        FieldType::Date,
        FieldType::Date,
        FieldType::Boolean,
    ];
    let schema = batch.schema();
    let names: Vec<&str> = schema.fields().iter().map(|it| it.name().as_str()).collect();
    let field = |at: usize| Field {
        id: ObjectId(names[at].to_owned()),
        name: names[at].parse().unwrap(),
        field_type: types[at],
        is_required: at == 0,
        is_primary_key: at == 0,
        ordinal: at as u32,
        default: None,
    };
    let destination = DataExtension {
        id: ObjectId("customers".into()),
        key: "customers".parse().unwrap(),
        name: "customers".into(),
        is_sendable: false,
        retention: None,
        fields: (0..names.len()).map(field).collect(),
    };
    let wish = |name: &&str| FieldWish::new(name.parse().unwrap(), *name);
    let activation = Activation {
        name: "customers".parse().unwrap(),
        data_extension: "customers".parse().unwrap(),
        table: TableWish::default(),
        insert: InsertMode::InsertAndUpdate,
        primary_key: names[..1].iter().map(wish).collect(),
        fields: names[1..].iter().map(wish).collect(),
        custom_attributes: vec![],
        on_exit: outflow_domain::OnExit::Keep,
        when_null: outflow_domain::WhenNull::Clear,
        time_zone: None,
        import: ImportRoute::Auto,
        part_bytes_max: PART_BYTES_MAX,
        import_deadline_s: IMPORT_DEADLINE_S,
        guards: outflow_domain::Guards::default(),
    };
    Mapping::check(&activation, &model_columns(&schema), &destination).unwrap()
}
