//! Private files of runs.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use async_trait::async_trait;
use bytes::Bytes;
use outflow_domain::RunId;
use outflow_ports::{Blob, FileContent, Spool, SpoolError, SpoolWriter};

use crate::{
    baselines::{BUFFER_BYTES, gone, map, sync_folder},
    write_behind::joined,
};

/// Folders of the state folder's layout that stand above a run's: `spool`, the activation's, `activations`, the state folder itself.
const FOLDERS_OF_OURS: usize = 4;

/// Private files in one folder per run: folders of mode 0700, files of mode 0600.
#[derive(Clone, Debug)]
pub struct FolderSpool {
    folder: PathBuf,
    /// Files on their way to the disk. What became of one is told once, to whoever syncs first: so nobody else may sync it.
    on_their_way: Arc<Mutex<HashMap<PathBuf, JoinHandle<io::Result<()>>>>>,
}

impl FolderSpool {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, on_their_way: Arc::default() }
    }

    fn on_their_way(&self) -> MutexGuard<'_, HashMap<PathBuf, JoinHandle<io::Result<()>>>> {
        self.on_their_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, run: &RunId) -> PathBuf {
        self.folder.join(&run.0)
    }

    /// Where a file of a run is.
    pub(crate) fn path(&self, run: &RunId, name: &str) -> PathBuf {
        self.run(run).join(name)
    }

    fn error(&self, name: &str, action: &'static str) -> impl Fn(io::Error) -> SpoolError {
        let (name, place) = (name.to_owned(), self.folder.display().to_string());
        move |source| SpoolError { name: name.clone(), place: place.clone(), action, source }
    }
}

impl Spool for FolderSpool {
    fn create(&self, run: &RunId, name: &str) -> Result<Box<dyn SpoolWriter>, SpoolError> {
        let error = self.error(name, "written");
        let folder = self.run(run);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(&error)?;
        let path = folder.join(name);
        self.on_their_way().remove(&path);
        // A file of another mode may lie there from before; it is replaced, not reused.
        gone(fs::remove_file(&path)).map_err(&error)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(&error)?;
        Ok(Box::new(SpoolFile { spool: self.clone(), name: name.to_owned(), folder, file: BufWriter::with_capacity(BUFFER_BYTES, file) }))
    }

    fn make_durable(&self, run: &RunId, names: &[String]) -> Result<(), SpoolError> {
        let folder = self.run(run);
        for name in names {
            let path = folder.join(name);
            let begun = self.on_their_way().remove(&path);
            let synced = match begun {
                Some(begun) => joined(begun),
                None => sync(&path),
            };
            synced.map_err(self.error(name, "written"))?;
        }
        match names.last() {
            Some(last) => sync_folder(&folder).map_err(self.error(last, "written")),
            None => Ok(()),
        }
    }

    fn write_back(&self, run: &RunId, name: &str) {
        let path = self.run(run).join(name);
        let file = path.clone();
        self.on_their_way().insert(path, thread::spawn(move || sync(&file)));
    }

    fn content(&self, run: &RunId, name: &str) -> Result<Arc<dyn FileContent>, SpoolError> {
        let opened = File::open(self.run(run).join(name)).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (bytes, file) = opened.map_err(self.error(name, "read"))?;
        Ok(Arc::new(SpoolContent { file: Arc::new(file), bytes }))
    }

    fn read(&self, run: &RunId, name: &str) -> Result<Option<Blob>, SpoolError> {
        match map(&self.run(run).join(name)) {
            Ok(blob) => Ok(Some(blob)),
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(other) => Err(self.error(name, "read")(other)),
        }
    }

    fn remove(&self, run: &RunId, name: &str) -> Result<(), SpoolError> {
        let path = self.run(run).join(name);
        self.on_their_way().remove(&path);
        gone(remove(&path)).map_err(self.error(name, "removed"))
    }

    fn remove_run(&self, run: &RunId) -> Result<(), SpoolError> {
        let of_run = self.run(run);
        self.on_their_way().retain(|path, _| !path.starts_with(&of_run));
        gone(fs::remove_dir_all(self.run(run))).map_err(self.error(&run.0, "removed"))?;
        // A plan leaves nothing behind: folders that were made for it alone go too, up to the first one that holds something.
        for folder in self.folder.ancestors().take(FOLDERS_OF_OURS) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn runs(&self) -> Result<Vec<RunId>, SpoolError> {
        let error = self.error("*", "listed");
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(other) => return Err(error(other)),
        };
        let mut runs = Vec::new();
        for entry in entries {
            runs.extend(entry.map_err(&error)?.file_name().to_str().map(|it| RunId(it.to_owned())));
        }
        runs.sort();
        Ok(runs)
    }
}

