//! A segment holds what was written, and is refused when anything about it is wrong.

use outflow_baseline::{Damage, Entry, EntryState, Expect, Header, Kind, OpenError, Segment, SegmentWriter, Update, WriteError};
use outflow_domain::{KeyFingerprint, RowFingerprint};
use proptest::prelude::*;

use crate::support::{self, base, changes, entries, header, key, open, rows, segment, updates, write};

fn small() -> Vec<u8> {
    let state = EntryState::CREATED;
    let put = |key, row| Update::Put(Entry { key: KeyFingerprint(key), row: RowFingerprint::of(row), state });
    write(Kind::Delta, [put(1, 10), Update::Drop(KeyFingerprint(1 << 100)), put(u128::MAX, 30)]).0
}

proptest! {
    #[test]
    fn a_base_holds_its_rows_in_key_order(rows in rows(), asked in prop::collection::vec(key(), 50)) {
        let segment = base(&rows);
        prop_assert_eq!(segment.entries().collect::<Vec<_>>(), entries(&rows));
        prop_assert_eq!(segment.len(), rows.len() as u64);
        for key in asked {
            let held = rows.get(&key).map(|&row| Update::Put(support::entry(key, row)));
            prop_assert_eq!(segment.get(KeyFingerprint(key)), held);
        }
    }

    #[test]
    fn a_delta_holds_dropped_keys_too(changes in changes()) {
        let segment = support::delta(&changes);
        prop_assert_eq!(segment.updates().collect::<Vec<_>>(), updates(&changes));
        prop_assert_eq!(segment.dropped_len(), changes.values().filter(|it| it.is_none()).count() as u64);
    }
}

#[test]
fn many_blocks_and_buckets_hold_their_rows() {
    let step = u128::MAX / 30_000;
    let rows: support::Rows = (0..30_000).map(|it| (it * step, (it as u64, support::STATES[it as usize % 8]))).collect();
    let segment = base(&rows);
    assert_eq!(segment.entries().collect::<Vec<_>>(), entries(&rows));
    for entry in entries(&rows) {
        assert_eq!(segment.get(entry.key), Some(Update::Put(entry)));
        assert_eq!(segment.get(KeyFingerprint(entry.key.0 ^ 1)), None);
    }
}

#[test]
fn every_shortened_file_is_refused() {
    let whole = small();
    for bytes in 0..whole.len() {
        let refused = open(Kind::Delta, whole[..bytes].to_vec()).expect_err("a part is not the whole");
        assert!(matches!(refused, OpenError::Torn(_)), "{bytes} bytes: {refused}");
    }
}

#[test]
fn every_lengthened_file_is_refused() {
    for more in 1..200 {
        let mut bytes = small();
        bytes.resize(bytes.len() + more, 0);
        assert!(open(Kind::Delta, bytes).is_err());
        let mut bytes = small();
        bytes.extend_from_slice(&small()[..more]);
        assert!(open(Kind::Delta, bytes).is_err());
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let whole = small();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let refused = open(Kind::Delta, bytes).expect_err("one bit makes another file");
        let as_expected = if bit < 64 { refused == OpenError::NotABaseline } else { matches!(refused, OpenError::Torn(_)) };
        assert!(as_expected, "bit {bit}: {refused}");
    }
}

#[test]
fn every_zeroed_page_of_a_large_file_is_refused() {
    let step = u128::MAX / 9_000;
    let rows: support::Rows = (0..9_000).map(|it| (it * step + 1, (it as u64, EntryState::CREATED))).collect();
    let whole = write(Kind::Base, entries(&rows).into_iter().map(Update::Put)).0;
    for first in (0..whole.len()).step_by(4096) {
        let mut bytes = whole.clone();
        let end = (first + 4096).min(bytes.len());
        bytes[first..end].fill(0);
        assert!(open(Kind::Base, bytes).is_err(), "page at {first}");
    }
}

#[test]
fn other_bytes_are_no_baseline() {
    for bytes in [&b"id,name\n"[..], &[b'x'; 4096], b"PAR1"] {
        assert_eq!(open(Kind::Base, bytes.to_vec()).expect_err("not ours"), OpenError::NotABaseline);
    }
    assert_eq!(open(Kind::Base, Vec::new()).expect_err("empty"), OpenError::Torn(Damage::TooShort { bytes: 0 }));
}

#[test]
fn each_difference_has_its_own_error() {
    let is = |change: fn(&mut Header), error: OpenError| {
        let mut other = header(Kind::Delta);
        change(&mut other);
        let refused = Segment::open(small(), &Expect::header(other)).expect_err("another header is expected");
        assert_eq!(refused, error);
        assert!(refused.remedy().contains("outflow baseline rebuild ACTIVATION --from destination"));
    };
    is(|it| it.kind = Kind::Base, OpenError::OtherKind { found: Kind::Delta, expected: Kind::Base });
    is(|it| it.activation[15] ^= 1, OpenError::OtherActivation);
    is(|it| it.scheme = 4, OpenError::OtherScheme { found: 3, expected: 4 });
    is(|it| it.key_check[7] ^= 1, OpenError::OtherSecret);
    is(|it| it.folding_version = 6, OpenError::OtherFolding { found: 5, expected: 6 });
    is(|it| it.mapping_digest[0] ^= 1, OpenError::OtherMapping);
    is(|it| it.version = 43, OpenError::OtherVersion { found: 42, expected: 43 });
}

