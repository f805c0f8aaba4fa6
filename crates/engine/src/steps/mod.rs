//! The steps of a run, in their order.

pub(crate) mod compare;
pub(crate) mod delete;
pub(crate) mod import;
pub(crate) mod resolve;
pub(crate) mod seal;
pub(crate) mod settle;
pub(crate) mod transfer;
