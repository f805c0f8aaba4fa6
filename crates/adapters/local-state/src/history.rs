//! Lists of the history as files of one folder, beside the spool whose files they may be.

use std::{fs, io, path::PathBuf};

use outflow_domain::RunId;
use outflow_ports::{BaselineStore, BaselineStoreError, Blob, DurableWriter, History};

use crate::{
    baselines::{FolderBaselines, gone, sync_folder},
    spool::FolderSpool,
};

/// Lists in one folder, written as segments are.
#[derive(Clone, Debug)]
pub struct FolderHistory {
    folder: PathBuf,
    lists: FolderBaselines,
    spool: FolderSpool,
}

impl FolderHistory {
    pub(crate) fn new(folder: PathBuf, spool: FolderSpool) -> Self {
        Self { lists: FolderBaselines::new(folder.clone()), folder, spool }
    }

    /// A second name for the file where the disk has such; a copy that is not seen before it is whole elsewhere.
    fn link(&self, file: &PathBuf, name: &str) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let kept = self.folder.join(name);
        match fs::hard_link(file, &kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let temporary = self.folder.join(format!("{name}.new"));
                let copied = fs::copy(file, &temporary).and_then(|_| fs::File::open(&temporary)?.sync_all());
                if let Err(error) = copied.and_then(|()| fs::rename(&temporary, &kept)) {
                    gone(fs::remove_file(&temporary))?;
                    return Err(error);
                }
            }
            linked => linked?,
        }
        sync_folder(&self.folder)
    }
}

impl History for FolderHistory {
    fn keep(&self, run: &RunId, file: &str, name: &str) -> Result<(), BaselineStoreError> {
        let kept = self.link(&self.spool.path(run, file), name);
        kept.map_err(|source| BaselineStoreError {
            name: name.to_owned(),
            place: self.folder.display().to_string(),
            action: "written",
            source,
        })
    }
}

impl BaselineStore for FolderHistory {
    fn fresh_name(&self, kind: &str) -> String {
        self.lists.fresh_name(kind)
    }

    fn create(&self, name: &str) -> Result<Box<dyn DurableWriter>, BaselineStoreError> {
        self.lists.create(name)
    }

    fn open(&self, name: &str) -> Result<Blob, BaselineStoreError> {
        self.lists.open(name)
    }

    fn list(&self) -> Result<Vec<String>, BaselineStoreError> {
        self.lists.list()
    }

    fn remove(&self, name: &str) -> Result<(), BaselineStoreError> {
        self.lists.remove(name)
    }
}
