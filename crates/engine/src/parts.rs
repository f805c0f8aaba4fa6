//! The files of a run while the pass writes them: rows are encoded once, by whichever thread has read them.

use std::{
    io::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use outflow_baseline::Place;
use outflow_domain::RunId;
use outflow_ports::{Spool, SpoolWriter};

use crate::{
    column_sets::ColumnSets,
    error::EngineError,
    part_files::{PartRow, ROW_BYTES, csv_name, read_private, rows_name},
    split::{Lane, Sizes},
};

/// Most rows of a part, whatever their size: places are counted in 32 bits, and a part is settled in memory of some 30 bytes a row.
pub(crate) const ROWS_MAX: u32 = 1_000_000;

/// Writes parts of bounded size; shared by all threads of the pass.
pub(crate) struct PartsWriter {
    spool: Arc<dyn Spool>,
    run: RunId,
    columns: Arc<ColumnSets>,
    bytes_max: u64,
    sizes: Sizes,
    /// Whether files are written; a plan only counts.
    keep: bool,
    state: Mutex<State>,
}

struct State {
    /// The part being written on each lane, by the lane's number.
    open: Vec<Option<OpenPart>>,
    closed: Vec<WrittenPart>,
    begun: u32,
}

struct OpenPart {
    csv: Option<Box<dyn SpoolWriter>>,
    rows: Option<Box<dyn SpoolWriter>>,
    written: WrittenPart,
}

/// A part as the pass has left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrittenPart {
    /// Its number, from 1.
    pub part: u32,
    /// Its rows.
    pub rows: u32,
    /// Its bytes, header included.
    pub bytes: u64,
    /// Whether its rows were left in doubt by earlier parts, and are sent apart from others.
    pub in_doubt: bool,
    /// Which columns it has, by number.
    pub columns: usize,
}

impl PartsWriter {
    /// Writes files of these column sets and sizes.
    pub fn new(spool: Arc<dyn Spool>, run: RunId, columns: Arc<ColumnSets>, bytes_max: u64, sizes: Sizes, keep: bool) -> Self {
        let state = State { open: Vec::new(), closed: Vec::new(), begun: 0 };
        Self { spool, run, columns, bytes_max, sizes, keep, state: Mutex::new(state) }
    }

    /// Where the files are.
    pub const fn place(&self) -> (&Arc<dyn Spool>, &RunId) {
        (&self.spool, &self.run)
    }

    /// Bytes of the part's first record.
    pub fn header_bytes(&self, part: WrittenPart) -> u64 {
        self.columns.get(part.columns).encoder().header().len() as u64
    }

    /// Appends encoded rows of one lane, whose lengths the rows tell, and gives the place of each.
    pub fn append(&self, lane: Lane, mut csv: &[u8], mut rows: &[PartRow], places: &mut Vec<Place>) -> Result<(), EngineError> {
        let (rows_max, number) = (self.sizes.rows_max(lane.size), self.sizes.number(lane));
        let mut list = Vec::with_capacity(rows.len() * ROW_BYTES);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.open.len() <= number {
            state.open.resize_with(number + 1, || None);
        }
        while !rows.is_empty() {
            let mut part = match state.open[number].take() {
                Some(part) => part,
                None => {
                    state.begun += 1;
                    self.begin(state.begun, lane)?
                }
            };
            let (mut fitting, mut bytes) = (0, 0_usize);
            for row in rows {
                let is_full = part.written.bytes + (bytes as u64) + u64::from(row.bytes) > self.bytes_max
                    || part.written.rows + fitting as u32 == rows_max;
                // A row that is larger than a part still needs one.
                if is_full && part.written.rows + fitting as u32 > 0 {
                    break;
                }
                fitting += 1;
                bytes += row.bytes as usize;
            }
            let (now, later) = rows.split_at(fitting);
            let (csv_now, csv_later) = csv.split_at(bytes);
            let first = part.written.rows;
            places.extend((0..fitting as u32).map(|it| Place { part: part.written.part, row_in_part: first + it }));
            if let (Some(file), Some(file_rows)) = (&mut part.csv, &mut part.rows) {
                file.write_all(csv_now)?;
                list.clear();
                now.iter().try_for_each(|it| it.write_to(&mut list))?;
                file_rows.write_all(&list)?;
            }
            part.written.rows += fitting as u32;
            part.written.bytes += bytes as u64;
            (rows, csv) = (later, csv_later);
            if rows.is_empty() {
                state.open[number] = Some(part);
            } else {
                let part = self.end(part)?;
                state.closed.push(part);
            }
        }
        Ok(())
    }

