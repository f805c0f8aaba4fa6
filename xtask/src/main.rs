//! Tidy tests: facts about the repository that no compiler checks.
//!
//! `cargo run -p outflow-xtask -- tidy` prints a line for each fact, and below a fact that does not hold each place that breaks it.
//! A fact is a function of the [`workspace::Workspace`] and has its tests, with a bad example each, beside it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this program talks to people")]

mod code;
mod facts;
mod licence;
mod metadata;
mod workspace;

use std::{env, path::Path, process::ExitCode};

use workspace::Workspace;

const USAGE: &str = "usage: cargo run -p outflow-xtask -- tidy";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments != ["tidy"] {
        eprintln!("{USAGE}");
        return ExitCode::from(64);
    }
    match Workspace::read(&root()) {
        Ok(workspace) => report(&workspace),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace: this crate lies directly below it.
fn root() -> std::path::PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

fn report(workspace: &Workspace) -> ExitCode {
    let mut broken = 0;
    for fact in facts::ALL {
        let breaches = (fact.breaches)(workspace);
        println!("{} {}", if breaches.is_empty() { "ok  " } else { "FAIL" }, fact.text);
        for breach in &breaches {
            println!("       {breach}");
        }
        broken += usize::from(!breaches.is_empty());
    }
    if broken == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {broken} of {} tidy facts do not hold", facts::ALL.len());
    ExitCode::FAILURE
}
