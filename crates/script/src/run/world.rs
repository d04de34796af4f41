//! The virtual host and the time it lives in. Packets go in as from a router on its only link; those it sends are kept
//! with their times until the script asks for them. Its questions for hardware addresses are answered at once.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;

use sockeye_base::{Duration, Instant, Rng};
use sockeye_socket::{Host, SocketId};
use sockeye_stack::{Cidr, Interface, InterfaceId, Route, Settings, Stack};
use sockeye_wire::ethernet::Mac;
use sockeye_wire::{Body, Frame, Packet, Payload, arp, icmpv6, ip};

use crate::setup::Setup;
use crate::syntax::Nanos;

/// The host's own address on the link, and the router's.
const OURS: Mac = Mac([2, 0, 0, 0, 0, 1]);
const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 2]);
/// When the script starts, by the host's clock.
const START: Duration = Duration::from_secs(1000);
/// Deadlines that are run at one moment before it is called a fault of the host.
const BUSY: usize = 100_000;

/// A packet that crossed the link.
#[derive(Clone, Debug)]
pub struct Captured {
    /// When, from the start of the script.
    pub at: Duration,
    /// The packet.
    pub packet: Packet,
}

/// A packet the host sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Nanos,
    pub(crate) packet: Packet,
}

/// The host and its time.
pub(crate) struct World {
    pub(crate) host: Host,
    /// What the host sent and the script has not asked for.
    pub(crate) sent: VecDeque<Sent>,
    /// Sockets that may have changed since somebody looked.
    pub(crate) changed: BTreeSet<SocketId>,
    pub(crate) captured: Vec<Captured>,
    link: InterfaceId,
    now: Instant,
}

impl World {
    pub(crate) fn new(setup: &Setup) -> World {
        let mut stack = Stack::new(Settings::default(), Rng::from_seed(1));
        let (prefix, any): (u8, IpAddr) = if setup.v6 {
            (64, std::net::Ipv6Addr::UNSPECIFIED.into())
        } else {
            (16, std::net::Ipv4Addr::UNSPECIFIED.into())
        };
        let addresses = Cidr::new(setup.local, prefix).into_iter().collect();
        let link =
            stack.add_interface(Interface { name: "tun0".into(), mac: OURS, mtu: setup.mtu, addresses });
        // The router's own address matters to nobody: it answers for every one.
        if let Some(destination) = Cidr::new(any, 0) {
            stack.add_route(Route { destination, via: Some(router(setup.local)), interface: link });
        }
        World {
            host: Host::new("script", stack),
            sent: VecDeque::new(),
            changed: BTreeSet::new(),
            captured: Vec::new(),
            link,
            now: Instant::ZERO + START,
        }
    }

    /// The host's clock.
    pub(crate) fn clock(&self) -> Instant {
        self.now
    }

    /// Nanoseconds since the script started.
    pub(crate) fn now(&self) -> Nanos {
        i64::try_from(self.now.since(Instant::ZERO + START).as_nanos()).unwrap_or(Nanos::MAX)
    }

    /// A packet arrives.
    pub(crate) fn inject(&mut self, packet: Packet) {
        self.captured.push(Captured { at: self.now.since(Instant::ZERO + START), packet: packet.clone() });
        let frame = Frame::between(ROUTER, OURS, packet);
        self.host.input(self.now, self.link, frame);
        self.collect();
    }

    /// Runs the host's next deadline if it isn't after `limit`, or moves on to `limit`. `false`: `limit` is reached.
    pub(crate) fn step(&mut self, limit: Nanos) -> bool {
        let limit = at(limit);
        match self.host.next_deadline() {
            Some(deadline) if deadline <= limit => {
                self.now = self.now.max(deadline);
                self.host.advance(self.now);
                self.collect();
                true
            }
            Some(_) | None => {
                if limit > self.now {
                    self.now = limit;
                    self.host.advance(self.now);
                    self.collect();
                }
                false
            }
        }
    }

    /// Whether anything will ever happen by itself.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.host.next_deadline().is_none()
    }

    /// Takes what the host wants to send and tell. Follows every call on the host.
    pub(crate) fn collect(&mut self) {
        for _ in 0..BUSY {
            let Some((_, frame)) = self.host.poll_frame() else { break };
            self.leaves(*frame);
        }
        while let Some(id) = self.host.poll_changed() {
            self.changed.insert(id);
        }
    }

    fn leaves(&mut self, frame: Frame) {
        let answer = match frame.payload {
            Payload::Arp(request) if request.operation == arp::Operation::Request => {
                Payload::Arp(arp::Packet {
                    operation: arp::Operation::Reply,
                    sender_mac: ROUTER,
                    sender_ip: request.target_ip,
                    target_mac: request.sender_mac,
                    target_ip: request.sender_ip,
                })
            }
            Payload::Packet(packet) => match advertisement(&packet) {
                Some(answer) => Payload::Packet(answer),
                None => return self.left(packet),
            },
            Payload::Arp(_) | Payload::Bytes(_) => return,
        };
        self.host.input(self.now, self.link, Frame::between(ROUTER, OURS, answer));
    }

    fn left(&mut self, packet: Packet) {
        if matches!(
            packet.body,
            Body::Icmpv6(
                icmpv6::Message::NeighborSolicitation { .. } | icmpv6::Message::NeighborAdvertisement { .. }
            )
        ) {
            return;
        }
        self.captured.push(Captured { at: self.now.since(Instant::ZERO + START), packet: packet.clone() });
        let at = self.now();
        // Scripts see single segments, as on a link without offload; they join them where they want longer ones.
        self.sent.extend(packet.split().map(|packet| Sent { at, packet }));
    }
}

fn at(nanos: Nanos) -> Instant {
    Instant::ZERO + START + Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// An address on the link that is nobody's: the last one of the network.
fn router(local: IpAddr) -> IpAddr {
    match local {
        IpAddr::V4(local) => {
            let [a, b, ..] = local.octets();
            IpAddr::from([a, b, 255, 254])
        }
        IpAddr::V6(local) => std::net::Ipv6Addr::from_bits(local.to_bits() | 0xffff).into(),
    }
}

/// The answer to a neighbour solicitation.
fn advertisement(packet: &Packet) -> Option<Packet> {
    let Body::Icmpv6(icmpv6::Message::NeighborSolicitation { target, .. }) = &packet.body else {
        return None;
    };
    let mut ip = ip::Header::new((*target).into(), packet.source())?;
    ip.set_hop_limit(255);
    let message = icmpv6::Message::NeighborAdvertisement {
        router: true,
        solicited: true,
        override_flag: true,
        target: *target,
        target_mac: Some(ROUTER),
    };
    Some(Packet { ip, body: Body::Icmpv6(message) })
}
