//! What is checked before anything leaves: rows that are kept back, rows that are sent with a warning, and what is refused as a whole.

use std::fs;

use outflow_sandbox::model::{EmailRule, FieldSpec, FieldType, LocaleRule, PhoneRule, Switches};
use serde_json::{Value, json};

use crate::{
    program::Told,
    world::{ACTIVATION, Project, World},
};

const CONTACTS: &str = "Contacts";

const MODEL: &str = "SELECT id, email, phone, locale, CAST(amount AS DECIMAL(12,4)) AS amount, CAST(amount AS DOUBLE) AS float FROM people";

/// A world whose data extension has a field of every type with a rule of its own.
fn contacts(fields: &str, rows: &[&str]) -> World {
    let world = World::new();
    let field = |name: &str, field_type, max_length, scale| FieldSpec {
        name: Some(name.into()),
        field_type: Some(field_type),
        max_length,
        scale,
        required: Some(name == "Id"),
        primary_key: Some(name == "Id"),
        ..FieldSpec::default()
    };
    let fields_there = vec![
        field("Id", FieldType::Text, Some(20), None),
        field("Email", FieldType::EmailAddress, None, None),
        field("Phone", FieldType::Phone, None, None),
        field("Locale", FieldType::Locale, None, None),
        field("Amount", FieldType::Decimal, Some(10), Some(2)),
    ];
    world.create(CONTACTS, fields_there);
    write(&world, fields);
    write_rows(&world, rows);
    world
}

fn write(world: &World, fields: &str) {
    write_keyed(world, "id", fields);
}

fn write_keyed(world: &World, key: &str, fields: &str) {
    let activation =
        format!("from: people\n    insert: true\n    primary_key: {{ Id: {key} }}\n    fields: {{ {fields} }}\n    import: rest");
    world.write(&Project { data_extension: CONTACTS, sql: MODEL.into(), activation, ..Project::default() });
}

/// Rows of `id,email,phone,locale,amount`.
fn write_rows(world: &World, rows: &[&str]) {
    let text = format!("id,email,phone,locale,amount\n{}\n", rows.join("\n"));
    fs::write(world.path("people.csv"), text).expect("the model can be written");
}

fn ids(world: &World) -> Vec<String> {
    world.rows_of(CONTACTS).into_keys().collect()
}

const UNUSUAL: [&str; 4] = [
    "plain,ada@example.com,+49 30 1234567,en-US,1.00",
    "address,ada@localhost,,,1.00",
    "phone,,call me any time,,1.00",
    "locale,,,zh-Hans-CN,1.00",
];

const ALL: &str = "Email: email, Phone: phone, Locale: locale, Amount: amount";

/// A plan and a run tell what may be refused; the service decides, and every value that it takes is there.
#[test]
fn what_may_be_refused_is_told_and_sent() {
    let world = contacts(ALL, &UNUSUAL);
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    let warned = |field: &str, warning: &str, value: &str, key: &str| {
        let sentence = outflow_domain::CellWarning::ALL.into_iter().find(|it| it.code() == warning).map(|it| it.sentence());
        json!({ "field": field, "warning": warning, "sentence": sentence, "rows": 1, "examples": [{ "key": key, "value": value }] })
    };
    let expected = json!([
        warned("Email", "unusual_email_address", "a…(13)", "a…(7)"),
        warned("Locale", "unusual_locale", "z…(10)", "l…(6)"),
        warned("Phone", "unusual_phone", "c…(16)", "p…(5)"),
    ]);
    assert_eq!((&plan["sent_with_warning"], &plan["invalid"], &plan["alike_keys"]), (&expected, &json!([]), &Value::Null), "{plan}");
    assert_eq!(plan["to_send"], json!([{ "intent": "insert", "rows": 4 }]), "{plan}");

    let told = world.run(3);
    for line in
        ["3 values are sent, and Marketing Cloud may refuse them", "1 × `Phone`: a phone number usually has", "key p…(5), value c…(16)"]
    {
        assert!(told.out.contains(line), "{line}: {}", told.out);
    }
    assert!(!told.out.contains("call me"), "{}", told.out);
    assert_eq!(ids(&world), ["plain"], "this tenant takes the usual alone");

    let lenient = Switches {
        phone_rule: PhoneRule::Anything,
        locale_rule: LocaleRule::Anything,
        email_rule: EmailRule::Lenient,
        ..Switches::instant()
    };
    world.model(|model, _| model.set_switches(lenient));
    // The longest locale is longer than the field.
    write_rows(&world, &[&UNUSUAL[..3], &["locale,,,de_CH,1.00"]].concat());
    world.program.ends(0, &["run", ACTIVATION, "--retry-refused"]);
    assert_eq!(ids(&world), ["address", "locale", "phone", "plain"]);
    let told = world.run(0);
    assert!(!told.out.contains("warning"), "nothing is news: {}", told.out);
}

