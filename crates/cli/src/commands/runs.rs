//! `outflow runs`: past runs, and what happened in one.

use outflow_domain::{Evidence, ImportStatus, Name, Purpose, RunEvent, RunId, RunRecord, RunResult};
use outflow_local_state::StateFolder;
use serde_json::{Value, json};

use super::{Done, failed, held, run::outcomes_text};
use crate::{
    args::{Arguments, Output},
    assemble,
    exit::Exit,
    output::{self, bytes, files, number, rows, rows_are, time},
    project::{self, Refused},
};

pub async fn runs(arguments: &Arguments, run: Option<&str>, activation: Option<&str>, most: usize) -> Done {
    let project = project::outline(arguments)?;
    let state = StateFolder::new(&project.state);
    let ledger = assemble::ledger_to_read(&state).map_err(|it| failed(arguments.output, "LED-003", &it))?;
    let unusable = |it: outflow_ports::LedgerError| failed(arguments.output, "LED-003", &it);
    let Some(ledger) = ledger else {
        match arguments.output {
            Output::Json => output::json(&json!({ "runs": [] })),
            Output::Text => output::text("Nothing has run yet."),
        }
        return Ok(Exit::Success);
    };
    if let Some(run) = run {
        let records = ledger.events(&RunId(run.to_owned())).await.map_err(unusable)?;
        if records.is_empty() {
            return Err(failed(arguments.output, "CLI-005", &Refused(format!("there is no run `{run}`; `outflow runs` lists them"))));
        }
        match arguments.output {
            Output::Json => output::json(&json!({ "run": run, "events": records })),
            Output::Text => output::text(&explained(&records)),
        }
        return Ok(Exit::Success);
    }
    let named = |it: &str| {
        let found = project.activations.iter().find(|name| name.as_str() == it).cloned();
        found.ok_or_else(|| project::no_activation(it, project.activations.iter(), arguments.output))
    };
    let name = activation.map(named).transpose()?;
    let summaries = ledger.runs(name.as_ref(), most).await.map_err(unusable)?;
    let mut listed = Vec::new();
    for it in summaries {
        let events = ledger.events(&it.run).await.map_err(unusable)?;
        let (result, purpose) = (RunResult::told_by(&events), Purpose::told_by(&events));
        let may_work = result.is_none() && state.is_worked_on(&it.activation);
        let under_way = may_work && ledger.activation(&it.activation).await.map_err(unusable)?.current_run.as_ref() == Some(&it.run);
        listed.push(Listed { run: it.run.to_string(), activation: it.activation, started_ms: it.started_ms, purpose, result, under_way });
    }
    match arguments.output {
        Output::Json => {
            let runs: Vec<Value> = listed
                .iter()
                .map(|it| {
                    json!({
                        "run": it.run, "activation": it.activation.as_str(), "started_ms": it.started_ms, "purpose": it.purpose.code(),
                        "under_way": it.under_way, "result": it.result,
                    })
                })
                .collect();
            output::json(&json!({ "runs": runs }));
        }
        Output::Text => {
            let mut table = output::table(&["RUN", "ACTIVATION", "STARTED", "RESULT"]);
            for it in &listed {
                let what = match it.purpose {
                    Purpose::Run => "",
                    Purpose::Rebuild => "baseline rebuild: ",
                    Purpose::Repair => "drift taken down for a repair: ",
                };
                let result = it.result.as_ref().map_or_else(|| unended(it.under_way).to_owned(), word);
                table.add_row([it.run.clone(), it.activation.to_string(), time(it.started_ms), format!("{what}{result}")]);
            }
            output::text(&table.to_string());
        }
    }
    Ok(Exit::Success)
}

/// A run of the list.
struct Listed {
    run: String,
    activation: Name,
    started_ms: i64,
    purpose: Purpose,
    result: Option<RunResult>,
    /// Whether a process works on it now.
    under_way: bool,
}

/// A result in a word or two.
pub fn word(result: &RunResult) -> String {
    match result {
        RunResult::Succeeded => "succeeded".into(),
        RunResult::RowsRefused => "rows refused".into(),
        RunResult::RowsPending => "rows pending".into(),
        RunResult::Blocked { import } => format!("blocked by {import}"),
        RunResult::Failed { code, .. } => format!("failed ({code})"),
    }
}

/// What a run is that has no result: the kernel frees the lock of one that was killed.
pub const fn unended(under_way: bool) -> &'static str {
    if under_way { "under way" } else { "ended without a result" }
}

fn explained(records: &[RunRecord]) -> String {
    let mut text = String::new();
    for it in records {
        text.push_str(&format!("{}  {}\n", time(it.at_ms), sentence(&it.event)));
        if let RunEvent::Ended { outcomes, .. } = &it.event {
            text.push_str(&outcomes_text(outcomes));
        }
    }
    text
}

