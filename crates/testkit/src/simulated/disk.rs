//! A disk that keeps what was synced, and of the rest whatever it likes.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use outflow_domain::RunId;
use outflow_ports::{BaselineStore, BaselineStoreError, Blob, DurableWriter, FileContent, History, Spool, SpoolError, SpoolWriter};
use rand::{Rng, rngs::SmallRng};

use super::Fuse;

/// What may become of a file while nobody looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// One byte of it is another.
    Byte,
    /// It ends early.
    Cut,
    /// An older file of its kind lies in its place, as after a backup was put back.
    Older,
    /// It is gone.
    Gone,
}

impl Harm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Byte, Self::Cut, Self::Older, Self::Gone];
}

/// Baselines, history and spool of one activation.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk {
    files: Arc<Mutex<Files>>,
    fuse: Fuse,
}

#[derive(Clone, Debug, Default)]
struct Files {
    segments: BTreeMap<String, Arc<Vec<u8>>>,
    /// Lists of the history.
    lists: BTreeMap<String, Arc<Vec<u8>>>,
    private: BTreeMap<(RunId, String), Private>,
    /// Segments that were removed, as a backup may still hold them.
    removed: BTreeMap<String, Arc<Vec<u8>>>,
    names: u64,
}

#[derive(Clone, Debug)]
struct Private {
    bytes: Arc<Vec<u8>>,
    is_durable: bool,
}

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(fuse: Fuse) -> Self {
        Self { files: Arc::default(), fuse }
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The machine is started again: what was not synced is torn at any byte, or gone.
    pub fn restart(&self, chance: &mut SmallRng) {
        let mut files = self.files();
        files.private.retain(|_, file| {
            if file.is_durable {
                return true;
            }
            let kept = chance.random_range(0..=file.bytes.len());
            file.bytes = Arc::new(file.bytes[..kept].to_vec());
            chance.random_bool(0.5)
        });
    }

    /// Harms a segment while the program is down; whether it could be done.
    pub fn harm(&self, name: &str, harm: Harm, chance: &mut SmallRng) -> bool {
        let mut files = self.files();
        let Some(bytes) = files.segments.get(name).cloned() else { return false };
        let harmed = match harm {
            Harm::Byte => {
                let mut other = bytes.to_vec();
                let at = chance.random_range(0..other.len());
                other[at] ^= 1 << chance.random_range(0..8);
                other
            }
            Harm::Cut => bytes[..chance.random_range(0..bytes.len())].to_vec(),
            Harm::Older => {
                let kind = name.split('-').next().unwrap_or_default();
                let older = files.removed.iter().rev().find(|(it, older)| it.starts_with(kind) && ***older != *bytes);
                let Some((_, older)) = older else { return false };
                older.to_vec()
            }
            Harm::Gone => {
                files.segments.remove(name);
                return true;
            }
        };
        files.segments.insert(name.to_owned(), Arc::new(harmed));
        true
    }

    /// A copy of all that is on it, as a backup has it.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { files: Arc::new(Mutex::new(self.files().clone())), fuse: Fuse::default() }
    }

    /// A person restores a copy. Names count on, so that none comes twice.
    pub fn put_back(&self, copy: Self) {
        let copied = copy.files().clone();
        let mut files = self.files();
        *files = Files { names: files.names, ..copied };
    }

    /// All bytes at rest, for a search of values that must not be there.
    #[must_use]
    pub fn bytes_outside_of_the_spool(&self) -> Vec<u8> {
        let files = self.files();
        files.segments.values().chain(files.lists.values()).flat_map(|it| it.iter().copied()).collect()
    }

    /// Private files that are left.
    #[must_use]
    pub fn private_files(&self) -> Vec<String> {
        self.files().private.keys().map(|(run, name)| format!("{run}/{name}")).collect()
    }

    /// The baselines on it.
    #[must_use]
    pub fn baselines(&self) -> SimulatedBaselines {
        SimulatedBaselines { disk: self.clone(), shelf: |files| &mut files.segments }
    }

    /// The history on it.
    #[must_use]
    pub fn history(&self) -> SimulatedHistory {
        SimulatedHistory(SimulatedBaselines { disk: self.clone(), shelf: |files| &mut files.lists })
    }

    /// The spool on it.
    #[must_use]
    pub fn spool(&self) -> SimulatedSpool {
        SimulatedSpool(self.clone())
    }
}

