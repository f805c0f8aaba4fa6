//! Exact decimals, in units of the field's last digit.

use arrow_array::{Array, cast::AsArray, types};
use arrow_buffer::i256;
use arrow_schema::DataType;
use outflow_domain::CellProblem;

use super::{Problems, as_text, blanks, each, each_text, rounded::each_rounded};
use crate::{
    batch::{DecimalColumn, FixedColumn},
    decimal::{POWERS, from_f32, from_f64, parse_decimal, rescale},
};

/// Decimals and whole numbers moved to the field's scale, floats by their shortest decimal, and texts; all of them exact or not at all, unless
/// they are to be rounded.
pub(super) fn convert(array: &dyn Array, precision: u8, scale: u8, round: Option<u8>, problems: &mut Problems<'_>) -> DecimalColumn {
    let finish = |units, from| rescale(units, from, precision, scale);
    if let Some(units) = round.and_then(|round| each_rounded(array, round, finish, |it| it, problems)) {
        return DecimalColumn { units, precision, scale };
    }
    macro_rules! values {
        ($type:ty, $convert:expr) => {{
            let array = array.as_primitive::<$type>();
            each(array.values(), array.nulls(), problems, $convert)
        }};
    }
    macro_rules! integers {
        ($type:ty) => {
            values!($type, |it| rescale(it.into(), 0, precision, scale))
        };
    }
    let units = match *array.data_type() {
        DataType::Int8 => integers!(types::Int8Type),
        DataType::Int16 => integers!(types::Int16Type),
        DataType::Int32 => integers!(types::Int32Type),
        DataType::Int64 => integers!(types::Int64Type),
        DataType::UInt8 => integers!(types::UInt8Type),
        DataType::UInt16 => integers!(types::UInt16Type),
        DataType::UInt32 => integers!(types::UInt32Type),
        DataType::UInt64 => integers!(types::UInt64Type),
        DataType::Decimal32(_, from) => values!(types::Decimal32Type, |it| rescale(it.into(), from, precision, scale)),
        DataType::Decimal64(_, from) => values!(types::Decimal64Type, |it| rescale(it.into(), from, precision, scale)),
        DataType::Decimal128(_, from) if i32::from(from) == i32::from(scale) && all_fit(array, precision) => {
            let array = array.as_primitive::<types::Decimal128Type>();
            FixedColumn { values: array.values().clone(), nulls: array.nulls().cloned() }
        }
        DataType::Decimal128(_, from) => values!(types::Decimal128Type, |it| rescale(it, from, precision, scale)),
        DataType::Decimal256(_, from) => values!(types::Decimal256Type, |it| from_i256(it, from, precision, scale)),
        DataType::Float16 => values!(types::Float16Type, |it| from_f32(it.to_f32(), precision, scale)),
        DataType::Float32 => values!(types::Float32Type, |it| from_f32(it, precision, scale)),
        DataType::Float64 => values!(types::Float64Type, |it| from_f64(it, precision, scale)),
        _ => match as_text(array) {
            Some(texts) => each_text(&texts, problems, |text| parse_decimal(text, precision, scale)),
            None => blanks(array, problems),
        },
    };
    DecimalColumn { units, precision, scale }
}

/// Whether the column can be shared as it is. Arrow does not promise that values keep to the declared precision.
fn all_fit(array: &dyn Array, precision: u8) -> bool {
    let limit = POWERS[usize::from(precision.min(38))];
    let values = array.as_primitive::<types::Decimal128Type>().values();
    values.iter().fold(true, |fit, &units| fit & (-limit < units) & (units < limit))
}

/// Decimals beyond 128 bits are rare, so they take the way over their digits.
pub(super) fn from_i256(units: i256, from: i8, precision: u8, scale: u8) -> Result<i128, CellProblem> {
    match units.to_i128() {
        Some(units) => rescale(units, from, precision, scale),
        None => parse_decimal(format!("{units}e{}", -i32::from(from)).as_bytes(), precision, scale),
    }
}
