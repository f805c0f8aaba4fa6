//! What we ask of Marketing Cloud, in words of our own.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use outflow_domain::{
    DataExtension, DataExtensionKey, FieldName, ImportId, ImportOrder, ImportStatus, Name, NewColumn, NewDataExtension, ObjectId, Route,
    RowRefusal, WiderColumn,
};

/// One tenant and business unit that we are connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Names tenant and business unit for good, such as `mc123…/510001234`.
    pub tenant: String,
    /// Permissions the service has granted, by its own names, such as `data_extensions_write`.
    pub scopes: Vec<String>,
}

/// A data extension in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataExtensionSummary {
    /// The external key.
    pub key: DataExtensionKey,
    /// The name shown to people.
    pub name: String,
    /// Whether messages may be sent to its rows.
    pub is_sendable: bool,
    /// Retention in a person's words, if any is set.
    pub retention: Option<String>,
}

/// The hidden column with the number that the service gives each row when it is made. It may be asked for where the service lets it be read;
/// otherwise a question for it is refused.
pub const ROW_NUMBER: &str = "_CustomObjectKey";

/// Which rows to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowFilter {
    /// All rows, page by page.
    All,
    /// Rows whose primary key is one of these; each key has a text for each of [`RowQuery::key_fields`].
    Keys(Vec<Vec<String>>),
}

/// A question for rows of a data extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowQuery {
    /// The data extension.
    pub data_extension: DataExtensionKey,
    /// The fields of the primary key.
    pub key_fields: Vec<FieldName>,
    /// The fields to be read, in order.
    pub fields: Vec<FieldName>,
    /// Which rows.
    pub filter: RowFilter,
}

/// Rows as the service tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowPage {
    /// For each row the text of each asked field; `None` where the service gave no value. Blank and null may be told alike.
    pub rows: Vec<Vec<Option<String>>>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// Rows of a data extension that are to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDeletion {
    /// The data extension.
    pub data_extension: DataExtensionKey,
    /// All fields of the primary key.
    pub key_fields: Vec<FieldName>,
    /// The rows: each key has a text for each of [`RowDeletion::key_fields`].
    pub keys: Vec<Vec<String>>,
}

/// The refused rows of an import, as far as the service lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusalList {
    /// The rows, in the service's order; several errors of one row are several entries.
    pub rows: Vec<RowRefusal>,
    /// How many errors the service says there are of each code, if it tells.
    pub by_code: Vec<(String, u64)>,
}

/// What imports have left of the generation of the state that they were sent from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing: no import was ever readied here, or the road has no place for a mark.
    None,
    /// There is a place for it, and no mark there that can be read and believed: people have taken it away, or left no room for it.
    Unreadable,
    /// The highest generation that was left.
    Generation(u64),
}

/// A business unit of Marketing Cloud.
///
/// Throttling, server errors and dropped connections are retried within, where the call may be repeated; [`MarketingCloud::start_import`]
/// is the one call that is never repeated by itself.
#[async_trait]
pub trait MarketingCloud: fmt::Debug + Send + Sync {
    /// Logs in, and tells whom we are connected to.
    async fn connect(&self) -> Result<Connection, CloudError>;

    /// Every data extension of the business unit.
    async fn list(&self) -> Result<Vec<DataExtensionSummary>, CloudError>;

    /// The data extension of that key with its fields by ordinal, or `None` when there is none.
    async fn describe(&self, key: &DataExtensionKey) -> Result<Option<DataExtension>, CloudError>;

    /// How many rows it holds now.
    async fn row_count(&self, key: &DataExtensionKey) -> Result<u64, CloudError>;

    /// Creates nullable columns. Creating one that is there already, with the same type, is no error.
    async fn add_columns(&self, key: &DataExtensionKey, columns: &[NewColumn]) -> Result<(), CloudError>;

    /// Makes a data extension, and its folder where that is missing. Once it returns, [`MarketingCloud::describe`] tells the data extension
    /// with just these fields, whatever answers got lost on the way. One that is there already under that key is taken for it where its fields
    /// are these; otherwise the call is refused, and nothing is changed.
    ///
    /// It rests on these facts of the service: an external key is given once in a business unit, without regard to case, so that nothing is
    /// made twice (documented code 310003); a data extension is made with all of its fields, or not at all (assumed, as one object of a call);
    /// its name is given once too, whatever its folder (310007); a subscriber's relation is *sent* as `Subscriber Key` and *told* as
    /// `_SubscriberKey` (recorded); retention by a period goes with an empty `RetainUntil` (a tool's author).
    async fn create(&self, wanted: &NewDataExtension) -> Result<(), CloudError>;

    /// Makes text columns longer. One that is as long already, or longer, is no error.
    ///
    /// It rests on these facts of the service: a field that is sent with its ObjectID is changed, and one without it is new; a length is
    /// never decreased, and a type never changed (documented code 310007), so that the call can only lengthen.
    async fn widen_columns(&self, key: &DataExtensionKey, columns: &[WiderColumn]) -> Result<(), CloudError>;

    /// Reads one page of rows: the first without `from`, the next with the page's `next`. At most 2,500 rows a page.
    ///
    /// With [`RowFilter::Keys`] the rows come in any order, and absent keys are left out.
    async fn read_rows(&self, query: &RowQuery, from: Option<&str>) -> Result<RowPage, CloudError>;

