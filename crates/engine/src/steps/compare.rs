//! Reads the model once and asks the baseline about every row: what is news is encoded and recorded.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use futures::StreamExt;
use outflow_baseline::{Place, Presence, Probe, Record, RecordKind, Spread, Spreader, Way};
use outflow_domain::{CellProblem, CellWarning, InsertMode, KeyFingerprint, MappedField, Mapping, RowFingerprint, RunId, WhenNull, Write};
use outflow_ports::{BatchStream, History, Progress, ProgressSink, Spool};
use outflow_rows::{CanonicalBatch, Canonicalizer, Cell, LongestText, Scheme, fingerprints, mask, wide_keys};

use crate::{
    alike::WideKeys,
    buckets::Buckets,
    column_sets::ColumnSets,
    error::EngineError,
    exits::Exits,
    history::Why,
    known::{Known, Verdict},
    part_files::{PartRow, RowMark},
    parts::PartsWriter,
    split::{Lane, Sizes},
    trail::Guidance,
};

/// Masked examples kept for each kind of problem, and of warning.
const EXAMPLES_MAX: usize = 3;

/// Everything the threads of a pass share.
pub(crate) struct Pass {
    pub activation: String,
    pub mapping: Mapping,
    pub scheme: Scheme,
    pub known: Known,
    pub guidance: Guidance,
    pub rebase: Option<Rebase>,
    /// Which columns files have.
    pub columns: Arc<ColumnSets>,
    pub buckets: Buckets,
    pub parts: PartsWriter,
    /// How rows that leave are flagged, where they are.
    pub exits: Option<Exits>,
    /// Where rows that are not sent are remembered.
    pub history: Arc<dyn History>,
    pub progress: Arc<dyn ProgressSink>,
    pub rows_read: AtomicU64,
    pub rows_sent: AtomicU64,
    /// What a plan writes: not removed before the last thread of a pass that was given up has let go of it.
    #[expect(dead_code, reason = "kept for its end alone")]
    pub plans_files: Option<Arc<PrivateFiles>>,
}

/// Private files of a plan, which go with their last user.
pub(crate) struct PrivateFiles {
    pub spool: Arc<dyn Spool>,
    pub run: RunId,
}

impl Drop for PrivateFiles {
    fn drop(&mut self) {
        // A plan that came to its end has removed them already, and told if it could not.
        if let Err(error) = self.spool.remove_run(&self.run) {
            tracing::warn!(run = %self.run, "private files of a plan are left behind, until the next run removes them: {error}");
        }
    }
}

/// How rows are recognised whose baseline was written under another mapping: one pass computes both fingerprints.
pub(crate) struct Rebase {
    /// The mapping the baseline is written under, its fields filled as the new mapping fills them: a row is unchanged when the values it is
    /// to have now are those that were confirmed.
    pub old: Mapping,
    /// The new mapping's fields that the old one did not have.
    pub added: Vec<AddedField>,
    /// Positions in the new mapping's fields of those whose blanks clear what they have left as it was.
    pub cleared: Vec<usize>,
}

/// A field that a rebase has added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AddedField {
    /// Its position in the new mapping's fields.
    pub at: usize,
    /// Whether a blank there needs sending: not where it would be kept, nor in a column that this run creates.
    pub needs_blank: bool,
}

impl AddedField {
    pub fn new(at: usize, field: &MappedField) -> Self {
        Self { at, needs_blank: field.field_id.is_some() && field.when_null != WhenNull::Keep }
    }
}

/// What must be sent of a row that is unchanged under the old mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// The added fields, as all else is there as it was confirmed.
    Added,
    All,
}

/// Positions of the fields of which a narrow file consists: the key, and what a rebase has added.
///
/// Only where rows are updated and never inserted: a narrow row whose key is gone must not make a row of its own. In insert mode that would
/// take reading every such row back, where the counts of whole rows prove them.
pub(crate) fn narrow_fields(mapping: &Mapping, insert: InsertMode, rebase: Option<&Rebase>) -> Option<Vec<usize>> {
    let added = rebase.filter(|_| insert == InsertMode::UpdateOnly).map(|it| &it.added)?;
    let is_some_of_them = !added.is_empty() && added.len() < mapping.values().len();
    is_some_of_them.then(|| (0..mapping.keys().len()).chain(added.iter().map(|it| it.at)).collect())
}

