//! A text is a project, or problems with reasons that tell no secret.

use outflow_project::{Problem, parse_text};

/// What every variable of the environment holds, and what a file may hold as a password against all advice.
const MARKER: &str = "MARKER-8f14e45fceea167a5a36dedd4bea2543";
const LITERAL: &str = "LITERAL-c9f0f895fb98ab9159f51fd0297e236d";

pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if text.contains("MARKER") || text.contains("LITERAL") {
        return;
    }
    tells_no_secret(text, MARKER);
    // Every reference replaced by what it refers to: the secret stands in the file itself, wherever one can stand.
    tells_no_secret(&with_literals(text), LITERAL);
}

fn tells_no_secret(text: &str, marker: &str) {
    let environment = |_: &str| Some(MARKER.to_owned());
    match parse_text(text, &environment) {
        Ok(project) => drop(format!("{project:?}")),
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason");
            problems.iter().for_each(|it| assert!(!tells(it, marker), "{it}"));
        }
    }
}

fn tells(problem: &Problem, marker: &str) -> bool {
    problem.to_string().contains(marker)
}

/// The text with a literal in place of each reference that follows the key of a secret on its line.
fn with_literals(text: &str) -> String {
    const SECRETS: [&str; 6] = ["password: ", "client_secret: ", "secret_access_key: ", "passphrase: ", "private_key: ", "secret: "];
    let line = |line: &str| match SECRETS.iter().find_map(|it| Some(line.find(it)? + it.len())) {
        Some(at) if line[at..].starts_with("${") => format!("{}{LITERAL}\n", &line[..at]),
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}
