//! Models and segments: questions to a source.

use std::path::Path;

use outflow_domain::Name;

use crate::{
    context::{Context, FILE_BYTES_MAX},
    entries::{Entries, Named},
    problem::Code,
    reference::{Text, reason},
    shape::{Key, Kind, Shape},
    source::{Source, table_exists},
    sql::{self, Dialect, SqlProblem, quoted_name},
    yaml::{Span, Style},
};

pub(crate) static MODEL: Shape = Shape {
    id: "model",
    what: "a model",
    about: "A question to one source whose rows are told apart by a primary key.",
    keys: &[
        Key::required("source", Kind::Text, "crm", "The name of the source that is asked."),
        Key::optional("sql", Kind::Text, "SELECT id, email FROM customers", "The question: one statement that only reads."),
        Key::optional(
            "file",
            Kind::Text,
            "models/customers.sql",
            "A file in the project's folder that holds the question. Variables in it are not replaced.",
        ),
        Key::optional(
            "table",
            Kind::Text,
            "public.customers",
            "A whole table or view instead of a question, spelled exactly, with its schema before a point.",
        ),
        Key::required("primary_key", Kind::Texts, "customer_id", "The column or columns that tell rows apart."),
    ],
    exactly_one: &[&["sql", "file", "table"]],
};

pub(crate) static SEGMENT: Shape = Shape {
    id: "segment",
    what: "a segment",
    about: "The rows of a model for which a condition holds.",
    keys: &[
        Key::required("model", Kind::Text, "customers", "The name of the model."),
        Key::required("where", Kind::Text, "country = 'DE' AND points > 0", "The condition, in the SQL of the model's source."),
    ],
    exactly_one: &[],
};

/// A question to one source, with a primary key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name.
    pub name: Name,
    /// The source that is asked.
    pub source: Name,
    /// The question: one statement that only reads, without `;` at its end.
    pub sql: String,
    /// The columns that tell rows apart, at least one.
    pub primary_key: Vec<String>,
}

/// The rows of a model for which a condition holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its name.
    pub name: Name,
    /// The model.
    pub model: Name,
    /// The condition, which can stand between parentheses.
    pub condition: String,
}

impl Segment {
    /// The question for this segment of `model`.
    ///
    /// Line breaks before the closing parentheses end a `--` comment on the last line of either text.
    #[must_use]
    pub fn query(&self, model: &Model) -> String {
        format!("SELECT * FROM (\n{}\n) AS m WHERE (\n{}\n)", model.sql, self.condition)
    }
}

/// Decodes a model. `source` finds a source by name and has told when there is none.
pub(crate) fn model<'s>(
    named: &Named<'_>,
    source: impl Fn(&Text, &mut Context<'_>) -> Option<(Name, Option<&'s Source>)>,
    cx: &mut Context<'_>,
) -> Option<Model> {
    let entries = Entries::open(named.value, &MODEL, named.span, cx)?;
    let found = entries.text("source", cx).and_then(|it| source(&it, cx));
    let asked = found.as_ref().and_then(|(_, source)| *source);
    // Quotes are read alike almost everywhere, so that SQL for an unknown source can be looked at as well.
    let dialect = asked.map_or(Dialect::Postgres, Source::dialect);
    let inline = entries.sql("sql", cx).and_then(|it| checked(&it, sql::question(&it.value, dialect), cx));
    let from_file = entries.text("file", cx).and_then(|it| question_in_file(&it, dialect, cx));
    let whole_table = entries.text("table", cx).and_then(|it| {
        if let Some(Source::Files(files)) = asked {
            table_exists(files, &it, cx);
        }
        question_of_table(&it, cx)
    });
    let primary_key = columns(entries.texts("primary_key", cx), cx);
    entries.finish();
    let sql = inline.or(from_file).or(whole_table)?;
    Some(Model { name: named.name.clone(), source: found?.0, sql, primary_key })
}

