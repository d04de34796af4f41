//! The TCP connections and listeners of a host: who a segment is for, and whose turn it is to send.
//!
//! [`sockeye_tcp::Tcb`] knows what to do; this module finds it (by a keyed hash of the 4-tuple), puts its segments into
//! packets, keeps its deadline, and gives it up when it has finished and nobody holds it any more. User calls are in
//! `calls.rs`, arriving segments in `input.rs`.

mod calls;
mod cookies;
pub mod fast_open;
mod input;
mod time_wait;
mod tuple;

use std::collections::{BTreeMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sockeye_base::{Counter, Duration, Instant, Key, Rng, Table};
use sockeye_tcp::{Config, Cookies, Decision, IsnGenerator, Listener, State, Tcb, TimeWait};
use sockeye_wire::ip::Ecn;
use sockeye_wire::tcp::{Flags, Segment};
use sockeye_wire::{ip, ipv4, ipv6, tcp};

use crate::output::IpOptions;
use crate::route::{Path, longest_packet};
use crate::shown::{Backlog, Holder};
use crate::stack::{BindId, ConnectionId, Event, ListenerId, Round, SocketId, Stack};
use crate::timers::{Popped, Timer, TimerKey};
use fast_open::{FastOpenListener, FastOpenTable};
pub use time_wait::TimeWaitId;
use time_wait::TimeWaits;
use tuple::ByTuple;
pub(crate) use tuple::Tuple;

/// How many different beginnings are remembered to be shared.
const SHARED_CONFIGS: usize = 8;

/// Who holds a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// A socket.
    User,
    /// The listener whose SYN made it; once the handshake is done it waits there to be accepted.
    Listener { id: ListenerId, established: bool },
    /// Nobody: it goes when it has finished.
    Nobody,
}

#[derive(Debug)]
struct Connection {
    tcb: Tcb,
    tuple: Tuple,
    owner: Owner,
    /// The socket, if it is one that holds it.
    socket: SocketId,
    /// The port, held until the connection has finished.
    bind: Option<BindId>,
    path: Path,
    options: IpOptions,
    /// IPv4's identification of the next packet.
    ip_id: u16,
    flow_label: u32,
    timer: Timer,
    /// An event of it stands in the queue.
    announced: bool,
    burden: Burden,
    /// The listener in whose count of those that opened fast it is.
    fast_open: Option<ListenerId>,
}

impl Connection {
    /// All that is left of it is TIME-WAIT.
    fn is_left_in_time_wait(&self) -> bool {
        self.owner == Owner::Nobody && self.tcb.state() == State::TimeWait
    }
}

/// What a connection is counted as: of those that only take up room there is a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Burden {
    /// Somebody uses it, or it has ended.
    None,
    /// Nobody holds it, and it has not ended.
    Orphan,
    /// It is in TIME-WAIT.
    TimeWait,
}

#[derive(Debug)]
struct ListenerEntry {
    listener: Listener<ConnectionId>,
    bind: BindId,
    options: IpOptions,
    fast_open: FastOpenListener,
    socket: SocketId,
    announced: bool,
}

/// All of them; first what segments of connections go through.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct TcpTable {
    connections: Table<ConnectionId, Box<Connection>>,
    by_tuple: ByTuple<ConnectionId>,
    listeners: Table<ListenerId, Box<ListenerEntry>>,
    by_port: BTreeMap<u16, Vec<ListenerId>>,
    orphans: usize,
    /// Those in TIME-WAIT that somebody holds, and the others.
    held_time_waits: usize,
    time_waits: TimeWaits,
    /// What most connections begin with: many hosts have it in one place.
    usual: Option<Arc<Config>>,
    /// What recent connections began with that was something else.
    configs: VecDeque<Arc<Config>>,
    isn: IsnGenerator,
    cookies: Cookies,
    fast_open: FastOpenTable,
    /// Spreads flow labels and shared listeners.
    key: Key,
}

impl TcpTable {
    pub(crate) fn new(rng: &mut Rng) -> TcpTable {
        let (by_tuple, time_waits, secret) = (ByTuple::new(rng), TimeWaits::new(rng), rng.key());
        TcpTable {
            connections: Table::default(),
            by_tuple,
            listeners: Table::default(),
            by_port: BTreeMap::new(),
            orphans: 0,
            held_time_waits: 0,
            time_waits,
            usual: None,
            configs: VecDeque::new(),
            isn: IsnGenerator::new(secret),
            cookies: Cookies::new(secret),
            fast_open: FastOpenTable::default(),
            key: rng.key(),
        }
    }

