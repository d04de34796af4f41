//! The way out of networks in files, and of those that are up. The machine's servers listen on its loopback alone.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use crate::common::{TempDir, finish, need, read_line, sockeye};
use crate::network::Network;
use crate::outside::{Server, free_ports};
use crate::outside_names::NAMES;

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/outside.toml");

/// A web server of the machine that says hello; it knows a name, too.
fn server() -> Server {
    Server::new(&format!(
        "{NAMES}
u = socket.socket(type=socket.SOCK_DGRAM)
u.bind(l.getsockname())
def names():
    while True:
        query, client = u.recvfrom(4096)
        u.sendto(answer(query, False), client)
threading.Thread(target=names, daemon=True).start()
while True:
    s, _ = l.accept()
    s.sendall(s.recv(100).upper())
    s.close()
"
    ))
}

/// What a program that says hello to it, and asks for its name, is told.
fn client(gateway: &str, port: u16) -> String {
    format!(
        "import socket
s = socket.create_connection(({gateway:?}, {port}))
s.sendall(b'hello')
print(s.recv(100), socket.gethostbyname('moana.test'), flush=True)
"
    )
}

const TOLD: &str = "b'HELLO' 192.0.2.80";

#[test]
fn the_example_goes_out_and_in() {
    if !need(&["curl"]) {
        return;
    }
    let told = finish(&mut sockeye(["lab", "check", EXAMPLE])).well();
    let told = told.says("gateway leads to the machine's network, and to its loopback by its own name");
    told.says("127.0.0.1:8088/tcp leads to web:80").says("web has no default route");
    let place = TempDir::new();
    let file = place.path().join("outside.toml");
    let [port, _] = free_ports();
    let text = std::fs::read_to_string(EXAMPLE).expect("the example").replace("8088", &port.to_string());
    std::fs::write(&file, text).expect("it can be written");
    finish(sockeye(["lab", "run"]).arg(&file)).well().says("Hello from web");
}

