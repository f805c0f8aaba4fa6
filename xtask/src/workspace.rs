//! Everything that facts are about: the packages, and the files with their texts.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    code::without_texts,
    metadata::{self, Package},
};

/// Folders that hold nothing of the project.
const FOREIGN: &[&str] = &[".git", "target", "node_modules", "__pycache__", ".outflow-demo"];

/// A file of the project.
#[derive(Clone, Debug)]
pub struct File {
    /// Path from the root, with `/` between folders.
    pub path: String,
    /// Its text; empty for files that are no UTF-8.
    pub text: String,
}

impl File {
    /// Its code, with comments and the insides of strings blanked out, line by line.
    pub fn code(&self) -> String {
        without_texts(&self.text)
    }
}

/// The packages and files of the repository.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// Every package of the lock file.
    pub packages: Vec<Package>,
    /// Every package of the other lock file, that of the programs for libFuzzer.
    pub fuzzing_packages: Vec<Package>,
    /// Every file, by path.
    pub files: BTreeMap<String, File>,
}

impl Workspace {
    /// Reads the repository at `root`.
    pub fn read(root: &Path) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        walk(root, root, &mut files).map_err(|error| format!("{} cannot be read: {error}", root.display()))?;
        Ok(Self { packages: metadata::read(root)?, fuzzing_packages: metadata::read(&root.join("fuzz"))?, files })
    }

    /// The packages of each lock file.
    pub fn locked(&self) -> [&[Package]; 2] {
        [&self.packages, &self.fuzzing_packages]
    }

    /// Files whose path ends so.
    pub fn files_ending(&self, end: &str) -> impl Iterator<Item = &File> {
        self.files.values().filter(move |it| it.path.ends_with(end))
    }

    /// Whether there is a file or a folder of this path.
    pub fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty() || self.files.contains_key(path) || {
            let folder = format!("{path}/");
            self.files.range(folder.clone()..).next().is_some_and(|(it, _)| it.starts_with(&folder))
        }
    }
}

fn walk(root: &Path, folder: &Path, files: &mut BTreeMap<String, File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path: PathBuf = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !FOREIGN.iter().any(|it| entry.file_name() == *it) {
                walk(root, &path, files)?;
            }
        } else if kind.is_file() {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            let text = String::from_utf8(fs::read(&path)?).unwrap_or_default();
            files.insert(name.clone(), File { path: name, text });
        }
    }
    Ok(())
}

#[cfg(test)]
pub mod examples {
    //! Small repositories for the tests of facts.

    use super::*;
    use crate::metadata::{Dependency, Kind};

    /// A workspace of these files.
    pub fn of_files(files: &[(&str, &str)]) -> Workspace {
        let file = |&(path, text): &(&str, &str)| (path.to_owned(), File { path: path.to_owned(), text: text.to_owned() });
        Workspace { files: files.iter().map(file).collect(), ..Workspace::default() }
    }

    /// A workspace of these packages, each told as `name version licence -> needed, needed`.
    pub fn of_packages(packages: &[&str]) -> Workspace {
        Workspace { packages: packages.iter().map(|it| package(it)).collect(), ..Workspace::default() }
    }

    fn package(told: &str) -> Package {
        let (head, needed) = told.split_once("->").unwrap_or((told, ""));
        let mut head = head.trim().splitn(3, ' ');
        let name = head.next().unwrap().to_owned();
        let version = head.next().unwrap_or("1.0.0").to_owned();
        let licence = head.next().map(str::to_owned);
        let is_ours = name == "outflow" || name.starts_with("outflow-");
        let source = (!is_ours).then(|| "registry+somewhere".to_owned());
        let dependency = |it: &str| match it.trim().strip_prefix("dev:") {
            Some(name) => Dependency { name: name.to_owned(), kind: Kind::Dev },
            None => Dependency { name: it.trim().to_owned(), kind: Kind::Normal },
        };
        let dependencies = needed.split(',').filter(|it| !it.trim().is_empty()).map(dependency).collect();
        Package { name, version, licence, source, dependencies }
    }

    #[test]
    fn a_folder_is_there_if_a_file_is_in_it() {
        let workspace = of_files(&[("docs/a.md", "")]);
        assert!(workspace.has("docs") && workspace.has("docs/") && workspace.has("docs/a.md"));
        assert!(!workspace.has("doc") && !workspace.has("docs/a"));
    }
}
