//! Writing keys.

use std::io::{self, Write};

use outflow_domain::KeyFingerprint;

use super::{
    BLOCK_KEYS, BLOCK_TEXT_BYTES, Bound, FINGERPRINT_BYTES, FOOTER_BYTES, HEADER_BYTES, INDEX_BYTES, KeyCipher, KeysHeader, footer, info,
};
use crate::{layout::SegmentInfo, writer::WriteError};

/// Writes a file of keys from its first byte to its last, in key order. One that was not finished has no footer and is refused at open.
#[derive(Debug)]
#[must_use = "a file without `finish_into` is refused at open"]
pub struct StoredKeysWriter<W: Write> {
    out: W,
    cipher: KeyCipher,
    header: [u8; HEADER_BYTES],
    bytes: u64,
    keys: u64,
    last: Option<KeyFingerprint>,
    /// The block being filled.
    fingerprints: Vec<u8>,
    lengths: Vec<u8>,
    texts: Vec<u8>,
    /// 48 bytes for each block: a file of fifty million keys has an index of 5 MB.
    index: Vec<u8>,
}

impl<W: Write> StoredKeysWriter<W> {
    /// Writes the header. `nonce` is chance: no two files under one cipher should have the same.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn new(mut out: W, header: KeysHeader, nonce: [u8; 8], cipher: KeyCipher) -> Result<Self, WriteError> {
        let header = header.to_bytes(nonce);
        out.write_all(&header)?;
        let (fingerprints, lengths, texts, index) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Ok(Self { out, cipher, header, bytes: HEADER_BYTES as u64, keys: 0, last: None, fingerprints, lengths, texts, index })
    }

    /// Appends a key with its text.
    ///
    /// # Errors
    /// [`WriteError::NotAscending`] where it does not follow the one before, and when writing fails.
    pub fn push(&mut self, key: KeyFingerprint, text: &[u8]) -> Result<(), WriteError> {
        if let Some(last) = self.last.filter(|last| *last >= key) {
            return Err(WriteError::NotAscending { previous: last.0, key: key.0 });
        }
        let is_full = self.fingerprints.len() == BLOCK_KEYS * FINGERPRINT_BYTES || self.texts.len() + text.len() > BLOCK_TEXT_BYTES;
        if is_full {
            self.end_block()?;
        }
        self.last = Some(key);
        self.keys += 1;
        self.fingerprints.extend_from_slice(&key.0.to_le_bytes());
        self.lengths.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.texts.extend_from_slice(text);
        Ok(())
    }

    /// Keys so far.
    pub const fn keys(&self) -> u64 {
        self.keys
    }

    fn end_block(&mut self) -> Result<(), WriteError> {
        if self.fingerprints.is_empty() {
            return Ok(());
        }
        let number = (self.index.len() / INDEX_BYTES) as u32;
        let keys = (self.fingerprints.len() / FINGERPRINT_BYTES) as u32;
        self.lengths.append(&mut self.texts);
        let bound = Bound { header: &self.header, number, fingerprints: &self.fingerprints };
        let tag = self.cipher.encrypt(&bound, &mut self.lengths).map_err(io::Error::other)?;
        self.index.extend_from_slice(&self.fingerprints[..FINGERPRINT_BYTES]);
        self.index.extend_from_slice(&tag);
        self.index.extend_from_slice(&self.bytes.to_le_bytes());
        self.index.extend_from_slice(&keys.to_le_bytes());
        self.index.extend_from_slice(&(self.lengths.len() as u32).to_le_bytes());
        self.out.write_all(&self.fingerprints)?;
        self.out.write_all(&self.lengths)?;
        self.bytes += (self.fingerprints.len() + self.lengths.len()) as u64;
        self.fingerprints.clear();
        self.lengths.clear();
        Ok(())
    }

    /// Ends the file, tells what names it, and gives the writer back.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish_into(mut self) -> Result<(SegmentInfo, W), WriteError> {
        self.end_block()?;
        let footer = footer(&self.header, &self.index, self.bytes, self.keys);
        self.out.write_all(&self.index)?;
        self.out.write_all(&footer)?;
        let bytes = self.bytes + (self.index.len() + FOOTER_BYTES) as u64;
        Ok((info(&footer, bytes), self.out))
    }
}
