//! Batches of a source become rows in the destination's types.

use std::{iter::repeat_n, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_cast::display::array_value_to_string;
use arrow_schema::Schema;
use outflow_domain::{
    CellProblem, FieldType, MappedField, Mapping, ModelType, WhenNull, field_type::TEXT_UNITS_MAX, verdict::KEY_UNITS_MAX,
};

use crate::{
    batch::{CanonicalBatch, CanonicalColumn, RowProblem},
    convert::{Problems, convert},
    folding::trim_end,
    kept::{KeptBlanks, each_blank, keepable_fields},
    mask::mask,
    model::model_type,
    text::{TextColumn, email_problem, is_plain_address, is_suspect, is_unprintable, utf16_units, with_texts},
    wall_clock::WallClock,
};

/// Converts the batches of one source to the types of one destination.
#[derive(Clone, Debug)]
pub struct Canonicalizer {
    fields: Vec<FieldPlan>,
    keys: usize,
    /// Positions of the fields that a blank leaves as they are.
    keepable: Vec<usize>,
    /// Whether key columns could be longer together than the service's index takes, although each fits its field.
    keys_may_be_too_long: bool,
}

/// How one field is filled.
#[derive(Clone, Debug)]
struct FieldPlan {
    field_type: FieldType,
    round: Option<u8>,
    clock: Option<Arc<WallClock>>,
    from: Filled,
    is_key: bool,
    /// What is wrong with a row that is blank here, if anything.
    when_blank: Option<CellProblem>,
    length: Length,
}

/// What fills a field.
#[derive(Clone, Debug)]
enum Filled {
    /// A column of the batch, by its position.
    Column(usize),
    /// This text in every row, as a flag does; and the longest text that the field is to have in any.
    Constant { text: String, units_longest: u32 },
}

/// How long the texts of a field may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// As long as the field takes.
    Fixed { units_max: u32 },
    /// As long as any field takes: this one is made longer where a text asks for it.
    MayGrow { from: u32 },
    /// Yet to be created with a length that its texts decide.
    Open { units_max: u32 },
}

/// Why batches of a schema cannot fill a mapping that was checked against the model before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitBatch {
    /// A mapped column is not there.
    #[error("the model's rows have no column `{column}` any more, which is mapped to `{field}`; has the query or its tables changed?")]
    MissingColumn {
        /// The column.
        column: String,
        /// The field it fills.
        field: String,
    },
    /// A column has another type, which would be converted in another way or not at all.
    #[error(
        "column `{column}` was {wanted} when the mapping was checked and is {found} in the model's rows; cast it in the model, so that it is always the same"
    )]
    TypeChanged {
        /// The column.
        column: String,
        /// Its type then.
        wanted: String,
        /// Its type now.
        found: String,
    },
    /// The activation's zone is not one.
    #[error("there is no time zone `{zone}`; use an IANA name such as `Europe/Paris`")]
    NoSuchTimeZone {
        /// The zone.
        zone: String,
    },
}

impl Canonicalizer {
    /// Prepares the conversion of batches of `schema`.
    ///
    /// # Errors
    /// [`UnfitBatch`] where the schema is not that of the model the mapping was checked against.
    pub fn new(mapping: &Mapping, schema: &Schema) -> Result<Self, UnfitBatch> {
        Self::of(mapping, mapping.fields(), schema)
    }

    /// Prepares the conversion of keys alone: batches have no values, and need no other columns.
    ///
    /// # Errors
    /// As [`Canonicalizer::new`].
    pub fn of_keys(mapping: &Mapping, schema: &Schema) -> Result<Self, UnfitBatch> {
        Self::of(mapping, mapping.keys().iter(), schema)
    }

    /// Prepares the conversion of the mapping's flag alone, which needs no column of a batch; `None` where there is none.
    pub(crate) fn of_flag(mapping: &Mapping) -> Option<Self> {
        let field = mapping.values().iter().find(|it| it.flag.is_some())?;
        let clock = mapping.time_zone().and_then(WallClock::of).map(Arc::new);
        let plan = FieldPlan::new(field, false, clock, &Schema::empty()).ok()?;
        Some(Self { fields: vec![plan], keys: 0, keepable: Vec::new(), keys_may_be_too_long: false })
    }

