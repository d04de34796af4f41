//! Async sockets, under any executor: tokio's in real time, or the one of a [`crate::Simulation`] in virtual time.
//! Wake-ups come from the network itself, so no reactor has to run.
//!
//! With the feature `tokio`, [`TcpStream`] and its halves implement tokio's `AsyncRead` and `AsyncWrite`, and hyper and
//! the like run over them unchanged. A call that names no host is one on the host its thread or task has entered when
//! it is called.

mod listener;
mod stream;
mod udp;

pub use listener::TcpListener;
pub use stream::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
pub use udp::UdpSocket;
