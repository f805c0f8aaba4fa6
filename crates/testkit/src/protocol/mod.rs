//! The protocol as a small exhaustive model: send, doubt, settle, crash, late imports, another writer.
//!
//! A machine for two keys and the values absent, A and B follows the engine step by step: one step is one durable event or one effect, and the
//! machine may crash between any two. Around it, imports begin late, apply late, stop half-way, or lose the answer to their start; the model
//! changes back and forth, others edit, a person abandons. [`explore`] visits every state by breadth-first search, so that the first way
//! found to break an [`Invariant`] is a shortest one, and tells it as a story. Nothing is bounded by a budget of faults: any number of crashes and
//! changes is covered. Only the imports that one part has started at a time, and the parts that are remembered at a time, are.
//!
//! The ledger is no model: each step appends the real [`outflow_domain::RunEvent`] to the real [`outflow_domain::ActivationState`], whose
//! fold is asked once for each different question, so that the model cannot drift from it.
//!
//! What the machine does otherwise than the protocol is a [`Habit`]: known-bad ones, each of which must break an invariant.

mod engine;
mod explore;
mod ledger;
mod service;
mod state;

pub use explore::{Explored, Found, explore};
pub use state::{Abandon, Habit, Invariant, Service, Settings, Value};
