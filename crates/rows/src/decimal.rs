//! Exact decimals and whole numbers: from text, from floats, from other decimals. Nothing is rounded unless a person asks for it.

use outflow_domain::CellProblem;

/// Powers of ten up to 10^38.
pub(crate) const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut at = 1;
    while at < 39 {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// Those powers of ten that a float holds exactly.
const FLOAT_POWERS: [f64; 23] = {
    let mut powers = [1.0; 23];
    let mut at = 1;
    while at < 23 {
        powers[at] = POWERS[at] as f64;
        at += 1;
    }
    powers
};

/// Reads a decimal: sign, digits with at most one `.`, exponent (`-12.30`, `+7`, `.5`, `1e3`); blanks around it do not count.
///
/// Gives whole units of the last of `scale` digits. Zeros that change nothing may be there in any number.
///
/// # Errors
/// [`CellProblem::NotANumber`], [`CellProblem::DecimalScale`] where digits would be lost, [`CellProblem::DecimalPrecision`] where more than
/// `precision` digits would be needed.
pub fn parse_decimal(text: &[u8], precision: u8, scale: u8) -> Result<i128, CellProblem> {
    let Pieces { is_negative, mantissa, exponent } = Pieces::of(text)?;
    let digits = Digits::read(mantissa)?;
    let magnitude = digits.units(exponent, precision, scale)?;
    Ok(if is_negative { -magnitude } else { magnitude })
}

/// Reads a decimal as [`parse_decimal`] does, rounded to `round` digits after the point: half away from zero. Gives whole units of the last of
/// them, at most 10³⁸.
///
/// # Errors
/// [`CellProblem::NotANumber`], [`CellProblem::DecimalPrecision`] where more than 38 digits would be left.
pub(crate) fn parse_rounded(text: &[u8], round: u8) -> Result<i128, CellProblem> {
    let Pieces { is_negative, mantissa, exponent } = Pieces::of(text)?;
    let point = mantissa.iter().position(|it| *it == b'.').unwrap_or(mantissa.len());
    let mut digits = mantissa.iter().enumerate().filter(|(at, _)| *at != point).map(|(_, digit)| *digit).peekable();
    if digits.peek().is_none() || !digits.clone().all(|it| it.is_ascii_digit()) {
        return Err(CellProblem::NotANumber);
    }
    let mut magnitude = 0_i128;
    let digits_left = point as i64 + exponent + i64::from(round);
    for _ in 0..digits_left {
        match digits.next() {
            None if magnitude == 0 => break,
            // 38 digits are more than any field keeps.
            _ if magnitude >= POWERS[37] => return Err(CellProblem::DecimalPrecision),
            digit => magnitude = magnitude * 10 + digit.map_or(0, |it| i128::from(it - b'0')),
        }
    }
    // Whatever follows, the first digit that goes decides. Where the number ends far behind the point, that is not even one of its digits.
    if digits_left >= 0 && digits.next().is_some_and(|it| it >= b'5') {
        magnitude += 1;
    }
    Ok(if is_negative { -magnitude } else { magnitude })
}

/// Units without their last digits, rounded half away from zero.
pub(crate) fn without_digits(units: i128, digits: u32) -> i128 {
    // Half of 10³⁹ is more than there is.
    let Some(divisor) = POWERS.get(digits as usize) else { return 0 };
    let rest = (units % divisor).abs();
    units / divisor + if rest >= divisor - rest { units.signum() } else { 0 }
}

/// The pieces of a number's text.
struct Pieces<'t> {
    is_negative: bool,
    /// Digits with at most one point, if it is a number.
    mantissa: &'t [u8],
    exponent: i64,
}

impl<'t> Pieces<'t> {
    fn of(text: &'t [u8]) -> Result<Self, CellProblem> {
        let text = text.trim_ascii();
        let (is_negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (mantissa, exponent) = match unsigned.iter().position(|it| matches!(it, b'e' | b'E')) {
            Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        Ok(Self { is_negative, mantissa, exponent })
    }
}

fn parse_exponent(text: &[u8]) -> Result<i64, CellProblem> {
    let text = std::str::from_utf8(text).map_err(|_| CellProblem::NotANumber)?;
    let (digits, sign) = match text.strip_prefix('-') {
        Some(digits) => (digits, -1),
        None => (text.strip_prefix('+').unwrap_or(text), 1),
    };
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return Err(CellProblem::NotANumber);
    }
    // A million digits are out of any range, whatever follows.
    Ok(sign * digits.parse::<i64>().unwrap_or(i64::MAX).min(1_000_000))
}

/// The digits of a number without the zeros at both ends: `value × 10^power`, with no more than 38 of them.
struct Digits {
    value: i128,
    power: i64,
    is_exact: bool,
}

impl Digits {
    fn read(mantissa: &[u8]) -> Result<Self, CellProblem> {
        let (mut value, mut power, mut is_exact) = (0_i128, 0_i64, true);
        let (mut has_digits, mut has_point) = (false, false);
        // Zeros are held back until a digit follows, so that any number of them may trail.
        let mut zeros = 0_i64;
        for &byte in mantissa {
            match byte {
                b'0'..=b'9' => {
                    has_digits = true;
                    power -= i64::from(has_point);
                    if byte == b'0' {
                        zeros += i64::from(value != 0);
                        continue;
                    }
                    match u32::try_from(zeros + 1).ok().and_then(|shift| 10_i128.checked_pow(shift)).and_then(|it| value.checked_mul(it)) {
                        Some(shifted) if shifted < POWERS[38] => value = shifted + i128::from(byte - b'0'),
                        _ => is_exact = false,
                    }
                    zeros = 0;
                }
                b'.' if !has_point => has_point = true,
                _ => return Err(CellProblem::NotANumber),
            }
        }
        if !has_digits {
            return Err(CellProblem::NotANumber);
        }
        if value == 0 {
            return Ok(Self { value: 0, power: 0, is_exact: true });
        }
        Ok(Self { value, power: power + zeros, is_exact })
    }

