//! The file requests of one SFTP session, carried out on the model.
//!
//! Bytes go into the model as they arrive, so that a broken upload leaves what was acknowledged, another
//! connection sees the file grow, and an import started too early reads half a file: as on a real site.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use russh_sftp::extensions;
use russh_sftp::protocol::{Attrs, Data, ExtendedReply, FileAttributes, Handle, Name, OpenFlags, Packet, Status, StatusCode, Version};
use russh_sftp::server::{Handler, StatusReply};

use super::paths::{absolute, in_store};
use super::wire::{HANDLES_MAX, PACKET_BYTES_MAX, TRANSFER_BYTES_MAX, attributes, line, ok, refusal, strings};
use crate::doors::cut::Knife;
use crate::doors::operation::{Operation, journal_status};
use crate::doors::tenant::Tenant;
use crate::model::{ENHANCED_FTP, FileError, FileFault, FileStat, Model};

const POSIX_RENAME: &str = "posix-rename@openssh.com";
/// Entries of a folder in one answer.
const LISTED_AT_ONCE: usize = 100;

/// One SFTP session.
pub(super) struct FileSession {
    tenant: Arc<Tenant>,
    knife: Knife,
    handles: HashMap<String, Open>,
    handles_given: u64,
}

/// What a handle stands for.
enum Open {
    File(OpenFile),
    /// The entries that were not listed yet.
    Folder(Vec<FileStat>),
}

/// An open file.
#[derive(Clone)]
struct OpenFile {
    path: Arc<str>,
    readable: bool,
    writable: bool,
    append: bool,
    /// Bytes written and read through this handle.
    written: u64,
    read: u64,
    /// A fault keeps no more than so many bytes of what is written, silently.
    kept_max: Option<u64>,
}

fn operation(name: &'static str, path: &str) -> Operation {
    Operation::new("sftp", name, ENHANCED_FTP, path)
}

impl FileSession {
    pub(super) fn new(tenant: Arc<Tenant>, knife: Knife) -> Self {
        Self { tenant, knife, handles: HashMap::new(), handles_given: 0 }
    }

    /// Carries out one operation with the faults that are set for it, and notes it in the journal.
    async fn perform<R: Send + 'static>(
        &self,
        name: &'static str,
        path: &str,
        call: impl FnOnce(&mut Model, i64) -> Result<R, FileError> + Send + 'static,
    ) -> Result<R, StatusReply> {
        self.still_connected()?;
        let operation = operation(name, path);
        let noted = operation.clone();
        let fault = self.tenant.ask_briefly(move |model, _| model.file_fault(&noted.query(0))).await;
        let refused = match &fault {
            Some(FileFault::Denied) => Some((403, StatusCode::PermissionDenied)),
            Some(FileFault::NoSpace { .. }) => Some((507, StatusCode::Failure)),
            Some(FileFault::DropConnection { .. }) => {
                self.knife.sever();
                Some((0, StatusCode::ConnectionLost))
            }
            Some(FileFault::Delay { millis }) => {
                tokio::time::sleep(Duration::from_millis(*millis)).await;
                None
            }
            _ => None,
        };
        let answer = self
            .tenant
            .ask_briefly(move |model, now_ms| {
                let (status, answer) = match refused {
                    Some((status, code)) => (status, Err(StatusReply::new(code))),
                    None => match call(model, now_ms) {
                        Ok(answer) => (200, Ok(answer)),
                        Err(error) => (journal_status(&error), Err(refusal(&error))),
                    },
                };
                model.note_file_call(&operation.query(0), status, now_ms);
                answer
            })
            .await;
        if fault == Some(FileFault::LoseAnswer) {
            self.knife.sever();
        }
        answer
    }

    /// Refuses requests that were already on their way when the connection was cut: nobody would have heard
    /// them, so they must have no effect.
    fn still_connected(&self) -> Result<(), StatusReply> {
        match self.knife.is_severed() {
            true => Err(StatusReply::new(StatusCode::ConnectionLost)),
            false => Ok(()),
        }
    }

    fn keep(&mut self, id: u32, open: Open) -> Result<Handle, StatusReply> {
        if self.handles.len() == HANDLES_MAX {
            return Err(StatusCode::Failure.with_message("too many open files"));
        }
        self.handles_given += 1;
        let handle = self.handles_given.to_string();
        self.handles.insert(handle.clone(), open);
        Ok(Handle { id, handle })
    }

    fn file(&mut self, handle: &str) -> Result<&mut OpenFile, StatusReply> {
        match self.handles.get_mut(handle) {
            Some(Open::File(file)) => Ok(file),
            _ => Err(StatusCode::Failure.with_message("no such handle")),
        }
    }

    async fn stat_path(&self, path: &str) -> Result<FileStat, StatusReply> {
        let path = in_store(path);
        let wanted = path.clone();
        self.perform("stat", &path, move |model, _| model.file_stat(ENHANCED_FTP, &wanted)?.ok_or(FileError::NotFound(wanted))).await
    }

    async fn set(&self, path: &str, size: Option<u64>) -> Result<(), StatusReply> {
        // Permissions and times are taken and forgotten, as nothing here depends on them.
        let path = in_store(path);
        let wanted = path.clone();
        self.perform("write", &path, move |model, now_ms| match (model.file_stat(ENHANCED_FTP, &wanted)?, size) {
            (None, _) => Err(FileError::NotFound(wanted)),
            (Some(_), None) => Ok(()),
            (Some(_), Some(size)) => model.file_set_len(ENHANCED_FTP, &wanted, size, now_ms),
        })
        .await
    }

    async fn rename_paths(&self, from: &str, to: &str, overwrite: bool) -> Result<(), StatusReply> {
        let (from, to) = (in_store(from), in_store(to));
        let path = from.clone();
        self.perform("rename", &path, move |model, _| model.file_rename(ENHANCED_FTP, &from, &to, overwrite)).await
    }

    async fn remove_path(&self, path: &str, folder: bool) -> Result<(), StatusReply> {
        let path = in_store(path);
        let wanted = path.clone();
        self.perform("remove", &path, move |model, _| match model.file_stat(ENHANCED_FTP, &wanted)? {
            None => Err(FileError::NotFound(wanted)),
            Some(stat) if stat.is_dir != folder => Err(FileError::WrongKind(wanted, if folder { "a file" } else { "a folder" })),
            Some(_) => model.file_remove(ENHANCED_FTP, &wanted),
        })
        .await
    }
}

