//! Rows in the destination's types.

use arrow_buffer::{ArrowNativeType, BooleanBuffer, NullBuffer, ScalarBuffer};
use outflow_domain::CellProblem;

use crate::{
    canonicalizer::LongestText,
    date::{DateKind, DateValue},
    kept::KeptBlanks,
    text::TextColumn,
};

/// A batch of rows in the destination's types, with a verdict on each cell that cannot be sent.
///
/// Columns stand in the order of `Mapping::fields`: keys first. A null and an empty text are both a *blank*, as they are the same cell of
/// a file (decision 0002). Text is shared with the Arrow batch, not copied.
#[derive(Clone, Debug)]
pub struct CanonicalBatch {
    pub(crate) rows: usize,
    pub(crate) keys: usize,
    pub(crate) columns: Vec<CanonicalColumn>,
    pub(crate) problems: Vec<RowProblem>,
    pub(crate) longest: LongestText,
    pub(crate) kept: KeptBlanks,
}

/// A cell that cannot be sent, and why. A row with any is `invalid` as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowProblem {
    /// Zero-based row of the batch.
    pub row: u32,
    /// Zero-based position in `Mapping::fields`.
    pub field: u16,
    /// The verdict.
    pub problem: CellProblem,
}

impl CanonicalBatch {
    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All columns: keys, then values.
    #[must_use]
    pub fn columns(&self) -> &[CanonicalColumn] {
        &self.columns
    }

    /// The columns of the primary key.
    #[must_use]
    pub fn keys(&self) -> &[CanonicalColumn] {
        &self.columns[..self.keys]
    }

    /// The other columns.
    #[must_use]
    pub fn values(&self) -> &[CanonicalColumn] {
        &self.columns[self.keys..]
    }

    /// Every cell with a problem, sorted by row, then field. Empty for most batches; a cell has one problem at most.
    ///
    /// A cell that could not be converted counts as blank; one that is merely too long keeps its text.
    #[must_use]
    pub fn problems(&self) -> &[RowProblem] {
        &self.problems
    }

    /// The problems of one row.
    #[must_use]
    pub fn problems_of(&self, row: usize) -> &[RowProblem] {
        if self.problems.is_empty() {
            return &[];
        }
        let from = self.problems.partition_point(|it| (it.row as usize) < row);
        let rest = &self.problems[from..];
        &rest[..rest.partition_point(|it| it.row as usize == row)]
    }

    /// Whether every cell of a row can be sent.
    #[must_use]
    pub fn is_valid(&self, row: usize) -> bool {
        self.problems_of(row).is_empty()
    }

    /// The first field that says not to send a row since it is null or blank there, of a row with a usable key: all else that may be wrong with it
    /// is no matter then.
    #[must_use]
    pub fn skipped_by(&self, row: usize) -> Option<u16> {
        let skips = self.problems_of(row).iter().find(|it| it.problem == CellProblem::NullSkipsRow)?;
        self.has_usable_key(row).then_some(skips.field)
    }

    /// Which fields of a row are left as they are, as bits (see [`crate::KeptFields`]); without any where there are none.
    #[inline]
    #[must_use]
    pub fn kept(&self, row: usize) -> &[u64] {
        self.kept.of_row(row)
    }

    /// Whether the key of a row is one that the data extension could hold, so that its fingerprint means something.
    #[must_use]
    pub fn has_usable_key(&self, row: usize) -> bool {
        self.problems_of(row).iter().all(|it| usize::from(it.field) >= self.keys)
    }

    /// The longest text of each column yet to be created, and of each field that is too short.
    #[must_use]
    pub fn longest_text(&self) -> &LongestText {
        &self.longest
    }

    /// One value, for reports and tests. Whole columns are read through [`CanonicalBatch::columns`].
    ///
    /// # Panics
    /// If there is no such row or field.
    #[must_use]
    pub fn cell(&self, row: usize, field: usize) -> Cell<'_> {
        self.columns[field].cell(row)
    }
}

/// A column in its field's type.
#[derive(Clone, Debug)]
pub enum CanonicalColumn {
    /// Text, e-mail address, phone or locale.
    Text(TextColumn),
    /// Whole numbers of 32 bits.
    Number(FixedColumn<i32>),
    /// Exact decimals.
    Decimal(DecimalColumn),
    /// Dates and dates with time.
    Date(DateColumn),
    /// True or false.
    Boolean {
        /// The values; anything where blank.
        values: BooleanBuffer,
        /// Which rows are not blank; all when absent.
        nulls: Option<NullBuffer>,
    },
}

/// Values of a fixed width.
#[derive(Clone, Debug)]
pub struct FixedColumn<T: ArrowNativeType> {
    /// The values; anything where blank.
    pub values: ScalarBuffer<T>,
    /// Which rows are not blank; all when absent.
    pub nulls: Option<NullBuffer>,
}

/// Exact decimals, as whole numbers of the field's smallest unit.
#[derive(Clone, Debug)]
pub struct DecimalColumn {
    /// `12.30` with scale 2 is 1230; at most `precision` digits.
    pub units: FixedColumn<i128>,
    /// Digits in all.
    pub precision: u8,
    /// Digits after the point.
    pub scale: u8,
}

/// Dates and dates with time, in whole seconds.
#[derive(Clone, Debug)]
pub struct DateColumn {
    /// Seconds since 1970-01-01T00:00:00, of UTC for instants and of the wall clock otherwise.
    pub seconds: FixedColumn<i64>,
    /// How to read the seconds.
    pub kinds: DateKinds,
}

/// How to read the seconds of a column of dates.
#[derive(Clone, Debug)]
pub enum DateKinds {
    /// All rows alike.
    All(DateKind),
    /// Row by row: the model has them as text.
    Each(Vec<DateKind>),
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Null or empty.
    Blank,
    /// Text, never empty.
    Text(&'a str),
    /// A whole number.
    Number(i32),
    /// A decimal.
    Decimal {
        /// In units of the last digit.
        units: i128,
        /// Digits after the point.
        scale: u8,
    },
    /// A date or a date with time.
    Date(DateValue),
    /// True or false.
    Boolean(bool),
}

impl<T: ArrowNativeType> FixedColumn<T> {
    /// The value of a row, `None` for a blank.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<T> {
        is_set(&self.nulls, row).then(|| self.values[row])
    }
}

impl DateColumn {
    /// The value of a row, `None` for a blank.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<DateValue> {
        let kind = match &self.kinds {
            DateKinds::All(kind) => *kind,
            DateKinds::Each(kinds) => kinds[row],
        };
        self.seconds.get(row).map(|seconds| DateValue { seconds, kind })
    }
}

impl CanonicalColumn {
    pub(crate) fn cell(&self, row: usize) -> Cell<'_> {
        let cell = match self {
            Self::Text(texts) => Some(texts.get(row)).filter(|it| !it.is_empty()).map(Cell::Text),
            Self::Number(numbers) => numbers.get(row).map(Cell::Number),
            Self::Decimal(it) => it.units.get(row).map(|units| Cell::Decimal { units, scale: it.scale }),
            Self::Date(dates) => dates.get(row).map(Cell::Date),
            Self::Boolean { values, nulls } => is_set(nulls, row).then(|| Cell::Boolean(values.value(row))),
        };
        cell.unwrap_or(Cell::Blank)
    }
}

pub(crate) fn is_set(nulls: &Option<NullBuffer>, row: usize) -> bool {
    nulls.as_ref().is_none_or(|it| it.is_valid(row))
}
