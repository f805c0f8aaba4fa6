//! Where rows go: a connection and one data extension.

use outflow_domain::{DataExtensionKey, Name};

use crate::{
    context::Context,
    entries::{Entries, Named},
    reference::Text,
    shape::{Key, Kind, Shape},
};

pub(crate) static DESTINATION: Shape = Shape {
    id: "destination",
    what: "a destination",
    about: "One data extension of a business unit.",
    keys: &[
        Key::required("connection", Kind::Text, "marketing-cloud", "The name of the connection that leads there."),
        Key::required("data_extension", Kind::Text, "Loyalty_Members", "The external key of the data extension."),
    ],
    exactly_one: &[],
};

/// One data extension of a business unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Its name.
    pub name: Name,
    /// The connection that leads there.
    pub connection: Name,
    /// The external key of the data extension.
    pub data_extension: DataExtensionKey,
}

/// Decodes a destination. `connection` finds a connection's name and has told when there is none.
pub(crate) fn destination(
    named: &Named<'_>,
    connection: impl Fn(&Text, &mut Context<'_>) -> Option<Name>,
    cx: &mut Context<'_>,
) -> Option<Destination> {
    let entries = Entries::open(named.value, &DESTINATION, named.span, cx)?;
    let connection = entries.text("connection", cx).and_then(|it| connection(&it, cx));
    let data_extension = entries.parsed("data_extension", cx);
    entries.finish();
    Some(Destination { name: named.name.clone(), connection: connection?, data_extension: data_extension? })
}
