//! The hot loops, each ready to run with nothing else left to do.

mod baseline;
mod rows;

use std::error::Error;

/// Makes a loop ready to run.
type Prepare = fn() -> Result<Prepared, Box<dyn Error>>;

/// A loop whose data is there and whose vectors have their memory.
pub struct Prepared {
    /// Rows, entries or records that it goes through.
    pub rows: u64,
    pub work: Box<dyn FnMut()>,
}

impl Prepared {
    fn of(rows: u64, work: impl FnMut() + 'static) -> Self {
        Self { rows, work: Box::new(work) }
    }
}

/// Every loop that is guarded.
pub const LOOPS: &[(&str, Prepare)] = &[
    ("canonicalize", rows::canonicalize),
    ("canonicalize, views", rows::canonicalize_views),
    ("fingerprints, ASCII keys", rows::fingerprints_of_ascii_keys),
    ("fingerprints, views", rows::fingerprints_of_views),
    ("fingerprints, keys beyond ASCII", rows::fingerprints_of_keys_beyond_ascii),
    ("keys beyond ASCII, held against others", rows::wide_keys),
    ("encode CSV", rows::encode),
    ("look for warnings", rows::look_for_warnings),
    ("read CSV again", rows::read_again),
    ("probe, hits", baseline::probe_hits),
    ("probe, misses", baseline::probe_misses),
    ("probe, hits under a delta", baseline::probe_hits_under_a_delta),
    ("list the unseen", baseline::list_the_unseen),
    ("spread records", baseline::spread),
    ("seal records", baseline::seal),
    ("write a segment", baseline::write),
    ("open a segment", baseline::open),
    ("merge base and delta", baseline::merge),
];
