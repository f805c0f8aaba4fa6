//! What every [`BaselineStore`], every [`Spool`] and every [`History`] promises.

use std::io::Write;

use outflow_domain::RunId;

use crate::{
    baseline_store::{BaselineStore, History},
    spool::Spool,
};

/// All facts about a baseline store that can be told through the port alone. It must be empty.
pub fn a_baseline_store_keeps_its_promises(store: &dyn BaselineStore) {
    no_two_names_are_the_same(store);
    a_segment_is_there_once_it_is_committed(store);
    a_segment_that_is_dropped_leaves_nothing(store);
    a_removed_segment_can_still_be_read_by_who_has_it_open(store);
    what_is_gone_is_removed_without_a_word(store);
}

/// A name that was given is never given again.
pub fn no_two_names_are_the_same(store: &dyn BaselineStore) {
    let mut names: Vec<String> = (0..100).map(|_| store.fresh_name("promise")).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 100);
    assert!(names.iter().all(|it| it.starts_with("promise")), "{names:?}");
}

/// Nobody sees a segment before it is whole.
pub fn a_segment_is_there_once_it_is_committed(store: &dyn BaselineStore) {
    let name = store.fresh_name("promise");
    let mut writer = store.create(&name).expect("create");
    writer.write_all(b"whole").expect("write");
    assert!(store.open(&name).is_err(), "a segment is seen before it is committed");
    writer.commit().expect("commit");
    assert_eq!(store.open(&name).expect("open").as_ref(), b"whole");
    assert_eq!(store.list().expect("list"), std::slice::from_ref(&name));
    store.remove(&name).expect("remove");
    assert!(store.list().expect("list").is_empty());
}

/// A writer that was dropped is as if it had never been.
pub fn a_segment_that_is_dropped_leaves_nothing(store: &dyn BaselineStore) {
    let name = store.fresh_name("promise");
    let mut writer = store.create(&name).expect("create");
    writer.write_all(b"half").expect("write");
    drop(writer);
    assert!(store.open(&name).is_err());
    assert!(store.list().expect("list").is_empty());
}

/// Bytes stay as long as somebody holds them.
pub fn a_removed_segment_can_still_be_read_by_who_has_it_open(store: &dyn BaselineStore) {
    let name = store.fresh_name("promise");
    let mut writer = store.create(&name).expect("create");
    writer.write_all(&[7; 100_000]).expect("write");
    writer.commit().expect("commit");
    let held = store.open(&name).expect("open");
    store.remove(&name).expect("remove");
    assert!(held.as_ref().iter().all(|&it| it == 7) && held.as_ref().len() == 100_000);
    assert!(store.open(&name).is_err());
}

/// Removing may be repeated after a crash.
pub fn what_is_gone_is_removed_without_a_word(store: &dyn BaselineStore) {
    store.remove("promise-never").expect("a segment that is gone already is no error");
}

/// All facts about a spool that can be told through the port alone. It must be empty.
pub async fn a_spool_keeps_its_promises(spool: &dyn Spool) {
    a_private_file_is_read_as_it_was_written(spool).await;
    a_file_takes_the_place_of_another_that_is_being_read(spool);
    a_file_made_durable_later_is_as_it_was(spool);
    runs_do_not_mix(spool);
    what_was_never_there_is_removed_without_a_word(spool);
}

fn write(spool: &dyn Spool, run: &RunId, name: &str, bytes: &[u8]) {
    let mut writer = spool.create(run, name).expect("create");
    writer.write_all(bytes).expect("write");
    writer.finish(true).expect("finish");
}

fn run(text: &str) -> RunId {
    RunId(text.to_owned())
}

/// Both ways of reading give the bytes that were written, from any place.
pub async fn a_private_file_is_read_as_it_was_written(spool: &dyn Spool) {
    let run = run("promise-read");
    write(spool, &run, "part.csv", b"0123456789");
    assert_eq!(spool.read(&run, "part.csv").expect("read").expect("a file").as_ref(), b"0123456789");
    let content = spool.content(&run, "part.csv").expect("content");
    assert_eq!(content.len(), 10);
    assert_eq!(&content.read_at(7, 100).await.expect("read")[..], b"789");
    assert!(content.read_at(10, 1).await.expect("read").is_empty());
    assert_eq!(spool.runs().expect("runs"), std::slice::from_ref(&run));
    spool.remove_run(&run).expect("remove");
    assert!(spool.read(&run, "part.csv").expect("read").is_none());
    assert!(spool.runs().expect("runs").is_empty());
}

