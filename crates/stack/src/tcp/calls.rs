//! What sockets ask of TCP.

use std::net::SocketAddr;
use std::sync::Arc;

use sockeye_base::{Chain, Counter, Duration, Instant, SeqNum};
use sockeye_tcp::{Config, Listener, Ports, Tcb};

use super::fast_open::FastOpenListener;
use super::{ListenerEntry, Owner, Tuple};
use crate::output::{IpOptions, Transport};
use crate::ports::{BindRequest, Claim, Origin};
use crate::route::longest_packet;
use crate::stack::{BindId, ConnectionId, ListenerId, SocketId, Stack};
use crate::udp::{meant, specific};
use crate::{BindError, ConnectError, InterfaceId};

impl Stack {
    /// Reserves an address for a socket; port 0 takes an ephemeral one.
    pub fn bind_tcp(&mut self, request: BindRequest) -> Result<BindId, BindError> {
        if !self.may_bind(&request) {
            return Err(BindError::NotLocal);
        }
        let range = request.range.within(self.settings.ip_local_port_range);
        let claim = Claim::from(&request);
        self.tcp_ports.bind(claim, request.local.port(), range, &mut self.rng).ok_or(BindError::InUse)
    }

    /// Whether a socket may have this address. Linux lets even TCP have a group's.
    pub fn may_bind(&self, request: &BindRequest) -> bool {
        let address = request.local.ip();
        address.is_unspecified() || request.nonlocal || self.is_local(address) || self.is_group(address)
    }

    /// The address of a bind as it is now (`connect` makes the wildcard specific); `None` if there is no such bind.
    pub fn bound_address(&self, bind: BindId) -> Option<SocketAddr> {
        self.tcp_ports.get(bind).map(crate::ports::Bind::local)
    }

    /// SO_REUSEADDR and SO_REUSEPORT set after binding.
    pub fn set_reuse(&mut self, bind: BindId, reuse_address: bool, reuse_port: bool) {
        self.tcp_ports.set_reuse(bind, reuse_address, reuse_port);
    }

    /// SO_BINDTODEVICE set after binding.
    pub fn set_device(&mut self, bind: BindId, device: Option<InterfaceId>) {
        self.tcp_ports.set_device(bind, device.into());
    }

    /// The socket of a bind is without a connection again: the address is as it was bound.
    pub fn dissolved(&mut self, bind: BindId) {
        self.tcp_ports.widen(bind);
    }

    /// The socket gives its bind up. A connection that uses it keeps the port until it has finished.
    pub fn unbind(&mut self, bind: BindId) {
        self.tcp_ports.release(bind);
    }

    /// Begins a connection: its SYN is on its way when this returns. Without a bind it takes an ephemeral port, which
    /// connections to other destinations may share. `config.mss` is set from the path's MTU; `options` is what its packets'
    /// IP headers say, the SYN's first.
    pub fn tcp_connect(
        &mut self,
        now: Instant,
        origin: Origin,
        remote: SocketAddr,
        settings: (Config, IpOptions),
    ) -> Result<ConnectionId, ConnectError> {
        let id = self.tcp_open(now, origin, remote, settings, Tcb::connect)?;
        self.count(Counter::TcpActiveOpens);
        self.tcp_flush(now, id);
        self.settle(now);
        Ok(id)
    }

    /// The same, but for the SYN, which waits for [`Tcb::open_fast`].
    pub fn tcp_connect_deferred(
        &mut self,
        now: Instant,
        origin: Origin,
        remote: SocketAddr,
        settings: (Config, IpOptions),
    ) -> Result<ConnectionId, ConnectError> {
        self.tcp_open(now, origin, remote, settings, |now, config, ports, iss, offset| {
            let mut tcb = Tcb::connect(now, config, ports, iss, offset);
            tcb.defer_open();
            tcb
        })
    }

