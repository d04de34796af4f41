//! What a host shows of itself to who asks: routes, neighbours, connections, as they stand.

use std::net::{IpAddr, SocketAddr};

use sockeye_base::Instant;
use sockeye_wire::ethernet::Mac;

use crate::route::Path;
use crate::stack::{ConnectionId, Link, ListenerId, Stack};
use crate::tcp::TimeWaitId;
use crate::{InterfaceId, Route};

/// How well a neighbour is known (RFC 4861, section 7.3.2; `NUD_`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reachability {
    /// It was asked for, and has not answered yet.
    Incomplete,
    /// It was heard of lately.
    Reachable,
    /// It was not heard of lately.
    Stale,
    /// It is used without having been heard of lately.
    Delay,
    /// It is asked again.
    Probe,
    /// It does not answer.
    Failed,
}

/// An entry of the table of neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighbourEntry {
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address, if it is known.
    pub mac: Option<Mac>,
    /// How well it is known.
    pub state: Reachability,
    /// When that was last learned.
    pub updated: Instant,
    /// How often it was asked in vain.
    pub probes: u8,
}

/// The way packets to an address go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// Where they leave; `lo` if they stay here.
    pub interface: InterfaceId,
    /// Who takes them on the link.
    pub next_hop: IpAddr,
    /// The address they come from if nothing is said.
    pub source: Option<IpAddr>,
}

/// What a listener holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// How many may wait to be accepted.
    pub limit: usize,
    /// How many do.
    pub ready: usize,
}

/// Who holds a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A socket.
    Socket,
    /// A listener whose accept queue it is in, or will be when the handshake is done.
    Listener,
    /// Nobody: it ends by itself.
    Nobody,
}

impl Stack {
    /// Its routes, those of longer prefixes first. (What is its own it takes before it looks at them.)
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// The way to an address, for who is bound to an interface or not. Policies don't count.
    pub fn way(&self, to: IpAddr, device: Option<InterfaceId>) -> Option<Way> {
        let path = self.path(to, device.into())?;
        let Path { interface, next_hop } = path;
        Some(Way { interface, next_hop, source: self.source_for(&path, to) })
    }

    /// The neighbours on an interface, by their addresses.
    pub fn neighbour_entries(&self, now: Instant, interface: InterfaceId) -> Vec<NeighbourEntry> {
        let table = self.links.get(interface.0).map(|link| &link.neighbours);
        let mut entries: Vec<NeighbourEntry> =
            table.into_iter().flat_map(|table| table.entries(now)).collect();
        entries.sort_by_key(|entry| entry.address);
        entries
    }

    /// The groups that an interface hears, by their addresses, and how many sockets are in each: none in those that the host
    /// is in by itself.
    pub fn groups(&self, interface: InterfaceId) -> Vec<(IpAddr, usize)> {
        self.links.get(interface.0).map(Link::groups).unwrap_or_default()
    }

    /// All connections, but those in TIME-WAIT that nobody holds.
    pub fn tcp_connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.tcp.ids()
    }

    /// Who holds a connection.
    pub fn tcp_holder(&self, connection: ConnectionId) -> Option<Holder> {
        self.tcp.holder(connection)
    }

    /// The connections in TIME-WAIT that nobody holds.
    pub fn tcp_left(&self) -> impl Iterator<Item = TimeWaitId> {
        self.tcp.left()
    }

    /// Both ends of one, and when its time is over.
    pub fn tcp_left_at(&self, id: TimeWaitId) -> Option<(SocketAddr, SocketAddr, Instant)> {
        self.tcp.left_at(id)
    }

    /// A listener's queue.
    pub fn tcp_backlog(&self, listener: ListenerId) -> Option<Backlog> {
        self.tcp.backlog(listener)
    }
}
