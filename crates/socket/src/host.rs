//! The host: its stack, its open sockets, and what both have to say.

use std::any::Any;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use sockeye_abi::{Errno, Family, How, MessageFlags, Readiness, Transport};
use sockeye_base::{Chain, Counters, Instant, Pool, Rng, Table};
pub use sockeye_stack::SocketId;
use sockeye_stack::{Event, InterfaceId, MembersId, Received, Round, Stack};
use sockeye_tcp as tcp;
use sockeye_wire::Frame;

use crate::address;
use crate::datagram::Datagram;
use crate::heirs::Heirs;
use crate::message::Outgoing;
use crate::netlink::Netlink;
use crate::options::Options;
use crate::stream::{Stream, StreamState};
use crate::unix;

/// What a socket call gives: as in errno(3) when it fails. EBADF for a socket that isn't open.
pub type Result<T> = std::result::Result<T, Errno>;

/// One host: a stack and the sockets open on it. First stands what most calls and packets go through, as in the stack.
#[repr(C)]
pub struct Host {
    pub(crate) sockets: Table<SocketId, Slot>,
    pub(crate) changed: VecDeque<SocketId>,
    /// Sockets that went with a reboot, which nobody has been told yet.
    pub(crate) lost: VecDeque<SocketId>,
    /// What was passed and nobody took, for the caller to drop.
    pub(crate) untaken: Vec<Arc<dyn Any + Send + Sync>>,
    pub(crate) pool: Pool,
    pub(crate) unix: unix::Domain,
    pub(crate) stack: Stack,
    /// Who makes the calls.
    pub(crate) identity: Arc<unix::Identity>,
    /// Who makes them if nobody says so.
    nobody: Arc<unix::Identity>,
    /// What every socket begins with.
    pub(crate) options: Arc<Options>,
    pub(crate) heirs: Heirs,
    name: Arc<str>,
}

/// An open socket of either kind.
pub(crate) enum Slot {
    /// One of the Internet's.
    Inet(Box<Socket>),
    /// A Unix-domain one.
    Unix(unix::EndId),
    /// A netlink one.
    Netlink(Box<Netlink>),
}

/// One open socket of the Internet's.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) family: Family,
    /// Shared by all sockets that have set the same; who sets another gets a table of its own.
    pub(crate) options: Arc<Options>,
    /// What `shutdown` was told, by itself; an end of the connection shuts more.
    pub(crate) shut: Shut,
    pub(crate) kind: Kind,
    /// The groups it is in, once it has named one.
    pub(crate) members: Option<MembersId>,
    /// It is in the queue of changed sockets.
    pub(crate) queued: bool,
    /// Calls on it don't wait (O_NONBLOCK).
    nonblocking: bool,
    /// How many have it open, queues of Unix-domain sockets included.
    pub(crate) holders: u32,
}

/// The directions that are shut (Linux's sk_shutdown).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shut {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// What a socket is.
#[derive(Debug)]
pub(crate) enum Kind {
    Stream(Stream),
    Datagram(Box<Datagram>),
}

impl Host {
    /// A host of this name over a stack.
    pub fn new(name: &str, stack: Stack) -> Host {
        Host::beside(None, name.into(), stack)
    }

    /// The same that has what it holds alike in one place with a host made before: many take less room then.
    pub fn beside(other: Option<&Host>, name: Arc<str>, mut stack: Stack) -> Host {
        let options: Arc<Options> = other.map_or_else(Arc::default, |other| Arc::clone(&other.options));
        let nobody: Arc<unix::Identity> = other.map_or_else(Arc::default, |other| Arc::clone(&other.nobody));
        stack.expect(other.map(|other| &other.stack), |settings| options.tcp_config(settings));
        let unix = unix::Domain::new(Arc::clone(&options), &mut stack.fork_rng());
        Host {
            stack,
            sockets: Table::default(),
            unix,
            identity: Arc::clone(&nobody),
            nobody,
            untaken: Vec::new(),
            pool: Pool::new(),
            options,
            heirs: Heirs::default(),
            name,
            changed: VecDeque::new(),
            lost: VecDeque::new(),
        }
    }

