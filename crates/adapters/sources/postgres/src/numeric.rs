//! `numeric` on the wire: base-10000 digits with a weight, a sign and a display scale.
//!
//! Source: `numeric_send` in PostgreSQL's `src/backend/utils/adt/numeric.c`.

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// Why a `numeric` is no decimal of the wanted precision and scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotADecimal {
    /// `NaN` or an infinity.
    NotFinite,
    /// More digits than the column's type declares.
    TooWide,
    /// The bytes are no `numeric`.
    Malformed,
}

/// The value times 10^`scale`, if it is a whole number of at most `precision` digits.
///
/// `precision` is at most 38 and `scale` at most `precision`.
pub(crate) fn unscaled(bytes: &[u8], precision: u8, scale: u8) -> Result<i128, NotADecimal> {
    let Some((header, digits)) = bytes.split_first_chunk::<8>() else { return Err(NotADecimal::Malformed) };
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (count, weight, sign) = (usize::from(word(0)), i32::from(word(2).cast_signed()), word(4));
    if sign != POSITIVE && sign != NEGATIVE {
        return Err(NotADecimal::NotFinite);
    }
    if digits.len() != count * 2 {
        return Err(NotADecimal::Malformed);
    }

    // `exponent` is that of the group at hand in units of 10^-scale.
    let mut exponent = weight * 4 + i32::from(scale);
    let mut value: i128 = 0;
    let groups = digits.chunks_exact(2).map(|it| i128::from(u16::from_be_bytes([it[0], it[1]])));
    for group in groups {
        let (shift, part) = match exponent {
            0.. => (10_000, group),
            -3..=-1 => {
                let cut = 10_i128.pow(exponent.unsigned_abs());
                if group % cut != 0 {
                    return Err(NotADecimal::TooWide);
                }
                (10_000 / cut, group / cut)
            }
            _ if group == 0 => (1, 0),
            _ => return Err(NotADecimal::TooWide),
        };
        value = value.checked_mul(shift).and_then(|it| it.checked_add(part)).ok_or(NotADecimal::TooWide)?;
        exponent -= 4;
    }
    // Trailing zero groups are not sent: `exponent + 4` is what the last group sent still has to be shifted by.
    let missing = exponent + 4;
    if 0 < missing && value != 0 {
        let factor = 10_i128.checked_pow(missing.unsigned_abs()).ok_or(NotADecimal::TooWide)?;
        value = value.checked_mul(factor).ok_or(NotADecimal::TooWide)?;
    }
    if 10_i128.pow(u32::from(precision)) <= value {
        return Err(NotADecimal::TooWide);
    }
    Ok(if sign == NEGATIVE { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::{NotADecimal, unscaled};

    fn wire(weight: i16, sign: u16, scale: u16, groups: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend((groups.len() as u16).to_be_bytes());
        bytes.extend(weight.to_be_bytes());
        bytes.extend(sign.to_be_bytes());
        bytes.extend(scale.to_be_bytes());
        groups.iter().for_each(|it| bytes.extend(it.to_be_bytes()));
        bytes
    }

    #[test]
    fn zero_is_no_groups() {
        assert_eq!(unscaled(&wire(0, 0, 2, &[]), 12, 2), Ok(0));
    }

    #[test]
    fn groups_are_shifted_to_the_scale() {
        assert_eq!(unscaled(&wire(0, 0, 2, &[12, 3400]), 12, 2), Ok(1234));
        assert_eq!(unscaled(&wire(0, 0x4000, 2, &[12, 3400]), 12, 2), Ok(-1234));
        assert_eq!(unscaled(&wire(1, 0, 2, &[1, 2345, 6700]), 12, 2), Ok(1_234_567));
        assert_eq!(unscaled(&wire(-1, 0, 4, &[1]), 12, 4), Ok(1));
        assert_eq!(unscaled(&wire(-2, 0, 8, &[1]), 12, 8), Ok(1));
        assert_eq!(unscaled(&wire(-2, 0, 6, &[100]), 12, 6), Ok(1));
    }

    #[test]
    fn trailing_zero_groups_are_put_back() {
        assert_eq!(unscaled(&wire(2, 0, 0, &[1]), 12, 0), Ok(100_000_000));
        assert_eq!(unscaled(&wire(1, 0, 2, &[5]), 12, 2), Ok(5_000_000));
    }

    #[test]
    fn thirty_eight_nines_fit_and_a_digit_more_does_not() {
        let nines = [99, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999];
        assert_eq!(unscaled(&wire(9, 0, 0, &nines), 38, 0), Ok(10_i128.pow(38) - 1));
        assert_eq!(unscaled(&wire(9, 0, 0, &[100]), 38, 0), Err(NotADecimal::TooWide));
        // 36 digits before the point and two behind it, the last group padded by the server.
        let padded = [9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9900];
        assert_eq!(unscaled(&wire(8, 0, 2, &padded), 38, 2), Ok(10_i128.pow(38) - 1));
    }

    #[test]
    fn what_is_no_decimal_of_the_type_is_refused() {
        assert_eq!(unscaled(&wire(0, 0xC000, 0, &[]), 12, 2), Err(NotADecimal::NotFinite));
        assert_eq!(unscaled(&wire(0, 0xD000, 0, &[]), 12, 2), Err(NotADecimal::NotFinite));
        assert_eq!(unscaled(&wire(-1, 0, 3, &[10]), 12, 2), Err(NotADecimal::TooWide));
        assert_eq!(unscaled(&wire(-2, 0, 8, &[1]), 12, 2), Err(NotADecimal::TooWide));
        assert_eq!(unscaled(&wire(0, 0, 0, &[1000]), 3, 0), Err(NotADecimal::TooWide));
        assert_eq!(unscaled(&wire(0, 0, 0, &[1])[..9], 3, 0), Err(NotADecimal::Malformed));
        assert_eq!(unscaled(&[0, 0], 3, 0), Err(NotADecimal::Malformed));
    }
}
