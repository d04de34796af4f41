//! Two smoltcp stacks in one process, at their best: packets without Ethernet, checksums neither made nor looked at,
//! packet buffers used again, only the side polled that has something to do.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use sockeye_base::Rng;

const CLIENT: IpAddress = IpAddress::v4(10, 1, 0, 1);
const SERVER: IpAddress = IpAddress::v4(10, 1, 1, 1);
const PORT: u16 = 7000;

/// How the two are set up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) mtu: usize,
    /// Bytes of each of a socket's two buffers.
    pub(crate) buffer: usize,
    pub(crate) cubic: bool,
    /// How long a packet takes.
    pub(crate) delay: Duration,
    /// Packets lost of a million: to the server, to the client.
    pub(crate) loss: [u32; 2],
    pub(crate) seed: u64,
}

impl Setup {
    /// A perfect link, no congestion control.
    pub(crate) fn new(mtu: usize, buffer: usize) -> Setup {
        Setup { mtu, buffer, cubic: false, delay: Duration::ZERO, loss: [0; 2], seed: 1 }
    }
}

/// One of the two stacks.
pub(crate) struct Side {
    interface: Interface,
    port: Port,
    pub(crate) sockets: SocketSet<'static>,
}

/// Two stacks, and the time.
pub(crate) struct Pair {
    pub(crate) client: Side,
    pub(crate) server: Side,
    pub(crate) now: Instant,
    setup: Setup,
    next_port: u16,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) client: SocketHandle,
    pub(crate) server: SocketHandle,
}

impl Side {
    fn new(address: IpAddress, mut port: Port) -> Side {
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut port, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(address, 16)).expect("room for an address");
        });
        Side { interface, port, sockets: SocketSet::new(Vec::new()) }
    }

    /// Takes in what has arrived and sends what there is.
    pub(crate) fn poll(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.port, &mut self.sockets);
    }

    pub(crate) fn socket(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.sockets.get_mut::<Socket<'_>>(handle)
    }
}

impl Pair {
    pub(crate) fn new(setup: Setup) -> Pair {
        let mut rng = Rng::from_seed(setup.seed);
        let mut wire = |loss| Rc::new(RefCell::new(Wire::new(&setup, loss, rng.fork())));
        let (there, back) = (wire(setup.loss[0]), wire(setup.loss[1]));
        let mtu = setup.mtu;
        Pair {
            client: Side::new(CLIENT, Port { incoming: back.clone(), outgoing: there.clone(), mtu }),
            server: Side::new(SERVER, Port { incoming: there, outgoing: back, mtu }),
            now: Instant::ZERO,
            setup,
            next_port: 49_152,
        }
    }

    fn new_socket(&self) -> Socket<'static> {
        let buffer = || SocketBuffer::new(vec![0; self.setup.buffer]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_nagle_enabled(false);
        socket.set_congestion_control(if self.setup.cubic {
            CongestionControl::Cubic
        } else {
            CongestionControl::None
        });
        socket
    }

    /// Begins a connection; the ends' handshake is still to be polled.
    pub(crate) fn begin(&mut self) -> Ends {
        let (mut client, mut server) = (self.new_socket(), self.new_socket());
        server.listen(PORT).expect("listening");
        let port = self.next_port;
        self.next_port = if port == u16::MAX { 16_384 } else { port + 1 };
        client.connect(self.client.interface.context(), (SERVER, PORT), port).expect("connecting");
        Ends { client: self.client.sockets.add(client), server: self.server.sockets.add(server) }
    }

    /// Makes a connection (of one that takes no time).
    pub(crate) fn connect(&mut self) -> Ends {
        let ends = self.begin();
        self.client.poll(self.now);
        self.server.poll(self.now);
        self.client.poll(self.now);
        self.server.poll(self.now);
        assert_eq!(self.server.socket(ends.server).state(), State::Established);
        ends
    }

    /// Many of them, left idle.
    pub(crate) fn connect_idle(&mut self, count: usize) {
        for _ in 0..count {
            self.begin();
        }
        for _ in 0..4 {
            self.client.poll(self.now);
            self.server.poll(self.now);
        }
    }

