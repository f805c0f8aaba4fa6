//! Mappings and batches in one line.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, RecordBatch};
use outflow_domain::{
    Activation, DataExtension, Field, FieldType, FieldWish, ImportRoute, InsertMode, Mapping, ObjectId, TableWish, WhenNull,
    activation::{IMPORT_DEADLINE_S, PART_BYTES_MAX},
};
use outflow_rows::{CanonicalBatch, Canonicalizer, CsvEncoder, model_columns};

pub const TEXT: FieldType = FieldType::Text { units_max: Some(50) };

/// A column of a model and the field it fills; both have the same name.
pub struct Column {
    pub field_type: FieldType,
    pub is_required: bool,
    pub array: ArrayRef,
}

pub fn column(field_type: FieldType, array: impl arrow_array::Array + 'static) -> Column {
    Column { field_type, is_required: false, array: Arc::new(array) }
}

/// A model with its mapping. Keys are named `k00`, `k01`, …, values `v00`, …, so that they keep their order.
pub struct Model {
    pub mapping: Mapping,
    pub batch: RecordBatch,
}

impl Model {
    pub fn of(keys: Vec<Column>, values: Vec<Column>) -> Self {
        Self::in_zone(keys, values, None)
    }

    /// One value column beside a key that numbers the rows.
    pub fn of_value(value: Column) -> Self {
        let rows = value.array.len() as i32;
        Self::of(vec![column(FieldType::Number, Int32Array::from_iter_values(0..rows))], vec![value])
    }

    pub fn in_zone(keys: Vec<Column>, values: Vec<Column>, time_zone: Option<&str>) -> Self {
        Self::build(keys, values, time_zone, false, false, None, &[])
    }

    /// Values are rounded.
    pub fn of_rounded(keys: Vec<Column>, values: Vec<Column>, round: u8) -> Self {
        Self::build(keys, values, None, false, false, Some(round), &[])
    }

    /// Fields of text may be made longer.
    pub fn of_widenable(keys: Vec<Column>, values: Vec<Column>) -> Self {
        Self::build(keys, values, None, false, true, None, &[])
    }

    /// The values are custom attributes, whose columns are yet to be created.
    pub fn of_custom_attributes(keys: Vec<Column>, values: Vec<Column>) -> Self {
        Self::build(keys, values, None, true, false, None, &[])
    }

    /// What blanks of each value do, by its position.
    pub fn of_blanks(keys: Vec<Column>, values: Vec<Column>, when_null: &[WhenNull]) -> Self {
        Self::build(keys, values, None, false, false, None, when_null)
    }

    fn build(
        keys: Vec<Column>,
        values: Vec<Column>,
        time_zone: Option<&str>,
        are_custom: bool,
        may_widen: bool,
        round: Option<u8>,
        when_null: &[WhenNull],
    ) -> Self {
        let names: Vec<String> =
            (0..keys.len()).map(|at| format!("k{at:02}")).chain((0..values.len()).map(|at| format!("v{at:02}"))).collect();
        let (key_names, value_names) = names.split_at(keys.len());
        let key_count = keys.len();
        let columns: Vec<Column> = keys.into_iter().chain(values).collect();
        let field = |(at, column): (usize, &Column)| Field {
            id: ObjectId(names[at].clone()),
            name: names[at].parse().unwrap(),
            field_type: column.field_type,
            is_required: column.is_required,
            is_primary_key: at < key_count,
            ordinal: at as u32,
            default: None,
        };
        let destination = DataExtension {
            id: ObjectId("people".into()),
            key: "people".parse().unwrap(),
            name: "people".into(),
            is_sendable: false,
            retention: None,
            fields: columns.iter().enumerate().filter(|(at, _)| !are_custom || *at < key_count).map(field).collect(),
        };
        let wishes = |names: &[String], round: Option<u8>| -> Vec<FieldWish> {
            let wish = |(at, name): (usize, &String)| {
                let when_null = when_null.get(at).copied();
                FieldWish { round, when_null, ..FieldWish::new(name.parse().unwrap(), name.as_str()) }
            };
            names.iter().enumerate().map(wish).collect()
        };
        let activation = Activation {
            name: "people".parse().unwrap(),
            data_extension: "people".parse().unwrap(),
            table: TableWish { may_widen, ..TableWish::default() },
            insert: InsertMode::InsertAndUpdate,
            primary_key: wishes(key_names, None),
            fields: if are_custom { vec![] } else { wishes(value_names, round) },
            custom_attributes: if are_custom { value_names.to_vec() } else { vec![] },
            on_exit: outflow_domain::OnExit::Keep,
            when_null: WhenNull::Clear,
            time_zone: time_zone.map(str::to_owned),
            import: ImportRoute::Auto,
            part_bytes_max: PART_BYTES_MAX,
            import_deadline_s: IMPORT_DEADLINE_S,
            guards: outflow_domain::Guards::default(),
        };
        let arrays = names.iter().zip(&columns).map(|(name, it)| (name.as_str(), it.array.clone(), true));
        let batch = RecordBatch::try_from_iter_with_nullable(arrays).unwrap();
        let mapping = Mapping::check(&activation, &model_columns(&batch.schema()), &destination).unwrap();
        Self { mapping, batch }
    }

    pub fn canonical(&self) -> CanonicalBatch {
        self.canonicalizer().canonicalize(&self.batch)
    }

    pub fn canonicalizer(&self) -> Canonicalizer {
        Canonicalizer::new(&self.mapping, &self.batch.schema()).unwrap()
    }

    /// The file of all rows, header included.
    pub fn file(&self) -> String {
        let encoder = CsvEncoder::new(&self.mapping);
        let mut file = encoder.header().to_vec();
        let rows: Vec<u32> = (0..self.batch.num_rows() as u32).collect();
        encoder.encode(&self.canonical(), &rows, &mut file, &mut Vec::new());
        String::from_utf8(file).unwrap()
    }
}

/// The records of a file behind its header, as a reader of other people understands it.
pub fn records(file: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().from_reader(file.as_bytes());
    reader.records().map(|it| it.unwrap().iter().map(str::to_owned).collect()).collect()
}

/// What becomes of each value of a column in a field of a type: its cell in the file, or `!` and the problem's code.
#[track_caller]
pub fn becomes(value: Column, wanted: &[&str]) {
    let type_name = format!("{:?} to {:?}", value.array.data_type(), value.field_type);
    let model = Model::of_value(value);
    check(&type_name, &model, wanted);
}

/// As [`becomes`], for the first value column of a model.
#[track_caller]
pub fn check(what: &str, model: &Model, wanted: &[&str]) {
    let canonical = model.canonical();
    let records = records(&model.file());
    let keys = model.mapping.keys().len();
    let found: Vec<String> = (0..canonical.rows())
        .map(|row| match canonical.problems_of(row) {
            [] => {
                // What a person is told is what the file has.
                assert_eq!(canonical.text(row, keys).unwrap_or_default(), records[row][keys], "{what}");
                records[row][keys].clone()
            }
            [first, ..] => format!("!{}", first.problem.code()),
        })
        .collect();
    assert_eq!(found, wanted, "{what}");
}
