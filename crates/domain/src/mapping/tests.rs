use super::*;
use crate::{
    activation::{IMPORT_DEADLINE_S, ImportRoute, InsertMode, PART_BYTES_MAX},
    data_extension::Field,
};

fn field(name: &str, field_type: FieldType, is_primary_key: bool) -> Field {
    Field {
        id: ObjectId(format!("id-{name}")),
        name: name.parse().unwrap(),
        field_type,
        is_required: is_primary_key,
        is_primary_key,
        ordinal: 0,
        default: None,
    }
}

fn members() -> DataExtension {
    let text = FieldType::Text { units_max: Some(50) };
    DataExtension {
        id: ObjectId("de".into()),
        key: "Members".parse().unwrap(),
        name: "Members".into(),
        is_sendable: false,
        retention: None,
        fields: vec![field("Key", text, true), field("Email", FieldType::EmailAddress, false), field("Age", FieldType::Number, false)],
    }
}

fn model() -> Vec<ModelColumn> {
    let column = |name: &str, model_type| ModelColumn { name: name.into(), model_type };
    vec![
        column("id", ModelType::Text),
        column("mail", ModelType::Text),
        column("age", ModelType::Integer),
        column("score", ModelType::Float),
        column("tier", ModelType::Text),
        column("shape", ModelType::Other { name: "geometry".into() }),
    ]
}

fn wishes(text: &str) -> Vec<FieldWish> {
    let pairs = text.split_whitespace().map(|it| it.split_once('=').unwrap());
    pairs.map(|(field, column)| FieldWish { field: field.parse().unwrap(), column: column.into() }).collect()
}

fn activation(keys: &str, fields: &str, custom: &str) -> Activation {
    Activation {
        name: "members".parse().unwrap(),
        data_extension: "Members".parse().unwrap(),
        insert: InsertMode::InsertAndUpdate,
        primary_key: wishes(keys),
        fields: wishes(fields),
        custom_attributes: custom.split_whitespace().map(str::to_owned).collect(),
        time_zone: None,
        import: ImportRoute::Auto,
        part_bytes_max: PART_BYTES_MAX,
        import_deadline_s: IMPORT_DEADLINE_S,
    }
}

fn check(keys: &str, fields: &str, custom: &str) -> Result<Mapping, Vec<String>> {
    let checked = Mapping::check(&activation(keys, fields, custom), &model(), &members());
    checked.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn refuses(keys: &str, fields: &str, custom: &str, wanted: &[&str]) {
    let problems = check(keys, fields, custom).unwrap_err();
    assert_eq!(problems.len(), wanted.len(), "{problems:#?}");
    for (problem, wanted) in problems.iter().zip(wanted) {
        assert!(problem.contains(wanted), "`{problem}` does not say `{wanted}`");
    }
}

#[test]
fn fields_are_sorted_whatever_the_order_in_the_file() {
    let one = check("Key=id", "Email=mail Age=age", "tier").unwrap();
    let other = check("Key=id", "Age=age Email=mail", "tier").unwrap();
    assert_eq!(one, other);
    let names: Vec<_> = one.fields().map(|it| it.field.as_str()).collect();
    assert_eq!(names, ["Key", "Age", "Email", "tier"]);
}

#[test]
fn a_missing_custom_attribute_becomes_a_new_column() {
    let mapping = check("Key=id", "", "tier").unwrap();
    assert_eq!(mapping.columns_to_add()[0].field_type, FieldType::Text { units_max: Some(4000) });
}

#[test]
fn a_custom_attribute_uses_the_field_of_another_case() {
    let mapping = check("Key=id", "", "age").unwrap();
    assert_eq!((mapping.values()[0].field.as_str(), mapping.columns_to_add().len()), ("Age", 0));
}

#[test]
fn every_problem_is_told_at_once() {
    refuses(
        "Email=mail",
        "Agee=age Age=agge",
        "shape",
        &[
            "`Key` is part of the primary key of `Members` and nobody maps it",
            "`Email` is not part of the primary key",
            "has no field `Agee` (did you mean `Age`?)",
            "no column `agge` (did you mean `age`?)",
            "`shape` (geometry) cannot become",
        ],
    );
}

#[test]
fn a_field_is_filled_once() {
    refuses("Key=id", "Email=mail email=tier", "", &["`Email` is filled twice, from `mail` and from `tier`"]);
}

#[test]
fn a_float_is_no_key() {
    refuses("Key=score", "", "", &["`score` is a floating-point number"]);
}

#[test]
fn a_system_column_is_not_written() {
    refuses("Key=id", "_CustomObjectKey=age", "", &["column of the service itself"]);
}

#[test]
fn without_a_primary_key_nothing_goes() {
    let mut keyless = members();
    keyless.fields[0].is_primary_key = false;
    let problems = Mapping::check(&activation("Key=id", "", ""), &model(), &keyless).unwrap_err();
    assert!(problems.iter().any(|it| matches!(it, MappingProblem::NoPrimaryKey { .. })), "{problems:?}");
}

#[test]
fn the_digest_ignores_columns_and_lengths() {
    let mut longer = members();
    longer.fields[0].field_type = FieldType::Text { units_max: Some(100) };
    let one = Mapping::check(&activation("Key=id", "Email=mail", ""), &model(), &members()).unwrap();
    let other = Mapping::check(&activation("Key=id", "Email=tier", ""), &model(), &longer).unwrap();
    assert_eq!(one.digest_text(), other.digest_text());
}

/// The mapping of a data extension in which `Email` may bear another name.
fn renamed(name: &str, fields: &str, zone: Option<&str>) -> Mapping {
    let mut destination = members();
    destination.fields[1].name = name.parse().unwrap();
    let activation = Activation { time_zone: zone.map(str::to_owned), ..activation("Key=id", fields, "") };
    Mapping::check(&activation, &model(), &destination).unwrap()
}

#[test]
fn a_renamed_field_is_no_new_one() {
    let (old, new) = (renamed("Email", "Email=mail", None), renamed("Mail", "Mail=mail Age=age", None));
    let added: Vec<_> = new.values_not_in(&old).map(|at| new.values()[at].field.as_str()).collect();
    assert_eq!(added, ["Age"]);
}

#[test]
fn another_column_of_the_name_is_a_new_one() {
    let mut remade = members();
    remade.fields[1].id = ObjectId("id-again".into());
    let new = Mapping::check(&activation("Key=id", "Email=mail", ""), &model(), &remade).unwrap();
    assert_eq!(new.values_not_in(&renamed("Email", "Email=mail", None)).count(), 1);
}

#[test]
fn an_old_mapping_is_filled_as_the_new_one_fills_it() {
    let old = renamed("Email", "Email=mail Age=age", None);
    let filled = old.filled_as(&renamed("Mail", "Mail=tier", Some("Europe/Paris")));
    let columns: Vec<_> = filled.values().iter().map(|it| (it.field.as_str(), it.column.as_str())).collect();
    assert_eq!(columns, [("Age", "age"), ("Email", "tier")]);
    assert_eq!(filled.time_zone(), Some("Europe/Paris"));
}
