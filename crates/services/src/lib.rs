//! The servers a virtual host can run: DNS, HTTP, echo and the other small services of old. Changed sockets and the time go in, calls on sockets come out.
//! Each service is a state machine over non-blocking sockets, and no connection makes it hold more than it has room for.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod datagrams;
pub mod dns;
mod echo;
mod http;
mod server;
mod services;
mod small;

pub use echo::Echo;
pub use http::{ByteRange, Http};
pub use services::{Service, Services};
pub use small::{Kind, Small};
