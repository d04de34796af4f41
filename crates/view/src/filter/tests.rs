use super::*;

/// A network where `tekapo` and `http` are known.
struct Names;

impl Lookup for Names {
    fn host(&self, name: &str) -> Vec<IpAddr> {
        let known = ["10.61.0.2", "fd61::2"].map(|text| text.parse().unwrap());
        if name == "tekapo" { known.to_vec() } else { Vec::new() }
    }

    fn port(&self, name: &str) -> Option<(u16, Option<u8>)> {
        (name == "http").then_some((80, Some(6)))
    }
}

fn parse(text: &str) -> Result<Filter, FilterError> {
    Filter::parse(text, &Names)
}

/// A SYN from 10.61.0.1.40000 to 10.61.0.2.80 on an Ethernet.
fn syn() -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    bytes.extend([0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 61, 0, 1, 10, 61, 0, 2]);
    bytes.extend([0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0]);
    bytes
}

fn wants(filter: &str, bytes: &[u8]) -> bool {
    parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}")).wants(
        (Link::Ethernet, Some(Way::Out)),
        bytes,
        bytes.len(),
    )
}

#[test]
fn what_a_syn_is() {
    let bytes = syn();
    for filter in [
        "",
        "tcp",
        "ip",
        "ip proto 6",
        "proto \\tcp",
        "ether proto \\ip",
        "ether proto 0x800",
        "host 10.61.0.1",
        "10.61.0.2",
        "src 10.61.0.1",
        "src host 10.61.0.1 and dst host 10.61.0.2",
        "port 80",
        "port 0x50",
        "tcp dst port http",
        "dst port 80 or 81",
        "src or dst port 40000",
        "portrange 79-81",
        "net 10",
        "net 10.61",
        "net 10.61.0.0/24",
        "dst net 10.61.0.0 mask 255.255.0.0",
        "host tekapo",
        "not udp",
        "! udp && tcp",
        "tcp[tcpflags] & tcp-syn != 0",
        "tcp[13] = 2",
        "tcp[tcpflags] == tcp-syn",
        "ip[8] > 1",
        "ip[2:2] = 40",
        "tcp[2:2] = 80",
        "ether[12:2] = 0x0800",
        "len <= 54",
        "less 54",
        "greater 54",
        "len = 50 + 4",
        "(tcp or udp) and not (port 81)",
        "ip[0] & 0xf = 5",
        "(ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2) = 0",
        "ether src 02:00:00:00:00:01",
        "ether host 2:0:0:0:0:2",
        "outbound and not inbound",
        "ether host 02-00-00-00-00-02",
        "ether host 0200.0000.0002",
        "ether host 2.0.0.0.0.2",
        "udp or tcp and port 80",
        "tcp and port 81 or port 80",
        "icmp[0] = 8 or tcp",
        "-1 > 5",
        "portrange 80",
        // As libpcap's grammar has it.
        "1 | 0 & 0 = 1 and 1 ^ 3 & 2 = 3 and 5 ^ 1 + 1 = 7",
        "7 * 5 % 3 = 14 and 7 % 4 * 2 = 7 and 7 % 4 + 2 = 1 and 17 % 10 % 4 = 1 and 2 + 7 % 4 = 5",
        "10 - 4 - 3 = 3 and 1 << 2 << 3 = 32 and 2 + 3 * 4 = 14 and -1 % 2 = -1",
        // There is no second header; that the first ends earlier doesn't matter.
        "not tcp[100] = udp[0]",
    ] {
        assert!(wants(filter, &bytes), "{filter}");
    }
    for filter in [
        "udp",
        "ip6",
        "arp",
        "icmp",
        "src 10.61.0.2",
        "src and dst host 10.61.0.1",
        "tcp src port 80",
        "udp port 80",
        "port 81",
        "net 10.62",
        "tcp[tcpflags] & tcp-ack != 0",
        "greater 55",
        "ip multicast",
        "broadcast",
        "ether multicast",
        "ip broadcast",
        // And and or bind alike.
        "tcp or udp and port 81",
        // Beyond the end nothing holds, not even the other half.
        "tcp[100] = 0 or tcp",
        "not tcp[100] = 0",
        "ip[6:2] / ip[5] = 1 or ip",
        "icmp[0] = 8",
        "udp[0] != 1",
        "tcp[0] != udp[0]",
    ] {
        assert!(!wants(filter, &bytes), "{filter}");
    }
}

#[test]
fn values_take_the_qualifiers_before_them() {
    let bytes = syn();
    assert!(wants("dst port 22 or 80", &bytes));
    assert!(!wants("src port 22 or 80", &bytes));
    assert!(wants("host 10.61.0.9 or 10.61.0.1", &bytes));
    assert!(!wants("not port 22 and 23", &bytes));
}

