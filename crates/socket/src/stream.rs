//! Stream sockets: connecting, sending, receiving, shutting, ending. The rules are those of Linux's inet_stream_connect,
//! tcp_sendmsg, tcp_recvmsg and inet_shutdown, each seen on Linux 6.18.
//!
//! Two things say where a socket is, and both are needed to answer as Linux does: what its last `connect` came to
//! ([`Phase`], Linux's SS_*), and its connection's state, where CLOSED and TIME-WAIT count as no connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sockeye_abi::{Errno, Family, How, Opt};
use sockeye_base::{Chain, Instant};
use sockeye_stack::{BindId, BindRequest, ConnectionId, Event, ListenerId, Origin, Stack};
use sockeye_tcp::{self as tcp, State, Tcb};

use crate::host::{Host, Kind, Result, Shut, Socket, SocketId};
use crate::{address, errors};

/// A stream socket.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) state: StreamState,
    pub(crate) phase: Phase,
    /// The address it holds by `bind` or `listen`. A connection without it holds its own.
    pub(crate) bind: Option<BindId>,
    /// `bind` named the port, so it's kept when a connection ends.
    pub(crate) port_locked: bool,
    /// `bind` named the address.
    pub(crate) address_locked: bool,
    /// What getsockname shows while nothing is held.
    last_name: Option<Box<SocketAddr>>,
    /// An error of the socket's own.
    error: Option<Errno>,
    /// The error its connection ended with has been told.
    error_told: bool,
}

/// What a stream socket has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum StreamState {
    /// Nothing.
    #[default]
    Idle,
    /// A listener.
    Listening(ListenerId),
    /// A connection, perhaps ended.
    Open(ConnectionId),
}

/// What the last `connect` came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// There was none.
    #[default]
    Unconnected,
    /// Begun; nobody has called `connect` again since to learn the outcome.
    Connecting,
    /// It was told that it is connected, or comes from `accept`.
    Connected,
    /// `shutdown` came before the outcome: Linux never lets it connect again.
    Disconnecting,
}

impl Stream {
    /// What `accept` gives; it keeps an address that the listener's `bind` named.
    pub(crate) fn accepted(connection: ConnectionId, address_locked: bool) -> Stream {
        let state = StreamState::Open(connection);
        Stream { state, phase: Phase::Connected, address_locked, ..Stream::default() }
    }

    /// The address that `bind` named, while no port is held.
    pub(crate) fn named_address(&self) -> Option<IpAddr> {
        let name = self.last_name.as_deref().filter(|_| self.bind.is_none() && self.address_locked)?;
        Some(name.ip())
    }

    /// Its connection, ended or not.
    pub(crate) fn tcb<'a>(&self, stack: &'a Stack) -> Option<&'a Tcb> {
        match self.state {
            StreamState::Open(connection) => stack.tcp(connection),
            StreamState::Idle | StreamState::Listening(_) => None,
        }
    }

    /// The state of its connection while Linux's socket would have one: not CLOSED, and not TIME-WAIT, which leaves the
    /// socket.
    pub(crate) fn live(&self, stack: &Stack) -> Option<State> {
        let state = self.tcb(stack)?.state();
        Some(state).filter(|state| !state.is_over())
    }

    /// The pending error.
    pub(crate) fn pending(&self, stack: &Stack) -> Option<Errno> {
        let of_connection = || self.tcb(stack).and_then(Tcb::error).filter(|_| !self.error_told);
        self.error.or_else(|| of_connection().map(errors::of_tcp))
    }

    /// Whether the peer said that it sends no more (Linux's SOCK_DONE), or the connection ended without an error.
    fn fin_came(&self, stack: &Stack) -> bool {
        let Some(tcb) = self.tcb(stack) else { return false };
        if self.live(stack).is_some() {
            return tcb.peer_closed();
        }
        tcb.fin_received() || tcb.error().is_none()
    }

    /// The directions shut: by `shutdown`, by the peer's FIN (reading), by the end of the connection (both).
    pub(crate) fn shut(&self, stack: &Stack, own: Shut) -> Shut {
        match self.tcb(stack) {
            None => own,
            Some(tcb) => {
                let ended = self.live(stack).is_none();
                Shut { read: own.read || ended || tcb.peer_closed(), write: own.write || ended }
            }
        }
    }
}