    /// Deletes rows by their keys, and tells for each key in order the code with which the service refused it, or `None` where it called the
    /// deletion done. A key that is not there is no error of the call, whatever the service says of it; whether one is gone, only
    /// [`MarketingCloud::read_rows`] tells. May be repeated. Where the call fails, any of the rows may be gone; and where it fails as
    /// [`CloudError::Unavailable`] or [`CloudError::Unreadable`], some may even go later: a call whose answer got lost is not sent again.
    ///
    /// It rests on these facts of the service: a delete takes many objects and has one result for each, in their order, and some may fail
    /// while others succeed (documented: <https://developer.salesforce.com/docs/marketing/marketing-cloud/guide/delete.html>); a row is named
    /// by its complete key (the partner WSDL); what an absent key is answered is not documented. A contact is not deleted with its row.
    async fn delete_rows(&self, deletion: &RowDeletion) -> Result<Vec<Option<String>>, CloudError>;

    /// The roads into an import that the tenant takes, best first, found out without starting anything. A road may still be refused at
    /// the start.
    async fn routes(&self) -> Result<Vec<Route>, CloudError>;

    /// Readies whatever the road needs before a start (the import definition, with the literal file name), and leaves the generation there
    /// where the road has a place for it; a higher one that is there stays. May be repeated.
    async fn prepare_import(&self, order: &ImportOrder, generation: u64) -> Result<(), CloudError>;

    /// The mark of a generation that imports of the activation into this data extension have left where the road keeps it. One call at most.
    async fn generation(&self, activation: &Name, data_extension: &ObjectId, route: Route) -> Result<Mark, CloudError>;

    /// The newest import the service knows of the activation's definition; `None` where there is none or the road cannot tell.
    async fn newest_import(&self, activation: &Name, route: Route) -> Result<Option<ImportId>, CloudError>;

    /// Every import of the activation's definition that is newer than `newest`, oldest first, with its status. Empty where the road cannot
    /// tell: see [`MarketingCloud::can_find_imports`].
    async fn imports_since(
        &self,
        activation: &Name,
        route: Route,
        newest: Option<&str>,
    ) -> Result<Vec<(ImportId, ImportStatus)>, CloudError>;

    /// Whether imports of that road whose start got lost can be found again.
    fn can_find_imports(&self, route: Route) -> bool;

    /// Starts the import. Called once; never repeated by the adapter once a byte of the request may have arrived.
    async fn start_import(&self, order: &ImportOrder) -> Result<ImportId, StartError>;

    /// Where it stands. An import that is not listed yet is [`ImportStatus::Queued`].
    async fn import_status(&self, import: &ImportId) -> Result<ImportStatus, CloudError>;

    /// The refused rows, or `None` where the road tells counts only.
    async fn refusals(&self, import: &ImportId) -> Result<Option<RefusalList>, CloudError>;

    /// Whether the service knows a file location of that external key; `None` where it may not be asked.
    async fn has_file_location(&self, key: &str) -> Result<Option<bool>, CloudError>;
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// A person must act: the credentials are wrong.
    #[error(
        "Marketing Cloud refused the credentials of `{tenant}`: {message}; check client id, secret and account id of the installed package"
    )]
    Credentials {
        /// The tenant.
        tenant: String,
        /// The service's words.
        message: String,
    },
    /// A person must act: a permission is missing.
    #[error(
        "Marketing Cloud does not permit to {action}: {message}; add the permission to the installed package, new tokens have it some minutes later"
    )]
    Forbidden {
        /// What was tried, to follow "to".
        action: String,
        /// The service's words, without values.
        message: String,
    },
    /// The service refused the call, and would again.
    #[error("Marketing Cloud refused to {action} ({code}): {message}")]
    Refused {
        /// What was tried, to follow "to".
        action: String,
        /// The service's code.
        code: String,
        /// The service's words, without values.
        message: String,
    },
    /// The service could not be reached or was too busy, in spite of retries.
    #[error("Marketing Cloud gave no answer to the call to {action} ({attempts} {}): {message}", if *.attempts == 1 { "attempt" } else { "attempts" })]
    Unavailable {
        /// What was tried, to follow "to".
        action: String,
        /// How often.
        attempts: u32,
        /// What was seen last.
        message: String,
        /// How long the service asked us to wait, if it did.
        retry_after: Option<Duration>,
    },
    /// The answer made no sense.
    #[error("Marketing Cloud answered the call to {action} with something else: {message}")]
    Unreadable {
        /// What was tried, to follow "to".
        action: String,
        /// What is wrong with the answer, without values.
        message: String,
    },
}

/// Why an import has no number.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nothing was begun, for certain: the service said no, or the request never left.
    #[error("the import was not started")]
    NotStarted {
        /// Whether the road itself is closed to this tenant, so that another may be taken in the next run.
        road_is_closed: bool,
        /// Why.
        source: CloudError,
    },
    /// The request left and no answer came: it may have begun.
    #[error("no answer came to the start of the import; it may have begun")]
    Lost {
        /// What was seen.
        source: CloudError,
    },
}
