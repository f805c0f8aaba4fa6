//! `outflow plan`: what a run would do.

use std::collections::BTreeMap;

use async_trait::async_trait;
use outflow_domain::{
    ActivationState, CellProblem, HistoryFile, Name, NewDataExtension, NewField, Outcome, RefusedRow, Removes, Route, RunId, RunRecord,
    Withheld, Write,
};
use outflow_engine::{Blocking, EngineError, OldState, PlanReport, RunOptions, Widening};
use outflow_ports::{Ledger, LedgerCommit, LedgerError, RunSummary};
use serde_json::{Value, json};

use super::{
    Done, engine_failed,
    held::{approved_json, held_json, held_text},
    machine, ready,
};
use crate::{
    args::{Arguments, Output, Plan},
    exit::Exit,
    output::{self, bytes, count_of, files, number, rows, rows_are},
    project,
    stop::Stop,
};

pub async fn plan(arguments: &Arguments, wanted: &Plan) -> Done {
    let project = project::load(arguments)?;
    let activation = project::activation(&project, &wanted.activation, arguments.output)?;
    let mut machine = machine(arguments, &project)?;
    let ready = ready(arguments, &project, activation, &machine, false).map_err(|it| it.printed(arguments.output))?;
    let options = RunOptions { full: wanted.full, retry_refused: wanted.retry_refused, approve: None };
    let mut stop = Stop::listen();
    let planned = tokio::select! {
        planned = outflow_engine::plan(&ready.job, &ready.ports, &options) => planned,
        () = stop.asked() => {
            machine.end_computing().await;
            Err(EngineError::Stopped)
        }
    };
    let report = planned.map_err(|it| engine_failed(arguments.output, project.route(activation).1, &it))?;
    match arguments.output {
        Output::Json => output::json(&plan_json(&report)),
        Output::Text => output::text(&plan_text(&report)),
    }
    Ok(if wanted.detailed_exitcode && report.has_changes() { Exit::Changes } else { Exit::Success })
}

/// The words of an intent.
pub const fn intent(write: Write) -> &'static str {
    match write {
        Write::Insert => "insert",
        Write::Update => "update",
        Write::InsertOrUpdate => "send (new to this activation, or in doubt)",
        Write::Flag => "flag (no longer in the model)",
        Write::Delete => "delete for good (no longer in the model)",
    }
}

const fn road(route: Route) -> &'static str {
    match route {
        Route::Rest => "one-time REST import",
        Route::Soap => "SOAP import definition",
    }
}

fn withheld(report: &PlanReport, why: Withheld) -> u64 {
    report.decided.get(Outcome::Withheld { why })
}

