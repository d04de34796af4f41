//! The calls of a host that are of Unix-domain sockets alone, and who holds what is passed.

use std::any::Any;
use std::sync::Arc;

use sockeye_abi::{Errno, MessageFlags, SocketType, UnixAddress};
use sockeye_base::{Chain, Instant};

use super::Domain;
use super::message::MOST_RIGHTS;
use super::{EndId, Identity, Passed, UnixMessage, UnixReceived};
use crate::host::{Host, Result, Slot, SocketId};

/// How many things who isn't root may have on their way (RLIMIT_NOFILE).
const MOST_IN_FLIGHT: usize = 1024;

impl Host {
    /// Opens a Unix-domain socket (socket(2)). ESOCKTNOSUPPORT for another type than STREAM, DGRAM and SEQPACKET.
    pub fn unix_socket(&mut self, kind: SocketType) -> Result<SocketId> {
        if kind == SocketType::Raw {
            return Err(Errno::ESOCKTNOSUPPORT);
        }
        let end = self.unix.create(kind, self.stack.settings().unix_max_dgram_qlen);
        Ok(self.adopt_end(end))
    }

    /// Opens two that are each other's peers (socketpair(2)).
    pub fn unix_pair(&mut self, kind: SocketType) -> Result<(SocketId, SocketId)> {
        let (a, b) = (self.unix_socket(kind)?, self.unix_socket(kind)?);
        self.unix.pair((self.unix_id(a)?, self.unix_id(b)?), &self.identity);
        Ok((a, b))
    }

    /// Binds it to a name; to none: to one of the host's choice (bind(2)). EADDRINUSE if the name is taken, for a path also if
    /// who had it is gone; EINVAL if the socket has a name.
    pub fn unix_bind(&mut self, id: SocketId, address: &UnixAddress) -> Result<()> {
        let end = self.unix_id(id)?;
        self.unix.bind(end, address)
    }

    /// Connects to who listens under a name, or fixes a datagram socket's peer (connect(2)). ENOENT for a path that isn't there,
    /// ECONNREFUSED where nobody is bound or listens, EPROTOTYPE for another type, EAGAIN while the listener's queue is full,
    /// EPERM for a datagram socket that has another peer.
    pub fn unix_connect(&mut self, now: Instant, id: SocketId, address: &UnixAddress) -> Result<()> {
        let end = self.unix_id(id)?;
        if self.unix.end(end)?.kind == SocketType::Datagram {
            let done = self.unix.connect_datagram(end, Some(address));
            self.let_go(now);
            return done;
        }
        let queue_length = self.stack.settings().unix_max_dgram_qlen;
        self.unix.connect(end, address, &self.identity, queue_length)
    }

    /// Takes a datagram socket's peer back (connect(2) to AF_UNSPEC); EINVAL for the others.
    pub fn unix_disconnect(&mut self, now: Instant, id: SocketId) -> Result<()> {
        let end = self.unix_id(id)?;
        if self.unix.end(end)?.is_connection() {
            return Err(Errno::EINVAL);
        }
        let done = self.unix.connect_datagram(end, None);
        self.let_go(now);
        done
    }

    /// Takes the first connection that waits, and its peer's name (accept(2)). EAGAIN if none does.
    pub fn unix_accept(&mut self, id: SocketId) -> Result<(SocketId, UnixAddress)> {
        let end = self.unix_id(id)?;
        let accepted = self.unix.accept(end)?;
        let accepted = self.adopt_end(accepted);
        // What it has already was announced to nobody.
        self.mark(accepted);
        let peer = self.unix_peer(accepted).unwrap_or(UnixAddress::Unnamed);
        Ok((accepted, peer))
    }

    /// Sends (sendmsg(2)): a stream takes what fits, and passes what is to be passed with its first byte. EAGAIN when nothing fits
    /// or the receiver's queue is full; EPIPE, ENOTCONN, ECONNREFUSED, EMSGSIZE, EPERM as unix(7); EINVAL and
    /// ETOOMANYREFS for too much passed, EBADF for a socket that isn't open here.
    pub fn unix_send(
        &mut self,
        now: Instant,
        id: SocketId,
        bytes: &[u8],
        message: &UnixMessage<'_>,
    ) -> Result<usize> {
        let pool = std::mem::take(&mut self.pool);
        let (mut pool, mut rest) = (pool, bytes);
        let sent = self.unix_queue(id, bytes.len(), message, &mut |size| {
            let (piece, later) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = later;
            pool.copy_in(piece)
        });
        self.pool = pool;
        self.let_go(now);
        sent
    }

