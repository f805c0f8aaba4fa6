//! A list of keys with what became of each, as fingerprints: what [the format](../../../../docs/reference/history-format.md) says.

use std::{
    fmt,
    hash::Hasher,
    io::{self, Write as _},
    sync::Arc,
};

use outflow_domain::{CellProblem, FieldName, KeyFingerprint, Mapping, SegmentRef, Sent};
use outflow_ports::{Blob, DurableWriter, History};
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24;

use crate::error::EngineError;

const MAGIC: [u8; 8] = *b"OUTFLOWH";
const VERSION: u32 = 1;
/// Bytes before the header's JSON: magic, version, its length.
const FIXED_BYTES: usize = 16;
/// Bytes of an entry: key, word.
const ENTRY_BYTES: usize = 20;

/// What a list is about, before its entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "list", rename_all = "snake_case")]
pub(crate) enum Heading {
    /// Rows of the model that were not sent; each word is a [`Why`].
    Withheld {
        /// The mapping their keys are fingerprinted under, and whose fields they name by position.
        mapping: Box<Mapping>,
        /// Invalid rows without a usable key, which are not in the list.
        without_key: u64,
    },
    /// Rows of a part; each word is a [`Fate`].
    Settled {
        /// Codes and fields that fates name by position.
        reasons: Vec<(String, Option<FieldName>)>,
        /// Whether every row of the part was settled: those that are not in the list are confirmed then. Otherwise the list has all rows that
        /// were still in doubt, and a newer part speaks for the others.
        is_of_all: bool,
    },
}

/// Why a row was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// A cell cannot be taken: the first one in the order of `Mapping::fields`.
    Invalid { field: u16, problem: CellProblem },
    /// Other rows of the model have the same key, and differ.
    DuplicateKey,
    /// The service refused just this row before.
    Refused,
    /// It was held back, to be approved by a person.
    Held,
}

impl Why {
    pub fn word(self) -> u32 {
        match self {
            Self::Invalid { field, problem } => 1 | u32::from(problem as u8) << 8 | u32::from(field) << 16,
            Self::DuplicateKey => 2,
            Self::Refused => 3,
            Self::Held => 4,
        }
    }

    pub fn of_word(word: u32) -> Option<Self> {
        match word & 0xff {
            1 => {
                let problem = CellProblem::ALL.into_iter().find(|it| u32::from(*it as u8) == word >> 8 & 0xff)?;
                Some(Self::Invalid { field: (word >> 16) as u16, problem })
            }
            2 if word == 2 => Some(Self::DuplicateKey),
            3 if word == 3 => Some(Self::Refused),
            4 if word == 4 => Some(Self::Held),
            _ => None,
        }
    }
}

/// What became of a sent row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub sent: Sent,
    /// Which of the heading's reasons the service gave.
    pub reason: Option<u16>,
}

impl Fate {
    pub fn word(self) -> u32 {
        let sent = match self.sent {
            Sent::Confirmed => 1,
            Sent::Refused => 2,
            Sent::NotInDestination => 3,
            Sent::Unconfirmed => 4,
        };
        sent | self.reason.map_or(0, |it| u32::from(it) + 1) << 8
    }

    pub fn of_word(word: u32) -> Option<Self> {
        let sent = match word & 0xff {
            1 => Sent::Confirmed,
            2 => Sent::Refused,
            3 => Sent::NotInDestination,
            4 => Sent::Unconfirmed,
            _ => return None,
        };
        let reason = match word >> 8 {
            0 => None,
            it => Some(u16::try_from(it - 1).ok()?),
        };
        Some(Self { sent, reason })
    }
}

/// A list being written; dropped without [`NewList::commit`] it leaves nothing.
pub(crate) struct NewList {
    history: Arc<dyn History>,
    name: String,
    /// Made with the first entry: most lists have none, and are never stored.
    file: Option<Box<dyn DurableWriter>>,
    head: Vec<u8>,
    hasher: SipHasher24,
    bytes: u64,
    entries: u64,
    /// Whether its heading alone tells of rows.
    has_news: bool,
}

impl NewList {
    /// Begins a list under a name never used before.
    pub fn create(history: &Arc<dyn History>, word: &str, heading: &Heading) -> Result<Self, EngineError> {
        let json = serde_json::to_vec(heading).map_err(io::Error::other)?;
        let head = [&MAGIC[..], &VERSION.to_le_bytes(), &(json.len() as u32).to_le_bytes(), &json].concat();
        let mut hasher = SipHasher24::new();
        hasher.write(&head);
        Ok(Self {
            name: history.fresh_name(word),
            history: Arc::clone(history),
            file: None,
            bytes: head.len() as u64,
            head,
            hasher,
            entries: 0,
            has_news: matches!(heading, Heading::Withheld { without_key: 1.., .. }),
        })
    }

    /// Makes the file, with its head, where that is yet to be done.
    fn begin(&mut self) -> Result<(), EngineError> {
        if self.file.is_none() {
            let mut file = self.history.create(&self.name).map_err(EngineError::History)?;
            file.write_all(&self.head)?;
            self.file = Some(file);
        }
        Ok(())
    }

    pub fn push(&mut self, key: KeyFingerprint, word: u32) -> Result<(), EngineError> {
        let mut entry = [0; ENTRY_BYTES];
        entry[..16].copy_from_slice(&key.0.to_le_bytes());
        entry[16..].copy_from_slice(&word.to_le_bytes());
        self.hasher.write(&entry);
        self.entries += 1;
        self.bytes += ENTRY_BYTES as u64;
        self.begin()?;
        Ok(self.file.as_mut().map_or(Ok(()), |it| it.write_all(&entry))?)
    }