    fn of<'m>(mapping: &Mapping, fields: impl Iterator<Item = &'m MappedField>, schema: &Schema) -> Result<Self, UnfitBatch> {
        let clock = match mapping.time_zone() {
            Some(zone) => Some(Arc::new(WallClock::of(zone).ok_or_else(|| UnfitBatch::NoSuchTimeZone { zone: zone.to_owned() })?)),
            None => None,
        };
        let keys = mapping.keys().len();
        let plan = |(at, field): (usize, &MappedField)| FieldPlan::new(field, at < keys, clock.clone(), schema);
        let fields = fields.enumerate().map(plan).collect::<Result<Vec<_>, _>>()?;
        let key_units_max = mapping.keys().iter().filter(|it| it.field_type.is_text_like());
        let key_units_max = key_units_max.map(|it| it.field_type.units_max().unwrap_or(u32::MAX)).fold(0, u32::saturating_add);
        // Without its values, a row leaves none of them as they are.
        let keepable = if fields.len() > keys { keepable_fields(mapping) } else { Vec::new() };
        Ok(Self { fields, keys, keepable, keys_may_be_too_long: key_units_max > KEY_UNITS_MAX })
    }

    /// Converts a batch: each mapped column once, with a verdict on each cell.
    ///
    /// Columns of text are shared with the batch, as are numbers, decimals and booleans that have the field's type already.
    ///
    /// # Panics
    /// If the batch has fewer columns than the schema it was made for.
    #[must_use]
    pub fn canonicalize(&self, batch: &RecordBatch) -> CanonicalBatch {
        let mut problems = Vec::new();
        let mut longest = LongestText::default();
        let mut columns = Vec::with_capacity(self.fields.len());
        for (at, plan) in self.fields.iter().enumerate() {
            let mut verdicts = Problems::of_field(at as u16, &mut problems);
            let column = convert(&plan.array(batch), plan.field_type, plan.round, plan.clock.as_deref(), &mut verdicts);
            plan.check_blanks(&column, batch.num_rows(), &mut verdicts);
            if let CanonicalColumn::Text(texts) = &column {
                let units_longest = plan.check_texts(texts, &mut verdicts);
                if units_longest > 0 || matches!(plan.length, Length::Open { .. }) {
                    longest.see(at as u16, units_longest);
                }
            }
            columns.push(column);
        }
        if self.keys_may_be_too_long {
            check_key_lengths(&columns[..self.keys], batch.num_rows(), &mut Problems::of_field(0, &mut problems));
        }
        // Stable, so that of several problems of a cell the first one found is told.
        problems.sort_by_key(|it| (it.row, it.field));
        problems.dedup_by_key(|it| (it.row, it.field));
        let kept = KeptBlanks::of_columns(&columns, &self.keepable, batch.num_rows());
        CanonicalBatch { rows: batch.num_rows(), keys: self.keys, columns, problems, longest, kept }
    }

    /// The source's value of a cell with a problem, masked for a report.
    ///
    /// # Panics
    /// If the batch is not the one that the problem was found in.
    #[must_use]
    pub fn masked_example(&self, batch: &RecordBatch, problem: &RowProblem) -> String {
        let column = self.fields[usize::from(problem.field)].array(batch);
        array_value_to_string(&column, problem.row as usize).map_or_else(|_| String::from("?"), |it| mask(&it))
    }
}

impl FieldPlan {
    fn new(mapped: &MappedField, is_key: bool, clock: Option<Arc<WallClock>>, schema: &Schema) -> Result<Self, UnfitBatch> {
        let from = match &mapped.flag {
            Some(flag) => {
                let units = [&flag.present, &flag.value].map(|it| utf16_units(it.as_bytes()));
                Filled::Constant { text: flag.present.clone(), units_longest: units[0].max(units[1]) }
            }
            None => Filled::Column(Self::column(mapped, schema)?),
        };
        let length = match (mapped.field_type, mapped.field_type.units_max().unwrap_or(u32::MAX)) {
            (FieldType::Text { .. }, units_max) if mapped.field_id.is_none() => Length::Open { units_max },
            (FieldType::Text { .. }, from) if mapped.may_widen => Length::MayGrow { from },
            (_, units_max) => Length::Fixed { units_max },
        };
        let when_blank = match mapped {
            _ if is_key => Some(CellProblem::NullKey),
            MappedField { when_null: WhenNull::SkipRow, .. } => Some(CellProblem::NullSkipsRow),
            // Whether a required field may be left out is the row's business: it may be there already.
            MappedField { when_null: WhenNull::Clear, is_required: true, .. } => Some(CellProblem::NullRequired),
            _ => None,
        };
        let (field_type, round) = (mapped.field_type, mapped.round);
        Ok(Self { field_type, round, clock, from, is_key, when_blank, length })
    }

    /// The position of the column that fills a field.
    fn column(mapped: &MappedField, schema: &Schema) -> Result<usize, UnfitBatch> {
        let missing = || UnfitBatch::MissingColumn { column: mapped.column.clone(), field: mapped.field.to_string() };
        let (column, found) = schema.column_with_name(&mapped.column).ok_or_else(missing)?;
        let found = model_type(found.data_type());
        if !found.can_become(mapped.field_type) || is_instant(&found) != is_instant(&mapped.model_type) {
            let (wanted, found) = (mapped.model_type.for_people(), found.for_people());
            return Err(UnfitBatch::TypeChanged { column: mapped.column.clone(), wanted, found });
        }
        Ok(column)
    }

    /// What fills the field in the rows of a batch.
    fn array(&self, batch: &RecordBatch) -> ArrayRef {
        match &self.from {
            Filled::Column(column) => Arc::clone(batch.column(*column)),
            Filled::Constant { text, .. } => Arc::new(StringArray::from_iter_values(repeat_n(text, batch.num_rows()))),
        }
    }

