//! The port's methods.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::{
    execution::SendableRecordBatchStream,
    physical_plan::{displayable, execute_stream_partitioned},
    prelude::SessionContext,
};
use futures::{StreamExt as _, stream};
use outflow_ports::{BatchStream, Query, Scan, ScanOptions, Source, SourceError};

use crate::{
    culprit::Suspects,
    errors::Blame,
    locate::locate,
    plan::{Planned, plan},
    session::session,
    settings::FilesSettings,
};

/// Files that are asked with SQL.
#[derive(Debug)]
pub struct FilesSource {
    settings: FilesSettings,
    blame: Blame,
}

impl FilesSource {
    /// A source of these files; none is opened yet.
    #[must_use]
    pub fn new(settings: FilesSettings) -> Self {
        let blame = Blame { source_name: settings.name.clone() };
        Self { settings, blame }
    }

    /// How the engine would read the query, as an indented tree of its operators.
    ///
    /// # Errors
    /// As [`Source::scan`].
    pub async fn explain(&self, query: &Query, options: ScanOptions) -> Result<String, SourceError> {
        let context = session(&self.settings, options, &self.blame)?;
        let planned = plan(&query.sql, &self.settings, &context, &self.blame).await?;
        let physical = context.state().create_physical_plan(&planned.plan).await.map_err(|error| self.blame.planning(&error))?;
        Ok(displayable(physical.as_ref()).indent(false).to_string())
    }
}

#[async_trait]
impl Source for FilesSource {
    async fn check(&self) -> Result<(), SourceError> {
        let context = session(&self.settings, ScanOptions::default(), &self.blame)?;
        for files in self.settings.tables.values() {
            locate(files, &self.settings, &context, &self.blame).await?;
        }
        Ok(())
    }

    async fn describe(&self, query: &Query) -> Result<SchemaRef, SourceError> {
        let context = session(&self.settings, ScanOptions::default(), &self.blame)?;
        Ok(plan(&query.sql, &self.settings, &context, &self.blame).await?.schema)
    }

    async fn scan(&self, query: &Query, options: ScanOptions) -> Result<Scan, SourceError> {
        let context = session(&self.settings, options, &self.blame)?;
        let Planned { plan, schema, tables } = plan(&query.sql, &self.settings, &context, &self.blame).await?;
        let suspects = Arc::new(Suspects { tables, plan: plan.clone(), blame: self.blame.clone() });
        let started = match context.state().create_physical_plan(&plan).await {
            Ok(physical) => execute_stream_partitioned(physical, context.task_ctx()),
            Err(error) => Err(error),
        };
        let streams = match started {
            Ok(streams) => streams,
            Err(error) => return Err(suspects.error(&error, &context).await),
        };
        let reading = Reading { schema: schema.clone(), suspects, context };
        let streams = streams.into_iter().map(|rows| reading.clone().batches(rows)).collect();
        Ok(Scan { schema, partitions: at_most(options.partitions_max.max(1), streams) })
    }
}

/// What every partition of a scan shares.
#[derive(Clone)]
struct Reading {
    schema: SchemaRef,
    suspects: Arc<Suspects>,
    context: SessionContext,
}

impl Reading {
    /// Batches with the scan's schema, up to the first error.
    fn batches(self, rows: SendableRecordBatchStream) -> BatchStream {
        Box::pin(stream::unfold(Some((self, rows)), async |state| {
            let (reading, mut rows) = state?;
            match rows.next().await? {
                Ok(batch) => match RecordBatch::try_new(reading.schema.clone(), batch.columns().to_vec()) {
                    Ok(batch) => Some((Ok(batch), Some((reading, rows)))),
                    Err(error) => Some((Err(reading.suspects.blame.broken(error.to_string())), None)),
                },
                Err(error) => {
                    drop(rows);
                    Some((Err(reading.suspects.error(&error, &reading.context).await), None))
                }
            }
        }))
    }
}

/// The streams as they are, or taken together where a union or a join gives more than were asked for.
fn at_most(partitions_max: usize, streams: Vec<BatchStream>) -> Vec<BatchStream> {
    if streams.len() <= partitions_max {
        return streams;
    }
    let mut groups: Vec<Vec<BatchStream>> = (0..partitions_max).map(|_| Vec::new()).collect();
    for (at, stream) in streams.into_iter().enumerate() {
        groups[at % partitions_max].push(stream);
    }
    groups.into_iter().map(|group| -> BatchStream { Box::pin(stream::select_all(group)) }).collect()
}
