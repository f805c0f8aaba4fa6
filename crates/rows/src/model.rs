//! Arrow's types in the domain's words.

use arrow_schema::{DataType, Schema};
use outflow_domain::{ModelColumn, ModelType};

/// The columns of a model, as its rows will come.
#[must_use]
pub fn model_columns(schema: &Schema) -> Vec<ModelColumn> {
    let columns = schema.fields().iter();
    columns.map(|it| ModelColumn { name: it.name().clone(), model_type: model_type(it.data_type()) }).collect()
}

/// The domain's word for an Arrow type. A column without type (all null) counts as text.
#[must_use]
pub fn model_type(data_type: &DataType) -> ModelType {
    match data_type {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ModelType::Text,
        DataType::Dictionary(_, values) => model_type(values),
        integer if integer.is_integer() => ModelType::Integer,
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => ModelType::Decimal { precision: *precision, scale: *scale },
        float if float.is_floating() => ModelType::Float,
        DataType::Boolean => ModelType::Boolean,
        DataType::Date32 | DataType::Date64 => ModelType::Date,
        DataType::Timestamp(_, zone) => ModelType::Timestamp { zoned: zone.is_some() },
        other => ModelType::Other { name: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use arrow_schema::TimeUnit;

    use super::*;

    #[track_caller]
    fn check(data_type: DataType, wanted: ModelType) {
        assert_eq!(model_type(&data_type), wanted, "{data_type}");
    }

    #[test]
    fn every_text_is_text() {
        for text in [DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View, DataType::Null] {
            check(text.clone(), ModelType::Text);
            check(DataType::Dictionary(Box::new(DataType::UInt8), Box::new(text)), ModelType::Text);
        }
    }

    #[test]
    fn every_whole_number_is_an_integer() {
        use DataType::{Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
        for integer in [Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64] {
            check(integer, ModelType::Integer);
        }
    }

    #[test]
    fn decimals_keep_precision_and_scale() {
        check(DataType::Decimal128(12, 2), ModelType::Decimal { precision: 12, scale: 2 });
        check(DataType::Decimal256(76, -3), ModelType::Decimal { precision: 76, scale: -3 });
    }

    #[test]
    fn a_timestamp_is_zoned_or_not() {
        check(DataType::Timestamp(TimeUnit::Nanosecond, None), ModelType::Timestamp { zoned: false });
        check(DataType::Timestamp(TimeUnit::Second, Some("+01:00".into())), ModelType::Timestamp { zoned: true });
    }

    #[test]
    fn dates_floats_and_booleans() {
        check(DataType::Date32, ModelType::Date);
        check(DataType::Date64, ModelType::Date);
        check(DataType::Float32, ModelType::Float);
        check(DataType::Boolean, ModelType::Boolean);
    }

    #[test]
    fn anything_else_is_named() {
        assert!(matches!(model_type(&DataType::Binary), ModelType::Other { name } if name == "Binary"));
    }
}