pub fn plan_text(report: &PlanReport) -> String {
    let mut text = format!("Plan {} · {} → data extension {}\n", report.plan, report.activation, report.data_extension);
    text.push_str(&format!(
        "  {} read from the model, {} unchanged\n",
        rows(report.source_rows),
        number(report.decided.get(Outcome::Unchanged))
    ));
    if report.is_retired {
        text.push_str(
            "  the primary key or the data extension is another than when rows were confirmed: that no longer counts, every row is new to this activation, \
             and none has left\n",
        );
    } else if report.is_first {
        text.push_str("  nothing was confirmed before, so every row is new to this activation\n");
    }
    for it in &report.key_moved {
        text.push_str(&format!(
            "  ! the primary key `{}` comes from `{}`, and came from `{}` when rows were confirmed: where these differ, rows count as new, and as left \
             under their old keys\n",
            it.field, it.is, it.was
        ));
    }
    if report.open_parts > 0 {
        let (parts, are) = (count_of(report.open_parts as u64, "part", "parts"), if report.open_parts == 1 { "is" } else { "are" });
        text.push_str(&format!("  {parts} of earlier runs {are} settled first\n"));
    }
    if let Some(blocking) = &report.blocked {
        text.push_str(&blocked_text(blocking));
    }
    text.push_str(&old_state_text(report));
    text.push_str(&warnings_text(report));
    text.push_str(&table_text(report));
    for (&write, &count) in &report.to_send {
        text.push_str(&format!("  {} {}\n", intent(write), rows(count)));
    }
    if report.to_send.contains_key(&Write::Delete) {
        text.push_str("      what is deleted cannot be brought back, and may have fields that others have filled; a contact is not deleted with its row\n");
    }
    if report.newly_left > 0 {
        let stay = if report.to_send.keys().any(|it| it.is_of_exits()) { "" } else { " and stay in the data extension" };
        text.push_str(&format!("  {} left the model{stay}\n", rows(report.newly_left)));
    }
    let key_unknown = report.decided.get(Outcome::LeftKeyUnknown);
    if key_unknown > 0 {
        text.push_str(&format!(
            "  {} left the model and cannot be flagged or deleted, as no key is stored: a run ends with 4; `outflow baseline rebuild {} --from destination` reads it\n",
            rows(key_unknown),
            report.activation
        ));
    }
    let shared = report.decided.get(Outcome::LeftShared);
    if shared > 0 {
        text.push_str(&format!(
            "  {} left the model and stay, as another activation of the data extension holds them, or may\n",
            rows(shared)
        ));
    }
    text.push_str(&of_nobody_text(report));
    text.push_str(&held_text(report, true));
    for (why, words) in [
        (Withheld::DuplicateKey, ["shares its key with another row and is not sent", "share their key with another row and are not sent"]),
        (
            Withheld::NotInDestination,
            ["is not in the data extension, which is only updated", "are not in the data extension, which is only updated"],
        ),
        (
            Withheld::Refused,
            [
                "was refused before and has not changed (--retry-refused sends it again)",
                "were refused before and have not changed (--retry-refused sends them again)",
            ],
        ),
    ] {
        let count = withheld(report, why);
        if count > 0 {
            text.push_str(&format!("  {} {}\n", rows(count), words[usize::from(count > 1)]));
        }
    }
    let copies = report.decided.get(Outcome::Copy);
    if copies > 0 {
        let are = if copies == 1 {
            "1 row is a copy of another one and counts".into()
        } else {
            format!("{} are copies of others and count", rows(copies))
        };
        text.push_str(&format!("  {are} once\n"));
    }
    if withheld(report, Withheld::Invalid) > 0 {
        text.push_str(&format!(
            "  {} cannot be taken by the data extension and {} not sent:\n",
            rows(withheld(report, Withheld::Invalid)),
            if withheld(report, Withheld::Invalid) == 1 { "is" } else { "are" }
        ));
        for it in &report.invalid {
            text.push_str(&format!("      {} × `{}`: {}\n", number(it.examples.rows), it.field, it.problem.sentence()));
            for (key, value) in &it.examples.masked {
                text.push_str(&format!("        key {key}, value {value}\n"));
            }
        }
    }
    text.push_str(&skipped_text(report));
    text.push_str(&warned_text(report));
    // What is deleted travels in no file.
    let files_sent = || report.parts.iter().filter(|it| !it.is_of_deletes);
    if report.parts.is_empty() {
        text.push_str("  nothing to send\n");
    } else if files_sent().next().is_none() {
        text.push_str("  no file to send\n");
    } else {
        let (sum, count): (u64, _) = (files_sent().map(|it| it.bytes).sum(), files_sent().count());
        text.push_str(&format!("  {}, {}, by {}\n", files(count), bytes(sum), road(report.route)));
        let in_doubt = report.parts.iter().filter(|it| it.in_doubt);
        let (files, doubtful) = in_doubt.fold((0, 0), |(files, rows), it| (files + 1, rows + it.rows));
        if files > 0 {
            text.push_str(&format!("      {files} of them with the {} that earlier imports left in doubt\n", rows(doubtful)));
        }
        let narrow = report.parts.iter().filter(|it| it.is_narrow).fold((0, 0), |(files, rows), it| (files + 1, rows + it.rows));
        if narrow.0 > 0 {
            text.push_str(&format!(
                "      {} of them with nothing but the key and new columns of {} that are there\n",
                narrow.0,
                rows(narrow.1)
            ));
        }
        text.push_str(&kept_text(report));
    }
    text
}

/// Rows that are not flagged, since nobody knows whether they ever were of the model.
pub fn of_nobody_text(report: &PlanReport) -> String {
    match report.of_nobody {
        0 => String::new(),
        1 => "  1 row of the data extension is not in the model, and nothing here tells whether it ever was: it is not flagged; it is of somebody else, \
              or was sent by a state folder that is lost\n"
            .into(),
        count => format!(
            "  {} of the data extension are not in the model, and nothing here tells whether they ever were: they are not flagged; they are of \
             somebody else, or were sent by a state folder that is lost\n",
            rows(count)
        ),
    }
}

