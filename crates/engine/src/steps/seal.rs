//! Sorts the records, strikes duplicates, and makes the plan: nothing is decided afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
    thread,
};

use outflow_baseline::{Entry, EntryState, Kind, Origin, Place, Presence, Record, RecordKind, Sealed, Update};
use outflow_domain::{
    CellProblem, CellWarning, HistoryKind, KeyFingerprint, Outcome, OutcomeCounts, RowFingerprint, SegmentRef, Tripped, Withheld, Write,
};

use super::compare::{Examples, Pass, Tally};
use crate::{
    alike::{AlikeKeys, SortedWideKeys},
    column_sets::ColumnSets,
    compute::{ROWS_PER_THREAD, ahead, joined},
    digest,
    error::EngineError,
    exits::{Exit, Exits},
    guard::{Guarding, HeldRows, Holding},
    history::{Heading, NewList, Why},
    key_store::{KeyStore, KeyTexts},
    part_files::{PartRow, RowMark, csv_name, rows_name},
    parts::{WrittenPart, without_struck},
    segments::{NewSegment, Segments, commit_all},
    split::{Lane, Sizes},
};

/// What the pass has found, sorted and without duplicates.
#[derive(Debug)]
pub(crate) struct SealedPass {
    /// Rows read.
    pub source_rows: u64,
    /// Baseline entries that no row met.
    pub leaving_rows: u64,
    /// Rows among them that were still in the model at the last comparison.
    pub newly_left: u64,
    /// What is decided without sending.
    pub decided: OutcomeCounts,
    /// What is to be sent, by intent.
    pub to_send: BTreeMap<Write, u64>,
    /// The files with their rows in doubt once an import starts; empty segments for a mere plan.
    pub parts: Vec<SealedPart>,
    /// Entries that change without an import: rows that left or returned, keys that are gone, rows written under a new mapping.
    pub local: LocalUpdates,
    /// Why cells are invalid.
    pub problems: Vec<(u16, CellProblem, Examples)>,
    /// Why cells that are sent may be refused.
    pub warnings: Vec<(u16, CellWarning, Examples)>,
    /// Rows whose keys may be taken for those of others.
    pub alike_keys: Option<AlikeKeys>,
    /// Keys of rows that were refused before and are still as they were refused.
    pub refused_still: BTreeSet<KeyFingerprint>,
    /// Commutative sum over the rows to be sent.
    pub changes_sum: u128,
    /// The rows that were not sent, and why; `None` for a mere plan.
    pub withheld: Option<NewList>,
    /// What guards hold back, if anything.
    pub held: Option<HeldRows>,
    /// Rows that an approval has let through.
    pub released: u64,
    /// The longest text of each column yet to be created, by its position in the mapping.
    pub longest: BTreeMap<u16, u32>,
}

/// A file, final.
#[derive(Debug)]
pub(crate) struct SealedPart {
    pub written: WrittenPart,
    /// Its keys with what it sends, sorted; `None` for a mere plan.
    pub doubt: Option<SegmentRef>,
    /// The keys themselves, encrypted, where they may be needed later.
    pub keys: Option<SegmentRef>,
}

/// Updates of the baseline that need no import.
#[derive(Debug, Default)]
pub(crate) struct LocalUpdates {
    pub updates: u64,
    pub segment: Option<SegmentRef>,
}

/// A pass that has come to its end, to be sealed.
pub(crate) struct Seal<'s, 'p> {
    pub pass: &'s Pass,
    /// What its threads have counted.
    pub tally: &'s Tally,
    /// The files as it has left them.
    pub written: &'s [WrittenPart],
    pub segments: &'s Segments<'p>,
    /// Where keys are stored, if they are.
    pub key_store: Option<&'s KeyStore<'p>>,
    pub version: u64,
    /// Whether files are made final and durable and segments are written; otherwise everything is only counted.
    pub write: bool,
    pub guarding: Guarding<'s>,
    /// Whether the pass may be sealed once more afterwards.
    pub again: bool,
}

/// Entries of parts being written, by part number, as every row that is sent asks for one.
type DoubtWriters = Vec<Option<NewSegment>>;

