//! When keys are equal.

use outflow_sandbox::model::{KeyFolding, Switches};

use crate::model_support::Cloud;

/// Whether two texts are one key under a folding.
fn same(folding: KeyFolding, one: &str, other: &str) -> bool {
    let mut cloud = Cloud::with(Switches { key_folding: folding, ..Switches::instant() });
    cloud.table("people", "Id:Text(50)!");
    cloud.upsert(&[("Id", one)]);
    cloud.upsert(&[("Id", other)]);
    cloud.model.data_extension("people").expect("people").rows.len() == 1
}

#[test]
fn case_and_trailing_spaces_do_not_matter() {
    for (one, other) in [("ABC", "abc"), ("x", "x  "), ("ÄÖ", "äö"), ("ΣΑΣ", "σας"), ("Ж", "ж")] {
        assert!(same(KeyFolding::Simple, one, other), "{one} {other}");
    }
}

#[test]
fn everything_else_does() {
    for (one, other) in [("x", " x"), ("a", "á"), ("é", "e\u{301}"), ("ß", "ss"), ("1", "01"), ("x", "x\t")] {
        assert!(!same(KeyFolding::Simple, one, other), "{one} {other}");
    }
}

#[test]
fn a_wider_folding_expands_and_a_wider_one_still_drops_accents() {
    for (one, other) in [("straße", "STRASSE"), ("ﬁ", "FI"), ("ẞ", "ss")] {
        assert!(same(KeyFolding::Full, one, other), "{one} {other}");
    }
    assert!(!same(KeyFolding::Full, "e", "é"));
    for (one, other) in [("e", "É"), ("é", "e\u{301}"), ("Łódź", "lodz"), ("ß", "SS")] {
        assert!(same(KeyFolding::Accents, one, other), "{one} {other}");
    }
}

#[test]
fn case_may_matter() {
    assert!(!same(KeyFolding::CaseSensitive, "ABC", "abc"));
    assert!(same(KeyFolding::CaseSensitive, "abc", "abc "));
}

#[test]
fn stored_text_stays_as_it_was_sent() {
    let mut cloud = Cloud::with_people("Id:Text(50)! Name:Text(50)");
    cloud.upsert(&[("Id", "ABC "), ("Name", "Ada")]);
    assert_eq!(cloud.rows("people"), "ABC |Ada");
    cloud.upsert(&[("Id", "abc"), ("Name", "Ida")]);
    assert_eq!(cloud.rows("people"), "abc|Ida");
}

#[test]
fn numbers_and_decimals_are_keys_by_value() {
    let mut cloud = Cloud::with_people("A:Number! B:Decimal(6,2)! Name:Text(9)");
    cloud.upsert(&[("A", "7"), ("B", "1.5"), ("Name", "a")]);
    cloud.upsert(&[("A", "007"), ("B", "1.50"), ("Name", "b")]);
    assert_eq!(cloud.rows("people"), "7|1.50|b");
}

#[test]
fn parts_of_a_key_do_not_run_together() {
    let mut cloud = Cloud::with_people("A:Text(9)! B:Text(9)!");
    for (a, b) in [("ab", "c"), ("a", "bc"), ("abc", "x")] {
        cloud.upsert(&[("A", a), ("B", b)]);
    }
    assert_eq!(cloud.rows("people"), "ab|c; a|bc; abc|x");
}

#[test]
fn another_folding_is_taken_at_once() {
    let mut cloud = Cloud::with_people("Id:Text(50)! Name:Text(9)");
    cloud.upsert(&[("Id", "straße"), ("Name", "a")]);
    cloud.model.change_switches(|it| it.key_folding = KeyFolding::Full);
    cloud.upsert(&[("Id", "STRASSE"), ("Name", "b")]);
    assert_eq!(cloud.rows("people"), "STRASSE|b");
}
