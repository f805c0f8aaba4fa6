//! Whose segment this is: the first 128 bytes of the file.

use crate::entry::ENTRY_BYTES;
use crate::error::{Damage, OpenError};
use crate::layout::{BLOCK_BYTES, HEADER_BYTES, SegmentInfo};

/// The first eight bytes: a byte that is not text, the name, and a line end that a text conversion would change.
const MAGIC: [u8; 8] = *b"\x89OFBASE\n";
/// The layout that this crate reads and writes.
pub(crate) const FORMAT: u16 = 2;

/// What a segment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// All rows the destination was confirmed to hold at some version.
    Base,
    /// What changed since the base; its entries hide those of the base, and it alone may hold dropped keys.
    Delta,
    /// Rows that were sent, of which it is not known whether they were applied.
    Doubt,
    /// Keys the data extension holds, read from it before an update-only run.
    Membership,
    /// Rows that guards hold back: what was to be sent, and, as left, what was no longer in the model.
    Held,
}

/// Whose segment this is and how its fingerprints were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the segment is for.
    pub kind: Kind,
    /// How fingerprints are computed from canonical values.
    pub scheme: u16,
    /// How keys were folded before they were fingerprinted.
    pub folding_version: u16,
    /// The activation the rows belong to, with tenant, business unit and object ids: an opaque id chosen by the caller.
    pub activation: [u8; 16],
    /// Digest of the mapping whose values the row fingerprints cover.
    pub mapping_digest: [u8; 16],
    /// Tells whether the hashing keys derive from the same project secret, without telling them.
    pub key_check: [u8; 8],
    /// The baseline version this segment was written for.
    pub version: u64,
}

/// What a segment must be for [`Segment::open`](crate::Segment::open) to take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// What the segment is for.
    pub kind: Kind,
    /// How fingerprints are computed.
    pub scheme: u16,
    /// How keys are folded.
    pub folding_version: u16,
    /// Whose rows.
    pub activation: [u8; 16],
    /// The mapping its row fingerprints cover; `None` takes any, as a rebase does that reads under the old one.
    pub mapping_digest: Option<[u8; 16]>,
    /// Check value of the hashing keys.
    pub key_check: [u8; 8],
    /// The baseline version it was written for; `None` takes any.
    pub version: Option<u64>,
    /// Length, entries and checksum by which the ledger names the file; `None` takes any whole file.
    pub named: Option<SegmentInfo>,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Base => 0,
            Self::Delta => 1,
            Self::Doubt => 2,
            Self::Membership => 3,
            Self::Held => 4,
        }
    }

    const fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Base,
            1 => Self::Delta,
            2 => Self::Doubt,
            3 => Self::Membership,
            4 => Self::Held,
            _ => return None,
        })
    }
}

impl Header {
    /// Reads the header at the start of `bytes` and nothing else: the rest of the file may be torn.
    ///
    /// # Errors
    /// When the bytes are no header of this format, or a damaged one.
    pub fn read(bytes: &[u8]) -> Result<Self, OpenError> {
        let Some((bytes, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            // A prefix of a segment is a torn one; anything else never was one.
            let begins_like_one = bytes.iter().zip(&MAGIC).all(|(found, magic)| found == magic);
            let torn = OpenError::Torn(Damage::TooShort { bytes: bytes.len() as u64 });
            return Err(if begins_like_one { torn } else { OpenError::NotABaseline });
        };
        if bytes[..8] != MAGIC {
            return Err(OpenError::NotABaseline);
        }
        if u32::from_le_bytes(field(bytes, 124)) != crc32c::crc32c(&bytes[..124]) {
            return Err(OpenError::Torn(Damage::Header));
        }
        let format = u16::from_le_bytes(field(bytes, 8));
        let laid_out_as_here = usize::from(bytes[11]) == ENTRY_BYTES
            && u32::from_le_bytes(field(bytes, 64)) as usize == BLOCK_BYTES
            && bytes[68..124].iter().all(|&byte| byte == 0);
        match Kind::of_code(bytes[10]) {
            Some(kind) if format == FORMAT && laid_out_as_here => Ok(Self {
                kind,
                scheme: u16::from_le_bytes(field(bytes, 12)),
                folding_version: u16::from_le_bytes(field(bytes, 14)),
                activation: field(bytes, 16),
                mapping_digest: field(bytes, 32),
                key_check: field(bytes, 48),
                version: u64::from_le_bytes(field(bytes, 56)),
            }),
            _ => Err(OpenError::OtherFormat { found: format, known: FORMAT }),
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[10] = self.kind.code();
        bytes[11] = ENTRY_BYTES as u8;
        bytes[12..14].copy_from_slice(&self.scheme.to_le_bytes());
        bytes[14..16].copy_from_slice(&self.folding_version.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.activation);
        bytes[32..48].copy_from_slice(&self.mapping_digest);
        bytes[48..56].copy_from_slice(&self.key_check);
        bytes[56..64].copy_from_slice(&self.version.to_le_bytes());
        bytes[64..68].copy_from_slice(&(BLOCK_BYTES as u32).to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[..124]);
        bytes[124..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

impl Expect {
    /// Expects exactly this header, on any whole file.
    #[must_use]
    pub const fn header(header: Header) -> Self {
        Self {
            kind: header.kind,
            scheme: header.scheme,
            folding_version: header.folding_version,
            activation: header.activation,
            mapping_digest: Some(header.mapping_digest),
            key_check: header.key_check,
            version: Some(header.version),
            named: None,
        }
    }

    /// Expects also the very file the ledger names.
    #[must_use]
    pub const fn named(mut self, info: SegmentInfo) -> Self {
        self.named = Some(info);
        self
    }

    /// Refuses a header that differs, naming the difference that explains the others: another activation has another key check too.
    pub(crate) fn check(&self, found: &Header) -> Result<(), OpenError> {
        if found.kind != self.kind {
            return Err(OpenError::OtherKind { found: found.kind, expected: self.kind });
        }
        if found.activation != self.activation {
            return Err(OpenError::OtherActivation);
        }
        if found.scheme != self.scheme {
            return Err(OpenError::OtherScheme { found: found.scheme, expected: self.scheme });
        }
        if found.key_check != self.key_check {
            return Err(OpenError::OtherSecret);
        }
        if found.folding_version != self.folding_version {
            return Err(OpenError::OtherFolding { found: found.folding_version, expected: self.folding_version });
        }
        if self.mapping_digest.is_some_and(|expected| expected != found.mapping_digest) {
            return Err(OpenError::OtherMapping);
        }
        match self.version {
            Some(expected) if expected != found.version => Err(OpenError::OtherVersion { found: found.version, expected }),
            _ => Ok(()),
        }
    }
}

/// The `N` bytes at `at`, for offsets known to lie within `bytes`.
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}
