//! `outflow rejects`: which rows of a run were not sent or not taken, and why.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
};

use outflow_domain::{Name, RunId, RunResult};
use outflow_engine::{Reject, RejectReason, Rejects};
use outflow_ports::{Ledger, LedgerError};
use outflow_rows::mask;
use serde_json::{Map, Value, json};

use super::{Done, engine_failed, failed, machine, ready};
use crate::{
    args::{self, Arguments, Output},
    assemble,
    exit::Exit,
    output::{self, number, rows, time},
    project::{self, Refused},
};

/// Runs of an activation that are looked through for the newest one that has compared its model.
const RUNS_MAX: usize = 100;

pub async fn rejects(arguments: &Arguments, wanted: &args::Rejects) -> Done {
    let project = project::load(arguments)?;
    let machine = machine(arguments, &project)?;
    let unusable = |it: LedgerError| failed(arguments.output, "LED-003", &it);
    let ledger = assemble::ledger_to_read(&machine.state).map_err(unusable)?;
    let named = match &ledger {
        Some(ledger) => run_of(ledger.as_ref(), &wanted.run).await.map_err(unusable)?,
        None => None,
    };
    let Some((name, run)) = named else {
        let refused =
            Refused(format!("there is no run `{}`, and no activation of that name has run; `outflow runs` lists them", wanted.run));
        return Err(failed(arguments.output, "CLI-005", &refused));
    };
    let activation = project::activation(&project, name.as_str(), arguments.output)?;
    let ready = ready(arguments, &project, activation, &machine, false).map_err(|it| it.printed(arguments.output))?;
    let found = outflow_engine::rejects(&ready.job, &ready.ports, &run)
        .await
        .map_err(|it| engine_failed(arguments.output, project.route(activation).1, &it))?;
    let Some(found) = found else {
        return Err(failed(
            arguments.output,
            "CLI-005",
            &Refused(format!("there is no run `{run}` of `{name}`; `outflow runs` lists them")),
        ));
    };
    if let Some(path) = &wanted.csv {
        write_csv(&found, path).map_err(|it| {
            // The error may name the file that was to be put into place, which is none of theirs.
            let refused = Refused(format!("`{}` cannot be written: {}", path.display(), it.kind()));
            failed(arguments.output, "CLI-009", &refused)
        })?;
    }
    match arguments.output {
        Output::Json => output::json(&rejects_json(&found, wanted.show_values)),
        Output::Text => output::text(&rejects_text(&found, wanted)),
    }
    Ok(Exit::Success)
}

/// The run of that name with its activation; of an activation the newest run that has compared its model.
async fn run_of(ledger: &dyn Ledger, wanted: &str) -> Result<Option<(Name, RunId)>, LedgerError> {
    let run = RunId(wanted.to_owned());
    if let Some(first) = ledger.events(&run).await?.first() {
        return Ok(Some((first.activation.clone(), run)));
    }
    let Ok(name) = wanted.parse::<Name>() else { return Ok(None) };
    let runs = ledger.runs(Some(&name), RUNS_MAX).await?;
    for it in &runs {
        if outflow_engine::has_compared(&ledger.events(&it.run).await?) {
            return Ok(Some((name, it.run.clone())));
        }
    }
    Ok(runs.into_iter().next().map(|it| (name, it.run)))
}

/// A reason with all keys that have it.
fn groups(found: &Rejects) -> impl Iterator<Item = (&RejectReason, &[Reject])> {
    found.rows.chunk_by(|one, next| one.reason == next.reason).map(|it| (&it[0].reason, it))
}

fn rejects_text(found: &Rejects, wanted: &args::Rejects) -> String {
    let mut text = format!("Run {} · {} · {}\n", found.run, found.activation, time(found.started_ms));
    for (reason, keys) in groups(found) {
        let head = match reason {
            RejectReason::Refused { code, field, before } => {
                let field = field.as_ref().map(|it| format!(" in `{it}`")).unwrap_or_default();
                let when = if *before { " in an earlier run, and not changed since" } else { "" };
                format!("{} refused by Marketing Cloud{when}: {code}{field}", rows(keys.len() as u64))
            }
            RejectReason::Invalid { field, problem } => format!("{} invalid: `{field}`: {}", rows(keys.len() as u64), problem.sentence()),
            RejectReason::Skipped { field } => format!("{} skipped, as `{field}` is null or blank", rows(keys.len() as u64)),
            RejectReason::DuplicateKey => {
                format!(
                    "{} shared by rows of the model that differ",
                    if keys.len() == 1 { "1 key".into() } else { format!("{} keys", number(keys.len() as u64)) }
                )
            }
        };
        let _ = writeln!(text, "  {head}\n    what to do: {}", reason.remedy());
        for key in keys.iter().filter(|it| !it.keys.is_empty()) {
            let spellings: Vec<String> = key.keys.iter().map(|it| output::visible(&shown(it, wanted.show_values).join(" "))).collect();
            let _ = writeln!(text, "      {}", spellings.join("  |  "));
        }
        let gone = keys.iter().filter(|it| it.keys.is_empty()).count() as u64;
        if gone > 0 {
            let _ = writeln!(text, "      {} of them no longer in the model", number(gone));
        }
    }
    if found.without_key > 0 {
        let _ = writeln!(
            text,
            "  {} without a usable key, which nobody can name; `outflow plan {}` shows what is wrong",
            rows(found.without_key),
            found.activation
        );
    }
    if found.is_forgotten {
        text.push_str("  the run counted rows of which nothing is kept any more; run again to see those that are still wrong\n");
    } else if found.rows.is_empty() && found.without_key == 0 {
        let _ = writeln!(text, "  {}", none_found(found));
    } else if !found.rows.is_empty() && !wanted.show_values && wanted.csv.is_none() {
        text.push_str("  keys are masked: `--show-values` shows them, `--csv FILE` writes them to a private file\n");
    }
    if let Some(path) = &wanted.csv {
        let _ = writeln!(text, "  written to {}, which only you can read", path.display());
    }
    text
}

