//! Two hosts and a link in virtual time: whole TCP connections, segment by segment.

mod beside;
mod buffers;
mod exact;
mod failure;
mod impairments;
mod links;
mod routers;
mod switches;
mod transfer;

use std::net::SocketAddr;

use sockeye_abi::{Errno, Family, Opt, Transport};
use sockeye_base::{Duration, Instant, SeqNum};
use sockeye_lab::{Captured, HostId, HostSpec, Lab, LinkId, LinkSpec, Loss};
use sockeye_socket::{Host, SocketId};
use sockeye_stack::Settings;
use sockeye_wire::tcp::Flags;
use sockeye_wire::{Body, Payload};

const PORT: u16 = 8000;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Which addresses a test uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V4,
    V6,
}

const BOTH: [Version; 2] = [Version::V4, Version::V6];

/// Hosts `a` and `b`, what passes between them, and a clock.
struct Pair {
    lab: Lab,
    a: HostId,
    b: HostId,
    link: LinkId,
    now: Instant,
    version: Version,
    trace: Vec<Captured>,
}

impl Pair {
    /// A pair whose link has this delay and this loss each way.
    fn new(seed: u64, version: Version, delay: Duration, loss: Loss) -> Pair {
        Pair::with_settings(&Settings::default(), seed, version, delay, loss)
    }

    /// A pair that believes its neighbours for good: what a cut looks like from behind a router.
    fn far(version: Version) -> Pair {
        let settings =
            Settings { neighbour_reachable: Duration::from_secs(1_000_000), ..Settings::default() };
        Pair::with_settings(&settings, 1, version, ms(1), Loss::None)
    }

    fn with_settings(settings: &Settings, seed: u64, version: Version, delay: Duration, loss: Loss) -> Pair {
        let mut lab = Lab::new(seed);
        let [a, b] = [("a", 1), ("b", 2)].map(|(name, number)| {
            let addresses = [format!("10.0.0.{number}/24"), format!("fd00::{number}/64")];
            let addresses = addresses.map(|text| text.parse().unwrap()).to_vec();
            lab.add_host(HostSpec { settings: settings.clone(), ..HostSpec::new(name, addresses) })
        });
        let link = lab.add_link(LinkSpec::new(a, b).with(delay, loss));
        lab.set_capture(true);
        Pair { lab, a, b, link, now: Instant::ZERO, version, trace: Vec::new() }
    }

