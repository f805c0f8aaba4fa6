//! Paths as an SFTP client spells them.

/// The absolute form of a path: relative ones start at the home folder, which is the root; `.` and `..` are
/// resolved, and nothing lies above the root.
pub(super) fn absolute(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            name => segments.push(name),
        }
    }
    format!("/{}", segments.join("/"))
}

/// The path from the root of the store, without a leading slash, as the model takes it.
pub(super) fn in_store(path: &str) -> String {
    absolute(path).split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_home() {
        assert_eq!(absolute("Import/a.csv"), "/Import/a.csv");
        assert_eq!(absolute("."), "/");
        assert_eq!(absolute(""), "/");
    }

    #[test]
    fn doubled_slashes_and_dots_do_not_matter() {
        assert_eq!(absolute("//Import/./a.csv/"), "/Import/a.csv");
    }

    #[test]
    fn nothing_lies_above_the_root() {
        assert_eq!(absolute("../../etc/passwd"), "/etc/passwd");
        assert_eq!(absolute("/Import/../../Export"), "/Export");
    }

    #[test]
    fn the_store_knows_no_leading_slash() {
        assert_eq!(in_store("/Import/a.csv"), "Import/a.csv");
        assert_eq!(in_store("/"), "");
    }
}
