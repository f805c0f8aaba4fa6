//! `outflow run`: sends what changed.

use outflow_domain::{ImportStatus, Outcome, OutcomeCounts, PlanId, RunEvent, RunResult, Sent, Withheld, Write};
use outflow_engine::{EngineError, RunOptions, RunReport};
use outflow_ports::{Ledger, LedgerError};
use outflow_project::{Activation, Project};
use serde_json::{Value, json};

use super::{
    Done, Failure,
    held::held_text,
    lock, machine,
    plan::{of_nobody_text, outcomes_json, plan_json, skipped_text, warned_text, warnings_text},
    ready,
};
use crate::{
    args::{Arguments, Output, Run},
    assemble::Machine,
    exit::Exit,
    output::{self, count_of, files, number, rows},
    project::{self, Refused},
    stop::Stop,
};

pub async fn run(arguments: &Arguments, wanted: &Run) -> Done {
    let project = project::load(arguments)?;
    let activations =
        wanted.activations.iter().map(|it| project::activation(&project, it, arguments.output)).collect::<Result<Vec<_>, _>>()?;
    let mut machine = machine(arguments, &project)?;
    if wanted.approve.is_some() && activations.len() > 1 {
        let several = Refused("`--approve` is for one plan: name its activation alone".to_owned());
        output::error(arguments.output, "CLI-008", &several);
        return Err(Exit::Usage);
    }
    let approve = wanted.approve.clone().map(PlanId);
    let options = RunOptions { full: wanted.full, retry_refused: wanted.retry_refused, approve };
    let (mut worst, mut documents) = (Exit::Success, Vec::new());
    let mut stop = Stop::listen();
    for activation in activations {
        match run_one(arguments, &project, activation, &mut machine, &options, &mut stop).await {
            Ok((report, failures)) => {
                worst = worst.worse(Exit::of_result(&report.result));
                match arguments.output {
                    Output::Json => documents.push(run_json(&report, &failures)),
                    Output::Text => output::text(&run_text(&report, &failures)),
                }
            }
            Err(failure) => {
                let failure = failure.over(project.route(activation).1);
                worst = worst.worse(failure.exit);
                match arguments.output {
                    Output::Json => {
                        let error = output::error_json(failure.code, failure.error.as_ref(), failure.place.as_deref());
                        documents.push(json!({ "activation": activation.name().as_str(), "error": error }));
                    }
                    Output::Text => output::error_at(Output::Text, failure.code, failure.error.as_ref(), failure.place.as_deref()),
                }
                if matches!(failure.error.downcast_ref(), Some(EngineError::Stopped)) {
                    break;
                }
            }
        }
    }
    if arguments.output == Output::Json {
        output::json(&json!({ "runs": documents }));
    }
    Ok(worst)
}

async fn run_one(
    arguments: &Arguments,
    project: &Project,
    activation: &Activation,
    machine: &mut Machine,
    options: &RunOptions,
    stop: &mut Stop,
) -> Result<(RunReport, Vec<ImportFailure>), Failure> {
    let _locks = lock(project, activation, machine)?;
    let ready = ready(arguments, project, activation, machine, true)?;
    let ran = tokio::select! {
        ran = outflow_engine::run(&ready.job, &ready.ports, options) => Some(ran),
        () = stop.asked() => None,
    };
    match ran {
        Some(ran) => {
            let report = ran?;
            let failures = import_failures(ready.ports.ledger.as_ref(), &report).await.map_err(EngineError::from)?;
            Ok((report, failures))
        }
        None => {
            machine.end_computing().await;
            outflow_engine::record_stop(&ready.job, &ready.ports).await?;
            Err(EngineError::Stopped.into())
        }
    }
}

/// An import of the run that Marketing Cloud itself called failed.
pub struct ImportFailure {
    part: u32,
    code: String,
}

