//! What the engine asks of the outside world.
//!
//! Each trait is narrow, and each method's comment is a promise; a promise suite in the test kit checks it for every backend. Values
//! and rules come from `outflow-domain`; nothing here knows a wire, a table or a folder.

pub mod baseline_store;
pub mod clock;
pub mod disk;
pub mod file_store;
pub mod ledger;
pub mod marketing_cloud;
pub mod progress;
#[cfg(feature = "promises")]
pub mod promises;
pub mod source;
pub mod spool;

pub use baseline_store::{BaselineStore, BaselineStoreError, BaselineStores, Blob, DurableWriter, History};
pub use clock::{Clock, Entropy};
pub use file_store::{FileContent, FileStore, FileStoreError, StoredFile, partial_name};
pub use ledger::{Ledger, LedgerCommit, LedgerError, RunSummary};
pub use marketing_cloud::{
    CloudError, Connection, DataExtensionSummary, Mark, MarketingCloud, ROW_NUMBER, RefusalList, RowDeletion, RowFilter, RowPage, RowQuery,
    StartError,
};
pub use progress::{Progress, ProgressSink};
pub use source::{BatchStream, Query, Scan, ScanOptions, Source, SourceError};
pub use spool::{Spool, SpoolError, SpoolWriter};
