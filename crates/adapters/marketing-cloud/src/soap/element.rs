//! A view of an element of an answer that looks by namespace.

use roxmltree::Node;

use super::{INSTANCE, PARTNER};

/// An element of the partner API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a, 'i>(Node<'a, 'i>);

impl<'a, 'i> Element<'a, 'i> {
    pub(crate) const fn new(node: Node<'a, 'i>) -> Self {
        Self(node)
    }

    /// The child elements of that name, in the partner namespace.
    pub(crate) fn children(self, name: &'static str) -> impl Iterator<Item = Self> {
        self.0.children().filter(move |it| it.has_tag_name((PARTNER, name))).map(Self)
    }

    /// The first child element of that name.
    pub(crate) fn child(self, name: &'static str) -> Option<Self> {
        self.children(name).next()
    }

    /// The element's own text; `None` for `xsi:nil`. An empty element is an empty text.
    pub(crate) fn content(self) -> Option<String> {
        if matches!(self.0.attribute((INSTANCE, "nil")), Some("true" | "1")) {
            return None;
        }
        let mut texts = self.0.children().filter_map(|it| if it.is_text() { it.text() } else { None });
        let first = texts.next().unwrap_or_default().to_owned();
        // A comment within a text makes two of it.
        Some(texts.fold(first, |all, it| all + it))
    }

    /// The text of the first child of that name.
    pub(crate) fn text(self, name: &'static str) -> Option<String> {
        self.child(name)?.content()
    }

    /// The text of the first child of that name, trimmed, where it is not blank.
    pub(crate) fn word(self, name: &'static str) -> Option<String> {
        self.text(name).map(|it| it.trim().to_owned()).filter(|it| !it.is_empty())
    }

    /// A flag; absent ones are false.
    pub(crate) fn flag(self, name: &'static str) -> bool {
        self.word(name).is_some_and(|it| it.eq_ignore_ascii_case("true") || it == "1")
    }

    /// A whole number that is not negative, if that is what stands there.
    pub(crate) fn number(self, name: &'static str) -> Option<u64> {
        self.word(name)?.parse().ok()
    }
}
