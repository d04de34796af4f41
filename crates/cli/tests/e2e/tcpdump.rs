//! `sockeye tcpdump` beside tcpdump itself, on the same captures.

mod packets;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::{TempDir, bounded, finish, finish_with, need, read_line, sockeye, start, well_formed};

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
for family, address in ((socket.AF_INET, \"10.61.0.2\"), (socket.AF_INET6, \"fd61::2\"), (socket.AF_INET, \"127.0.0.1\")):
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

/// Holds what filters want of a capture against what libpcap's want, with an option of tcpdump's.
fn compare_filters<'a>(pcap: &Path, option: &str, filters: impl IntoIterator<Item = &'a str>) {
    // Times tell packets apart, whatever is printed of them.
    let times = |lines: Vec<String>| -> Vec<String> {
        let first = lines.iter().filter(|line| !line.starts_with('\t')).map(|line| line.split(' ').next());
        first.map(|time| time.unwrap_or_default().to_owned()).collect()
    };
    for filter in filters {
        let theirs = times(theirs(pcap, &[option, "-tt", "-q", filter]));
        let ours = times(ours(pcap, &["-tt", "-q", filter]));
        let differs = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
        assert!(differs.is_none() && ours.len() == theirs.len(), "{filter}: {differs:?}");
    }
}

#[test]
fn filters_decide_as_libpcap_does() {
    if !need(&["tcpdump"]) {
        return;
    }
    let place = TempDir::new();
    let pcap = place.path().join("packets");
    let frames = packets::all().into_iter().chain(packets::broken(300)).collect::<Vec<_>>();
    std::fs::write(&pcap, packets::file(&frames)).expect("a file");
    // What contradicts itself libpcap's optimizer decides without a look at the packet; -O switches it off.
    let sound = FILTERS.into_iter().filter(|filter| *filter != "not tcp[50] = ip6[6]");
    compare_filters(&pcap, "-n", sound.chain(OF_PACKETS));
    compare_filters(&pcap, "-O", random_filters(20).iter().map(String::as_str));
}

/// What those don't ask, of packets that are on no network.
const OF_PACKETS: [&str; 37] = [
    "vlan",
    "vlan 5",
    "vlan 7 and vlan 8",
    "vlan and udp",
    "vlan and host 10.61.0.1 or tcp",
    "not vlan",
    "tcp or vlan and ip",
    "rarp",
    "ether proto 0x88b5",
    "ether proto 0x42",
    "stp",
    "iso",
    "decnet or lat or moprc or mopdl or pppoed",
    "link host 02:00:00:00:00:01",
    "vrrp or igrp or carp",
    "ip proto 0",
    "ip6 proto 44",
    "proto 17 and not port 53",
    "icmp[icmpcode] = 3",
    "icmp6[icmp6code] != 0",
    "icmp[icmptype] = icmp-maskreply or icmp[icmptype] = icmp-ireq",
    "tcp[tcpflags] = tcp-ece|tcp-cwr",
    "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
    "ip[((ip[0] & 0xf) << 2) + 1] & 1 = 1",
    "ip6[40] = 58 and ip6[6] = 0",
    "ip[0] << 31 >> 3 = 0x10000000 and 1 << ip[8] > 5",
    "udp[4:2] != len - 42",
    "arp[6:2] = 2",
    "rarp[6:2] = 3",
    "src net 10.61.0.0/31",
    "net ff00::/8",
    "igmp and greater 60",
    "ip[8] < 2",
    "ether[12:2] > 0x86dc",
    "ip6 and tcp and port 80",
    "sctp or ah or esp or pim",
    "ip6 host fd61::1 and not dst host fd61::2",
];

/// Filters nobody would write: tests one after the other, as dice fall.
fn random_filters(count: usize) -> Vec<String> {
    let mut state = 2_463_534_242_u32;
    let mut dice = move |sides: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % sides
    };
    let mut filters = Vec::new();
    while filters.len() < count {
        let mut text = String::new();
        for index in 0..1 + dice(4) {
            if index > 0 {
                text.push_str([" and ", " or ", " && ", " || "][dice(4)]);
            }
            text.push_str(["", "", "not ", "!"][dice(4)]);
            let number = [0, 1, 4, 6, 17, 53, 64, 80, 200][dice(9)];
            let header = ["ip", "ip6", "tcp", "udp", "icmp", "icmp6", "ether", "arp"][dice(8)];
            let relation = ["=", "!=", "<", "<=", ">", ">="][dice(6)];
            let operator = ["+", "-", "*", "&", "|"][dice(5)];
            let direction = ["", "src ", "dst ", "src or dst ", "src and dst "][dice(5)];
            let (at, size) = (dice(24), [1, 2, 4][dice(3)]);
            text.push_str(&match dice(6) {
                0 => format!("{header}[{at}:{size}] {relation} {number}"),
                1 => format!("({header}[{at}] {operator} {number}) & 0xff {relation} len - {at}"),
                2 => format!("{direction}port {number}"),
                3 => format!("{direction}host 10.61.0.{}", dice(3)),
                4 => format!(
                    "({direction}net 10.61.0.0/{} or {})",
                    30 + dice(3),
                    header.replace("ether", "igmp")
                ),
                _ => format!("ip proto {number}"),
            });
        }
        filters.push(text);
    }
    filters
}

