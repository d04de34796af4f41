//! Many hosts and the links between them. Calls on hosts and the time go in; frames travel inside, at their times and
//! to their fates; sockets that changed, the next deadline and copies of what passed come out.
//!
//! Not modelled yet: switches and shared media.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod capture;
mod lab;
mod link;
mod network;
mod timetable;

pub use capture::Captured;
pub use lab::{HostId, HostSpec, Lab, LinkId};
pub use link::{Bursts, CoDel, Direction, Discipline, LinkSpec, Loss, Reorder, Spread};
pub use network::{DefaultNetwork, default_network, default_network_with_mtu};
pub use timetable::Change;
