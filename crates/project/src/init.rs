//! Writes a small project to begin with.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Why no project was written.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Something is there already.
    #[error("`{}` is there already; nothing was written", .path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// A file or folder could not be written.
    #[error("`{}` could not be written", .path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The system gave no random bytes for the project's secret.
    #[error("the system gave no random bytes for the project's secret: {0}")]
    Entropy(getrandom::Error),
}

const FILES: [(&str, &str); 4] = [
    ("outflow.yaml", include_str!("../template/outflow.yaml")),
    ("activations/customers.yaml", include_str!("../template/activations/customers.yaml")),
    ("data/customers.csv", include_str!("../template/data/customers.csv")),
    (".env.example", include_str!("../template/env.example")),
];
const GITIGNORE: &str = include_str!("../template/gitignore");
const SECRET: &str = ".outflow/secret";
const SCHEMA: &str = "outflow.schema.json";

/// Writes a small, commented project into `folder`, with a secret of its own, and gives the files written.
///
/// # Errors
/// Where any of its files is there already, in which case nothing is written (a `.gitignore` is not replaced but continued); or where
/// something cannot be written.
pub fn init(folder: &Path) -> Result<Vec<PathBuf>, InitError> {
    let names = FILES.iter().map(|(name, _)| *name).chain([SECRET, SCHEMA]);
    if let Some(path) = names.map(|it| folder.join(it)).find(|it| it.symlink_metadata().is_ok()) {
        return Err(InitError::Exists { path });
    }
    let schema = format!("{:#}\n", crate::schema());
    let mut written = Vec::new();
    for (name, text) in FILES.into_iter().chain([(SCHEMA, schema.as_str())]) {
        written.push(create(&folder.join(name), text, false)?);
    }
    written.push(create(&folder.join(SECRET), &new_secret()?, true)?);
    written.extend(ignore(&folder.join(".gitignore"))?);
    Ok(written)
}

/// 256 random bits as hexadecimal digits, in a line.
fn new_secret() -> Result<String, InitError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(InitError::Entropy)?;
    let mut text = String::with_capacity(65);
    for it in bytes {
        let _ = write!(text, "{it:02x}");
    }
    text.push('\n');
    Ok(text)
}

fn create(path: &Path, text: &str, is_private: bool) -> Result<PathBuf, InitError> {
    let write = || {
        if let Some(folder) = path.parent() {
            let mut making = fs::DirBuilder::new();
            #[cfg(unix)]
            if is_private {
                std::os::unix::fs::DirBuilderExt::mode(&mut making, 0o700);
            }
            making.recursive(true).create(folder)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        if is_private {
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        }
        options.open(path)?.write_all(text.as_bytes())
    };
    write().map(|()| path.to_owned()).map_err(|source| InitError::Write { path: path.to_owned(), source })
}

/// Adds what is to be ignored; a folder under version control has such a file already.
fn ignore(path: &Path) -> Result<Option<PathBuf>, InitError> {
    let failed = |source| InitError::Write { path: path.to_owned(), source };
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    let has = |rule: &str| before.lines().any(|it| it.trim() == rule);
    if has(".outflow/") && has(".env") {
        return Ok(None);
    }
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    fs::write(path, format!("{before}{gap}{GITIGNORE}")).map_err(failed)?;
    Ok(Some(path.to_owned()))
}
