//! Unix-domain sockets of one host (unix(7)): no packets, no time, only queues between ends.
//!
//! A [`Domain`] holds the ends, the names they are bound to and what is queued between them. A send puts a [`Packet`] into
//! the queue of another end and charges it to the sender until it is read, as Linux charges an skb to its socket; a stream
//! is a queue whose packets may be read in part. Calls never block: EAGAIN, and the end is named by
//! [`Domain::poll_changed`] when it is worth trying again.
//!
//! An end that was closed stays, dead, while packets it sent are unread or others have it for their peer: it still lends them
//! its name.
//!
//! The rules are those of Linux's af_unix.c, each seen on Linux 6.18. Not modelled: directories and permissions of
//! pathnames, which are names like others here; MSG_SPLICE_PAGES; SO_PEERPIDFD and SO_PASSPIDFD, which fail.

mod calls;
mod collect;
mod connect;
mod datagram;
mod end;
mod message;
mod names;
mod options;
#[cfg(test)]
mod random;
mod stream;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use slotmap::new_key_type;
use sockeye_abi::{Errno, How, SocketType, UnixAddress};
use sockeye_base::{Rng, Table, take_next};

use crate::host::{Result, SocketId};
use crate::options::Options;

pub use message::{Identity, Passed, UnixMessage, UnixReceived};

pub(crate) use end::End;
use end::State;
use message::Packet;
use names::Names;

new_key_type! {
    /// An end: a socket, or what waits in a listener's queue to become one.
    pub(crate) struct EndId;
}

/// All Unix-domain sockets of a host.
#[repr(C)]
pub(crate) struct Domain {
    names: Names,
    /// How many things are on their way in queues.
    in_flight: usize,
    ends: Table<EndId, Box<End>>,
    /// What was passed and nobody took; the owner lets it go.
    dropped: Vec<Passed>,
    /// A socket has lost its last holder but queues.
    orphaned: bool,
    /// What every socket begins with.
    options: Arc<Options>,
    changed: VecDeque<EndId>,
}

impl Domain {
    pub(crate) fn new(options: Arc<Options>, rng: &mut Rng) -> Domain {
        Domain {
            ends: Table::default(),
            names: Names::new(rng),
            changed: VecDeque::new(),
            dropped: Vec::new(),
            in_flight: 0,
            orphaned: false,
            options,
        }
    }

    /// A new end (unix_create1).
    pub(crate) fn create(&mut self, kind: SocketType, queue_length: usize) -> EndId {
        self.ends.insert(Box::new(End::new(kind, Arc::clone(&self.options), queue_length)))
    }

    /// Makes two ends each other's peers (socketpair(2)).
    pub(crate) fn pair(&mut self, (a, b): (EndId, EndId), who: &Arc<Identity>) {
        for (one, other) in [(a, b), (b, a)] {
            self.set_peer(one, Some(other));
            if let Some(end) = self.ends.get_mut(one) {
                end.state = State::Established;
                end.peer_identity = Some(Arc::clone(who));
            }
        }
    }

    /// An end that somebody has.
    pub(crate) fn end(&self, id: EndId) -> Result<&End> {
        self.ends.get(id).map(Box::as_ref).ok_or(Errno::EBADF)
    }

    pub(crate) fn end_mut(&mut self, id: EndId) -> Result<&mut End> {
        self.ends.get_mut(id).map(Box::as_mut).ok_or(Errno::EBADF)
    }

    /// Whether [`Domain::poll_changed`] may name one.
    pub(crate) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// The socket of the next end to look at again.
    pub(crate) fn poll_changed(&mut self) -> Option<SocketId> {
        while let Some(id) = take_next(&mut self.changed) {
            if let Some(end) = self.ends.get_mut(id) {
                end.queued = false;
                if end.handle.is_some() {
                    return end.handle;
                }
            }
        }
        None
    }

    /// What nobody took.
    pub(crate) fn take_dropped(&mut self) -> Option<Passed> {
        self.dropped.pop()
    }

    /// Shuts directions, the peer's too if it is connected (shutdown(2)). Without a peer as well.
    pub(crate) fn shutdown(&mut self, id: EndId, how: How) -> Result<()> {
        let end = self.end_mut(id)?;
        end.shut.read |= how.reads();
        end.shut.write |= how.writes();
        let peer = end.peer.filter(|_| end.is_connection());
        self.wake_all(id);
        if let Some(peer) = peer {
            if let Some(other) = self.ends.get_mut(peer) {
                other.shut.write |= how.reads();
                other.shut.read |= how.writes();
            }
            self.wake_all(peer);
        }
        // Who waits for it to be read from, or to accept, learns that it never will.
        self.wake_waiting(id);
        Ok(())
    }

