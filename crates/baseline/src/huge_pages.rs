//! Segments that the system keeps in huge pages.

use std::io::{self, Write};

/// A huge page of x86-64, and of 64-bit ARM with pages of 4 KiB.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Hands on what is written by whole huge pages of the file, which must be empty before.
///
/// A baseline is probed at places that nothing foretells, so nearly every question waits until the processor has found out where a page of
/// 4 KiB lies. File systems with large folios (ext4 since Linux 6.16, XFS since 5.18) keep what comes in one aligned piece in one huge page,
/// and a processor remembers the places of all of those. Elsewhere this is but a large buffer.
#[derive(Debug)]
pub struct HugePageWriter<W: Write> {
    file: W,
    /// What is not handed on yet, within one huge page of the file. Grows as it is needed.
    held: Vec<u8>,
    written: usize,
}

impl<W: Write> HugePageWriter<W> {
    /// Writes to `file`, which must not hold back what comes in large pieces.
    pub const fn new(file: W) -> Self {
        Self { file, held: Vec::new(), written: 0 }
    }

    /// Hands on what is held, and gives back the file.
    ///
    /// # Errors
    /// When writing fails.
    pub fn into_inner(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.file)
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.file.write_all(&self.held)?;
        self.written += self.held.len();
        self.held.clear();
        Ok(())
    }
}

impl<W: Write> Write for HugePageWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = HUGE_PAGE_BYTES - (self.written + self.held.len()) % HUGE_PAGE_BYTES;
        let taken = &bytes[..bytes.len().min(room)];
        self.held.extend_from_slice(taken);
        if taken.len() == room {
            self.hand_on()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_on()?;
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Remembers where each piece began and ended.
    #[derive(Default)]
    struct Pieces {
        bytes: Vec<u8>,
        ends: Vec<usize>,
    }

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.bytes.extend_from_slice(bytes);
            self.ends.push(self.bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn pieces_of_any_size_become_whole_huge_pages() {
        let bytes: Vec<u8> = (0..5_u32 << 20).map(|it| (it % 251) as u8).collect();
        let mut writer = HugePageWriter::new(Pieces::default());
        let mut rest = bytes.as_slice();
        for piece in [1, 4096, (2 << 20) - 4097, 3, 2 << 20, 7, 100_000].into_iter().cycle() {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            writer.write_all(now).unwrap();
            rest = later;
            if piece == 3 {
                writer.flush().unwrap();
            }
            if rest.is_empty() {
                break;
            }
        }
        let pieces = writer.into_inner().unwrap();
        assert!(pieces.bytes == bytes);
        let first = 2 << 20;
        assert_eq!(pieces.ends, [first, first + 3, 2 * first, 2 * first + first / 2], "a flush in between takes no page out of step");
    }
}