/// Segments, or lists of the history.
type Shelf = fn(&mut Files) -> &mut BTreeMap<String, Arc<Vec<u8>>>;

/// Segments on a simulated disk.
#[derive(Clone, Debug)]
pub struct SimulatedBaselines {
    disk: SimulatedDisk,
    shelf: Shelf,
}

impl SimulatedBaselines {
    fn shelf<T>(&self, look: impl FnOnce(&mut BTreeMap<String, Arc<Vec<u8>>>) -> T) -> T {
        look((self.shelf)(&mut self.disk.files()))
    }

    fn error(name: &str, action: &'static str) -> impl FnOnce(io::Error) -> BaselineStoreError {
        let name = name.to_owned();
        move |source| BaselineStoreError { name, place: "simulated disk".into(), action, source }
    }
}

impl BaselineStore for SimulatedBaselines {
    fn fresh_name(&self, kind: &str) -> String {
        let mut files = self.disk.files();
        files.names += 1;
        format!("{kind}-{:04}", files.names)
    }

    fn create(&self, name: &str) -> Result<Box<dyn DurableWriter>, BaselineStoreError> {
        self.disk.fuse.burn_now().map_err(Self::error(name, "written"))?;
        Ok(Box::new(Segment { store: self.clone(), name: name.to_owned(), bytes: Vec::new() }))
    }

    fn open(&self, name: &str) -> Result<Blob, BaselineStoreError> {
        let found = self.shelf(|it| it.get(name).cloned());
        let missing = || Self::error(name, "read")(io::ErrorKind::NotFound.into());
        Ok(Blob(Arc::new(SharedBytes(found.ok_or_else(missing)?))))
    }

    fn list(&self) -> Result<Vec<String>, BaselineStoreError> {
        Ok(self.shelf(|it| it.keys().cloned().collect()))
    }

    fn remove(&self, name: &str) -> Result<(), BaselineStoreError> {
        self.disk.fuse.burn_now().map_err(Self::error(name, "removed"))?;
        if let Some(bytes) = self.shelf(|it| it.remove(name)) {
            self.disk.files().removed.insert(name.to_owned(), bytes);
        }
        Ok(())
    }
}

/// The history on a simulated disk.
#[derive(Clone, Debug)]
pub struct SimulatedHistory(SimulatedBaselines);

impl History for SimulatedHistory {
    fn keep(&self, run: &RunId, file: &str, name: &str) -> Result<(), BaselineStoreError> {
        let error = |kind: io::ErrorKind| SimulatedBaselines::error(name, "written")(kind.into());
        let disk = &self.0.disk;
        disk.fuse.burn_now().map_err(SimulatedBaselines::error(name, "written"))?;
        let private = disk.files().private.get(&(run.clone(), file.to_owned())).cloned();
        let private = private.filter(|it| it.is_durable).ok_or_else(|| error(io::ErrorKind::NotFound))?;
        self.0.shelf(|it| it.insert(name.to_owned(), private.bytes));
        disk.fuse.burn_now().map_err(SimulatedBaselines::error(name, "written"))
    }
}

impl BaselineStore for SimulatedHistory {
    fn fresh_name(&self, kind: &str) -> String {
        self.0.fresh_name(kind)
    }

    fn create(&self, name: &str) -> Result<Box<dyn DurableWriter>, BaselineStoreError> {
        self.0.create(name)
    }

    fn open(&self, name: &str) -> Result<Blob, BaselineStoreError> {
        self.0.open(name)
    }

    fn list(&self) -> Result<Vec<String>, BaselineStoreError> {
        self.0.list()
    }

    fn remove(&self, name: &str) -> Result<(), BaselineStoreError> {
        self.0.remove(name)
    }
}

