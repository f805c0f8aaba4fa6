//! `outflow schema`: the JSON Schema of project files.

use super::Done;
use crate::{exit::Exit, output};

pub fn schema() -> Done {
    output::json(&outflow_project::schema());
    Ok(Exit::Success)
}
