//! When two rows have the same fingerprint.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, LargeStringArray, RecordBatch, StringArray, StringViewArray,
    TimestampSecondArray,
};
use arrow_cast::cast;
use arrow_schema::DataType;
use outflow_domain::{FieldType, KeyFingerprint, RowFingerprint};
use outflow_rows::{Cell, Scheme, fingerprints, fold_text, mapping_digest, wide_keys};
use proptest::prelude::*;

use crate::support::{Column, Model, TEXT, column};

fn scheme() -> Scheme {
    Scheme::derive(b"secret", "people")
}

fn of(model: &Model) -> (Vec<KeyFingerprint>, Vec<RowFingerprint>) {
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    fingerprints(&model.canonical(), &scheme(), &mut keys, &mut rows);
    (keys, rows)
}

fn keys_of(texts: &[&str]) -> Vec<KeyFingerprint> {
    let value = column(TEXT, StringArray::new_null(texts.len()));
    of(&Model::of(vec![column(TEXT, StringArray::from_iter_values(texts))], vec![value])).0
}

#[track_caller]
fn same_key(one: &str, other: &str) {
    let keys = keys_of(&[one, other]);
    assert_eq!(keys[0], keys[1], "{one} {other}");
    // Each alone, so that a neighbour beyond ASCII makes no difference.
    assert_eq!([keys_of(&[one])[0], keys_of(&[other])[0]], [keys[0], keys[1]]);
}

#[test]
fn keys_that_the_service_calls_equal_have_one_fingerprint() {
    same_key("ABC", "abc");
    same_key("ABC  ", "abc");
    same_key("ÄÖÜ@example.com", "äöü@EXAMPLE.com ");
    same_key("\u{212A}elvin", "kelvin");
}

#[test]
fn other_keys_have_others() {
    let keys = keys_of(&["7", "007", " 7", "a", "á", "a\u{301}", "ab", "ss", "ß"]);
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
}

/// The rows of a model that have another key under the wider comparison, with its fingerprint.
fn wide_of(model: &Model) -> Vec<(u32, KeyFingerprint)> {
    let mut told = Vec::new();
    wide_keys(&model.canonical(), &scheme(), &of(model).0, |row, wide| told.push((row, wide)));
    told
}

#[test]
fn a_wide_key_has_the_fingerprint_of_the_key_it_is_folded_to() {
    let texts = ["strasse", "Stra\u{df}e ", "abc", "\u{ff21}\u{ff22}\u{ff23}", "\u{fc}nf", "\u{30ab}\u{30ca}", "\u{ff76}\u{ff85}", ""];
    let keys = keys_of(&texts);
    for layout in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View] {
        let array: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
        let key = Column { field_type: TEXT, is_required: false, array: cast(&array, &layout).unwrap() };
        let told = wide_of(&Model::of(vec![key], vec![column(TEXT, StringArray::new_null(texts.len()))]));
        assert_eq!(told.iter().map(|it| it.0).collect::<Vec<_>>(), [1, 3, 5, 6]);
        assert_eq!([told[0].1, told[1].1], [keys[0], keys[2]]);
        assert_eq!(told[2].1, told[3].1, "both kinds of kana, in both widths");
    }
}

#[test]
fn a_wide_key_keeps_its_other_parts() {
    let number = |numbers: [i32; 3]| column(FieldType::Number, Int32Array::from_iter_values(numbers));
    let text = |texts: [&str; 3]| column(TEXT, StringArray::from_iter_values(texts));
    let keys = vec![text(["stra\u{df}e", "strasse", "strasse"]), number([7, 7, 8])];
    let model = Model::of(keys, vec![column(TEXT, StringArray::new_null(3))]);
    assert_eq!(wide_of(&model), [(0, of(&model).0[1])]);
}

#[test]
fn parts_of_a_key_do_not_run_together() {
    let part = |texts: [&str; 3]| column(TEXT, StringArray::from_iter_values(texts));
    let model = Model::of(vec![part(["ab", "a", "abc"]), part(["c", "bc", " "])], vec![column(TEXT, StringArray::new_null(3))]);
    let (keys, _) = of(&model);
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
}

