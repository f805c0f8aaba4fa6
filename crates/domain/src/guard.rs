//! Guards: what an activation holds back until a person has looked at it.
//!
//! A guard is judged once the model is compared, before anything travels. What it holds is a fate of its own ([`Withheld::Held`],
//! [`Outcome::LeftHeld`]), kept by key and values, and let through by a person's approval of just that plan.
//!
//! [`Withheld::Held`]: crate::Withheld::Held
//! [`Outcome::LeftHeld`]: crate::Outcome::LeftHeld

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    names::RunId,
    outcome::Write,
    run::{Identity, PlanId, SegmentRef},
};

/// Hundredths of a percent in a whole.
const WHOLE: u64 = 10_000;

/// A share, in hundredths of a percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share(u32);

impl Share {
    /// So many percent.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self(percent * 100)
    }
}

/// At most so many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Limit {
    /// A number of rows.
    Rows(u64),
    /// A share of other rows; which those are, each guard says.
    Share(Share),
}

/// The largest share that can be written.
const PERCENT_MAX: u32 = 1_000;

impl Limit {
    /// The most rows it allows, where its share is of so many. A share of none is no limit: there is nothing to measure by yet.
    #[must_use]
    pub fn rows_of(self, whole: u64) -> u64 {
        match self {
            Self::Rows(rows) => rows,
            Self::Share(_) if whole == 0 => u64::MAX,
            Self::Share(Share(share)) => {
                let rows = u128::from(whole) * u128::from(share) / u128::from(WHOLE);
                u64::try_from(rows).unwrap_or(u64::MAX)
            }
        }
    }

    /// Whether it is a share of all there is, or more, and so can never be exceeded by a part of it.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Share(Share(share)) if share as u64 >= WHOLE)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Share(Share(share)) => match (share / 100, share % 100) {
                (whole, 0) => write!(f, "{whole} %"),
                (whole, part) if part % 10 == 0 => write!(f, "{whole}.{} %", part / 10),
                (whole, part) => write!(f, "{whole}.{part:02} %"),
            },
        }
    }
}

/// A text that is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a limit is a number of rows, or a share with at most two decimals and at most {PERCENT_MAX} %")]
pub struct InvalidLimit;

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let text = text.trim();
        let Some(share) = text.strip_suffix('%') else { return digits(text).map(Self::Rows) };
        let (whole, part) = share.trim_end().split_once('.').unwrap_or((share.trim_end(), "0"));
        let hundredths = match (digits(part)?, part.len()) {
            (part, 1) => part * 10,
            (part, 2) => part,
            _ => return Err(InvalidLimit),
        };
        let whole = u32::try_from(digits(whole)?).ok().filter(|it| *it <= PERCENT_MAX).ok_or(InvalidLimit)?;
        let share = whole * 100 + hundredths as u32;
        if share > PERCENT_MAX * 100 { Err(InvalidLimit) } else { Ok(Self::Share(Share(share))) }
    }
}

/// Digits, perhaps parted by `_` as in `10_000`.
fn digits(text: &str) -> Result<u64, InvalidLimit> {
    if !text.starts_with(|it: char| it.is_ascii_digit()) || text.ends_with('_') || !text.bytes().all(|it| it.is_ascii_digit() || it == b'_')
    {
        return Err(InvalidLimit);
    }
    text.replace('_', "").parse().map_err(|_| InvalidLimit)
}

impl From<Limit> for String {
    fn from(limit: Limit) -> Self {
        limit.to_string()
    }
}

impl TryFrom<String> for Limit {
    type Error = InvalidLimit;

    fn try_from(text: String) -> Result<Self, InvalidLimit> {
        text.parse()
    }
}

/// What an activation does with a source that has no rows at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptySource {
    /// Nothing is taken for gone before a person has looked at it.
    #[default]
    Hold,
    /// The model may be empty.
    Allow,
}

/// The guards of an activation. Without a word, only an empty source is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Guards {
    /// Most rows that are new to the activation; a share is of the rows confirmed before.
    pub max_inserts: Option<Limit>,
    /// Most rows that are updated; a share is of the rows confirmed before.
    pub max_updates: Option<Limit>,
    /// Most rows that leave and are flagged for it; a share is of the rows confirmed before.
    #[serde(default)]
    pub max_deletes: Option<Limit>,
    /// By how many rows the source may shrink; a share is of the rows it had in the last run of which nothing was held.
    pub max_source_shrink: Option<Limit>,
    /// Most rows without a usable key; a share is of the rows read.
    pub max_null_keys: Option<Limit>,
    /// What is done with a source that has no rows.
    pub empty_source: EmptySource,
}

