//! Datagrams and echo requests that go out, and what comes back: a socket of the machine for each flow, which speaks with one
//! peer alone. Flows that are idle end, after what Linux's connection tracking gives them; the longest idle makes room.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno as Native;
use slotmap::Key;
use sockeye_base::{Chain, Duration, Instant};
use sockeye_socket::Host;
use sockeye_stack::Refusal;
use sockeye_wire::{Body, Packet, icmpv4, icmpv6, ip, udp};

use crate::target::{PATIENCE, Turn};
use crate::{Gateway, Item, ItemId, native};

/// So many flows there may be.
const MOST: usize = 1024;
/// How long a flow that was never answered stays, and one that was (`nf_conntrack_udp_timeout`, `…_stream`).
const UNANSWERED: Duration = Duration::from_secs(30);
const ANSWERED: Duration = Duration::from_secs(120);
/// Datagrams taken from one socket before others get their turn.
const AT_A_TIME: usize = 32;
/// An echo message's header.
const ECHO_HEADER: usize = 8;
/// What a packet may go through if nobody says anything: Linux's.
const DEFAULT_TTL: u8 = 64;

/// What tells flows apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowKey {
    /// Who sends; of echo requests without a port.
    from: SocketAddr,
    /// To whom.
    to: SocketAddr,
    /// Of echo requests their identifier.
    echo: Option<u16>,
}

/// A flow.
pub(crate) struct Flow {
    key: FlowKey,
    outer: OwnedFd,
    is_answered: bool,
    used: Instant,
    ttl: u8,
    /// It asks the machine's DNS servers, and is over with an answer.
    asks: Option<Asks>,
}

/// What DNS servers are asked.
struct Asks {
    turn: Turn,
    /// The latest.
    question: Chain,
}

impl Flow {
    fn ends(&self) -> Instant {
        match &self.asks {
            Some(asks) if asks.turn.has_next() => self.used + PATIENCE,
            _ => self.used + if self.is_answered { ANSWERED } else { UNANSWERED },
        }
    }
}

impl FlowKey {
    fn of(packet: &Packet) -> Option<(FlowKey, Chain)> {
        let key = |ports: (u16, u16), echo| FlowKey {
            from: SocketAddr::new(packet.source(), ports.0),
            to: SocketAddr::new(packet.destination(), ports.1),
            echo,
        };
        let request = |kind: u8, sequence: u16, payload: &Chain| {
            let [high, low] = sequence.to_be_bytes();
            // The kernel writes checksum and identifier.
            let mut request = Chain::from(vec![kind, 0, 0, 0, 0, 0, high, low]);
            request.append(payload.clone());
            request
        };
        match &packet.body {
            Body::Udp(datagram) => {
                Some((key((datagram.source, datagram.destination), None), datagram.payload.clone()))
            }
            Body::Icmpv4(icmpv4::Message::EchoRequest { id, sequence, payload }) => {
                Some((key((0, 0), Some(*id)), request(8, *sequence, payload)))
            }
            Body::Icmpv6(icmpv6::Message::EchoRequest { id, sequence, payload }) => {
                Some((key((0, 0), Some(*id)), request(128, *sequence, payload)))
            }
            _ => None,
        }
    }

    /// What the program sent, as far as a report says it.
    fn packet(&self, payload: Vec<u8>) -> Option<Packet> {
        let ip = ip::Header::new(self.from.ip(), self.to.ip())?;
        let body = match self.echo {
            None => Body::Udp(udp::Datagram {
                source: self.from.port(),
                destination: self.to.port(),
                payload: payload.into(),
            }),
            Some(id) => {
                let sequence = u16::from_be_bytes([*payload.get(6)?, *payload.get(7)?]);
                let payload = Chain::from(payload.get(ECHO_HEADER..)?.to_vec());
                match ip {
                    ip::Header::V4(_) => Body::Icmpv4(icmpv4::Message::EchoRequest { id, sequence, payload }),
                    ip::Header::V6(_) => Body::Icmpv6(icmpv6::Message::EchoRequest { id, sequence, payload }),
                }
            }
        };
        Some(Packet { ip, body })
    }
}

