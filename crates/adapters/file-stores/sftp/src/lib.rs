//! SFTP servers, such as the tenant's own "Enhanced FTP".
//!
//! ```text
//! store ── lends a connection from ─► pool ── opens ─► connection: TCP, SSH (algorithms, host_key), login, SFTP
//!   │
//!   └── carries out a step (upload, or one of `steps`), and again on a new connection where the old one was lost
//! ```
//!
//! `fault` sorts what can go wrong into what a retry mends, and what a person must.

mod algorithms;
mod connection;
mod fault;
mod host_key;
mod login;
mod pool;
mod settings;
mod status_codes;
mod steps;
mod store;
mod upload;

pub use host_key::HostKeys;
pub use settings::{InvalidSettings, PrivateKeyText, SftpSettings};
pub use store::SftpStore;
