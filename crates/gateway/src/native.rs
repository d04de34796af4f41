//! The machine's sockets, and what its errors mean.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, ipproto,
    sockopt,
};
use rustix::process::{Resource, getrlimit};
use sockeye_base::Chain;
use sockeye_stack::Refusal;

/// As many pieces are handed over at a time.
const PIECES: usize = 64;
/// Whether the urgent mark is next.
const SIOCATMARK: libc::Ioctl = sockeye_abi::ioctl::SIOCATMARK as libc::Ioctl;
/// What an error's cause is reported with, at most.
const QUOTED: usize = 1280;

/// Open descriptors that this process may have.
pub(crate) fn descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// A socket that doesn't wait.
pub(crate) fn socket(ip: IpAddr, kind: SocketType, protocol: Option<Protocol>) -> Result<OwnedFd, Errno> {
    let family = if ip.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, protocol)
}

/// Whether an address is the machine's own. A datagram socket knows when it is connected, which sends nothing: to an
/// address of its own the kernel speaks from that.
pub(crate) fn is_own(ip: IpAddr) -> bool {
    let asked = socket(ip, SocketType::DGRAM, None).and_then(|socket| {
        rustix::net::connect(&socket, &SocketAddr::new(ip, 9))?;
        rustix::net::getsockname(&socket)
    });
    // Where no route leads nothing comes, to whoever.
    let Ok(own) = asked.and_then(SocketAddr::try_from) else { return false };
    own.ip() == ip || own.ip().is_loopback()
}

/// Begins a connection. Says whether it is there already, as on the machine's loopback.
pub(crate) fn connect(to: SocketAddr) -> Result<(OwnedFd, bool), Errno> {
    let socket = socket(to.ip(), SocketType::STREAM, None)?;
    set_oob_inline(&socket);
    match rustix::net::connect(&socket, &to) {
        Ok(()) => Ok((socket, true)),
        Err(Errno::INPROGRESS) => {
            let mut ready = [PollFd::new(&socket, PollFlags::OUT)];
            let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let there = rustix::event::poll(&mut ready, Some(&at_once)) == Ok(1);
            let there = there && ready[0].revents() == PollFlags::OUT;
            Ok((socket, there))
        }
        Err(error) => Err(error),
    }
}

/// What is sent is sent at once. It can't fail on a connection.
pub(crate) fn set_nodelay(socket: &OwnedFd) {
    let _ = sockopt::set_tcp_nodelay(socket, true);
}

/// Urgent bytes are left in the stream, of those that a listener accepts, too. It can't fail on a socket of TCP.
fn set_oob_inline(socket: &OwnedFd) {
    let _ = sockopt::set_socket_oobinline(socket, true);
}

/// Whether an urgent byte is next to be read (`SIOCATMARK`, tcp(7)).
pub(crate) fn at_mark(socket: &OwnedFd) -> bool {
    let mut is_next: libc::c_int = 0;
    // SAFETY: the kernel writes an int.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCATMARK, &raw mut is_next) };
    done == 0 && is_next != 0
}

/// Resets a connection.
pub(crate) fn reset(socket: OwnedFd) {
    let _ = sockopt::set_socket_linger(&socket, Some(std::time::Duration::ZERO));
    drop(socket);
}

/// A datagram socket that speaks with one peer and is told of all errors; for echo requests with `ping`.
pub(crate) fn datagrams(to: SocketAddr, ping: bool) -> Result<OwnedFd, Errno> {
    let protocol = match to {
        _ if !ping => None,
        SocketAddr::V4(_) => Some(ipproto::ICMP),
        SocketAddr::V6(_) => Some(ipproto::ICMPV6),
    };
    let socket = socket(to.ip(), SocketType::DGRAM, protocol)?;
    let (level, option) = match to {
        SocketAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_RECVERR),
        SocketAddr::V6(_) => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    };
    set(&socket, level, option, 1)?;
    rustix::net::connect(&socket, &to)?;
    Ok(socket)
}

/// How far what is sent may go.
pub(crate) fn set_ttl(socket: &OwnedFd, is_ipv4: bool, ttl: u8) -> Result<(), Errno> {
    let (level, option) = match is_ipv4 {
        true => (libc::IPPROTO_IP, libc::IP_TTL),
        false => (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS),
    };
    set(socket, level, option, ttl.into())
}

fn set(socket: &OwnedFd, level: i32, option: i32, value: i32) -> Result<(), Errno> {
    // SAFETY: the kernel reads an int.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            size_of_val(&value) as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(last_error()) }
}

fn last_error() -> Errno {
    std::io::Error::last_os_error().raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

/// Sends from the front of a chain, of which the last byte may be urgent; says how much went.
pub(crate) fn send(socket: &OwnedFd, bytes: &Chain, urgent: bool) -> Result<usize, Errno> {
    let mut flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    flags.set(SendFlags::OOB, urgent);
    let mut pieces = bytes.pieces();
    if let (Some(only), None) = (pieces.next(), pieces.next()) {
        return rustix::net::send(socket, only, flags);
    }
    let pieces: Vec<IoSlice<'_>> = bytes.pieces().take(PIECES).map(IoSlice::new).collect();
    rustix::net::sendmsg(socket, &pieces, &mut SendAncillaryBuffer::default(), flags)
}

/// Receives; says how much came.
pub(crate) fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT).map(|(_, n)| n)
}

