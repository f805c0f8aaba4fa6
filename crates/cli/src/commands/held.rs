//! What guards hold back, in words and as documents: shared by the commands that tell it.

use outflow_domain::{ActivationState, Guard, Hold, Tripped, guard::APPROVAL_MS};
use outflow_engine::{HeldReport, PlanReport};
use serde_json::{Value, json};

use super::plan::intent;
use crate::output::{number, rows, time};

/// The command that lets through what a plan holds.
pub fn command(activation: &str, plan: &str, full: bool, retry_refused: bool) -> String {
    let full = if full { " --full" } else { "" };
    let retry_refused = if retry_refused { " --retry-refused" } else { "" };
    format!("outflow run {activation}{full}{retry_refused} --approve {plan}")
}

fn command_of(report: &PlanReport, held: &HeldReport) -> String {
    command(report.activation.as_str(), &report.plan.0, held.full, held.retry_refused)
}

/// What has tripped a guard.
pub fn sentence(it: &Tripped) -> String {
    let many = rows(it.rows);
    let is = |one: &'static str, more: &'static str| if it.rows == 1 { one } else { more };
    let Some(limit) = it.limit else {
        return format!("the source has no rows, where it had {many} or as many are confirmed");
    };
    let most = number(limit.rows_of(it.of));
    match it.guard {
        Guard::MaxInserts => format!("{many} {} new to the activation, and {}", is("is", "are"), at_most(&most, it, "confirmed before")),
        Guard::MaxUpdates => format!("{many} would be updated, and {}", at_most(&most, it, "confirmed before")),
        Guard::MaxDeletes => {
            format!("{many} would be flagged or deleted since they left the model, and {}", at_most(&most, it, "confirmed before"))
        }
        Guard::MaxSourceShrink => {
            format!("the source has {many} less than in the last run that held nothing, and {}", at_most(&most, it, "that it had then"))
        }
        Guard::MaxNullKeys | Guard::EmptySource => {
            format!("{many} {} no usable key, and {}", is("has", "have"), at_most(&most, it, "read"))
        }
    }
}

fn at_most(most: &str, it: &Tripped, of_which: &str) -> String {
    let share = match it.limit {
        Some(outflow_domain::Limit::Share(_)) => format!(" of the {} {of_which}", number(it.of)),
        _ => String::new(),
    };
    format!("at most {most} may be{share}")
}

/// `max_updates: 5 %`, as it stands in the project.
fn setting(it: &Tripped) -> String {
    let value = it.limit.map_or_else(|| "hold".to_owned(), |it| it.to_string());
    format!("{}: {value}", it.guard.key())
}

/// What a plan or a run holds, and how it is let through; nothing where it holds nothing.
pub fn held_text(report: &PlanReport, is_plan: bool) -> String {
    let mut text = String::new();
    if let Some(approved) = &report.approved {
        text.push_str(&format!("  {} that plan {} had held pass, since they were approved\n", rows(approved.rows), approved.plan));
    }
    let Some(held) = &report.held else { return text };
    text.push_str(&format!("  held: {}, until a person approves\n", rows(held.rows())));
    for it in &held.guards {
        text.push_str(&format!("      `{}`: {}\n", setting(it), sentence(it)));
    }
    for (&write, &count) in &held.writes {
        text.push_str(&format!("      not done: {} {}\n", intent(write), rows(count)));
    }
    if held.leaving > 0 {
        let are = if held.leaving == 1 { "is" } else { "are" };
        let is_believed = !held.guards.iter().any(|it| it.guard.is_of_source());
        let what = if is_believed { "not flagged yet" } else { "not believed yet" };
        text.push_str(&format!("      {what}: {} {are} no longer in the model\n", rows(held.leaving)));
    }
    let until = if is_plan { "as long as a run would do just the same" } else { "within 24 hours" };
    text.push_str(&format!("      `{}` lets just these rows through, {until}\n", command_of(report, held)));
    text
}

