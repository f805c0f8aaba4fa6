//! What rows should be and what is there: written apart from engine and sandbox.

use std::{collections::BTreeMap, fmt};

use super::{
    Fields, MEMBERS, Rule, Script, World, blanks_arrive,
    fields::{HERE, LEFT},
    keys,
    names::cannot_be_read_back,
};
use crate::simulated::{Cell, ModelRow};

/// A rule that did not hold.
#[derive(Clone)]
pub struct Broken {
    /// The rule.
    pub rule: Rule,
    /// What was seen.
    pub detail: String,
    /// What was to happen.
    pub script: Script,
    /// What happened.
    pub story: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "world {} breaks the rule: {}", self.script.seed, self.rule)?;
        writeln!(f, "  {}", self.detail)?;
        writeln!(f, "{}", self.script.setting())?;
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

/// A stored row: text by column, `None` for nothing.
pub(super) type Stored = BTreeMap<String, Option<String>>;

/// The model's rows of one key.
pub(super) enum Group<'w> {
    /// All rows are equal in every mapped value, and can be sent.
    Sendable(&'w ModelRow),
    /// They differ, or cannot be sent.
    Withheld,
}

/// A column that holds something else than the model.
struct Difference {
    column: &'static str,
    wanted: Option<String>,
    held: Option<String>,
}

impl World {
    /// The model's rows by key as the service compares keys; rows without a key are in none.
    pub(super) fn groups(&self) -> BTreeMap<String, Group<'_>> {
        let mut by_key: BTreeMap<String, Vec<&ModelRow>> = BTreeMap::new();
        for row in &self.rows {
            if let Some(key) = keys::of_row(row) {
                by_key.entry(key).or_default().push(row);
            }
        }
        by_key.into_iter().map(|(key, rows)| (key, self.group(&rows))).collect()
    }

    fn group<'w>(&self, rows: &[&'w ModelRow]) -> Group<'w> {
        let wanted = self.wanted(rows[0]);
        let is_one = rows.iter().all(|it| self.is_sendable(it) && self.wanted(it) == wanted);
        if is_one { Group::Sendable(rows[0]) } else { Group::Withheld }
    }

    /// Columns that hold something else than the model.
    pub(super) fn differences(&self, row: &ModelRow, found: &Stored) -> Vec<String> {
        let told = |it: Difference| format!("{} should be {:?} and is {:?}", it.column, it.wanted, it.held);
        self.each_difference(row, found).map(told).collect()
    }

    fn each_difference(&self, row: &ModelRow, found: &Stored) -> impl Iterator<Item = Difference> {
        let blanks = blanks_arrive(&self.script.switches);
        let differs = move |(column, wanted): (&'static str, Option<String>)| {
            let held = found.get(column).cloned().flatten().filter(|it| !it.is_empty());
            (wanted != held && (wanted.is_some() || blanks)).then_some(Difference { column, wanted, held })
        };
        self.wanted(row).into_iter().filter_map(differs)
    }

    /// Whether a stored row is what one version of the model was, but for what others have emptied, and what that version has left as it was.
    pub(super) fn is_a_version(&self, versions: &[ModelRow], found: &Stored) -> bool {
        let is_emptied =
            |it: Difference| self.others.has_emptied(it.column, it.held.as_deref()) || self.may_be_flagged(it.column, it.held.as_deref());
        let is_explained = |column: &str| self.is_explained(versions, column, found.get(column).and_then(Option::as_deref));
        let kept_are_explained = |row: &ModelRow| self.kept(row).iter().all(|it| is_explained(it));
        versions.iter().any(|it| self.is_sendable(it) && self.each_difference(it, found).all(is_emptied) && kept_are_explained(it))
    }

    /// The columns that a row leaves as they are.
    pub(super) fn kept(&self, row: &ModelRow) -> Vec<&'static str> {
        self.fields.each().filter(|(field, column)| self.fields.leaves(field, &row.0[*column])).map(|(field, _)| field).collect()
    }

    /// What the mapped columns must read, in the service's own spelling; nothing of those that the row leaves as they are.
    pub(super) fn wanted(&self, row: &ModelRow) -> Vec<(&'static str, Option<String>)> {
        self.wanted_under(self.fields, row)
    }

    fn wanted_under(&self, fields: Fields, row: &ModelRow) -> Vec<(&'static str, Option<String>)> {
        let offset = self.script.switches.server_offset_hours * 3600;
        let flag = self.script.flags.then(|| (LEFT, Some(HERE.to_owned())));
        let written = fields.each().filter(|(field, column)| !fields.leaves(field, &row.0[*column]));
        written.map(|(field, column)| (field, spelled(&row.0[column], offset))).chain(flag).collect()
    }

    /// Whether a value of a stored row is one that the model ever had for it, or none.
    pub(super) fn is_explained(&self, versions: &[ModelRow], column: &str, value: Option<&str>) -> bool {
        let Some(value) = value.filter(|it| !it.is_empty()) else { return true };
        let fills = |fields: &Fields, row: &ModelRow| {
            self.wanted_under(*fields, row).into_iter().any(|(field, wanted)| field == column && wanted.as_deref() == Some(value))
        };
        self.may_be_flagged(column, Some(value)) || versions.iter().any(|row| self.mapped.iter().any(|fields| fills(fields, row)))
    }

    /// Whether every mapped cell fits its field, and none of them keeps the row from being sent.
    pub(super) fn is_sendable(&self, row: &ModelRow) -> bool {
        let key_fits = keys::is_keyed(row);
        let name_fits = !matches!(&row.0[self.fields.column(0)], Cell::Text(name) if !self.script.names.may_be_sent(name));
        let can_be_read_back = |column: usize| !matches!(&row.0[column], Cell::Text(text) if cannot_be_read_back(text));
        let age_fits = !matches!(row.0[2], Cell::Integer(age) if i32::try_from(age).is_err());
        let amount_fits = !matches!(row.0[3], Cell::Decimal(units) if units.abs() >= 100_000_000);
        key_fits
            && !self.fields.skips(&row.0)
            && self.fields.each().all(|(_, column)| can_be_read_back(column))
            && (name_fits || !self.fields.has(0))
            && (age_fits || !self.fields.has(1))
            && (amount_fits || !self.fields.has(2))
    }

    pub(super) fn stored(&self) -> BTreeMap<String, Stored> {
        let model = self.model();
        let (columns, rows) = model.rows(MEMBERS).unwrap_or_default();
        let row = |values: Vec<Option<String>>| columns.iter().cloned().zip(values).collect::<Stored>();
        let stored = rows.into_iter().map(|it| row(it.values));
        stored.filter_map(|it| Some((keys::of_fields(|field| it.get(field)?.as_deref())?, it))).collect()
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
