//! YAML as a tree in which every node knows its place.
//!
//! Decoding into structs would stop at the first mistake and lose the places of values inside flattened or tagged shapes. A tree of located
//! nodes lets each mistake be told with its line and column, all in one go. Events and their places come from the parser below serde-saphyr.
//!
//! A project takes a small YAML: one document; mappings with text keys, lists, scalars. No aliases (so nothing can grow behind a reader's
//! back, and a program can edit the file without meaning something elsewhere), no tags, no merge keys.

mod parse;

pub(crate) use parse::parse;

/// A range in a file of the project. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    /// The number of the file within its [`crate::context::Context`].
    pub file: usize,
    pub line: usize,
    pub column: usize,
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
}

impl Span {
    /// A single character.
    pub fn at(file: usize, line: usize, column: usize) -> Self {
        Self { file, line, column, end_line: line, end_column: column + 1 }
    }
}

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Debug)]
pub(crate) enum Value {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that has been reported already; nobody need look at it again.
    Broken,
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub key_span: Span,
    pub value: Node,
}

#[derive(Debug)]
pub(crate) struct Scalar {
    pub text: String,
    pub style: Style,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: may be a number or a boolean.
    Plain,
    /// In quotes: always text.
    Quoted,
    /// `|`: lines of the text are lines of the file.
    Literal,
    /// `>`.
    Folded,
}

/// What an unquoted scalar is, by YAML's core schema (<https://yaml.org/spec/1.2.2/#1032-tag-resolution>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    Text,
    Integer,
    Float,
    Boolean(bool),
}

impl Scalar {
    pub fn resolved(&self) -> Resolved {
        if self.style != Style::Plain {
            return Resolved::Text;
        }
        match self.text.as_str() {
            "true" | "True" | "TRUE" => return Resolved::Boolean(true),
            "false" | "False" | "FALSE" => return Resolved::Boolean(false),
            _ => {}
        }
        let unsigned = self.text.strip_prefix(['+', '-']).unwrap_or(&self.text);
        let all = |text: &str, is: fn(&char) -> bool| !text.is_empty() && text.chars().all(|it| is(&it));
        let is_digits = |text: &str| all(text, char::is_ascii_digit);
        if is_digits(unsigned)
            || self.text.strip_prefix("0x").is_some_and(|it| all(it, char::is_ascii_hexdigit))
            || self.text.strip_prefix("0o").is_some_and(|it| all(it, |it| ('0'..='7').contains(it)))
        {
            return Resolved::Integer;
        }
        let begins_like_a_number = unsigned.starts_with(|it: char| it.is_ascii_digit() || it == '.');
        let is_special = matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN");
        if is_special || (begins_like_a_number && unsigned.parse::<f64>().is_ok()) { Resolved::Float } else { Resolved::Text }
    }
}

impl Node {
    /// The type in a person's words; never the value.
    pub fn type_for_people(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Broken => "something broken",
            Value::Scalar(it) => match it.resolved() {
                Resolved::Text => "text",
                Resolved::Integer => "a whole number",
                Resolved::Float => "a number",
                Resolved::Boolean(_) => "true or false",
            },
        }
    }
}
