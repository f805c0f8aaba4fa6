//! What things are: the values and rules of Outflow.
//!
//! This crate knows no I/O, no async, no clock and no Arrow. Everything here can be built, compared and checked in a test of one line.

pub mod fingerprint;

pub use fingerprint::{KeyFingerprint, RowFingerprint};