/// Rows that are not sent since a field says so.
pub fn skipped_text(report: &PlanReport) -> String {
    let skipped = withheld(report, Withheld::Skipped);
    if skipped == 0 {
        return String::new();
    }
    let it = if skipped == 1 { "it" } else { "them" };
    let mut text = format!("  {} skipped, since a field says so that is null or blank in {it}:\n", rows_are(skipped));
    for it in &report.skipped {
        text.push_str(&format!("      {} × `{}`\n", number(it.examples.rows), it.field));
        it.examples.masked.iter().for_each(|(key, _)| text.push_str(&format!("        key {key}\n")));
    }
    text
}

/// Files without some of the columns.
fn kept_text(report: &PlanReport) -> String {
    let mut by_fields: BTreeMap<&[String], (u64, u64)> = BTreeMap::new();
    for it in report.parts.iter().filter(|it| !it.kept.is_empty()) {
        let (files, rows) = by_fields.entry(&it.kept).or_default();
        (*files, *rows) = (*files + 1, *rows + it.rows);
    }
    let mut text = String::new();
    for (fields, (files, kept)) in by_fields {
        let fields: Vec<String> = fields.iter().map(|it| format!("`{it}`")).collect();
        text.push_str(&format!("      {files} of them without {}, which {} leave as they are\n", fields.join(", "), rows(kept)));
    }
    text
}

/// What is sent, and may be refused or taken for something else.
pub fn warned_text(report: &PlanReport) -> String {
    let mut text = String::new();
    let values: u64 = report.warned.iter().map(|it| it.examples.rows).sum();
    if values > 0 {
        let (values, are, them) =
            if values == 1 { ("1 value".into(), "is", "it") } else { (format!("{} values", number(values)), "are", "them") };
        text.push_str(&format!("  warning: {values} {are} sent, and Marketing Cloud may refuse {them}:\n"));
    }
    for it in &report.warned {
        text.push_str(&format!("      {} × `{}`: {}\n", number(it.examples.rows), it.field, it.warning.sentence()));
        for (key, value) in &it.examples.masked {
            text.push_str(&format!("        key {key}, value {value}\n"));
        }
    }
    let Some(alike) = &report.alike_keys else { return text };
    if alike.rows > 0 {
        text.push_str(&format!(
            "  warning: {} have keys that Marketing Cloud may take for one another (full-width letters, `ß` and `ss`, composed accents and the \
             like), and would overwrite each other then:\n",
            rows(alike.rows)
        ));
        alike.examples.iter().for_each(|key| text.push_str(&format!("        key {key}\n")));
    }
    if alike.not_compared > 0 {
        let more = rows(alike.not_compared);
        text.push_str(&format!("  warning: {more} more have such keys, too many to tell whether they are alike\n"));
    }
    text
}

/// What would be made and changed at the data extension itself.
fn table_text(report: &PlanReport) -> String {
    let mut text = report.create.as_ref().map(created_text).unwrap_or_default();
    for column in &report.columns {
        text.push_str(&format!("  + column {} {}\n", column.name, column.field_type));
    }
    report.wider.iter().for_each(|it| text.push_str(&wider_text(it)));
    for it in &report.types_changed {
        text.push_str(&format!(
            "  ! column {} is {} and was {} when {} confirmed\n",
            it.field,
            it.is,
            it.was,
            rows_were(report.rows_of_older_types)
        ));
    }
    text
}

fn rows_were(count: u64) -> String {
    format!("{} {}", rows(count), if count == 1 { "was" } else { "were" })
}

