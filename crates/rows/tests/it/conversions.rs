//! What each type of the model becomes in each type of field.

use arrow_array::{
    Array, BooleanArray, Date32Array, Date64Array, Decimal128Array, Decimal256Array, DictionaryArray, Float32Array, Float64Array,
    Int8Array, Int32Array, Int64Array, LargeStringArray, NullArray, StringArray, StringViewArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array, types::Int8Type,
};
use arrow_schema::{DataType, Field, Schema};
use outflow_domain::FieldType;
use outflow_rows::{Canonicalizer, UnfitBatch};

use crate::support::{Model, TEXT, becomes, check, column};

const MONEY: FieldType = FieldType::Decimal { precision: 6, scale: 2 };
const WIDE: FieldType = FieldType::Decimal { precision: 38, scale: 10 };
const NUMBER: FieldType = FieldType::Number;
const DATE: FieldType = FieldType::Date;
const BOOLEAN: FieldType = FieldType::Boolean;

fn texts(texts: &[&str]) -> StringArray {
    StringArray::from_iter_values(texts)
}

#[test]
fn texts_stay_as_they_are_in_every_layout() {
    let values = [Some("Ada"), None, Some(""), Some("a text of more than twelve bytes"), Some(" 007 "), Some("\"a\",\r\nb")];
    let wanted = ["Ada", "", "", "a text of more than twelve bytes", " 007 ", "\"a\",\r\nb"];
    becomes(column(TEXT, StringArray::from_iter(values)), &wanted);
    becomes(column(TEXT, LargeStringArray::from_iter(values)), &wanted);
    becomes(column(TEXT, StringViewArray::from_iter(values)), &wanted);
    becomes(column(TEXT, DictionaryArray::<Int8Type>::from_iter(values)), &wanted);
}

#[test]
fn a_column_without_type_is_all_blank() {
    for field_type in [TEXT, NUMBER, MONEY, DATE, BOOLEAN] {
        becomes(column(field_type, NullArray::new(2)), &["", ""]);
    }
}

#[test]
fn other_values_become_text() {
    becomes(column(TEXT, Int8Array::from(vec![Some(-7), None])), &["-7", ""]);
    becomes(column(TEXT, UInt64Array::from(vec![u64::MAX])), &["18446744073709551615"]);
    becomes(column(TEXT, Decimal128Array::from(vec![1230]).with_precision_and_scale(6, 2).unwrap()), &["12.30"]);
    becomes(column(TEXT, Decimal128Array::from(vec![12, 0]).with_precision_and_scale(6, -3).unwrap()), &["12000", "0"]);
    becomes(column(TEXT, Float64Array::from(vec![0.1, 100.0, -0.0, f64::NAN])), &["0.1", "100", "0", "!not_finite"]);
    becomes(column(TEXT, BooleanArray::from(vec![Some(true), Some(false), None])), &["True", "False", ""]);
    becomes(column(TEXT, Date32Array::from(vec![0])), &["1970-01-01"]);
    becomes(column(TEXT, TimestampSecondArray::from(vec![0]).with_timezone("+02:00")), &["1970-01-01T00:00:00Z"]);
}

#[test]
fn a_float_is_its_shortest_decimal_without_exponent() {
    let values = vec![1e15, 1e16, 1.5e20, 9_007_199_254_740_993.0, 1e-5, -1.25e-7, f64::MIN_POSITIVE];
    let smallest = format!("0.{}22250738585072014", "0".repeat(307));
    let wanted =
        ["1000000000000000", "10000000000000000", "150000000000000000000", "9007199254740992", "0.00001", "-0.000000125", &smallest];
    becomes(column(FieldType::Text { units_max: Some(400) }, Float64Array::from(values)), &wanted);
    let large = format!("34{}", "0".repeat(37));
    let wanted = ["0.1", "16777216", "10000000000000", &large];
    becomes(column(TEXT, Float32Array::from(vec![0.1, 16_777_216.0, 1e13, 3.4e38])), &wanted);
}

/// What becomes of a value column that is rounded.
#[track_caller]
fn rounds(field_type: FieldType, round: u8, array: impl Array + 'static, wanted: &[&str]) {
    let what = format!("{:?} rounded to {round} digits", array.data_type());
    let keys = vec![column(NUMBER, Int32Array::from_iter_values(0..array.len() as i32))];
    check(&what, &Model::of_rounded(keys, vec![column(field_type, array)], round), wanted);
}

