//! `outflow why`: what became of one row.

use std::fmt::Write as _;

use outflow_domain::{CellProblem, Evidence, Write, refusal};
use outflow_engine::{
    BaselineRow, Conclusion, DestinationRow, EngineError, InRun, KeyPart, ModelRow, Origin, Presence, RowFate, RowInRun, RowReport,
};
use outflow_project::Activation;
use outflow_rows::mask;
use serde_json::{Map, Value, json};

use super::{Done, engine_failed, machine, ready};
use crate::{
    args::{self, Arguments, Output},
    exit::Exit,
    output::{self, number, time},
    project,
};

pub async fn why(arguments: &Arguments, wanted: &args::Why) -> Done {
    let project = project::load(arguments)?;
    let activation = project::activation(&project, &wanted.activation, arguments.output)?;
    let machine = machine(arguments, &project)?;
    let ready = ready(arguments, &project, activation, &machine, false).map_err(|it| it.printed(arguments.output))?;
    let key: Vec<KeyPart> = wanted.key.iter().map(|it| key_part(it, activation)).collect();
    let found = outflow_engine::why(&ready.job, &ready.ports, &key, wanted.destination).await;
    let found = found.map_err(|it: EngineError| engine_failed(arguments.output, project.route(activation).1, &it))?;
    match arguments.output {
        Output::Json => output::json(&why_json(&found, wanted.show_values)),
        Output::Text => output::text(&format!("{}{}", why_text(&found, wanted.show_values), taken_as_value(&found))),
    }
    Ok(Exit::Success)
}

/// `field=value`, or the value alone where the key has one field: that value may have a `=` of its own.
fn key_part(text: &str, activation: &Activation) -> KeyPart {
    let key = &activation.wish.primary_key;
    let is_name = |name: &str| key.iter().any(|it| it.field.as_str().eq_ignore_ascii_case(name) || it.column.eq_ignore_ascii_case(name));
    match text.split_once('=') {
        Some((name, value)) if key.len() > 1 || is_name(name.trim()) => {
            KeyPart { field: Some(name.trim().to_owned()), value: value.to_owned() }
        }
        _ => KeyPart { field: None, value: text.to_owned() },
    }
}

/// What to say of a key that nobody knows and that looks as if it named a field.
fn taken_as_value(found: &RowReport) -> String {
    match found.key.as_slice() {
        [(field, value)] if found.conclusion() == Conclusion::NotInModel => match value.split_once('=') {
            Some((name, _)) => {
                format!("  `{}` is no field of the key, so all of it was taken for the value of `{field}`\n", output::visible(name))
            }
            None => String::new(),
        },
        _ => String::new(),
    }
}

