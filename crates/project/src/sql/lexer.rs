//! Words, texts and signs of SQL, with the comments left out.

use super::{Dialect, SqlProblem};
use crate::problem::Code;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A word without quotes: a keyword, a name, a number.
    Word,
    /// A text or name in quotes.
    Quoted,
    /// Any other single character.
    Sign,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'t> {
    pub kind: TokenKind,
    /// Byte offset.
    pub at: usize,
    pub text: &'t str,
}

/// The tokens, or the one quote or comment that does not close.
pub(super) fn tokens(text: &str, dialect: Dialect) -> Result<Vec<Token<'_>>, SqlProblem> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = if first.is_whitespace() {
            (None, first.len_utf8())
        } else if rest.starts_with("--") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, block_comment(rest).ok_or_else(|| unclosed(at, 2, "comment"))?)
        } else if dialect == Dialect::Postgres && (rest.starts_with("E'") || rest.starts_with("e'")) {
            (Some(TokenKind::Quoted), 1 + escaped_text(&rest[1..]).ok_or_else(|| unclosed(at, 2, "text"))?)
        } else if first == '\'' || first == '"' || (first == '`' && dialect == Dialect::DataFusion) {
            let what = if first == '\'' { "text" } else { "name" };
            (Some(TokenKind::Quoted), doubled_quotes(rest, first).ok_or_else(|| unclosed(at, 1, what))?)
        } else if let Some(tag) = dollar_tag(rest) {
            let body = rest[tag.len()..].find(tag).ok_or_else(|| unclosed(at, tag.len(), "dollar-quoted text"))?;
            (Some(TokenKind::Quoted), tag.len() * 2 + body)
        } else if is_word(first) {
            (Some(TokenKind::Word), rest.find(|it: char| !is_word(it) && it != '$').unwrap_or(rest.len()))
        } else {
            (Some(TokenKind::Sign), first.len_utf8())
        };
        if let Some(kind) = kind {
            found.push(Token { kind, at, text: &rest[..length] });
        }
        at += length;
    }
    Ok(found)
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

fn unclosed(at: usize, length: usize, what: &str) -> SqlProblem {
    SqlProblem { code: Code::BrokenSql, at, length, what: format!("the {what} that begins here does not end"), hint: "close it" }
}

/// Bytes of a comment, which may hold comments.
fn block_comment(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        let (opens, closes) = (rest[at..].find("/*"), rest[at..].find("*/"));
        match (opens, closes) {
            (Some(open), Some(close)) if open < close => {
                depth += 1;
                at += open + 2;
            }
            (_, Some(close)) => {
                depth -= 1;
                at += close + 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => return None,
        }
    }
}

/// Bytes of a text in which the quote itself is written twice.
fn doubled_quotes(rest: &str, quote: char) -> Option<usize> {
    let mut at = 1;
    loop {
        at += rest[at..].find(quote)? + 1;
        if !rest[at..].starts_with(quote) {
            return Some(at);
        }
        at += 1;
    }
}

/// Bytes of a text in which a backslash takes the next character as it is.
fn escaped_text(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, it)) = chars.next() {
        match it {
            '\\' => drop(chars.next()?),
            '\'' if chars.peek().is_some_and(|(_, next)| *next == '\'') => drop(chars.next()),
            '\'' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `$$` or `$tag$` at the beginning.
fn dollar_tag(rest: &str) -> Option<&str> {
    let inner = rest.strip_prefix('$')?;
    let end = inner.find('$')?;
    let tag = &inner[..end];
    let is_tag = tag.chars().all(is_word) && !tag.starts_with(|it: char| it.is_ascii_digit());
    is_tag.then(|| &rest[..end + 2])
}
