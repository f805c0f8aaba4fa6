//! The files that travel: written for the service's import, read again by ourselves.
//!
//! One dialect: UTF-8 without byte order mark, `,` between cells, LF after every record (decision 0003), a header of exact field names. Text
//! stands in quotes, inner quotes doubled, so that leading zeros, blanks at the ends, commas and line breaks arrive as they are. A blank is
//! nothing at all between two commas. Numbers, dates and booleans stand without quotes.

mod read;
mod write;

pub use read::{CsvFile, CsvRow, TornCsv, leading_cells};
pub use write::CsvEncoder;