/// What it comes down to, in plain words.
fn conclusion(found: &RowReport) -> String {
    let confirmed = || match found.confirmed_in() {
        Some(it) => format!(" in run {} on {}", it.run, time(settled_ms(it).unwrap_or(it.at_ms))),
        None => ", before the history that is kept begins or by being read back".to_owned(),
    };
    match found.conclusion() {
        Conclusion::NotInModel => "The model has no row with this key, and none was ever confirmed.".into(),
        Conclusion::Left => "The row is not in the model any more. What was confirmed of it stays in the data extension.".into(),
        Conclusion::DuplicateKey => format!(
            "{} rows of the model have this key, as Marketing Cloud compares keys, and differ: none of them is sent until one is left.",
            number(found.model_rows)
        ),
        Conclusion::Invalid => {
            let problems = found.model.first().map(|it| it.problems.as_slice()).unwrap_or_default();
            let told = problems.iter().map(|(field, problem)| format!("`{field}`: {}; {}", problem.sentence(), problem.remedy()));
            format!("The row is not sent, since it is invalid. {}.", told.collect::<Vec<_>>().join(". "))
        }
        Conclusion::Skipped => {
            let field = found.model.first().and_then(|it| it.problems.first()).map(|(field, _)| field.as_str()).unwrap_or_default();
            format!(
                "The row is skipped, since `{field}` is null or blank and says not to send the row then (`when_null: skip_row`). What was confirmed of it before \
                 stays in the data extension."
            )
        }
        Conclusion::InDoubt if found.in_doubt.iter().all(|it| it.is_deletion) => {
            let places: Vec<String> = found.in_doubt.iter().map(|it| it.import.clone()).collect();
            let next = if found.model.is_empty() { "" } else { "Each run until then sends the row again. " };
            format!(
                "The row had left the model and was to be deleted, and no answer came: the service may hear of it for up to an hour ({}). {next}A run \
                 after that reads what is there.",
                places.join(", ")
            )
        }
        Conclusion::InDoubt => {
            let places: Vec<String> = found.in_doubt.iter().map(|it| format!("{} of run {}", it.import, it.run)).collect();
            let next = if found.model.is_empty() { "settles it" } else { "settles it, and sends the row again where it has to" };
            format!("The row was sent, and whether it was taken is not known yet ({}): the next run {next}.", places.join(", "))
        }
        Conclusion::Confirmed => format!("The data extension was confirmed to hold the row as the model has it now{}.", confirmed()),
        Conclusion::ChangedThere => format!(
            "The data extension was confirmed to hold the row as the model has it now{}, and does not hold it so any more: somebody else has changed or \
             removed it. `outflow run {} --full` sends it again.",
            confirmed(),
            found.activation
        ),
        Conclusion::Refused => refused(found),
        Conclusion::Held => "The row is held back since the last run, until a person approves what that held.".into(),
        Conclusion::Changed => "The row has changed since it was last confirmed or refused: the next run sends it.".into(),
        Conclusion::ValueUnknown => {
            "The row is in the data extension, and with which values is not known any more: the next run sends it.".into()
        }
        Conclusion::NotInDestination => {
            "The row was not in the data extension when its keys were last read, and this activation only updates: it is sent once its key is there."
                .into()
        }
        Conclusion::NotConfirmed => "The row was never confirmed: the next run sends it.".into(),
    }
}

fn refused(found: &RowReport) -> String {
    let Some(it) = &found.refusal else { return String::new() };
    let when = match (found.refused_in(), it.at_ms) {
        (Some(run), _) => format!(" in run {}", run.run),
        (None, Some(at_ms)) => format!(" on {}", time(at_ms)),
        (None, None) => String::new(),
    };
    let field = it.field.as_ref().map(|it| format!(" in `{it}`")).unwrap_or_default();
    format!("Marketing Cloud refused the row just as it is{when}: {}{field}. What to do: {}.", it.code, refusal::remedy(&it.code))
}

const fn settled_ms(it: &RowInRun) -> Option<i64> {
    match it.what {
        InRun::Sent { settled_ms, .. } => settled_ms,
        _ => None,
    }
}

fn shown(value: Option<&str>, show_values: bool) -> String {
    match value {
        None => "(blank)".into(),
        Some(it) if show_values => it.to_owned(),
        Some(it) => mask(it),
    }
}

/// What stands beside a value of the model.
fn remark(row: &ModelRow, field: &str) -> String {
    match row.problems.iter().find(|(it, _)| it == field) {
        Some((_, CellProblem::NullSkipsRow)) => "  so the row is skipped".into(),
        Some((_, problem)) => format!("  invalid: {}", problem.sentence()),
        None if row.kept.iter().any(|it| it == field) => "  so the field is left as it is".into(),
        None => String::new(),
    }
}

/// As [`shown`], where a terminal shows it.
fn visible(value: Option<&str>, show_values: bool) -> String {
    output::visible(&shown(value, show_values))
}

fn values_text(text: &mut String, values: &[(String, Option<String>)], row: Option<&ModelRow>, show_values: bool) {
    for (field, value) in values {
        let remark = row.map(|it| remark(it, field)).unwrap_or_default();
        let _ = writeln!(text, "      {field}: {}{remark}", visible(value.as_deref(), show_values));
    }
}

