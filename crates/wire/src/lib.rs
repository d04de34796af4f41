//! What goes over a link. One file per header: a checked view of its bytes, its owned value, its printer in tcpdump's
//! words. Between virtual hosts only the values travel; bytes are made and read at the edges.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]
// `len` is a length on the wire here, headers included; nothing of it is ever empty.
#![allow(clippy::len_without_is_empty)]

pub mod arp;
pub mod checksum;
pub mod ethernet;
pub mod fragment;
pub mod icmpv4;
pub mod icmpv6;
pub mod igmp;
pub mod ip;
pub mod ipv4;
pub mod ipv6;
pub mod membership;
pub mod mld;
pub mod print;
pub mod tcp;
pub mod udp;

mod codec;
mod frame;
mod heads;
mod malformed;
mod quote;
mod read;
mod verbatim;

pub use frame::{Body, Frame, Packet, Payload};
pub use heads::Heads;
pub use malformed::Malformed;
pub use quote::Quote;
