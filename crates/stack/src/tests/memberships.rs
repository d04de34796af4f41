//! IGMP and MLD as Linux 6.18 speaks them: each exchange was watched there first (times by chance but for the first).

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use sockeye_wire::membership::{Details, Record};
use sockeye_wire::{icmpv6, igmp, ip as wire_ip, mld};

use super::*;

/// A host that nobody answers, and what it says: milliseconds since the last look, and words.
struct Alone {
    stack: Stack,
    now: Instant,
    members: MembersId,
}

fn alone() -> Alone {
    let mut stack = Stack::new(Settings::default(), Rng::from_seed(1));
    let addresses = ["10.61.0.1/24", "fe80::1/64"].map(|text| text.parse().unwrap()).to_vec();
    stack.add_interface(Interface { name: "eth0".into(), mac: mac(1), mtu: 1500, addresses });
    let members = stack.members_open();
    Alone { stack, now: Instant::from_millis(1000), members }
}

fn records<A: std::fmt::Display>(records: &[Record<A>]) -> String {
    let sources = |record: &Record<A>| {
        record.sources.iter().map(|source| format!(" {source}")).collect::<Vec<_>>().concat()
    };
    let one = |record: &Record<A>| format!("{:?} {}{}", record.kind, record.group, sources(record));
    records.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn words(frame: &Frame) -> String {
    let packet = frame.as_packet().expect("a packet");
    assert!(packet.ip.alerts_routers() && packet.ip.hop_limit() == 1, "{packet:?}");
    assert_eq!(Packet::parse(&packet.to_bytes()).as_ref(), Ok(packet));
    let what = match &packet.body {
        Body::Igmp(igmp::Message::ReportV3 { records: all }) => records(all),
        Body::Icmpv6(icmpv6::Message::Mld(mld::Message::ReportV2 { records: all })) => records(all),
        Body::Igmp(message) => format!("{message:?}"),
        Body::Icmpv6(icmpv6::Message::Mld(message)) => format!("{message:?}"),
        other => panic!("{other:?}"),
    };
    format!("{} > {}: {what}", packet.source(), packet.destination())
}

impl Alone {
    fn said(&mut self, span: Duration) -> Vec<(u64, String)> {
        let (start, end) = (self.now, self.now + span);
        let mut said = Vec::new();
        loop {
            while let Some((interface, frame)) = self.stack.poll_frame() {
                assert_eq!(interface, ETH0);
                said.push((self.now.since(start).as_millis() as u64, words(&frame)));
            }
            match self.stack.next_deadline().filter(|next| *next <= end) {
                Some(next) => self.now = next,
                None => break,
            }
            self.stack.advance(self.now);
        }
        self.now = end;
        said
    }

    /// The same thing twice: at once, and again within a second.
    fn says_twice(&mut self, what: &str) {
        let said = self.said(Duration::from_secs(3));
        let [(8, first), (8..=1008, second)] = &said[..] else { panic!("{said:?}") };
        assert_eq!([first, second], [what, what]);
    }

    fn join(&mut self, group: &str, mode: FilterMode) {
        self.stack.group_join(self.now, self.members, (ip(group), ETH0), mode).unwrap();
    }

    fn leave(&mut self, group: &str) {
        self.stack.group_leave(self.now, self.members, (ip(group), None)).unwrap();
    }

    fn source(&mut self, group: &str, source: &str, change: SourceChange, mode: FilterMode) {
        let of = (ip(group), ETH0);
        self.stack.group_source(self.now, self.members, of, (ip(source), change, mode)).unwrap();
    }

    fn hears(&mut self, from: &str, to: &str, body: impl Into<Body>, alerts: bool) {
        let mut header = wire_ip::Header::new(ip(from), ip(to)).unwrap();
        header.set_hop_limit(1);
        if alerts {
            header.alert_routers();
        }
        let group = match ip(to) {
            IpAddr::V4(to) => Mac::for_ipv4_multicast(to),
            IpAddr::V6(to) => Mac::for_ipv6_multicast(to),
        };
        let packet = Packet::new(header, body);
        let packet = Packet::parse(&packet.to_bytes()).unwrap();
        self.stack.input(self.now, ETH0, Frame::between(mac(9), group, packet));
    }

    fn asked_v3(&mut self, group: &str, sources: &[&str]) {
        let sources: Vec<Ipv4Addr> = sources.iter().map(|source| source.parse().unwrap()).collect();
        let details = Some(Details { suppress: false, robustness: 2, interval: 125, sources });
        let to = if group == "0.0.0.0" { "224.0.0.1" } else { group };
        let query = igmp::Message::Query { group: group.parse().unwrap(), response: 10, details };
        self.hears("10.61.0.9", to, query, true);
    }

    fn asked_old(&mut self, response: u8) {
        let query = igmp::Message::Query { group: Ipv4Addr::UNSPECIFIED, response, details: None };
        self.hears("0.0.0.0", "224.0.0.1", query, true);
    }

    fn asked_mld(&mut self, group: &str, v2: bool, alerts: bool) {
        let details = Details { suppress: false, robustness: 2, interval: 125, sources: Vec::new() };
        let details = v2.then_some(details);
        let group: Ipv6Addr = group.parse().unwrap();
        let to = if group.is_unspecified() { "ff02::1".to_owned() } else { group.to_string() };
        let query = mld::Message::Query { group, response: 1000, details };
        self.hears("fe80::9", &to, icmpv6::Message::Mld(query), alerts);
    }

    /// What it says within a second, without the times.
    fn answers(&mut self) -> Vec<String> {
        let said = self.said(Duration::from_secs(1));
        let later = self.said(Duration::from_secs(1));
        assert_eq!(later, []);
        said.into_iter().map(|(_, words)| words).collect()
    }
}

use FilterMode::{Exclude, Include};
use SourceChange::{Add, Remove};

const REPORT: &str = "10.61.0.1 > 224.0.0.22: ";

#[test]
fn changes_are_told_twice() {
    let mut host = alone();
    assert_eq!(host.said(Duration::from_secs(60)), [], "who is in no group is quiet");
    host.join("239.1.2.3", Exclude);
    host.says_twice(&format!("{REPORT}ToExclude 239.1.2.3"));
    host.source("239.1.2.3", "10.61.0.7", Add, Exclude);
    host.says_twice(&format!("{REPORT}Block 239.1.2.3 10.61.0.7"));
    host.source("239.1.2.3", "10.61.0.7", Remove, Exclude);
    host.says_twice(&format!("{REPORT}Allow 239.1.2.3 10.61.0.7"));
    host.leave("239.1.2.3");
    host.says_twice(&format!("{REPORT}ToInclude 239.1.2.3"));
    host.join("239.1.2.4", Include);
    host.source("239.1.2.4", "10.61.0.7", Add, Include);
    host.says_twice(&format!("{REPORT}Allow 239.1.2.4 10.61.0.7"));
    host.source("239.1.2.4", "10.61.0.7", Remove, Include);
    host.says_twice(&format!("{REPORT}Block 239.1.2.4 10.61.0.7"));
    host.join("239.1.2.5", Exclude);
    host.join("239.1.2.6", Exclude);
    host.says_twice(&format!("{REPORT}ToExclude 239.1.2.5, ToExclude 239.1.2.6"));
    host.stack.members_close(host.now, host.members);
    host.says_twice(&format!("{REPORT}ToInclude 239.1.2.5, ToInclude 239.1.2.6"));
    assert_eq!(host.stack.next_deadline(), None);
}

/// What Linux sent when a host of these addresses joined these groups.
#[test]
fn the_bytes_are_linuxs() {
    let recorded = [
        ("239.1.2.3", "46c00028000040000102f9ef0a090001e0000016940400002200e8f90000000104000000ef010203"),
        (
            "ff15::1",
            "6000000000240001fe80000000000000f44fb6fffe15b9daff0200000000000000000000000000163a00050200000100\
             8f000cb70000000104000000ff150000000000000000000000000001",
        ),
    ];
    let mut host = alone();
    let addresses =
        ["10.9.0.1/24", "fe80::f44f:b6ff:fe15:b9da/64"].map(|text| text.parse().unwrap()).to_vec();
    let eth1 = Interface { name: "eth1".into(), mac: mac(2), mtu: 1500, addresses };
    let eth1 = host.stack.add_interface(eth1);
    for (group, bytes) in recorded {
        host.stack.group_join(host.now, host.members, (ip(group), eth1), Exclude).unwrap();
        host.now += Duration::from_millis(8);
        host.stack.advance(host.now);
        let (interface, frame) = host.stack.poll_frame().expect("a report");
        assert_eq!(interface, eth1);
        let sent = frame.as_packet().expect("a packet").to_bytes();
        assert_eq!(sent.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), bytes);
    }
}