#[test]
fn what_is_not_looked_at_may_be_cut_off() {
    let bytes = syn();
    // Up to the source address, and to the source port.
    for (filter, end) in
        [("host 10.61.0.1", 30), ("net 0.0.0.0/0", 14), ("port 40000", 36), ("not src and dst port 80", 36)]
    {
        assert!(wants(filter, &bytes[..end]), "{filter}");
    }
    for (filter, end) in [("host 10.61.0.2", 30), ("not host 10.61.0.2", 30), ("port 80", 36)] {
        assert!(!wants(filter, &bytes[..end]), "{filter}");
    }
}

#[test]
fn a_name_of_one_protocol_only() {
    let mut datagram = syn();
    datagram[23] = 17;
    assert!(wants("port 80", &datagram) && !wants("port http", &datagram));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (text, expected) in [
        ("tcp and", "a value is missing, at 8 of the filter"),
        ("host", "a value is missing, at 5 of the filter"),
        ("host nowhere", "no host is called nowhere, at 6 of the filter"),
        ("port x", "no port is called x, at 6 of the filter"),
        ("tcp ) udp", "and or or is missing, at 5 of the filter"),
        ("(tcp", ") is missing, at 5 of the filter"),
        ("tcp[0:3] = 1", "1, 2 or 4 bytes can be looked at, at 8 of the filter"),
        ("tcp[0 = 1", "] is missing, at 7 of the filter"),
        (
            "gateway a",
            "gateway is not known here: no list of routers' addresses is kept; ether host, and not host, at 1 of the filter",
        ),
        ("vlan 4096", "no VLAN has that number, at 6 of the filter"),
        ("len << 32 = 1", "a shift by more than 31 bits, at 11 of the filter"),
        ("len / 0 = 1", "a division by zero, at 9 of the filter"),
        ("net 10.0.0.1/8", "the address has bits outside its network, at 15 of the filter"),
        ("net 10.0.0.0/33", "no prefix is so long, at 14 of the filter"),
        ("icmp port 7", "that protocol has no ports, at 11 of the filter"),
        ("udp port http", "another protocol's port has that name, at 10 of the filter"),
        ("ip6 host 10.0.0.1", "that protocol has no such address, at 10 of the filter"),
        ("arp net fd61::/64", "that protocol has no such address, at 9 of the filter"),
        ("tcp ; udp", "';' means nothing here, at 5 of the filter"),
        ("ether host 10.0.0.1", "an Ethernet address is missing, at 12 of the filter"),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), expected, "{text}");
    }
    let deep = format!("{}tcp{}", "(".repeat(1000), ")".repeat(1000));
    assert!(parse(&deep).unwrap_err().what.contains("deep"));
    assert!(parse(&format!("{}tcp", "not ".repeat(1000))).unwrap_err().what.contains("deep"));
    assert!(parse(&format!("{}1 = 1", "-".repeat(10_000))).is_err());
    for chain in ["tcp or ", "1 + "] {
        let long = format!("{}1 = 1", chain.repeat(100_000));
        assert!(parse(&long).unwrap_err().what.contains("too many"));
    }
}

#[test]
fn no_packet_makes_it_panic() {
    let filters = [
        "tcp port 80",
        "host 10.0.0.1",
        "ip6 host ::1",
        "ip[0] = 1",
        "icmp6[0] = 1",
        "ether host 1:2:3:4:5:6",
    ]
    .map(|text| parse(text).unwrap());
    let bytes = syn();
    for end in 0..=bytes.len() {
        for at in 12..bytes.len() {
            for value in [0, 0x0f, 0x60, 0xff] {
                let mut hostile = bytes.clone();
                hostile[at] = value;
                for filter in &filters {
                    filter.wants((Link::Ethernet, None), &hostile[..end], end);
                    filter.wants((Link::Raw, None), &hostile[..end], end);
                }
            }
        }
    }
}

#[test]
fn which_way_is_asked_only_by_some() {
    assert!(parse("tcp or not (port 80 and inbound)").unwrap().needs_direction());
    assert!(!parse("tcp port 80").unwrap().needs_direction());
    let bytes = syn();
    let inbound = parse("inbound or tcp").unwrap();
    assert!(inbound.wants((Link::Ethernet, Some(Way::In)), &bytes, bytes.len()));
    assert!(!inbound.wants((Link::Ethernet, None), &bytes, bytes.len()));
}

#[test]
fn no_byte_is_looked_at_beyond_its_reach() {
    for (filter, reach) in [
        ("", 0),
        ("port 80", 94),
        ("vlan 5 and host 10.0.0.1", 98),
        ("tcp[100:4] = 1 or ip6", 198),
        ("tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", usize::MAX),
        ("len > 5 and not ip[8] < 3", 103),
    ] {
        assert_eq!(parse(filter).unwrap().reach(), reach, "{filter}");
    }
}