/// One of the guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// Too many rows are new to the activation.
    MaxInserts,
    /// Too many rows would be updated.
    MaxUpdates,
    /// Too many rows have left the model, and would be flagged or deleted.
    MaxDeletes,
    /// The source has far fewer rows than before.
    MaxSourceShrink,
    /// The source has no rows.
    EmptySource,
    /// Too many rows of the source have no usable key.
    MaxNullKeys,
}

/// What is meant to become of a row, as guards see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// It is to be sent.
    Write(Write),
    /// It is no longer in the model, and stays as it is.
    Leave,
    /// It is no longer in the model, and is to be flagged or deleted.
    Exit,
}

impl Guard {
    /// The key of project files that sets it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::MaxInserts => "max_inserts",
            Self::MaxUpdates => "max_updates",
            Self::MaxDeletes => "max_deletes",
            Self::MaxSourceShrink => "max_source_shrink",
            Self::EmptySource => "empty_source",
            Self::MaxNullKeys => "max_null_keys",
        }
    }

    /// Whether it judges the source as a whole rather than the changes that were found.
    #[must_use]
    pub const fn is_of_source(self) -> bool {
        matches!(self, Self::MaxSourceShrink | Self::EmptySource | Self::MaxNullKeys)
    }

    /// Whether it holds such rows once it has tripped.
    ///
    /// A source that cannot be trusted holds whatever may change or remove a row that is there: only rows whose key is known to be absent pass.
    #[must_use]
    pub const fn holds(self, meant: Meant) -> bool {
        match (self, meant) {
            (Self::MaxInserts, Meant::Write(Write::Insert | Write::InsertOrUpdate))
            | (Self::MaxUpdates, Meant::Write(Write::Update))
            | (Self::MaxDeletes, Meant::Exit | Meant::Write(Write::Flag | Write::Delete)) => true,
            (Self::MaxInserts | Self::MaxUpdates | Self::MaxDeletes, _) | (_, Meant::Write(Write::Insert)) => false,
            (_, Meant::Write(Write::Update | Write::InsertOrUpdate | Write::Flag | Write::Delete) | Meant::Leave | Meant::Exit) => true,
        }
    }
}

/// A guard that has tripped, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tripped {
    /// The guard.
    pub guard: Guard,
    /// What it allows, as written in the project; an empty source has no measure.
    pub limit: Option<Limit>,
    /// The rows that are too many: new ones, updated ones, ones the source lost, ones without a key.
    pub rows: u64,
    /// The rows of which a share is taken: confirmed before, in the source before, or read.
    pub of: u64,
}

/// What a pass has seen of its source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Rows read.
    pub rows: u64,
    /// Rows among them without a usable key.
    pub null_keys: u64,
    /// Rows of the last run of which nothing was held, if there was one.
    pub rows_before: Option<u64>,
}

impl Guards {
    /// The guards that a source trips, where so many rows are confirmed.
    #[must_use]
    pub fn of_source(&self, source: SourceCounts, confirmed: u64) -> Vec<Tripped> {
        let mut tripped = Vec::new();
        let before = source.rows_before;
        if source.rows == 0 {
            // A source that a person has let be empty is not held again until it has had rows.
            if self.empty_source == EmptySource::Hold && confirmed > 0 && before != Some(0) {
                let rows = before.unwrap_or(confirmed);
                tripped.push(Tripped { guard: Guard::EmptySource, limit: None, rows, of: rows });
            }
            return tripped;
        }
        if let Some(before) = before {
            tripped.extend(exceeded(Guard::MaxSourceShrink, self.max_source_shrink, before.saturating_sub(source.rows), before));
        }
        tripped.extend(exceeded(Guard::MaxNullKeys, self.max_null_keys, source.null_keys, source.rows));
        tripped
    }

    /// The guards that so many changes trip, where so many rows are confirmed.
    #[must_use]
    pub fn of_changes(&self, inserts: u64, updates: u64, deletes: u64, confirmed: u64) -> Vec<Tripped> {
        let inserts = exceeded(Guard::MaxInserts, self.max_inserts, inserts, confirmed);
        let updates = exceeded(Guard::MaxUpdates, self.max_updates, updates, confirmed);
        let deletes = exceeded(Guard::MaxDeletes, self.max_deletes, deletes, confirmed);
        inserts.into_iter().chain(updates).chain(deletes).collect()
    }

    /// The most changes that trip nothing for certain, whatever they are.
    #[must_use]
    pub fn changes_allowed(&self, confirmed: u64) -> u64 {
        let limits = [self.max_inserts, self.max_updates, self.max_deletes].into_iter().flatten();
        limits.map(|it| it.rows_of(confirmed)).min().unwrap_or(u64::MAX)
    }
}