#[test]
fn each_change_is_told_as_often_as_it_needs() {
    let mut host = alone();
    host.join("239.1.2.4", Include);
    host.source("239.1.2.4", "10.61.0.7", Add, Include);
    let first = host.said(Duration::from_millis(10));
    assert_eq!(first, [(8, format!("{REPORT}Allow 239.1.2.4 10.61.0.7"))]);
    host.source("239.1.2.4", "10.61.0.8", Add, Include);
    let said: Vec<String> = host.said(Duration::from_secs(3)).into_iter().map(|(_, words)| words).collect();
    let both = format!("{REPORT}Allow 239.1.2.4 10.61.0.7 10.61.0.8");
    assert_eq!(said, [both, format!("{REPORT}Allow 239.1.2.4 10.61.0.8")]);
}

#[test]
fn nothing_is_said_of_groups_that_all_are_in_nor_on_lo() {
    let mut host = alone();
    host.join("224.0.0.1", Exclude);
    host.join("ff02::1", Exclude);
    host.join("ff01::5", Exclude);
    // Its address's group is there already.
    host.join("ff02::1:ff00:1", Exclude);
    let on_lo = (ip("239.1.2.3"), InterfaceId::LOOPBACK);
    host.stack.group_join(host.now, host.members, on_lo, Exclude).unwrap();
    assert_eq!(host.said(Duration::from_secs(60)), []);
    host.join("224.0.0.251", Exclude);
    host.says_twice(&format!("{REPORT}ToExclude 224.0.0.251"));
    host.stack.settings_mut().set_sysctl("net.ipv4.igmp_link_local_mcast_reports", "0").unwrap();
    host.leave("224.0.0.251");
    assert_eq!(host.said(Duration::from_secs(60)), []);
    host.stack.settings_mut().set_sysctl("net.ipv4.igmp_qrv", "3").unwrap();
    host.join("239.1.2.3", Exclude);
    assert_eq!(host.said(Duration::from_secs(60)).len(), 3);
}

