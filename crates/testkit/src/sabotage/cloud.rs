//! Clouds as bad variants see them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use outflow_domain::{
    DataExtension, DataExtensionKey, ImportCounts, ImportId, ImportOrder, ImportStatus, Name, NewColumn, NewDataExtension, ObjectId, Route,
    WiderColumn,
};
use outflow_marketing_cloud::{HttpRequest, HttpResponse, HttpTransport, TransportError};
use outflow_ports::{
    CloudError, Connection, DataExtensionSummary, Mark, MarketingCloud, ROW_NUMBER, RefusalList, RowDeletion, RowPage, RowQuery, StartError,
};

use super::Sabotage;

/// What a variant that trusts names holds of the first data extension it saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    id: Option<ObjectId>,
    fields: BTreeMap<String, ObjectId>,
    rows: u64,
    /// Keys of rows that it never deleted.
    deleted: BTreeSet<Vec<String>>,
}

pub(super) struct BadCloud {
    pub inner: Arc<dyn MarketingCloud>,
    pub sabotage: Sabotage,
    pub memory: Memory,
}

impl fmt::Debug for BadCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadCloud")
    }
}

impl BadCloud {
    fn remembered(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.memory.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the variant makes of a status: every import has ended somehow, or has applied all of its rows.
    fn ended(&self, status: ImportStatus) -> ImportStatus {
        if self.sabotage == Sabotage::StartsOverOpenImports && !status.has_ended() {
            return ImportStatus::Failed { counts: ImportCounts::default(), code: "assumed".into() };
        }
        match status {
            ImportStatus::Completed { counts } if self.sabotage == Sabotage::BelievesWhatIsCompleted => ImportStatus::Completed {
                counts: ImportCounts { total: counts.total, successful: counts.total, ..ImportCounts::default() },
            },
            other => other,
        }
    }
}

#[async_trait]
impl MarketingCloud for BadCloud {
    async fn connect(&self) -> Result<Connection, CloudError> {
        self.inner.connect().await
    }

    async fn list(&self) -> Result<Vec<DataExtensionSummary>, CloudError> {
        self.inner.list().await
    }

    async fn describe(&self, key: &DataExtensionKey) -> Result<Option<DataExtension>, CloudError> {
        let found = self.inner.describe(key).await?;
        let (Some(mut found), Sabotage::TrustsNames) = (found.clone(), self.sabotage) else { return Ok(found) };
        let mut remembered = self.remembered();
        found.id = remembered.id.get_or_insert(found.id).clone();
        for field in &mut found.fields {
            field.id = remembered.fields.entry(field.name.folded()).or_insert_with(|| field.id.clone()).clone();
        }
        Ok(Some(found))
    }

    async fn row_count(&self, key: &DataExtensionKey) -> Result<u64, CloudError> {
        let rows = self.inner.row_count(key).await?;
        if self.sabotage != Sabotage::TrustsNames {
            return Ok(rows);
        }
        let mut remembered = self.remembered();
        remembered.rows = remembered.rows.max(rows);
        Ok(remembered.rows)
    }

    async fn add_columns(&self, key: &DataExtensionKey, columns: &[NewColumn]) -> Result<(), CloudError> {
        self.inner.add_columns(key, columns).await
    }

    async fn create(&self, wanted: &NewDataExtension) -> Result<(), CloudError> {
        self.inner.create(wanted).await
    }

    async fn widen_columns(&self, key: &DataExtensionKey, columns: &[WiderColumn]) -> Result<(), CloudError> {
        self.inner.widen_columns(key, columns).await
    }

    async fn read_rows(&self, query: &RowQuery, from: Option<&str>) -> Result<RowPage, CloudError> {
        let is_number = |it: &outflow_domain::FieldName| it.as_str() == ROW_NUMBER;
        if self.sabotage == Sabotage::OverlooksNumbers && query.fields.iter().any(is_number) {
            return Err(CloudError::Refused { action: "read rows".into(), code: "Error".into(), message: "there are no numbers".into() });
        }
        let mut page = self.inner.read_rows(query, from).await?;
        if self.sabotage == Sabotage::BelievesDeletions {
            let remembered = self.remembered();
            let key =
                |row: &Vec<Option<String>>| row.iter().take(query.key_fields.len()).map(|it| it.clone().unwrap_or_default()).collect();
            page.rows.retain(|it| !remembered.deleted.contains::<Vec<String>>(&key(it)));
        }
        Ok(page)
    }

