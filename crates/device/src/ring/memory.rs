//! The memory under a pair of rings: how it lies, and the only places where it is touched.
//!
//! The other process may write anywhere in it at any time. So no reference to its bytes is ever made: they are copied out and
//! in, and numbers are atomic.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// Bytes that one direction holds, what stands ahead of records included: a power of two. Pages that nobody has written to
/// take no memory.
pub(super) const AREA: usize = 1 << 20;
/// What stands ahead of both areas: the numbers of both directions.
const CONTROL: usize = 4096;
/// The numbers of one direction. What each side writes has cache lines of its own.
const LANE: usize = 256;
const HEAD: usize = 0;
const FRAMES: usize = 8;
const OCTETS: usize = 16;
const TAIL: usize = 64;
const HEARD: usize = 72;
const ASLEEP: usize = 128;
const CRAMPED: usize = 192;
/// All of it.
const LEN: usize = CONTROL + 2 * AREA;

/// Memory for a pair of rings, its size fixed for ever: to be given to both sides.
///
/// # Errors
/// The machine's.
pub fn memory() -> io::Result<OwnedFd> {
    let memory = memfd_create("sockeye-ring", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&memory, LEN as u64)?;
    fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(memory)
}

/// Which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lane(pub(super) usize);

/// It, mapped.
pub(super) struct Mapping {
    at: NonNull<u8>,
    len: usize,
}

// SAFETY: it is nobody's but the process's, and all that is done with it may be done by any thread.
unsafe impl Send for Mapping {}
// SAFETY: the same.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps it, if it is what [`memory`] makes: who could make it shorter could end us by that.
    pub(super) fn new(memory: impl AsFd) -> io::Result<Mapping> {
        Mapping::of(memory, LEN)
    }

    /// The same, but for the numbers alone.
    pub(super) fn numbers(memory: impl AsFd) -> io::Result<Mapping> {
        Mapping::of(memory, CONTROL)
    }

    fn of(memory: impl AsFd, len: usize) -> io::Result<Mapping> {
        let fixed = fcntl_get_seals(&memory)?.contains(SealFlags::SHRINK);
        if !fixed || fstat(&memory)?.st_size != LEN as i64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping, where the kernel finds room.
        let at = unsafe { mmap(std::ptr::null_mut(), len, access, flags, &memory, 0) }?;
        let at = NonNull::new(at.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { at, len })
    }

    /// What the sender has put there, in bytes from the beginning of time.
    pub(super) fn head(&self, lane: Lane) -> &AtomicU64 {
        self.number(lane, HEAD)
    }

    /// How much of it the receiver has taken.
    pub(super) fn tail(&self, lane: Lane) -> &AtomicU64 {
        self.number(lane, TAIL)
    }

    /// Frames that the sender has sent, and their bytes.
    pub(super) fn carried(&self, lane: Lane) -> (&AtomicU64, &AtomicU64) {
        (self.number(lane, FRAMES), self.number(lane, OCTETS))
    }

    /// There is a receiver.
    pub(super) fn heard(&self, lane: Lane) -> &AtomicU32 {
        self.flag(lane, HEARD)
    }

    /// The receiver waits, and is to be woken.
    pub(super) fn asleep(&self, lane: Lane) -> &AtomicU32 {
        self.flag(lane, ASLEEP)
    }

    /// The sender waits for room, and is to be woken.
    pub(super) fn cramped(&self, lane: Lane) -> &AtomicU32 {
        self.flag(lane, CRAMPED)
    }

    fn number(&self, lane: Lane, field: usize) -> &AtomicU64 {
        // SAFETY: there are two lanes, their fields lie in the first page, aligned; the mapping lives as long as we do.
        unsafe { &*self.at.as_ptr().add((lane.0 & 1) * LANE + field).cast::<AtomicU64>() }
    }

    fn flag(&self, lane: Lane, field: usize) -> &AtomicU32 {
        // SAFETY: the same.
        unsafe { &*self.at.as_ptr().add((lane.0 & 1) * LANE + field).cast::<AtomicU32>() }
    }

    /// Copies bytes to an area.
    pub(super) fn put(&self, lane: Lane, at: usize, bytes: &[u8]) {
        let target = self.place(lane, at, bytes.len());
        // SAFETY: `place` has seen that they fit; private memory and a shared mapping don't overlap.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target.as_ptr(), bytes.len()) };
    }

    /// Copies bytes out of an area.
    pub(super) fn take(&self, lane: Lane, at: usize, target: &mut [MaybeUninit<u8>]) {
        let source = self.place(lane, at, target.len());
        // SAFETY: the same.
        unsafe {
            std::ptr::copy_nonoverlapping(source.as_ptr(), target.as_mut_ptr().cast(), target.len());
        }
    }

    fn place(&self, lane: Lane, at: usize, len: usize) -> NonNull<u8> {
        let fits = lane.0 < 2 && at <= AREA && len <= AREA - at && self.len == LEN;
        assert!(fits, "outside of the ring");
        // SAFETY: so it lies in the mapping.
        unsafe { self.at.add(CONTROL + lane.0 * AREA + at) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nobody has a reference to what is in it for longer than to us.
        let _ = unsafe { munmap(self.at.as_ptr().cast(), self.len) };
    }
}
