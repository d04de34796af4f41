//! `sockeye up` and many hosts: what passes between them, what is counted, and what can't be.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use crate::common::{TempDir, bounded, finish, need, read_line, signal, start};
use crate::network::Network;

/// Takes connections for ever, and reads from each until its end, answering each MiB by a byte; says its process's number.
const SINK: &str = "
import os, socket, threading
s = socket.create_server(('', 7000))
print(os.getpid(), flush=True)
def take(c):
    came = 0
    try:
        while data := c.recv(1 << 20):
            before, came = came >> 20, came + len(data)
            c.sendall(bytes((came >> 20) - before))
    except OSError as error:
        pass
while True:
    threading.Thread(target=take, args=s.accept()[:1], daemon=True).start()
";

fn sink(network: &Network, host: &str) -> (Child, String) {
    let mut command = network.run(host, &["python3", "-c", SINK]);
    let mut child = start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let process = read_line(child.stdout.as_mut().expect("a pipe"));
    (child, process)
}

fn end(mut child: Child) {
    signal("TERM", &child.id().to_string());
    let _ = child.wait();
}

fn hosts(network: &Network) -> serde_json::Value {
    let text = finish(&mut network.command(&["hosts", "--json"])).well().text();
    serde_json::from_str(&text).expect("JSON")
}

fn host<'h>(hosts: &'h serde_json::Value, name: &str) -> &'h serde_json::Value {
    let mut all = hosts.as_array().expect("a list").iter();
    all.find(|host| host["name"] == name).expect("the host")
}

/// Two that have much to say get rings of their own. It is counted all the same, and seen by who looks.
#[test]
fn what_passes_is_counted_and_seen() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let (server, _) = sink(&network, "pukaki");
    // So many MiB as it is told to.
    let client = "
import socket, sys
s = socket.create_connection(('pukaki', 7000))
while line := sys.stdin.readline():
    for _ in range(int(line)):
        s.sendall(bytes(1 << 20))
        s.recv(1)
    print('sent', flush=True)
";
    let mut client = network.run("aoraki", &["python3", "-c", client]);
    let mut client = start(client.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let mut tell = client.stdin.take().expect("a pipe");
    let mut said = client.stdout.take().expect("a pipe");
    writeln!(tell, "20").expect("it reads");
    assert_eq!(read_line(&mut said), "sent");
    let after = hosts(&network);
    let number = |of: &serde_json::Value| of.as_u64().expect("a number");
    let (sent, received) = (&host(&after, "aoraki")["sent"], &host(&after, "pukaki")["received"]);
    for way in [sent, received] {
        assert!((20 << 20..22 << 20).contains(&number(&way["bytes"])), "{after}");
        assert!(number(&way["frames"]) > 10_000, "{after}");
        assert!(number(&way["bytes_per_second"]) > 1000 && number(&way["frames_per_second"]) > 1, "{after}");
    }
    let table = finish(&mut network.command(&["hosts"])).well().text();
    assert!(table.lines().next().is_some_and(|line| line.contains("FRAMES/s") && line.contains("BYTES/s")));

    // Who looks sees frames from now on.
    let mut look = network.command(&["tcpdump", "--of", "default", "-n", "-c", "5", "tcp", "port", "7000"]);
    let mut look = start(look.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut lines = String::new();
    let mut errors = look.stderr.take().expect("a pipe");
    while !lines.contains("listening") {
        lines = read_line(&mut errors);
    }
    writeln!(tell, "20").expect("it reads");
    assert_eq!(read_line(&mut said), "sent");
    let mut seen = String::new();
    look.stdout.take().expect("a pipe").read_to_string(&mut seen).expect("text");
    assert!(look.wait().expect("it ends").success());
    assert_eq!(seen.lines().filter(|line| line.contains("10.61.0.1.7000")).count(), 5, "{seen}");
    // And then they go by themselves again.
    writeln!(tell, "20").expect("it reads");
    assert_eq!(read_line(&mut said), "sent");
    let all = host(&hosts(&network), "pukaki")["received"]["bytes"].clone();
    assert!((60 << 20..66 << 20).contains(&number(&all)), "{all}");
    drop(tell);
    assert!(client.wait().expect("it ends").success());
    end(server);
}

/// A client that sends without end, until something happens: its host, and what it says then.
fn sending(network: &Network) -> (Child, impl Read + use<>) {
    let client = "
import socket, struct
s = socket.create_connection(('pukaki', 7000))
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 1, 0))
data, sent = bytes(1 << 16), 0
try:
    while True:
        sent += s.send(data)
        if sent >> 24 == 1:
            print('well', flush=True)
            sent += 1 << 30
except OSError as error:
    print(type(error).__name__, flush=True)
";
    let mut command = network.run("aoraki", &["python3", "-c", client]);
    let mut client = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut said = client.stdout.take().expect("a pipe");
    assert_eq!(read_line(&mut said), "well");
    (client, said)
}

#[test]
fn a_killed_program_resets_and_a_dead_machine_is_silent() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    // The program: its host lives, and says that nobody takes it any more.
    let (mut server, program) = sink(&network, "pukaki");
    let (mut client, mut said) = sending(&network);
    signal("KILL", &program);
    // By a reset at once if it had not read all that came, else by one behind its end.
    let told = read_line(&mut said);
    assert!(["ConnectionResetError", "BrokenPipeError"].contains(&told.as_str()), "{told}");
    let _ = (client.wait(), server.wait());
    // The machine.
    let (mut server, _) = sink(&network, "pukaki");
    let (mut client, mut said) = sending(&network);
    signal("KILL", &server.id().to_string());
    assert_eq!(read_line(&mut said), "BlockingIOError");
    let _ = (client.wait(), server.wait());
}

