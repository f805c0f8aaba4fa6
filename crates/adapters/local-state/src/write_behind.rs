//! Files whose bytes are on their way to the disk while more are written.

use std::{
    fs::File,
    io::{self, Write},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, channel, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// After so many bytes a disk has enough to do.
const STRETCH_BYTES: usize = 16 << 20;
/// Pieces of so many bytes are worth handing over to another thread.
const LARGE_BYTES: usize = 1 << 20;

/// Writes a file that is to be durable in the end, and has the disk begin with it early: who syncs a large file only when it is whole waits
/// for all of it then. A file that comes in large pieces is also written by a thread of its own, as the system takes a while for each.
#[derive(Debug)]
pub(crate) struct WriteBehind {
    file: Arc<File>,
    /// Bytes that no sync was begun for.
    since: usize,
    writing: Option<Writing>,
    /// The sync under way. What it finds is told to nobody else: the system reports a failure once.
    syncing: Option<JoinHandle<io::Result<()>>>,
}

/// A thread that writes, and how pieces come to it and back.
#[derive(Debug)]
struct Writing {
    pieces: SyncSender<Vec<u8>>,
    written: Receiver<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

impl WriteBehind {
    pub(crate) fn new(file: File) -> Self {
        Self { file: Arc::new(file), since: 0, writing: None, syncing: None }
    }

    /// Waits until the disk has everything.
    pub(crate) fn sync_all(mut self) -> io::Result<()> {
        self.writing.take().map_or(Ok(()), Writing::finish)?;
        self.wait()?;
        self.file.sync_all()
    }

    /// Begins to sync what was written so far.
    fn begin_to_sync(&mut self) -> io::Result<()> {
        self.wait()?;
        let file = Arc::clone(&self.file);
        self.syncing = Some(thread::spawn(move || file.sync_data()));
        self.since = 0;
        Ok(())
    }

    fn wait(&mut self) -> io::Result<()> {
        self.syncing.take().map_or(Ok(()), joined)
    }
}

impl Write for WriteBehind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() >= LARGE_BYTES && self.writing.is_none() {
            self.writing = Some(Writing::begin(Arc::clone(&self.file)));
        }
        match self.writing.take() {
            // Once there is such a thread, small pieces go that way too: all come in order.
            Some(writing) => self.writing = Some(writing.hand_over(bytes)?),
            None => self.file.as_ref().write_all(bytes)?,
        }
        self.since += bytes.len();
        // A disk that is slower than we are is not waited for before the end.
        if self.since >= STRETCH_BYTES && self.syncing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.begin_to_sync()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Writing {
    fn begin(file: Arc<File>) -> Self {
        let ((pieces, next), (done, written)) = (sync_channel::<Vec<u8>>(1), channel());
        let thread = thread::spawn(move || {
            for piece in next {
                file.as_ref().write_all(&piece)?;
                // Its memory is of use again, if anybody writes more.
                let _ = done.send(piece);
            }
            Ok(())
        });
        Self { pieces, written, thread }
    }

    fn hand_over(self, bytes: &[u8]) -> io::Result<Self> {
        let mut piece = self.written.try_recv().unwrap_or_default();
        piece.clear();
        piece.extend_from_slice(bytes);
        match self.pieces.send(piece) {
            Ok(()) => Ok(self),
            Err(_) => Err(self.finish().err().unwrap_or_else(|| io::Error::other("the thread that wrote it to disk has ended"))),
        }
    }

    /// Waits until everything is written.
    fn finish(self) -> io::Result<()> {
        drop(self.pieces);
        joined(self.thread)
    }
}

/// What a thread has come to.
pub(crate) fn joined(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that wrote it to disk panicked")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_arrive_however_long_the_file() {
        let folder = tempfile::tempdir().unwrap();
        // By itself, by its thread, and by its thread for the last piece alone.
        for piece_bytes in [LARGE_BYTES / 2, LARGE_BYTES, STRETCH_BYTES - 9] {
            for bytes in [0, 1, STRETCH_BYTES - 1, 2 * STRETCH_BYTES + 7] {
                let path = folder.path().join(format!("{bytes} by {piece_bytes}"));
                let mut file = WriteBehind::new(File::create_new(&path).unwrap());
                let piece: Vec<u8> = (0..=250).collect::<Vec<u8>>().repeat(piece_bytes / 251 + 1);
                let piece = &piece[..piece_bytes];
                let mut rest = bytes;
                while rest > 0 {
                    let now = rest.min(piece.len());
                    file.write_all(&piece[..now]).unwrap();
                    rest -= now;
                }
                file.sync_all().unwrap();
                let found = std::fs::read(&path).unwrap();
                assert_eq!(found.len(), bytes);
                assert!(found.chunks(piece.len()).all(|it| *it == piece[..it.len()]));
            }
        }
    }

    #[test]
    fn what_a_thread_could_not_write_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"").unwrap();
        // Opened for reading alone: whatever is written to it fails.
        let mut file = WriteBehind::new(File::open(&path).unwrap());
        let piece = vec![0; LARGE_BYTES];
        let written = (0..9).try_for_each(|_| file.write_all(&piece));
        assert!(written.and_then(|()| file.sync_all()).is_err());
    }

    #[test]
    fn what_a_sync_underway_has_found_is_told_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = WriteBehind::new(File::create_new(folder.path().join("a")).unwrap());
        file.syncing = Some(thread::spawn(|| Err(io::Error::other("the disk is broken"))));
        assert_eq!(file.sync_all().unwrap_err().to_string(), "the disk is broken");
    }
}
