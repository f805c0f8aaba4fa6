//! Blanks that leave a field as it is, and such as keep a row from being sent.

use arrow_array::{BooleanArray, Date32Array, Decimal128Array, Int32Array, StringArray, StringViewArray};
use outflow_domain::{CellProblem, FieldType, KeyFingerprint, RowFingerprint, WhenNull};
use outflow_rows::{CanonicalBatch, KeptFields, ReadBack, SERVER_OFFSET_SECONDS, Scheme, fingerprints};

use crate::support::{Column, Model, TEXT, column};

fn key(rows: i32) -> Vec<Column> {
    vec![column(FieldType::Number, Int32Array::from_iter_values(0..rows))]
}

fn scheme() -> Scheme {
    Scheme::derive(b"secret", "people")
}

fn prints(batch: &CanonicalBatch) -> Vec<RowFingerprint> {
    let (mut keys, mut rows): (Vec<KeyFingerprint>, _) = (Vec::new(), Vec::new());
    fingerprints(batch, &scheme(), &mut keys, &mut rows);
    rows
}

/// Two rows of each type there is, the second of which is blank everywhere.
fn of_every_type(when_null: WhenNull) -> Model {
    let values = vec![
        column(TEXT, StringArray::from(vec![Some("a"), None])),
        column(TEXT, StringViewArray::from(vec![Some("b"), Some("")])),
        column(FieldType::Number, Int32Array::from(vec![Some(1), None])),
        column(
            FieldType::Decimal { precision: 8, scale: 2 },
            Decimal128Array::from(vec![Some(100), None]).with_precision_and_scale(8, 2).unwrap(),
        ),
        column(FieldType::Date, Date32Array::from(vec![Some(1), None])),
        column(FieldType::Boolean, BooleanArray::from(vec![Some(true), None])),
    ];
    let when_null = vec![when_null; values.len()];
    Model::of_blanks(key(2), values, &when_null)
}

#[test]
fn a_blank_of_any_type_is_kept() {
    let kept = of_every_type(WhenNull::Keep).canonical();
    assert_eq!(kept.kept(0), [0_u64; 0], "nothing is kept where there are values");
    assert_eq!(KeptFields::of_bits(kept.kept(1)), KeptFields::of_places(0..6));
    assert_eq!(kept.problems(), []);
}

#[test]
fn what_is_kept_is_not_what_is_cleared() {
    let [kept, cleared] = [WhenNull::Keep, WhenNull::Clear].map(|it| prints(&of_every_type(it).canonical()));
    assert_eq!(kept[0], cleared[0], "values are the same under either");
    assert_ne!(kept[1], cleared[1]);
}

#[test]
fn each_set_of_kept_fields_has_a_fingerprint_of_its_own() {
    let texts = |one: [Option<&'static str>; 4]| column(TEXT, StringArray::from(one.to_vec()));
    let values = vec![texts([Some("x"), None, Some("x"), None]), texts([Some("x"), Some("x"), None, None])];
    let mut rows = prints(&Model::of_blanks(key(4), values, &[WhenNull::Keep; 2]).canonical());
    rows.sort_unstable();
    rows.dedup();
    assert_eq!(rows.len(), 4);
}

#[test]
fn more_than_64_fields_may_be_kept() {
    let values: Vec<Column> = (0..70).map(|at| column(FieldType::Number, Int32Array::from(vec![(at != 69).then_some(1)]))).collect();
    let canonical = Model::of_blanks(key(1), values, &[WhenNull::Keep; 70]).canonical();
    assert_eq!(KeptFields::of_bits(canonical.kept(0)), KeptFields::of_places([69]));
}

#[test]
fn whatever_a_kept_field_holds_is_not_looked_at() {
    let model = of_every_type(WhenNull::Keep);
    let sent = prints(&model.canonical());
    let reader = ReadBack::new(&model.mapping, SERVER_OFFSET_SECONDS);
    let kept = KeptFields::of_places(0..6);
    let of_cells = |cells: &[Option<&str>], kept: &[u64]| reader.fingerprints(&scheme(), cells, kept).map(|(_, row)| row);
    let held = [Some("1"), Some("theirs"), None, Some("7"), Some("3.5"), Some("1/2/2020 12:00:00 AM"), Some("False")];
    assert_eq!(of_cells(&held, kept.bits()), Ok(sent[1]));
    assert_ne!(of_cells(&held, &[]), Ok(sent[1]));
    let unreadable = [Some("1"), Some("theirs"), None, Some("seven"), None, Some("never"), Some("perhaps")];
    assert_eq!(of_cells(&unreadable, kept.bits()), Ok(sent[1]), "a value that cannot be understood is none of ours");
    let batch =
        reader.rows_keeping(2, |row, field| if row == 0 { Some("1") } else { held[field] }, |row| if row == 0 { &[] } else { kept.bits() });
    assert_eq!(prints(&batch)[1], sent[1]);
    // Read back blank it is what was cleared, and not what was kept.
    let blank = [Some("1"), None, None, None, None, None, None];
    assert_ne!(of_cells(&blank, &[]), Ok(sent[1]));
}

#[test]
fn a_blank_may_skip_its_row() {
    let texts = |one: [Option<&'static str>; 3]| column(TEXT, StringArray::from(one.to_vec()));
    let required = Column { is_required: true, ..texts([Some("x"), None, None]) };
    let model = Model::of_blanks(key(3), vec![required, texts([Some("x"), Some("x"), Some("")])], &[WhenNull::Clear, WhenNull::SkipRow]);
    let canonical = model.canonical();
    assert_eq!((0..3).map(|row| canonical.skipped_by(row)).collect::<Vec<_>>(), [None, None, Some(2)]);
    let problems: Vec<_> = (0..3).map(|row| canonical.problems_of(row).first().map(|it| it.problem)).collect();
    assert_eq!(problems, [None, Some(CellProblem::NullRequired), Some(CellProblem::NullRequired)], "skipped or not, it is not sent");
}

#[test]
fn a_row_without_a_key_is_not_skipped_but_invalid() {
    let model = Model::of_blanks(
        vec![column(FieldType::Number, Int32Array::from(vec![None::<i32>]))],
        vec![column(TEXT, StringArray::from(vec![None::<&str>]))],
        &[WhenNull::SkipRow],
    );
    assert_eq!(model.canonical().skipped_by(0), None);
    assert!(!model.canonical().is_valid(0));
}

#[test]
fn a_required_field_may_be_kept() {
    let required = Column { is_required: true, ..column(TEXT, StringArray::from(vec![None::<&str>])) };
    assert!(Model::of_blanks(key(1), vec![required], &[WhenNull::Keep]).canonical().is_valid(0));
}