struct Found<'k> {
    decided: OutcomeCounts,
    to_send: BTreeMap<Write, u64>,
    struck: BTreeMap<u32, Vec<u32>>,
    duplicates_unrecorded: u64,
    recorded: u64,
    refused_still: BTreeSet<KeyFingerprint>,
    changes_sum: u128,
    doubts: DoubtWriters,
    local: LocalWriter,
    withheld: Option<NewList>,
    wide_keys: SortedWideKeys,
    held: HeldWriter,
    leaving_rows: u64,
    newly_left: u64,
    exits: Option<ExitRows<'k>>,
}

/// Rows that are to be flagged, on their way into files.
struct ExitRows<'k> {
    texts: KeyTexts<'k>,
    csv: Vec<u8>,
    rows: Vec<PartRow>,
}

/// Rows that go into files together.
const EXIT_ROWS: usize = 4096;

/// What is held, in key order as all that is found.
#[derive(Default)]
struct HeldWriter {
    writes: BTreeMap<Write, u64>,
    leaving: u64,
    sum: u128,
    segment: Option<NewSegment>,
}

/// Merges updates from records with those from entries that were not seen; both come in key order.
struct LocalWriter {
    segment: Option<NewSegment>,
    updates: u64,
}

impl Seal<'_, '_> {
    /// Seals the pass: once, or a second time where its changes turn out to be more than a guard allows.
    pub fn run(&self) -> Result<SealedPass, EngineError> {
        let exits = if self.pass.exits.is_some() { self.pass.known.baseline.unseen_len() } else { 0 };
        let candidates = self.pass.rows_sent.load(Ordering::Relaxed) + exits;
        let may_be_too_many = self.guarding.may_be_too_many(candidates);
        let mut tripped = self.guarding.of_source();
        let (mut found, mut holding) = self.sort(tripped.clone(), may_be_too_many)?;
        if may_be_too_many {
            let too_many = self.guarding.guards.of_changes(holding.inserts, holding.updates, holding.deletes, self.guarding.confirmed);
            if !too_many.is_empty() {
                tripped.extend(too_many);
                // What was written so far is gone with its writers.
                drop(found);
                (found, holding) = self.sort(tripped, false)?;
            }
            if !self.again {
                self.pass.buckets.clear()?;
            }
        }
        self.finish(found, holding)
    }

    /// Sorts all records and decides about each row, under the guards that have tripped.
    fn sort(&self, tripped: Vec<Tripped>, counts: bool) -> Result<(Found<'_>, Holding<'_>), EngineError> {
        self.discard_exits()?;
        let (tally, known) = (self.tally, &self.pass.known);
        let mut holding = Holding::new(known, self.guarding.approval, tripped, counts);
        let mut found = Found {
            decided: OutcomeCounts::default(),
            to_send: BTreeMap::new(),
            struck: BTreeMap::new(),
            duplicates_unrecorded: 0,
            recorded: 0,
            refused_still: BTreeSet::new(),
            changes_sum: 0,
            doubts: DoubtWriters::new(),
            local: LocalWriter { segment: None, updates: 0 },
            withheld: self.write.then(|| self.withheld()).transpose()?,
            wide_keys: tally.wide_keys.clone().sorted(),
            held: HeldWriter::default(),
            leaving_rows: known.baseline.unseen_len(),
            newly_left: 0,
            exits: self.pass.exits.as_ref().map(|it| ExitRows {
                texts: it.keys.texts(&self.pass.activation),
                csv: Vec::new(),
                rows: Vec::new(),
            }),
        };
        let mut unseen = known.baseline.unseen().peekable();
        self.each_bucket(self.again || counts, |sealed| {
            let mut distrusted: Vec<Record> = sealed.struck().filter(|it| it.old.is_some() && known.distrusts(it.key)).collect();
            distrusted.dedup_by_key(|it| it.key);
            let mut distrusted = distrusted.into_iter().peekable();
            // Updates are written in the order of their keys.
            let mut left_before = |key: KeyFingerprint, holding: &mut Holding<'_>, found: &mut Found<'_>| {
                while let Some(entry) = unseen.next_if(|it| it.key < key) {
                    self.left(&entry, holding, found)?;
                }
                Ok::<_, EngineError>(())
            };
            for record in sealed.kept() {
                while let Some(duplicate) = distrusted.next_if(|it| it.key < record.key) {
                    left_before(duplicate.key, &mut holding, &mut found)?;
                    self.mark(&duplicate, &mut found)?;
                }
                left_before(record.key, &mut holding, &mut found)?;
                found.wide_keys.meet(record.key);
                self.kept(&record, &mut holding, &mut found)?;
            }
            for duplicate in distrusted {
                left_before(duplicate.key, &mut holding, &mut found)?;
                self.mark(&duplicate, &mut found)?;
            }
            let mut told = None;
            for record in sealed.struck() {
                found.decided.add(Outcome::Withheld { why: Withheld::DuplicateKey }, 1);
                strike(&mut found.struck, record.place);
                if told.replace(record.key) != Some(record.key) {
                    found.withhold(record.key, Why::DuplicateKey.word())?;
                }
            }
            for record in sealed.copies() {
                // Copies of a row that cannot be sent cannot be sent either, and each is told as such.
                let is_unsendable = record.kind == RecordKind::Invalid;
                found.decided.add(if is_unsendable { unsendable(&record) } else { Outcome::Copy }, 1);
                strike(&mut found.struck, record.place);
            }
            let counts = sealed.counts();
            found.duplicates_unrecorded += counts.duplicates_unrecorded;
            found.recorded += counts.recorded;
            Ok(())
        })?;
        for entry in unseen {
            self.left(&entry, &mut holding, &mut found)?;
        }
        self.write_exits(&mut found)?;
        let invalid = Outcome::Withheld { why: Withheld::Invalid };
        found.decided.add(invalid, tally.invalid_unrecorded);
        found.decided.add(Outcome::Withheld { why: Withheld::DuplicateKey }, found.duplicates_unrecorded);
        found.decided.add(Outcome::Unchanged, tally.unchanged.saturating_sub(found.duplicates_unrecorded));
        conserve(tally, &found)?;
        Ok((found, holding))
    }

