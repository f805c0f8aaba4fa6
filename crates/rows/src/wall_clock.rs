//! Readings of a wall clock become instants.

use std::ops::Range;

use jiff::{Timestamp, tz::TimeZone};

use crate::date::days;

/// A zone whose offsets are looked up for whole columns.
///
/// A reading that the clock skipped (in spring) is moved on by as much as was skipped; of a reading that occurred twice (in autumn) the
/// first is taken. Both follow from one rule: the old offset holds until the later of the two readings at a change.
#[derive(Clone, Debug)]
pub(crate) struct WallClock {
    /// For each change, by time: the first wall second of the new offset, and that offset. The first one holds from ever.
    changes: Vec<(i64, i64)>,
}

/// The table of changes begins before any zone had a standard time …
const TABLE_FROM: i64 = days(1700, 1, 1) * 86_400;
/// … and ends where every zone has long followed a rule of its own calendar, which repeats for ever.
const TABLE_UNTIL: i64 = days(2500, 1, 1) * 86_400;
/// The Gregorian calendar with its weekdays repeats after 400 years.
const CALENDAR_CYCLE: i64 = 146_097 * 86_400;

impl WallClock {
    /// The clock of an IANA zone, such as `Europe/Paris`, or `None` where there is no such zone.
    pub(crate) fn of(zone: &str) -> Option<Self> {
        let zone = TimeZone::get(zone).ok()?;
        let start = Timestamp::from_second(TABLE_FROM).ok()?;
        let mut offset = i64::from(zone.to_offset(start).seconds());
        let mut changes = vec![(i64::MIN, offset)];
        for change in zone.following(start) {
            let (at, next) = (change.timestamp().as_second(), i64::from(change.offset().seconds()));
            if at > TABLE_UNTIL {
                break;
            }
            changes.push((at + offset.max(next), next));
            offset = next;
        }
        Some(Self { changes })
    }

    /// Turns readings of this clock into seconds of UTC, in place.
    pub(crate) fn to_utc(&self, seconds: &mut [i64]) {
        // Neighbours mostly fall between the same two changes.
        let (mut range, mut offset) = (0..0, 0);
        for second in seconds {
            let cycles = if *second < TABLE_UNTIL { 0 } else { (*second - TABLE_UNTIL) / CALENDAR_CYCLE + 1 };
            let reading = *second - cycles * CALENDAR_CYCLE;
            if !range.contains(&reading) {
                (range, offset) = self.offset_of(reading);
            }
            *second -= offset;
        }
    }

    /// The offset of a reading, and the readings that share it.
    fn offset_of(&self, reading: i64) -> (Range<i64>, i64) {
        let next = self.changes.partition_point(|(from, _)| *from <= reading).max(1);
        let (from, offset) = self.changes[next - 1];
        let until = self.changes.get(next).map_or(i64::MAX, |(from, _)| *from);
        (from..until, offset)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::date::parse_date;

    fn utc(zone: &str, wall: i64) -> i64 {
        let mut seconds = [wall];
        WallClock::of(zone).unwrap().to_utc(&mut seconds);
        seconds[0]
    }

    #[track_caller]
    fn check(zone: &str, wall: &str, wanted: &str) {
        let seconds = |text: &str| parse_date(text.as_bytes()).unwrap().seconds;
        assert_eq!(utc(zone, seconds(wall)), seconds(wanted), "{wall} in {zone}");
    }

    #[test]
    fn summer_and_winter() {
        check("Europe/Paris", "2026-07-01T12:00:00", "2026-07-01T10:00:00Z");
        check("Europe/Paris", "2026-12-01T12:00:00", "2026-12-01T11:00:00Z");
        check("America/New_York", "2026-07-01T12:00:00", "2026-07-01T16:00:00Z");
        check("Asia/Kolkata", "2026-07-01T12:00:00", "2026-07-01T06:30:00Z");
        check("UTC", "2026-07-01T12:00:00", "2026-07-01T12:00:00Z");
    }

    #[test]
    fn a_skipped_reading_is_moved_on() {
        check("Europe/Paris", "2026-03-29T01:59:59", "2026-03-29T00:59:59Z");
        check("Europe/Paris", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z");
        check("Europe/Paris", "2026-03-29T03:00:00", "2026-03-29T01:00:00Z");
    }

    #[test]
    fn of_a_reading_that_occurs_twice_the_first_is_taken() {
        check("Europe/Paris", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z");
        check("Europe/Paris", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z");
    }

    #[test]
    fn there_is_no_zone_on_mars() {
        assert!(WallClock::of("Mars/Olympus_Mons").is_none());
    }

    proptest! {
        #[test]
        fn jiff_finds_the_same_instants(
            wall in days(1753, 1, 1) * 86_400..days(9999, 12, 30) * 86_400,
            zone in prop::sample::select(vec!["Europe/Paris", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"]),
        ) {
            let reading: DateTime = TimeZone::UTC.to_datetime(Timestamp::from_second(wall).unwrap());
            let wanted = TimeZone::get(zone).unwrap().to_ambiguous_timestamp(reading).compatible().unwrap();
            prop_assert_eq!(utc(zone, wall), wanted.as_second());
        }
    }
}