impl Host {
    pub(crate) fn stream(&self, id: SocketId) -> Result<(&Socket, &Stream)> {
        let socket = self.get(id)?;
        match &socket.kind {
            Kind::Stream(stream) => Ok((socket, stream)),
            Kind::Datagram(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    pub(crate) fn stream_mut(&mut self, id: SocketId) -> Result<&mut Stream> {
        match &mut self.get_mut(id)?.kind {
            Kind::Stream(stream) => Ok(stream),
            Kind::Datagram(_) => Err(Errno::EOPNOTSUPP),
        }
    }

    /// The connection of a stream socket.
    pub(crate) fn tcb(&self, id: SocketId) -> Option<&Tcb> {
        self.stream(id).ok().and_then(|(_, stream)| stream.tcb(&self.stack))
    }

    /// A call on the connection of a stream socket.
    pub(crate) fn with_tcb<R>(
        &mut self,
        now: Instant,
        id: SocketId,
        call: impl FnOnce(&mut Tcb) -> R,
    ) -> Option<R> {
        match self.stream(id).ok()?.1.state {
            StreamState::Open(connection) => self.stack.with_tcp(now, connection, call),
            StreamState::Idle | StreamState::Listening(_) => None,
        }
    }

    pub(crate) fn bind_stream(&mut self, id: SocketId, address: SocketAddr) -> Result<()> {
        let local = self.may_bind(id, address)?;
        let (socket, stream) = self.stream(id)?;
        // A port that nobody named goes when its connection ends, so the socket may be bound anew.
        let ended = matches!(stream.state, StreamState::Open(_)) && stream.live(&self.stack).is_none();
        match stream.state {
            StreamState::Listening(_) => return Err(Errno::EINVAL),
            StreamState::Open(_) if !ended => return Err(Errno::EINVAL),
            StreamState::Open(_) | StreamState::Idle => {}
        }
        if stream.bind.is_some() && (stream.port_locked || !ended) {
            return Err(Errno::EINVAL);
        }
        let (old, request) = (stream.bind, request_of(socket, local));
        let later = local.port() == 0 && socket.options.seldom.is_on(Opt::IpBindAddressNoPort);
        let bind = match later {
            true if !self.stack.may_bind(&request) => return Err(Errno::EADDRNOTAVAIL),
            true => None,
            false => Some(self.stack.bind_tcp(request).map_err(errors::of_bind)?),
        };
        if let Some(old) = old {
            self.stack.unbind(old);
        }
        let stream = self.stream_mut(id)?;
        stream.bind = bind;
        stream.port_locked = local.port() != 0;
        stream.address_locked = address::is_named(address);
        stream.last_name = later.then(|| Box::new(local));
        self.keep_family(id, local)
    }

    /// The address to bind to as the stack knows it, if a socket of this kind may have it: what Linux asks before it looks
    /// whether the socket is bound already.
    pub(crate) fn may_bind(&self, id: SocketId, wanted: SocketAddr) -> Result<SocketAddr> {
        let socket = self.get(id)?;
        let local = address::to_stack(socket.family, wanted)?;
        let ours = self.stack.may_bind(&request_of(socket, local));
        let is_stream = matches!(socket.kind, Kind::Stream(_));
        match (socket.family, wanted) {
            (Family::Inet, _) if !ours => Err(Errno::EADDRNOTAVAIL),
            (Family::Inet6, _) if socket.options.v6only && local.is_ipv4() => Err(Errno::EINVAL),
            (Family::Inet6, SocketAddr::V6(v6)) if is_stream && v6.ip().is_multicast() => Err(Errno::EINVAL),
            _ => Ok(local),
        }
    }

    /// Who has bound to one address of IPv6 has said IPV6_V6ONLY.
    pub(crate) fn keep_family(&mut self, id: SocketId, local: SocketAddr) -> Result<()> {
        if local.is_ipv6() && !local.ip().is_unspecified() {
            Arc::make_mut(&mut self.get_mut(id)?.options).v6only = true;
        }
        Ok(())
    }

    pub(crate) fn connect_stream(&mut self, now: Instant, id: SocketId, address: SocketAddr) -> Result<()> {
        let (_, stream) = self.stream(id)?;
        match stream.phase {
            Phase::Connected => Err(Errno::EISCONN),
            Phase::Disconnecting => Err(Errno::EINVAL),
            Phase::Connecting if self.is_deferred(id) => Err(Errno::EISCONN),
            Phase::Connecting => self.connect_outcome(now, id),
            Phase::Unconnected => match stream.state {
                StreamState::Listening(_) => Err(Errno::EISCONN),
                StreamState::Idle | StreamState::Open(_) => self.begin_connect(now, id, address),
            },
        }
    }

    /// What came of a connection that was begun, as another `connect` would tell: EALREADY while it's under way; then
    /// success, once, or why it failed.
    pub fn connect_outcome(&mut self, now: Instant, id: SocketId) -> Result<()> {
        let (_, stream) = self.stream(id)?;
        match (stream.phase, stream.live(&self.stack)) {
            (Phase::Connected, _) => Err(Errno::EISCONN),
            (Phase::Disconnecting, _) => Err(Errno::EINVAL),
            (_, Some(state)) if state.is_opening() => Err(Errno::EALREADY),
            (_, Some(_)) => {
                self.stream_mut(id)?.phase = Phase::Connected;
                Ok(())
            }
            (_, None) => {
                let error = self.take_stream_error(id).unwrap_or(Errno::ECONNABORTED);
                self.reset_stream(now, id)?;
                Err(error)
            }
        }
    }

    fn begin_connect(&mut self, now: Instant, id: SocketId, address: SocketAddr) -> Result<()> {
        let deferred = self.get(id)?.options.fast_open.connect;
        let connection = self.make_connection(now, id, address, deferred)?;
        if deferred { self.begin_deferred(now, id, connection) } else { Err(Errno::EINPROGRESS) }
    }

    /// Makes a connection; its SYN is on its way, or, `deferred`, waits.
    pub(crate) fn make_connection(
        &mut self,
        now: Instant,
        id: SocketId,
        address: SocketAddr,
        deferred: bool,
    ) -> Result<ConnectionId> {
        let (socket, stream) = self.stream(id)?;
        let bound = stream.bind.and_then(|bind| self.stack.bound_address(bind)).map(|local| local.ip());
        let bound = bound.or(stream.named_address());
        let own = bound.filter(|ip| !self.stack.is_group(*ip));
        let remote = address::destination(address::to_stack(socket.family, address)?, own);
        if socket.family == Family::Inet6 {
            let named = bound.filter(|local| !local.is_unspecified());
            if remote.is_ipv4() && (socket.options.v6only || named.is_some_and(|local| local.is_ipv6())) {
                return Err(Errno::ENETUNREACH);
            }
            if remote.is_ipv6() && bound.is_some_and(|local| local.is_ipv4()) {
                return Err(self.or_unreachable(remote, Errno::EAFNOSUPPORT));
            }
        }
        if remote.ip().is_multicast() || self.stack.is_broadcast(remote.ip()) {
            return Err(Errno::ENETUNREACH);
        }
        self.bind_to_peers_scope(id, address)?;
        let (socket, stream) = self.stream(id)?;
        let config = socket.options.tcp_config(self.stack.settings());
        let ip = socket.options.ip_options(remote.ip());
        let origin = stream.bind.map_or_else(
            || {
                let any = address::any(socket.family, 0);
                Origin::Any(request_of(
                    socket,
                    stream.named_address().map_or(any, |ip| SocketAddr::new(ip, 0)),
                ))
            },
            Origin::Bound,
        );
        let made = if deferred {
            self.stack.tcp_connect_deferred(now, origin, remote, (config, ip))
        } else {
            self.stack.tcp_connect(now, origin, remote, (config, ip))
        };
        let connection = made.map_err(errors::of_connect)?;
        self.stack.set_socket_of(Event::Connection(connection), id);
        let stream = self.stream_mut(id)?;
        stream.state = StreamState::Open(connection);
        stream.phase = Phase::Connecting;
        stream.error = None;
        stream.error_told = false;
        Ok(connection)
    }

    /// `connect` to AF_UNSPEC.
    pub(crate) fn disconnect_stream(&mut self, now: Instant, id: SocketId) -> Result<()> {
        self.reset_stream(now, id)
    }

    /// Takes a socket back to the beginning: its connection is reset, its listener ends, an address nobody named goes
    /// (Linux's tcp_disconnect).
    pub(crate) fn reset_stream(&mut self, now: Instant, id: SocketId) -> Result<()> {
        let (socket, stream) = self.stream(id)?;
        let (family, state, live) = (socket.family, stream.state, stream.live(&self.stack));
        let locked = (stream.address_locked, stream.port_locked);
        let (name, pending) = (self.stream_local(family, stream), stream.pending(&self.stack));
        let mut error = None;
        match state {
            StreamState::Idle => {}
            StreamState::Listening(listener) => {
                self.stack.tcp_unlisten(now, listener);
                self.heirs.forget(id);
            }
            StreamState::Open(connection) => match live {
                Some(
                    State::SynSent
                    | State::SynReceived
                    | State::Established
                    | State::FinWait1
                    | State::FinWait2
                    | State::CloseWait,
                ) => {
                    error = Some(Errno::ECONNRESET);
                    self.stack.tcp_abort(now, connection);
                }
                Some(State::Closing | State::LastAck | State::TimeWait | State::Closed) | None => {
                    self.stack.tcp_release(now, connection);
                }
            },
        }
        let stream = self.stream_mut(id)?;
        stream.state = StreamState::Idle;
        stream.phase = Phase::Unconnected;
        stream.error = error.or(pending);
        stream.error_told = false;
        stream.last_name = Some(Box::new(if locked.0 { name } else { address::any(family, name.port()) }));
        if let Some(bind) = stream.bind.filter(|_| !locked.0) {
            self.stack.dissolved(bind);
        }
        let stream = self.stream_mut(id)?;
        let held = if locked.1 { None } else { stream.bind.take() };
        if let Some(bind) = held {
            self.stack.unbind(bind);
        }
        self.get_mut(id)?.shut = Shut::default();
        self.mark(id);
        Ok(())
    }

    /// How many of `len` bytes may be sent now.
    #[inline]
    pub(crate) fn may_send(&mut self, id: SocketId, len: usize) -> Result<usize> {
        let (socket, stream) = self.stream(id)?;
        let tcb = stream.tcb(&self.stack);
        let refusal = match tcb.map(Tcb::state).filter(|state| !state.is_over()) {
            // The handshake is waited for, whatever was shut meanwhile.
            Some(state) if state.is_opening() => Some(Errno::EAGAIN),
            Some(state) if state.may_send() && !socket.shut.write => None,
            Some(_) | None => Some(Errno::EPIPE),
        };
        let room = tcb.map_or(0, |tcb| tcb.room_for(len));
        let failed = stream.error.is_some() || tcb.is_some_and(|tcb| tcb.error().is_some());
        if failed && let Some(error) = self.take_stream_error(id) {
            return Err(error);
        }
        match refusal {
            Some(refusal) => Err(refusal),
            None if room == 0 && len > 0 => {
                self.note_no_space(id);
                Err(Errno::EAGAIN)
            }
            None => Ok(room),
        }
    }

    /// Whether a receive of `max` bytes that may wait does so, though some have come: a stream has fewer than SO_RCVLOWAT.
    pub fn is_short_of(&self, id: SocketId, max: usize) -> bool {
        self.tcb(id).is_some_and(|tcb| tcb.is_short_of(max)) && !self.is_shut(id).0
    }

    /// A program waits for room in a stream's send buffer.
    pub fn note_no_space(&mut self, id: SocketId) {
        if let Ok((_, Stream { state: StreamState::Open(connection), .. })) = self.stream(id) {
            let connection = *connection;
            self.stack.tcp_no_space(connection);
        }
    }

    /// Queues what [`Host::may_send`] allowed.
    #[inline]
    pub(crate) fn queue(
        &mut self,
        now: Instant,
        id: SocketId,
        bytes: Chain,
        boundary: tcp::Boundary,
    ) -> Result<usize> {
        let len = bytes.len();
        if len == 0 {
            return Ok(0);
        }
        match self.with_tcb(now, id, |tcb| tcb.send_message(now, bytes, boundary)) {
            Some(Ok(())) => Ok(len),
            Some(Err(tcp::SendError::Closed)) | None => Err(Errno::EPIPE),
        }
    }

    /// What [`Host::receive`] gives, if there is something for a stream and nothing follows from taking it, so that it doesn't
    /// matter when that is; `None` if it must be asked.
    pub fn receive_plain(&mut self, id: SocketId, max: usize) -> Option<Chain> {
        match self.stream(id).ok()?.1.state {
            StreamState::Open(connection) => self.stack.tcp_receive_plain(connection, max),
            StreamState::Idle | StreamState::Listening(_) => None,
        }
    }

    pub(crate) fn receive_stream(
        &mut self,
        now: Instant,
        id: SocketId,
        max: usize,
        peek: bool,
    ) -> Result<Chain> {
        let (_, stream) = self.stream(id)?;
        let connection = match stream.state {
            StreamState::Listening(_) => return Err(Errno::ENOTCONN),
            StreamState::Idle => None,
            StreamState::Open(connection) => Some(connection),
        };
        if let (Some(connection), Some(tcb)) = (connection, stream.tcb(&self.stack))
            && tcb.receive_len() > 0
        {
            let data = if peek {
                tcb.peek(max)
            } else {
                self.stack.tcp_receive(now, connection, max).unwrap_or_default()
            };
            // A lone urgent byte is passed over, and that is nothing yet.
            if !data.is_empty() || max == 0 {
                return Ok(data);
            }
        }
        self.nothing_to_read(id)
    }

    /// What a read finds when there is nothing in the queue.
    fn nothing_to_read(&mut self, id: SocketId) -> Result<Chain> {
        let (socket, stream) = self.stream(id)?;
        let own = socket.shut;
        let tcb = stream.tcb(&self.stack);
        // The order of these is tcp_recvmsg's: a FIN goes before an error, an error before the rest.
        if stream.fin_came(&self.stack) {
            return Ok(Chain::new());
        }
        let ended = tcb.is_some() && stream.live(&self.stack).is_none();
        let alive = stream.live(&self.stack).is_some();
        if let Some(error) = self.take_stream_error(id) {
            return Err(error);
        }
        if own.read || ended {
            return Ok(Chain::new());
        }
        if alive { Err(Errno::EAGAIN) } else { Err(Errno::ENOTCONN) }
    }

    /// recv(2) with MSG_OOB: tcp_recv_urg's order of errors.
    pub(crate) fn receive_urgent_stream(&mut self, now: Instant, id: SocketId, peek: bool) -> Result<Chain> {
        let (socket, stream) = self.stream(id)?;
        let own = socket.shut;
        if let StreamState::Listening(_) = stream.state {
            return Err(Errno::ENOTCONN);
        }
        let tcb = stream.tcb(&self.stack).ok_or(Errno::EINVAL)?;
        let (live, fin_came) = (stream.live(&self.stack).is_some(), stream.fin_came(&self.stack));
        let over = !live || own.read || tcb.peer_closed();
        match self.with_tcb(now, id, |tcb| tcb.receive_urgent(true)) {
            None | Some(Err(tcp::UrgentError::None)) => Err(Errno::EINVAL),
            Some(_) if !live && !fin_came => Err(Errno::ENOTCONN),
            Some(Err(tcp::UrgentError::OnItsWay)) if over => Ok(Chain::new()),
            Some(Err(tcp::UrgentError::OnItsWay)) => Err(Errno::EAGAIN),
            Some(Ok(byte)) => {
                if !peek {
                    self.with_tcb(now, id, |tcb| tcb.receive_urgent(false));
                }
                Ok(self.pool.copy_in(&[byte]))
            }
        }
    }

    pub(crate) fn shutdown_stream(&mut self, now: Instant, id: SocketId, how: How) -> Result<()> {
        let (_, stream) = self.stream(id)?;
        let (state, live) = (stream.state, stream.live(&self.stack));
        if stream.phase == Phase::Connecting {
            let early = matches!(live, None | Some(State::SynSent | State::SynReceived));
            self.stream_mut(id)?.phase = if early { Phase::Disconnecting } else { Phase::Connected };
        }
        match (state, live) {
            (StreamState::Listening(_), _) if !how.reads() => Ok(()),
            (StreamState::Listening(_), _) | (_, Some(State::SynSent)) => self.reset_stream(now, id),
            (_, None) => {
                self.shut(id, how)?;
                Err(Errno::ENOTCONN)
            }
            (_, Some(_)) => {
                self.shut(id, how)?;
                self.with_tcb(now, id, |tcb| {
                    if how.reads() {
                        tcb.shutdown_receive();
                    }
                    if how.writes() {
                        tcb.shutdown_send(now);
                    }
                });
                Ok(())
            }
        }
    }

    pub(crate) fn shut(&mut self, id: SocketId, how: How) -> Result<()> {
        let shut = &mut self.get_mut(id)?.shut;
        shut.read |= how.reads();
        shut.write |= how.writes();
        Ok(())
    }

    /// Takes the pending error.
    pub(crate) fn take_stream_error(&mut self, id: SocketId) -> Option<Errno> {
        let (_, stream) = self.stream(id).ok()?;
        let error = stream.pending(&self.stack)?;
        let stream = self.stream_mut(id).ok()?;
        if stream.error.take().is_none() {
            stream.error_told = true;
        }
        Some(error)
    }

    pub(crate) fn end_stream(&mut self, now: Instant, stream: Stream, reset: bool) {
        let live = stream.live(&self.stack).is_some();
        match stream.state {
            StreamState::Idle => {}
            StreamState::Listening(listener) => {
                self.stack.tcp_unlisten(now, listener);
            }
            StreamState::Open(connection) => {
                if reset && live {
                    self.stack.tcp_abort(now, connection);
                } else {
                    self.stack.tcp_release(now, connection);
                }
            }
        }
        if let Some(bind) = stream.bind {
            self.stack.unbind(bind);
        }
    }

    pub(crate) fn stream_local(&self, family: Family, stream: &Stream) -> SocketAddr {
        let connection = match stream.state {
            StreamState::Open(connection) => self.stack.tcp_endpoints(connection).map(|(local, _)| local),
            StreamState::Idle | StreamState::Listening(_) => None,
        };
        let bound = stream.bind.and_then(|bind| self.stack.bound_address(bind));
        let held =
            if stream.live(&self.stack).is_some() { connection.or(bound) } else { bound.or(connection) };
        held.or(stream.last_name.as_deref().copied()).unwrap_or_else(|| address::any(family, 0))
    }

    pub(crate) fn stream_peer(&self, stream: &Stream) -> Option<SocketAddr> {
        match (stream.state, stream.live(&self.stack)?) {
            (_, State::SynSent) | (StreamState::Idle | StreamState::Listening(_), _) => None,
            (StreamState::Open(connection), _) => {
                self.stack.tcp_endpoints(connection).map(|(_, remote)| remote)
            }
        }
    }
}

/// What a socket asks the stack for when it binds.
pub(crate) fn request_of(socket: &Socket, local: SocketAddr) -> BindRequest {
    BindRequest {
        local,
        reuse_address: socket.options.reuse_address,
        reuse_port: socket.options.reuse_port,
        dual: socket.family == Family::Inet6 && !socket.options.v6only,
        device: socket.options.device,
        nonlocal: socket.options.seldom.takes_foreign_addresses(),
        range: socket.options.seldom.port_range(),
    }
}
