//! How rows that stayed in doubt are sent again where none can be read back.
//!
//! Counts prove a file as a whole or not at all, so that one refused row keeps every row of its file in doubt. Those rows are sent again in
//! files of a tenth, apart from rows that are not in doubt: nine tenths and more are confirmed by each round, until only files of a hundred
//! rows that hold a refused one are left. Each round is a plan of its own.

use std::cmp::Reverse;

use outflow_domain::{OpenPart, PartStage, RunId};

use crate::parts::ROWS_MAX;

/// Rounds that one run adds to its first: from the largest file there is to one of a hundred rows.
pub(crate) const ROUNDS_MAX: usize = 4;

/// How small the files become, and how many of them one run imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// A file of so many rows is not made smaller.
    pub rows_min: u32,
    /// Files that one run makes smaller, over all of its rounds. Rows beyond them go in files as large as any other, and are in turn later.
    pub files_max: u32,
}

impl Default for Split {
    /// A hundred rows are few enough for a person to look through. One bad row in a million takes forty-odd files to be found among them.
    fn default() -> Self {
        Self { rows_min: 100, files_max: 50 }
    }
}

impl Split {
    /// What is left of it after a round that made so many files.
    pub(crate) const fn after(self, files: u32) -> Self {
        Self { files_max: self.files_max.saturating_sub(files), ..self }
    }

    /// Most rows of a file for the rows of each doubt, given how many those are. The largest come first: most is won there.
    fn sizes(self, doubts: &[u64]) -> Vec<u32> {
        let mut order: Vec<usize> = (0..doubts.len()).collect();
        order.sort_by_key(|&it| Reverse(doubts[it]));
        let mut sizes = vec![ROWS_MAX; doubts.len()];
        let mut left = u64::from(self.files_max);
        for at in order {
            let size = (doubts[at] / 10).max(u64::from(self.rows_min)).clamp(1, u64::from(ROWS_MAX));
            let files = doubts[at].div_ceil(size);
            if files <= left {
                (sizes[at], left) = (size as u32, left - files);
            }
        }
        sizes
    }

    /// Whether a further round would make smaller what this run has left in doubt.
    pub(crate) fn goes_on(self, parts: &[OpenPart], run: &RunId) -> bool {
        let settled: Vec<&OpenPart> = parts.iter().filter(|it| is_split(it)).collect();
        let doubts: Vec<u64> = settled.iter().map(|it| rows_in_doubt(it)).collect();
        let mut sizes = settled.into_iter().zip(&doubts).zip(self.sizes(&doubts));
        sizes.any(|((part, &rows), size)| part.run == *run && u64::from(size) < rows)
    }
}

/// Whether the part's rows in doubt go in files of their own: nobody can tell more about them, and its import has ended.
fn is_split(part: &OpenPart) -> bool {
    // Counts never prove a file that only updates, however small.
    matches!(part.stage, PartStage::Unresolved)
        && !part.is_abandoned
        && part.doubt.is_some()
        && !part.plan.is_of_exits
        && !part.plan.is_of_deletes
}

fn rows_in_doubt(part: &OpenPart) -> u64 {
    part.doubt.as_ref().map_or(0, |it| it.entries)
}

/// How large files become: rows in doubt that smaller files can tell apart go in such, and so apart from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    rows_max: Vec<u32>,
}

impl Sizes {
    /// The size of files for rows that are not in doubt, or whose doubt smaller files cannot end.
    pub const USUAL: usize = 0;

    /// The sizes that the parts' doubts ask for, and for each part its own.
    pub fn of(parts: &[&OpenPart], split: Split) -> (Self, Vec<usize>) {
        let doubts: Vec<u64> = parts.iter().map(|it| if is_split(it) { rows_in_doubt(it) } else { 0 }).collect();
        let sizes = split.sizes(&doubts);
        let mut distinct: Vec<u32> = sizes.iter().zip(parts).filter(|(_, part)| is_split(part)).map(|(&size, _)| size).collect();
        distinct.sort_unstable();
        distinct.dedup();
        let of_part = |(part, size): (&&OpenPart, &u32)| match distinct.binary_search(size) {
            Ok(at) if is_split(part) => at + 1,
            _ => Self::USUAL,
        };
        let of_parts = parts.iter().zip(&sizes).map(of_part).collect();
        (Self { rows_max: [&[ROWS_MAX], distinct.as_slice()].concat() }, of_parts)
    }

    /// The number of a lane, counted so that those of a further column set follow those of the ones before.
    pub const fn number(&self, lane: Lane) -> usize {
        lane.columns * self.rows_max.len() + lane.size
    }

    /// The lane of that number.
    pub const fn lane(&self, number: usize) -> Lane {
        let sizes = self.rows_max.len();
        Lane { size: number % sizes, columns: number / sizes }
    }

    /// Most rows of a file of that size.
    pub fn rows_max(&self, size: usize) -> u32 {
        self.rows_max[size]
    }
}

/// What rows have in common that may travel in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    /// How large their files are, by number: see [`Sizes`].
    pub size: usize,
    /// Which columns they have, by number: see [`crate::column_sets::ColumnSets`].
    pub columns: usize,
}

impl Lane {
    /// Whether its rows were left in doubt by earlier parts.
    pub const fn is_of_doubt(self) -> bool {
        self.size != Sizes::USUAL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(doubts: &[u64], files_max: u32, sizes: &[u32]) {
        assert_eq!(Split { files_max, ..Split::default() }.sizes(doubts), sizes, "{doubts:?}");
    }

    #[test]
    fn a_tenth_but_not_less_than_a_hundred() {
        check(&[1_000_000], 50, &[100_000]);
        check(&[1001], 50, &[100]);
        check(&[1990], 50, &[199]);
        check(&[100], 50, &[100]);
        check(&[1], 50, &[100]);
    }

    #[test]
    fn the_largest_are_split_first_and_the_rest_is_not() {
        check(&[300, 5000, 7000], 20, &[ROWS_MAX, 500, 700]);
        check(&[300, 5000, 7000], 23, &[100, 500, 700]);
    }

    #[test]
    fn without_files_to_spend_nothing_is_split() {
        check(&[5000, 1], 0, &[ROWS_MAX, ROWS_MAX]);
    }

    #[test]
    fn each_size_of_each_column_set_is_a_lane_of_its_own() {
        let sizes = Sizes { rows_max: vec![ROWS_MAX, 100, 700] };
        let lanes = (0..3).flat_map(|columns| (0..3).map(move |size| Lane { size, columns }));
        for (number, lane) in lanes.enumerate() {
            assert_eq!((sizes.number(lane), sizes.lane(number)), (number, lane));
        }
    }

    #[test]
    fn one_bad_row_in_a_million_is_found_within_a_run() {
        let (mut left, mut rows, mut rounds) = (Split::default(), 1_000_000, 0);
        while rows > 100 {
            let size = left.sizes(&[rows])[0];
            left = left.after(rows.div_ceil(u64::from(size)) as u32);
            (rows, rounds) = (u64::from(size), rounds + 1);
        }
        assert_eq!((rounds, left.files_max), (ROUNDS_MAX, 10));
    }
}
