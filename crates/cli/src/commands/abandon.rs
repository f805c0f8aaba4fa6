//! `outflow abandon`: gives up on an import whose end is not known.

use outflow_domain::Name;
use outflow_project::{Activation, Project};
use serde_json::json;

use super::{Done, Failure, engine_failed, failed, lock, machine, ready};
use crate::{
    args::{Arguments, Output},
    assemble,
    exit::Exit,
    output,
    project::{self, Refused},
};

/// An activation in place of one that is no longer in the project: what is given up needs its name, and the connection that its file went to.
fn stand_in(project: &Project, name: &Name, output: Output) -> Result<Activation, Exit> {
    let mut connections: Vec<&str> = project.activations.values().map(|it| project.route(it).1.name.as_str()).collect();
    connections.sort_unstable();
    connections.dedup();
    match (project.activations.values().next(), connections.len()) {
        (Some(any), 1) => {
            let mut activation = any.clone();
            activation.wish.name = name.clone();
            Ok(activation)
        }
        _ => {
            let refused = Refused(format!(
                "the import is one of activation `{name}`, which is no longer in the project, and its activations use several connections, or \
                 none; put `{name}` back into the project, and run it or give the import up"
            ));
            output::error(output, "CLI-001", &refused);
            Err(Exit::Usage)
        }
    }
}

pub async fn abandon(arguments: &Arguments, import: &str) -> Done {
    let project = project::load(arguments)?;
    let machine = machine(arguments, &project)?;
    let ledger = assemble::ledger(&machine).map_err(|it| failed(arguments.output, "LED-003", &it))?;
    let states = ledger.activations().await.map_err(|it| failed(arguments.output, "LED-003", &it))?;
    let owner = states.iter().find(|(_, state)| {
        state.open_parts.iter().any(|it| (it.may_be_running() || it.plan.is_of_deletes) && outflow_engine::import_name(it) == import)
    });
    let Some((name, _)) = owner else {
        let refused = Refused(format!("no open import is called `{import}`; `outflow status` names those there are"));
        return Err(failed(arguments.output, "CLI-006", &refused));
    };
    let activation = match project.activations.get(name) {
        Some(activation) => activation.clone(),
        None => stand_in(&project, name, arguments.output)?,
    };
    let activation = &activation;
    let _locks = lock(&project, activation, &machine).map_err(|it| Failure::from(it).printed(arguments.output))?;
    let ready = ready(arguments, &project, activation, &machine, true).map_err(|it| it.printed(arguments.output))?;
    outflow_engine::abandon(&ready.job, &ready.ports, import)
        .await
        .map_err(|it| engine_failed(arguments.output, project.route(activation).1, &it))?;
    match arguments.output {
        Output::Json => output::json(&json!({ "abandoned": import, "activation": name.as_str() })),
        Output::Text => {
            output::text(&format!(
                "{import} of `{name}` is given up. Its rows stay in doubt: every run sends those again that the model has, until the import is found \
                 to have ended, or `outflow baseline rebuild {name} --from destination` has read everything back."
            ));
        }
    }
    Ok(Exit::Success)
}
