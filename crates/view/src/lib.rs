//! What a network does, for people to see: which packets somebody wants ([`Filter`]), what they say of TCP connections
//! ([`Flows`]) and of all else ([`Exchanges`]), drawings of those, as text ([`ladder`], [`sequence`], [`states`]) and as
//! pictures ([`ladder_picture`], [`sequence_picture`], [`state_picture`]), and why a connection was slow ([`explain`]); and
//! charts of what was measured ([`Chart`]).

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod chart;
mod diagram;
mod exchange;
mod explain;
mod filter;
mod flow;
mod ladder;
mod picture;
mod trace;

pub use chart::{Axis, Chart, Point, Scale, Series};
pub use diagram::{Transition, states};
pub use exchange::{Exchange, Exchanges, Message};
pub use explain::{Cause, Direction, Evidence, Explanation, Finding, Outcome, Repairs, explain};
pub use filter::{Filter, FilterError, Lookup, Relation};
pub use flow::{Flow, Flows, Offer, PacketError, Side, State, Step};
pub use ladder::{exchange_ladder, ladder};
pub use picture::{exchange_picture, ladder_picture, sequence_picture, state_picture};
pub use trace::sequence;
