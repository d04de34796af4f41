//! `sockeye up`: several `sockeye run --host` on one network.

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use crate::common::{finish, need, signal, users};
use crate::network::Network;

/// A server that echoes one connection's bytes, once it listens.
fn echo(network: &Network, host: &str) -> Child {
    let program = "
import socket
s = socket.create_server(('', 7000))
print('listening', flush=True)
c, _ = s.accept()
while data := c.recv(1 << 16):
    c.sendall(data)
c.close()
";
    let mut command = network.run(host, &["python3", "-c", program]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a server");
    let mut said = [0; 9];
    child.stdout.as_mut().expect("its output").read_exact(&mut said).expect("a line");
    child
}

#[test]
fn programs_meet_from_process_to_process() {
    if !need(&["python3", "curl"]) {
        return;
    }
    let network = Network::new(&[]);
    let mut server = echo(&network, "pukaki");
    let client = "
import hashlib, socket, threading
data = bytes(range(256)) * 40000
s = socket.create_connection(('pukaki', 7000))
names = s.getsockname()[0], s.getpeername()[0]
threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()
came = bytearray()
while piece := s.recv(1 << 16):
    came += piece
print(*names, bytes(came) == data)
";
    finish(&mut network.run("aoraki", &["python3", "-c", client])).well().says("10.61.0.3 10.61.0.1 True");
    assert!(server.wait().expect("the server").success());
    finish(&mut network.run("aoraki", &["curl", "-sS", "http://tekapo/"])).well().says("Hello from tekapo");
    finish(&mut network.run("aoraki", &["curl", "-6sS", "http://tekapo/"])).well().says("Hello from tekapo");
    let hosts = finish(&mut network.command(&["hosts", "--json"])).well().text();
    for part in ["\"aoraki\"", "\"10.61.0.3\"", "\"pukaki\"", "\"fd61::1\"", "\"tekapo\""] {
        assert!(hosts.contains(part), "{hosts}");
    }
}

#[test]
fn a_host_that_dies_is_a_machine_switched_off() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let mut server = echo(&network, "pukaki");
    finish(&mut network.run("pukaki", &["true"])).exits(2).complains("pukaki is there already").in_one_line();
    let pid = server.id().to_string();
    let client = "
import os, signal, socket, sys
s = socket.create_connection(('pukaki', 7000))
s.sendall(b'x')
assert s.recv(1) == b'x'
os.kill(int(sys.argv[1]), signal.SIGKILL)
# Nobody says goodbye.
s.settimeout(0.5)
try:
    print(s.recv(1))
except TimeoutError:
    print('silence')
";
    finish(&mut network.run("aoraki", &["python3", "-c", client, &pid])).well().says("silence");
    let _ = server.wait();
    let table = finish(&mut network.command(&["hosts"])).well().text();
    let pukaki = table.lines().find(|line| line.starts_with("pukaki")).expect("pukaki");
    assert!(pukaki.contains("10.61.0.1") && pukaki.contains(" off "), "{pukaki}");
    // It may come again, as itself.
    finish(&mut network.run("pukaki", &["true"])).well();
}

#[test]
fn links_of_a_network_may_be_bad() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&["--delay", "20ms", "--loss", "1%", "--seed", "3"]);
    let client = "
import socket, time
s = socket.create_connection(('tekapo', 7))
began = time.monotonic()
s.sendall(b'x')
assert s.recv(1) == b'x'
print(time.monotonic() - began >= 0.04)
";
    finish(&mut network.run("aoraki", &["python3", "-c", client])).well().says("True");
}

#[test]
fn a_network_ends() {
    if !need(&["python3"]) {
        return;
    }
    let mut network = Network::new(&[]);
    finish(&mut network.command(&["up"])).exits(2).complains("is up already").in_one_line();
    let mut server = echo(&network, "pukaki");
    finish(&mut network.command(&["down"])).well();
    assert!(network.hub.wait().expect("the hub").success());
    // The program lives on, alone.
    assert!(server.try_wait().expect("the server").is_none());
    signal("TERM", &server.id().to_string());
    let _ = server.wait();
    finish(&mut network.command(&["down"])).exits(2).complains("no network default is up").in_one_line();
    finish(&mut network.run("pukaki", &["true"]))
        .exits(2)
        .complains("no network default is up")
        .in_one_line();
    let left: Vec<_> =
        std::fs::read_dir(network.place.path().join("sockeye")).expect("its directory").collect();
    assert!(left.is_empty(), "{left:?}");
    // What a killed one leaves behind is no hindrance.
    let mut second = Network::new(&[]);
    second.hub.kill().and_then(|()| second.hub.wait()).expect("a killed hub");
    let taken = finish(second.command(&["up", "--daemon"]).stdout(Stdio::null())).well();
    taken.complains("took over the socket of a network default that ended without a word").in_one_line();
    finish(&mut second.command(&["run", "--host", "x", "--", "true"])).well();
    finish(&mut second.command(&["down"])).well();
    // An ended one is gone, and one of many that are begun at once is it.
    for _ in 0..5 {
        finish(second.command(&["up", "--daemon"]).stdout(Stdio::null())).well();
        finish(&mut second.command(&["down"])).well();
    }
    let mut begun = [(); 4].map(|()| {
        let mut command = second.command(&["up", "--daemon"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sockeye up")
    });
    let began = begun.iter_mut().filter_map(|child| child.wait().ok()).filter(|status| status.success());
    assert_eq!(began.count(), 1);
    finish(&mut second.command(&["down"])).well();
    finish(&mut second.command(&["down"])).exits(2);
}

#[test]
fn rubbish_ends_who_sends_it() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let hostile = "
import os, socket, struct, sys
def reach():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1])
    return s
