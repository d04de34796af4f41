//! DNS from the asking side, without its sockets: what to ask whom next, and what an answer means (RFC 1034, RFC 1035,
//! resolv.conf(5)). Questions and answers are bytes; `hickory-proto` knows their format.

mod message;
mod query;
mod search;

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use search::Search;

/// Questions to one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Who is asked. Answers from elsewhere are none.
    pub server: SocketAddr,
    /// By TCP, each message behind two bytes of length (RFC 1035, section 4.2.2); by UDP else, a datagram each, from a port
    /// that can't be guessed (RFC 5452).
    pub tcp: bool,
    /// The messages.
    pub messages: Vec<Vec<u8>>,
    /// How long to wait for all answers.
    pub wait: Duration,
}

/// What a message that came was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Others are to come.
    More,
    /// The exchange is over.
    All,
}
