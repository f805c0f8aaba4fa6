//! Columns of a model, in words of our own, so that rules need no Arrow.

use serde::{Deserialize, Serialize};

/// The type of a model's column.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ModelType {
    /// Text of any length.
    Text,
    /// A whole number.
    Integer,
    /// An exact decimal.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point; a negative one means zeros before it.
        scale: i8,
    },
    /// A binary floating-point number.
    Float,
    /// True or false.
    Boolean,
    /// A day without time.
    Date,
    /// A date with time, with or without a zone.
    Timestamp {
        /// Whether the values are instants; otherwise they are readings of a wall clock.
        zoned: bool,
    },
    /// A type that no field takes, named as the source names it.
    Other {
        /// The source's name of the type.
        name: String,
    },
}

/// A column of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelColumn {
    /// Its name, as the source spells it.
    pub name: String,
    /// Its type.
    #[serde(rename = "kind")]
    pub model_type: ModelType,
}

impl ModelColumn {
    /// The column of that name: spelled just so, or else the only one that differs in case alone.
    #[must_use]
    pub fn find<'m>(model: &'m [Self], name: &str) -> Option<&'m Self> {
        model.iter().find(|it| it.name == name).or_else(|| {
            let mut folded = model.iter().filter(|it| it.name.eq_ignore_ascii_case(name));
            folded.next().filter(|_| folded.next().is_none())
        })
    }
}