fn why_text(found: &RowReport, show_values: bool) -> String {
    let key: Vec<String> = found.key.iter().map(|(field, value)| format!("{field} = {}", output::visible(value))).collect();
    let mut text = format!("{} · {} → data extension {}\n{}\n", key.join(", "), found.activation, found.data_extension, conclusion(found));
    let _ = writeln!(text, "  the model");
    match found.model_rows {
        0 => text.push_str("    has no row with this key now\n"),
        1 => text.push_str("    has one row now\n"),
        count => {
            let _ = writeln!(text, "    has {} rows now", number(count));
        }
    }
    found.model.iter().for_each(|it| values_text(&mut text, &it.values, Some(it), show_values));
    let _ = writeln!(text, "  what is confirmed\n    {}", baseline_text(found.baseline.as_ref()));
    for it in &found.in_doubt {
        let _ = writeln!(text, "    in doubt since part {} of run {} ({})", it.part, it.run, it.import);
    }
    if let Some(it) = &found.refusal {
        let field = it.field.as_ref().map(|it| format!(" in `{it}`")).unwrap_or_default();
        let at = it.at_ms.map(|it| format!(" on {}", time(it))).unwrap_or_default();
        let holds = if it.holds { "held back by it" } else { "no longer held back by it, as row, mapping or fields have changed" };
        let due = it.due_ms.filter(|_| it.holds).map(|it| format!("; tried again after {}", time(it))).unwrap_or_default();
        let _ = writeln!(text, "    refused{at}: {}{field}; {holds}{due}", it.code);
    }
    text.push_str("  the runs\n");
    for it in &found.past {
        let _ = writeln!(text, "    {}", past_text(it));
    }
    match found.past_since_ms {
        None => text.push_str("    nothing is kept of any run yet\n"),
        Some(since) => {
            let none = if found.past.is_empty() { "nothing of this key" } else { "nothing more" };
            let _ = writeln!(text, "    {none} in what is kept, which begins on {}", time(since));
        }
    }
    for run in &found.unreadable {
        let _ = writeln!(text, "    something that was kept of run {run} cannot be read");
    }
    match &found.destination {
        None => {}
        Some(DestinationRow::Absent) => text.push_str("  the data extension\n    has no row with this key now\n"),
        Some(DestinationRow::There { values, is_as_model }) => {
            let same = match is_as_model {
                Some(true) => ", as the model has it",
                Some(false) => ", which is not as the model has it",
                None => "",
            };
            let _ = writeln!(text, "  the data extension\n    has the row now{same}");
            values_text(&mut text, values, None, show_values);
        }
        Some(DestinationRow::Forbidden(message)) => {
            let _ = writeln!(text, "  the data extension\n    may not be read: {message}");
        }
    }
    if !show_values && (!found.model.is_empty() || matches!(found.destination, Some(DestinationRow::There { .. }))) {
        text.push_str("  values are masked; `--show-values` shows them\n");
    }
    text
}

fn baseline_text(row: Option<&BaselineRow>) -> String {
    let Some(row) = row else { return "nothing of this key".into() };
    let presence = match row.presence {
        Presence::Present => "the row is there",
        Presence::LeftKept => "the row is there, and had left the model when that was last compared",
        Presence::LeftFlagged => "the row is there, flagged as having left the model",
        Presence::ValueUnknown => "the key is there, and with which values is not known",
    };
    let same = match row.is_as_model {
        Some(true) => ", as the model has it now",
        Some(false) => ", with other values than the model has now",
        None => "",
    };
    let origin = match row.origin {
        Origin::Created => "we made it",
        Origin::Adopted => "it was there before us, or may have been",
    };
    format!("{presence}{same}; {origin}")
}

