//! The ledger in SQLite: one file beside the baselines, for one machine.
//!
//! Events are kept as they happened; what they add up to is kept beside them in the same transaction, so that opening an activation does
//! not replay its history. Every write transaction begins with `BEGIN IMMEDIATE`: a deferred one may fail when it turns from reading to
//! writing, however long it would wait.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use outflow_domain::{
    ActivationState, FieldName, HistoryFile, HistoryKind, KeyFingerprint, Name, RefusedRow, RowFingerprint, RunId, RunRecord, SegmentRef,
};
use outflow_ports::{Ledger, LedgerCommit, LedgerError, RunSummary};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

/// Version of the tables below, kept in `user_version`: as many steps of [`MIGRATIONS`] as it took.
const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// The first version that has the history, and when rows were refused.
const VERSION_WITH_HISTORY: i64 = 2;

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// What each version adds to the one before.
const MIGRATIONS: [&str; 2] = [
    "
CREATE TABLE event (
    seq        INTEGER PRIMARY KEY,
    activation TEXT NOT NULL,
    run        TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    name       TEXT NOT NULL,
    record     TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_run ON event (run, seq);
CREATE INDEX run_start ON event (activation, seq) WHERE name = 'started';
CREATE TABLE activation (
    name   TEXT PRIMARY KEY,
    events INTEGER NOT NULL,
    state  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE refused (
    activation TEXT NOT NULL,
    key        BLOB NOT NULL,
    row        INTEGER NOT NULL,
    code       TEXT NOT NULL,
    field      TEXT,
    schema     TEXT NOT NULL,
    PRIMARY KEY (activation, key)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE refused ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0;
CREATE TABLE history (
    seq        INTEGER PRIMARY KEY,
    activation TEXT NOT NULL,
    run        TEXT NOT NULL,
    part       INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    file       TEXT NOT NULL,
    bytes      INTEGER NOT NULL,
    entries    INTEGER NOT NULL,
    checksum   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX history_by_file ON history (activation, file);
",
];

/// The ledger in one SQLite file.
#[derive(Clone)]
pub struct SqliteLedger {
    path: PathBuf,
    connection: Arc<Mutex<Connection>>,
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").field("path", &self.path).finish_non_exhaustive()
    }
}

impl SqliteLedger {
    /// Opens the ledger, and creates it with its folder when there is none.
    ///
    /// # Errors
    /// When the file cannot be opened or written, is no ledger, or is of a newer program.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let unusable = |message: String| LedgerError::Unusable { place: path.display().to_string(), message };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|it| unusable(format!("its folder cannot be created: {it}")))?;
        }
        let connection = Connection::open(path).and_then(prepared).map_err(|it| unusable(sentence(&it)))?;
        let ledger = Self { path: path.to_owned(), connection: Arc::new(Mutex::new(connection)) };
        let version = ledger.migrate().map_err(|it| unusable(sentence(&it)))?;
        if version != SCHEMA_VERSION {
            return Err(unusable(format!(
                "it has tables of version {version}, and this program knows {SCHEMA_VERSION}; use the program that wrote it"
            )));
        }
        Ok(ledger)
    }

    /// Opens a ledger that is there, for reading only: nothing is created or changed.
    ///
    /// # Errors
    /// As [`SqliteLedger::open`].
    pub fn open_read_only(path: &Path) -> Result<Option<Self>, LedgerError> {
        if !path.exists() {
            return Ok(None);
        }
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(path, flags).and_then(|it| {
            it.busy_timeout(BUSY_TIMEOUT)?;
            // The files that readers share with writers cannot be made where nothing may be written: there nobody writes, and none are needed.
            match version_of(&it) {
                Err(_) if has_nothing_beside(path) => {
                    Connection::open_with_flags(as_it_lies(path), flags | rusqlite::OpenFlags::SQLITE_OPEN_URI)
                }
                _ => Ok(it),
            }
        });
        let connection = opened.map_err(|it| LedgerError::Unusable { place: path.display().to_string(), message: sentence(&it) })?;
        Ok(Some(Self { path: path.to_owned(), connection: Arc::new(Mutex::new(connection)) }))
    }

    fn migrate(&self) -> rusqlite::Result<i64> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let found = version_of(&connection)?;
        if found >= SCHEMA_VERSION {
            return Ok(found);
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been quicker.
        let found = version_of(&transaction)?;
        for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", found.max(SCHEMA_VERSION))?;
        transaction.commit()?;
        Ok(found.max(SCHEMA_VERSION))
    }

    /// Runs a piece of work on the connection, off the threads that serve the network.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let connection = Arc::clone(&self.connection);
        let worked = tokio::task::spawn_blocking(move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))).await;
        let fault = match worked {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(fault)) => fault,
            Err(join) => Fault::Unreadable(format!("its thread ended: {join}")),
        };
        let place = self.path.display().to_string();
        Err(match fault {
            Fault::Sqlite(it) => LedgerError::Unusable { place, message: sentence(&it) },
            Fault::Unreadable(message) => LedgerError::Unusable { place, message },
            Fault::Ledger(it) => it,
        })
    }
}

