//! The model: a call and the time go in, an answer comes out.
//!
//! Nothing here waits, listens or looks at a clock. [`Model::http`] takes any call at a time the caller names and first
//! lets happen what was due by then; [`Model::next_due`] tells when something will happen by itself. Equal seeds, calls and
//! times give equal answers. [`Switches`] holds one switch for each thing that public material about the service leaves
//! open, [`Fault`] what can go wrong on demand, and calls below `/__inspect/` show what tests want to see.
//!
//! What is modelled comes from Salesforce's public documentation, the partner WSDL and recorded answers; what is a guess
//! is said where it is made. Not modelled: sends, subscribers and lists, journeys, automations, queries, bulk ingest,
//! contact deletion, decryption and decompression of files, retention of whole data extensions.
//!
//! ```
//! use outflow_sandbox::model::{Config, Door, HttpRequest, Model};
//!
//! let mut cloud = Model::new(Config::default());
//! let request = HttpRequest::new("POST", "/v2/token", r#"{"grant_type":"client_credentials",
//!     "client_id":"sandbox-client","client_secret":"sandbox-secret"}"#);
//! let answer = cloud.http(Door::Any, &request, 0);
//! assert_eq!(answer.status, 200);
//! ```

mod calls;
mod clock;
mod data_extension;
mod faults;
mod files;
mod folding;
mod http;
mod ids;
mod imports;
mod inspect;
mod journal;
mod locations;
mod rest;
mod rows;
mod snapshot;
mod soap;
mod switches;
mod tenant;
mod token;
mod types;
mod units;
mod value_rules;
mod writing;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

pub use data_extension::{DataExtension, DataExtensionSpec, Field, FieldSpec, Retention, SchemaError, Sendable};
pub use faults::{CountChange, Effect, Fault, FileFault, ImportFault, OtherWrite, SetFault, When};
pub use files::{FTP_FOLDERS, FileError, FileFaultQuery, FileStat, FileStore, StoreKind};
pub use http::{Door, HttpAnswer, HttpRequest, Wire};
pub use imports::{Counts, Import, ImportOrigin, ImportPlan, ImportStatus, RowVerdict, UpdateType};
pub use journal::{Journal, JournalEntry};
pub use locations::{Bucket, Cloud, ENHANCED_FTP, Location, LocationKind};
pub use snapshot::SnapshotError;
pub use soap::NUMBER_COLUMN;
pub use switches::{BlankCells, DuplicateRows, FinishedStatus, IgnoredRows, KeyFolding, RestImport, RowNumbering, Switches};
pub use tenant::{ShownRow, WriteError};
pub use token::{Grant, SCOPES};
pub use types::{FieldType, RowError};
pub use value_rules::{BooleanWords, EmailRule, LocaleRule, PhoneRule};

use units::Unit;

/// What a sandbox is told at its beginning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The installed package's client id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The business unit (MID) that owns the package.
    pub account_id: u64,
    /// Further business units the package may act in.
    pub more_account_ids: Vec<u64>,
    /// Identifiers and tokens follow from it.
    pub seed: u64,
    /// Where the doors are, as answers name them.
    pub urls: Urls,
    /// A bucket that is there from the beginning, with a file location for it.
    pub bucket: Option<BucketConfig>,
    /// What is uncertain about the service.
    pub switches: Switches,
}

/// A bucket with its file location.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BucketConfig {
    /// External key of the file location.
    pub location_key: String,
    /// Name of the bucket.
    pub bucket: String,
    /// Region, with dashes.
    pub region: String,
    /// Where in the bucket imports look, no slash at either end.
    pub relative_path: String,
    /// The access key id that the location shows.
    pub access_key_id: String,
}

/// Where the doors are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Urls {
    /// Base of the auth door.
    pub auth: String,
    /// Base of the REST door; `rest_instance_url`.
    pub rest: String,
    /// Base of the SOAP door; `soap_instance_url`.
    pub soap: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            client_id: "sandbox-client".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
            account_id: 510_001_234,
            more_account_ids: Vec::new(),
            seed: 1,
            urls: Urls { auth: "http://127.0.0.1/".to_owned(), rest: "http://127.0.0.1/".to_owned(), soap: "http://127.0.0.1/".to_owned() },
            bucket: Some(BucketConfig {
                location_key: "sandbox_s3".to_owned(),
                bucket: "sandbox-drop".to_owned(),
                region: "eu-central-1".to_owned(),
                relative_path: String::new(),
                access_key_id: "SANDBOXACCESSKEY".to_owned(),
            }),
            switches: Switches::default(),
        }
    }
}

