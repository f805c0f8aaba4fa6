//! Dates and dates with time, in whole seconds.

use arrow_array::{Array, cast::AsArray, types};
use arrow_schema::{DataType, TimeUnit};
use outflow_domain::CellProblem;

use super::{Problems, as_text, blanks, each, each_text, without};
use crate::{
    batch::{DateColumn, DateKinds, FixedColumn},
    date::{DateKind, is_in_range, parse_date},
    text::TextColumn,
    wall_clock::WallClock,
};

const DAY: i64 = 86_400;

/// Days, timestamps and texts.
///
/// A timestamp with zone is an instant. One without is a reading of a wall clock, and an instant where the activation names the clock.
pub(super) fn convert(array: &dyn Array, clock: Option<&WallClock>, problems: &mut Problems<'_>) -> DateColumn {
    if let Some(texts) = as_text(array) {
        return from_texts(&texts, clock, problems);
    }
    let Some((seconds, kind)) = plain(array, problems) else {
        return DateColumn { seconds: blanks(array, problems), kinds: DateKinds::All(DateKind::Day) };
    };
    match clock {
        Some(clock) if kind == DateKind::Wall => {
            DateColumn { seconds: moved_to_utc(seconds, clock, problems), kinds: DateKinds::All(DateKind::Instant) }
        }
        _ => DateColumn { seconds, kinds: DateKinds::All(kind) },
    }
}

/// The seconds of a column of dates or timestamps, as they stand.
pub(super) fn plain(array: &dyn Array, problems: &mut Problems<'_>) -> Option<(FixedColumn<i64>, DateKind)> {
    let kind = match array.data_type() {
        DataType::Date32 | DataType::Date64 => DateKind::Day,
        DataType::Timestamp(_, Some(_)) => DateKind::Instant,
        DataType::Timestamp(_, None) => DateKind::Wall,
        _ => return None,
    };
    let to_server_clock = kind.to_server_clock();
    let checked = |seconds: i64| match is_in_range(seconds.saturating_add(to_server_clock)) {
        true => Ok(seconds),
        false => Err(CellProblem::DateOutOfRange),
    };
    macro_rules! values {
        ($type:ty, $convert:expr) => {{
            let array = array.as_primitive::<$type>();
            each(array.values(), array.nulls(), problems, $convert)
        }};
    }
    // Rounding down drops parts of a second before 1970 too.
    let seconds = match array.data_type() {
        DataType::Date32 => values!(types::Date32Type, |it| checked(i64::from(it) * DAY)),
        DataType::Date64 => values!(types::Date64Type, |it| checked(it.div_euclid(DAY * 1000) * DAY)),
        DataType::Timestamp(TimeUnit::Second, _) => values!(types::TimestampSecondType, checked),
        DataType::Timestamp(TimeUnit::Millisecond, _) => values!(types::TimestampMillisecondType, |it| checked(it.div_euclid(1000))),
        DataType::Timestamp(TimeUnit::Microsecond, _) => values!(types::TimestampMicrosecondType, |it| checked(it.div_euclid(1_000_000))),
        _ => values!(types::TimestampNanosecondType, |it| checked(it.div_euclid(1_000_000_000))),
    };
    Some((seconds, kind))
}

fn moved_to_utc(walls: FixedColumn<i64>, clock: &WallClock, problems: &mut Problems<'_>) -> FixedColumn<i64> {
    let mut seconds = walls.values.to_vec();
    // What lies under a null was made 0 or is in range, so the clock can read it.
    clock.to_utc(&mut seconds);
    let nulls = walls.nulls.clone();
    let before = problems.found.len();
    for (row, second) in seconds.iter_mut().enumerate() {
        if !is_in_range(*second + DateKind::Instant.to_server_clock()) {
            if nulls.as_ref().is_none_or(|it| it.is_valid(row)) {
                problems.push(row, CellProblem::DateOutOfRange);
            }
            *second = 0;
        }
    }
    FixedColumn { nulls: without(walls.nulls, seconds.len(), &problems.found[before..]), values: seconds.into() }
}

fn from_texts(texts: &TextColumn, clock: Option<&WallClock>, problems: &mut Problems<'_>) -> DateColumn {
    let mut kinds = vec![DateKind::Day; texts.rows()];
    let mut kinds_found = Vec::with_capacity(texts.rows());
    let seconds = each_text(texts, problems, |text| {
        let value = parse_date(text)?;
        let mut seconds = [value.seconds];
        let mut kind = value.kind;
        if let Some(clock) = clock.filter(|_| kind == DateKind::Wall) {
            clock.to_utc(&mut seconds);
            kind = DateKind::Instant;
            if !is_in_range(seconds[0] + kind.to_server_clock()) {
                return Err(CellProblem::DateOutOfRange);
            }
        }
        kinds_found.push(kind);
        Ok(seconds[0])
    });
    // One kind was pushed for each row that is not blank, in their order.
    let mut next = kinds_found.into_iter();
    for (row, kind) in kinds.iter_mut().enumerate() {
        if seconds.get(row).is_some() {
            *kind = next.next().unwrap_or(DateKind::Day);
        }
    }
    DateColumn { seconds, kinds: DateKinds::Each(kinds) }
}