for message in (b'', b'x', b'\\0', b'\\0{}', b'\\0{\"Join\":{}}', b'\\0' + b'[' * 60000, b'\\1', b'\\1' + os.urandom(60000), b'\\1' * 70000,
                b'\\0{\"Join\":{\"host\":\"../x\",\"program\":\"\"}}', b'\\0{\"Join\":{\"host\":\"tekapo\",\"program\":\"\",\"version\":1}}'):
    s = reach()
    s.send(message)
    s.close()
s = reach()
s.send(b'\\0{\"Join\":{\"host\":\"evil\",\"program\":\"x\",\"version\":5}}')
assert b'Joined' in s.recv(1000)
# It reads nothing, and rings without end.
for _ in range(300):
    s.send(b'\\1')
many = [reach() for _ in range(200)]
";
    let path = network.place.path().join("sockeye/default.sock");
    let mut command = Command::new("python3");
    finish(command.args(["-c", hostile]).arg(path)).well();
    let client = "import socket; socket.create_connection(('tekapo', 7)); print('well')";
    finish(&mut network.run("aoraki", &["python3", "-c", client])).well().says("well");
}

#[test]
fn names_that_cannot_be() {
    let network = Network::new(&[]);
    let cases = [
        (&["run", "--host", "a b", "--", "true"][..], 2, "is no name of a host"),
        (&["run", "--host", "localhost", "--", "true"], 2, "localhost can't be joined as"),
        (&["run", "--host", "x", "--network", "../y", "--", "true"], 2, "is no name of a network"),
        (&["run", "--host", "x", "--loss", "1%", "--", "true"], 2, "cannot be used with"),
        (&["hosts", "--network", "other"], 2, "no network other is up"),
    ];
    for (arguments, code, why) in cases {
        finish(&mut network.command(arguments)).exits(code).complains(why).in_one_line();
    }
}

#[test]
fn what_cannot_be_a_place() {
    let network = Network::new(&[]);
    // Longer than an address of a socket can be.
    let long = network.place.path().join("x".repeat(90));
    std::fs::create_dir(&long).expect("a directory");
    let nowhere = network.place.path().join("nowhere");
    for (runtime, why) in [(&long, "may have 107"), (&nowhere, "no directory for the network's socket")] {
        for words in [&["up"][..], &["hosts"], &["down"], &["run", "--host", "x", "--", "true"]] {
            let mut command = network.command(words);
            finish(command.env("XDG_RUNTIME_DIR", runtime)).exits(2).complains(why).in_one_line();
        }
    }
}

/// What tekapo serves moves to the program that is it, names of those that come later, too; its leaving switches it off.
#[test]
fn tekapo_may_be_joined() {
    if !need(&["python3", "curl"]) {
        return;
    }
    let network = Network::new(&[]);
    finish(&mut network.run("pukaki", &["curl", "-sS", "http://tekapo/"])).well().says("Hello from tekapo");
    let mut tekapo = echo(&network, "tekapo");
    let page = finish(&mut network.run("aoraki", &["curl", "-sS", "http://tekapo/"])).well();
    page.says("Hello from tekapo");
    let client = "
import socket
s = socket.create_connection(('tekapo', 7000))
s.sendall(b'x')
print(s.recv(1), socket.gethostbyname('aoraki'), socket.gethostbyname('wanaka'), socket.gethostbyaddr('10.61.0.1')[0])
s.close()
";
    finish(&mut network.run("wanaka", &["python3", "-c", client]))
        .well()
        .says("b'x' 10.61.0.3 10.61.0.4 pukaki");
    assert!(tekapo.wait().expect("tekapo").success());
    let hosts = finish(&mut network.command(&["hosts"])).well().text();
    assert!(hosts.lines().any(|line| line.starts_with("tekapo") && line.contains(" off ")), "{hosts}");
    // It is another when it comes again.
    finish(&mut network.run("tekapo", &["curl", "-sS", "http://tekapo/"])).well().says("Hello from tekapo");
}

