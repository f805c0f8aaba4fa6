//! A business unit of Marketing Cloud, as the engine sees it.

use std::sync::Arc;

use async_trait::async_trait;
use outflow_domain::{
    DataExtension, DataExtensionKey, ImportId, ImportOrder, ImportStatus, Name, NewColumn, NewDataExtension, ObjectId, Route, WiderColumn,
};
use outflow_ports::{
    Clock, CloudError, Connection, DataExtensionSummary, Entropy, Mark, MarketingCloud, RefusalList, RowDeletion, RowPage, RowQuery,
    StartError,
};

use crate::{columns, deletions, describe, http::HttpTransport, imports, locations, rows, session::Session, settings::Settings, tables};

/// Permissions that a one-time REST import needs.
const REST_IMPORT_SCOPES: [&str; 3] = ["automations_read", "automations_execute", "data_extensions_write"];

/// One business unit, over SOAP and REST.
#[derive(Debug)]
pub struct SalesforceCloud {
    session: Session,
}

impl SalesforceCloud {
    /// Readies a connection; nothing is sent before the first call.
    pub fn new(settings: Settings, transport: Arc<dyn HttpTransport>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { session: Session::new(settings, transport, clock, entropy) }
    }
}

#[async_trait]
impl MarketingCloud for SalesforceCloud {
    async fn connect(&self) -> Result<Connection, CloudError> {
        let token = self.session.token().await?;
        Ok(Connection { tenant: self.session.settings().tenant_name(), scopes: token.scopes.clone() })
    }

    async fn list(&self) -> Result<Vec<DataExtensionSummary>, CloudError> {
        describe::list(&self.session).await
    }

    async fn describe(&self, key: &DataExtensionKey) -> Result<Option<DataExtension>, CloudError> {
        describe::describe(&self.session, key).await
    }

    async fn row_count(&self, key: &DataExtensionKey) -> Result<u64, CloudError> {
        rows::row_count(&self.session, key).await
    }

    async fn add_columns(&self, key: &DataExtensionKey, columns: &[NewColumn]) -> Result<(), CloudError> {
        columns::add_columns(&self.session, key, columns).await
    }

    async fn create(&self, wanted: &NewDataExtension) -> Result<(), CloudError> {
        tables::create(&self.session, wanted).await
    }

    async fn widen_columns(&self, key: &DataExtensionKey, columns: &[WiderColumn]) -> Result<(), CloudError> {
        columns::widen_columns(&self.session, key, columns).await
    }

    async fn read_rows(&self, query: &RowQuery, from: Option<&str>) -> Result<RowPage, CloudError> {
        rows::read_rows(&self.session, query, from).await
    }

    async fn delete_rows(&self, deletion: &RowDeletion) -> Result<Vec<Option<String>>, CloudError> {
        deletions::delete_rows(&self.session, deletion).await
    }

    /// REST where the token's scopes allow it, then SOAP.
    ///
    /// The import route itself is not probed: without the feature it answers as it does for an unknown import, so the answer would tell
    /// nothing. A token that lists no scopes is given the benefit of the doubt, since a refused start is certain to have begun nothing.
    async fn routes(&self) -> Result<Vec<Route>, CloudError> {
        let token = self.session.token().await?;
        let may_rest = token.scopes.is_empty() || REST_IMPORT_SCOPES.iter().all(|it| token.scopes.iter().any(|scope| scope == it));
        Ok(if may_rest { vec![Route::Rest, Route::Soap] } else { vec![Route::Soap] })
    }

    async fn prepare_import(&self, order: &ImportOrder, generation: u64) -> Result<(), CloudError> {
        match order.route {
            // All that it needs travels with the start.
            Route::Rest => Ok(()),
            Route::Soap => imports::prepare_definition(&self.session, order, generation).await,
        }
    }

    async fn generation(&self, activation: &Name, data_extension: &ObjectId, route: Route) -> Result<Mark, CloudError> {
        match route {
            // A one-time import leaves nothing behind that is ours to write on.
            Route::Rest => Ok(Mark::None),
            Route::Soap => imports::marked_generation(&self.session, activation, data_extension).await,
        }
    }

    async fn newest_import(&self, activation: &Name, route: Route) -> Result<Option<ImportId>, CloudError> {
        let mut imports = self.imports_since(activation, route, None).await?;
        Ok(imports.pop().map(|(id, _)| id))
    }

    async fn imports_since(
        &self,
        activation: &Name,
        route: Route,
        newest: Option<&str>,
    ) -> Result<Vec<(ImportId, ImportStatus)>, CloudError> {
        match route {
            Route::Rest => Ok(Vec::new()),
            Route::Soap => imports::definition_imports(&self.session, activation, newest).await,
        }
    }

    fn can_find_imports(&self, route: Route) -> bool {
        route == Route::Soap
    }

    async fn start_import(&self, order: &ImportOrder) -> Result<ImportId, StartError> {
        match order.route {
            Route::Rest => imports::start_one_time(&self.session, order).await,
            Route::Soap => imports::start_definition(&self.session, order).await,
        }
    }

    async fn import_status(&self, import: &ImportId) -> Result<ImportStatus, CloudError> {
        match import.route {
            Route::Rest => imports::one_time_status(&self.session, &import.id).await,
            Route::Soap => imports::task_status(&self.session, &import.id).await,
        }
    }

    async fn refusals(&self, import: &ImportId) -> Result<Option<RefusalList>, CloudError> {
        match import.route {
            Route::Rest => imports::refusals(&self.session, &import.id).await,
            Route::Soap => Ok(None),
        }
    }

    async fn has_file_location(&self, key: &str) -> Result<Option<bool>, CloudError> {
        locations::has_file_location(&self.session, key).await
    }
}
