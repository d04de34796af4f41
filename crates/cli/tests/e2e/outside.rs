//! The way out and in: programs and servers of the machine, which listen on its loopback alone.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{TempDir, bare, finish, finish_with, need, read_line, sockeye, start, well_formed};

/// A server of the machine, in Python: it has a listener `l` on a port of 127.0.0.1, and whatever `code` does with it.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn new(code: &str) -> Server {
        let program = format!(
            "
import os, socket, struct, sys, threading
l = socket.create_server(('127.0.0.1', 0), backlog=5)
print(l.getsockname()[1], flush=True)
def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    s.close()
{code}"
        );
        let mut child = start(bare(["python3", "-c", &program]).stdout(Stdio::piped()));
        let port = read_line(child.stdout.as_mut().expect("a pipe")).parse().expect("a port");
        Server { child, port }
    }

    /// The next line it prints.
    pub(crate) fn says(&mut self) -> String {
        read_line(self.child.stdout.as_mut().expect("a pipe"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a Python program that may reach the machine's loopback. `G` is the gateway's address, `P` the port.
pub(crate) fn outside(flags: &[&str], port: u16, program: &str) -> Command {
    let program = format!(
        "
import errno, socket, struct, sys
G, P = '10.61.0.254', {port}
def name(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
{program}"
    );
    let mut command = sockeye(["run"]);
    command.args(flags).args(["--", "python3", "-c", &program]);
    command
}

pub(crate) const LOOPBACK: &[&str] = &["--outside=loopback"];

#[test]
fn a_connection_ends_each_way_as_its_peer_ends_it() {
    if !need(&["python3"]) {
        return;
    }
    let mut server = Server::new(
        "
# The client ends first, then the server.
s, _ = l.accept()
asked = s.makefile('rb').read()
s.sendall(asked.upper())
s.close()
# The server first.
s, _ = l.accept()
s.sendall(b'bye')
s.shutdown(socket.SHUT_WR)
print(s.makefile('rb').read(), flush=True)
s.close()
# A reset of the client, behind data.
s, _ = l.accept()
got = b''
try:
    while part := s.recv(100):
        got += part
    print('no reset')
except ConnectionResetError:
    print('reset behind', got, flush=True)
# And of the server.
s, _ = l.accept()
s.sendall(b'first')
s.recv(100)
reset(s)
",
    );
    let program = "
s = socket.create_connection(('gateway', P))
s.sendall(b'question')
s.shutdown(socket.SHUT_WR)
print(s.makefile('rb').read())
s = socket.create_connection((G, P))
print(s.makefile('rb').read())
s.sendall(b'late')
s.close()
s = socket.create_connection((G, P))
s.sendall(b'data')
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
s.close()
s = socket.create_connection((G, P))
print(s.recv(100))
s.sendall(b'x')
print(name(s.recv, 100))
";
    let finished = finish(&mut outside(LOOPBACK, server.port, program)).well();
    assert_eq!(finished.text(), "b'QUESTION'\nb'bye'\nb'first'\nECONNRESET\n");
    assert_eq!(server.says(), "b'late'");
    assert_eq!(server.says(), "reset behind b'data'");
}

#[test]
fn who_is_not_there_is_told_truly() {
    if !need(&["python3"]) {
        return;
    }
    // Nobody listens on the first; the second has room for one alone; nobody hears the third.
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let deaf = UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
    let mut server = Server::new(
        "
full = socket.socket()
full.bind(('127.0.0.1', 0))
full.listen(0)
others = [socket.socket() for _ in range(8)]
for other in others:
    other.setblocking(False)
    other.connect_ex(full.getsockname())
print(full.getsockname()[1], flush=True)
l.accept()
",
    );
    let full = server.says();
    let program = format!(
        "
print(name(socket.create_connection, (G, {closed})))
print(name(socket.create_connection, ('fd61::fe', {closed})))
s = socket.socket()
s.settimeout(1)
print(name(s.connect, (G, {full})))
s = socket.socket(type=socket.SOCK_DGRAM)
s.connect((G, {deaf}))
s.send(b'x')
print(name(s.recv, 9))
"
    );
    let finished = finish(&mut outside(LOOPBACK, server.port, &program)).well();
    assert_eq!(finished.text(), "ECONNREFUSED\nECONNREFUSED\ntimed out\nECONNREFUSED\n");
}

#[test]
fn who_does_not_read_holds_the_other_back() {
    if !need(&["python3"]) {
        return;
    }
    let mut server = Server::new(
        "
talk, _ = l.accept()
s, _ = l.accept()
s.settimeout(0.5)
sent = 0
try:
    while sent < 1 << 30:
        sent += s.send(bytes(1 << 16))
except TimeoutError:
    pass
print('held back' if sent < 64 << 20 else 'never', flush=True)
talk.sendall(b'go')
s.settimeout(None)
s.close()
print(sent, flush=True)
# And the other way.
s, _ = l.accept()
talk.recv(1)
print(sum(len(part) for part in iter(lambda: s.recv(1 << 20), b'')), flush=True)
",
    );
    let program = "
talk = socket.create_connection((G, P))
s = socket.create_connection((G, P))
talk.recv(2)
came = 0
while part := s.recv(1 << 20):
    came += len(part)
print(came)
s = socket.create_connection((G, P))
s.settimeout(0.5)
sent = 0
try:
    while sent < 1 << 30:
        sent += s.send(bytes(1 << 16))
except TimeoutError:
    pass
print('held back' if sent < 64 << 20 else 'never')
talk.sendall(b'x')
s.settimeout(None)
s.close()
print(sent)
";
    let finished = finish(&mut outside(LOOPBACK, server.port, program)).well();
    assert_eq!(server.says(), "held back");
    assert_eq!(finished.text(), format!("{}\nheld back\n{}\n", server.says(), server.says()));
}

#[test]
fn datagrams_there_and_back() {
    if !need(&["python3"]) {
        return;
    }
    let echo = UdpSocket::bind("127.0.0.1:0").expect("a port of the machine");
    let port = echo.local_addr().expect("bound").port();
    let server = std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        for _ in 0..3 {
            let (length, from) = echo.recv_from(&mut buffer).expect("a datagram");
            echo.send_to(&buffer[..length], from).expect("its answer");
        }
    });
    let program = "
s = socket.socket(type=socket.SOCK_DGRAM)
s.settimeout(20)
for size in 0, 5, 60000:
    s.sendto(bytes(size), (G, P))
    data, source = s.recvfrom(1 << 16)
    print(len(data), source == (G, P))
";
    let place = TempDir::new();
    let pcap = place.path().join("pcap");
    let flags = [LOOPBACK[0], "--pcap", pcap.to_str().expect("a path")];
    let finished = finish(&mut outside(&flags, port, program)).well();
    assert_eq!(finished.text(), "0 True\n5 True\n60000 True\n");
    server.join().expect("three datagrams");
    well_formed(&[&pcap]);
}

/// Neither the machine's loopback, nor what listens on all its addresses.
#[test]
fn the_machine_itself_is_not_reached_unless_it_is_asked_for() {
    if !need(&["python3", "ip"]) {
        return;
    }
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let own = finish(&mut bare(["ip", "-o", "addr", "show"])).text();
    let own: Vec<&str> = own
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3)?.split('/').next())
        .filter(|address| !address.starts_with("fe80"))
        .collect();
    let program = format!(
        "
import errno, socket
for address in {own:?} + ['gateway', '10.61.0.254', 'fd61::fe', '::ffff:127.0.0.1', '0.0.0.0']:
    try:
        s = socket.create_connection((address, P), timeout=5)
        print(address, 'is reached by', s.getsockname())
    except OSError as error:
        if error.errno not in (errno.ECONNREFUSED, errno.ENETUNREACH):
            print(address, error)
"
    );
    let finished =
        finish(&mut outside(&["--outside"], port, &program)).well().complains("this machine itself");
    assert_eq!(finished.text(), "");
    listener.set_nonblocking(true).expect("a listener");
    let came = listener.accept().map(|(_, peer)| peer);
    assert!(came.is_err(), "{came:?}");
}

