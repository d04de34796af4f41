//! Requests over UDP that arrive, and are carried out once: what each program that asks by datagrams would otherwise have to
//! invent again.
//!
//! - Requests are **numbered**; the reply **confirms** its request. A duplicate of a request that was answered gets the same
//!   reply again and is not carried out again. Of one that is still at work, or waits for its turn, the client is told so.
//! - The **time-out adapts**: smoothed round trip and deviation as in RFC 6298, doubled with each repetition of a request. A
//!   reply echoes the time stamp of the very copy it answers, so that repetitions don't confuse the measurement.
//! - Several requests may be under way ([`Client::start`]); they are carried out as they come, or **in order** where asked
//!   ([`Config::ordered`]): each after the one before it was answered, or given up.
//! - Nothing grows without bound: 64 numbers of a client, 1,024 clients, 64 MiB of replies that may be asked for again.
//!
//! Once means: while the server lives, and remembers its client (an hour after the last word of it, less if there are too
//! many). A server that was started anew can't know what it did before. Not modelled: encryption, congestion control beyond the
//! backoff and the 64, messages longer than a datagram.
//!
//! ```
//! use sockeye::{Lab, LinkOptions, Loss, reliable, thread};
//!
//! # fn main() -> std::io::Result<()> {
//! let lab = Lab::new(1);
//! let (a, b) = (lab.host("a", ["10.0.0.1/24"])?, lab.host("b", ["10.0.0.2/24"])?);
//! lab.link(&a, &b, &LinkOptions::new().loss(Loss::PerMillion(100_000)));
//!
//! let mut server = b.run(|| reliable::Server::bind("10.0.0.2:4000"))?;
//! b.run(|| thread::spawn(move || -> std::io::Result<()> {
//!     loop {
//!         let request = server.recv()?;
//!         let reply = request.payload().to_ascii_uppercase();
//!         server.answer(&request, &reply)?;
//!     }
//! }));
//! let mut client = a.run(|| reliable::Client::connect("b:4000"))?;
//! assert_eq!(client.call(b"kia ora")?, b"KIA ORA");
//! # Ok(())
//! # }
//! ```

mod client;
mod packet;
mod requester;
mod responder;
mod server;
#[cfg(test)]
mod tests;
mod timeout;

use std::time::Duration;

pub use client::{AsyncClient, Client};
pub use packet::LONGEST;
pub use server::{AsyncServer, Request, Server};

/// The number of a request: 1 is a client's first.
pub type Number = u64;

/// How a client asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The time-out before anything was measured: RFC 6298's 1 s.
    pub first: Duration,
    /// The shortest time-out: Linux's 200 ms. Shorter only where the server never takes a moment.
    pub least: Duration,
    /// The longest, however often it was doubled: 60 s.
    pub most: Duration,
    /// After how much silence of the server a request is given up: 60 s. It should be well under the hour for which a server
    /// remembers its clients.
    pub patience: Duration,
    /// Requests are carried out in the order they were started in, each when the one before is done.
    pub ordered: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            first: Duration::from_secs(1),
            least: Duration::from_millis(200),
            most: Duration::from_secs(60),
            patience: Duration::from_secs(60),
            ordered: false,
        }
    }
}