#[test]
fn a_person_may_ask_for_rounding_half_away_from_zero() {
    let wanted = ["12.35", "-12.35", "12.34", "0.00", "999.00", "!decimal_precision"];
    let units = vec![12_345, -12_345, 12_344, -4, 999_000, 9_999_995];
    rounds(MONEY, 2, Decimal128Array::from(units.clone()).with_precision_and_scale(12, 3).unwrap(), &wanted);
    let wide = units.iter().map(|it| arrow_buffer::i256::from_i128(*it)).collect::<Vec<_>>();
    rounds(MONEY, 2, Decimal256Array::from(wide).with_precision_and_scale(60, 3).unwrap(), &wanted);
    rounds(MONEY, 2, texts(&["12.345", "-12.345", "12.344999", "-4e-3", "9.99e2", "9999.995"]), &wanted);
    rounds(MONEY, 2, Float64Array::from(vec![12.345, -12.345, 12.344, -0.004, 999.0, 9999.995]), &wanted);
    // Of 0.285 and 1.005 the bits stand for a little less.
    rounds(MONEY, 2, Float64Array::from(vec![0.285, 1.005, 1e-300]), &["0.29", "1.01", "0.00"]);
    rounds(MONEY, 2, Float32Array::from(vec![0.285, f32::NAN]), &["0.29", "!not_finite"]);
}

#[test]
fn rounding_to_fewer_digits_than_the_field_keeps_leaves_zeros() {
    rounds(MONEY, 0, texts(&["12.5", "-0.5", "0.4999", "1e400", ""]), &["13.00", "-1.00", "0.00", "!decimal_precision", ""]);
    rounds(MONEY, 1, Decimal128Array::from(vec![1250, 1249]).with_precision_and_scale(6, 3).unwrap(), &["1.30", "1.20"]);
    rounds(MONEY, 1, Decimal128Array::from(vec![12, 5]).with_precision_and_scale(6, -2).unwrap(), &["1200.00", "500.00"]);
}

#[test]
fn a_number_field_takes_what_is_rounded_to_a_whole() {
    rounds(NUMBER, 0, Float64Array::from(vec![7.5, -7.5, 7.49, 2_147_483_647.5]), &["8", "-8", "7", "!number_out_of_range"]);
    rounds(NUMBER, 0, texts(&["6.5", "seven", "1e60", "  "]), &["7", "!not_a_number", "!number_out_of_range", ""]);
    rounds(NUMBER, 0, BooleanArray::from(vec![true, false]), &["1", "0"]);
    rounds(NUMBER, 0, Int64Array::from(vec![5, 3_000_000_000]), &["5", "!number_out_of_range"]);
}

#[test]
fn whole_numbers_have_32_bits() {
    becomes(column(NUMBER, Int32Array::from(vec![Some(i32::MIN), Some(0), None])), &["-2147483648", "0", ""]);
    becomes(
        column(NUMBER, Int64Array::from(vec![Some(2_147_483_647), Some(2_147_483_648), None])),
        &["2147483647", "!number_out_of_range", ""],
    );
    becomes(column(NUMBER, BooleanArray::from(vec![true, false])), &["1", "0"]);
    becomes(column(NUMBER, Float64Array::from(vec![7.0, 7.5, 1e18])), &["7", "!not_a_number", "!number_out_of_range"]);
    becomes(column(NUMBER, Decimal128Array::from(vec![700, 750]).with_precision_and_scale(6, 2).unwrap()), &["7", "!not_a_number"]);
    becomes(column(NUMBER, texts(&["7", " 007 ", "-7.0", "seven", "", "  "])), &["7", "7", "-7", "!not_a_number", "", ""]);
}

#[test]
fn decimals_are_exact_or_not_at_all() {
    becomes(column(MONEY, Int64Array::from(vec![9999, 10_000])), &["9999.00", "!decimal_precision"]);
    becomes(
        column(MONEY, Decimal128Array::from(vec![1230, 1_000_000]).with_precision_and_scale(12, 2).unwrap()),
        &["12.30", "!decimal_precision"],
    );
    becomes(
        column(MONEY, Decimal128Array::from(vec![12_300, 12_345]).with_precision_and_scale(12, 3).unwrap()),
        &["12.30", "!decimal_scale"],
    );
    becomes(column(MONEY, Float64Array::from(vec![0.1, -12.34, 0.125])), &["0.10", "-12.34", "!decimal_scale"]);
    becomes(column(WIDE, Float32Array::from(vec![0.1, f32::INFINITY])), &["0.1000000000", "!not_finite"]);
    becomes(column(MONEY, texts(&["12.3", "1e2", "1,5", ""])), &["12.30", "100.00", "!not_a_number", ""]);
    let huge = arrow_buffer::i256::from_string(&format!("{}0", "9".repeat(39))).unwrap();
    let wide = Decimal256Array::from(vec![arrow_buffer::i256::from_i128(15), huge]).with_precision_and_scale(60, 1).unwrap();
    becomes(column(MONEY, wide), &["1.50", "!decimal_precision"]);
}

#[test]
fn a_day_is_written_without_time() {
    becomes(column(DATE, Date32Array::from(vec![Some(0), Some(-80_000), None])), &["1970-01-01", "!date_out_of_range", ""]);
    becomes(column(DATE, Date64Array::from(vec![-1])), &["1969-12-31"]);
}

