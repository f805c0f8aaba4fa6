//! Sources as bad variants read them.

use std::{fmt, sync::Arc};

use arrow_array::{Array, RecordBatch, StringArray, cast::AsArray};
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use futures::StreamExt;
use outflow_ports::{BatchStream, Query, Scan, ScanOptions, Source, SourceError};

use super::Sabotage;

/// Characters that another spelling of a key is known by, and what stands for them, so that keys which the service takes for equal are not
/// equal for the engine. The route turns them back, so that nobody else is deceived.
pub(super) const DISGUISES: [(u8, u8); 2] = [(b'A', b'~'), (b' ', b'^')];

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

/// Keys with a capital or a trailing space, in disguise.
fn disguised(batch: &RecordBatch) -> RecordBatch {
    let keys = batch.column(0).as_string::<i32>();
    let [capital, space] = DISGUISES.map(|(plain, instead)| (char::from(plain), char::from(instead)));
    let disguise = |key: &str| {
        let key = key.replace(capital.0, &capital.1.to_string());
        key.strip_suffix(space.0).map_or(key.clone(), |it| format!("{it}{}", space.1))
    };
    let disguised: StringArray = keys.iter().map(|it| it.map(disguise)).collect();
    let mut columns = batch.columns().to_vec();
    columns[0] = Arc::new(disguised) as Arc<dyn Array>;
    RecordBatch::try_new(batch.schema(), columns).expect("the same columns with other texts")
}
