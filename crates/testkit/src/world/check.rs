//! What must be true.

use std::{collections::BTreeMap, fmt};

use super::{MEMBERS, Script, World, blanks_arrive};
use crate::simulated::{Cell, ModelRow};

/// A rule that did not hold.
#[derive(Clone)]
pub struct Broken {
    /// The world.
    pub seed: u64,
    /// The rule.
    pub rule: String,
    /// What was seen.
    pub detail: String,
    /// What was to happen.
    pub script: Script,
    /// What happened.
    pub story: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "world {} breaks the rule: {}", self.seed, self.rule)?;
        writeln!(f, "  {}", self.detail)?;
        writeln!(f, "switches: {:?}", self.script.switches)?;
        write!(f, "{}", self.story)
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that must never be found outside of spool and files: it is in every row of every world.
pub(super) const MARKER: &str = "Zq7";

/// A key as the service compares it in the worlds' alphabet, written apart from engine and sandbox.
pub(super) fn folded(key: &str) -> String {
    key.trim_end_matches(' ').to_lowercase()
}

/// A stored row: text by column, `None` for nothing.
type Stored = BTreeMap<String, Option<String>>;

impl World {
    /// Every sendable row is as the model has it, or its refusal is known.
    pub(super) fn check_rows(&self) -> Result<(), Broken> {
        let stored = self.stored();
        let refused = self.refused_keys();
        let mut by_key: BTreeMap<String, Vec<&ModelRow>> = BTreeMap::new();
        for row in &self.rows {
            if let Cell::Text(key) = &row.0[0] {
                by_key.entry(folded(key)).or_default().push(row);
            }
        }
        for (key, rows) in by_key {
            let [row, copies @ ..] = rows.as_slice() else { continue };
            let is_sendable = self.is_sendable(row) && copies.iter().all(|it| self.wanted(it) == self.wanted(row) && self.is_sendable(it));
            if !is_sendable || self.touched.contains(&key) {
                continue;
            }
            match stored.get(&key) {
                None if self.script.update_only || refused > 0 => {}
                None => return Err(self.broken("every sendable row arrives", format!("`{key}` is not there"))),
                Some(found) => {
                    let wrong: Vec<String> = self.differences(row, found);
                    if !wrong.is_empty() && refused == 0 {
                        return Err(self.broken("mapped columns equal the model's", format!("`{key}`: {}", wrong.join("; "))));
                    }
                }
            }
        }
        Ok(())
    }

    /// Columns that hold something else than the model.
    fn differences(&self, row: &ModelRow, found: &Stored) -> Vec<String> {
        let blanks = blanks_arrive(&self.script.switches);
        let wanted = self.wanted(row).into_iter();
        let differs = |(column, wanted): (&str, Option<String>)| {
            let held = found.get(column).cloned().flatten().filter(|it| !it.is_empty());
            (wanted != held && (wanted.is_some() || blanks)).then(|| format!("{column} should be {wanted:?} and is {held:?}"))
        };
        wanted.filter_map(differs).collect()
    }

    /// What the mapped columns must read, in the service's own spelling.
    fn wanted(&self, row: &ModelRow) -> Vec<(&'static str, Option<String>)> {
        let columns = ["Name", "Age", "Amount", "Active", "Born", "Seen"];
        let offset = self.script.switches.server_offset_hours * 3600;
        let mapped = columns.into_iter().enumerate().filter(|(at, _)| self.script.mapped >> at & 1 == 1);
        let mut wanted: Vec<_> = mapped.map(|(at, column)| (column, spelled(&row.0[at + 1], offset))).collect();
        if self.script.custom {
            wanted.push(("note", spelled(&row.0[7], offset)));
        }
        wanted
    }

    /// Whether every mapped cell fits its field.
    fn is_sendable(&self, row: &ModelRow) -> bool {
        let is_mapped = |at: usize| self.script.mapped >> at & 1 == 1;
        let key_fits = matches!(&row.0[0], Cell::Text(key) if !folded(key).is_empty() && key.encode_utf16().count() <= 20);
        let name_fits = !matches!(&row.0[1], Cell::Text(name) if name.encode_utf16().count() > 12);
        let age_fits = !matches!(row.0[2], Cell::Integer(age) if i32::try_from(age).is_err());
        let amount_fits = !matches!(row.0[3], Cell::Decimal(units) if units.abs() >= 100_000_000);
        key_fits && (name_fits || !is_mapped(0)) && (age_fits || !is_mapped(1)) && (amount_fits || !is_mapped(2))
    }

    fn stored(&self) -> BTreeMap<String, Stored> {
        let model = self.model();
        let (columns, rows) = model.rows(MEMBERS).unwrap_or_default();
        let row = |values: Vec<Option<String>>| columns.iter().cloned().zip(values).collect::<Stored>();
        let stored = rows.into_iter().map(|it| row(it.values));
        stored.filter_map(|it| Some((folded(it.get("Key")?.as_deref()?), it))).collect()
    }

    /// How many rows the last run knows to be refused.
    fn refused_keys(&self) -> usize {
        use outflow_ports::Ledger;
        let name = "members".parse().expect("a name");
        super::poll_once(self.ledger.refused(&name)).and_then(Result::ok).map_or(0, |it| it.len())
    }

    /// Rule 9: no value of a customer is found in ledger or baseline.
    pub(super) fn check_marker(&self) -> Result<(), Broken> {
        let ledger = serde_json::to_string(&self.ledger.records()).unwrap_or_default();
        if ledger.contains(MARKER) {
            return Err(self.broken("no customer value at rest", "the marker is in the ledger"));
        }
        let baseline = self.disk.bytes_outside_of_the_spool();
        if baseline.windows(MARKER.len()).any(|it| it == MARKER.as_bytes()) {
            return Err(self.broken("no customer value at rest", "the marker is in a baseline"));
        }
        Ok(())
    }
}

/// A value in the spelling in which the service shows it.
fn spelled(cell: &Cell, server_offset_s: i64) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) if text.is_empty() => None,
        Cell::Text(text) => Some(text.clone()),
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Decimal(units) => {
            let sign = if *units < 0 { "-" } else { "" };
            Some(format!("{sign}{}.{:02}", units.abs() / 100, units.abs() % 100))
        }
        Cell::Boolean(it) => Some(if *it { "True" } else { "False" }.to_owned()),
        Cell::Date(days) => Some(us_date(i64::from(*days) * 86_400)),
        Cell::Instant(seconds) => Some(us_date(seconds + server_offset_s)),
    }
}

/// `M/D/YYYY h:mm:ss AM` of a clock's seconds since 1970, found by walking years and months.
fn us_date(seconds: i64) -> String {
    let (mut days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days < 0 || days >= if is_leap(year) { 366 } else { 365 } {
        if days < 0 {
            year -= 1;
            days += if is_leap(year) { 366 } else { 365 };
        } else {
            days -= if is_leap(year) { 366 } else { 365 };
            year += 1;
        }
    }
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, half) = (second / 3600, if second < 43_200 { "AM" } else { "PM" });
    let hour = if hour % 12 == 0 { 12 } else { hour % 12 };
    format!("{}/{}/{year} {hour}:{:02}:{:02} {half}", month + 1, days + 1, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::us_date;

    #[test]
    fn dates_are_spelled_as_the_service_does() {
        assert_eq!(us_date(0), "1/1/1970 12:00:00 AM");
        assert_eq!(us_date(951_825_599), "2/29/2000 11:59:59 AM");
        assert_eq!(us_date(-1), "12/31/1969 11:59:59 PM");
    }
}
