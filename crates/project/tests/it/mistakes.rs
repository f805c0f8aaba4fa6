//! One folder per mistake: the whole report is compared with its `expected.txt`. `OUTFLOW_BLESS=1` rewrites them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use outflow_project::{Code, Problem, Project};

fn fixtures() -> Vec<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|it| it.unwrap().path()).filter(|it| it.is_dir()).collect();
    folders.sort();
    folders
}

fn problems(folder: &Path) -> Vec<Problem> {
    match Project::load(folder, &crate::env) {
        Err(problems) => problems,
        Ok(_) => panic!("{} should be a mistake", folder.display()),
    }
}

fn report(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_mistake_is_told_as_expected() {
    let mut differing = Vec::new();
    for folder in fixtures() {
        let (file, told) = (folder.join("expected.txt"), report(&problems(&folder)));
        if crate::is_blessing() {
            fs::write(&file, &told).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if told != expected {
            differing.push(format!("--- {}\nexpected:\n{expected}\ntold:\n{told}", folder.display()));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn there_are_many_mistakes() {
    assert!(fixtures().len() >= 35, "{} fixtures", fixtures().len());
}

#[test]
fn every_code_occurs_in_a_mistake() {
    let told: BTreeSet<Code> = fixtures().iter().flat_map(|it| problems(it)).map(|it| it.code).collect();
    let missing: Vec<_> = Code::ALL.into_iter().filter(|it| !told.contains(it)).collect();
    assert!(missing.is_empty(), "no fixture shows {missing:?}");
}

#[test]
fn no_secret_is_ever_told() {
    for folder in fixtures() {
        for problem in problems(&folder) {
            let shown = format!("{problem}\n{problem:?}");
            assert!(!shown.contains("MARKER"), "{}: {shown}", folder.display());
        }
    }
}

#[test]
fn every_problem_says_what_to_do_or_says_it_all() {
    for problem in fixtures().iter().flat_map(|it| problems(it)) {
        assert!(!problem.what.is_empty() && problem.place.line > 0 && problem.place.column > 0, "{problem}");
        assert!(problem.hint.as_deref() != Some(""), "{problem}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let problems = problems(Path::new("/nowhere/at/all"));
    assert_eq!(problems[0].what, "there is no folder `/nowhere/at/all`");
}

#[test]
fn a_huge_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("outflow.yaml"), "# x\n".repeat(1_100_000)).unwrap();
    assert_eq!(problems(folder.path())[0].code, Code::NotText);
}