    /// What most connections will begin with.
    pub(crate) fn set_usual(&mut self, config: Option<Arc<Config>>) {
        self.usual = config;
    }

    pub(crate) fn usual(&self) -> Option<Arc<Config>> {
        self.usual.clone()
    }

    /// The connection that had the segment before, whose the next probably is.
    pub(crate) fn latest(&self) -> Option<ConnectionId> {
        self.by_tuple.latest()
    }

    /// As [`Stack::look_ahead`].
    pub(crate) fn look_ahead(&self, round: Round) -> u64 {
        let Some(id) = self.latest() else { return 0 };
        let connection = || self.connections.get(id);
        match round {
            Round::Itself => self.connections.len() as u64,
            Round::Tables => u64::from(self.connections.contains_key(id)),
            Round::Entries => connection().map_or(0, |connection| {
                let own = [connection.path.interface.0 as u64, u64::from(connection.ip_id)];
                connection.tcb.look_ahead() ^ own[0] ^ own[1] ^ u64::from(connection.timer.is_queued())
            }),
            Round::Beyond => connection().map_or(0, |connection| connection.tcb.look_farther_ahead()),
        }
    }

    /// Says whose a connection is.
    pub(crate) fn set_socket_of(&mut self, id: ConnectionId, socket: SocketId) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.socket = socket;
        }
    }

    pub(crate) fn socket_of(&self, id: ConnectionId) -> Option<SocketId> {
        self.connections.get(id).filter(|own| own.owner == Owner::User).map(|own| own.socket)
    }

    /// Says whose a listener is.
    pub(crate) fn set_socket_of_listener(&mut self, id: ListenerId, socket: SocketId) {
        if let Some(entry) = self.listeners.get_mut(id) {
            entry.socket = socket;
        }
    }

    pub(crate) fn socket_of_listener(&self, id: ListenerId) -> Option<SocketId> {
        self.listeners.get(id).map(|entry| entry.socket)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys()
    }

    pub(crate) fn holder(&self, id: ConnectionId) -> Option<Holder> {
        Some(match self.connections.get(id)?.owner {
            Owner::User => Holder::Socket,
            Owner::Listener { .. } => Holder::Listener,
            Owner::Nobody => Holder::Nobody,
        })
    }

    pub(crate) fn left(&self) -> impl Iterator<Item = TimeWaitId> {
        self.time_waits.ids()
    }

    pub(crate) fn left_at(&self, id: TimeWaitId) -> Option<(SocketAddr, SocketAddr, Instant)> {
        self.time_waits.at(id)
    }

    pub(crate) fn backlog(&self, id: ListenerId) -> Option<Backlog> {
        let listener = &self.listeners.get(id)?.listener;
        Some(Backlog { limit: listener.backlog(), ready: listener.ready() })
    }

    /// Whether a connection is an open one in use, and so nobody's burden, accepted, and not to be given up.
    fn is_settled(&self, id: ConnectionId) -> bool {
        let settled = |connection: &Connection| {
            let open = matches!(connection.tcb.state(), State::Established | State::CloseWait);
            open && connection.owner == Owner::User && connection.burden == Burden::None
        };
        self.connections.get(id).is_some_and(|connection| settled(connection))
    }

    /// Counts a connection as what it has become; says what that is, if it is something new.
    fn weigh(&mut self, id: ConnectionId) -> Option<Burden> {
        let connection = self.connections.get_mut(id)?;
        let burden = match (connection.tcb.state(), connection.owner) {
            (State::TimeWait, _) => Burden::TimeWait,
            (state, Owner::Nobody) if !state.is_over() => Burden::Orphan,
            _ => Burden::None,
        };
        let old = std::mem::replace(&mut connection.burden, burden);
        if old == burden {
            return None;
        }
        self.unweigh(old);
        match burden {
            Burden::None => {}
            Burden::Orphan => self.orphans += 1,
            Burden::TimeWait => self.held_time_waits += 1,
        }
        Some(burden)
    }

    fn unweigh(&mut self, burden: Burden) {
        match burden {
            Burden::None => {}
            Burden::Orphan => self.orphans = self.orphans.saturating_sub(1),
            Burden::TimeWait => self.held_time_waits = self.held_time_waits.saturating_sub(1),
        }
    }

    /// Whether a connection may be made between these ends: there is none, or one in TIME-WAIT whose peer has been silent
    /// for so long (none: however long).
    fn is_free(&self, now: Instant, tuple: &Tuple, delay: Option<Duration>) -> bool {
        let gives_way = |old: &TimeWait| delay.is_some_and(|delay| old.may_be_replaced(now, delay));
        match self.by_tuple.get(tuple).and_then(|id| self.connections.get(id)) {
            Some(connection) => connection.tcb.time_wait().is_some_and(|old| gives_way(&old)),
            None => self.time_waits.get(tuple).is_none_or(gives_way),
        }
    }

    /// Whether there is a connection between these ends.
    pub(crate) fn has(&self, tuple: &Tuple) -> bool {
        self.by_tuple.get(tuple).is_some()
    }

    /// The same settings, in one place for all that have them.
    fn shared(&mut self, config: Config) -> Arc<Config> {
        if let Some(same) = self.usual.iter().chain(&self.configs).find(|held| ***held == config) {
            return Arc::clone(same);
        }
        self.configs.truncate(SHARED_CONFIGS - 1);
        let config = Arc::new(config);
        self.configs.push_front(Arc::clone(&config));
        config
    }

    /// A connection is no more.
    fn remove(&mut self, id: ConnectionId) -> Option<Box<Connection>> {
        let connection = self.connections.remove(id)?;
        self.unweigh(connection.burden);
        Some(connection)
    }

    /// Its event has been taken.
    pub(crate) fn reported(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.announced = false;
        }
    }

    /// Its event has been taken.
    pub(crate) fn listener_reported(&mut self, id: ListenerId) {
        if let Some(entry) = self.listeners.get_mut(id) {
            entry.announced = false;
        }
    }

    pub(crate) fn time_waits_timer_mut(&mut self) -> &mut Timer {
        self.time_waits.timer_mut()
    }

    pub(crate) fn timer_mut(&mut self, id: ConnectionId) -> Option<&mut Timer> {
        self.connections.get_mut(id).map(|connection| &mut connection.timer)
    }

    /// The label of a flow's packets, always the same (RFC 6437).
    pub(crate) fn flow_label(&self, flow: &impl Hash) -> u32 {
        (self.key.hash(flow) & 0xf_ffff) as u32
    }

    /// One of `n`, always the same for one pair of addresses.
    pub(crate) fn spread(&self, addresses: (SocketAddr, SocketAddr), n: usize) -> usize {
        if n <= 1 {
            return 0;
        }
        usize::try_from(self.key.hash(&addresses) % n as u64).unwrap_or(0)
    }
}

