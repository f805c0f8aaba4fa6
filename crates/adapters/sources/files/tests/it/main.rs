//! The files source against real files.

mod broken;
mod formats;
mod in_buckets;
mod parquet_files;
mod promises;
mod spilling;