fn past_text(it: &RowInRun) -> String {
    let until = |until: &Option<(outflow_domain::RunId, i64)>| match until {
        Some((run, at_ms)) => format!("; no more since run {run} ({})", time(*at_ms)),
        None => "; still so in the last run".into(),
    };
    let told = match &it.what {
        InRun::Sent { part, row, write: Write::Delete, fate, .. } => {
            let fate = if let RowFate::Confirmed { .. } = fate { "deleted, read back as gone".into() } else { fate_text(fate) };
            format!("to be deleted, as it had left the model: row {} of part {part}: {fate}", number(*row))
        }
        InRun::Sent { part, row, file, import, write, is_as_model, fate, .. } => {
            let import = import.as_ref().map(|it| format!(", {it}")).unwrap_or_default();
            let same = match is_as_model {
                Some(true) => ", with the values of now",
                Some(false) => ", with other values",
                None => "",
            };
            format!("sent ({}){same}: row {} of part {part} (`{file}`{import}): {}", intended(*write), number(*row), fate_text(fate))
        }
        InRun::Invalid { field, problem: CellProblem::NullSkipsRow, until: end } => {
            format!("not sent, skipped as `{field}` was null or blank{}", until(end))
        }
        InRun::Invalid { field, problem, until: end } => format!("not sent, invalid: `{field}`: {}{}", problem.sentence(), until(end)),
        InRun::DuplicateKey { until: end } => format!("not sent, another row had the same key{}", until(end)),
        InRun::Held { until: end } => format!("not sent, held back{}", until(end)),
        InRun::RefusedBefore { until: end } => format!("not sent, refused before and not changed since{}", until(end)),
    };
    format!("{}  {}  {told}", time(it.at_ms), it.run)
}

/// What a row was sent for.
const fn intended(write: Write) -> &'static str {
    match write {
        Write::Insert => "an insert",
        Write::Update => "an update",
        Write::InsertOrUpdate => "new to this activation then, or in doubt",
        Write::Flag => "flagged, as it had left the model",
        Write::Delete => "deleted, as it had left the model",
    }
}

fn fate_text(fate: &RowFate) -> String {
    match fate {
        RowFate::NotStarted => "its import was not started".into(),
        RowFate::UnderWay => "its import is not known to have ended".into(),
        RowFate::Confirmed { by: Evidence::Counts } => "confirmed by the import's counts".into(),
        RowFate::Confirmed { by: Evidence::Rows } => "confirmed by the receipt".into(),
        RowFate::Confirmed { .. } => "confirmed, read back".into(),
        RowFate::Refused { code, field } => {
            format!("refused: {code}{}", field.as_ref().map(|it| format!(" in `{it}`")).unwrap_or_default())
        }
        RowFate::NotInDestination => "not in the data extension".into(),
        RowFate::Unconfirmed { import_failed: Some(code) } => format!("not confirmed, the import failed ({code})"),
        RowFate::Unconfirmed { import_failed: None } => "not confirmed".into(),
        RowFate::Superseded => "not confirmed; a newer part, or what was read back, speaks for the key".into(),
        RowFate::Unknown => "what was written down of it cannot be read".into(),
    }
}

fn values_json(values: &[(String, Option<String>)], show_values: bool) -> Value {
    let value = |it: &Option<String>| it.as_deref().map_or(Value::Null, |it| shown(Some(it), show_values).into());
    values.iter().map(|(field, it)| (field.clone(), value(it))).collect::<Map<_, _>>().into()
}

