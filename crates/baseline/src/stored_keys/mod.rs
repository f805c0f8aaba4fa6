//! The keys of confirmed rows themselves, encrypted: what has left the model can only be named to the service by its key.
//!
//! A fingerprint tells whether a key is the one that is asked about, and nothing else. Whoever asks that rows which leave be flagged gets the
//! keys stored beside the baseline: each in its own spelling, as it was sent, sorted by fingerprint in blocks that are encrypted one by one.
//! A block is bound to its file, its place, and the fingerprints of its keys, so that no key can be given for another.
//!
//! ```text
//! header (96) │ blocks │ index (48 × blocks) │ footer (32)
//! block: fingerprints (16 × n) │ ciphertext of lengths (4 × n) and texts
//! ```
//!
//! A file is written once, in key order. Reading follows ascending keys and holds one block in memory, however many keys there are.

mod reader;
mod writer;

use std::fmt;

use aes_gcm_siv::{
    Aes256GcmSiv, KeyInit, Nonce, Tag,
    aead::{AeadInOut, inout::InOutBuf},
};
use outflow_domain::KeyFingerprint;

pub use reader::{KeyCursor, StoredKeys};
pub use writer::StoredKeysWriter;

use crate::error::{Damage, OpenError};
use crate::header::field;
use crate::layout::SegmentInfo;

/// The first eight bytes of a file of keys.
const MAGIC: [u8; 8] = *b"\x89OFKEYS\n";
/// The layout that this crate reads and writes.
const FORMAT: u16 = 1;
const HEADER_BYTES: usize = 96;
const FOOTER_BYTES: usize = 32;
/// First fingerprint (16), tag (16), where the block begins (8), its keys (4), length of its ciphertext (4).
const INDEX_BYTES: usize = 48;
const FINGERPRINT_BYTES: usize = 16;
/// Bytes of a key's length in a block.
const LENGTH_BYTES: usize = 4;
/// Most keys of a block: a single one is found by decrypting some ten thousand bytes.
const BLOCK_KEYS: usize = 512;
/// A block is closed before its texts take more than this, unless a single one does.
const BLOCK_TEXT_BYTES: usize = 1 << 16;

/// Whose keys these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysHeader {
    /// How keys are fingerprinted.
    pub scheme: u16,
    /// How keys were folded before they were fingerprinted.
    pub folding_version: u16,
    /// The activation, by an opaque id chosen by the caller.
    pub activation: [u8; 16],
    /// Digest of the key fields and their forms.
    pub keys_digest: [u8; 16],
    /// Tells whether the keys of hashing and encryption derive from the same project secret, without telling them.
    pub key_check: [u8; 8],
}

impl KeysHeader {
    fn to_bytes(self, nonce: [u8; 8]) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.scheme.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.folding_version.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.activation);
        bytes[32..48].copy_from_slice(&self.keys_digest);
        bytes[48..56].copy_from_slice(&self.key_check);
        bytes[56..64].copy_from_slice(&nonce);
        let checksum = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn of_bytes(bytes: &[u8; HEADER_BYTES]) -> Result<(Self, [u8; 8]), OpenError> {
        if bytes[..8] != MAGIC {
            return Err(OpenError::NotABaseline);
        }
        if u32::from_le_bytes(field(bytes, HEADER_BYTES - 4)) != crc32c::crc32c(&bytes[..HEADER_BYTES - 4]) {
            return Err(OpenError::Torn(Damage::Header));
        }
        let format = u16::from_le_bytes(field(bytes, 8));
        let is_as_here = bytes[14..16] == [0; 2] && bytes[64..HEADER_BYTES - 4].iter().all(|&it| it == 0);
        if format != FORMAT || !is_as_here {
            return Err(OpenError::OtherFormat { found: format, known: FORMAT });
        }
        let header = Self {
            scheme: u16::from_le_bytes(field(bytes, 10)),
            folding_version: u16::from_le_bytes(field(bytes, 12)),
            activation: field(bytes, 16),
            keys_digest: field(bytes, 32),
            key_check: field(bytes, 48),
        };
        Ok((header, field(bytes, 56)))
    }

    /// Refuses what was written for another activation, another key, or under another secret.
    fn check(&self, expect: &Self) -> Result<(), OpenError> {
        let (found, expected) = (self.scheme, expect.scheme);
        if self.activation != expect.activation {
            Err(OpenError::OtherActivation)
        } else if found != expected {
            Err(OpenError::OtherScheme { found, expected })
        } else if self.key_check != expect.key_check {
            Err(OpenError::OtherSecret)
        } else if self.folding_version != expect.folding_version {
            Err(OpenError::OtherFolding { found: self.folding_version, expected: expect.folding_version })
        } else if self.keys_digest != expect.keys_digest {
            Err(OpenError::OtherMapping)
        } else {
            Ok(())
        }
    }
}

