//! A network to be explained: client and server with two routers between them, so that the bad link lies in the middle and
//! captures can be made at either end, and on the link itself.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use sockeye::net::{TcpListener, TcpStream};
use sockeye::{Captured, Host, Link, LinkOptions, Simulation, thread};
use sockeye_view::{Explanation, Flow, Flows, explain};

/// What a program does with its connection.
pub(crate) type Program = fn(TcpStream) -> io::Result<()>;

/// Where a capture was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Client,
    /// On the bad link, by whom each packet entered it.
    Middle,
    Server,
    /// On every link.
    Everywhere,
}

impl Place {
    pub(crate) const ALL: [Place; 4] = [Place::Client, Place::Middle, Place::Server, Place::Everywhere];

    /// Whether a packet was captured here: each router takes one from its hops.
    fn sees(self, captured: &Captured) -> bool {
        let Some(packet) = captured.frame.as_packet() else { return false };
        let from_client = packet.source() == IpAddr::V4(CLIENT);
        let hops = packet.ip.hop_limit();
        match self {
            Place::Everywhere => true,
            Place::Middle => hops == 63,
            Place::Client => hops == if from_client { 64 } else { 62 },
            Place::Server => hops == if from_client { 62 } else { 64 },
        }
    }
}

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);

/// What a made connection needs.
pub(crate) struct Made {
    pub(crate) link: LinkOptions,
    /// Of client and server.
    pub(crate) sysctls: [&'static [(&'static str, &'static str)]; 2],
    /// What happens to the link.
    pub(crate) events: fn(&Link),
    pub(crate) client: Program,
    pub(crate) server: Program,
}

impl Made {
    pub(crate) fn new(delay: u64, client: Program, server: Program) -> Made {
        let link = LinkOptions::new().delay(Duration::from_millis(delay));
        Made { link, sysctls: [&[], &[]], events: |_| (), client, server }
    }

    /// Runs it, and gives all that was captured.
    pub(crate) fn run(&self) -> Vec<Captured> {
        let simulation = Simulation::new(1);
        let lab = simulation.lab();
        let host = |name: &str, address: &str| lab.host(name, [address]).expect("a host");
        let (client, server) = (host("client", "10.0.1.2/24"), host("server", "10.0.3.2/24"));
        let (near, far) = (host("near", "10.0.1.1/24"), host("far", "10.0.3.1/24"));
        for (router, address) in [(&near, "10.0.2.1/24"), (&far, "10.0.2.2/24")] {
            router.add_interface([address]).expect("an interface");
            router.set_sysctl("net.ipv4.ip_forward", "1").expect("a router");
        }
        let plug = |host: &Host| host.plug("eth1").expect("there");
        lab.link(&client, &near, &LinkOptions::new());
        let link = lab.link(plug(&near), plug(&far), &LinkOptions::new());
        lab.link(&far, &server, &LinkOptions::new());
        for (host, router) in [(&client, "10.0.1.1"), (&server, "10.0.3.1")] {
            host.add_route("0.0.0.0/0", router).expect("a route");
        }
        near.add_route("10.0.3.0/24", "10.0.2.2").expect("a route");
        far.add_route("10.0.1.0/24", "10.0.2.1").expect("a route");
        for (host, sysctls) in [&client, &server].into_iter().zip(self.sysctls) {
            sysctls.iter().for_each(|(name, value)| host.set_sysctl(name, value).expect("a sysctl"));
        }
        let (ask, answer) = (self.client, self.server);
        // All neighbours are known when the link goes bad.
        let warm = simulation.thread(&client, || TcpStream::connect("10.0.3.2:9").map(drop));
        simulation.run().expect("refused");
        assert!(warm.take().is_some_and(|refused| refused.is_err()));
        link.change(self.link.there.clone(), self.link.back.clone());
        lab.capture(true);
        simulation.thread(&server, move || {
            // One who is gone may have reset it.
            let _ = TcpListener::bind("0.0.0.0:80").and_then(|listener| answer(listener.accept()?.0));
        });
        simulation.thread(&client, move || {
            let _ = TcpStream::connect("10.0.3.2:80").and_then(ask);
        });
        let events = self.events;
        let cable = link.clone();
        simulation.thread(&near, move || {
            events(&cable);
            // What is on its way when both programs have ended arrives.
            thread::sleep(Duration::from_secs(60));
        });
        let _ = simulation.run_for(Duration::from_secs(300));
        lab.captured()
    }

    /// What is said of it, from each place.
    pub(crate) fn explained(&self) -> [Explanation; 4] {
        let captured = self.run();
        Place::ALL.map(|place| explain(&flow(&captured, place)))
    }
}

/// The connection as seen from a place.
pub(crate) fn flow(captured: &[Captured], place: Place) -> Flow {
    let mut flows = Flows::new();
    for frame in captured.iter().filter(|frame| place.sees(frame)) {
        // Only a capture of the bad link itself knows what it loses.
        flows.add(Duration::from_nanos(frame.at.as_nanos()), &frame.frame, frame.dropped);
    }
    let mut flows = flows.into_vec();
    assert_eq!(flows.len(), 1, "{place:?}");
    flows.swap_remove(0)
}

/// Writes so much at once.
pub(crate) fn write(stream: &mut TcpStream, bytes: usize) -> io::Result<()> {
    stream.write_all(&vec![7; bytes])
}

/// Reads to the end.
pub(crate) fn read_all(mut stream: TcpStream) -> io::Result<()> {
    stream.read_to_end(&mut Vec::new()).map(drop)
}
