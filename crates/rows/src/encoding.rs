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
//! Zeros fill a row up to whole words of 8 bytes: no text has any behind its `FF`, and a hash reads whole words at once.
//!
//! It is written column by column into one buffer per chunk of rows, small enough to stay in the nearest cache.

use std::ops::Range;

use arrow_array::{Array, StringArray, StringViewArray};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use arrow_data::ByteView;

use crate::{
    batch::{CanonicalColumn, DateKinds, FixedColumn},
    date::{DateKind, FIRST},
    decimal::POWERS,
    folding::{fold_text, trim_end},
    text::{TextColumn, with_texts},
};

/// Ends a text; no byte of UTF-8 is like it.
const END_OF_TEXT: u8 = 0xFF;
/// Texts are copied in pieces of this many bytes, whatever their length, as that is quicker than to be exact.
const PIECE: usize = 32;
/// Free bytes behind each row, so that the last piece of one row never touches the next.
const SLACK: usize = PIECE + 8;

/// The bytes of a chunk of rows. Used again for the next chunk, it allocates nothing.
#[derive(Default)]
pub(crate) struct RowBytes {
    bytes: Vec<u8>,
    starts: Vec<u32>,
    /// Where the next cell of each row goes; at last, the end of the row.
    ends: Vec<u32>,
}

impl RowBytes {
    /// Encodes some columns of a chunk of rows, each value as it is.
    pub(crate) fn encode(&mut self, columns: &[CanonicalColumn], rows: Range<usize>) {
        let width = self.begin(columns, rows.len());
        for texts in texts_of(columns) {
            match texts {
                TextColumn::Views(views) => {
                    let lengths = &views.views()[rows.clone()];
                    match views.nulls().filter(|it| it.null_count() > 0) {
                        None => self.add_lengths(|at| lengths[at] as u32 as usize),
                        Some(nulls) => self.add_lengths(|at| if nulls.is_valid(rows.start + at) { lengths[at] as u32 as usize } else { 0 }),
                    }
                }
                _ => with_texts!(texts, text => self.add_lengths(|at| text(rows.start + at).len())),
            }
        }
        self.lay_out(width);
        self.put_all_fixed(columns, rows.clone());
        for texts in texts_of(columns) {
            match texts {
                TextColumn::Views(views) => self.put_views(views, rows.clone()),
                TextColumn::Small(small) => self.put_small(small, rows.clone()),
                TextColumn::Large(_) => with_texts!(texts, text => self.put_texts(|at| text(rows.start + at))),
            }
        }
        self.pad();
    }

    /// Encodes the key columns of a chunk of rows as the service compares them: texts folded and without trailing spaces.
    pub(crate) fn encode_folded(&mut self, columns: &[CanonicalColumn], rows: Range<usize>) {
        let width = self.begin(columns, rows.len());
        let mut is_ascii = true;
        for texts in texts_of(columns) {
            with_texts!(texts, text => self.add_lengths(|at| {
                let text = trim_end(text(rows.start + at));
                is_ascii &= text.is_ascii();
                text.len()
            }));
        }
        if !is_ascii {
            return self.encode_folded_characters(columns, rows);
        }
        self.lay_out(width);
        self.put_all_fixed(columns, rows.clone());
        for texts in texts_of(columns) {
            with_texts!(texts, text => self.put_texts(|at| trim_end(text(rows.start + at))));
        }
        if width == 0 {
            // Nothing but texts, their ends and what lies between rows: one sweep does it.
            self.bytes.make_ascii_lowercase();
        } else {
            for (start, end) in self.starts.iter().zip(&self.ends) {
                self.bytes[*start as usize + width..*end as usize].make_ascii_lowercase();
            }
        }
        self.pad();
    }

    /// Beyond ASCII a folded text may have another length, so folding comes first.
    fn encode_folded_characters(&mut self, columns: &[CanonicalColumn], rows: Range<usize>) {
        let width = self.begin(columns, rows.len());
        let folded: Vec<Vec<String>> = texts_of(columns).map(|texts| rows.clone().map(|row| fold_text(texts.get(row))).collect()).collect();
        for texts in &folded {
            self.add_lengths(|at| texts[at].len());
        }
        self.lay_out(width);
        self.put_all_fixed(columns, rows);
        for texts in &folded {
            self.put_texts(|at| texts[at].as_bytes());
        }
        self.pad();
    }

    /// The bytes of each row, in whole words.
    pub(crate) fn rows(&self) -> impl ExactSizeIterator<Item = &[[u8; 8]]> {
        self.starts.iter().zip(&self.ends).map(|(start, end)| self.bytes[*start as usize..*end as usize].as_chunks().0)
    }

    fn begin(&mut self, columns: &[CanonicalColumn], rows: usize) -> usize {
        let width: usize = columns.iter().map(fixed_width).sum();
        self.ends.clear();
        self.ends.resize(rows, width as u32);
        width
    }

    fn add_lengths(&mut self, mut length: impl FnMut(usize) -> usize) {
        self.ends.iter_mut().enumerate().for_each(|(at, sum)| *sum += length(at) as u32 + 1);
    }