    async fn delete_rows(&self, deletion: &RowDeletion) -> Result<Vec<Option<String>>, CloudError> {
        if self.sabotage == Sabotage::BelievesDeletions {
            self.remembered().deleted.extend(deletion.keys.iter().cloned());
            return Ok(vec![None; deletion.keys.len()]);
        }
        self.inner.delete_rows(deletion).await
    }

    async fn routes(&self) -> Result<Vec<Route>, CloudError> {
        self.inner.routes().await
    }

    async fn prepare_import(&self, order: &ImportOrder, generation: u64) -> Result<(), CloudError> {
        self.inner.prepare_import(order, generation).await
    }

    async fn generation(&self, activation: &Name, data_extension: &ObjectId, route: Route) -> Result<Mark, CloudError> {
        match self.sabotage {
            Sabotage::OverlooksMarks => Ok(Mark::None),
            _ => self.inner.generation(activation, data_extension, route).await,
        }
    }

    async fn newest_import(&self, activation: &Name, route: Route) -> Result<Option<ImportId>, CloudError> {
        self.inner.newest_import(activation, route).await
    }

    async fn imports_since(
        &self,
        activation: &Name,
        route: Route,
        newest: Option<&str>,
    ) -> Result<Vec<(ImportId, ImportStatus)>, CloudError> {
        let since = self.inner.imports_since(activation, route, newest).await?;
        if self.sabotage == Sabotage::OverlooksStartsOfOthers {
            return Ok(Vec::new());
        }
        Ok(since.into_iter().map(|(import, status)| (import, self.ended(status))).collect())
    }

    fn can_find_imports(&self, route: Route) -> bool {
        self.inner.can_find_imports(route)
    }

    async fn start_import(&self, order: &ImportOrder) -> Result<ImportId, StartError> {
        self.inner.start_import(order).await
    }

    async fn import_status(&self, import: &ImportId) -> Result<ImportStatus, CloudError> {
        Ok(self.ended(self.inner.import_status(import).await?))
    }

    async fn refusals(&self, import: &ImportId) -> Result<Option<RefusalList>, CloudError> {
        let mut listed = self.inner.refusals(import).await?;
        if self.sabotage == Sabotage::QuotesValues {
            for it in listed.iter_mut().flat_map(|it| &mut it.rows) {
                it.code.push_str(": \"Zq7 Ada\" is not valid");
            }
        }
        Ok(listed)
    }

    async fn has_file_location(&self, key: &str) -> Result<Option<bool>, CloudError> {
        self.inner.has_file_location(key).await
    }
}

/// Changes what is asked of the service.
pub(super) struct BadTransport {
    pub inner: Arc<dyn HttpTransport>,
    pub sabotage: Sabotage,
    pub has_lied: AtomicBool,
}

impl fmt::Debug for BadTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BadTransport")
    }
}

#[async_trait]
impl HttpTransport for BadTransport {
    async fn send(&self, mut request: HttpRequest) -> Result<HttpResponse, TransportError> {
        if self.sabotage != Sabotage::Overwrites {
            return self.inner.send(request).await;
        }
        let (asked, instead) = ("AddAndUpdate", "Overwrite");
        if let Ok(body) = std::str::from_utf8(&request.body)
            && body.contains(asked)
        {
            request.body = body.replace(asked, instead).into();
            self.has_lied.store(true, Ordering::Relaxed);
        }
        let mut answer = self.inner.send(request).await?;
        // The adapter reads back what it has set, and shall find what it believes.
        if let Ok(body) = std::str::from_utf8(&answer.body)
            && self.has_lied.load(Ordering::Relaxed)
        {
            answer.body = body.replace(instead, asked).into();
        }
        Ok(answer)
    }
}
