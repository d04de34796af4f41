//! Every call in every state a stream socket can be in: what it says, and where the socket is then.

use std::ops::Range;

use libc::{
    F_GETFL, IPPROTO_TCP, MSG_OOB, MSG_PEEK, SHUT_RD, SHUT_RDWR, SHUT_WR, SO_LINGER, SOL_SOCKET,
    TCP_INFO,
};
use sockeye_abi::ioctl::{FIONREAD, SIOCATMARK};

use crate::Trial;
use crate::address::{P, Q, at, unspecified};
use crate::calls::Fd;
use crate::trial::{Shown, must};

/// Where a socket can be.
const STATES: [&str; 20] = [
    "fresh",
    "bound",
    "listening",
    "listening, one waits",
    "connecting",
    "connected",
    "accepted",
    "connected, data came",
    "FIN came",
    "data and FIN came",
    "SHUT_WR",
    "SHUT_RD",
    "SHUT_RDWR",
    "SHUT_WR, FIN came",
    "reset",
    "data and reset came",
    "reset, told",
    "refused",
    "refused, told",
    "dissolved",
];

/// What can be done to it.
const CALLS: [&str; 19] = [
    "nothing",
    "connect",
    "connect to AF_UNSPEC",
    "bind",
    "listen",
    "accept",
    "shutdown RD",
    "shutdown WR",
    "shutdown RDWR",
    "send",
    "send nothing",
    "send OOB",
    "recv",
    "recv nothing",
    "recv PEEK",
    "recv OOB",
    "FIONREAD",
    "SIOCATMARK",
    "SO_ERROR",
];

/// A socket in a state; what it needs to stay there comes behind it. All are non-blocking.
fn put(t: &mut Trial, state: &str) -> Vec<Fd> {
    let server = t.listener(&at("127.0.0.1", P));
    let fd = t.tcp();
    let mut all = vec![fd, server];
    match state {
        "fresh" => {}
        "bound" => must("bind", t.bind(fd, &at("127.0.0.1", 0))),
        "listening" | "listening, one waits" => {
            must("bind", t.bind(fd, &at("127.0.0.1", 0)));
            must("listen", t.listen(fd, 4));
            if state.ends_with("waits") {
                let client = t.tcp();
                let name = must("getsockname", t.getsockname(fd));
                must("connect", t.connect(client, &name));
                t.arrives(fd);
                all.push(client);
            }
        }
        "connecting" => {
            // Nobody answers: the queue is full.
            let full = t.tcp();
            must("bind", t.bind(full, &at("127.0.0.1", 0)));
            must("listen", t.listen(full, 0));
            let name = must("getsockname", t.getsockname(full));
            let first = t.tcp();
            must("connect", t.connect(first, &name));
            all.extend([full, first]);
            t.nonblocking(fd, true);
            assert!(t.connect(fd, &name).is_err(), "it is under way");
        }
        "refused" | "refused, told" => {
            t.nonblocking(fd, true);
            assert!(t.connect(fd, &at("127.0.0.1", 9)).is_err(), "it is under way");
            t.becomes(fd, libc::POLLERR);
            if state.ends_with("told") {
                t.error(fd);
            }
        }
        connected => connect(t, connected, &mut all),
    }
    all.iter().for_each(|fd| t.nonblocking(*fd, true));
    all
}

/// The states of a connection.
fn connect(t: &mut Trial, state: &str, all: &mut Vec<Fd>) {
    let (fd, server) = (all[0], all[1]);
    must("connect", t.connect(fd, &at("127.0.0.1", P)));
    t.arrives(server);
    let (peer, _) = must("accept", t.accept4(server, 0));
    all.push(peer);
    if state == "accepted" {
        all.swap(0, 2);
    }
    if state.contains("data") {
        must("send", t.send(peer, b"abc", 0));
        t.arrives(fd);
    }
    if state.contains("SHUT") {
        let how = match state.split(',').next() {
            Some("SHUT_RD") => SHUT_RD,
            Some("SHUT_WR") => SHUT_WR,
            _ => SHUT_RDWR,
        };
        must("shutdown", t.shutdown(fd, how));
        if how != SHUT_RD {
            t.arrives(peer);
        }
    }
    if state.contains("FIN") {
        must("shutdown", t.shutdown(peer, SHUT_WR));
        t.becomes(fd, libc::POLLRDHUP);
    }
    if state.contains("reset") {
        let at_once = [1_i32.to_ne_bytes(), [0; 4]].concat();
        must("SO_LINGER", t.setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once));
        must("close", t.close(peer));
        all.pop();
        t.becomes(fd, libc::POLLERR);
        if state.ends_with("told") {
            t.error(fd);
        }
    }
    if state == "dissolved" {
        must("dissolve", t.connect(fd, &unspecified()));
        t.error(fd);
    }
}

