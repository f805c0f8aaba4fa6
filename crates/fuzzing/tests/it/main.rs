//! Every file of the corpus keeps its target's promise.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use outflow_fuzzing::TARGETS;

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    files.sort();
    files
}

fn names(folder: &Path) -> BTreeSet<String> {
    files(folder).iter().map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn replay(target: &str) {
    let files = files(&fuzz_folder().join("corpus").join(target));
    assert!(files.len() >= 4, "the corpus of {target} has only {} files", files.len());
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let kept = std::panic::catch_unwind(|| outflow_fuzzing::check(target, &bytes));
        assert!(kept.is_ok(), "{} breaks the promise of {target}, as told above", file.display());
    }
}

#[test]
fn baselines_open_or_are_refused() {
    replay("baseline_open");
}

#[test]
fn files_hold_the_cells_that_were_written() {
    replay("csv_round_trip");
}

#[test]
fn dates_are_dates_or_refused() {
    replay("dates");
}

#[test]
fn decimals_are_exact_or_refused() {
    replay("decimals");
}

#[test]
fn projects_are_read_or_refused_without_a_secret() {
    replay("project_yaml");
}

#[test]
fn answers_of_rest_are_read_or_refused() {
    replay("rest_answer");
}

#[test]
fn answers_of_soap_are_read_or_refused() {
    replay("soap_answer");
}

#[test]
fn every_target_has_its_program_and_its_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|it| it.0.to_owned()).collect();
    assert_eq!(names(&fuzz_folder().join("fuzz_targets")), targets);
    assert_eq!(names(&fuzz_folder().join("corpus")), targets);
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    let named: BTreeSet<String> =
        manifest.lines().filter_map(|it| it.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\"")).map(str::to_owned).collect();
    assert_eq!(named, targets);
}

/// The corpus would be of little use if nothing in it got through.
#[test]
fn the_corpus_holds_segments_that_open() {
    use outflow_baseline::{Expect, Header, Segment};
    let opens = |file: &PathBuf| {
        let bytes = fs::read(file).unwrap();
        Header::read(&bytes).is_ok_and(|header| Segment::open(bytes, &Expect::header(header)).is_ok())
    };
    let whole = files(&fuzz_folder().join("corpus/baseline_open")).iter().filter(|it| opens(it)).count();
    assert!(whole >= 3, "only {whole} segments open");
}
