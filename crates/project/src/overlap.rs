//! No two activations fill the same field of one data extension, unless one says that the last writer wins.

use std::collections::BTreeMap;

use outflow_domain::{FieldName, Name};

use crate::{
    activation::{Decoded, Overlap},
    connection::Connection,
    context::Context,
    destination::Destination,
    problem::Code,
};

/// What makes two destinations the same data extension. External keys are compared without regard to case: a refusal too much can be
/// lifted with one line, two writers of one field overwrite one another for ever.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    auth_url: String,
    account_id: Option<String>,
    data_extension: String,
}

/// Tells each pair of activations that fill the same fields.
pub(crate) fn check(
    decoded: &BTreeMap<Name, Decoded>,
    destinations: &BTreeMap<Name, Destination>,
    connections: &BTreeMap<Name, Connection>,
    cx: &mut Context<'_>,
) {
    let mut by_target: BTreeMap<Target, Vec<&Decoded>> = BTreeMap::new();
    for it in decoded.values() {
        if let Some(target) = target(&it.activation.to, destinations, connections) {
            by_target.entry(target).or_default().push(it);
        }
    }
    for (_, mut together) in by_target {
        together.sort_by_key(|it| it.span);
        for (index, second) in together.iter().enumerate() {
            for first in &together[..index] {
                pair(first, second, cx);
            }
        }
    }
}

fn pair(first: &Decoded, second: &Decoded, cx: &mut Context<'_>) {
    if [first, second].iter().any(|it| it.activation.overlap == Overlap::LastWriter) {
        return;
    }
    let is_shared = |field: &FieldName| first.filled.iter().any(|(other, _)| other.is_same_as(field));
    let shared: Vec<_> = second.filled.iter().filter(|(field, _)| is_shared(field)).collect();
    let Some((_, span)) = shared.first() else { return };
    let fields: Vec<_> = shared.iter().map(|(field, _)| format!("`{field}`")).collect();
    let (first_name, second_name) = (first.activation.name(), second.activation.name());
    let what = format!(
        "`{second_name}` and `{first_name}` both fill {} of `{}`; `{first_name}` is at {}",
        fields.join(", "),
        second.activation.wish.data_extension,
        cx.place(first.span)
    );
    cx.report(Code::Overlap, *span, what)
        .hint("let one of them fill the field, or add `overlap: last_writer` to one if it does not matter which value stays");
}

fn target(to: &Name, destinations: &BTreeMap<Name, Destination>, connections: &BTreeMap<Name, Connection>) -> Option<Target> {
    let destination = destinations.get(to)?;
    let marketing_cloud = &connections.get(&destination.connection)?.marketing_cloud;
    Some(Target {
        auth_url: marketing_cloud.tenant.auth_url().to_string(),
        account_id: marketing_cloud.account_id.clone(),
        data_extension: destination.data_extension.as_str().to_lowercase(),
    })
}