/// tcpdump's options, as they change what is printed of a packet.
const OPTIONS: [&[&str]; 17] = [
    &["-t"],
    &["-t", "-v"],
    &["-t", "-vv"],
    &["-t", "-vvv"],
    &["-t", "-e"],
    &["-t", "-ev"],
    &["-t", "-q"],
    &["-t", "-qq", "-e"],
    &["-t", "-S"],
    &["-t", "-vv", "-K"],
    &["-t", "-x"],
    &["-t", "-xx"],
    &["-t", "-X"],
    &["-t", "-XX"],
    &["-t", "-A"],
    &["-t", "-AA"],
    &["-#", "-c", "500"],
];

#[test]
fn every_packet_is_printed_as_tcpdump_does() {
    if !need(&["tcpdump"]) {
        return;
    }
    let place = TempDir::new();
    for (name, frames) in [("all", packets::all()), ("broken", packets::broken(1500))] {
        assert!(frames.len() > 1000);
        let pcap = place.path().join(name);
        std::fs::write(&pcap, packets::file(&frames)).expect("a file");
        for options in OPTIONS {
            let (ours, theirs) = (ours(&pcap, options), theirs(&pcap, options));
            if let Some((ours, theirs)) = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs) {
                panic!("{options:?}\nours:   {ours}\ntheirs: {theirs}");
            }
            assert_eq!(ours.len(), theirs.len(), "{options:?}");
        }
    }
}

#[test]
fn lines_are_tcpdumps() {
    if !need(&["curl", "python3", "tcpdump"]) {
        return;
    }
    let place = TempDir::new();
    let pcap = capture(&place);
    assert!(theirs(&pcap, &[]).len() > 80);
    for options in [
        &["tcp"][..],
        &["-S", "tcp"],
        &["-t", "arp"],
        &["-ttt", "tcp"],
        &["-ttttt", "icmp or icmp6"],
        &["-tttt", "ip"],
        &["-vvv"],
        &["-c", "3"],
        &["--count"],
        &["--count", "tcp"],
    ] {
        assert_eq!(ours(&pcap, options), theirs(&pcap, options), "{options:?}");
    }
    let part = place.path().join("part");
    finish(sockeye(["tcpdump", "-r"]).arg(&pcap).arg("-w").arg(&part).arg("tcp port 80")).well();
    assert_eq!(theirs(&part, &[]), theirs(&pcap, &["tcp port 80"]));
    well_formed(&[&part]);
    // Who has captured all links knows of no direction.
    for asks in [&["-Q", "in"][..], &["outbound"], &["not inbound and tcp"]] {
        let mut command = sockeye(["tcpdump", "-r"]);
        finish(command.arg(&pcap).args(asks)).exits(2).complains("which way packets went").in_one_line();
    }
    finish(sockeye(["tcpdump", "-Q", "out", "-r"]).arg(&pcap).arg("port and")).exits(2).in_one_line();
}

#[test]
fn what_is_wrong_is_said() {
    let place = TempDir::new();
    let file = place.path().join("text");
    std::fs::write(&file, "just some text").expect("a file");
    let mut command = sockeye(["tcpdump", "-r"]);
    let finished = finish(command.arg(&file)).exits(2);
    finished.complains("not a capture file").in_one_line();
    for (wrong, said) in [
        (&["-r", "/nowhere"][..], "No such file"),
        (&["-r", "-", "port", "x"], "no port is called x, at 6 of the filter"),
        (&["-r", "-", "-F", "/nowhere"], "No such file"),
        (&["-r", "-", "-E", "secret"], "nothing is decrypted here"),
        (&["-r", "-", "gateway", "a"], "gateway is not known here"),
        (&["-r", "-", "-e", "-w", "-"], "cannot be used with"),
    ] {
        finish(sockeye(["tcpdump"]).args(wrong)).exits(2).complains(said).in_one_line();
    }
    let frames = &packets::all()[..1];
    let mut pcap = packets::file(frames);
    // Cut short anywhere, it is printed as far as it goes.
    for end in (0..pcap.len()).step_by(7).filter(|end| *end != 24) {
        let mut command = sockeye(["tcpdump", "-r", "-"]);
        finish_with(&mut command, pcap[..end].to_vec()).exits(2).complains("cut short at byte").in_one_line();
    }
    let twice = [&pcap[..], &pcap[24..60]].concat();
    finish_with(&mut sockeye(["tcpdump", "-r", "-"]), twice).exits(2).says("Flags [S]").in_one_line();
    // Nowhere to print it.
    let script = "\"$0\" tcpdump -r - >/dev/full";
    finish_with(Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_sockeye")]), pcap.clone())
        .exits(2)
        .complains("standard output: No space left")
        .in_one_line();
    // Another kind of link.
    pcap[20] = 105;
    finish_with(&mut sockeye(["tcpdump", "-r", "-"]), pcap).exits(2).complains("link type 105").in_one_line();
}

#[test]
fn a_closed_pipe_is_said() {
    let frames: Vec<_> = std::iter::repeat_with(packets::all).take(3).flatten().collect();
    let place = TempDir::new();
    let pcap = place.path().join("pcap");
    std::fs::write(&pcap, packets::file(&frames)).expect("a file");
    let mut command = sockeye(["tcpdump", "-X", "-r"]);
    let command = command.arg(&pcap).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let mut first = [0; 10];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("it prints");
    // The pipe is closed by now, and holds less than what there is.
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), said.trim_end()),
        (Some(2), "sockeye: standard output: Broken pipe (os error 32)")
    );
}

