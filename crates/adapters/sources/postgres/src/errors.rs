//! What PostgreSQL said, as a [`SourceError`].
//!
//! Only message, code and position are kept. `DETAIL` quotes whole rows and is dropped; messages of class 22 (data
//! exceptions) quote the offending value, which is cut out.

use std::{error::Error as _, fmt::Write as _};

use outflow_ports::SourceError;
use tokio_postgres::error::{DbError, Error, ErrorPosition, SqlState};

/// Turns client errors of one source into the port's errors.
#[derive(Clone, Debug)]
pub(crate) struct Blame {
    /// The source's name.
    pub source_name: String,
}

impl Blame {
    /// Connecting or logging in failed.
    pub fn unreachable(&self, error: &Error) -> SourceError {
        let is_transient = match error.code() {
            // 28: login, 3D: no such database, 42501: no right to connect. A person must act.
            Some(code) => !(code.code().starts_with("28") || code.code().starts_with("3D") || code.code().starts_with("42")),
            None => is_of_the_network(error),
        };
        let mut message = message_of(error);
        if tls_error(error).is_some_and(|it| matches!(it, rustls::Error::InvalidCertificate(_))) {
            message.push_str("; nothing was sent: let `root_cert` name the file of the authority that signed the server's certificate, and `host` the name in it");
        }
        SourceError::Unreachable { source_name: self.source_name.clone(), message, is_transient }
    }

    /// The server refused `sql` as the person wrote it, or the connection broke while it was asked.
    pub fn query(&self, error: &Error, sql: &str) -> SourceError {
        let mut place = String::new();
        if let Some(ErrorPosition::Original(position)) = error.as_db_error().and_then(DbError::position) {
            let (line, column) = line_and_column(sql, *position as usize);
            place = format!(" (line {line}, column {column})");
        }
        self.at(error, &place)
    }

    /// The query failed while it ran. Positions are those of a statement that nobody wrote, so they are not told.
    pub fn running(&self, error: &Error) -> SourceError {
        self.at(error, "")
    }

    fn at(&self, error: &Error, place: &str) -> SourceError {
        let Some(db) = error.as_db_error() else { return self.broken(message_of(error)) };
        if is_end_of_connection(db.code()) {
            return self.broken(message_of(error));
        }
        let hint = db.hint().map(|it| format!("; {it}")).unwrap_or_default();
        let message = format!("{}{place}{hint}", message_of(error));
        if *db.code() == SqlState::READ_ONLY_SQL_TRANSACTION || is_second_statement(db) {
            return self.not_read_only(message);
        }
        // Of the query as it is described, class 22 is a constant that a person wrote; while it runs, it is a value of some row.
        if place.is_empty() && db.code().code().starts_with("22") {
            return SourceError::Row { source_name: self.source_name.clone(), column: None, message };
        }
        self.refused(message)
    }

    /// The rows stopped before their end, for `message`.
    pub fn broken(&self, message: impl Into<String>) -> SourceError {
        SourceError::Broken { source_name: self.source_name.clone(), message: message.into() }
    }

    /// The query is refused for `message`.
    pub fn refused(&self, message: impl Into<String>) -> SourceError {
        SourceError::Query { source_name: self.source_name.clone(), message: message.into() }
    }

    /// The query would write, or is not a query.
    pub fn not_read_only(&self, message: impl Into<String>) -> SourceError {
        SourceError::NotReadOnly { source_name: self.source_name.clone(), message: message.into() }
    }
}

/// The parser's refusal of `a; b` in the extended protocol; the routine's name is the same in every language.
fn is_second_statement(error: &DbError) -> bool {
    *error.code() == SqlState::SYNTAX_ERROR && error.routine() == Some("exec_parse_message")
}

/// Class 57P (shutdown, crash, dropped database) and 08 (connection exceptions) end the connection, not the query.
fn is_end_of_connection(code: &SqlState) -> bool {
    code.code().starts_with("57P") || code.code().starts_with("08")
}

/// Whether bytes did not get through, which may pass. A certificate that is not trusted or a setting that is wrong does not.
fn is_of_the_network(error: &Error) -> bool {
    match io_error(error) {
        Some(_) => tls_error(error).is_none(),
        None => error.is_closed(),
    }
}

fn io_error(error: &Error) -> Option<&std::io::Error> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref() {
            return Some(io);
        }
        cause = inner.source();
    }
    None
}

/// What the TLS library said, where it ended the connection.
fn tls_error(error: &Error) -> Option<&rustls::Error> {
    io_error(error)?.get_ref()?.downcast_ref()
}

/// The error and its causes in one line, without values.
pub(crate) fn message_of(error: &Error) -> String {
    if let Some(db) = error.as_db_error() {
        let text = if db.code().code().starts_with("22") { without_quoted(db.message()) } else { db.message().to_owned() };
        return format!("{text} (SQLSTATE {})", db.code().code());
    }
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !message.ends_with(&text) {
            let _ = write!(message, ": {text}");
        }
        cause = inner.source();
    }
    message
}

/// `text` with everything between double quotes replaced by an ellipsis.
fn without_quoted(text: &str) -> String {
    // A value may hold quotes of its own, so everything from the first to the last goes.
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}\"…\"{}", &text[..first], &text[last + 1..]),
        (Some(first), _) => format!("{}\"…\"", &text[..first]),
        _ => text.to_owned(),
    }
}

/// Line and column, both from 1, of the character at `position` (from 1) of `sql`.
fn line_and_column(sql: &str, position: usize) -> (usize, usize) {
    let before: String = sql.chars().take(position.saturating_sub(1)).collect();
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|it| *it != '\n').count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::{line_and_column, without_quoted};

    #[test]
    fn a_position_is_told_as_line_and_column_in_characters() {
        let sql = "SELECT é,\n  nme\nFROM t";
        assert_eq!(line_and_column(sql, 1), (1, 1));
        assert_eq!(line_and_column(sql, 13), (2, 3));
        assert_eq!(line_and_column(sql, 17), (3, 1));
    }

    #[test]
    fn values_are_cut_out_of_messages_even_if_they_hold_quotes() {
        assert_eq!(without_quoted("invalid input syntax for type integer: \"a\"b\""), "invalid input syntax for type integer: \"…\"");
        assert_eq!(without_quoted("division by zero"), "division by zero");
        assert_eq!(without_quoted("cut off: \"anna@exam"), "cut off: \"…\"");
    }
}
