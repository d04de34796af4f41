//! Two hosts on one Ethernet, in virtual time.

mod bare;
mod counted;
mod flood;
mod hostile;
mod limits;
mod memberships;
mod neighbours;
mod policy;
mod strangers;
mod tcp;
mod time_wait;
mod udp;

use std::net::{IpAddr, SocketAddr};

use sockeye_base::{Chain, Duration, Instant, Rng};
use sockeye_wire::ethernet::Mac;
use sockeye_wire::{Body, Frame, Packet, Payload};

use crate::*;

/// Two stacks and the wire between them, which takes no time.
pub(super) struct Pair {
    pub(super) a: Stack,
    pub(super) b: Stack,
    pub(super) now: Instant,
    /// What has crossed the wire: when, whether from `a`, what.
    pub(super) wire: Vec<(Instant, bool, Frame)>,
    /// Frames from `a` don't arrive.
    pub(super) cut: bool,
}

pub(super) const ETH0: InterfaceId = InterfaceId(1);

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(address), port)
}

pub(super) fn bytes(text: &str) -> Chain {
    Chain::from(text.as_bytes().to_vec())
}

pub(super) fn mac(host: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, host])
}

pub(super) fn request(address: &str, port: u16) -> BindRequest {
    BindRequest {
        local: at(address, port),
        reuse_address: false,
        reuse_port: false,
        dual: address.contains(':'),
        device: None,
        nonlocal: false,
        range: PortRange::default(),
    }
}

/// Any port of the wildcard of an address's family.
pub(super) fn anywhere(like: &SocketAddr) -> Origin {
    Origin::Any(request(if like.is_ipv4() { "0.0.0.0" } else { "::" }, 0))
}

/// Host n has 10.61.0.n and fd61::n.
pub(super) fn host(n: u8) -> Stack {
    let mut stack = Stack::new(Settings::default(), Rng::from_seed(n.into()));
    let addresses =
        vec![format!("10.61.0.{n}/24").parse().unwrap(), format!("fd61::{n}/64").parse().unwrap()];
    let id = stack.add_interface(Interface { name: "eth0".into(), mac: mac(n), mtu: 1500, addresses });
    assert_eq!(id, ETH0);
    stack
}

impl Pair {
    pub(super) fn new() -> Pair {
        Pair { a: host(1), b: host(2), now: Instant::from_millis(1000), wire: Vec::new(), cut: false }
    }

    /// Moves frames until none moves.
    pub(super) fn run(&mut self) {
        let mut moved = true;
        while std::mem::take(&mut moved) {
            while let Some((interface, frame)) = self.a.poll_frame() {
                moved = true;
                self.wire.push((self.now, true, Frame::clone(&frame)));
                if !self.cut {
                    self.b.input(self.now, interface, frame);
                }
            }
            while let Some((interface, frame)) = self.b.poll_frame() {
                moved = true;
                self.wire.push((self.now, false, Frame::clone(&frame)));
                self.a.input(self.now, interface, frame);
            }
            assert!(self.wire.len() < 100_000, "it never ends");
        }
    }

    /// Lets time pass, from deadline to deadline.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        self.run();
        while let Some(next) = [self.a.next_deadline(), self.b.next_deadline()].into_iter().flatten().min()
            && next <= end
        {
            assert!(next >= self.now, "a deadline in the past");
            self.now = next;
            self.a.advance(next);
            self.b.advance(next);
            self.run();
            for stack in [&mut self.a, &mut self.b] {
                assert!(stack.next_deadline().is_none_or(|at| at > next), "due again at once");
            }
        }
        self.now = end;
    }

    /// A listener on `b`.
    pub(super) fn listen(&mut self, address: &str, port: u16, backlog: usize) -> ListenerId {
        let bind = self.b.bind_tcp(request(address, port)).unwrap();
        self.b.tcp_listen(self.now, bind, backlog, sockeye_tcp::Config::default()).unwrap()
    }

    /// A connection from `a`.
    pub(super) fn connect(&mut self, to: SocketAddr) -> ConnectionId {
        let id = self
            .a
            .tcp_connect(self.now, anywhere(&to), to, (sockeye_tcp::Config::default(), IpOptions::default()))
            .unwrap();
        self.run();
        id
    }

    /// One word per frame so far, `>` from `a`; then forgets them.
    pub(super) fn words(&mut self) -> Vec<String> {
        let words = self.wire.drain(..).map(|(_, from_a, frame)| {
            let what = match &frame.payload {
                Payload::Arp(packet) => format!("arp-{:?}", packet.operation).to_lowercase(),
                Payload::Packet(packet) => packet_word(packet),
                Payload::Bytes(_) => "bytes".into(),
            };
            format!("{}{what}", if from_a { '>' } else { '<' })
        });
        words.collect()
    }
}

fn packet_word(packet: &Packet) -> String {
    use sockeye_wire::icmpv6::Message;
    match &packet.body {
        Body::Tcp(segment) => {
            segment.flags.iter_names().map(|(name, _)| name.to_lowercase()).collect::<Vec<_>>().join("+")
        }
        Body::Udp(_) => "udp".into(),
        Body::Icmpv6(Message::NeighborSolicitation { .. }) => "ns".into(),
        Body::Icmpv6(Message::NeighborAdvertisement { .. }) => "na".into(),
        Body::Icmpv4(_) | Body::Icmpv6(_) => "icmp".into(),
        Body::Igmp(_) => "igmp".into(),
        Body::Fragment(_) => "frag".into(),
        Body::Other { .. } => "other".into(),
    }
}