struct SharedBytes(Arc<Vec<u8>>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

struct Segment {
    store: SimulatedBaselines,
    name: String,
    bytes: Vec<u8>,
}

impl Write for Segment {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl DurableWriter for Segment {
    fn commit(self: Box<Self>) -> Result<(), BaselineStoreError> {
        let Self { store, name, bytes } = *self;
        store.disk.fuse.burn_now().map_err(SimulatedBaselines::error(&name, "written"))?;
        store.shelf(|it| it.insert(name.clone(), Arc::new(bytes)));
        store.disk.fuse.burn_now().map_err(SimulatedBaselines::error(&name, "written"))
    }
}

/// Private files on a simulated disk.
#[derive(Clone, Debug)]
pub struct SimulatedSpool(SimulatedDisk);

impl SimulatedSpool {
    fn error(name: &str, action: &'static str) -> impl FnOnce(io::Error) -> SpoolError {
        let name = name.to_owned();
        move |source| SpoolError { name, place: "simulated disk".into(), action, source }
    }

    fn find(&self, run: &RunId, name: &str) -> Option<Arc<Vec<u8>>> {
        self.0.files().private.get(&(run.clone(), name.to_owned())).map(|it| Arc::clone(&it.bytes))
    }
}

impl Spool for SimulatedSpool {
    fn create(&self, run: &RunId, name: &str) -> Result<Box<dyn SpoolWriter>, SpoolError> {
        self.0.fuse.burn_now().map_err(Self::error(name, "written"))?;
        Ok(Box::new(PrivateWriter { disk: self.0.clone(), run: run.clone(), name: name.to_owned(), bytes: Vec::new() }))
    }

    fn make_durable(&self, run: &RunId, names: &[String]) -> Result<(), SpoolError> {
        for name in names {
            self.0.fuse.burn_now().map_err(Self::error(name, "written"))?;
            match self.0.files().private.get_mut(&(run.clone(), name.clone())) {
                Some(file) => file.is_durable = true,
                None => return Err(Self::error(name, "written")(io::ErrorKind::NotFound.into())),
            }
        }
        Ok(())
    }

    fn content(&self, run: &RunId, name: &str) -> Result<Arc<dyn FileContent>, SpoolError> {
        let missing = || Self::error(name, "read")(io::ErrorKind::NotFound.into());
        Ok(Arc::new(Content(self.find(run, name).ok_or_else(missing)?)))
    }

    fn read(&self, run: &RunId, name: &str) -> Result<Option<Blob>, SpoolError> {
        Ok(self.find(run, name).map(|it| Blob(Arc::new(SharedBytes(it)))))
    }

    fn remove(&self, run: &RunId, name: &str) -> Result<(), SpoolError> {
        self.0.fuse.burn_now().map_err(Self::error(name, "removed"))?;
        self.0.files().private.remove(&(run.clone(), name.to_owned()));
        Ok(())
    }

    fn remove_run(&self, run: &RunId) -> Result<(), SpoolError> {
        self.0.fuse.burn_now().map_err(Self::error(&run.0, "removed"))?;
        self.0.files().private.retain(|(it, _), _| it != run);
        Ok(())
    }

    fn runs(&self) -> Result<Vec<RunId>, SpoolError> {
        let mut runs: Vec<RunId> = self.0.files().private.keys().map(|(run, _)| run.clone()).collect();
        runs.dedup();
        Ok(runs)
    }
}

struct PrivateWriter {
    disk: SimulatedDisk,
    run: RunId,
    name: String,
    bytes: Vec<u8>,
}

impl PrivateWriter {
    fn store(&mut self, is_durable: bool) {
        let bytes = Arc::new(std::mem::take(&mut self.bytes));
        self.disk.files().private.insert((self.run.clone(), self.name.clone()), Private { bytes, is_durable });
    }
}

impl Write for PrivateWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SpoolWriter for PrivateWriter {
    fn finish(mut self: Box<Self>, durable: bool) -> Result<(), SpoolError> {
        self.disk.fuse.burn_now().map_err(SimulatedSpool::error(&self.name, "written"))?;
        self.store(durable);
        Ok(())
    }
}

struct Content(Arc<Vec<u8>>);

#[async_trait]
impl FileContent for Content {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    async fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let to = from.saturating_add(bytes_max).min(self.0.len());
        Ok(Bytes::copy_from_slice(&self.0[from..to]))
    }
}
