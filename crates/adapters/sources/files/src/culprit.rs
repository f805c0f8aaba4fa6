//! Which file is the broken one.
//!
//! The engine's readers tell what is wrong, seldom where. When a scan breaks off, the files of its tables are read once more, one by
//! one, until one fails: errors are rare, and a name is worth the second read.

use datafusion::{error::DataFusionError, prelude::SessionContext};
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
    pub blame: Blame,
}

impl Suspects {
    /// The error of a scan, with the file that caused it.
    pub async fn error(&self, error: &DataFusionError, context: &SessionContext) -> SourceError {
        let text = text_of(error);
        let fault = Fault::of(error);
        if fault == Fault::Query {
            return self.blame.refused(text);
        }
        match (self.find(fault, context).await, fault) {
            (Some(file), _) => self.blame.broken(format!("`{}` cannot be read: {text}", file.name)),
            (None, Fault::File) => self.blame.broken(text),
            (None, _) => self.blame.refused(text),
        }
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
    let mut rows = context.read_table(provider)?.execute_stream().await?;
    while let Some(batch) = rows.next().await {
        batch?;
    }
    Ok(())
}
