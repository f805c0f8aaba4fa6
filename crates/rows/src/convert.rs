//! Columns of Arrow become columns of the destination's types.
//!
//! One function per destination type; each takes whatever Arrow has for it. A cell that cannot become the type is blank, with its problem.

mod boolean;
mod dates;
mod decimals;
mod numbers;
mod rounded;
mod texts;

use arrow_array::{Array, ArrayRef, StringArray, cast::AsArray};
use arrow_buffer::{ArrowNativeType, BooleanBufferBuilder, NullBuffer, ScalarBuffer};
use arrow_cast::cast;
use arrow_schema::DataType;
use outflow_domain::{CellProblem, FieldType};

use crate::{
    batch::{CanonicalColumn, FixedColumn, RowProblem},
    text::{TextColumn, with_texts},
    wall_clock::WallClock,
};

/// Where the problems of one field go.
pub(crate) struct Problems<'a> {
    field: u16,
    found: &'a mut Vec<RowProblem>,
}

impl<'a> Problems<'a> {
    pub(crate) fn of_field(field: u16, found: &'a mut Vec<RowProblem>) -> Self {
        Self { field, found }
    }

    #[cold]
    pub(crate) fn push(&mut self, row: usize, problem: CellProblem) {
        self.found.push(RowProblem { row: row as u32, field: self.field, problem });
    }

    pub(crate) fn push_where(&mut self, rows: usize, problem: CellProblem, is_bad: impl Fn(usize) -> bool) {
        for row in 0..rows {
            if is_bad(row) {
                self.push(row, problem);
            }
        }
    }

    /// Every value of a column is of the wrong type.
    fn push_all(&mut self, array: &dyn Array) {
        self.push_where(array.len(), CellProblem::WrongType, |row| array.is_valid(row));
    }
}

/// Converts a column to its field's type. Readings of a wall clock are those of `clock`, if there is one; numbers are rounded to `round` digits
/// after the point, if a person asks for it.
pub(crate) fn convert(
    array: &ArrayRef,
    field_type: FieldType,
    round: Option<u8>,
    clock: Option<&WallClock>,
    problems: &mut Problems<'_>,
) -> CanonicalColumn {
    let array = &unpacked(array);
    match field_type {
        FieldType::Text { .. } | FieldType::EmailAddress | FieldType::Phone | FieldType::Locale => {
            CanonicalColumn::Text(texts::convert(array, clock, problems))
        }
        FieldType::Number => CanonicalColumn::Number(numbers::convert(array, round, problems)),
        FieldType::Decimal { precision, scale } => CanonicalColumn::Decimal(decimals::convert(array, precision, scale, round, problems)),
        FieldType::Date => CanonicalColumn::Date(dates::convert(array, clock, problems)),
        FieldType::Boolean => boolean::convert(array, problems),
    }
}

/// A dictionary's values in a row each: of texts as views of the same bytes.
fn unpacked(array: &ArrayRef) -> ArrayRef {
    let DataType::Dictionary(_, values) = array.data_type() else { return array.clone() };
    let plain = if text_layout(values) { DataType::Utf8View } else { values.as_ref().clone() };
    // A type that does not unpack is of no field's type either, and each cell will be told so.
    cast(array, &plain).unwrap_or_else(|_| array.clone())
}

fn text_layout(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The column as text, if it is one; a column of nothing counts as one of blanks.
fn as_text(array: &dyn Array) -> Option<TextColumn> {
    Some(match array.data_type() {
        DataType::Utf8 => TextColumn::Small(array.as_string().clone()),
        DataType::LargeUtf8 => TextColumn::Large(array.as_string().clone()),
        DataType::Utf8View => TextColumn::Views(array.as_string_view().clone()),
        DataType::Null => TextColumn::Small(StringArray::new_null(array.len())),
        _ => return None,
    })
}

/// Converts values of a fixed width, one by one.
fn each<I: Copy, O: ArrowNativeType>(
    values: &[I],
    nulls: Option<&NullBuffer>,
    problems: &mut Problems<'_>,
    convert: impl Fn(I) -> Result<O, CellProblem>,
) -> FixedColumn<O> {
    let nulls = nulls.filter(|it| it.null_count() > 0);
    let before = problems.found.len();
    let converted = values.iter().enumerate().map(|(row, &value)| match convert(value) {
        Ok(converted) => converted,
        Err(problem) => {
            // What lies under a null has no meaning.
            if nulls.is_none_or(|it| it.is_valid(row)) {
                problems.push(row, problem);
            }
            O::default()
        }
    });
    let values: ScalarBuffer<O> = converted.collect::<Vec<O>>().into();
    FixedColumn { nulls: without(nulls.cloned(), values.len(), &problems.found[before..]), values }
}

/// The rows that are not blank, after those with new problems have become so.
fn without(nulls: Option<NullBuffer>, rows: usize, problems: &[RowProblem]) -> Option<NullBuffer> {
    if problems.is_empty() {
        return nulls;
    }
    let mut valid = BooleanBufferBuilder::new(rows);
    match &nulls {
        Some(nulls) => valid.append_buffer(nulls.inner()),
        None => valid.append_n(rows, true),
    }
    problems.iter().for_each(|it| valid.set_bit(it.row as usize, false));
    Some(NullBuffer::new(valid.finish()))
}

/// Converts texts one by one; one without anything but blanks is blank.
pub(crate) fn each_text<O: ArrowNativeType>(
    texts: &TextColumn,
    problems: &mut Problems<'_>,
    mut parse: impl FnMut(&[u8]) -> Result<O, CellProblem>,
) -> FixedColumn<O> {
    let rows = texts.rows();
    let (mut values, mut valid) = (Vec::with_capacity(rows), BooleanBufferBuilder::new(rows));
    with_texts!(texts, text => for row in 0..rows {
        let text = text(row).trim_ascii();
        let parsed = if text.is_empty() { None } else { Some(parse(text)) };
        if let Some(Err(problem)) = parsed {
            problems.push(row, problem);
        }
        let value = parsed.and_then(Result::ok);
        valid.append(value.is_some());
        values.push(value.unwrap_or_default());
    });
    FixedColumn { values: values.into(), nulls: Some(NullBuffer::new(valid.finish())).filter(|it| it.null_count() > 0) }
}

/// A column of blanks: what is left of one that cannot become the field's type.
fn blanks<O: ArrowNativeType>(array: &dyn Array, problems: &mut Problems<'_>) -> FixedColumn<O> {
    problems.push_all(array);
    FixedColumn { values: vec![O::default(); array.len()].into(), nulls: Some(NullBuffer::new_null(array.len())) }
}