/// The hosts of a network that is up have the machine's time: RFC 868's counts from 1900.
#[test]
fn the_time_is_the_machines() {
    if !need(&["python3"]) {
        return;
    }
    let client = "
import socket, time
s = socket.create_connection(('tekapo', 37))
since_1970 = int.from_bytes(s.recv(4, socket.MSG_WAITALL), 'big') - 2208988800
print('late by', abs(time.time() - since_1970) // 600)
";
    let network = Network::new(&[]);
    finish(&mut network.run("pukaki", &["python3", "-c", client])).well().says("late by 0.0");
}

/// Another version's programs and networks are told so.
#[test]
fn versions_must_fit() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let path = network.place.path().join("sockeye/default.sock");
    // An old program asks without a number; an old network answers without one.
    let program = "
import json, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.send(b'\\0' + json.dumps({'Join': {'host': 'old', 'program': 'x'}}).encode())
print(s.recv(1000))
old = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
old.bind(os.path.dirname(sys.argv[1]) + '/old.sock')
old.listen()
print('ready', flush=True)
c, _ = old.accept()
c.recv(1000)
attached = {'addresses': ['10.61.0.1/24'], 'mac': [2, 0, 0, 0, 0, 1], 'mtu': 1500}
joined = {'name': 'x', 'interfaces': [attached], 'routes': [], 'sysctls': [], 'services': [], 'dns': None, 'names': []}
c.send(b'\\0' + json.dumps({'Joined': joined}).encode())
c.recv(1)
";
    let mut old = Command::new("python3");
    let mut old = old.args(["-c", program]).arg(path).stdout(Stdio::piped()).spawn().expect("python");
    let mut said = String::new();
    let mut out = std::io::BufReader::new(old.stdout.take().expect("its output"));
    while !said.ends_with("ready\n") {
        assert_ne!(std::io::BufRead::read_line(&mut out, &mut said).expect("a line"), 0, "{said}");
    }
    assert!(said.contains("another version of sockeye (it speaks 5, this one 0)"), "{said}");
    let joins = ["run", "--host", "x", "--network", "old", "--", "true"];
    finish(&mut network.command(&joins))
        .exits(2)
        .complains("another version of sockeye (it speaks 0, this one 5)")
        .in_one_line();
    assert!(old.wait().expect("python").success());
}

#[test]
fn ten_hosts_in_ten_processes() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let names: Vec<String> = (1..10).map(|n| format!("host{n}")).collect();
    let mut servers: Vec<Child> = names.iter().map(|name| echo(&network, name)).collect();
    let client = "
import socket, sys
for name in sys.argv[1:]:
    s = socket.create_connection((name, 7000))
    s.sendall(name.encode())
    s.shutdown(socket.SHUT_WR)
    assert s.recv(100) == name.encode()
print('all')
";
    let words: Vec<&str> =
        ["python3", "-c", client].into_iter().chain(names.iter().map(String::as_str)).collect();
    finish(&mut network.run("client", &words)).well().says("all");
    let hosts = finish(&mut network.command(&["hosts"])).well().text();
    assert_eq!(
        hosts.lines().filter(|line| line.starts_with("host") || line.starts_with("client")).count(),
        10,
        "{hosts}"
    );
    assert!(servers.iter_mut().all(|server| server.wait().is_ok_and(|status| status.success())));
}

/// Neither by the command nor past it, even where the folder would let them.
#[test]
fn another_user_can_t_join() {
    let users = users();
    let Some(other) = users.iter().find(|user| user.is_ordinary()) else { return };
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let folder = network.place.path();
    let join = || {
        let mut command = other.sockeye(["run", "--host", "pukaki", "--", "true"]);
        let refused = finish(command.env("XDG_RUNTIME_DIR", folder)).exits(2).in_one_line();
        refused.complains("is not a directory of yours alone")
    };
    join();
    for path in [folder.to_owned(), folder.join("sockeye"), folder.join("sockeye/default.sock")] {
        std::fs::set_permissions(path, Permissions::from_mode(0o777)).expect("a mode");
    }
    join();
    let ask = "
import os, socket, sys
if len(sys.argv) > 2: os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
try:
    s.send(b'\\0\"Hosts\"')
    print(len(s.recv(70000)))
except OSError:
    print(0)
";
    let path = folder.join("sockeye/default.sock");
    let asked = |user: &[&str]| {
        let mut command = Command::new("python3");
        finish(command.args(["-c", ask]).arg(&path).args(user)).well().text()
    };
    assert_ne!(asked(&[]), "0\n");
    assert_eq!(asked(&["65534"]), "0\n");
}
