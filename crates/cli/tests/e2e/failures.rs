//! What can't be reached: refused, no such host, no network, no such name; each with its own error, in its own time.

use crate::common::{finish, need, python, run};

#[test]
fn refused() {
    if !need(&["curl"]) {
        return;
    }
    for url in ["http://tekapo:81/", "http://10.61.0.2:81/", "http://[fd61::2]:81/", "http://localhost:81/"] {
        finish(&mut run(["curl", "-sS", url])).exits(7);
    }
    finish(&mut run(["curl", "-sSv", "http://10.61.0.2:81/"])).exits(7).complains("Connection refused");
}

#[test]
fn nobody_at_that_address() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import errno, socket, time
for family, host in (socket.AF_INET, '10.61.0.77'), (socket.AF_INET6, 'fd61::77'):
    s = socket.socket(family)
    started = time.monotonic()
    code = s.connect_ex((host, 80))
    took = time.monotonic() - started
    print(errno.errorcode[code], 2 < took < 6 or took)
";
    assert_eq!(finish(&mut python(program)).well().text(), "EHOSTUNREACH True\nEHOSTUNREACH True\n");
}

#[test]
fn curl_tells_of_no_route_to_host() {
    if !need(&["curl"]) {
        return;
    }
    finish(&mut run(["curl", "-sSv", "http://10.61.0.77/"])).exits(7).complains("No route to host");
}

#[test]
fn an_address_beyond_the_network_is_unreachable_at_once() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import errno, socket, time
for family, host in (socket.AF_INET, '192.0.2.1'), (socket.AF_INET6, '2001:db8::1'):
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
        s = socket.socket(family, kind)
        started = time.monotonic()
        code = s.connect_ex((host, 80))
        print(errno.errorcode[code], time.monotonic() - started < 1)
";
    assert_eq!(finish(&mut python(program)).well().text(), "ENETUNREACH True\n".repeat(4));
}

#[test]
fn an_unknown_name() {
    if !need(&["curl"]) {
        return;
    }
    finish(&mut run(["curl", "-sS", "http://nobody-has-this-name/"]))
        .exits(6)
        .complains("Could not resolve host");
}

#[test]
fn names_that_can_not_be() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import socket
for name in 'x' * 300, '.'.join(['x' * 60] * 5), 'a..b', '-', 'x' * 63:
    try:
        print(socket.getaddrinfo(name, 80))
    except (socket.gaierror, UnicodeError) as error:
        print('no such name')
";
    assert_eq!(finish(&mut python(program)).well().text(), "no such name\n".repeat(5));
}

#[test]
fn a_name_of_300_characters() {
    if !need(&["curl"]) {
        return;
    }
    let url = format!("http://{}/", "x".repeat(300));
    let finished = finish(&mut run(["curl", "-sS", &url]));
    assert!([3, 6].contains(&finished.code()), "{}", finished.errors());
}

#[test]
fn a_server_that_is_not_there_any_more() {
    if !need(&["python3"]) {
        return;
    }
    let program = "
import socket
s = socket.socket()
s.bind(('10.61.0.1', 8000))
s.listen()
c = socket.create_connection(('10.61.0.1', 8000))
a, _ = s.accept()
s.close()
a.close()
print(c.recv(10))
try:
    socket.create_connection(('10.61.0.1', 8000))
except ConnectionRefusedError:
    print('refused')
";
    assert_eq!(finish(&mut python(program)).well().text(), "b''\nrefused\n");
}
