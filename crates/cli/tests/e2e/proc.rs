//! The files of a host's network: what programs read in `/proc/net`, `/proc/sys/net` and `/sys/class/net` is compared with the
//! kernel's in a namespace set up alike; the tools that read them work; and nothing hangs on them.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{bare, finish, need, run, shell, signal, sockeye};
use crate::netlink::{compare, on_kernel};

/// Sockets of each kind, and what the files then say; of what differs from run to run (pointers, inodes, ports that were
/// chosen, buckets, times) only that it is there.
const SOCKETS: &str = r#"
import re, socket, sys
from socket import *
def tcp(family, address, port):
    listener = socket(family)
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(7)
    client = socket(family)
    client.connect((address, port))
    return listener, client, listener.accept()[0]
kept = [tcp(AF_INET, "127.0.0.1", 5000), tcp(AF_INET6, "::1", 5001), tcp(AF_INET, "10.61.0.1", 5002)]
kept[0][1].sendall(b"hello")
kept[0][2].recv(1, MSG_PEEK)
kept[2][1].close()
kept[2][2].recv(1)
kept[2][2].close()
def datagram(family, kind, number, address=None, peer=None):
    s = socket(family, kind, number)
    if address: s.bind(address)
    if peer: s.connect(peer)
    return s
kept += [
    datagram(AF_INET, SOCK_DGRAM, 0, ("127.0.0.1", 6000)),
    datagram(AF_INET, SOCK_DGRAM, 0, ("127.0.0.1", 6001), ("127.0.0.1", 6000)),
    datagram(AF_INET6, SOCK_DGRAM, 0, ("::", 6002)),
    datagram(AF_INET, SOCK_RAW, 89, ("10.61.0.1", 0)),
    datagram(AF_INET6, SOCK_RAW, 89),
]
group = socket(AF_INET, SOCK_DGRAM)
group.setsockopt(IPPROTO_IP, IP_ADD_MEMBERSHIP, inet_aton("239.1.2.3") + inet_aton("10.61.0.1"))
group6 = socket(AF_INET6, SOCK_DGRAM)
group6.setsockopt(IPPROTO_IPV6, IPV6_JOIN_GROUP, inet_pton(AF_INET6, "ff05::1:3") + b"\x02\0\0\0")
def masked(name, line):
    # The columns stay where they are.
    hide = lambda match: "*" * len(match[0])
    line = re.sub(r"\b0{8}[0-9a-f]{8}\b", hide, line)
    if name in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        words = line.split()
        if not words or words[0] == "sl": return line.rstrip()
        words[0] = "*"
        for at in (1, 2):
            address, port = words[at].split(":")
            words[at] = address + ":" + (port if int(port, 16) < 8000 else "****")
        # Inode, what counts on it, and the pace.
        words[9:] = ["*"] * (len(words) - 9) if words[3] != "06" else []
        words[5] = words[5][:2]
        return " ".join(words)
    if name == "ipv6_route":
        # How many refer to a route.
        words = line.split(" ")
        if len(words) > 6: words[6] = "*"
        return " ".join(words)
    return line
for name in sys.argv[1:]:
    print("==", name)
    lines = [masked(name, line) for line in open("/proc/net/" + name).read().split("\n")]
    if name not in ("route", "igmp"): lines.sort()
    print("\n".join(lines))
"#;

#[test]
fn tables_are_the_kernels() {
    if !need(&["python3"]) {
        return;
    }
    let files = [
        "tcp",
        "tcp6",
        "udp",
        "udp6",
        "raw",
        "raw6",
        "icmp",
        "icmp6",
        "udplite",
        "udplite6",
        "packet",
        "route",
        "ipv6_route",
        "if_inet6",
        "dev_mcast",
        "igmp",
    ];
    let program: Vec<&str> = ["python3", "-c", SOCKETS].into_iter().chain(files).collect();
    let Some(mut kernel) = on_kernel(&program) else { return };
    let linux = finish(&mut kernel).well().text();
    compare(&linux, &finish(&mut run(&program)).well().text());
}

/// What a network that nobody has used yet shows, in all but numbers.
#[test]
fn names_and_headers_are_the_kernels() {
    let script = "cd /proc/net; for f in snmp snmp6 netstat sockstat sockstat6 dev arp; do echo \"== $f\"; \
                  grep -v -e MPTcpExt -e Type $f | sed -E 's/[0-9a-f]*[0-9]+/N/g; s/N +/N /g; s/ +N/ N/g; s/-N/N/g' | sort -u; done; \
                  head -1 netlink; cd /sys/class/net; for i in lo eth0; do for f in address addr_len broadcast carrier dev_id dormant flags ifindex \
                  mtu operstate testing tx_queue_len type statistics/rx_errors; do echo \"$i $f $(cat $i/$f)\"; done; \
                  echo $(ls $i/statistics); readlink $i $i/subsystem; cat $i/speed 2>&1 | grep -v 10000; done; \
                  stat -c '%A %s %n' /proc/net/tcp /proc/sys/net/ipv4/tcp_sack /proc/sys/net/ipv4/tcp_fastopen_key";
    // The namespace has a sysfs of its own.
    let on_linux = format!("mount -t sysfs none /sys; {script}");
    let Some(mut kernel) = on_kernel(&["unshare", "-m", "sh", "-c", &on_linux]) else { return };
    let linux = finish(&mut kernel).well().text();
    let ours = finish(&mut shell(script)).well().text();
    let plain = |text: String| {
        // One end of a veth tells a speed; of lo neither knows it.
        let text = text.replace("cat: eth0/speed: Invalid argument\n", "");
        let mut lines: Vec<&str> = text.lines().collect();
        lines.dedup();
        lines.join("\n") + "\n"
    };
    compare(&plain(linux), &plain(ours));
}