    /// Closes an end (unix_release_sock). A connection's peer is shut both ways, and reset if something was not read or the
    /// end was never accepted.
    pub(crate) fn close(&mut self, id: EndId) {
        let mut to_close = vec![(id, false)];
        while let Some((id, embryo)) = to_close.pop() {
            let Some(end) = self.ends.get_mut(id).filter(|end| end.alive) else { continue };
            end.alive = false;
            end.handle = None;
            end.state = State::Closed;
            end.shut.read = true;
            end.shut.write = true;
            let unread = end.has_unread();
            let queue = end.take_queue();
            let (peer, is_connection) = (end.peer, end.is_connection());
            let listener = end.more.as_mut().and_then(|more| more.listener.take());
            self.names.forget(self.ends.get(id).map(Box::as_ref), id);
            self.stop_waiting(id);
            if let Some(peer) = peer
                && is_connection
            {
                if let Some(other) = self.ends.get_mut(peer) {
                    other.shut.read = true;
                    other.shut.write = true;
                    if unread || embryo {
                        other.error = Some(Errno::ECONNRESET);
                    }
                }
                self.wake_all(peer);
            }
            to_close.extend(listener.into_iter().flat_map(|listener| listener.queue).map(|id| (id, true)));
            self.wake_waiting(id);
            queue.into_iter().for_each(|packet| self.discard(packet));
            self.set_peer(id, None);
            self.reap(id);
        }
    }

    /// Something arrived at an end.
    fn wake_reader(&mut self, id: EndId) {
        if let Some(end) = self.ends.get_mut(id) {
            end.arrived = end.arrived.wrapping_add(1);
        }
        self.wake(id);
    }

    /// An end has room to send again.
    fn wake_writer(&mut self, id: EndId) {
        if let Some(end) = self.ends.get_mut(id) {
            end.rooms = end.rooms.wrapping_add(1);
        }
        self.wake(id);
    }

    /// An end's state changed, which is an edge of all it shows (sk_state_change).
    fn wake_all(&mut self, id: EndId) {
        self.wake_reader(id);
        self.wake_writer(id);
    }

    /// Names an end for [`Domain::poll_changed`].
    pub(crate) fn wake(&mut self, id: EndId) {
        if let Some(end) = self.ends.get_mut(id)
            && end.handle.is_some()
            && !end.queued
        {
            end.queued = true;
            self.changed.push_back(id);
        }
    }

    /// An end waits until there is room in the queue of another (Linux's peer_wait).
    fn wait_at(&mut self, id: EndId, other: EndId) {
        self.stop_waiting(id);
        if let Some([end, other_end]) = self.ends.get_disjoint_mut([id, other]) {
            end.waits_at = Some(other);
            other_end.more().waiting.insert(id);
        }
    }

    fn stop_waiting(&mut self, id: EndId) {
        let other = self.ends.get_mut(id).and_then(|end| end.waits_at.take());
        if let Some(more) = other.and_then(|other| self.ends.get_mut(other)).and_then(|end| end.more.as_mut())
        {
            more.waiting.remove(&id);
        }
    }

    /// Wakes all that wait for room in this end's queue.
    fn wake_waiting(&mut self, id: EndId) {
        let Some(more) = self.ends.get_mut(id).and_then(|end| end.more.as_mut()) else { return };
        for waiting in std::mem::take(&mut more.waiting) {
            if let Some(end) = self.ends.get_mut(waiting) {
                end.waits_at = None;
            }
            self.wake_writer(waiting);
        }
    }

    /// Changes the peer; both it and the old one count who has them.
    fn set_peer(&mut self, id: EndId, peer: Option<EndId>) {
        if let Some(peer) = peer.and_then(|peer| self.ends.get_mut(peer)) {
            peer.references += 1;
        }
        let Some(end) = self.ends.get_mut(id) else { return };
        if let Some(old) = std::mem::replace(&mut end.peer, peer) {
            self.unreference(old);
        }
    }

    /// A peer or a packet of this end is gone.
    fn unreference(&mut self, id: EndId) {
        if let Some(end) = self.ends.get_mut(id) {
            end.references = end.references.saturating_sub(1);
        }
        self.reap(id);
    }

    /// A dead end goes when nobody needs its name any more.
    fn reap(&mut self, id: EndId) {
        if self.ends.get(id).is_some_and(|end| !end.alive && end.references == 0) {
            self.ends.remove(id);
        }
    }

    /// Queues a packet at an end.
    fn push(&mut self, to: EndId, packet: Packet) {
        if let Some(from) = self.ends.get_mut(packet.from) {
            from.charged += packet.charge;
            from.references += 1;
        }
        self.in_flight += packet.rights.as_ref().map_or(0, |rights| rights.len());
        if let Some(end) = self.ends.get_mut(to) {
            end.queue.push_back(packet);
        }
        self.wake_reader(to);
    }

    /// A packet was read, or never will be: its sender has room again, and what it passed and nobody took is let go.
    fn discard(&mut self, packet: Packet) {
        if let Some(rights) = packet.rights {
            self.in_flight = self.in_flight.saturating_sub(rights.len());
            self.dropped.extend(*rights);
        }
        let Some(from) = self.ends.get_mut(packet.from) else { return };
        from.charged = from.charged.saturating_sub(packet.charge);
        if from.is_writable() {
            self.wake_writer(packet.from);
        }
        self.unreference(packet.from);
    }

    /// Whether an end is bound under this name, and of this type.
    fn find(&self, address: &UnixAddress, kind: SocketType) -> Result<EndId> {
        let id = self.names.find(address, kind)?;
        match self.ends.get(id) {
            Some(end) if end.alive && end.kind == kind => Ok(id),
            Some(end) if end.alive => Err(Errno::EPROTOTYPE),
            Some(_) | None => Err(Errno::ECONNREFUSED),
        }
    }
}