/// Rows whose keys may be one are sent, as nobody knows, and told in every plan and run until one of them has gone.
#[test]
fn keys_that_may_be_one_are_told() {
    let world = contacts("Email: email", &["strasse,a@example.com,,,1", "Stra\u{df}e,b@example.com,,,1", "other,c@example.com,,,1"]);
    let alike = json!({ "rows": 2, "examples": ["S…(6)"], "not_compared": 0 });
    let plan = world.program.json(0, &["plan", ACTIVATION]);
    assert_eq!(plan["alike_keys"], alike, "{plan}");
    let told = world.run(0);
    assert!(told.out.contains("2 rows have keys that Marketing Cloud may take for one another"), "{}", told.out);
    assert_eq!(ids(&world).len(), 3);
    assert_eq!(world.program.json(0, &["plan", ACTIVATION])["alike_keys"], alike, "neither is news, and both are there");
    write_rows(&world, &["strasse,d@example.com,,,1", "Stra\u{df}e,b@example.com,,,1"]);
    assert_eq!(world.program.json(0, &["plan", ACTIVATION])["alike_keys"], alike, "one is news");
    write_rows(&world, &["strasse,d@example.com,,,1"]);
    assert_eq!(world.program.json(0, &["plan", ACTIVATION])["alike_keys"], Value::Null);
}

/// A number with more digits than the field keeps is sent only where a person says how it is rounded.
#[test]
fn numbers_are_rounded_only_where_that_is_wanted() {
    let amounts = |world: &World| -> Vec<String> { world.rows_of(CONTACTS).values().filter_map(|it| it["Amount"].clone()).collect() };
    for column in ["amount", "float"] {
        let world = contacts(&format!("Amount: {column}"), &["a,,,,1.5", "b,,,,2.345", "c,,,,-2.345"]);
        let ran = world.program.json(3, &["run", ACTIVATION]);
        let invalid = &ran["runs"][0]["plan"]["invalid"][0];
        assert_eq!((&invalid["problem"], &invalid["rows"]), (&json!("decimal_scale"), &json!(2)), "{ran}");
        assert_eq!(amounts(&world), ["1.50"]);
        write(&world, &format!("Amount: {{ column: {column}, round: 2 }}"));
        let told = world.run(0);
        assert!(told.out.contains("2 of 2 rows sent are confirmed"), "what was there is not sent again: {}", told.out);
        assert_eq!(amounts(&world), ["1.50", "2.35", "-2.35"]);
    }
}

#[track_caller]
fn refused(world: &World, words: &str) {
    for command in ["plan", "run"] {
        let Told { err, .. } = world.program.ends(64, &[command, ACTIVATION]);
        assert!(err.contains("error[DE-002]") && err.contains(words), "{words}: {err}");
    }
    let checked = world.program.json(1, &["check", "--connect"]);
    assert!(checked.to_string().contains(&words.replace('"', "\\\"")), "{words}: {checked}");
    assert_eq!(world.writing_calls(), []);
}

#[test]
fn what_can_never_work_is_refused_before_anything_leaves() {
    let world = contacts("Email: email", &UNUSUAL);
    write_keyed(&world, "float", "Email: email");
    refused(&world, "`float` is a floating-point number and cannot be a primary key");
    write(&world, "Email: { column: email, round: 2 }");
    refused(&world, "`Email` is EmailAddress and has nothing to round");
    write(&world, "Amount: { column: amount, round: 3 }");
    refused(&world, "`Amount` keeps 2 digits after the point, and `round: 3` would leave more");
}

#[test]
fn a_required_field_that_nobody_maps_is_named() {
    let world = contacts("Email: email", &UNUSUAL);
    let spec = |name: &str, max_length, is_key| FieldSpec {
        name: Some(name.into()),
        field_type: Some(FieldType::Text),
        max_length: Some(max_length),
        required: Some(true),
        primary_key: Some(is_key),
        ..FieldSpec::default()
    };
    world.create("Strict", vec![spec("Id", 20, true), spec("Country", 2, false)]);
    let activation = "from: people\n    insert: true\n    primary_key: { Id: id }".to_owned();
    world.write(&Project { data_extension: "Strict", sql: MODEL.into(), activation, ..Project::default() });
    refused(&world, "`Country` of `Strict` is required and has no default, and nobody maps it");
}