/// Decodes a segment. `model` finds the name and dialect of a model and has told when there is none.
pub(crate) fn segment(
    named: &Named<'_>,
    model: impl Fn(&Text, &mut Context<'_>) -> Option<(Name, Dialect)>,
    cx: &mut Context<'_>,
) -> Option<Segment> {
    let entries = Entries::open(named.value, &SEGMENT, named.span, cx)?;
    let found = entries.text("model", cx).and_then(|it| model(&it, cx));
    let dialect = found.as_ref().map_or(Dialect::Postgres, |(_, dialect)| *dialect);
    let condition = entries.sql("where", cx).and_then(|it| checked(&it, sql::condition(&it.value, dialect), cx));
    entries.finish();
    Some(Segment { name: named.name.clone(), model: found?.0, condition: condition? })
}

/// Names of columns, each once.
pub(crate) fn columns(texts: Vec<Text>, cx: &mut Context<'_>) -> Vec<String> {
    let mut columns: Vec<String> = Vec::new();
    for text in texts {
        if columns.contains(&text.value) {
            cx.report(Code::InvalidValue, text.span, format!("the column `{}` is named twice", text.raw)).hint("keep one of them");
        } else {
            columns.push(text.value);
        }
    }
    columns
}

fn checked(text: &Text, result: Result<String, Vec<SqlProblem>>, cx: &mut Context<'_>) -> Option<String> {
    match result {
        Ok(sql) => Some(sql),
        Err(problems) => {
            for it in problems {
                cx.report(it.code, span_within(text, &it), text.retold(&it.what)).hint(it.hint);
            }
            None
        }
    }
}

/// The place within a text of the project, as exactly as its notation allows.
fn span_within(text: &Text, problem: &SqlProblem) -> Span {
    let (span, is_as_written) = (text.span, text.raw == text.value);
    let before = text.value.get(..problem.at).unwrap_or_default();
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let length = text.value[problem.at..].chars().take(problem.length).take_while(|it| *it != '\n').count().max(1);
    let quote = usize::from(text.style == Style::Quoted);
    let written_on_one_line = span.line == span.end_line && span.end_column - span.column == text.value.chars().count() + 2 * quote;
    let (line, column) = match text.style {
        Style::Literal if is_as_written && !text.value.starts_with('\n') => (span.line + line, span.column + column),
        Style::Plain | Style::Quoted if is_as_written && written_on_one_line => (span.line, span.column + quote + column),
        _ => return span,
    };
    Span { line, column, end_line: line, end_column: column + length, ..span }
}

fn question_in_file(path: &Text, dialect: Dialect, cx: &mut Context<'_>) -> Option<String> {
    let relative = Path::new(path.value.trim());
    let refuse = |what: String, cx: &mut Context<'_>| {
        cx.report(Code::SqlFile, path.span, what).hint("paths begin in the project's folder");
        None
    };
    let bytes = match (cx.read)(&cx.folder.join(relative)) {
        Ok(bytes) if bytes.len() <= FILE_BYTES_MAX => bytes,
        Ok(_) => return refuse(format!("`{}` is too large for a question", path.raw), cx),
        Err(error) => return refuse(format!("`{}` cannot be read: {}", path.raw, reason(&error)), cx),
    };
    let Ok(text) = String::from_utf8(bytes) else { return refuse(format!("`{}` is not UTF-8 text", path.raw), cx) };
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let problems = match sql::question(text, dialect) {
        Ok(sql) => return Some(sql),
        Err(problems) => problems,
    };
    let file = cx.add_file(path.raw.trim().to_owned(), text);
    for it in problems {
        let before = &text[..it.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let length = text[it.at..].chars().take(it.length).take_while(|it| *it != '\n').count().max(1);
        let span = Span { file, line, column, end_line: line, end_column: column + length };
        cx.report(it.code, span, it.what).hint(it.hint);
    }
    None
}

fn question_of_table(table: &Text, cx: &mut Context<'_>) -> Option<String> {
    let parts: Vec<_> = table.value.trim().split('.').collect();
    if parts.iter().any(|it| it.trim().is_empty() || it.contains('"')) || parts.len() > 3 {
        cx.report(Code::InvalidValue, table.span, format!("`{}` is not the name of a table", table.raw))
            .hint("write `table` or `schema.table`, without quotes; for any other name use `sql`");
        return None;
    }
    let quoted: Vec<_> = parts.into_iter().map(quoted_name).collect();
    Some(format!("SELECT * FROM {}", quoted.join(".")))
}
