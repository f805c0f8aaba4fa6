//! `outflow status`: each activation at a glance.

use outflow_domain::ActivationState;
use outflow_engine::import_name;
use outflow_local_state::StateFolder;
use serde_json::{Value, json};

use super::{
    Done, failed, held,
    runs::{unended, word},
};
use crate::{
    args::{Arguments, Output},
    assemble,
    exit::Exit,
    output::{self, count_of, number, rows, time},
    project,
};

pub async fn status(arguments: &Arguments) -> Done {
    let project = project::outline(arguments)?;
    let folder = StateFolder::new(&project.state);
    let ledger = assemble::ledger_to_read(&folder).map_err(|it| failed(arguments.output, "LED-003", &it))?;
    let states = match ledger {
        Some(ledger) => ledger.activations().await.map_err(|it| failed(arguments.output, "LED-003", &it))?,
        None => Vec::new(),
    };
    let mut listed = Vec::new();
    for name in &project.activations {
        let state = states.iter().find(|(it, _)| it == name).map(|(_, state)| state.clone()).unwrap_or_default();
        listed.push((name, state));
    }
    // What somebody renamed or removed may still hold up its data extension.
    let gone = states.iter().filter(|(name, state)| !project.activations.contains(name) && !state.open_parts.is_empty());
    listed.extend(gone.map(|(name, state)| (name, state.clone())));
    match arguments.output {
        Output::Json => {
            let activations: Vec<Value> =
                listed.iter().map(|(name, state)| status_json(name.as_str(), state, folder.is_worked_on(name))).collect();
            output::json(&json!({ "activations": activations }));
        }
        Output::Text => {
            let mut table = output::table(&["ACTIVATION", "LAST SUCCESS", "LAST RUN", "ROWS CONFIRMED", "PENDING"]);
            for (name, state) in &listed {
                let last = match (&state.current_run, &state.last_ended) {
                    (Some(_), _) if state.current_purpose.is_run() => unended(folder.is_worked_on(name)).into(),
                    (_, Some((_, _, result))) => word(result),
                    (_, None) => "never".into(),
                };
                let success = state.last_success_ms.map_or_else(|| "never".into(), time);
                let gone = if project.activations.contains(name) { "" } else { " (no longer in the project)" };
                table.add_row([format!("{name}{gone}"), success, last, number(state.baseline.present), pending(name.as_str(), state)]);
            }
            output::text(&table.to_string());
        }
    }
    Ok(Exit::Success)
}

fn pending(name: &str, state: &ActivationState) -> String {
    let held = held::standing_text(name, state);
    let open = open_text(state);
    match (held, open) {
        (None, None) => "-".into(),
        (held, open) => held.into_iter().chain(open).collect::<Vec<_>>().join("; "),
    }
}

fn open_text(state: &ActivationState) -> Option<String> {
    let named = |is_deletion: bool| {
        let open = state.open_parts.iter().filter(|it| it.may_be_running() && it.plan.is_of_deletes == is_deletion);
        open.map(import_name).collect::<Vec<_>>()
    };
    let (blocked, deletions) = (named(false), named(true));
    if !blocked.is_empty() {
        return Some(format!("import not known to have ended: {}", blocked.join(", ")));
    }
    if !deletions.is_empty() {
        return Some(format!("deletion yet to be read back: {}", deletions.join(", ")));
    }
    let in_doubt: u64 = state.open_parts.iter().filter_map(|it| it.doubt.as_ref()).map(|it| it.entries).sum();
    match (in_doubt, state.open_parts.len()) {
        (0, 0) => None,
        (0, parts) => Some(count_of(parts as u64, "unsent part", "unsent parts")),
        (in_doubt, _) => Some(format!("{} in doubt", rows(in_doubt))),
    }
}

fn status_json(name: &str, state: &ActivationState, is_worked_on: bool) -> Value {
    let open: Vec<Value> = state
        .open_parts
        .iter()
        .map(|it| {
            let in_doubt = it.doubt.as_ref().map_or(0, |it| it.entries);
            json!({ "import": import_name(it), "run": it.run.0, "stage": it.stage, "rows_in_doubt": in_doubt, "blocks": it.may_be_running(), "abandoned": it.is_abandoned })
        })
        .collect();
    json!({
        "activation": name,
        "last_success_ms": state.last_success_ms,
        "last_run": state.last_ended.as_ref().map(|(run, at_ms, result)| json!({ "run": run.0, "ended_ms": at_ms, "result": result })),
        "current_run": state.current_run.as_ref().map(
            |run| json!({ "run": run.0, "purpose": state.current_purpose.code(), "under_way": is_worked_on })
        ),
        "baseline_version": state.baseline.version,
        "rows_confirmed": state.baseline.present,
        "open": open,
        "held": held::standing_json(name, state),
    })
}
