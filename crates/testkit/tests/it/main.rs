//! Worlds: each seed is one, and in each everything must come out right.

mod worlds;
