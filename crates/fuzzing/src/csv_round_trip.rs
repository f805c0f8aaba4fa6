//! Whatever the cells are, the `csv` crate reads from a file of ours what was written, and so do we.
//!
//! The bytes are read as UTF-8, with what is none replaced, and cut into cells at each character that XML cannot carry, which no cell may have. The first two
//! cells are the names of two fields where they can be names; the others fill these fields row by row. An empty cell is a blank.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use outflow_domain::{
    Activation, DataExtension, Field, FieldName, FieldType, FieldWish, ImportRoute, InsertMode, Mapping, ObjectId, TableWish,
    activation::{IMPORT_DEADLINE_S, PART_BYTES_MAX},
};
use outflow_rows::{CanonicalBatch, Canonicalizer, CsvEncoder, CsvFile, ReadBack, Scheme, fingerprints, model_columns};

/// The columns of the model, and the names of their fields where the bytes give none.
const COLUMNS: [&str; 3] = ["number", "one", "other"];

pub fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let cannot_travel = |it: char| !matches!(it, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let mut cells = text.split(cannot_travel);
    let named: Vec<&str> = cells.by_ref().take(2).collect();
    let cells: Vec<Option<&str>> = cells.map(|it| (!it.is_empty()).then_some(it)).collect();
    let batch = batch(&cells);
    let Some(mapping) = mapping(&named, &batch).or_else(|| mapping(&[], &batch)) else { panic!("plain names make a mapping") };
    let canonicalizer = Canonicalizer::new(&mapping, &batch.schema()).expect("the mapping was made of this schema");
    let canonical = canonicalizer.canonicalize(&batch);
    assert!(canonical.problems().is_empty(), "texts of any length fit");
    let encoder = CsvEncoder::new(&mapping);
    let (mut file, mut lengths) = (encoder.header().to_vec(), Vec::new());
    let rows: Vec<u32> = (0..batch.num_rows() as u32).collect();
    encoder.encode(&canonical, &rows, &mut file, &mut lengths);
    assert_eq!(encoder.header().len() + lengths.iter().sum::<u32>() as usize, file.len());

    let wanted = wanted(&mapping, &cells);
    assert_eq!(read_by_others(&file), wanted);
    let ours = read_by_us(&file);
    assert_eq!(ours, wanted);
    is_the_same_read_back(&mapping, &canonical, &ours[1..]);
}

/// Two texts beside a number that is the key.
fn batch(cells: &[Option<&str>]) -> RecordBatch {
    let rows = cells.len().div_ceil(2);
    let texts = |at: usize| StringArray::from_iter((0..rows).map(|row| cells.get(2 * row + at).copied().flatten()));
    let arrays: [ArrayRef; 3] = [Arc::new(Int32Array::from_iter_values(0..rows as i32)), Arc::new(texts(0)), Arc::new(texts(1))];
    RecordBatch::try_from_iter_with_nullable(COLUMNS.into_iter().zip(arrays).map(|(name, array)| (name, array, true)))
        .expect("columns of one length")
}

/// The mapping under these names, if they can be names of fields beside each other.
fn mapping(named: &[&str], batch: &RecordBatch) -> Option<Mapping> {
    let mut names = vec![COLUMNS[0].parse().ok()?];
    for at in 0..2 {
        names.push(named.get(at).copied().unwrap_or(COLUMNS[at + 1]).parse().ok()?);
    }
    let field = |(at, name): (usize, &FieldName)| Field {
        id: ObjectId(at.to_string()),
        name: name.clone(),
        field_type: if at == 0 { FieldType::Number } else { FieldType::Text { units_max: None } },
        is_required: at == 0,
        is_primary_key: at == 0,
        ordinal: at as u32,
        default: None,
    };
    let destination = DataExtension {
        id: ObjectId("table".to_owned()),
        key: "table".parse().ok()?,
        name: "table".to_owned(),
        is_sendable: false,
        retention: None,
        fields: names.iter().enumerate().map(field).collect(),
    };
    let wish = |at: usize| FieldWish::new(names[at].clone(), COLUMNS[at]);
    let activation = Activation {
        name: "table".parse().ok()?,
        data_extension: "table".parse().ok()?,
        table: TableWish::default(),
        insert: InsertMode::InsertAndUpdate,
        primary_key: vec![wish(0)],
        fields: vec![wish(1), wish(2)],
        custom_attributes: Vec::new(),
        on_exit: outflow_domain::OnExit::Keep,
        when_null: outflow_domain::WhenNull::Clear,
        time_zone: None,
        import: ImportRoute::Auto,
        part_bytes_max: PART_BYTES_MAX,
        import_deadline_s: IMPORT_DEADLINE_S,
        guards: outflow_domain::Guards::default(),
    };
    Mapping::check(&activation, &model_columns(&batch.schema()), &destination).ok()
}

/// The records of the file, header first: columns in the mapping's order.
fn wanted(mapping: &Mapping, cells: &[Option<&str>]) -> Vec<Vec<String>> {
    let rows = cells.len().div_ceil(2);
    let cell = |row: usize, column: &str| match COLUMNS.iter().position(|it| *it == column) {
        Some(0) => row.to_string(),
        Some(at) => cells.get(2 * row + at - 1).copied().flatten().unwrap_or_default().to_owned(),
        None => panic!("there is no column `{column}`"),
    };
    let header = mapping.fields().map(|it| it.field.to_string()).collect();
    let record = |row| mapping.fields().map(|it| cell(row, &it.column)).collect();
    std::iter::once(header).chain((0..rows).map(record)).collect()
}

fn read_by_others(file: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file);
    reader.records().map(|it| it.expect("a record of ours").iter().map(str::to_owned).collect()).collect()
}

fn read_by_us(file: &[u8]) -> Vec<Vec<String>> {
    let own = |cell: Option<std::borrow::Cow<'_, str>>| cell.unwrap_or_default().into_owned();
    CsvFile::new(file).map(|it| it.expect("a record of ours").into_iter().map(own).collect()).collect()
}

/// canonical(read back(write(v))) = canonical(v), as far as fingerprints tell.
fn is_the_same_read_back(mapping: &Mapping, canonical: &CanonicalBatch, records: &[Vec<String>]) {
    let scheme = Scheme::derive(b"fuzzing", "table");
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    fingerprints(canonical, &scheme, &mut keys, &mut rows);
    let reader = ReadBack::of_file(mapping);
    for (record, written) in records.iter().zip(keys.into_iter().zip(rows)) {
        let cells: Vec<Option<&str>> = record.iter().map(|it| (!it.is_empty()).then_some(it.as_str())).collect();
        assert_eq!(reader.fingerprints(&scheme, &cells, &[]), Ok(written));
    }
}
