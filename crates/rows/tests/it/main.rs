//! What this crate promises, as lists of facts and as properties.

mod conversions;
mod csv_files;
mod fingerprints;
mod flags;
mod kept;
mod read_back;
mod support;
mod verdicts;