#[test]
fn a_rebase_opens_under_any_mapping_and_version() {
    let mut expect = Expect::header(header(Kind::Delta));
    expect.mapping_digest = None;
    expect.version = None;
    let segment = Segment::open(small(), &expect).expect("both are left open");
    assert_eq!(*segment.header(), header(Kind::Delta));
    assert_eq!(Header::read(&small()), Ok(header(Kind::Delta)));
}

#[test]
fn a_whole_file_that_the_ledger_does_not_name_is_refused() {
    let (bytes, named) = write(Kind::Base, [Update::Put(support::entry(1, (1, EntryState::CREATED)))]);
    let (other, found) = write(Kind::Base, [Update::Put(support::entry(1, (2, EntryState::CREATED)))]);
    let expect = Expect::header(header(Kind::Base)).named(named);
    assert!(Segment::open(bytes, &expect).is_ok_and(|it| it.info() == named));
    let refused = Segment::open(other, &expect).expect_err("its checksum differs");
    assert_eq!(refused, OpenError::NotTheNamedFile { found, named });
}

/// Makes every checksum right again, as a faulty writer would have, after `change` to sixteen entries and their index of three elements: two
/// buckets, of which the second has the last entry alone.
fn faulty(kind: Kind, change: fn(entries: &mut [u8], index: &mut [u8], footer: &mut [u8])) -> OpenError {
    let rows = (1..16).chain([1 << 127]).map(|key| Update::Put(support::entry(key, (0, EntryState::CREATED))));
    let (mut bytes, _) = write(kind, rows);
    let (entries_end, table, footer) = (128 + 16 * 24, 128 + 16 * 24 + 3 * 8, 128 + 16 * 24 + 3 * 8 + 4);
    {
        let (before, end) = bytes.split_at_mut(footer);
        let (before, rest) = before.split_at_mut(entries_end);
        change(&mut before[128..], &mut rest[..24], end);
    }
    make_right(&mut bytes, 0, table, footer);
    open(kind, bytes).expect_err("right checksums do not excuse wrong content")
}

/// Makes the checksum of one block right, and those that follow from it.
fn make_right(bytes: &mut [u8], block: usize, table: usize, footer: usize) {
    let from = 128 + block * 49_152;
    let checksum = crc32c(&bytes[from..table.min(from + 49_152)]);
    bytes[table + 4 * block..][..4].copy_from_slice(&checksum.to_le_bytes());
    let digested = [&bytes[..128], &bytes[table..footer + 32]].concat();
    let digest = digested.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &it| (hash ^ u64::from(it)).wrapping_mul(0x0100_0000_01b3));
    bytes[footer + 32..footer + 40].copy_from_slice(&digest.to_le_bytes());
    let checksum = crc32c(&bytes[footer..footer + 60]);
    bytes[footer + 60..].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn right_checksums_do_not_excuse_wrong_content() {
    let breaks = |entry| OpenError::Torn(Damage::Rules { entry });
    assert_eq!(faulty(Kind::Base, |entries, _, _| entries[..48].rotate_left(24)), breaks(1), "keys descend");
    assert_eq!(faulty(Kind::Base, |entries, _, _| entries.copy_within(..24, 24)), breaks(1), "keys repeat");
    assert_eq!(faulty(Kind::Delta, |entries, _, _| entries[47] = 0x90), breaks(1), "an unknown state");
    assert_eq!(faulty(Kind::Delta, |entries, _, _| (entries[40], entries[47]) = (1, 0x80)), breaks(1), "a dropped key with a row");
    assert_eq!(faulty(Kind::Base, |entries, _, _| entries[47] = 0x80), breaks(1), "a dropped key in a base");
    assert_eq!(faulty(Kind::Delta, |entries, _, _| entries[47] = 0x80), breaks(16), "a dropped key that is not counted");
    assert_eq!(faulty(Kind::Delta, |_, _, footer| footer[8] = 1), breaks(16), "a dropped key too many counted");
    assert_eq!(faulty(Kind::Base, |_, index, _| index[0] = 1), breaks(1), "the first bucket begins too late");
    assert_eq!(faulty(Kind::Base, |_, index, _| index[8] = 14), breaks(0), "the second bucket begins too early");
    assert_eq!(faulty(Kind::Base, |_, index, _| index[16] = 15), breaks(15), "the last bucket ends too early");
    assert_eq!(faulty(Kind::Base, |_, index, _| index[16] = 17), breaks(17), "the last bucket ends behind the entries");
    assert_eq!(faulty(Kind::Base, |_, index, _| index[4] = 0x0e), breaks(0), "an entry of the first bucket is not counted");
    assert_eq!(
        faulty(Kind::Base, |_, index, _| index[12] = 0x10),
        breaks(15),
        "an entry of the second bucket is counted in another eighth"
    );
    assert_eq!(faulty(Kind::Base, |_, index, _| index[20] = 1), breaks(16), "an entry is counted behind the last bucket");
}

