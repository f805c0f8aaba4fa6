//! All that the compiler cannot check for us: mapping a file, and asking the processor to fetch memory early.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::{Mmap, MmapOptions};

/// A file mapped into memory, to be opened as a [`Segment`](crate::Segment).
///
/// The file must be one that nobody changes or shortens any more, as baseline files are: each is written once under a name
/// never used again. Removing its name is harmless; the bytes stay until this value goes.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Mapped {
    /// Maps the whole of `file`, for reading alone.
    ///
    /// # Errors
    /// When the operating system refuses, as for something that is no regular file.
    pub fn file(file: &File) -> io::Result<Self> {
        // SAFETY: bytes behind a mapping must not change while a `&[u8]` to them lives. Outflow writes a segment under a temporary
        // name, renames it once it is whole, and never opens it for writing again; the state folder is locked against other
        // runs. Another program that overwrites it all the same can make answers wrong, and one that shortens it can end the process
        // with SIGBUS; neither reaches memory outside of the mapping, as each access is checked against the slice's bounds.
        let map = unsafe { MmapOptions::new().map(file)? };
        // Whatever is read from disk from now on may come in huge pages, in which a probe finds its places sooner. A system without them
        // says no, and nothing is lost.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Ok(Self(map))
    }
}

impl AsRef<[u8]> for Mapped {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Asks for the cache line of `items[at]`, to be read soon; does nothing where there is no such item.
#[inline(always)]
pub(crate) fn prefetch<T>(items: &[T], at: usize) {
    prefetch_bytes(items, at, 0);
}

/// Asks for the cache line of the byte `bytes` after (or before) the first byte of `items[at]`.
#[inline(always)]
pub(crate) fn prefetch_bytes<T>(items: &[T], at: usize, bytes: isize) {
    // No bounds are checked: an address is but an address here, and the processor ignores one that is mapped to nothing.
    prefetch_line(items.as_ptr().wrapping_add(at).cast::<i8>().wrapping_offset(bytes));
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_line(address: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads and writes nothing the program could see and never faults, whatever the address. SSE is part of
    // every x86-64 processor.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address) }
}

/// Other processors fetch when they read.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn prefetch_line(_address: *const i8) {}
