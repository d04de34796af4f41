//! Async listeners.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sockeye_socket::Host;

use super::TcpStream;
use crate::host;
use crate::net::{ToSocketAddrs, first_of, listening, resolve};
use crate::open::Open;
use crate::waiting::Interest;

/// A listening TCP socket.
pub struct TcpListener {
    open: Arc<Open>,
}

impl TcpListener {
    /// Listens on the first of these addresses that can be bound, with SO_REUSEADDR and a backlog of 128.
    /// Host and addresses are those of the moment it is called.
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpListener>> + use<A> {
        let (host, resolved) = (host::here(), resolve(addr));
        async move {
            let (host, addresses) = (host?, resolved.await?);
            let open = first_of(addresses, |address| listening(&host, address))?;
            Ok(TcpListener { open })
        }
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
