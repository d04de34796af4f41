//! Hosts, services, protocols and networks by name and number, as a libc on Linux finds them: in a host's [`Files`], in
//! DNS, and in text that is an address already. Names and what servers answered go in; addresses, errors, and the questions
//! to be put to which server come out. Whoever drives a [`Lookup`] has the sockets and the clock.
//!
//! Not modelled: internationalized names (AI_IDN), sortlist, NIS and its kin, a cache, DNSSEC, DNS over TLS.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod addrinfo;
mod dns;
mod error;
mod files;
mod host;
mod nameinfo;
mod policy;
pub mod text;

pub use addrinfo::{AddrInfo, Flags, Hints, Interface, Request};
pub use dns::{Exchange, Heard};
pub use error::{Error, HostError};
pub use files::{File, Files, Network, Protocol, ResolvConf, Service};
pub use host::{Families, HostEntry, Lookup, Step};
pub use nameinfo::{NameFlags, name_wanted, names};
pub use policy::SourceAddress;
