//! The policy for other people's crates; `deny.toml` says the same to cargo-deny. Decision record 0004 tells why both exist.

use std::collections::{BTreeMap, BTreeSet};

use crate::{licence, metadata::Package, workspace::Workspace};

/// Beginnings of names of which a lock file may hold one version each. Two Arrows or two TLS stacks link side by side without a word,
/// and their types do not fit each other.
const ONE_VERSION: &[&str] = &["arrow", "parquet", "datafusion", "object_store", "reqwest", "rustls", "tokio-rustls", "russh"];

/// Licences that may go into a program under Apache-2.0.
const LICENCES: &[&str] =
    &["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "Unicode-3.0", "Unlicense", "Zlib"];

/// Licences that one crate alone may have, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    // LLVM's libFuzzer, whose licence is as permissive as the others; it is in no program that we give away.
    ("libfuzzer-sys", "NCSA"),
];

/// Crates we do not take, and why.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "TLS is rustls with ring: nothing to install, one list of trusted roots"),
    ("native-tls", "TLS is rustls with ring: nothing to install, one list of trusted roots"),
    ("aws-lc-sys", "TLS is rustls with ring; a second crypto library needs a C toolchain and minutes to build"),
    ("serde_yaml", "no longer maintained; YAML is read by serde-saphyr, which knows places"),
];

/// One version of what must not be there twice.
pub fn one_version(workspace: &Workspace) -> Vec<String> {
    // What two lock files hold is never linked side by side.
    workspace.locked().into_iter().flat_map(several_versions).collect()
}

fn several_versions(packages: &[Package]) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        if ONE_VERSION.iter().any(|it| package.name == *it || package.name.starts_with(&format!("{it}-"))) {
            versions.entry(&package.name).or_default().insert(&package.version);
        }
    }
    let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    let tell = |(name, versions): (&str, BTreeSet<&str>)| {
        let versions: Vec<&str> = versions.into_iter().collect();
        format!("`{name}` comes as {}: see `cargo tree -i {name}`", versions.join(" and "))
    };
    several.map(tell).collect()
}

/// A licence we take for every package, our own included.
pub fn licences(workspace: &Workspace) -> Vec<String> {
    let breach = |package: &Package| {
        let licence = package.licence.as_deref().unwrap_or("");
        let is_met = licence::can_be_met(licence, |it| LICENCES.contains(&it) || EXCEPTIONS.contains(&(package.name.as_str(), it)));
        (!is_met).then(|| format!("`{}` {} is under `{licence}`", package.name, package.version))
    };
    each_package(workspace).filter_map(breach).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Only published packages, and none that we do without.
pub fn sources_and_bans(workspace: &Workspace) -> Vec<String> {
    let mut breaches = BTreeSet::new();
    for package in each_package(workspace) {
        if let Some(source) = package.source.as_deref().filter(|it| !it.starts_with("registry+")) {
            breaches.insert(format!("`{}` comes from {source}: a version that was published cannot change or go", package.name));
        }
        if let Some((name, why)) = BANNED.iter().find(|(name, _)| *name == package.name) {
            breaches.insert(format!("`{name}` is banned: {why}; see `cargo tree -i {name}`"));
        }
    }
    breaches.into_iter().collect()
}

/// Every package of every lock file; most are in both.
fn each_package(workspace: &Workspace) -> impl Iterator<Item = &Package> {
    workspace.locked().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::examples::of_packages;

    #[test]
    fn two_arrows_are_told() {
        let two = of_packages(&["arrow-array 59.0.0 MIT", "arrow-array 60.0.0 MIT", "syn 1.0.0 MIT", "syn 2.0.0 MIT"]);
        assert_eq!(one_version(&two), ["`arrow-array` comes as 59.0.0 and 60.0.0: see `cargo tree -i arrow-array`"]);
    }

    #[test]
    fn other_licences_are_told() {
        assert_eq!(licences(&of_packages(&["a 1.0.0 MIT OR GPL-3.0", "b 1.0.0 AGPL-3.0", "c 1.0.0"])).len(), 2);
    }

    #[test]
    fn banned_crates_are_told() {
        assert_eq!(sources_and_bans(&of_packages(&["openssl-sys 0.9.0 MIT", "ring 0.17.0 ISC"])).len(), 1);
    }

    #[test]
    fn an_exception_is_for_one_crate() {
        let packages = ["libfuzzer-sys 0.4.0 (MIT OR Apache-2.0) AND NCSA", "a 1.0.0 NCSA"];
        assert_eq!(licences(&of_packages(&packages)), ["`a` 1.0.0 is under `NCSA`"]);
    }

    #[test]
    fn both_lock_files_are_looked_at_each_by_itself() {
        let mut workspace = of_packages(&["reqwest 0.12.0 GPL-3.0", "openssl-sys 0.9.0 MIT"]);
        workspace.fuzzing_packages = of_packages(&["reqwest 0.13.0 GPL-3.0", "openssl-sys 0.9.0 MIT"]).packages;
        assert_eq!(licences(&workspace).len(), 2);
        assert_eq!(sources_and_bans(&workspace).len(), 1, "what is in both is told once");
        assert_eq!(one_version(&workspace), Vec::<String>::new());
        workspace.fuzzing_packages.extend(of_packages(&["reqwest 0.12.0 MIT"]).packages);
        assert_eq!(one_version(&workspace).len(), 1);
    }

    #[test]
    fn a_branch_of_somebody_is_no_source() {
        let mut workspace = of_packages(&["a 1.0.0 MIT"]);
        workspace.packages[0].source = Some("git+https://example.org/a".to_owned());
        assert_eq!(sources_and_bans(&workspace).len(), 1);
    }
}
