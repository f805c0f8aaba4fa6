//! Reading keys.

use outflow_domain::KeyFingerprint;

use super::{
    Bound, FINGERPRINT_BYTES, FOOTER_BYTES, HEADER_BYTES, INDEX_BYTES, KeyCipher, KeysHeader, LENGTH_BYTES, fingerprint_in, footer, info,
};
use crate::error::{Damage, OpenError};
use crate::header::field;
use crate::layout::SegmentInfo;

/// A file of keys, whole and of whom it is expected to be. Its blocks are judged as they are read: each by the tag that the index has of it.
#[derive(Debug)]
pub struct StoredKeys<B> {
    bytes: B,
    header: [u8; HEADER_BYTES],
    index_at: usize,
    blocks: usize,
    info: SegmentInfo,
}

/// A block as its row of the index tells it.
struct Block {
    number: usize,
    tag: [u8; 16],
    at: usize,
    keys: usize,
    sealed: usize,
}

impl<B: AsRef<[u8]>> StoredKeys<B> {
    /// Opens a file that the ledger names.
    ///
    /// # Errors
    /// When it is torn, or not the one that is named, or of somebody else.
    pub fn open(bytes: B, expect: &KeysHeader, named: SegmentInfo) -> Result<Self, OpenError> {
        let all = bytes.as_ref();
        let length = all.len() as u64;
        let too_short = OpenError::Torn(Damage::TooShort { bytes: length });
        let Some((header, rest)) = all.split_first_chunk::<HEADER_BYTES>() else { return Err(too_short) };
        let Some((body, end)) = rest.split_last_chunk::<FOOTER_BYTES>() else { return Err(too_short) };
        let (found, _) = KeysHeader::of_bytes(header)?;
        if u32::from_le_bytes(field(end, 28)) != crc32c::crc32c(&end[..28]) {
            return Err(OpenError::Torn(Damage::Footer));
        }
        let index_at = u64::from_le_bytes(field(end, 0));
        let blocks = u32::from_le_bytes(field(end, 16)) as usize;
        let stated = index_at.saturating_add((blocks * INDEX_BYTES + FOOTER_BYTES) as u64);
        if stated != length || index_at < HEADER_BYTES as u64 {
            return Err(OpenError::Torn(Damage::Length { found: length, stated }));
        }
        let index = &body[index_at as usize - HEADER_BYTES..];
        if footer(header, index, index_at, u64::from_le_bytes(field(end, 8))) != *end {
            return Err(OpenError::Torn(Damage::Digest));
        }
        let (info, header) = (info(end, length), *header);
        found.check(expect)?;
        if info != named {
            return Err(OpenError::NotTheNamedFile { found: info, named });
        }
        let this = Self { bytes, header, index_at: index_at as usize, blocks, info };
        this.blocks_follow_each_other()?;
        Ok(this)
    }

    /// Whether the index's blocks lie side by side between header and index, in key order, and have all the keys.
    fn blocks_follow_each_other(&self) -> Result<(), OpenError> {
        let (mut at, mut keys, mut last) = (HEADER_BYTES, 0_u64, None);
        for number in 0..self.blocks {
            let (block, first) = (self.block(number), self.first_of(number));
            let is_next = block.at == at && block.keys > 0 && block.sealed >= block.keys * LENGTH_BYTES && last.is_none_or(|it| it < first);
            if !is_next {
                return Err(OpenError::Torn(Damage::Rules { entry: keys }));
            }
            at = block.at.saturating_add(block.keys * FINGERPRINT_BYTES).saturating_add(block.sealed);
            keys += block.keys as u64;
            last = Some(first);
        }
        if at == self.index_at && keys == self.info.entries { Ok(()) } else { Err(OpenError::Torn(Damage::Rules { entry: keys })) }
    }

    /// Keys in it.
    pub const fn len(&self) -> u64 {
        self.info.entries
    }

    /// Whether it has none.
    pub const fn is_empty(&self) -> bool {
        self.info.entries == 0
    }

    fn row(&self, number: usize) -> &[u8] {
        &self.bytes.as_ref()[self.index_at + number * INDEX_BYTES..][..INDEX_BYTES]
    }

    fn first_of(&self, number: usize) -> KeyFingerprint {
        fingerprint_in(self.row(number))
    }

    fn block(&self, number: usize) -> Block {
        let row = self.row(number);
        Block {
            number,
            tag: field(row, 16),
            at: u64::from_le_bytes(field(row, 32)) as usize,
            keys: u32::from_le_bytes(field(row, 40)) as usize,
            sealed: u32::from_le_bytes(field(row, 44)) as usize,
        }
    }

