//! What a network does, for people to see. So far: which packets somebody wants to see ([`Filter`]).

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod filter;

pub use filter::{Filter, FilterError, Link, Lookup};
