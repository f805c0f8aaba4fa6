//! Rows of `COPY BINARY` into Arrow columns.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, PrimitiveArray, RecordBatch, StringArray,
    types::{ArrowPrimitiveType, Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType},
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, SchemaRef};

use crate::{
    columns::Form,
    copy_format::{Malformed, Message},
    numeric::{NotADecimal, unscaled},
};

/// A batch is given out early once its text reaches this size, so that memory stays flat whatever the rows hold.
const BATCH_BYTES_MAX: usize = 16 << 20;
/// Days from 1970-01-01, where Arrow counts from, to 2000-01-01, where PostgreSQL does.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// Why rows could not be decoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("column `{column}` holds bytes that are not of its type")]
    Cell { column: String },
    #[error("column `{column}` holds `NaN`, which has no place in a decimal; use nullif({column}, 'NaN') or cast it to text in the query")]
    NotFinite { column: String },
    #[error("column `{column}` holds a number with more digits than its type declares; cast it to text in the query")]
    TooWide { column: String },
    #[error("a batch could not be built: {0}")]
    Arrow(#[from] ArrowError),
}

/// Collects rows and gives them out as batches.
pub(crate) struct Decoder {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
    rows_max: usize,
    text_bytes: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeHeader,
    Rows,
    Ended,
}

impl Decoder {
    pub fn new(schema: SchemaRef, forms: &[Form], rows_max: usize) -> Self {
        let rows_max = rows_max.max(1);
        let columns = forms.iter().map(|form| Column::new(*form, rows_max)).collect();
        Self { schema, columns, rows: 0, rows_max, text_bytes: 0, state: State::BeforeHeader }
    }

    /// Takes one message of the stream.
    pub fn take(&mut self, message: &[u8]) -> Result<(), DecodeError> {
        let mut message = Message(message);
        if self.state == State::BeforeHeader {
            message.header()?;
            self.state = State::Rows;
        }
        while !message.is_empty() {
            if self.state == State::Ended {
                return Err(Malformed::AfterTrailer.into());
            }
            if !message.row(self.columns.len())? {
                self.state = State::Ended;
                continue;
            }
            for (at, column) in self.columns.iter_mut().enumerate() {
                let pushed = match message.cell()? {
                    None => {
                        column.push_null();
                        Ok(0)
                    }
                    Some(cell) => column.push(cell),
                };
                match pushed {
                    Ok(bytes) => self.text_bytes += bytes,
                    Err(error) => return Err(error.of_column(self.schema.field(at).name())),
                }
            }
            self.rows += 1;
        }
        Ok(())
    }

    /// Whether a batch should be taken out now.
    pub fn is_full(&self) -> bool {
        self.rows_max <= self.rows || BATCH_BYTES_MAX <= self.text_bytes
    }

    /// Whether the trailer was seen: all rows have come.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// The rows since the last batch, if any.
    pub fn batch(&mut self) -> Result<Option<RecordBatch>, DecodeError> {
        if self.rows == 0 {
            return Ok(None);
        }
        let mut arrays = Vec::with_capacity(self.columns.len());
        for (column, field) in self.columns.iter_mut().zip(self.schema.fields()) {
            arrays.push(column.finish(self.rows_max).map_err(|error| error.of_column(field.name()))?);
        }
        self.rows = 0;
        self.text_bytes = 0;
        Ok(Some(RecordBatch::try_new(self.schema.clone(), arrays)?))
    }
}

/// What is wrong with a cell, before the column's name is known.
enum CellError {
    Bytes,
    Decimal(NotADecimal),
    Arrow(ArrowError),
}

impl CellError {
    fn of_column(self, column: &str) -> DecodeError {
        let column = column.to_owned();
        match self {
            Self::Bytes | Self::Decimal(NotADecimal::Malformed) => DecodeError::Cell { column },
            Self::Decimal(NotADecimal::NotFinite) => DecodeError::NotFinite { column },
            Self::Decimal(NotADecimal::TooWide) => DecodeError::TooWide { column },
            Self::Arrow(error) => DecodeError::Arrow(error),
        }
    }
}

struct Column {
    values: Values,
    nulls: NullBufferBuilder,
}

