//! Hosts on switches: who hears whom.

use sockeye_lab::{Capturing, Direction, SwitchId};

use super::*;

/// Hosts a, b … on a row of switches, each on the one of its number.
struct Row {
    lab: Lab,
    hosts: Vec<HostId>,
    switches: Vec<SwitchId>,
    now: Instant,
}

impl Row {
    fn new(switches: usize, places: &[usize]) -> Row {
        let mut lab = Lab::new(3);
        let switches: Vec<_> = (0..switches).map(|number| lab.add_switch(&format!("s{number}"))).collect();
        for pair in switches.windows(2) {
            lab.add_link(LinkSpec::new(pair[0], pair[1]));
        }
        let hosts = places.iter().enumerate().map(|(number, place)| {
            let address = format!("10.0.0.{}/24", number + 1).parse().unwrap();
            let host = lab.add_host(HostSpec::new(&format!("h{number}"), vec![address]));
            lab.add_link(LinkSpec::new(host, switches[*place]));
            host
        });
        let hosts = hosts.collect();
        lab.set_capture(true);
        Row { lab, hosts, switches, now: Instant::ZERO }
    }

    /// A datagram from one host to another; whether it came, and whether a third saw it pass.
    fn datagram(&mut self, from: usize, to: usize) -> (bool, Vec<u64>) {
        let (from, at) = (self.hosts[from], self.hosts[to]);
        let address = ([10, 0, 0, to as u8 + 1], 9).into();
        let now = self.now;
        let heard = |lab: &Lab, host: HostId| {
            lab.host(host).counters().iter().find(|(name, _)| *name == "OTHERHOST").map_or(0, |c| c.1)
        };
        let before: Vec<u64> = self.hosts.iter().map(|host| heard(&self.lab, *host)).collect();
        let receiver = self.lab.host_mut(at).socket(Family::Inet, Transport::Udp).unwrap();
        self.lab.host_mut(at).bind(now, receiver, address).unwrap();
        let sender = self.lab.host_mut(from).socket(Family::Inet, Transport::Udp).unwrap();
        self.lab.host_mut(from).send_to(now, sender, b"hello", Some(address)).unwrap();
        self.now = self.lab.run_until(now, now + ms(100), |_, _| false);
        let came = self.lab.host_mut(at).receive_from(self.now, receiver, false).is_ok();
        self.lab.host_mut(from).close(self.now, sender);
        self.lab.host_mut(at).close(self.now, receiver);
        let after = self.hosts.iter().map(|host| heard(&self.lab, *host));
        (came, after.zip(before).map(|(after, before)| after - before).collect())
    }
}

#[test]
fn a_switch_learns_who_is_where() {
    let mut row = Row::new(3, &[0, 2, 1]);
    // The question for the address goes to all; what follows only where it belongs.
    assert_eq!(row.datagram(0, 1), (true, vec![0, 0, 0]));
    assert_eq!(row.datagram(1, 0), (true, vec![0, 0, 0]));
    assert_eq!(row.datagram(2, 0), (true, vec![0, 0, 0]));
    // 300 s later the switches have forgotten, and the hosts not yet.
    row.now = row.lab.run_until(row.now, row.now + ms(400_000), |_, _| false);
    let (came, overheard) = row.datagram(0, 1);
    assert_eq!((came, overheard), (true, vec![0, 0, 1]));
}

#[test]
fn a_ring_carries_nothing_twice() {
    let mut row = Row::new(3, &[0, 2]);
    let ring = row.lab.add_link(LinkSpec::new(row.switches[2], row.switches[0]));
    row.lab.cut(ring, false);
    assert!(row.datagram(0, 1).0);
    let itself = row.switches[1];
    row.lab.add_link(LinkSpec::new(itself, itself));
    assert!(row.datagram(1, 0).0);
    let dropped: Vec<_> = std::iter::from_fn(|| row.lab.poll_captured()).filter_map(|c| c.dropped).collect();
    assert_eq!(dropped, Vec::<&str>::new());
}