fn sentence(event: &RunEvent) -> String {
    match event {
        RunEvent::Started { purpose: Purpose::Rebuild, .. } => "started, to make the baseline anew from the data extension".into(),
        RunEvent::Started { purpose: Purpose::Repair, .. } => "started, to let the baseline forget what has drifted".into(),
        RunEvent::Started { full: true, .. } => "started, to send every row".into(),
        RunEvent::Started { full: false, .. } => "started".into(),
        RunEvent::Planned { manifest, .. } => {
            let sum: u64 = manifest.parts.iter().filter(|it| !it.is_of_deletes).map(|it| it.bytes).sum();
            let deletions = manifest.parts.iter().filter(|it| it.is_of_deletes).count();
            let to_delete: u64 = manifest.parts.iter().filter(|it| it.is_of_deletes).map(|it| it.rows).sum();
            let deleted = if to_delete == 0 { String::new() } else { format!(", {} to delete", rows(to_delete)) };
            let sent = files(manifest.parts.len() - deletions);
            format!("planned {}: {sent}, {}, {} read{deleted}", manifest.plan, bytes(sum), rows(manifest.source_rows))
        }
        RunEvent::TableCreating => "creating the data extension".into(),
        RunEvent::TableCreated { .. } => "data extension created".into(),
        RunEvent::ColumnsWidening => "making columns longer".into(),
        RunEvent::ColumnsWidened => "columns made longer".into(),
        RunEvent::ColumnsAdding => "creating columns".into(),
        RunEvent::ColumnsAdded { .. } => "columns created".into(),
        RunEvent::HoldApproved { plan, .. } => format!("what plan {plan} had held was approved by a person"),
        RunEvent::RowsHeld { hold } => {
            let guards: Vec<String> = hold.guards.iter().map(held::sentence).collect();
            format!("{} held by plan {}: {}", rows(hold.rows.entries), hold.plan, guards.join("; "))
        }
        RunEvent::TransferStarting { part } => format!("part {part}: sending its file"),
        RunEvent::Transferred { part } => format!("part {part}: its file has arrived whole"),
        RunEvent::ImportStarting { part, doubt, .. } => {
            format!("part {part}: starting its import; {} in doubt from here on", rows_are(doubt.entries))
        }
        RunEvent::ImportStarted { part, import } => format!("part {part}: import {import} started"),
        RunEvent::ImportNotStarted { part, code, .. } => format!("part {part}: its import was not started ({code})"),
        RunEvent::DeletesStarting { part, doubt } => {
            format!("part {part}: deleting its rows; {} in doubt from here on", rows_are(doubt.entries))
        }
        RunEvent::ImportEnded { part, status } => match status {
            ImportStatus::Completed { counts } => format!(
                "part {part}: import completed, {} of {} rows applied, {} refused, {} duplicated, {} restricted",
                number(counts.successful),
                number(counts.total),
                number(counts.errors),
                number(counts.duplicated),
                number(counts.restricted)
            ),
            ImportStatus::Failed { code, .. } => format!("part {part}: import failed ({code})"),
            ImportStatus::Queued | ImportStatus::Running { .. } => format!("part {part}: import ended"),
        },
        RunEvent::PartSettled { part, evidence, doubt, .. } => {
            let by = match evidence {
                Evidence::Counts => "its counts prove every row",
                Evidence::Rows => "its receipt tells every row",
                Evidence::ReadBack => "its rows were read back",
                Evidence::None => "nothing new could be established",
            };
            let left = doubt
                .as_ref()
                .map(|it| {
                    format!("; {} in doubt", if it.entries == 1 { "1 row stays".into() } else { format!("{} stay", rows(it.entries)) })
                })
                .unwrap_or_default();
            format!("part {part}: settled, {by}{left}")
        }
        RunEvent::PartDropped { part } => format!("part {part}: was never started, its file is removed"),
        RunEvent::BaselineAdvanced { baseline, .. } => format!("baseline version {}: {}", baseline.version, rows(baseline.present)),
        RunEvent::GenerationRaised { to } => format!("the generation counts on from {to}"),
        RunEvent::RowsNumbered { up_to, .. } => format!("keys read; the newest row has the number {up_to}"),
        RunEvent::Abandoned { part } => format!("part {part}: given up by a person; its rows stay in doubt"),
        RunEvent::Ended { result, .. } => match result {
            RunResult::Failed { message, .. } => format!("ended: {}: {message}", word(result)),
            other => format!("ended: {}", word(other)),
        },
    }
}