    fn tcp_open(
        &mut self,
        now: Instant,
        origin: Origin,
        remote: SocketAddr,
        (config, options): (Config, IpOptions),
        make: impl FnOnce(Instant, Arc<Config>, Ports, SeqNum, u32) -> Tcb,
    ) -> Result<ConnectionId, ConnectError> {
        let remote = meant(remote);
        let claim = match &origin {
            Origin::Bound(bind) => self.tcp_ports.get(*bind).ok_or(ConnectError::NoSource)?.claim,
            Origin::Any(request) => Claim::from(request),
        };
        if self.is_group(remote.ip()) || !claim.reaches(remote.ip()) {
            return Err(ConnectError::NoRoute);
        }
        let source = specific(&claim, remote.ip()).filter(|address| !self.is_group(*address));
        let to = (remote.ip(), remote.port());
        let (path, source) = self.path_and_source(Transport::Tcp, to, (source, claim.device), options)?;
        let (bind, port, least_iss) = match origin {
            Origin::Bound(bind) => {
                let port = self.tcp_ports.get(bind).map_or(0, |bind| bind.port);
                let tuple = Tuple::new((source, port), remote);
                // As Linux: where the port was asked for, TIME-WAIT needn't last.
                if !self.tcp.is_free(now, &tuple, Some(Duration::ZERO)) {
                    return Err(ConnectError::TupleInUse);
                }
                let least_iss = self.tcp_replace(now, &tuple);
                self.tcp_ports.hold(bind);
                self.tcp_ports.narrow(bind, source);
                (bind, port, least_iss)
            }
            Origin::Any(request) => {
                let offset = self.tcp.key.hash(&(source, remote));
                let reuses = match self.settings.tcp_tw_reuse {
                    0 => false,
                    1 => true,
                    _ => path.is_local(),
                };
                let (tcp, delay) = (&self.tcp, reuses.then_some(self.settings.tcp_tw_reuse_delay));
                let tuple = |port| Tuple::new((source, port), remote);
                let free = |port| tcp.is_free(now, &tuple(port), delay);
                let range = request.range.within(self.settings.ip_local_port_range);
                let claim = Claim { address: source, ..claim };
                let bind = self.tcp_ports.bind_for_connect(claim, range, offset, free);
                let bind = bind.ok_or(ConnectError::NoPorts)?;
                let port = self.tcp_ports.get(bind).map_or(0, |bind| bind.port);
                (bind, port, self.tcp_replace(now, &Tuple::new((source, port), remote)))
            }
        };
        let tuple = Tuple::new((source, port), remote);
        let config = self.config_for(config, &path, remote.ip());
        let (iss, offset) = self.initial_numbers(now, &tuple);
        let iss = least_iss.map_or(iss, |least| iss.max(least));
        let ports = Ports { local: port, remote: remote.port() };
        let tcb = make(now, config, ports, iss, offset);
        Ok(self.tcp_insert(tcb, (tuple, path), (Owner::User, Some(bind)), options))
    }

    /// Listens on a bind: its accept queue holds `backlog` + 1 connections, as on Linux. Fails if another listener has
    /// come to stand on the address.
    pub fn tcp_listen(
        &mut self,
        _now: Instant,
        bind: BindId,
        backlog: usize,
        config: Config,
    ) -> Result<ListenerId, BindError> {
        let port = self.tcp_ports.get(bind).ok_or(BindError::NotLocal)?.port;
        if !self.tcp_ports.listen(bind) {
            return Err(BindError::InUse);
        }
        self.tcp_ports.hold(bind);
        let listener = Listener::new(config, backlog);
        let entry = ListenerEntry {
            listener,
            bind,
            options: IpOptions::default(),
            fast_open: FastOpenListener::default(),
            socket: SocketId::default(),
            announced: false,
        };
        let id = self.tcp.listeners.insert(Box::new(entry));
        self.tcp.by_port.entry(port).or_default().push(id);
        Ok(id)
    }

    /// `listen` again: changes the backlog.
    pub fn tcp_set_backlog(&mut self, listener: ListenerId, backlog: usize) {
        if let Some(entry) = self.tcp.listeners.get_mut(listener) {
            entry.listener.set_backlog(backlog);
        }
    }

