//! Blocking calls that wait for their carriers, and how they end.

use sockeye_abi::Errno;
use sockeye_base::Instant;
use sockeye_socket::SocketId;

use super::Supervisor;
use crate::calls::Mark;
use crate::carriers::CarrierId;
use crate::seccomp::{Call, Listener};

/// A blocking call that waits for its carrier.
pub(super) struct Held {
    pub(super) call: Call,
    pub(super) carrier: CarrierId,
    pub(super) limit: Option<Limit>,
}

/// When a held call's time is up.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) deadline: Instant,
    pub(super) mark: Mark,
}

impl Supervisor {
    /// A thread makes one call at a time: an older one of its was interrupted by a signal. If the kernel has that made
    /// again (SA_RESTART), and it had a time limit, it is not to be: signal(7), "Interruption of system calls".
    pub(super) fn is_interrupted(&mut self, call: &Call) -> bool {
        let Some(older) = self.held.iter().position(|held| held.call.tid == call.tid) else { return false };
        let older = self.held.remove(older);
        older.call.number == call.number
            && older.limit.is_some_and(|limit| limit.mark.is_again(call, &self.carriers.threads))
    }

    /// Shows on its carrier what changed of a socket, and tries the calls that waited for it.
    pub(crate) fn show(&mut self, socket: SocketId) {
        let Some(id) = self.carriers.of_socket(socket) else { return };
        self.pump(id);
        let calls: Vec<u64> =
            self.held.iter().filter(|held| held.carrier == id).map(|held| held.call.id).collect();
        for call in calls {
            // To serve one may end others.
            let Some(index) = self.held.iter().position(|held| held.call.id == call) else { continue };
            let held = self.held.remove(index);
            if !self.listener.still_waits(call) {
                continue;
            }
            self.serve_call(held.call, held.limit);
            // If it waits on it does so in its old place.
            if let Some(again) = self.held.pop_if(|last| last.call.id == call) {
                self.held.insert(index.min(self.held.len()), again);
            }
        }
    }

    /// Ends held calls whose time is up (SO_RCVTIMEO, SO_SNDTIMEO). Lets go what is only of use while calls come.
    pub(super) fn expire(&mut self) {
        let now = self.network.now();
        if self.tidy_at.take_if(|at| *at <= now).is_some() {
            self.sweep_all();
            self.carriers.threads.forget_all();
        }
        let listener = &self.listener;
        self.held.retain(|held| {
            let expired = held.limit.is_some_and(|limit| limit.deadline <= now);
            if expired {
                let connecting = held.call.number == libc::SYS_connect;
                give_up(listener, &held.call, if connecting { Errno::EINPROGRESS } else { Errno::EAGAIN });
            }
            !expired
        });
    }

    /// Ends the calls that wait for a carrier. One that is gone is EBADF: another thread has closed their descriptor.
    pub(super) fn end_held(&mut self, id: CarrierId, errno: Errno) {
        let listener = &self.listener;
        self.held.retain(|held| {
            if held.carrier == id {
                listener.fail(held.call.id, errno);
            }
            held.carrier != id
        });
    }
}

/// Ends a held call that waited long enough: with this error, but for `close`, which closes all the same.
pub(super) fn give_up(listener: &Listener, call: &Call, errno: Errno) {
    match call.number {
        libc::SYS_close => listener.pass(call.id),
        _ => listener.fail(call.id, errno),
    };
}