impl Stack {
    /// An entry of a connection's timer came up.
    pub(crate) fn tcp_timer(&mut self, now: Instant, id: ConnectionId, at: Instant) {
        let Some(connection) = self.tcp.connections.get_mut(id) else { return };
        match connection.timer.popped(at) {
            Popped::Nothing => {}
            Popped::Later(deadline) => self.timers.put_back(TimerKey::Connection(id), deadline),
            Popped::Due => {
                self.tcp_announce(id);
                self.tcp_flush(now, id);
            }
        }
    }

    /// Sends what a connection has to send now, sets its timer, and gives it up if it is done with.
    fn tcp_flush(&mut self, now: Instant, id: ConnectionId) {
        self.tcp_decide(now, id);
        if self.tcp.is_settled(id) {
            return;
        }
        if self.tcp_lighten(now, id) {
            self.tcp_decide(now, id);
        }
        self.tcp_promote(id);
        self.tcp_reap(id);
    }

    fn tcp_decide(&mut self, now: Instant, id: ConnectionId) {
        loop {
            let Some(connection) = self.tcp.connections.get_mut(id) else { return };
            let retransmitted = connection.tcb.total_retrans();
            match connection.tcb.decide(now) {
                Decision::Send(segment) => {
                    let ecn = connection.tcb.ecn();
                    let again = connection.tcb.total_retrans().wrapping_sub(retransmitted);
                    // Its place is far from those of what every segment counts.
                    if again > 0 {
                        self.counters.add_many(Counter::TcpRetransSegs, again.into());
                    }
                    self.tcp_transmit(now, id, segment, ecn);
                }
                // It is about to be retired.
                Decision::Wait(_) if connection.is_left_in_time_wait() => return,
                Decision::Wait(deadline) => {
                    // Never at `now` again: time must go on.
                    let soonest = Instant::from_nanos(now.as_nanos().saturating_add(1));
                    let deadline = deadline.map(|at| at.max(soonest));
                    let opens_fast = connection.tcb.has_fast_open();
                    self.timers.set(TimerKey::Connection(id), &mut connection.timer, deadline);
                    let tally = connection.tcb.take_tally();
                    if !tally.is_empty() {
                        self.counters.add_all(tally);
                    }
                    if opens_fast {
                        self.tcp_fast_open_news(now, id);
                    }
                    return;
                }
            }
        }
    }

