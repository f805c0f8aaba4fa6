//! The field that says whether a row has left.

use arrow_array::{RecordBatch, StringArray};
use outflow_domain::{
    Activation, DataExtension, Field, FieldType, FieldWish, Flag, ImportRoute, InsertMode, Mapping, MappingProblem, ObjectId, OnExit,
    TableWish,
    activation::{IMPORT_DEADLINE_S, PART_BYTES_MAX},
};
use outflow_rows::{Canonicalizer, CsvEncoder, FlagCell, ReadBack, Scheme, flag_problem, model_columns};

fn batch() -> RecordBatch {
    let ids = StringArray::from(vec!["7", "8"]);
    RecordBatch::try_from_iter([("id", std::sync::Arc::new(ids) as _)]).unwrap()
}

/// A mapping whose flag has a field of that type; of one that is yet to be created where `is_new`.
fn mapping(field_type: FieldType, value: &str, present: &str, is_new: bool) -> Mapping {
    let field = |name: &str, field_type, is_primary_key| Field {
        id: ObjectId(name.into()),
        name: name.parse().unwrap(),
        field_type,
        is_required: is_primary_key,
        is_primary_key,
        ordinal: 0,
        default: None,
    };
    let mut fields = vec![field("Id", FieldType::Text { units_max: Some(36) }, true), field("Left", field_type, false)];
    fields.truncate(if is_new { 1 } else { 2 });
    let destination = DataExtension {
        id: ObjectId("people".into()),
        key: "people".parse().unwrap(),
        name: "people".into(),
        is_sendable: false,
        retention: None,
        fields,
    };
    let given = vec![outflow_domain::NewColumn { name: "Left".parse().unwrap(), field_type }];
    let activation = Activation {
        name: "people".parse().unwrap(),
        data_extension: "people".parse().unwrap(),
        table: TableWish { given: if is_new { given } else { Vec::new() }, ..TableWish::default() },
        insert: InsertMode::InsertAndUpdate,
        primary_key: vec![FieldWish::new("Id".parse().unwrap(), "id")],
        fields: Vec::new(),
        custom_attributes: Vec::new(),
        on_exit: OnExit::Flag(Flag { field: "left".parse().unwrap(), value: value.into(), present: present.into() }),
        when_null: outflow_domain::WhenNull::Clear,
        time_zone: None,
        import: ImportRoute::Auto,
        part_bytes_max: PART_BYTES_MAX,
        import_deadline_s: IMPORT_DEADLINE_S,
        guards: outflow_domain::Guards::default(),
    };
    Mapping::check(&activation, &model_columns(&batch().schema()), &destination).unwrap()
}

#[test]
fn every_row_of_the_model_says_that_it_is_present() {
    let mapping = mapping(FieldType::Boolean, "yes", "no", false);
    let canonical = Canonicalizer::new(&mapping, &batch().schema()).unwrap().canonicalize(&batch());
    let mut file = Vec::new();
    CsvEncoder::new(&mapping).encode(&canonical, &[0, 1], &mut file, &mut Vec::new());
    assert_eq!(file, b"\"7\",False\n\"8\",False\n");
}

#[test]
fn what_left_is_recognised_when_it_is_read_back() {
    let scheme = Scheme::derive(b"secret", "people");
    let exits = mapping(FieldType::Number, "1", "0", false).of_exits().unwrap();
    let cell = FlagCell::of(&exits, &scheme).unwrap().unwrap();
    assert_eq!(cell.csv, b"1");
    let reader = ReadBack::new(&exits, 0);
    let row = |flag| reader.fingerprints(&scheme, &[Some("7"), flag], &[]).unwrap().1;
    assert_eq!(row(Some("1")), cell.row);
    assert_ne!(row(Some("0")), cell.row);
    assert_ne!(row(None), cell.row);
}

#[test]
fn a_mapping_without_a_flag_has_no_cell() {
    let mapping = crate::support::Model::of_value(crate::support::column(FieldType::Number, StringArray::from(vec!["1"]))).mapping;
    assert_eq!(FlagCell::of(&mapping, &Scheme::derive(b"secret", "people")).unwrap(), None);
    assert_eq!(flag_problem(&mapping), None);
}

#[test]
fn a_flag_has_to_tell_something_in_its_field() {
    let text = FieldType::Text { units_max: Some(4) };
    for (field_type, value, present) in [(FieldType::Boolean, "yes", "no"), (FieldType::Number, "1", "0"), (text, "gone", "in")] {
        assert_eq!(flag_problem(&mapping(field_type, value, present, false)), None, "{field_type}");
    }
    for (field_type, value, present, unfit) in
        [(FieldType::Boolean, "gone", "no", "gone"), (FieldType::Number, "1", "one", "one"), (text, "has left", "in", "has left")]
    {
        let problem = flag_problem(&mapping(field_type, value, present, false));
        assert!(matches!(&problem, Some(MappingProblem::UnfitFlag { value, .. }) if value == unfit), "{problem:?}");
    }
    for (field_type, value, present) in [(FieldType::Boolean, "no", "false"), (FieldType::Number, "1", "01")] {
        let problem = flag_problem(&mapping(field_type, value, present, false));
        assert!(matches!(problem, Some(MappingProblem::FlagTellsNothing { .. })), "{problem:?}");
    }
}

/// The field is created with room for what is yet to come.
#[test]
fn a_new_field_has_room_for_both_values() {
    let long = "x".repeat(90);
    let mapping = mapping(FieldType::Text { units_max: None }, &long, "in", true);
    let canonical = Canonicalizer::new(&mapping, &batch().schema()).unwrap().canonicalize(&batch());
    assert_eq!(canonical.longest_text().iter().collect::<Vec<_>>(), [(1, 90)]);
}
