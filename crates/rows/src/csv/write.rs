//! Writing files.

use outflow_domain::Mapping;

use crate::batch::{CanonicalBatch, CanonicalColumn, Cell, is_set};
use crate::decimal::write_decimal;
use crate::text::has_quote;

/// Writes rows in the one dialect of our files.
#[derive(Clone, Debug)]
pub struct CsvEncoder {
    header: Vec<u8>,
    /// Positions of the fields that are written, in order.
    fields: Vec<usize>,
}

impl CsvEncoder {
    /// Prepares the header: the fields in the order of `Mapping::fields`, spelled as the service spells them.
    #[must_use]
    pub fn new(mapping: &Mapping) -> Self {
        Self::of_fields(mapping, (0..mapping.fields().count()).collect())
    }

    /// Writes some of the fields alone, by their positions in `Mapping::fields`.
    #[must_use]
    pub fn of_fields(mapping: &Mapping, fields: Vec<usize>) -> Self {
        let mut header = Vec::new();
        let written = mapping.fields().enumerate().filter(|(at, _)| fields.contains(at));
        for (written, (_, mapped)) in written.enumerate() {
            if written > 0 {
                header.push(b',');
            }
            let name = mapped.field.as_str().as_bytes();
            // Names are bare wherever they can be: quotes in a header are the likeliest thing to be taken for part of a name.
            if name.iter().any(|it| matches!(it, b',' | b'"')) {
                write_text(name, &mut header);
            } else {
                header.extend_from_slice(name);
            }
        }
        header.push(b'\n');
        Self { header, fields }
    }

    /// The first record of each file, with its line break.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Appends the records of the selected rows to `out`, and to `lengths` the bytes of each, line break included.
    ///
    /// Rows with problems are not for files; one that is selected nevertheless is written with blanks where cells could not be converted.
    ///
    /// # Panics
    /// If a selected row is not in the batch.
    pub fn encode(&self, batch: &CanonicalBatch, rows: &[u32], out: &mut Vec<u8>, lengths: &mut Vec<u32>) {
        lengths.reserve(rows.len());
        let columns: Vec<&CanonicalColumn> = self.fields.iter().map(|&at| &batch.columns()[at]).collect();
        for &row in rows {
            let before = out.len();
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_cell(column, row as usize, out);
            }
            out.push(b'\n');
            lengths.push((out.len() - before) as u32);
        }
    }
}

impl CanonicalBatch {
    /// One value in the spelling of our files, for a person; `None` for a blank.
    ///
    /// # Panics
    /// If there is no such row or field.
    #[must_use]
    pub fn text(&self, row: usize, field: usize) -> Option<String> {
        // Not by `write_cell`: with a second caller it would no longer be inlined into the loop that writes files.
        let mut text = Vec::new();
        match self.cell(row, field) {
            Cell::Blank => return None,
            Cell::Text(text) => return Some(text.to_owned()),
            Cell::Number(number) => return Some(number.to_string()),
            Cell::Boolean(it) => return Some(if it { "True" } else { "False" }.to_owned()),
            Cell::Decimal { units, scale } => write_decimal(units, scale, &mut text),
            Cell::Date(date) => date.write(&mut text),
        }
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}

fn write_cell(column: &CanonicalColumn, row: usize, out: &mut Vec<u8>) {
    match column {
        CanonicalColumn::Text(texts) => match texts.get(row).as_bytes() {
            b"" => {}
            text => write_text(text, out),
        },
        CanonicalColumn::Number(numbers) => {
            if let Some(number) = numbers.get(row) {
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
        }
        CanonicalColumn::Decimal(decimals) => {
            if let Some(units) = decimals.units.get(row) {
                write_decimal(units, decimals.scale, out);
            }
        }
        CanonicalColumn::Date(dates) => {
            if let Some(date) = dates.get(row) {
                date.write(out);
            }
        }
        CanonicalColumn::Boolean { values, nulls } => {
            if is_set(nulls, row) {
                out.extend_from_slice(if values.value(row) { b"True" } else { b"False" });
            }
        }
    }
}

fn write_text(mut text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    // Most texts are short and have no quote: a look is quicker than a search.
    while let Some(quote) = has_quote(text).then(|| memchr::memchr(b'"', text)).flatten() {
        out.extend_from_slice(&text[..=quote]);
        out.push(b'"');
        text = &text[quote + 1..];
    }
    out.extend_from_slice(text);
    out.push(b'"');
}
