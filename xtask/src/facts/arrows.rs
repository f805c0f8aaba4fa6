//! Which crate may know which.

use crate::{metadata::Kind, workspace::Workspace};

/// What an adapter may know.
const ADAPTER: &[&str] = &["outflow-domain", "outflow-ports"];

/// Each crate, and the crates of ours that it may depend on. Tests may also use [`FOR_TESTS`].
const ARROWS: &[(&str, &[&str])] = &[
    ("outflow-domain", &[]),
    ("outflow-rows", &["outflow-domain"]),
    ("outflow-baseline", &["outflow-domain"]),
    ("outflow-ports", &["outflow-domain"]),
    ("outflow-engine", &["outflow-domain", "outflow-rows", "outflow-baseline", "outflow-ports"]),
    ("outflow-source-files", ADAPTER),
    ("outflow-source-postgres", ADAPTER),
    ("outflow-file-store-sftp", ADAPTER),
    ("outflow-file-store-object-store", ADAPTER),
    ("outflow-file-store-folder", ADAPTER),
    ("outflow-marketing-cloud", ADAPTER),
    ("outflow-ledger-sqlite", ADAPTER),
    // Segments are mapped into memory, and the one module that may do so is the baseline's.
    ("outflow-local-state", &["outflow-domain", "outflow-ports", "outflow-baseline"]),
    ("outflow-project", &["outflow-domain"]),
    // The sandbox shares nothing with us, so that neither hides the other's mistake.
    ("outflow-sandbox", &[]),
    ("outflow-xtask", &[]),
    ("outflow-fuzzing", &["outflow-domain", "outflow-rows", "outflow-baseline", "outflow-project", "outflow-marketing-cloud"]),
    // Built optimised in every test run, so it must stay light.
    ("outflow-guard", &["outflow-domain", "outflow-rows", "outflow-baseline"]),
];

/// Crates that may know every other.
const KNOW_ALL: &[&str] = &["outflow", "outflow-testkit", "outflow-bench", "outflow-bench-wires"];

/// What tests of any crate may use beside what the crate itself may.
const FOR_TESTS: &[&str] = &["outflow-ports", "outflow-sandbox", "outflow-testkit"];

/// The arrows between our own crates.
pub fn between_our_crates(workspace: &Workspace) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in workspace.packages.iter().filter(|it| it.is_ours()) {
        if KNOW_ALL.contains(&package.name.as_str()) {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            breaches.push(format!("`{}` has no place in `ARROWS` of {}: say what it may know", package.name, file!()));
            continue;
        };
        for needed in package.dependencies.iter().filter(|it| it.name == "outflow" || it.name.starts_with("outflow-")) {
            let in_tests = needed.kind == Kind::Dev && package.name != "outflow-sandbox" && FOR_TESTS.contains(&needed.name.as_str());
            if !allowed.contains(&needed.name.as_str()) && !in_tests {
                breaches.push(format!("`{}` must not know `{}`", package.name, needed.name));
            }
        }
    }
    breaches
}

/// Other people's crates, by the beginning of their names, that only some of ours may need, and why.
const CONFINED: &[(&str, &[&str], &str)] = &[
    ("datafusion", &["outflow-source-files"], "a heavy engine stays in one leaf"),
    ("tokio-postgres", &["outflow-source-postgres"], "one crate per backend"),
    ("rusqlite", &["outflow-ledger-sqlite"], "one crate per backend"),
    ("russh", &["outflow-file-store-sftp", "outflow-sandbox"], "one crate per backend"),
    ("clap", &["outflow", "outflow-bench", "outflow-bench-wires"], "only programs read arguments"),
    ("indicatif", &["outflow"], "only the program draws on terminals"),
];

/// Our crates, and the beginnings of names they must not need, and why.
const KEPT_FROM: &[(&str, &[&str], &str)] = &[
    (
        "outflow-domain",
        &["arrow", "parquet", "tokio", "futures", "async-trait", "reqwest", "jiff"],
        "values and rules have no I/O, async, clock or Arrow",
    ),
    ("outflow-baseline", &["arrow", "parquet", "tokio", "futures", "async-trait"], "the format works on bytes"),
    ("outflow-rows", &["tokio", "futures", "async-trait"], "plain functions"),
    ("outflow-project", &["arrow", "parquet", "tokio", "reqwest"], "configuration is read, not acted upon"),
    ("outflow-sandbox", &["arrow", "parquet"], "it shares no types with us"),
];

/// The arrows to crates of others, in the crates themselves; tests are free.
pub fn to_other_crates(workspace: &Workspace) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in workspace.packages.iter().filter(|it| it.is_ours()) {
        for needed in package.dependencies.iter().filter(|it| it.kind != Kind::Dev) {
            for (begin, owners, why) in CONFINED {
                if needed.name.starts_with(begin) && !owners.contains(&package.name.as_str()) {
                    breaches.push(format!("`{}` must not need `{}`: {why} ({})", package.name, needed.name, owners.join(", ")));
                }
            }
            for (name, begins, why) in KEPT_FROM {
                if package.name == *name && begins.iter().any(|it| needed.name.starts_with(it)) {
                    breaches.push(format!("`{name}` must not need `{}`: {why}", needed.name));
                }
            }
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::examples::of_packages;

    fn inner(package: &str) -> usize {
        between_our_crates(&of_packages(&[package])).len()
    }

    fn outer(package: &str) -> usize {
        to_other_crates(&of_packages(&[package])).len()
    }

    #[test]
    fn the_arrows_point_inwards() {
        assert_eq!(inner("outflow-engine -> outflow-domain, outflow-ports, serde"), 0);
        assert_eq!(inner("outflow-domain -> outflow-ports"), 1);
        assert_eq!(inner("outflow-source-files -> outflow-engine"), 1);
        assert_eq!(inner("outflow -> outflow-engine, outflow-sandbox"), 0);
    }

    #[test]
    fn the_sandbox_knows_nobody_even_in_tests() {
        assert_eq!(inner("outflow-sandbox -> outflow-domain"), 1);
        assert_eq!(inner("outflow-sandbox -> dev:outflow-ports"), 1);
    }

    #[test]
    fn tests_may_use_the_sandbox() {
        assert_eq!(inner("outflow-marketing-cloud -> dev:outflow-sandbox"), 0);
        assert_eq!(inner("outflow-marketing-cloud -> outflow-sandbox"), 1);
        assert_eq!(inner("outflow-marketing-cloud -> dev:outflow-engine"), 1);
    }

    #[test]
    fn a_new_crate_needs_a_place() {
        assert_eq!(inner("outflow-new"), 1);
    }

    #[test]
    fn heavy_crates_stay_in_their_leaf() {
        assert_eq!(outer("outflow-source-files -> datafusion"), 0);
        assert_eq!(outer("outflow-engine -> datafusion-common"), 1);
        assert_eq!(outer("outflow-engine -> dev:datafusion"), 0);
        assert_eq!(outer("outflow-domain -> arrow-array"), 1);
    }
}
