//! Facts about the ledger in SQLite.

use outflow_domain::{KeyFingerprint, Purpose, RowFingerprint, RunEvent, RunId, RunRecord, RunResult};
use outflow_ledger_sqlite::SqliteLedger;
use outflow_ports::{Ledger, LedgerCommit};

fn commit(run: &str, expected_events: u64, event: RunEvent) -> LedgerCommit {
    let record = RunRecord { activation: "members".parse().unwrap(), run: RunId(run.into()), at_ms: 1_000, event };
    LedgerCommit::of(record, expected_events)
}

fn started(run: &str, expected_events: u64) -> LedgerCommit {
    commit(run, expected_events, RunEvent::Started { full: false, purpose: Purpose::Run })
}

#[tokio::test]
async fn a_run_is_found_again_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/ledger.sqlite");
    let ledger = SqliteLedger::open(&path).unwrap();
    ledger.append(&started("r1", 0)).await.unwrap();
    let ended = RunEvent::Ended { result: RunResult::Succeeded, outcomes: Default::default() };
    ledger.append(&commit("r1", 1, ended)).await.unwrap();
    drop(ledger);
    let ledger = SqliteLedger::open(&path).unwrap();
    let state = ledger.activation(&"members".parse().unwrap()).await.unwrap();
    assert_eq!((state.events, state.last_success_ms), (2, Some(1_000)));
    assert_eq!(ledger.events(&RunId("r1".into())).await.unwrap().len(), 2);
    assert_eq!(ledger.runs(None, 10).await.unwrap()[0].run, RunId("r1".into()));
}

#[tokio::test]
async fn it_keeps_the_promises_of_every_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(&folder.path().join("l")).unwrap();
    outflow_ports::promises::ledger::keeps_its_promises(&ledger).await;
}

#[test]
fn a_file_that_is_no_ledger_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    std::fs::write(&path, "this is certainly not a database, however long one looks at it").unwrap();
    let refused = SqliteLedger::open(&path).unwrap_err().to_string();
    assert!(refused.contains("outflow baseline rebuild"), "{refused}");
}

#[test]
fn looking_at_a_ledger_that_is_not_there_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    assert!(SqliteLedger::open_read_only(&path).unwrap().is_none());
    assert!(!path.exists());
}

/// The tables of the first version, with a refusal in them.
const FIRST_VERSION: &str = "
CREATE TABLE event (
    seq INTEGER PRIMARY KEY, activation TEXT NOT NULL, run TEXT NOT NULL, at_ms INTEGER NOT NULL, name TEXT NOT NULL, record TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_run ON event (run, seq);
CREATE INDEX run_start ON event (activation, seq) WHERE name = 'started';
CREATE TABLE activation (name TEXT PRIMARY KEY, events INTEGER NOT NULL, state TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE refused (
    activation TEXT NOT NULL, key BLOB NOT NULL, row INTEGER NOT NULL, code TEXT NOT NULL, field TEXT, schema TEXT NOT NULL,
    PRIMARY KEY (activation, key)
) STRICT, WITHOUT ROWID;
INSERT INTO refused VALUES ('members', x'00000000000000000000000000000007', 5, 'InvalidDate', NULL, 's');
PRAGMA user_version = 1;
";

#[tokio::test]
async fn a_ledger_of_the_first_version_is_read_and_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    rusqlite::Connection::open(&path).unwrap().execute_batch(FIRST_VERSION).unwrap();
    let name = "members".parse().unwrap();
    let reader = SqliteLedger::open_read_only(&path).unwrap().unwrap();
    let seen = reader.refused(&name).await.unwrap();
    assert_eq!((seen[0].key, seen[0].row, seen[0].at_ms), (KeyFingerprint(7), RowFingerprint::of(5), 0));
    assert!(reader.history(&name).await.unwrap().is_empty());
    drop(reader);
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(ledger.refused(&name).await.unwrap(), seen);
    ledger.append(&started("r1", 0)).await.unwrap();
    drop(ledger);
    // What was taken over is not taken over again.
    assert!(SqliteLedger::open(&path).unwrap().history(&name).await.unwrap().is_empty());
}

#[test]
fn a_ledger_of_a_newer_program_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99;").unwrap();
    let refused = SqliteLedger::open(&path).unwrap_err().to_string();
    assert!(refused.contains("version 99"), "{refused}");
    let version = rusqlite::Connection::open(&path).unwrap().query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(version, 99);
}
