//! Programs that ask netlink about the host: what it answers is compared with the kernel's in a network namespace set up alike,
//! and the tools that ask it show the virtual host.

use std::process::Command;

use crate::common::{bare, finish, need, python, run, shell, sockeye};
use crate::oracle::{compile, difference};

/// Makes `eth0` as the virtual host has it, with its other end in the namespace of the process $OUTER, and runs the rest.
const LIKE_PUKAKI: &str = r#"
ip link set lo up
ip link add eth0 type veth peer name eth0 netns $OUTER
ip link set eth0 addrgenmode none
ip link set eth0 address 02:00:00:00:00:01
nsenter -t $OUTER -n ip link set eth0 up
ip link set eth0 up
ip addr add 10.61.0.1/24 brd + dev eth0
ip addr add fd61::1/64 dev eth0 nodad
ip addr add fe80::ff:fe00:1/64 dev eth0 nodad
ip route add 224.0.0.0/4 dev eth0
echo reno > /proc/sys/net/ipv4/tcp_congestion_control
until grep -q '^fd610000000000000000000000000001 80 ' /proc/net/ipv6_route && ip -o link show eth0 | grep -q 'state UP'; do
    sleep 0.01
done
exec "$@"
"#;
const RENO: [&str; 4] = ["run", "--sysctl", "net.ipv4.tcp_congestion_control=reno", "--"];

/// A command on the kernel, in a network like the virtual one; none where there can't be one.
pub(crate) fn on_kernel(program: &[&str]) -> Option<Command> {
    let outer = ["unshare", "-n", "sh", "-c", "OUTER=$$ unshare -n sh -ec \"$@\"", "sh", LIKE_PUKAKI, "sh"];
    let may = need(&["unshare", "nsenter", "ip"]) && finish(&mut bare(["unshare", "-n", "true"])).code() == 0;
    if !may {
        println!("skipped: it takes root");
    }
    may.then(|| bare(outer.iter().chain(program)))
}

pub(crate) fn compare(linux: &str, ours: &str) {
    if let Some(difference) = difference(linux, ours) {
        panic!("not as on Linux (- Linux, + Sockeye)\n{difference}");
    }
}

#[test]
fn every_attribute_is_the_kernels() {
    if !need(&["gcc"]) {
        return;
    }
    let program = compile("netlink");
    let path = program.path().to_str().expect("a path");
    let Some(mut kernel) = on_kernel(&[path]) else { return };
    let linux = finish(&mut kernel).well().text();
    for exact in [false, true] {
        let mut words = RENO.to_vec();
        if exact {
            words.insert(1, "--exact");
        }
        compare(&linux, &finish(sockeye(words).arg(path)).well().text());
    }
}

/// What of the kernel's is only because its link is one end of a veth.
fn without_veth(text: &str) -> String {
    let mut text = text.to_owned();
    for (from, to) in [("eth0@if", "eth0@"), ("\"link_index\":", "\"\":"), ("\"link_netnsid\":", "\"\":")] {
        while let Some(at) = text.find(from) {
            let digits = text[at + from.len()..].chars().take_while(char::is_ascii_digit).count();
            text.replace_range(at..at + from.len() + digits, to);
        }
    }
    let words = text
        .replace("eth0@:", "eth0:")
        .replace("eth0@eth0:", "eth0:")
        .replace("\"\":,", "")
        .replace(" link-netnsid 0", "");
    words
        .replace(" numtxqueues 2 numrxqueues 2", " numtxqueues 1 numrxqueues 1")
        .replace("\n    veth numtx", "numtx")
}

#[test]
fn ip_shows_what_it_shows_on_linux() {
    let asks = "ip addr; ip -6 addr; ip -j addr; ip -o link; ip route; ip -6 route; ip route show table all; ip rule; ip -6 rule; \
                ip -4 neigh; ip route get 10.61.0.2; ip route get 10.61.0.1; ip route get fd61::2; ip route get ::1; \
                ip route get 8.8.8.8; ip -br link show lo; ip link show lo; ip addr show dev eth0; busybox ip addr; busybox ip route; \
                ip link show nope; ip route show table 77; ip -s link show nope";
    if !need(&["ip", "busybox"]) {
        return;
    }
    let script = format!("exec 2>&1; {asks}; true");
    let Some(mut kernel) = on_kernel(&["sh", "-c", &script]) else { return };
    let linux = finish(&mut kernel).well().text();
    compare(&without_veth(&linux), &finish(&mut shell(&script)).well().text());
}

#[test]
fn ip_may_change_nothing() {
    if !need(&["ip"]) {
        return;
    }
    for change in [
        "link set eth0 down",
        "addr add 10.0.0.1/8 dev lo",
        "route add default via 10.61.0.2",
        "neigh flush all",
    ] {
        let done = finish(&mut shell(&format!("ip {change}; ip neigh")));
        assert!(change.starts_with("neigh") || done.errors().contains("Operation not permitted"), "{change}");
    }
}

#[test]
fn neighbours_are_shown_once_they_are_known() {
    if need(&["ip", "ping"]) {
        let script = "ping -q -c1 10.61.0.2 >&2; ping -q -c1 fd61::2 >&2; ip neigh";
        let shown = finish(&mut shell(script)).well();
        shown
            .says("10.61.0.2 dev eth0 lladdr 02:00:00:00:00:02 REACHABLE")
            .says("fd61::2 dev eth0 lladdr 02:00:00:00:00:02 ");
    }
}

