//! What a program's host is called.

use std::process::Command;

use crate::common::{finish, need, python, run, shell, users};
use crate::network::Network;

#[test]
fn programs_are_on_pukaki() {
    if !need(&["python3", "hostname", "uname"]) {
        return;
    }
    for user in users() {
        assert_eq!(finish(&mut user.run(["hostname"])).well().text(), "pukaki\n");
        assert_eq!(finish(&mut user.run(["uname", "-n"])).well().text(), "pukaki\n");
    }
    finish(&mut run(["hostname", "-i"])).well().says("10.61.0.1");
    finish(&mut python("import socket; print(socket.getaddrinfo(socket.gethostname(), 80)[0][4][0])"))
        .well()
        .says("61");
    for what in ["-s", "-r", "-v", "-m"] {
        let machine = finish(Command::new("uname").arg(what)).well().text();
        assert_eq!(finish(&mut run(["uname", what])).well().text(), machine);
    }
}

#[test]
fn hosts_of_a_network_have_their_names() {
    if need(&["hostname"]) {
        let network = Network::new(&[]);
        assert_eq!(finish(&mut network.run("aoraki", &["hostname"])).well().text(), "aoraki\n");
    }
}

#[test]
fn a_name_may_be_set() {
    if !need(&["python3", "hostname", "uname"]) {
        return;
    }
    let machine = finish(Command::new("uname").arg("-n")).text();
    let program = "
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
socket.sethostname('ohau')
os.system('uname -n')
print(libc.setdomainname(b'lakes', 5), flush=True)
os.system('domainname 2>/dev/null || echo lakes')
for name, length in (b'x' * 64, 64), (b'x' * 65, 65), (b'x', -1), (None, 3):
    result = libc.sethostname(name, length)
    print(length, result, os.strerror(ctypes.get_errno()) if result else socket.gethostname())
print(libc.uname(ctypes.c_void_p(1)), os.strerror(ctypes.get_errno()))
";
    let shown = finish(&mut python(program)).well();
    let long = "x".repeat(64);
    for line in [
        "ohau\n0\nlakes",
        &format!("64 0 {long}"),
        "65 -1 Invalid argument",
        "-1 -1 Invalid argument",
        "3 -1 Bad address",
        "-1 Bad address",
    ] {
        assert!(shown.text().contains(line), "{line:?} is not in\n{}{}", shown.text(), shown.errors());
    }
    // Nobody else's has changed.
    assert_eq!(finish(Command::new("uname").arg("-n")).text(), machine);
    assert_eq!(finish(&mut shell("hostname")).text(), "pukaki\n");
}
