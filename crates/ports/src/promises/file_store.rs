//! What every [`FileStore`] promises. Folder, SFTP and S3 stores all pass through here.

use std::{io, sync::Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use outflow_domain::FileName;

use crate::file_store::{FileContent, FileStore, FileStoreError, StoredFile};

/// A length that is no multiple of any block, chunk or part size.
const BYTES: usize = 700_001;

/// All facts that can be told through the port alone. The store must be empty of the names used here, and is so afterwards.
pub async fn keeps_its_promises(store: &dyn FileStore) {
    a_store_that_is_there_passes_its_check(store).await;
    what_was_never_put_is_not_there(store).await;
    a_stored_file_has_its_length(store).await;
    an_empty_file_is_a_file(store).await;
    progress_grows_and_ends_at_the_length(store).await;
    putting_a_file_twice_leaves_one(store).await;
    a_file_takes_the_place_of_another(store).await;
    a_file_that_breaks_off_is_not_there(store).await;
    a_file_that_breaks_off_leaves_the_earlier_one(store).await;
    a_file_can_be_put_after_it_broke_off(store).await;
    removing_what_is_not_there_is_no_error(store).await;
    removing_one_file_leaves_the_others(store).await;
    files_can_be_put_side_by_side(store).await;
}

/// `check` succeeds on a store that works.
pub async fn a_store_that_is_there_passes_its_check(store: &dyn FileStore) {
    store.check().await.expect("a store that works passes its check");
}

/// `stat` finds nothing under a name never used.
pub async fn what_was_never_put_is_not_there(store: &dyn FileStore) {
    assert_eq!(length_of(store, "promise-never.csv").await, None);
}

/// `put` and `stat` agree on name and length.
pub async fn a_stored_file_has_its_length(store: &dyn FileStore) {
    let name = name("promise-length.csv");
    let stored = put(store, &name, &Sample::of(BYTES)).await.expect("put");
    assert_eq!(stored, StoredFile { name: name.clone(), bytes: BYTES as u64 });
    assert_eq!(store.stat(&name).await.expect("stat"), Some(stored));
    remove(store, &name).await;
}

/// A file without bytes is stored too.
pub async fn an_empty_file_is_a_file(store: &dyn FileStore) {
    let name = name("promise-empty.csv");
    put(store, &name, &Sample::of(0)).await.expect("put");
    assert_eq!(length_of(store, name.as_str()).await, Some(0));
    remove(store, &name).await;
}

/// `sent` is told numbers that never shrink, the last of which is the file's length.
pub async fn progress_grows_and_ends_at_the_length(store: &dyn FileStore) {
    let name = name("promise-progress.csv");
    let told = Mutex::new(Vec::new());
    store.put(&name, &Sample::of(BYTES), &|bytes| told.lock().unwrap().push(bytes)).await.expect("put");
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted(), "progress went back: {told:?}");
    assert_eq!(told.last(), Some(&(BYTES as u64)), "progress must end at the length");
    remove(store, &name).await;
}

/// A step may be repeated after a crash.
pub async fn putting_a_file_twice_leaves_one(store: &dyn FileStore) {
    let name = name("promise-twice.csv");
    for _ in 0..2 {
        put(store, &name, &Sample::of(BYTES)).await.expect("put");
        assert_eq!(length_of(store, name.as_str()).await, Some(BYTES as u64));
    }
    remove(store, &name).await;
}

/// Another content under the same name replaces the first, whether longer or shorter.
pub async fn a_file_takes_the_place_of_another(store: &dyn FileStore) {
    let name = name("promise-replaced.csv");
    for bytes in [1_000, BYTES, 17] {
        put(store, &name, &Sample::of(bytes)).await.expect("put");
        assert_eq!(length_of(store, name.as_str()).await, Some(bytes as u64));
    }
    remove(store, &name).await;
}

/// Nothing lies under the name of a file that could not be read to its end.
pub async fn a_file_that_breaks_off_is_not_there(store: &dyn FileStore) {
    let name = name("promise-broken.csv");
    assert_breaks_off(store, &name).await;
    assert_eq!(length_of(store, name.as_str()).await, None);
    remove(store, &name).await;
}

/// A file that could not be sent leaves the one before it as it was.
pub async fn a_file_that_breaks_off_leaves_the_earlier_one(store: &dyn FileStore) {
    let name = name("promise-earlier.csv");
    put(store, &name, &Sample::of(1_000)).await.expect("put");
    assert_breaks_off(store, &name).await;
    assert_eq!(length_of(store, name.as_str()).await, Some(1_000));
    remove(store, &name).await;
}

