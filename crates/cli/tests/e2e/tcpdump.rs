//! `sockeye tcpdump` beside tcpdump itself, on the same captures.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{TempDir, finish, need, sockeye, well_formed};

/// What a filter may ask.
const FILTERS: [&str; 66] = [
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "ip",
    "ip6",
    "arp",
    "ether proto 0x86dd",
    "ether proto \\arp",
    "ip proto 17",
    "ip6 proto 6",
    "proto 6",
    "proto \\udp",
    "host 10.61.0.2",
    "host fd61::2",
    "src 10.61.0.1",
    "dst host 10.61.0.1",
    "src or dst host fd61::1",
    "src and dst host 10.61.0.1",
    "ip host 10.61.0.1",
    "arp host 10.61.0.2",
    "net 10",
    "net 10.61.0.0/24",
    "net fd61::/64",
    "dst net 10.61.0.0 mask 255.255.0.0",
    "port 53",
    "tcp port 80",
    "udp port 53",
    "dst port 80",
    "src port 80 or 53",
    "portrange 50-90",
    "tcp portrange 7-79",
    "ether host 02:00:00:00:00:01",
    "ether src 02:00:00:00:00:02",
    "broadcast",
    "multicast",
    "ether multicast",
    "ip multicast",
    "ip6 multicast",
    "less 60",
    "greater 1000",
    "len > 66",
    "tcp[tcpflags] & tcp-syn != 0",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "tcp[13] & 16 = 0",
    "tcp[2:2] = 80 or udp[2:2] = 53",
    "ip[8] = 64",
    "ip6[6] = 6",
    "icmp6[icmp6type] = icmp6-neighborsolicit",
    "icmp[icmptype] = icmp-unreach",
    "ether[0] & 1 = 0 and ip[0] & 0xf = 5",
    "not tcp",
    "not port 80 and not port 53",
    "tcp or udp and port 53",
    "(tcp or udp) and not (port 53 or port 80)",
    "tcp[100:4] = 0 or udp",
    "tcp port 80 and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)",
    "ip[6:2] & 0x4000 != 0",
    "port domain",
    "port http",
    "port 0x35",
    "ip[8] * 5 % 3 = 128 and ip[8] % 5 + 2 = 1",
    "ip[9] ^ 3 & 2 = 4 or ip[8] | ip[9] & 0 = 64",
    "not tcp[50] = ip6[6]",
    "ether src 02-00-00-00-00-02",
    "ether dst 0200.0000.0001",
];

/// A capture of many kinds of packets.
fn capture(place: &TempDir) -> PathBuf {
    let path = place.path().join("pcapng");
    let script = "
curl -s -o /dev/null http://tekapo/bytes/50K
curl -6 -s -o /dev/null http://tekapo/bytes/20K
curl -s http://tekapo:81/ || true
python3 -c '
import socket
for family, address in ((socket.AF_INET, \"10.61.0.2\"), (socket.AF_INET6, \"fd61::2\")):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.sendto(b\"x\" * 3000, (address, 7))
    s.sendto(b\"x\", (address, 999))
    s.settimeout(0.2)
    try: s.recv(10)
    except OSError: pass
'";
    let mut command = sockeye(["run", "--pcap"]);
    finish(command.arg(&path).args(["--", "sh", "-c", script])).well();
    well_formed(&[&path]);
    path
}

fn lines(command: &mut Command) -> Vec<String> {
    finish(command).well().text().lines().map(str::to_owned).collect()
}

fn theirs(pcap: &Path, options: &[&str]) -> Vec<String> {
    lines(Command::new("tcpdump").arg("-nr").arg(pcap).args(options))
}

fn ours(pcap: &Path, options: &[&str]) -> Vec<String> {
    lines(sockeye(["tcpdump", "-nr"]).arg(pcap).args(options))
}

#[test]
fn filters_decide_as_libpcap_does() {
    if !need(&["curl", "python3", "tcpdump"]) {
        return;
    }
    let place = TempDir::new();
    let pcap = capture(&place);
    assert!(theirs(&pcap, &[]).len() > 80);
    for filter in FILTERS {
        // Times tell packets apart, whatever is printed of them.
        let only_times = |lines: Vec<String>| -> Vec<String> {
            lines.iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
        };
        let (theirs, ours) = (theirs(&pcap, &["-tt", filter]), ours(&pcap, &["-tt", filter]));
        assert_eq!(only_times(ours), only_times(theirs), "{filter}");
    }
}

#[test]
fn lines_are_tcpdumps() {
    if !need(&["curl", "python3", "tcpdump"]) {
        return;
    }
    let place = TempDir::new();
    let pcap = capture(&place);
    // What tcpdump makes of names and their answers is not printed here.
    for options in [
        &["tcp"][..],
        &["-S", "tcp"],
        &["-t", "arp"],
        &["-ttt", "tcp"],
        &["-ttttt", "icmp or icmp6"],
        &["-tttt", "ip"],
        &["-c", "3"],
    ] {
        let filter =
            |lines: Vec<String>| lines.into_iter().filter(|line| !line.contains(".53")).collect::<Vec<_>>();
        assert_eq!(filter(ours(&pcap, options)), filter(theirs(&pcap, options)), "{options:?}");
    }
    let part = place.path().join("part");
    finish(sockeye(["tcpdump", "-r"]).arg(&pcap).arg("-w").arg(&part).arg("tcp port 80")).well();
    assert_eq!(theirs(&part, &[]), theirs(&pcap, &["tcp port 80"]));
}

#[test]
fn what_is_wrong_is_said() {
    let place = TempDir::new();
    let file = place.path().join("text");
    std::fs::write(&file, "just some text").expect("a file");
    let mut command = sockeye(["tcpdump", "-r"]);
    let finished = finish(command.arg(&file)).exits(2);
    finished.complains("not a capture file").in_one_line();
    finish(&mut sockeye(["tcpdump", "-r", "/nowhere"])).exits(2).complains("No such file").in_one_line();
    let finished = finish(&mut sockeye(["tcpdump", "-r", "-", "port", "x"])).exits(2);
    finished.complains("no port is called x, at 6 of the filter").in_one_line();
    // A packet of one byte, and nowhere to print it.
    let script = "printf '\\324\\303\\262\\241\\2\\0\\4\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\4\\0\\145\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\1\\0\\0\\0\\1\\0\\0\\0E' |
        \"$0\" tcpdump -r - >/dev/full";
    finish(Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_sockeye")]))
        .exits(1)
        .complains("standard output: No space left")
        .in_one_line();
}