    /// Changes what later connections of a listener begin with.
    pub fn tcp_set_listener_config(&mut self, listener: ListenerId, config: Config) {
        if let Some(entry) = self.tcp.listeners.get_mut(listener) {
            *entry.listener.config_mut() = config;
        }
    }

    /// Changes what the packets of a listener's later connections say.
    pub fn tcp_set_listener_ip_options(&mut self, listener: ListenerId, options: IpOptions) {
        if let Some(entry) = self.tcp.listeners.get_mut(listener) {
            entry.options = options;
        }
    }

    /// The next connection whose handshake is done; it is the caller's from here on. It may have ended meanwhile.
    pub fn tcp_accept(&mut self, listener: ListenerId) -> Option<ConnectionId> {
        let id = self.tcp.listeners.get_mut(listener)?.listener.accept()?;
        if let Some(connection) = self.tcp.connections.get_mut(id) {
            connection.owner = Owner::User;
        }
        Some(id)
    }

    /// The one accepted last counts as waiting until [`Stack::tcp_accepted`]: who is to have it doesn't yet.
    pub fn tcp_accepted_ahead(&mut self, listener: ListenerId) {
        self.tcp.listeners.get_mut(listener).into_iter().for_each(|entry| entry.listener.accepted_ahead());
    }

    /// One that was accepted ahead waits no more.
    pub fn tcp_accepted(&mut self, listener: ListenerId) {
        self.tcp.listeners.get_mut(listener).into_iter().for_each(|entry| entry.listener.accepted());
    }

    /// How many connections wait to be accepted, those included that were accepted ahead.
    pub fn tcp_ready(&self, listener: ListenerId) -> usize {
        self.tcp.listeners.get(listener).map_or(0, |entry| entry.listener.ready())
    }

    /// Ends a listener: who waits to be accepted is reset, handshakes under way are forgotten. The bind stays the
    /// socket's.
    pub fn tcp_unlisten(&mut self, now: Instant, listener: ListenerId) {
        let Some(entry) = self.tcp.listeners.remove(listener) else { return };
        if let Some(port) = self.tcp_ports.get(entry.bind).map(|bind| bind.port)
            && let Some(listeners) = self.tcp.by_port.get_mut(&port)
        {
            listeners.retain(|id| *id != listener);
            if listeners.is_empty() {
                self.tcp.by_port.remove(&port);
            }
        }
        self.tcp_ports.unlisten(entry.bind);
        self.tcp_ports.release(entry.bind);
        entry.listener.syn_queue().for_each(|id| self.tcp_forget(id));
        for id in entry.listener.accept_queue() {
            self.tcp_abort_one(now, id);
        }
        self.settle(now);
    }

    /// How many connections there are, those in a listener's queues included, TIME-WAIT not.
    pub fn tcp_len(&self) -> usize {
        self.tcp.connections.len()
    }

    /// How many hold a port, of TCP or UDP, those in TIME-WAIT included.
    pub fn ports_held(&self) -> usize {
        self.tcp_ports.len() + self.udp_ports.len()
    }

    /// A connection, to look at.
    pub fn tcp(&self, connection: ConnectionId) -> Option<&Tcb> {
        self.tcp.connections.get(connection).map(|connection| &connection.tcb)
    }

    /// A user call on a connection; what it makes the connection send stands in [`Stack::poll_frame`] afterwards.
    /// No event tells of what the call itself changed.
    pub fn with_tcp<R>(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        call: impl FnOnce(&mut Tcb) -> R,
    ) -> Option<R> {
        let result = call(&mut self.tcp.connections.get_mut(connection)?.tcb);
        self.tcp_flush(now, connection);
        self.settle(now);
        Some(result)
    }

