//! Which row a receipt speaks of.
//!
//! The service numbers refused rows, and nowhere says from which base, whether the header counts, or whether records or lines are
//! counted. Nothing is assumed: each reading is held against rows that were read back, and a receipt counts only when exactly one fits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use outflow_domain::{FieldName, ImportCounts, KeyFingerprint};
use outflow_ports::{Blob, RefusalList};
use outflow_rows::CsvFile;

use super::observe::Observed;
use crate::{error::EngineError, part_files::PartRow};

/// Refused rows that are read back, with their neighbours, to prove how rows are numbered.
const SAMPLE_MAX: usize = 20;

/// Up to so many rows all are read back at once: it is one call.
const READ_ALL_ROWS: usize = 1000;

/// Refused rows of a receipt, and what is known of their numbers.
pub(super) struct Refusals {
    listed: BTreeMap<u64, (String, Option<FieldName>)>,
    entries: usize,
    rows: usize,
    /// For each reading of the numbers, the row of the part that each listed number means.
    readings: Vec<Reading>,
    /// The reading that fits, the other way round: from the position in the part to the service's number.
    proved: Option<HashMap<usize, u64>>,
}

/// One way to read the numbers: from the service's number to the position in the part.
type Reading = BTreeMap<u64, usize>;

impl Refusals {
    /// No receipt tells rows.
    pub const fn none() -> Self {
        Self { listed: BTreeMap::new(), entries: 0, rows: 0, readings: Vec::new(), proved: None }
    }

    pub fn new(list: RefusalList, csv: Option<Blob>, rows: &[PartRow]) -> Result<Self, EngineError> {
        let entries = list.rows.len();
        let mut listed = BTreeMap::new();
        for it in list.rows {
            listed.entry(it.row).or_insert((it.code, it.field));
        }
        let lines = csv.map(|it| first_lines(it.as_ref(), rows.len())).unwrap_or_default();
        let mut refusals = Self { listed, entries, rows: rows.len(), readings: Vec::new(), proved: None };
        refusals.readings = refusals.all_readings(&lines);
        Ok(refusals)
    }

    /// Every reading under which all listed numbers are rows of the part; equal ones once.
    fn all_readings(&self, lines: &[u64]) -> Vec<Reading> {
        let mut readings = Vec::new();
        for first in 0..=2 {
            // Records: the first data row has the number `first`.
            let record = |number: u64| usize::try_from(number.checked_sub(first)?).ok().filter(|&it| it < self.rows);
            // Lines: a record bears the number of its first line, counted so that the first data row has the number `first`.
            let line = |number: u64| lines.binary_search(&number.checked_sub(first)?).ok();
            let by_records: Option<Reading> = self.listed.keys().map(|&it| Some((it, record(it)?))).collect();
            let by_lines: Option<Reading> = self.listed.keys().map(|&it| Some((it, line(it)?))).collect();
            for reading in [by_records, by_lines].into_iter().flatten() {
                if !readings.contains(&reading) {
                    readings.push(reading);
                }
            }
        }
        readings
    }

    /// Whether the list can be the whole of it: the sums fit, and each error is a row of its own.
    pub fn are_complete(&self, counts: &ImportCounts, rows: u64) -> bool {
        let distinct = self.listed.len() as u64;
        distinct > 0
            && counts.total == rows
            && counts.errors == distinct
            && self.entries as u64 >= distinct
            && counts.successful + counts.errors == rows
            && counts.duplicated == 0
            && counts.restricted == 0
    }

    /// The rows to be read back so that readings can be told apart.
    pub fn sample(&self) -> Vec<usize> {
        if self.rows <= READ_ALL_ROWS {
            return (0..self.rows).collect();
        }
        let of_reading = |reading: &Reading| reading.values().take(SAMPLE_MAX).copied().collect::<Vec<_>>();
        let rows: BTreeSet<usize> = self.readings.iter().flat_map(of_reading).collect();
        rows.into_iter().collect()
    }

    /// Holds each reading against what was read back. True when exactly one fits: every row it names was not applied, every other was.
    pub fn prove(&mut self, rows: &[PartRow], observed: &HashMap<KeyFingerprint, Observed>) -> bool {
        let sample: BTreeSet<usize> = self.sample().into_iter().collect();
        let is_applied = |at: usize| observed.get(&rows[at].key).is_some_and(|it| it.holds(&rows[at]));
        let fits = |reading: &&Reading| {
            let named: BTreeSet<usize> = reading.values().copied().collect();
            sample.iter().all(|&at| is_applied(at) != named.contains(&at))
        };
        let mut fitting = self.readings.iter().filter(fits);
        self.proved = match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only.iter().map(|(&number, &at)| (at, number)).collect()),
            _ => None,
        };
        self.proved.is_some()
    }

    /// After everything was read back: takes the reading whose rows are all among those that were not applied, if it is the only one. It
    /// only lends the codes; what became of each row is known from reading.
    pub fn match_observed(&mut self, rows: &[PartRow], observed: &HashMap<KeyFingerprint, Observed>) {
        let is_applied = |at: usize| observed.get(&rows[at].key).is_some_and(|it| it.holds(&rows[at]));
        let mut fitting = self.readings.iter().filter(|reading| !reading.is_empty() && reading.values().all(|&at| !is_applied(at)));
        self.proved = match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only.iter().map(|(&number, &at)| (at, number)).collect()),
            _ => None,
        };
    }

    /// The service's number of a row of the part, if the receipt names it.
    pub fn of_row(&self, at: usize) -> Option<u64> {
        self.proved.as_ref()?.get(&at).copied()
    }

    /// The service's code for a row of the part, if the receipt names it.
    pub fn code(&self, at: usize) -> Option<(String, Option<FieldName>)> {
        self.listed.get(&self.of_row(at)?).cloned()
    }
}

/// For each data record the number of physical lines before it, not counting the header.
fn first_lines(csv: &[u8], rows: usize) -> Vec<u64> {
    let mut lines = Vec::with_capacity(rows);
    let mut file = CsvFile::new(csv);
    let Some(Ok(_)) = file.next() else { return lines };
    let header_end = file.position();
    let (mut at, mut line) = (header_end, 0);
    while let Some(Ok(_)) = file.next() {
        lines.push(line);
        line += csv[at..file.position()].iter().filter(|&&it| it == b'\n').count() as u64;
        at = file.position();
    }
    lines
}
