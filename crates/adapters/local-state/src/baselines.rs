//! Segments as files of one folder.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use outflow_baseline::Mapped;
use outflow_ports::{BaselineStore, BaselineStoreError, Blob, DurableWriter};

use crate::{SystemEntropy, write_behind::WriteBehind};

const SUFFIX: &str = "seg";

/// What a file being written holds back. A first run writes hundreds of files side by side, mostly in pieces that are larger and go straight on.
pub(crate) const BUFFER_BYTES: usize = 4 << 10;

/// Segments as files of one folder, mapped into memory when they are read.
#[derive(Clone, Debug)]
pub struct FolderBaselines {
    folder: PathBuf,
}

impl FolderBaselines {
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn error(&self, name: &str, action: &'static str) -> impl Fn(io::Error) -> BaselineStoreError {
        let (name, place) = (name.to_owned(), self.folder.display().to_string());
        move |source| BaselineStoreError { name: name.clone(), place: place.clone(), action, source }
    }
}

impl BaselineStore for FolderBaselines {
    fn fresh_name(&self, kind: &str) -> String {
        let chance = outflow_ports::Entropy::next_u64(&SystemEntropy);
        format!("{kind}-{chance:016x}.{SUFFIX}")
    }

    fn create(&self, name: &str) -> Result<Box<dyn DurableWriter>, BaselineStoreError> {
        let error = self.error(name, "written");
        fs::create_dir_all(&self.folder).map_err(&error)?;
        let temporary = self.path(&format!("{name}.new"));
        let file = File::create(&temporary).map_err(&error)?;
        Ok(Box::new(SegmentFile {
            store: self.clone(),
            name: name.to_owned(),
            temporary,
            file: Some(BufWriter::with_capacity(BUFFER_BYTES, WriteBehind::new(file))),
        }))
    }

    fn open(&self, name: &str) -> Result<Blob, BaselineStoreError> {
        map(&self.path(name)).map_err(self.error(name, "read"))
    }

    fn list(&self) -> Result<Vec<String>, BaselineStoreError> {
        let error = self.error("*", "listed");
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(other) => return Err(error(other)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(&error)?.path();
            // A file that was being written when its process died is listed too, so that it is swept.
            if path.extension() == Some(OsStr::new(SUFFIX)) || path.extension() == Some(OsStr::new("new")) {
                names.extend(path.file_name().and_then(OsStr::to_str).map(str::to_owned));
            }
        }
        names.sort();
        Ok(names)
    }

    fn remove(&self, name: &str) -> Result<(), BaselineStoreError> {
        gone(fs::remove_file(self.path(name))).map_err(self.error(name, "removed"))
    }
}

struct SegmentFile {
    store: FolderBaselines,
    name: String,
    temporary: PathBuf,
    file: Option<BufWriter<WriteBehind>>,
}

impl SegmentFile {
    fn open_file(&mut self) -> io::Result<&mut BufWriter<WriteBehind>> {
        self.file.as_mut().ok_or_else(|| io::Error::other("the segment is committed"))
    }

    /// The same error with the segment's name and place: whoever writes through [`Write`] passes on nothing else.
    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), self.store.error(&self.name, "written")(error))
    }
}

impl Write for SegmentFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.open_file()?.write(bytes);
        written.map_err(|it| self.named(it))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.open_file()?.flush();
        flushed.map_err(|it| self.named(it))
    }
}

impl DurableWriter for SegmentFile {
    fn commit(mut self: Box<Self>) -> Result<(), BaselineStoreError> {
        let error = self.store.error(&self.name, "written");
        let Some(writer) = self.file.take() else { return Ok(()) };
        let file = writer.into_inner().map_err(|it| error(it.into_error()))?;
        file.sync_all().map_err(&error)?;
        fs::rename(&self.temporary, self.store.path(&self.name)).map_err(&error)?;
        sync_folder(&self.store.folder).map_err(&error)
    }
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // Not committed: nothing must stay. What cannot be removed now is swept under the activation's lock later.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes renames and removals in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A file that is gone already is no error.
pub(crate) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Maps a whole file into memory. Files of the state folder are written once, under a name never used before, as [`Mapped`] asks for.
pub(crate) fn map(path: &Path) -> io::Result<Blob> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Blob(Arc::new(Vec::<u8>::new())));
    }
    Ok(Blob(Arc::new(Mapped::file(&file)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_is_not_committed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderBaselines::new(folder.path().join("baseline"));
        let mut writer = store.create("a.seg").unwrap();
        writer.write_all(b"half").unwrap();
        drop(writer);
        assert!(store.list().unwrap().is_empty());
    }

    #[test]
    fn a_committed_segment_is_read_back_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderBaselines::new(folder.path().join("baseline"));
        let mut writer = store.create("a.seg").unwrap();
        writer.write_all(b"whole").unwrap();
        writer.commit().unwrap();
        assert_eq!(store.open("a.seg").unwrap().as_ref(), b"whole");
        store.remove("a.seg").unwrap();
        store.remove("a.seg").unwrap();
        assert!(store.list().unwrap().is_empty());
    }
}
