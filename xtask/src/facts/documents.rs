//! Documents that stay true.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::{File, Workspace};

const PAGES: &str = "docs/errors/";
/// Pages that are not of one code: the list, and the problems of project files, which share one.
const SHARED: &[&str] = &["README", "PRJ"];
const HEADINGS: &[&str] = &["## What happened", "## Why", "## What to do"];

/// Each link to a file leads to one.
pub fn links(workspace: &Workspace) -> Vec<String> {
    workspace.files_ending(".md").flat_map(|file| broken_links(workspace, file)).collect()
}

fn broken_links(workspace: &Workspace, file: &File) -> Vec<String> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut breaches = Vec::new();
    let mut is_fenced = false;
    for (at, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        for target in link_targets(line).into_iter().filter(|_| !is_fenced) {
            let path = target.split('#').next().unwrap_or_default();
            let is_elsewhere = path.contains("://") || path.starts_with("mailto:");
            if !path.is_empty() && !is_elsewhere && !resolved(folder, path).is_some_and(|it| workspace.has(&it)) {
                breaches.push(format!("{}:{}: `{target}` is not there", file.path, at + 1));
            }
        }
    }
    breaches
}

/// What stands in `](…)`, outside of inline code.
fn link_targets(line: &str) -> Vec<&str> {
    let prose = line.split('`').step_by(2);
    let targets = prose.flat_map(|it| it.split("](").skip(1)).filter_map(|it| it.split(')').next());
    // `](path "title")`
    targets.filter_map(|it| it.split_whitespace().next()).collect()
}

/// The path from the root; `None` if it leads out of the repository.
fn resolved(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = if path.starts_with('/') { Vec::new() } else { folder.split('/').filter(|it| !it.is_empty()).collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            it => parts.push(it),
        }
    }
    Some(parts.join("/"))
}

/// Each code in the sources has a page, each page a code, and the list names every page.
pub fn error_pages(workspace: &Workspace) -> Vec<String> {
    let (codes, pages) = (codes(workspace), pages(workspace));
    let mut breaches = Vec::new();
    for (code, place) in codes.iter().filter(|(code, _)| !pages.contains_key(*code)) {
        breaches.push(format!("{place}: `{code}` has no page {PAGES}{code}.md"));
    }
    let list = workspace.files.get(&format!("{PAGES}README.md")).map_or("", |it| &it.text);
    for (code, page) in pages {
        if !SHARED.contains(&code.as_str()) {
            if !codes.contains_key(&code) {
                breaches.push(format!("{}: nothing has this code any more", page.path));
            }
            if !page.text.starts_with(&format!("# {code}: ")) {
                breaches.push(format!("{}: a page begins with `# {code}: ` and what happened", page.path));
            }
            let missing = HEADINGS.iter().filter(|it| !page.text.lines().any(|line| line == **it));
            breaches.extend(missing.map(|it| format!("{}: the heading `{it}` is missing", page.path)));
        }
        if code != "README" && !list.contains(&format!("({code}.md)")) {
            breaches.push(format!("{}: {PAGES}README.md does not list it", page.path));
        }
    }
    breaches
}

fn pages(workspace: &Workspace) -> BTreeMap<String, &File> {
    let code = |file: &File| file.path.strip_prefix(PAGES)?.strip_suffix(".md").map(str::to_owned);
    workspace.files.values().filter_map(|file| Some((code(file)?, file))).collect()
}

/// Every code that the program may show, with a place that has it. Problems of project files are counted, not written, and share a page.
fn codes(workspace: &Workspace) -> BTreeMap<String, String> {
    let is_shown = |it: &&File| it.path.starts_with("crates/engine/src/") || it.path.starts_with("crates/cli/src/");
    let mut codes = BTreeMap::new();
    for file in workspace.files_ending(".rs").filter(is_shown) {
        let found: BTreeSet<&str> = file.text.split('"').filter(|it| is_code(it)).collect();
        for code in found {
            codes.entry(code.to_owned()).or_insert_with(|| file.path.clone());
        }
    }
    codes
}

/// `ABC-123`.
fn is_code(text: &str) -> bool {
    let Some((area, number)) = text.split_once('-') else { return false };
    let is_area = (2..=5).contains(&area.len()) && area.chars().all(|it| it.is_ascii_uppercase());
    is_area && number.len() == 3 && number.chars().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::examples::of_files;

    fn check_link(line: &str, is_there: bool) {
        let workspace = of_files(&[("docs/guide/a.md", line), ("docs/b.md", ""), ("x", "")]);
        assert_eq!(links(&workspace).is_empty(), is_there, "{line}");
    }

    #[test]
    fn links_lead_to_files_and_folders() {
        check_link("see [b](../b.md) and [b](../b.md#part)", true);
        check_link("see [docs](../) and [x](/x)", true);
        check_link("see [c](../c.md)", false);
        check_link("see [out](../../../b.md)", false);
    }

    #[test]
    fn other_places_are_not_ours() {
        check_link("[site](https://example.org/x) [here](#part)", true);
        check_link("the syntax is `[text](target)`", true);
    }

    fn check_page(page: &str, text: &str, breaches: usize) {
        let list = "- [A](AB-001.md)\n- [B](AB-002.md)\n";
        let files = [("crates/engine/src/error.rs", "Self::A => \"AB-001\","), ("docs/errors/README.md", list), (page, text)];
        let seen = error_pages(&of_files(&files));
        assert_eq!(seen.len(), breaches, "{seen:?}");
    }

    #[test]
    fn a_code_has_a_page() {
        let whole = "# AB-001: it broke\n\n## What happened\n\n## Why\n\n## What to do\n";
        check_page("docs/errors/AB-001.md", whole, 0);
        check_page("docs/errors/AB-001.md", "# AB-001: it broke\n", 3);
        check_page("docs/other.md", "", 1);
    }

    #[test]
    fn a_page_has_a_code() {
        let whole = "# AB-002: it broke\n\n## What happened\n\n## Why\n\n## What to do\n";
        check_page("docs/errors/AB-002.md", whole, 2);
    }

    #[test]
    fn codes_have_one_shape() {
        assert!(is_code("SRC-001") && is_code("MC-005"));
        assert!(!is_code("UTF-8") && !is_code("src-001") && !is_code("SRC-0001"));
    }
}
