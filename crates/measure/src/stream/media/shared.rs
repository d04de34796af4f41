//! A ring in memory that two processes share: one writes, the other reads, and who must wait looks again and again.

use std::io;
use std::ptr::{NonNull, copy_nonoverlapping};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::Channel;
use super::receiver::Receiver;

/// The ring's bytes: a power of two.
const ROOM: usize = 1 << 20;
/// Looks before the processor is left to others.
const LOOKS: u32 = 1000;

/// Who has come how far, each on a cache line of its own, and the bytes between them.
#[repr(C)]
struct Ring {
    written: Line,
    read: Line,
    bytes: [u8; ROOM],
}

#[repr(C, align(128))]
struct Line(AtomicU64);

/// The ring, mapped in both processes. Each takes one side of it.
struct Mapping(NonNull<Ring>);

/// The writing end; the other is a child's.
pub(super) struct Shared {
    ring: Mapping,
    message: Vec<u8>,
    receiver: Receiver,
}

impl Shared {
    pub(super) fn new(size: usize) -> io::Result<Shared> {
        let ring = Mapping::new()?;
        let mut buffer = vec![0; size];
        let receiver = Receiver::start(None, |messages| {
            (0..messages).for_each(|_| ring.read(&mut buffer));
            Ok(())
        });
        Ok(Shared { ring, message: vec![1; size], receiver: receiver? })
    }
}

impl Channel for Shared {
    fn carry(&mut self, messages: u64) -> io::Result<Duration> {
        self.receiver.time(messages, || {
            (0..messages).for_each(|_| self.ring.write(&self.message));
            Ok(())
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: mapped by `Mapping::new` with this length, and nobody uses it any more.
        let _ = unsafe { munmap(self.ring.0.as_ptr().cast(), size_of::<Ring>()) };
    }
}

impl Mapping {
    fn new() -> io::Result<Mapping> {
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a mapping of its own, at no particular address; zeros are a valid, empty ring.
        let at = unsafe { mmap_anonymous(std::ptr::null_mut(), size_of::<Ring>(), access, flags) }?;
        NonNull::new(at.cast()).map(Mapping).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    fn written(&self) -> &AtomicU64 {
        // SAFETY: within the mapping, which outlives this; only shared references to it are ever made.
        unsafe { &(*self.0.as_ptr()).written.0 }
    }

    fn has_read(&self) -> &AtomicU64 {
        // SAFETY: as above.
        unsafe { &(*self.0.as_ptr()).read.0 }
    }

    /// The bytes from this one on, and how many there are before the ring begins again.
    fn at(&self, position: u64) -> (*mut u8, usize) {
        let offset = position as usize % ROOM;
        // SAFETY: within the mapping.
        (unsafe { (&raw mut (*self.0.as_ptr()).bytes).cast::<u8>().add(offset) }, ROOM - offset)
    }

    fn write(&self, mut data: &[u8]) {
        let mut position = self.written().load(Ordering::Relaxed);
        while !data.is_empty() {
            let free = wait(|| ROOM - (position - self.has_read().load(Ordering::Acquire)) as usize);
            let (to, straight) = self.at(position);
            let count = data.len().min(free).min(straight);
            // SAFETY: so many bytes from there on are free, so the reader doesn't touch them.
            unsafe { copy_nonoverlapping(data.as_ptr(), to, count) };
            position += count as u64;
            self.written().store(position, Ordering::Release);
            data = &data[count..];
        }
    }

    fn read(&self, mut buffer: &mut [u8]) {
        let mut position = self.has_read().load(Ordering::Relaxed);
        while !buffer.is_empty() {
            let ready = wait(|| (self.written().load(Ordering::Acquire) - position) as usize);
            let (from, straight) = self.at(position);
            let count = buffer.len().min(ready).min(straight);
            // SAFETY: so many bytes from there on are written, so the writer doesn't touch them.
            unsafe { copy_nonoverlapping(from, buffer.as_mut_ptr(), count) };
            position += count as u64;
            self.has_read().store(position, Ordering::Release);
            buffer = &mut buffer[count..];
        }
    }
}

/// Looks until there is something.
fn wait(look: impl Fn() -> usize) -> usize {
    loop {
        for _ in 0..LOOKS {
            let seen = look();
            if seen > 0 {
                return seen;
            }
            std::hint::spin_loop();
        }
        std::thread::yield_now();
    }
}