/// A whole tenant: business units, files, tokens, imports under way, faults, journal.
#[derive(Debug, Serialize, Deserialize)]
pub struct Model {
    config: Config,
    switches: Switches,
    ids: ids::Ids,
    tokens: token::Tokens,
    units: BTreeMap<u64, Unit>,
    stores: BTreeMap<String, FileStore>,
    imports: imports::Imports,
    async_requests: rest::AsyncRequests,
    rowset_tokens: rest::RowsetTokens,
    /// Retrieves that may be continued; they do not outlive a restart.
    #[serde(skip)]
    continuations: HashMap<String, soap::Continuation>,
    faults: faults::Faults,
    /// Calls that are done only later; they do not outlive a restart.
    #[serde(skip)]
    late: Vec<calls::LateCall>,
    journal: Journal,
}

impl Model {
    /// An empty tenant: root folders, the Enhanced FTP, and the bucket of the configuration.
    pub fn new(config: Config) -> Self {
        let mut ids = ids::Ids::new(config.seed);
        let all = std::iter::once(config.account_id).chain(config.more_account_ids.iter().copied());
        let units: BTreeMap<u64, Unit> = all.map(|id| (id, Unit::new(id, config.bucket.as_ref(), &mut ids))).collect();
        let mut stores = BTreeMap::from([("ftp".to_owned(), FileStore::new(StoreKind::EnhancedFtp))]);
        if let Some(it) = &config.bucket {
            stores.insert(format!("bucket:{}", it.bucket), FileStore::new(StoreKind::Bucket));
        }
        Self {
            switches: config.switches.clone(),
            config,
            ids,
            tokens: token::Tokens::default(),
            units,
            stores,
            imports: imports::Imports::default(),
            async_requests: rest::AsyncRequests::default(),
            rowset_tokens: rest::RowsetTokens::default(),
            continuations: HashMap::new(),
            faults: faults::Faults::default(),
            late: Vec::new(),
            journal: Journal::default(),
        }
    }

    /// What it was told at its beginning.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Tells where the doors are, once they listen.
    pub fn set_urls(&mut self, urls: Urls) {
        self.config.urls = urls;
    }

    /// The whole state as bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        // A map with keys other than text, or a failing writer, are the only errors; there are neither.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The state of a snapshot.
    pub fn restore(bytes: &[u8]) -> Result<Self, SnapshotError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Lets happen what is due: calls that were put off are done, imports move on, asynchronous rows are written, old rows expire.
    pub fn advance(&mut self, now_ms: i64) {
        self.act_late(now_ms);
        self.advance_imports(now_ms);
        self.advance_async_rows(now_ms);
        self.expire_by_age(now_ms);
    }

    /// When something will happen by itself next, in unix milliseconds.
    pub fn next_due(&self) -> Option<i64> {
        [self.next_late_call(), self.next_import_due(), self.async_requests.next_due(), self.next_row_expiry()].into_iter().flatten().min()
    }

    /// The calls so far.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Forgets the calls so far.
    pub fn clear_journal(&mut self) {
        self.journal.clear();
    }

    /// Sets a fault and gives its id.
    pub fn add_fault(&mut self, fault: Fault) -> u64 {
        self.faults.add(fault)
    }

    /// Removes a fault; whether it was there.
    pub fn remove_fault(&mut self, id: u64) -> bool {
        self.faults.remove(id)
    }

    /// Removes all faults.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// The faults that are set.
    pub fn faults(&self) -> &[SetFault] {
        self.faults.list()
    }

    /// How the uncertain things are set.
    pub fn switches(&self) -> &Switches {
        &self.switches
    }

    /// Sets them anew. Key indexes follow another folding.
    pub fn set_switches(&mut self, switches: Switches) {
        let folding = switches.key_folding;
        self.switches = switches;
        for de in self.units.values_mut().flat_map(|unit| &mut unit.data_extensions) {
            let layout = de.layout(folding);
            de.rows.set_layout(layout);
        }
    }

    /// Changes some of them.
    pub fn change_switches(&mut self, change: impl FnOnce(&mut Switches)) {
        let mut switches = self.switches.clone();
        change(&mut switches);
        self.set_switches(switches);
    }

    /// Expires every token.
    pub fn expire_tokens(&mut self) {
        self.tokens.expire_all();
    }
}