/// Files of fewer bytes are gone at once.
const LARGE_BYTES: u64 = 1 << 20;

/// Removes a file. What the system keeps of a large one in memory is let go of behind our back: that takes it a while.
fn remove(path: &Path) -> io::Result<()> {
    let open = File::open(path);
    fs::remove_file(path)?;
    if let Ok(file) = open
        && file.metadata().is_ok_and(|it| it.len() >= LARGE_BYTES)
    {
        // The name is gone already, and the last who holds the file has its bytes.
        thread::spawn(move || drop(file));
    }
    Ok(())
}

/// Waits until the disk has a file.
fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

struct SpoolFile {
    spool: FolderSpool,
    name: String,
    folder: PathBuf,
    file: BufWriter<File>,
}

impl Write for SpoolFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|it| self.named(it))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|it| self.named(it))
    }
}

impl SpoolFile {
    /// The same error with the file's name and place: whoever writes through [`Write`] passes on nothing else.
    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), self.spool.error(&self.name, "written")(error))
    }
}

impl SpoolWriter for SpoolFile {
    fn finish(mut self: Box<Self>, durable: bool) -> Result<(), SpoolError> {
        let error = self.spool.error(&self.name, "written");
        self.file.flush().map_err(&error)?;
        if durable {
            self.file.get_ref().sync_all().map_err(&error)?;
            sync_folder(&self.folder).map_err(&error)?;
        }
        Ok(())
    }
}

struct SpoolContent {
    file: Arc<File>,
    bytes: u64,
}

#[async_trait]
impl FileContent for SpoolContent {
    fn len(&self) -> u64 {
        self.bytes
    }

    async fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
        let file = Arc::clone(&self.file);
        let wanted = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes_max);
        let read = tokio::task::spawn_blocking(move || {
            let mut buffer = vec![0; wanted];
            file.read_exact_at(&mut buffer, offset)?;
            Ok(Bytes::from(buffer))
        });
        read.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_begun_to_be_written_to_disk_is_durable_or_told() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, run) = (FolderSpool::new(folder.path().join("spool")), RunId("1".into()));
        let written = |name: &str| {
            let mut file = spool.create(&run, name).unwrap();
            file.write_all(b"rows").unwrap();
            file.finish(false).unwrap();
        };
        let make_durable = |name: &str| spool.make_durable(&run, &[name.to_owned()]);
        written("kept");
        spool.write_back(&run, "kept");
        make_durable("kept").unwrap();
        assert_eq!(spool.read(&run, "kept").unwrap().unwrap().as_ref(), b"rows");
        // What became of a file that is gone, or was replaced, is nobody's business any more.
        spool.write_back(&run, "kept");
        spool.remove(&run, "kept").unwrap();
        assert!(make_durable("kept").is_err());
        spool.write_back(&run, "never there");
        assert!(make_durable("never there").unwrap_err().to_string().contains("never there"));
        spool.write_back(&run, "later");
        written("later");
        make_durable("later").unwrap();
        spool.write_back(&run, "later");
        spool.remove_run(&run).unwrap();
        assert!(spool.on_their_way().is_empty());
    }

    #[test]
    fn private_files_are_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let spool = FolderSpool::new(folder.path().join("spool"));
        let run = RunId("r1".into());
        let mut writer = spool.create(&run, "part.csv").unwrap();
        writer.write_all(b"secret").unwrap();
        writer.finish(true).unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path().join("spool/r1")), 0o700);
        assert_eq!(mode(folder.path().join("spool/r1/part.csv")), 0o600);
        assert_eq!(spool.runs().unwrap(), std::slice::from_ref(&run));
        spool.remove_run(&run).unwrap();
        assert!(spool.read(&run, "part.csv").unwrap().is_none());
    }

    #[test]
    fn folders_made_for_a_run_alone_go_with_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("outflow.yaml"), "version: 1").unwrap();
        let spool = FolderSpool::new(folder.path().join(".outflow/activations/loyalty/spool"));
        let run = RunId("r1".into());
        spool.create(&run, "membership").unwrap().finish(false).unwrap();
        spool.remove_run(&run).unwrap();
        assert!(!folder.path().join(".outflow").exists());
    }

    #[tokio::test]
    async fn content_is_read_from_any_place() {
        let folder = tempfile::tempdir().unwrap();
        let spool = FolderSpool::new(folder.path().to_owned());
        let run = RunId("r1".into());
        let mut writer = spool.create(&run, "a").unwrap();
        writer.write_all(b"0123456789").unwrap();
        writer.finish(false).unwrap();
        let content = spool.content(&run, "a").unwrap();
        assert_eq!((content.len(), &content.read_at(7, 100).await.unwrap()[..]), (10, &b"789"[..]));
    }
}
