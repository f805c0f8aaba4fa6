//! Problems of a project, each with its place and what to do, shown as a compiler shows its errors.

use std::fmt::{self, Write as _};

/// What kind of mistake a problem is. The number is stable and has a row in `docs/reference/project-files.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A file or folder of the project cannot be read.
    Unreadable,
    /// A file is too large or not UTF-8.
    NotText,
    /// Not YAML.
    Syntax,
    /// YAML that a project does not take: aliases, tags, several documents, keys that are no text.
    Unsupported,
    /// The same key twice in one mapping.
    DuplicateKey,
    /// `version` is missing or unknown.
    Version,
    /// A key that means nothing here.
    UnknownKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of another type.
    WrongType,
    /// Keys that exclude one another, or depend on one another.
    Conflict,
    /// A value that is not allowed.
    InvalidValue,
    /// A name that cannot be one.
    InvalidName,
    /// The same name twice in the project.
    DuplicateName,
    /// A name that nothing in the project has.
    UnknownReference,
    /// A secret written into the file.
    LiteralSecret,
    /// An environment variable that is not set.
    MissingVariable,
    /// A `${…}` or `file:` that cannot be understood.
    InvalidReference,
    /// The file of a secret cannot be used.
    SecretFile,
    /// The secret of the project is missing or too short.
    ProjectSecret,
    /// SQL that is not one read-only question.
    NotReadOnly,
    /// SQL whose quotes, comments or parentheses do not close.
    BrokenSql,
    /// The file of a model's SQL cannot be read.
    SqlFile,
    /// An address that secrets or customers' rows must not travel to.
    Address,
    /// A field of a data extension filled twice by one activation.
    FilledTwice,
    /// Two activations fill the same field of one data extension.
    Overlap,
    /// A setting of the whole project outside `outflow.yaml`.
    Misplaced,
    /// A time zone nobody knows.
    TimeZone,
}

impl Code {
    /// Every code, by number.
    pub const ALL: [Self; 27] = [
        Self::Unreadable,
        Self::NotText,
        Self::Syntax,
        Self::Unsupported,
        Self::DuplicateKey,
        Self::Version,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::Conflict,
        Self::InvalidValue,
        Self::InvalidName,
        Self::DuplicateName,
        Self::UnknownReference,
        Self::LiteralSecret,
        Self::MissingVariable,
        Self::InvalidReference,
        Self::SecretFile,
        Self::ProjectSecret,
        Self::NotReadOnly,
        Self::BrokenSql,
        Self::SqlFile,
        Self::Address,
        Self::FilledTwice,
        Self::Overlap,
        Self::Misplaced,
        Self::TimeZone,
    ];
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PRJ-{:03}", *self as usize + 1)
    }
}

/// A place in a file of the project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, relative to the project's folder, with `/` between folders.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", harmless(&self.file), self.line, self.column)
    }
}

/// One mistake in a project. Its [`fmt::Display`] is the whole report, over several lines, and never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The kind of mistake.
    pub code: Code,
    /// Where it is.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line of the file, with what may be a secret covered; absent where the file has no such line.
    pub source_line: Option<String>,
    /// How many characters of the line are meant, at least 1.
    pub width: usize,
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error[{}]: {}", self.code, harmless(&self.what))?;
        writeln!(f, "  where: {}", self.place)?;
        if let Some(line) = &self.source_line {
            let excerpt = Excerpt::of(line, self.place.column, self.width);
            let (number, gutter) = (self.place.line, self.place.line.to_string().len().max(4));
            writeln!(f, "  {number:>gutter$} | {}", excerpt.text)?;
            writeln!(f, "  {:>gutter$} | {}", "", excerpt.caret)?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "  hint:  {}", harmless(hint))?;
        }
        Ok(())
    }
}

/// The part of a line that fits a terminal, and the caret below it.
struct Excerpt {
    text: String,
    caret: String,
}

impl Excerpt {
    const CHARS_MAX: usize = 120;
    /// Characters shown before the caret when the line has to be cut.
    const LEAD: usize = 60;

    fn of(line: &str, column: usize, width: usize) -> Self {
        let chars: Vec<char> = line.trim_end().chars().collect();
        let at = column.saturating_sub(1).min(chars.len());
        let from = if chars.len() <= Self::CHARS_MAX { 0 } else { at.saturating_sub(Self::LEAD) };
        let to = chars.len().min(from + Self::CHARS_MAX);
        let (mut text, mut caret) = (String::new(), String::new());
        if from > 0 {
            text.push('…');
            caret.push(' ');
        }
        // A tab stays a tab above and below, so that the caret stands right whatever a tab is worth.
        for &it in &chars[from..to] {
            text.push(if it == '\t' || is_harmless(it) { it } else { '\u{FFFD}' });
        }
        for &it in &chars[from..at.max(from)] {
            caret.push(if it == '\t' { '\t' } else { ' ' });
        }
        if to < chars.len() {
            text.push('…');
        }
        let width = width.clamp(1, to.saturating_sub(at).max(1));
        caret.push_str(&"^".repeat(width));
        Self { text, caret }
    }
}

/// Whether a character does nothing to a terminal: no control character, nothing that turns the reading direction.
fn is_harmless(it: char) -> bool {
    !it.is_control() && !matches!(it, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for it in text.chars() {
        if is_harmless(it) {
            out.push(it);
        } else {
            let _ = write!(out, "{}", it.escape_unicode());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str, column: usize, width: usize) -> String {
        let place = Place { file: "outflow.yaml".into(), line: 7, column };
        let (what, hint) = ("what".into(), Some("hint".into()));
        Problem { code: Code::Syntax, place, what, hint, source_line: Some(line.into()), width }.to_string()
    }

    #[test]
    fn a_problem_reads_like_a_compilers() {
        let expected = "error[PRJ-003]: what\n  where: outflow.yaml:7:4\n     7 | a: bcd\n       |    ^^^\n  hint:  hint\n";
        assert_eq!(problem("a: bcd", 4, 3), expected);
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let shown = problem(&"x".repeat(1000), 500, 3);
        assert!(shown.lines().all(|it| it.chars().count() < 140), "{shown}");
        let caret = shown.lines().nth(3).unwrap();
        assert_eq!(caret.chars().position(|it| it == '^').unwrap(), 9 + 1 + Excerpt::LEAD);
    }

    #[test]
    fn nothing_turns_the_terminal() {
        let shown = problem("a: \u{1b}[31m\u{202e}x", 4, 1);
        assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
    }

    #[test]
    fn a_caret_beyond_the_line_stands_at_its_end() {
        assert!(problem("ab", 90, 4).contains("|   ^\n"));
    }

    #[test]
    fn codes_are_numbered_as_listed() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert_eq!(code.to_string(), format!("PRJ-{:03}", index + 1));
        }
    }
}
