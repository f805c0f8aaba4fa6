use super::*;
use crate::{
    activation::{IMPORT_DEADLINE_S, ImportRoute, InsertMode, OnExit, PART_BYTES_MAX},
    data_extension::Field,
    guard::Guards,
    table::{CreateWish, Sendable, SubscriberField, TableWish},
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
    pairs.map(|(field, column)| FieldWish::new(field.parse().unwrap(), column)).collect()
}

fn activation(keys: &str, fields: &str, custom: &str) -> Activation {
    Activation {
        name: "members".parse().unwrap(),
        data_extension: "Members".parse().unwrap(),
        table: TableWish::default(),
        insert: InsertMode::InsertAndUpdate,
        primary_key: wishes(keys),
        fields: wishes(fields),
        custom_attributes: custom.split_whitespace().map(str::to_owned).collect(),
        on_exit: crate::OnExit::Keep,
        when_null: crate::WhenNull::Clear,
        time_zone: None,
        import: ImportRoute::Auto,
        part_bytes_max: PART_BYTES_MAX,
        import_deadline_s: IMPORT_DEADLINE_S,
        guards: Guards::default(),
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
fn a_required_field_is_filled_where_rows_are_inserted() {
    let mut strict = members();
    strict.fields[1].is_required = true;
    let unfilled = activation("Key=id", "Age=age", "");
    let told = problems(Mapping::check(&unfilled, &model(), &strict));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("`Email` of `Members` is required and has no default, and nobody maps it"), "{told:?}");
    let updating = Activation { insert: InsertMode::UpdateOnly, ..unfilled.clone() };
    assert_eq!(problems(Mapping::check(&updating, &model(), &strict)), Vec::<String>::new(), "rows that are there have a value");
    strict.fields[1].default = Some("nobody@example.com".into());
    assert_eq!(problems(Mapping::check(&unfilled, &model(), &strict)), Vec::<String>::new(), "the service has one to give");
}

/// The activation with a rounding of the field that is mapped first.
fn rounded(round: u8, mut activation: Activation) -> Activation {
    activation.fields[0].round = Some(round);
    activation
}

#[test]
fn numbers_alone_are_rounded_and_never_to_more_than_the_field_keeps() {
    let destination = DataExtension {
        fields: [members().fields, vec![field("Score", FieldType::Decimal { precision: 10, scale: 2 }, false)]].concat(),
        ..members()
    };
    let check = |round, fields| problems(Mapping::check(&rounded(round, activation("Key=id", fields, "")), &model(), &destination));
    for round in 0..=2 {
        assert_eq!(check(round, "Score=score"), Vec::<String>::new());
    }
    assert!(check(3, "Score=score")[0].contains("`Score` keeps 2 digits after the point, and `round: 3` would leave more"));
    assert_eq!(check(0, "Age=score"), Vec::<String>::new());
    assert!(check(1, "Age=score")[0].contains("`Age` keeps 0 digits"));
    assert!(check(0, "Email=mail")[0].contains("`Email` is EmailAddress and has nothing to round"));
}

#[test]
fn a_rounding_says_where_a_value_comes_from_and_not_which_it_is() {
    let mapping = |activation: Activation| Mapping::check(&activation, &model(), &members()).unwrap();
    let (exact, rounded) = (mapping(activation("Key=id", "Age=age", "")), mapping(rounded(0, activation("Key=id", "Age=age", ""))));
    assert_eq!(exact.digest_text(), rounded.digest_text());
    assert_eq!(rounded.values_not_in(&exact).count(), 0);
    assert_eq!(exact.filled_as(&rounded).values()[0].round, Some(0));
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

fn column(name: &str, field_type: &str) -> NewColumn {
    NewColumn { name: name.parse().unwrap(), field_type: field_type.parse().unwrap() }
}

/// The activation with types given for fields, as in `Age:Text(50)`.
fn given(types: &str, activation: Activation) -> Activation {
    let given = types.split_whitespace().map(|it| it.split_once(':').unwrap());
    let given = given.map(|(name, field_type)| column(name, field_type)).collect();
    Activation { table: TableWish { given, ..activation.table }, ..activation }
}

fn created(key: &str, activation: Activation) -> Activation {
    let create = CreateWish {
        name: "Members".parse().unwrap(),
        folder: None,
        primary_key: vec![column("Key", key)],
        sendable: None,
        retention: None,
    };
    Activation { table: TableWish { create: Some(create), ..activation.table }, ..activation }
}

fn problems(checked: Result<Mapping, Vec<MappingProblem>>) -> Vec<String> {
    checked.map_or_else(|problems| problems.iter().map(ToString::to_string).collect(), |_| Vec::new())
}

#[test]
fn a_new_data_extension_has_the_key_then_what_is_filled_then_what_is_given() {
    let activation = created("Text(36)", given("Born:Date TIER:Text(20)", activation("Key=id", "Email=mail Age=age", "tier")));
    let new = NewDataExtension::wanted(&activation, &model()).unwrap();
    let fields: Vec<_> =
        new.fields.iter().map(|it| format!("{} {}{}", it.name, it.field_type, if it.is_primary_key { "!" } else { "" })).collect();
    assert_eq!(fields, ["Key Text(36)!", "Email Text(4000)", "Age Decimal(19,0)", "tier Text(20)", "Born Date"]);
    let mapping = Mapping::check_new(&activation, &model(), &new).unwrap();
    assert!(mapping.fields().all(|it| it.field_id.is_none()));
    assert_eq!(mapping.keys()[0].field_type, FieldType::Text { units_max: Some(36) });
    assert!(!mapping.values().iter().any(|it| it.is_required));
}

#[test]
fn nothing_is_made_for_those_who_only_update_or_do_not_say_how() {
    assert_eq!(NewDataExtension::wanted(&activation("Key=id", "", ""), &model()), None);
    let updating = Activation { insert: InsertMode::UpdateOnly, ..created("Text(36)", activation("Key=id", "", "")) };
    assert_eq!(NewDataExtension::wanted(&updating, &model()), None);
}

#[test]
fn what_cannot_be_made_is_told_at_once() {
    let check = |key: &str, activation: Activation| {
        let activation = created(key, activation);
        let new = NewDataExtension::wanted(&activation, &model()).unwrap();
        problems(Mapping::check_new(&activation, &model(), &new))
    };
    let found = check("Text", activation("Key=id", "Shape=shape Gone=gone", ""));
    let wanted = ["a text without length", "`shape` (geometry) cannot become `Shape` (any type)", "no column `gone`"];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    wanted.iter().zip(&found).for_each(|(wanted, found)| assert!(found.contains(wanted), "{found}"));
    assert!(check("Text(451)", activation("Key=id", "", ""))[0].contains("takes 451 characters"));
    assert!(check("Date", activation("Key=id", "", ""))[0].contains("to the second"));

    let mut sendable = created("Text(36)", activation("Key=id", "", ""));
    let relation = Sendable { field: "Contact".parse().unwrap(), subscriber: SubscriberField::SubscriberKey };
    if let Some(create) = &mut sendable.table.create {
        create.sendable = Some(relation);
    }
    let new = NewDataExtension::wanted(&sendable, &model()).unwrap();
    assert!(problems(Mapping::check_new(&sendable, &model(), &new))[0].contains("`Contact` shall name the people"));
}

#[test]
fn a_given_type_decides_with_which_type_a_missing_field_is_created() {
    let activation = given("Points:Number tier:Text(7)", activation("Key=id", "Points=age", "tier"));
    let mapping = Mapping::check(&activation, &model(), &members()).unwrap();
    assert_eq!(mapping.columns_to_add(), [column("Points", "Number"), column("tier", "Text(7)")]);
}

#[test]
fn a_given_type_that_the_service_would_refuse_to_make_of_a_field_is_told() {
    let check = |types: &str| problems(Mapping::check(&given(types, activation("Key=id", "Email=mail Age=age", "")), &model(), &members()));
    assert!(check("Age:Text(50)")[0].contains("`Age` of `Members` is Number, and Text(50) is given"));
    assert!(check("Key:Text(49)")[0].contains("refuses to make a field shorter"));
    assert_eq!(check("Key:Text(50) Email:EmailAddress"), Vec::<String>::new());
    assert_eq!(check("Key:Text(51)"), Vec::<String>::new(), "longer is no problem, only not there yet");
    assert_eq!(check("Key:Text"), Vec::<String>::new(), "without length, any is meant");
}

#[test]
fn only_limited_texts_beside_the_key_may_be_widened_and_only_where_that_is_allowed() {
    let destination = DataExtension {
        fields: [members().fields, vec![field("Name", FieldType::Text { units_max: Some(50) }, false)]].concat(),
        ..members()
    };
    for may_widen in [false, true] {
        let wish = activation("Key=id", "Name=tier Email=mail Age=age", "");
        let wish = Activation { table: TableWish { may_widen, ..TableWish::default() }, ..wish };
        let mapping = Mapping::check(&wish, &model(), &destination).unwrap();
        let widened: Vec<_> = mapping.fields().filter(|it| it.may_widen).map(|it| it.field.as_str()).collect();
        assert_eq!(widened, if may_widen { vec!["Name"] } else { vec![] });
    }
}

#[test]
fn a_type_that_changed_since_is_told_and_one_that_was_a_guess_is_not() {
    let now = check("Key=id", "Age=age", "").unwrap();
    let was = now.clone().once_changed([(&now.values()[0].field, FieldType::Boolean)], &[]);
    let changed = now.types_changed_since(&was);
    assert_eq!(changed, [TypeChange { field: "Age".parse().unwrap(), was: FieldType::Boolean, is: FieldType::Number }]);
    assert_eq!(now.types_changed_since(&now), []);

    let guessed = check("Key=id", "", "tier").unwrap();
    let made = DataExtension {
        fields: [members().fields, vec![field("tier", FieldType::Text { units_max: Some(50) }, false)]].concat(),
        ..members()
    };
    let now = Mapping::check(&activation("Key=id", "", "tier"), &model(), &made).unwrap();
    assert_eq!(now.types_changed_since(&guessed), []);
    let tier: FieldName = "tier".parse().unwrap();
    let exact = guessed.once_changed([(&tier, FieldType::Text { units_max: Some(100) })], &[]);
    assert_eq!(now.types_changed_since(&exact).len(), 1);
}

fn flagged(field: &str) -> Result<Mapping, Vec<MappingProblem>> {
    let flag = Flag { field: field.parse().unwrap(), value: "99".into(), present: "1".into() };
    let activation = Activation { on_exit: OnExit::Flag(flag), ..activation("Key=id", "Email=mail", "") };
    Mapping::check(&activation, &model(), &members())
}

#[test]
fn a_flag_fills_its_field_in_every_row() {
    let mapping = flagged("age").unwrap();
    let (at, flag) = mapping.flag().unwrap();
    assert_eq!((at, flag.present.as_str()), (1, "1"));
    let exits = mapping.of_exits().unwrap();
    let names: Vec<_> = exits.fields().map(|it| it.field.as_str()).collect();
    assert_eq!(names, ["Key", "Age"]);
    assert_eq!(exits.flag().unwrap().1.present, "99", "what left has the flag's value");
    assert_eq!(check("Key=id", "", "").unwrap().of_exits(), None);
}

#[test]
fn a_flag_cannot_be_a_key_or_mapped_or_missing() {
    assert!(matches!(flagged("Key").unwrap_err()[..], [MappingProblem::KeyAmongFields { .. }]));
    assert!(matches!(flagged("EMAIL").unwrap_err()[..], [MappingProblem::FilledTwice { .. }]));
    assert!(matches!(flagged("Aged").unwrap_err()[..], [MappingProblem::NoSuchField { .. }]));
    assert!(matches!(flagged("_Age").unwrap_err()[..], [MappingProblem::SystemField { .. }]));
}

#[test]
fn a_flag_is_among_the_fields_of_a_table_that_is_made() {
    let flag = Flag { field: "Left".parse().unwrap(), value: "yes".into(), present: "no".into() };
    let key = vec![NewColumn { name: "Key".parse().unwrap(), field_type: FieldType::Text { units_max: Some(36) } }];
    let create = CreateWish { name: "Members".parse().unwrap(), folder: None, primary_key: key, sendable: None, retention: None };
    let table = TableWish { create: Some(create), ..TableWish::default() };
    let activation = Activation { on_exit: OnExit::Flag(flag), table, ..activation("Key=id", "", "") };
    let new = NewDataExtension::wanted(&activation, &model()).unwrap();
    assert_eq!(new.fields.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["Key", "Left"]);
    assert!(Mapping::check_new(&activation, &model(), &new).unwrap().flag().is_some());
}

fn when_null(fields: &[(&str, Option<WhenNull>)], of_all: WhenNull) -> Mapping {
    let wish = |(field, when_null): &(&str, Option<WhenNull>)| FieldWish {
        when_null: *when_null,
        ..FieldWish::new(field.parse().unwrap(), if *field == "Age" { "age" } else { "mail" })
    };
    let wished = Activation { fields: fields.iter().map(wish).collect(), when_null: of_all, ..activation("Key=id", "", "tier") };
    Mapping::check(&wished, &model(), &members()).unwrap()
}

#[test]
fn a_field_says_what_its_blanks_do_and_the_activation_for_all_others() {
    let mapping = when_null(&[("Age", Some(WhenNull::SkipRow)), ("Email", None)], WhenNull::Keep);
    let found: Vec<_> = mapping.fields().map(|it| (it.field.as_str(), it.when_null)).collect();
    let wanted = [("Key", WhenNull::Clear), ("Age", WhenNull::SkipRow), ("Email", WhenNull::Keep), ("tier", WhenNull::Keep)];
    assert_eq!(found, wanted);
}

#[test]
fn keeping_is_another_mapping_and_skipping_is_not() {
    let [clear, keep, skip] = WhenNull::ALL.map(|it| when_null(&[("Age", Some(it))], WhenNull::Clear));
    assert_eq!(clear.digest_text(), skip.digest_text());
    assert_ne!(clear.digest_text(), keep.digest_text());
    assert_eq!(clear.key_digest_text(), keep.key_digest_text());
    // The column is the same and holds the same, so that no value has to be sent for it.
    assert_eq!(keep.values_not_in(&clear).count(), 0);
}

#[test]
fn what_was_kept_and_is_cleared_now_is_found() {
    let [clear, keep, skip] = WhenNull::ALL.map(|it| when_null(&[("Age", Some(it)), ("Email", Some(it))], WhenNull::Clear));
    assert_eq!(clear.values_cleared_since(&keep).collect::<Vec<_>>(), [0, 1]);
    for (new, old) in [(&keep, &clear), (&clear, &clear), (&clear, &skip), (&skip, &keep), (&keep, &keep)] {
        assert_eq!(new.values_cleared_since(old).count(), 0);
    }
}
