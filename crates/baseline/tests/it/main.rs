//! What a baseline promises, each checked against a naive model.

mod limits;
mod merging;
mod probing;
mod python;
mod sealing;
mod segments;
mod support;
mod trails;
