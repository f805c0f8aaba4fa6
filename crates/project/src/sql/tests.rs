use super::{Dialect::*, *};

#[track_caller]
fn kept(text: &str, expected: &str) {
    assert_eq!(question(text, Postgres), Ok(expected.to_owned()));
}

#[track_caller]
fn refused(text: &str, expected: &[(&str, &str)]) {
    let problems = question(text, Postgres).unwrap_err();
    let told: Vec<_> = problems.iter().map(|it| (&text[it.at..it.at + it.length.min(text.len() - it.at)], it.what.as_str())).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_question_is_kept() {
    kept("SELECT 1", "SELECT 1");
    kept("  with a as (select 1) select * from a\n", "with a as (select 1) select * from a");
    kept("((SELECT 1) UNION (SELECT 2))", "((SELECT 1) UNION (SELECT 2))");
    kept("FROM customers", "FROM customers");
    kept("VALUES (1)", "VALUES (1)");
}

#[test]
fn the_closing_semicolon_goes_and_comments_may_follow_it() {
    kept("SELECT 1 ;", "SELECT 1");
    kept("SELECT 1;;  -- done; really\n/* yes */", "SELECT 1");
    kept("SELECT 1 -- one", "SELECT 1 -- one");
}

#[test]
fn a_semicolon_within_quotes_or_comments_is_none() {
    for text in [
        "SELECT ';'",
        "SELECT \"a;b\"",
        "SELECT 1 /* ; /* ; */ ; */",
        "SELECT $$;$$",
        "SELECT $q$ $$; $q$",
        "SELECT E'\\';'",
        "SELECT 'it''s;'",
    ] {
        kept(text, text);
    }
}

#[test]
fn a_second_statement_is_refused() {
    refused("SELECT 1; DROP TABLE x", &[("DROP", "a second statement begins here")]);
    refused("SELECT '\\'; DROP TABLE x --'", &[("DROP", "a second statement begins here")]);
}

#[test]
fn a_write_is_refused() {
    refused("DELETE FROM x", &[("DELETE", "a question does not begin with `DELETE`")]);
    refused("WITH a AS (DELETE FROM x RETURNING *) SELECT * FROM a", &[("DELETE", "`DELETE` writes")]);
    refused("SELECT * INTO y FROM x", &[("INTO", "`INTO` writes")]);
    refused("SELECT * FROM x FOR NO KEY UPDATE", &[("FOR", "this locks rows for writing")]);
}

#[test]
fn words_that_only_look_like_writes_are_kept() {
    for text in ["SELECT substring(a for 2)", "SELECT \"into\", 'delete' FROM updates", "SELECT t.into FROM t", "SELECT a AS update FROM x"]
    {
        kept(text, text);
    }
}

#[test]
fn what_does_not_close_is_refused() {
    refused("SELECT 'abc", &[("'", "the text that begins here does not end")]);
    refused("SELECT /* a /* b */", &[("/*", "the comment that begins here does not end")]);
    refused("SELECT $a$ b $$", &[("$a$", "the dollar-quoted text that begins here does not end")]);
    refused("SELECT (1", &[("(", "this `(` is not closed")]);
    refused("SELECT 1) AS m; SELECT (1", &[("SELECT", "a second statement begins here"), (")", "this `)` closes nothing")]);
    refused("-- nothing\n;", &[("-", "there is no SQL here")]);
}

#[test]
fn a_backtick_quotes_in_datafusion_only() {
    assert!(question("SELECT `a;b`", DataFusion).is_ok());
    assert!(question("SELECT `a;b`", Postgres).is_err());
}

#[test]
fn a_condition_cannot_leave_its_parentheses() {
    assert_eq!(condition("a = 1 AND (b OR c);", Postgres), Ok("a = 1 AND (b OR c)".into()));
    for text in ["1=1) OR (2=2", "a; DROP TABLE x", "WHERE a", "", "-- c", "(a"] {
        assert!(condition(text, Postgres).is_err(), "{text}");
    }
}

#[test]
fn a_name_is_quoted_exactly() {
    assert_eq!(quoted_name("a\"b"), "\"a\"\"b\"");
}