    fn finish(&self, mut found: Found<'_>, holding: Holding<'_>) -> Result<SealedPass, EngineError> {
        let (tally, known) = (self.tally, &self.pass.known);
        let parts = self.parts(&mut found)?;
        Ok(SealedPass {
            source_rows: tally.rows,
            leaving_rows: found.leaving_rows,
            newly_left: found.newly_left,
            decided: found.decided,
            to_send: found.to_send,
            parts,
            local: found.local.finish()?,
            held: found.held.finish(holding.tripped)?,
            released: holding.released,
            problems: tally.problems.iter().map(|((field, problem), examples)| (*field, *problem, examples.clone())).collect(),
            warnings: tally.warnings.iter().map(|((field, warning), examples)| (*field, *warning, examples.clone())).collect(),
            alike_keys: found.wide_keys.alike(|key| known.baseline.contains(key) && !known.is_gone(key)),
            refused_still: found.refused_still,
            changes_sum: found.changes_sum,
            withheld: found.withheld,
            longest: tally.longest.iter().collect(),
        })
    }

    /// Begins the list of rows that are not sent.
    fn withheld(&self) -> Result<NewList, EngineError> {
        let heading = Heading::Withheld { mapping: Box::new(self.pass.mapping.clone()), without_key: self.tally.invalid_unrecorded };
        NewList::create(&self.pass.history, HistoryKind::Withheld.name(), &heading)
    }

    /// Sorts each bucket and hands it on, in order; where there are many records, the next one is sorted meanwhile. They stay where they are to
    /// be sorted `again`.
    fn each_bucket(&self, again: bool, mut take: impl FnMut(Sealed) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let mut sorted = self.pass.buckets.sorted(&self.tally.spread, again);
        if self.tally.spread.records() < ROWS_PER_THREAD {
            return sorted.try_for_each(|it| take(it?));
        }
        thread::scope(|scope| ahead(sorted, 0, scope).try_for_each(|it| take(it?)))
    }