    /// A byte there and a byte back.
    pub(crate) fn round_trip(&mut self, ends: Ends) {
        let mut byte = [0];
        self.client.socket(ends.client).send_slice(b"?").expect("room");
        self.client.poll(self.now);
        self.server.poll(self.now);
        assert_eq!(self.server.socket(ends.server).recv_slice(&mut byte), Ok(1));
        self.server.socket(ends.server).send_slice(b"!").expect("room");
        self.server.poll(self.now);
        self.client.poll(self.now);
        assert_eq!(self.client.socket(ends.client).recv_slice(&mut byte), Ok(1));
    }

    /// The client closes, then the server; both are dropped, without a TIME-WAIT.
    pub(crate) fn close(&mut self, ends: Ends) {
        self.client.socket(ends.client).close();
        self.client.poll(self.now);
        self.server.poll(self.now);
        self.server.socket(ends.server).close();
        self.server.poll(self.now);
        self.client.poll(self.now);
        self.server.poll(self.now);
        assert_eq!(self.server.socket(ends.server).state(), State::Closed);
        assert_eq!(self.client.socket(ends.client).state(), State::TimeWait);
        self.client.sockets.remove(ends.client);
        self.server.sockets.remove(ends.server);
    }

    /// When something is due next.
    pub(crate) fn next_deadline(&mut self) -> Option<Instant> {
        let now = self.now;
        let of = |side: &mut Side| {
            let arrival = side.port.incoming.borrow().packets.front().map(|(at, _)| *at);
            let timer = side.interface.poll_at(now, &side.sockets);
            [arrival, timer].into_iter().flatten().min()
        };
        [of(&mut self.client), of(&mut self.server)].into_iter().flatten().min()
    }
}

/// One direction of the link.
struct Wire {
    packets: VecDeque<(Instant, Packet)>,
    /// Buffers to be used again.
    spare: Vec<Packet>,
    mtu: usize,
    delay: Duration,
    loss: u64,
    rng: Rng,
}

struct Packet {
    buffer: Box<[u8]>,
    len: usize,
}

impl Wire {
    fn new(setup: &Setup, loss: u32, rng: Rng) -> Wire {
        Wire {
            packets: VecDeque::new(),
            spare: Vec::new(),
            mtu: setup.mtu,
            delay: setup.delay,
            loss: loss.into(),
            rng,
        }
    }
}

type SharedWire = Rc<RefCell<Wire>>;

/// A stack's device: an end of the link.
struct Port {
    incoming: SharedWire,
    outgoing: SharedWire,
    mtu: usize,
}

struct Arrived<'a> {
    packet: Packet,
    wire: &'a SharedWire,
}

struct Leaving<'a> {
    wire: &'a SharedWire,
    now: Instant,
}

impl Device for Port {
    type RxToken<'a> = Arrived<'a>;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, now: Instant) -> Option<(Arrived<'_>, Leaving<'_>)> {
        let mut wire = self.incoming.borrow_mut();
        if wire.packets.front()?.0 > now {
            return None;
        }
        let (_, packet) = wire.packets.pop_front()?;
        drop(wire);
        Some((Arrived { packet, wire: &self.incoming }, Leaving { wire: &self.outgoing, now }))
    }

    fn transmit(&mut self, now: Instant) -> Option<Leaving<'_>> {
        Some(Leaving { wire: &self.outgoing, now })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities.checksum = ChecksumCapabilities::ignored();
        capabilities
    }
}

impl RxToken for Arrived<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        let result = f(&self.packet.buffer[..self.packet.len]);
        self.wire.borrow_mut().spare.push(self.packet);
        result
    }
}

impl TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut wire = self.wire.borrow_mut();
        let mtu = wire.mtu;
        let spare = wire.spare.pop();
        let mut packet = spare.unwrap_or_else(|| Packet { buffer: vec![0; mtu].into(), len: 0 });
        packet.len = len;
        let result = f(&mut packet.buffer[..len]);
        if wire.loss > 0 && wire.rng.below(1_000_000) < wire.loss {
            wire.spare.push(packet);
        } else {
            let at = self.now + wire.delay;
            wire.packets.push_back((at, packet));
        }
        result
    }
}
