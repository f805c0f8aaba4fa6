//! Digests that name things in ledger and files. They hide nothing and need no secret.

use std::hash::Hasher;

use outflow_domain::{KeyFingerprint, RowFingerprint, Write};
use siphasher::sip128::{Hasher128, SipHasher24};

/// 128 bits that differ, but for a chance nobody will meet, when any of the pieces differs.
pub(crate) fn of(pieces: &[&[u8]]) -> u128 {
    let mut hasher = SipHasher24::new_with_keys(0x6f75_7466_6c6f_7731, 0x6469_6765_7374_0001);
    for piece in pieces {
        hasher.write(&(piece.len() as u64).to_le_bytes());
        hasher.write(piece);
    }
    hasher.finish128().as_u128()
}

/// A row's share of a sum that tells one set of changes from another, whatever their order.
///
/// Fingerprints are hashes already, so a product mixes them well enough: another value changes it for sure, and two rows that exchange their
/// values change it but for a chance nobody will meet.
pub(crate) fn of_change(key: KeyFingerprint, row: RowFingerprint, write: Write) -> u128 {
    let value = row.bits() | (write as u64) << RowFingerprint::BITS;
    u128::from((key.0 >> 64) as u64 ^ value) * u128::from(key.0 as u64 | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_change_counts() {
        let (key, row) = (KeyFingerprint(0x1234_5678_9abc_def0_0fed_cba9_8765_4321), RowFingerprint::of(77));
        let changes = [
            of_change(key, row, Write::Insert),
            of_change(key, row, Write::Update),
            of_change(key, RowFingerprint::of(78), Write::Insert),
            of_change(KeyFingerprint(key.0 ^ 1 << 64), row, Write::Insert),
            of_change(KeyFingerprint(key.0 ^ 2), row, Write::Insert),
        ];
        assert!(changes.iter().enumerate().all(|(at, it)| !changes[..at].contains(it)), "{changes:?}");
    }

    #[test]
    fn values_exchanged_between_two_rows_are_another_set() {
        let (one, other) = (KeyFingerprint(u128::MAX / 3), KeyFingerprint(u128::MAX / 7));
        let (red, blue) = (RowFingerprint::of(5), RowFingerprint::of(6));
        let sum = |a, b| of_change(one, a, Write::Update).wrapping_add(of_change(other, b, Write::Update));
        assert_ne!(sum(red, blue), sum(blue, red));
    }

    #[test]
    fn pieces_do_not_run_together() {
        assert_ne!(super::of(&[b"ab", b"c"]), super::of(&[b"a", b"bc"]));
    }
}
