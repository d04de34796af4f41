//! Async listeners.

use std::fmt;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sockeye_socket::Host;

use super::TcpStream;
use crate::net::{ToSocketAddrs, first_of, listening};
use crate::open::Open;
use crate::waiting::Interest;

/// A listening TCP socket.
pub struct TcpListener {
    open: Arc<Open>,
}

impl TcpListener {
    /// Listens on the first of these addresses that can be bound, with SO_REUSEADDR and a backlog of 128.
    /// It is done by the time this returns.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> Ready<io::Result<TcpListener>> {
        ready(first_of(addr, listening).map(|open| TcpListener { open }))
    }

    /// Takes the next connection. Nothing is lost if the future is dropped.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = self.open.wait(Interest::Read, Host::accept).await?;
        let (open, peer) = self.open.accepted(accepted);
        Ok((TcpStream::new(open), peer))
    }

    /// Its address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.open.local_addr()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("TcpListener");
        self.local_addr().ok().map(|address| shown.field("addr", &address));
        shown.finish()
    }
}
