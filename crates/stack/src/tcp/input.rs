//! Segments that arrive: for a connection, for a listener, or for nobody.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use sockeye_base::{Counter, Instant, SeqNum};
use sockeye_tcp::{Error, State, Tcb, reset_for};
use sockeye_wire::Packet;
use sockeye_wire::ip::{self, Ecn};
use sockeye_wire::tcp::{Flags, Segment};

use super::cookies::{NoCookie, Verdict};
use super::fast_open::{self, is_accepted};
use super::{Owner, Tuple, mss_of};
use crate::InterfaceId;
use crate::output::{IpOptions, MtuDiscovery};
use crate::route::{Path, is_link_local, least_mtu};
use crate::stack::{ConnectionId, ListenerId, Stack};

impl Stack {
    /// The connection a packet is for, and whether it came the way that connection's own packets go.
    pub(crate) fn tcp_lookup(
        &mut self,
        interface: InterfaceId,
        packet: &Packet,
    ) -> Option<(ConnectionId, bool)> {
        let segment = packet.as_segment()?;
        let tuple = Tuple::new(
            (packet.destination(), segment.destination),
            SocketAddr::new(packet.source(), segment.source),
        );
        let id = self.tcp.by_tuple.find(&tuple)?;
        let connection = self.tcp.connections.get(id)?;
        let is_expected = connection.path.interface == interface && !self.renumbered;
        if !is_expected
            && let Some(bind) = connection.bind.and_then(|bind| self.tcp_ports.get(bind))
            && !bind.claim.device.takes(self.device_of(interface, packet.destination()))
        {
            return None;
        }
        Some((id, is_expected))
    }