    fn units(&self, exponent: i64, precision: u8, scale: u8) -> Result<i128, CellProblem> {
        if self.value == 0 {
            return Ok(0);
        }
        // More than 38 digits between the first and the last that is not zero: no field holds them.
        if !self.is_exact {
            return Err(CellProblem::DecimalPrecision);
        }
        let shift = self.power + exponent + i64::from(scale);
        if shift < 0 {
            return Err(CellProblem::DecimalScale);
        }
        let factor = usize::try_from(shift).ok().and_then(|it| POWERS.get(it)).ok_or(CellProblem::DecimalPrecision)?;
        let units = self.value.checked_mul(*factor).ok_or(CellProblem::DecimalPrecision)?;
        if units < POWERS[usize::from(precision.min(38))] { Ok(units) } else { Err(CellProblem::DecimalPrecision) }
    }
}

/// A float by its shortest exact decimal: 0.1 is one tenth, not 0.1000000000000000055….
pub(crate) fn from_f64(value: f64, precision: u8, scale: u8) -> Result<i128, CellProblem> {
    // Most floats are short decimals. Two different decimals of at most 15 digits are never the same float, so one that divides back to
    // just this float is its shortest decimal.
    if let Some(power) = FLOAT_POWERS.get(usize::from(scale)) {
        let shifted = value * power;
        // Rounded by way of an integer, as there is no instruction for it on every processor. Not a number becomes 0, which is not it.
        let units = (shifted + 0.5_f64.copysign(shifted)) as i64;
        if units.unsigned_abs() < 1_000_000_000_000_000 && units as f64 / power == value {
            let units = i128::from(units);
            return if units.abs() < POWERS[usize::from(precision.min(38))] { Ok(units) } else { Err(CellProblem::DecimalPrecision) };
        }
    }
    if !value.is_finite() {
        return Err(CellProblem::NotFinite);
    }
    parse_decimal(ryu::Buffer::new().format_finite(value).as_bytes(), precision, scale)
}

/// As [`from_f64`], by the shortest decimal that gives the same 32-bit float.
pub(crate) fn from_f32(value: f32, precision: u8, scale: u8) -> Result<i128, CellProblem> {
    if !value.is_finite() {
        return Err(CellProblem::NotFinite);
    }
    parse_decimal(ryu::Buffer::new().format_finite(value).as_bytes(), precision, scale)
}

/// Moves a decimal of `from` digits after the point to one of `scale`.
pub(crate) fn rescale(units: i128, from: i8, precision: u8, scale: u8) -> Result<i128, CellProblem> {
    let limit = POWERS[usize::from(precision.min(38))];
    let shift = i32::from(scale) - i32::from(from);
    let moved = if units == 0 {
        0
    } else if shift >= 0 {
        let factor = POWERS.get(shift as usize).ok_or(CellProblem::DecimalPrecision)?;
        units.checked_mul(*factor).ok_or(CellProblem::DecimalPrecision)?
    } else {
        let divisor = POWERS.get(-shift as usize).ok_or(CellProblem::DecimalScale)?;
        if units % divisor != 0 {
            return Err(CellProblem::DecimalScale);
        }
        units / divisor
    };
    if -limit < moved && moved < limit { Ok(moved) } else { Err(CellProblem::DecimalPrecision) }
}

/// A whole number of 32 bits out of `units` of ten to the minus `from`.
pub(crate) fn to_number(units: i128, from: i8) -> Result<i32, CellProblem> {
    let whole = rescale(units, from, 38, 0).map_err(number_problem)?;
    i32::try_from(whole).map_err(|_| CellProblem::NumberOutOfRange)
}

/// What a problem of a decimal without digits after the point is called in a Number field.
pub(crate) fn number_problem(problem: CellProblem) -> CellProblem {
    match problem {
        CellProblem::DecimalScale => CellProblem::NotANumber,
        CellProblem::DecimalPrecision => CellProblem::NumberOutOfRange,
        other => other,
    }
}

/// Reads a whole number of 32 bits; `7`, `+7`, `007`, `7.0` and `7e0` are the same.
pub(crate) fn parse_number(text: &[u8]) -> Result<i32, CellProblem> {
    let whole = parse_decimal(text, 38, 0).map_err(number_problem)?;
    i32::try_from(whole).map_err(|_| CellProblem::NumberOutOfRange)
}

/// Appends a decimal with all its digits after the point: 1230 units of scale 2 are `12.30`.
pub(crate) fn write_decimal(units: i128, scale: u8, out: &mut Vec<u8>) {
    if units < 0 {
        out.push(b'-');
    }
    let magnitude = units.unsigned_abs();
    let scale = usize::from(scale);
    let mut buffer = itoa::Buffer::new();
    // 64 bits divide several times faster, and hold nearly every decimal there is.
    let digits = match u64::try_from(magnitude) {
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(magnitude),
    };
    if scale == 0 {
        return out.extend_from_slice(digits.as_bytes());
    }
    let whole = digits.len().saturating_sub(scale);
    out.extend_from_slice(if whole == 0 { b"0" } else { &digits.as_bytes()[..whole] });
    out.push(b'.');
    out.extend(std::iter::repeat_n(b'0', scale.saturating_sub(digits.len())));
    out.extend_from_slice(&digits.as_bytes()[whole..]);
}

#[cfg(test)]
mod tests;
