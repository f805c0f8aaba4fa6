//! A text is refused as a date, or is one that the service can keep.

use outflow_rows::{DateKind, SERVER_OFFSET_SECONDS, parse_date, parse_service_date};

/// 1753-01-01T00:00:00 and 9999-12-31T23:59:59, in seconds since 1970: SQL Server's `datetime` has no others.
const KEPT: std::ops::RangeInclusive<i64> = -6_847_804_800..=253_402_300_799;

pub fn check(bytes: &[u8]) {
    if let Ok(date) = parse_date(bytes) {
        assert!(KEPT.contains(&date.on_server_clock()), "{date:?}");
        assert!(date.kind != DateKind::Day || date.seconds % 86_400 == 0, "a day begins at midnight");
        // What is a date of a file is one of the service too, and the same.
        assert_eq!(parse_service_date(bytes, SERVER_OFFSET_SECONDS), Ok(date.on_server_clock()));
    }
    // Tenants were found on other clocks; the first byte is one of them, in quarters of an hour.
    let Some((&quarter, text)) = bytes.split_first() else { return };
    let offset = i32::from(quarter as i8).clamp(-56, 56) * 900;
    if let Ok(seconds) = parse_service_date(text, offset) {
        assert!(KEPT.contains(&seconds), "{seconds}");
    }
}