    /// Ends a connection that has become one too many of those that nobody needs, as Linux does: TIME-WAIT is left out,
    /// an orphan is reset. Says whether it did.
    fn tcp_lighten(&mut self, now: Instant, id: ConnectionId) -> bool {
        let burden = self.tcp.weigh(id);
        let too_many = match burden {
            None | Some(Burden::None) => false,
            Some(Burden::Orphan) => self.tcp.orphans > self.settings.tcp_max_orphans,
            Some(Burden::TimeWait) => self.tcp_time_waits() > self.settings.tcp_max_tw_buckets,
        };
        match (too_many, burden) {
            (true, Some(Burden::Orphan)) => self.count(Counter::AbortOnMemory),
            (true, Some(Burden::TimeWait)) => self.count(Counter::TimeWaitOverflow),
            (true, Some(Burden::None) | None) | (false, _) => {}
        }
        if too_many && let Some(connection) = self.tcp.connections.get_mut(id) {
            connection.tcb.end_time_wait();
            connection.tcb.abort(now);
            self.tcp.weigh(id);
        }
        too_many
    }

    /// Puts a connection's segment into a packet, and that on its way.
    fn tcp_transmit(&mut self, now: Instant, id: ConnectionId, segment: Segment, ecn: Ecn) {
        let Some(connection) = self.tcp.connections.get_mut(id) else { return };
        let (path, tuple, options) = (connection.path, connection.tuple, connection.options);
        let (ip_id, flow_label) = (connection.ip_id, connection.flow_label);
        if self.renumbered && !options.any_source && !self.is_local(tuple.local.ip()) {
            return self.count(Counter::IpOutNoRoutes);
        }
        let Some(connection) = self.tcp.connections.get_mut(id) else { return };
        // As Linux: identification 0 in SYNs, counting from there on.
        let syn = segment.flags.contains(Flags::SYN);
        if segment.flags.contains(Flags::RST) {
            self.counters.add(Counter::TcpOutRsts);
        }
        if !syn {
            connection.ip_id = ip_id.wrapping_add(segment.count() as u16);
        }
        let options = if syn && segment.flags.contains(Flags::ACK) { options.of_syn_ack() } else { options };
        let Some(mut ip) = self.ip_header(tuple.local.ip(), tuple.remote.ip(), options) else { return };
        match &mut ip {
            ip::Header::V4(header) => header.id = if syn { 0 } else { ip_id },
            ip::Header::V6(_) if options.no_flow_label => {}
            ip::Header::V6(header) => header.flow_label = flow_label,
        }
        ip.set_ecn(ecn);
        self.transmit_segment(now, &path, ip, segment);
    }

    /// A connection made by a listener has finished its handshake: it may be accepted.
    fn tcp_promote(&mut self, id: ConnectionId) {
        let Some(connection) = self.tcp.connections.get_mut(id) else { return };
        let Owner::Listener { id: listener, established: false } = connection.owner else { return };
        let state = connection.tcb.state();
        if !state.is_opening() && state != State::Closed {
            self.counters.add(Counter::TcpPassiveOpens);
            connection.owner = Owner::Listener { id: listener, established: true };
            if let Some(entry) = self.tcp.listeners.get_mut(listener) {
                entry.listener.established(id);
                if !std::mem::replace(&mut entry.announced, true) {
                    self.events.push_back(Event::Listener(listener));
                }
            }
        }
    }