    /// The same without a copy: takes off the chain's front what was sent.
    pub(crate) fn unix_send_chain(&mut self, now: Instant, id: SocketId, bytes: &mut Chain) -> Result<usize> {
        let len = bytes.len();
        let sent = self.unix_queue(id, len, &UnixMessage::default(), &mut |size| bytes.split_to(size));
        self.let_go(now);
        sent
    }

    fn unix_queue(
        &mut self,
        id: SocketId,
        len: usize,
        message: &UnixMessage<'_>,
        take: &mut dyn FnMut(usize) -> Chain,
    ) -> Result<usize> {
        let end = self.unix_id(id)?;
        self.check_message(message)?;
        let in_flight = self.unix.in_flight;
        let who = Arc::clone(&self.identity);
        let sent = match self.unix.end(end)?.kind {
            SocketType::Stream => self.unix.send_stream(end, len, message, &who, take),
            SocketType::Datagram | SocketType::SeqPacket | SocketType::Raw => {
                self.unix.send_datagram(end, len, message, &who, take)
            }
        };
        if self.unix.in_flight > in_flight {
            message.rights.iter().for_each(|passed| self.hold(passed, 1));
        }
        sent
    }

    /// What may be passed, and who one may say to be (scm_check_creds).
    fn check_message(&self, message: &UnixMessage<'_>) -> Result<()> {
        let own = self.identity.credentials;
        if message.rights.len() > MOST_RIGHTS {
            return Err(Errno::EINVAL);
        }
        for passed in message.rights {
            match passed {
                Passed::Socket(id) if !self.sockets.contains_key(*id) => return Err(Errno::EBADF),
                Passed::Socket(_) | Passed::Opaque(_) => {}
            }
        }
        if let Some(said) = message.credentials {
            if said.uid == u32::MAX || said.gid == u32::MAX {
                return Err(Errno::EINVAL);
            }
            if own.uid != 0 && said != own {
                return Err(Errno::EPERM);
            }
            if said.pid <= 0 {
                return Err(Errno::ESRCH);
            }
        }
        let many = own.uid != 0 && self.unix.in_flight > MOST_IN_FLIGHT;
        if many && !message.rights.is_empty() { Err(Errno::ETOOMANYREFS) } else { Ok(()) }
    }

    /// Receives (recvmsg(2)) at most `max` bytes, and at most `room` of what was passed. MSG_PEEK and MSG_OOB are heeded. An empty
    /// result is a connection's end. Sockets received are the caller's to release.
    pub fn unix_receive(
        &mut self,
        now: Instant,
        id: SocketId,
        max: usize,
        (flags, room): (MessageFlags, usize),
    ) -> Result<UnixReceived> {
        let end = self.unix_id(id)?;
        let received = match self.unix.end(end)?.kind {
            SocketType::Stream => self.unix.receive_stream(end, max, (flags, room)),
            SocketType::Datagram | SocketType::SeqPacket | SocketType::Raw => {
                self.unix.receive_datagram(end, max, (flags, room))
            }
        };
        let peek = flags.contains(MessageFlags::PEEK);
        for passed in received.iter().flat_map(|received| &received.rights) {
            match self.end_of(passed) {
                // It stays on its way, and is the caller's too.
                _ if peek => self.hold(passed, 0),
                Some(end) => end.in_flight = end.in_flight.saturating_sub(1),
                None => {}
            }
        }
        self.let_go(now);
        received
    }

    /// Its name (getsockname(2)).
    pub fn unix_local(&self, id: SocketId) -> Result<UnixAddress> {
        let end = self.unix.end(self.unix_id(id)?)?;
        Ok(end.name.as_deref().cloned().unwrap_or(UnixAddress::Unnamed))
    }

    /// Its peer's name (getpeername(2)), also if that is gone; ENOTCONN.
    pub fn unix_peer(&self, id: SocketId) -> Result<UnixAddress> {
        let end = self.unix.end(self.unix_id(id)?)?;
        let peer = self.unix.end(end.peer.ok_or(Errno::ENOTCONN)?)?;
        Ok(peer.name.as_deref().cloned().unwrap_or(UnixAddress::Unnamed))
    }

    /// The type of a Unix-domain socket; `None` for others.
    pub fn unix_kind(&self, id: SocketId) -> Option<SocketType> {
        self.unix.end(self.unix_end(id)?).ok().map(|end| end.kind)
    }

    /// Takes a path of the host's name space away (unlink(2)); ENOENT.
    pub fn unlink(&mut self, path: &[u8]) -> Result<()> {
        self.unix.unlink(path)
    }

    /// Who makes the calls from now on, as Unix-domain sockets tell their peers.
    pub fn act_as(&mut self, who: &Arc<Identity>) {
        if !Arc::ptr_eq(&self.identity, who) {
            self.identity = Arc::clone(who);
        }
    }