fn exceeded(guard: Guard, limit: Option<Limit>, rows: u64, of: u64) -> Option<Tripped> {
    let limit = limit.filter(|it| rows > it.rows_of(of))?;
    Some(Tripped { guard, limit: Some(limit), rows, of })
}

/// How long an approval of what was held is taken: what a person has looked at is not of today for ever.
pub const APPROVAL_MS: i64 = 24 * 3_600_000;

/// What an approval rests on: when any of it changes, what was held is judged anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Digest of the mapping, with the columns that values come from and what a null does there.
    pub mapping: String,
    /// Digest of the model's or segment's question.
    pub model: String,
    /// Digest of the guards.
    pub guards: String,
    /// The data extension and its mapped fields.
    pub table: Identity,
}

/// Which of the terms has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The mapping.
    Mapping,
    /// The model's text.
    Model,
    /// The guards.
    Guards,
    /// The data extension, or a mapped field of it.
    DataExtension,
}

impl Changed {
    /// In a sentence such as "*the mapping* is another one now".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Mapping => "the mapping",
            Self::Model => "the text of the model",
            Self::Guards => "a guard",
            Self::DataExtension => "the data extension",
        }
    }
}

impl Terms {
    /// What is different now, if anything.
    #[must_use]
    pub fn changed(&self, now: &Self) -> Option<Changed> {
        let same_table = self.table.is_same_table(&now.table) && self.table.shares_fields_with(&now.table);
        let pairs = [
            (Changed::DataExtension, same_table),
            (Changed::Mapping, self.mapping == now.mapping),
            (Changed::Model, self.model == now.model),
            (Changed::Guards, self.guards == now.guards),
        ];
        pairs.into_iter().find(|(_, is_same)| !is_same).map(|(what, _)| what)
    }
}

/// What a plan held back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The plan, by which a person approves it.
    pub plan: PlanId,
    /// Why.
    pub guards: Vec<Tripped>,
    /// The rows, by key and values; fingerprints alone.
    pub rows: SegmentRef,
    /// Rows among them that were to be sent; the others have left the model.
    pub writes: u64,
    /// Rows that the source had.
    pub source_rows: u64,
    /// What an approval rests on.
    pub terms: Terms,
    /// Whether every row was to be sent, whatever the baseline says.
    pub full: bool,
    /// Whether rows were to be sent again that had been refused.
    pub retry_refused: bool,
}

/// What is held of an activation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The run that held it.
    pub run: RunId,
    /// When, in milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// What.
    pub hold: Hold,
}