    /// One row, alone with its key.
    fn kept(&self, record: &Record, holding: &mut Holding<'_>, found: &mut Found<'_>) -> Result<(), EngineError> {
        let known = &self.pass.known;
        match record.kind {
            RecordKind::New | RecordKind::Changed => {
                let write = known.write(record.key, record.old.is_some());
                if holding.looks && holding.holds_write(record.key, record.row, write) {
                    return self.hold_write(record, write, found);
                }
                *found.to_send.entry(write).or_default() += 1;
                found.changes_sum = found.changes_sum.wrapping_add(digest::of_change(record.key, record.row, write));
                self.mark(record, found)?;
                let Some(place) = record.place else { return Ok(()) };
                if self.write {
                    let state = EntryState { presence: Presence::Present, origin: known.origin(write, record.old) };
                    self.doubt_in(place.part, found)?.push(Update::Put(Entry { key: record.key, row: record.row, state }))?;
                }
            }
            RecordKind::Unchanged => {
                found.decided.add(Outcome::Unchanged, 1);
                let Some(old) = record.old else { return Ok(()) };
                // A record of an unchanged row whose key merely occurred again says nothing new.
                if old.state.presence != Presence::Present || self.pass.rebase.is_some() {
                    let state = EntryState { presence: Presence::Present, origin: old.state.origin };
                    self.update(Update::Put(Entry { key: record.key, row: record.row, state }), found)?;
                }
            }
            RecordKind::Invalid => {
                found.decided.add(unsendable(record), 1);
                found.withhold(record.key, record.note)?;
                self.mark(record, found)?;
            }
            RecordKind::Withheld => {
                if known.insert == outflow_domain::InsertMode::UpdateOnly && known.is_gone(record.key) {
                    found.decided.add(Outcome::Withheld { why: Withheld::NotInDestination }, 1);
                    if record.old.is_some() {
                        self.update(Update::Drop(record.key), found)?;
                    }
                } else {
                    found.decided.add(Outcome::Withheld { why: Withheld::Refused }, 1);
                    found.refused_still.insert(record.key);
                    found.withhold(record.key, Why::Refused.word())?;
                    self.mark(record, found)?;
                }
            }
        }
        Ok(())
    }

    /// Writes down that the values of a row are not known any more, before anything is sent: what is refused, or never comes to be sent, must
    /// not count as confirmed later. Where those of no row are known, the next baseline is written without them (`Segments::write_next`), and
    /// until then every run finds out the same.
    fn mark(&self, record: &Record, found: &mut Found<'_>) -> Result<(), EngineError> {
        match record.old {
            Some(_) if self.is_another(record.key) => self.update(Update::Drop(record.key), found),
            Some(old) if old.state.presence != Presence::ValueUnknown && self.pass.known.distrusts(record.key) => {
                let state = EntryState { presence: Presence::ValueUnknown, origin: old.state.origin };
                self.update(Update::Put(Entry { key: record.key, row: RowFingerprint::of(0), state }), found)
            }
            _ => Ok(()),
        }
    }

    /// Whether rows that leave are deleted, and the row there is one that somebody else has made since: not the one that is known, and never sent
    /// by us. Only once it is sent may it be deleted in its turn.
    fn is_another(&self, key: KeyFingerprint) -> bool {
        self.pass.exits.as_ref().is_some_and(Exits::are_deleted) && self.pass.known.was_made_since(key)
    }

    /// A row that a guard holds: it stays what it is, and in no file.
    fn hold_write(&self, record: &Record, write: Write, found: &mut Found<'_>) -> Result<(), EngineError> {
        found.decided.add(Outcome::Withheld { why: Withheld::Held }, 1);
        *found.held.writes.entry(write).or_default() += 1;
        found.held.sum = found.held.sum.wrapping_add(digest::of_change(record.key, record.row, write));
        strike(&mut found.struck, record.place);
        found.withhold(record.key, Why::Held.word())?;
        self.mark(record, found)?;
        let state = EntryState { presence: Presence::Present, origin: self.pass.known.origin(write, record.old) };
        self.hold(Entry { key: record.key, row: record.row, state }, found)
    }

    /// An entry whose row has left, as far as a source can be trusted that a guard holds.
    fn hold_leaving(&self, entry: &Entry, found: &mut Found<'_>) -> Result<(), EngineError> {
        found.decided.add(Outcome::LeftHeld, 1);
        found.held.leaving += 1;
        found.held.sum = found.held.sum.wrapping_add(digest::of_change(entry.key, RowFingerprint::MAX, Write::Update));
        if entry.state.presence == Presence::Present && self.pass.known.distrusts(entry.key) {
            let state = EntryState { presence: Presence::ValueUnknown, origin: entry.state.origin };
            self.update(Update::Put(Entry { key: entry.key, row: RowFingerprint::of(0), state }), found)?;
        }
        let state = EntryState { presence: Presence::LeftKept, origin: entry.state.origin };
        self.hold(Entry { state, ..*entry }, found)
    }

    fn hold(&self, entry: Entry, found: &mut Found<'_>) -> Result<(), EngineError> {
        if !self.write {
            return Ok(());
        }
        let segment = match &mut found.held.segment {
            Some(segment) => segment,
            None => found.held.segment.insert(self.segments.create(Kind::Held, &self.pass.mapping, self.version)?),
        };
        segment.push(Update::Put(entry))
    }

