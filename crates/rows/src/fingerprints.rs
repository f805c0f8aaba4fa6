//! Keyed hashes of keys and rows.

use outflow_domain::{KeyFingerprint, RowFingerprint};
use siphasher::{sip::SipHasher13, sip128::SipHasher13 as SipHasher13Of128};

use crate::{batch::CanonicalBatch, encoding::RowBytes, scheme::Scheme};

/// Rows encoded at a time: with a hundred bytes a row they stay in the nearest cache.
const CHUNK: usize = 256;

/// Fingerprints of every row of a batch, in its order. What the vectors held before is dropped; their memory is used again.
///
/// The row fingerprint covers the columns that are not keys. Of a row with problems it means nothing, as that row is not sent; its key
/// fingerprint is good where [`CanonicalBatch::has_usable_key`].
pub fn fingerprints(batch: &CanonicalBatch, scheme: &Scheme, keys: &mut Vec<KeyFingerprint>, rows: &mut Vec<RowFingerprint>) {
    key_fingerprints(batch, scheme, keys);
    let hasher = SipHasher13::new_with_key(&scheme.row_fingerprint);
    rows.clear();
    rows.reserve(batch.rows());
    let mut bytes = RowBytes::default();
    for from in (0..batch.rows()).step_by(CHUNK) {
        bytes.encode(batch.values(), from..batch.rows().min(from + CHUNK));
        rows.extend(bytes.iter().map(|row| RowFingerprint::of(hasher.hash(row))));
    }
}

/// Fingerprints of the keys alone, as they fold together for the service: see [`crate::fold_text`].
pub fn key_fingerprints(batch: &CanonicalBatch, scheme: &Scheme, keys: &mut Vec<KeyFingerprint>) {
    let hasher = SipHasher13Of128::new_with_key(&scheme.key_fingerprint);
    keys.clear();
    keys.reserve(batch.rows());
    let mut bytes = RowBytes::default();
    for from in (0..batch.rows()).step_by(CHUNK) {
        bytes.encode_folded(batch.keys(), from..batch.rows().min(from + CHUNK));
        keys.extend(bytes.iter().map(|key| KeyFingerprint(hasher.hash(key).as_u128())));
    }
}
