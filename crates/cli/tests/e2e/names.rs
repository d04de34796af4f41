//! Names: the network's own DNS, for every resolver there is.

use crate::common::{finish, need, python, run, users};

#[test]
fn getent_resolves() {
    if !need(&["getent"]) {
        return;
    }
    for user in users() {
        finish(&mut user.run(["getent", "ahostsv4", "tekapo"])).well().says("10.61.0.2");
        finish(&mut user.run(["getent", "ahostsv6", "tekapo"])).well().says("fd61::2");
        finish(&mut user.run(["getent", "hosts", "10.61.0.2"])).well().says("tekapo");
        finish(&mut user.run(["getent", "hosts", "fd61::2"])).well().says("tekapo");
        finish(&mut user.run(["getent", "hosts", "no-such-host"])).exits(2);
    }
}

#[test]
fn python_resolves_there_and_back() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import socket
for name in 'tekapo', 'pukaki':
    print(sorted({entry[4][0] for entry in socket.getaddrinfo(name, 80)}))
print(socket.gethostbyname('tekapo'))
for address in '10.61.0.1', '10.61.0.2', 'fd61::1', 'fd61::2':
    print(socket.gethostbyaddr(address)[0].split('.')[0])
print(sorted({entry[4][0] for entry in socket.getaddrinfo('localhost', 80)}))
";
    let expected = "['10.61.0.1', 'fd61::1']\n['10.61.0.2', 'fd61::2']\n";
    let mut lines: Vec<String> =
        finish(&mut python(program)).well().text().lines().map(str::to_owned).collect();
    let localhost = lines.pop().unwrap_or_default();
    assert!(localhost.contains("127.0.0.1") || localhost.contains("::1"), "{localhost}");
    let (tekapo, pukaki) = (lines.remove(0), lines.remove(0));
    assert_eq!(format!("{pukaki}\n{tekapo}\n"), expected);
    assert_eq!(lines, ["10.61.0.2", "pukaki", "tekapo", "pukaki", "tekapo"]);
}

#[test]
fn a_static_resolver() {
    if !need(&["busybox"]) {
        return;
    }
    for server in ["10.61.0.2", "192.0.2.53", "127.0.0.1"] {
        finish(&mut run(["busybox", "nslookup", "tekapo", server])).well().says("10.61.0.2");
    }
}

/// Port 53 of any address is the network's DNS, over UDP and TCP.
#[test]
fn any_server_answers() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import socket, struct
query = struct.pack('>6H', 0x1234, 0x0100, 1, 0, 0, 0) + b'\x06tekapo\x00' + struct.pack('>2H', 1, 1)
for address in '10.61.0.2', '8.8.8.8', '127.0.0.53', 'fd61::2', '2001:db8::53', '::1':
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    u = socket.socket(family, socket.SOCK_DGRAM)
    u.settimeout(10)
    u.sendto(query, (address, 53))
    answer, source = u.recvfrom(2000)
    print(source[0] == address, answer[:2] == query[:2], answer[-4:] == bytes([10, 61, 0, 2]))
    t = socket.create_connection((address, 53), timeout=10)
    t.sendall(struct.pack('>H', len(query)) + query)
    length, = struct.unpack('>H', t.recv(2, socket.MSG_WAITALL))
    print(t.recv(length, socket.MSG_WAITALL)[-4:] == bytes([10, 61, 0, 2]))
";
    assert_eq!(finish(&mut python(program)).well().text(), "True True True\nTrue\n".repeat(6));
}

#[test]
fn two_questions_at_once_on_one_socket() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import socket, struct
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.settimeout(10)
u.connect(('10.61.0.2', 53))
for number, kind in (1, 1), (2, 28):
    u.send(struct.pack('>6H', number, 0x0100, 1, 0, 0, 0) + b'\x06tekapo\x00' + struct.pack('>2H', kind, 1))
print(sorted(u.recv(2000)[1] for _ in range(2)))
";
    assert_eq!(finish(&mut python(program)).well().text(), "[1, 2]\n");
}

/// A resolver of its own, and all it can see of a server: UDP, TCP, reverse, and what isn't there.
#[test]
fn dig_asks() {
    if !need(&["dig"]) {
        return;
    }
    let dig = |arguments: &[&str]| finish(&mut run(["dig", "+nocmd"].iter().chain(arguments))).well();
    for way in ["+notcp", "+tcp"] {
        assert_eq!(dig(&["+short", way, "@10.61.0.2", "tekapo"]).text(), "10.61.0.2\n");
        assert_eq!(dig(&["+short", way, "@fd61::2", "tekapo", "AAAA"]).text(), "fd61::2\n");
        assert_eq!(dig(&["+short", way, "@10.61.0.2", "-x", "10.61.0.1"]).text(), "pukaki.\n");
        assert_eq!(dig(&["+short", way, "@192.0.2.53", "-x", "fd61::2"]).text(), "tekapo.\n");
    }
    let whole = dig(&["@10.61.0.2", "+bufsize=4096", "tekapo"]);
    whole.says("status: NOERROR").says("aa rd ra").says("udp: 1232").says("ANSWER: 1");
    // No such name, and no such record: both with the zone's SOA.
    dig(&["@10.61.0.2", "nobody"])
        .says("status: NXDOMAIN")
        .says("AUTHORITY: 1")
        .says("SOA\ttekapo. hostmaster.tekapo.");
    dig(&["@10.61.0.2", "tekapo", "MX"]).says("status: NOERROR").says("ANSWER: 0, AUTHORITY: 1");
    dig(&["@10.61.0.2", "version.bind", "CH", "TXT"]).says("status: REFUSED");
    dig(&["@10.61.0.2", "+opcode=status", "tekapo"]).says("status: NOTIMP");
}