    /// A baseline entry that no row met.
    fn left(&self, entry: &Entry, holding: &mut Holding<'_>, found: &mut Found<'_>) -> Result<(), EngineError> {
        if self.is_another(entry.key) {
            found.decided.add(Outcome::LeftKept, 1);
            found.newly_left += u64::from(entry.state.presence == Presence::Present);
            return self.update(Update::Drop(entry.key), found);
        }
        if self.pass.known.is_gone(entry.key) {
            found.decided.add(Outcome::LeftGone, 1);
            return self.update(Update::Drop(entry.key), found);
        }
        match self.pass.exits.as_ref().map(|it| (it, it.judge(entry, &self.pass.known))) {
            None | Some((_, Exit::Keep)) => self.keep(entry, holding, found),
            Some((_, Exit::Flagged)) => {
                found.decided.add(Outcome::LeftFlagged, 1);
                Ok(())
            }
            Some((_, Exit::Refused)) => {
                found.decided.add(Outcome::LeftRefused, 1);
                found.refused_still.insert(entry.key);
                found.withhold(entry.key, Why::Refused.word())?;
                self.mark_left(entry, entry.state.presence, found)
            }
            Some((exits, Exit::Flag)) => match found.exits.as_mut().map_or(Ok(None), |it| it.texts.find(entry.key))? {
                Some(key) => self.exit(entry, Write::Flag, exits.row(), exits.record(key), holding, found),
                None => self.keep_for_want_of_its_key(entry, holding, found),
            },
            Some((exits, Exit::Delete)) => match found.exits.as_mut().map_or(Ok(None), |it| it.texts.find(entry.key))? {
                Some(key) if exits.is_shared(&key) => self.keep_as(entry, Outcome::LeftShared, holding, found),
                Some(key) => self.exit(entry, Write::Delete, exits.row(), exits.record(key), holding, found),
                None => self.keep_for_want_of_its_key(entry, holding, found),
            },
        }
    }

    /// An entry whose row has left and is to be flagged or deleted.
    fn exit(
        &self,
        entry: &Entry,
        write: Write,
        row: RowFingerprint,
        record: Vec<u8>,
        holding: &mut Holding<'_>,
        found: &mut Found<'_>,
    ) -> Result<(), EngineError> {
        if holding.looks && holding.holds_exit(entry.key) {
            return self.hold_leaving(entry, found);
        }
        *found.to_send.entry(write).or_default() += 1;
        found.changes_sum = found.changes_sum.wrapping_add(digest::of_change(entry.key, row, write));
        found.newly_left += u64::from(entry.state.presence == Presence::Present);
        self.mark_left(entry, entry.state.presence, found)?;
        let Some(exits) = &mut found.exits else { return Ok(()) };
        let mark = RowMark { write, origin: entry.state.origin };
        exits.rows.push(PartRow { key: entry.key, row, mark, bytes: record.len() as u32 });
        exits.csv.extend_from_slice(&record);
        if exits.rows.len() < EXIT_ROWS { Ok(()) } else { self.write_exits(found) }
    }

    /// Hands rows that are flagged to their files, in key order.
    fn write_exits(&self, found: &mut Found<'_>) -> Result<(), EngineError> {
        let Some(exits) = found.exits.as_mut().filter(|it| !it.rows.is_empty()) else { return Ok(()) };
        let (csv, rows) = (std::mem::take(&mut exits.csv), std::mem::take(&mut exits.rows));
        let columns = self.pass.columns.exits().unwrap_or(ColumnSets::WHOLE);
        let mut places = Vec::with_capacity(rows.len());
        self.pass.parts.append(Lane { size: Sizes::USUAL, columns }, &csv, &rows, &mut places)?;
        for (row, place) in rows.iter().zip(places).filter(|_| self.write) {
            self.doubt_in(place.part, found)?.push(Update::Put(row.entry()))?;
        }
        Ok(())
    }

    /// Lets go of the files of rows that are flagged, which are but counted, or were written by an earlier sorting of the same pass.
    fn discard_exits(&self) -> Result<Vec<WrittenPart>, EngineError> {
        let ((spool, run), exits) = (self.pass.parts.place(), self.pass.parts.finish()?);
        for part in &exits {
            spool.remove(run, &csv_name(part.part))?;
            spool.remove(run, &rows_name(part.part))?;
        }
        Ok(exits)
    }

