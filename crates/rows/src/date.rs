//! Dates and dates with time: reading and writing them, and the service's clock.

use outflow_domain::CellProblem;

/// The service's clock is UTC−6 all year round, without daylight saving:
/// <https://help.salesforce.com/s/articleView?id=000384850&type=1>.
pub const SERVER_OFFSET_SECONDS: i32 = -6 * 3600;

/// What a date or date with time tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateKind {
    /// A day; its seconds are those of its midnight.
    Day,
    /// A reading of a wall clock, of no particular zone. The service takes it as its own clock.
    Wall,
    /// A moment, in UTC. The service moves it to its own clock.
    Instant,
}

/// A date or date with time, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateValue {
    /// Seconds since 1970-01-01T00:00:00, of UTC for an instant and of the wall clock otherwise.
    pub seconds: i64,
    /// How to read the seconds.
    pub kind: DateKind,
}

/// 1753-01-01T00:00:00, the first moment of SQL Server's `datetime`.
pub(crate) const FIRST: i64 = -6_847_804_800;
/// 9999-12-31T23:59:59, the last whole second of it.
const LAST: i64 = 253_402_300_799;
const DAY: i64 = 86_400;

impl DateValue {
    /// The value on the service's clock, as it keeps it: fingerprints see dates like that.
    ///
    /// A day and its midnight are one value there, so a model that turns one into the other changes nothing.
    #[must_use]
    pub const fn on_server_clock(self) -> i64 {
        self.seconds + self.kind.to_server_clock()
    }

    /// Appends `YYYY-MM-DD`, `YYYY-MM-DDThh:mm:ss` or `YYYY-MM-DDThh:mm:ssZ`, the form in which files carry dates.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let (year, month, day) = civil(self.seconds.div_euclid(DAY));
        let mut text = *b"0000-00-00T00:00:00Z";
        two_digits(&mut text[0..], year / 100);
        two_digits(&mut text[2..], year % 100);
        two_digits(&mut text[5..], month);
        two_digits(&mut text[8..], day);
        let length = match self.kind {
            DateKind::Day => 10,
            DateKind::Wall => 19,
            DateKind::Instant => 20,
        };
        if self.kind != DateKind::Day {
            let second = self.seconds.rem_euclid(DAY) as u32;
            two_digits(&mut text[11..], second / 3600);
            two_digits(&mut text[14..], second / 60 % 60);
            two_digits(&mut text[17..], second % 60);
        }
        out.extend_from_slice(&text[..length]);
    }
}

impl DateKind {
    /// What is added to the seconds to come to the service's clock.
    pub(crate) const fn to_server_clock(self) -> i64 {
        match self {
            Self::Instant => SERVER_OFFSET_SECONDS as i64,
            Self::Day | Self::Wall => 0,
        }
    }
}

/// Whether the service keeps such a moment of its clock.
pub(crate) const fn is_in_range(on_server_clock: i64) -> bool {
    FIRST <= on_server_clock && on_server_clock <= LAST
}

fn two_digits(text: &mut [u8], number: u32) {
    let tens = number / 10;
    text[..2].copy_from_slice(&[b'0' + tens as u8, b'0' + (number - tens * 10) as u8]);
}