/// What a program has sent before it ended arrives, as from a kernel.
#[test]
fn last_words_arrive() {
    if !need(&["python3"]) {
        return;
    }
    let mut server = Server::new(
        "
u = socket.socket(type=socket.SOCK_DGRAM)
u.bind(l.getsockname())
s, _ = l.accept()
print(len(s.makefile('rb').read()), flush=True)
print(u.recv(99), flush=True)
",
    );
    let program = "
import os
s = socket.create_connection((G, P))
s.sendall(bytes(1000000))
socket.socket(type=socket.SOCK_DGRAM).sendto(b'and this', (G, P))
os._exit(3)
";
    let flags = ["--outside=loopback", "--delay=50ms", "--rate=40mbit"];
    finish(&mut outside(&flags, server.port, program)).exits(3);
    assert_eq!(server.says(), "1000000");
    assert_eq!(server.says(), "b'and this'");
}

/// Programs as they are, over a bad link.
#[test]
fn curl_and_wget_over_a_bad_network() {
    if !need(&["python3", "curl", "wget", "sha256sum"]) {
        return;
    }
    let server = Server::new(
        "
import hashlib, http.server
body = b''.join(hashlib.sha256(bytes([i & 255, i >> 8])).digest() for i in range(10000))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
h = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler, bind_and_activate=False)
h.socket.close()
h.socket = l
h.serve_forever()
",
    );
    let url = format!("http://gateway:{}/", server.port);
    let direct = format!("curl -sS http://127.0.0.1:{}/ | sha256sum", server.port);
    let expected = finish(&mut bare(["sh", "-c", &direct])).well().text();
    let fetch = format!("curl -sS {url} | sha256sum; wget -q -O - {url} | sha256sum");
    let mut command = sockeye(["run", "--outside=loopback", "--loss", "5%", "--delay", "5ms", "--seed", "3"]);
    let finished = finish(command.args(["--", "sh", "-c", &fetch])).well();
    assert_eq!(finished.text(), expected.repeat(2));
    // The first thing that a user tries, with nothing in the way.
    let mut command = sockeye(["run", "--outside=loopback"]);
    assert_eq!(finish(command.args(["--", "sh", "-c", &fetch])).well().text(), expected.repeat(2));
}

