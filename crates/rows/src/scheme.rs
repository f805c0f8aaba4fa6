//! The keys of hashing.

use std::fmt;

use outflow_domain::Mapping;

/// How rows are encoded and hashed. Another encoding or hash is another number; baselines tell theirs.
pub const SCHEME: u16 = 1;

/// The keys under which the rows of one activation are hashed.
///
/// Derived with BLAKE3's key derivation from the project secret, for each activation and each purpose apart: a baseline tells nothing about
/// another one, and without the secret a guessed address cannot be looked up in either.
#[derive(Clone)]
pub struct Scheme {
    pub(crate) key_fingerprint: [u8; 16],
    pub(crate) row_fingerprint: [u8; 16],
    check: [u8; 8],
    stored_keys: [u8; 32],
}

impl Scheme {
    /// Derives the keys of `activation`, whose name is unique in the project.
    #[must_use]
    pub fn derive(project_secret: &[u8], activation: &str) -> Self {
        let project = blake3::derive_key("outflow 2026-11 scheme 1: project secret to activation keys", project_secret);
        let activation = blake3::keyed_hash(&project, activation.as_bytes());
        let purpose = |context: &str| blake3::derive_key(context, activation.as_bytes());
        Self {
            key_fingerprint: first(&purpose("outflow 2026-11 scheme 1: key fingerprint")),
            row_fingerprint: first(&purpose("outflow 2026-11 scheme 1: row fingerprint")),
            check: first(&purpose("outflow 2026-11 scheme 1: key check")),
            stored_keys: purpose("outflow 2026-11 scheme 1: stored keys"),
        }
    }

    /// Tells whether two schemes have the same keys, and nothing about the keys: a baseline keeps it to notice another secret.
    #[must_use]
    pub fn key_check(&self) -> [u8; 8] {
        self.check
    }

    /// The key that nothing but stored keys of rows is encrypted with.
    #[must_use]
    pub const fn stored_keys(&self) -> &[u8; 32] {
        &self.stored_keys
    }
}

impl fmt::Debug for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scheme(****)")
    }
}

/// Digest of all that row fingerprints depend on beside the rows: see [`Mapping::digest_text`].
#[must_use]
pub fn mapping_digest(mapping: &Mapping) -> [u8; 16] {
    first(blake3::hash(mapping.digest_text().as_bytes()).as_bytes())
}

/// Digest of all that key fingerprints depend on beside the rows: see [`Mapping::key_digest_text`].
#[must_use]
pub fn keys_digest(mapping: &Mapping) -> [u8; 16] {
    first(blake3::hash(mapping.key_digest_text().as_bytes()).as_bytes())
}

fn first<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| hash[at])
}

#[cfg(test)]
mod tests {
    use super::Scheme;

    #[test]
    fn the_same_secret_and_activation_give_the_same_keys() {
        assert_eq!(Scheme::derive(b"secret", "members").key_check(), Scheme::derive(b"secret", "members").key_check());
    }

    #[test]
    fn another_secret_or_activation_gives_other_keys() {
        let one = Scheme::derive(b"secret", "members");
        for other in [Scheme::derive(b"Secret", "members"), Scheme::derive(b"secret", "orders")] {
            assert_ne!(one.key_check(), other.key_check());
            assert_ne!(one.key_fingerprint, other.key_fingerprint);
            assert_ne!(one.row_fingerprint, other.row_fingerprint);
        }
    }

    #[test]
    fn each_purpose_has_its_own_key() {
        let scheme = Scheme::derive(b"secret", "members");
        assert_ne!(scheme.key_fingerprint, scheme.row_fingerprint);
        assert_ne!(scheme.key_check(), scheme.row_fingerprint[..8]);
        for other in [&scheme.key_fingerprint, &scheme.row_fingerprint] {
            assert!(!scheme.stored_keys().starts_with(other) && !scheme.stored_keys().ends_with(other));
        }
    }

    #[test]
    fn printing_a_scheme_prints_no_key() {
        assert_eq!(format!("{:?}", Scheme::derive(b"secret", "members")), "Scheme(****)");
    }
}