#[test]
fn ss_shows_the_programs_sockets() {
    if !need(&["ss", "python3"]) {
        return;
    }
    let program = r#"
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 5000), backlog=7)
client = socket.create_connection(("127.0.0.1", 5000))
served, _ = listener.accept()
served.sendall(b"hello")
client.recv(1, socket.MSG_PEEK)
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 6000))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 89)
sys.stdout.flush()
for how in sys.argv[1:]:
    print("$", how, flush=True)
    subprocess.run(["ss"] + how.split())
"#;
    let asks = [
        "-Htln",
        "-Htanp",
        "-Htanie dport = :5000",
        "-Huan",
        "-Hwan",
        "-Htan state established sport = :5000",
        "-Htln src 127.0.0.1:5000",
        "-Htanm",
    ];
    let shown = finish(python(program).args(asks)).well().text();
    let lines = |ask: &str| -> Vec<Vec<String>> {
        let after = shown.lines().skip_while(|line| *line != format!("$ {ask}")).skip(1);
        let own = after.take_while(|line| !line.starts_with('$'));
        own.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let has = |ask: &str, words: &str| {
        let words: Vec<&str> = words.split_whitespace().collect();
        let found = lines(ask)
            .iter()
            .any(|line| words.iter().all(|word| line.iter().any(|other| other.contains(word))));
        assert!(found, "{ask}: no {words:?} in\n{shown}");
    };
    has(asks[0], "LISTEN 0 7 127.0.0.1:5000 0.0.0.0:*");
    has(asks[1], "LISTEN 127.0.0.1:5000 \"python3\",pid=");
    has(asks[1], "ESTAB 5 127.0.0.1:5000");
    has(asks[2], "cubic wscale: rto: mss: cwnd: bytes_received:5");
    has(asks[2], "ino: sk:");
    has(asks[3], "UNCONN 127.0.0.1:6000");
    has(asks[4], "UNCONN 0.0.0.0:89");
    assert_eq!(lines(asks[5]).len(), 1, "{shown}");
    assert_eq!(lines(asks[6]).len(), 1, "{shown}");
    has(asks[7], "skmem:");
}

#[test]
fn libraries_list_the_interfaces() {
    let names =
        "import socket; print(socket.if_nameindex(), socket.if_indextoname(2), socket.if_nametoindex('lo'))";
    if need(&["python3"]) {
        finish(&mut python(names)).well().says("[(1, 'lo'), (2, 'eth0')] eth0 1");
    }
    if need(&["node"]) {
        let list = "const os = require('os'); for (const [name, all] of Object.entries(os.networkInterfaces())) \
                    for (const own of all) console.log(name, own.cidr, own.mac)";
        let shown = finish(&mut run(["node", "-e", list])).well();
        shown.says("lo 127.0.0.1/8").says("eth0 10.61.0.1/24 02:00:00:00:00:01").says("eth0 fd61::1/64");
    }
}

/// It listens on the addresses that netlink tells it of.
#[test]
fn dnsmasq_answers_names() {
    if !need(&["dnsmasq", "dig"]) {
        return;
    }
    let script = "
dnsmasq --keep-in-foreground --port=5353 --no-resolv --no-hosts --conf-file=/dev/null --pid-file= --user= \
    --address=/lake.test/10.1.2.3 --interface=eth0 --bind-dynamic &
until answer=$(dig +short +tries=1 +time=1 -p 5353 @10.61.0.1 lake.test) && [ \"$answer\" = 10.1.2.3 ]; do :; done
echo \"answer $answer\"
kill $!
wait $!
";
    finish(&mut shell(script)).says("answer 10.1.2.3");
}

#[test]
fn nmap_finds_open_ports() {
    if need(&["nmap"]) {
        let scan = ["nmap", "--unprivileged", "-n", "-sT", "-p", "7,80,81", "10.61.0.2"];
        let found = finish(&mut run(scan)).well();
        found.says("7/tcp  open   echo").says("80/tcp open   http").says("81/tcp closed");
    }
}

/// What getaddrinfo asks by netlink, it asks in every program.
#[test]
fn nothing_is_left_behind() {
    if !need(&["python3"]) {
        return;
    }
    let program = r#"
import os, socket, struct
for _ in range(300):
    asked = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    asked.send(struct.pack("=IHHIIB3x", 20, 22, 0x301, 1, 0, 0))
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    asked.close()
# Behind the guard.
supervisor = open(f"/proc/{os.getppid()}/stat").read().rsplit(")", 1)[1].split()[1]
print(len(os.listdir(f"/proc/{supervisor}/fd")) < 40)
"#;
    finish(&mut python(program)).well().says("True");
}

/// Bytes from no program in its right mind.
#[test]
fn odd_requests_do_no_harm() {
    if !need(&["python3"]) {
        return;
    }
    let program = r#"
import random, socket, struct
chance = random.Random(7)
for protocol in (0, 4):
    asked = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
    asked.settimeout(0.01)
    asked.setsockopt(270, 12, 1)
    for round in range(400):
        body = bytes(chance.choice((0, 1, 2, 8, 10, 255, chance.randrange(256))) for _ in range(chance.randrange(120)))
        kind = chance.choice((18, 20, 22, 26, 30, 34, chance.randrange(130)))
        length = chance.choice((16 + len(body), 16 + len(body), chance.randrange(200), 2**32 - 1))
        asked.send(struct.pack("=IHHII", length, kind, chance.choice((1, 5, 0x301, 0x305)), round, 0) + body)
        if chance.random() < 0.9:
            try:
                while True:
                    asked.recv(65536)
            except (TimeoutError, OSError):
                pass
    # Who never reads is answered no more, and told.
    asked.settimeout(None)
    for _ in range(10000):
        asked.send(struct.pack("=IHHII", 16, 1, 5, 1, 0))
    asked.close()
print(len(socket.if_nameindex()))
"#;
    finish(&mut python(program)).well().says("2");
}
