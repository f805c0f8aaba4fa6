//! The project that is written to begin with.

use std::fs;

use outflow_project::{InitError, Project, init};

fn env(name: &str) -> Option<String> {
    let value = match name {
        "SFMC_SUBDOMAIN" => "mc-acme",
        "SFMC_CLIENT_ID" => "client",
        "SFTP_HOST" => "ftp.example.com",
        "SFTP_HOST_KEY" => "SHA256:uNiVztksCsDhcc0u9e8BrQXVXUpTZjw0tMTxQTvSPxM",
        "SFMC_CLIENT_SECRET" | "SFTP_USER" | "SFTP_PASSWORD" => "something",
        _ => return None,
    };
    Some(value.to_owned())
}

#[test]
fn a_new_project_has_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("new/project");
    let written = init(&folder).unwrap();
    let project = Project::load(&folder, &env).unwrap_or_else(|it| panic!("{}", it.iter().map(ToString::to_string).collect::<String>()));
    assert_eq!(project.activations.len(), 1);
    assert_eq!(project.segments.len(), 1);
    assert!(written.iter().all(|it| it.is_file()), "{written:?}");
}

#[test]
fn all_that_it_takes_from_the_environment_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path()).unwrap();
    let example = fs::read_to_string(folder.path().join(".env.example")).unwrap();
    let problems = Project::load(folder.path(), &|_| None).unwrap_err();
    assert_eq!(problems.len(), 7);
    for problem in problems {
        let variable = problem.what.split('`').nth(1).unwrap();
        assert!(example.contains(&format!("\n{variable}=")), "{problem}");
    }
}

#[test]
fn two_projects_have_two_secrets() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = |folder: &tempfile::TempDir| {
        init(folder.path()).unwrap();
        fs::read_to_string(folder.path().join(".outflow/secret")).unwrap()
    };
    let (one, other) = (secret(&one), secret(&other));
    assert_ne!(one, other);
    assert_eq!((one.len(), other.len()), (65, 65));
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_secret() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    init(folder.path()).unwrap();
    let mode = fs::metadata(folder.path().join(".outflow/secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn nothing_is_overwritten() {
    for name in ["outflow.yaml", ".outflow/secret", "data/customers.csv", "outflow.schema.json"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        let before = fs::read_dir(folder.path()).unwrap().count();
        assert!(matches!(init(folder.path()), Err(InitError::Exists { path: refused }) if refused == path));
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
    }
}

#[test]
fn a_list_of_ignored_files_is_continued() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".gitignore"), "target").unwrap();
    init(folder.path()).unwrap();
    let text = fs::read_to_string(folder.path().join(".gitignore")).unwrap();
    assert!(text.starts_with("target\n") && text.lines().any(|it| it == ".outflow/"), "{text}");
}
