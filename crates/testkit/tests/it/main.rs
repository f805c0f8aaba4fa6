//! Worlds: each seed is one, and in each everything must come out right.

mod crashes;
mod known_bad;
mod promises;
mod protocol;
mod stories;
mod worlds;
