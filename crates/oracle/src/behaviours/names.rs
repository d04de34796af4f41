//! getsockname(2) and getpeername(2), for every way to have a name (ip(7), ipv6(7)).

use crate::Trial;
use crate::address::{P, at, unspecified};

/// Both names.
fn both(t: &mut Trial, when: &str, fd: i32) {
    let (own, peer) = (t.getsockname(fd), t.getpeername(fd));
    t.line(format!("{when}: own"), own);
    t.line(format!("{when}: peer"), peer);
}

/// Sockets just opened.
pub(super) fn fresh(t: &mut Trial) {
    for (what, fd) in [("tcp", t.tcp()), ("udp", t.udp()), ("tcp6", t.tcp6()), ("udp6", t.udp6())] {
        both(t, what, fd);
    }
}

/// Bound to each kind of address, then listening.
pub(super) fn bound(t: &mut Trial) {
    for host in ["0.0.0.0", "127.0.0.1", "127.9.9.9", "10.61.0.1", "::", "::1", "fd61::1", "::ffff:127.0.0.1"] {
        for port in [0, P] {
            let name = at(host, port);
            let fd = if host.contains(':') { t.tcp6() } else { t.tcp() };
            let outcome = t.bind(fd, &name);
            t.line(format!("bind to {name}"), outcome);
            both(t, "bound", fd);
            let outcome = t.listen(fd, 1);
            t.line("listen", outcome);
            both(t, "listening", fd);
            let _ = t.close(fd);
        }
    }
}

/// Both ends of connections, and what is left when they end.
pub(super) fn connected(t: &mut Trial) {
    for host in ["127.0.0.1", "127.3.3.3", "10.61.0.1", "0.0.0.0", "::1", "fd61::1", "::"] {
        let listener = t.listener(&at(host, P));
        let (client, server) = t.through(listener);
        t.say(format!("to {host}"));
        both(t, "client", client);
        both(t, "server", server);
        let outcome = t.connect(client, &unspecified());
        t.line("connect to AF_UNSPEC", outcome);
        both(t, "client then", client);
        t.arrives(server);
        both(t, "server then", server);
        let error = t.error(server);
        t.line("server's error", error);
        both(t, "server after its error", server);
        for fd in [client, server, listener] {
            let _ = t.close(fd);
        }
    }
}

/// Datagram sockets: bound, connected, dissolved.
pub(super) fn of_datagrams(t: &mut Trial) {
    for (host, peer) in [
        ("0.0.0.0", "127.0.0.1"),
        ("0.0.0.0", "127.5.5.5"),
        ("0.0.0.0", "10.61.0.1"),
        ("0.0.0.0", "10.61.0.2"),
        ("127.0.0.1", "127.0.0.1"),
        ("::", "::1"),
        ("::", "::ffff:127.0.0.1"),
        ("::", "fd61::2"),
        ("::1", "::1"),
    ] {
        for port in [None, Some(0), Some(P)] {
            let fd = if host.contains(':') { t.udp6() } else { t.udp() };
            if let Some(port) = port {
                let name = at(host, port);
                let outcome = t.bind(fd, &name);
                t.line(format!("bind to {name}"), outcome);
            }
            let outcome = t.connect(fd, &at(peer, 9));
            t.line(format!("connect to {peer}"), outcome);
            both(t, "connected", fd);
            let outcome = t.connect(fd, &unspecified());
            t.line("dissolve", outcome);
            both(t, "dissolved", fd);
            let _ = t.close(fd);
        }
    }
}
