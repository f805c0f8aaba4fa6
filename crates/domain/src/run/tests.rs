//! Tests of the run state.
