//! Writes XML.

use quick_xml::{
    Writer,
    events::{BytesEnd, BytesStart, BytesText, Event},
};

use super::text;

/// An XML document under way.
pub(crate) struct Xml(Writer<Vec<u8>>);

impl Xml {
    pub(crate) fn new() -> Self {
        Self(Writer::new(Vec::with_capacity(1024)))
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0.into_inner()
    }

    /// An element with attributes and whatever `inner` writes.
    pub(crate) fn element(&mut self, name: &str, attributes: &[(&str, &str)], inner: impl FnOnce(&mut Self)) {
        self.put(Event::Start(BytesStart::new(name).with_attributes(attributes.iter().copied())));
        inner(self);
        self.put(Event::End(BytesEnd::new(name)));
    }

    /// An element with an `xsi:type`.
    pub(crate) fn typed(&mut self, name: &str, kind: &str, inner: impl FnOnce(&mut Self)) {
        self.element(name, &[("xsi:type", kind)], inner);
    }

    /// An element with a text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    /// An element with attributes and a text.
    pub(crate) fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.element(name, attributes, |xml| xml.put(Event::Text(BytesText::from_escaped(text::escaped(text)))));
    }

    /// An element without content.
    pub(crate) fn empty(&mut self, name: &str) {
        self.put(Event::Empty(BytesStart::new(name)));
    }

    fn put(&mut self, event: Event<'_>) {
        // Writing into memory does not fail.
        self.0.write_event(event).ok();
    }
}
