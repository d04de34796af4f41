//! Async listeners, and sockets that are to become listeners or streams.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use sockeye_abi::{Family, Opt, Transport};
use sockeye_socket::Host;

use super::TcpStream;
use crate::host;
use crate::methods::common_methods;
use crate::net::{self, ToSocketAddrs, first_of, listening, resolve};
use crate::open::{Open, os_error};
use crate::waiting::{Interest, Ticket};

/// A listening TCP socket, as `tokio::net::TcpListener`.
pub struct TcpListener {
    open: Arc<Open>,
    /// The place of who polls it.
    ticket: Mutex<Option<Ticket>>,
}

/// A TCP socket that was not connected yet and does not listen, as `tokio::net::TcpSocket`.
pub struct TcpSocket {
    open: Arc<Open>,
}

impl TcpListener {
    common_methods!();

    /// Listens on the first of these addresses that can be bound, with SO_REUSEADDR and a backlog of 128.
    /// Host and addresses are those of the moment it is called.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpListener>> + use<A> {
        let (host, resolved) = (host::here(), resolve(addr));
        async move {
            let (host, addresses) = (host?, resolved.await?);
            let open = first_of(addresses, |address| listening(&host, address))?;
            Ok(TcpListener::new(open))
        }
    }

    fn new(open: Arc<Open>) -> TcpListener {
        TcpListener { open, ticket: Mutex::new(None) }
    }

    fn open(&self) -> &Open {
        &self.open
    }

    /// The same listener as one that blocks, and back.
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        Ok(TcpListener::new(listener.open))
    }

    /// The same listener, as one that blocks.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        Ok(net::TcpListener { open: self.open.clone() })
    }

    /// Takes the next connection. Nothing is lost if the future is dropped.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = self.open.wait(Interest::Read, Host::accept).await?;
        let (open, peer) = self.open.accepted(accepted);
        Ok((TcpStream::new(open), peer))
    }

    /// [`TcpListener::accept`] as a poll. The task that polled last is woken.
    pub fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let mut ticket = self.ticket.lock().unwrap_or_else(PoisonError::into_inner);
        let poll = self.open.poll((Interest::Read, &mut ticket), context, Host::accept);
        poll.map_ok(|accepted| {
            let (open, peer) = self.open.accepted(accepted);
            (TcpStream::new(open), peer)
        })
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let ticket = self.ticket.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ticket) = ticket {
            self.open.shared.forget((self.open.host, self.open.id), ticket);
        }
    }
}

impl TcpSocket {
    common_methods!();

    /// A socket of IPv4 on the host entered.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Family::Inet)
    }

    /// A socket of IPv6 on the host entered.
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Family::Inet6)
    }

    fn new(family: Family) -> io::Result<TcpSocket> {
        let host = host::here()?;
        Ok(TcpSocket { open: Open::new(&host.shared, host.id, family, Transport::Tcp)? })
    }

    fn open(&self) -> &Open {
        &self.open
    }

    /// Lets it be bound where older connections wait for their end (SO_REUSEADDR).
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.open.set_flag(Opt::SoReuseAddr, reuseaddr)
    }

    /// What [`TcpSocket::set_reuseaddr`] set.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.open.flag(Opt::SoReuseAddr)
    }

    /// Lets others be bound to the same address and port (SO_REUSEPORT).
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.open.set_flag(Opt::SoReusePort, reuseport)
    }

    /// What [`TcpSocket::set_reuseport`] set.
    pub fn reuseport(&self) -> io::Result<bool> {
        self.open.flag(Opt::SoReusePort)
    }

    /// How much may wait to be sent, in bytes; the system takes twice as much (SO_SNDBUF).
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.open.set_int(Opt::SoSndBuf, size)
    }

    /// What SO_SNDBUF reads.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.open.int(Opt::SoSndBuf)
    }

    /// How much may wait to be received, in bytes; the system takes twice as much (SO_RCVBUF).
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.open.set_int(Opt::SoRcvBuf, size)
    }

    /// What SO_RCVBUF reads.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.open.int(Opt::SoRcvBuf)
    }

    /// Probes a silent peer (SO_KEEPALIVE).
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.open.set_flag(Opt::SoKeepAlive, keepalive)
    }

    /// What [`TcpSocket::set_keepalive`] set.
    pub fn keepalive(&self) -> io::Result<bool> {
        self.open.flag(Opt::SoKeepAlive)
    }

    /// Sends small segments at once (TCP_NODELAY).
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.open.set_flag(Opt::TcpNoDelay, nodelay)
    }

    /// What [`TcpSocket::set_nodelay`] set.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.open.flag(Opt::TcpNoDelay)
    }

    /// bind(2).
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.open.call(|host, now, id| host.bind(now, id, addr))
    }

    /// connect(2).
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        self.open.wait(Interest::Write, |host, now, id| host.connect(now, id, addr)).await?;
        Ok(TcpStream::new(self.open))
    }

    /// listen(2).
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let backlog = i32::try_from(backlog).map_err(|_| os_error(sockeye_abi::Errno::EINVAL))?;
        self.open.call(|host, now, id| host.listen(now, id, backlog))?;
        Ok(TcpListener::new(self.open))
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TcpListener");
        self.local_addr().ok().map(|address| shown.field("addr", &address));
        shown.finish()
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket").field("id", &self.open.id).finish_non_exhaustive()
    }
}
