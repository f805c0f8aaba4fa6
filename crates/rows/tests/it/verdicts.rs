//! Which cells are not sent, and why.

use arrow_array::{Int32Array, NullArray, StringArray, StringViewArray};
use outflow_domain::{CellProblem, FieldType};
use outflow_rows::{LongestText, RowProblem, WarningRules};

use crate::support::{Column, Model, TEXT, becomes, column};

fn texts(texts: &[&str]) -> StringArray {
    StringArray::from_iter_values(texts)
}

/// The problems of a model whose key is one column.
fn key_problems(key: Column) -> Vec<(u32, CellProblem)> {
    let rows = key.array.len();
    let model = Model::of(vec![key], vec![column(TEXT, NullArray::new(rows))]);
    let canonical = model.canonical();
    let usable = |it: &RowProblem| canonical.has_usable_key(it.row as usize);
    assert!(!canonical.problems().iter().any(usable));
    canonical.problems().iter().map(|it| (it.row, it.problem)).collect()
}

#[test]
fn a_key_is_never_blank() {
    let blanks = StringArray::from(vec![Some("a"), None, Some(""), Some("  "), Some("\t")]);
    let null = CellProblem::NullKey;
    assert_eq!(key_problems(column(TEXT, blanks)), [(1, null), (2, null), (3, null)]);
    assert_eq!(key_problems(column(FieldType::Number, Int32Array::from(vec![None, Some(0)]))), [(0, null)]);
}

#[test]
fn a_key_that_is_no_number_is_told_as_such() {
    assert_eq!(key_problems(column(FieldType::Number, texts(&["seven"]))), [(0, CellProblem::NotANumber)]);
}

#[test]
fn a_required_field_is_never_blank() {
    let required = Column { is_required: true, ..column(TEXT, StringArray::from(vec![Some("a"), None, Some(""), Some(" ")])) };
    becomes(required, &["a", "!null_required", "!null_required", " "]);
    let required = Column { is_required: true, ..column(FieldType::Number, texts(&["1", "x", ""])) };
    becomes(required, &["1", "!not_a_number", "!null_required"]);
}

#[test]
fn length_is_counted_in_utf16_units() {
    let field = FieldType::Text { units_max: Some(4) };
    becomes(column(field, texts(&["abcd", "abcde", "éééé", "😀😀", "😀😀a"])), &["abcd", "!too_long", "éééé", "😀😀", "!too_long"]);
    let (fits, too_long) = (format!("{}@b.c", "a".repeat(250)), format!("{}@b.c", "a".repeat(251)));
    becomes(column(FieldType::EmailAddress, texts(&[&fits, &too_long])), &[&fits, "!too_long"]);
}

#[test]
fn what_xml_cannot_carry_does_not_travel() {
    let no = "!unprintable";
    let odd = ["a\0b", "\u{1b}[0m", "a\u{1}", "\u{b}", "a text of more than twelve bytes\u{1f}", "\u{fffe}", "x\u{ffff}y"];
    let fine = ["a\rb", "a\nb", "a\tb", "a\u{7f}b", "\u{85}", "\u{202e}abc", "=1+1", "\u{feff}\u{fffd}", "\u{f8ff}😀"];
    let values: Vec<&str> = odd.into_iter().chain(fine).collect();
    let wanted: Vec<&str> = odd.map(|_| no).into_iter().chain(fine).collect();
    becomes(column(TEXT, texts(&values)), &wanted);
    becomes(column(TEXT, StringViewArray::from_iter_values(values)), &wanted);
    becomes(column(TEXT, texts(&fine)), &fine);
}

#[test]
fn an_address_is_refused_only_if_nobody_could_take_it() {
    let values = ["a@b.c", "n/a", "a b@c.d", "@b.c", "a@", "\"a b\"@c.d", "", "a\u{b}@b.c", "a@\u{ffff}.c", "ü@b.c"];
    let (no, odd) = ("!not_an_email_address", "!unprintable");
    becomes(column(FieldType::EmailAddress, texts(&values)), &["a@b.c", no, no, no, no, "\"a b\"@c.d", "", odd, odd, "ü@b.c"]);
}

#[test]
fn how_long_phone_numbers_and_locales_are_is_for_the_service_to_say() {
    let long = "5".repeat(51);
    becomes(column(FieldType::Phone, texts(&["n/a", &long])), &["n/a", &long]);
    becomes(column(FieldType::Locale, texts(&["zh-Hans-CN", "here"])), &["zh-Hans-CN", "here"]);
}

/// Each warning of a model as (row, field, code).
fn warnings(model: &Model, rules: &WarningRules, rows: &[u32]) -> Vec<(u32, u16, &'static str)> {
    let mut told = Vec::new();
    rules.look_at(&model.canonical(), rows, |row, field, warning| told.push((row, field, warning.code())));
    told
}

