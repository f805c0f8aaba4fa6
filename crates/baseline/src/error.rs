//! Why a segment was refused.

use crate::header::Kind;
use crate::layout::SegmentInfo;

const REBUILD: &str = "run `outflow baseline rebuild ACTIVATION --from destination` to read the rows back and write it anew";

/// Why a segment was refused. [`OpenError::remedy`] says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bytes never were a segment.
    #[error("this is not a baseline file: it does not begin as one")]
    NotABaseline,
    /// A segment of a layout that this program does not read.
    #[error("the baseline file has layout {found}, and this program reads layout {known}")]
    OtherFormat {
        /// The layout the file states.
        found: u16,
        /// The layout this program reads.
        known: u16,
    },
    /// Not all of the file is there as it was written.
    #[error("the baseline file is torn: {0}")]
    Torn(Damage),
    /// A whole segment, but not the one the ledger names: often an older copy of the state folder.
    #[error("the baseline file is whole, but not the one the ledger names: it has {found}, the ledger names {named}")]
    NotTheNamedFile {
        /// What the file is.
        found: SegmentInfo,
        /// What the ledger names.
        named: SegmentInfo,
    },
    /// A segment for another use.
    #[error("the file is a {found:?} segment where a {expected:?} segment is expected")]
    OtherKind {
        /// What the file says.
        found: Kind,
        /// What was asked for.
        expected: Kind,
    },
    /// The rows of another activation, or of one whose data extension was re-created.
    #[error("the baseline file belongs to another activation or another data extension")]
    OtherActivation,
    /// Fingerprints computed in another way.
    #[error("the baseline file has fingerprints of scheme {found}, and this program computes scheme {expected}")]
    OtherScheme {
        /// The scheme of the file.
        found: u16,
        /// The scheme asked for.
        expected: u16,
    },
    /// Fingerprints under another project secret.
    #[error("the baseline file was written under another project secret")]
    OtherSecret,
    /// Keys folded by other rules.
    #[error("the baseline file has keys of folding version {found}, and this program folds by version {expected}")]
    OtherFolding {
        /// The folding version of the file.
        found: u16,
        /// The folding version asked for.
        expected: u16,
    },
    /// Row fingerprints over other fields.
    #[error("the baseline file was written under another mapping")]
    OtherMapping,
    /// A segment of another baseline version.
    #[error("the baseline file is of version {found}, and version {expected} is expected")]
    OtherVersion {
        /// The version of the file.
        found: u64,
        /// The version asked for.
        expected: u64,
    },
    /// A base and a delta whose fingerprints cannot be compared with each other.
    #[error("base and delta do not belong together: they differ in activation, secret, scheme, folding version or mapping")]
    LevelsDiffer,
}

/// What of a torn file gave it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Even the smallest segment is longer.
    #[error("it has only {bytes} bytes")]
    TooShort {
        /// Length found.
        bytes: u64,
    },
    /// The header does not match its checksum.
    #[error("its header does not match its checksum")]
    Header,
    /// The footer does not match its checksum, as in a file that ends early.
    #[error("it does not end with a footer that matches its checksum")]
    Footer,
    /// The length does not follow from what the footer states.
    #[error("it has {found} bytes where its footer states {stated}")]
    Length {
        /// Length found.
        found: u64,
        /// Length the footer states.
        stated: u64,
    },
    /// A block does not match its checksum.
    #[error("block {block} of {blocks} does not match its checksum")]
    Block {
        /// The first such block, counted from 0.
        block: u64,
        /// How many blocks there are.
        blocks: u64,
    },
    /// The blocks match the table of checksums, but the table is not the one the footer digests.
    #[error("its parts do not match its digest")]
    Digest,
    /// All checksums match, but no writer of this format writes such content.
    #[error("its entries break the format's rules near entry {entry}")]
    Rules {
        /// The first entry, counted from 0, where a rule is broken.
        entry: u64,
    },
}

impl OpenError {
    /// What a person can do about it, as one sentence without its full stop.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::OtherFormat { .. } => {
                "use the version of outflow that wrote it, or run `outflow baseline rebuild ACTIVATION --from destination`"
            }
            Self::OtherSecret => {
                "give the project the secret it had, or run `outflow baseline rebuild ACTIVATION --from destination` under the new one"
            }
            Self::OtherFolding { .. } | Self::OtherScheme { .. } | Self::OtherMapping => {
                "let the next run rebase it, or run `outflow baseline rebuild ACTIVATION --from destination`"
            }
            Self::NotTheNamedFile { .. } => {
                "put back ledger and baseline files of the same moment, or run `outflow baseline rebuild ACTIVATION --from destination`"
            }
            Self::NotABaseline
            | Self::Torn(_)
            | Self::OtherKind { .. }
            | Self::OtherActivation
            | Self::OtherVersion { .. }
            | Self::LevelsDiffer => REBUILD,
        }
    }
}
