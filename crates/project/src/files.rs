//! Which files make up a project.

use std::path::{Path, PathBuf};

use crate::{
    context::{Context, FILE_BYTES_MAX},
    problem::Code,
    reference::reason,
    yaml::{Node, Span, parse},
};

/// The file that makes a folder a project.
pub(crate) const MAIN_FILE: &str = "outflow.yaml";
/// Every `.yaml` or `.yml` below these folders belongs to the project, whatever sections it has.
const FOLDERS: [&str; 6] = ["activations", "connections", "destinations", "models", "segments", "sources"];
/// Folders within folders; more is a mistake or a loop.
const DEPTH_MAX: usize = 16;

/// The parsed files, `outflow.yaml` first, the others by path.
pub(crate) fn documents(cx: &mut Context<'_>) -> Vec<Node> {
    let folder = cx.folder;
    if !folder.join(MAIN_FILE).is_file() {
        let file = cx.add_file(MAIN_FILE.to_owned(), "");
        let hint = if folder.join("outflow.yml").is_file() {
            "rename `outflow.yml`"
        } else if folder.is_dir() {
            "`outflow init` writes a project; otherwise name the folder that has one"
        } else {
            "name an existing folder"
        };
        let place = if folder.is_dir() { "there is no `outflow.yaml` in the folder" } else { "there is no folder" };
        let what = format!("{place} `{}`", folder.display());
        cx.report(Code::Unreadable, Span::at(file, 1, 1), what).hint(hint);
        return Vec::new();
    }
    let mut paths = vec![PathBuf::from(MAIN_FILE)];
    for below in FOLDERS {
        if folder.join(below).is_dir() {
            find(Path::new(below), 0, &mut paths, cx);
        }
    }
    paths.into_iter().filter_map(|it| document(&it, cx)).collect()
}

/// Adds the YAML files below `relative`, sorted. Hidden files, and links to folders, are left out.
fn find(relative: &Path, depth: usize, paths: &mut Vec<PathBuf>, cx: &mut Context<'_>) {
    let unreadable = |what: String, cx: &mut Context<'_>| {
        let file = cx.add_file(slashed(relative), "");
        cx.report(Code::Unreadable, Span::at(file, 1, 1), what);
    };
    if depth > DEPTH_MAX {
        return unreadable(format!("folders are nested more than {DEPTH_MAX} deep"), cx);
    }
    let found = std::fs::read_dir(cx.folder.join(relative)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut found = match found {
        Ok(found) => found,
        Err(error) => return unreadable(format!("the folder cannot be read: {}", reason(&error)), cx),
    };
    found.sort_by_key(std::fs::DirEntry::file_name);
    for entry in found {
        let name = entry.file_name();
        let path = relative.join(&name);
        let is_hidden = name.to_string_lossy().starts_with('.');
        let is_yaml = path.extension().is_some_and(|it| it == "yaml" || it == "yml");
        if is_hidden {
            continue;
        }
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            find(&path, depth + 1, paths, cx);
        } else if is_yaml && !entry.path().is_dir() {
            paths.push(path);
        }
    }
}

fn document(relative: &Path, cx: &mut Context<'_>) -> Option<Node> {
    let name = slashed(relative);
    let document = decoded(relative, name, cx);
    cx.is_incomplete |= document.is_none();
    document
}

fn decoded(relative: &Path, name: String, cx: &mut Context<'_>) -> Option<Node> {
    let bytes = match (cx.read)(&cx.folder.join(relative)) {
        Ok(bytes) => bytes,
        Err(error) => {
            let file = cx.add_file(name, "");
            cx.report(Code::Unreadable, Span::at(file, 1, 1), format!("the file cannot be read: {}", reason(&error)));
            return None;
        }
    };
    if bytes.len() > FILE_BYTES_MAX {
        let file = cx.add_file(name, "");
        cx.report(Code::NotText, Span::at(file, 1, 1), format!("the file is larger than {} MiB", FILE_BYTES_MAX >> 20))
            .hint("a file of a project is a text of keys and values; data belongs elsewhere");
        return None;
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => {
            let file = cx.add_file(name, text);
            parse(text, file, cx)
        }
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
            let file = cx.add_file(name, "");
            let line = good.matches('\n').count() + 1;
            let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            cx.report(Code::NotText, Span::at(file, line, column), "the file is not UTF-8 from here on").hint("save it as UTF-8");
            None
        }
    }
}

fn slashed(path: &Path) -> String {
    path.components().map(|it| it.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
