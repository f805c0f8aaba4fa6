//! `outflow verify`: whether the data extension holds what the model says.

use outflow_engine::{EngineError, Finding, Found, RunOptions, RunReport, Verified, forget_drift};
use serde_json::{Value, json};

use super::{
    Done, Failure, lock, machine, ready,
    run::{ImportFailure, import_failures, run_json, run_text},
};
use crate::{
    args::{Arguments, Output, Verify},
    assemble::Machine,
    exit::Exit,
    output::{self, rows},
    project,
    stop::Stop,
};

pub async fn verify(arguments: &Arguments, wanted: &Verify) -> Done {
    let project = project::load(arguments)?;
    let activation = project::activation(&project, &wanted.activation, arguments.output)?;
    let mut machine = machine(arguments, &project)?;
    let _locks = lock(&project, activation, &machine).map_err(|it| Failure::from(it).printed(arguments.output))?;
    let ready = ready(arguments, &project, activation, &machine, true).map_err(|it| it.printed(arguments.output))?;
    let told = carry_out(&ready.job, &ready.ports, wanted.repair, &mut machine).await;
    let (verified, repaired) = told.map_err(|it| Failure::from(it).over(project.route(activation).1).printed(arguments.output))?;
    match arguments.output {
        Output::Json => {
            let repair = repaired.as_ref().map(|(report, failures)| run_json(report, failures));
            output::json(&json!({ "activation": activation.name().as_str(), "verified": verified_json(&verified), "repair": repair }));
        }
        Output::Text => {
            output::text(&verified_text(activation.name().as_str(), &verified, wanted.repair));
            if let Some((report, failures)) = &repaired {
                output::text(&run_text(report, failures));
            }
        }
    }
    Ok(match repaired {
        Some((report, _)) => Exit::of_result(&report.result),
        None if wanted.detailed_exitcode && verified.drifted() > 0 => Exit::Changes,
        None => Exit::Success,
    })
}

type Told = (Verified, Option<(RunReport, Vec<ImportFailure>)>);

/// Verifies, and repairs where that is wanted and there is anything to be sent.
async fn carry_out(
    job: &outflow_engine::Job,
    ports: &outflow_engine::Ports,
    repair: bool,
    machine: &mut Machine,
) -> Result<Told, EngineError> {
    let mut stop = Stop::listen();
    let verified = tokio::select! {
        verified = outflow_engine::verify(job, ports) => verified?,
        () = stop.asked() => {
            machine.end_computing().await;
            return Err(EngineError::Stopped);
        }
    };
    if !repair || verified.drifted() + verified.rows(Finding::Pending) + verified.rows(Finding::InDoubt) == 0 {
        return Ok((verified, None));
    }
    forget_drift(job, ports, &verified).await?;
    let options = RunOptions::default();
    let ran = tokio::select! {
        ran = outflow_engine::run(job, ports, &options) => ran?,
        () = stop.asked() => {
            machine.end_computing().await;
            outflow_engine::record_stop(job, ports).await?;
            return Err(EngineError::Stopped);
        }
    };
    let failures = import_failures(ports.ledger.as_ref(), &ran).await?;
    Ok((verified, Some((ran, failures))))
}

/// What a finding means, after a number of rows.
const fn sentence(finding: Finding) -> &'static str {
    match finding {
        Finding::Equal => "as the model says",
        Finding::Missing => "gone: confirmed once, and removed by somebody else",
        Finding::Expired => "expired: confirmed once, and no longer there, where rows expire",
        Finding::Altered => "altered: confirmed with other values, and written by somebody else",
        Finding::Pending => "new or changed in the model since the last run, which the next one sends",
        Finding::InDoubt => "in doubt: sent, and not known to have been applied; the next run settles that",
        Finding::Refused => "refused by Marketing Cloud as they are",
        Finding::NotInDestination => "not in the data extension, which is only updated",
        Finding::Unsendable => "in the model with values that no field takes, or with the key of another row",
        Finding::Left => "not in the model, and kept in the data extension: sent once, or found there by a rebuild",
        Finding::Foreign => "in the data extension alone, and not known here: of somebody else, or sent by a state folder that is lost",
    }
}

fn verified_text(activation: &str, verified: &Verified, repair: bool) -> String {
    let Verified { source_rows, held_rows, .. } = verified;
    let mut text = format!("`{activation}`: the model has {}, the data extension {}\n", rows(*source_rows), rows(*held_rows));
    for (&finding, Found { rows: count, examples }) in &verified.found {
        let mark = if finding.is_drift() { "!" } else { " " };
        text.push_str(&format!(" {mark} {} {}\n", rows(*count), sentence(finding)));
        if finding.is_drift() || matches!(finding, Finding::Left | Finding::Foreign) {
            examples.iter().for_each(|key| text.push_str(&format!("      key {key}\n")));
        }
    }
    match verified.drifted() {
        0 => text.push_str("Nothing has drifted.\n"),
        drifted if repair => text.push_str(&format!("{} drifted; sent again:\n", rows_have(drifted))),
        drifted => text.push_str(&format!(
            "{} drifted. `outflow verify {activation} --repair` sends just those, and what is new.\n",
            rows_have(drifted)
        )),
    }
    text
}

fn rows_have(count: u64) -> String {
    format!("{} {}", rows(count), if count == 1 { "has" } else { "have" })
}

fn verified_json(verified: &Verified) -> Value {
    let finding = |(it, found): (&Finding, &Found)| json!({ "finding": it.code(), "is_drift": it.is_drift(), "rows": found.rows, "examples": found.examples });
    json!({
        "source_rows": verified.source_rows,
        "held_rows": verified.held_rows,
        "drifted": verified.drifted(),
        "findings": verified.found.iter().map(finding).collect::<Vec<_>>(),
    })
}
