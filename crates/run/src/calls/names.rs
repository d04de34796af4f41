//! `bind`, `getsockname`, `getpeername`, `shutdown`; and the daemons that must not be asked for names.

use std::net::SocketAddr;

use sockeye_abi::{Address, Errno, How, UnixAddress, decode_bind, decode_sockaddr, encode_sockaddr};

use super::{Answer, Outcome, Subject, read_address};
use crate::carriers::State;
use crate::process::memory;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// Where the machine's name-cache and resolver daemons listen: nscd, systemd-resolved (varlink and bus), Avahi, SSSD.
const RESOLVER_DAEMONS: &[&str] = &[
    "/var/run/nscd/",
    "/run/nscd/",
    "/run/systemd/resolve/",
    "/var/run/systemd/resolve/",
    "/run/avahi-daemon/",
    "/var/run/avahi-daemon/",
    "/var/lib/sss/pipes/",
];

/// Whether this is the address of a daemon that resolves names of the machine's network.
pub(super) fn is_resolver_daemon(sockaddr: &[u8]) -> bool {
    let Ok(Address::Unix(UnixAddress::Pathname(path))) = decode_sockaddr(sockaddr) else { return false };
    RESOLVER_DAEMONS.iter().any(|daemon| path.starts_with(daemon.as_bytes()))
}

impl Supervisor {
    pub(super) fn bind(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let bytes = read_address(call, 1, 2)?;
        let local = decode_bind(subject.family, subject.transport, &bytes)?;
        let now = self.network.now();
        if local.port() != 0 {
            // Who holds the port may be closed, and nothing told us yet.
            self.sweep_port(local.port());
        }
        match self.with_port(subject.socket, |host| host.bind(now, subject.socket, local)) {
            Err(Errno::EINVAL) if self.unheard(call, subject.carrier) == Some(Outcome::Bound) => {}
            done => done?,
        }
        Ok(Answer::Value(0))
    }

    pub(super) fn local_name(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let address = self.network.host().local_addr(subject.socket)?;
        write_name(call, address)
    }

    pub(super) fn peer_name(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let address = self.network.host().peer_addr(subject.socket)?;
        write_name(call, address)
    }

    /// The stack shuts its side, then the kernel P's, for the readers and writers there.
    pub(super) fn shutdown(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        let how = How::decode(call.int(1))?;
        let now = self.network.now();
        let host = self.network.host();
        if let Some(State::Connected(link)) =
            self.carriers.get(subject.carrier).map(|carrier| &mut carrier.state)
        {
            host.peer_addr(subject.socket)?;
            if how.reads() {
                host.shutdown(now, subject.socket, How::Read)?;
            }
            // What the program wrote comes before its FIN, and the stack may have had no room for all of it yet: the
            // relay shuts the stack's side when it meets the end that the kernel's call puts behind the last byte.
            // (And if a signal restarts this call, nothing was done.)
            if how.writes() {
                link.will_be_shut();
            }
        } else {
            let listened = host.is_listening(subject.socket);
            let done = host.shutdown(now, subject.socket, how);
            // It ends children that waited, and each of them may interrupt it.
            let again =
                done == Err(Errno::ENOTCONN) && self.unheard(call, subject.carrier) == Some(Outcome::Shut);
            if again || listened && done.is_ok() {
                self.may_come_again(call, subject.carrier, Outcome::Shut);
            } else {
                done?;
            }
            self.end_backlog(subject.carrier);
        }
        // Who waits in `accept` or for a datagram is to see it.
        self.show(subject.socket);
        Ok(Answer::Pass)
    }
}

fn write_name(call: &Call, address: SocketAddr) -> Result<Answer, Errno> {
    memory::write_value_result(call.tid, call.args[1], call.args[2], &encode_sockaddr(&address))?;
    Ok(Answer::Value(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(path: &str) -> Vec<u8> {
        let mut bytes = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
        bytes.extend(path.as_bytes());
        bytes.push(0);
        bytes
    }

    #[test]
    fn resolver_daemons_are_known() {
        assert!(is_resolver_daemon(&unix("/var/run/nscd/socket")));
        assert!(is_resolver_daemon(&unix("/run/systemd/resolve/io.systemd.Resolve")));
        assert!(!is_resolver_daemon(&unix("/tmp/.X11-unix/X0")));
        assert!(!is_resolver_daemon(&[2, 0, 0, 53]));
    }
}
