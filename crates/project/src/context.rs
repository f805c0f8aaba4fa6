//! What decoding needs around it: the files, the environment, and a place to tell problems.

use std::{io, path::Path};

use crate::{
    mask::{COVER, cover_addresses, cover_suspicious, cover_unparsed, last_key},
    problem::{Code, Place, Problem},
    yaml::{Node, Span, Value},
};

/// The most bytes a file of the project may have; more is surely no configuration.
pub(crate) const FILE_BYTES_MAX: usize = 4 << 20;

/// Reads a whole file.
pub(crate) type Read<'a> = &'a dyn Fn(&Path) -> io::Result<Vec<u8>>;
/// A variable of the environment.
pub(crate) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A file of the project, as text in lines.
struct SourceText {
    name: String,
    lines: Vec<String>,
    /// Ranges that hold, or may hold, a secret.
    covered: Vec<Span>,
    /// Whether the file is not YAML, so that only its text can tell where secrets are.
    is_unparsed: bool,
}

/// A problem whose line is not drawn yet: decoding may still find something on it that must be covered.
pub(crate) struct Finding {
    code: Code,
    span: Span,
    what: String,
    hint: Option<String>,
}

impl Finding {
    /// What to do about it.
    pub fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }
}

pub(crate) struct Context<'a> {
    pub folder: &'a Path,
    pub env: Env<'a>,
    pub read: Read<'a>,
    files: Vec<SourceText>,
    findings: Vec<Finding>,
    /// Whether a file could not be decoded, so that names in it are unknown.
    pub is_incomplete: bool,
}

impl<'a> Context<'a> {
    pub fn new(folder: &'a Path, env: Env<'a>, read: Read<'a>) -> Self {
        Self { folder, env, read, files: Vec::new(), findings: Vec::new(), is_incomplete: false }
    }

    /// Remembers a file, and gives its number. Problems are told in the order in which files were added.
    pub fn add_file(&mut self, name: String, text: &str) -> usize {
        // Line breaks as the parser counts them: `\r\n`, `\n` and a lone `\r`.
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text).replace("\r\n", "\n");
        let lines = text.split(['\n', '\r']).map(str::to_owned).collect();
        self.files.push(SourceText { name, lines, covered: Vec::new(), is_unparsed: false });
        self.files.len() - 1
    }

    /// Tells a problem.
    pub fn report(&mut self, code: Code, span: Span, what: impl Into<String>) -> &mut Finding {
        self.findings.push(Finding { code, span, what: what.into(), hint: None });
        self.findings.last_mut().expect("one was pushed just now")
    }

    /// Never shows the scalars below `node`.
    pub fn cover(&mut self, node: &Node) {
        match &node.value {
            Value::Null => {}
            Value::Scalar(_) | Value::Broken => self.files[node.span.file].covered.push(node.span),
            Value::List(items) => items.iter().for_each(|it| self.cover(it)),
            Value::Map(entries) => entries.iter().for_each(|it| self.cover(&it.value)),
        }
    }

    /// Never shows what stands at `span`.
    pub fn cover_span(&mut self, span: Span) {
        self.files[span.file].covered.push(span);
    }

    /// From now on, shows of the file only lines that can hold no secret.
    pub fn cover_like_unparsed(&mut self, file: usize) {
        self.files[file].is_unparsed = true;
        self.is_incomplete = true;
    }

    /// The text of the line where `span` begins.
    pub fn line(&self, span: Span) -> &str {
        self.files[span.file].lines.get(span.line - 1).map_or("", String::as_str)
    }

    pub fn place(&self, span: Span) -> Place {
        Place { file: self.files[span.file].name.clone(), line: span.line, column: span.column }
    }

    /// All problems, in the order of files, lines and columns.
    pub fn into_problems(mut self) -> Vec<Problem> {
        let mut findings = std::mem::take(&mut self.findings);
        findings.sort_by_key(|it| (it.span.file, it.span.line, it.span.column));
        let draw = |it: Finding| {
            let (source_line, width) = self.files[it.span.file].shown(it.span);
            Problem { code: it.code, place: self.place(it.span), what: cover_addresses(&it.what), hint: it.hint, source_line, width }
        };
        findings.into_iter().map(draw).collect()
    }
}

impl SourceText {
    /// The line at `span` without secrets, and how many of its characters are meant.
    fn shown(&self, span: Span) -> (Option<String>, usize) {
        let Some(line) = self.lines.get(span.line - 1).filter(|it| !it.trim().is_empty()) else { return (None, 1) };
        // Without a key, nothing tells what the rest of the line is.
        if self.is_unparsed && last_key(line).is_none() {
            return (Some(COVER.to_owned()), 1);
        }
        let mut shown: Vec<char> = line.chars().collect();
        let length = shown.len();
        // From right to left, so that columns to the left stay where they are.
        let mut covered: Vec<(usize, usize)> = self.covered.iter().filter_map(|it| columns_on(it, span.line, length)).collect();
        covered.sort_unstable();
        covered.dedup();
        for &(from, to) in covered.iter().rev() {
            shown.splice(from..to.min(shown.len()), COVER.chars());
        }
        let is_covered = covered.iter().any(|&(from, _)| from == span.column - 1);
        let to = columns_on(&span, span.line, length).map_or(span.column, |(_, to)| to);
        let width = if is_covered { COVER.len() } else { to.saturating_sub(span.column - 1).max(1) };
        let shown: String = shown.into_iter().collect();
        (Some(if self.is_unparsed { cover_unparsed(&shown) } else { cover_suspicious(&shown) }), width)
    }
}

/// The zero-based columns `from..to` of the line that lie within the span, or `None` where none does.
fn columns_on(span: &Span, line: usize, length: usize) -> Option<(usize, usize)> {
    if line < span.line || line > span.end_line {
        return None;
    }
    let from = if line == span.line { span.column - 1 } else { 0 };
    let to = if line == span.end_line { span.end_column - 1 } else { length };
    (from < to && from < length).then_some((from, to.min(length)))
}
