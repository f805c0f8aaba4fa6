//! A text is refused as a decimal, or its units fit the field and mean the same when they are written out again.

use outflow_rows::parse_decimal;

/// The first two bytes choose precision and scale, the others are the text.
pub fn check(bytes: &[u8]) {
    let [precision, scale, text @ ..] = bytes else { return };
    let precision = precision % 38 + 1;
    let scale = scale % (precision + 1);
    if let Ok(units) = parse_decimal(text, precision, scale) {
        assert!(units.unsigned_abs() < 10_u128.pow(u32::from(precision)), "{units} has more than {precision} digits");
        let written = format!("{units}e-{scale}");
        assert_eq!(parse_decimal(written.as_bytes(), precision, scale), Ok(units), "{written}");
        // A wider field holds the value, too.
        if precision < 38 {
            assert_eq!(parse_decimal(text, precision + 1, scale), Ok(units));
        }
    }
}