#[test]
fn a_number_as_key_counts_by_its_value() {
    let value = || column(TEXT, StringArray::new_null(2));
    let text = Model::of(vec![column(FieldType::Number, StringArray::from(vec!["7", "007"]))], vec![value()]);
    let number = Model::of(vec![column(FieldType::Number, Int32Array::from(vec![7, 8]))], vec![value()]);
    let (text, number) = (of(&text).0, of(&number).0);
    assert_eq!([text[0], text[1]], [number[0], number[0]]);
    assert_ne!(number[0], number[1]);
}

#[test]
fn the_value_of_a_key_is_no_part_of_the_row() {
    let (_, rows) = of(&Model::of_value(column(TEXT, StringArray::from(vec!["x", "x"]))));
    assert_eq!(rows[0], rows[1]);
}

#[test]
fn blank_zero_and_false_are_three_things() {
    let blank_or = |value: Column| {
        let (_, rows) = of(&Model::of_value(value));
        assert_ne!(rows[0], rows[1]);
    };
    blank_or(column(FieldType::Number, Int32Array::from(vec![None, Some(0)])));
    blank_or(column(FieldType::Boolean, BooleanArray::from(vec![None, Some(false)])));
    blank_or(column(FieldType::Date, Date32Array::from(vec![None, Some(0)])));
    for precision in [9, 38] {
        let field = FieldType::Decimal { precision, scale: 2 };
        blank_or(column(field, Decimal128Array::from(vec![None, Some(0)]).with_precision_and_scale(9, 2).unwrap()));
    }
    blank_or(column(TEXT, StringArray::from(vec![None, Some(" ")])));
}

#[test]
fn null_and_empty_text_are_one_blank() {
    let (_, rows) = of(&Model::of_value(column(TEXT, StringArray::from(vec![None, Some("")]))));
    assert_eq!(rows[0], rows[1]);
}

#[test]
fn case_and_trailing_spaces_count_in_values() {
    let (_, rows) = of(&Model::of_value(column(TEXT, StringArray::from(vec!["a", "A", "a "]))));
    assert!(rows[0] != rows[1] && rows[0] != rows[2]);
}

#[test]
fn another_scheme_gives_other_fingerprints() {
    let model = Model::of_value(column(TEXT, StringArray::from(vec!["x"])));
    let (mut keys, mut rows) = (Vec::new(), Vec::new());
    fingerprints(&model.canonical(), &Scheme::derive(b"other secret", "people"), &mut keys, &mut rows);
    let here = of(&model);
    assert!(keys != here.0 && rows != here.1);
}

#[test]
fn fingerprints_stay_the_same_for_ever() {
    // Baselines hold them. If this fails, the encoding or the hash has changed: raise SCHEME.
    let model = Model::of(
        vec![column(TEXT, StringArray::from(vec!["Ada "])), column(FieldType::Number, Int32Array::from(vec![7]))],
        vec![
            column(TEXT, StringArray::from(vec!["Lovelace"])),
            column(FieldType::Date, Date32Array::from(vec![-56_270])),
            column(FieldType::Decimal { precision: 12, scale: 2 }, StringArray::from(vec!["-12.5"])),
            column(FieldType::Boolean, BooleanArray::from(vec![true])),
        ],
    );
    let (keys, rows) = of(&model);
    assert_eq!(format!("{:032x} {:015x}", keys[0].0, rows[0].bits()), "8713f75fa320e510373b35ffeba700d5 c738d2a63122ff7");
}

#[test]
fn a_mapping_has_a_digest() {
    let one = Model::of_value(column(TEXT, StringArray::from(vec!["x"])));
    let other = Model::of_value(column(FieldType::Phone, StringArray::from(vec!["x"])));
    assert_eq!(mapping_digest(&one.mapping), mapping_digest(&one.mapping));
    assert_ne!(mapping_digest(&one.mapping), mapping_digest(&other.mapping));
}

/// A row of few different values, so that equal ones meet.
type Row = (String, Option<String>, Option<i32>, Option<i64>, Option<i64>, Option<bool>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = "[aAäÄ k\u{212A}]{0,2}x? {0,2}".prop_map(|it| format!("k{it}"));
    let text = prop::option::of("[aA ]{0,2}(a longer text, as views keep it apart)?");
    let row = (key, text, prop::option::of(-1..1), prop::option::of(0_i64..2), prop::option::of(-1_i64..1), any::<Option<bool>>());
    prop::collection::vec(row, 1..40)
}

