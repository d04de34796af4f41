//! Many hosts and the links between them. Calls on hosts and the time go in; frames travel inside, at their times and
//! to their fates; sockets that changed, the next deadline and copies of what passed come out.
//!
//! Not modelled yet: switches and shared media, rates and queues with a discipline, faults other than loss and cuts.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod capture;
mod lab;
mod link;
mod network;

pub use capture::Captured;
pub use lab::{HostId, HostSpec, Lab, LinkId};
pub use link::{Direction, LinkSpec, Loss};
pub use network::{DefaultNetwork, default_network};