/// Whoever has the older file open goes on reading that.
pub fn a_file_takes_the_place_of_another_that_is_being_read(spool: &dyn Spool) {
    let run = run("promise-replace");
    write(spool, &run, "part.csv", b"the older, longer file");
    let older = spool.read(&run, "part.csv").expect("read").expect("a file");
    write(spool, &run, "part.csv", b"newer");
    assert_eq!(older.as_ref(), b"the older, longer file");
    assert_eq!(spool.read(&run, "part.csv").expect("read").expect("a file").as_ref(), b"newer");
    spool.remove_run(&run).expect("remove");
}

/// Making files durable changes nothing about them; one that is not there cannot be.
pub fn a_file_made_durable_later_is_as_it_was(spool: &dyn Spool) {
    let run = run("promise-durable");
    let mut writer = spool.create(&run, "part.csv").expect("create");
    writer.write_all(b"whole").expect("write");
    writer.finish(false).expect("finish");
    spool.make_durable(&run, &["part.csv".to_owned()]).expect("make durable");
    assert_eq!(spool.read(&run, "part.csv").expect("read").expect("a file").as_ref(), b"whole");
    assert!(spool.make_durable(&run, &["part.csv".to_owned(), "other.csv".to_owned()]).is_err());
    spool.remove_run(&run).expect("remove");
}

/// A run's files go with it, and no others.
pub fn runs_do_not_mix(spool: &dyn Spool) {
    let (one, other) = (run("promise-one"), run("promise-other"));
    write(spool, &one, "part.csv", b"one");
    write(spool, &other, "part.csv", b"other");
    spool.remove_run(&one).expect("remove");
    assert!(spool.read(&one, "part.csv").expect("read").is_none());
    assert_eq!(spool.read(&other, "part.csv").expect("read").expect("a file").as_ref(), b"other");
    spool.remove(&other, "part.csv").expect("remove");
    assert!(spool.read(&other, "part.csv").expect("read").is_none());
    spool.remove_run(&other).expect("remove");
}

/// Removing may be repeated after a crash.
pub fn what_was_never_there_is_removed_without_a_word(spool: &dyn Spool) {
    spool.remove(&run("promise-never"), "part.csv").expect("a file that is gone already is no error");
    spool.remove_run(&run("promise-never")).expect("a run that is gone already is no error");
}

/// All facts about a history beside the spool of the same activation. Both must be empty.
pub fn a_history_keeps_its_promises(history: &dyn History, spool: &dyn Spool) {
    a_baseline_store_keeps_its_promises(history);
    what_is_kept_outlives_its_run(history, spool);
    a_file_that_is_not_there_cannot_be_kept(history);
}

/// A kept file has the bytes of the run's own, and stays when that goes.
pub fn what_is_kept_outlives_its_run(history: &dyn History, spool: &dyn Spool) {
    let run = run("promise-kept");
    write(spool, &run, "part.rows", b"rows");
    let name = history.fresh_name("promise");
    history.keep(&run, "part.rows", &name).expect("keep");
    assert_eq!(spool.read(&run, "part.rows").expect("read").expect("a file").as_ref(), b"rows");
    spool.remove_run(&run).expect("remove");
    assert_eq!(history.open(&name).expect("open").as_ref(), b"rows");
    assert_eq!(history.list().expect("list"), std::slice::from_ref(&name));
    history.remove(&name).expect("remove");
    assert!(history.list().expect("list").is_empty());
}

/// Nothing is made up for a file that is gone.
pub fn a_file_that_is_not_there_cannot_be_kept(history: &dyn History) {
    let name = history.fresh_name("promise");
    history.keep(&run("promise-never"), "part.rows", &name).expect_err("there is no such file");
    assert!(history.list().expect("list").is_empty());
}
