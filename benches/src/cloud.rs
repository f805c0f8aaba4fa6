//! Stand-ins for Marketing Cloud and the file route: they take no time, apply everything, and count what they were asked to do.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use outflow_domain::{
    DataExtension, DataExtensionKey, Field, FieldType, FileName, ImportCounts, ImportId, ImportOrder, ImportStatus, Name, NewColumn,
    NewDataExtension, ObjectId, Route, WiderColumn,
};
use outflow_ports::{
    CloudError, Connection, DataExtensionSummary, FileContent, FileStore, FileStoreError, Mark, MarketingCloud, RefusalList, RowDeletion,
    RowPage, RowQuery, StartError, StoredFile,
};

use crate::data::FIELDS;

/// What was asked.
#[derive(Debug, Default)]
pub struct Counted {
    bytes: AtomicU64,
    writes: AtomicU64,
    rows: AtomicU64,
}

impl Counted {
    /// Bytes of files.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Calls that write: files put or removed, columns, definitions, imports.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    fn wrote(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }
}

/// A data extension that holds whatever was sent; it remembers only how many rows that is.
#[derive(Debug)]
pub struct YesCloud {
    rows_file: PathBuf,
    counted: Arc<Counted>,
    asks_nothing: bool,
}

impl YesCloud {
    /// Keeps its number of rows in the state folder, from run to run. Fields of text are of the types of the benchmark, or ask nothing.
    pub fn new(state: &Path, counted: Arc<Counted>, asks_nothing: bool) -> Self {
        Self { rows_file: state.join("bench-rows"), counted, asks_nothing }
    }

    fn rows(&self) -> u64 {
        fs::read_to_string(&self.rows_file).ok().and_then(|it| it.trim().parse().ok()).unwrap_or(0)
    }

    fn field(name: &str, field_type: FieldType, ordinal: u32) -> Field {
        let is_key = ordinal == 0;
        Field {
            id: ObjectId(format!("field-{ordinal}")),
            name: name.parse().expect("a field name"),
            field_type,
            is_required: is_key,
            is_primary_key: is_key,
            ordinal,
            default: None,
        }
    }
}

#[async_trait]
impl MarketingCloud for YesCloud {
    async fn connect(&self) -> Result<Connection, CloudError> {
        Ok(Connection { tenant: "bench".into(), scopes: Vec::new() })
    }

    async fn list(&self) -> Result<Vec<DataExtensionSummary>, CloudError> {
        Ok(Vec::new())
    }

    async fn describe(&self, key: &DataExtensionKey) -> Result<Option<DataExtension>, CloudError> {
        let asked = |field_type: FieldType| match field_type {
            it if self.asks_nothing && it.is_text_like() => FieldType::Text { units_max: None },
            it => it,
        };
        let others = FIELDS.iter().enumerate().map(|(at, (name, _, field_type))| Self::field(name, asked(*field_type), at as u32 + 1));
        let fields = std::iter::once(Self::field("Id", FieldType::Number, 0)).chain(others).collect();
        let id = ObjectId("bench".into());
        Ok(Some(DataExtension { id, key: key.clone(), name: key.to_string(), is_sendable: false, retention: None, fields }))
    }

    async fn row_count(&self, _: &DataExtensionKey) -> Result<u64, CloudError> {
        Ok(self.rows())
    }

    async fn create(&self, _: &NewDataExtension) -> Result<(), CloudError> {
        self.counted.wrote();
        Ok(())
    }

    async fn widen_columns(&self, _: &DataExtensionKey, _: &[WiderColumn]) -> Result<(), CloudError> {
        self.counted.wrote();
        Ok(())
    }

    async fn add_columns(&self, _: &DataExtensionKey, _: &[NewColumn]) -> Result<(), CloudError> {
        self.counted.wrote();
        Ok(())
    }

    async fn read_rows(&self, _: &RowQuery, _: Option<&str>) -> Result<RowPage, CloudError> {
        Ok(RowPage::default())
    }

    async fn delete_rows(&self, deletion: &RowDeletion) -> Result<Vec<Option<String>>, CloudError> {
        self.counted.wrote();
        Ok(vec![None; deletion.keys.len()])
    }

    async fn routes(&self) -> Result<Vec<Route>, CloudError> {
        Ok(vec![Route::Rest])
    }

    async fn prepare_import(&self, _: &ImportOrder, _: u64) -> Result<(), CloudError> {
        self.counted.wrote();
        Ok(())
    }

    async fn generation(&self, _: &Name, _: &ObjectId, _: Route) -> Result<Mark, CloudError> {
        Ok(Mark::None)
    }

    async fn newest_import(&self, _: &Name, _: Route) -> Result<Option<ImportId>, CloudError> {
        Ok(None)
    }

    async fn imports_since(&self, _: &Name, _: Route, _: Option<&str>) -> Result<Vec<(ImportId, ImportStatus)>, CloudError> {
        Ok(Vec::new())
    }

    fn can_find_imports(&self, _: Route) -> bool {
        false
    }

    async fn start_import(&self, _: &ImportOrder) -> Result<ImportId, StartError> {
        self.counted.wrote();
        Ok(ImportId { route: Route::Rest, id: "1".into() })
    }

    async fn import_status(&self, _: &ImportId) -> Result<ImportStatus, CloudError> {
        let rows = self.counted.rows.swap(0, Ordering::Relaxed);
        // More than there can be after a night, so that no run takes the data extension for one that has lost rows.
        let _ = fs::write(&self.rows_file, (self.rows() + rows).to_string());
        let counts = ImportCounts { total: rows, successful: rows, ..ImportCounts::default() };
        Ok(ImportStatus::Completed { counts })
    }

    async fn refusals(&self, _: &ImportId) -> Result<Option<RefusalList>, CloudError> {
        Ok(None)
    }

    async fn has_file_location(&self, _: &str) -> Result<Option<bool>, CloudError> {
        Ok(Some(true))
    }
}

/// A route that reads every byte of a file, counts its rows, and keeps nothing.
#[derive(Debug)]
pub struct NoFiles {
    counted: Arc<Counted>,
}

impl NoFiles {
    /// A route that counts.
    pub const fn new(counted: Arc<Counted>) -> Self {
        Self { counted }
    }
}

#[async_trait]
impl FileStore for NoFiles {
    async fn put(
        &self,
        name: &FileName,
        content: &dyn FileContent,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<StoredFile, FileStoreError> {
        let (mut at, mut rows) = (0, 0_u64);
        while at < content.len() {
            let bytes = content.read_at(at, 1 << 20).await.map_err(|source| FileStoreError::Content { name: name.to_string(), source })?;
            // No value of the benchmark has a line break.
            rows += memchr::memchr_iter(b'\n', &bytes).count() as u64;
            at += bytes.len() as u64;
            sent(at);
        }
        self.counted.wrote();
        self.counted.bytes.fetch_add(at, Ordering::Relaxed);
        // The header is none.
        self.counted.rows.store(rows.saturating_sub(1), Ordering::Relaxed);
        Ok(StoredFile { name: name.clone(), bytes: at })
    }

    async fn stat(&self, _: &FileName) -> Result<Option<StoredFile>, FileStoreError> {
        Ok(None)
    }

    async fn remove(&self, _: &FileName) -> Result<(), FileStoreError> {
        self.counted.wrote();
        Ok(())
    }

    async fn check(&self) -> Result<(), FileStoreError> {
        Ok(())
    }
}