    /// The segment of rows in doubt of a part.
    fn doubt_in<'f>(&self, part: u32, found: &'f mut Found<'_>) -> Result<&'f mut NewSegment, EngineError> {
        let part = part as usize;
        if found.doubts.len() <= part {
            found.doubts.resize_with(part + 1, || None);
        }
        Ok(match &mut found.doubts[part] {
            Some(there) => there,
            none => none.insert(self.segments.create(Kind::Doubt, &self.pass.mapping, self.version)?),
        })
    }

    /// An entry whose row has left and would be flagged, were its key stored. It stays what it is, so that a rebuild knows it for one of ours.
    fn keep_for_want_of_its_key(&self, entry: &Entry, holding: &mut Holding<'_>, found: &mut Found<'_>) -> Result<(), EngineError> {
        // Of these nobody knows whether they ever were of the model: a rebuild finds rows of others too.
        if entry.state.presence == Presence::LeftKept && entry.state.origin == Origin::Adopted {
            return self.keep(entry, holding, found);
        }
        if holding.looks && holding.holds_leaving(entry.key) {
            return self.hold_leaving(entry, found);
        }
        found.decided.add(Outcome::LeftKeyUnknown, 1);
        self.mark_left(entry, entry.state.presence, found)
    }

    /// An entry whose row has left and stays as it is.
    fn keep(&self, entry: &Entry, holding: &mut Holding<'_>, found: &mut Found<'_>) -> Result<(), EngineError> {
        self.keep_as(entry, Outcome::LeftKept, holding, found)
    }

    /// The same, told as such.
    fn keep_as(&self, entry: &Entry, outcome: Outcome, holding: &mut Holding<'_>, found: &mut Found<'_>) -> Result<(), EngineError> {
        // Of a row whose value is unknown nothing tells whether it had left before.
        let may_leave_now = matches!(entry.state.presence, Presence::Present | Presence::ValueUnknown);
        if holding.looks && may_leave_now && holding.holds_leaving(entry.key) {
            return self.hold_leaving(entry, found);
        }
        found.decided.add(outcome, 1);
        if entry.state.presence == Presence::Present {
            found.newly_left += 1;
        }
        self.mark_left(entry, Presence::LeftKept, found)
    }

    /// Writes down what an entry is whose row has left.
    fn mark_left(&self, entry: &Entry, presence: Presence, found: &mut Found<'_>) -> Result<(), EngineError> {
        // Under a new mapping the fingerprint it has means nothing, and there is no row to make another of. A flag is of no mapping, but may be
        // in another field.
        let Pass { known, rebase, exits, .. } = self.pass;
        let is_flagged = entry.state.presence == Presence::LeftFlagged;
        let is_unknown = match exits {
            Some(exits) if is_flagged => exits.are_flagged_elsewhere() || known.distrusts(entry.key),
            None if is_flagged => false,
            _ => known.values_unknown || rebase.is_some() || known.distrusts(entry.key),
        };
        let presence = if is_unknown {
            Presence::ValueUnknown
        } else if is_flagged {
            Presence::LeftFlagged
        } else {
            presence
        };
        if entry.state.presence != Presence::ValueUnknown && entry.state.presence != presence {
            let state = EntryState { presence, origin: entry.state.origin };
            self.update(Update::Put(Entry { state, ..*entry }), found)?;
        }
        Ok(())
    }

    fn update(&self, update: Update, found: &mut Found<'_>) -> Result<(), EngineError> {
        found.local.updates += 1;
        if !self.write {
            return Ok(());
        }
        let segment = match &mut found.local.segment {
            Some(segment) => segment,
            None => found.local.segment.insert(self.segments.create(Kind::Delta, &self.pass.mapping, self.version)?),
        };
        segment.push(update)
    }