    fn begin(&self, number: u32, lane: Lane) -> Result<OpenPart, EngineError> {
        let columns = self.columns.get(lane.columns);
        let header = columns.encoder().header();
        let bytes = header.len() as u64;
        let written = WrittenPart { part: number, rows: 0, bytes, in_doubt: lane.is_of_doubt(), columns: lane.columns };
        if !self.keep {
            return Ok(OpenPart { csv: None, rows: None, written });
        }
        let mut csv = self.spool.create(&self.run, &csv_name(number))?;
        csv.write_all(header)?;
        let rows = self.spool.create(&self.run, &rows_name(number))?;
        Ok(OpenPart { csv: Some(csv), rows: Some(rows), written })
    }

    /// Ends a part. It is not made durable yet, as rows may still be struck; but hardly any part has some, and what is on disk already need not be
    /// waited for then.
    fn end(&self, part: OpenPart) -> Result<WrittenPart, EngineError> {
        let OpenPart { csv, rows, written } = part;
        if let (Some(csv), Some(rows)) = (csv, rows) {
            csv.finish(false)?;
            rows.finish(false)?;
            self.spool.write_back(&self.run, &csv_name(written.part));
            self.spool.write_back(&self.run, &rows_name(written.part));
        }
        Ok(written)
    }

    /// Ends the last part of each lane, and tells all that were not told before, by number.
    pub fn finish(&self) -> Result<Vec<WrittenPart>, EngineError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = std::mem::take(&mut state.closed);
        for part in state.open.iter_mut().filter_map(Option::take) {
            parts.push(self.end(part)?);
        }
        parts.sort_unstable_by_key(|it| it.part);
        Ok(parts)
    }
}

/// A part without the rows that were struck from it. Once it is made durable, nothing about it is decided any more.
///
/// `struck` are zero-based rows, ascending. Hardly any part has some; a part without stays the file that the pass has written.
pub(crate) fn without_struck(
    spool: &dyn Spool,
    run: &RunId,
    part: WrittenPart,
    struck: &[u32],
    header_bytes: u64,
) -> Result<WrittenPart, EngineError> {
    let (csv_name, rows_name) = (csv_name(part.part), rows_name(part.part));
    if struck.is_empty() {
        return Ok(part);
    }
    let (csv, rows) = (read_private(spool, run, &csv_name)?, read_private(spool, run, &rows_name)?);
    // Replacing a file that is read through a map leaves the mapped bytes as they are: the name goes, not the bytes.
    let mut new_csv = spool.create(run, &csv_name)?;
    let mut new_rows = spool.create(run, &rows_name)?;
    let (csv, rows) = (csv.as_ref(), rows.as_ref());
    let header_bytes = header_bytes as usize;
    new_csv.write_all(&csv[..header_bytes])?;
    let mut left = WrittenPart { rows: 0, bytes: header_bytes as u64, ..part };
    let mut struck = struck.iter().copied().peekable();
    let mut at = header_bytes;
    for (number, row) in crate::part_files::rows_of(rows).enumerate() {
        let row = row?;
        let end = at + row.bytes as usize;
        if struck.next_if_eq(&(number as u32)).is_none() {
            new_csv.write_all(&csv[at..end])?;
            row.write_to(&mut new_rows)?;
            left.rows += 1;
            left.bytes += u64::from(row.bytes);
        }
        at = end;
    }
    new_csv.finish(false)?;
    new_rows.finish(false)?;
    Ok(left)
}
