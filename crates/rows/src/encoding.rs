//! Rows as bytes to be hashed: equal bytes if and only if the service keeps equal values.
//!
//! A row is the cells of fixed width, in the order of their columns, and then its texts, in theirs:
//!
//! | cell | bytes | blank | otherwise |
//! |---|---|---|---|
//! | Boolean | 1 | 0 | 1 false, 2 true |
//! | Number | 5 | 0 | value + 2³¹ + 1 |
//! | Date | 5 | 0 | seconds on the service's clock since 1753-01-01, + 1 |
//! | Decimal, up to 18 digits | 8 | 0 | units + 10^precision |
//! | Decimal, more digits | 16 | 0 | units + 10^precision |
//! | text | its length + 1 | `FF` | UTF-8, `FF` |
//!
//! Numbers are little-endian. The types of the columns belong to the mapping, so the fixed part needs no lengths; `FF` occurs in no UTF-8, so
//! it ends a text as safely as a length in front of it, in one byte: no two different rows of one mapping have the same bytes.
//!
//! It is written column by column into one buffer per chunk of rows, small enough to stay in the nearest cache.

use std::ops::Range;

use arrow_buffer::NullBuffer;

use crate::{
    batch::{CanonicalColumn, DateKinds, FixedColumn},
    date::{DateKind, FIRST},
    decimal::POWERS,
    folding::{fold_char, trim_end},
    text::{TextColumn, with_texts},
};

/// Ends a text; no byte of UTF-8 is like it.
const END_OF_TEXT: u8 = 0xFF;

/// The bytes of a chunk of rows. Used again for the next chunk, it allocates nothing.
#[derive(Default)]
pub(crate) struct RowBytes {
    bytes: Vec<u8>,
    starts: Vec<u32>,
    /// Where the next cell of each row goes; at last, the end of the row.
    ends: Vec<u32>,
    folded: FoldedTexts,
}

/// Whether texts are those of keys, which are compared folded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    AsTheyAre,
    Folded,
}

impl RowBytes {
    /// Encodes some columns of a chunk of rows.
    pub(crate) fn encode(&mut self, columns: &[CanonicalColumn], rows: Range<usize>, texts: Texts) {
        if texts == Texts::Folded {
            self.folded.fold(columns, rows.clone());
        }
        self.lay_out(columns, rows.clone(), texts);
        let mut offset = 0;
        for column in columns {
            self.put_fixed(column, rows.clone(), offset);
            offset += fixed_width(column);
        }
        let mut folded_column = 0;
        for column in columns {
            let CanonicalColumn::Text(column) = column else { continue };
            if texts == Texts::Folded {
                let folded = std::mem::take(&mut self.folded);
                self.put_texts(rows.len(), |at| folded.get(folded_column, at));
                self.folded = folded;
                folded_column += 1;
            } else {
                with_texts!(column, text => self.put_texts(rows.len(), |at| text(rows.start + at)));
            }
        }
    }

    /// The bytes of each row of the chunk.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.ends.iter();
        self.starts.iter().zip(ends).map(|(start, end)| &self.bytes[*start as usize..*end as usize])
    }

    /// Decides where each row begins, from the lengths of all its cells.
    fn lay_out(&mut self, columns: &[CanonicalColumn], rows: Range<usize>, texts: Texts) {
        let width: usize = columns.iter().map(fixed_width).sum();
        self.ends.clear();
        self.ends.resize(rows.len(), width as u32);
        let mut folded_column = 0;
        for column in columns {
            let CanonicalColumn::Text(column) = column else { continue };
            if texts == Texts::Folded {
                let folded = &self.folded;
                self.ends.iter_mut().enumerate().for_each(|(at, sum)| *sum += folded.get(folded_column, at).len() as u32 + 1);
                folded_column += 1;
            } else {
                with_texts!(column, text => {
                    self.ends.iter_mut().enumerate().for_each(|(at, sum)| *sum += text(rows.start + at).len() as u32 + 1);
                });
            }
        }
        self.starts.clear();
        let mut start = 0_u32;
        for length in &mut self.ends {
            self.starts.push(start);
            let end = start.checked_add(*length).expect("a chunk of rows has less than 4 GiB");
            *length = start + width as u32;
            start = end;
        }
        // Only grown: every byte of every row is written below.
        if self.bytes.len() < start as usize {
            self.bytes.resize(start as usize, 0);
        }
    }

    fn put_fixed(&mut self, column: &CanonicalColumn, rows: Range<usize>, offset: usize) {
        let mut put = Put { starts: &self.starts, offset, bytes: &mut self.bytes };
        match column {
            CanonicalColumn::Text(_) => {}
            CanonicalColumn::Number(numbers) => {
                put.each(numbers, rows, |_, it| five_bytes((i64::from(it) + (1 << 31) + 1) as u64));
            }
            CanonicalColumn::Decimal(it) if it.precision <= 18 => {
                let bias = POWERS[usize::from(it.precision)];
                put.each(&it.units, rows, |_, units| ((units + bias) as u64).to_le_bytes());
            }
            CanonicalColumn::Decimal(it) => {
                let bias = POWERS[usize::from(it.precision.min(38))] as u128;
                put.each(&it.units, rows, |_, units| bias.wrapping_add_signed(units).to_le_bytes());
            }
            CanonicalColumn::Date(dates) => {
                let bytes = |seconds: i64, kind: DateKind| five_bytes((seconds + kind.to_server_clock() - FIRST + 1) as u64);
                match &dates.kinds {
                    DateKinds::All(kind) => put.each(&dates.seconds, rows, |_, it| bytes(it, *kind)),
                    DateKinds::Each(kinds) => put.each(&dates.seconds, rows, |row, it| bytes(it, kinds[row])),
                }
            }
            CanonicalColumn::Boolean { values, nulls } => put.rows(nulls, rows, |row| [1 + u8::from(values.value(row))]),
        }
    }

    fn put_texts<'a>(&mut self, rows: usize, text: impl Fn(usize) -> &'a [u8]) {
        for (at, end) in self.ends[..rows].iter_mut().enumerate() {
            let text = text(at);
            let from = *end as usize;
            let until = from + text.len();
            let slot = &mut self.bytes[from..=until];
            copy(text, slot);
            slot[text.len()] = END_OF_TEXT;
            *end = until as u32 + 1;
        }
    }
}

