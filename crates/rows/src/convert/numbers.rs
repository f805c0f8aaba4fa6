//! Whole numbers of 32 bits.

use arrow_array::{Array, cast::AsArray, types};
use arrow_schema::DataType;
use outflow_domain::CellProblem;

use super::{Problems, as_text, blanks, each, each_text, rounded::each_rounded};
use crate::{
    batch::FixedColumn,
    decimal::{from_f32, from_f64, number_problem, parse_number, to_number},
};

/// Whole numbers in range, decimals and floats without anything after the point unless they are to be rounded, booleans as 1 and 0, and texts
/// that are one of these.
pub(super) fn convert(array: &dyn Array, round: Option<u8>, problems: &mut Problems<'_>) -> FixedColumn<i32> {
    if let Some(numbers) = round.and_then(|round| each_rounded(array, round, to_number, number_problem, problems)) {
        return numbers;
    }
    macro_rules! values {
        ($type:ty, $convert:expr) => {{
            let array = array.as_primitive::<$type>();
            each(array.values(), array.nulls(), problems, $convert)
        }};
    }
    macro_rules! integers {
        ($type:ty) => {
            values!($type, |it| i32::try_from(it).map_err(|_| CellProblem::NumberOutOfRange))
        };
    }
    let narrow = |whole: Result<i128, CellProblem>| {
        let whole = whole.map_err(number_problem)?;
        i32::try_from(whole).map_err(|_| CellProblem::NumberOutOfRange)
    };
    match *array.data_type() {
        DataType::Int32 => {
            let array = array.as_primitive::<types::Int32Type>();
            FixedColumn { values: array.values().clone(), nulls: array.nulls().cloned() }
        }
        DataType::Int8 => integers!(types::Int8Type),
        DataType::Int16 => integers!(types::Int16Type),
        DataType::Int64 => integers!(types::Int64Type),
        DataType::UInt8 => integers!(types::UInt8Type),
        DataType::UInt16 => integers!(types::UInt16Type),
        DataType::UInt32 => integers!(types::UInt32Type),
        DataType::UInt64 => integers!(types::UInt64Type),
        DataType::Decimal32(_, scale) => values!(types::Decimal32Type, |it| to_number(it.into(), scale)),
        DataType::Decimal64(_, scale) => values!(types::Decimal64Type, |it| to_number(it.into(), scale)),
        DataType::Decimal128(_, scale) => values!(types::Decimal128Type, |it| to_number(it, scale)),
        DataType::Decimal256(_, scale) => values!(types::Decimal256Type, |it| narrow(super::decimals::from_i256(it, scale, 38, 0))),
        DataType::Float16 => values!(types::Float16Type, |it| narrow(from_f32(it.to_f32(), 38, 0))),
        DataType::Float32 => values!(types::Float32Type, |it| narrow(from_f32(it, 38, 0))),
        DataType::Float64 => values!(types::Float64Type, |it| narrow(from_f64(it, 38, 0))),
        DataType::Boolean => {
            let array = array.as_boolean();
            let values = array.values().iter().map(i32::from).collect::<Vec<_>>();
            FixedColumn { values: values.into(), nulls: array.nulls().cloned() }
        }
        _ => match as_text(array) {
            Some(texts) => each_text(&texts, problems, parse_number),
            None => blanks(array, problems),
        },
    }
}