/// What it means that no row is told.
fn none_found(found: &Rejects) -> String {
    let Rejects { run, ended, .. } = found;
    match ended {
        _ if !found.purpose.is_run() => format!("it was a {} of the baseline, which sends no row", found.purpose.code()),
        Some(RunResult::Failed { code, message }) if !found.has_compared => {
            format!("nothing is known of its rows: it failed before it had compared them ({code}: {message})")
        }
        _ if !found.has_compared => "nothing is known of its rows: it ended before it had compared them".into(),
        Some(RunResult::Succeeded | RunResult::RowsRefused) => "every row was sent and taken, or needed no sending".into(),
        Some(RunResult::RowsPending) => {
            format!("no row was refused or is invalid; but some are held or not confirmed: `outflow runs {run}` tells which outcomes there were")
        }
        Some(RunResult::Failed { code, message }) => {
            format!("no row was refused or is invalid as far as the run came; but it failed ({code}: {message}), and the next run sends what it has not")
        }
        Some(RunResult::Blocked { import }) => {
            format!("no row was refused or is invalid as far as the run came; but it was blocked by {import}, and a later run sends what it has not")
        }
        None => "no row was refused or is invalid as far as the run came; but it has not come to its end: the next run settles and sends the rest".into(),
    }
}

fn shown(key: &[String], show_values: bool) -> Vec<String> {
    key.iter().map(|it| if show_values { it.clone() } else { mask(it) }).collect()
}

fn rejects_json(found: &Rejects, show_values: bool) -> Value {
    let key = |it: &Vec<String>| -> Value {
        found.key_fields.iter().cloned().zip(shown(it, show_values).into_iter().map(Value::from)).collect::<Map<_, _>>().into()
    };
    let row = |it: &Reject| {
        json!({
            "reason": it.reason.word(), "code": it.reason.code(), "field": it.reason.field(), "sentence": it.reason.sentence(),
            "remedy": it.reason.remedy(), "in_model": !it.keys.is_empty(), "keys": it.keys.iter().map(key).collect::<Vec<_>>(),
        })
    };
    json!({
        "run": found.run.to_string(),
        "activation": found.activation.as_str(),
        "started_ms": found.started_ms,
        "rows": found.rows.iter().map(row).collect::<Vec<_>>(),
        "has_compared": found.has_compared,
        "result": found.ended,
        "without_key": found.without_key,
        "is_forgotten": found.is_forgotten,
    })
}

/// Writes all of them, keys as they are, to a file of which nobody sees a part and which its owner alone can read.
fn write_csv(found: &Rejects, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let mut out = io::BufWriter::new(file.as_file_mut());
    let columns = ["reason", "field", "code", "sentence", "remedy", "in_model", "run"];
    line(&mut out, found.key_fields.iter().map(String::as_str).chain(columns))?;
    let blank = vec![String::new(); found.key_fields.len()];
    for it in &found.rows {
        let (reason, in_model) = (&it.reason, if it.keys.is_empty() { "no" } else { "yes" });
        let sentence = reason.sentence();
        let told = [reason.word(), reason.field().unwrap_or_default(), reason.code(), &sentence, reason.remedy(), in_model, &found.run.0];
        let spellings = if it.keys.is_empty() { std::slice::from_ref(&blank) } else { &it.keys };
        for key in spellings {
            line(&mut out, key.iter().map(String::as_str).chain(told))?;
        }
    }
    out.flush()?;
    drop(out);
    file.persist(path).map_err(|it| it.error)?;
    Ok(())
}

fn line<'a>(out: &mut impl io::Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    for (at, cell) in cells.enumerate() {
        write!(out, "{}\"{}\"", if at > 0 { "," } else { "" }, cell.replace('"', "\"\""))?;
    }
    out.write_all(b"\n")
}
