//! How a run proceeds