#[test]
fn queries_are_answered_with_what_they_ask_for() {
    let mut host = alone();
    host.asked_v3("0.0.0.0", &[]);
    assert_eq!(host.answers(), [""; 0]);
    host.join("239.1.2.4", Exclude);
    host.source("239.1.2.4", "10.61.0.8", Add, Exclude);
    for source in ["10.61.0.6", "10.61.0.7"] {
        if source == "10.61.0.6" {
            host.join("239.1.2.5", Include);
        }
        host.source("239.1.2.5", source, Add, Include);
    }
    host.said(Duration::from_secs(5));
    let exclude = "IsExclude 239.1.2.4 10.61.0.8";
    let include = "IsInclude 239.1.2.5 10.61.0.6 10.61.0.7";
    host.asked_v3("0.0.0.0", &[]);
    assert_eq!(host.answers(), [format!("{REPORT}{exclude}, {include}")]);
    host.asked_v3("239.1.2.5", &[]);
    assert_eq!(host.answers(), [format!("{REPORT}{include}")]);
    host.asked_v3("239.1.2.5", &["10.61.0.7", "10.61.0.5"]);
    assert_eq!(host.answers(), [format!("{REPORT}IsInclude 239.1.2.5 10.61.0.7")]);
    host.asked_v3("239.1.2.5", &["10.61.0.7"]);
    host.asked_v3("239.1.2.5", &["10.61.0.6"]);
    assert_eq!(host.answers(), [format!("{REPORT}{include}")], "two at once are one");
    host.asked_v3("239.1.2.4", &["10.61.0.8", "10.61.0.3"]);
    assert_eq!(host.answers(), [format!("{REPORT}{exclude}")]);
    for (group, sources) in
        [("239.1.2.5", ["10.61.0.5"]), ("239.1.2.4", ["10.61.0.8"]), ("0.0.0.0", ["10.61.0.7"])]
    {
        host.asked_v3(group, &sources);
        assert_eq!(host.answers(), [""; 0], "{group} {sources:?}");
    }
}

