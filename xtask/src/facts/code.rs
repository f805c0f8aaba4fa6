//! Habits of the code that clippy does not know.

use crate::{
    code::has_word,
    workspace::{File, Workspace},
};

/// Modules that may hold `unsafe`, and for what.
const UNSAFE_MODULES: &[(&str, &str)] = &[
    ("crates/baseline/src/raw.rs", "maps files into memory and asks the processor to fetch early"),
    ("crates/rows/src/sip/eight.rs", "calls what only a processor with AVX-512 has, after asking whether it does"),
];

const LINES_MAX: usize = 700;

/// Longer files, and why each holds one idea nevertheless.
const LONGER: &[(&str, &str)] = &[];

/// Files of tests with a sleep that waits for no condition, and why.
const SLEEPS: &[(&str, &str)] =
    &[("crates/adapters/marketing-cloud/tests/it/doors.rs", "it is the Clock port of the tests, and sleeps as long as it is asked to")];

/// Each `[lints] workspace = true`.
pub fn lints(workspace: &Workspace) -> Vec<String> {
    let is_crate = |it: &&File| it.text.contains("[package]");
    let takes_lints = |it: &File| {
        let mut lines = it.text.lines().map(str::trim).skip_while(|it| *it != "[lints]");
        lines.next().is_some() && lines.next() == Some("workspace = true")
    };
    let manifests = workspace.files_ending("Cargo.toml").filter(is_crate);
    manifests.filter(|it| !takes_lints(it)).map(|it| format!("{}: add `[lints]` with `workspace = true`", it.path)).collect()
}

/// `unsafe`, and the permission for it, in two modules.
pub fn two_unsafe_modules(workspace: &Workspace) -> Vec<String> {
    let rust = workspace.files_ending(".rs").filter(|it| UNSAFE_MODULES.iter().all(|(path, _)| it.path != *path));
    lines_with(rust, |line| has_word(line, "unsafe") || has_word(line, "unsafe_code"))
}

/// Arguments, environment, terminals and exits belong to the program, tests and examples.
pub fn only_the_program_looks_around(workspace: &Workspace) -> Vec<String> {
    const LOOKS: &[&str] = &[
        "env::var",
        "env::var_os",
        "env::vars",
        "env::args",
        "env::current_dir",
        "process::exit",
        "IsTerminal",
        "io::stdin",
        "io::stdout",
    ];
    let is_library = |it: &&File| it.path.starts_with("crates/") && it.path.contains("/src/") && !it.path.starts_with("crates/cli/");
    let rust = workspace.files_ending(".rs").filter(is_library);
    lines_with(rust, |line| LOOKS.iter().any(|it| has_word(line, it)))
}

/// No `todo!`, no ignored test.
pub fn nothing_unfinished(workspace: &Workspace) -> Vec<String> {
    const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "#[ignore", "cfg_attr(ignore"];
    let in_code = lines_with(workspace.files_ending(".rs"), |line| UNFINISHED.iter().any(|it| line.contains(it)));
    // An example in a comment that is not compiled is an ignored test, too.
    let is_uncompiled = |line: &str| line.trim_start().starts_with("//") && line.contains("```ignore");
    let in_comments = workspace.files_ending(".rs").flat_map(|file| places(file, &file.text, is_uncompiled));
    in_code.into_iter().chain(in_comments).collect()
}

/// A test that sleeps for a fixed time is slow on a fast machine and fails on a slow one. Sleeping between two looks at a condition is
/// fine, and is known by the deadline or timeout that stands beside it.
pub fn no_fixed_sleeps(workspace: &Workspace) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in workspace.files_ending(".rs").filter(|it| !SLEEPS.iter().any(|(path, _)| it.path == *path)) {
        let code = file.code();
        let lines: Vec<&str> = code.lines().collect();
        for at in test_lines(file, &lines).filter(|&at| lines[at].contains("thread::sleep(") || lines[at].contains("time::sleep(")) {
            let beside = &lines[at.saturating_sub(10)..lines.len().min(at + 5)];
            if !beside.iter().any(|it| it.to_lowercase().contains("deadline") || it.contains("timeout(")) {
                breaches.push(format!("{}:{}: wait for a condition with a deadline instead", file.path, at + 1));
            }
        }
    }
    breaches
}

/// The lines that belong to tests: all of a file of tests, else what follows `#[cfg(test)]`.
fn test_lines(file: &File, lines: &[&str]) -> std::ops::Range<usize> {
    let is_all = file.path.contains("/tests/") || file.path.ends_with("/tests.rs") || file.path.contains("/promises/");
    let first = if is_all { Some(0) } else { lines.iter().position(|it| it.contains("#[cfg(test)]")) };
    first.unwrap_or(lines.len())..lines.len()
}

