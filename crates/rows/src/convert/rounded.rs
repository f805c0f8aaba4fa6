//! Numbers rounded to so many digits after the point, where a person asks for it: half away from zero, as `round` does with decimals in
//! PostgreSQL.
//!
//! A float is rounded as the shortest decimal that it is told by: 0.285 becomes 0.29, although its bits stand for a little less.

use arrow_array::{Array, cast::AsArray, types};
use arrow_buffer::{ArrowNativeType, i256};
use arrow_schema::DataType;
use outflow_domain::CellProblem;

use super::{Problems, as_text, each, each_text};
use crate::{
    batch::FixedColumn,
    decimal::{parse_rounded, without_digits},
};

/// Rounds each value to `round` digits, and makes of it what the field takes: `finish` gets whole units and how many digits stand after their
/// point. What it does not come to is told as `blame` names it.
///
/// `None` where a column has nothing after the point, or is of no number's type.
pub(super) fn each_rounded<O: ArrowNativeType>(
    array: &dyn Array,
    round: u8,
    finish: impl Fn(i128, i8) -> Result<O, CellProblem>,
    blame: fn(CellProblem) -> CellProblem,
    problems: &mut Problems<'_>,
) -> Option<FixedColumn<O>> {
    let round = i8::try_from(round).ok()?;
    let of_text = |text: &[u8]| finish(parse_rounded(text, round.unsigned_abs()).map_err(blame)?, round);
    let of_units = |units: i128, from: i8| match u32::try_from(i32::from(from) - i32::from(round)) {
        Ok(digits) => finish(without_digits(units, digits), round),
        Err(_) => finish(units, from),
    };
    let of_float = |is_finite: bool, text: &str| if is_finite { of_text(text.as_bytes()) } else { Err(CellProblem::NotFinite) };
    macro_rules! values {
        ($type:ty, $convert:expr) => {{
            let array = array.as_primitive::<$type>();
            each(array.values(), array.nulls(), problems, $convert)
        }};
    }
    Some(match *array.data_type() {
        DataType::Decimal32(_, from) => values!(types::Decimal32Type, |it| of_units(it.into(), from)),
        DataType::Decimal64(_, from) => values!(types::Decimal64Type, |it| of_units(it.into(), from)),
        DataType::Decimal128(_, from) => values!(types::Decimal128Type, |it| of_units(it, from)),
        DataType::Decimal256(_, from) => values!(types::Decimal256Type, |it: i256| match it.to_i128() {
            Some(units) => of_units(units, from),
            None => of_text(format!("{it}e{}", -i32::from(from)).as_bytes()),
        }),
        DataType::Float16 => values!(types::Float16Type, |it| of_float(it.is_finite(), ryu::Buffer::new().format(it.to_f32()))),
        DataType::Float32 => values!(types::Float32Type, |it| of_float(it.is_finite(), ryu::Buffer::new().format(it))),
        DataType::Float64 => values!(types::Float64Type, |it| of_float(it.is_finite(), ryu::Buffer::new().format(it))),
        _ => each_text(&as_text(array)?, problems, of_text),
    })
}