/// Days since 1970-01-01 of a day of the Gregorian calendar, for years from 0 to 9999.
///
/// Years run from March here, so that the leap day comes last; an era of 400 years has 146,097 days.
pub(crate) const fn days(year: i64, month: u32, day: u32) -> i64 {
    let year = year - (month <= 2) as i64;
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let months_since_march = (month as i64 + 9) % 12;
    let day_of_year = (153 * months_since_march + 2) / 5 + day as i64 - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a count of days since 1970-01-01: [`days`] undone.
const fn civil(days: i64) -> (u32, u32, u32) {
    // An era more, as the first days of the year 0 lie in the one before.
    let days = (days + 719_468 + 146_097) as u32;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
    let month = if months_since_march < 10 { months_since_march + 3 } else { months_since_march - 9 };
    (year_of_era + era * 400 + (month <= 2) as u32 - 400, month, day)
}

const fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads `YYYY-MM-DD`, or that with `T` or a blank and `hh:mm[:ss[.fraction]]`, and then perhaps `Z`, `±hh`, `±hhmm` or `±hh:mm`.
///
/// Parts of a second are dropped. Blanks around the text do not count. No other order of day and month is guessed.
///
/// # Errors
/// [`CellProblem::NotADate`], [`CellProblem::DateOutOfRange`] outside of what the service keeps.
pub fn parse_date(text: &[u8]) -> Result<DateValue, CellProblem> {
    let mut rest = Reader(text.trim_ascii());
    let value = rest.date().filter(|_| rest.0.is_empty()).ok_or(CellProblem::NotADate)?;
    if is_in_range(value.on_server_clock()) { Ok(value) } else { Err(CellProblem::DateOutOfRange) }
}

/// Reads a date as the service tells it, `M/D/YYYY h:mm:ss AM` or `M/D/YYYY`, as seconds on the service's clock.
///
/// The ISO forms of [`parse_date`] are understood too; one with offset is moved to the service's clock.
///
/// # Errors
/// [`CellProblem::NotADate`], [`CellProblem::DateOutOfRange`].
pub fn parse_service_date(text: &[u8], server_offset_seconds: i32) -> Result<i64, CellProblem> {
    let seconds = if text.contains(&b'/') {
        let mut rest = Reader(text.trim_ascii());
        rest.us_date().filter(|_| rest.0.is_empty()).ok_or(CellProblem::NotADate)?
    } else {
        let value = parse_date(text)?;
        value.seconds + if value.kind == DateKind::Instant { i64::from(server_offset_seconds) } else { 0 }
    };
    // Also of a moment that the usual clock could show: this one may be hours away from it.
    if is_in_range(seconds) { Ok(seconds) } else { Err(CellProblem::DateOutOfRange) }
}

/// What is left to read of a text.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn date(&mut self) -> Option<DateValue> {
        let year = self.digits(4)?;
        self.expect(b'-')?;
        let month = self.digits(2)?;
        self.expect(b'-')?;
        let midnight = midnight(year, month, self.digits(2)?)?;
        if self.0.is_empty() {
            return Some(DateValue { seconds: midnight, kind: DateKind::Day });
        }
        if !self.accepts(b'T') && !self.accepts(b't') {
            self.expect(b' ')?;
        }
        let (hour, minute) = (self.digits(2)?, self.colon_and_two_digits()?);
        let second = if self.0.first() == Some(&b':') { self.second()? } else { 0 };
        if hour > 23 || minute > 59 {
            return None;
        }
        let seconds = midnight + i64::from(hour * 3600 + minute * 60 + second);
        match self.offset()? {
            Some(offset) => Some(DateValue { seconds: seconds - offset, kind: DateKind::Instant }),
            None => Some(DateValue { seconds, kind: DateKind::Wall }),
        }
    }

    fn us_date(&mut self) -> Option<i64> {
        let month = self.one_or_two_digits()?;
        self.expect(b'/')?;
        let day = self.one_or_two_digits()?;
        self.expect(b'/')?;
        let midnight = midnight(self.digits(4)?, month, day)?;
        if self.0.is_empty() {
            return Some(midnight);
        }
        self.expect(b' ')?;
        let (hour, minute) = (self.one_or_two_digits()?, self.colon_and_two_digits()?);
        let second = if self.0.first() == Some(&b':') { self.second()? } else { 0 };
        let hour = match self.0.to_ascii_uppercase().trim_ascii_start() {
            b"" if hour <= 23 => hour,
            b"AM" if (1..=12).contains(&hour) => hour % 12,
            b"PM" if (1..=12).contains(&hour) => hour % 12 + 12,
            _ => return None,
        };
        self.0 = &[];
        (minute <= 59).then(|| midnight + i64::from(hour * 3600 + minute * 60 + second))
    }

    fn second(&mut self) -> Option<u32> {
        let second = self.colon_and_two_digits()?;
        if self.accepts(b'.') {
            let digits = self.0.iter().take_while(|it| it.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            self.0 = &self.0[digits..];
        }
        (second <= 59).then_some(second)
    }

    /// The offset from UTC in seconds, if there is one.
    fn offset(&mut self) -> Option<Option<i64>> {
        let sign = match self.0.first() {
            None => return Some(None),
            Some(b'Z' | b'z') => {
                self.0 = &self.0[1..];
                return Some(Some(0));
            }
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.digits(2)?;
        self.accepts(b':');
        let minutes = if self.0.is_empty() { 0 } else { self.digits(2)? };
        (hours <= 23 && minutes <= 59).then(|| Some(sign * i64::from(hours * 3600 + minutes * 60)))
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut number = 0;
        for digit in digits {
            number = number * 10 + u32::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        self.0 = rest;
        Some(number)
    }

    fn one_or_two_digits(&mut self) -> Option<u32> {
        self.digits(2).or_else(|| self.digits(1))
    }

    fn colon_and_two_digits(&mut self) -> Option<u32> {
        self.expect(b':')?;
        self.digits(2)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.accepts(byte).then_some(())
    }

    fn accepts(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}

fn midnight(year: u32, month: u32, day: u32) -> Option<i64> {
    let year = i64::from(year);
    let exists = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    exists.then(|| days(year, month, day) * DAY)
}

#[cfg(test)]
mod tests;
