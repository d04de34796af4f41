//! One host: interfaces, neighbours, routes, IP, ICMP, UDP, ports, demultiplexing.
//!
//! A [`Stack`] is plain data with one owner. Calls and frames go in; frames to send, ids of what changed and the next
//! deadline come out. Time is an argument, chance comes from the generator handed in, nothing calls back.
//!
//! Not modelled yet: router and redirect messages.

#![forbid(unsafe_code)]
#![deny(clippy::disallowed_methods, clippy::disallowed_types, clippy::float_arithmetic)]

mod cidr;
mod counting;
mod error;
mod forward;
mod fragments;
mod groups;
mod icmp;
mod inbox;
mod input;
mod interface;
mod neighbour;
mod output;
mod ports;
mod raw;
mod route;
mod settings;
mod shown;
mod stack;
mod strangers;
mod sysctl;
mod tcp;
mod timers;
mod udp;

pub use cidr::{Cidr, CidrError};
pub use counting::{IcmpKind, InterfaceCounts};
pub use error::{BindError, ConnectError, DatagramError, GroupError, Refusal, SendError};
pub use groups::{FilterMode, SourceChange};
pub use inbox::{Arrival, Charges, Complaint, ErrorReport, Received};
pub use interface::{Interface, InterfaceId};
pub use output::{IpOptions, MtuDiscovery, Outgoing};
pub use ports::{BindRequest, Origin, PortRange};
pub use raw::{IcmpFilter, RawOptions};
pub use route::{Policy, Route};
pub use settings::Settings;
pub use shown::{Backlog, Holder, NeighbourEntry, Reachability, Way};
pub use stack::{BindId, ConnectionId, Event, ListenerId, MembersId, Round, SocketId, Stack, UdpId};
pub use strangers::{KnockId, Stranger};
pub use sysctl::SysctlError;
pub use tcp::{TimeWaitId, fast_open};
pub use udp::{Directions, Ready};

#[cfg(test)]
mod tests;