/// The data extension that would be made, with what is not easily undone.
fn created_text(new: &NewDataExtension) -> String {
    let folder = new.folder.as_ref().map(|it| format!(" in the folder {it}")).unwrap_or_default();
    let mut text = format!("  + data extension {} ({}){folder}\n", new.key, new.name);
    for NewField { name, field_type, is_primary_key } in &new.fields {
        let key = if *is_primary_key { ", primary key" } else { "" };
        text.push_str(&format!("      + {name} {field_type}{key}\n"));
    }
    text.push_str("      its primary key cannot be changed later\n");
    if let Some(sendable) = &new.sendable {
        text.push_str(&format!("      sendable: {} is the {}\n", sendable.field, sendable.subscriber.sent()));
        text.push_str("      risk: its rows may become contacts that are charged for, and deleting a row deletes no contact\n");
    }
    if let Some(retention) = &new.retention {
        text.push_str(&format!("      retention: {retention}\n"));
        if retention.removes == Removes::DataExtension {
            text.push_str("      risk: Marketing Cloud will remove the data extension itself; the run after that makes it again\n");
        }
    }
    text
}

fn wider_text(it: &Widening) -> String {
    let column = &it.column;
    if it.is_allowed {
        return format!("  ~ column {} Text({}) becomes Text({}), which cannot be undone\n", column.name, column.from, column.to);
    }
    let for_rows = if it.rows > 0 { format!(" for {}", rows(it.rows)) } else { String::new() };
    format!(
        "  ! column {} Text({}) is too short{for_rows}; `widen: allow` at the destination lets a run make it Text({})\n",
        column.name, column.from, column.to
    )
}

/// An import that stands in the way.
fn blocked_text(blocking: &Blocking) -> String {
    let Blocking { activation, import, is_waited_for } = blocking;
    if *is_waited_for {
        format!(
            "  {import} is still at work: a run waits for it, and ends as blocked (exit code 5) where it does not end in time; \
             `outflow abandon {import}` gives it up\n"
        )
    } else {
        format!(
            "  a run would end as blocked (exit code 5): {import} of activation `{activation}` is not known to have ended; run `{activation}`, \
             which settles it, or give it up with `outflow abandon {import}`\n"
        )
    }
}

/// That a newer state has sent since.
fn old_state_text(report: &PlanReport) -> String {
    let Some(OldState { ours, left }) = report.old_state else { return String::new() };
    format!(
        "  a run would be refused (LED-004, exit code 5): the state folder is an older copy, of generation {ours}, and imports have left the mark of \
         {left}: what this plan calls unchanged may not be; put the newest state folder back, or run `outflow baseline rebuild {} --from \
         destination`\n",
        report.activation
    )
}

/// What cannot be found out.
pub fn warnings_text(report: &PlanReport) -> String {
    report.warnings.iter().map(|it| format!("  warning: {}\n", it.sentence())).collect()
}

pub fn plan_json(report: &PlanReport) -> Value {
    let examples = |it: &outflow_engine::Examples| -> Vec<Value> {
        it.masked.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
    };
    let invalid = |it: &outflow_engine::InvalidReport| {
        let problem = problem(it.problem);
        json!({ "field": it.field, "problem": problem, "sentence": it.problem.sentence(), "rows": it.examples.rows, "examples": examples(&it.examples) })
    };
    let warned = |it: &outflow_engine::WarnedReport| {
        let warning = it.warning.code();
        json!({ "field": it.field, "warning": warning, "sentence": it.warning.sentence(), "rows": it.examples.rows, "examples": examples(&it.examples) })
    };
    let part = |it: &outflow_engine::PartReport| json!({ "file": it.file, "rows": it.rows, "bytes": it.bytes, "in_doubt": it.in_doubt, "only_new_columns": it.is_narrow, "only_flags": it.is_of_exits, "deletes": it.is_of_deletes, "kept": it.kept });
    let skipped = |it: &outflow_engine::SkippedReport| {
        let keys: Vec<&String> = it.examples.masked.iter().map(|(key, _)| key).collect();
        json!({ "field": it.field, "rows": it.examples.rows, "examples": keys })
    };
    json!({
        "plan": report.plan.to_string(),
        "activation": report.activation.as_str(),
        "data_extension": report.data_extension.as_str(),
        "route": report.route,
        "is_first": report.is_first,
        "is_retired": report.is_retired,
        "key_moved": report.key_moved.iter().map(|it| json!({ "field": it.field, "was": it.was, "is": it.is })).collect::<Vec<_>>(),
        "has_changes": report.has_changes(),
        "columns": report.columns.iter().map(|it| json!({ "name": it.name.as_str(), "type": it.field_type.to_string() })).collect::<Vec<_>>(),
        "create": report.create.as_ref().map(created_json),
        "wider": report.wider.iter().map(wider_json).collect::<Vec<_>>(),
        "types_changed": report.types_changed.iter().map(
            |it| json!({ "column": it.field.as_str(), "was": it.was.to_string(), "is": it.is.to_string(), "rows": report.rows_of_older_types })
        ).collect::<Vec<_>>(),
        "source_rows": report.source_rows,
        "to_send": report.to_send.iter().map(|(write, rows)| json!({ "intent": write, "rows": rows })).collect::<Vec<_>>(),
        "decided": outcomes_json(&report.decided),
        "newly_left": report.newly_left,
        "of_nobody": report.of_nobody,
        "parts": report.parts.iter().map(part).collect::<Vec<_>>(),
        "invalid": report.invalid.iter().map(invalid).collect::<Vec<_>>(),
        "skipped": report.skipped.iter().map(skipped).collect::<Vec<_>>(),
        "sent_with_warning": report.warned.iter().map(warned).collect::<Vec<_>>(),
        "alike_keys": report.alike_keys.as_ref().map(
            |it| json!({ "rows": it.rows, "examples": it.examples, "not_compared": it.not_compared })
        ),
        "held": held_json(report),
        "approved": approved_json(report),
        "open_parts": report.open_parts,
        "warnings": report.warnings.iter().map(|it| json!({ "code": it.code(), "sentence": it.sentence() })).collect::<Vec<_>>(),
        "blocked": report.blocked.as_ref().map(
            |it| json!({ "activation": it.activation.as_str(), "import": it.import, "is_waited_for": it.is_waited_for })
        ),
        "old_state": report.old_state.map(|it| json!({ "generation": it.ours, "mark": it.left })),
    })
}

