//! Async raw and ping sockets.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sockeye_abi::{Family, Opt, Transport, Value};

use crate::methods::raw_methods;
use crate::net::{self, opened};
use crate::open::{Open, receiving, receiving_from};
use crate::waiting::Interest;

/// A raw or ping socket, as [`crate::net::RawSocket`]. Nothing is lost if one of its futures is dropped.
pub struct RawSocket {
    open: Arc<Open>,
}

impl RawSocket {
    raw_methods!();

    fn open(&self) -> &Open {
        &self.open
    }

    /// The same socket as one of tasks.
    pub fn from_std(socket: net::RawSocket) -> io::Result<RawSocket> {
        Ok(RawSocket { open: socket.open })
    }

    /// The same socket, as one that blocks.
    pub fn into_std(self) -> io::Result<net::RawSocket> {
        Ok(net::RawSocket { open: self.open })
    }

    /// Receives a packet and who sent it; what is longer than the buffer is lost.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, IpAddr)> {
        let (chain, source) = self.open.wait(Interest::Read, receiving_from(false)).await?;
        Ok((chain.copy_to(buf), source.ip()))
    }

    /// Receives a packet; what is longer than the buffer is lost.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let chain = self.open.wait(Interest::Read, receiving(buf.len(), false)).await?;
        Ok(chain.copy_to(buf))
    }

    /// Sends a packet to an address: the bytes behind the IP header, or with it ([`RawSocket::set_header_included`]).
    pub async fn send_to(&self, buf: &[u8], addr: IpAddr) -> io::Result<usize> {
        let to = SocketAddr::new(addr, 0);
        self.open.wait(Interest::Write, |host, now, id| host.send_to(now, id, buf, Some(to))).await
    }

    /// Sends a packet to the peer.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.open.wait(Interest::Write, |host, now, id| host.send(now, id, buf)).await
    }
}

impl fmt::Debug for RawSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RawSocket");
        self.local_addr().ok().map(|address| shown.field("addr", &address));
        shown.finish()
    }
}
