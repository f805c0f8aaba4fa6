//! Writes customers to a Parquet file, the same ones every time.
//!
//! `make_parquet ROWS PATH [mutated]`: ten columns, dictionaries and Snappy as common exporters write them. `mutated` writes the
//! next day's file: of the same customers 1 % have changed (city and amount), 0.5 % are gone, and 0.5 % are new.

use std::{error::Error, fs::File, sync::Arc};

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};

const BATCH_ROWS: u64 = 65_536;
const FIRST: [&str; 16] =
    ["Anna", "Ben", "Chloé", "David", "Emma", "Felix", "Grace", "Henry", "Ines", "Jonas", "Karla", "Léo", "Mia", "Noah", "Olga", "Paul"];
const LAST: [&str; 12] =
    ["Andersson", "Bianchi", "Costa", "Dubois", "Ekström", "Fischer", "García", "Hughes", "Ivanova", "Jansen", "Kovács", "Müller"];
const TIERS: [&str; 4] = ["bronze", "silver", "gold", "platinum"];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (rows, path, is_mutated) = match arguments.as_slice() {
        [rows, path] => (rows, path, false),
        [rows, path, word] if word == "mutated" => (rows, path, true),
        _ => return Err("usage: make_parquet ROWS PATH [mutated]".into()),
    };
    let rows: u64 = rows.parse()?;
    // New customers come after the others, one for each that is gone.
    let ids_end = if is_mutated { rows + rows / 200 } else { rows };
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer: Option<ArrowWriter<File>> = None;
    for start in (0..ids_end).step_by(usize::try_from(BATCH_ROWS)?) {
        let ids = (start..ids_end.min(start + BATCH_ROWS)).filter(|id| !is_mutated || *id >= rows || !is_gone(*id));
        let batch = customers(&ids.collect::<Vec<_>>(), is_mutated)?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => none.insert(ArrowWriter::try_new(File::create(path)?, batch.schema(), Some(properties.clone()))?),
        };
        writer.write(&batch)?;
    }
    writer.ok_or("there must be at least one row")?.close()?;
    Ok(())
}

fn is_gone(id: u64) -> bool {
    mixed(id, 1) % 200 == 0
}

fn has_changed(id: u64) -> bool {
    mixed(id, 2) % 100 == 0
}

fn customers(ids: &[u64], is_mutated: bool) -> Result<RecordBatch, Box<dyn Error>> {
    // What changes, changes by the day.
    let day = |id: u64| u64::from(is_mutated && has_changed(id));
    let pick = |id: u64, salt: u64, from: &[&'static str]| from[(mixed(id, salt) % from.len() as u64) as usize];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(ids.iter().map(|id| Some(*id as i64)).collect::<Int64Array>())),
        (
            "email",
            Arc::new(ids.iter().map(|id| Some(format!("{:x}.{id}@example.com", mixed(*id, 3) & 0xffff_ffff))).collect::<StringArray>()),
        ),
        ("first_name", Arc::new(ids.iter().map(|id| Some(pick(*id, 4, &FIRST))).collect::<StringArray>())),
        ("last_name", Arc::new(ids.iter().map(|id| Some(pick(*id, 5, &LAST))).collect::<StringArray>())),
        ("city", Arc::new(ids.iter().map(|id| Some(format!("City {}", mixed(*id, 6 + day(*id) * 100) % 5000))).collect::<StringArray>())),
        ("tier", Arc::new(ids.iter().map(|id| (mixed(*id, 7) % 10 != 0).then(|| pick(*id, 8, &TIERS))).collect::<StringArray>())),
        ("amount", Arc::new(amounts(ids, day)?)),
        ("active", Arc::new(ids.iter().map(|id| Some(mixed(*id, 12) % 5 != 0)).collect::<BooleanArray>())),
        ("birth_date", Arc::new(ids.iter().map(|id| Some((mixed(*id, 13) % 25_000) as i32 - 10_000)).collect::<Date32Array>())),
        ("updated_at", Arc::new(updates(ids))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))?)
}

fn amounts(ids: &[u64], day: impl Fn(u64) -> u64) -> Result<Decimal128Array, Box<dyn Error>> {
    let amounts: Decimal128Array = ids.iter().map(|id| Some(i128::from(mixed(*id, 9 + day(*id) * 100) % 1_000_000))).collect();
    Ok(amounts.with_precision_and_scale(12, 2)?)
}

fn updates(ids: &[u64]) -> TimestampMicrosecondArray {
    let start = 1_700_000_000_000_000_i64;
    ids.iter()
        .map(|id| Some(start + (mixed(*id, 14) % 40_000_000) as i64 * 1_000_000))
        .collect::<TimestampMicrosecondArray>()
        .with_timezone("UTC")
}

/// A number that looks random and is the same on every machine (the finaliser of SplitMix64).
fn mixed(id: u64, salt: u64) -> u64 {
    let mut z = id.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
