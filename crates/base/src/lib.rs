//! What every other crate stands on: time as a value, sequence numbers, the seeded generator, keyed hashing, the
//! names of what is counted, and chains of reference-counted bytes. Nothing here reads a clock or asks the system for
//! anything.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod chain;
mod counters;
mod intake;
mod piece;
mod pool;
mod queue;
mod rng;
mod seq;
mod table;
mod time;

pub use bytes::Bytes;
pub use chain::{Chain, ChainReader};
pub use counters::{Counter, Counters, Tally};
pub use intake::Intake;
pub use pool::Pool;
pub use queue::{Short, take_next};
pub use rng::{Key, KeyedMap, Rng, siphash_2_4};
pub use seq::SeqNum;
pub use table::Table;
pub use time::{Duration, Instant, nanos};
