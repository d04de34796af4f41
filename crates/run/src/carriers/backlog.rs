//! A listener's carrier: P listens as a Unix-domain socket, and for each connection that waits to be accepted the
//! supervisor connects to it, so that `poll` and `epoll` show what they should.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{SocketAddrAny, SocketType};
use sockeye_socket::SocketId;

/// What stands in P's queue. The connections there are alike until one is accepted: which of the stack's connections it
/// is, is decided then.
#[derive(Default)]
pub(crate) struct Backlog {
    /// Our ends of the connections in P's queue, in their order.
    waiting: VecDeque<OwnedFd>,
    /// Connections taken for an `accept` that was gone when it was answered.
    returned: VecDeque<(SocketId, SocketAddr)>,
}

impl Backlog {
    /// Makes P's queue as long as the stack's, and has our ends watched: they hang up when P is closed. `false` if it is too
    /// short because we have no descriptors left. An error means that P is closed already.
    pub(crate) fn fill(
        &mut self,
        name: &SocketAddrAny,
        pending: usize,
        watch: impl Fn(&OwnedFd) -> rustix::io::Result<()>,
    ) -> io::Result<bool> {
        while self.waiting.len() < pending + self.returned.len() {
            let end = super::socket(SocketType::STREAM, true).and_then(super::to_stay);
            let Ok(end) = end else { return Ok(false) };
            match rustix::net::connect(&end, name) {
                Ok(()) => {
                    watch(&end)?;
                    self.waiting.push_back(end);
                }
                // P's queue is full: more will follow when something was accepted.
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Our end of the connection that P's queue gives next.
    pub(crate) fn take_end(&mut self) -> Option<OwnedFd> {
        self.waiting.pop_front()
    }

    /// A connection that was put back, before any of the stack's.
    pub(crate) fn take_returned(&mut self) -> Option<(SocketId, SocketAddr)> {
        self.returned.pop_front()
    }

    /// Puts back what was taken for an `accept` that was gone.
    pub(crate) fn put_back(&mut self, connection: (SocketId, SocketAddr)) {
        self.returned.push_back(connection);
    }

    /// The connections put back, when the listener is closed.
    pub(crate) fn into_returned(self) -> impl Iterator<Item = SocketId> {
        self.returned.into_iter().map(|(socket, _)| socket)
    }
}
