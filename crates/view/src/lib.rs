//! What a network does, for people to see: which packets somebody wants ([`Filter`]), what they say of TCP connections
//! ([`Flows`]), and drawings of those, as text ([`ladder`]) and as pictures ([`ladder_picture`], [`sequence_picture`]); and
//! charts of what was measured ([`Chart`]).

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod chart;
mod explain;
mod filter;
mod flow;
mod ladder;
mod picture;

pub use chart::{Axis, Chart, Point, Scale, Series};
pub use explain::{Cause, Direction, Evidence, Explanation, Finding, Outcome, explain};
pub use filter::{Filter, FilterError, Lookup};
pub use flow::{Flow, Flows, Offer, PacketError, Side, State, Step};
pub use ladder::ladder;
pub use picture::{ladder_picture, sequence_picture};
