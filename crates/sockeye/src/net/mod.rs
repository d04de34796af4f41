//! Blocking sockets with std's names and signatures: `use sockeye::net::TcpStream` in place of std's compiles, and
//! does on a virtual host what std's does on the machine. Errors are std's [`std::io::Error`] with Linux's numbers.
//!
//! A call that names no host is one on the host its thread has entered ([`crate::Host::enter`]). Not there:
//! descriptors ([`std::os::fd::AsFd`] and its kin, which would be numbers of the machine's), and what of std's is unstable or
//! deprecated.

mod addr;
mod listener;
mod raw;
mod stream;
mod udp;

pub use addr::ToSocketAddrs;
pub(crate) use addr::{first_of, none, resolve};
pub(crate) use listener::listening;
pub use listener::{Incoming, TcpListener};
pub use raw::RawSocket;
pub(crate) use raw::opened;
pub use std::net::{
    AddrParseError, IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6,
};
pub use stream::TcpStream;
pub(crate) use stream::{family_of, how_of};
pub use udp::UdpSocket;
pub(crate) use udp::bound;
