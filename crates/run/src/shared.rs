//! The memory that programs share with us, by the object that is preloaded (`sockeye_preload::Shared`).

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use sockeye_preload::{Accepted, Accepts, PLACES, Table};

/// Memory that programs can write to, but neither shrink nor grow.
struct Memory {
    file: OwnedFd,
    mapped: NonNull<sockeye_preload::Shared>,
}

/// The memory, from when the first program has asked for it.
#[derive(Default)]
pub(crate) struct Shared {
    memory: Option<Memory>,
    /// Places among those where is said what was accepted that no connection has.
    free: VecDeque<u16>,
    /// What was said is known up to this count.
    seen: u32,
}

impl Shared {
    /// Makes it, if it isn't there; says whether it is new. With `no_files` nobody need ask for those of the host.
    pub(crate) fn open(&mut self, no_files: bool) -> io::Result<bool> {
        if self.memory.is_some() {
            return Ok(false);
        }
        let memory = Memory::new()?;
        memory.shared().no_files.store(no_files.into(), Ordering::Relaxed);
        self.memory = Some(memory);
        self.free = (0..PLACES as u16).collect();
        Ok(true)
    }

    /// Its file.
    pub(crate) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.memory.as_ref().map(|memory| memory.file.as_fd())
    }

    /// What is said of carriers.
    pub(crate) fn table(&self) -> Option<&Table> {
        self.memory.as_ref().map(|memory| &memory.shared().carriers)
    }

    /// What is said of connections that were accepted.
    fn accepts(&self) -> Option<&Accepts> {
        self.memory.as_ref().map(|memory| &memory.shared().accepts)
    }

    /// A place for a connection that waits to be accepted.
    pub(crate) fn new_place(&mut self) -> Option<u16> {
        // The one that has been free for longest: nobody will be late to say something of who had it.
        let place = self.free.pop_front()?;
        // Whoever has written there meanwhile.
        self.accepts()?.take(place);
        Some(place)
    }

    /// In this place waits the end with this cookie.
    pub(crate) fn expect(&self, place: u16, end: u64) {
        self.accepts().into_iter().for_each(|accepts| accepts.expect(place, end));
    }

    /// It waits no more.
    pub(crate) fn free_place(&mut self, place: u16) {
        self.expect(place, 0);
        self.free.push_back(place);
    }

    /// Whether something was accepted since this was asked last.
    pub(crate) fn has_news(&mut self) -> bool {
        let Some(count) = self.accepts().map(Accepts::count) else { return false };
        std::mem::replace(&mut self.seen, count) != count
    }

    /// What was accepted of a connection that waits in this place.
    pub(crate) fn accepted(&self, place: u16) -> Option<Accepted> {
        self.accepts()?.take(place)
    }
}

impl Memory {
    fn new() -> io::Result<Memory> {
        const LENGTH: usize = size_of::<sockeye_preload::Shared>();
        let file = rustix::fs::memfd_create(c"sockeye", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&file, LENGTH as u64)?;
        rustix::fs::fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, as long as the file, which can't become shorter.
        let address = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), LENGTH, protection, MapFlags::SHARED, &file, 0)?
        };
        let mapped = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Memory { file, mapped })
    }

    fn shared(&self) -> &sockeye_preload::Shared {
        // SAFETY: the mapping is as long as this, stays while `self` does, and any bytes are one. What others write there is
        // read and written by atomic operations alone.
        unsafe { self.mapped.as_ref() }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody has a reference to it any more.
        let _ =
            unsafe { rustix::mm::munmap(self.mapped.as_ptr().cast(), size_of::<sockeye_preload::Shared>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_one_connections() {
        let mut shared = Shared::default();
        assert!(shared.new_place().is_none() && shared.table().is_none() && !shared.has_news());
        assert!(shared.open(true).expect("memory") && !shared.open(true).expect("memory"));
        let places: Vec<u16> = std::iter::from_fn(|| shared.new_place()).collect();
        assert_eq!(places.len(), PLACES);
        let accepted = Accepted { end: 5, cookie: 1, inode: 2, process: 3, fd: 4 };
        shared.accepts().expect("memory").say(7, accepted);
        assert!(shared.has_news() && !shared.has_news());
        assert_eq!((shared.accepted(7), shared.accepted(7)), (Some(accepted), None));
        shared.accepts().expect("memory").say(7, accepted);
        [8, 7].into_iter().for_each(|place| shared.free_place(place));
        assert_eq!((shared.new_place(), shared.new_place(), shared.accepted(7)), (Some(8), Some(7), None));
    }
}