    /// The last block that begins at the key or before it.
    fn block_of(&self, key: KeyFingerprint) -> Option<usize> {
        let (mut from, mut to) = (0, self.blocks);
        while from < to {
            let middle = from.midpoint(to);
            if self.first_of(middle) <= key { from = middle + 1 } else { to = middle }
        }
        from.checked_sub(1)
    }

    /// Begins to read, in key order.
    #[must_use]
    pub fn cursor(&self, cipher: KeyCipher) -> KeyCursor<'_, B> {
        KeyCursor { file: self, cipher, number: None, fingerprints: &[], lengths_and_texts: Vec::new(), next: 0, text_at: 0 }
    }
}

/// Reads a file of keys from one end to the other, or asks it about ascending keys. Holds one block, decrypted.
#[derive(Debug)]
pub struct KeyCursor<'f, B> {
    file: &'f StoredKeys<B>,
    cipher: KeyCipher,
    /// The block that is decrypted.
    number: Option<usize>,
    fingerprints: &'f [u8],
    lengths_and_texts: Vec<u8>,
    /// The next key in the block, and where its text begins.
    next: usize,
    text_at: usize,
}

impl<'f, B: AsRef<[u8]>> KeyCursor<'f, B> {
    /// The next key and its text; `None` after the last.
    ///
    /// # Errors
    /// When a block is not the one that was written there.
    pub fn next_key(&mut self) -> Result<Option<(KeyFingerprint, &[u8])>, OpenError> {
        if self.next == self.keys() {
            let next = self.number.map_or(0, |it| it + 1);
            if next == self.file.blocks {
                return Ok(None);
            }
            self.decrypt(next)?;
        }
        let (key, from) = (self.key_at(self.next), self.text_at);
        self.step();
        Ok(Some((key, &self.lengths_and_texts[from..self.text_at])))
    }

    /// The text of a key that is not less than the one asked for before; `None` where it is not stored.
    ///
    /// # Errors
    /// When a block is not the one that was written there.
    pub fn find(&mut self, key: KeyFingerprint) -> Result<Option<&[u8]>, OpenError> {
        let Some(number) = self.file.block_of(key) else { return Ok(None) };
        if self.number != Some(number) {
            self.decrypt(number)?;
        }
        while self.next < self.keys() && self.key_at(self.next) < key {
            self.step();
        }
        if self.next == self.keys() || self.key_at(self.next) != key {
            return Ok(None);
        }
        Ok(Some(&self.lengths_and_texts[self.text_at..self.text_at + self.length_at(self.next)]))
    }

    const fn keys(&self) -> usize {
        self.fingerprints.len() / FINGERPRINT_BYTES
    }

    fn key_at(&self, at: usize) -> KeyFingerprint {
        fingerprint_in(&self.fingerprints[at * FINGERPRINT_BYTES..])
    }

    fn length_at(&self, at: usize) -> usize {
        u32::from_le_bytes(field(&self.lengths_and_texts, at * LENGTH_BYTES)) as usize
    }

    fn step(&mut self) {
        self.text_at += self.length_at(self.next);
        self.next += 1;
    }

    fn decrypt(&mut self, number: usize) -> Result<(), OpenError> {
        let file = self.file;
        let block = file.block(number);
        let torn = OpenError::Torn(Damage::Block { block: number as u64, blocks: file.blocks as u64 });
        let bytes = &file.bytes.as_ref()[block.at..][..block.keys * FINGERPRINT_BYTES + block.sealed];
        let (fingerprints, sealed) = bytes.split_at(block.keys * FINGERPRINT_BYTES);
        self.lengths_and_texts.clear();
        self.lengths_and_texts.extend_from_slice(sealed);
        let bound = Bound { header: &file.header, number: block.number as u32, fingerprints };
        if !self.cipher.decrypt(&bound, &mut self.lengths_and_texts, block.tag) {
            self.lengths_and_texts.clear();
            (self.number, self.fingerprints, self.next) = (None, &[], 0);
            return Err(torn);
        }
        (self.number, self.fingerprints, self.next, self.text_at) = (Some(number), fingerprints, 0, block.keys * LENGTH_BYTES);
        let texts: usize = (0..block.keys).map(|it| self.length_at(it)).sum();
        if self.text_at + texts == self.lengths_and_texts.len() { Ok(()) } else { Err(torn) }
    }
}
