use jiff::{Timestamp, civil};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn reads(text: &str, kind: DateKind, written: &str) {
    let value = parse_date(text.as_bytes()).unwrap_or_else(|problem| panic!("{text}: {problem:?}"));
    let mut out = Vec::new();
    value.write(&mut out);
    assert_eq!((value.kind, std::str::from_utf8(&out).unwrap()), (kind, written), "{text}");
}

#[test]
fn a_day() {
    reads("2026-11-23", DateKind::Day, "2026-11-23");
    reads(" 2024-02-29 ", DateKind::Day, "2024-02-29");
}

#[test]
fn a_reading_of_a_wall_clock() {
    reads("2026-11-23 14:05:09", DateKind::Wall, "2026-11-23T14:05:09");
    reads("2026-11-23T14:05", DateKind::Wall, "2026-11-23T14:05:00");
    reads("2026-11-23T00:00:00", DateKind::Wall, "2026-11-23T00:00:00");
}

#[test]
fn parts_of_a_second_are_dropped() {
    reads("2026-11-23T14:05:09.999999999", DateKind::Wall, "2026-11-23T14:05:09");
    reads("1969-12-31T23:59:59.9Z", DateKind::Instant, "1969-12-31T23:59:59Z");
}

#[test]
fn an_instant_is_moved_to_utc() {
    reads("2026-11-23T14:05:09Z", DateKind::Instant, "2026-11-23T14:05:09Z");
    reads("2026-11-23T14:05:09+05:30", DateKind::Instant, "2026-11-23T08:35:09Z");
    reads("2026-12-31 23:00:00-0200", DateKind::Instant, "2027-01-01T01:00:00Z");
    reads("2026-11-23 14:05:09.5+00", DateKind::Instant, "2026-11-23T14:05:09Z");
}

#[test]
fn what_is_no_date() {
    let texts = [
        "",
        "today",
        "23.11.2026",
        "11/23/2026",
        "2026-13-01",
        "2026-00-01",
        "2025-02-29",
        "1900-02-29",
        "2026-11-31",
        "26-11-23",
        "2026-11-23T",
        "2026-11-23T24:00:00",
        "2026-11-23T14:60:00",
        "2026-11-23T14:05:60",
        "2026-11-23T14:05:09.",
        "2026-11-23T14:05:09 UTC",
        "2026-11-23T14:05:09+25:00",
        "2026-11-23T14:05:09+05:3",
        "2026-11-23Z",
        "٢026-11-23",
        "2026-11-23\0",
    ];
    for text in texts {
        assert_eq!(parse_date(text.as_bytes()), Err(CellProblem::NotADate), "{text}");
    }
}

#[test]
fn the_service_keeps_dates_from_1753_to_9999_of_its_own_clock() {
    reads("1753-01-01", DateKind::Day, "1753-01-01");
    reads("9999-12-31T23:59:59", DateKind::Wall, "9999-12-31T23:59:59");
    reads("1753-01-01T06:00:00Z", DateKind::Instant, "1753-01-01T06:00:00Z");
    for text in ["1752-12-31", "0001-01-01", "1753-01-01T05:59:59Z", "0000-01-01"] {
        assert_eq!(parse_date(text.as_bytes()), Err(CellProblem::DateOutOfRange), "{text}");
    }
}

#[track_caller]
fn tells(text: &str, wall: &str) {
    let wanted = parse_date(wall.as_bytes()).unwrap().seconds;
    assert_eq!(parse_service_date(text.as_bytes(), SERVER_OFFSET_SECONDS), Ok(wanted), "{text}");
}

#[test]
fn the_service_tells_dates_in_american_order() {
    tells("1/2/2026 3:04:05 PM", "2026-01-02T15:04:05");
    tells("11/23/2026 12:00:00 AM", "2026-11-23");
    tells("11/23/2026 12:30:00 pm", "2026-11-23T12:30:00");
    tells("11/23/2026", "2026-11-23");
    tells("11/23/2026 14:05", "2026-11-23T14:05");
}

#[test]
fn iso_dates_of_the_service_are_understood_too() {
    tells("2026-11-23T14:05:09", "2026-11-23T14:05:09");
    tells("2026-11-23T14:05:09.000Z", "2026-11-23T08:05:09");
}

#[test]
fn a_date_beyond_the_end_of_the_services_own_clock_is_none() {
    let hours = |text: &str, hours: i32| parse_service_date(text.as_bytes(), hours * 3600);
    assert_eq!(hours("1753-01-01T06:00:00Z", -6), Ok(FIRST));
    assert_eq!(hours("1753-01-01T06:00:00Z", -14), Err(CellProblem::DateOutOfRange));
    assert_eq!(hours("9999-12-31T23:59:59-06:00", 14), Err(CellProblem::DateOutOfRange));
}

#[test]
fn what_the_service_never_tells() {
    for text in ["13/1/2026", "2/30/2026", "1/2/2026 13:00:00 PM", "1/2/2026 0:00:00 AM", "1/2/26", "1/2/2026 1:60:00 AM", "1/2/2026 AM"] {
        assert_eq!(parse_service_date(text.as_bytes(), 0), Err(CellProblem::NotADate), "{text}");
    }
}

#[test]
fn on_the_clock_of_the_service_a_day_is_its_midnight() {
    let value = |text: &str| parse_date(text.as_bytes()).unwrap().on_server_clock();
    assert_eq!(value("2026-11-23"), value("2026-11-23T00:00:00"));
    assert_eq!(value("2026-11-23"), value("2026-11-23T06:00:00Z"));
    assert_ne!(value("2026-11-23"), value("2026-11-23T00:00:00Z"));
}

proptest! {
    #[test]
    fn the_calendar_is_the_one_of_jiff(seconds in FIRST..=LAST) {
        let instant = Timestamp::from_second(seconds).unwrap();
        let mut out = Vec::new();
        DateValue { seconds, kind: DateKind::Instant }.write(&mut out);
        prop_assert_eq!(String::from_utf8(out.clone()).unwrap(), instant.to_string());
        let day = jiff::tz::TimeZone::UTC.to_datetime(instant).date();
        prop_assert_eq!(days(day.year().into(), day.month() as u32, day.day() as u32), i64::from((day - civil::date(1970, 1, 1)).get_days()));
    }

    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,30}", digits in "[0-9 :/TZ.+-]{0,30}") {
        for text in [text, digits] {
            let _ = parse_date(text.as_bytes());
            let _ = parse_service_date(text.as_bytes(), SERVER_OFFSET_SECONDS);
        }
    }

    #[test]
    fn what_is_written_is_read_again(seconds in FIRST + 86_400..=LAST) {
        for kind in [DateKind::Wall, DateKind::Instant] {
            let mut out = Vec::new();
            DateValue { seconds, kind }.write(&mut out);
            prop_assert_eq!(parse_date(&out), Ok(DateValue { seconds, kind }));
        }
    }
}
