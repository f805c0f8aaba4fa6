//! Facts about the ledger in SQLite.

use outflow_domain::{RunEvent, RunId, RunRecord, RunResult};
use outflow_ledger_sqlite::SqliteLedger;
use outflow_ports::{Ledger, LedgerCommit};

fn commit(run: &str, expected_events: u64, event: RunEvent) -> LedgerCommit {
    let record = RunRecord { activation: "members".parse().unwrap(), run: RunId(run.into()), at_ms: 1_000, event };
    LedgerCommit { record, expected_events, refused: Vec::new(), forgotten: Vec::new() }
}

fn started(run: &str, expected_events: u64) -> LedgerCommit {
    commit(run, expected_events, RunEvent::Started { full: false })
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
