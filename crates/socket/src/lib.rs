//! BSD semantics over a stack: what a program's socket calls mean, errno for errno as Linux (socket(7), tcp(7), udp(7),
//! ip(7), ipv6(7)).
//!
//! A [`Host`] is a stack with a table of open sockets. Calls go in with the time they happen at and never block:
//! where a program would wait they say EAGAIN or EINPROGRESS, and [`Host::poll_changed`] says later which socket to look at
//! again. Frames go through it to the stack and out of it.
//!
//! Not modelled: privileges, memory pressure. Descriptors,
//! blocking, timeouts of calls (SO_RCVTIMEO is kept here and acted on above) and signals are the caller's.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod address;
mod changes;
mod control;
mod datagram;
mod errors;
mod fast_open;
mod forwarding;
mod groups;
mod heirs;
mod host;
mod interfaces;
mod linger;
mod listener;
mod message;
mod netlink;
mod options;
mod proc;
mod raw;
mod readiness;
mod rows;
mod strangers;
mod stream;
mod tcp_info;
mod unix;

#[cfg(test)]
mod tests;

pub use host::{Host, Result, SocketId};
pub use message::{Incoming, Outgoing};
pub use netlink::{Opener, Outside};
pub use proc::{Folder, Node, Reader};
pub use rows::{Row, UnixRow};
pub use unix::{Identity, Passed, UnixMessage, UnixReceived};
