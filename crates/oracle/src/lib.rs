//! Linux is the oracle: behaviours of sockets, written once over the calls a program makes ([`Calls`]), each printing lines
//! of text. They run on the kernel ([`Kernel`]), through the library ([`Library`]), and as a program under `sockeye run`
//! and `sockeye run --exact` (the binary `oracle`), and must print the same in every world; [`differences`] lists what a
//! world can't show, and why.
//!
//! On the kernel a behaviour has a network of its own, made like the virtual host `pukaki`: loopback, and `eth0` with
//! 10.61.0.1 and fd61::1, beside `tekapo` with 10.61.0.2 and fd61::2.

#![deny(missing_docs)]

pub mod address;
mod behaviours;
mod calls;
pub mod differences;
mod kernel;
mod library;
pub mod namespace;
pub mod sequences;
mod trial;

pub use behaviours::{BEHAVIOURS, Behaviour, find};
pub use calls::{Calls, Errno, Fd, Incoming, Outgoing, Result, Room};
pub use kernel::Kernel;
pub use library::Library;
pub use trial::{Shown, Trial};