    /// A segment has arrived, for a connection or not.
    pub(crate) fn tcp_input(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        ip: &ip::Header,
        segment: &mut Segment,
        connection: Option<ConnectionId>,
    ) {
        self.counters.add_many(Counter::TcpInSegs, segment.count() as u64);
        let ecn = ip.ecn();
        // RFC 3168, section 6.1.1: a SYN in a packet that says it may be marked doesn't ask for that honestly.
        if ecn != Ecn::NotEct && segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::ACK) {
            segment.flags.remove(Flags::ECE | Flags::CWR);
        }
        match connection {
            Some(id) if self.is_too_far(id, ip) => self.count(Counter::MinTtlDrop),
            Some(id) => self.connection_input(now, interface, id, (segment, ecn), ip),
            None => {
                let tuple = Tuple::new(
                    (ip.destination(), segment.destination),
                    SocketAddr::new(ip.source(), segment.source),
                );
                if let Some(opening) = self.time_wait_input(now, interface, (&tuple, std::mem::take(segment)))
                {
                    self.listener_input(now, interface, (tuple, ip), opening);
                }
            }
        }
    }

    /// IP_MINTTL (RFC 5082): what came from farther away than the socket allows.
    fn is_too_far(&self, id: ConnectionId, ip: &ip::Header) -> bool {
        self.tcp.connections.get(id).is_some_and(|connection| ip.hop_limit() < connection.options.min_ttl)
    }

    fn connection_input(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        id: ConnectionId,
        (segment, ecn): (&mut Segment, Ecn),
        ip: &ip::Header,
    ) {
        let Some(connection) = self.tcp.connections.get_mut(id) else { return };
        let tuple = connection.tuple;
        let (state, path) = (connection.tcb.state(), connection.path);
        let finishes =
            segment.flags.contains(Flags::ACK) && !segment.flags.intersects(Flags::RST | Flags::SYN);
        if let (State::SynReceived, Owner::Listener { id: listener, .. }, true) =
            (state, connection.owner, finishes)
            && let Some(entry) = self.tcp.listeners.get(listener)
            && !entry.listener.admits_established()
            && !connection.tcb.defers(segment)
        {
            return self.overflow(now, (id, listener), segment);
        }
        let again = (state == State::TimeWait && segment.flags.contains(Flags::SYN)).then(|| segment.clone());
        let acknowledges = segment.flags.contains(Flags::ACK);
        let unacknowledged = connection.tcb.snd_una();
        let outcome = connection.tcb.input_marked(now, segment, ecn);
        let progress = acknowledges && connection.tcb.snd_una() != unacknowledged;
        // What acknowledges new data is a sign that the neighbour lives and hears us.
        if progress && !path.is_local() {
            self.neighbours(now, path.interface, |neighbours, context| {
                neighbours.confirm(context, path.next_hop)
            });
        }
        if let Some(reply) = outcome.reply {
            self.tcp_transmit(now, id, reply, Ecn::NotEct);
        }
        // RFC 6191: TIME-WAIT gives way to a new connection of the same ends.
        if let (Some(least), Some(syn)) = (outcome.restart, again) {
            self.tcp_announce(id);
            self.tcp_reap(id);
            return self.listener_input(now, interface, (tuple, ip), (syn, Some(least)));
        }
        self.tcp_announce(id);
        self.tcp_flush(now, id);
    }

    /// The accept queue is full: a handshake that could finish has to wait, or ends (tcp_abort_on_overflow).
    fn overflow(&mut self, now: Instant, (id, listener): (ConnectionId, ListenerId), ack: &Segment) {
        self.count(Counter::ListenOverflows);
        self.count(Counter::ListenDrops);
        if !self.settings.tcp_abort_on_overflow {
            return;
        }
        self.count(Counter::EmbryonicRsts);
        if let Some(reset) = reset_for(ack) {
            self.tcp_transmit(now, id, reset, Ecn::NotEct);
        }
        if let Some(entry) = self.tcp.listeners.get_mut(listener) {
            entry.listener.gone(id);
        }
        self.tcp_forget(id);
    }

    /// A segment for no connection: a SYN for a listener, or nothing that anybody waits for (RFC 9293, section
    /// 3.10.7.1 and 3.10.7.2).
    fn listener_input(
        &mut self,
        now: Instant,
        interface: InterfaceId,
        (tuple, ip): (Tuple, &ip::Header),
        (mut segment, least_iss): (Segment, Option<SeqNum>),
    ) {
        let flags = segment.flags;
        let device = self.device_of(interface, tuple.local.ip());
        let strange =
            self.is_strange(tuple.local.ip()) && !self.any_destination.contains(&tuple.local.port());
        let listener = if strange { None } else { self.find_listener(&tuple, device) };
        let Some(listener) = listener else {
            let opens = flags.contains(Flags::SYN) && !flags.intersects(Flags::ACK | Flags::RST | Flags::FIN);
            if opens && self.take_knock((interface, ip), (&segment, least_iss)) {
                return;
            }
            self.count(Counter::TcpNoSocket);
            return self.refuse(now, interface, &tuple, &segment);
        };
        if self.tcp.listeners.get(listener).is_some_and(|entry| ip.hop_limit() < entry.options.min_ttl) {
            return self.count(Counter::MinTtlDrop);
        }
        if flags.contains(Flags::RST) {
            return self.count(Counter::TcpFlags);
        }
        if flags.contains(Flags::ACK) && !flags.contains(Flags::SYN) {
            let Some(path) = self.path_back(interface, tuple.remote.ip()) else { return };
            match self.take_cookie(now, listener, (tuple, path), &segment) {
                Ok(Some(id)) => {
                    return self.connection_input(now, interface, id, (&mut segment, Ecn::NotEct), ip);
                }
                Ok(None) => return,
                Err(NoCookie) => {}
            }
        }
        if flags.contains(Flags::ACK) {
            self.count(Counter::TcpFlags);
            return self.refuse(now, interface, &tuple, &segment);
        }
        // As Linux: a SYN with FIN is nobody's honest opening.
        if !flags.contains(Flags::SYN) || flags.contains(Flags::FIN) {
            return self.count(Counter::TcpFlags);
        }
        let Some(path) = self.path_back(interface, tuple.remote.ip()) else { return };
        let verdict = self.judge_syn(listener, least_iss.is_some());
        let Some(entry) = self.tcp.listeners.get(listener) else { return };
        let (bind, options) = (entry.bind, entry.options);
        let config = entry.listener.config().clone();
        let config = match verdict {
            Verdict::Drop => return,
            Verdict::Admit | Verdict::Cookie => self.config_for(config, &path, tuple.remote.ip()),
        };
        if let Verdict::Cookie = verdict {
            return self.send_cookie(now, (listener, config), (&tuple, &path), &segment);
        }
        let (iss, offset) = self.initial_numbers(now, &tuple);
        let iss = least_iss.map_or(iss, |least| iss.max(least));
        let (fast, cookie) = match self.fast_open_verdict(now, listener, &tuple, &segment) {
            fast_open::Verdict::Ordinary(cookie) => (false, cookie),
            fast_open::Verdict::Fast(cookie) => (true, cookie),
        };
        let mut tcb = if fast {
            Tcb::accept_fast(now, config, iss, offset, segment)
        } else {
            Tcb::accept(now, config, iss, offset, &segment)
        };
        cookie.into_iter().for_each(|cookie| tcb.give_cookie(cookie));
        let bind = self.tcp_ports.inherit(bind, tuple.local.ip());
        let owner = Owner::Listener { id: listener, established: false };
        let id = self.tcp_insert(tcb, (tuple, path), (owner, bind), options);
        if let Some(entry) = self.tcp.listeners.get_mut(listener) {
            entry.listener.syn_received(id);
            if fast && let Some(connection) = self.tcp.connections.get_mut(id) {
                entry.listener.fast_open_begun();
                connection.fast_open = Some(listener);
            }
        }
        self.tcp_flush(now, id);
    }

    /// The listener for a SYN: one on the very address before one on all, one bound to the device before one on all, one
    /// on all of IPv4 before one on all of both; among those that share by SO_REUSEPORT always the same for one peer.
    fn find_listener(&self, tuple: &Tuple, interface: InterfaceId) -> Option<ListenerId> {
        let listeners = self.tcp.by_port.get(&tuple.local.port())?;
        let scores = listeners.iter().filter_map(|id| {
            let claim = self.tcp_ports.get(self.tcp.listeners.get(*id)?.bind)?.claim;
            let takes = claim.takes(tuple.local.ip()) && claim.device.takes(interface);
            let is_bound = claim.device.one().is_some();
            takes.then_some(((!claim.address.is_unspecified(), is_bound, claim.address.is_ipv4()), *id))
        });
        let best = scores.clone().map(|(score, _)| score).max()?;
        let equals = scores.filter(|(score, _)| *score == best).map(|(_, id)| id);
        let at = self.tcp.spread((tuple.local.into(), tuple.remote.into()), equals.clone().count());
        equals.clone().nth(at)
    }

    /// RFC 9293, section 3.10.7.1: whoever speaks to nobody is reset.
    pub(crate) fn refuse(&mut self, now: Instant, interface: InterfaceId, tuple: &Tuple, segment: &Segment) {
        let Some(reset) = reset_for(segment) else { return };
        // As Linux: `::1` is looked for on the interface that has the other address, and isn't there.
        if tuple.remote.ip() == Ipv6Addr::LOCALHOST && tuple.local.ip() != tuple.remote.ip() {
            return self.count(Counter::IpOutNoRoutes);
        }
        let Some(path) = self.path_back(interface, tuple.remote.ip()) else {
            return self.count(Counter::IpOutNoRoutes);
        };
        self.count(Counter::TcpOutRsts);
        let header = self.ip_header(tuple.local.ip(), tuple.remote.ip(), IpOptions::default());
        if let Some(ip) = header {
            self.transmit_segment(now, &path, ip, reset);
        }
    }

    /// The way of answers to what came in by an interface. Policies are for those who ask, not for those who answer.
    pub(crate) fn path_back(&self, interface: InterfaceId, remote: IpAddr) -> Option<Path> {
        if interface == InterfaceId::LOOPBACK {
            return Some(Path { interface, next_hop: remote });
        }
        // A link-local address means nobody on another link.
        let device = Some(interface).filter(|_| is_link_local(remote)).into();
        self.path(remote, device)
    }

    /// An ICMP error came for a segment of ours. Only one that quotes data under way is believed (RFC 5927, section
    /// 4.1); says whether it is.
    pub(crate) fn tcp_error(
        &mut self,
        now: Instant,
        (source, source_port, destination, destination_port): (IpAddr, u16, IpAddr, u16),
        seq: SeqNum,
        error: Error,
    ) -> bool {
        let tuple = Tuple::new((source, source_port), SocketAddr::new(destination, destination_port));
        if let Some(id) = self.tuple_with_sequence(&tuple, seq)
            && let Some(connection) = self.tcp.connections.get_mut(id)
        {
            connection.tcb.soft_error(now, error, is_accepted(connection.owner));
            self.tcp_announce(id);
            self.tcp_flush(now, id);
            return true;
        }
        false
    }

    /// A router on the way takes only packets of this size (RFC 1191, RFC 8201). Says whether that is believed.
    pub(crate) fn tcp_path_mtu(
        &mut self,
        now: Instant,
        (source, source_port, destination, destination_port): (IpAddr, u16, IpAddr, u16),
        seq: SeqNum,
        mtu: usize,
    ) -> bool {
        let tuple = Tuple::new((source, source_port), SocketAddr::new(destination, destination_port));
        let mtu = mtu.max(least_mtu(source));
        if let Some(id) = self.tuple_with_sequence(&tuple, seq)
            && let Some(connection) = self.tcp.connections.get_mut(id)
        {
            let discovery = connection.options.discovery;
            // As Linux: without discovery IPv4's routers cut, and IPv6's say true.
            if !discovery.believes_routers() || (source.is_ipv4() && discovery == MtuDiscovery::Dont) {
                return true;
            }
            connection.tcb.path_mtu(now, mss_of(mtu, destination));
            self.tcp_flush(now, id);
            return true;
        }
        false
    }

    fn tuple_with_sequence(&self, tuple: &Tuple, seq: SeqNum) -> Option<ConnectionId> {
        let id = self.tcp.by_tuple.get(tuple)?;
        let tcb = &self.tcp.connections.get(id)?.tcb;
        (seq.at_or_after(tcb.snd_una()) && seq.at_or_before(tcb.snd_nxt())).then_some(id)
    }
}