#[test]
fn net_tools_work() {
    if !need(&["netstat", "ifconfig", "route", "arp", "curl", "python3"]) {
        return;
    }
    let script = "curl -so /dev/null http://tekapo/bytes/100k; python3 -c '
import socket, subprocess
listener = socket.create_server((\"127.0.0.1\", 5000))
subprocess.run([\"netstat\", \"-tan\"])
subprocess.run([\"netstat\", \"-tanp\"])'; netstat -rn; netstat -i; netstat -s; netstat -g; ifconfig eth0; route -n; arp -n; \
                  netstat -an6 >/dev/null && netstat -xan >/dev/null";
    let shown = finish(&mut shell(script)).well();
    assert_eq!(shown.errors(), "");
    let shown = shown
        .says("tcp        0      0 127.0.0.1:5000          0.0.0.0:*               LISTEN")
        .says("/python3")
        .says("10.61.0.0       0.0.0.0         255.255.255.0   U")
        .says("1 active connection openings")
        .says("eth0            1      224.0.0.1")
        .says("ether 02:00:00:00:00:01")
        .says("10.61.0.2                ether   02:00:00:00:00:02   C                     eth0");
    // A hundred thousand bytes came, in some seventy segments; and IFLA_STATS64 says the same.
    let text = shown.text();
    let received = text.lines().find(|line| line.contains("RX packets")).expect("counts");
    let numbers: Vec<u64> = received.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[0] >= 70 && numbers[1] > 102_400, "{text}");
}

#[test]
fn settings_are_read_and_written() {
    let script = "exec 2>&1; cd /proc/sys/net; cat ipv4/tcp_sack; echo 0 > ipv4/tcp_sack; cat ipv4/tcp_sack; sysctl -n net.core.somaxconn; \
                  echo hello > ipv4/tcp_sack; echo 1 > ipv4/nothing; echo x > ipv4/tcp_available_congestion_control; \
                  echo 7 > /proc/net/tcp; mkdir new; rm ipv4/tcp_sack; chmod 777 ipv4/tcp_sack; sysctl -w net.ipv4.ip_default_ttl=9; \
                  ping -qc1 127.0.0.1 >/dev/null; printf '1\\n2' >> ipv4/tcp_sack; cat ipv4/tcp_sack";
    if !need(&["sysctl", "ping"]) || finish(&mut shell("readlink /proc/net")).text() != "sys/net/.net\n" {
        return;
    }
    let expected = "1\n0\n4096\nsh: 1: echo: echo: I/O error\nsh: 1: cannot create ipv4/nothing: Directory nonexistent\n";
    let said = finish(&mut shell(script)).text();
    let said = said.replace("sh: 1: echo: echo: Invalid argument", "sh: 1: echo: echo: I/O error");
    assert!(said.starts_with(expected), "{said}");
    for text in [
        "Permission denied",
        "cannot create directory",
        "net.ipv4.ip_default_ttl = 9",
        "Operation not permitted",
    ] {
        assert!(said.contains(text), "{said}");
    }
    // The machine's own is as it was, and so is every other run's.
    assert_eq!(finish(&mut shell("cat /proc/sys/net/ipv4/ip_default_ttl")).text(), "64\n");
    assert_eq!(std::fs::read_to_string("/proc/sys/net/ipv4/ip_default_ttl").ok().as_deref(), Some("64\n"));
    // What was asked for on the command line is there, too.
    let asked = ["run", "--sysctl", "net.ipv4.tcp_sack=0", "--", "cat", "/proc/sys/net/ipv4/tcp_sack"];
    assert_eq!(finish(&mut sockeye(asked)).text(), "0\n");
    assert_ne!(
        finish(&mut sockeye(["run", "--proc=off", "--", "readlink", "/proc/net"])).text(),
        "sys/net/.net\n"
    );
}

/// Programs that read the files in all ways at once, and never come to their end, while sockets come and go.
#[test]
fn who_reads_strangely_harms_nobody() {
    let program = r#"
import os, socket, mmap, threading
def files(folder):
    for root, _, names in os.walk(folder):
        for name in names: yield os.path.join(root, name)
everything = [name for folder in ("/proc/net/", "/proc/sys/net", "/sys/devices/virtual/net") for name in files(folder)]
held = []
for name in everything:
    try: fd = os.open(name, os.O_RDONLY)
    except PermissionError: continue
    held.append(fd)
    for how in (lambda: os.pread(fd, 1, 1 << 62), lambda: os.read(fd, 1), lambda: os.read(fd, 1 << 20), lambda: os.lseek(fd, 0, os.SEEK_SET),
                lambda: os.write(fd, b"1"), lambda: os.ftruncate(fd, 9), lambda: mmap.mmap(fd, 4096, prot=mmap.PROT_READ)[0:1],
                lambda: os.getxattr(fd, "user.x"), lambda: os.fstatvfs(fd), lambda: os.fsync(fd)):
        try: how()
        except (OSError, ValueError): pass
def churn():
    for _ in range(200):
        a, b = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        b.bind(("127.0.0.1", 0))
        a.close(); b.close()
        # Its number is a file's now; the supervisor doesn't ask what that is.
        f = open("/proc/net/udp"); f.read(10); os.fstat(f.fileno()); f.close()
threads = [threading.Thread(target=churn) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(len(held) > 150, open("/proc/net/dev").read().count(":"))
"#;
    if need(&["python3"]) {
        finish(&mut run(["python3", "-c", program])).well().says("True 2");
    }
}

#[test]
fn nobody_hangs_on_the_files_of_a_dead_supervisor() {
    if !need(&["python3"]) {
        return;
    }
    // It reads until it can't any more, and is told so at once. (Who is then ended by the guard is no matter.)
    let program = "
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('reading', flush=True)
try:
    while True: open('/proc/net/tcp').read()
except OSError as error:
    print(error.strerror, flush=True)
";
    let mut child = run(["python3", "-uc", program])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a supervisor");
    let mut out = child.stdout.take().expect("its output");
    let mut first = [0; 8];
    out.read_exact(&mut first).expect("a line");
    signal("KILL", &child.id().to_string());
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut rest = String::new();
        let _ = out.read_to_string(&mut rest);
        let _ = told.send(rest);
    });
    let rest = heard.recv_timeout(Duration::from_secs(20)).expect("an end");
    assert!(rest.contains("not connected") || rest.contains("abort"), "{rest}");
    child.wait().expect("it was killed");
}

#[test]
fn what_is_mounted_stays_the_programs_own() {
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let before = mounts();
    let inside =
        finish(&mut bare([env!("CARGO_BIN_EXE_sockeye"), "run", "--", "cat", "/proc/self/mountinfo"])).text();
    assert_eq!(mounts(), before);
    assert!(
        !before.contains("- fuse sockeye") && (inside.contains("- fuse sockeye") || inside == before),
        "{inside}"
    );
}

/// Unix-domain sockets are the machine's, and what stands for the Internet's is none of them.
#[test]
fn ss_shows_unix_sockets() {
    let program = r#"
import os, socket, subprocess
unix = socket.socket(socket.AF_UNIX)
unix.bind("\0sockeye-test-" + str(os.getpid()))
unix.listen(3)
internet = socket.create_server(("127.0.0.1", 5000))
client = socket.create_connection(("127.0.0.1", 5000))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own = [os.readlink(f"/proc/self/fd/{s.fileno()}")[8:-1] for s in (unix, internet, client, datagrams)]
for how in (["ss", "-xaH"], ["cat", "/proc/net/unix"]):
    text = subprocess.run(how, capture_output=True, text=True, check=True).stdout
    words = text.split()
    print("sockeye-test-" + str(os.getpid()) in text, [inode in words for inode in own])
"#;
    if need(&["ss", "python3"]) {
        let told = "True [True, False, False, False]\n";
        let text = finish(&mut run(["python3", "-c", program])).well().text();
        assert!(text.starts_with(told), "{text}");
        let is_shown = finish(&mut shell("readlink /proc/net")).text() == "sys/net/.net\n";
        assert!(!is_shown || text == told.repeat(2), "{text}");
    }
}

/// What was asked for and can't be is an error; what wasn't is left out.
#[test]
fn without_fuse() {
    let hidden = "mount --bind /dev/null /dev/fuse && exec \"$@\"";
    let may = need(&["unshare"]) && finish(&mut bare(["unshare", "-m", "true"])).code() == 0;
    if !may || !std::path::Path::new("/dev/fuse").exists() {
        return println!("skipped: it takes root");
    }
    let without = |words: &[&str]| {
        let outer = ["unshare", "-m", "sh", "-c", hidden, "sh", env!("CARGO_BIN_EXE_sockeye")];
        finish(&mut bare(outer.iter().chain(words)))
    };
    let asked = without(&["run", "--proc=user", "--", "true"]);
    asked.exits(125).complains("the host's files can't be shown (--proc=user)").in_one_line();
    without(&["run", "--", "true"]).well();
    without(&["doctor"]).says("by an object that is preloaded");
    // Dynamic programs are given them all the same.
    without(&["run", "--", "cat", "/proc/net/dev"]).says("eth0:");
}
