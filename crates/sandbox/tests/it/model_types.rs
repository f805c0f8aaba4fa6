//! What each field type takes, and how it is read back.

use outflow_sandbox::model::{BooleanWords, EmailRule, LocaleRule, PhoneRule, Switches};

use crate::model_support::Cloud;

/// Imports one cell into a field of a type: what is read back, or the name of the error.
fn cell(field: &str, text: &str) -> String {
    cell_under(Switches::instant(), field, text)
}

/// As [`cell`], where switches are set.
fn cell_under(switches: Switches, field: &str, text: &str) -> String {
    let mut cloud = Cloud::with(switches);
    cloud.table("people", &format!("Id:Number! Value:{field}"));
    let quoted = text.replace('"', "\"\"");
    let id = cloud.start_rest_import(&format!("Id,Value\n1,\"{quoted}\"\n"), "AddAndUpdate");
    match cloud.verdicts(id).as_str() {
        "" => cloud.rows("people").trim_start_matches("1|").to_owned(),
        verdict => verdict.trim_start_matches("1:").to_owned(),
    }
}

#[test]
fn text_is_counted_in_utf16_units_and_never_cut() {
    assert_eq!(cell("Text(4)", "abcd"), "abcd");
    assert_eq!(cell("Text(4)", "abcde"), "InvalidLength");
    assert_eq!(cell("Text(4)", "äöüß"), "äöüß");
    assert_eq!(cell("Text(4)", "🙂🙂"), "🙂🙂");
    assert_eq!(cell("Text(4)", "🙂🙂x"), "InvalidLength");
    assert_eq!(cell("Text", &"x".repeat(5000)), "x".repeat(5000));
    assert_eq!(cell("Text(9)", " a\r\n\"b\" "), " a\r\n\"b\" ");
}

#[test]
fn number_is_a_signed_number_of_32_bits() {
    for (text, read) in [
        ("7", "7"),
        ("-2147483648", "-2147483648"),
        ("2147483647", "2147483647"),
        (" 007 ", "7"),
        ("2147483648", "InvalidNumber"),
        ("1.0", "InvalidNumber"),
        ("1,000", "InvalidNumber"),
        ("one", "InvalidNumber"),
    ] {
        assert_eq!(cell("Number", text), read, "{text}");
    }
}

#[test]
fn decimal_keeps_its_scale_and_is_never_rounded() {
    for (text, read) in [
        ("1.5", "1.50"),
        ("-0", "0.00"),
        ("-1.05", "-1.05"),
        ("0012", "12.00"),
        (".5", "0.50"),
        ("9999.99", "9999.99"),
        ("1.500", "1.50"),
        ("10000", "InvalidDecimalPrecision"),
        ("1.234", "InvalidDecimalScale"),
        ("1e3", "InvalidNumber"),
        ("1,5", "InvalidNumber"),
    ] {
        assert_eq!(cell("Decimal(6,2)", text), read, "{text}");
    }
}

#[test]
fn a_date_is_kept_on_the_servers_clock() {
    for (text, read) in [
        ("2026-11-23", "11/23/2026 12:00:00 AM"),
        ("2026-11-23T10:10:07Z", "11/23/2026 4:10:07 AM"),
        ("2026-11-23 10:10:07Z", "11/23/2026 4:10:07 AM"),
        ("2026-07-01T00:30:00+02:00", "6/30/2026 4:30:00 PM"),
        ("2026-11-23 12:00", "11/23/2026 12:00:00 PM"),
        ("2026-11-23T10:10:07.999", "11/23/2026 10:10:08 AM"),
        ("9/1/2010 3:04 PM", "9/1/2010 3:04:00 PM"),
        ("01-09-2010", "1/9/2010 12:00:00 AM"),
        ("1753-01-01", "1/1/1753 12:00:00 AM"),
        ("1752-12-31", "InvalidDate"),
        ("2026-02-29", "InvalidDate"),
        ("2024-02-29", "2/29/2024 12:00:00 AM"),
        ("2026-13-01", "InvalidDate"),
        ("2026-11-23 24:00", "InvalidDate"),
        ("tomorrow", "InvalidDate"),
    ] {
        assert_eq!(cell("Date", text), read, "{text}");
    }
}