    /// Whether it tells of no row at all.
    pub const fn is_empty(&self) -> bool {
        self.entries == 0 && !self.has_news
    }

    /// Whether another list says the very same.
    pub fn is_as(&self, other: &SegmentRef) -> bool {
        (self.bytes, self.entries, self.hasher.finish()) == (other.bytes, other.entries, other.checksum)
    }

    /// Makes it durable, and names it.
    pub fn commit(mut self) -> Result<SegmentRef, EngineError> {
        self.begin()?;
        let Self { name, file, hasher, bytes, entries, .. } = self;
        if let Some(file) = file {
            file.commit().map_err(EngineError::History)?;
        }
        Ok(SegmentRef { name, bytes, entries, checksum: hasher.finish() })
    }
}

impl fmt::Debug for NewList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewList({}, {} entries)", self.name, self.entries)
    }
}

/// A list as it is read. One that is not what was written is told as such, and hinders nobody.
pub(crate) struct List {
    bytes: Blob,
    entries_from: usize,
    pub heading: Heading,
}

impl List {
    /// Opens a list that the ledger names; `None` where it is torn, or of a newer program.
    pub fn open(bytes: Blob, named: &SegmentRef) -> Option<Self> {
        let all = bytes.as_ref();
        let mut hasher = SipHasher24::new();
        hasher.write(all);
        if all.len() as u64 != named.bytes || hasher.finish() != named.checksum || !all.starts_with(&MAGIC) {
            return None;
        }
        let number = |at: usize| Some(u32::from_le_bytes(all.get(at..at + 4)?.try_into().ok()?));
        let entries_from = FIXED_BYTES + number(12)? as usize;
        let heading = (number(8)? == VERSION).then(|| all.get(FIXED_BYTES..entries_from)).flatten()?;
        let heading = serde_json::from_slice(heading).ok()?;
        Some(Self { bytes, entries_from, heading })
    }

    /// Every key with its word.
    pub fn entries(&self) -> impl Iterator<Item = (KeyFingerprint, u32)> + '_ {
        let (entries, _) = self.bytes.as_ref()[self.entries_from..].as_chunks::<ENTRY_BYTES>();
        entries.iter().map(|it| {
            let (key, word) = it.split_at(16);
            let key = key.iter().rev().fold(0, |sum, &byte| sum << 8 | u128::from(byte));
            let word = word.iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte));
            (KeyFingerprint(key), word)
        })
    }

    /// The word of a key, if it is in the list.
    pub fn find(&self, key: KeyFingerprint) -> Option<u32> {
        self.entries().find(|(it, _)| *it == key).map(|(_, word)| word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_as_it_was_written() {
        for problem in CellProblem::ALL {
            for field in [0, 7, u16::MAX] {
                let why = Why::Invalid { field, problem };
                assert_eq!(Why::of_word(why.word()), Some(why));
            }
        }
        for why in [Why::DuplicateKey, Why::Refused, Why::Held] {
            assert_eq!(Why::of_word(why.word()), Some(why));
        }
        for sent in [Sent::Confirmed, Sent::Refused, Sent::NotInDestination, Sent::Unconfirmed] {
            for reason in [None, Some(0), Some(u16::MAX)] {
                let fate = Fate { sent, reason };
                assert_eq!(Fate::of_word(fate.word()), Some(fate));
            }
        }
    }

    #[test]
    fn words_that_nobody_writes_are_not_read() {
        for word in [0, 9, 0x0000_ff01, 0x0102, 0x0103, 0x0104] {
            assert_eq!(Why::of_word(word), None, "{word:#x}");
        }
        for word in [0, 5, u32::MAX - 0xff + 1] {
            assert_eq!(Fate::of_word(word), None, "{word:#x}");
        }
    }

    fn written(heading: &Heading, entries: &[(KeyFingerprint, u32)]) -> (Vec<u8>, SegmentRef) {
        let mut bytes = MAGIC.to_vec();
        let json = serde_json::to_vec(heading).unwrap();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((json.len() as u32).to_le_bytes());
        bytes.extend(json);
        for (key, word) in entries {
            bytes.extend(key.0.to_le_bytes());
            bytes.extend(word.to_le_bytes());
        }
        let mut hasher = SipHasher24::new();
        hasher.write(&bytes);
        let named =
            SegmentRef { name: "settled".into(), bytes: bytes.len() as u64, entries: entries.len() as u64, checksum: hasher.finish() };
        (bytes, named)
    }

    #[test]
    fn a_list_tells_its_heading_and_its_entries() {
        let heading = Heading::Settled { reasons: vec![("InvalidNumber".into(), "Age".parse().ok())], is_of_all: true };
        let entries = [(KeyFingerprint(u128::MAX - 3), 2), (KeyFingerprint(1 << 64), u32::MAX)];
        let (bytes, named) = written(&heading, &entries);
        let list = List::open(Blob(Arc::new(bytes)), &named).unwrap();
        assert_eq!(list.heading, heading);
        assert_eq!(list.entries().collect::<Vec<_>>(), entries);
        assert_eq!((list.find(KeyFingerprint(1 << 64)), list.find(KeyFingerprint(2))), (Some(u32::MAX), None));
    }

    #[test]
    fn a_torn_list_is_none() {
        let (bytes, named) = written(&Heading::Settled { reasons: Vec::new(), is_of_all: false }, &[(KeyFingerprint(1), 2)]);
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(List::open(Blob(Arc::new(other)), &named).is_none(), "byte {at}");
            assert!(List::open(Blob(Arc::new(bytes[..at].to_vec())), &named).is_none(), "cut at {at}");
        }
    }
}
