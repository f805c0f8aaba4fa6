//! What people and programs read: results on standard output, everything else on standard error.

use std::{
    error::Error,
    io::{ErrorKind, IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;

use crate::args::{Arguments, Output};

/// Sends log lines to standard error.
pub fn start_logging(arguments: &Arguments) {
    let filter = EnvFilter::try_new(&arguments.log).unwrap_or_else(|_| EnvFilter::new("warn"));
    let ansi = std::io::stderr().is_terminal();
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_target(false).with_writer(std::io::stderr).try_init();
}

/// Whether something could not be printed, of which nobody has heard yet.
static UNPRINTED: AtomicBool = AtomicBool::new(false);

/// Prints text to standard output. A reader that has gone away (`| head`) is no error.
pub fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.write_all(line_end.as_bytes())).and_then(|()| out.flush());
    if printed.is_err_and(|it| it.kind() != ErrorKind::BrokenPipe) && !UNPRINTED.swap(true, Ordering::Relaxed) {
        error_line("error: standard output cannot be written; what should stand there is lost, and the exit code tells so (1)");
    }
}

/// Whether everything that was to be printed could be.
pub fn is_all_printed() -> bool {
    !UNPRINTED.load(Ordering::Relaxed)
}

/// Prints one JSON document to standard output.
pub fn json(document: &Value) {
    text(&serde_json::to_string_pretty(document).unwrap_or_default());
}

/// Prints a line to standard error.
pub fn error_line(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints an error with its causes: once, here.
pub fn error(output: Output, code: &str, error: &(dyn Error + 'static)) {
    error_at(output, code, error, None);
}

/// Prints an error with what of the project it is about, as its files name it.
pub fn error_at(output: Output, code: &str, error: &(dyn Error + 'static), place: Option<&str>) {
    let (message, causes) = told(error);
    match output {
        Output::Json => json(&json!({ "error": error_json(code, error, place) })),
        Output::Text => {
            error_line(&format!("error[{code}]: {message}"));
            if let Some(place) = place {
                error_line(&format!("  where: {place}"));
            }
            causes.iter().for_each(|it| error_line(&format!("  cause: {it}")));
            error_line(&format!("  more:  docs/errors/{code}.md"));
        }
    }
}

/// An error as documents carry it.
pub fn error_json(code: &str, error: &(dyn Error + 'static), place: Option<&str>) -> Value {
    let (message, causes) = told(error);
    json!({ "code": code, "message": message, "where": place, "causes": causes })
}

/// What an error says, and what its causes say beyond that.
fn told(error: &(dyn Error + 'static)) -> (String, Vec<String>) {
    let message = error.to_string();
    let mut causes: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // A transparent error and its source say the same.
        if !message.contains(&text) && causes.last() != Some(&text) {
            causes.push(text);
        }
        source = cause.source();
    }
    (message, causes)
}

/// A table without lines around it, wrapped to the terminal.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header.iter().copied());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// A value of a customer as a terminal may show it: what would move its cursor, change its colours or turn the writing around is spelled out.
pub fn visible(value: &str) -> String {
    let is_unseen = |it: char| it.is_control() || matches!(it, '\u{200E}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(value.len());
    for it in value.chars() {
        if is_unseen(it) { shown.extend(it.escape_default()) } else { shown.push(it) }
    }
    shown
}

/// `12,345`: numbers that people compare.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 row`, `2 rows`.
pub fn rows(count: u64) -> String {
    count_of(count, "row", "rows")
}

/// `1 row is`, `2 rows are`.
pub fn rows_are(count: u64) -> String {
    format!("{} {}", rows(count), if count == 1 { "is" } else { "are" })
}

/// `1 file`, `2 files`.
pub fn files(count: usize) -> String {
    count_of(count as u64, "file", "files")
}

/// A number with the word for one or for several.
pub fn count_of(count: u64, one: &str, several: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { several })
}

/// `4.2 MB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}

/// A time in milliseconds since 1970 as `2026-11-23 04:10:07 UTC`.
pub fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |it| it.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_value_cannot_drive_the_terminal() {
        assert_eq!(visible("Ada \u{1b}]0;x\u{7}\u{9b}2J\r\n\u{202e}adA é 漢"), "Ada \\u{1b}]0;x\\u{7}\\u{9b}2J\\r\\n\\u{202e}adA é 漢");
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_795_406_407_000), "2026-11-23 04:00:07 UTC");
    }
}