/// What an interrupted `put` left behind does not harm the next.
pub async fn a_file_can_be_put_after_it_broke_off(store: &dyn FileStore) {
    let name = name("promise-again.csv");
    assert_breaks_off(store, &name).await;
    put(store, &name, &Sample::of(1_000)).await.expect("put");
    assert_eq!(length_of(store, name.as_str()).await, Some(1_000));
    remove(store, &name).await;
}

/// Removing may be repeated.
pub async fn removing_what_is_not_there_is_no_error(store: &dyn FileStore) {
    let name = name("promise-removed.csv");
    put(store, &name, &Sample::of(10)).await.expect("put");
    remove(store, &name).await;
    remove(store, &name).await;
}

/// Removing touches the one name only, even where another begins with it.
pub async fn removing_one_file_leaves_the_others(store: &dyn FileStore) {
    let (short, long) = (name("promise-one"), name("promise-one.csv"));
    put(store, &short, &Sample::of(10)).await.expect("put");
    put(store, &long, &Sample::of(11)).await.expect("put");
    store.remove(&short).await.expect("remove");
    assert_eq!(length_of(store, short.as_str()).await, None);
    assert_eq!(length_of(store, long.as_str()).await, Some(11));
    remove(store, &long).await;
}

/// Several files may travel at once.
pub async fn files_can_be_put_side_by_side(store: &dyn FileStore) {
    let names: Vec<FileName> = (0..6).map(|it| name(&format!("promise-beside-{it}.csv"))).collect();
    let samples: Vec<Sample> = (0..6).map(|it| Sample::of(BYTES + it)).collect();
    let puts = names.iter().zip(&samples).map(|(name, sample)| put(store, name, sample));
    for (put, sample) in futures::future::join_all(puts).await.into_iter().zip(&samples) {
        assert_eq!(put.expect("put").bytes, sample.len());
    }
    for name in &names {
        remove(store, name).await;
    }
}

/// The bytes that lie in the store are those that were sent. `read` looks at the place itself, past the port.
pub async fn the_bytes_are_those_sent(store: &dyn FileStore, read: &(dyn Fn(&FileName) -> Vec<u8> + Sync)) {
    let name = name("promise-bytes.csv");
    let sample = Sample::of(BYTES);
    put(store, &name, &sample).await.expect("put");
    assert!(read(&name) == sample.bytes, "other bytes lie there than were sent");
    remove(store, &name).await;
}

/// A file to be sent: bytes that differ from place to place, so that a block out of order is seen.
#[derive(Clone)]
pub struct Sample {
    bytes: Bytes,
    breaks_off_at: Option<u64>,
}

impl Sample {
    /// A sample of so many bytes.
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        // A linear congruence: its period is far longer than any block.
        let mut state = 0x2545_f491_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        Self { bytes: (0..bytes).map(|_| next()).collect(), breaks_off_at: None }
    }

    /// The same sample, which cannot be read at or past this offset.
    #[must_use]
    pub fn breaking_off_at(mut self, offset: u64) -> Self {
        self.breaks_off_at = Some(offset);
        self
    }

    /// All its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[async_trait]
impl FileContent for Sample {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
        let start = usize::try_from(offset).map_or(self.bytes.len(), |it| it.min(self.bytes.len()));
        let end = self.bytes.len().min(start.saturating_add(bytes_max));
        match self.breaks_off_at {
            Some(broken) if end as u64 > broken => Err(io::Error::other("this sample breaks off here")),
            _ => Ok(self.bytes.slice(start..end)),
        }
    }
}

fn name(text: &str) -> FileName {
    text.parse().expect("a literal file name")
}

async fn put(store: &dyn FileStore, name: &FileName, sample: &Sample) -> Result<StoredFile, FileStoreError> {
    store.put(name, sample, &|_| ()).await
}

async fn length_of(store: &dyn FileStore, text: &str) -> Option<u64> {
    store.stat(&name(text)).await.expect("stat").map(|it| it.bytes)
}

async fn remove(store: &dyn FileStore, name: &FileName) {
    store.remove(name).await.expect("remove");
    assert_eq!(store.stat(name).await.expect("stat"), None, "`{name}` is there after its removal");
}

async fn assert_breaks_off(store: &dyn FileStore, name: &FileName) {
    let broken = Sample::of(BYTES).breaking_off_at(BYTES as u64 - 1);
    let error = put(store, name, &broken).await.expect_err("a file that cannot be read cannot be stored");
    assert!(matches!(error, FileStoreError::Content { .. }), "{error:?}");
}
