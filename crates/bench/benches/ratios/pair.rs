//! Two Sockeye hosts in one process, joined by a link and driven through the lab's host interface: no descriptors, no
//! threads, and a time that goes on by a little with every step.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use sockeye_abi::{Errno, Family, Transport};
use sockeye_base::Instant;
use sockeye_lab::{Direction, HostId, HostSpec, Lab, LinkSpec};
use sockeye_socket::SocketId;
use sockeye_stack::Cidr;
use sockeye_tcp::{Buffer, Config, Info};

/// How the two are set up.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) mtu: usize,
    /// What connections begin with.
    pub(crate) tcp: Config,
    /// Both directions of the link: to the server, to the client.
    pub(crate) directions: [Direction; 2],
    /// How many addresses the server has.
    pub(crate) addresses: u8,
    pub(crate) seed: u64,
}

/// The ports the server listens on.
const PORTS: std::ops::Range<u16> = 7000..7008;
/// How far time goes on with a step.
const STEP: Duration = Duration::from_nanos(500);
const MIB: u32 = 1 << 20;

impl Setup {
    /// A perfect link; buffers for 1 MiB.
    pub(crate) fn new(mtu: usize) -> Setup {
        let tcp = Config {
            send_buffer: Buffer::locked(2 * MIB),
            receive_buffer: Buffer::locked(2 * MIB),
            ..Config::default()
        };
        Setup { mtu, tcp, directions: Default::default(), addresses: 1, seed: 1 }
    }
}

/// Two hosts, and the time.
pub(crate) struct Pair {
    pub(crate) lab: Lab,
    pub(crate) client: HostId,
    pub(crate) server: HostId,
    pub(crate) now: Instant,
    listeners: Vec<SocketId>,
    destinations: Vec<SocketAddr>,
    /// How many connections were made.
    made: usize,
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) client: SocketId,
    pub(crate) server: SocketId,
}

impl Pair {
    /// Makes them. The server listens; they have spoken, so each knows the other's hardware address.
    pub(crate) fn new(setup: &Setup) -> Pair {
        let mut pair = Pair::new_unopened(setup);
        let ends = pair.connect();
        pair.close(ends);
        pair
    }

    /// Makes them. The server listens.
    pub(crate) fn new_unopened(setup: &Setup) -> Pair {
        let mut lab = Lab::new(setup.seed);
        let of_server: Vec<IpAddr> =
            (1..=setup.addresses).map(|host| Ipv4Addr::new(10, 1, 1, host).into()).collect();
        let mut host = |name, addresses: Vec<IpAddr>| {
            let addresses = addresses.into_iter().filter_map(|address| Cidr::new(address, 16)).collect();
            let mut spec = HostSpec::new(name, addresses);
            spec.mtu = setup.mtu;
            spec.settings.tcp = setup.tcp.clone();
            // Where connections stay in TIME-WAIT by the million, all of them do.
            spec.settings.tcp_max_tw_buckets = usize::MAX;
            lab.add_host(spec)
        };
        let client = host("client", vec![Ipv4Addr::new(10, 1, 0, 1).into()]);
        let server = host("server", of_server.clone());
        let mut link = LinkSpec::new(client, server);
        link.mtu = setup.mtu;
        link.directions = setup.directions.clone();
        lab.add_link(link);
        let mut pair = Pair {
            lab,
            client,
            server,
            now: Instant::ZERO,
            listeners: Vec::new(),
            destinations: Vec::new(),
            made: 0,
        };
        for port in PORTS {
            let now = pair.now;
            let host = pair.lab.host_mut(server);
            let listener = host.socket(Family::Inet, Transport::Tcp).expect("a socket");
            host.bind(now, listener, (Ipv4Addr::UNSPECIFIED, port).into()).expect("a free port");
            host.listen(now, listener, 4096).expect("listening");
            pair.listeners.push(listener);
            pair.destinations.extend(of_server.iter().map(|address| SocketAddr::new(*address, port)));
        }
        pair
    }

    /// Carries what is due; time goes on.
    pub(crate) fn step(&mut self) {
        self.now += STEP;
        self.lab.advance(self.now);
    }

    /// Begins a connection, to the server's addresses and ports in turn.
    pub(crate) fn begin(&mut self) -> SocketId {
        let destination = self.destinations[self.made % self.destinations.len()];
        let host = self.lab.host_mut(self.client);
        let client = host.socket(Family::Inet, Transport::Tcp).expect("a socket");
        assert_eq!(host.connect(self.now, client, destination), Err(Errno::EINPROGRESS));
        client
    }

    /// Accepts the connection begun last.
    pub(crate) fn accept(&mut self) -> Result<SocketId, Errno> {
        let of_server = self.destinations.len() / self.listeners.len();
        let listener = self.listeners[self.made % self.destinations.len() / of_server];
        let (server, _) = self.lab.host_mut(self.server).accept(self.now, listener)?;
        self.made += 1;
        Ok(server)
    }

    /// Makes a connection.
    pub(crate) fn connect(&mut self) -> Ends {
        let client = self.begin();
        self.step();
        loop {
            if let Ok(server) = self.accept() {
                self.drain();
                return Ends { client, server };
            }
            // The link has a delay, or a neighbour is still unknown.
            self.now = self.lab.next_deadline().expect("a SYN on its way").max(self.now);
            self.lab.advance(self.now);
        }
    }

    /// Many of them, each with a byte exchanged, left idle.
    pub(crate) fn connect_idle(&mut self, count: usize) -> Vec<Ends> {
        let ends = (0..count).map(|_| {
            let ends = self.connect();
            self.round_trip(ends);
            ends
        });
        let ends = ends.collect();
        // Nothing is under way any more.
        let until = self.now + Duration::from_secs(5);
        self.now = self.lab.run_until(self.now, until, |_, _| false);
        self.drain();
        ends
    }

    /// A byte there and a byte back.
    pub(crate) fn round_trip(&mut self, ends: Ends) {
        let (client, server) = (self.client, self.server);
        self.lab.host_mut(client).send(self.now, ends.client, b"?").expect("room");
        self.step();
        self.receive(server, ends.server, &mut [0]);
        self.lab.host_mut(server).send(self.now, ends.server, b"!").expect("room");
        self.step();
        self.receive(client, ends.client, &mut [0]);
    }

    /// Receives into a buffer; what has to be there.
    pub(crate) fn receive(&mut self, host: HostId, socket: SocketId, buffer: &mut [u8]) -> usize {
        let received = self.lab.host_mut(host).receive(self.now, socket, buffer.len(), false);
        received.expect("something to read").copy_to(buffer)
    }

    /// The client closes, then the server.
    pub(crate) fn close(&mut self, ends: Ends) {
        self.lab.host_mut(self.client).close(self.now, ends.client);
        self.step();
        let end = self.lab.host_mut(self.server).receive(self.now, ends.server, 1, false);
        assert_eq!(end.map(|rest| rest.len()), Ok(0));
        self.lab.host_mut(self.server).close(self.now, ends.server);
        self.step();
        self.drain();
    }

    /// Takes note of all that changed, as a driver would.
    pub(crate) fn drain(&mut self) {
        while self.lab.poll_changed().is_some() {}
    }

    /// The client's numbers.
    pub(crate) fn info(&self, ends: Ends) -> Info {
        self.lab.host(self.client).info(ends.client).expect("a connection")
    }
}
