//! Routers: a, two of them in a row, and b.

use sockeye_lab::End;
use sockeye_stack::{InterfaceId, Route};

use super::*;

/// a (10.0.1.2, fd01::2), r1, r2 and b (10.0.3.2, fd03::2). The middle link has this MTU.
struct Row {
    lab: Lab,
    a: HostId,
    r1: HostId,
    b: HostId,
    now: Instant,
}

fn net(number: u8, host: u8) -> Vec<sockeye_stack::Cidr> {
    [format!("10.0.{number}.{host}/24"), format!("fd0{number}::{host}/64")]
        .map(|text| text.parse().unwrap())
        .to_vec()
}

impl Row {
    fn new(mtu: usize) -> Row {
        let mut lab = Lab::new(5);
        let router = Settings { ip_forward: true, ip6_forward: true, ..Settings::default() };
        let a = lab.add_host(HostSpec::new("a", net(1, 2)));
        let r1 = lab.add_host(HostSpec { settings: router.clone(), ..HostSpec::new("r1", net(1, 1)) });
        let r2 = lab.add_host(HostSpec { settings: router, mtu, ..HostSpec::new("r2", net(2, 2)) });
        let b = lab.add_host(HostSpec::new("b", net(3, 2)));
        let r1_out = lab.add_interface(r1, net(2, 1), mtu);
        let r2_out = lab.add_interface(r2, net(3, 1), 1500);
        lab.add_link(LinkSpec::new(a, r1).with(ms(1), Loss::None));
        lab.add_link(LinkSpec {
            mtu,
            ..LinkSpec::new(End::Interface(r1, r1_out), r2).with(ms(1), Loss::None)
        });
        lab.add_link(LinkSpec::new(End::Interface(r2, r2_out), b).with(ms(1), Loss::None));
        let eth0 = lab.eth0();
        route(&mut lab, a, (0, 1), eth0, 1);
        route(&mut lab, b, (0, 3), eth0, 1);
        route(&mut lab, r1, (3, 2), r1_out, 2);
        route(&mut lab, r2, (1, 2), eth0, 1);
        Row { lab, a, r1, b, now: Instant::ZERO }
    }

    fn wait(&mut self, span: Duration) {
        self.now = self.lab.run_until(self.now, self.now + span, |_, _| false);
    }

    fn udp(&mut self, host: HostId, family: Family) -> SocketId {
        self.lab.host_mut(host).socket(family, Transport::Udp).unwrap()
    }
}

/// A route to a network (0: all) by a router on another.
fn route(lab: &mut Lab, host: HostId, (to, on): (u8, u8), interface: InterfaceId, router: u8) {
    let both = if to == 0 {
        ["0.0.0.0/0", "::/0"].map(str::to_owned)
    } else {
        [format!("10.0.{to}.0/24"), format!("fd0{to}::/64")]
    };
    for (destination, via) in both.iter().zip(net(on, router)) {
        let via = Some(via.address());
        let destination = destination.parse().unwrap();
        lab.host_mut(host).stack_mut().add_route(Route { destination, via, interface });
    }
}

const B: [&str; 2] = ["10.0.3.2", "fd03::2"];

#[test]
fn datagrams_and_their_answers_cross() {
    for (family, b) in [Family::Inet, Family::Inet6].into_iter().zip(B) {
        let mut row = Row::new(1500);
        let (server, client) = (row.udp(row.b, family), row.udp(row.a, family));
        let to = SocketAddr::new(b.parse().unwrap(), 9);
        let (a, b, now) = (row.a, row.b, row.now);
        row.lab.host_mut(b).bind(now, server, to).unwrap();
        row.lab.host_mut(a).send_to(now, client, b"hello", Some(to)).unwrap();
        row.wait(ms(100));
        let now = row.now;
        let (data, from) = row.lab.host_mut(b).receive_from(now, server, false).unwrap();
        row.lab.host_mut(b).send_to(now, server, &data.to_vec(), Some(from)).unwrap();
        row.wait(ms(100));
        assert_eq!(row.lab.host_mut(a).receive_from(row.now, client, false).unwrap().1, to);
    }
}