    /// Makes the files final, without the rows that were struck; a file that is left without rows is none.
    fn parts(&self, found: &mut Found<'_>) -> Result<Vec<SealedPart>, EngineError> {
        let (spool, run) = self.pass.parts.place();
        let mut parts = Vec::with_capacity(self.written.len());
        let (mut files, mut doubts) = (Vec::new(), Vec::new());
        let exits = if self.write { self.pass.parts.finish()? } else { self.discard_exits()? };
        for mut part in self.written.iter().copied().chain(exits) {
            let mut struck = found.struck.remove(&part.part).unwrap_or_default();
            struck.sort_unstable();
            let doubt = found.doubts.get_mut(part.part as usize).and_then(Option::take);
            if self.write {
                part = without_struck(spool.as_ref(), run, part, &struck, self.pass.parts.header_bytes(part))?;
                let in_doubt = doubt.as_ref().map_or(0, NewSegment::entries);
                equal("rows of a file = rows in doubt", u64::from(part.rows), in_doubt)?;
            } else {
                // The struck rows' bytes are not known without the file; a plan tells the size before striking.
                part.rows -= struck.len() as u32;
            }
            if part.rows > 0 {
                // The keys of rows that have left are stored already.
                let stores = self.key_store.filter(|_| self.write && self.pass.columns.exits() != Some(part.columns));
                let header_bytes = self.pass.parts.header_bytes(part);
                let keys = stores.map(|it| it.store_part(run, part.part, header_bytes, self.pass.mapping.keys().len())).transpose()?;
                parts.push(SealedPart { written: part, doubt: None, keys });
                if self.write {
                    files.extend([csv_name(part.part), rows_name(part.part)]);
                    doubts.extend(doubt);
                }
            }
        }
        let doubts = self.all_durable(&files, doubts)?;
        parts.iter_mut().zip(doubts).for_each(|(part, doubt)| part.doubt = Some(doubt));
        Ok(parts)
    }

    /// Makes files and segments durable. Most of it is waiting for the disk, which has more to do at a time where they are large.
    fn all_durable(&self, files: &[String], doubts: Vec<NewSegment>) -> Result<Vec<SegmentRef>, EngineError> {
        let (spool, run) = self.pass.parts.place();
        if self.tally.spread.records() < ROWS_PER_THREAD {
            spool.make_durable(run, files)?;
            return doubts.into_iter().map(NewSegment::commit).collect();
        }
        thread::scope(|scope| {
            let files = scope.spawn(|| spool.make_durable(run, files));
            let doubts = commit_all(doubts);
            joined(files)?;
            doubts
        })
    }
}

impl Found<'_> {
    /// Remembers a row of the model that is not sent.
    fn withhold(&mut self, key: KeyFingerprint, word: u32) -> Result<(), EngineError> {
        self.withheld.as_mut().map_or(Ok(()), |it| it.push(key, word))
    }
}

impl HeldWriter {
    fn finish(self, tripped: Vec<Tripped>) -> Result<Option<HeldRows>, EngineError> {
        let Self { writes, leaving, sum, segment } = self;
        if writes.is_empty() && leaving == 0 {
            return Ok(None);
        }
        Ok(Some(HeldRows { tripped, writes, leaving, sum, segment: segment.map(NewSegment::commit).transpose()? }))
    }
}

impl LocalWriter {
    fn finish(self) -> Result<LocalUpdates, EngineError> {
        Ok(LocalUpdates { updates: self.updates, segment: self.segment.map(NewSegment::commit).transpose()? })
    }
}

/// What a row is that is not sent for the sake of one of its cells.
fn unsendable(record: &Record) -> Outcome {
    let is_skipped = matches!(Why::of_word(record.note), Some(Why::Invalid { problem: CellProblem::NullSkipsRow, .. }));
    Outcome::Withheld { why: if is_skipped { Withheld::Skipped } else { Withheld::Invalid } }
}

fn strike(struck: &mut BTreeMap<u32, Vec<u32>>, place: Option<Place>) {
    if let Some(place) = place {
        struck.entry(place.part).or_default().push(place.row_in_part);
    }
}

/// Rule 4: every row of the source and every entry that was not seen has exactly one outcome.
fn conserve(tally: &Tally, found: &Found<'_>) -> Result<(), EngineError> {
    equal("records spread = records sealed", tally.spread.records(), found.recorded)?;
    let exits: u64 = found.to_send.iter().filter(|(write, _)| write.is_of_exits()).map(|(_, rows)| rows).sum();
    let to_send = found.to_send.values().sum::<u64>() - exits;
    let decided = found.decided.count(Outcome::is_of_source);
    equal("rows read = outcomes of rows", tally.rows, decided + to_send)?;
    let left = found.decided.count(|it| !it.is_of_source());
    equal("entries not seen = outcomes of leaving rows", found.leaving_rows, left + exits)
}

/// Two sums that must agree.
pub(crate) const fn equal(what: &'static str, left: u64, right: u64) -> Result<(), EngineError> {
    if left == right { Ok(()) } else { Err(EngineError::Conservation { what, left, right }) }
}