/// Whether nothing of the ledger lies outside of its file: no other process has it open, and none has ended without putting it there.
fn has_nothing_beside(path: &Path) -> bool {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-wal");
    fs::metadata(beside).map_or(true, |it| it.len() == 0)
}

/// The name of a database that nobody changes meanwhile: <https://www.sqlite.org/uri.html#recognized_query_parameters>.
fn as_it_lies(path: &Path) -> String {
    let mut name = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => name.push(char::from(*byte)),
            other => name.push_str(&format!("%{other:02X}")),
        }
    }
    name + "?immutable=1"
}

fn version_of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Whether the tables that are read have the history: those of an older program that were not opened for writing since do not.
fn has_history(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version_of(connection)? >= VERSION_WITH_HISTORY)
}

fn prepared(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // WAL lets readers (`outflow status`) look while a run writes; FULL syncs at every commit, as the ledger is the only commit point.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

/// SQLite's error with a remedy where a person can act.
fn sentence(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode as Code;
    let hint = match error.sqlite_error_code() {
        Some(Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen) => "; make the state folder writable for this user",
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => "; another program holds it, wait for it to end",
        Some(Code::DiskFull) => {
            "; the disk is full: make room, or move the state folder (`state` in `outflow.yaml`) to a larger disk, and run again"
        }
        Some(Code::SystemIoFailure) => "; the disk is full, failing or gone: look at its free space and the system's log, and run again",
        Some(Code::NotADatabase | Code::DatabaseCorrupt) => {
            "; it is damaged or no ledger: restore it from a backup, or move it away and rebuild each baseline with `outflow baseline rebuild ACTIVATION --from destination`"
        }
        _ => "",
    };
    format!("{error}{hint}")
}

enum Fault {
    Sqlite(rusqlite::Error),
    Unreadable(String),
    Ledger(LedgerError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(format!("a record cannot be read: {error}"))
    }
}

fn state_of(connection: &Connection, name: &Name) -> Result<ActivationState, Fault> {
    let found = connection
        .prepare_cached("SELECT state FROM activation WHERE name = ?1")?
        .query_row([name.as_str()], |row| row.get::<_, String>(0))
        .optional()?;
    Ok(found.map(|it| serde_json::from_str(&it)).transpose()?.unwrap_or_default())
}

fn append(transaction: &Transaction<'_>, commit: &LedgerCommit) -> Result<ActivationState, Fault> {
    let record = &commit.record;
    let activation = record.activation.as_str();
    let mut state = state_of(transaction, &record.activation)?;
    if state.events != commit.expected_events {
        let (activation, expected, found) = (record.activation.clone(), commit.expected_events, state.events);
        return Err(Fault::Ledger(LedgerError::Moved { activation, expected, found }));
    }
    state.apply(record).map_err(|it| Fault::Ledger(it.into()))?;
    transaction
        .prepare_cached("INSERT INTO event (activation, run, at_ms, name, record) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![activation, record.run.0, record.at_ms, record.event.name(), serde_json::to_string(record)?])?;
    transaction.prepare_cached("INSERT OR REPLACE INTO activation (name, events, state) VALUES (?1, ?2, ?3)")?.execute(params![
        activation,
        state.events as i64,
        serde_json::to_string(&state)?
    ])?;
    let mut forget = transaction.prepare_cached("DELETE FROM refused WHERE activation = ?1 AND key = ?2")?;
    for key in &commit.forgotten {
        forget.execute(params![activation, key.0.to_be_bytes()])?;
    }
    let mut remember = transaction.prepare_cached(
        "INSERT OR REPLACE INTO refused (activation, key, row, code, field, schema, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for it in &commit.refused {
        let field = it.field.as_ref().map(FieldName::as_str);
        remember.execute(params![activation, it.key.0.to_be_bytes(), it.row.bits() as i64, it.code, field, it.schema, it.at_ms])?;
    }
    let mut outdate = transaction.prepare_cached("DELETE FROM history WHERE activation = ?1 AND file = ?2")?;
    for file in &commit.outdated {
        outdate.execute(params![activation, file])?;
    }
    let mut name = transaction.prepare_cached(
        "INSERT INTO history (activation, run, part, kind, at_ms, file, bytes, entries, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    for HistoryFile { run, part, kind, at_ms, file } in &commit.history {
        let SegmentRef { name: file, bytes, entries, checksum } = file;
        let (bytes, entries, checksum) = (*bytes as i64, *entries as i64, *checksum as i64);
        name.execute(params![activation, run.0, part, kind.name(), at_ms, file, bytes, entries, checksum])?;
    }
    Ok(state)
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn append(&self, commit: &LedgerCommit) -> Result<ActivationState, LedgerError> {
        let commit = commit.clone();
        self.with(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let state = append(&transaction, &commit)?;
            transaction.commit()?;
            Ok(state)
        })
        .await
    }

    async fn activation(&self, name: &Name) -> Result<ActivationState, LedgerError> {
        let name = name.clone();
        self.with(move |connection| state_of(connection, &name)).await
    }

    async fn activations(&self) -> Result<Vec<(Name, ActivationState)>, LedgerError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT name, state FROM activation ORDER BY name")?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let name = row.get::<_, String>(0)?.parse().map_err(|it| Fault::Unreadable(format!("{it}")))?;
                found.push((name, serde_json::from_str(&row.get::<_, String>(1)?)?));
            }
            Ok(found)
        })
        .await
    }

    async fn refused(&self, name: &Name) -> Result<Vec<RefusedRow>, LedgerError> {
        let name = name.clone();
        self.with(move |connection| {
            let at_ms = if has_history(connection)? { "at_ms" } else { "0" };
            let question = format!("SELECT key, row, code, field, schema, {at_ms} FROM refused WHERE activation = ?1 ORDER BY key");
            let mut statement = connection.prepare_cached(&question)?;
            let mut rows = statement.query([name.as_str()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let field = row.get::<_, Option<String>>(3)?;
                found.push(RefusedRow {
                    key: KeyFingerprint(u128::from_be_bytes(row.get(0)?)),
                    row: RowFingerprint::of(row.get::<_, i64>(1)? as u64),
                    code: row.get(2)?,
                    field: field.map(|it| it.parse()).transpose().map_err(|it| Fault::Unreadable(format!("{it}")))?,
                    schema: row.get(4)?,
                    at_ms: row.get(5)?,
                });
            }
            Ok(found)
        })
        .await
    }

    async fn history(&self, name: &Name) -> Result<Vec<HistoryFile>, LedgerError> {
        let name = name.clone();
        self.with(move |connection| {
            if !has_history(connection)? {
                return Ok(Vec::new());
            }
            let mut statement = connection.prepare_cached(
                "SELECT run, part, kind, at_ms, file, bytes, entries, checksum FROM history WHERE activation = ?1 ORDER BY seq",
            )?;
            let mut rows = statement.query([name.as_str()])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let kind: String = row.get(2)?;
                let kind =
                    HistoryKind::of_name(&kind).ok_or_else(|| Fault::Unreadable(format!("nobody knows the history's kind `{kind}`")))?;
                let number = |at| row.get::<_, i64>(at).map(|it| it as u64);
                let file = SegmentRef { name: row.get(4)?, bytes: number(5)?, entries: number(6)?, checksum: number(7)? };
                found.push(HistoryFile { run: RunId(row.get(0)?), part: row.get(1)?, kind, at_ms: row.get(3)?, file });
            }
            Ok(found)
        })
        .await
    }

    async fn runs(&self, activation: Option<&Name>, runs_max: usize) -> Result<Vec<RunSummary>, LedgerError> {
        let activation = activation.map(|it| it.as_str().to_owned());
        self.with(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT activation, run, at_ms FROM event WHERE name = 'started' AND (?1 IS NULL OR activation = ?1) ORDER BY seq DESC LIMIT ?2",
            )?;
            let mut rows = statement.query(params![activation, runs_max as i64])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let activation = row.get::<_, String>(0)?.parse().map_err(|it| Fault::Unreadable(format!("{it}")))?;
                found.push(RunSummary { activation, run: RunId(row.get(1)?), started_ms: row.get(2)? });
            }
            Ok(found)
        })
        .await
    }

    async fn events(&self, run: &RunId) -> Result<Vec<RunRecord>, LedgerError> {
        let run = run.0.clone();
        self.with(move |connection| {
            let mut statement = connection.prepare_cached("SELECT record FROM event WHERE run = ?1 ORDER BY seq")?;
            let records = statement.query_map([run], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            records.iter().map(|it| serde_json::from_str(it).map_err(Fault::from)).collect()
        })
        .await
    }
}
