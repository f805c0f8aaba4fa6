//! What DataFusion said, as a [`SourceError`].

use datafusion::{arrow::error::ArrowError, error::DataFusionError};
use outflow_ports::SourceError;

/// Speaks for one source.
#[derive(Clone, Debug)]
pub(crate) struct Blame {
    /// The source's name.
    pub source_name: String,
}

impl Blame {
    /// A place cannot be reached or is not there.
    pub fn unreachable(&self, message: impl Into<String>) -> SourceError {
        SourceError::Unreachable { source_name: self.source_name.clone(), message: message.into(), is_transient: false }
    }

    /// A file cannot be read.
    pub fn broken(&self, message: impl Into<String>) -> SourceError {
        SourceError::Broken { source_name: self.source_name.clone(), message: message.into() }
    }

    /// The query is refused.
    pub fn refused(&self, message: impl Into<String>) -> SourceError {
        SourceError::Query { source_name: self.source_name.clone(), message: message.into() }
    }

    /// A value of a row cannot be computed.
    pub fn row(&self, column: Option<String>, message: impl Into<String>) -> SourceError {
        SourceError::Row { source_name: self.source_name.clone(), column, message: message.into() }
    }

    /// The query is no query.
    pub fn not_read_only(&self, message: impl Into<String>) -> SourceError {
        SourceError::NotReadOnly { source_name: self.source_name.clone(), message: message.into() }
    }

    /// The query could not be planned.
    pub fn planning(&self, error: &DataFusionError) -> SourceError {
        self.refused(text_of(error))
    }
}

/// Who is to blame for an error while rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A cast, a division, a sum: of a value of some row.
    Row,
    /// No memory left.
    Query,
    /// What a reader could not make sense of.
    File,
    /// The error does not tell; reading the files once more does.
    Unknown,
}

impl Fault {
    pub fn of(error: &DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Query,
            DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => Self::File,
            DataFusionError::ArrowError(error, _) => match **error {
                ArrowError::CastError(_) | ArrowError::ComputeError(_) | ArrowError::DivideByZero | ArrowError::ArithmeticOverflow(_) => {
                    Self::Row
                }
                ArrowError::CsvError(_) | ArrowError::JsonError(_) | ArrowError::ParquetError(_) | ArrowError::IoError(..) => Self::File,
                _ => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }
}

/// The error in one line. Casts, sums and JSON readers tell the value that they stumble over, some of them without quotes; it is cut out.
pub(crate) fn text_of(error: &DataFusionError) -> String {
    let text = error.strip_backtrace();
    let text = match error.find_root() {
        DataFusionError::ArrowError(error, _) => match **error {
            ArrowError::CastError(_) | ArrowError::ComputeError(_) | ArrowError::ArithmeticOverflow(_) => {
                without_numbers(&without_quoted(&text, '\''))
            }
            ArrowError::JsonError(_) | ArrowError::ParseError(_) => without_numbers(&without_quoted(&without_quoted(&text, '"'), '\'')),
            _ => text,
        },
        _ => text,
    };
    without_layers(&text.lines().collect::<Vec<_>>().join(" ")).to_owned()
}

/// `text` without the layers of libraries that it came through, and without the second name of a file that is named already.
fn without_layers(text: &str) -> &str {
    const LAYERS: [&str; 13] = [
        "Parquet error: ",
        "Arrow error: ",
        "Csv error: ",
        "Json error: ",
        "External error: ",
        "Failed to read JSON record: ",
        "Cast error: ",
        "Compute error: ",
        "Error during planning: ",
        "Schema error: ",
        "SQL error: ParserError(\"",
        "Execution error: ",
        "Optimizer rule 'simplify_expressions' failed caused by ",
    ];
    let mut text = text;
    while let Some(inner) = LAYERS.iter().find_map(|it| text.strip_prefix(it)) {
        text = inner;
    }
    let text = text.strip_suffix("\")").unwrap_or(text);
    match text.strip_prefix("Error when processing CSV file ").and_then(|it| it.split_once(" caused by ")) {
        Some((_, inner)) => without_layers(inner),
        None => text,
    }
}

/// `text` with everything from the first to the last `quote` replaced by an ellipsis: a value may hold quotes of its own.
fn without_quoted(text: &str, quote: char) -> String {
    match (text.find(quote), text.rfind(quote)) {
        (Some(first), Some(last)) if first < last => format!("{}{quote}…{}", &text[..first], &text[last..]),
        _ => text.to_owned(),
    }
}

/// `text` with every number replaced by an ellipsis; digits that end a word, as in `Int64`, are none.
fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for it in text.chars() {
        let goes_on = before == '…' && (it.is_ascii_digit() || it == '.');
        let begins = it.is_ascii_digit() && !before.is_alphanumeric() && before != '_';
        if goes_on {
            continue;
        }
        before = if begins { '…' } else { it };
        out.push(before);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{without_layers, without_numbers, without_quoted};

    #[test]
    fn numbers_are_cut_out_and_names_of_types_are_not() {
        assert_eq!(without_numbers("expected string got 4915112345678"), "expected string got …");
        assert_eq!(without_numbers("Can't cast value -12.5 to type Int32"), "Can't cast value -… to type Int32");
        assert_eq!(without_numbers("Overflow happened on: 2147483647 + 1"), "Overflow happened on: … + …");
    }

    #[test]
    fn what_went_wrong_comes_without_the_layers_it_came_through() {
        assert_eq!(without_layers("Parquet error: Parquet error: Corrupt footer"), "Corrupt footer");
        let csv = "Error when processing CSV file a/b.csv caused by Arrow error: Csv error: Expected 4 records";
        assert_eq!(without_layers(csv), "Expected 4 records");
        assert_eq!(without_layers("Schema error: no field"), "no field");
        assert_eq!(
            without_layers("SQL error: ParserError(\"Expected: an expression, found: EOF\")"),
            "Expected: an expression, found: EOF"
        );
        assert_eq!(without_layers("Error during planning: Invalid function 'nvl3'"), "Invalid function 'nvl3'");
    }

    #[test]
    fn values_are_cut_out_even_if_they_hold_quotes() {
        assert_eq!(without_quoted("Cannot cast string 'O'Hara' to Int64", '\''), "Cannot cast string '…' to Int64");
        assert_eq!(without_quoted("it's fine", '\''), "it's fine");
    }
}