enum Values {
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Oid(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Boolean(BooleanBufferBuilder),
    Decimal { values: Vec<i128>, precision: u8, scale: u8 },
    Date(Vec<i32>),
    Timestamp { values: Vec<i64>, with_zone: bool },
    Text { form: TextForm, offsets: Vec<i32>, bytes: Vec<u8> },
}

#[derive(Clone, Copy)]
enum TextForm {
    Plain,
    Padded,
    Jsonb,
    Uuid,
}

impl Column {
    fn new(form: Form, rows: usize) -> Self {
        let text = |form| {
            let mut offsets = Vec::with_capacity(rows + 1);
            offsets.push(0);
            Values::Text { form, offsets, bytes: Vec::new() }
        };
        let values = match form {
            Form::Int16 => Values::Int16(Vec::with_capacity(rows)),
            Form::Int32 => Values::Int32(Vec::with_capacity(rows)),
            Form::Int64 => Values::Int64(Vec::with_capacity(rows)),
            Form::Oid => Values::Oid(Vec::with_capacity(rows)),
            Form::Float32 => Values::Float32(Vec::with_capacity(rows)),
            Form::Float64 => Values::Float64(Vec::with_capacity(rows)),
            Form::Boolean => Values::Boolean(BooleanBufferBuilder::new(rows)),
            Form::Decimal { precision, scale } => Values::Decimal { values: Vec::with_capacity(rows), precision, scale },
            Form::Date => Values::Date(Vec::with_capacity(rows)),
            Form::Timestamp { with_zone } => Values::Timestamp { values: Vec::with_capacity(rows), with_zone },
            Form::Text | Form::CastToText => text(TextForm::Plain),
            Form::PaddedText => text(TextForm::Padded),
            Form::Jsonb => text(TextForm::Jsonb),
            Form::Uuid => text(TextForm::Uuid),
        };
        Self { values, nulls: NullBufferBuilder::new(rows) }
    }

    fn push_null(&mut self) {
        self.nulls.append_null();
        match &mut self.values {
            Values::Int16(values) => values.push(0),
            Values::Int32(values) | Values::Date(values) => values.push(0),
            Values::Int64(values) | Values::Oid(values) | Values::Timestamp { values, .. } => values.push(0),
            Values::Float32(values) => values.push(0.0),
            Values::Float64(values) => values.push(0.0),
            Values::Boolean(values) => values.append(false),
            Values::Decimal { values, .. } => values.push(0),
            Values::Text { offsets, bytes, .. } => offsets.push(end_of(bytes)),
        }
    }

    /// Adds a value and says how many bytes of text it took.
    #[inline]
    fn push(&mut self, cell: &[u8]) -> Result<usize, CellError> {
        self.nulls.append_non_null();
        match &mut self.values {
            Values::Int16(values) => values.push(i16::from_be_bytes(fixed(cell)?)),
            Values::Int32(values) => values.push(i32::from_be_bytes(fixed(cell)?)),
            Values::Int64(values) => values.push(i64::from_be_bytes(fixed(cell)?)),
            Values::Oid(values) => values.push(i64::from(u32::from_be_bytes(fixed(cell)?))),
            Values::Float32(values) => values.push(f32::from_be_bytes(fixed(cell)?)),
            Values::Float64(values) => values.push(f64::from_be_bytes(fixed(cell)?)),
            Values::Boolean(values) => values.append(fixed::<1>(cell)? != [0]),
            Values::Decimal { values, precision, scale } => {
                values.push(unscaled(cell, *precision, *scale).map_err(CellError::Decimal)?);
            }
            Values::Date(values) => values.push(arrow_days(i32::from_be_bytes(fixed(cell)?))),
            Values::Timestamp { values, .. } => values.push(arrow_micros(i64::from_be_bytes(fixed(cell)?))),
            Values::Text { form, offsets, bytes } => {
                match form {
                    TextForm::Plain => bytes.extend_from_slice(cell),
                    TextForm::Padded => bytes.extend_from_slice(cell.trim_ascii_end_spaces()),
                    // The one version there is; another would be another format.
                    TextForm::Jsonb => bytes.extend_from_slice(cell.strip_prefix(&[1]).ok_or(CellError::Bytes)?),
                    TextForm::Uuid => bytes.extend_from_slice(&hyphenated(fixed(cell)?)),
                }
                offsets.push(end_of(bytes));
                return Ok(cell.len());
            }
        }
        Ok(0)
    }

