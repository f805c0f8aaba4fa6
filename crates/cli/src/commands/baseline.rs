//! `outflow baseline`: what the destination has confirmed to hold.

use serde_json::json;

use super::{Done, Failure, engine_failed, lock, machine, ready};
use crate::{
    args::{Arguments, Baseline, Output, RebuildFrom},
    exit::Exit,
    output::{self, rows},
    project,
};

pub async fn baseline(arguments: &Arguments, wanted: &Baseline) -> Done {
    let Baseline::Rebuild { activation, from: RebuildFrom::Destination } = wanted;
    let project = project::load(arguments)?;
    let activation = project::activation(&project, activation, arguments.output)?;
    let machine = machine(arguments, &project)?;
    let _locks = lock(&project, activation, &machine).map_err(|it| Failure::from(it).printed(arguments.output))?;
    let ready = ready(arguments, &project, activation, &machine, true).map_err(|it| it.printed(arguments.output))?;
    let rebuilt = outflow_engine::rebuild(&ready.job, &ready.ports)
        .await
        .map_err(|it| engine_failed(arguments.output, project.route(activation).1, &it))?;
    match arguments.output {
        Output::Json => {
            output::json(&json!({ "activation": activation.name().as_str(), "rows": rebuilt.rows, "unreadable": rebuilt.unreadable }))
        }
        Output::Text => {
            let unreadable = if rebuilt.unreadable > 0 {
                format!(" ({} with values that cannot be understood)", rows(rebuilt.unreadable))
            } else {
                String::new()
            };
            output::text(&format!(
                "The baseline of `{}` is what the data extension holds: {}{unreadable}.",
                activation.name(),
                rows(rebuilt.rows)
            ));
        }
    }
    Ok(Exit::Success)
}
