//! What `cargo metadata` tells of the packages in the lock file.

use std::{path::Path, process::Command};

use serde_json::Value;

/// Where a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In the crate itself.
    Normal,
    /// In its tests, examples and benches.
    Dev,
    /// In its build script.
    Build,
}

/// A line of a manifest's dependencies.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// Where it is needed.
    pub kind: Kind,
}

/// A package of the lock file.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, as an SPDX expression.
    pub licence: Option<String>,
    /// Where it comes from; `None` for our own.
    pub source: Option<String>,
    /// What its manifest asks for.
    pub dependencies: Vec<Dependency>,
}

impl Package {
    /// Whether it is a crate of this workspace.
    pub fn is_ours(&self) -> bool {
        self.source.is_none()
    }
}

/// Asks cargo about the workspace or lone package in that folder; its lock file must be up to date.
pub fn read(folder: &Path) -> Result<Vec<Package>, String> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(folder)
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata failed in {}: {}", folder.display(), String::from_utf8_lossy(&output.stderr).trim()));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata cannot be read: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    packages.iter().map(|it| package(it).ok_or_else(|| format!("cargo metadata has an unknown shape: {it}"))).collect()
}

fn package(value: &Value) -> Option<Package> {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let dependencies = value["dependencies"].as_array()?.iter().map(dependency).collect::<Option<_>>()?;
    Some(Package { name: text("name")?, version: text("version")?, licence: text("license"), source: text("source"), dependencies })
}

fn dependency(value: &Value) -> Option<Dependency> {
    let kind = match value["kind"].as_str() {
        None => Kind::Normal,
        Some("dev") => Kind::Dev,
        Some("build") => Kind::Build,
        Some(_) => return None,
    };
    Some(Dependency { name: value["name"].as_str()?.to_owned(), kind })
}