#[test]
fn what_the_service_may_refuse_is_told_of_the_selected_rows() {
    let values = vec![
        column(FieldType::EmailAddress, StringArray::from(vec![Some("ada@example.com"), None, Some("ada@localhost")])),
        column(FieldType::Phone, texts(&["n/a", "", "+49 151 1234567"])),
        column(FieldType::Locale, StringViewArray::from_iter_values(["en_US", "german", "de"])),
        column(TEXT, texts(&["n/a", "ada@localhost", ""])),
    ];
    let model = Model::of(vec![column(FieldType::EmailAddress, texts(&["\u{fc}@example.com", "b@example.com", "c@example.com"]))], values);
    let rules = WarningRules::new(&model.mapping);
    let of_first = [(0, 0, "unusual_email_address"), (0, 2, "unusual_phone"), (0, 3, "unusual_locale")];
    assert_eq!(warnings(&model, &rules, &[0]), of_first);
    assert_eq!(warnings(&model, &rules, &[1, 2]), [(2, 1, "unusual_email_address"), (1, 3, "unusual_locale")]);
    assert_eq!(warnings(&model, &WarningRules::of_fields(&model.mapping, &[0, 3]), &[0]), [of_first[0], of_first[2]]);
    assert_eq!(model.canonical().problems(), [], "none of them is invalid");
}

#[test]
fn all_parts_of_a_key_share_450_units() {
    let field = FieldType::Text { units_max: Some(400) };
    let part = |units: &[usize]| column(field, StringArray::from_iter_values(units.iter().map(|it| "ä".repeat(*it))));
    let model = Model::of(vec![part(&[400, 400, 400]), part(&[50, 51, 1])], vec![column(TEXT, NullArray::new(3))]);
    assert_eq!(model.canonical().problems(), [RowProblem { row: 1, field: 0, problem: CellProblem::KeyTooLong }]);
}

#[test]
fn problems_are_sorted_and_a_cell_has_one() {
    let number = column(FieldType::Number, texts(&["1", "x", "3"]));
    let text = Column { is_required: true, ..column(FieldType::Text { units_max: Some(1) }, texts(&["ab", "\0\0", ""])) };
    let model = Model::of(vec![column(TEXT, texts(&["a", "b", "c"]))], vec![number, text]);
    let found = model.canonical();
    let told: Vec<_> = found.problems().iter().map(|it| (it.row, it.field, it.problem.code())).collect();
    assert_eq!(told, [(0, 2, "too_long"), (1, 1, "not_a_number"), (1, 2, "unprintable"), (2, 2, "null_required")]);
    assert_eq!(found.problems_of(1).len(), 2);
    assert!((0..3).all(|row| !found.is_valid(row) && found.has_usable_key(row)));
}

#[test]
fn an_example_of_a_problem_is_masked() {
    let model = Model::of_value(column(FieldType::EmailAddress, texts(&["alice at home"])));
    let found = model.canonical();
    assert_eq!(model.canonicalizer().masked_example(&model.batch, &found.problems()[0]), "a…(13)");
}

#[test]
fn the_longest_text_is_known_of_columns_yet_to_be_created() {
    let long = "ü".repeat(4001);
    let values = vec![
        column(TEXT, texts(&["abc", "Ünïcödé", "😀😀"])),
        column(FieldType::Number, Int32Array::from(vec![1, 2, 3])),
        column(TEXT, StringViewArray::from_iter_values(["", "four", &long])),
    ];
    let keys = || vec![column(TEXT, texts(&["a", "b", "c"]))];
    let found = Model::of_custom_attributes(keys(), values).canonical();
    assert_eq!(found.longest_text().iter().collect::<Vec<_>>(), [(1, 7), (3, 4)]);
    assert_eq!(found.problems(), [RowProblem { row: 2, field: 3, problem: CellProblem::TooLong }]);
    let known = Model::of(keys(), vec![column(TEXT, texts(&["abc", "", ""]))]).canonical();
    assert_eq!(known.longest_text().iter().count(), 0);
}

#[test]
fn a_field_that_is_too_short_tells_the_longest_of_what_it_does_not_take() {
    let short = FieldType::Text { units_max: Some(3) };
    let keys = || vec![column(TEXT, texts(&["a", "b", "c", "d"]))];
    let values = || vec![column(short, texts(&["abc", "abcd", "Ünïcödé", "ÜÜÜ"])), column(TEXT, texts(&["", "", "", "long enough"]))];
    let found = Model::of(keys(), values()).canonical();
    assert_eq!(found.longest_text().iter().collect::<Vec<_>>(), [(1, 7)]);
    let problem = |row| RowProblem { row, field: 1, problem: CellProblem::TooLong };
    assert_eq!(found.problems(), [problem(1), problem(2)]);
}

#[test]
fn a_field_that_may_be_made_longer_takes_what_the_longest_would_take() {
    let short = FieldType::Text { units_max: Some(3) };
    let model = |texts| Model::of_widenable(vec![column(TEXT, self::texts(&["a", "b", "c"]))], vec![column(short, texts)]);
    let found = model(texts(&["abc", "ÜÜÜ", ""])).canonical();
    assert_eq!((found.longest_text().iter().count(), found.problems().len()), (0, 0), "it is long enough");
    let longest = "ü".repeat(4000);
    let found = model(texts(&["Ünïcödé", &longest, &format!("{longest}ü")])).canonical();
    assert_eq!(found.longest_text().iter().collect::<Vec<_>>(), [(1, 4000)]);
    assert_eq!(found.problems(), [RowProblem { row: 2, field: 1, problem: CellProblem::TooLong }]);
}

#[test]
fn the_longest_text_is_that_of_all_batches() {
    let mut longest = LongestText::default();
    for (field, units) in [(3, 7), (1, 0), (3, 4)] {
        let mut other = LongestText::default();
        other.see(field, units);
        longest.merge(&other);
    }
    assert_eq!(longest.iter().collect::<Vec<_>>(), [(1, 0), (3, 7)]);
}