/// Large enough to be checked by several threads, each of which begins in the middle.
#[test]
fn what_is_wrong_in_a_large_segment_is_found_wherever_it_is() {
    const ENTRIES: usize = 1024 * 2048;
    let rows = (0..ENTRIES as u128).map(|it| Update::Put(support::entry(it << 107, (it as u64, EntryState::CREATED))));
    let (right, _) = write(Kind::Base, rows);
    let (footer, table) = (right.len() - 64, right.len() - 64 - 4 * (right.len() - 128 - 64).div_ceil(49_152 + 4));
    let expect = Expect::header(header(Kind::Base));
    assert_eq!(Segment::open(&right[..], &expect).expect("whole").len(), ENTRIES as u64);
    for entry in [1, ENTRIES / 4, ENTRIES / 2 - 1, ENTRIES / 2, ENTRIES / 2 + 1, ENTRIES * 3 / 4, ENTRIES - 1] {
        let (at, block) = (128 + entry * 24, entry / 2048);
        let mut wrong = right.clone();
        // The same key twice, written by a faulty writer; and then one bit that a disk has lost.
        wrong.copy_within(at - 24..at, at);
        make_right(&mut wrong, block, table, footer);
        let refused = Segment::open(&wrong[..], &expect).expect_err("a key occurs twice");
        assert!(matches!(refused, OpenError::Torn(Damage::Rules { .. })), "{entry}: {refused}");
        wrong.copy_from_slice(&right);
        wrong[at] ^= 1;
        let refused = Segment::open(&wrong[..], &expect).expect_err("a bit has changed");
        assert!(matches!(refused, OpenError::Torn(Damage::Block { block: found, .. }) if found == block as u64), "{entry}: {refused}");
    }
}

#[test]
fn a_footer_that_states_impossible_numbers_is_refused() {
    let refused = [
        faulty(Kind::Base, |_, _, footer| footer[24] = 32),
        faulty(Kind::Base, |_, _, footer| footer[27] = 0xff),
        faulty(Kind::Base, |_, _, footer| footer[..8].fill(0xff)),
        faulty(Kind::Base, |_, _, footer| footer[0] = 17),
        faulty(Kind::Delta, |_, _, footer| footer[8] = 17),
        faulty(Kind::Base, |_, _, footer| footer[16] ^= 1),
    ];
    for refused in refused {
        assert!(matches!(refused, OpenError::Torn(Damage::Length { .. })), "{refused}");
    }
    assert_eq!(faulty(Kind::Base, |_, _, footer| footer[45] = 1), OpenError::Torn(Damage::Digest), "no zeros where zeros belong");
}

#[test]
fn who_expects_another_gets_no_clone() {
    let (bytes, named) = write(Kind::Base, [Update::Put(support::entry(1, (1, EntryState::CREATED)))]);
    let (_, other) = write(Kind::Base, [Update::Put(support::entry(1, (2, EntryState::CREATED)))]);
    let opened = Segment::open(bytes, &Expect::header(header(Kind::Base))).expect("whole");
    let expect = Expect::header(header(Kind::Base));
    assert!(opened.for_whom_expects(&expect.named(named)).is_ok_and(|it| it.info() == named && it.len() == 1));
    let refused = opened.for_whom_expects(&expect.named(other)).expect_err("its checksum differs");
    assert_eq!(refused, OpenError::NotTheNamedFile { found: named, named: other });
    assert!(opened.for_whom_expects(&Expect::header(header(Kind::Delta))).is_err());
}

#[test]
fn keys_must_strictly_ascend() {
    let mut writer = SegmentWriter::new(Vec::new(), header(Kind::Base)).expect("a Vec takes a header");
    let row = (0, EntryState::CREATED);
    writer.push(support::entry(5, row)).expect("the first key");
    for key in [5, 4] {
        let refused = writer.push(support::entry(key, row)).expect_err("not above 5");
        assert!(matches!(refused, WriteError::NotAscending { previous: 5, key: found } if found == key));
    }
    writer.push(support::entry(6, row)).expect("a refused entry leaves no trace");
    assert_eq!(writer.finish().expect("whole").entries, 2);
}

#[test]
fn only_a_delta_holds_dropped_keys() {
    for kind in [Kind::Base, Kind::Doubt, Kind::Membership, Kind::Held] {
        let mut writer = SegmentWriter::new(Vec::new(), header(kind)).expect("a Vec takes a header");
        let refused = writer.push_update(Update::Drop(KeyFingerprint(1))).expect_err("nothing lies below");
        assert!(matches!(refused, WriteError::DroppedOutsideDelta { key: 1, .. }));
    }
}

#[test]
fn equal_entries_make_equal_files() {
    let rows = [Update::Put(support::entry(9, (9, EntryState::CREATED)))];
    assert_eq!(write(Kind::Base, rows), write(Kind::Base, rows));
    assert_eq!(segment(Kind::Base, rows).info(), write(Kind::Base, rows).1);
}

/// CRC32C by its definition: bit by bit, reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg())))
}
