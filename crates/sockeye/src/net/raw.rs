//! Raw and ping sockets.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sockeye_abi::{Family, Opt, Transport, Value};

use crate::host;
use crate::methods::{blocking_methods, raw_methods, socket_and_back, time_limits};
use crate::open::Open;
use crate::socket::Socket;

/// A raw socket (raw(7)), which sends and hears IP packets of one protocol; or a ping socket (icmp(7)), which sends echo
/// requests and hears the replies to its own. std has none: the names are those it would have, with addresses that have no
/// port.
///
/// A raw socket gets a copy of each packet of its protocol that comes to its host, also of those that TCP, UDP or ICMP
/// serve: with the IP header over IPv4, without it over IPv6.
///
/// ```
/// use sockeye::net::RawSocket;
/// use sockeye::{Lab, LinkOptions};
///
/// # fn main() -> std::io::Result<()> {
/// let lab = Lab::new(1);
/// let (a, b) = (lab.host("a", ["10.0.0.1/24"])?, lab.host("b", ["10.0.0.2/24"])?);
/// lab.link(&a, &b, &LinkOptions::new());
///
/// let ping = a.run(RawSocket::ping_v4)?;
/// // An echo request: type 8, code 0; the host makes checksum and identifier; sequence number 1.
/// ping.send_to(b"\x08\0\0\0\0\0\0\x01kia ora", "10.0.0.2".parse().unwrap())?;
/// let mut buffer = [0; 64];
/// let (length, from) = ping.recv_from(&mut buffer)?;
/// assert_eq!((buffer[0], &buffer[8..length]), (0, &b"kia ora"[..]));
/// assert_eq!(from.to_string(), "10.0.0.2");
/// # Ok(())
/// # }
/// ```
pub struct RawSocket {
    pub(crate) open: Arc<Open>,
}

impl RawSocket {
    blocking_methods!();
    raw_methods!();
    time_limits!();

    /// Receives a packet and who sent it; what is longer than the buffer is lost.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, IpAddr)> {
        self.open.receive_from(buf, false).map(|(length, source)| (length, source.ip()))
    }

    /// As [`RawSocket::recv_from`], and leaves the packet where it is (MSG_PEEK).
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, IpAddr)> {
        self.open.receive_from(buf, true).map(|(length, source)| (length, source.ip()))
    }

    /// Receives a packet; what is longer than the buffer is lost.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.open.receive(buf, false)
    }

    /// Sends a packet to an address: the bytes behind the IP header, or with it ([`RawSocket::set_header_included`]).
    pub fn send_to(&self, buf: &[u8], addr: IpAddr) -> io::Result<usize> {
        self.open.send_to(buf, SocketAddr::new(addr, 0))
    }

    /// Sends a packet to the peer.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.send(buf)
    }

    /// Another handle of the same socket, as dup(2).
    pub fn try_clone(&self) -> io::Result<RawSocket> {
        Ok(RawSocket { open: self.open.clone() })
    }
}

socket_and_back!(RawSocket);

impl fmt::Debug for RawSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RawSocket");
        self.local_addr().ok().map(|address| shown.field("addr", &address));
        shown.finish()
    }
}

/// A raw or ping socket on the host entered.
pub(crate) fn opened(family: Family, transport: Transport) -> io::Result<Arc<Open>> {
    let host = host::here()?;
    Open::new(&host.shared, host.id, family, transport)
}
