//! `outflow runs`: past runs, and what happened in one.

use outflow_domain::{Evidence, ImportStatus, Name, RunEvent, RunId, RunRecord, RunResult};
use serde_json::{Value, json};

use super::{Done, failed, held, machine, run::outcomes_text};
use crate::{
    args::{Arguments, Output},
    assemble,
    exit::Exit,
    output::{self, bytes, number, rows, time},
    project::{self, Refused},
};

pub async fn runs(arguments: &Arguments, run: Option<&str>, activation: Option<&str>, most: usize) -> Done {
    let project = project::load(arguments)?;
    let machine = machine(arguments, &project)?;
    let ledger = assemble::ledger_to_read(&machine).map_err(|it| failed(arguments.output, "LED-003", &it))?;
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
    let name = activation.map(|it| project::activation(&project, it, arguments.output).map(|it| it.name().clone())).transpose()?;
    let summaries = ledger.runs(name.as_ref(), most).await.map_err(unusable)?;
    let mut listed: Vec<(String, Name, i64, Option<RunResult>)> = Vec::new();
    for it in summaries {
        let records = ledger.events(&it.run).await.map_err(unusable)?;
        let result = records.into_iter().find_map(|it| if let RunEvent::Ended { result, .. } = it.event { Some(result) } else { None });
        listed.push((it.run.to_string(), it.activation, it.started_ms, result));
    }
    match arguments.output {
        Output::Json => {
            let runs: Vec<Value> = listed
                .iter()
                .map(|(run, activation, started, result)| json!({ "run": run, "activation": activation.as_str(), "started_ms": started, "result": result }))
                .collect();
            output::json(&json!({ "runs": runs }));
        }
        Output::Text => {
            let mut table = output::table(&["RUN", "ACTIVATION", "STARTED", "RESULT"]);
            for (run, activation, started, result) in &listed {
                table.add_row([run.clone(), activation.to_string(), time(*started), word(result.as_ref())]);
            }
            output::text(&table.to_string());
        }
    }
    Ok(Exit::Success)
}

/// A result in a word or two.
pub fn word(result: Option<&RunResult>) -> String {
    match result {
        None => "under way, or stopped without a word".into(),
        Some(RunResult::Succeeded) => "succeeded".into(),
        Some(RunResult::RowsRefused) => "rows refused".into(),
        Some(RunResult::RowsPending) => "rows pending".into(),
        Some(RunResult::Blocked { import }) => format!("blocked by {import}"),
        Some(RunResult::Failed { code, .. }) => format!("failed ({code})"),
    }
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
        RunEvent::Started { full } => {
            if *full {
                "started, to send every row".into()
            } else {
                "started".into()
            }
        }
        RunEvent::Planned { manifest, .. } => {
            let sum: u64 = manifest.parts.iter().filter(|it| !it.is_of_deletes).map(|it| it.bytes).sum();
            let deletions = manifest.parts.iter().filter(|it| it.is_of_deletes).count();
            let to_delete: u64 = manifest.parts.iter().filter(|it| it.is_of_deletes).map(|it| it.rows).sum();
            let deleted = if to_delete == 0 { String::new() } else { format!(", {} to delete", rows(to_delete)) };
            format!(
                "planned {}: {} file(s), {}, {} rows read{deleted}",
                manifest.plan,
                manifest.parts.len() - deletions,
                bytes(sum),
                number(manifest.source_rows)
            )
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
            format!("part {part}: starting its import; {} rows are in doubt from here on", number(doubt.entries))
        }
        RunEvent::ImportStarted { part, import } => format!("part {part}: import {import} started"),
        RunEvent::ImportNotStarted { part, code, .. } => format!("part {part}: its import was not started ({code})"),
        RunEvent::DeletesStarting { part, doubt } => {
            format!("part {part}: deleting its rows; {} rows are in doubt from here on", number(doubt.entries))
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
            let left = doubt.as_ref().map(|it| format!("; {} rows stay in doubt", number(it.entries))).unwrap_or_default();
            format!("part {part}: settled, {by}{left}")
        }
        RunEvent::PartDropped { part } => format!("part {part}: was never started, its file is removed"),
        RunEvent::BaselineAdvanced { baseline, .. } => format!("baseline version {}: {} rows", baseline.version, number(baseline.present)),
        RunEvent::GenerationRaised { to } => format!("the generation counts on from {to}"),
        RunEvent::RowsNumbered { up_to, .. } => format!("keys read; the newest row has the number {up_to}"),
        RunEvent::Abandoned { part } => format!("part {part}: given up by a person; its rows stay in doubt"),
        RunEvent::Ended { result, .. } => match result {
            RunResult::Failed { message, .. } => format!("ended: {}: {message}", word(Some(result))),
            other => format!("ended: {}", word(Some(other))),
        },
    }
}
