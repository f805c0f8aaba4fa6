//! The servers' clock, and dates as the service reads and writes them.
//!
//! Servers run on UTC−6 all year. A date cell is kept as milliseconds since 1970 on *that* clock.

const DAY_MS: i64 = 86_400_000;

/// A moment of the proleptic Gregorian calendar, without a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// Milliseconds since midnight.
    pub millis: i64,
}

impl Civil {
    /// The calendar date of a count of milliseconds since 1970.
    pub fn of(ms: i64) -> Self {
        // Days are counted from 0000-03-01, so that a leap day ends its year.
        let days = ms.div_euclid(DAY_MS) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
            millis: ms.rem_euclid(DAY_MS),
        }
    }

    /// Milliseconds since 1970, or `None` where there is no such day.
    pub fn to_ms(self) -> Option<i64> {
        if !(1..=12).contains(&self.month) || self.day < 1 || days_in(self.year, self.month) < self.day {
            return None;
        }
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some((era * 146_097 + day_of_era - 719_468) * DAY_MS + self.millis)
    }

    fn time(self) -> (i64, i64, i64, i64) {
        (self.millis / 3_600_000, self.millis / 60_000 % 60, self.millis / 1000 % 60, self.millis % 1000)
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A moment on the servers' clock.
pub fn server_ms(unix_ms: i64, offset_hours: i64) -> i64 {
    unix_ms + offset_hours * 3_600_000
}

/// `11/23/2026 4:10:07 AM`: how dates of rows and results are read back. Milliseconds are dropped.
pub fn us_text(ms: i64) -> String {
    let it = Civil::of(ms);
    let (hour, minute, second, _) = it.time();
    let half = if hour < 12 { "AM" } else { "PM" };
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{}/{}/{} {twelve}:{minute:02}:{second:02} {half}", it.month, it.day, it.year)
}

/// `2022-11-09T05:53:03.243`: how SOAP and the automation routes show `CreatedDate`.
pub fn iso_text(ms: i64) -> String {
    let it = Civil::of(ms);
    let (hour, minute, second, milli) = it.time();
    let fraction = if milli == 0 { String::new() } else { format!(".{milli:03}") };
    format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}{fraction}", it.year, it.month, it.day)
}

/// `2022-11-09T05:53:03Z`, of a unix time.
pub fn utc_text(unix_ms: i64) -> String {
    format!("{}Z", iso_text(unix_ms.div_euclid(1000) * 1000))
}

/// Reads a date or date-time as the servers store it, `None` where it is none.
///
/// Taken: `YYYY-MM-DD`, `M/D/YYYY` and `M-D-YYYY` (day first where `day_first`), with or without a time
/// `h:mm[:ss[.fff]]`, `AM`/`PM`, and an offset `Z` or `±hh:mm`, which moves the moment to the servers' clock.
pub fn parse(text: &str, day_first: bool, offset_hours: i64) -> Option<i64> {
    let text = text.trim();
    let split = text.find(['T', 't', ' ']);
    let (date, rest) = split.map_or((text, ""), |at| (&text[..at], text[at + 1..].trim()));
    let mut civil = parse_day(date, day_first)?;
    let mut shift = 0;
    if !rest.is_empty() {
        let (time, zone) = split_zone(rest);
        civil.millis = parse_time(time.trim())?;
        if let Some(minutes) = zone? {
            shift = (offset_hours * 60 - minutes) * 60_000;
        }
    }
    let ms = sql_ticks(civil.to_ms()? + shift);
    (SQL_FIRST_MS..=SQL_LAST_MS).contains(&ms).then_some(ms)
}

/// 1753-01-01, the first day of SQL `datetime`.
const SQL_FIRST_MS: i64 = -6_847_804_800_000;
/// 9999-12-31 23:59:59.997, its last tick.
const SQL_LAST_MS: i64 = 253_402_300_799_997;

/// SQL `datetime` has ticks of a three-hundredth of a second; they show as .000, .003 and .007.
fn sql_ticks(ms: i64) -> i64 {
    let whole = ms.div_euclid(1000) * 1000;
    let ticks = (ms.rem_euclid(1000) * 3 + 5) / 10;
    whole + (ticks * 10 + 1) / 3
}

fn parse_day(text: &str, day_first: bool) -> Option<Civil> {
    let separator = text.chars().find(|it| !it.is_ascii_digit())?;
    if !matches!(separator, '-' | '/' | '.') {
        return None;
    }
    let mut parts = text.split(separator).map(|it| (it.len(), digits(it)));
    let (first, second, third, end) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
    if end.is_some() {
        return None;
    }
    let (year, month, day) = match (first.0, third.0) {
        (4, 1..=2) => (first.1?, second.1?, third.1?),
        (1..=2, 4) if day_first || separator == '.' => (third.1?, second.1?, first.1?),
        (1..=2, 4) => (third.1?, first.1?, second.1?),
        _ => return None,
    };
    Some(Civil { year, month, day, millis: 0 })
}

/// The time, and minutes east of UTC where an offset is given; an inner `None` is an offset that is none.
fn split_zone(text: &str) -> (&str, Option<Option<i64>>) {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return (time, Some(Some(0)));
    }
    let Some(at) = text.rfind(['+', '-']) else { return (text, Some(None)) };
    let (time, zone) = text.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = match zone[1..].split_once(':') {
        Some((hours, minutes)) => (digits(hours), digits(minutes)),
        None if zone.len() == 5 => (digits(&zone[1..3]), digits(&zone[3..])),
        None => (digits(&zone[1..]), Some(0)),
    };
    match (hours, minutes) {
        (Some(hours), Some(minutes)) if hours <= 14 && minutes < 60 => (time, Some(Some(sign * (hours * 60 + minutes)))),
        _ => (time, None),
    }
}

fn parse_time(text: &str) -> Option<i64> {
    let upper = text.to_ascii_uppercase();
    let (clock, half) = match upper.strip_suffix("AM") {
        Some(clock) => (clock.trim_end(), Some(0)),
        None => match upper.strip_suffix("PM") {
            Some(clock) => (clock.trim_end(), Some(12)),
            None => (upper.as_str(), None),
        },
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':').map(digits);
    let (hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().unwrap_or(Some(0))?;
    if parts.next().is_some() || 59 < minute || 59 < second {
        return None;
    }
    let hour = match half {
        Some(noon) if (1..=12).contains(&hour) => hour % 12 + noon,
        None if hour < 24 => hour,
        _ => return None,
    };
    let millis = match fraction.len() {
        0 => 0,
        length if fraction.is_ascii() => digits(&fraction[..length.min(3)])? * [1, 100, 10, 1][length.min(3)],
        _ => return None,
    };
    Some(((hour * 60 + minute) * 60 + second) * 1000 + millis)
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|it| it.is_ascii_digit())).then(|| text.parse().ok())?
}