/// Puts cells of a fixed width at their place in each row.
struct Put<'a> {
    starts: &'a [u32],
    offset: usize,
    bytes: &'a mut [u8],
}

impl Put<'_> {
    fn each<T: arrow_buffer::ArrowNativeType, const N: usize>(
        &mut self,
        column: &FixedColumn<T>,
        rows: Range<usize>,
        bytes: impl Fn(usize, T) -> [u8; N],
    ) {
        let values = &column.values;
        self.rows(&column.nulls, rows, |row| bytes(row, values[row]));
    }

    fn rows<const N: usize>(&mut self, nulls: &Option<NullBuffer>, rows: Range<usize>, bytes: impl Fn(usize) -> [u8; N]) {
        let nulls = nulls.as_ref().filter(|it| it.null_count() > 0);
        for (row, start) in rows.zip(self.starts) {
            let cell = if nulls.is_none_or(|it| it.is_valid(row)) { bytes(row) } else { [0; N] };
            let at = *start as usize + self.offset;
            self.bytes[at..at + N].copy_from_slice(&cell);
        }
    }
}

/// Bytes of a cell whose width does not depend on its value.
fn fixed_width(column: &CanonicalColumn) -> usize {
    match column {
        CanonicalColumn::Text(_) => 0,
        CanonicalColumn::Boolean { .. } => 1,
        CanonicalColumn::Number(_) | CanonicalColumn::Date(_) => 5,
        CanonicalColumn::Decimal(it) if it.precision <= 18 => 8,
        CanonicalColumn::Decimal(_) => 16,
    }
}

fn five_bytes(number: u64) -> [u8; 5] {
    let [a, b, c, d, e, ..] = number.to_le_bytes();
    [a, b, c, d, e]
}

/// Copies `from` to the beginning of `to`. Most texts are shorter than a call of `memcpy` is worth.
fn copy(from: &[u8], to: &mut [u8]) {
    fn both_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
        if let (Some(head), Some(tail)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
            to[..N].copy_from_slice(head);
            to[from.len() - N..from.len()].copy_from_slice(tail);
        }
    }
    match from.len() {
        0 => {}
        1..4 => (0..from.len()).for_each(|at| to[at] = from[at]),
        4..8 => both_ends::<4>(from, to),
        8..=16 => both_ends::<8>(from, to),
        17..=32 => both_ends::<16>(from, to),
        length => to[..length].copy_from_slice(from),
    }
}

/// The folded texts of the key columns of a chunk.
#[derive(Default)]
struct FoldedTexts {
    bytes: Vec<u8>,
    /// Where each text ends, column after column; a zero in front.
    ends: Vec<u32>,
    rows: usize,
}

impl FoldedTexts {
    fn get(&self, column: usize, at: usize) -> &[u8] {
        let index = column * self.rows + at;
        &self.bytes[self.ends[index] as usize..self.ends[index + 1] as usize]
    }

    fn fold(&mut self, columns: &[CanonicalColumn], rows: Range<usize>) {
        self.bytes.clear();
        self.ends.clear();
        self.ends.push(0);
        self.rows = rows.len();
        for column in columns {
            let CanonicalColumn::Text(column) = column else { continue };
            self.fold_column(column, rows.clone());
        }
    }

    fn fold_column(&mut self, column: &TextColumn, rows: Range<usize>) {
        let (bytes, ends) = (self.bytes.len(), self.ends.len());
        with_texts!(column, text => for row in rows.clone() {
            self.bytes.extend_from_slice(trim_end(text(row)));
            self.ends.push(self.bytes.len() as u32);
        });
        let column_bytes = &mut self.bytes[bytes..];
        if column_bytes.is_ascii() {
            return column_bytes.make_ascii_lowercase();
        }
        // Beyond ASCII the folded text may have another length, so the column is written anew, character by character.
        self.bytes.truncate(bytes);
        self.ends.truncate(ends);
        for row in rows {
            let mut utf8 = [0; 4];
            for character in column.get(row).trim_end_matches(' ').chars() {
                self.bytes.extend_from_slice(fold_char(character).encode_utf8(&mut utf8).as_bytes());
            }
            self.ends.push(self.bytes.len() as u32);
        }
    }
}
