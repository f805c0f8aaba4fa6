//! Describe: which properties an object type has.

use super::element::Element;
use super::records::properties;
use crate::model::Model;

impl Model {
    /// Answers a `DefinitionRequestMsg`.
    pub(super) fn describe(&mut self, message: &Element) -> Element {
        let asked = message.child("DescribeRequests").into_iter().flat_map(|it| it.all("ObjectDefinitionRequest"));
        let definitions = asked.filter_map(|it| it.filled("ObjectType")).map(|object| {
            let known = match object {
                "DataExtensionObject" => Some(&[][..]),
                other => properties(other),
            };
            Element::new("ObjectDefinition")
                .with_text("ObjectType", object)
                .with_all(known.unwrap_or_default().iter().map(|(name, kind)| property(name, kind)))
        });
        Element::new("DefinitionResponseMsg").with_all(definitions).with_text("RequestID", self.ids.guid())
    }
}

fn property(name: &str, kind: &str) -> Element {
    Element::new("Properties")
        .with(Element::nil("PartnerKey"))
        .with(Element::nil("ObjectID"))
        .with_text("Name", name)
        .with_text("DataType", kind)
        .with_text("IsUpdatable", "false")
        .with_text("IsRetrievable", "true")
        .with_text("IsRequired", "false")
}
