//! XML as the SOAP door sees it: names, types, text and children, free of prefixes.

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Local name of `xsi:type`.
    pub kind: Option<String>,
    /// `xsi:nil`.
    pub nil: bool,
    /// Text, where there are no children.
    pub text: String,
    /// Child elements in their order.
    pub children: Vec<Element>,
}

impl Element {
    /// An empty element.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// An element with text.
    pub fn text(name: &str, text: impl Into<String>) -> Self {
        Self { name: name.to_owned(), text: text.into(), ..Self::default() }
    }

    /// An element that is `xsi:nil`.
    pub fn nil(name: &str) -> Self {
        Self { name: name.to_owned(), nil: true, ..Self::default() }
    }

    /// The same with an `xsi:type`.
    pub fn of_kind(mut self, kind: &str) -> Self {
        self.kind = Some(kind.to_owned());
        self
    }

    /// The same with one more child.
    pub fn with(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// The same with one more child that has text.
    pub fn with_text(self, name: &str, text: impl Into<String>) -> Self {
        self.with(Element::text(name, text))
    }

    /// The same with more children.
    pub fn with_all(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|it| it.name == name)
    }

    /// All children of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |it| it.name == name)
    }

    /// The text at a path of names such as `Client/ID`, `None` where it is absent or nil.
    pub fn value(&self, path: &str) -> Option<&str> {
        let found = path.split('/').try_fold(self, |it, name| it.child(name))?;
        (!found.nil).then_some(found.text.as_str())
    }

    /// The same, where blank is like absent.
    pub fn filled(&self, path: &str) -> Option<&str> {
        self.value(path).map(str::trim).filter(|it| !it.is_empty())
    }

    /// A number at a path; `None` where it is absent or blank, or none.
    pub fn number<T: std::str::FromStr>(&self, path: &str) -> Option<T> {
        self.filled(path)?.parse().ok()
    }

    /// A truth value at a path.
    pub fn truth(&self, path: &str) -> Option<bool> {
        match self.filled(path)? {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        }
    }

    /// All text in it and below it.
    pub fn whole_text(&self) -> String {
        let mut text = self.text.clone();
        for child in &self.children {
            text.push_str(&child.whole_text());
        }
        text
    }
}
