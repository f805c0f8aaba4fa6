use proptest::prelude::*;

use super::*;

#[track_caller]
fn reads(text: &str, precision: u8, scale: u8, wanted: Result<i128, CellProblem>) {
    assert_eq!(parse_decimal(text.as_bytes(), precision, scale), wanted, "{text} as decimal({precision},{scale})");
}

#[test]
fn plain_decimals() {
    reads("12.30", 5, 2, Ok(1230));
    reads("12.3", 5, 2, Ok(1230));
    reads("-0.05", 5, 2, Ok(-5));
    reads("+7", 5, 2, Ok(700));
    reads(".5", 5, 2, Ok(50));
    reads("5.", 5, 2, Ok(500));
    reads("  1 ", 5, 2, Ok(100));
}

#[test]
fn zero_has_no_sign() {
    for zero in ["0", "-0", "0.000000", "-.0", "0e9"] {
        reads(zero, 1, 0, Ok(0));
    }
}

#[test]
fn zeros_that_change_nothing_may_be_there_in_any_number() {
    let zeros = "0".repeat(100);
    reads(&format!("{zeros}12.30{zeros}"), 4, 2, Ok(1230));
    reads("0.00120", 4, 4, Ok(12));
    reads("1000", 4, 0, Ok(1000));
    reads("100100", 6, 0, Ok(100_100));
}

#[test]
fn exponents_are_exact() {
    reads("1e3", 5, 0, Ok(1000));
    reads("1.5E-2", 5, 3, Ok(15));
    reads("15e-3", 5, 2, Err(CellProblem::DecimalScale));
    reads("1e999999999999", 38, 0, Err(CellProblem::DecimalPrecision));
}

#[test]
fn nothing_is_rounded() {
    reads("0.125", 5, 2, Err(CellProblem::DecimalScale));
    reads("0.120", 5, 2, Ok(12));
}

#[test]
fn whole_digits_have_an_end() {
    reads("999.99", 5, 2, Ok(99_999));
    reads("1000", 5, 2, Err(CellProblem::DecimalPrecision));
    reads(&"9".repeat(38), 38, 0, Ok(POWERS[38] - 1));
    reads(&"9".repeat(39), 38, 0, Err(CellProblem::DecimalPrecision));
}

#[test]
fn what_is_no_number() {
    for text in ["", "-", ".", "1,5", "1.2.3", "1e", "e5", "0x1", "NaN", "inf", "1 2", "٣", "--1", "1e+-2"] {
        reads(text, 38, 2, Err(CellProblem::NotANumber));
    }
}

#[test]
fn a_float_is_its_shortest_decimal() {
    assert_eq!(from_f64(0.1, 38, 10), Ok(1_000_000_000));
    assert_eq!(from_f64(0.1 + 0.2, 38, 17), Ok(30_000_000_000_000_004));
    assert_eq!(from_f64(-12.34, 10, 2), Ok(-1234));
    assert_eq!(from_f64(-0.0, 10, 2), Ok(0));
    assert_eq!(from_f64(1e20, 38, 2), Ok(POWERS[22]));
    assert_eq!(from_f64(0.125, 10, 2), Err(CellProblem::DecimalScale));
    assert_eq!(from_f64(1e40, 38, 0), Err(CellProblem::DecimalPrecision));
    assert_eq!(from_f64(f64::NAN, 38, 0), Err(CellProblem::NotFinite));
    assert_eq!(from_f32(0.1, 38, 10), Ok(1_000_000_000));
    assert_eq!(from_f32(f32::INFINITY, 38, 10), Err(CellProblem::NotFinite));
}

#[test]
fn a_number_is_whole_and_has_32_bits() {
    for (text, wanted) in [("7", Ok(7)), ("007", Ok(7)), ("-7.0", Ok(-7)), ("2147483647", Ok(i32::MAX)), ("-2147483648", Ok(i32::MIN))] {
        assert_eq!(parse_number(text.as_bytes()), wanted, "{text}");
    }
    assert_eq!(parse_number(b"2147483648"), Err(CellProblem::NumberOutOfRange));
    assert_eq!(parse_number(b"7.5"), Err(CellProblem::NotANumber));
    assert_eq!(to_number(700, 2), Ok(7));
    assert_eq!(to_number(701, 2), Err(CellProblem::NotANumber));
    assert_eq!(to_number(7, -1), Ok(70));
}

