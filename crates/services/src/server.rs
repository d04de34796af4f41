//! What every TCP service shares: one dual-stack listener and its connections, each a session with bounded memory.

use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr};

use sockeye_abi::{Errno, Family, Transport};
use sockeye_base::{Chain, Instant};
use sockeye_socket::{Host, SocketId};

/// How many connections a service holds. Beyond it the one that was idle for longest is closed; if none is idle, new
/// ones wait in the accept queue.
const MAX_SESSIONS: usize = 1024;
const BACKLOG: i32 = 128;
/// How much a session reads at once, in bytes.
pub(crate) const READ_SIZE: usize = 64 * 1024;

/// One connection's state machine.
pub(crate) trait Session {
    /// Something changed: goes on as far as it can without waiting.
    fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Progress;

    /// Another socket that it waits for.
    fn waits_for(&self) -> Option<SocketId> {
        None
    }

    /// It ends: whatever else it has is to be closed.
    fn end(&mut self, _host: &mut Host, _now: Instant) {}
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// In the middle of something.
    Busy,
    /// Waiting for the peer to begin something.
    Idle,
    /// Over: the socket is to be closed.
    Done,
}

/// A listener and its sessions.
pub(crate) struct Server<S> {
    port: u16,
    new_session: Box<dyn Fn(SocketId) -> S + Send>,
    listener: Option<SocketId>,
    sessions: BTreeMap<SocketId, Entry<S>>,
    /// Sockets that sessions wait for beside their own.
    waited_for: BTreeMap<SocketId, SocketId>,
    /// Counts turns, to know which session was idle for longest.
    turn: u64,
}

struct Entry<S> {
    session: S,
    /// The turn since which it is idle.
    idle_since: Option<u64>,
}

impl<S: Session> Server<S> {
    pub(crate) fn new(port: u16, new_session: impl Fn(SocketId) -> S + Send + 'static) -> Server<S> {
        Server {
            port,
            new_session: Box::new(new_session),
            listener: None,
            sessions: BTreeMap::new(),
            waited_for: BTreeMap::new(),
            turn: 0,
        }
    }

    /// How connections to come are made.
    pub(crate) fn set_sessions(&mut self, new_session: impl Fn(SocketId) -> S + Send + 'static) {
        self.new_session = Box::new(new_session);
    }

    pub(crate) fn start(&mut self, host: &mut Host, now: Instant) -> Result<(), Errno> {
        let listener = bind(host, now, Transport::Tcp, self.port)?;
        host.listen(now, listener, BACKLOG)?;
        self.listener = Some(listener);
        self.sessions.clear();
        self.waited_for.clear();
        Ok(())
    }

    /// Serves a socket; `false` if it is not one of this server's.
    pub(crate) fn ready(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> bool {
        if self.listener == Some(socket) {
            self.accept(host, now);
            return true;
        }
        let socket = self.waited_for.get(&socket).copied().unwrap_or(socket);
        if !self.sessions.contains_key(&socket) {
            return false;
        }
        if self.serve(host, now, socket) == Progress::Done {
            // There is room again for one that waits.
            self.accept(host, now);
        }
        true
    }

    fn accept(&mut self, host: &mut Host, now: Instant) {
        let Some(listener) = self.listener else { return };
        while self.make_room(host, now) {
            let socket = match host.accept(now, listener) {
                Ok((socket, _)) => socket,
                Err(Errno::ECONNABORTED) => continue,
                Err(_) => return,
            };
            self.sessions.insert(socket, Entry { session: (self.new_session)(socket), idle_since: None });
            // What came before the accept is not announced again.
            self.serve(host, now, socket);
        }
    }

    fn serve(&mut self, host: &mut Host, now: Instant, socket: SocketId) -> Progress {
        let Some(entry) = self.sessions.get_mut(&socket) else { return Progress::Done };
        let before = entry.session.waits_for();
        let progress = entry.session.ready(host, now, socket);
        let after = entry.session.waits_for();
        if before != after {
            before.map(|other| self.waited_for.remove(&other));
            after.map(|other| self.waited_for.insert(other, socket));
        }
        self.turn += 1;
        match progress {
            Progress::Busy => entry.idle_since = None,
            Progress::Idle => entry.idle_since = Some(self.turn),
            Progress::Done => self.end(host, now, socket),
        }
        progress
    }

    fn make_room(&mut self, host: &mut Host, now: Instant) -> bool {
        if self.sessions.len() < MAX_SESSIONS {
            return true;
        }
        // Only closes something if somebody waits.
        if self.listener.is_none_or(|listener| host.pending(listener) == 0) {
            return false;
        }
        let idle =
            self.sessions.iter().filter_map(|(socket, entry)| Some((entry.idle_since?, *socket))).min();
        let Some((_, socket)) = idle else { return false };
        self.end(host, now, socket);
        true
    }

    fn end(&mut self, host: &mut Host, now: Instant, socket: SocketId) {
        if let Some(mut entry) = self.sessions.remove(&socket) {
            entry.session.waits_for().map(|other| self.waited_for.remove(&other));
            entry.session.end(host, now);
        }
        host.close(now, socket);
    }
}

/// A socket bound to a port of all addresses, IPv6 and IPv4.
pub(crate) fn bind(
    host: &mut Host,
    now: Instant,
    transport: Transport,
    port: u16,
) -> Result<SocketId, Errno> {
    let socket = host.socket(Family::Inet6, transport)?;
    match host.bind(now, socket, SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))) {
        Ok(()) => Ok(socket),
        Err(errno) => {
            host.close(now, socket);
            Err(errno)
        }
    }
}

/// Sends from the front of `data` what there is room for; `true` if nothing is left.
pub(crate) fn send_all(
    host: &mut Host,
    now: Instant,
    socket: SocketId,
    data: &mut Chain,
) -> Result<bool, Errno> {
    while !data.is_empty() {
        match host.send_chain(now, socket, data) {
            Ok(_) => {}
            Err(Errno::EAGAIN) => return Ok(false),
            Err(errno) => return Err(errno),
        }
    }
    Ok(true)
}
