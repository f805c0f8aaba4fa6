//! Text out of anything: what text columns have, and other values in the spelling that files have for them.

use arrow_array::{Array, StringArray, cast::AsArray, types};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType;
use outflow_domain::CellProblem;

use super::{Problems, as_text, dates};
use crate::{batch::is_set, date::DateValue, decimal::write_decimal, text::TextColumn, wall_clock::WallClock};

/// Texts shared as they are, other values written: numbers with all digits of their own scale, floats by their shortest decimal, without an
/// exponent, dates as in files, `True` and `False`.
pub(super) fn convert(array: &dyn Array, clock: Option<&WallClock>, problems: &mut Problems<'_>) -> TextColumn {
    if let Some(texts) = as_text(array) {
        return texts;
    }
    let rows = array.len();
    let nulls = array.logical_nulls();
    macro_rules! values {
        ($type:ty, $write:expr) => {{
            let values = array.as_primitive::<$type>().values();
            write_all(rows, nulls, |row, out| $write(values[row], out))
        }};
    }
    macro_rules! integers {
        ($type:ty) => {
            values!($type, |it, out: &mut Vec<u8>| out.extend_from_slice(itoa::Buffer::new().format(it).as_bytes()))
        };
    }
    macro_rules! decimals {
        ($type:ty, $scale:expr) => {
            values!($type, |it, out: &mut Vec<u8>| write_scaled(i128::from(it), $scale, out))
        };
    }
    match *array.data_type() {
        DataType::Int8 => integers!(types::Int8Type),
        DataType::Int16 => integers!(types::Int16Type),
        DataType::Int32 => integers!(types::Int32Type),
        DataType::Int64 => integers!(types::Int64Type),
        DataType::UInt8 => integers!(types::UInt8Type),
        DataType::UInt16 => integers!(types::UInt16Type),
        DataType::UInt32 => integers!(types::UInt32Type),
        DataType::UInt64 => integers!(types::UInt64Type),
        DataType::Decimal32(_, scale) => decimals!(types::Decimal32Type, scale),
        DataType::Decimal64(_, scale) => decimals!(types::Decimal64Type, scale),
        DataType::Decimal128(_, scale) => decimals!(types::Decimal128Type, scale),
        DataType::Decimal256(..) => {
            let array = array.as_primitive::<types::Decimal256Type>();
            write_all(rows, nulls, |row, out| out.extend_from_slice(array.value_as_string(row).as_bytes()))
        }
        DataType::Float16 => {
            let array = array.as_primitive::<types::Float16Type>();
            floats(rows, nulls, problems, |row| array.value(row).to_f32())
        }
        DataType::Float32 => {
            let array = array.as_primitive::<types::Float32Type>();
            floats(rows, nulls, problems, |row| array.value(row))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<types::Float64Type>();
            floats(rows, nulls, problems, |row| array.value(row))
        }
        DataType::Boolean => {
            let values = array.as_boolean().values();
            write_all(rows, nulls, |row, out| out.extend_from_slice(if values.value(row) { b"True" } else { b"False" }))
        }
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            let dates = dates::convert(array, clock, problems);
            let nulls = dates.seconds.nulls.clone();
            write_all(rows, nulls, |row, out| dates.get(row).into_iter().for_each(|date: DateValue| date.write(out)))
        }
        _ => {
            problems.push_all(array);
            TextColumn::Small(StringArray::new_null(rows))
        }
    }
}

/// A decimal of Arrow, whose scale may be negative: zeros before the point then.
fn write_scaled(units: i128, scale: i8, out: &mut Vec<u8>) {
    write_decimal(units, scale.max(0).unsigned_abs(), out);
    if scale < 0 && units != 0 {
        out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
    }
}

fn floats<F: ryu::Float>(rows: usize, nulls: Option<NullBuffer>, problems: &mut Problems<'_>, value: impl Fn(usize) -> F) -> TextColumn {
    write_all(rows, nulls, |row, out| {
        let mut buffer = ryu::Buffer::new();
        match buffer.format(value(row)) {
            "NaN" | "inf" | "-inf" => problems.push(row, CellProblem::NotFinite),
            "-0.0" => out.push(b'0'),
            text => match text.split_once('e') {
                Some((mantissa, exponent)) => write_shifted(mantissa, exponent.parse().unwrap_or(0), out),
                None => out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes()),
            },
        }
    })
}

/// Writes a number that is told with an exponent, such as `1.5e-7` or `1e20`, with all of its zeros: not every reader of a text knows exponents.
fn write_shifted(mantissa: &str, exponent: i32, out: &mut Vec<u8>) {
    let (sign, unsigned) = mantissa.strip_prefix('-').map_or(("", mantissa), |it| ("-", it));
    let (first, rest) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    out.extend_from_slice(sign.as_bytes());
    let zeros = |count: i32| std::iter::repeat_n(b'0', usize::try_from(count).unwrap_or(0));
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(zeros(-exponent - 1));
        out.extend_from_slice(first.as_bytes());
        out.extend_from_slice(rest.as_bytes());
    } else {
        // Exponents are told from 16 on, of 32-bit floats from 13, which have up to 17 and 9 digits: nothing is left behind the point.
        out.extend_from_slice(first.as_bytes());
        out.extend_from_slice(rest.as_bytes());
        out.extend(zeros(exponent - rest.len() as i32));
    }
}

fn write_all(rows: usize, nulls: Option<NullBuffer>, mut write: impl FnMut(usize, &mut Vec<u8>)) -> TextColumn {
    let mut data = Vec::with_capacity(rows * 12);
    let mut ends = Vec::with_capacity(rows + 1);
    ends.push(0);
    for row in 0..rows {
        if is_set(&nulls, row) {
            write(row, &mut data);
        }
        ends.push(i32::try_from(data.len()).expect("a batch of numbers has less than 2 GiB of text"));
    }
    TextColumn::Small(StringArray::new(OffsetBuffer::new(ends.into()), data.into(), nulls))
}
