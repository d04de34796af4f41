//! What comes over a device: the codec, and a host that lives on what it reads.

use std::net::SocketAddr;

use bytes::Bytes;
use sockeye_abi::{Family, Transport};
use sockeye_base::{Duration, Instant, Rng};
use sockeye_device::{Codec, Layer};
use sockeye_socket::{Host, SocketId};
use sockeye_stack::{Interface, InterfaceId, Settings, Stack};
use sockeye_wire::ethernet::Mac;

use crate::reader::Reader;

/// What a host may say in answer to one frame.
const MOST_ANSWERS: usize = 10_000;

/// The first byte says which kind of device. Then come frames, each behind two bytes with its length, whose upper bits
/// say how long the host waits for it. What can be read can be written and read again; and the host bears it.
pub fn frames(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let layer = if reader.u8() & 1 == 0 { Layer::Ip } else { Layer::Ethernet };
    let codec = Codec { layer, partial_checksums: true };
    let mut home = Home::new(layer);
    while !reader.is_empty() {
        let head = reader.u16();
        home.now += Duration::from_millis(1 << (head >> 11));
        let frame = Bytes::copy_from_slice(reader.bytes(usize::from(head & 0x7ff)));
        let Ok(frame) = codec.decode(&frame) else { continue };
        let mut out = Vec::new();
        codec.encode(&frame, &mut out).expect("what was read fits");
        let again = codec.decode(&out.clone().into()).expect("what was written is read");
        out.clear();
        codec.encode(&again, &mut out).expect("fits as before");
        assert_eq!(codec.decode(&out.into()), Ok(again));
        home.host.input(home.now, home.eth0, frame);
        home.settle(codec);
    }
}

/// A host with an open port of each kind.
struct Home {
    host: Host,
    eth0: InterfaceId,
    now: Instant,
    sockets: Vec<SocketId>,
}

impl Home {
    fn new(layer: Layer) -> Home {
        let mut stack = Stack::new(Settings::default(), Rng::from_seed(1));
        let addresses = ["10.0.0.1/24", "fd00::1/64"].iter().filter_map(|text| text.parse().ok()).collect();
        let eth0 = stack.add_interface(Interface {
            name: "eth0".into(),
            mac: if layer == Layer::Ip { Mac::ZERO } else { Mac([2, 0, 0, 0, 0, 1]) },
            mtu: 1500,
            addresses,
        });
        let mut host = Host::new("home", stack);
        let now = Instant::from_millis(1000);
        let any: SocketAddr = ([0; 16], 80).into();
        let mut sockets = Vec::new();
        for transport in [Transport::Tcp, Transport::Udp] {
            let socket = host.socket(Family::Inet6, transport).expect("a socket");
            host.bind(now, socket, any).expect("a free port");
            if transport == Transport::Tcp {
                host.listen(now, socket, 2).expect("a listener");
            }
            sockets.push(socket);
        }
        Home { host, eth0, now, sockets }
    }

    /// Runs timers and programs: everything is accepted, read, and echoed.
    fn settle(&mut self, codec: Codec) {
        if self.host.next_deadline().is_some_and(|at| at <= self.now) {
            self.host.advance(self.now);
        }
        while let Some(socket) = self.host.poll_changed() {
            while let Ok((accepted, _)) = self.host.accept(self.now, socket) {
                self.sockets.push(accepted);
            }
            while let Ok((bytes, from)) = self.host.receive_from(self.now, socket, false) {
                let _ = self.host.send_to(self.now, socket, &bytes.to_vec(), Some(from));
                if bytes.is_empty() {
                    self.host.close(self.now, socket);
                }
            }
        }
        let mut answers = 0;
        while let Some((_, frame)) = self.host.poll_frame() {
            answers += 1;
            assert!(answers < MOST_ANSWERS, "one frame, and no end of answers");
            let mut out = Vec::new();
            codec.encode(&frame, &mut out).expect("our own frames fit");
            assert_eq!(codec.decode(&out.into()), Ok(*frame));
        }
        assert!(self.host.next_deadline().is_none_or(|at| at > self.now), "due again at once");
    }
}