#[test]
fn older_queriers_are_answered_in_their_words() {
    let mut host = alone();
    host.join("239.1.2.3", Exclude);
    host.said(Duration::from_secs(5));
    let v2 = |group: &str| format!("10.61.0.1 > {group}: ReportV2 {{ group: {group} }}");
    host.asked_old(10);
    assert_eq!(host.answers(), [v2("239.1.2.3")]);
    host.asked_v3("0.0.0.0", &[]);
    assert_eq!(host.answers(), [v2("239.1.2.3")]);
    // Somebody else was faster.
    host.asked_old(10);
    let group = Ipv4Addr::new(239, 1, 2, 3);
    host.hears("10.61.0.9", "239.1.2.3", igmp::Message::ReportV2 { group }, true);
    assert_eq!(host.answers(), [""; 0]);
    host.leave("239.1.2.3");
    assert_eq!(host.answers(), [""; 0], "the other one is still there");
    host.join("239.1.2.6", Exclude);
    let said = host.said(Duration::from_secs(11));
    assert_eq!(said.len(), 2);
    assert!(said.iter().all(|(_, words)| *words == v2("239.1.2.6")) && said[0].0 == 8, "{said:?}");
    host.leave("239.1.2.6");
    assert_eq!(host.answers(), ["10.61.0.1 > 224.0.0.2: Leave { group: 239.1.2.6 }"]);
    host.join("239.1.2.7", Exclude);
    host.said(Duration::from_secs(11));
    host.asked_old(0);
    let said = host.said(Duration::from_secs(10));
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].1, "10.61.0.1 > 239.1.2.7: ReportV1 { group: 239.1.2.7 }");
    host.leave("239.1.2.7");
    assert_eq!(host.answers(), [""; 0]);
    // Twice 125 seconds and ten after they were last heard they are forgotten.
    host.said(Duration::from_secs(260));
    host.join("239.1.2.8", Exclude);
    host.says_twice(&format!("{REPORT}ToExclude 239.1.2.8"));
}

#[test]
fn the_same_in_ipv6() {
    let mut host = alone();
    host.join("ff15::1", Exclude);
    host.says_twice("fe80::1 > ff02::16: ToExclude ff15::1");
    host.asked_mld("::", true, true);
    assert_eq!(host.answers(), ["fe80::1 > ff02::16: IsExclude ff02::1:ff00:1, IsExclude ff15::1"]);
    host.asked_mld("::", true, false);
    assert_eq!(host.answers(), [""; 0], "a query without the router alert");
    host.asked_mld("ff15::1", true, true);
    assert_eq!(host.answers(), ["fe80::1 > ff02::16: IsExclude ff15::1"]);
    host.leave("ff15::1");
    host.says_twice("fe80::1 > ff02::16: ToInclude ff15::1");
    host.asked_mld("::", false, true);
    let report = |group: &str| format!("fe80::1 > {group}: ReportV1 {{ group: {group} }}");
    assert_eq!(host.answers(), [report("ff02::1:ff00:1")]);
    host.join("ff15::2", Exclude);
    let said: Vec<String> = host.said(Duration::from_secs(11)).into_iter().map(|(_, words)| words).collect();
    assert_eq!(said, [report("ff15::2"), report("ff15::2")]);
    host.leave("ff15::2");
    assert_eq!(host.answers(), ["fe80::1 > ff02::2: Done { group: ff15::2 }"]);
}