/// Two networks, a router between, and the gateway behind a link that loses what it is told to.
#[test]
fn a_files_hosts_get_out() {
    if !need(&["python3"]) {
        return;
    }
    let server = server();
    let place = TempDir::new();
    let file = place.path().join("far.toml");
    std::fs::write(place.path().join("client.py"), client("way-out", server.port))
        .expect("it can be written");
    let text = format!(
        "
[[host]]
name = \"near\"
addresses = \"10.1.0.1/24\"
routes = \"default via 10.1.0.9\"
[[host]]
name = \"router\"
forward = true
interfaces = [{{ addresses = \"10.1.0.9/24\" }}, {{ addresses = \"10.2.0.9/24\" }}]
routes = \"default via 10.2.0.254\"
[[host]]
name = \"way-out\"
addresses = \"10.2.0.254/24\"
routes = \"10.1.0.0/24 via 10.2.0.9\"
[[link]]
between = [\"near\", \"router\"]
[[link]]
between = [\"router:eth1\", \"way-out\"]
lose_data = [1]
[gateway]
host = \"way-out\"
outside = \"loopback\"
resolver = \"127.0.0.1:{}\"
[[program]]
host = \"near\"
run = [\"python3\", \"client.py\"]
prints = \"{TOLD}\"
[expect]
drops = 2
",
        server.port
    );
    std::fs::write(&file, text).expect("it can be written");
    finish(sockeye(["lab", "run"]).arg(&file)).well().says(TOLD);
    let told = finish(sockeye(["lab", "run", "--json"]).arg(&file)).well();
    assert!(told.text().contains("\"lost on the link\": 2"), "{}", told.text());
}

#[test]
fn what_can_not_lead_out_is_told() {
    let place = TempDir::new();
    let file = place.path().join("wrong.toml");
    let host = "[[host]]\nname = \"gateway\"\naddresses = \"10.0.0.1/24\"\n[[host]]\nname = \"a\"\naddresses = \"10.0.0.2/24\"\n";
    let link = "[[link]]\nbetween = [\"a\", \"gateway\"]\n";
    let write = |text: &str| std::fs::write(&file, format!("{host}{link}{text}")).expect("it can be written");
    let network = |words: &[&str]| {
        let mut command = sockeye(words);
        command.arg(&file).env("XDG_RUNTIME_DIR", place.path());
        finish(&mut command)
    };
    write("[gateway]\noutside = \"network\"\n");
    network(&["lab", "run"]).exits(2).in_one_line().complains("wrong.toml:9:1: a [gateway] is for programs");
    write("[gateway]\noutside = \"network\"\n[[traffic]]\nfrom = \"a\"\nto = \"gateway\"\nbytes = \"1\"\n");
    network(&["lab", "run"])
        .exits(2)
        .in_one_line()
        .complains("wrong.toml:11:1: a [gateway] leads to a real network");
    write("[gateway]\npublish = \"80:80\"\n");
    network(&["lab", "check"]).exits(2).in_one_line().complains("wrong.toml:10:11: publish: it has the form");
    write("[gateway]\nhost = \"a\"\noutside = \"network\"\n");
    network(&["up", "--publish=8080:b:80"]).exits(2).in_one_line().complains("there is no host b");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let flag = format!("--publish={port}:gateway:80");
    network(&["up", &flag]).exits(1).in_one_line().complains("in use");
    // Nothing is left behind by it.
    let flag = format!("--publish={port}:pukaki:80");
    let mut command = sockeye(["up", &flag]);
    finish(command.env("XDG_RUNTIME_DIR", place.path())).exits(1).in_one_line().complains("in use");
    for flag in ["--publish=80:80", "--publish=80:a:http", "--outside=far", "--resolver=x"] {
        finish(&mut sockeye(["up", flag])).exits(2).complains(&flag[..9]);
    }
    finish(&mut sockeye(["up", "--resolver=192.0.2.1"])).exits(2).complains("--outside");
    std::fs::write(&file, "[[host]]\nname = \"a\"\naddresses = \"10.0.0.2/24\"\n")
        .expect("it can be written");
    network(&["up", "--outside"]).exits(2).in_one_line().complains("no [gateway]");
}

#[test]
fn hosts_of_a_network_that_is_up_get_out() {
    if !need(&["python3"]) {
        return;
    }
    let server = server();
    let [stream, datagrams] = free_ports();
    let network = Network::new(&[
        "--outside=loopback",
        &format!("--resolver=127.0.0.1:{}", server.port),
        &format!("--publish={stream}:pukaki:80"),
        &format!("--publish={datagrams}:aoraki:53/udp"),
    ]);
    // Nobody is there yet.
    let mut refused = TcpStream::connect(("127.0.0.1", stream)).expect("the machine listens");
    let error = refused.read(&mut [0]).expect_err("nobody listens yet");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let client = client("gateway", server.port);
    // Who serves the network's names asks for others, too.
    for host in ["aoraki", "tekapo"] {
        finish(&mut network.run(host, &["python3", "-c", &client])).well().says(TOLD);
    }
    finish(&mut network.run("gateway", &["true"])).exits(2).in_one_line().complains("the network's own host");
    let program = "
import socket
l = socket.create_server(('', 80))
print('listening', flush=True)
s, peer = l.accept()
s.sendall(s.makefile('rb').read().upper())
print(peer[0], flush=True)
";
    let mut command = network.run("pukaki", &["python3", "-c", program]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a server");
    let output = child.stdout.as_mut().expect("a pipe");
    assert_eq!(read_line(output), "listening");
    let mut caller = TcpStream::connect(("127.0.0.1", stream)).expect("the machine listens");
    caller.write_all(b"knock").expect("it takes");
    caller.shutdown(std::net::Shutdown::Write).expect("open");
    let mut answer = String::new();
    caller.read_to_string(&mut answer).expect("an answer");
    assert_eq!((answer.as_str(), read_line(output).as_str()), ("KNOCK", "10.61.0.254"));
    assert!(child.wait().expect("it ended").success());
    let hosts = finish(&mut network.command(&["hosts"])).well().text();
    assert!(hosts.contains("10.61.0.254"), "{hosts}");
}

#[test]
fn without_being_asked_nothing_leaves() {
    if !need(&["python3"]) {
        return;
    }
    let network = Network::new(&[]);
    let program = "
import socket
for address in '192.0.2.1', '10.61.0.254', '2001:db8::1':
    try:
        socket.create_connection((address, 80), 1)
        print(address, 'is reached')
    except OSError:
        pass
try:
    print(socket.gethostbyname('moana.test'))
except OSError as error:
    print(error)
";
    let finished = finish(&mut network.run("pukaki", &["python3", "-c", program])).well();
    assert_eq!(finished.text(), "[Errno -2] Name or service not known\n");
}
