//! The keys of confirmed rows, encrypted beside the baseline, where rows that leave have to be named to the service.
//!
//! Each part gets a file of its rows' keys with its doubt segment, before anything travels. Once rows of it are confirmed, the keys join those
//! of the baseline: at most two files, a large one and a small one above it, as the baseline has. A key whose entry is gone is left out when
//! the file that has it is written anew.

use std::{cmp::Reverse, collections::BinaryHeap};

use outflow_baseline::{KeyCipher, KeyCursor, KeysHeader, SegmentInfo, StoredKeys, StoredKeysWriter};
use outflow_domain::{KeyFingerprint, Mapping, RunId, SegmentRef};
use outflow_ports::{Blob, DurableWriter};
use outflow_rows::{FOLDING_VERSION, SCHEME, Scheme, keys_digest, leading_cells};

use crate::{
    digest,
    error::EngineError,
    job::Ports,
    part_files::{csv_name, read_private, rows_name, rows_of},
};

/// The small file is merged into the large one once it has more than one key for so many there.
const DELTA_ONE_IN: u64 = 20;

/// The stored keys of one activation, under one primary key.
pub(crate) struct KeyStore<'p> {
    ports: &'p Ports,
    activation: &'p str,
    header: KeysHeader,
    cipher: KeyCipher,
}

/// Files of keys that are open, the latest last.
pub(crate) struct OpenKeys {
    files: Vec<StoredKeys<Blob>>,
    cipher: KeyCipher,
}

/// Asks files of keys about ascending keys.
pub(crate) struct KeyTexts<'f> {
    /// The latest first.
    cursors: Vec<(&'f str, KeyCursor<'f, Blob>)>,
}

/// A file of keys being written; dropped without [`NewKeys::commit`] it leaves nothing.
pub(crate) struct NewKeys {
    name: String,
    writer: StoredKeysWriter<Box<dyn DurableWriter>>,
}

impl<'p> KeyStore<'p> {
    pub fn new(ports: &'p Ports, activation: &'p str, scheme: &Scheme, mapping: &Mapping) -> Self {
        let header = KeysHeader {
            scheme: SCHEME,
            folding_version: FOLDING_VERSION,
            activation: digest::of(&[activation.as_bytes()]).to_le_bytes(),
            keys_digest: keys_digest(mapping),
            key_check: scheme.key_check(),
        };
        Self { ports, activation, header, cipher: KeyCipher::new(scheme.stored_keys()) }
    }

    /// Opens files that the ledger names, the latest last.
    pub fn open(&self, named: &[SegmentRef]) -> Result<OpenKeys, EngineError> {
        let open = |named: &SegmentRef| {
            let unreadable = |source| EngineError::BaselineUnreadable { activation: self.activation.to_owned(), source };
            let bytes = self.ports.baselines.open(&named.name).map_err(unreadable)?;
            let info = SegmentInfo { bytes: named.bytes, entries: named.entries, checksum: named.checksum };
            StoredKeys::open(bytes, &self.header, info).map_err(|it| self.unusable(&named.name, it))
        };
        Ok(OpenKeys { files: named.iter().map(open).collect::<Result<_, _>>()?, cipher: self.cipher.clone() })
    }

    fn unusable(&self, segment: &str, source: outflow_baseline::OpenError) -> EngineError {
        EngineError::Baseline { activation: self.activation.to_owned(), segment: segment.to_owned(), source }
    }

    /// Begins a file under a name never used before.
    pub fn create(&self) -> Result<NewKeys, EngineError> {
        let name = self.ports.baselines.fresh_name("keys");
        let nonce = self.ports.entropy.next_u64().to_le_bytes();
        let file = self.ports.baselines.create(&name)?;
        Ok(NewKeys { name, writer: StoredKeysWriter::new(file, self.header, nonce, self.cipher.clone())? })
    }

    /// Stores the keys of a part as its final file has them, of which so many cells come first. In memory are 32 bytes a row.
    pub fn store_part(&self, run: &RunId, part: u32, header_bytes: u64, keys: usize) -> Result<SegmentRef, EngineError> {
        let read = |name: &str| read_private(self.ports.spool.as_ref(), run, name);
        let (csv, rows) = (read(&csv_name(part))?, read(&rows_name(part))?);
        let (mut order, mut at) = (Vec::with_capacity(rows_of(rows.as_ref()).len()), header_bytes);
        for row in rows_of(rows.as_ref()) {
            let row = row?;
            order.push((row.key, at, row.bytes));
            at += u64::from(row.bytes);
        }
        order.sort_unstable();
        let mut file = self.create()?;
        for (key, at, bytes) in order {
            let record = &csv.as_ref()[at as usize..][..bytes as usize];
            file.push(key, leading_cells(record, keys).map_err(std::io::Error::other)?)?;
        }
        file.commit()
    }

