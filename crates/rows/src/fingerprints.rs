//! Keyed hashes of keys and rows.

use outflow_domain::{KeyFingerprint, RowFingerprint};

use crate::{
    batch::{CanonicalBatch, CanonicalColumn},
    encoding::RowBytes,
    scheme::Scheme,
    sip::SipKey,
};

/// Rows encoded at a time: with a hundred bytes a row they stay in the nearest cache.
const CHUNK: usize = 256;

/// Fingerprints of every row of a batch, in its order. What the vectors held before is dropped; their memory is used again.
///
/// The row fingerprint covers the columns that are not keys, and which of them are left as they are. Of a row with problems it means nothing, as that row is not sent; its key
/// fingerprint is good where [`CanonicalBatch::has_usable_key`].
pub fn fingerprints(batch: &CanonicalBatch, scheme: &Scheme, keys: &mut Vec<KeyFingerprint>, rows: &mut Vec<RowFingerprint>) {
    key_fingerprints(batch, scheme, keys);
    let key = SipKey::new(&scheme.row_fingerprint);
    hash_values(batch.values(), batch.rows(), key, rows);
    if !batch.kept.is_empty() {
        batch.kept.mark(key, rows);
    }
}

/// Fingerprints that the rows would have if they had no value but that of one field, by its position among the values: to be held against
/// [`crate::FlagCell::row`].
pub fn value_fingerprints(batch: &CanonicalBatch, value: usize, scheme: &Scheme, rows: &mut Vec<RowFingerprint>) {
    hash_values(&batch.values()[value..=value], batch.rows(), SipKey::new(&scheme.row_fingerprint), rows);
}

fn hash_values(values: &[CanonicalColumn], count: usize, key: SipKey, rows: &mut Vec<RowFingerprint>) {
    rows.clear();
    rows.reserve(count);
    let mut bytes = RowBytes::default();
    for from in (0..count).step_by(CHUNK) {
        bytes.encode(values, from..count.min(from + CHUNK));
        key.hash_all_64(bytes.rows(), |hash| rows.push(RowFingerprint::of(hash)));
    }
}

/// Fingerprints of the keys alone, as they fold together for the service: see [`crate::fold_text`].
pub fn key_fingerprints(batch: &CanonicalBatch, scheme: &Scheme, keys: &mut Vec<KeyFingerprint>) {
    let key = SipKey::new(&scheme.key_fingerprint);
    keys.clear();
    keys.reserve(batch.rows());
    let mut bytes = RowBytes::default();
    for from in (0..batch.rows()).step_by(CHUNK) {
        bytes.encode_folded(batch.keys(), from..batch.rows().min(from + CHUNK));
        key.hash_all_128(bytes.rows(), |hash| keys.push(KeyFingerprint(hash)));
    }
}
