//! Many hosts, the links between them and the switches that join links. Calls on hosts and the time go in; frames travel inside, at their times and
//! to their fates; sockets that changed, the next deadline and copies of what passed come out.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod agenda;
mod capture;
mod interface;
mod lab;
mod link;
mod network;
mod switch;
mod timetable;

pub use capture::{Captured, Capturing};
pub use lab::{HostId, HostSpec, Lab, LinkId, OutsideId, SwitchId};
pub use link::{
    Bursts, Carried, CoDel, Direction, Discipline, End, LinkSpec, LinkView, Loss, Reorder, Spread, WayView,
};
pub use network::{DefaultNetwork, default_network, default_network_with_gateway, default_network_with_mtu};
pub use timetable::Change;
