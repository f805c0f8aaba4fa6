//! Amazon S3 and its kin.
//!
//! An object becomes visible when all of it has arrived, so a file needs no other name while it is sent.

mod fault;
mod settings;
mod store;

pub use settings::{Credentials, InvalidSettings, S3Settings};
pub use store::S3Store;