#[test]
fn when_up_is_killed_every_link_is_down() {
    if !need(&["python3"]) {
        return;
    }
    let mut network = Network::new(&[]);
    let (mut server, _) = sink(&network, "pukaki");
    let (client, mut said) = sending(&network);
    network.hub.kill().expect("it was there");
    assert_eq!(read_line(&mut said), "BlockingIOError");
    let client = bounded(client, "the client");
    assert_eq!(String::from_utf8_lossy(&client.stderr), "sockeye: the network is down\n");
    // The other one lives on, too, and can be ended.
    assert!(server.try_wait().expect("the server").is_none());
    end(server);
}

#[test]
fn addresses_are_used_up() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let guests = "
import json, socket, sys
for number in range(249):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    s.send(b'\\0' + json.dumps({'Join': {'host': f'guest{number}', 'program': 'x', 'version': 5}}).encode())
    assert b'Joined' in s.recv(10000)
";
    let path = network.place.path().join("sockeye/default.sock");
    finish(Command::new("python3").args(["-c", guests]).arg(path)).well();
    finish(&mut network.run("last", &["true"])).well();
    let refused = finish(&mut network.run("toomany", &["true"]));
    refused.exits(2).complains("the network has no address left").in_one_line();
    // Whoever was there before may come again.
    finish(&mut network.run("last", &["true"])).well();
}

/// Whatever a host writes in the memory it shares, and to the socket: it is cut off, and nobody else suffers.
#[test]
fn a_host_that_spoils_its_ring_is_cut_off() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let hostile = "
import json, mmap, os, random, select, socket, struct, sys
AREA = 1 << 20
def join(name):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    s.send(b'\\0' + json.dumps({'Join': {'host': name, 'program': 'x', 'version': 5}}).encode())
    reply, files, _, _ = socket.recv_fds(s, 100000, 4)
    assert b'Joined' in reply, reply
    memory = mmap.mmap(files[0], 4096 + 2 * AREA)
    for file in files:
        os.close(file)
    return s, memory
def put(memory, bytes, head):
    at = 4096 + AREA
    memory[at:at + len(bytes)] = bytes
    memory[256:264] = struct.pack('<Q', head)
def cut_off(s):
    s.send(b'\\1')
    assert select.select([s], [], [], 20)[0], 'still there'
    assert s.recv(100) == b''
random.seed(7)
record = lambda length, tag, bytes=b'': struct.pack('<II', length, tag) + bytes
for bytes, head in (
    (b'', 1 << 63), (b'', AREA + 8), (b'', 7), (record(1 << 31, 0), 64), (record(70000, 0), 80000), (record(100, 0), 64),
    (record(0xffffffff, 0), 64), (record(0xffffffff, 0), AREA), (record(60, 0, random.randbytes(60)), 72),
    (record(60, 9, bytes(10) + random.randbytes(50)), 72), (record(0, 0), 8), (random.randbytes(AREA), AREA),
):
    s, memory = join('evil')
    put(memory, bytes, head)
    cut_off(s)
# One that takes no frame, and says that it has taken more than there were.
s, memory = join('evil')
memory[64:72] = struct.pack('<Q', 1 << 40)
mute, _ = join('mute')
for message in (b'\\2' * 30000, b'\\2' * 30000, b'\\7', b'\\0' * 40000):
    other, _ = join('other')
    try:
        while True:
            other.send(message)
    except OSError:
        pass
print('evil')
";
    let path = network.place.path().join("sockeye/default.sock");
    let mut command = Command::new("python3");
    finish(command.args(["-c", hostile]).arg(path)).well().says("evil");
    let client = "import socket; socket.create_connection(('tekapo', 7)); print('well')";
    finish(&mut network.run("aoraki", &["python3", "-c", client])).well().says("well");
}

/// What a host is told, and who asks for hosts, is more than one message holds.
#[test]
fn a_network_of_many_hosts() {
    if !need(&["python3"]) {
        return;
    }
    const MANY: usize = 2000;
    let folder = TempDir::new();
    let mut text = String::new();
    for number in 0..MANY {
        let (high, low) = (number / 250, number % 250 + 1);
        text +=
            &format!("[[host]]\nname = \"a-host-of-many-{number}\"\naddresses = \"10.9.{high}.{low}/16\"\n");
    }
    text += "[[switch]]\nname = \"middle\"\n";
    for number in 0..MANY {
        text += &format!("[[link]]\nbetween = [\"a-host-of-many-{number}\", \"middle\"]\n");
    }
    let file = folder.path().join("many.toml");
    std::fs::write(&file, text).expect("a file");
    let network = Network::of(&file);
    let client = "import socket; print(socket.gethostbyname('a-host-of-many-1999'))";
    let found = finish(&mut network.run("a-host-of-many-0", &["python3", "-c", client]));
    found.well().says("10.9.7.250");
    assert_eq!(hosts(&network).as_array().expect("a list").len(), MANY);
}