/// What a pass has counted; adds up over threads.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Rows read.
    pub rows: u64,
    /// Unchanged rows that were not recorded.
    pub unchanged: u64,
    /// Invalid rows without a usable key, which are not recorded.
    pub invalid_unrecorded: u64,
    /// Cells with problems, by field and problem, with masked examples.
    pub problems: BTreeMap<(u16, CellProblem), Examples>,
    /// Cells that are sent and may be refused, by field and warning, with masked examples.
    pub warnings: BTreeMap<(u16, CellWarning), Examples>,
    /// Keys that a wider comparison would take for others.
    pub wide_keys: WideKeys,
    /// Records by bucket.
    pub spread: Spread,
    /// Longest texts of columns yet to be created.
    pub longest: LongestText,
}

/// How many rows, and a few of them, masked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examples {
    /// All rows.
    pub rows: u64,
    /// Masked key and masked value of some.
    pub masked: Vec<(String, String)>,
}

impl Examples {
    /// Counts a row; `masked` makes an example of it where there is room for one.
    fn add(&mut self, masked: impl FnOnce() -> (String, String)) {
        self.rows += 1;
        if self.masked.len() < EXAMPLES_MAX {
            self.masked.push(masked());
        }
    }

    fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        let room = EXAMPLES_MAX.saturating_sub(self.masked.len());
        self.masked.extend(other.masked.into_iter().take(room));
    }
}

impl Tally {
    fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.unchanged += other.unchanged;
        self.invalid_unrecorded += other.invalid_unrecorded;
        for (problem, examples) in other.problems {
            self.problems.entry(problem).or_default().merge(examples);
        }
        for (warning, examples) in other.warnings {
            self.warnings.entry(warning).or_default().merge(examples);
        }
        self.wide_keys.merge(other.wide_keys);
        self.spread.add(&other.spread);
        self.longest.merge(&other.longest);
    }

    /// Adds up what the threads have counted.
    pub fn sum(tallies: Vec<Self>) -> Self {
        let mut sum = Self::default();
        tallies.into_iter().for_each(|it| sum.merge(it));
        sum
    }
}

/// Reads one partition to its end.
///
/// # Errors
/// The first error of the source ends the pass: nothing has left the model and there is no plan.
pub(crate) async fn partition(pass: Arc<Pass>, schema: SchemaRef, mut batches: BatchStream) -> Result<Tally, EngineError> {
    let mut worker = Worker::new(&pass, &schema)?;
    while let Some(batch) = batches.next().await {
        worker.take(&batch?)?;
        let rows = pass.rows_read.fetch_add(worker.batch_rows, Ordering::Relaxed) + worker.batch_rows;
        let candidates = pass.rows_sent.load(Ordering::Relaxed);
        pass.progress.show(&pass.activation, Progress::Comparing { rows, candidates });
    }
    worker.finish()
}

struct Worker<'p> {
    pass: &'p Pass,
    way: Way<'p>,
    canonicalizer: Canonicalizer,
    old_canonicalizer: Option<Canonicalizer>,
    /// The numbers of column sets that were asked for before: of narrow rows or not, and of such as keep these fields.
    column_sets: Vec<(bool, Vec<u64>, usize)>,
    spreader: Spreader<'p, Buckets>,
    tally: Tally,
    batch_rows: u64,
    // Buffers kept from batch to batch.
    keys: Vec<KeyFingerprint>,
    rows: Vec<RowFingerprint>,
    old_rows: Vec<RowFingerprint>,
    old_keys: Vec<KeyFingerprint>,
    probed_keys: Vec<KeyFingerprint>,
    probed_rows: Vec<RowFingerprint>,
    probes: Vec<Probe>,
    /// By the number of their lane.
    to_send: Vec<ToSend>,
    csv: Vec<u8>,
    lengths: Vec<u32>,
    places: Vec<Place>,
}

/// Rows of a batch that are to be sent on one lane.
#[derive(Default)]
struct ToSend {
    rows: Vec<u32>,
    records: Vec<Record>,
    part_rows: Vec<PartRow>,
}

