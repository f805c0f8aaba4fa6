//! `outflow init`: a small, commented, working project.

use std::path::Path;

use serde_json::json;

use super::{Done, failed};
use crate::{
    args::{Arguments, Output},
    exit::Exit,
    output,
};

pub fn init(arguments: &Arguments, folder: Option<&Path>) -> Done {
    let folder = folder.unwrap_or(&arguments.project);
    let files = outflow_project::init(folder).map_err(|it| failed(arguments.output, "CLI-004", &it))?;
    match arguments.output {
        Output::Json => output::json(&json!({ "files": files })),
        Output::Text => {
            output::text("Wrote:");
            files.iter().for_each(|it| output::text(&format!("  {}", it.display())));
            output::text(&format!(
                "\nNext: copy `{0}` to `{1}`, fill it in, and load it: `set -a; . {1}; set +a`. Then `outflow -C {2} check --connect`.",
                folder.join(".env.example").display(),
                folder.join(".env").display(),
                folder.display()
            ));
        }
    }
    Ok(Exit::Success)
}
