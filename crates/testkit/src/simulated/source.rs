//! A source that holds its rows in memory.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use futures::StreamExt;
use outflow_ports::{BatchStream, Query, Scan, ScanOptions, Source, SourceError};

use crate::world::BETWEEN;

/// A value of a model's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Hundredths.
    Decimal(i128),
    /// True or false.
    Boolean(bool),
    /// Days since 1970.
    Date(i32),
    /// Seconds since 1970, UTC.
    Instant(i64),
}

/// A row of the model: the columns `id`, `name`, `age`, `amount`, `active`, `born`, `seen`, `note`. A key of two fields stands in the first cell, and
/// comes as the columns `id` and `kind`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRow(pub [Cell; 8]);

/// Rows in memory that a test may change between runs.
#[derive(Clone, Debug, Default)]
pub struct SimulatedSource {
    rows: Arc<Mutex<Vec<ModelRow>>>,
    /// Whether the next scan breaks off after some rows.
    breaks: Arc<Mutex<Option<usize>>>,
}

impl SimulatedSource {
    /// Replaces all rows.
    pub fn set(&self, rows: Vec<ModelRow>) {
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = rows;
    }

    /// Lets scans break off after so many batches.
    pub fn break_after(&self, batches: Option<usize>) {
        *self.breaks.lock().unwrap_or_else(PoisonError::into_inner) = batches;
    }

    /// The columns of every world's model.
    #[must_use]
    pub fn schema() -> SchemaRef {
        Arc::new(Schema::new(vec![
            Field::new("id", DataType::Utf8, true),
            Field::new("name", DataType::Utf8, true),
            Field::new("age", DataType::Int64, true),
            Field::new("amount", DataType::Decimal128(12, 2), true),
            Field::new("active", DataType::Boolean, true),
            Field::new("born", DataType::Date32, true),
            Field::new("seen", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), true),
            Field::new("note", DataType::Utf8, true),
            Field::new("kind", DataType::Utf8, true),
        ]))
    }

    /// Rows as a batch of columns.
    ///
    /// # Panics
    /// Never: the columns are the schema's.
    #[must_use]
    pub fn batch(rows: &[ModelRow]) -> RecordBatch {
        fn column<T>(rows: &[ModelRow], at: usize, of: impl Fn(&Cell) -> Option<T>) -> Vec<Option<T>> {
            rows.iter().map(|it| of(&it.0[at])).collect()
        }
        let text = |at| -> ArrayRef {
            Arc::new(StringArray::from(column(rows, at, |it| if let Cell::Text(text) = it { Some(text.clone()) } else { None })))
        };
        let key = |cell: fn(&str) -> Option<&str>| -> ArrayRef {
            Arc::new(StringArray::from(column(rows, 0, |it| if let Cell::Text(key) = it { cell(key).map(str::to_owned) } else { None })))
        };
        let amount = column(rows, 3, |it| if let Cell::Decimal(units) = it { Some(*units) } else { None });
        let seen = column(rows, 6, |it| if let Cell::Instant(seconds) = it { Some(seconds * 1_000_000) } else { None });
        let columns: Vec<ArrayRef> = vec![
            key(|it| it.split(BETWEEN).next()),
            text(1),
            Arc::new(Int64Array::from(column(rows, 2, |it| if let Cell::Integer(it) = it { Some(*it) } else { None }))),
            Arc::new(Decimal128Array::from(amount).with_precision_and_scale(12, 2).expect("twelve digits, two of them after the point")),
            Arc::new(BooleanArray::from(column(rows, 4, |it| if let Cell::Boolean(it) = it { Some(*it) } else { None }))),
            Arc::new(Date32Array::from(column(rows, 5, |it| if let Cell::Date(it) = it { Some(*it) } else { None }))),
            Arc::new(TimestampMicrosecondArray::from(seen).with_timezone("UTC")),
            text(7),
            key(|it| it.split(BETWEEN).nth(1)),
        ];
        RecordBatch::try_new(Self::schema(), columns).expect("columns of the schema")
    }
}

#[async_trait]
impl Source for SimulatedSource {
    async fn check(&self) -> Result<(), SourceError> {
        Ok(())
    }

    async fn describe(&self, _: &Query) -> Result<SchemaRef, SourceError> {
        Ok(Self::schema())
    }

    async fn scan(&self, _: &Query, _: ScanOptions) -> Result<Scan, SourceError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut batches: Vec<Result<RecordBatch, SourceError>> = rows.chunks(4).map(|it| Ok(Self::batch(it))).collect();
        if let Some(after) = *self.breaks.lock().unwrap_or_else(PoisonError::into_inner) {
            batches.truncate(after);
            batches.push(Err(SourceError::Broken { source_name: "simulated".into(), message: "the connection was lost".into() }));
        }
        // Every other batch goes to another partition.
        let (mut even, mut odd) = (Vec::new(), Vec::new());
        for (at, batch) in batches.into_iter().enumerate() {
            if at % 2 == 0 { even.push(batch) } else { odd.push(batch) }
        }
        let partitions = [even, odd].into_iter().map(|it| futures::stream::iter(it).boxed() as BatchStream).collect();
        Ok(Scan { schema: Self::schema(), partitions })
    }
}
