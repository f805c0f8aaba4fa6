//! What was recorded, and whether it still holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

/// A count may differ by so much, in either direction: a loop that got faster is recorded, so that it stays so.
pub const PERCENT_MAX: f64 = 3.0;

/// What to do about it.
pub const RECORD: &str = "`./x guard --record` writes it anew";

const HEAD: &str = "\
# Instructions per row of the hot loops, as callgrind counts them. The guard fails where a count differs by more than 3 %, up or down;
# after a change that is meant to do so, `./x guard --record` writes this file anew.
";

/// Instructions per row by the name of the loop.
#[derive(Debug, PartialEq)]
pub struct Table {
    /// The compiler whose code was counted.
    pub compiler: String,
    pub per_row: BTreeMap<String, f64>,
}

/// What came out for one loop.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    Compared { name: String, recorded: f64, counted: f64 },
    NotRecorded { name: String, counted: f64 },
    NoLoop { name: String },
}

impl Table {
    /// Reads what [`Self::to_text`] wrote.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut compiler = None;
        let mut per_row = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#')) {
            let (name, value) = line.split_once(" = ").ok_or_else(|| format!("`{line}` is no `name = value`"))?;
            match (name.trim(), value.trim()) {
                ("compiler", value) => compiler = Some(value.to_owned()),
                (name, value) => {
                    let count = value.parse::<f64>().ok().filter(|it| *it > 0.0);
                    per_row.insert(name.to_owned(), count.ok_or_else(|| format!("`{value}` is no count"))?);
                }
            }
        }
        Ok(Self { compiler: compiler.ok_or("it names no compiler")?, per_row })
    }

    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}compiler = {}\n\n", self.compiler);
        let width = self.per_row.keys().map(String::len).max().unwrap_or(0);
        for (name, count) in &self.per_row {
            writeln!(text, "{name:<width$} = {count:.1}").unwrap_or(());
        }
        text
    }

    /// A verdict on every loop that was recorded or counted.
    pub fn compare(&self, counted: &BTreeMap<String, f64>) -> Vec<Verdict> {
        let names: BTreeSet<&String> = self.per_row.keys().chain(counted.keys()).collect();
        let verdict = |name: &String| match (self.per_row.get(name), counted.get(name)) {
            (Some(&recorded), Some(&counted)) => Verdict::Compared { name: name.clone(), recorded, counted },
            (None, Some(&counted)) => Verdict::NotRecorded { name: name.clone(), counted },
            (_, None) => Verdict::NoLoop { name: name.clone() },
        };
        names.into_iter().map(verdict).collect()
    }
}

impl Verdict {
    pub fn is_well(&self) -> bool {
        matches!(self, Self::Compared { .. }) && self.percent().abs() <= PERCENT_MAX
    }

    /// How far the count lies above what was recorded.
    fn percent(&self) -> f64 {
        match self {
            Self::Compared { recorded, counted, .. } => (counted / recorded - 1.0) * 100.0,
            Self::NotRecorded { .. } | Self::NoLoop { .. } => 0.0,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_well() { "ok   " } else { "FAIL " })?;
        match self {
            Self::Compared { name, recorded, counted } => {
                write!(f, "{name}: {counted:.1} instructions a row, recorded {recorded:.1} ({:+.1} %)", self.percent())?;
                let why = "may differ by 3 %; find out what the loop has to do now";
                if self.is_well() { Ok(()) } else { write!(f, "; {why}, and if it is meant so, {RECORD}") }
            }
            Self::NotRecorded { name, counted } => write!(f, "{name}: {counted:.1} instructions a row, and nothing was recorded; {RECORD}"),
            Self::NoLoop { name } => write!(f, "{name}: recorded, but there is no such loop any more; {RECORD}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(per_row: &[(&str, f64)]) -> Table {
        let per_row = per_row.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
        Table { compiler: "rustc 1.95.0".to_owned(), per_row }
    }

    /// The line for a loop that was recorded with 100 instructions.
    fn line(counted: f64) -> String {
        table(&[("probe", 100.0)]).compare(&table(&[("probe", counted)]).per_row)[0].to_string()
    }

    #[test]
    fn a_table_survives_its_text() {
        let written = table(&[("probe, hits", 12.5), ("seal", 100.0)]);
        assert_eq!(Table::parse(&written.to_text()), Ok(written));
    }

    #[test]
    fn other_texts_are_no_tables() {
        for text in ["probe = 1", "compiler = rustc\nprobe = x", "compiler = rustc\nprobe = 0", "compiler = rustc\nprobe 1"] {
            assert!(Table::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn three_per_cent_pass_in_either_direction() {
        assert_eq!(line(102.9), "ok   probe: 102.9 instructions a row, recorded 100.0 (+2.9 %)");
        assert_eq!(line(97.1), "ok   probe: 97.1 instructions a row, recorded 100.0 (-2.9 %)");
    }

    #[test]
    fn more_than_that_fails_in_either_direction() {
        for counted in [103.1, 96.9] {
            let line = line(counted);
            assert!(line.starts_with(&format!("FAIL probe: {counted} instructions a row, recorded 100.0")), "{line}");
            assert!(line.ends_with(RECORD), "{line}");
        }
    }

    #[test]
    fn every_loop_is_recorded_and_every_record_is_a_loop() {
        let verdicts = table(&[("gone", 1.0)]).compare(&table(&[("new", 2.0)]).per_row);
        assert_eq!(verdicts, [Verdict::NoLoop { name: "gone".to_owned() }, Verdict::NotRecorded { name: "new".to_owned(), counted: 2.0 }]);
        assert!(verdicts.iter().all(|it| !it.is_well() && it.to_string().starts_with("FAIL ")));
    }
}
