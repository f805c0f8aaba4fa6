//! Which file is the broken one.
//!
//! The engine's readers tell what is wrong, seldom where. When a scan breaks off, the files of its tables are read once more, one by
//! one, until one fails: errors are rare, and a name is worth the second read.

use datafusion::{
    common::Column,
    error::DataFusionError,
    execution::SendableRecordBatchStream,
    logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder},
    prelude::{DataFrame, SessionContext},
};
use futures::StreamExt as _;
use outflow_ports::SourceError;

use crate::{
    errors::{Blame, Fault, text_of},
    locate::Located,
    table::Table,
};

/// All it takes to find the file that broke a scan.
#[derive(Debug)]
pub(crate) struct Suspects {
    pub tables: Vec<Table>,
    pub plan: LogicalPlan,
    pub blame: Blame,
}

impl Suspects {
    /// The error of a scan, with the file that caused it.
    pub async fn error(&self, error: &DataFusionError, context: &SessionContext) -> SourceError {
        let text = text_of(error);
        let fault = Fault::of(error);
        match fault {
            Fault::Query => return self.blame.refused(text),
            Fault::Row => return self.blame.row(self.find_column(context).await, text),
            Fault::File | Fault::Unknown => {}
        }
        match (self.find(fault, context).await, fault) {
            (Some(file), _) => self.blame.broken(format!("`{}` cannot be read: {text}", file.name)),
            (None, Fault::File) => self.blame.broken(text),
            (None, _) => self.blame.refused(text),
        }
    }

    /// The column of the answer that cannot be computed, found by asking for each alone; `None` where it is in no column, as a condition is.
    async fn find_column(&self, context: &SessionContext) -> Option<String> {
        for field in self.plan.schema().fields() {
            if let Err(error) = self.read_column(field.name(), context).await
                && Fault::of(&error) == Fault::Row
                && self.read_none(context).await.is_ok()
            {
                return Some(field.name().clone());
            }
        }
        None
    }

    async fn read_column(&self, name: &str, context: &SessionContext) -> Result<(), DataFusionError> {
        let column = self.plan.schema().qualified_field_with_unqualified_name(name)?;
        let alone = LogicalPlanBuilder::from(self.plan.clone()).project([Expr::Column(Column::from(column))])?.build()?;
        through(DataFrame::new(context.state(), alone).execute_stream().await?).await
    }

    /// Counts the rows: what goes wrong then is in no column.
    async fn read_none(&self, context: &SessionContext) -> Result<(), DataFusionError> {
        DataFrame::new(context.state(), self.plan.clone()).count().await.map(|_| ())
    }

    async fn find(&self, fault: Fault, context: &SessionContext) -> Option<&Located> {
        let all: Vec<&Located> = self.tables.iter().flat_map(|it| &it.files).collect();
        if let ([only], Fault::File) = (all.as_slice(), fault) {
            return Some(only);
        }
        for table in &self.tables {
            for file in &table.files {
                if read_through(table, file, context).await.is_err() {
                    return Some(file);
                }
            }
        }
        None
    }
}

async fn read_through(table: &Table, file: &Located, context: &SessionContext) -> Result<(), DataFusionError> {
    let provider = table.provider(std::slice::from_ref(file))?;
    through(context.read_table(provider)?.execute_stream().await?).await
}

async fn through(mut rows: SendableRecordBatchStream) -> Result<(), DataFusionError> {
    while let Some(batch) = rows.next().await {
        batch?;
    }
    Ok(())
}