/// What the machine says of a destination that can't be had; nothing if it is to be tried again.
pub(crate) fn refusal(error: Errno) -> Option<Refusal> {
    match error {
        Errno::CONNREFUSED | Errno::CONNRESET => Some(Refusal::Port),
        Errno::NETUNREACH | Errno::AFNOSUPPORT | Errno::NETDOWN => Some(Refusal::Net),
        Errno::ACCESS | Errno::PERM => Some(Refusal::Prohibited),
        Errno::TIMEDOUT | Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::AGAIN => None,
        // No port is left.
        Errno::ADDRNOTAVAIL => None,
        _ => Some(Refusal::Host),
    }
}

/// An entry of a socket's error queue.
pub(crate) struct Report {
    pub(crate) refusal: Option<Refusal>,
    /// Who said so, if somebody else did.
    pub(crate) offender: Option<IpAddr>,
    /// The data of what it is about, behind the header of UDP.
    pub(crate) payload: Vec<u8>,
}

/// Takes the first entry of a socket's error queue.
pub(crate) fn take_report(socket: BorrowedFd<'_>) -> Option<Report> {
    let mut payload = vec![0_u8; QUOTED];
    // Of u64, so that it is aligned as a control message is.
    let mut control = [0_u64; 64];
    let mut vector = libc::iovec { iov_base: payload.as_mut_ptr().cast(), iov_len: payload.len() };
    // SAFETY: all zeros are a message header without anything.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut vector;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&control) as _;
    // SAFETY: the header points to a buffer and to room for control messages, each as long as it says.
    let came = unsafe {
        libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT)
    };
    payload.truncate(usize::try_from(came).ok()?);
    let mut report = Report { refusal: None, offender: None, payload };
    // SAFETY: the kernel has filled in what these walk over, and each message's data are as long as its header says.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while !header.is_null() {
            let told = ((*header).cmsg_level, (*header).cmsg_type);
            let data = libc::CMSG_DATA(header).cast::<u8>().cast_const();
            let len = ((*header).cmsg_len as usize).saturating_sub(data.addr() - header.addr());
            if told == (libc::IPPROTO_IP, libc::IP_RECVERR)
                || told == (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            {
                read_error(std::slice::from_raw_parts(data, len), &mut report);
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    Some(report)
}

/// Reads a `sock_extended_err` and the `sockaddr` behind it (ip(7)).
fn read_error(bytes: &[u8], report: &mut Report) {
    let word = |at: usize| {
        let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
        u32::from_ne_bytes(word.unwrap_or_default())
    };
    let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
    let (errno, origin, kind, code, info) = (word(0), byte(4), byte(5), byte(6), word(8));
    report.refusal = match (origin, kind, code) {
        (libc::SO_EE_ORIGIN_ICMP, 3, 0 | 6 | 11) | (libc::SO_EE_ORIGIN_ICMP6, 1, 0) => Some(Refusal::Net),
        (libc::SO_EE_ORIGIN_ICMP, 3, 3) | (libc::SO_EE_ORIGIN_ICMP6, 1, 4) => Some(Refusal::Port),
        (libc::SO_EE_ORIGIN_ICMP, 3, 4) | (libc::SO_EE_ORIGIN_ICMP6, 2, _) => Some(Refusal::TooLong(info)),
        (libc::SO_EE_ORIGIN_ICMP, 3, 9 | 10 | 13) | (libc::SO_EE_ORIGIN_ICMP6, 1, 1 | 5 | 6) => {
            Some(Refusal::Prohibited)
        }
        (libc::SO_EE_ORIGIN_ICMP, 11, _) | (libc::SO_EE_ORIGIN_ICMP6, 3, _) => Some(Refusal::TooFar),
        (libc::SO_EE_ORIGIN_ICMP, 3, _) | (libc::SO_EE_ORIGIN_ICMP6, 1, _) => Some(Refusal::Host),
        (libc::SO_EE_ORIGIN_LOCAL, ..) if errno == libc::EMSGSIZE.cast_unsigned() => {
            Some(Refusal::TooLong(info))
        }
        (libc::SO_EE_ORIGIN_LOCAL, ..) => {
            i32::try_from(errno).ok().and_then(|errno| refusal(Errno::from_raw_os_error(errno)))
        }
        _ => None,
    };
    let family = bytes.get(16..18).map_or(0, |family| i32::from(u16::from_ne_bytes([family[0], family[1]])));
    report.offender = match family {
        libc::AF_INET => {
            let address: Option<[u8; 4]> = bytes.get(20..24).and_then(|address| address.try_into().ok());
            address.map(|address| Ipv4Addr::from(address).into())
        }
        libc::AF_INET6 => {
            let address: Option<[u8; 16]> = bytes.get(24..40).and_then(|address| address.try_into().ok());
            address.map(|address| Ipv6Addr::from(address).into())
        }
        _ => None,
    };
}

/// A listener, or a datagram socket for many peers, of the machine.
pub(crate) fn open(at: SocketAddr, stream: bool) -> Result<OwnedFd, Errno> {
    let kind = if stream { SocketType::STREAM } else { SocketType::DGRAM };
    let socket = socket(at.ip(), kind, None)?;
    if at.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    if stream {
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    rustix::net::bind(&socket, &at)?;
    if stream {
        set_oob_inline(&socket);
        rustix::net::listen(&socket, 128)?;
    }
    Ok(socket)
}

/// Takes a connection that waits.
pub(crate) fn accept(listener: impl AsFd) -> Result<OwnedFd, Errno> {
    rustix::net::accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
}