#[track_caller]
fn rounds(text: &str, round: u8, wanted: Result<i128, CellProblem>) {
    assert_eq!(parse_rounded(text.as_bytes(), round), wanted, "{text} with {round} digits after the point");
}

#[test]
fn half_is_rounded_away_from_zero() {
    for (text, wanted) in [("0.125", 13), ("0.135", 14), ("-0.125", -13), ("0.1249999", 12), ("0.12500001", 13), ("7", 700), (".005", 1)] {
        rounds(text, 2, Ok(wanted));
    }
    rounds("0.5", 0, Ok(1));
    rounds("-0.4", 0, Ok(0));
    rounds("99.995", 2, Ok(10_000));
}

#[test]
fn digits_that_are_rounded_away_may_be_many() {
    rounds(&format!("1.{}", "3".repeat(100)), 2, Ok(133));
    rounds(&format!("0.{}5", "0".repeat(100)), 38, Ok(0));
    rounds("15e-3", 2, Ok(2));
    rounds("4e-1000000000", 2, Ok(0));
    rounds("0e999999999999", 2, Ok(0));
    rounds("1e999999999999", 2, Err(CellProblem::DecimalPrecision));
    rounds(&format!("{}.5", "9".repeat(38)), 0, Ok(POWERS[38]));
    rounds(&"9".repeat(39), 0, Err(CellProblem::DecimalPrecision));
}

#[test]
fn what_is_no_number_is_not_rounded_to_one() {
    for text in ["", ".", "-", "1.2.3", "1,5", "1e", "0.1x", "0.00000x"] {
        rounds(text, 2, Err(CellProblem::NotANumber));
    }
}

fn written(units: i128, scale: u8) -> String {
    let mut out = Vec::new();
    write_decimal(units, scale, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_decimal_is_written_with_all_its_digits() {
    assert_eq!(written(1230, 2), "12.30");
    assert_eq!(written(-5, 2), "-0.05");
    assert_eq!(written(0, 2), "0.00");
    assert_eq!(written(-42, 0), "-42");
    assert_eq!(written(1 - POWERS[38], 38), format!("-0.{}", "9".repeat(38)));
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(units in (1 - POWERS[38])..POWERS[38], scale in 0_u8..=38) {
        prop_assert_eq!(parse_decimal(written(units, scale).as_bytes(), 38, scale), Ok(units));
    }

    #[test]
    fn the_short_way_of_a_float_is_the_long_way(units in -999_999_999_i64..999_999_999, digits in 0_i32..8, scale in 0_u8..10, bits: u64) {
        for value in [units as f64 / 10_f64.powi(digits), f64::from_bits(bits)] {
            if value.is_finite() {
                let long = parse_decimal(ryu::Buffer::new().format_finite(value).as_bytes(), 38, scale);
                prop_assert_eq!(from_f64(value, 38, scale), long, "{}", value);
            }
        }
    }

    #[test]
    fn a_text_is_rounded_as_its_units_are(units in -POWERS[8]..POWERS[8], scale in 0_u8..=30, round in 0_u8..=30) {
        // The nearest of both neighbours, and the one farther from zero where both are as near.
        let by_hand = match scale.checked_sub(round) {
            None | Some(0) => units * POWERS[usize::from(round - scale)],
            Some(more) => {
                let step = POWERS[usize::from(more)];
                let (below, rest) = (units.abs() / step, units.abs() % step);
                units.signum() * (below + i128::from(rest * 2 >= step))
            }
        };
        prop_assert_eq!(parse_rounded(written(units, scale).as_bytes(), round), Ok(by_hand));
        if scale > round {
            prop_assert_eq!(without_digits(units, u32::from(scale - round)), by_hand);
        }
    }

    #[test]
    fn rescaling_there_and_back_changes_nothing(units in -(POWERS[20])..POWERS[20], from in 0_i8..10, more in 0_u8..8) {
        let scale = from.unsigned_abs() + more;
        let there = rescale(units, from, 38, scale).unwrap();
        prop_assert_eq!(rescale(there, scale as i8, 38, from.unsigned_abs()), Ok(units));
    }
}