/// Encrypts and decrypts blocks of keys: AES-256-GCM-SIV ([RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)), which keeps its promise even
/// should a nonce come twice.
#[derive(Clone)]
pub struct KeyCipher(Aes256GcmSiv);

impl KeyCipher {
    /// Under a key that nothing else is encrypted with.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Aes256GcmSiv::new(key.into()))
    }

    fn encrypt(&self, block: &Bound<'_>, text: &mut [u8]) -> Result<[u8; 16], TooMuch> {
        let tag = self.0.encrypt_inout_detached(&block.nonce(), &block.associated_data(), InOutBuf::from(text));
        tag.map(Into::into).map_err(|_| TooMuch)
    }

    /// Whether the text was encrypted as just this block; it is decrypted then.
    fn decrypt(&self, block: &Bound<'_>, text: &mut [u8], tag: [u8; 16]) -> bool {
        let tag = Tag::from(tag);
        self.0.decrypt_inout_detached(&block.nonce(), &block.associated_data(), InOutBuf::from(text), &tag).is_ok()
    }
}

impl fmt::Debug for KeyCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyCipher(****)")
    }
}

/// A block is never as long as the cipher's limit of 2³⁶ bytes; it is no reason to panic all the same.
#[derive(Debug, thiserror::Error)]
#[error("a block of keys is too long to be encrypted")]
struct TooMuch;

/// What a block is bound to.
struct Bound<'a> {
    /// The header of its file, which has a nonce of its own.
    header: &'a [u8; HEADER_BYTES],
    /// Its place in the file.
    number: u32,
    /// The fingerprints of its keys.
    fingerprints: &'a [u8],
}

impl Bound<'_> {
    fn nonce(&self) -> Nonce {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.header[56..64]);
        nonce[8..].copy_from_slice(&self.number.to_le_bytes());
        nonce.into()
    }

    fn associated_data(&self) -> Vec<u8> {
        [&self.header[..], &self.number.to_le_bytes(), self.fingerprints].concat()
    }
}

/// The last bytes of a file, but for their own checksum: where the index begins, keys, blocks, and a checksum over header and index. The
/// latter holds the tags of all blocks, and so stands for the whole file.
fn footer(header: &[u8; HEADER_BYTES], index: &[u8], index_at: u64, keys: u64) -> [u8; FOOTER_BYTES] {
    let mut bytes = [0; FOOTER_BYTES];
    bytes[..8].copy_from_slice(&index_at.to_le_bytes());
    bytes[8..16].copy_from_slice(&keys.to_le_bytes());
    bytes[16..20].copy_from_slice(&((index.len() / INDEX_BYTES) as u32).to_le_bytes());
    bytes[20..24].copy_from_slice(&crc32c::crc32c(header).to_le_bytes());
    bytes[24..28].copy_from_slice(&crc32c::crc32c(index).to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// What names the file in the ledger.
fn info(footer: &[u8; FOOTER_BYTES], bytes: u64) -> SegmentInfo {
    SegmentInfo { bytes, entries: u64::from_le_bytes(field(footer, 8)), checksum: u64::from_le_bytes(field(footer, 20)) }
}

fn fingerprint_in(bytes: &[u8]) -> KeyFingerprint {
    KeyFingerprint(u128::from_le_bytes(field(bytes, 0)))
}
