//! Thousands of connections in one poll loop, one of them at work; and what sockets of each kind cost that do nothing.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use sockeye::net::{TcpListener, TcpStream};
use sockeye::poll::{Events, Interest, Mode, Poll, Token};
use sockeye_abi::{Family, SocketType, Transport};
use sockeye_base::Instant;
use sockeye_lab::{HostSpec, Lab};
use sockeye_socket::Host;
use sockeye_stack::Cidr;

use crate::library::hosts;
use crate::report::{Better, Row};
use crate::sampling::{Effort, rate};
use crate::{Figures, Rows, heap};

const BATCH: u64 = 100;
const FIRST_PORT: u16 = 10_000;
/// For experiments (RFC 3692).
const PROTOCOL: u16 = 253;
const KIB: f64 = 1024.0;

pub(crate) fn rows() -> Rows {
    let polls = Row {
        name: "10,000 sockets in one poll loop",
        unit: "1/s",
        better: Better::More,
        peer_name: "Sockeye with one socket in it",
        target: 0.8,
    };
    let heap = |name| Row { name, unit: "bytes", better: Better::Less, peer_name: "1 KiB", target: 1.0 };
    vec![
        (
            polls,
            Box::new(|effort: &Effort| {
                let (mut many, mut one) = (Loop::new(effort.idle), Loop::new(0));
                Some(effort.medians(|sample| many.round_trips(sample), |sample| one.round_trips(sample)))
            }),
        ),
        (
            heap("heap of a listening socket"),
            Box::new(|effort: &Effort| Some(heap_of(effort.idle, listening))),
        ),
        (
            heap("heap of a bound UDP socket"),
            Box::new(|effort: &Effort| Some(heap_of(effort.idle, datagrams))),
        ),
        (heap("heap of a raw socket"), Box::new(|effort: &Effort| Some(heap_of(effort.idle, raw)))),
        (
            heap("heap of an end of a Unix pair"),
            Box::new(|effort: &Effort| Some(heap_of(effort.idle / 2, pairs))),
        ),
    ]
}

/// An echo server over a poll set, with idle connections in it, and a client.
struct Loop {
    poll: Poll,
    events: Events,
    idle: Vec<(TcpStream, TcpStream)>,
    client: TcpStream,
    server: TcpStream,
}

impl Loop {
    fn new(idle: usize) -> Loop {
        let (a, b) = hosts();
        let listener = b.run(|| TcpListener::bind("b:7")).expect("a listener");
        let poll = b.run(Poll::new).expect("a poll set");
        let connect = |at: usize| {
            let client = a.run(|| TcpStream::connect("b:7")).expect("a connection");
            let (server, _) = listener.accept().expect("a connection");
            server.set_nonblocking(true).expect("O_NONBLOCK");
            server.set_nodelay(true).and_then(|()| client.set_nodelay(true)).expect("TCP_NODELAY");
            poll.registry().register(&server, Token(at), Interest::READABLE, Mode::Level).expect("a place");
            (client, server)
        };
        let idle: Vec<_> = (0..idle).map(connect).collect();
        let (client, server) = connect(idle.len());
        Loop { poll, events: Events::with_capacity(64), idle, client, server }
    }

    fn round_trips(&mut self, sample: Duration) -> f64 {
        let mut byte = [7];
        rate(sample, || {
            for _ in 0..BATCH {
                self.client.write_all(&byte).expect("room");
                self.poll.poll(&mut self.events, None).expect("events");
                for event in &self.events {
                    assert_eq!(event.token(), Token(self.idle.len()));
                    self.server.read_exact(&mut byte).expect("a byte");
                    self.server.write_all(&byte).expect("room");
                }
                self.client.read_exact(&mut byte).expect("the echo");
            }
            BATCH
        })
    }
}

/// Bytes allocated for each socket that so many calls open, each with a port of its own.
fn heap_of(count: usize, open: impl Fn(&mut Host, SocketAddr) -> usize) -> Figures {
    let mut lab = Lab::new(1);
    let address = Ipv4Addr::new(10, 0, 0, 1);
    let host = lab.add_host(HostSpec::new("a", Cidr::new(address.into(), 24).into_iter().collect()));
    let host = lab.host_mut(host);
    let before = heap::live();
    let opened: usize =
        (FIRST_PORT..).take(count).map(|port| open(host, SocketAddr::new(address.into(), port))).sum();
    Figures::new((heap::live() - before) as f64 / opened as f64, KIB)
}

fn listening(host: &mut Host, address: SocketAddr) -> usize {
    let socket = host.socket(Family::Inet, Transport::Tcp).expect("a socket");
    host.bind(Instant::ZERO, socket, address).expect("a free port");
    host.listen(Instant::ZERO, socket, 128).expect("listening");
    1
}

fn datagrams(host: &mut Host, address: SocketAddr) -> usize {
    let socket = host.socket(Family::Inet, Transport::Udp).expect("a socket");
    host.bind(Instant::ZERO, socket, address).expect("a free port");
    1
}

fn raw(host: &mut Host, _: SocketAddr) -> usize {
    host.socket(Family::Inet, Transport::Raw(PROTOCOL)).expect("a socket");
    1
}

fn pairs(host: &mut Host, _: SocketAddr) -> usize {
    host.unix_pair(SocketType::Stream).expect("two sockets");
    2
}
