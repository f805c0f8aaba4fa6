//! Arrow batches become canonical values, verdicts, fingerprints and CSV.
//!
//! A [`RecordBatch`](arrow_array::RecordBatch) is converted *once*, on whole columns, to the destination's types: [`Canonicalizer`] makes a
//! [`CanonicalBatch`]. Fingerprints ([`fingerprints`]), verdicts ([`CanonicalBatch::problems`]) and CSV ([`CsvEncoder`]) read only that, so
//! that they cannot disagree about a value. What the service tells of its rows takes the other road to the same values: [`ReadBack`].
//!
//! Everything is a plain function: no I/O, no async, no clock. This is the hot loop of a run, so nothing is allocated per cell.
//!
//! The property that all of this serves: canonical(read back(write(v))) = canonical(v).

mod batch;
mod canonicalizer;
mod convert;
mod csv;
mod date;
mod decimal;
mod encoding;
mod fingerprints;
mod flag;
mod folding;
mod kept;
mod mask;
mod model;
mod read_back;
mod scheme;
mod sip;
mod text;
mod wall_clock;
mod warnings;
mod wide;

pub use batch::{CanonicalBatch, CanonicalColumn, Cell, DateColumn, DateKinds, DecimalColumn, FixedColumn, RowProblem};
pub use canonicalizer::{Canonicalizer, LongestText, UnfitBatch};
pub use csv::{CsvEncoder, CsvFile, CsvRow, TornCsv, leading_cells};
pub use date::{DateKind, DateValue, SERVER_OFFSET_SECONDS, parse_date, parse_service_date};
pub use decimal::parse_decimal;
pub use fingerprints::{fingerprints, key_fingerprints, value_fingerprints};
pub use flag::{FlagCell, flag_problem};
pub use folding::{FOLDING_VERSION, fold_char, fold_text};
pub use kept::{KeptFields, keepable_fields};
pub use mask::mask;
pub use model::{model_columns, model_type};
pub use read_back::{ReadBack, UnreadableRow};
pub use scheme::{SCHEME, Scheme, keys_digest, mapping_digest};
pub use text::{TextColumn, utf16_units};
pub use warnings::WarningRules;
pub use wide::wide_keys;