/// Why rows are pending, where Marketing Cloud has told.
pub async fn import_failures(ledger: &dyn Ledger, report: &RunReport) -> Result<Vec<ImportFailure>, LedgerError> {
    let mut records = Vec::new();
    for run in report.rounds.iter().map(|it| &it.run).chain([&report.run]) {
        records.extend(ledger.events(run).await?);
    }
    let failure = |event| match event {
        RunEvent::ImportEnded { part, status: ImportStatus::Failed { code, .. } } => Some(ImportFailure { part, code }),
        _ => None,
    };
    Ok(records.into_iter().filter_map(|it| failure(it.event)).collect())
}

const fn result_words(result: &RunResult) -> &'static str {
    match result {
        RunResult::Succeeded => "succeeded",
        RunResult::RowsRefused => "finished; some rows were refused, are invalid or share their key",
        RunResult::RowsPending => "finished; some rows are held, unconfirmed or not flagged",
        RunResult::Blocked { .. } => "blocked",
        RunResult::Failed { .. } => "failed",
    }
}

/// Sent rows of one fate.
fn sent(outcomes: &OutcomeCounts, wanted: Sent) -> u64 {
    outcomes.count(|it| matches!(it, Outcome::Sent { fate, .. } if fate == wanted))
}

pub fn outcomes_text(outcomes: &OutcomeCounts) -> String {
    let mut text = String::new();
    for (outcome, count) in outcomes.iter() {
        let words = match outcome {
            Outcome::Unchanged => "unchanged".to_owned(),
            Outcome::Copy => "copies of another row, counted once".to_owned(),
            Outcome::LeftKept => "no longer in the model, kept in the data extension".to_owned(),
            Outcome::LeftFlagged => "no longer in the model, flagged in the data extension".to_owned(),
            Outcome::LeftKeyUnknown => {
                "no longer in the model, not flagged or deleted: the key is not stored, which `outflow baseline rebuild` mends".to_owned()
            }
            Outcome::LeftRefused => "no longer in the model, not flagged or deleted: refused before".to_owned(),
            Outcome::LeftShared => "no longer in the model, kept: another activation of the data extension holds it, or may".to_owned(),
            Outcome::LeftGone => "no longer in the model, and gone from the data extension".to_owned(),
            Outcome::LeftHeld => "no longer in the model, which a guard does not believe yet".to_owned(),
            Outcome::Withheld { why } => match why {
                Withheld::DuplicateKey => "not sent: another row has the same key".to_owned(),
                Withheld::Invalid => "not sent: invalid for the data extension".to_owned(),
                Withheld::Refused => "not sent: refused before, unchanged since".to_owned(),
                Withheld::NotInDestination => "not sent: not in the data extension".to_owned(),
                Withheld::Held => "not sent: held by a guard".to_owned(),
                Withheld::Skipped => "not sent: skipped, as a field says that is null or blank".to_owned(),
            },
            Outcome::Sent { write: Write::Flag, fate: Sent::Confirmed } => "no longer in the model: flagged just now".to_owned(),
            Outcome::Sent { write: Write::Delete, fate: Sent::Confirmed } => {
                "no longer in the model: deleted just now, read back as gone".to_owned()
            }
            Outcome::Sent { write, fate } => {
                let fate = match fate {
                    Sent::Confirmed => "confirmed",
                    Sent::Refused => "refused by Marketing Cloud",
                    Sent::NotInDestination => "not in the data extension",
                    Sent::Unconfirmed => "sent, not confirmed",
                };
                format!("{}: {fate}", super::plan::intent(write))
            }
        };
        text.push_str(&format!("  {:>12}  {words}\n", number(count)));
    }
    text
}