/// As many groups as there may be, in as few packets as hold them; and changes without end.
#[test]
fn long_reports_are_several_packets() {
    let mut host = alone();
    host.stack.settings_mut().igmp_max_memberships = 10_000;
    let group = |n: u32| IpAddr::from(Ipv4Addr::from_bits(0xef01_0000 + n));
    for n in 0..400 {
        host.stack.group_join(host.now, host.members, (group(n), ETH0), Exclude).unwrap();
    }
    let lengths = |host: &mut Alone| -> Vec<usize> {
        let said = host.said(Duration::from_millis(10));
        said.iter().map(|(_, words)| words.matches("Exclude").count()).collect()
    };
    assert_eq!(lengths(&mut host), [183, 183, 34]);
    for n in 400..10_000 {
        host.stack.group_join(host.now, host.members, (group(n), ETH0), Exclude).unwrap();
        host.stack.group_leave(host.now, host.members, (group(n), None)).unwrap();
    }
    host.said(Duration::from_secs(5));
    assert_eq!(host.stack.next_deadline(), None);
}

/// What is done to a host.
#[derive(Clone, Debug)]
enum Step {
    Join(u8, bool),
    Leave(u8),
    Source(u8, u8, bool, bool),
    /// Group, 0 being none, source, and the code.
    Asked(u8, u8, u8),
    AskedOld(u8),
    AskedMld(u8, bool),
    Heard(u8),
    Pass(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0u8..4, any::<bool>()).prop_map(|(group, excludes)| Step::Join(group, excludes)),
        (0u8..4).prop_map(Step::Leave),
        (0u8..4, 0u8..4, any::<bool>(), any::<bool>())
            .prop_map(|(group, source, adds, excludes)| Step::Source(group, source, adds, excludes)),
        (0u8..5, 0u8..5, any::<u8>()).prop_map(|(group, source, code)| Step::Asked(group, source, code)),
        any::<u8>().prop_map(Step::AskedOld),
        (0u8..3, any::<bool>()).prop_map(|(group, v2)| Step::AskedMld(group, v2)),
        (0u8..4).prop_map(Step::Heard),
        any::<u16>().prop_map(Step::Pass),
    ];
    proptest::collection::vec(step, 0..60)
}

impl Alone {
    fn does(&mut self, step: Step) {
        let group = |n: u8| match n % 2 {
            0 => IpAddr::from([239, 1, 2, n]),
            _ => IpAddr::from(Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, n.into())),
        };
        let v4 = |n: u8| Ipv4Addr::new(239, 1, 2, n);
        let mode = |excludes| if excludes { Exclude } else { Include };
        let (now, members) = (self.now, self.members);
        match step {
            Step::Join(n, excludes) => {
                let _ = self.stack.group_join(now, members, (group(n), ETH0), mode(excludes));
            }
            Step::Leave(n) => {
                let _ = self.stack.group_leave(now, members, (group(n), None));
            }
            Step::Source(n, source, adds, excludes) => {
                let source =
                    if n % 2 == 0 { [10, 0, 0, source].into() } else { ip(&format!("fd61::{source}")) };
                let change = (source, if adds { Add } else { Remove }, mode(excludes));
                let _ = self.stack.group_source(now, members, (group(n), ETH0), change);
            }
            Step::Asked(n, source, response) => {
                let group = if n == 0 { Ipv4Addr::UNSPECIFIED } else { v4(n - 1) };
                let sources: Vec<_> = (1..=source).map(|n| Ipv4Addr::new(10, 0, 0, n)).collect();
                let details = Details { suppress: false, robustness: n, interval: response, sources };
                let query = igmp::Message::Query { group, response, details: Some(details) };
                self.hears("10.61.0.9", "224.0.0.1", query, true);
            }
            Step::AskedOld(response) => self.asked_old(response),
            Step::AskedMld(n, v2) => self.asked_mld(if n == 0 { "::" } else { "ff15::1" }, v2, true),
            Step::Heard(n) => {
                self.hears("10.61.0.9", "224.0.0.1", igmp::Message::ReportV2 { group: v4(n) }, false);
            }
            Step::Pass(millis) => {
                self.said(Duration::from_millis(millis.into()));
            }
        }
    }
}

proptest! {
    /// Whatever is done and heard: it says what is right in its bytes, at no time that was, and falls silent.
    #[test]
    fn it_always_falls_silent(steps in steps()) {
        let mut host = alone();
        for step in steps {
            host.does(step);
            prop_assert!(host.stack.next_deadline().is_none_or(|next| next >= host.now));
        }
        // The longest that a query may let it wait.
        host.said(Duration::from_secs(3200));
        prop_assert_eq!(host.stack.next_deadline(), None);
    }
}