    /// A finished connection frees its 4-tuple and port; it goes unless a socket or an accept queue still holds it.
    fn tcp_reap(&mut self, id: ConnectionId) {
        let Some(connection) = self.tcp.connections.get_mut(id) else { return };
        if connection.is_left_in_time_wait() {
            return self.tcp_retire(id);
        }
        if !connection.tcb.is_finished() {
            return;
        }
        let (tuple, owner, bind) = (connection.tuple, connection.owner, connection.bind.take());
        if let Some(bind) = bind {
            self.tcp_ports.release(bind);
        }
        if self.tcp.by_tuple.get(&tuple) == Some(id) {
            self.tcp.by_tuple.remove(&tuple);
        }
        match owner {
            Owner::User | Owner::Listener { established: true, .. } => {}
            Owner::Listener { id: listener, established: false } => {
                if let Some(entry) = self.tcp.listeners.get_mut(listener) {
                    entry.listener.gone(id);
                }
                self.tcp_remove(id);
            }
            Owner::Nobody => {
                self.tcp_remove(id);
            }
        }
    }

    /// Takes a connection out, with its timer.
    fn tcp_remove(&mut self, id: ConnectionId) -> Option<Box<Connection>> {
        let mut connection = self.tcp.remove(id)?;
        self.timers.remove(TimerKey::Connection(id), &mut connection.timer);
        Some(connection)
    }

    /// Forgets a connection without a word.
    fn tcp_forget(&mut self, id: ConnectionId) {
        let Some(connection) = self.tcp_remove(id) else { return };
        if let Some(bind) = connection.bind {
            self.tcp_ports.release(bind);
        }
        if self.tcp.by_tuple.get(&connection.tuple) == Some(id) {
            self.tcp.by_tuple.remove(&connection.tuple);
        }
    }

    /// Its socket must look at it.
    fn tcp_announce(&mut self, id: ConnectionId) {
        if let Some(connection) = self.tcp.connections.get_mut(id)
            && connection.owner == Owner::User
            && !std::mem::replace(&mut connection.announced, true)
        {
            self.events.push_back(Event::Connection(id));
        }
    }

    /// Takes a new connection in.
    fn tcp_insert(
        &mut self,
        tcb: Tcb,
        (tuple, path): (Tuple, Path),
        (owner, bind): (Owner, Option<BindId>),
        options: IpOptions,
    ) -> ConnectionId {
        let flow_label = if tuple.remote.ip().is_ipv6() { self.tcp.flow_label(&tuple) } else { 0 };
        let connection = Connection {
            tcb,
            tuple,
            owner,
            socket: SocketId::default(),
            bind,
            path,
            options,
            ip_id: self.rng.next_u32() as u16,
            flow_label,
            timer: Timer::default(),
            announced: false,
            burden: Burden::None,
            fast_open: None,
        };
        let id = self.tcp.connections.insert(Box::new(connection));
        self.tcp.by_tuple.insert(tuple, id);
        id
    }

    /// Takes in a connection that a SYN has opened and that has no listener: its handshake is under way when this returns.
    pub(crate) fn tcp_opened(
        &mut self,
        now: Instant,
        tcb: Tcb,
        ends: (Tuple, Path),
        options: IpOptions,
    ) -> ConnectionId {
        let id = self.tcp_insert(tcb, ends, (Owner::User, None), options);
        self.tcp_flush(now, id);
        id
    }

    /// The largest segment the path's link takes (RFC 9293, section 3.7.1: options not counted).
    fn path_mss(&self, path: &Path, remote: IpAddr) -> u16 {
        mss_of(self.mtu(path), remote)
    }

    /// What a connection along this path begins with.
    pub(crate) fn config_for(&mut self, mut config: Config, path: &Path, remote: IpAddr) -> Arc<Config> {
        let mss = self.path_mss(path, remote);
        config.mss = config.user_mss.map_or(mss, |most| mss.min(most));
        self.tcp.shared(config)
    }
}

/// The largest segment that packets of this size carry.
fn mss_of(mtu: usize, remote: IpAddr) -> u16 {
    let headers = match remote {
        IpAddr::V4(_) => ipv4::HEADER_LEN + tcp::HEADER_LEN,
        IpAddr::V6(_) => ipv6::HEADER_LEN + tcp::HEADER_LEN,
    };
    u16::try_from(mtu.min(longest_packet(remote)).saturating_sub(headers).max(1)).unwrap_or(u16::MAX)
}
