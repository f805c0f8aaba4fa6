//! The private files of a part: its CSV, and beside it which row is which.
//!
//! `part-0001.csv` is what travels. `part-0001.rows` has 28 bytes a row, little-endian: the key's fingerprint (16), the row's fingerprint
//! in the low 60 bits and [`RowMark`] in the high four (8), the row's length in the CSV in bytes (4).

use std::io::{self, Write};

use outflow_baseline::{Entry, EntryState, Origin, Presence};
use outflow_domain::{KeyFingerprint, RowFingerprint, RunId, Write as Intent};
use outflow_ports::{Blob, Spool};

use crate::error::EngineError;

/// Bytes a row takes in the `.rows` file.
pub const ROW_BYTES: usize = 28;

/// The name of a part's CSV in the spool.
pub fn csv_name(part: u32) -> String {
    format!("part-{part:04}.csv")
}

/// The name of a part's row list in the spool.
pub fn rows_name(part: u32) -> String {
    format!("part-{part:04}.rows")
}

/// The bytes of a private file that was finished before.
///
/// # Errors
/// When it cannot be read, or is gone.
pub(crate) fn read_private(spool: &dyn Spool, run: &RunId, name: &str) -> Result<Blob, EngineError> {
    let gone = || io::Error::new(io::ErrorKind::NotFound, format!("`{name}` is gone from the spool"));
    Ok(spool.read(run, name)?.ok_or_else(gone)?)
}

/// A row of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartRow {
    /// Its key.
    pub key: KeyFingerprint,
    /// The values sent.
    pub row: RowFingerprint,
    /// What it is meant to do, and whose row it is.
    pub mark: RowMark,
    /// Its length in the CSV, in bytes.
    pub bytes: u32,
}

/// What a sent row is meant to do, and whose it is once it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowMark {
    /// What it is meant to do.
    pub write: Intent,
    /// Whether the row there is one that we created.
    pub origin: Origin,
}

impl RowMark {
    const fn bits(self) -> u64 {
        let write = match self.write {
            Intent::Insert => 0,
            Intent::Update => 1,
            Intent::InsertOrUpdate => 2,
            Intent::Flag => 3,
            Intent::Delete => 8,
        };
        let origin = match self.origin {
            Origin::Created => 0,
            Origin::Adopted => 4,
        };
        write | origin
    }

    const fn of_bits(bits: u64) -> Option<Self> {
        let write = match bits & 11 {
            0 => Intent::Insert,
            1 => Intent::Update,
            2 => Intent::InsertOrUpdate,
            3 => Intent::Flag,
            8 => Intent::Delete,
            _ => return None,
        };
        let origin = if bits & 4 == 0 { Origin::Created } else { Origin::Adopted };
        Some(Self { write, origin })
    }
}

impl PartRow {
    /// The entry that the baseline gets when the row is confirmed.
    pub const fn entry(&self) -> Entry {
        let presence = match self.mark.write {
            Intent::Flag => Presence::LeftFlagged,
            Intent::Delete => Presence::LeftKept,
            Intent::Insert | Intent::Update | Intent::InsertOrUpdate => Presence::Present,
        };
        Entry { key: self.key, row: self.row, state: EntryState { presence, origin: self.mark.origin } }
    }

    /// Appends the row to a list.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut bytes = [0; ROW_BYTES];
        bytes[..16].copy_from_slice(&self.key.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&(self.row.bits() | self.mark.bits() << RowFingerprint::BITS).to_le_bytes());
        bytes[24..].copy_from_slice(&self.bytes.to_le_bytes());
        out.write_all(&bytes)
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let key = u128::from_le_bytes(bytes.get(..16)?.try_into().ok()?);
        let row = u64::from_le_bytes(bytes.get(16..24)?.try_into().ok()?);
        let length = u32::from_le_bytes(bytes.get(24..28)?.try_into().ok()?);
        let mark = RowMark::of_bits(row >> RowFingerprint::BITS)?;
        Some(Self { key: KeyFingerprint(key), row: RowFingerprint::of(row), mark, bytes: length })
    }
}

/// A part's rows in order. A torn list gives an error in the place of its damage.
pub fn rows_of(list: &[u8]) -> impl ExactSizeIterator<Item = io::Result<PartRow>> + '_ {
    let torn = || io::Error::new(io::ErrorKind::InvalidData, "the list of a part's rows is torn");
    list.chunks(ROW_BYTES).map(move |it| PartRow::of_bytes(it).ok_or_else(torn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        for write in [Intent::Insert, Intent::Update, Intent::InsertOrUpdate, Intent::Flag, Intent::Delete] {
            for origin in [Origin::Created, Origin::Adopted] {
                let mark = RowMark { write, origin };
                let row = PartRow { key: KeyFingerprint(u128::MAX - 7), row: RowFingerprint::MAX, mark, bytes: 99 };
                let mut list = Vec::new();
                row.write_to(&mut list).unwrap();
                assert_eq!(rows_of(&list).next().unwrap().unwrap(), row);
            }
        }
    }

    #[test]
    fn a_torn_list_is_noticed() {
        assert!(rows_of(&[0; ROW_BYTES - 1]).next().unwrap().is_err());
    }
}
