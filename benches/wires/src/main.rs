//! `outflow-bench-wires`: one adapter at a time, against a server that is running.
//!
//! A crate beside `outflow-bench`, so that measuring a wire does not build the query engine. `benches/postgres.py` and `benches/sftp.py`
//! start the servers, run this and the other program in turn, and print the table.

mod postgres;
mod sftp;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

// Runtime and allocator are those of the program `outflow`.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Read a query's rows from a PostgreSQL on loopback to their end, and drop them.
    Postgres {
        #[arg(long)]
        port: u16,
        #[arg(long)]
        user: String,
        #[arg(long)]
        query: String,
    },
    /// Make a spool file of so many bytes in this state folder, and print its path.
    Spool { state: PathBuf, bytes: u64 },
    /// Put that spool file to an SFTP server on loopback.
    Sftp {
        state: PathBuf,
        #[arg(long)]
        port: u16,
        #[arg(long)]
        user: String,
        /// File of the account's private key.
        #[arg(long)]
        key: PathBuf,
        /// Fingerprint of the server's key.
        #[arg(long)]
        host_key: String,
        /// Folder at the server.
        #[arg(long)]
        folder: String,
    },
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match Arguments::parse().what {
        What::Postgres { port, user, query } => runtime.block_on(postgres::read(port, user, query)),
        What::Spool { state, bytes } => sftp::make_spool_file(&state, bytes),
        What::Sftp { state, port, user, key, host_key, folder } => {
            runtime.block_on(sftp::put(&state, sftp::server(port, user, &key, host_key, folder)?))
        }
    }
}

#[allow(clippy::print_stdout, reason = "its whole purpose is to print the result")]
fn print(line: &dyn std::fmt::Display) {
    println!("{line}");
}