impl Held {
    /// Whether it was held too long ago to be approved.
    #[must_use]
    pub const fn is_expired(&self, now_ms: i64) -> bool {
        now_ms - self.at_ms >= APPROVAL_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn limit(text: &str) -> Limit {
        text.parse().unwrap_or_else(|it| panic!("{text}: {it}"))
    }

    #[test]
    fn limits_are_written_as_people_write_them() {
        for (text, shown) in [
            ("1000", "1000"),
            ("10_000", "10000"),
            ("0", "0"),
            ("5%", "5 %"),
            (" 5 % ", "5 %"),
            ("0.5 %", "0.5 %"),
            ("12.25%", "12.25 %"),
            ("1.05%", "1.05 %"),
        ] {
            assert_eq!(limit(text).to_string(), shown);
            assert_eq!(limit(shown), limit(text));
        }
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in [
            "",
            "%",
            "five",
            "-1",
            "1.5",
            "5 percent",
            "1.234 %",
            ".5 %",
            "5. %",
            "1000.01 %",
            "99999 %",
            "_1",
            "1_",
            "99999999999999999999",
        ] {
            assert_eq!(text.parse::<Limit>(), Err(InvalidLimit), "{text}");
        }
    }

    #[test]
    fn a_share_allows_whole_rows_alone() {
        assert_eq!(limit("5 %").rows_of(100), 5);
        assert_eq!(limit("5 %").rows_of(119), 5);
        assert_eq!(limit("0.01 %").rows_of(9_999), 0);
        assert_eq!(limit("1000 %").rows_of(u64::MAX), u64::MAX);
        assert_eq!(limit("7").rows_of(0), 7);
    }

    #[test]
    fn a_share_of_nothing_is_no_limit() {
        assert_eq!(limit("5 %").rows_of(0), u64::MAX);
    }

    fn of_source(guards: Guards, rows: u64, null_keys: u64, rows_before: Option<u64>, confirmed: u64) -> Vec<Guard> {
        guards.of_source(SourceCounts { rows, null_keys, rows_before }, confirmed).into_iter().map(|it| it.guard).collect()
    }

    #[test]
    fn an_empty_source_is_held_where_rows_are_confirmed() {
        let usual = Guards::default();
        assert_eq!(of_source(usual, 0, 0, Some(9), 9), [Guard::EmptySource]);
        assert_eq!(of_source(usual, 0, 0, None, 9), [Guard::EmptySource]);
        assert_eq!(of_source(usual, 0, 0, None, 0), []);
        assert_eq!(of_source(usual, 1, 0, Some(9), 9), []);
    }

    #[test]
    fn a_source_that_was_let_be_empty_is_not_held_again() {
        assert_eq!(of_source(Guards::default(), 0, 0, Some(0), 9), []);
    }

    #[test]
    fn an_empty_source_is_a_matter_of_its_own_setting_alone() {
        let guards = Guards { empty_source: EmptySource::Allow, max_source_shrink: Some(limit("20 %")), ..Guards::default() };
        assert_eq!(of_source(guards, 0, 0, Some(9), 9), []);
    }

    #[test]
    fn a_source_may_shrink_to_its_limit_and_no_further() {
        let guards = Guards { max_source_shrink: Some(limit("20 %")), ..Guards::default() };
        assert_eq!(of_source(guards, 80, 0, Some(100), 50), []);
        assert_eq!(of_source(guards, 79, 0, Some(100), 50), [Guard::MaxSourceShrink]);
        assert_eq!(of_source(guards, 79, 0, None, 50), [], "there is nothing to measure by");
        assert_eq!(of_source(guards, 179, 0, Some(100), 50), []);
    }

    #[test]
    fn keys_that_are_missing_count_among_the_rows_read() {
        let guards = Guards { max_null_keys: Some(limit("1 %")), ..Guards::default() };
        assert_eq!(of_source(guards, 200, 2, None, 0), []);
        assert_eq!(of_source(guards, 200, 3, None, 0), [Guard::MaxNullKeys]);
    }

    #[test]
    fn changes_are_measured_by_what_was_confirmed() {
        let guards = Guards { max_inserts: Some(limit("10")), max_updates: Some(limit("5 %")), ..Guards::default() };
        let tripped = |inserts, updates, confirmed| -> Vec<Guard> {
            guards.of_changes(inserts, updates, 0, confirmed).into_iter().map(|it| it.guard).collect()
        };
        assert_eq!(tripped(10, 5, 100), []);
        assert_eq!(tripped(11, 5, 100), [Guard::MaxInserts]);
        assert_eq!(tripped(11, 6, 100), [Guard::MaxInserts, Guard::MaxUpdates]);
        assert_eq!(tripped(0, 6, 0), []);
        assert_eq!((guards.changes_allowed(100), guards.changes_allowed(1000)), (5, 10));
        assert_eq!(Guards::default().changes_allowed(100), u64::MAX);
    }

    #[test]
    fn rows_that_are_flagged_have_a_limit_of_their_own() {
        let guards = Guards { max_deletes: Some(limit("2 %")), ..Guards::default() };
        assert_eq!(guards.of_changes(100, 100, 2, 100), []);
        assert_eq!(guards.of_changes(0, 0, 3, 100).into_iter().map(|it| it.guard).collect::<Vec<_>>(), [Guard::MaxDeletes]);
        assert_eq!(guards.changes_allowed(100), 2);
    }

    #[test]
    fn a_source_that_is_held_lets_nothing_through_that_may_change_a_row() {
        let writes = [Write::Insert, Write::Update, Write::InsertOrUpdate].map(Meant::Write);
        for guard in [Guard::MaxSourceShrink, Guard::EmptySource, Guard::MaxNullKeys] {
            assert_eq!(writes.map(|it| guard.holds(it)), [false, true, true]);
            assert!(guard.holds(Meant::Leave) && guard.holds(Meant::Exit));
        }
        assert_eq!(writes.map(|it| Guard::MaxDeletes.holds(it)), [false; 3]);
        assert!(Guard::MaxDeletes.holds(Meant::Exit) && !Guard::MaxDeletes.holds(Meant::Leave));
        assert_eq!(writes.map(|it| Guard::MaxInserts.holds(it)), [true, false, true]);
        assert_eq!(writes.map(|it| Guard::MaxUpdates.holds(it)), [false, true, false]);
        assert!(!Guard::MaxInserts.holds(Meant::Leave) && !Guard::MaxUpdates.holds(Meant::Leave));
    }

    #[test]
    fn what_a_guard_says_survives_the_ledger() {
        let tripped = Tripped { guard: Guard::MaxUpdates, limit: Some(limit("2.5 %")), rows: 7, of: 100 };
        let text = serde_json::to_string(&tripped).unwrap();
        assert_eq!(text, r#"{"guard":"max_updates","limit":"2.5 %","rows":7,"of":100}"#);
        assert_eq!(serde_json::from_str::<Tripped>(&text).unwrap(), tripped);
    }
}