fn tripped_json(it: &Tripped) -> Value {
    let most = it.limit.map(|limit| limit.rows_of(it.of));
    json!({ "guard": it.guard, "limit": it.limit, "rows": it.rows, "of": it.of, "rows_max": most, "sentence": sentence(it) })
}

/// What a plan or a run holds.
pub fn held_json(report: &PlanReport) -> Value {
    report.held.as_ref().map_or(Value::Null, |held| {
        json!({
            "rows": held.rows(),
            "to_send": held.writes.iter().map(|(write, rows)| json!({ "intent": write, "rows": rows })).collect::<Vec<_>>(),
            "leaving": held.leaving,
            "guards": held.guards.iter().map(tripped_json).collect::<Vec<_>>(),
            "approve": command_of(report, held),
        })
    })
}

/// What was approved of a plan or a run.
pub fn approved_json(report: &PlanReport) -> Value {
    report.approved.as_ref().map_or(Value::Null, |it| json!({ "plan": it.plan.0, "rows": it.rows }))
}

/// What is held of an activation, for `outflow status`.
pub fn standing_text(activation: &str, state: &ActivationState) -> Option<String> {
    let newest = state.holds.last()?;
    let Hold { plan, guards, rows: held, full, retry_refused, .. } = &newest.hold;
    let guards: Vec<&str> = guards.iter().map(|it| it.guard.key()).collect();
    let since = state.held_since_ms.map(|it| format!(" since {}", time(it))).unwrap_or_default();
    let command = command(activation, &plan.0, *full, *retry_refused);
    Some(format!("{} held{since} by {}: `{command}`", rows(held.entries), guards.join(", ")))
}

/// What is held of an activation, as a document.
pub fn standing_json(activation: &str, state: &ActivationState) -> Value {
    state.holds.last().map_or(Value::Null, |it| {
        let hold = &it.hold;
        json!({
            "plan": hold.plan.0,
            "run": it.run.0,
            "rows": hold.rows.entries,
            "leaving": hold.rows.entries - hold.writes,
            "since_ms": state.held_since_ms,
            "planned_ms": it.at_ms,
            "expires_ms": it.at_ms + APPROVAL_MS,
            "guards": hold.guards.iter().map(tripped_json).collect::<Vec<_>>(),
            "approve": command(activation, &hold.plan.0, hold.full, hold.retry_refused),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(guard: Guard, limit: Option<&str>, rows: u64, of: u64, told: &str) {
        let tripped = Tripped { guard, limit: limit.map(|it| it.parse().unwrap()), rows, of };
        assert_eq!(format!("{}: {}", setting(&tripped), sentence(&tripped)), told);
    }

    #[test]
    fn a_guard_says_what_it_saw_and_what_it_allows() {
        check(
            Guard::MaxUpdates,
            Some("5 %"),
            1_200,
            10_000,
            "max_updates: 5 %: 1,200 rows would be updated, and at most 500 may be of the 10,000 confirmed before",
        );
        check(
            Guard::MaxDeletes,
            Some("2 %"),
            300,
            10_000,
            "max_deletes: 2 %: 300 rows would be flagged or deleted since they left the model, and at most 200 may be of the 10,000 confirmed before",
        );
        check(Guard::MaxInserts, Some("0"), 1, 9, "max_inserts: 0: 1 row is new to the activation, and at most 0 may be");
        check(
            Guard::MaxSourceShrink,
            Some("20 %"),
            300,
            1_000,
            "max_source_shrink: 20 %: the source has 300 rows less than in the last run that held nothing, and at most 200 may be of the 1,000 that it had then",
        );
        check(Guard::MaxNullKeys, Some("1"), 2, 9, "max_null_keys: 1: 2 rows have no usable key, and at most 1 may be");
        check(Guard::EmptySource, None, 9, 9, "empty_source: hold: the source has no rows, where it had 9 rows or as many are confirmed");
    }

    #[test]
    fn the_command_is_the_whole_command() {
        assert_eq!(command("loyalty", "1a2b", false, false), "outflow run loyalty --approve 1a2b");
        assert_eq!(command("loyalty", "1a2b", true, true), "outflow run loyalty --full --retry-refused --approve 1a2b");
    }
}
