//! Throwaway servers that nobody here wrote, on loopback ports of their own.

mod moto;

pub use moto::{BUCKET, EVERYTHING, Moto, REGION};