fn make(t: &mut Trial, fd: Fd, call: &str) -> String {
    match call {
        "nothing" => t.fcntl(fd, F_GETFL, 0).map(|_| ()).shown(),
        "connect" => t.connect(fd, &at("127.0.0.1", P)).shown(),
        "connect to AF_UNSPEC" => t.connect(fd, &unspecified()).shown(),
        "bind" => t.bind(fd, &at("127.0.0.1", Q)).shown(),
        "listen" => t.listen(fd, 1).shown(),
        "accept" => t.accept4(fd, 0).map(|(new, _)| must("close", t.close(new))).shown(),
        "shutdown RD" => t.shutdown(fd, SHUT_RD).shown(),
        "shutdown WR" => t.shutdown(fd, SHUT_WR).shown(),
        "shutdown RDWR" => t.shutdown(fd, SHUT_RDWR).shown(),
        "send" => t.send(fd, b"x", 0).shown(),
        "send nothing" => t.send(fd, b"", 0).shown(),
        "send OOB" => t.send(fd, b"x", MSG_OOB).shown(),
        "recv" => t.recv(fd, 10, 0).shown(),
        "recv nothing" => t.recv(fd, 0, 0).shown(),
        "recv PEEK" => t.recv(fd, 10, MSG_PEEK).shown(),
        "recv OOB" => t.recv(fd, 1, MSG_OOB).shown(),
        "FIONREAD" => t.ask(fd, FIONREAD).shown(),
        "SIOCATMARK" => t.ask(fd, SIOCATMARK).shown(),
        _ => t.error(fd),
    }
}

/// TCP's state, as TCP_INFO has it. (When the peer acknowledges a FIN is a matter of time.)
fn state_of(t: &mut Trial, fd: Fd) -> String {
    let names = ["?", "ESTABLISHED", "SYN-SENT", "SYN-RECEIVED", "FIN-WAIT", "FIN-WAIT", "TIME-WAIT", "CLOSED"];
    let more = ["CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING"];
    match t.getsockopt(fd, IPPROTO_TCP, TCP_INFO, 1) {
        Ok(bytes) => {
            let number = usize::from(bytes.first().copied().unwrap_or(0));
            (*names.iter().chain(&more).nth(number).unwrap_or(&"?")).to_owned()
        }
        Err(error) => error.name().to_owned(),
    }
}

fn after(t: &mut Trial, fd: Fd) -> String {
    let bits = t.bits(fd);
    let error = t.error(fd);
    let (own, peer) = (t.getsockname(fd).shown(), t.getpeername(fd).shown());
    let bits_then = t.bits(fd);
    let then = if bits_then == bits { String::new() } else { format!(" then {bits_then}") };
    format!("{}, {bits}{then}, error {error}, {own} - {peer}", state_of(t, fd))
}

fn table(t: &mut Trial, states: Range<usize>) {
    for state in &STATES[states] {
        for call in CALLS {
            let all = put(t, state);
            let outcome = make(t, all[0], call);
            let after = after(t, all[0]);
            t.say(format!("{state}: {call}: {outcome}; {after}"));
            all.iter().for_each(|fd| must("close", t.close(*fd)));
        }
    }
}

/// Without a connection.
pub(super) fn unconnected(t: &mut Trial) {
    table(t, 0..5);
}

/// With one.
pub(super) fn connected(t: &mut Trial) {
    table(t, 5..14);
}

/// When it has failed, or was given up.
pub(super) fn failed(t: &mut Trial) {
    table(t, 14..20);
}
