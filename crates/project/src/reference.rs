//! Values that stand elsewhere: `${NAME}` in the environment, `file:path` in a file.

use std::path::PathBuf;

use outflow_domain::Secret;

use crate::{
    context::Context,
    problem::Code,
    yaml::{Node, Span, Style, Value},
};

/// A text of the project, with variables replaced.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    /// With variables replaced.
    pub value: String,
    /// As written: this is what problems quote, so that no variable's value is printed.
    pub raw: String,
    pub span: Span,
    pub style: Style,
}

impl Text {
    /// An error's own words, with the text as written instead of what variables hold.
    pub fn retold(&self, why: &str) -> String {
        if self.raw == self.value || self.value.trim().is_empty() {
            return why.to_owned();
        }
        why.replace(self.value.trim(), self.raw.trim())
    }
}

/// A piece of a text with references.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Literal(&'t str),
    Variable(&'t str),
    /// `${` that does not begin a reference. What follows is never quoted: `${PASSWORD:-hunter2}` holds a secret.
    Malformed,
}

/// Splits at `${NAME}`; `$${NAME}` is the text `${NAME}` itself.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let end = rest[at..].find('}').map(|end| at + end);
        let name = end.map(|end| &rest[at + 2..end]).filter(|it| is_variable_name(it));
        let is_escaped = name.is_some() && rest[..at].ends_with('$');
        let before = if is_escaped { at - 1 } else { at };
        pieces.push(Piece::Literal(&rest[..before]));
        let next = match (name, end) {
            (Some(name), Some(end)) => {
                pieces.push(if is_escaped { Piece::Literal(&rest[at..=end]) } else { Piece::Variable(name) });
                end + 1
            }
            _ => {
                pieces.push(Piece::Malformed);
                at + 2
            }
        };
        rest = &rest[next..];
    }
    pieces.push(Piece::Literal(rest));
    pieces.retain(|it| *it != Piece::Literal(""));
    pieces
}

/// Letters, digits and `_`, not beginning with a digit.
pub(crate) fn is_variable_name(text: &str) -> bool {
    let begins_well = text.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
    begins_well && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
}

/// Replaces the variables in `raw`. SQL may contain `${` for its own purposes, so there only whole references count (`is_sql`).
pub(crate) fn expand(raw: &str, span: Span, is_sql: bool, cx: &mut Context<'_>) -> Option<String> {
    let mut value = Some(String::with_capacity(raw.len()));
    for piece in pieces(raw) {
        let part = match piece {
            Piece::Literal(text) => Some(text.to_owned()),
            Piece::Malformed if is_sql => Some("${".to_owned()),
            Piece::Malformed => {
                malformed(span, cx);
                None
            }
            Piece::Variable(name) => variable(name, span, cx),
        };
        value = value.zip(part).map(|(all, part)| all + &part);
    }
    value
}

fn malformed(span: Span, cx: &mut Context<'_>) {
    cx.report(Code::InvalidReference, span, "a `${` here does not begin a reference to a variable")
        .hint("write `${NAME}` with letters, digits and `_`, without defaults; a text `${NAME}` itself is written `$${NAME}`");
}

fn variable(name: &str, span: Span, cx: &mut Context<'_>) -> Option<String> {
    let value = (cx.env)(name);
    if value.is_none() {
        cx.report(Code::MissingVariable, span, format!("the environment variable `{name}` is not set"))
            .hint(format!("set it before starting, for example with `export {name}=…`"));
    }
    value
}

/// Whether the text is one reference and nothing else.
pub(crate) fn is_whole_reference(text: &str) -> bool {
    text.starts_with("file:") || matches!(pieces(text).as_slice(), [Piece::Variable(_)])
}

/// How the bytes of a secret's file become the secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// One line; the line break that editors leave at its end does not count.
    One,
    /// Every byte counts.
    Many,
}

/// The secret that a scalar refers to. A literal one is a problem and is never shown.
pub(crate) fn secret(node: &Node, what: &str, lines: Lines, cx: &mut Context<'_>) -> Option<Secret> {
    let text = match &node.value {
        Value::Scalar(it) => it.text.trim(),
        Value::Broken => return None,
        _ => {
            cx.cover(node);
            let found = node.type_for_people();
            cx.report(Code::WrongType, node.span, format!("{what} must be `${{NAME}}` or `file:path`, and this is {found}"));
            return None;
        }
    };
    if let Some(path) = text.strip_prefix("file:") {
        return secret_file(path, node.span, what, lines, cx);
    }
    match pieces(text).as_slice() {
        [Piece::Variable(name)] => {
            let value = variable(name, node.span, cx)?;
            if value.is_empty() {
                cx.report(Code::MissingVariable, node.span, format!("the environment variable `{name}` is empty, and {what} must not be"));
                return None;
            }
            Some(Secret::new(value))
        }
        _ => {
            cx.cover(node);
            cx.report(Code::LiteralSecret, node.span, format!("{what} stands in the file itself"))
                .hint("put it into the environment and write `${NAME}`, or into a file of its own and write `file:path`; change it where it was valid, since files are copied and kept");
            None
        }
    }
}

fn secret_file(path: &str, span: Span, what: &str, lines: Lines, cx: &mut Context<'_>) -> Option<Secret> {
    let path: PathBuf = cx.folder.join(expand(path.trim(), span, false, cx)?);
    let bytes = match (cx.read)(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            cx.report(Code::SecretFile, span, format!("the file of {what} cannot be read: {}", reason(&error)))
                .hint("paths begin in the project's folder");
            return None;
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        cx.report(Code::SecretFile, span, format!("the file of {what} is not UTF-8 text"));
        return None;
    };
    let text = if lines == Lines::One { text.trim_end_matches(['\r', '\n']) } else { &text };
    if text.trim().is_empty() {
        cx.report(Code::SecretFile, span, format!("the file of {what} is empty"));
        return None;
    }
    if lines == Lines::One && text.contains('\n') {
        cx.report(Code::SecretFile, span, format!("the file of {what} has several lines, and one is expected"));
        return None;
    }
    Some(Secret::new(text))
}

/// An I/O error in words that are the same on every system, where there are such.
pub(crate) fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        ErrorKind::IsADirectory => "it is a folder".into(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Piece::*, *};

    #[test]
    fn variables_are_found() {
        assert_eq!(pieces("a${B}c${D_1}"), [Literal("a"), Variable("B"), Literal("c"), Variable("D_1")]);
    }

    #[test]
    fn a_doubled_dollar_is_the_text_itself() {
        assert_eq!(pieces("$${B}x"), [Literal("${B}"), Literal("x")]);
    }

    #[test]
    fn what_only_begins_like_a_reference_is_told() {
        assert_eq!(pieces("${A-B}"), [Malformed, Literal("A-B}")]);
        assert_eq!(pieces("${A"), [Malformed, Literal("A")]);
        assert_eq!(pieces("$${1,2}$$"), [Literal("$"), Malformed, Literal("1,2}$$")]);
    }

    #[test]
    fn dollars_alone_are_text() {
        assert_eq!(pieces("$5 $A {B} $$"), [Literal("$5 $A {B} $$")]);
    }
}