#[test]
fn a_timestamp_without_zone_stands_as_it_is() {
    becomes(column(DATE, TimestampMillisecondArray::from(vec![-1, 999])), &["1969-12-31T23:59:59", "1970-01-01T00:00:00"]);
}

#[test]
fn a_timestamp_with_zone_is_written_in_utc() {
    let noon = 1_795_435_200_000_000;
    becomes(column(DATE, TimestampMicrosecondArray::from(vec![noon]).with_timezone("Europe/Paris")), &["2026-11-23T12:00:00Z"]);
    becomes(column(DATE, TimestampNanosecondArray::from(vec![1]).with_timezone("UTC")), &["1970-01-01T00:00:00Z"]);
}

#[test]
fn the_activation_may_name_the_zone_of_a_timestamp() {
    let summer = 1_782_907_200;
    let values = vec![
        column(DATE, TimestampSecondArray::from(vec![summer])),
        column(DATE, texts(&["2026-07-01 12:00:00"])),
        column(DATE, texts(&["2026-07-01T12:00:00Z"])),
        column(DATE, texts(&["2026-07-01"])),
        column(TEXT, TimestampSecondArray::from(vec![summer])),
    ];
    let model = Model::in_zone(vec![column(NUMBER, Int32Array::from(vec![1]))], values, Some("Europe/Paris"));
    let cells = &crate::support::records(&model.file())[0];
    let instant = "2026-07-01T10:00:00Z";
    assert_eq!(cells[1..], [instant, instant, "2026-07-01T12:00:00Z", "2026-07-01", instant]);
}

#[test]
fn a_reading_that_the_zone_moves_out_of_range_is_told() {
    let last = 253_402_300_799;
    let key = || vec![column(NUMBER, Int32Array::from(vec![1, 2]))];
    let value = column(DATE, TimestampSecondArray::from(vec![Some(last), None]));
    check("New York", &Model::in_zone(key(), vec![value], Some("Pacific/Pago_Pago")), &["!date_out_of_range", ""]);
    let text = column(DATE, texts(&["9999-12-31 23:59:59", ""]));
    check("New York", &Model::in_zone(key(), vec![text], Some("Pacific/Pago_Pago")), &["!date_out_of_range", ""]);
}

#[test]
fn texts_become_dates() {
    becomes(
        column(DATE, texts(&["2026-11-23", "2026-11-23 01:02:03", "2026-11-23T01:02:03+01:00", "23/11/2026", "1066-10-14", ""])),
        &["2026-11-23", "2026-11-23T01:02:03", "2026-11-23T00:02:03Z", "!not_a_date", "!date_out_of_range", ""],
    );
}

#[test]
fn booleans() {
    becomes(column(BOOLEAN, BooleanArray::from(vec![Some(true), None])), &["True", ""]);
    becomes(column(BOOLEAN, Int8Array::from(vec![Some(1), Some(0), Some(2), None])), &["True", "False", "!not_a_boolean", ""]);
    becomes(
        column(BOOLEAN, texts(&["true", "FALSE", "1", "0", "y", "No", "maybe", ""])),
        &["True", "False", "True", "False", "True", "False", "!not_a_boolean", ""],
    );
}

#[test]
fn numbers_in_a_dictionary_are_unpacked() {
    let keys = Int8Array::from(vec![Some(1), None, Some(0)]);
    let values = std::sync::Arc::new(Int64Array::from(vec![10, 20]));
    becomes(column(NUMBER, DictionaryArray::<Int8Type>::new(keys, values)), &["20", "", "10"]);
}

#[test]
fn a_schema_that_has_changed_is_refused() {
    let model = Model::of_value(column(DATE, TimestampSecondArray::from(vec![0])));
    let fields = |value: DataType| Schema::new(vec![Field::new("k00", DataType::Int32, true), Field::new("v00", value, true)]);
    let refused = |schema: &Schema| Canonicalizer::new(&model.mapping, schema).unwrap_err();
    let gone = Schema::new(vec![Field::new("k00", DataType::Int32, true)]);
    assert!(matches!(refused(&gone), UnfitBatch::MissingColumn { column, .. } if column == "v00"));
    let zoned = DataType::Timestamp(arrow_schema::TimeUnit::Second, Some("UTC".into()));
    for other in [DataType::Boolean, DataType::Binary, zoned] {
        assert!(matches!(refused(&fields(other)), UnfitBatch::TypeChanged { .. }));
    }
    assert!(Canonicalizer::new(&model.mapping, &fields(DataType::Utf8)).is_ok());
}

#[test]
fn a_zone_that_is_none_is_refused() {
    let model =
        Model::in_zone(vec![column(NUMBER, Int32Array::from(vec![1]))], vec![column(NUMBER, Int32Array::from(vec![1]))], Some("Mars/Base"));
    let refused = Canonicalizer::new(&model.mapping, &model.batch.schema()).unwrap_err();
    assert_eq!(refused, UnfitBatch::NoSuchTimeZone { zone: "Mars/Base".into() });
}
