//! What files say, and what is wrong with them.

mod called;
mod simulated;
mod wrong;

use std::num::NonZeroU64;

use sockeye_base::{Duration, Instant};
use sockeye_lab::{Discipline, Loss, Spread};

use crate::{Event, File, Plug, Ready, Service, Topology, What, Work};

/// A network with a bit of everything.
pub(super) const WHOLE: &str = r#"
name = "two networks"
seed = 7

[[host]]
name = "client"
addresses = ["10.0.1.1/24", "fd01::1/64"]
routes = ["default via 10.0.1.254"]
sysctl = { "net.ipv4.tcp_sack" = 0 }

[[host]]
name = "router"
forward = true
interfaces = [
  { addresses = ["10.0.1.254/24"] },
  { addresses = "10.0.2.254/24", mtu = 1400 },
]

[[host]]
name = "server"
addresses = "10.0.2.1/24"
routes = ["10.0.1.0/24 via 10.0.2.254"]
services = ["http", "echo", "dns"]
files = { "/hello.txt" = "Hello.\n" }
docroot = { "/site" = "site" }

[[switch]]
name = "lan"

[[link]]
between = ["client", "lan"]

[[link]]
name = "uplink"
between = ["lan", "router"]
delay = "10ms"
jitter = "1ms"
spread = "normal"
rate = "10mbit"
queue = "64K"
codel = true
back = { delay = "20ms", lose_data = [3] }

[[link]]
between = ["router:eth1", "server"]
mtu = 1400

[[traffic]]
from = "client"
to = "server"
bytes = "1M"
within = "2s"

[[traffic]]
from = "server"
to = "client"
exchanges = 10
size = 100
at = "1s"

[[event]]
at = "3s"
reboot = "server"

[[event]]
at = "1s"
change = "uplink"
delay = "30ms"

[[event]]
at = "2s"
partition = [["client", "lan"], ["router", "server"]]

[expect]
retransmissions = 0
within = "1m"
"#;

/// Programs on two hosts.
const PROGRAMS: &str = r#"
[[host]]
name = "client"
addresses = ["10.0.1.1/24", "fd01::1/64"]

[[host]]
name = "server"
addresses = "10.0.1.2/24"

[[program]]
host = "server"
run = "python3 -m http.server 8000"
ready = { port = 8000 }
server = true

[[program]]
name = "fetch"
host = "client"
run = ["curl", "-s", "http://server:8000/"]
after = ["python3"]
prints = "Directory"
within = "5s"
env = { LANG = "C" }
"#;

#[test]
fn a_whole_network_is_read() {
    let network = Topology::parse(WHOLE).expect("it is right");
    assert_eq!((network.name.as_deref(), network.seed), (Some("two networks"), Some(7)));
    let [client, router, server] = &network.hosts[..] else { panic!("three hosts") };
    assert_eq!(client.routes.len(), 1);
    assert_eq!(client.sysctls, [("net.ipv4.tcp_sack".to_owned(), "0".to_owned())]);
    assert_eq!(router.interfaces.len(), 2);
    assert_eq!((network.mtu(1, 0), network.mtu(1, 1), network.mtu(2, 0)), (1500, 1400, 1400));
    assert_eq!(server.services, [Service::Http, Service::Echo, Service::Dns]);
    assert_eq!(server.files[0], ("/hello.txt".to_owned(), File::Text("Hello.\n".to_owned())));
    let (path, File::At { path: at, .. }) = &server.files[1] else { panic!("a folder") };
    assert_eq!((path.as_str(), at.as_str()), ("/site", "site"));

    let names: Vec<_> = network.links.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["client-lan", "uplink", "router:eth1-server"]);
    let [there, back] = &network.links[1].directions;
    assert_eq!((there.delay, back.delay), (Duration::from_millis(10), Duration::from_millis(20)));
    assert_eq!((there.spread, there.queue), (Spread::Normal, 65_536));
    assert_eq!((&there.loss, &back.loss), (&Loss::None, &Loss::Data(vec![3])));
    assert_eq!(back.rate, NonZeroU64::new(10_000_000));
    assert!(matches!(back.discipline, Discipline::CoDel(_)));
    assert_eq!(network.links[2].ends, [Plug::Interface(1, 1), Plug::Interface(2, 0)]);

    let works: Vec<_> = network.traffic.iter().map(|traffic| (traffic.work, traffic.port)).collect();
    assert_eq!(works, [(Work::Stream(1 << 20), 5001), (Work::Exchanges { count: 10, size: 100 }, 5002)]);
}

#[test]
fn programs_are_read() {
    let network = Topology::parse(PROGRAMS).expect("it is right");
    let [python, fetch] = &network.programs[..] else { panic!("two programs") };
    assert_eq!(python.command, ["sh", "-c", "python3 -m http.server 8000"]);
    assert_eq!((&python.ready, python.server, python.status), (&Some(Ready::Port(8000)), true, None));
    assert_eq!((&fetch.after[..], fetch.status), (&[0][..], Some(0)));
}

#[test]
fn events_come_in_the_order_of_time() {
    let network = Topology::parse(WHOLE).expect("it is right");
    let at: Vec<_> = network.events.iter().map(|event| event.at.as_secs()).collect();
    assert_eq!(at, [1, 2, 2, 2, 3, 3]);
    let Event { what: What::Change(1, directions), .. } = &network.events[0] else { panic!("a change") };
    // What isn't said stays as it was.
    assert_eq!(directions[0].delay, Duration::from_millis(30));
    assert_eq!(directions[1].loss, Loss::Data(vec![3]));
    let rest: Vec<_> = network.events[1..].iter().map(|event| event.what.clone()).collect();
    assert_eq!(rest, [What::Mend(0), What::Cut(1), What::Mend(2), What::Off(2), What::On(2)]);
}

#[test]
fn it_is_built() {
    let network = Topology::parse(WHOLE).expect("it is right");
    let files = vec![Vec::new(), Vec::new(), vec![("/hello.txt".to_owned(), b"Hello.\n".to_vec())]];
    let mut built = network.build(7, files);
    built.services.start(&mut built.lab, Instant::ZERO).expect("they start");
    assert_eq!(built.hosts.len(), 3);
    built.lab.advance(Instant::ZERO);
}
