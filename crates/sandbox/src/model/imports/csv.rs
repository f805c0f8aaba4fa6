//! Files of rows, as imports read them.

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::ImportPlan;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file, opened: its headings are read.
pub struct RowFile<'a> {
    reader: Reader<&'a [u8]>,
    /// Headings, trimmed; empty where the plan has no header lines.
    pub headings: Vec<String>,
}

impl<'a> RowFile<'a> {
    /// Opens a file and reads the header lines.
    pub fn open(bytes: &'a [u8], plan: &ImportPlan, mark_spoils_header: bool) -> Self {
        let marked = bytes.starts_with(BYTE_ORDER_MARK);
        let body = if marked { &bytes[BYTE_ORDER_MARK.len()..] } else { bytes };
        let reader =
            ReaderBuilder::new().has_headers(false).flexible(true).delimiter(plan.delimiter).quoting(plan.quoted).from_reader(body);
        let mut file = Self { reader, headings: Vec::new() };
        let mut record = ByteRecord::new();
        for _ in 0..plan.header_lines {
            if !file.next(&mut record) {
                break;
            }
            file.headings = record.iter().map(|it| String::from_utf8_lossy(it).trim().to_owned()).collect();
        }
        if marked
            && mark_spoils_header
            && let Some(first) = file.headings.first_mut()
        {
            first.insert(0, '\u{feff}');
        }
        file
    }

    /// Reads the next row; false at the end. Blank lines are passed over.
    pub fn next(&mut self, record: &mut ByteRecord) -> bool {
        // Reading from memory with flexible lengths cannot fail.
        self.reader.read_byte_record(record).unwrap_or(false)
    }
}

/// The physical line a record begins at, from 1.
pub fn line_of(record: &ByteRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}
