//! Bytes cut into blocks that are checksummed as they leave.

use std::io::{self, Write};
use std::num::NonZero;
use std::ops::Range;
use std::thread;

use crate::layout::BLOCK_BYTES;

/// Threads that check a large file.
const THREADS_MAX: usize = 4;
/// Blocks that are worth a thread of their own: 12 MiB.
const BLOCKS_PER_THREAD: usize = 256;

/// The body of a file.
#[derive(Debug)]
pub(crate) struct Blocks<W> {
    pub(crate) out: W,
    /// The block being filled. Nothing straddles two blocks: 2,048 entries or 4,096 steps fill one, and so do words of the index.
    block: Vec<u8>,
    /// The checksums of all blocks before.
    pub(crate) table: Vec<u8>,
    /// Bytes written, the header's among them.
    pub(crate) bytes: u64,
}

impl<W: Write> Blocks<W> {
    /// Blocks after a header of so many bytes, which is written already.
    pub(crate) fn new(out: W, header_bytes: u64) -> Self {
        Self { out, block: Vec::with_capacity(BLOCK_BYTES), table: Vec::new(), bytes: header_bytes }
    }

    /// Appends what fills a block without a rest.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.block.extend_from_slice(bytes);
        if self.block.len() == BLOCK_BYTES { self.end_block() } else { Ok(()) }
    }

    /// Appends any number of bytes.
    pub(crate) fn append_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.block.len()));
            self.append(now)?;
            bytes = later;
        }
        Ok(())
    }

    /// Ends the block being filled, if it holds anything.
    pub(crate) fn end_block(&mut self) -> io::Result<()> {
        if !self.block.is_empty() {
            self.table.extend_from_slice(&crc32c::crc32c(&self.block).to_le_bytes());
            self.out.write_all(&self.block)?;
            self.bytes += self.block.len() as u64;
            self.block.clear();
        }
        Ok(())
    }
}

/// One thread's share in checking a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    number: usize,
    threads: usize,
}

impl Share {
    /// The share of so many.
    pub(crate) const fn of(self, all: usize) -> Range<usize> {
        all * self.number / self.threads..all * (self.number + 1) / self.threads
    }
}

/// Checks a file of so many blocks, a large one on several threads. The first error in the order of the shares is told.
pub(crate) fn check_in_shares<T: Send, E: Send>(blocks: usize, check: impl Fn(Share) -> Result<T, E> + Sync) -> Result<Vec<T>, E> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX).min(blocks / BLOCKS_PER_THREAD).max(1);
    let check = &|number: usize| check(Share { number, threads });
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|number| scope.spawn(move || check(number))).collect();
        let first = check(0);
        let others = others.into_iter().map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        std::iter::once(first).chain(others).collect()
    })
}
