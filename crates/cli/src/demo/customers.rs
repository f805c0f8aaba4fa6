//! A model of customers in Parquet, made up from their numbers.

use std::{fs::File, path::Path, sync::Arc};

use arrow_array::{ArrayRef, Date32Array, Decimal128Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;

const FIRST_NAMES: [&str; 16] = [
    "Ada",
    "Grace",
    "José",
    "Zoë",
    "Mehmet",
    "Anaïs",
    "Lê",
    "Łukasz",
    "Noor",
    "Ingrid",
    "Søren",
    "Yuki",
    "Chidi",
    "Maria",
    "Oleksandr",
    "Émile",
];
const LAST_NAMES: [&str; 12] =
    ["Lovelace", "Hopper", "García", "O'Neill", "Yılmaz", "Müller", "Nguyễn", "Nowak", "Haddad", "Larsen", "Sato", "Okafor"];
const TIERS: [&str; 4] = ["bronze", "silver", "gold", "platinum"];

/// How the model differs from its beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// Customers with other points.
    pub changed: u32,
    /// New customers.
    pub joined: u32,
    /// Customers that are gone.
    pub left: u32,
    /// Whether one customer has an address that only Marketing Cloud can tell to be bad.
    pub bad_address: bool,
}

/// Customers, by number.
pub struct Customers<'c> {
    /// How many there are at the beginning.
    pub count: u32,
    /// What has changed since.
    pub change: &'c Change,
}

/// The key of a customer: digits that must keep their leading zeros.
pub fn key(number: u32) -> String {
    format!("{number:08}")
}

/// Numbers that look like chance and are the same everywhere.
const fn mixed(number: u32) -> u32 {
    let mixed = number.wrapping_mul(2_654_435_761);
    mixed ^ (mixed >> 15)
}

impl Customers<'_> {
    /// Writes the model.
    pub fn write(&self, path: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let schema = Arc::new(Schema::new(vec![
            Field::new("customer_id", DataType::Utf8, false),
            Field::new("email", DataType::Utf8, true),
            Field::new("first_name", DataType::Utf8, true),
            Field::new("points", DataType::Int32, true),
            Field::new("born", DataType::Date32, true),
            Field::new("tier", DataType::Utf8, true),
            Field::new("lifetime_value", DataType::Decimal128(10, 2), true),
        ]));
        let mut writer = ArrowWriter::try_new(File::create(path)?, Arc::clone(&schema), None)?;
        let numbers: Vec<u32> = (self.change.left..self.count + self.change.joined).collect();
        for chunk in numbers.chunks(8192) {
            writer.write(&RecordBatch::try_new(Arc::clone(&schema), self.columns(chunk)?)?)?;
        }
        writer.close()?;
        Ok(())
    }

    fn columns(&self, numbers: &[u32]) -> Result<Vec<ArrayRef>, arrow_schema::ArrowError> {
        let of = |make: &dyn Fn(u32) -> String| -> ArrayRef { Arc::new(StringArray::from_iter_values(numbers.iter().map(|&it| make(it)))) };
        let points = numbers.iter().map(|&it| (mixed(it) % 5_000 + u32::from(self.has_changed(it)) * 10) as i32);
        // One in twenty has not told a birthday.
        let born = numbers.iter().map(|&it| (!it.is_multiple_of(20)).then(|| (mixed(it ^ 77) % 25_000) as i32 - 5_000));
        let value = numbers.iter().map(|&it| i128::from(mixed(it ^ 99) % 1_000_000));
        Ok(vec![
            of(&key),
            of(&|it| self.email(it)),
            of(&|it| FIRST_NAMES[it as usize % FIRST_NAMES.len()].to_owned()),
            Arc::new(Int32Array::from_iter_values(points)),
            Arc::new(Date32Array::from_iter(born)),
            of(&|it| TIERS[mixed(it) as usize % TIERS.len()].to_owned()),
            Arc::new(Decimal128Array::from_iter_values(value).with_precision_and_scale(10, 2)?),
        ])
    }

    /// The changed ones lie behind those that left.
    const fn has_changed(&self, number: u32) -> bool {
        number >= self.change.left && number < self.change.left + self.change.changed
    }

    fn email(&self, number: u32) -> String {
        if self.change.bad_address && number == self.change.left + 3 {
            return "no.such.mailbox@example..com".to_owned();
        }
        let last = LAST_NAMES[mixed(number) as usize % LAST_NAMES.len()];
        let plain: String = last.chars().filter(char::is_ascii_alphabetic).collect();
        format!("{}.{number}@example.com", plain.to_lowercase())
    }
}
