//! The adapter against answers as the service gives them, against hostile ones, and against the sandbox.

mod columns;
mod deletions;
mod describe;
mod doors;
mod fake;
mod hostile;
mod imports;
mod locations;
mod promises;
mod receipts;
mod requests;
mod retries;
mod rows;
mod sandbox;
mod secrecy;
mod settings;
mod sockets;
mod starts;
mod tables;
mod tokens;