/// More than a third of the descriptors that a process has to begin with.
#[test]
fn many_connections_at_a_time() {
    if !need(&["python3"]) {
        return;
    }
    let mut server = Server::new(
        "
l.listen(500)
all = [l.accept()[0] for _ in range(400)]
print(sum(len(s.recv(1)) for s in all), flush=True)
",
    );
    let program = "
all = [socket.create_connection((G, P)) for _ in range(400)]
for s in all:
    s.sendall(b'x')
";
    finish(&mut outside(LOOPBACK, server.port, program)).well();
    assert_eq!(server.says(), "400");
}

#[test]
fn what_is_published_leads_in() {
    if !need(&["python3"]) {
        return;
    }
    let [stream, datagrams] = free_ports();
    let program = "
import threading
u = socket.socket(type=socket.SOCK_DGRAM)
u.bind(('', 53))
def echo():
    while True:
        data, peer = u.recvfrom(1 << 16)
        u.sendto(data.upper(), peer)
threading.Thread(target=echo, daemon=True).start()
print('here', flush=True)
sys.stdin.readline()
l = socket.create_server(('', 80))
print('listening', flush=True)
for _ in range(2):
    s, peer = l.accept()
    print(peer[0], flush=True)
    data = s.makefile('rb').read()
    s.sendall(data.upper())
    s.close()
";
    let flags = [format!("--publish={stream}:80"), format!("--publish=127.0.0.1:{datagrams}:53/udp")];
    let mut command = outside(&[&flags[0], &flags[1]], 0, program);
    let mut child = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let output = child.stdout.as_mut().expect("a pipe");
    assert_eq!(read_line(output), "here");
    let mut refused = TcpStream::connect(("127.0.0.1", stream)).expect("the machine listens");
    let error = refused.read(&mut [0]).expect_err("the program doesn't listen yet");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

    let caller = UdpSocket::bind("127.0.0.1:0").expect("a port");
    caller.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    caller.connect(("127.0.0.1", datagrams)).expect("an address");
    let mut answer = [0; 9];
    for question in ["one", "two"] {
        caller.send(question.as_bytes()).expect("it is sent");
        let length = caller.recv(&mut answer).expect("an answer");
        assert_eq!(&answer[..length], question.to_uppercase().as_bytes());
    }

    child.stdin.as_mut().expect("a pipe").write_all(b"\n").expect("it reads");
    assert_eq!(read_line(output), "listening");
    for _ in 0..2 {
        let mut caller = TcpStream::connect(("127.0.0.1", stream)).expect("the machine listens");
        caller.write_all(b"knock").expect("it takes");
        caller.shutdown(std::net::Shutdown::Write).expect("open");
        let mut answer = String::new();
        caller.read_to_string(&mut answer).expect("an answer");
        assert_eq!(answer, "KNOCK");
        assert_eq!(read_line(output), "10.61.0.254");
    }
    assert!(child.wait().expect("it ended").success());
}

