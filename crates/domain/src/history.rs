//! What is remembered of single rows of past runs, as fingerprints.

use serde::{Deserialize, Serialize};

use crate::{names::RunId, run::SegmentRef};

/// A file of the history, as the ledger names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryFile {
    /// The run whose rows it tells of.
    pub run: RunId,
    /// Of which part; 0 where its rows are in none.
    pub part: u32,
    /// What it tells.
    pub kind: HistoryKind,
    /// When it was named, in milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// The file.
    pub file: SegmentRef,
}

/// What a file of the history tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryKind {
    /// The rows of a part, in the order of its file.
    Sent,
    /// What became of the rows of a part, where its event alone does not tell.
    Settled,
    /// Rows of the model that were not sent, and why.
    Withheld,
}

impl HistoryKind {
    /// The stable name, as the ledger spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Settled => "settled",
            Self::Withheld => "withheld",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Sent, Self::Settled, Self::Withheld].into_iter().find(|it| it.name() == name)
    }
}

/// Most bytes of history that are kept of an activation. The newest run is kept whatever its size.
pub const HISTORY_BYTES_MAX: u64 = 256 << 20;

/// Most files of history that are kept of an activation.
pub const HISTORY_FILES_MAX: usize = 4_000;

/// The files that go so that what is kept has a bounded size: whole runs, oldest first.
///
/// `files` stand in the order in which they were named. Never the newest run, whose size nobody chose, never a run with an open part (`is_open`),
/// which will be told more about, and never the newest list of withheld rows, which holds until there is another.
#[must_use]
pub fn outdated(files: &[HistoryFile], bytes_max: u64, files_max: usize, is_open: impl Fn(&RunId) -> bool) -> Vec<String> {
    let Some(newest_run) = files.last().map(|it| &it.run) else { return Vec::new() };
    let newest_withheld = files.iter().rev().find(|it| it.kind == HistoryKind::Withheld).map(|it| &it.file.name);
    let mut bytes: u64 = files.iter().map(|it| it.file.bytes).sum();
    let mut left = files.len();
    let mut names: Vec<String> = Vec::new();
    for first in files {
        if bytes <= bytes_max && left <= files_max {
            break;
        }
        if first.run == *newest_run || is_open(&first.run) || names.contains(&first.file.name) {
            continue;
        }
        for it in files.iter().filter(|it| it.run == first.run && Some(&it.file.name) != newest_withheld) {
            bytes -= it.file.bytes;
            left -= 1;
            names.push(it.file.name.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(run: &str, kind: HistoryKind, bytes: u64) -> HistoryFile {
        let file = SegmentRef { name: format!("{run}-{}", kind.name()), bytes, entries: 1, checksum: 0 };
        HistoryFile { run: RunId(run.into()), part: 0, kind, at_ms: 0, file }
    }

    fn check(files: &[HistoryFile], bytes_max: u64, files_max: usize, open: &str, gone: &[&str]) {
        assert_eq!(outdated(files, bytes_max, files_max, |it| it.0 == open), gone);
    }

    #[test]
    fn the_oldest_runs_go_first_and_whole() {
        let files = [
            file("1", HistoryKind::Sent, 10),
            file("1", HistoryKind::Settled, 5),
            file("2", HistoryKind::Sent, 10),
            file("3", HistoryKind::Sent, 10),
        ];
        check(&files, 35, 9, "", &[]);
        check(&files, 34, 9, "", &["1-sent", "1-settled"]);
        check(&files, 35, 3, "", &["1-sent", "1-settled"]);
        check(&files, 15, 9, "", &["1-sent", "1-settled", "2-sent"]);
    }

    #[test]
    fn the_newest_run_stays_however_large_it_is() {
        check(&[file("1", HistoryKind::Sent, 10), file("2", HistoryKind::Sent, 1_000)], 100, 9, "", &["1-sent"]);
    }

    #[test]
    fn a_run_with_an_open_part_stays() {
        let files = [file("1", HistoryKind::Sent, 10), file("2", HistoryKind::Sent, 10), file("3", HistoryKind::Sent, 10)];
        check(&files, 20, 9, "1", &["2-sent"]);
    }

    #[test]
    fn the_newest_list_of_withheld_rows_stays() {
        let files = [
            file("1", HistoryKind::Withheld, 10),
            file("2", HistoryKind::Withheld, 10),
            file("2", HistoryKind::Sent, 10),
            file("3", HistoryKind::Sent, 10),
        ];
        check(&files, 10, 9, "", &["1-withheld", "2-sent"]);
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in [HistoryKind::Sent, HistoryKind::Settled, HistoryKind::Withheld] {
            assert_eq!(HistoryKind::of_name(kind.name()), Some(kind));
        }
        assert_eq!(HistoryKind::of_name("lost"), None);
    }
}
