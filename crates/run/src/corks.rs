//! The corks (TCP_CORK) that programs set without a call, by the object that is preloaded (`sockeye_preload::Table`).
//!
//! While a cork is in, what the program writes is left in its carrier, for the program is about to take the cork away, and then all
//! goes at once. If it stays in, it is held: the stack is told of it, takes the bytes, and sends what full segments there are.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use sockeye_abi::{Opt, Value};
use sockeye_base::{Duration, Instant};
use sockeye_preload::{Cork, Table};

use crate::carriers::{Carrier, CarrierId, State};
use crate::supervisor::Supervisor;

/// How long a cork may stay in before it is held: about what a call of the program's would have cost.
const PATIENCE: Duration = Duration::from_micros(30);

/// The table, from when the first program has asked for it; and whose cork is in.
#[derive(Default)]
pub(crate) struct Corks {
    shared: Option<Shared>,
    waiting: Vec<(CarrierId, Instant)>,
}

/// Memory that programs can write to, but neither shrink nor grow.
struct Shared {
    memory: OwnedFd,
    table: NonNull<Table>,
}

impl Corks {
    /// Whether a carrier's bytes are waited with.
    pub(crate) fn any_waits(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The table, if a program has asked for it.
    pub(crate) fn table(&self) -> Option<&Table> {
        // SAFETY: the mapping is as long as a table, stays while `self` does, and any bytes are a table. What others write there is
        // read and written by atomic operations alone.
        self.shared.as_ref().map(|shared| unsafe { shared.table.as_ref() })
    }

    fn look(&self, cookie: u64) -> Cork {
        self.table().map_or(Cork::Unknown, |table| table.look(cookie))
    }

    /// A carrier that is no more.
    pub(crate) fn leave(&self, cookie: u64) {
        if let Some(table) = self.table() {
            table.leave(cookie);
        }
    }
}

impl Shared {
    fn new() -> io::Result<Shared> {
        let memory = rustix::fs::memfd_create(c"sockeye", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&memory, size_of::<Table>() as u64)?;
        rustix::fs::fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        // SAFETY: a new mapping, as long as the file, which can't become shorter.
        let address = unsafe {
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            rustix::mm::mmap(
                std::ptr::null_mut(),
                size_of::<Table>(),
                protection,
                MapFlags::SHARED,
                &memory,
                0,
            )?
        };
        let table = NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Shared { memory, table })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody has a reference to it any more.
        let _ = unsafe { rustix::mm::munmap(self.table.as_ptr().cast(), size_of::<Table>()) };
    }
}

impl Supervisor {
    /// The memory of the table, made when it is asked for first: with it come all carriers that are connected.
    pub(crate) fn corks_memory(&mut self) -> io::Result<BorrowedFd<'_>> {
        if self.carriers.corks.shared.is_none() {
            self.carriers.corks.shared = Some(Shared::new()?);
            for id in self.carriers.connected() {
                self.enter_cork(id);
            }
        }
        let shared = self.carriers.corks.shared.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(shared.memory.as_fd())
    }

    /// A stream is connected: programs may say of it what they like.
    pub(crate) fn enter_cork(&mut self, id: CarrierId) {
        if self.carriers.corks.shared.is_none() {
            return;
        }
        let Some(&mut Carrier { cookie, socket, .. }) = self.carriers.get(id) else { return };
        let now = self.network.now();
        let corked = self.network.host().option(now, socket, Opt::TcpCork) == Ok(Value::Int(1));
        self.carriers.corks.table().into_iter().for_each(|table| table.enter(cookie, corked));
    }

    /// Whether what a program has written is left where it is for now.
    pub(crate) fn awaits_uncorking(&mut self, id: CarrierId) -> bool {
        if self.carriers.corks.shared.is_none() {
            return false;
        }
        let Some(carrier) = self.carriers.get(id) else { return false };
        let State::Connected(link) = &carrier.state else { return false };
        let (may_wait, cookie) = (link.may_wait(), carrier.cookie);
        if !may_wait || self.carriers.corks.look(cookie) != Cork::Shut {
            return false;
        }
        if !self.carriers.corks.waiting.iter().any(|(waiting, _)| *waiting == id) {
            self.carriers.corks.waiting.push((id, self.network.now() + PATIENCE));
        }
        true
    }

    /// Looks at the corks that are in: whose was taken away goes on; whose stays in too long is held.
    pub(crate) fn look_at_corks(&mut self) {
        let now = self.network.now();
        for (id, until) in std::mem::take(&mut self.carriers.corks.waiting) {
            let Some(&mut Carrier { cookie, .. }) = self.carriers.get(id) else { continue };
            match self.carriers.corks.look(cookie) {
                Cork::Shut if now < until => self.carriers.corks.waiting.push((id, until)),
                Cork::Shut => self.hold_cork(id),
                Cork::Open | Cork::Held | Cork::Unknown => self.pump(id),
            }
        }
        if self.carriers.corks.any_waits() {
            // Who is to take it away may want this processor.
            std::thread::yield_now();
        }
    }

    /// The stack learns of a cork that is in, and takes what was written.
    pub(crate) fn hold_cork(&mut self, id: CarrierId) {
        if self.carriers.corks.shared.is_none() {
            return;
        }
        let Some(&mut Carrier { cookie, socket, .. }) = self.carriers.get(id) else { return };
        if self.carriers.corks.look(cookie) != Cork::Shut {
            return;
        }
        if self.carriers.corks.table().is_some_and(|table| table.hold(cookie)) {
            let now = self.network.now();
            // A connection that is gone has none.
            let _ = self.network.host().set_option(now, socket, Opt::TcpCork, Value::Int(1));
        }
        self.pump(id);
    }

    /// The stack was told by a call.
    pub(crate) fn note_cork(&mut self, id: CarrierId, corked: bool) {
        let Some(&mut Carrier { cookie, .. }) = self.carriers.get(id) else { return };
        self.carriers.corks.table().into_iter().for_each(|table| table.told(cookie, corked));
    }
}
