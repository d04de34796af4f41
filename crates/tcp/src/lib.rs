//! One TCP connection ([`Tcb`]) and one listener ([`Listener`]) as pure state machines (RFC 9293).
//!
//! In flow segments and user calls, each with the time it happens at; out flow segments and the moment to look again,
//! both from [`Tcb::decide`]. No addresses are known here (a connection has its two ports, to write them into
//! headers), no sockets, no errno.
//!
//! Not modelled: accurate ECN, simultaneous use of several paths.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod config;
mod congestion;
mod cookies;
mod ecn;
mod error;
mod fast_open;
mod info;
mod input;
mod isn;
mod listener;
mod mtu;
mod options;
mod output;
mod rare;
mod reassembly;
mod receive_window;
mod recovery;
mod rtt;
mod send_buffer;
mod state;
mod tcb;
mod time_wait;
mod timers;
mod urgent;
mod user;

#[cfg(test)]
mod tests;

pub use config::{Buffer, Config, Keepalive, Ports};
pub use congestion::Congestion;
pub use cookies::{COOKIE_MSS_V4, COOKIE_MSS_V6, Cookies};
pub use ecn::EcnMode;
pub use error::{Error, SendError, Unreachable};
pub use fast_open::{Failure, Form, Learned, News};
pub use info::{Info, Pending};
pub use input::{Outcome, reset_for};
pub use isn::IsnGenerator;
pub use listener::Listener;
pub use output::{Boundary, Decision, Limit};
pub use state::State;
pub use tcb::Tcb;
pub use time_wait::{Late, TimeWait};
pub use urgent::UrgentError;