fn why_json(found: &RowReport, show_values: bool) -> Value {
    let problem = |(field, it): &(String, CellProblem)| json!({ "field": field, "problem": it.code(), "sentence": it.sentence(), "remedy": it.remedy() });
    let model: Vec<Value> = found
        .model
        .iter()
        .map(|it| {
            let problems: Vec<Value> = it.problems.iter().map(problem).collect();
            json!({ "values": values_json(&it.values, show_values), "kept": it.kept, "problems": problems })
        })
        .collect();
    let baseline = found.baseline.map(|it| {
        let presence = match it.presence {
            Presence::Present => "present",
            Presence::LeftKept => "left",
            Presence::LeftFlagged => "flagged",
            Presence::ValueUnknown => "value_unknown",
        };
        let origin = if it.origin == Origin::Created { "created" } else { "adopted" };
        json!({ "presence": presence, "origin": origin, "is_as_model": it.is_as_model })
    });
    let refusal = found.refusal.as_ref().map(|it| {
        json!({ "code": it.code, "field": it.field, "refused_ms": it.at_ms, "holds": it.holds, "due_ms": it.due_ms, "remedy": refusal::remedy(&it.code) })
    });
    let destination = found.destination.as_ref().map(|it| match it {
        DestinationRow::Absent => json!({ "row": null, "is_as_model": null, "forbidden": null }),
        DestinationRow::There { values, is_as_model } => {
            json!({ "row": values_json(values, show_values), "is_as_model": is_as_model, "forbidden": null })
        }
        DestinationRow::Forbidden(message) => json!({ "row": null, "is_as_model": null, "forbidden": message }),
    });
    json!({
        "activation": found.activation.as_str(),
        "data_extension": found.data_extension.as_str(),
        "key": found.key.iter().map(|(field, value)| (field.clone(), Value::from(value.clone()))).collect::<Map<_, _>>(),
        "conclusion": found.conclusion().word(),
        "sentence": conclusion(found),
        "model_rows": found.model_rows,
        "model": model,
        "baseline": baseline,
        "in_doubt": found.in_doubt.iter().map(|it| json!({ "run": it.run.0, "part": it.part, "import": it.import })).collect::<Vec<_>>(),
        "refusal": refusal,
        "runs": found.past.iter().map(past_json).collect::<Vec<_>>(),
        "kept_since_ms": found.past_since_ms,
        "unreadable": found.unreadable.iter().map(|it| it.0.clone()).collect::<Vec<_>>(),
        "destination": destination,
    })
}

fn past_json(it: &RowInRun) -> Value {
    let withheld = |reason: &str, field: Option<&str>, code: Option<&str>, until: &Option<(outflow_domain::RunId, i64)>| {
        let until = until.as_ref().map(|(run, at_ms)| json!({ "run": run.0, "at_ms": at_ms }));
        json!({ "run": it.run.0, "at_ms": it.at_ms, "what": reason, "field": field, "code": code, "until": until })
    };
    match &it.what {
        InRun::Sent { part, row, file, import, write, is_as_model, fate, settled_ms } => {
            let (mut fate, by, code, field) = fate_words(fate);
            // No file of them ever travels.
            let is_deletion = *write == Write::Delete;
            let file = Some(file).filter(|_| !is_deletion);
            if is_deletion && fate == "confirmed" {
                fate = "deleted";
            }
            json!({
                "run": it.run.0, "at_ms": it.at_ms, "what": "sent", "part": part, "row": row, "file": file, "import": import,
                "intent": intent_word(*write), "is_as_model": is_as_model, "fate": fate, "by": by, "code": code, "field": field, "settled_ms": settled_ms,
            })
        }
        InRun::Invalid { field, problem: problem @ CellProblem::NullSkipsRow, until } => {
            withheld("skipped", Some(field), Some(problem.code()), until)
        }
        InRun::Invalid { field, problem, until } => withheld("invalid", Some(field), Some(problem.code()), until),
        InRun::DuplicateKey { until } => withheld("duplicate_key", None, None, until),
        InRun::RefusedBefore { until } => withheld("refused_before", None, None, until),
        InRun::Held { until } => withheld("held", None, None, until),
    }
}

const fn intent_word(write: Write) -> &'static str {
    match write {
        Write::Insert => "insert",
        Write::Update => "update",
        Write::InsertOrUpdate => "insert_or_update",
        Write::Flag => "flag",
        Write::Delete => "delete",
    }
}

/// A fate's word, what told it, the service's code and the field.
fn fate_words(fate: &RowFate) -> (&'static str, Option<Evidence>, Option<&str>, Option<&str>) {
    match fate {
        RowFate::NotStarted => ("not_started", None, None, None),
        RowFate::UnderWay => ("under_way", None, None, None),
        RowFate::Confirmed { by } => ("confirmed", Some(*by), None, None),
        RowFate::Refused { code, field } => ("refused", None, Some(code), field.as_deref()),
        RowFate::NotInDestination => ("not_in_destination", None, None, None),
        RowFate::Unconfirmed { import_failed } => ("unconfirmed", None, import_failed.as_deref(), None),
        RowFate::Superseded => ("superseded", None, None, None),
        RowFate::Unknown => ("unknown", None, None, None),
    }
}