#[test]
fn a_boolean_is_true_or_false() {
    for (text, read) in [("true", "True"), ("False", "False"), ("1", "True"), ("0", "False"), ("Y", "True"), ("no", "False")] {
        assert_eq!(cell("Boolean", text), read, "{text}");
    }
    assert_eq!(cell("Boolean", "maybe"), "InvalidBoolean");
}

#[test]
fn an_email_address_is_checked_by_its_syntax() {
    for good in ["ada@example.org", "a.b+c@mail.example.co", "o'neil@example.com"] {
        assert_eq!(cell("EmailAddress", good), good);
    }
    for bad in ["ada", "ada@", "@example.org", "a b@example.org", "ada@example", "a..b@example.org", "ada@-x.org", "n/a"] {
        assert_eq!(cell("EmailAddress", bad), "InvalidEmailAddress", "{bad}");
    }
    assert_eq!(cell("EmailAddress", &format!("{}@example.org", "x".repeat(250))), "InvalidEmailAddressLength");
}

#[test]
fn phones_and_locales_are_checked_too() {
    assert_eq!(cell("Phone", "+49 (30) 123-4567"), "+49 (30) 123-4567");
    assert_eq!(cell("Phone", "call me"), "InvalidPhone");
    assert_eq!(cell("Locale", "en-US"), "en-US");
    assert_eq!(cell("Locale", "english"), "InvalidLocale");
}

/// The values of a field that are taken.
fn taken<'t>(switches: &Switches, field: &str, texts: &[&'t str]) -> Vec<&'t str> {
    texts.iter().copied().filter(|it| !cell_under(switches.clone(), field, it).starts_with("Invalid")).collect()
}

#[test]
fn a_switch_says_what_a_phone_number_is() {
    let texts = ["+4930123456", "(555) 123-4567", "+49 30 123456", "call me"];
    let under = |phone_rule| taken(&Switches { phone_rule, ..Switches::instant() }, "Phone", &texts);
    assert_eq!(under(PhoneRule::Usual), texts[..3]);
    assert_eq!(under(PhoneRule::International), texts[..1]);
    assert_eq!(under(PhoneRule::Anything), texts);
    assert_eq!(cell_under(Switches { phone_rule: PhoneRule::Anything, ..Switches::instant() }, "Phone", &"5".repeat(51)), "InvalidPhone");
}

#[test]
fn a_switch_says_what_a_locale_is() {
    let texts = ["en-US", "en", "en_US", "xx", "12345"];
    let under = |locale_rule| taken(&Switches { locale_rule, ..Switches::instant() }, "Locale", &texts);
    assert_eq!(under(LocaleRule::Usual), texts[..4]);
    assert_eq!(under(LocaleRule::LanguageAndRegion), texts[..1]);
    assert_eq!(under(LocaleRule::Anything), texts);
}

#[test]
fn a_switch_says_what_an_address_is() {
    let texts = ["ada@example.com", "ada@mail.test", "ada@localhost", "\u{fc}@\u{fc}", "n/a"];
    let under = |email_rule| taken(&Switches { email_rule, ..Switches::instant() }, "EmailAddress", &texts);
    assert_eq!(under(EmailRule::Domain), texts[..1]);
    assert_eq!(under(EmailRule::Syntax), texts[..2]);
    assert_eq!(under(EmailRule::Lenient), texts[..4]);
}

#[test]
fn a_switch_says_which_words_are_true_and_false() {
    let texts = ["True", "FALSE", "1", "0", "yes", "N", "on"];
    let under = |boolean_words| taken(&Switches { boolean_words, ..Switches::instant() }, "Boolean", &texts);
    assert_eq!(under(BooleanWords::TrueAndFalse), texts[..2]);
    assert_eq!(under(BooleanWords::Digits), texts[..4]);
    assert_eq!(under(BooleanWords::YesAndNo), texts[..6]);
}
