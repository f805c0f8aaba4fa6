//! The PostgreSQL source against a real server, which each test binary starts for itself.

mod promises;
mod reading;
mod refusals;
mod server;
mod tls;
mod types;
