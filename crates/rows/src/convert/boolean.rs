//! True or false.

use arrow_array::{Array, cast::AsArray, types};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;
use outflow_domain::CellProblem;

use super::{Problems, as_text, blanks, each, each_text};
use crate::batch::{CanonicalColumn, FixedColumn};

/// Booleans as they are, whole numbers 1 and 0, and texts (see [`parse_boolean`]).
pub(super) fn convert(array: &dyn Array, problems: &mut Problems<'_>) -> CanonicalColumn {
    macro_rules! integers {
        ($type:ty) => {{
            let array = array.as_primitive::<$type>();
            each(array.values(), array.nulls(), problems, |it| match it {
                0 => Ok(0_u8),
                1 => Ok(1),
                _ => Err(CellProblem::NotABoolean),
            })
        }};
    }
    let bits: FixedColumn<u8> = match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            return CanonicalColumn::Boolean { values: array.values().clone(), nulls: array.nulls().cloned() };
        }
        DataType::Int8 => integers!(types::Int8Type),
        DataType::Int16 => integers!(types::Int16Type),
        DataType::Int32 => integers!(types::Int32Type),
        DataType::Int64 => integers!(types::Int64Type),
        DataType::UInt8 => integers!(types::UInt8Type),
        DataType::UInt16 => integers!(types::UInt16Type),
        DataType::UInt32 => integers!(types::UInt32Type),
        DataType::UInt64 => integers!(types::UInt64Type),
        _ => match as_text(array) {
            Some(texts) => each_text(&texts, problems, |text| parse_boolean(text).map(u8::from)),
            None => blanks(array, problems),
        },
    };
    let values = BooleanBuffer::collect_bool(bits.values.len(), |row| bits.values[row] == 1);
    CanonicalColumn::Boolean { values, nulls: bits.nulls }
}

/// Reads `true`/`false`, `1`/`0`, `yes`/`no` and their first letters, in any case: what the service documents for files, and `t`/`f`, which
/// PostgreSQL prints.
pub(super) fn parse_boolean(text: &[u8]) -> Result<bool, CellProblem> {
    let is_any = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is_any(&["true", "1", "yes", "t", "y"]) {
        Ok(true)
    } else if is_any(&["false", "0", "no", "f", "n"]) {
        Ok(false)
    } else {
        Err(CellProblem::NotABoolean)
    }
}
