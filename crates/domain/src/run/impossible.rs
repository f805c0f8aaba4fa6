//! What a ledger refuses to record.

use crate::names::Name;

/// An event that cannot follow what was recorded before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {number} of activation `{activation}` ({event}) cannot follow what the ledger holds: {why}")]
pub struct ImpossibleEvent {
    /// The activation.
    pub activation: Name,
    /// Its place in the activation's history, from 1.
    pub number: u64,
    /// The event's name.
    pub event: &'static str,
    /// Why not.
    pub why: &'static str,
}