    /// The files that follow: what `new` ones have hides the same key in older ones, and a key that is not held any more is left out of those
    /// that are written. Keys are asked about in their order.
    pub fn next(
        &self,
        old: &[SegmentRef],
        new: &[SegmentRef],
        is_held: impl FnMut(KeyFingerprint) -> bool,
    ) -> Result<Vec<SegmentRef>, EngineError> {
        if new.is_empty() {
            return Ok(old.to_vec());
        }
        let above: u64 = old.iter().skip(1).chain(new).map(|it| it.entries).sum();
        let stays = old.first().filter(|base| above <= base.entries / DELTA_ONE_IN);
        let merged: Vec<SegmentRef> = old.iter().skip(usize::from(stays.is_some())).chain(new).cloned().collect();
        let written = self.merge(&merged, is_held)?;
        Ok(stays.cloned().into_iter().chain(written).collect())
    }

    fn merge(&self, files: &[SegmentRef], mut is_held: impl FnMut(KeyFingerprint) -> bool) -> Result<Option<SegmentRef>, EngineError> {
        let open = self.open(files)?;
        let mut readers: Vec<Reader<'_>> =
            open.files.iter().zip(files).map(|(file, named)| Reader::new(named, file.cursor(self.cipher.clone()))).collect();
        // The least key comes out first; of equal ones that of the latest file, which speaks.
        let mut heads = BinaryHeap::new();
        for (number, reader) in readers.iter_mut().enumerate() {
            heads.extend(reader.read(self)?.map(|key| (Reverse(key), number)));
        }
        let mut file = self.create()?;
        let mut written = None;
        while let Some((Reverse(key), number)) = heads.pop() {
            if written.replace(key) != Some(key) && is_held(key) {
                file.push(key, &readers[number].text)?;
            }
            heads.extend(readers[number].read(self)?.map(|key| (Reverse(key), number)));
        }
        if file.writer.keys() == 0 { Ok(None) } else { file.commit().map(Some) }
    }
}

/// A file of keys that is read from one end to the other.
struct Reader<'f> {
    named: &'f SegmentRef,
    cursor: KeyCursor<'f, Blob>,
    /// That of the key that was read last.
    text: Vec<u8>,
}

impl<'f> Reader<'f> {
    const fn new(named: &'f SegmentRef, cursor: KeyCursor<'f, Blob>) -> Self {
        Self { named, cursor, text: Vec::new() }
    }

    fn read(&mut self, store: &KeyStore<'_>) -> Result<Option<KeyFingerprint>, EngineError> {
        let next = self.cursor.next_key().map_err(|it| store.unusable(&self.named.name, it))?;
        self.text.clear();
        Ok(next.map(|(key, text)| {
            self.text.extend_from_slice(text);
            key
        }))
    }
}

impl NewKeys {
    pub fn push(&mut self, key: KeyFingerprint, text: &[u8]) -> Result<(), EngineError> {
        Ok(self.writer.push(key, text)?)
    }

    /// Makes it durable, and names it.
    pub fn commit(self) -> Result<SegmentRef, EngineError> {
        let Self { name, writer } = self;
        let (info, file) = writer.finish_into()?;
        file.commit()?;
        Ok(SegmentRef { name, bytes: info.bytes, entries: info.entries, checksum: info.checksum })
    }
}

impl OpenKeys {
    /// Begins to ask.
    pub fn texts<'f>(&'f self, activation: &'f str) -> KeyTexts<'f> {
        KeyTexts { cursors: self.files.iter().rev().map(|it| (activation, it.cursor(self.cipher.clone()))).collect() }
    }
}

impl KeyTexts<'_> {
    /// The cells of a key as they stand in our files, where it is stored. Keys are asked about in their order.
    pub fn find(&mut self, key: KeyFingerprint) -> Result<Option<Vec<u8>>, EngineError> {
        for (activation, cursor) in &mut self.cursors {
            let unusable = |source| EngineError::Baseline { activation: (*activation).to_owned(), segment: "keys".to_owned(), source };
            if let Some(text) = cursor.find(key).map_err(unusable)? {
                return Ok(Some(text.to_vec()));
            }
        }
        Ok(None)
    }
}
