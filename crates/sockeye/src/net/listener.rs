//! std's `TcpListener`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sockeye_abi::{Opt, Transport};

use super::{TcpStream, ToSocketAddrs, family_of, first_of};
use crate::host::{self, Host};
use crate::methods::{blocking_methods, common_methods, socket_and_back};
use crate::open::Open;
use crate::socket::Socket;

/// As std: the backlog of a listener.
const BACKLOG: i32 = 128;

/// A listening TCP socket, as [`std::net::TcpListener`].
pub struct TcpListener {
    pub(crate) open: Arc<Open>,
}

impl TcpListener {
    blocking_methods!();
    common_methods!();

    /// Listens on the first of these addresses that can be bound, with SO_REUSEADDR and a backlog of 128.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        let host = host::here()?;
        let open = first_of(addr.to_socket_addrs()?, |address| listening(&host, address))?;
        Ok(TcpListener { open })
    }

    /// Another handle of the same socket, as dup(2).
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        Ok(TcpListener { open: self.open.clone() })
    }

    /// Takes the next connection.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (open, peer) = self.open.accept()?;
        Ok((TcpStream { open }, peer))
    }

    /// All connections to come; never ends.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }
}

/// The connections of [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<TcpStream>;

    fn next(&mut self) -> Option<io::Result<TcpStream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl std::iter::FusedIterator for Incoming<'_> {}

socket_and_back!(TcpListener);

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TcpListener");
        self.local_addr().ok().map(|address| shown.field("addr", &address));
        shown.finish()
    }
}

/// A socket of a host that listens on an address.
pub(crate) fn listening(host: &Host, address: SocketAddr) -> io::Result<Arc<Open>> {
    let open = Open::new(&host.shared, host.id, family_of(address), Transport::Tcp)?;
    open.set_flag(Opt::SoReuseAddr, true)?;
    open.call(|host, now, id| host.bind(now, id, address))?;
    open.call(|host, now, id| host.listen(now, id, BACKLOG))?;
    Ok(open)
}
