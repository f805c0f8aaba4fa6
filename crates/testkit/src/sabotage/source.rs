//! Sources as bad variants read them.

use std::{fmt, sync::Arc};

use arrow_array::{Array, RecordBatch, StringArray, cast::AsArray};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::StreamExt;
use outflow_ports::{BatchStream, Query, Scan, ScanOptions, Source, SourceError};

use super::Sabotage;

/// Tells keys apart that the service takes for equal; the route takes it away again, so that only the engine is deceived.
pub(super) const DISGUISE: char = '~';

pub(super) struct BadSource {
    pub inner: Arc<dyn Source>,
    pub sabotage: Sabotage,
}

impl fmt::Debug for BadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadSource")
    }
}

#[async_trait]
impl Source for BadSource {
    async fn check(&self) -> Result<(), SourceError> {
        self.inner.check().await
    }

    async fn describe(&self, query: &Query) -> Result<SchemaRef, SourceError> {
        self.inner.describe(query).await
    }

    async fn scan(&self, query: &Query, options: ScanOptions) -> Result<Scan, SourceError> {
        let Scan { schema, partitions } = self.inner.scan(query, options).await?;
        let partitions = match self.sabotage {
            Sabotage::TakesBrokenSourcesForWhole => {
                partitions.into_iter().map(|it| it.take_while(|it| std::future::ready(it.is_ok())).boxed() as BatchStream).collect()
            }
            Sabotage::ComparesKeysByTheirBytes => {
                partitions.into_iter().map(|it| it.map(|it| it.map(|it| disguised(&it))).boxed() as BatchStream).collect()
            }
            _ => partitions,
        };
        Ok(Scan { schema, partitions })
    }
}

/// Marks keys that would fold together with another spelling.
fn disguised(batch: &RecordBatch) -> RecordBatch {
    let keys = batch.column(0).as_string::<i32>();
    let is_other_spelling = |key: &str| key.ends_with(' ') || key.chars().any(char::is_uppercase);
    let mark = |key: &str| if is_other_spelling(key) { format!("{}{DISGUISE}", key.trim_end()) } else { key.to_owned() };
    let marked: StringArray = keys.iter().map(|it| it.map(mark)).collect();
    let mut columns = batch.columns().to_vec();
    columns[0] = Arc::new(marked) as Arc<dyn Array>;
    RecordBatch::try_new(batch.schema(), columns).expect("the same columns with other texts")
}
