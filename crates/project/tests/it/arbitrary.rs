//! Whatever text is given: an answer, and never a panic.

use outflow_project::parse_text;
use proptest::{prelude::*, test_runner::TestCaseError};

const GOOD: &str = include_str!("../good/whole/outflow.yaml");

/// Pieces from which texts grow that look like projects.
const PIECES: [&str; 36] = [
    "version: 1\n",
    "secret: ${OUTFLOW_SECRET}\n",
    "sources:\n",
    "models:\n",
    "activations:\n",
    "connections:\n",
    "  a:\n",
    "    ",
    "  ",
    "\t",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "#",
    "&a ",
    "*a",
    "<<",
    "!t ",
    "---\n",
    "sql: SELECT 1",
    "$$",
    "${A}",
    "file:x",
    "/*",
    "--",
    "\u{feff}",
    "\u{85}",
    "ü",
    "password: x\n",
];

/// A project, or problems; and what the environment holds is not told, whatever is broken around it.
fn answered(text: &str) -> Result<(), TestCaseError> {
    if let Err(problems) = parse_text(text, &crate::env) {
        prop_assert!(!problems.is_empty(), "refused without a reason");
        for problem in problems {
            prop_assert!(!problem.to_string().contains("MARKER"), "{}", problem);
        }
    }
    Ok(())
}

/// The last boundary of a character at or before `at`.
fn boundary_in(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|it| text.is_char_boundary(*it)).unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_gets_an_answer(text in any::<String>()) {
        answered(&text)?;
    }

    #[test]
    fn any_pieces_get_an_answer(pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40)) {
        answered(&pieces.concat())?;
    }

    #[test]
    fn a_good_project_with_a_hole_gets_an_answer(from in 0..GOOD.len(), length in 0_usize..60, with in prop::sample::select(PIECES.to_vec())) {
        let (from, to) = (boundary_in(GOOD, from), boundary_in(GOOD, from + length));
        let text = format!("{}{with}{}", &GOOD[..from], &GOOD[to.max(from)..]);
        answered(&text)?;
    }
}

/// Secrets that somebody wrote into the file, with any one character around them forgotten.
#[test]
fn a_literal_secret_is_not_told_however_the_file_is_broken() {
    let literal = GOOD.replace("${CLIENT_SECRET}", "MARKER");
    let mut broken = 0;
    for at in 0..literal.len() {
        let is_within = (at.saturating_sub(5)..=at).any(|from| literal[from..].starts_with("MARKER"));
        if !is_within && literal.is_char_boundary(at) && literal.is_char_boundary(at + 1) {
            let text = format!("{}{}", &literal[..at], &literal[at + 1..]);
            let problems = parse_text(&text, &crate::env).unwrap_err();
            broken += 1;
            for problem in problems {
                assert!(!problem.to_string().contains("MARKER"), "{problem}");
            }
        }
    }
    assert!(broken > 1_000, "{broken}");
}
