//! Async sockets with tokio's names, under any executor: tokio's in real time, or the one of a [`crate::Simulation`] in
//! virtual time. Wake-ups come from the network itself, so no reactor has to run.
//!
//! With the feature `tokio`, [`TcpStream`], [`UnixStream`] and their halves implement tokio's `AsyncRead` and
//! `AsyncWrite`, and hyper,
//! tokio-tungstenite and the like run over them unchanged. A call that names no host is one on the host its thread or task
//! has entered when it is called. Not there of tokio's: what has to do with descriptors, and `try_io`.

mod halves;
mod listener;
mod raw;
mod ready;
mod stream;
#[cfg(feature = "tokio")]
mod tokio_io;
mod udp;
pub mod unix;

use std::io;
use std::net::SocketAddr;

use crate::net::{ToSocketAddrs, resolve};

pub use halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use listener::{TcpListener, TcpSocket};
pub use raw::RawSocket;
pub use ready::{Interest, Ready};
pub use stream::TcpStream;
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};

/// The addresses of a name, as [`TcpStream::connect`] tries them.
pub fn lookup_host<A: ToSocketAddrs>(
    host: A,
) -> impl Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> + use<A> {
    let resolved = resolve(host);
    async move { resolved.await.map(Vec::into_iter) }
}
