//! What becomes of a datagram's error: on the next call, in the error queue, for sockets connected and not (ip(7), udp(7)).

use libc::{
    IP_PKTINFO, IP_RECVERR, IP_RECVTTL, IPV6_RECVERR, IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO, MSG_DONTWAIT,
    MSG_ERRQUEUE, MSG_PEEK, SOL_IP, SOL_IPV6,
};

use crate::Trial;
use crate::address::{P, Q, at, unspecified};
use crate::calls::{Fd, Room};
use crate::trial::must;

const ROOM: Room = Room { data: 100, name: 128, control: 512 };
/// Families: the wildcard, where nobody listens, level and number of the option.
const FAMILIES: [(&str, &str, i32, i32); 3] = [
    ("0.0.0.0", "127.0.0.1", SOL_IP, IP_RECVERR),
    ("::", "::1", SOL_IPV6, IPV6_RECVERR),
    ("::", "::ffff:127.0.0.1", SOL_IP, IP_RECVERR),
];

fn bound(t: &mut Trial, own: &str) -> Fd {
    let fd = if own.contains(':') { t.udp6() } else { t.udp() };
    must("bind", t.bind(fd, &at(own, P)));
    fd
}

/// An entry of the error queue.
fn entry(t: &mut Trial, fd: Fd) {
    let queued = t.recvmsg(fd, ROOM, MSG_ERRQUEUE | MSG_DONTWAIT);
    t.line("  queued", queued);
}

/// The next call of a socket whose datagram met nobody, connected and not, with IP_RECVERR and without.
pub(super) fn next_call(t: &mut Trial) {
    for (own, to, level, number) in FAMILIES {
        for connected in [false, true] {
            for errors in [0, 1] {
                for call in ["recvmsg", "sendmsg", "SO_ERROR", "recvfrom", "queue first"] {
                    let fd = bound(t, own);
                    must("IP_RECVERR", t.set(fd, level, number, errors));
                    if connected {
                        must("connect", t.connect(fd, &at(to, Q)));
                    }
                    t.say(format!("{to}: connected {connected}, IP_RECVERR {errors}, {call}"));
                    let outcome = t.sendto(fd, b"first", 0, Some(&at(to, Q)));
                    t.line("  sent", outcome);
                    match call {
                        "recvmsg" => {
                            let outcome = t.recvmsg(fd, ROOM, MSG_DONTWAIT);
                            t.line("  told", outcome);
                        }
                        "recvfrom" => {
                            let outcome = t.recvfrom(fd, 10, MSG_DONTWAIT | MSG_PEEK);
                            t.line("  told", outcome);
                        }
                        "sendmsg" => {
                            let outcome = t.sendto(fd, b"second", 0, Some(&at(to, Q)));
                            t.line("  told", outcome);
                        }
                        "SO_ERROR" => {
                            let error = t.error(fd);
                            t.line("  told", error);
                        }
                        _ => entry(t, fd),
                    }
                    let error = t.error(fd);
                    t.line("  error", error);
                    entry(t, fd);
                    entry(t, fd);
                    let outcome = t.recvmsg(fd, ROOM, MSG_DONTWAIT);
                    t.line("  then", outcome);
                    let _ = t.close(fd);
                }
            }
        }
    }
}

/// Several errors: in order, with what else was asked for, cut by little room, and forgotten with the option.
pub(super) fn queue(t: &mut Trial) {
    for (own, to, level, number) in FAMILIES {
        let fd = bound(t, own);
        must("IP_RECVERR", t.set(fd, level, number, 1));
        for (level, number) in [
            (SOL_IP, IP_PKTINFO),
            (SOL_IP, IP_RECVTTL),
            (SOL_IPV6, IPV6_RECVPKTINFO),
            (SOL_IPV6, IPV6_RECVHOPLIMIT),
        ] {
            let _ = t.set(fd, level, number, 1);
        }
        for bytes in [b"one".as_slice(), b"two", b"a third that is longer", b""] {
            let _ = t.error(fd);
            let outcome = t.sendto(fd, bytes, 0, Some(&at(to, Q)));
            t.line(format!("{to}: {} bytes", bytes.len()), outcome);
        }
        let _ = t.error(fd);
        for data in [100, 1, 5, 100, 100] {
            let queued = t.recvmsg(fd, Room { data, ..ROOM }, MSG_ERRQUEUE);
            t.line("queued", queued);
            let error = t.error(fd);
            t.line("  error", error);
        }
        let _ = t.error(fd);
        let _ = t.sendto(fd, b"again", 0, Some(&at(to, Q)));
        let _ = t.error(fd);
        must("IP_RECVERR", t.set(fd, level, number, 0));
        entry(t, fd);
        let _ = t.close(fd);
    }
}

/// Whose error it is: of a peer left since, of another than the peer, and what other sockets hear.
pub(super) fn whose(t: &mut Trial) {
    for (own, to, level, number) in FAMILIES {
        for errors in [0, 1] {
            let fd = bound(t, own);
            must("IP_RECVERR", t.set(fd, level, number, errors));
            must("connect", t.connect(fd, &at(to, Q)));
            let outcome = t.sendto(fd, b"x", 0, Some(&at(to, 9)));
            t.line(format!("{to}: IP_RECVERR {errors}: to another than the peer"), outcome);
            let error = t.error(fd);
            t.line("  error", error);
            entry(t, fd);
            let _ = t.send(fd, b"x", 0);
            let _ = t.getsockname(fd);
            must("dissolve", t.connect(fd, &unspecified()));
            let error = t.error(fd);
            t.line("  error after dissolving", error);
            entry(t, fd);
            let _ = t.close(fd);
        }
    }
}