fn model(rows: &[Row]) -> Model {
    let decimal = Decimal128Array::from_iter(rows.iter().map(|it| it.3.map(i128::from))).with_precision_and_scale(20, 2).unwrap();
    Model::of(
        vec![column(TEXT, StringArray::from_iter_values(rows.iter().map(|it| &it.0)))],
        vec![
            column(TEXT, StringArray::from_iter(rows.iter().map(|it| it.1.as_deref()))),
            column(FieldType::Number, Int32Array::from_iter(rows.iter().map(|it| it.2))),
            column(FieldType::Decimal { precision: 20, scale: 2 }, decimal),
            column(FieldType::Date, TimestampSecondArray::from_iter(rows.iter().map(|it| it.4))),
            column(FieldType::Boolean, BooleanArray::from_iter(rows.iter().map(|it| it.5))),
        ],
    )
}

proptest! {
    #[test]
    fn fingerprints_are_equal_if_and_only_if_values_are(rows in rows()) {
        let model = model(&rows);
        let canonical = model.canonical();
        let (keys, fingerprints) = of(&model);
        for one in 0..rows.len() {
            for other in 0..one {
                prop_assert_eq!(keys[one] == keys[other], fold_text(&rows[one].0) == fold_text(&rows[other].0));
                let cells = |row: usize| -> Vec<Cell<'_>> { (1..canonical.columns().len()).map(|it| canonical.cell(row, it)).collect() };
                prop_assert_eq!(fingerprints[one] == fingerprints[other], cells(one) == cells(other));
            }
        }
    }

    #[test]
    fn a_slice_of_a_batch_has_the_fingerprints_of_its_rows(rows in rows(), from: prop::sample::Index, until: prop::sample::Index) {
        let model = model(&rows);
        let (keys, fingerprints) = of(&model);
        let (a, b) = (from.index(rows.len() + 1), until.index(rows.len() + 1));
        let (from, until) = (a.min(b), a.max(b));
        let slice = Model { mapping: model.mapping.clone(), batch: model.batch.slice(from, until - from) };
        prop_assert_eq!(of(&slice), (keys[from..until].to_vec(), fingerprints[from..until].to_vec()));
    }

    #[test]
    fn every_layout_of_text_has_the_same_fingerprints(rows in rows(), from in 0_usize..3) {
        let model = model(&rows);
        let wanted = of(&model);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8));
        for layout in [DataType::LargeUtf8, DataType::Utf8View, dictionary] {
            let recast = |it: &ArrayRef| if it.data_type() == &DataType::Utf8 { cast(it, &layout).unwrap() } else { it.clone() };
            let columns: Vec<ArrayRef> = model.batch.columns().iter().map(recast).collect();
            let schema = model.batch.schema();
            let named = schema.fields().iter().map(|it| it.name()).zip(columns).map(|(name, it)| (name, it, true));
            let batch = RecordBatch::try_from_iter_with_nullable(named).unwrap();
            let from = from.min(rows.len());
            let found = of(&Model { mapping: model.mapping.clone(), batch: batch.slice(from, rows.len() - from) });
            prop_assert_eq!(found, (wanted.0[from..].to_vec(), wanted.1[from..].to_vec()));
        }
    }
}

#[test]
fn bytes_under_a_null_have_no_meaning() {
    let texts = ["x", "secret", "a text of more than twelve bytes"];
    let nulls = arrow_buffer::NullBuffer::from(vec![true, false, false]);
    let (offsets, data, _) = StringArray::from_iter_values(texts).into_parts();
    let small = StringArray::new(offsets, data, Some(nulls.clone()));
    let (offsets, data, _) = LargeStringArray::from_iter_values(texts).into_parts();
    let large = LargeStringArray::new(offsets, data, Some(nulls.clone()));
    let (views, buffers, _) = StringViewArray::from_iter_values(texts).into_parts();
    let views = StringViewArray::new(views, buffers, Some(nulls));
    let arrays: [ArrayRef; 3] = [Arc::new(small), Arc::new(large), Arc::new(views)];
    let clean = of(&Model::of_value(column(TEXT, StringArray::from(vec![Some("x"), None, None]))));
    for array in arrays {
        assert_eq!(array.null_count(), 2);
        assert_eq!(of(&Model::of_value(Column { field_type: TEXT, is_required: false, array })), clean);
    }
}
