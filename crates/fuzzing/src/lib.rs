//! What must hold of any bytes whatsoever.
//!
//! A target is a function that takes bytes from outside and panics where a promise about them is broken. libFuzzer calls it with bytes that
//! nobody thought of (`./x fuzz`, from the folder `fuzz`, with a nightly compiler); the tests of this crate call it with every file of the
//! corpus in `fuzz/corpus`, on each run and with the usual compiler. An input that once broke something joins that corpus.

mod baseline_open;
mod csv_round_trip;
mod dates;
mod decimals;
mod project_yaml;

use outflow_marketing_cloud::fuzzing;

/// A promise about any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in the corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("baseline_open", baseline_open::check),
    ("csv_round_trip", csv_round_trip::check),
    ("dates", dates::check),
    ("decimals", decimals::check),
    ("project_yaml", project_yaml::check),
    ("rest_answer", rest_answer),
    ("soap_answer", fuzzing::parse_soap),
];

/// Calls the target of this name.
///
/// # Panics
/// Where there is no such target, and where a promise is broken.
pub fn check(target: &str, bytes: &[u8]) {
    let (_, check) = TARGETS.iter().find(|it| it.0 == target).unwrap_or_else(|| panic!("there is no fuzz target `{target}`"));
    check(bytes);
}

/// No answer of the REST door and of the token endpoint makes us panic.
fn rest_answer(bytes: &[u8]) {
    fuzzing::parse_rest(bytes);
    fuzzing::parse_token(bytes);
}