fn created_json(new: &NewDataExtension) -> Value {
    let field = |it: &NewField| json!({ "name": it.name.as_str(), "type": it.field_type.to_string(), "is_primary_key": it.is_primary_key });
    json!({
        "key": new.key.as_str(),
        "name": new.name.as_str(),
        "folder": new.folder.as_ref().map(ToString::to_string),
        "fields": new.fields.iter().map(field).collect::<Vec<_>>(),
        "sendable": new.sendable.as_ref().map(|it| json!({ "field": it.field.as_str(), "subscriber": it.subscriber })),
        "retention": new.retention.map(|it| it.to_string()),
    })
}

fn wider_json(it: &Widening) -> Value {
    json!({ "column": it.column.name.as_str(), "from": it.column.from, "to": it.column.to, "is_allowed": it.is_allowed, "rows": it.rows })
}

const fn problem(problem: CellProblem) -> &'static str {
    problem.code()
}

/// Outcomes as the reports of all commands list them.
pub fn outcomes_json(outcomes: &outflow_domain::OutcomeCounts) -> Value {
    outcomes
        .iter()
        .map(|(it, rows)| json!({ "intent": it.intent(), "fate": it.fate(), "leaving": !it.is_of_source(), "rows": rows }))
        .collect()
}

/// The ledger of a project in which nothing has run yet: a plan must not create one.
#[derive(Debug)]
pub struct NoLedger;

#[async_trait]
impl Ledger for NoLedger {
    async fn append(&self, commit: &LedgerCommit) -> Result<ActivationState, LedgerError> {
        let message = format!("a plan does not write, and tried to record `{}`", commit.record.event.name());
        Err(LedgerError::Unusable { place: "nowhere".into(), message })
    }

    async fn activation(&self, _: &Name) -> Result<ActivationState, LedgerError> {
        Ok(ActivationState::default())
    }

    async fn activations(&self) -> Result<Vec<(Name, ActivationState)>, LedgerError> {
        Ok(Vec::new())
    }

    async fn refused(&self, _: &Name) -> Result<Vec<RefusedRow>, LedgerError> {
        Ok(Vec::new())
    }

    async fn history(&self, _: &Name) -> Result<Vec<HistoryFile>, LedgerError> {
        Ok(Vec::new())
    }

    async fn runs(&self, _: Option<&Name>, _: usize) -> Result<Vec<RunSummary>, LedgerError> {
        Ok(Vec::new())
    }

    async fn events(&self, _: &RunId) -> Result<Vec<RunRecord>, LedgerError> {
        Ok(Vec::new())
    }
}