#[test]
fn what_a_switch_loses_is_seen() {
    let mut row = Row::new(1, &[0]);
    let b = row.lab.add_host(HostSpec::new("b", vec!["10.0.0.2/24".parse().unwrap()]));
    row.hosts.push(b);
    let link = row.lab.add_link(LinkSpec::new(row.switches[0], b));
    let lossy = Direction { loss: Loss::PerMillion(1_000_000), ..Direction::default() };
    row.lab.set_direction(link, row.switches[0], lossy);
    assert!(!row.datagram(0, 1).0);
    let dropped: Vec<_> =
        std::iter::from_fn(|| row.lab.poll_captured()).filter(|c| c.dropped.is_some()).collect();
    assert_eq!(dropped[0].name, "s0");
}

#[test]
fn a_long_row_of_switches() {
    let mut row = Row::new(5000, &[0, 4999]);
    assert!(row.datagram(0, 1).0);
}

#[test]
fn a_host_on_two_links() {
    let mut lab = Lab::new(1);
    let address = |text: &str| vec![text.parse().unwrap()];
    let middle = lab.add_host(HostSpec::new("middle", address("10.0.1.1/24")));
    let eth1 = lab.add_interface(middle, address("10.0.2.1/24"), 1500);
    let ends = [1, 2].map(|net| lab.add_host(HostSpec::new("end", address(&format!("10.0.{net}.2/24")))));
    lab.add_link(LinkSpec::new(ends[0], middle));
    lab.add_link(LinkSpec::new(ends[1], sockeye_lab::End::Interface(middle, eth1)));
    for (net, end) in (1..).zip(ends) {
        let receiver = lab.host_mut(end).socket(Family::Inet, Transport::Udp).unwrap();
        let to = ([10, 0, net, 2], 9).into();
        lab.host_mut(end).bind(Instant::ZERO, receiver, to).unwrap();
        let sender = lab.host_mut(middle).socket(Family::Inet, Transport::Udp).unwrap();
        lab.host_mut(middle).send_to(Instant::ZERO, sender, b"hello", Some(to)).unwrap();
        lab.advance(Instant::ZERO);
        let (_, source) = lab.host_mut(end).receive_from(Instant::ZERO, receiver, false).unwrap();
        assert_eq!(source.ip().to_string(), format!("10.0.{net}.1"));
    }
}

/// What goes to all arrives by each link as if it went there alone: those that take equally long in the order of the ports, a
/// lost one nowhere, a doubled one twice.
#[test]
fn what_goes_to_all_arrives_as_each_link_has_it() {
    let mut lab = Lab::new(3);
    let switch = lab.add_switch("switch");
    let duplicate = Direction { duplicate: 1_000_000, ..Direction::default() };
    let lost = Direction { loss: Loss::PerMillion(1_000_000), ..Direction::default() };
    let plain = Direction::default();
    let links =
        [(1, &plain), (1, &plain), (2, &plain), (1, &lost), (1, &plain), (1, &duplicate), (1, &plain)];
    let mut hosts = Vec::new();
    for (number, (delay, direction)) in links.into_iter().enumerate() {
        let address = format!("10.0.0.{}/24", number + 1).parse().unwrap();
        hosts.push(lab.add_host(HostSpec::new(&format!("h{number}"), vec![address])));
        let mut link = LinkSpec::new(hosts[number], switch);
        link.directions[1] = Direction { delay: ms(delay), ..direction.clone() };
        lab.add_link(link);
    }
    lab.capture(Capturing::All);
    // The second asks for somebody who isn't there.
    let asker = hosts[1];
    let socket = lab.host_mut(asker).socket(Family::Inet, Transport::Udp).unwrap();
    let nobody = Some(([10, 0, 0, 99], 9).into());
    lab.host_mut(asker).send_to(Instant::ZERO, socket, b"hello", nobody).unwrap();
    lab.run_until(Instant::ZERO, Instant::ZERO + ms(10), |_, _| false);
    let arrived: Vec<_> = std::iter::from_fn(|| lab.poll_captured())
        .filter(|captured| captured.arrived && captured.end.host().is_some())
        .map(|captured| {
            let host = hosts.iter().position(|host| captured.end.host() == Some(*host));
            (captured.at.since(Instant::ZERO).as_millis(), host.unwrap())
        })
        .collect();
    assert_eq!(arrived, [(1, 0), (1, 4), (1, 5), (1, 5), (1, 6), (2, 2)]);
}