/// What became of a piece of a file.
enum Piece<T> {
    Passed(T),
    Refused(StatusReply),
    /// It passed, or a part of it did, and the fault follows.
    Struck(FileFault, T),
}

/// Writes a piece as far as faults allow, and gives the number of bytes that count as written.
fn write_piece(file: &OpenFile, offset: u64, data: &[u8], model: &mut Model, now_ms: i64) -> Piece<u64> {
    let operation = operation("write", &file.path);
    let length = data.len() as u64;
    let fault = match file.kept_max {
        Some(after_bytes) => Some(FileFault::TruncateSilently { after_bytes }),
        None => model.file_fault(&operation.query(file.written + length)),
    };
    let allowed = match &fault {
        Some(
            FileFault::DropConnection { after_bytes } | FileFault::NoSpace { after_bytes } | FileFault::TruncateSilently { after_bytes },
        ) => after_bytes.saturating_sub(file.written).min(length),
        Some(FileFault::Denied) => return Piece::Refused(StatusReply::new(StatusCode::PermissionDenied)),
        _ => length,
    };
    let offset = match file.append {
        true => model.file_stat(ENHANCED_FTP, &file.path).ok().flatten().map_or(0, |stat| stat.size),
        false => offset,
    };
    let kept = &data[..usize::try_from(allowed).unwrap_or(data.len())];
    if !kept.is_empty()
        && let Err(error) = model.file_write(ENHANCED_FTP, &file.path, offset, kept, now_ms)
    {
        return Piece::Refused(refusal(&error));
    }
    match fault {
        Some(fault) => Piece::Struck(fault, length),
        None => Piece::Passed(length),
    }
}

/// Reads a piece; none at the end of the file.
fn read_piece(file: &OpenFile, offset: u64, length: u32, model: &mut Model) -> Piece<Vec<u8>> {
    let bytes = match model.file_get(ENHANCED_FTP, &file.path) {
        Ok(bytes) => bytes,
        Err(error) => return Piece::Refused(refusal(&error)),
    };
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    let length = u64::from(length).min(TRANSFER_BYTES_MAX);
    let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(bytes.len());
    let piece = bytes[start..end].to_vec();
    let passed = file.read + piece.len() as u64;
    match model.file_fault(&operation("read", &file.path).query(passed)) {
        Some(fault) => Piece::Struck(fault, piece),
        None => Piece::Passed(piece),
    }
}

impl Handler for FileSession {
    type Error = StatusReply;

    fn unimplemented(&self) -> Self::Error {
        StatusReply::new(StatusCode::OpUnsupported)
    }