    fn check_blanks(&self, column: &CanonicalColumn, rows: usize, problems: &mut Problems<'_>) {
        let Some(problem) = self.when_blank else { return };
        // A cell that could not be converted counts as blank too, and its own problem was pushed before.
        match column {
            // A key of spaces alone is the empty key, since trailing spaces do not count.
            CanonicalColumn::Text(texts) if self.is_key => {
                with_texts!(texts, text => problems.push_where(rows, problem, |row| trim_end(text(row)).is_empty()));
            }
            _ => each_blank(column, rows, |row| problems.push(row, problem)),
        }
    }

    /// Checks a column of text; gives the UTF-16 units that [`LongestText`] tells of the field, 0 for none.
    fn check_texts(&self, texts: &TextColumn, problems: &mut Problems<'_>) -> u32 {
        let rows = texts.rows();
        let (units_max, worth_counting) = match self.length {
            Length::Fixed { units_max } => (units_max, units_max),
            Length::MayGrow { from } => (TEXT_UNITS_MAX, from),
            Length::Open { units_max } => (units_max, 0),
        };
        let (mut units_longest, mut units_too_long) = (0, 0);
        // UTF-8 never has fewer bytes than UTF-16 has units, so most texts are judged by their length in bytes.
        // One look at each text finds those that deserve a closer one.
        macro_rules! look {
            ($is_suspect:expr, $look_closer:expr) => {
                with_texts!(texts, text => for row in 0..rows {
                    let text = text(row);
                    if $is_suspect(text) {
                        $look_closer(row, text, problems);
                    }
                    if text.len() > units_longest.max(worth_counting) as usize {
                        match utf16_units(text) {
                            units if units > units_max => {
                                units_too_long = units_too_long.max(units);
                                problems.push(row, CellProblem::TooLong);
                            }
                            units => units_longest = units_longest.max(units),
                        }
                    }
                })
            };
        }
        if self.field_type == FieldType::EmailAddress {
            // A plain address has nothing odd either.
            look!(|text| !is_plain_address(text), look_closer_at_address);
        } else if texts.may_be_unprintable() {
            look!(is_suspect, look_closer);
        } else {
            look!(|_: &[u8]| false, |_, _: &[u8], _: &mut Problems<'_>| ());
        }
        match self.length {
            Length::Fixed { .. } => units_too_long,
            Length::MayGrow { from } if units_longest <= from => 0,
            Length::MayGrow { .. } | Length::Open { .. } => match &self.from {
                Filled::Constant { units_longest: of_either, .. } => units_longest.max(*of_either),
                Filled::Column(_) => units_longest,
            },
        }
    }
}

fn look_closer(row: usize, text: &[u8], problems: &mut Problems<'_>) {
    if is_unprintable(text) {
        problems.push(row, CellProblem::Unprintable);
    }
}

fn look_closer_at_address(row: usize, text: &[u8], problems: &mut Problems<'_>) {
    look_closer(row, text, problems);
    if let Some(problem) = (!text.is_empty()).then(|| email_problem(text)).flatten() {
        problems.push(row, problem);
    }
}

fn is_instant(model_type: &ModelType) -> bool {
    matches!(model_type, ModelType::Timestamp { zoned: true })
}

/// All parts of a key stand in one index entry, which has an end.
fn check_key_lengths(keys: &[CanonicalColumn], rows: usize, problems: &mut Problems<'_>) {
    let mut bytes = vec![0_usize; rows];
    let texts = || keys.iter().filter_map(|it| if let CanonicalColumn::Text(texts) = it { Some(texts) } else { None });
    for column in texts() {
        with_texts!(column, text => bytes.iter_mut().enumerate().for_each(|(row, sum)| *sum += text(row).len()));
    }
    let limit = KEY_UNITS_MAX as usize;
    problems.push_where(rows, CellProblem::KeyTooLong, |row| {
        bytes[row] > limit && texts().map(|it| utf16_units(it.get(row).as_bytes()) as usize).sum::<usize>() > limit
    });
}

/// The longest text of each column yet to be created, and of each field that takes shorter ones only, in UTF-16 code units. Batches may be
/// merged in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LongestText(Vec<(u16, u32)>);

impl LongestText {
    /// Takes in that a text of `units` was seen in a field, by its position in `Mapping::fields`.
    pub fn see(&mut self, field: u16, units: u32) {
        match self.0.binary_search_by_key(&field, |it| it.0) {
            Ok(at) => self.0[at].1 = self.0[at].1.max(units),
            Err(at) => self.0.insert(at, (field, units)),
        }
    }

    /// Takes in what was seen elsewhere.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(field, units)| self.see(field, units));
    }

    /// Each field that is yet to be created, with the UTF-16 units of its longest text that the service could keep, 0 where all are blank;
    /// and each field that would have to be longer, with the units of its longest text: only those that the service could keep where it may
    /// be made longer.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        self.0.iter().copied()
    }
}
