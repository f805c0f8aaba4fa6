//! The SFTP store against servers that nobody here wrote: OpenSSH, ProFTPD, AsyncSSH.

mod support;

mod algorithms;
mod connections;
mod host_keys;
mod login;
mod promises;
mod transfer;