    async fn init(&mut self, _version: u32, _: HashMap<String, String>) -> Result<Version, Self::Error> {
        let mut version = Version::new();
        for name in [POSIX_RENAME, extensions::LIMITS, extensions::FSYNC] {
            version.extensions.insert(name.to_owned(), "1".to_owned());
        }
        Ok(version)
    }

    async fn open(&mut self, id: u32, filename: String, flags: OpenFlags, _attributes: FileAttributes) -> Result<Handle, Self::Error> {
        let path: Arc<str> = in_store(&filename).into();
        let wanted = Arc::clone(&path);
        self.perform("open", &path, move |model, now_ms| match model.file_stat(ENHANCED_FTP, &wanted)? {
            Some(stat) if stat.is_dir => Err(FileError::WrongKind(wanted.to_string(), "a folder")),
            Some(_) if flags.contains(OpenFlags::CREATE | OpenFlags::EXCLUDE) => Err(FileError::Exists(wanted.to_string())),
            Some(_) if flags.contains(OpenFlags::TRUNCATE) => model.file_set_len(ENHANCED_FTP, &wanted, 0, now_ms),
            Some(_) => Ok(()),
            None if flags.contains(OpenFlags::CREATE) => model.file_put(ENHANCED_FTP, &wanted, Vec::new(), now_ms),
            None => Err(FileError::NotFound(wanted.to_string())),
        })
        .await?;
        self.keep(
            id,
            Open::File(OpenFile {
                path,
                readable: flags.contains(OpenFlags::READ),
                writable: flags.intersects(OpenFlags::WRITE | OpenFlags::APPEND),
                append: flags.contains(OpenFlags::APPEND),
                written: 0,
                read: 0,
                kept_max: None,
            }),
        )
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, Self::Error> {
        match self.handles.remove(&handle) {
            Some(Open::File(file)) => {
                let noted = file.clone();
                self.tenant.ask_briefly(move |model, now_ms| note_transfer(&noted, 200, model, now_ms)).await;
                self.perform("close", &file.path, |_, _| Ok(())).await?;
                Ok(ok(id))
            }
            Some(Open::Folder(_)) => Ok(ok(id)),
            None => Err(StatusCode::Failure.with_message("no such handle")),
        }
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, len: u32) -> Result<Data, Self::Error> {
        self.still_connected()?;
        let file = self.file(&handle)?.clone();
        if !file.readable {
            return Err(StatusReply::new(StatusCode::PermissionDenied));
        }
        let piece = self.tenant.ask_briefly(move |model, _| read_piece(&file, offset, len, model)).await;
        let data = match piece {
            Piece::Refused(reply) => return Err(reply),
            Piece::Passed(data) => data,
            Piece::Struck(FileFault::Denied, _) => {
                return Err(StatusReply::new(StatusCode::PermissionDenied));
            }
            Piece::Struck(FileFault::DropConnection { .. } | FileFault::LoseAnswer, _) => {
                self.knife.sever();
                return Err(StatusReply::new(StatusCode::ConnectionLost));
            }
            Piece::Struck(FileFault::Delay { millis }, data) => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                data
            }
            Piece::Struck(_, data) => data,
        };
        if data.is_empty() {
            return Err(StatusReply::new(StatusCode::Eof));
        }
        self.file(&handle)?.read += data.len() as u64;
        Ok(Data { id, data })
    }

