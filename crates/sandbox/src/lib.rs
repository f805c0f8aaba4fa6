//! A Marketing Cloud to practise on.
//!
//! [`model`] is the heart: a model of Salesforce Marketing Cloud Engagement without sockets, threads or a
//! clock of its own. A call and the time go in, an answer comes out, so that the same model serves real
//! sockets and simulated worlds. It depends on no other crate of the workspace: what it believes about
//! key equality, types and wire formats is written down here once more, independently, so that one side
//! cannot hide the other's mistake.
//!
//! [`doors`] puts real sockets around it: [`Sandbox::start`] opens them all on loopback, and a ready file
//! tells clients how to reach them.

pub mod doors;
pub mod model;

pub use doors::{Options, Ready, Running, Sandbox, StartError, State};
