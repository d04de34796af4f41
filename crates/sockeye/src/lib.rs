//! Linux's sockets in user space, for Rust programs.
//!
//! A [`Lab`] is a network of virtual hosts, each with a TCP/IP stack and sockets of its own that behave as Linux's do,
//! errno for errno. Nothing of it touches the machine's network. Three faces show the same sockets:
//!
//! - [`net`]: blocking, with std's names and signatures;
//! - [`os::unix::net`]: the same of Unix-domain sockets;
//! - [`async_net`]: async, under tokio (feature `tokio`) or any other executor;
//! - [`Simulation`]: both of them in virtual time, repeatable from a seed.
//!
//! [`poll`] waits for many blocking sockets at once; [`reliable`] has requests over UDP that are carried out once.
//!
//! ```
//! use std::io::{Read, Write};
//! use sockeye::net::{TcpListener, TcpStream};
//! use sockeye::{Lab, LinkOptions};
//!
//! # fn main() -> std::io::Result<()> {
//! let lab = Lab::new(1);
//! let (a, b) = (lab.host("a", ["10.0.0.1/24"])?, lab.host("b", ["10.0.0.2/24"])?);
//! lab.link(&a, &b, &LinkOptions::new());
//!
//! let listener = b.run(|| TcpListener::bind("0.0.0.0:7"))?;
//! let mut client = a.run(|| TcpStream::connect("b:7"))?;
//! let (mut server, peer) = listener.accept()?;
//! client.write_all(b"kia ora")?;
//! let mut buffer = [0; 16];
//! let length = server.read(&mut buffer)?;
//! assert_eq!(&buffer[..length], b"kia ora");
//! assert_eq!(peer.ip().to_string(), "10.0.0.1");
//! # Ok(())
//! # }
//! ```
//!
//! Names resolve as a libc on Linux resolves them ([`names`]): in each host's files, among the hosts of the network, and
//! from DNS.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

/// The guide's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/sockets.md")]
struct Guide;

mod alarm;
pub mod async_names;
pub mod async_net;
mod blocking;
mod engine;
mod host;
#[cfg(feature = "hyper")]
pub mod hyper;
mod identity;
mod lab;
mod methods;
pub mod names;
pub mod net;
mod open;
pub mod os;
pub mod poll;
pub mod reliable;
mod simulation;
pub mod socket;
pub mod task;
pub mod thread;
pub mod time;
mod unix;
mod waiting;
mod watching;

pub use host::{Entered, Host, Interface};
pub use identity::{Credentials, Identity};
pub use lab::{
    Bursts, Captured, CoDel, Direction, Discipline, Lab, Link, LinkOptions, Loss, Plug, Reorder, Spread,
    Switch,
};
pub use simulation::{Failed, JoinHandle, Simulation, Unfinished};
pub use socket::Socket;
pub use sockeye_abi::InterfaceFlags;