    /// The address of b.
    fn b_address(&self, port: u16) -> SocketAddr {
        match self.version {
            Version::V4 => ([10, 0, 0, 2], port).into(),
            Version::V6 => (std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2), port).into(),
        }
    }

    fn family(&self) -> Family {
        match self.version {
            Version::V4 => Family::Inet,
            Version::V6 => Family::Inet6,
        }
    }

    fn host(&mut self, id: HostId) -> &mut Host {
        self.lab.host_mut(id)
    }

    /// A listener on b.
    fn listen(&mut self) -> SocketId {
        let (family, now, address) = (self.family(), self.now, self.b_address(PORT));
        let b = self.b;
        let host = self.host(b);
        let socket = host.socket(family, Transport::Tcp).unwrap();
        host.bind(now, socket, address).unwrap();
        host.listen(now, socket, 5).unwrap();
        socket
    }

    /// A connection of a to b, begun.
    fn connect(&mut self, port: u16) -> SocketId {
        let (family, now, address) = (self.family(), self.now, self.b_address(port));
        let a = self.a;
        let host = self.host(a);
        let socket = host.socket(family, Transport::Tcp).unwrap();
        assert_eq!(host.connect(now, socket, address), Err(Errno::EINPROGRESS));
        self.lab.advance(now);
        socket
    }

    /// Both ends of a new connection, the listener closed.
    fn connection(&mut self) -> (SocketId, SocketId) {
        let listener = self.listen();
        let client = self.connect(PORT);
        let b = self.b;
        self.run(|pair| pair.host(b).pending(listener) > 0);
        let now = self.now;
        let (server, _) = self.host(b).accept(now, listener).unwrap();
        self.host(b).close(now, listener);
        (client, server)
    }

    /// Lets time pass, deadline by deadline, until `done`. Panics after a virtual day, or when nothing more happens.
    fn run(&mut self, mut done: impl FnMut(&mut Pair) -> bool) {
        let limit = self.now + Duration::from_secs(86_400);
        let mut idle = 0;
        loop {
            self.lab.advance(self.now);
            let ended = done(self);
            self.lab.advance(self.now);
            self.collect();
            if ended {
                return;
            }
            match self.lab.next_deadline() {
                Some(at) if at <= limit => {
                    idle = 0;
                    self.now = self.now.max(at);
                }
                // Without a delay all may have happened already, and `done` has more to do.
                None if idle < 100 => idle += 1,
                other => panic!("still not done at {:?}, next {other:?}", self.now),
            }
        }
    }

    /// Lets this much time pass.
    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        self.now = self.lab.run_until(self.now, end, |_, _| false);
        assert_eq!(self.now, end);
        self.collect();
    }

    /// Waits until an attempt to connect has ended, and says how.
    fn outcome(&mut self, socket: SocketId) -> Result<(), Errno> {
        let (a, address) = (self.a, self.b_address(PORT));
        let mut outcome = Ok(());
        self.run(|pair| {
            let now = pair.now;
            outcome = pair.host(a).connect(now, socket, address);
            outcome != Err(Errno::EALREADY)
        });
        outcome
    }

    fn collect(&mut self) {
        while let Some(captured) = self.lab.poll_captured() {
            self.trace.push(captured);
        }
    }

    /// What was sent since the last call, a line each: time in ms, host, and for TCP flags, sequence and acknowledgement
    /// number relative to the initial ones, and length.
    fn lines(&mut self) -> Vec<String> {
        self.collect();
        let trace = std::mem::take(&mut self.trace);
        let mut initial: [Option<SeqNum>; 2] = [None, None];
        trace.iter().map(|captured| line(captured, &mut initial)).collect()
    }
}

/// The number of the host that sent it.
fn sender(captured: &Captured) -> usize {
    captured.end.host().unwrap().0
}

fn line(captured: &Captured, initial: &mut [Option<SeqNum>; 2]) -> String {
    let host = ["a", "b"][sender(captured)];
    let what = match &captured.frame.payload {
        Payload::Arp(arp) => format!("arp {:?}", arp.operation),
        Payload::Bytes(_) => "bytes".to_owned(),
        Payload::Packet(packet) => match &packet.body {
            Body::Tcp(segment) => {
                if segment.flags.contains(Flags::SYN) {
                    initial[sender(captured)] = Some(segment.seq);
                }
                let [ours, theirs] =
                    [sender(captured), 1 - sender(captured)].map(|i| initial[i].unwrap_or_default());
                let mut text = flags(segment.flags);
                text += &format!(" {}", segment.seq.offset_from(ours));
                if segment.flags.contains(Flags::ACK) {
                    text += &format!(" ack {}", segment.ack.offset_from(theirs));
                }
                text + &format!(" len {}", segment.payload.len())
            }
            Body::Udp(_) => "udp".to_owned(),
            Body::Icmpv4(_) => "icmp".to_owned(),
            Body::Icmpv6(_) => "icmp6".to_owned(),
            Body::Igmp(_) => "igmp".to_owned(),
            Body::Fragment(_) => "frag".to_owned(),
            Body::Other { .. } => "other".to_owned(),
        },
    };
    let dropped = captured.dropped.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{} {host} {what}{dropped}", captured.at.as_millis())
}

fn flags(flags: Flags) -> String {
    let letters =
        [(Flags::FIN, 'F'), (Flags::SYN, 'S'), (Flags::RST, 'R'), (Flags::PSH, 'P'), (Flags::ACK, '.')];
    letters.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, letter)| letter).collect()
}
