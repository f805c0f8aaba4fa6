//! What an activation holds back until a person has approved it.

use outflow_domain::{EmptySource, Guards, Limit};

use crate::{
    context::Context,
    entries::Entries,
    problem::Code,
    shape::{Key, Kind, Shape},
};

pub(crate) static GUARDS: Shape = Shape {
    id: "guards",
    what: "the guards of an activation",
    about: "Holds rows back where far more would change than is usual, or where the source cannot be trusted.",
    keys: &[
        Key::optional(
            "max_inserts",
            Kind::Limit,
            "1000",
            "Most rows that are new to the activation. When there are more, none of them is sent. A share is of the rows confirmed before; of none it is no limit.",
        ),
        Key::optional(
            "max_updates",
            Kind::Limit,
            "5 %",
            "Most rows that are updated. When there are more, none of them is sent. A share is of the rows confirmed before; of none it is no limit.",
        ),
        Key::optional(
            "max_deletes",
            Kind::Limit,
            "2 %",
            "Most rows that leave the model and are flagged or deleted for it. When there are more, none of them is. A share is of the rows confirmed before; of none it is no limit. With `on_exit: keep` nothing would be held.",
        ),
        Key::optional(
            "max_source_shrink",
            Kind::Limit,
            "20 %",
            "By how many rows the source may shrink against the last run of which nothing was held; a share is of the rows it had then. When it shrinks by more, updates and removals are held.",
        ),
        Key::optional(
            "max_null_keys",
            Kind::Limit,
            "0.1 %",
            "Most rows of the source whose key is null, blank or no value of its field; a share is of the rows read. When there are more, updates and removals are held.",
        ),
        Key::with_default(
            "empty_source",
            Kind::Choice(&["hold", "allow"]),
            "hold",
            "allow",
            "What a source without any row means where rows were confirmed before: removals are held, or the model may be empty.",
        ),
    ],
    exactly_one: &[],
};

/// Decodes the guards of an activation that inserts, or not, and flags what leaves, or not.
pub(crate) fn guards(entries: Entries<'_>, insert: Option<bool>, flags: bool, cx: &mut Context<'_>) -> Guards {
    let guards = Guards {
        max_inserts: entries.limit("max_inserts", cx),
        max_updates: entries.limit("max_updates", cx),
        max_deletes: entries.limit("max_deletes", cx),
        max_source_shrink: entries.limit("max_source_shrink", cx),
        max_null_keys: entries.limit("max_null_keys", cx),
        empty_source: entries.choice("empty_source", cx).map_or(EmptySource::Hold, |it| match it {
            "allow" => EmptySource::Allow,
            _ => EmptySource::Hold,
        }),
    };
    if insert == Some(false) && guards.max_inserts.is_some() {
        cx.report(
            Code::Conflict,
            entries.span_of("max_inserts"),
            "this activation only updates, so that `max_inserts` would never hold anything",
        )
        .hint("remove it, or write `insert: true`");
    }
    if !flags && guards.max_deletes.is_some() {
        let what = "rows that leave are kept as they are, so that `max_deletes` would never hold anything";
        cx.report(Code::Conflict, entries.span_of("max_deletes"), what).hint("remove it, or say what becomes of them with `on_exit`");
    }
    let shares =
        [("max_deletes", guards.max_deletes), ("max_source_shrink", guards.max_source_shrink), ("max_null_keys", guards.max_null_keys)];
    for (name, limit) in shares {
        if limit.is_some_and(Limit::is_whole) {
            cx.report(Code::InvalidValue, entries.span_of(name), format!("`{name}` is a share of all rows, and would never hold anything"))
                .hint("write less than 100 %, or remove it");
        }
    }
    entries.finish();
    guards
}
