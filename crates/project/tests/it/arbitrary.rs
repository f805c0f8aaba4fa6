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
        let boundary = |mut at: usize| {
            while !GOOD.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (from, to) = (boundary(from), boundary((from + length).min(GOOD.len())));
        let text = format!("{}{with}{}", &GOOD[..from], &GOOD[to.max(from)..]);
        answered(&text)?;
    }
}
