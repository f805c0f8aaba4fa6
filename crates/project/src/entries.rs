//! Decodes a mapping by its [`Shape`].

use std::{cell::RefCell, str::FromStr};

use outflow_domain::{Limit, Name, Secret};

use crate::{
    context::Context,
    nearest::nearest,
    problem::Code,
    reference::{Lines, Text, expand, secret},
    shape::{Key, Kind, Shape},
    units,
    yaml::{Entry, Node, Resolved, Span, Value},
};

/// The entries of a mapping whose keys are known, unique and complete, or have been reported.
///
/// Each getter returns `None` where the key is absent or its value has been reported.
pub(crate) struct Entries<'n> {
    pub shape: &'static Shape,
    /// Where problems of the mapping as a whole are told.
    pub span: Span,
    found: Vec<(&'static Key, &'n Node)>,
    /// Keys that decoding asked for: all of them, or a key would be accepted and mean nothing.
    asked: RefCell<Vec<&'static str>>,
}

/// A name and what it names.
pub(crate) struct Named<'n> {
    pub name: Name,
    pub span: Span,
    pub value: &'n Node,
}

/// What may be a word or a mapping.
pub(crate) enum WordOr<'n> {
    /// One of the words.
    Word(&'static str),
    /// A mapping.
    Object(Entries<'n>),
}

impl<'n> Entries<'n> {
    /// Checks keys; `span` is where a missing key is told.
    pub fn open(node: &'n Node, shape: &'static Shape, span: Span, cx: &mut Context<'_>) -> Option<Self> {
        let nothing: &[Entry] = &[];
        let entries = match &node.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Null => nothing,
            Value::Broken => return None,
            _ => {
                cx.cover(node);
                let (what, found) = (shape.what, node.type_for_people());
                let first = shape.keys.first().map_or("key", |it| it.name);
                cx.report(Code::WrongType, node.span, format!("{what} must be a mapping, and this is {found}"))
                    .hint(format!("write its keys below it, such as `{first}: …`"));
                return None;
            }
        };
        let mut found = Vec::new();
        for entry in entries {
            match shape.key(&entry.key) {
                Some(key) => found.push((key, &entry.value)),
                None => unknown_key(entry, shape, cx),
            }
        }
        let this = Self { shape, span, found, asked: RefCell::new(Vec::new()) };
        this.required_keys_are_there(cx);
        Some(this)
    }

    fn required_keys_are_there(&self, cx: &mut Context<'_>) {
        for key in self.shape.keys.iter().filter(|it| it.is_required && !self.has(it.name)) {
            cx.report(Code::MissingKey, self.span, format!("{} needs `{}`", self.shape.what, key.name)).hint(format!(
                "add `{}: {}`; {}",
                key.name,
                key.example,
                first_sentence(key.about)
            ));
        }
        for group in self.shape.exactly_one {
            let there: Vec<_> = group.iter().filter(|it| self.has(it)).collect();
            let names = group.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or ");
            if there.is_empty() {
                cx.report(Code::MissingKey, self.span, format!("{} needs {names}", self.shape.what)).hint("add one of them");
            }
            for name in there.iter().skip(1) {
                let span = self.node(name).map_or(self.span, |it| it.span);
                cx.report(Code::Conflict, span, format!("{} takes either {names}, and here is more than one", self.shape.what))
                    .hint("keep one of them");
            }
        }
    }

    /// Whether the key is written, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        debug_assert!(self.shape.key(name).is_some(), "`{name}` is no key of {}", self.shape.id);
        self.found.iter().any(|(key, _)| key.name == name)
    }

    /// Never shows the value of the key.
    pub fn cover(&self, name: &str, cx: &mut Context<'_>) {
        if let Some(node) = self.node(name) {
            cx.cover(node);
        }
    }

    /// Whether the key is written and nothing stands behind it.
    pub fn is_blank(&self, name: &str) -> bool {
        self.node(name).is_some_and(|it| match &it.value {
            Value::Null => true,
            Value::Map(entries) => entries.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Scalar(_) | Value::Broken => false,
        })
    }

    fn node(&self, name: &str) -> Option<&'n Node> {
        self.found.iter().find(|(key, _)| key.name == name).map(|(_, node)| *node)
    }

    /// The place of a key's value, or of the mapping where the key is absent.
    pub fn span_of(&self, name: &str) -> Span {
        self.node(name).map_or(self.span, |it| it.span)
    }

    fn ask(&self, name: &str) -> Option<(&'static Key, &'n Node)> {
        let key = self.shape.key(name);
        debug_assert!(key.is_some(), "`{name}` is no key of {}", self.shape.id);
        self.asked.borrow_mut().extend(key.map(|it| it.name));
        self.found.iter().find(|(key, _)| key.name == name).copied()
    }

    /// Ends decoding: every key of the shape must have been asked for.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        let forgotten = self.shape.keys.iter().find(|it| !asked.contains(&it.name));
        debug_assert!(forgotten.is_none(), "nobody asked for `{}` of {}", forgotten.map_or("", |it| it.name), self.shape.id);
    }

    /// A text that is not empty.
    pub fn text(&self, name: &str, cx: &mut Context<'_>) -> Option<Text> {
        let (key, node) = self.ask(name)?;
        text_of(node, key, false, cx)
    }

    /// SQL: a text in which `${` may mean something else.
    pub fn sql(&self, name: &str, cx: &mut Context<'_>) -> Option<Text> {
        let (key, node) = self.ask(name)?;
        text_of(node, key, true, cx)
    }

    /// A text that is parsed into a checked value.
    pub fn parsed<T>(&self, name: &str, cx: &mut Context<'_>) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.text(name, cx)?;
        parsed(&text, cx)
    }

    /// Digits, written as a number or as text.
    pub fn digits(&self, name: &str, cx: &mut Context<'_>) -> Option<String> {
        let (key, node) = self.ask(name)?;
        let Value::Scalar(scalar) = &node.value else { return wrong_type(node, key, cx) };
        let value = expand(&scalar.text, node.span, false, cx)?;
        if value.is_empty() || !value.chars().all(|it| it.is_ascii_digit()) || value.len() > 20 {
            cx.report(Code::InvalidValue, node.span, format!("`{name}` takes digits only"))
                .hint(format!("for example `{name}: {}`", key.example));
            return None;
        }
        Some(value)
    }

    /// A whole number within the limits of its key.
    pub fn integer(&self, name: &str, cx: &mut Context<'_>) -> Option<i64> {
        let (key, node) = self.ask(name)?;
        let Kind::Integer { min, max } = key.kind else { unreachable!("`{name}` is declared as a whole number") };
        let Value::Scalar(scalar) = &node.value else { return wrong_type(node, key, cx) };
        // Text only where it comes from the environment: `"22"` is text, `${PORT}` is what it holds.
        if scalar.resolved() != Resolved::Integer && !scalar.text.contains("${") {
            return wrong_type(node, key, cx);
        }
        let value = expand(&scalar.text, node.span, false, cx)?;
        let number = value.parse::<i64>().ok().filter(|it| (min..=max).contains(it));
        if number.is_none() {
            cx.report(Code::InvalidValue, node.span, format!("`{}` is not {}", scalar.text, key.kind.for_people()));
        }
        number
    }

    /// `true` or `false`.
    pub fn boolean(&self, name: &str, cx: &mut Context<'_>) -> Option<bool> {
        let (key, node) = self.ask(name)?;
        let Value::Scalar(scalar) = &node.value else { return wrong_type(node, key, cx) };
        if let Resolved::Boolean(value) = scalar.resolved() {
            return Some(value);
        }
        if !scalar.text.contains("${") {
            return wrong_type(node, key, cx);
        }
        match expand(&scalar.text, node.span, false, cx)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => wrong_type(node, key, cx),
        }
    }

    /// One of the words of its key.
    pub fn choice(&self, name: &str, cx: &mut Context<'_>) -> Option<&'static str> {
        let text = self.text(name, cx)?;
        let key = self.shape.key(name)?;
        let Kind::Choice(words) = key.kind else { unreachable!("`{name}` is declared as a choice") };
        let found = words.iter().find(|it| **it == text.value).copied();
        if found.is_none() {
            let nearest = nearest(&text.raw, words.iter().copied());
            let hint = nearest.map_or_else(|| format!("it takes {}", key.kind.for_people()), |it| format!("did you mean `{it}`?"));
            cx.report(Code::InvalidValue, text.span, format!("`{}` is not a value of `{name}`", text.raw)).hint(hint);
        }
        found
    }

    /// A size in bytes within these limits.
    pub fn size(&self, name: &str, min: u64, max: u64, limits: &str, cx: &mut Context<'_>) -> Option<u64> {
        self.measured(name, units::bytes, min, max, limits, cx)
    }

    /// A duration in seconds within these limits.
    pub fn duration(&self, name: &str, min: u64, max: u64, limits: &str, cx: &mut Context<'_>) -> Option<u64> {
        self.measured(name, units::seconds, min, max, limits, cx)
    }

    /// A number of rows or a share, written as a number or as text.
    pub fn limit(&self, name: &str, cx: &mut Context<'_>) -> Option<Limit> {
        let (key, node) = self.ask(name)?;
        let Value::Scalar(scalar) = &node.value else { return wrong_type(node, key, cx) };
        let value = expand(&scalar.text, node.span, false, cx)?;
        let limit = value.parse::<Limit>();
        if let Err(why) = &limit {
            cx.report(Code::InvalidValue, node.span, format!("`{}` is not {}", scalar.text, key.kind.for_people())).hint(why.to_string());
        }
        limit.ok()
    }

    fn measured(
        &self,
        name: &str,
        measure: fn(&str) -> Option<u64>,
        min: u64,
        max: u64,
        limits: &str,
        cx: &mut Context<'_>,
    ) -> Option<u64> {
        let (key, node) = self.ask(name)?;
        let Value::Scalar(scalar) = &node.value else { return wrong_type(node, key, cx) };
        let value = expand(&scalar.text, node.span, false, cx)?;
        let number = measure(&value).filter(|it| (min..=max).contains(it));
        if number.is_none() {
            let what = format!("`{}` is not {}", scalar.text, key.kind.for_people());
            cx.report(Code::InvalidValue, node.span, what).hint(format!("from {limits}, with its unit"));
        }
        number
    }

    /// One text, or a list of them; each not empty, and at least one.
    pub fn texts(&self, name: &str, cx: &mut Context<'_>) -> Vec<Text> {
        let Some((key, node)) = self.ask(name) else { return Vec::new() };
        let Value::List(items) = &node.value else { return text_of(node, key, false, cx).into_iter().collect() };
        if items.is_empty() {
            cx.report(Code::InvalidValue, node.span, format!("`{name}` is an empty list"))
                .hint(format!("for example `{name}: {}`", key.example));
        }
        items.iter().filter_map(|it| text_of(it, key, false, cx)).collect()
    }

    /// A secret by reference.
    pub fn secret(&self, name: &str, lines: Lines, cx: &mut Context<'_>) -> Option<Secret> {
        let (_, node) = self.ask(name)?;
        secret(node, &format!("`{name}`"), lines, cx)
    }

    /// A mapping of one kind.
    pub fn object(&self, name: &str, cx: &mut Context<'_>) -> Option<Entries<'n>> {
        let (key, node) = self.ask(name)?;
        let Kind::Object(shape) = key.kind else { unreachable!("`{name}` is declared as a mapping") };
        Entries::open(node, shape, node.span, cx)
    }

    /// A value of a field as it is written: text, a number, `true` or `false`.
    pub fn value(&self, name: &str, cx: &mut Context<'_>) -> Option<Text> {
        let (key, node) = self.ask(name)?;
        let Value::Scalar(scalar) = &node.value else { return wrong_type(node, key, cx) };
        if scalar.resolved() != Resolved::Text {
            let text = scalar.text.clone();
            return Some(Text { value: text.clone(), raw: text, span: node.span, style: scalar.style });
        }
        text_of(node, key, false, cx)
    }

    /// A mapping of one kind, or one of the words in its place.
    pub fn choice_or(&self, name: &str, cx: &mut Context<'_>) -> Option<WordOr<'n>> {
        let (key, node) = self.ask(name)?;
        let Kind::ChoiceOr(words, shape) = key.kind else { unreachable!("`{name}` is declared as a choice or a mapping") };
        if let Value::Map(_) = &node.value {
            return Entries::open(node, shape, node.span, cx).map(WordOr::Object);
        }
        let text = text_of(node, key, false, cx)?;
        let Some(word) = words.iter().find(|it| **it == text.value) else {
            let all = words.iter().copied().chain(shape.keys.iter().map(|it| it.name));
            let hint =
                nearest(&text.raw, all).map_or_else(|| format!("it takes {}", key.kind.for_people()), |it| format!("did you mean `{it}`?"));
            cx.report(Code::InvalidValue, text.span, format!("`{}` is not a value of `{name}`", text.raw)).hint(hint);
            return None;
        };
        Some(WordOr::Word(word))
    }

    /// Names and what they name.
    pub fn named(&self, name: &str, cx: &mut Context<'_>) -> Vec<Named<'n>> {
        let mut all = Vec::new();
        for entry in self.pairs(name, cx) {
            match entry.key.parse::<Name>() {
                Ok(name) => all.push(Named { name, span: entry.key_span, value: &entry.value }),
                Err(why) => {
                    cx.cover(&entry.value);
                    cx.report(Code::InvalidName, entry.key_span, why.to_string());
                }
            }
        }
        all
    }

    /// The entries of a mapping with free keys.
    pub fn pairs(&self, name: &str, cx: &mut Context<'_>) -> &'n [Entry] {
        let Some((key, node)) = self.ask(name) else { return &[] };
        match &node.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Broken => &[],
            _ => {
                if !matches!(key.kind, Kind::Columns | Kind::FilledFields(_) | Kind::FieldTypes) {
                    cx.cover(node);
                }
                wrong_type::<()>(node, key, cx);
                &[]
            }
        }
    }
}

/// A text parsed into a checked value.
pub(crate) fn parsed<T>(text: &Text, cx: &mut Context<'_>) -> Option<T>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    match text.value.parse() {
        Ok(it) => Some(it),
        Err(why) => {
            let why: T::Err = why;
            cx.report(Code::InvalidValue, text.span, text.retold(&why.to_string()));
            None
        }
    }
}

/// The text of a value that must be one, for a key that is not in a shape of its own (an item, a column).
pub(crate) fn text_of(node: &Node, key: &Key, is_sql: bool, cx: &mut Context<'_>) -> Option<Text> {
    let Value::Scalar(scalar) = &node.value else { return wrong_type(node, key, cx) };
    if scalar.resolved() != Resolved::Text {
        let found = node.type_for_people();
        let what = format!("`{}` takes text, and `{}` is {found}", key.name, scalar.text);
        cx.report(Code::WrongType, node.span, what).hint(format!("in quotes it is text: `\"{}\"`", scalar.text));
        return None;
    }
    let value = expand(&scalar.text, node.span, is_sql, cx)?;
    if value.trim().is_empty() {
        let hint = match scalar.text.trim().is_empty() {
            true => format!("for example `{}: {}`", key.name, key.example),
            false => "the variable that it names is set, and holds nothing".to_owned(),
        };
        cx.report(Code::InvalidValue, node.span, format!("`{}` is empty", key.name)).hint(hint);
        return None;
    }
    Some(Text { value, raw: scalar.text.clone(), span: node.span, style: scalar.style })
}

fn wrong_type<T>(node: &Node, key: &Key, cx: &mut Context<'_>) -> Option<T> {
    if !matches!(node.value, Value::Broken) {
        let what = format!("`{}` takes {}, and this is {}", key.name, key.kind.for_people(), node.type_for_people());
        cx.report(Code::WrongType, node.span, what).hint(format!("for example `{}: {}`", key.name, key.example));
    }
    None
}

fn unknown_key(entry: &Entry, shape: &Shape, cx: &mut Context<'_>) {
    let nearest = nearest(&entry.key, shape.keys.iter().map(|it| it.name));
    // What belongs to an unknown key may be a password, whatever the key looks like.
    cx.cover(&entry.value);
    // A forgotten colon makes the value a part of the key.
    let is_word = entry.key.chars().all(|it| it.is_alphanumeric() || matches!(it, '_' | '-'));
    if !is_word {
        cx.cover_span(entry.key_span);
    }
    let hint = match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => {
            let names: Vec<_> = shape.keys.iter().map(|it| format!("`{}`", it.name)).collect();
            format!("its keys are {}", names.join(", "))
        }
    };
    let key = if is_word { format!("`{}`", entry.key) } else { "this".to_owned() };
    cx.report(Code::UnknownKey, entry.key_span, format!("{key} is not a key of {}", shape.what)).hint(hint);
}

/// The first sentence, to be set into another.
fn first_sentence(text: &str) -> String {
    let sentence = text.split(". ").next().unwrap_or(text).trim_end_matches('.');
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
