//! The passive side of stream sockets: listen(2), accept(2).

use std::net::SocketAddr;
use std::sync::Arc;

use sockeye_abi::Errno;
use sockeye_base::Instant;
use sockeye_stack::Event;
use sockeye_tcp::Tcb;

use crate::host::{Host, Kind, Result, Socket, SocketId};
use crate::stream::{Phase, Stream, StreamState, request_of};
use crate::{address, errors};

/// The largest queue of who opens fast: what net.core.somaxconn begins with.
pub(crate) const SOMAXCONN: usize = 4096;

impl Host {
    /// Listens, on an address of its own choice if none was bound; on a listener it changes the backlog. A negative
    /// backlog is the largest. EINVAL for a socket that connects or did, EADDRINUSE, EOPNOTSUPP for datagrams.
    pub fn listen(&mut self, now: Instant, id: SocketId, backlog: i32) -> Result<()> {
        if let Some(end) = self.unix_end(id) {
            return self.unix_listen(end, backlog);
        }
        let (socket, stream) = self.stream(id)?;
        let backlog = self.bounded_backlog(backlog);
        if stream.phase != Phase::Unconnected {
            return Err(Errno::EINVAL);
        }
        match stream.state {
            StreamState::Listening(listener) => {
                self.stack.tcp_set_backlog(listener, backlog);
                return Ok(());
            }
            StreamState::Idle => {}
            StreamState::Open(_) => return Err(Errno::EINVAL),
        }
        // As Linux: a listener's acknowledgements begin anew.
        if socket.options.quick_ack().is_some() {
            Arc::make_mut(&mut self.get_mut(id)?.options).forget_quick_ack();
        }
        let (socket, stream) = self.stream(id)?;
        let config = socket.options.tcp_config(self.stack.settings());
        let ip = socket.options.ip_options(address::any(socket.family, 0).ip());
        let bind = match stream.bind {
            Some(bind) => bind,
            None => {
                let any = address::any(socket.family, 0);
                let local = stream.named_address().map_or(any, |named| SocketAddr::new(named, 0));
                let request = request_of(socket, local);
                let bind = self.stack.bind_tcp(request).map_err(errors::of_bind)?;
                self.stream_mut(id)?.bind = Some(bind);
                bind
            }
        };
        let listener = self.stack.tcp_listen(now, bind, backlog, config).map_err(errors::of_bind)?;
        self.stack.tcp_set_listener_ip_options(listener, ip);
        let every = self.stack.settings().tcp_fastopen;
        let options = &mut self.get_mut(id)?.options;
        if options.fast_open.needs_limit(every) {
            Arc::make_mut(options).fast_open.set_limit(backlog);
        }
        let wish = options.fast_open.wish();
        self.stack.tcp_set_listener_fast_open(listener, wish);
        self.stack.set_socket_of(Event::Listener(listener), id);
        self.stream_mut(id)?.state = StreamState::Listening(listener);
        Ok(())
    }

    /// A backlog within net.core.somaxconn.
    pub(crate) fn bounded_backlog(&self, backlog: i32) -> usize {
        usize::try_from(backlog).unwrap_or(usize::MAX).min(self.stack.settings().somaxconn)
    }

    /// How many connections wait to be accepted, those included that were accepted ahead.
    pub fn pending(&self, id: SocketId) -> usize {
        match self.stream(id).map(|(_, stream)| stream.state) {
            Ok(StreamState::Listening(listener)) => self.stack.tcp_ready(listener),
            Ok(StreamState::Idle | StreamState::Open(_)) | Err(_) => 0,
        }
    }

    /// Whether it listens (SO_ACCEPTCONN).
    pub fn is_listening(&self, id: SocketId) -> bool {
        matches!(self.stream(id), Ok((_, Stream { state: StreamState::Listening(_), .. })))
    }

    /// [`Host::accept`] ahead of the program's own call: the connection counts as one that waits until [`Host::note_accepted`].
    pub fn accept_ahead(&mut self, now: Instant, id: SocketId) -> Result<(SocketId, SocketAddr)> {
        let accepted = self.accept(now, id)?;
        if let Ok(StreamState::Listening(listener)) = self.stream(id).map(|(_, stream)| stream.state) {
            self.stack.tcp_accepted_ahead(listener);
        }
        Ok(accepted)
    }

    /// The program has one that was accepted ahead, or it is gone.
    pub fn note_accepted(&mut self, id: SocketId) {
        if let Ok(StreamState::Listening(listener)) = self.stream(id).map(|(_, stream)| stream.state) {
            self.stack.tcp_accepted(listener);
        }
    }

    /// Takes the first connection that waits; the new socket has the listener's options. EAGAIN if none waits, EINVAL if
    /// the socket doesn't listen, EOPNOTSUPP for datagrams. A connection that was reset meanwhile is given too; its first
    /// use tells.
    pub fn accept(&mut self, now: Instant, id: SocketId) -> Result<(SocketId, SocketAddr)> {
        let (socket, stream) = self.stream(id)?;
        let StreamState::Listening(listener) = stream.state else { return Err(Errno::EINVAL) };
        let (family, own) = (socket.family, Arc::clone(&socket.options));
        let address_locked = stream.address_locked;
        let (connection, remote, mut options) = loop {
            let connection = self.stack.tcp_accept(listener).ok_or(Errno::EAGAIN)?;
            let options = self.heirs.next(id).unwrap_or_else(|| Arc::clone(&own)).accepted();
            if let Some((_, remote)) = self.stack.tcp_endpoints(connection) {
                break (connection, remote, options);
            }
        };
        self.stack.tcp_set_ip_options(connection, options.ip_options(remote.ip()));
        // Set on the listener between this connection's SYN and the end of its handshake, they are the new socket's.
        let inline = options.oob_inline || self.stack.settings().tcp.oob_inline;
        let keepalive = options.keepalive(self.stack.settings());
        let as_set = |tcb: &Tcb| {
            let config = tcb.config();
            (config.nodelay, config.cork, config.keepalive, config.user_timeout, config.oob_inline)
                == (options.nodelay, options.cork, keepalive, options.user_timeout, inline)
        };
        if !self.stack.tcp(connection).is_some_and(as_set) {
            self.stack.with_tcp(now, connection, |tcb: &mut Tcb| {
                tcb.set_nodelay(now, options.nodelay);
                tcb.set_cork(now, options.cork);
                tcb.set_keepalive(now, keepalive);
                tcb.set_user_timeout(now, options.user_timeout);
                tcb.set_oob_inline(now, inline);
            });
        }
        let by = self.stack.tcp_interface(connection);
        if options.device.is_none() && address::needs_scope(remote.ip()) {
            Arc::make_mut(&mut options).device = by;
        }
        let stream = Stream::accepted(connection, address_locked);
        let accepted = self.insert(Socket::new(family, options, Kind::Stream(stream)));
        self.stack.set_socket_of(Event::Connection(connection), accepted);
        // What it has already was announced to nobody.
        self.mark(accepted);
        Ok((accepted, address::with_scope(address::to_program(family, remote), by)))
    }
}