/// What a datagram of `len` bytes with this TTL comes to at its sender.
fn outcome(row: &mut Row, to: &str, (ttl, len): (i32, usize)) -> Errno {
    let to: SocketAddr = SocketAddr::new(to.parse().unwrap(), 9);
    let (family, limit, errors) = match to {
        SocketAddr::V4(_) => (Family::Inet, Opt::IpTtl, Opt::IpRecvErr),
        SocketAddr::V6(_) => (Family::Inet6, Opt::Ipv6UnicastHops, Opt::Ipv6RecvErr),
    };
    let (client, a, now) = (row.udp(row.a, family), row.a, row.now);
    let host = row.lab.host_mut(a);
    host.set_option(now, client, limit, sockeye_abi::Value::Int(ttl)).unwrap();
    host.set_option(now, client, errors, true.into()).unwrap();
    host.send_to(now, client, &vec![0; len], Some(to)).unwrap();
    row.wait(ms(10_000));
    let now = row.now;
    row.lab.host_mut(a).receive_from(now, client, false).unwrap_err()
}

#[test]
fn each_hop_says_when_it_has_gone_too_far() {
    let mut row = Row::new(1500);
    for b in B {
        assert_eq!(outcome(&mut row, b, (1, 10)), Errno::EHOSTUNREACH);
        assert_eq!(outcome(&mut row, b, (2, 10)), Errno::EHOSTUNREACH);
        // At its end nobody has the port.
        assert_eq!(outcome(&mut row, b, (3, 10)), Errno::ECONNREFUSED);
    }
}

#[test]
fn nowhere_to_go_and_nobody_there() {
    let mut row = Row::new(1500);
    assert_eq!(outcome(&mut row, "10.0.9.9", (64, 10)), Errno::ENETUNREACH);
    assert_eq!(outcome(&mut row, "fd09::9", (64, 10)), Errno::ENETUNREACH);
    assert_eq!(outcome(&mut row, "10.0.3.77", (64, 10)), Errno::EHOSTUNREACH);
    assert_eq!(outcome(&mut row, "fd03::77", (64, 10)), Errno::EHOSTUNREACH);
}

#[test]
fn a_host_is_no_router_unless_told() {
    let mut row = Row::new(1500);
    let (r1, value) = (row.r1, "0");
    row.lab.host_mut(r1).stack_mut().settings_mut().set_sysctl("net.ipv4.ip_forward", value).unwrap();
    assert_eq!(outcome(&mut row, B[0], (64, 10)), Errno::EAGAIN);
    assert_eq!(outcome(&mut row, B[1], (64, 10)), Errno::ECONNREFUSED);
}

#[test]
fn a_narrow_link_is_told_of_or_cut_for() {
    for (family, b) in [Family::Inet, Family::Inet6].into_iter().zip(B) {
        let mut row = Row::new(1280);
        let (a, at) = (row.a, row.b);
        let to = SocketAddr::new(b.parse().unwrap(), 7000);
        let now = row.now;
        // TCP finds the path's MTU.
        let listener = row.lab.host_mut(at).socket(family, Transport::Tcp).unwrap();
        row.lab.host_mut(at).bind(now, listener, to).unwrap();
        row.lab.host_mut(at).listen(now, listener, 5).unwrap();
        let client = row.lab.host_mut(a).socket(family, Transport::Tcp).unwrap();
        assert_eq!(row.lab.host_mut(a).connect(now, client, to), Err(Errno::EINPROGRESS));
        row.wait(ms(100));
        let now = row.now;
        let (server, _) = row.lab.host_mut(at).accept(now, listener).unwrap();
        assert_eq!(row.lab.host_mut(a).send(now, client, &[7; 20_000]), Ok(20_000));
        row.wait(ms(2000));
        let now = row.now;
        let came = row.lab.host_mut(at).receive(now, server, 100_000, false).unwrap();
        assert_eq!(came.len(), 20_000);
        // A datagram that says no DF is cut on its way, and put together at its end.
        if family == Family::Inet {
            let (sender, receiver) = (row.udp(a, family), row.udp(at, family));
            let dont = sockeye_abi::Value::Int(0);
            row.lab.host_mut(a).set_option(now, sender, Opt::IpMtuDiscover, dont).unwrap();
            row.lab.host_mut(at).bind(now, receiver, to).unwrap();
            row.lab.host_mut(a).send_to(now, sender, &[9; 4000], Some(to)).unwrap();
            row.wait(ms(100));
            let now = row.now;
            let (data, _) = row.lab.host_mut(at).receive_from(now, receiver, false).unwrap();
            assert_eq!(data.to_vec(), [9; 4000]);
        }
    }
}
