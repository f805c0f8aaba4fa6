//! The frame of `COPY … (FORMAT binary)`: a signature, rows of counted cells, a trailer.
//!
//! Source: <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format". The backend sends each row whole in one
//! message; the signature may share the first row's message.

/// Eleven bytes of signature, four of flags, four of the header extension's length.
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// Flags of this bit and above change the format and must be understood; there is none that we do.
const FLAGS_CRITICAL: u32 = 0xffff_0000;
const TRAILER: i16 = -1;
const NULL: i32 = -1;

/// Why bytes are not `COPY BINARY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the server's copy stream does not begin as binary COPY does")]
    Signature,
    #[error("the server's copy stream is cut off within a row")]
    CutOff,
    #[error("the server's copy stream has a row of another number of columns")]
    Columns,
    #[error("the server's copy stream goes on after its end")]
    AfterTrailer,
}

/// A message of the stream, read from its front.
pub(crate) struct Message<'a>(pub &'a [u8]);

impl<'a> Message<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the stream's header.
    pub fn header(&mut self) -> Result<(), Malformed> {
        self.0 = self.0.strip_prefix(SIGNATURE).ok_or(Malformed::Signature)?;
        let flags = u32::from_be_bytes(self.array().ok_or(Malformed::Signature)?);
        if flags & FLAGS_CRITICAL != 0 {
            return Err(Malformed::Signature);
        }
        let extension = u32::from_be_bytes(self.array().ok_or(Malformed::Signature)?);
        self.0 = self.0.get(extension as usize..).ok_or(Malformed::Signature)?;
        Ok(())
    }

    /// Reads the count of cells that a row begins with; `false` at the trailer.
    #[inline]
    pub fn row(&mut self, columns: usize) -> Result<bool, Malformed> {
        match i16::from_be_bytes(self.array().ok_or(Malformed::CutOff)?) {
            TRAILER if self.is_empty() => Ok(false),
            TRAILER => Err(Malformed::AfterTrailer),
            count if usize::try_from(count) == Ok(columns) => Ok(true),
            _ => Err(Malformed::Columns),
        }
    }

    /// Reads a cell; `None` is null.
    #[inline]
    pub fn cell(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let length = i32::from_be_bytes(self.array().ok_or(Malformed::CutOff)?);
        if length == NULL {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| Malformed::CutOff)?;
        let (cell, rest) = self.0.split_at_checked(length).ok_or(Malformed::CutOff)?;
        self.0 = rest;
        Ok(Some(cell))
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::{Malformed, Message, SIGNATURE};

    fn header(flags: u32, extension: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(flags.to_be_bytes());
        bytes.extend((extension.len() as u32).to_be_bytes());
        bytes.extend(extension);
        bytes
    }

    #[test]
    fn a_header_may_bear_an_extension_and_harmless_flags() {
        let bytes = [header(1, b"more"), vec![0xff, 0xff]].concat();
        let mut message = Message(&bytes);
        assert_eq!(message.header(), Ok(()));
        assert_eq!(message.row(3), Ok(false));
    }

    #[test]
    fn flags_that_change_the_format_are_refused() {
        assert_eq!(Message(&header(1 << 16, b"")).header(), Err(Malformed::Signature));
        assert_eq!(Message(b"id,name\n").header(), Err(Malformed::Signature));
    }

    #[test]
    fn cells_are_null_empty_or_bytes() {
        let bytes = [&[0, 3, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 2][..], b"ok"].concat();
        let mut message = Message(&bytes);
        assert_eq!(message.row(3), Ok(true));
        assert_eq!(message.cell(), Ok(None));
        assert_eq!(message.cell(), Ok(Some(&b""[..])));
        assert_eq!(message.cell(), Ok(Some(&b"ok"[..])));
        assert!(message.is_empty());
    }

    #[test]
    fn what_is_cut_or_miscounted_is_malformed() {
        assert_eq!(Message(&[0]).row(1), Err(Malformed::CutOff));
        assert_eq!(Message(&[0, 2]).row(1), Err(Malformed::Columns));
        assert_eq!(Message(&[0xff, 0xff, 0]).row(1), Err(Malformed::AfterTrailer));
        assert_eq!(Message(&[0, 0, 0, 9, 1]).cell(), Err(Malformed::CutOff));
        assert_eq!(Message(&[0xff, 0xff, 0xff, 0xfe]).cell(), Err(Malformed::CutOff));
    }
}
