//! A folder keeps the promises of a file store, and says what is wrong with it.

use std::fs;

use outflow_domain::FileName;
use outflow_file_store_folder::FolderStore;
use outflow_ports::{FileStore, FileStoreError, partial_name, promises::file_store as promises};

fn name() -> FileName {
    "loyalty-0001.csv".parse().unwrap()
}

#[tokio::test]
async fn it_keeps_the_promises_of_a_file_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderStore::new(folder.path());
    promises::keeps_its_promises(&store).await;
    promises::the_bytes_are_those_sent(&store, &|name| fs::read(folder.path().join(name.as_str())).unwrap()).await;
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn the_check_writes_nothing_and_names_a_missing_folder() {
    let folder = tempfile::tempdir().unwrap();
    FolderStore::new(folder.path()).check().await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let error = FolderStore::new(folder.path().join("Import")).check().await.unwrap_err();
    assert!(matches!(&error, FileStoreError::Refused { store, .. } if store.ends_with("Import")), "{error}");
}

#[tokio::test]
async fn a_missing_folder_refuses_a_file() {
    let store = FolderStore::new("/nonexistent/Import");
    let error = store.put(&name(), &promises::Sample::of(10), &|_| ()).await.unwrap_err();
    assert!(matches!(error, FileStoreError::Refused { .. }) && !error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_full_disk_is_told_as_such() {
    // The kernel's own full device: every write to it fails with ENOSPC.
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join(partial_name(&name()))).unwrap();
    let store = FolderStore::new(folder.path());
    let error = store.put(&name(), &promises::Sample::of(10), &|_| ()).await.unwrap_err();
    assert!(matches!(error, FileStoreError::Full { .. }), "{error}");
    assert_eq!(store.stat(&name()).await.unwrap(), None);
}

#[tokio::test]
async fn removing_takes_what_a_crash_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(partial_name(&name()));
    fs::write(&left, "half a file").unwrap();
    FolderStore::new(folder.path()).remove(&name()).await.unwrap();
    assert!(!left.exists());
}