    /// Decides where each row begins, from the lengths of all.
    fn lay_out(&mut self, width: usize) {
        self.starts.clear();
        let mut start = 0_u32;
        for length in &mut self.ends {
            self.starts.push(start);
            let end = start.checked_add(*length + SLACK as u32).expect("a chunk of rows has less than 4 GiB");
            *length = start + width as u32;
            start = end;
        }
        // Only grown: every byte of every row is written afterwards.
        if self.bytes.len() < start as usize {
            self.bytes.resize(start as usize, 0);
        }
    }

    fn put_all_fixed(&mut self, columns: &[CanonicalColumn], rows: Range<usize>) {
        let mut offset = 0;
        for column in columns {
            self.put_fixed(column, rows.clone(), offset);
            offset += fixed_width(column);
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
                let bias = POWERS[usize::from(it.precision)] as u64;
                put.each(&it.units, rows, |_, units| (units as u64).wrapping_add(bias).to_le_bytes());
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

    fn put_texts<'a>(&mut self, text: impl Fn(usize) -> &'a [u8]) {
        for (at, end) in self.ends.iter_mut().enumerate() {
            *end += put_text(text(at), &mut self.bytes[*end as usize..]);
        }
    }

    /// Views carry texts of up to twelve bytes in themselves: those are put with one store each.
    fn put_views(&mut self, texts: &StringViewArray, rows: Range<usize>) {
        let nulls = texts.nulls().filter(|it| it.null_count() > 0);
        let views = &texts.views()[rows.clone()];
        for ((row, view), end) in rows.zip(views).zip(&mut self.ends) {
            let slot = &mut self.bytes[*end as usize..];
            let length = *view as u32;
            if nulls.is_some_and(|it| it.is_null(row)) {
                *end += put_text(&[], slot);
            } else if length <= 12 {
                slot[..16].copy_from_slice(&(view >> 32).to_le_bytes());
                slot[length as usize] = END_OF_TEXT;
                *end += length + 1;
            } else {
                let view = ByteView::from(*view);
                let behind = &texts.data_buffers()[view.buffer_index as usize][view.offset as usize..];
                *end += put_text_of(behind, view.length as usize, slot);
            }
        }
    }

    fn put_small(&mut self, texts: &StringArray, rows: Range<usize>) {
        let nulls = texts.nulls().filter(|it| it.null_count() > 0);
        let (offsets, data) = (&texts.value_offsets()[rows.start..=rows.end], texts.value_data());
        for ((row, pair), end) in rows.zip(offsets.windows(2)).zip(&mut self.ends) {
            let length = if nulls.is_some_and(|it| it.is_null(row)) { 0 } else { (pair[1] - pair[0]) as usize };
            *end += put_text_of(&data[pair[0] as usize..], length, &mut self.bytes[*end as usize..]);
        }
    }

    /// Fills each row up to whole words.
    fn pad(&mut self) {
        for (start, end) in self.starts.iter().zip(&mut self.ends) {
            self.bytes[*end as usize..][..8].fill(0);
            *end = start + (*end - start).next_multiple_of(8);
        }
    }
}

/// Puts a text and its end; gives their length. The text is the beginning of `behind`, and what follows it there does no harm.
#[inline(always)]
fn put_text_of(behind: &[u8], length: usize, slot: &mut [u8]) -> u32 {
    match behind.first_chunk::<PIECE>() {
        Some(piece) if length <= PIECE => {
            slot[..PIECE].copy_from_slice(piece);
            slot[length] = END_OF_TEXT;
            length as u32 + 1
        }
        _ => put_text(&behind[..length], slot),
    }
}

/// Puts a text and its end; gives their length.
fn put_text(text: &[u8], slot: &mut [u8]) -> u32 {
    fn both_ends<const N: usize>(text: &[u8], slot: &mut [u8]) {
        if let (Some(head), Some(tail)) = (text.first_chunk::<N>(), text.last_chunk::<N>()) {
            slot[..N].copy_from_slice(head);
            slot[text.len() - N..text.len()].copy_from_slice(tail);
        }
    }
    match text.len() {
        0 => {}
        1..4 => (0..text.len()).for_each(|at| slot[at] = text[at]),
        4..8 => both_ends::<4>(text, slot),
        8..=16 => both_ends::<8>(text, slot),
        17..=32 => both_ends::<16>(text, slot),
        length => slot[..length].copy_from_slice(text),
    }
    slot[text.len()] = END_OF_TEXT;
    text.len() as u32 + 1
}

fn texts_of(columns: &[CanonicalColumn]) -> impl Iterator<Item = &TextColumn> {
    columns.iter().filter_map(|it| if let CanonicalColumn::Text(texts) = it { Some(texts) } else { None })
}

/// Puts cells of a fixed width at their place in each row.
struct Put<'a> {
    starts: &'a [u32],
    offset: usize,
    bytes: &'a mut [u8],
}

impl Put<'_> {
    fn each<T: ArrowNativeType, const N: usize>(
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