    /// It is switched off and on again: all its sockets are gone (EBADF), its peers hear nothing of it, and its stack begins
    /// anew, with this chance.
    pub fn reboot(&mut self, rng: Rng) {
        self.lost.extend(self.sockets.drain().map(|(id, _)| id));
        self.changed.clear();
        self.stack = self.stack.rebooted(rng);
        self.reboot_unix();
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its stack.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Its stack, to configure.
    pub fn stack_mut(&mut self) -> &mut Stack {
        &mut self.stack
    }

    /// What the host has counted: why it dropped or refused what came, by Linux's names.
    pub fn counters(&self) -> &Counters {
        self.stack.counters()
    }

    /// Opens a socket (socket(2)). EACCES for a ping socket if `ping_group_range` has not got root's group.
    pub fn socket(&mut self, family: Family, transport: Transport) -> Result<SocketId> {
        let kind = match transport {
            Transport::Tcp => Kind::Stream(Stream::default()),
            Transport::Udp => Kind::Datagram(Box::new(Datagram::new(transport))),
            Transport::Ping | Transport::Raw(_) => return self.open_raw(family, transport),
        };
        Ok(self.insert(Socket::new(family, Arc::clone(&self.options), kind)))
    }

    /// Gives a socket an address of this host (bind(2)). A link-local address binds it to its interface, too. EINVAL if it
    /// has one, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT.
    pub fn bind(&mut self, now: Instant, id: SocketId, address: SocketAddr) -> Result<()> {
        self.bind_to_own_scope(id, address)?;
        match self.transport(id)? {
            Transport::Tcp => self.bind_stream(id, address),
            Transport::Udp | Transport::Ping => self.bind_datagram(now, id, address),
            Transport::Raw(_) => self.bind_raw(id, address),
        }
    }

    /// Begins a connection, or fixes a datagram socket's peer (connect(2)). A connection under way is EINPROGRESS, then
    /// EALREADY; once there, the first call succeeds and the next are EISCONN; if it failed, the first call says why (or
    /// ECONNABORTED if SO_ERROR has said it) and the next tries anew.
    pub fn connect(&mut self, now: Instant, id: SocketId, address: SocketAddr) -> Result<()> {
        match self.transport(id)? {
            Transport::Tcp => self.connect_stream(now, id, address),
            Transport::Udp | Transport::Ping | Transport::Raw(_) => self.connect_datagram(now, id, address),
        }
    }

    /// `connect` to AF_UNSPEC: a stream is reset, a listener stops listening, a datagram socket forgets its peer.
    pub fn disconnect(&mut self, now: Instant, id: SocketId) -> Result<()> {
        match self.transport(id)? {
            Transport::Tcp => self.disconnect_stream(now, id),
            Transport::Udp | Transport::Ping | Transport::Raw(_) => self.disconnect_datagram(id),
        }
    }

    /// Sends on a stream or to a datagram socket's peer (send(2)); a stream takes what fits. EAGAIN when nothing fits or
    /// the handshake is under way; EPIPE; EDESTADDRREQ; a pending error first.
    pub fn send(&mut self, now: Instant, id: SocketId, bytes: &[u8]) -> Result<usize> {
        self.send_to(now, id, bytes, None)
    }

    /// Sends to an address (sendto(2)); a stream ignores it.
    pub fn send_to(
        &mut self,
        now: Instant,
        id: SocketId,
        bytes: &[u8],
        to: Option<SocketAddr>,
    ) -> Result<usize> {
        self.send_message(now, id, &Outgoing { bytes, to, ..Outgoing::default() })
    }

    /// As [`Host::send`], without a copy: takes off the chain's front what was sent. A datagram is sent whole.
    pub fn send_chain(&mut self, now: Instant, id: SocketId, bytes: &mut Chain) -> Result<usize> {
        if self.unix_end(id).is_some() {
            return self.unix_send_chain(now, id, bytes);
        }
        match self.transport(id)? {
            Transport::Tcp => {
                if self.is_deferred(id) {
                    let sent = self.send(now, id, &bytes.to_vec())?;
                    bytes.advance(sent);
                    return Ok(sent);
                }
                let room = self.may_send(id, bytes.len())?;
                let sent = self.queue(now, id, bytes.split_to(room), tcp::Boundary::None)?;
                if !bytes.is_empty() {
                    self.note_no_space(id);
                }
                Ok(sent)
            }
            Transport::Ping | Transport::Raw(_) => {
                self.send_raw(now, id, &Outgoing::default(), std::mem::take(bytes))
            }
            Transport::Udp => {
                let fetch = (bytes.len(), |_: &mut Pool| std::mem::take(bytes));
                self.send_datagram(now, id, &Outgoing::default(), fetch)
            }
        }
    }

    /// Receives at most `max` bytes (recv(2)); with `peek` they stay. From a stream an empty chain is the end; from a
    /// datagram socket comes one datagram whole (cutting it is the caller's). EAGAIN when there's nothing yet, ENOTCONN,
    /// or the pending error.
    pub fn receive(&mut self, now: Instant, id: SocketId, max: usize, peek: bool) -> Result<Chain> {
        if self.unix_end(id).is_some() {
            let flags = if peek { MessageFlags::PEEK } else { MessageFlags::empty() };
            return self.unix_receive(now, id, max, (flags, 0)).map(|received| received.bytes);
        }
        match self.transport(id)? {
            Transport::Tcp => self.receive_stream(now, id, max, peek),
            Transport::Udp | Transport::Ping | Transport::Raw(_) => {
                self.receive_datagram(id, peek).map(|received| received.payload)
            }
        }
    }

    /// Receives a stream's urgent byte out of band (MSG_OOB); with `peek` it stays. EINVAL if there's none, it was read, or
    /// it comes in line; EAGAIN when it is only announced, or nothing if the stream has ended; ENOTCONN. From a UDP socket
    /// a datagram like any other; raw and ping sockets have nothing urgent: EOPNOTSUPP.
    pub fn receive_urgent(&mut self, now: Instant, id: SocketId, peek: bool) -> Result<Chain> {
        if self.unix_end(id).is_some() {
            let flags = MessageFlags::OOB | if peek { MessageFlags::PEEK } else { MessageFlags::empty() };
            return self.unix_receive(now, id, 1, (flags, 0)).map(|received| received.bytes);
        }
        match self.transport(id)? {
            Transport::Tcp => self.receive_urgent_stream(now, id, peek),
            Transport::Udp => self.receive_datagram(id, peek).map(|received| received.payload),
            Transport::Ping | Transport::Raw(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    /// For who passes a stream on: as [`Host::receive`] with SO_OOBINLINE, but an urgent byte comes alone, and `true`.
    pub fn receive_marked(&mut self, now: Instant, id: SocketId, max: usize) -> Result<(Chain, bool)> {
        match self.tcb(id).map_or(0, tcp::Tcb::receive_len) {
            0 => Ok((self.receive(now, id, max, false)?, false)),
            _ => Ok(self.with_tcb(now, id, |tcb| tcb.receive_marked(now, max)).unwrap_or_default()),
        }
    }

    /// Whether a stream's urgent mark is next to be read (SIOCATMARK). ENOTTY for a datagram socket.
    pub fn at_mark(&self, id: SocketId) -> Result<bool> {
        if let Some(end) = self.unix_end(id) {
            return self.unix.at_mark(end);
        }
        match self.transport(id)? {
            Transport::Tcp => Ok(self.tcb(id).is_some_and(tcp::Tcb::at_mark)),
            Transport::Udp | Transport::Ping | Transport::Raw(_) => Err(Errno::ENOTTY),
        }
    }

    /// Receives a whole datagram and who sent it (recvfrom(2)); from a stream all there is, and its peer.
    pub fn receive_from(&mut self, now: Instant, id: SocketId, peek: bool) -> Result<(Chain, SocketAddr)> {
        match self.transport(id)? {
            Transport::Tcp => {
                let peer = self.peer_addr(id);
                let chain = self.receive_stream(now, id, usize::MAX, peek)?;
                Ok((chain, peer?))
            }
            Transport::Udp | Transport::Ping | Transport::Raw(_) => {
                let Received { source, payload, arrival, .. } = self.receive_datagram(id, peek)?;
                Ok((payload, self.seen_source(self.get(id)?, source, &arrival)))
            }
        }
    }

    /// Shuts one direction or both (shutdown(2)). ENOTCONN without a peer, though the directions are shut then too, as
    /// Linux does; a listener shut for reading stops listening.
    pub fn shutdown(&mut self, now: Instant, id: SocketId, how: How) -> Result<()> {
        if let Some(end) = self.unix_end(id) {
            return self.unix.shutdown(end, how);
        }
        let done = match self.transport(id)? {
            Transport::Tcp => self.shutdown_stream(now, id, how),
            Transport::Udp | Transport::Ping | Transport::Raw(_) => self.shutdown_datagram(id, how),
        };
        self.mark(id);
        done
    }

    /// Closes a socket for good (close(2) of its last descriptor): a stream sends what is queued and a FIN, or a reset if
    /// it has unread data or lingers for no time; a listener resets those that nobody accepted.
    pub fn close(&mut self, now: Instant, id: SocketId) {
        self.end_by_option(now, id);
        self.let_go(now);
    }

    /// Closes a socket with a reset.
    pub fn abort(&mut self, now: Instant, id: SocketId) {
        self.end(now, id, true);
        self.let_go(now);
    }

    /// Closes a socket whose program was gone when its datagrams were to be delivered: those that wait are refused (port
    /// unreachable).
    pub fn refuse(&mut self, now: Instant, id: SocketId) {
        if let Ok(Kind::Datagram(datagram)) = self.get(id).map(|socket| &socket.kind)
            && let Some(udp) = datagram.udp
        {
            self.stack.udp_refuse(now, udp);
        }
        self.close(now, id);
    }

    /// Its own address (getsockname(2)).
    pub fn local_addr(&self, id: SocketId) -> Result<SocketAddr> {
        let socket = self.get(id)?;
        let address = match &socket.kind {
            Kind::Stream(stream) => self.stream_local(socket.family, stream),
            Kind::Datagram(datagram) => self.datagram_local(socket.family, datagram),
        };
        Ok(address::with_scope(address::to_program(socket.family, address), socket.options.device))
    }

    /// Its peer's address (getpeername(2)); ENOTCONN.
    pub fn peer_addr(&self, id: SocketId) -> Result<SocketAddr> {
        let socket = self.get(id)?;
        let address = match &socket.kind {
            Kind::Stream(stream) => self.stream_peer(stream),
            Kind::Datagram(datagram) => self.datagram_peer(datagram),
        };
        let address = address::to_program(socket.family, address.ok_or(Errno::ENOTCONN)?);
        Ok(address::with_scope(address, socket.options.device))
    }

    /// The pending error, which is none afterwards. ([`Host::option`] of SO_ERROR also tells what ICMP said of a connection
    /// that goes on.)
    pub fn take_error(&mut self, id: SocketId) -> Option<Errno> {
        if let Some(end) = self.unix_end(id) {
            return self.unix.take_error(end);
        }
        match self.transport(id).ok()? {
            Transport::Tcp => self.take_stream_error(id),
            Transport::Udp | Transport::Ping | Transport::Raw(_) => self.take_datagram_error(id),
        }
    }

    /// What poll(2) would say of it; NVAL if it isn't open.
    pub fn readiness(&self, id: SocketId) -> Readiness {
        match self.sockets.get(id) {
            Some(Slot::Inet(socket)) => crate::readiness::of(&self.stack, socket),
            Some(Slot::Unix(end)) => self.unix.readiness(*end),
            Some(Slot::Netlink(netlink)) => netlink.readiness(),
            None => Readiness::NVAL,
        }
    }

    /// Whether it is open.
    pub fn is_open(&self, id: SocketId) -> bool {
        self.sockets.contains_key(id)
    }

    /// Its family; EBADF.
    pub fn family(&self, id: SocketId) -> Result<Family> {
        Ok(self.get(id)?.family)
    }

    /// Its transport; EBADF.
    pub fn transport(&self, id: SocketId) -> Result<Transport> {
        Ok(self.get(id)?.transport())
    }

    /// The directions `shutdown` was told to shut: reading, writing. (A blocked receive on a datagram socket that is shut
    /// for reading returns 0 bytes.)
    pub fn is_shut(&self, id: SocketId) -> (bool, bool) {
        let shut = match self.sockets.get(id) {
            Some(Slot::Inet(socket)) => socket.shut,
            Some(Slot::Unix(end)) => self.unix.end(*end).map_or(Shut::default(), |end| end.shut),
            Some(Slot::Netlink(_)) | None => Shut::default(),
        };
        (shut.read, shut.write)
    }

    /// Whether calls on it don't wait, which is for those above to heed (O_NONBLOCK). All who hold the socket share it.
    pub fn is_nonblocking(&self, id: SocketId) -> bool {
        match self.sockets.get(id) {
            Some(Slot::Inet(socket)) => socket.nonblocking,
            Some(Slot::Unix(end)) => self.unix.end(*end).is_ok_and(|end| end.nonblocking),
            // Whose calls wait is for those above to know.
            Some(Slot::Netlink(_)) | None => false,
        }
    }

    /// Sets what [`Host::is_nonblocking`] says.
    pub fn set_nonblocking(&mut self, id: SocketId, on: bool) {
        match self.sockets.get_mut(id) {
            Some(Slot::Inet(socket)) => socket.nonblocking = on,
            Some(Slot::Unix(end)) => {
                if let Ok(end) = self.unix.end_mut(*end) {
                    end.nonblocking = on;
                }
            }
            Some(Slot::Netlink(_)) | None => {}
        }
    }

    /// A stream's connection's numbers; `None` without a connection.
    pub fn info(&self, id: SocketId) -> Option<tcp::Info> {
        self.tcb(id).map(tcp::Tcb::info)
    }

    /// A stream's connection's state; `None` without a connection.
    pub fn state(&self, id: SocketId) -> Option<tcp::State> {
        self.tcb(id).map(tcp::Tcb::state)
    }

    /// Bytes that can be read now (FIONREAD), of a stream up to the urgent mark; of a datagram socket the next datagram's.
    /// EINVAL for a listener.
    pub fn unread(&self, id: SocketId) -> Result<usize> {
        if let Some(end) = self.unix_end(id) {
            return self.unix_unread(end);
        }
        match &self.get(id)?.kind {
            Kind::Stream(Stream { state: StreamState::Listening(_), .. }) => Err(Errno::EINVAL),
            Kind::Stream(_) => Ok(self.tcb(id).map_or(0, tcp::Tcb::unread_len)),
            Kind::Datagram(datagram) if datagram.transport == Transport::Ping => Err(Errno::ENOTTY),
            Kind::Datagram(datagram) => {
                Ok(datagram.udp.and_then(|udp| self.stack.udp_next_len(udp)).unwrap_or(0))
            }
        }
    }

    /// Bytes a stream's peer has not acknowledged (SIOCOUTQ), and of these those never sent (SIOCOUTQNSD). EINVAL for a
    /// listener; a datagram socket has none, and a ping socket not even the question: ENOTTY.
    pub fn unsent(&self, id: SocketId) -> Result<(usize, usize)> {
        if let Some(end) = self.unix_end(id) {
            return self.unix_unsent(end).map(|bytes| (bytes, 0));
        }
        match &self.get(id)?.kind {
            Kind::Stream(Stream { state: StreamState::Listening(_), .. }) => Err(Errno::EINVAL),
            Kind::Stream(_) => Ok(self.tcb(id).map_or((0, 0), |tcb| (tcb.unacked_len(), tcb.unsent_len()))),
            Kind::Datagram(datagram) if datagram.transport == Transport::Ping => Err(Errno::ENOTTY),
            Kind::Datagram(_) => Ok((0, 0)),
        }
    }

    /// What tells one change of a stream's readiness from the next ([`tcp::Tcb::progress`]); `None` without a connection. Of a
    /// Unix-domain socket: what arrived, and how often there was room again.
    pub fn progress(&self, id: SocketId) -> Option<(u64, u8)> {
        if let Some(end) = self.unix_end(id) {
            return self.unix.end(end).ok().map(unix::End::progress);
        }
        self.tcb(id).map(tcp::Tcb::progress)
    }

    /// Bytes a stream takes now.
    pub fn send_room(&self, id: SocketId) -> usize {
        match self.stream(id) {
            Ok((socket, stream)) if !stream.shut(&self.stack, socket.shut).write => {
                stream.tcb(&self.stack).map_or(0, tcp::Tcb::send_room)
            }
            Ok(_) | Err(_) => 0,
        }
    }

    /// Reads once what a frame that comes in by an interface will need of this host ([`Stack::look_ahead`]).
    pub fn look_ahead(&self, interface: InterfaceId, round: Round) -> u64 {
        let socket = || self.stack.socket_of(Event::Connection(self.stack.latest_connection()?));
        let own = match round {
            Round::Itself => {
                let tables = (self.sockets.len() ^ self.untaken.len()) as u64;
                u64::from(self.has_changed()) ^ tables ^ self.pool.look_ahead()
            }
            Round::Tables => socket().map_or(0, |id| u64::from(self.sockets.contains_key(id))),
            Round::Entries => socket().and_then(|id| self.get(id).ok()).map_or(0, |socket| {
                u64::from(socket.nonblocking) << 1 ^ u64::from(matches!(socket.kind, Kind::Stream(_)))
            }),
            Round::Beyond => 0,
        };
        own ^ self.stack.look_ahead(interface, round)
    }

    /// A frame arrived on an interface.
    pub fn input(&mut self, now: Instant, interface: InterfaceId, frame: impl Into<Box<Frame>>) {
        self.stack.input(now, interface, frame);
    }

    /// Runs what is due at `now`.
    pub fn advance(&mut self, now: Instant) {
        self.stack.advance(now);
    }

    /// The next frame to send.
    pub fn poll_frame(&mut self) -> Option<(InterfaceId, Box<Frame>)> {
        self.stack.poll_frame()
    }

    /// When to call [`Host::advance`] next.
    pub fn next_deadline(&mut self) -> Option<Instant> {
        self.stack.next_deadline()
    }

    /// The same or earlier (see [`Stack::earliest_deadline`]).
    pub fn earliest_deadline(&self) -> Option<Instant> {
        self.stack.earliest_deadline()
    }

    /// Keeps copies of frames over loopback for [`Host::poll_tap`].
    pub fn set_tap(&mut self, on: bool) {
        self.stack.set_tap(on);
    }

    /// The next copy of a frame over loopback.
    pub fn poll_tap(&mut self) -> Option<(InterfaceId, Frame)> {
        self.stack.poll_tap()
    }
}

impl Host {
    pub(crate) fn insert(&mut self, socket: Socket) -> SocketId {
        self.sockets.insert(Slot::Inet(Box::new(socket)))
    }

    pub(crate) fn get(&self, id: SocketId) -> Result<&Socket> {
        match self.sockets.get(id) {
            Some(Slot::Inet(socket)) => Ok(socket),
            Some(Slot::Unix(_) | Slot::Netlink(_)) => Err(Errno::EOPNOTSUPP),
            None => Err(Errno::EBADF),
        }
    }

    pub(crate) fn get_mut(&mut self, id: SocketId) -> Result<&mut Socket> {
        match self.sockets.get_mut(id) {
            Some(Slot::Inet(socket)) => Ok(socket),
            Some(Slot::Unix(_) | Slot::Netlink(_)) => Err(Errno::EOPNOTSUPP),
            None => Err(Errno::EBADF),
        }
    }

    /// Ends a socket as SO_LINGER says.
    pub(crate) fn end_by_option(&mut self, now: Instant, id: SocketId) {
        let reset = self.get(id).is_ok_and(|socket| socket.options.linger == Some(0));
        self.end(now, id, reset);
    }

    fn end(&mut self, now: Instant, id: SocketId, reset: bool) {
        self.heirs.forget(id);
        let socket = match self.sockets.remove(id) {
            Some(Slot::Inet(socket)) => socket,
            Some(Slot::Unix(end)) => return self.unix.close(end),
            Some(Slot::Netlink(_)) | None => return,
        };
        if let Some(members) = socket.members {
            self.stack.members_close(now, members);
        }
        match socket.kind {
            Kind::Stream(stream) => self.end_stream(now, stream, reset),
            Kind::Datagram(datagram) => self.end_datagram(*datagram),
        }
    }
}

impl Socket {
    pub(crate) fn new(family: Family, options: Arc<Options>, kind: Kind) -> Socket {
        let shut = Shut::default();
        Socket { family, options, shut, kind, members: None, queued: false, nonblocking: false, holders: 1 }
    }

    pub(crate) fn transport(&self) -> Transport {
        match &self.kind {
            Kind::Stream(_) => Transport::Tcp,
            Kind::Datagram(datagram) => datagram.transport,
        }
    }
}
