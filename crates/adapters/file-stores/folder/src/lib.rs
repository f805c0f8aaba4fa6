//! A local folder: a file location that is mounted here, or a place to look at what would be sent.

mod fault;
mod store;

pub use store::FolderStore;
