//! Blocking sockets with std's names and signatures: `use sockeye::net::TcpStream` in place of std's compiles, and
//! does on a virtual host what std's does on the machine. Errors are std's [`std::io::Error`] with Linux's numbers.
//!
//! A call that names no host is one on the host its thread has entered ([`crate::Host::enter`]). Not there:
//! descriptors ([`std::os::fd::AsFd`]), multicast, and what of std's is unstable.

/// What all of std's sockets have.
macro_rules! common_methods {
    () => {
        /// Its own address.
        pub fn local_addr(&self) -> io::Result<SocketAddr> {
            self.open.local_addr()
        }

        /// The packets' time to live (IP_TTL).
        pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
            self.open.set_int(Opt::IpTtl, ttl)
        }

        /// The packets' time to live, as it was set or by the host's default.
        pub fn ttl(&self) -> io::Result<u32> {
            self.open.int(Opt::IpTtl)
        }

        /// The pending error (SO_ERROR), which is none afterwards.
        pub fn take_error(&self) -> io::Result<Option<io::Error>> {
            self.open.take_error()
        }

        /// Whether calls that would wait give `WouldBlock` instead.
        pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
            self.open.set_nonblocking(nonblocking);
            Ok(())
        }
    };
}

/// What those have that send and receive.
macro_rules! time_limits {
    () => {
        /// How long receiving may wait (SO_RCVTIMEO); then it gives `WouldBlock`. `None`: for ever.
        pub fn set_read_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
            self.open.set_time(Opt::SoRcvTimeo, dur)
        }

        /// How long sending may wait (SO_SNDTIMEO); then it gives `WouldBlock`. `None`: for ever.
        pub fn set_write_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
            self.open.set_time(Opt::SoSndTimeo, dur)
        }

        /// How long receiving may wait.
        pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
            self.open.time(Opt::SoRcvTimeo)
        }

        /// How long sending may wait.
        pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
            self.open.time(Opt::SoSndTimeo)
        }
    };
}

mod addr;
mod listener;
mod stream;
mod udp;

pub use addr::ToSocketAddrs;
pub(crate) use addr::{first_of, none, resolve};
pub(crate) use listener::listening;
pub use listener::{Incoming, TcpListener};
pub use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
pub use stream::TcpStream;
pub(crate) use stream::{family_of, how_of};
pub use udp::UdpSocket;
pub(crate) use udp::bound;
