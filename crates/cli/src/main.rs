//! The `outflow` program.
fn main() {}
