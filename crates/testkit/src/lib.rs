//! Builders and the simulated world.
//!
//! [`simulated`] has a backend in memory for every port: a ledger, a disk that loses what was not synced, a clock that waits in no time,
//! a cloud that is the sandbox's own model. [`world`] puts the real engine among them, lets everything go wrong that can, and checks what
//! must be true at the end. One seed is one world. [`sabotage`] are the mistakes that a world must notice. [`servers`] are programs of
//! others that tests of adapters meet.

pub mod protocol;
pub mod sabotage;
pub mod servers;
pub mod simulated;
pub mod world;
