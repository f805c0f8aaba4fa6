//! What the ports promise, as facts that every backend's own tests check.
//!
//! Only with the feature `promises`, which nothing but tests turns on. A broken promise panics and says which.

pub mod file_store;
pub mod ledger;
pub mod local;
pub mod marketing_cloud;
pub mod source;
