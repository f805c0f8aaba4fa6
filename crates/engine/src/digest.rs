//! Digests that name things in ledger and files. They hide nothing and need no secret.

use std::hash::Hasher;

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

#[cfg(test)]
mod tests {
    #[test]
    fn pieces_do_not_run_together() {
        assert_ne!(super::of(&[b"ab", b"c"]), super::of(&[b"a", b"bc"]));
    }
}