    async fn write(&mut self, id: u32, handle: String, offset: u64, data: Vec<u8>) -> Result<Status, Self::Error> {
        self.still_connected()?;
        let file = self.file(&handle)?.clone();
        if !file.writable {
            return Err(StatusReply::new(StatusCode::PermissionDenied));
        }
        let piece = self.tenant.ask_briefly(move |model, now_ms| write_piece(&file, offset, &data, model, now_ms)).await;
        let (fault, written) = match piece {
            Piece::Refused(reply) => return Err(reply),
            Piece::Passed(written) => (None, written),
            Piece::Struck(fault, written) => (Some(fault), written),
        };
        let file = self.file(&handle)?;
        file.written += written;
        match fault {
            Some(FileFault::TruncateSilently { after_bytes }) => file.kept_max = Some(after_bytes),
            Some(FileFault::NoSpace { .. }) => {
                return Err(StatusCode::Failure.with_message("No space left on device"));
            }
            Some(FileFault::DropConnection { .. } | FileFault::LoseAnswer) => {
                self.knife.sever();
                return Err(StatusReply::new(StatusCode::ConnectionLost));
            }
            Some(FileFault::Delay { millis }) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Some(FileFault::Denied | FileFault::LoginRefused) | None => {}
        }
        Ok(ok(id))
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        self.stat(id, path).await
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        let stat = self.stat_path(&path).await?;
        Ok(Attrs { id, attrs: attributes(&stat) })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, Self::Error> {
        let path = Arc::clone(&self.file(&handle)?.path);
        self.stat(id, path.to_string()).await
    }

    async fn setstat(&mut self, id: u32, path: String, attrs: FileAttributes) -> Result<Status, Self::Error> {
        self.set(&path, attrs.size).await?;
        Ok(ok(id))
    }

    async fn fsetstat(&mut self, id: u32, handle: String, attrs: FileAttributes) -> Result<Status, Self::Error> {
        let path = Arc::clone(&self.file(&handle)?.path);
        self.set(&path, attrs.size).await?;
        Ok(ok(id))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, Self::Error> {
        let path = in_store(&path);
        let wanted = path.clone();
        let mut entries = self.perform("list", &path, move |model, _| model.file_list_dir(ENHANCED_FTP, &wanted)).await?;
        // Listed from the back, piece by piece.
        entries.reverse();
        self.keep(id, Open::Folder(entries))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, Self::Error> {
        let Some(Open::Folder(entries)) = self.handles.get_mut(&handle) else {
            return Err(StatusCode::Failure.with_message("no such handle"));
        };
        if entries.is_empty() {
            return Err(StatusReply::new(StatusCode::Eof));
        }
        let from = entries.len().saturating_sub(LISTED_AT_ONCE);
        Ok(Name { id, files: entries.drain(from..).rev().map(|stat| line(&stat)).collect() })
    }

    async fn remove(&mut self, id: u32, filename: String) -> Result<Status, Self::Error> {
        self.remove_path(&filename, false).await?;
        Ok(ok(id))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Result<Status, Self::Error> {
        self.remove_path(&path, true).await?;
        Ok(ok(id))
    }

    async fn mkdir(&mut self, id: u32, path: String, _: FileAttributes) -> Result<Status, Self::Error> {
        let path = in_store(&path);
        let wanted = path.clone();
        self.perform("mkdir", &path, move |model, now_ms| model.file_mkdir(ENHANCED_FTP, &wanted, now_ms)).await?;
        Ok(ok(id))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, Self::Error> {
        Ok(Name { id, files: vec![russh_sftp::protocol::File::dummy(absolute(&path))] })
    }

    async fn rename(&mut self, id: u32, oldpath: String, newpath: String) -> Result<Status, Self::Error> {
        self.rename_paths(&oldpath, &newpath, false).await?;
        Ok(ok(id))
    }

    async fn extended(&mut self, id: u32, request: String, data: Vec<u8>) -> Result<Packet, Self::Error> {
        match request.as_str() {
            POSIX_RENAME => {
                let [from, to] = strings(&data).ok_or(StatusReply::new(StatusCode::BadMessage))?;
                self.rename_paths(&from, &to, true).await?;
                Ok(ok(id).into())
            }
            // What was acknowledged is in the model already.
            extensions::FSYNC => Ok(ok(id).into()),
            extensions::LIMITS => {
                let limits = [PACKET_BYTES_MAX, TRANSFER_BYTES_MAX, TRANSFER_BYTES_MAX, HANDLES_MAX as u64];
                let data = limits.iter().flat_map(|limit| limit.to_be_bytes()).collect();
                Ok(ExtendedReply { id, data }.into())
            }
            _ => Err(self.unimplemented()),
        }
    }
}

impl Drop for FileSession {
    /// Notes the transfers that a broken connection left unfinished.
    fn drop(&mut self) {
        let unfinished = self.handles.drain().filter_map(|(_, open)| match open {
            Open::File(file) => Some(file),
            Open::Folder(_) => None,
        });
        let unfinished: Vec<OpenFile> = unfinished.collect();
        if unfinished.is_empty() {
            return;
        }
        let tenant = Arc::clone(&self.tenant);
        let note = move || {
            tenant.ask_here(|model, now_ms| {
                unfinished.iter().for_each(|file| note_transfer(file, 0, model, now_ms));
            });
        };
        // The model may be busy with an import; a thread that runs tasks must not wait for it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn_blocking(note);
        }
    }
}

/// Notes what passed through an open file, as one call rather than as one for each piece.
fn note_transfer(file: &OpenFile, status: u16, model: &mut Model, now_ms: i64) {
    if file.writable {
        model.note_file_call(&operation("write", &file.path).query(file.written), status, now_ms);
    }
    if file.readable {
        model.note_file_call(&operation("read", &file.path).query(file.read), status, now_ms);
    }
}