/// Files that hold more than one idea.
pub fn file_lengths(workspace: &Workspace) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in workspace.files_ending(".rs") {
        let (lines, is_allowed) = (file.text.lines().count(), LONGER.iter().any(|(path, _)| file.path == *path));
        if lines > LINES_MAX && !is_allowed {
            breaches.push(format!("{}: {lines} lines hold more than one idea; split it, or give a reason in `LONGER`", file.path));
        }
        if lines <= LINES_MAX && is_allowed {
            breaches.push(format!("{}: short again, so `LONGER` need not name it", file.path));
        }
    }
    breaches
}

fn lines_with<'a>(files: impl Iterator<Item = &'a File>, is_it: impl Fn(&str) -> bool) -> Vec<String> {
    files.flat_map(|file| places(file, &file.code(), &is_it)).collect()
}

/// `path:line: text` of each line that is one.
fn places(file: &File, text: &str, is_it: impl Fn(&str) -> bool) -> Vec<String> {
    let shown = |at: usize| file.text.lines().nth(at).unwrap_or_default().trim().to_owned();
    let found = text.lines().enumerate().filter(|(_, line)| is_it(line));
    found.map(|(at, _)| format!("{}:{}: {}", file.path, at + 1, shown(at))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::examples::of_files;

    #[test]
    fn lints_are_taken() {
        let good = "[package]\n[lints]\nworkspace = true\n";
        assert_eq!(lints(&of_files(&[("a/Cargo.toml", good), ("Cargo.toml", "[workspace]")])).len(), 0);
        assert_eq!(lints(&of_files(&[("a/Cargo.toml", "[package]\n")])).len(), 1);
    }

    #[test]
    fn unsafe_stands_in_two_modules() {
        let code = "fn f() { unsafe { g() } }";
        for (path, _) in UNSAFE_MODULES {
            assert_eq!(two_unsafe_modules(&of_files(&[(path, code)])).len(), 0);
        }
        assert_eq!(two_unsafe_modules(&of_files(&[("a/src/lib.rs", code)])), ["a/src/lib.rs:1: fn f() { unsafe { g() } }"]);
        assert_eq!(two_unsafe_modules(&of_files(&[("a/src/lib.rs", "// unsafe is denied\n")])).len(), 0);
        assert_eq!(two_unsafe_modules(&of_files(&[("a/src/lib.rs", "#![allow(unsafe_code)]")])).len(), 1);
    }

    #[test]
    fn libraries_do_not_look_around() {
        let code = "let it = std::env::var(\"A\");";
        assert_eq!(only_the_program_looks_around(&of_files(&[("crates/rows/src/lib.rs", code)])).len(), 1);
        assert_eq!(only_the_program_looks_around(&of_files(&[("crates/cli/src/main.rs", code)])).len(), 0);
        assert_eq!(only_the_program_looks_around(&of_files(&[("crates/rows/tests/it/main.rs", code)])).len(), 0);
    }

    #[test]
    fn unfinished_code_is_told() {
        assert_eq!(nothing_unfinished(&of_files(&[("a.rs", "fn f() { todo!() }"), ("b.rs", "#[ignore]\nfn t() {}")])).len(), 2);
        assert_eq!(nothing_unfinished(&of_files(&[("a.rs", "/// ```ignore\n/// f()\n/// ```\n")])).len(), 1);
        assert_eq!(nothing_unfinished(&of_files(&[("a.rs", "// todo! is a macro\n")])).len(), 0);
    }

    #[test]
    fn a_sleep_needs_a_deadline() {
        let fixed = "fn t() { thread::sleep(SECOND); }";
        let polling = "while !done() {\n assert!(Instant::now() < deadline);\n thread::sleep(TICK);\n}";
        assert_eq!(no_fixed_sleeps(&of_files(&[("a/tests/it/a.rs", fixed)])).len(), 1);
        assert_eq!(no_fixed_sleeps(&of_files(&[("a/tests/it/a.rs", polling)])).len(), 0);
    }

    #[test]
    fn a_timeout_is_a_deadline() {
        let polling = "let poll = async { while !done() { time::sleep(TICK).await } };\ntime::timeout(MINUTE, poll).await";
        assert_eq!(no_fixed_sleeps(&of_files(&[("a/tests/it/a.rs", polling)])).len(), 0);
    }

    #[test]
    fn outside_tests_sleeping_is_the_clocks_matter() {
        let code = "async fn f() { tokio::time::sleep(it).await }\n";
        assert_eq!(no_fixed_sleeps(&of_files(&[("a/src/a.rs", code)])).len(), 0);
        assert_eq!(no_fixed_sleeps(&of_files(&[("a/src/a.rs", &format!("#[cfg(test)]\nmod tests {{ {code} }}"))])).len(), 1);
    }

    #[test]
    fn long_files_are_told() {
        assert_eq!(file_lengths(&of_files(&[("a.rs", &"\n".repeat(LINES_MAX + 1)), ("b.rs", "\n")])).len(), 1);
    }
}
