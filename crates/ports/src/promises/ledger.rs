//! What every [`Ledger`] promises.

use outflow_domain::{
    FieldName, HistoryFile, HistoryKind, KeyFingerprint, Name, Purpose, RefusedRow, RowFingerprint, RunEvent, RunId, RunRecord, RunResult,
    SegmentRef,
};

use crate::ledger::{Ledger, LedgerCommit, LedgerError};

/// All facts that can be told through the port alone. The ledger must be empty.
pub async fn keeps_its_promises(ledger: &dyn Ledger) {
    an_activation_without_events_has_the_first_state(ledger).await;
    an_appended_event_is_there(ledger).await;
    a_writer_that_looked_at_an_older_state_is_refused(ledger).await;
    an_impossible_event_leaves_no_trace(ledger).await;
    runs_come_newest_first(ledger).await;
    refusals_are_replaced_and_forgotten_by_key(ledger).await;
    the_history_is_named_with_the_event_and_until_it_is_outdated(ledger).await;
    activations_do_not_mix(ledger).await;
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn commit(activation: &str, run: &str, expected_events: u64, event: RunEvent) -> LedgerCommit {
    let record = RunRecord { activation: name(activation), run: RunId(run.into()), at_ms: 1_000 + expected_events as i64, event };
    LedgerCommit::of(record, expected_events)
}

fn started(activation: &str, run: &str, expected_events: u64) -> LedgerCommit {
    commit(activation, run, expected_events, RunEvent::Started { full: false, purpose: Purpose::Run })
}

fn ended(activation: &str, run: &str, expected_events: u64) -> LedgerCommit {
    commit(activation, run, expected_events, RunEvent::Ended { result: RunResult::Succeeded, outcomes: Default::default() })
}

/// Nothing is known of an activation that never ran.
pub async fn an_activation_without_events_has_the_first_state(ledger: &dyn Ledger) {
    assert_eq!(ledger.activation(&name("promise-never")).await.expect("activation"), Default::default());
    assert!(ledger.events(&RunId("promise-never".into())).await.expect("events").is_empty());
}

/// `append` gives the state that `activation` gives then, and the event is among the run's.
pub async fn an_appended_event_is_there(ledger: &dyn Ledger) {
    let state = ledger.append(&started("promise-append", "pa1", 0)).await.expect("append");
    assert_eq!(state, ledger.activation(&name("promise-append")).await.expect("activation"));
    assert_eq!(state.current_run, Some(RunId("pa1".into())));
    let records = ledger.events(&RunId("pa1".into())).await.expect("events");
    assert_eq!(records, [started("promise-append", "pa1", 0).record]);
}

/// Of two writers that looked at the same state, the second is refused.
pub async fn a_writer_that_looked_at_an_older_state_is_refused(ledger: &dyn Ledger) {
    ledger.append(&started("promise-moved", "pm1", 0)).await.expect("append");
    let refused = ledger.append(&started("promise-moved", "pm2", 0)).await.expect_err("an older state");
    assert!(matches!(refused, LedgerError::Moved { expected: 0, found: 1, .. }), "{refused}");
    assert!(ledger.events(&RunId("pm2".into())).await.expect("events").is_empty());
}

/// All or nothing: neither the event nor what comes with it.
pub async fn an_impossible_event_leaves_no_trace(ledger: &dyn Ledger) {
    let mut impossible = commit("promise-impossible", "pi1", 0, RunEvent::Transferred { part: 7 });
    impossible.refused = vec![refusal(1, "InvalidDate")];
    impossible.history = vec![history("pi1", 1)];
    let refused = ledger.append(&impossible).await.expect_err("nothing was planned");
    assert!(matches!(refused, LedgerError::Impossible(_)), "{refused}");
    assert_eq!(ledger.activation(&name("promise-impossible")).await.expect("activation"), Default::default());
    assert!(ledger.refused(&name("promise-impossible")).await.expect("refused").is_empty());
    assert!(ledger.history(&name("promise-impossible")).await.expect("history").is_empty());
}

/// `runs` lists the newest first, no more than asked for.
pub async fn runs_come_newest_first(ledger: &dyn Ledger) {
    for (at, run) in ["pr1", "pr2", "pr3"].into_iter().enumerate() {
        ledger.append(&started("promise-runs", run, at as u64 * 2)).await.expect("append");
        ledger.append(&ended("promise-runs", run, at as u64 * 2 + 1)).await.expect("append");
    }
    let runs = ledger.runs(Some(&name("promise-runs")), 2).await.expect("runs");
    let runs: Vec<&str> = runs.iter().map(|it| it.run.0.as_str()).collect();
    assert_eq!(runs, ["pr3", "pr2"]);
}

fn refusal(key: u128, code: &str) -> RefusedRow {
    let field: FieldName = "Born".parse().expect("a field name");
    RefusedRow { key: KeyFingerprint(key), row: RowFingerprint::MAX, code: code.into(), field: Some(field), schema: "s".into(), at_ms: 99 }
}

/// A refusal of a known key replaces the older one; forgetting takes it away, and no other.
pub async fn refusals_are_replaced_and_forgotten_by_key(ledger: &dyn Ledger) {
    let activation = name("promise-refused");
    let mut first = started("promise-refused", "pf1", 0);
    first.refused = vec![refusal(u128::MAX, "InvalidDate"), refusal(1, "InvalidDate")];
    ledger.append(&first).await.expect("append");
    let mut second = ended("promise-refused", "pf1", 1);
    second.refused = vec![refusal(u128::MAX, "InvalidNumber")];
    second.forgotten = vec![KeyFingerprint(1), KeyFingerprint(2)];
    ledger.append(&second).await.expect("append");
    assert_eq!(ledger.refused(&activation).await.expect("refused"), [refusal(u128::MAX, "InvalidNumber")]);
}

fn history(run: &str, part: u32) -> HistoryFile {
    let file = SegmentRef { name: format!("sent-{run}-{part}"), bytes: u64::MAX >> 1, entries: 7, checksum: u64::MAX };
    HistoryFile { run: RunId(run.into()), part, kind: HistoryKind::Sent, at_ms: 1_000, file }
}

/// Files are named in order, and each until it is outdated.
pub async fn the_history_is_named_with_the_event_and_until_it_is_outdated(ledger: &dyn Ledger) {
    let activation = name("promise-history");
    let mut first = started("promise-history", "ph1", 0);
    first.history = vec![history("ph1", 2), history("ph1", 1)];
    ledger.append(&first).await.expect("append");
    assert_eq!(ledger.history(&activation).await.expect("history"), first.history);
    let mut second = ended("promise-history", "ph1", 1);
    let settled = HistoryFile { kind: HistoryKind::Settled, at_ms: 1_001, ..history("ph1", 3) };
    second.history = vec![settled.clone()];
    second.outdated = vec!["sent-ph1-2".into(), "sent-never".into()];
    ledger.append(&second).await.expect("append");
    assert_eq!(ledger.history(&activation).await.expect("history"), [history("ph1", 1), settled]);
}

/// Each activation has its own events, state, refusals and history.
pub async fn activations_do_not_mix(ledger: &dyn Ledger) {
    let mut one = started("promise-one", "po1", 0);
    one.refused = vec![refusal(7, "InvalidDate")];
    one.history = vec![history("po1", 1)];
    ledger.append(&one).await.expect("append");
    ledger.append(&started("promise-other", "po2", 0)).await.expect("append");
    assert!(ledger.refused(&name("promise-other")).await.expect("refused").is_empty());
    assert!(ledger.history(&name("promise-other")).await.expect("history").is_empty());
    let known = ledger.activations().await.expect("activations");
    for activation in ["promise-one", "promise-other"] {
        let state = known.iter().find(|(it, _)| it.as_str() == activation).map(|(_, state)| state.events);
        assert_eq!(state, Some(1), "{activation}");
    }
}
