//! A file written by a thread of its own, so that who makes the bytes seldom waits for the disk.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long bytes may wait for others to be written with.
const LATENCY: Duration = Duration::from_millis(50);
/// So many bytes are worth being written at once.
const MANY: usize = 256 << 10;
/// So many may wait; whoever has more waits.
const MOST: usize = 16 << 20;

/// What is put into it is written to the file, soon.
pub(super) struct WriteBehind {
    desk: Arc<Desk>,
    writer: Writer,
}

/// Who writes.
enum Writer {
    /// Nobody yet: a supervisor forks first.
    Waits(File),
    /// A thread; whether it could write all.
    Works(JoinHandle<bool>),
    /// Nobody any more.
    Ended(bool),
}

/// Where bytes wait for it.
#[derive(Default)]
struct Desk {
    queue: Mutex<Queue>,
    /// There is something to write, or much.
    work: Condvar,
    /// There is room again.
    room: Condvar,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    /// Nothing comes any more.
    ended: bool,
    /// Nothing is written any more.
    failed: bool,
}

impl WriteBehind {
    pub(super) fn new(file: File) -> WriteBehind {
        WriteBehind { desk: Arc::default(), writer: Writer::Waits(file) }
    }

    /// Begins to write, if it hasn't. Until then bytes only gather.
    pub(super) fn begin(&mut self) {
        if matches!(self.writer, Writer::Waits(_))
            && let Writer::Waits(file) = std::mem::replace(&mut self.writer, Writer::Ended(false))
        {
            let desk = Arc::clone(&self.desk);
            self.writer = Writer::Works(thread::spawn(move || desk.serve(file)));
        }
    }

    /// Lets somebody make bytes behind those that wait; waits if they are very many. `false`: nothing is written any more.
    pub(super) fn put(&mut self, make: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.desk.put(make)
    }

    /// Waits until all is written; `false` if not all could be, which was said on standard error when it was found.
    pub(super) fn finish(&mut self) -> bool {
        self.desk.lock().ended = true;
        self.desk.work.notify_one();
        let whole = match std::mem::replace(&mut self.writer, Writer::Ended(false)) {
            Writer::Waits(file) => self.desk.serve(file),
            Writer::Works(thread) => thread.join().unwrap_or(false),
            Writer::Ended(whole) => whole,
        };
        self.writer = Writer::Ended(whole);
        whole
    }
}

/// What wasn't waited for is written all the same.
impl Drop for WriteBehind {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever takes bytes away waits meanwhile: it is over sooner than a copy of them would be.
    fn put(&self, make: impl FnOnce(&mut Vec<u8>)) -> bool {
        let full = |queue: &mut Queue| queue.bytes.len() >= MOST && !queue.failed;
        let waited = self.room.wait_while(self.lock(), full);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        if queue.failed || queue.ended {
            return false;
        }
        let before = queue.bytes.len();
        make(&mut queue.bytes);
        let after = queue.bytes.len();
        drop(queue);
        if (before == 0 && after > 0) || (before < MANY && after >= MANY) {
            self.work.notify_one();
        }
        true
    }

    /// Writes what is put here, until nothing comes any more; whether all could be.
    fn serve(&self, mut file: File) -> bool {
        let mut bytes = Vec::new();
        loop {
            let last = self.take(&mut bytes);
            if let Err(error) = file.write_all(&bytes) {
                let _ = writeln!(io::stderr(), "sockeye: the capture ends here: {error}");
                self.lock().failed = true;
                self.room.notify_all();
                return false;
            }
            if last {
                return true;
            }
            bytes.clear();
        }
    }

    /// Takes what has gathered; waits for it, and a little for more. Whether it is the last.
    fn take(&self, bytes: &mut Vec<u8>) -> bool {
        let nothing = |queue: &mut Queue| queue.bytes.is_empty() && !queue.ended;
        let waited = self.work.wait_while(self.lock(), nothing);
        let few = |queue: &mut Queue| queue.bytes.len() < MANY && !queue.ended;
        let queue = waited.unwrap_or_else(PoisonError::into_inner);
        let mut queue = match self.work.wait_timeout_while(queue, LATENCY, few) {
            Ok((queue, _)) => queue,
            Err(poisoned) => poisoned.into_inner().0,
        };
        std::mem::swap(&mut queue.bytes, bytes);
        self.room.notify_all();
        queue.ended
    }
}
