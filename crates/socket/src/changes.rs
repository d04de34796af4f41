//! Which sockets changed: what the stack has to say of connections, listeners and UDP sockets, and what calls did, each
//! socket named once until it changes again.

use sockeye_base::take_next;

use crate::host::{Host, Slot, SocketId};

impl Host {
    /// The next socket to look at again. Each is named once for any number of changes since.
    pub fn poll_changed(&mut self) -> Option<SocketId> {
        if let Some(id) = take_next(&mut self.lost) {
            return Some(id);
        }
        if self.changed.is_empty() {
            // No need to stand in line behind nobody.
            while let Some(event) = self.stack.poll_event() {
                if let Some(id) = self.stack.socket_of(event).filter(|id| self.sockets.contains_key(*id)) {
                    return Some(id);
                }
            }
        } else {
            self.drain_events();
        }
        while let Some(id) = take_next(&mut self.changed) {
            if let Ok(socket) = self.get_mut(id) {
                socket.queued = false;
                return Some(id);
            }
        }
        self.unix.poll_changed()
    }

    /// Whether there are frames to send, sockets that changed, or packets to itself: [`Host::poll_frame`],
    /// [`Host::poll_changed`] or [`Host::advance`] would find something.
    pub fn has_news(&self) -> bool {
        self.has_changed() || self.stack.has_output()
    }

    /// Whether [`Host::poll_changed`] may name a socket.
    pub fn has_changed(&self) -> bool {
        let own = !self.changed.is_empty() || !self.lost.is_empty();
        own || self.stack.has_events() || self.unix.has_changed()
    }
}

impl Host {
    /// Puts a socket into the queue of changed ones.
    pub(crate) fn mark(&mut self, id: SocketId) {
        match self.sockets.get_mut(id) {
            Some(Slot::Inet(socket)) if !socket.queued => {
                socket.queued = true;
                self.changed.push_back(id);
            }
            Some(Slot::Unix(end)) => self.unix.wake(*end),
            Some(Slot::Inet(_) | Slot::Netlink(_)) | None => {}
        }
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.stack.poll_event() {
            if let Some(id) = self.stack.socket_of(event) {
                self.mark(id);
            }
        }
    }
}
