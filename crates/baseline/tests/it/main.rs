//! What a baseline promises, each checked against a naive model.

mod limits;
mod merging;
mod probing;
mod python;
mod sealing;
mod segments;
mod stored_keys;
mod support;
mod trails;
