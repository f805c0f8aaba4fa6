//! Is this one read-only question?
//!
//! A light look at the text: enough to refuse a second statement, a write or an unclosed quote with its place, before any database is asked.
//! It knows texts, quoted names, comments and dollar quotes as PostgreSQL and DataFusion read them, and no grammar beyond that; sources run
//! questions read-only as well.

mod lexer;

use lexer::{Token, TokenKind, tokens};

use crate::problem::Code;

/// A problem at a byte of the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SqlProblem {
    pub code: Code,
    /// Byte offset in the text.
    pub at: usize,
    /// How many bytes are meant.
    pub length: usize,
    pub what: String,
    pub hint: &'static str,
}

/// How quotes are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// PostgreSQL: `E'…'` knows backslashes, a backtick is an operator.
    Postgres,
    /// DataFusion: backticks quote names.
    DataFusion,
}

const WRITES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

/// A question that can stand between parentheses, without the `;` at its end; or everything that speaks against it.
pub(crate) fn question(text: &str, dialect: Dialect) -> Result<String, Vec<SqlProblem>> {
    let mut check = Check::of(text, dialect)?;
    let end = check.statement_end();
    check.begins_as_a_question();
    check.parentheses_are_balanced();
    check.writes_nothing();
    check.into_result(|| text[..end].trim().to_owned())
}

/// A condition that can stand between parentheses, or everything that speaks against it.
pub(crate) fn condition(text: &str, dialect: Dialect) -> Result<String, Vec<SqlProblem>> {
    let mut check = Check::of(text, dialect)?;
    let end = check.statement_end();
    if let Some(first) = check.tokens.first()
        && first.is_word("WHERE")
    {
        let (at, length) = (first.at, first.text.len());
        check.say(Code::BrokenSql, at, length, "the condition begins with the word `WHERE`".into(), "leave the word out");
    }
    check.parentheses_are_balanced();
    check.writes_nothing();
    check.into_result(|| text[..end].trim().to_owned())
}

struct Check<'t> {
    tokens: Vec<Token<'t>>,
    end: usize,
    problems: Vec<SqlProblem>,
}

impl<'t> Check<'t> {
    fn of(text: &'t str, dialect: Dialect) -> Result<Self, Vec<SqlProblem>> {
        let tokens = tokens(text, dialect).map_err(|it| vec![it])?;
        if tokens.iter().all(|it| it.text == ";") {
            let what = "there is no SQL here".to_owned();
            return Err(vec![SqlProblem { code: Code::BrokenSql, at: 0, length: 1, what, hint: "write the question" }]);
        }
        Ok(Self { tokens, end: text.len(), problems: Vec::new() })
    }

    fn say(&mut self, code: Code, at: usize, length: usize, what: String, hint: &'static str) {
        self.problems.push(SqlProblem { code, at, length, what, hint });
    }

    fn into_result<T>(self, value: impl FnOnce() -> T) -> Result<T, Vec<SqlProblem>> {
        if self.problems.is_empty() { Ok(value()) } else { Err(self.problems) }
    }

    /// Where the text ends without a closing `;`; tells of a second statement, and leaves only the tokens of the first.
    fn statement_end(&mut self) -> usize {
        let Some(semicolon) = self.tokens.iter().position(|it| it.text == ";") else { return self.end };
        let end = self.tokens[semicolon].at;
        if let Some(second) = self.tokens[semicolon..].iter().find(|it| it.text != ";") {
            let (at, length) = (second.at, second.text.len());
            self.say(
                Code::NotReadOnly,
                at,
                length,
                "a second statement begins here".into(),
                "a question is one statement; remove the others",
            );
        }
        self.tokens.truncate(semicolon);
        end
    }

    fn begins_as_a_question(&mut self) {
        let Some(first) = self.tokens.iter().find(|it| it.text != "(") else { return };
        if !["SELECT", "WITH", "VALUES", "FROM", "TABLE"].iter().any(|it| first.is_word(it)) {
            let (at, length, what) = (first.at, first.text.len(), format!("a question does not begin with `{}`", shortened(first.text)));
            self.say(Code::NotReadOnly, at, length, what, "it begins with SELECT, WITH, VALUES, FROM or TABLE, and changes nothing");
        }
    }

    fn parentheses_are_balanced(&mut self) {
        let mut open: Vec<(usize, &str)> = Vec::new();
        let mut closed_too_often = None;
        for it in &self.tokens {
            match (it.text, open.last().map(|(_, text)| *text)) {
                ("(" | "[", _) => open.push((it.at, it.text)),
                (")", Some("(")) | ("]", Some("[")) => drop(open.pop()),
                (")" | "]", _) => {
                    closed_too_often = Some((it.at, it.text));
                    break;
                }
                _ => {}
            }
        }
        if let Some((at, text)) = closed_too_often {
            self.say(Code::BrokenSql, at, 1, format!("this `{text}` closes nothing"), "remove it, or open it before");
        } else if let Some((at, text)) = open.pop() {
            self.say(Code::BrokenSql, at, 1, format!("this `{text}` is not closed"), "close it");
        }
    }

    fn writes_nothing(&mut self) {
        let mut found = Vec::new();
        for (index, it) in self.tokens.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| &self.tokens[before]);
            let after = |step: usize| self.tokens.get(index + step);
            let is_write = WRITES.iter().any(|write| it.is_word(write)) && before.is_some_and(|it| it.text == "(");
            // `for` also occurs in `substring(x for 2)`, so only with what follows it in a locking clause.
            let locks = it.is_word("FOR")
                && (after(1).is_some_and(|it| it.is_word("UPDATE") || it.is_word("SHARE"))
                    || (after(1).is_some_and(|it| it.is_word("NO")) && after(2).is_some_and(|it| it.is_word("KEY")))
                    || (after(1).is_some_and(|it| it.is_word("KEY")) && after(2).is_some_and(|it| it.is_word("SHARE"))));
            // `into` is reserved: as a name it is quoted, and a name after a point needs no quotes.
            let makes_a_table = it.is_word("INTO") && before.is_none_or(|it| it.text != ".");
            if is_write || makes_a_table {
                found.push((it.at, it.text.len(), format!("`{}` writes", shortened(it.text))));
            } else if locks {
                found.push((it.at, it.text.len(), "this locks rows for writing".to_owned()));
            }
        }
        for (at, length, what) in found {
            self.say(Code::NotReadOnly, at, length, what, "a question only reads");
        }
    }
}

impl Token<'_> {
    fn is_word(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(30).collect()
}

/// A name in double quotes, spelled exactly so.
pub(crate) fn quoted_name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests;
