//! From paths and globs to files that are there.

use std::{path::PathBuf, sync::Arc};

use datafusion::{datasource::listing::ListingTableUrl, prelude::SessionContext};
use futures::TryStreamExt as _;
use glob::{MatchOptions, Pattern};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, path::Path};
use outflow_ports::SourceError;
use url::Url;

use crate::{
    bucket::Bucket,
    errors::Blame,
    settings::{FilesSettings, TableFiles},
};

/// As a shell does: `*` stays within a folder, and hidden files must be asked for by name.
const GLOB: MatchOptions = MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// A file that is there.
#[derive(Clone, Debug)]
pub(crate) struct Located {
    /// The file as people know it.
    pub name: String,
    pub url: ListingTableUrl,
    pub store: Arc<dyn ObjectStore>,
    pub meta: ObjectMeta,
}

/// The files of a table, by name, each once.
pub(crate) async fn locate(
    files: &TableFiles,
    settings: &FilesSettings,
    context: &SessionContext,
    blame: &Blame,
) -> Result<Vec<Located>, SourceError> {
    let mut found = Vec::new();
    for path in &files.paths {
        let (urls, bucket) = if path.starts_with("s3://") {
            let (urls, bucket) = in_bucket(path, settings, context, blame).await?;
            (urls, Some(bucket))
        } else {
            (on_disk(path, settings, blame)?, None)
        };
        for (name, url) in urls {
            let wrong = |error: &dyn std::fmt::Display| blame.unreachable(format!("`{name}` cannot be read: {error}"));
            let url = ListingTableUrl::try_new(url, None).map_err(|error| wrong(&error))?;
            let store = context.runtime_env().object_store(&url).map_err(|error| wrong(&error))?;
            let meta = match (store.head(url.prefix()).await, &bucket) {
                (Ok(meta), _) => meta,
                (Err(error), Some(bucket)) => return Err(wrong(&bucket.why(url.prefix(), &error).await)),
                (Err(error), None) => return Err(wrong(&error)),
            };
            found.push(Located { name, url, store, meta });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    Ok(found)
}

fn on_disk(path: &str, settings: &FilesSettings, blame: &Blame) -> Result<Vec<(String, Url)>, SourceError> {
    let whole = settings.base_folder.join(path);
    let whole = std::path::absolute(&whole).unwrap_or(whole);
    let shown = whole.display().to_string();
    let mut paths: Vec<PathBuf> = Vec::new();
    if whole.exists() || !is_glob(&shown) {
        paths.push(whole);
    } else {
        let matches = glob::glob_with(&shown, GLOB).map_err(|error| blame.unreachable(format!("`{path}` is no glob: {error}")))?;
        for found in matches {
            paths.push(found.map_err(|error| blame.unreachable(error.to_string()))?);
        }
        paths.retain(|it| it.is_file());
    }
    if paths.is_empty() {
        return Err(blame.unreachable(format!("no file matches `{shown}`")));
    }
    paths.into_iter().map(|it| file_url(&it, blame)).collect()
}

fn file_url(path: &std::path::Path, blame: &Blame) -> Result<(String, Url), SourceError> {
    let name = path.display().to_string();
    match std::fs::metadata(path) {
        Err(error) => return Err(blame.unreachable(format!("`{name}` cannot be read: {error}"))),
        Ok(metadata) if metadata.is_dir() => {
            return Err(blame.unreachable(format!("`{name}` is a folder; write which of its files are meant, such as `{name}/*.parquet`")));
        }
        Ok(_) => {}
    }
    let url = Url::from_file_path(path).map_err(|()| blame.unreachable(format!("`{name}` is not a path that can be read")))?;
    Ok((name, url))
}

async fn in_bucket(
    path: &str,
    settings: &FilesSettings,
    context: &SessionContext,
    blame: &Blame,
) -> Result<(Vec<(String, Url)>, Bucket), SourceError> {
    let s3 = settings.s3.as_ref().ok_or_else(|| blame.unreachable(format!("`{path}` needs the source's `s3` settings")))?;
    let (name, key) = path.trim_start_matches("s3://").split_once('/').unwrap_or((path.trim_start_matches("s3://"), ""));
    let wrong = |error: &dyn std::fmt::Display| blame.unreachable(format!("`{path}` cannot be read: {error}"));
    let root = Url::parse(&format!("s3://{name}")).map_err(|error| wrong(&error))?;
    let bucket = Bucket::open(name, s3).map_err(|error| wrong(&error))?;
    context.register_object_store(&root, Arc::clone(&bucket.store));

    let url_of = |key: &str| -> Result<(String, Url), SourceError> {
        let mut url = root.clone();
        url.set_path(key);
        Ok((format!("s3://{name}/{key}"), url))
    };
    if !is_glob(key) {
        return Ok((vec![url_of(key)?], bucket));
    }
    let pattern = Pattern::new(key).map_err(|error| wrong(&error))?;
    let literal = key.find(['*', '?', '[']).and_then(|at| key[..at].rfind('/')).map_or("", |at| &key[..at]);
    let listed = bucket.store.list(Some(&Path::from(literal))).try_collect().await;
    let listed: Vec<ObjectMeta> = listed.map_err(|error| wrong(&bucket.told(&error, key)))?;
    let matching = listed.iter().map(|it| it.location.as_ref()).filter(|it| pattern.matches_with(it, GLOB));
    let urls = matching.map(url_of).collect::<Result<Vec<_>, _>>()?;
    if urls.is_empty() { Err(blame.unreachable(format!("no object matches `{path}`"))) } else { Ok((urls, bucket)) }
}

fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '['])
}