    /// The values so far as an array; room for `rows` more is made.
    fn finish(&mut self, rows: usize) -> Result<ArrayRef, CellError> {
        let nulls = self.nulls.finish();
        Ok(match &mut self.values {
            Values::Int16(values) => primitive::<Int16Type>(values, nulls, rows)?,
            Values::Int32(values) => primitive::<Int32Type>(values, nulls, rows)?,
            Values::Int64(values) | Values::Oid(values) => primitive::<Int64Type>(values, nulls, rows)?,
            Values::Float32(values) => primitive::<Float32Type>(values, nulls, rows)?,
            Values::Float64(values) => primitive::<Float64Type>(values, nulls, rows)?,
            Values::Boolean(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Decimal { values, precision, scale } => {
                let array = Decimal128Array::try_new(take(values, rows), nulls).map_err(CellError::Arrow)?;
                Arc::new(array.with_precision_and_scale(*precision, scale.cast_signed()).map_err(CellError::Arrow)?)
            }
            Values::Date(values) => primitive::<Date32Type>(values, nulls, rows)?,
            Values::Timestamp { values, with_zone } => {
                let array = PrimitiveArray::<TimestampMicrosecondType>::try_new(take(values, rows), nulls).map_err(CellError::Arrow)?;
                Arc::new(array.with_timezone_opt(with_zone.then_some("UTC")))
            }
            Values::Text { offsets, bytes, .. } => {
                let mut next = Vec::with_capacity(rows + 1);
                next.push(0);
                let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(offsets, next)));
                // The next batch likely has as much text as this one.
                let room = Vec::with_capacity(bytes.len() + bytes.len() / 8);
                let bytes = Buffer::from_vec(std::mem::replace(bytes, room));
                Arc::new(StringArray::try_new(offsets, bytes, nulls).map_err(|_| CellError::Bytes)?)
            }
        })
    }
}

fn primitive<T: ArrowPrimitiveType>(values: &mut Vec<T::Native>, nulls: Option<NullBuffer>, rows: usize) -> Result<ArrayRef, CellError> {
    Ok(Arc::new(PrimitiveArray::<T>::try_new(take(values, rows), nulls).map_err(CellError::Arrow)?))
}

fn take<T: arrow_buffer::ArrowNativeType>(values: &mut Vec<T>, rows: usize) -> ScalarBuffer<T> {
    ScalarBuffer::from(std::mem::replace(values, Vec::with_capacity(rows)))
}

#[inline]
fn fixed<const N: usize>(cell: &[u8]) -> Result<[u8; N], CellError> {
    cell.try_into().map_err(|_| CellError::Bytes)
}

/// The end of the text so far. A cell has at most 1 GB and a batch is given out at 16 MB, so it always fits.
#[inline]
fn end_of(bytes: &[u8]) -> i32 {
    bytes.len() as i32
}

/// `infinity` and `-infinity`, the type's ends on both sides, stay the ends.
#[inline]
fn arrow_days(days: i32) -> i32 {
    if days == i32::MIN { days } else { days.saturating_add(EPOCH_DAYS) }
}

#[inline]
fn arrow_micros(micros: i64) -> i64 {
    if micros == i64::MIN { micros } else { micros.saturating_add(EPOCH_MICROS) }
}

trait TrimSpaces {
    fn trim_ascii_end_spaces(&self) -> &Self;
}

impl TrimSpaces for [u8] {
    /// Without the spaces at the end; other white space in a `char(n)` is content.
    fn trim_ascii_end_spaces(&self) -> &Self {
        let end = self.iter().rposition(|it| *it != b' ').map_or(0, |at| at + 1);
        &self[..end]
    }
}

/// A UUID as PostgreSQL prints it.
fn hyphenated(uuid: [u8; 16]) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{arrow_days, arrow_micros, hyphenated};

    #[test]
    fn days_and_microseconds_move_to_1970_and_infinities_stay_at_the_ends() {
        assert_eq!(arrow_days(-10_957), 0);
        assert_eq!(arrow_micros(-946_684_800_000_000), 0);
        assert_eq!([arrow_days(i32::MIN), arrow_days(i32::MAX)], [i32::MIN, i32::MAX]);
        assert_eq!([arrow_micros(i64::MIN), arrow_micros(i64::MAX)], [i64::MIN, i64::MAX]);
    }

    #[test]
    fn a_uuid_is_printed_with_hyphens_in_lower_case() {
        let uuid = 0xa0ee_bc99_9c0b_4ef8_bb6d_6bb9_bd38_0a11_u128.to_be_bytes();
        assert_eq!(&hyphenated(uuid), b"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    }
}
