//! Reading our own files again: to settle a part, its keys are read from the spool.

use std::borrow::Cow;

/// A file of ours, or some whole records of one, read record by record.
///
/// It understands just the dialect that [`super::CsvEncoder`] writes and takes anything else for damage.
#[derive(Clone, Debug)]
pub struct CsvFile<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The cells of a record; `None` for a blank.
pub type CsvRow<'a> = Vec<Option<Cow<'a, str>>>;

/// A file is not as we wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file is damaged at byte {at}: {what}; nothing was read beyond it")]
pub struct TornCsv {
    /// Where, counted from the beginning of what was read.
    pub at: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl<'a> CsvFile<'a> {
    /// Reads from the first byte on: the header too, if there is one.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes of whole records were read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    fn record(&mut self) -> Result<CsvRow<'a>, TornCsv> {
        let mut cells = Vec::new();
        let mut at = self.at;
        loop {
            cells.push(self.cell(&mut at)?);
            match self.bytes.get(at) {
                Some(b',') => at += 1,
                Some(b'\n') => {
                    self.at = at + 1;
                    return Ok(cells);
                }
                Some(_) => return Err(TornCsv { at, what: "a cell goes on behind its closing quote" }),
                None => return Err(TornCsv { at, what: "the last record has no end" }),
            }
        }
    }

    fn cell(&self, at: &mut usize) -> Result<Option<Cow<'a, str>>, TornCsv> {
        let torn = |at: usize, what| TornCsv { at, what };
        let from = *at;
        let rest = &self.bytes[from..];
        if rest.first() != Some(&b'"') {
            let length = memchr::memchr2(b',', b'\n', rest).ok_or(torn(self.bytes.len(), "the last record has no end"))?;
            *at = from + length;
            let text = std::str::from_utf8(&rest[..length]).map_err(|_| torn(from, "a cell is not UTF-8"))?;
            return Ok((length > 0).then_some(Cow::Borrowed(text)));
        }
        let mut unquoted: Cow<'a, [u8]> = Cow::Borrowed(&[]);
        let mut begin = from + 1;
        loop {
            let length = memchr::memchr(b'"', &self.bytes[begin..]).ok_or(torn(from, "a quote is never closed"))?;
            let end = begin + length;
            let is_doubled = self.bytes.get(end + 1) == Some(&b'"');
            let piece = &self.bytes[begin..end + usize::from(is_doubled)];
            if unquoted.is_empty() {
                unquoted = Cow::Borrowed(piece);
            } else {
                unquoted.to_mut().extend_from_slice(piece);
            }
            if !is_doubled {
                *at = end + 1;
                break;
            }
            begin = end + 2;
        }
        let not_utf8 = torn(from, "a cell is not UTF-8");
        Ok(Some(match unquoted {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).map_err(|_| not_utf8)?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).map_err(|_| not_utf8)?),
        }))
    }
}

/// The first cells of a record as they stand in it, without what parts them from the next one.
///
/// # Errors
/// When the record is damaged, or has fewer cells.
pub fn leading_cells(record: &[u8], cells: usize) -> Result<&[u8], TornCsv> {
    let (file, mut at) = (CsvFile::new(record), 0);
    for number in 1..=cells {
        file.cell(&mut at)?;
        let is_followed = record.get(at) == Some(&b',') || (number == cells && record.get(at) == Some(&b'\n'));
        if !is_followed {
            return Err(TornCsv { at, what: "the record has fewer cells than it should" });
        }
        at += usize::from(number < cells);
    }
    Ok(&record[..at])
}

impl<'a> Iterator for CsvFile<'a> {
    type Item = Result<CsvRow<'a>, TornCsv>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let record = self.record();
        if record.is_err() {
            // Where the damage ends is unknown, so nothing behind it can be trusted.
            self.at = self.bytes.len();
        }
        Some(record)
    }
}
