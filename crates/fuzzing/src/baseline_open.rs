//! A file that is opened as a segment either is refused, or answers everything without contradicting itself.
//!
//! Checksums keep arbitrary bytes from the inner rules, so each input is tried as it is and once more with every checksum made right, as a
//! faulty writer of ours would have done. That is written from `docs/reference/baseline-format.md`, not with the code it tries.

use outflow_baseline::{Baseline, Entry, Expect, Header, Kind, Probe, Segment, SegmentWriter, Update};
use outflow_domain::{KeyFingerprint, RowFingerprint};

const HEADER_BYTES: usize = 128;
const FOOTER_BYTES: usize = 64;
const BLOCK_BYTES: usize = 49_152;

pub fn check(bytes: &[u8]) {
    open(bytes);
    if let Some(bytes) = with_right_checksums(bytes) {
        open(&bytes);
    }
}

fn open(bytes: &[u8]) {
    let Ok(header) = Header::read(bytes) else {
        let expect = Header { kind: Kind::Base, scheme: 1, folding_version: 1, ..NOBODYS };
        assert!(Segment::open(bytes, &Expect::header(expect)).is_err(), "a file without header is no segment");
        return;
    };
    match Segment::open(bytes, &Expect::header(header)) {
        Ok(segment) => ask_everything(segment),
        Err(error) => assert!(!error.to_string().is_empty() && !error.remedy().is_empty()),
    }
}

const NOBODYS: Header =
    Header { kind: Kind::Base, scheme: 0, folding_version: 0, activation: [0; 16], mapping_digest: [0; 16], key_check: [0; 8], version: 0 };

fn ask_everything(segment: Segment<&[u8]>) {
    let updates: Vec<Update> = segment.updates().collect();
    assert_eq!(segment.len(), updates.len() as u64);
    assert_eq!(segment.info().entries, segment.len());
    assert_eq!(segment.is_empty(), updates.is_empty());
    assert!(updates.windows(2).all(|it| it[0].key() < it[1].key()), "keys strictly ascend");
    let dropped = updates.iter().filter(|it| matches!(it, Update::Drop(_))).count();
    assert_eq!(segment.dropped_len(), dropped as u64);
    assert!(dropped == 0 || segment.header().kind == Kind::Delta);
    let says = |key: KeyFingerprint| updates.binary_search_by_key(&key, Update::key).ok().map(|at| updates[at]);
    let asked: Vec<KeyFingerprint> = updates.iter().flat_map(|it| around(it.key())).chain(around(KeyFingerprint(0))).collect();
    for &key in &asked {
        assert_eq!(segment.get(key), says(key));
    }
    let entries: Vec<Entry> = segment.entries().collect();
    assert_eq!(entries.len(), updates.len() - dropped);
    is_written_again(*segment.header(), &updates);
    let baseline = match segment.header().kind {
        Kind::Delta => Baseline::open(None, Some(segment)),
        _ => Baseline::open(Some(segment), None),
    };
    probe(&baseline.expect("one level fits itself"), &entries, &asked);
}

/// A key and its neighbours.
fn around(KeyFingerprint(key): KeyFingerprint) -> [KeyFingerprint; 3] {
    [key.wrapping_sub(1), key, key.wrapping_add(1)].map(KeyFingerprint)
}

fn probe(baseline: &Baseline<&[u8]>, entries: &[Entry], asked: &[KeyFingerprint]) {
    assert_eq!(baseline.len(), entries.len() as u64);
    assert!(baseline.iter().eq(entries.iter().copied()) && baseline.unseen().eq(entries.iter().copied()));
    let held = |key: KeyFingerprint| entries.binary_search_by_key(&key, |it| it.key).ok().map(|at| entries[at]);
    let mut found = Vec::new();
    baseline.lookup(asked, &mut found);
    assert!(found.iter().zip(asked).all(|(found, &key)| *found == held(key) && baseline.get(key) == *found));
    let rows = vec![RowFingerprint::of(0); asked.len()];
    let mut answers = Vec::new();
    baseline.probe(asked, &rows, &mut answers);
    assert!(answers.iter().zip(asked).all(|(answer, &key)| (*answer == Probe::Absent) == held(key).is_none()));
    assert_eq!(answers.iter().filter(|it| **it != Probe::Absent && !it.again()).count(), entries.len());
    assert_eq!((baseline.unseen_len(), baseline.unseen().count()), (0, 0));
}

/// What opened can be written by our writer, and says the same then.
fn is_written_again(header: Header, updates: &[Update]) {
    let mut bytes = Vec::new();
    let written = SegmentWriter::new(&mut bytes, header).and_then(|mut writer| {
        updates.iter().try_for_each(|it| writer.push_update(*it))?;
        writer.finish()
    });
    let info = written.expect("what opened is in order");
    let again = Segment::open(&bytes[..], &Expect::header(header).named(info)).expect("what was written opens");
    assert!(again.updates().eq(updates.iter().copied()));
}

/// The same bytes with every checksum made right, where the footer's numbers fit the length.
fn with_right_checksums(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let footer = bytes.len().checked_sub(FOOTER_BYTES)?;
    let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let (entries, bucket_bits) = (usize::try_from(number(footer)?).ok()?, bytes[footer + 24]);
    let index = 1_usize.checked_shl(u32::from(bucket_bits)).filter(|it| *it < bytes.len())? + 1;
    let body = entries.checked_mul(24)?.checked_add(8 * index)?;
    let table = HEADER_BYTES.checked_add(body).filter(|it| *it <= footer)?;
    if (footer - table) != body.div_ceil(BLOCK_BYTES) * 4 {
        return None;
    }
    put_checksum(&mut bytes, 0..124);
    let blocks: Vec<u8> = bytes[HEADER_BYTES..table].chunks(BLOCK_BYTES).flat_map(|it| crc32c::crc32c(it).to_le_bytes()).collect();
    bytes[table..footer].copy_from_slice(&blocks);
    let digested = bytes[..HEADER_BYTES].iter().chain(&bytes[table..footer + 32]);
    let digest = digested.fold(0xcbf2_9ce4_8422_2325_u64, |hash, &it| (hash ^ u64::from(it)).wrapping_mul(0x0100_0000_01b3));
    bytes[footer + 32..footer + 40].copy_from_slice(&digest.to_le_bytes());
    put_checksum(&mut bytes, footer..footer + 60);
    Some(bytes)
}

/// Puts the checksum of a range behind it.
fn put_checksum(bytes: &mut [u8], range: std::ops::Range<usize>) {
    let checksum = crc32c::crc32c(&bytes[range.clone()]);
    bytes[range.end..range.end + 4].copy_from_slice(&checksum.to_le_bytes());
}