#[test]
fn floods_are_survived() {
    if !need(&["python3"]) {
        return;
    }
    let server = Server::new(
        "
while True:
    s, _ = l.accept()
    s.sendall(s.recv(100))
    s.close()
",
    );
    let program = "
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
def checksum(data):
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
ends = socket.inet_aton('10.61.0.1') + socket.inet_aton(G)
for n in range(3000):
    head = struct.pack('!HHIIBBHHH', 1024 + n, 1 + n % 600, n, 0, 5 << 4, 2, 1000, 0, 0)
    sum_ = checksum(ends + struct.pack('!HH', 6, 20) + head)
    raw.sendto(head[:16] + struct.pack('!HH', sum_, 0), (G, 0))
u = socket.socket(type=socket.SOCK_DGRAM)
for n in range(3000):
    u.sendto(b'x', (G, 1 + n))
s = socket.create_connection((G, P))
s.sendall(b'still there')
print(s.recv(100))
";
    finish(&mut outside(LOOPBACK, server.port, program)).well().says("b'still there'");
}

#[test]
fn what_can_not_be_opened_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let flag = format!("--publish={port}:80");
    finish(&mut sockeye(["run", &flag, "--", "true"])).exits(125).in_one_line().complains("in use");
    for flag in ["--publish=80", "--publish=80:http", "--publish=x:80:80", "--outside=far"] {
        finish(&mut sockeye(["run", flag, "--", "true"])).exits(2).complains(&flag[..9]);
    }
    finish(&mut sockeye(["run", "--host=a", "--outside", "--", "true"])).exits(2).complains("--outside");
}

pub(crate) fn free_ports() -> [u16; 2] {
    let stream = TcpListener::bind("127.0.0.1:0").expect("a port");
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("a port");
    [stream.local_addr().expect("bound").port(), datagrams.local_addr().expect("bound").port()]
}

/// What the machine's routes say of a destination, as the kernel tells it and as the gateway does, and ping, in a network
/// namespace of the test's own.
#[test]
fn what_the_machine_says_the_program_is_told() {
    if !need(&["python3", "ip", "unshare", "ping"]) {
        return;
    }
    let enter = ["unshare", "-rn", "sh", "-ec"];
    let prepare = "
ip link set lo up
ip addr add 198.51.100.1/32 dev lo
ip addr add 2001:db8::1/128 dev lo nodad
echo 0 0 >/proc/sys/net/ipv4/ping_group_range
ip route add unreachable 203.0.113.0/28
ip route add unreachable 2001:db8:1::/64
ip route add prohibit 2001:db8:2::/64
";
    if finish(&mut bare([&enter[..], &[prepare]].concat())).code() != 0 {
        println!("skipped: no namespace can be made");
        return;
    }
    let program = "
import errno, socket
for host in '203.0.113.1', '192.0.2.1', '2001:db8:1::1', '2001:db8:2::1', '2001:db8:9::1', '198.51.100.1', '2001:db8::1':
    try:
        socket.create_connection((host, 81), 20)
    except OSError as error:
        print(host, errno.errorcode[error.errno])
";
    let sockeye = env!("CARGO_BIN_EXE_sockeye");
    let script = format!(
        "{prepare}
cat >program.py
python3 program.py >native
{sockeye} run --outside=loopback -- python3 program.py >ours
cmp native ours
{sockeye} run --outside=loopback -- ping -c 1 198.51.100.1
{sockeye} run --outside=loopback -- ping -c 1 2001:db8::1
{sockeye} run --outside -- ping -c 1 198.51.100.1 || cat ours"
    );
    let place = TempDir::new();
    let mut command = bare([&enter[..], &[&script]].concat());
    let finished = finish_with(command.current_dir(place.path()), program.into()).well();
    let finished =
        finished.says("203.0.113.1 EHOSTUNREACH").says("2001:db8:2::1 EACCES").says("Port Unreachable");
    assert_eq!(finished.text().matches(" 1 received").count(), 2, "{}", finished.text());
}