/// Opens a connection to the host's neighbour for each line it is told.
const CALLER: &str = "
import socket, sys
print('ready', flush=True)
for line in sys.stdin:
    socket.create_connection(('tekapo', 7)).close()
";

#[test]
fn a_running_network_is_looked_into() {
    if !need(&["python3", "tcpdump"]) {
        return;
    }
    let place = TempDir::new();
    let in_place = |arguments: &[&str]| {
        let mut command = sockeye(arguments);
        command.env("XDG_RUNTIME_DIR", place.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let mut program = start(&mut in_place(&["run", "--", "python3", "-c", CALLER]));
    assert_eq!(read_line(program.stdout.as_mut().expect("a pipe")), "ready");
    let list = finish(&mut in_place(&["tcpdump", "-D"])).well().text();
    assert_eq!(list.lines().nth(1), Some("2.pukaki/eth0"));
    let look = |arguments: &[&str]| {
        let mut looking = start(&mut in_place(&[&["tcpdump"], arguments].concat()));
        let listening = read_line(looking.stderr.as_mut().expect("a pipe"));
        assert!(listening.starts_with("sockeye: listening on "), "{listening}");
        looking
    };
    // A name is the network's; what comes is seen, and what goes.
    let here = look(&["-c", "3", "-i", "pukaki:eth0", "tcp port 7 and host tekapo"]);
    let there = look(&["-c", "2", "--host", "tekapo", "-w", "-", "tcp", "port", "7"]);
    let sent = look(&["-c", "2", "-Q", "out", "-i", "pukaki/eth0", "host tekapo and tcp"]);
    let came = look(&["-c", "2", "--host", "pukaki", "inbound and tcp"]);
    let on_link = look(&["-s", "40", "--link", "0"]);
    program.stdin.as_mut().expect("a pipe").write_all(b"call\n").expect("it listens");
    let here = bounded(here, "tcpdump");
    let text = String::from_utf8_lossy(&here.stdout).into_owned();
    assert!(text.lines().count() == 3 && text.contains("2.7: Flags [S], "), "{text}");
    let counts = "3 packets captured\n3 packets received by filter\n0 packets dropped by sockeye\n";
    assert_eq!(String::from_utf8_lossy(&here.stderr), counts);
    let there = bounded(there, "tcpdump");
    let mut command = Command::new("tcpdump");
    let file = place.path().join("there");
    std::fs::write(&file, there.stdout).expect("a file");
    let printed = finish(command.args(["-ntr"]).arg(&file)).well().text();
    assert!(printed.lines().count() == 2 && printed.contains("Flags [S.]"), "{printed}");
    well_formed(&[&file]);
    // What came and what was sent is known at a host, and from what was written there.
    for (looking, way) in [(sent, "2.7: Flags"), (came, "2.7 > ")] {
        let seen = String::from_utf8_lossy(&bounded(looking, "tcpdump").stdout).into_owned();
        assert!(seen.lines().count() == 2 && seen.lines().all(|line| line.contains(way)), "{seen}");
    }
    for (way, flags) in [("in", "Flags [S],"), ("out", "Flags [S.],")] {
        let told = finish(sockeye(["tcpdump", "-Q", way, "-r"]).arg(&file)).well().text();
        assert!(told.lines().count() == 1 && told.contains(flags), "{told}");
    }
    let asks = finish(&mut in_place(&["tcpdump", "outbound"]));
    asks.exits(2).complains("told only where a host or an interface is looked at");
    // With the network this ends, too.
    drop(program.stdin.take());
    bounded(program, "the program");
    let gone = bounded(on_link, "tcpdump");
    assert!(String::from_utf8_lossy(&gone.stdout).contains(" [|"));
    assert_eq!(String::from_utf8_lossy(&gone.stderr), "sockeye: the network is gone\n");
    assert_eq!(gone.status.code(), Some(2));
    for of in [&["--of", "none"][..], &[]] {
        finish(&mut in_place(&[&["tcpdump"], of].concat())).exits(2).complains("running").in_one_line();
    }
}