pub fn run_text(report: &RunReport, failures: &[ImportFailure]) -> String {
    let plan = &report.plan;
    let mut text =
        format!("Run {} · {} → data extension {}: {}\n", report.run, plan.activation, plan.data_extension, result_words(&report.result));
    if let Some(new) = &plan.create {
        let folder = new.folder.as_ref().map(|it| format!(" in the folder {it}")).unwrap_or_default();
        text.push_str(&format!(
            "  data extension {} ({}) created{folder}, with {}\n",
            new.key,
            new.name,
            count_of(new.fields.len() as u64, "field", "fields")
        ));
    }
    for column in &plan.columns {
        text.push_str(&format!("  column {} {} created\n", column.name, column.field_type));
    }
    for it in &plan.wider {
        let column = &it.column;
        text.push_str(&if it.is_allowed {
            format!("  column {} made longer: Text({})\n", column.name, column.to)
        } else {
            format!("  column {} is too short: `widen: allow` at the destination lets a run make it Text({})\n", column.name, column.to)
        });
    }
    for (at, it) in report.rounds.iter().enumerate() {
        let (confirmed, left) = (sent(&it.outcomes, Sent::Confirmed), sent(&it.outcomes, Sent::Unconfirmed));
        text.push_str(&format!(
            "  round {} ({}): {}, {} confirmed, {} left in doubt and sent again in smaller files\n",
            at + 1,
            it.run,
            files(it.files as usize),
            rows(confirmed),
            rows(left)
        ));
    }
    text.push_str(&outcomes_text(&report.outcomes));
    if report.resumed.iter().next().is_some() {
        text.push_str("  settled of earlier runs:\n");
        text.push_str(&outcomes_text(&report.resumed));
    }
    for it in &plan.invalid {
        text.push_str(&format!("  invalid: {} × `{}`: {}\n", number(it.examples.rows), it.field, it.problem.sentence()));
        for (key, value) in &it.examples.masked {
            text.push_str(&format!("      key {key}, value {value}\n"));
        }
    }
    if !report.refused.is_empty() {
        text.push_str(
            "  refused and remembered (`outflow rejects` lists them and says when they are sent again; --retry-refused sends them):\n",
        );
        for it in &report.refused {
            let field = it.field.as_ref().map(|field| format!(" in `{field}`")).unwrap_or_default();
            text.push_str(&format!("      {} × {}{field}\n", number(it.rows), it.code));
        }
    }
    for it in failures {
        text.push_str(&format!("  the import of part {} failed at Marketing Cloud: {}\n", it.part, it.code));
    }
    text.push_str(&of_nobody_text(plan));
    text.push_str(&skipped_text(plan));
    text.push_str(&warned_text(plan));
    text.push_str(&warnings_text(plan));
    text.push_str(&held_text(plan, false));
    if sent(&report.outcomes, Sent::Unconfirmed) > 0 {
        text.push_str(&format!(
            "  rows that are not confirmed are compared and sent again by the next run; `outflow runs {}` tells what happened\n",
            report.run
        ));
    }
    let confirmed = sent(&report.outcomes, Sent::Confirmed);
    let summary = if plan.parts.is_empty() {
        "nothing was sent".to_owned()
    } else {
        let done = if plan.parts.iter().any(|it| it.is_of_deletes) { "sent or deleted" } else { "sent" };
        let (of, are) = (rows(plan.rows_to_send()), if plan.rows_to_send() == 1 { "is" } else { "are" });
        format!("{} of {of} {done} {are} confirmed", number(confirmed))
    };
    text.push_str(&format!("  {summary}\n"));
    text
}

pub fn run_json(report: &RunReport, failures: &[ImportFailure]) -> Value {
    let refused: Vec<Value> = report.refused.iter().map(|it| json!({ "code": it.code, "field": it.field, "rows": it.rows })).collect();
    json!({
        "run": report.run.to_string(),
        "activation": report.plan.activation.as_str(),
        "result": report.result,
        "outcomes": outcomes_json(&report.outcomes),
        "resumed": outcomes_json(&report.resumed),
        "refused": refused,
        "failed_imports": failures.iter().map(|it| json!({ "part": it.part, "code": it.code })).collect::<Vec<_>>(),
        "rounds": report.rounds.iter().map(|it| json!({ "run": it.run.to_string(), "files": it.files, "outcomes": outcomes_json(&it.outcomes) })).collect::<Vec<_>>(),
        "plan": plan_json(&report.plan),
    })
}