    /// Takes at most `max` bytes that have come. Nothing follows from that but perhaps a wider window to be told.
    pub fn tcp_receive(&mut self, now: Instant, connection: ConnectionId, max: usize) -> Option<Chain> {
        let tcb = &mut self.tcp.connections.get_mut(connection)?.tcb;
        let data = tcb.receive(now, max);
        if tcb.owes_ack() {
            self.tcp_flush(now, connection);
            self.settle(now);
        }
        Some(data)
    }

    /// The same if nothing at all follows from it ([`Tcb::receive_plain`]).
    pub fn tcp_receive_plain(&mut self, connection: ConnectionId, max: usize) -> Option<Chain> {
        self.tcp.connections.get_mut(connection)?.tcb.receive_plain(max)
    }

    /// A program waits for room in a connection's send buffer.
    pub fn tcp_no_space(&mut self, connection: ConnectionId) {
        if let Some(connection) = self.tcp.connections.get_mut(connection) {
            connection.tcb.note_no_space();
        }
    }

    /// Both ends of a connection: ours and the peer's.
    pub fn tcp_endpoints(&self, connection: ConnectionId) -> Option<(SocketAddr, SocketAddr)> {
        let tuple = self.tcp.connections.get(connection)?.tuple;
        Some((tuple.local.into(), tuple.remote.into()))
    }

    /// The interface a connection's packets leave by; of one with this host itself the one that has the address.
    pub fn tcp_interface(&self, connection: ConnectionId) -> Option<InterfaceId> {
        let connection = self.tcp.connections.get(connection)?;
        Some(self.device_of(connection.path.interface, connection.tuple.local.ip()))
    }

    /// The MTU of a connection's path, as far as it is known (IP_MTU).
    pub fn tcp_mtu(&self, connection: ConnectionId) -> Option<usize> {
        let connection = self.tcp.connections.get(connection)?;
        let (whole, found) = (connection.tcb.config().mss, connection.tcb.info().path_mss);
        let link = self.mtu(&connection.path).min(longest_packet(connection.tuple.remote.ip()));
        Some(link.saturating_sub(whole.saturating_sub(found).into()))
    }

    /// What its packets' IP headers say from now on.
    pub fn tcp_set_ip_options(&mut self, connection: ConnectionId, options: IpOptions) {
        if let Some(connection) = self.tcp.connections.get_mut(connection) {
            connection.options = options;
        }
    }

    /// The socket is done with a connection: closed as close(2) does it. The stack keeps it until it has finished, its
    /// id is not to be used any more.
    pub fn tcp_release(&mut self, now: Instant, connection: ConnectionId) {
        let Some(entry) = self.tcp.connections.get_mut(connection) else { return };
        entry.owner = Owner::Nobody;
        entry.tcb.close(now);
        self.tcp_flush(now, connection);
        self.settle(now);
    }

    /// Resets a connection and forgets it; its id is not to be used any more.
    pub fn tcp_abort(&mut self, now: Instant, connection: ConnectionId) {
        self.tcp_abort_one(now, connection);
        self.settle(now);
    }

    fn tcp_abort_one(&mut self, now: Instant, id: ConnectionId) {
        let Some(entry) = self.tcp.connections.get_mut(id) else { return };
        entry.owner = Owner::Nobody;
        entry.tcb.abort(now);
        self.tcp_flush(now, id);
    }

    /// Ends the connection in TIME-WAIT that stands where a new one is to stand; where that one has to start.
    fn tcp_replace(&mut self, now: Instant, tuple: &Tuple) -> Option<SeqNum> {
        let Some(id) = self.tcp.by_tuple.get(tuple) else { return self.time_wait_end(tuple) };
        let tcb = &mut self.tcp.connections.get_mut(id)?.tcb;
        let least = tcb.time_wait()?.restart_iss();
        tcb.end_time_wait();
        self.tcp_flush(now, id);
        Some(least)
    }

    /// The initial sequence number and timestamp offset of a connection.
    pub(crate) fn initial_numbers(&self, now: Instant, tuple: &Tuple) -> (SeqNum, u32) {
        (self.tcp.isn.isn(now, tuple), self.tcp.isn.timestamp_offset(tuple))
    }
}