    /// Gives one hold on a socket back; the last one closes it (close(2) of a descriptor).
    pub fn release(&mut self, now: Instant, id: SocketId) {
        self.unhold(now, id, false);
        self.let_go(now);
    }

    /// Opaque things that were passed and that nobody took: to be dropped when nobody works on the host.
    pub fn take_untaken(&mut self) -> Vec<Arc<dyn Any + Send + Sync>> {
        std::mem::take(&mut self.untaken)
    }
}

impl Host {
    /// All ends are gone, and their names.
    pub(crate) fn reboot_unix(&mut self) {
        let unix = Domain::new(Arc::clone(&self.unix.options), &mut self.stack.fork_rng());
        let mut old = std::mem::replace(&mut self.unix, unix);
        let packets = old.ends.drain().flat_map(|(_, end)| end.queue);
        let passed = packets.filter_map(|packet| packet.rights).flat_map(|rights| *rights).chain(old.dropped);
        self.untaken.extend(passed.filter_map(|passed| match passed {
            Passed::Opaque(thing) => Some(thing),
            Passed::Socket(_) => None,
        }));
    }

    /// The end of a Unix-domain socket.
    pub(crate) fn unix_end(&self, id: SocketId) -> Option<EndId> {
        match self.sockets.get(id) {
            Some(Slot::Unix(end)) => Some(*end),
            Some(Slot::Inet(_) | Slot::Netlink(_)) | None => None,
        }
    }

    /// The same; EBADF if it isn't open, EOPNOTSUPP for a socket of the Internet's.
    fn unix_id(&self, id: SocketId) -> Result<EndId> {
        match self.sockets.get(id) {
            Some(Slot::Unix(end)) => Ok(*end),
            Some(Slot::Inet(_) | Slot::Netlink(_)) => Err(Errno::EOPNOTSUPP),
            None => Err(Errno::EBADF),
        }
    }

    /// Listens, as the caller ([`Host::listen`]).
    pub(crate) fn unix_listen(&mut self, end: EndId, backlog: i32) -> Result<()> {
        let backlog = self.bounded_backlog(backlog);
        self.unix.listen(end, u32::try_from(backlog).unwrap_or(u32::MAX), &self.identity)
    }

    fn adopt_end(&mut self, end: EndId) -> SocketId {
        let id = self.sockets.insert(Slot::Unix(end));
        if let Ok(end) = self.unix.end_mut(end) {
            end.handle = Some(id);
        }
        id
    }

    /// The end of what is passed, if it is a Unix-domain socket.
    fn end_of(&mut self, passed: &Passed) -> Option<&mut super::End> {
        let Passed::Socket(id) = passed else { return None };
        let end = self.unix_end(*id)?;
        self.unix.end_mut(end).ok()
    }

    /// One more holds what is passed: so many of them queues.
    fn hold(&mut self, passed: &Passed, queues: u32) {
        let Passed::Socket(id) = passed else { return };
        match self.sockets.get_mut(*id) {
            Some(Slot::Inet(socket)) => socket.holders += 1,
            Some(Slot::Unix(end)) => {
                if let Ok(end) = self.unix.end_mut(*end) {
                    end.holders += 1;
                    end.in_flight += queues;
                }
            }
            Some(Slot::Netlink(_)) | None => {}
        }
    }

    /// One holds it no more.
    fn unhold(&mut self, now: Instant, id: SocketId, queue: bool) {
        let (left, in_flight) = match self.sockets.get_mut(id) {
            Some(Slot::Inet(socket)) => {
                socket.holders = socket.holders.saturating_sub(1);
                (socket.holders, 0)
            }
            Some(Slot::Unix(end)) => match self.unix.end_mut(*end) {
                Ok(end) => {
                    end.holders = end.holders.saturating_sub(1);
                    end.in_flight = end.in_flight.saturating_sub(u32::from(queue));
                    (end.holders, end.in_flight)
                }
                Err(_) => return,
            },
            Some(Slot::Netlink(_)) | None => return,
        };
        if left == 0 {
            self.end_by_option(now, id);
        } else if left == in_flight {
            self.unix.orphaned = true;
        }
    }

    /// Lets go what was passed and nobody took, and what that leads to: sockets close, and what waits in them is dropped. Not
    /// recursive, as they may be nested as deep as one likes.
    pub(crate) fn let_go(&mut self, now: Instant) {
        loop {
            while let Some(passed) = self.unix.take_dropped() {
                match passed {
                    Passed::Socket(id) => {
                        self.unhold(now, id, true);
                        if !self.sockets.contains_key(id) {
                            self.lost.push_back(id);
                        }
                    }
                    Passed::Opaque(thing) => self.untaken.push(thing),
                }
            }
            if !std::mem::take(&mut self.unix.orphaned) {
                return;
            }
            self.collect();
        }
    }
}
