//! Carriers that the object has made, without a call: they are met when a call is about them.

use std::mem::offset_of;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::LazyLock;

use rustix::net::SocketAddrUnix;
use sockeye_abi::{Family, Transport};
use sockeye_preload::{Name, Stream};
use sockeye_socket::Host;

use super::{CarrierId, Carriers, Inet, State};

impl Carriers {
    /// The carrier of a fresh stream; `None` if P is none that the object has made.
    pub(super) fn adopt(&mut self, cookie: u64, program_end: &OwnedFd, host: &mut Host) -> Option<CarrierId> {
        self.shared.table()?;
        let name = abstract_name(program_end)?;
        let stands_for = Name::stream(cookie, &name)?;
        let name = SocketAddrUnix::new_abstract_name(&name).ok()?.into();
        let family = match stands_for {
            Stream::Inet => Family::Inet,
            Stream::Inet6 => Family::Inet6,
        };
        let inet = Inet { family, transport: Transport::Tcp };
        let socket = host.socket(family, Transport::Tcp).ok()?;
        // Of a network namespace of the program's own our names lead nowhere: it is replaced when it is used.
        let state = if is_of_our_namespace(program_end) { State::Fresh } else { State::Broken(None) };
        let carrier = self.carrier(program_end, (socket, Some(inet)), (cookie, Some(name)), state).ok()?;
        Some(self.enter(carrier))
    }
}

/// Whether a socket is of the network namespace that ours are of.
fn is_of_our_namespace(socket: &OwnedFd) -> bool {
    static OURS: LazyLock<Option<u64>> =
        LazyLock::new(|| super::fresh_stream(true).ok().and_then(|socket| namespace(&socket)));
    namespace(socket) == *OURS
}

/// The cookie of a socket's network namespace (SO_NETNS_COOKIE, Linux 5.14).
fn namespace(socket: &OwnedFd) -> Option<u64> {
    const SO_NETNS_COOKIE: libc::c_int = 71;
    let (mut cookie, mut size) = (0u64, size_of::<u64>() as libc::socklen_t);
    // SAFETY: the kernel writes a u64.
    let told = unsafe {
        let cookie = (&raw mut cookie).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_NETNS_COOKIE, cookie, &raw mut size)
    };
    (told == 0).then_some(cookie)
}

/// The abstract name of a socket that may be anybody's, if it has one.
fn abstract_name(socket: &OwnedFd) -> Option<Vec<u8>> {
    read_name(socket, libc::getsockname)
}

/// The same of its peer.
pub(crate) fn peer_name(socket: &OwnedFd) -> Option<Vec<u8>> {
    read_name(socket, libc::getpeername)
}

type AskName = unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int;

fn read_name(socket: &OwnedFd, ask: AskName) -> Option<Vec<u8>> {
    /// Where `sun_path` begins.
    const PATH: usize = offset_of!(libc::sockaddr_un, sun_path);
    let mut address = [0u8; size_of::<libc::sockaddr_un>()];
    let mut length = address.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes.
    let told = unsafe { ask(socket.as_raw_fd(), address.as_mut_ptr().cast(), &raw mut length) };
    // A name of the file system's can be longer than there is room for.
    let address = address.get(..usize::try_from(length).ok()?)?;
    let is_unix = address.get(..2)? == (libc::AF_UNIX as libc::sa_family_t).to_ne_bytes();
    let name = address.get(PATH..)?.strip_prefix(&[0])?;
    (told == 0 && is_unix).then(|| name.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketType};

    #[test]
    fn only_abstract_names_are_looked_at() {
        let new = || rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
        let (named, nameless) = (new(), new());
        let name = SocketAddrUnix::new_abstract_name(b"of a test of sockeye's").expect("a name");
        rustix::net::bind(&named, &name).expect("nobody's name");
        assert_eq!(abstract_name(&named).as_deref(), Some(&b"of a test of sockeye's"[..]));
        assert_eq!(abstract_name(&nameless), None);
        rustix::net::listen(&named, 1).expect("it listens");
        rustix::net::connect(&nameless, &name).expect("it is there");
        assert_eq!(peer_name(&nameless), abstract_name(&named));
        assert_eq!(peer_name(&rustix::net::accept(&named).expect("one waits")), None);
        let other = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).expect("a socket");
        assert_eq!(abstract_name(&other), None);
    }
}