impl<'p> Worker<'p> {
    fn new(pass: &'p Pass, schema: &SchemaRef) -> Result<Self, EngineError> {
        let unfit = |it: outflow_rows::UnfitBatch| EngineError::UnfitBatch(it.to_string());
        Ok(Self {
            pass,
            way: pass.guidance.way(),
            canonicalizer: Canonicalizer::new(&pass.mapping, schema).map_err(unfit)?,
            old_canonicalizer: pass.rebase.as_ref().map(|it| Canonicalizer::new(&it.old, schema)).transpose().map_err(unfit)?,
            column_sets: Vec::new(),
            spreader: Spreader::new(&pass.buckets),
            tally: Tally::default(),
            batch_rows: 0,
            keys: Vec::new(),
            rows: Vec::new(),
            old_rows: Vec::new(),
            old_keys: Vec::new(),
            probed_keys: Vec::new(),
            probed_rows: Vec::new(),
            probes: Vec::new(),
            to_send: Vec::new(),
            csv: Vec::new(),
            lengths: Vec::new(),
            places: Vec::new(),
        })
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<(), EngineError> {
        let canonical = self.canonicalizer.canonicalize(batch);
        self.batch_rows = canonical.rows() as u64;
        self.tally.rows += self.batch_rows;
        self.tally.longest.merge(canonical.longest_text());
        self.keys.clear();
        self.rows.clear();
        fingerprints(&canonical, &self.pass.scheme, &mut self.keys, &mut self.rows);
        self.note_wide_keys(&canonical);
        if let Some(old) = &self.old_canonicalizer {
            self.old_keys.clear();
            self.old_rows.clear();
            fingerprints(&old.canonicalize(batch), &self.pass.scheme, &mut self.old_keys, &mut self.old_rows);
        }
        if canonical.problems().is_empty() {
            self.take_valid(&canonical)?;
        } else {
            self.note_problems(&canonical, batch);
            self.take_mixed(&canonical)?;
        }
        self.pass.guidance.take(&mut self.way);
        self.send(&canonical)
    }

    /// The common case: every row has a key and can be sent.
    fn take_valid(&mut self, canonical: &CanonicalBatch) -> Result<(), EngineError> {
        let probed = if self.old_canonicalizer.is_some() { &self.old_rows } else { &self.rows };
        self.pass.known.baseline.probe_along(&mut self.way, &self.keys, probed, &mut self.probes);
        let trusts_all = self.pass.known.trusts_all_entries() && self.pass.rebase.is_none();
        for row in 0..canonical.rows() {
            match self.probes[row] {
                // As [`Known::judge`] would find; most rows of most runs are such.
                probe @ Probe::Same { state, again: false } if trusts_all && state.presence == Presence::Present => {
                    debug_assert_eq!(self.pass.known.judge(self.keys[row], self.rows[row], &probe), Verdict::Unchanged);
                    self.tally.unchanged += 1;
                }
                probe => self.judge(canonical, row, probe)?,
            }
        }
        Ok(())
    }

    /// Rows without a usable key are nowhere and ask nothing; invalid rows with one keep their key in the model.
    fn take_mixed(&mut self, canonical: &CanonicalBatch) -> Result<(), EngineError> {
        let probed = if self.old_canonicalizer.is_some() { &self.old_rows } else { &self.rows };
        let usable: Vec<usize> = (0..canonical.rows()).filter(|&row| canonical.has_usable_key(row)).collect();
        self.probed_keys.clear();
        self.probed_rows.clear();
        self.probed_keys.extend(usable.iter().map(|&row| self.keys[row]));
        self.probed_rows.extend(usable.iter().map(|&row| probed[row]));
        self.tally.invalid_unrecorded += (canonical.rows() - usable.len()) as u64;
        let mut probes = std::mem::take(&mut self.probes);
        self.pass.known.baseline.probe_along(&mut self.way, &self.probed_keys, &self.probed_rows, &mut probes);
        for (&row, probe) in usable.iter().zip(&probes) {
            if canonical.is_valid(row) {
                self.judge(canonical, row, *probe)?;
            } else {
                let first = || canonical.problems_of(row).first().map(|it| (it.field, it.problem));
                let skips = canonical.skipped_by(row).map(|it| (it, CellProblem::NullSkipsRow));
                self.record_unsendable(row, skips.or_else(first), probe)?;
            }
        }
        self.probes = probes;
        Ok(())
    }

    #[inline]
    fn judge(&mut self, canonical: &CanonicalBatch, row: usize, probe: Probe) -> Result<(), EngineError> {
        let known = &self.pass.known;
        match known.judge(self.keys[row], self.rows[row], &probe) {
            Verdict::Unchanged if self.pass.rebase.is_none() => {
                self.tally.unchanged += 1;
                Ok(())
            }
            Verdict::Unchanged | Verdict::UnchangedRecorded => {
                let needs = self.pass.rebase.as_ref().map_or(Needs::Nothing, |it| it.needs(canonical, row));
                if needs == Needs::Nothing {
                    return self.record(row, RecordKind::Unchanged, &probe);
                }
                let is_narrow = needs == Needs::Added && self.pass.columns.has_narrow();
                let Some(columns) = self.columns_of(is_narrow, canonical.kept(row)) else { return Ok(()) };
                let lane = Lane { size: Sizes::USUAL, columns };
                self.send_later(row, known.write(self.keys[row], true), RecordKind::Changed, &probe, lane)
            }
            Verdict::Send(write) => {
                let kept = canonical.kept(row);
                if write == Write::Insert
                    && let Some(field) = self.pass.columns.required_of(kept)
                {
                    return self.leave_out(canonical, row, field, &probe);
                }
                let kind = if matches!(probe, Probe::Absent) { RecordKind::New } else { RecordKind::Changed };
                let Some(columns) = self.columns_of(false, kept) else { return Ok(()) };
                let lane = Lane { size: known.size_of(self.keys[row]), columns };
                self.send_later(row, write, kind, &probe, lane)
            }
            Verdict::RememberedRefusal | Verdict::NotInDestination => self.record(row, RecordKind::Withheld, &probe),
        }
    }

    fn new_record(&self, row: usize, kind: RecordKind, probe: &Probe) -> Record {
        // Under a rebase the baseline's fingerprint is of the old mapping; the record is of the new one throughout.
        let old = probe.old(if self.pass.rebase.is_some() { self.old_rows[row] } else { self.rows[row] });
        Record { key: self.keys[row], row: self.rows[row], kind, again: probe.again(), old, place: None, note: 0 }
    }

    fn record(&mut self, row: usize, kind: RecordKind, probe: &Probe) -> Result<(), EngineError> {
        let record = self.new_record(row, kind, probe);
        Ok(self.spreader.push(&record)?)
    }

    /// A row that is not sent, for the sake of one of its cells. What is wrong with it is found again by whoever asks for such rows.
    fn record_unsendable(&mut self, row: usize, why: Option<(u16, CellProblem)>, probe: &Probe) -> Result<(), EngineError> {
        let note = why.map_or(0, |(field, problem)| Why::Invalid { field, problem }.word());
        let record = Record { note, ..self.new_record(row, RecordKind::Invalid, probe) };
        Ok(self.spreader.push(&record)?)
    }

    /// A new row without a field that it needs: there is nothing to be kept yet.
    #[cold]
    fn leave_out(&mut self, canonical: &CanonicalBatch, row: usize, field: usize, probe: &Probe) -> Result<(), EngineError> {
        let why = (field as u16, CellProblem::NullRequired);
        self.tally.problems.entry(why).or_default().add(|| (masked_key(canonical, row), mask("")));
        self.record_unsendable(row, Some(why), probe)
    }

    /// The number of the column set of a row that keeps these fields; `None` where there are more than may be, so that the run is refused once all
    /// rows are read.
    #[inline]
    fn columns_of(&mut self, is_narrow: bool, kept: &[u64]) -> Option<usize> {
        if !is_narrow && kept.is_empty() {
            return Some(ColumnSets::WHOLE);
        }
        if let Some((_, _, number)) = self.column_sets.iter().find(|it| it.0 == is_narrow && it.1 == kept) {
            return Some(*number);
        }
        let number = self.pass.columns.number(is_narrow, kept)?;
        self.column_sets.push((is_narrow, kept.to_vec(), number));
        Some(number)
    }

    fn send_later(&mut self, row: usize, write: Write, kind: RecordKind, probe: &Probe, lane: Lane) -> Result<(), EngineError> {
        let record = self.new_record(row, kind, probe);
        let mark = RowMark { write, origin: self.pass.known.origin(write, record.old) };
        let number = self.pass.known.sizes.number(lane);
        if self.to_send.len() <= number {
            self.to_send.resize_with(number + 1, ToSend::default);
        }
        let lane = &mut self.to_send[number];
        lane.rows.push(row as u32);
        lane.part_rows.push(PartRow { key: record.key, row: record.row, mark, bytes: 0 });
        lane.records.push(record);
        Ok(())
    }

    /// Encodes what is to be sent, once, and records where each row lies.
    fn send(&mut self, canonical: &CanonicalBatch) -> Result<(), EngineError> {
        for (number, lane) in self.to_send.iter_mut().enumerate().filter(|(_, it)| !it.rows.is_empty()) {
            self.csv.clear();
            self.lengths.clear();
            self.places.clear();
            let at = self.pass.known.sizes.lane(number);
            let columns = self.pass.columns.get(at.columns);
            columns.encoder().encode(canonical, &lane.rows, &mut self.csv, &mut self.lengths);
            columns.warning_rules().look_at(canonical, &lane.rows, |row, field, warning| {
                let cell = |field: usize| masked_cell(canonical.cell(row as usize, field));
                let example = || (masked_key(canonical, row as usize), cell(usize::from(field)));
                self.tally.warnings.entry((field, warning)).or_default().add(example);
            });
            for (row, &bytes) in lane.part_rows.iter_mut().zip(&self.lengths) {
                row.bytes = bytes;
            }
            self.pass.parts.append(at, &self.csv, &lane.part_rows, &mut self.places)?;
            for (record, place) in lane.records.iter().zip(&self.places) {
                self.spreader.push(&Record { place: Some(*place), ..*record })?;
            }
            self.pass.rows_sent.fetch_add(lane.rows.len() as u64, Ordering::Relaxed);
            lane.rows.clear();
            lane.records.clear();
            lane.part_rows.clear();
        }
        Ok(())
    }

    fn note_problems(&mut self, canonical: &CanonicalBatch, batch: &RecordBatch) {
        for problem in canonical.problems() {
            let is_told = match canonical.skipped_by(problem.row as usize) {
                // Whatever else is wrong with a row that is skipped is no matter.
                Some(field) => problem.problem == CellProblem::NullSkipsRow && problem.field == field,
                None => problem.problem != CellProblem::NullSkipsRow,
            };
            if !is_told {
                continue;
            }
            let example = || (masked_key(canonical, problem.row as usize), self.canonicalizer.masked_example(batch, problem));
            self.tally.problems.entry((problem.field, problem.problem)).or_default().add(example);
        }
    }

    /// Of all rows and not of news alone: the row of a key may be unchanged, and the one that is taken for it new.
    fn note_wide_keys(&mut self, canonical: &CanonicalBatch) {
        wide_keys(canonical, &self.pass.scheme, &self.keys, |row, wide| {
            if canonical.has_usable_key(row as usize) {
                self.tally.wide_keys.add(wide, self.keys[row as usize], || masked_key(canonical, row as usize));
            }
        });
    }

    fn finish(self) -> Result<Tally, EngineError> {
        let Self { pass, mut way, mut tally, spreader, .. } = self;
        pass.guidance.take_all(&mut way);
        tally.spread = spreader.finish()?;
        Ok(tally)
    }
}

impl Rebase {
    /// What must be sent of a row that is unchanged under the old mapping.
    fn needs(&self, canonical: &CanonicalBatch, row: usize) -> Needs {
        let is_blank = |field: usize| canonical.cell(row, field) == Cell::Blank;
        if self.cleared.iter().any(|it| is_blank(*it)) {
            Needs::All
        } else if self.added.iter().any(|it| it.needs_blank || !is_blank(it.at)) {
            Needs::Added
        } else {
            Needs::Nothing
        }
    }
}

/// The key of a row, as a report may show it.
pub(crate) fn masked_key(canonical: &CanonicalBatch, row: usize) -> String {
    (0..canonical.keys().len()).map(|field| masked_cell(canonical.cell(row, field))).collect::<Vec<_>>().join(" ")
}

fn masked_cell(cell: Cell<'_>) -> String {
    match cell {
        Cell::Blank => mask(""),
        Cell::Text(text) => mask(text),
        Cell::Number(number) => mask(&number.to_string()),
        Cell::Decimal { units, scale } => mask(&format!("{units}e-{scale}")),
        Cell::Date(_) => String::from("(date)"),
        Cell::Boolean(_) => String::from("(boolean)"),
    }
}
