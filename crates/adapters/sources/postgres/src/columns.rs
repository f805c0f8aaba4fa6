//! Which PostgreSQL type becomes which Arrow type, and what the server must cast for us.

use arrow_schema::{DataType, Field, TimeUnit};
use tokio_postgres::{
    Column,
    types::{Kind, Type},
};

/// How the bytes of a column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Int16,
    Int32,
    Int64,
    /// `oid`: unsigned 32 bits.
    Oid,
    Float32,
    Float64,
    Boolean,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Date,
    Timestamp {
        with_zone: bool,
    },
    /// The bytes are the text.
    Text,
    /// As [`Form::Text`], padded with spaces to the declared length.
    PaddedText,
    /// One byte of version, then the text.
    Jsonb,
    Uuid,
    /// The server casts to text first, since the binary form is not ours to know.
    CastToText,
}

impl Form {
    /// The form of `column`, if its type is supported.
    pub fn of(column: &Column) -> Option<Self> {
        Self::of_type(column.type_(), column.type_modifier())
    }

    fn of_type(type_: &Type, modifier: i32) -> Option<Self> {
        Some(match *type_ {
            Type::INT2 => Self::Int16,
            Type::INT4 => Self::Int32,
            Type::INT8 => Self::Int64,
            Type::OID => Self::Oid,
            Type::FLOAT4 => Self::Float32,
            Type::FLOAT8 => Self::Float64,
            Type::BOOL => Self::Boolean,
            Type::NUMERIC => declared_decimal(modifier).unwrap_or(Self::CastToText),
            Type::DATE => Self::Date,
            Type::TIMESTAMP => Self::Timestamp { with_zone: false },
            Type::TIMESTAMPTZ => Self::Timestamp { with_zone: true },
            Type::TEXT | Type::VARCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => Self::Text,
            Type::BPCHAR => Self::PaddedText,
            Type::JSONB => Self::Jsonb,
            Type::UUID => Self::Uuid,
            Type::CHAR
            | Type::TIME
            | Type::TIMETZ
            | Type::INTERVAL
            | Type::INET
            | Type::CIDR
            | Type::MACADDR
            | Type::MACADDR8
            | Type::BIT
            | Type::VARBIT
            | Type::MONEY
            | Type::XML
            | Type::JSONPATH => Self::CastToText,
            _ => return Self::of_kind(type_),
        })
    }

    fn of_kind(type_: &Type) -> Option<Self> {
        match type_.kind() {
            Kind::Enum(_) => Some(Self::Text),
            Kind::Domain(base) => Self::of_type(base, -1),
            Kind::Array(item) | Kind::Range(item) | Kind::Multirange(item) => Self::of_type(item, -1).map(|_| Self::CastToText),
            Kind::Simple if type_.name() == "citext" => Some(Self::Text),
            _ => None,
        }
    }

    /// The Arrow type it is decoded to.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Int16 => DataType::Int16,
            Self::Int32 => DataType::Int32,
            Self::Int64 | Self::Oid => DataType::Int64,
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Decimal { precision, scale } => DataType::Decimal128(precision, scale.cast_signed()),
            Self::Date => DataType::Date32,
            Self::Timestamp { with_zone } => DataType::Timestamp(TimeUnit::Microsecond, with_zone.then(|| "UTC".into())),
            Self::Text | Self::PaddedText | Self::Jsonb | Self::Uuid | Self::CastToText => DataType::Utf8,
        }
    }

    /// The Arrow field of a column; a query never tells whether nulls may occur.
    pub fn field(self, name: &str) -> Field {
        Field::new(name, self.data_type(), true)
    }
}

/// The decimal that a type modifier of `numeric` declares, where Arrow has it.
///
/// The modifier is `((precision << 16) | (scale & 0x7ff)) + 4`, scale being signed in 11 bits since PostgreSQL 15
/// (`make_numeric_typmod` in `numeric.c`).
fn declared_decimal(modifier: i32) -> Option<Form> {
    let packed = modifier.checked_sub(4).filter(|it| 0 <= *it)?;
    let precision = u8::try_from((packed >> 16) & 0xffff).ok().filter(|it| (1..=38).contains(it))?;
    let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
    let scale = u8::try_from(scale).ok().filter(|it| *it <= precision)?;
    Some(Form::Decimal { precision, scale })
}

#[cfg(test)]
mod tests {
    use tokio_postgres::types::Type;

    use super::{Form, declared_decimal};

    fn modifier(precision: i32, scale: i32) -> i32 {
        ((precision << 16) | (scale & 0x7ff)) + 4
    }

    #[test]
    fn a_declared_numeric_that_arrow_has_is_a_decimal() {
        assert_eq!(declared_decimal(modifier(12, 2)), Some(Form::Decimal { precision: 12, scale: 2 }));
        assert_eq!(declared_decimal(modifier(38, 38)), Some(Form::Decimal { precision: 38, scale: 38 }));
    }

    #[test]
    fn every_other_numeric_is_text() {
        for odd in [-1, modifier(39, 2), modifier(5, -2), modifier(3, 5), modifier(1000, 0)] {
            assert_eq!(Form::of_type(&Type::NUMERIC, odd), Some(Form::CastToText), "modifier {odd}");
        }
    }

    #[test]
    fn arrays_and_ranges_are_text_if_their_items_are_supported() {
        assert_eq!(Form::of_type(&Type::TEXT_ARRAY, -1), Some(Form::CastToText));
        assert_eq!(Form::of_type(&Type::TSTZ_RANGE, -1), Some(Form::CastToText));
        assert_eq!(Form::of_type(&Type::BYTEA_ARRAY, -1), None);
    }

    #[test]
    fn binary_geometry_and_records_are_not_supported() {
        for type_ in [Type::BYTEA, Type::POINT, Type::RECORD, Type::TS_VECTOR] {
            assert_eq!(Form::of_type(&type_, -1), None, "{type_}");
        }
    }
}
