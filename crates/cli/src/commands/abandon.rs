//! `outflow abandon`: gives up on an import whose end is not known.

use serde_json::json;

use super::{Done, Failure, engine_failed, failed, lock, machine, ready};
use crate::{
    args::{Arguments, Output},
    assemble,
    exit::Exit,
    output,
    project::{self, Refused},
};

pub async fn abandon(arguments: &Arguments, import: &str) -> Done {
    let project = project::load(arguments)?;
    let machine = machine(arguments, &project)?;
    let ledger = assemble::ledger(&machine).map_err(|it| failed(arguments.output, "LED-003", &it))?;
    let states = ledger.activations().await.map_err(|it| failed(arguments.output, "LED-003", &it))?;
    let owner =
        states.iter().find(|(_, state)| state.open_parts.iter().any(|it| it.may_be_running() && outflow_engine::import_name(it) == import));
    let Some((name, _)) = owner else {
        let refused = Refused(format!("no open import is called `{import}`; `outflow status` names those there are"));
        return Err(failed(arguments.output, "CLI-006", &refused));
    };
    let activation = project::activation(&project, name.as_str(), arguments.output)?;
    let _locks = lock(&project, activation, &machine).map_err(|it| Failure::from(it).printed(arguments.output))?;
    let ready = ready(arguments, &project, activation, &machine, true).map_err(|it| it.printed(arguments.output))?;
    outflow_engine::abandon(&ready.job, &ready.ports, import).await.map_err(|it| engine_failed(arguments.output, &it))?;
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