impl Gateway {
    /// A datagram or an echo request has come for somebody.
    pub(crate) fn datagram(&mut self, host: &mut Host, now: Instant, packet: &Packet) {
        let Some((key, payload)) = FlowKey::of(packet) else { return };
        let id = match self.flows.get(&key).copied() {
            Some(id) => id,
            None => match self.open_flow(host, now, key) {
                Ok(id) => id,
                Err(Some(refusal)) => return complain(host, now, packet, refusal),
                Err(None) => return,
            },
        };
        for again in [true, false] {
            let Some(Item::Flow(flow)) = self.items.get_mut(id) else { return };
            flow.used = now;
            if let Some(asks) = &mut flow.asks {
                asks.question = payload.clone();
            }
            let ttl = match packet.ip.hop_limit() {
                DEFAULT_TTL => DEFAULT_TTL,
                other => other.saturating_sub(1).max(1),
            };
            if ttl != flow.ttl && native::set_ttl(&flow.outer, key.to.is_ipv4(), ttl).is_ok() {
                flow.ttl = ttl;
            }
            match native::send(&flow.outer, &payload, false) {
                // What was said of an earlier one is told first.
                Err(error) if again => {
                    if !self.tell_reports(host, now, id) {
                        if let Some(refusal) = native::refusal(error) {
                            complain(host, now, packet, refusal);
                        }
                        return;
                    }
                }
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn open_flow(&mut self, host: &Host, now: Instant, key: FlowKey) -> Result<ItemId, Option<Refusal>> {
        let (mut target, mut turn) = self.targets.of(host, now, key.to)?;
        let outer = loop {
            let error = match native::datagrams(target, key.echo.is_some()) {
                Ok(outer) => break outer,
                Err(error) => error,
            };
            let is_refused = matches!(error, Native::ACCESS | Native::PERM | Native::PROTONOSUPPORT);
            if key.echo.is_some() && is_refused {
                self.targets.note_no_ping();
                return Err(Some(Refusal::Prohibited));
            }
            let next = turn.as_mut().and_then(|turn| self.targets.next(turn));
            target = next.ok_or_else(|| native::refusal(error))?;
        };
        if self.flows.len() >= MOST {
            self.end_idlest();
        }
        let asks = turn.map(|turn| Asks { turn, question: Chain::new() });
        let flow = Flow { key, outer, is_answered: false, used: now, ttl: DEFAULT_TTL, asks };
        let ends = flow.ends();
        let id = self.items.insert(Item::Flow(flow));
        if let Some(Item::Flow(flow)) = self.items.get(id)
            && self.watch(id, &flow.outer, EventFlags::IN).is_err()
        {
            self.items.remove(id);
            return Err(None);
        }
        self.flows.insert(key, id);
        self.sweep_by(ends);
        Ok(id)
    }

    /// A DNS server isn't there: asks the next, if the question has not been to all.
    fn ask_next(&mut self, now: Instant, id: ItemId) -> bool {
        loop {
            let Some(Item::Flow(flow)) = self.items.get_mut(id) else { return false };
            let Some(asks) = &mut flow.asks else { return false };
            let Some(target) = self.targets.next(&mut asks.turn) else { return false };
            let Ok(outer) = native::datagrams(target, false) else { continue };
            if native::send(&outer, &asks.question, false).is_err() {
                continue;
            }
            (flow.used, flow.ttl) = (now, DEFAULT_TTL);
            let ends = flow.ends();
            if epoll::add(&self.epoll, &outer, EventData::new_u64(id.data().as_ffi()), EventFlags::IN).is_ok()
            {
                flow.outer = outer;
                self.sweep_by(ends);
                return true;
            }
        }
    }

    /// Something has come for a flow, or an error.
    pub(crate) fn flow_ready(&mut self, host: &mut Host, now: Instant, id: ItemId) {
        for _ in 0..AT_A_TIME {
            let Some(Item::Flow(flow)) = self.items.get_mut(id) else { return };
            let came = match native::receive(&flow.outer, &mut self.buffer) {
                Ok(came) => came,
                Err(Native::AGAIN) => break,
                Err(_) => {
                    self.tell_reports(host, now, id);
                    continue;
                }
            };
            flow.used = now;
            flow.is_answered = true;
            let (key, asks_dns) = (flow.key, flow.asks.is_some());
            let bytes = self.buffer.get(..came).unwrap_or_default();
            match (key.echo, bytes.split_at_checked(ECHO_HEADER)) {
                (None, _) => {
                    let payload = self.pool.copy_in(bytes);
                    host.stack_mut().udp_send_as(now, key.to, key.from, payload);
                }
                (Some(echo), Some((header, payload))) => {
                    let sequence = u16::from_be_bytes([header[6], header[7]]);
                    let payload = self.pool.copy_in(payload);
                    let ends = (key.to.ip(), key.from.ip());
                    host.stack_mut().echo_reply_as(now, ends, (echo, sequence), payload);
                }
                (Some(_), None) => {}
            }
            if asks_dns {
                self.targets.answered();
                return self.end_flow(id);
            }
        }
        // An entry without an error of the socket's own.
        self.tell_reports(host, now, id);
    }

    /// Tells the program what the machine was told about what it had sent. Says whether there was something.
    fn tell_reports(&mut self, host: &mut Host, now: Instant, id: ItemId) -> bool {
        let mut any = false;
        for _ in 0..AT_A_TIME {
            let Some(Item::Flow(flow)) = self.items.get(id) else { break };
            let Some(report) = native::take_report(flow.outer.as_fd()) else { break };
            any = true;
            let (key, asks_dns) = (flow.key, flow.asks.is_some());
            let Some(refusal) = report.refusal else { continue };
            if self.ask_next(now, id) {
                continue;
            }
            let is_seen = |ip: &IpAddr| {
                ip.is_ipv4() == key.to.is_ipv4() && !ip.is_loopback() && !ip.is_unspecified() && !asks_dns
            };
            let offender = report.offender.filter(is_seen).unwrap_or(key.to.ip());
            if let Some(about) = key.packet(report.payload) {
                host.stack_mut().complain_as(now, offender, &about, refusal);
            }
        }
        any
    }

    /// A flow was idle for too long.
    fn lose_patience(&mut self, now: Instant, id: ItemId) {
        if !self.ask_next(now, id) {
            self.end_flow(id);
        }
    }

    fn end_flow(&mut self, id: ItemId) {
        if let Some(Item::Flow(flow)) = self.items.remove(id) {
            self.flows.remove(&flow.key);
        }
    }

    fn end_idlest(&mut self) {
        let used = |id: &ItemId| match self.items.get(*id) {
            Some(Item::Flow(flow)) => Some(flow.used),
            _ => None,
        };
        let idlest = self.flows.values().copied().min_by_key(used);
        idlest.into_iter().for_each(|id| self.end_flow(id));
    }

    /// Idle flows are looked for no later than this.
    pub(crate) fn sweep_by(&mut self, at: Instant) {
        self.sweep_at = Some(self.sweep_at.map_or(at, |other| other.min(at)));
    }

    /// Ends what was idle for too long.
    pub(crate) fn sweep(&mut self, host: &mut Host, now: Instant) {
        self.sweep_at = None;
        let mut over = Vec::new();
        for (id, item) in &self.items {
            let ends = match item {
                Item::Flow(flow) => flow.ends(),
                Item::Caller(caller) => caller.ends(),
                Item::Relay(relay) => match relay.patience_ends() {
                    Some(ends) => ends,
                    None => continue,
                },
                Item::Published(_) | Item::Door(_) => continue,
            };
            over.push((ends, id));
        }
        for (ends, id) in over {
            match self.items.get(id) {
                _ if ends > now => self.sweep_by(ends),
                Some(Item::Relay(_)) => self.refused(host, now, id, Native::TIMEDOUT),
                Some(Item::Flow(_)) => self.lose_patience(now, id),
                Some(_) => self.end_caller(host, now, id),
                None => {}
            }
        }
    }
}

/// Tells the sender of a packet that it doesn't get out.
fn complain(host: &mut Host, now: Instant, packet: &Packet, refusal: Refusal) {
    let own = host.stack().is_local(packet.destination()).then_some(packet.destination());
    if let Some(from) = own.or_else(|| host.stack().route_source(packet.source())) {
        host.stack_mut().complain_as(now, from, packet, refusal);
    }
}

/// How long a caller of a published port stays.
pub(crate) const CALLER_STAYS: Duration = ANSWERED;
