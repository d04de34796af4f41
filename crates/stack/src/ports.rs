//! The table of local ports of one transport: who may have which, as Linux decides it (bind(2), ip(7), socket(7)).
//!
//! A socket, a connection and a listener each hold a [`Bind`]; a connection may share its socket's. Binds that look
//! alike are counted, not listed, so that a server's thousand accepted connections cost one entry.
//! Not modelled: users (SO_REUSEPORT of another user).

mod claims;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sockeye_base::{Rng, Table};

use crate::InterfaceId;
use crate::interface::Device;
use crate::stack::BindId;
use claims::Claims;

/// What a socket asks for when it binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BindRequest {
    /// Address and port; the unspecified address for all, port 0 for any. IPv4-mapped addresses stand as IPv4.
    pub local: SocketAddr,
    /// SO_REUSEADDR.
    pub reuse_address: bool,
    /// SO_REUSEPORT.
    pub reuse_port: bool,
    /// It is for an AF_INET6 socket without IPV6_V6ONLY: `[::]` takes IPv4 too.
    pub dual: bool,
    /// The only interface it has to do with (SO_BINDTODEVICE).
    pub device: Option<InterfaceId>,
    /// The address need not be ours (IP_FREEBIND, IP_TRANSPARENT).
    pub nonlocal: bool,
    /// Which of the host's ephemeral ports.
    pub range: PortRange,
}

/// The first and the last ephemeral port a socket may have; 0: the host's (IP_LOCAL_PORT_RANGE).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl PortRange {
    /// As Linux: a bound of its own counts if it is within the host's.
    pub(crate) fn within(self, (low, high): (u16, u16)) -> (u16, u16) {
        let first = if (low..=high).contains(&self.first) { self.first } else { low };
        let last = if (first..=high).contains(&self.last) { self.last } else { high };
        (first, last)
    }
}

/// What a bind claims, as far as conflicts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim {
    /// The address; unspecified: all of its family.
    pub(crate) address: IpAddr,
    /// An AF_INET6 socket's that does not keep to IPv6: `[::]` that takes IPv4 too, an IPv4 address, or what `connect` and
    /// `accept` made of such a `[::]`. (To bind to one address of IPv6 is to keep to it.)
    pub(crate) dual: bool,
    /// SO_REUSEADDR.
    pub(crate) reuse_address: bool,
    /// SO_REUSEPORT.
    pub(crate) reuse_port: bool,
    /// A TCP listener stands on it.
    pub(crate) listening: bool,
    /// Where packets to it come in.
    pub(crate) device: Device,
}

/// Where a connection is to come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The address and port of a bind.
    Bound(BindId),
    /// Any ephemeral port, for a socket that would ask for this.
    Any(BindRequest),
}

/// A port held, with its claim.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bind {
    pub(crate) port: u16,
    pub(crate) claim: Claim,
    /// The claim as it was made, before `connect` made it specific.
    requested: Claim,
    /// How many hold it: its socket, its connection or listener.
    references: u32,
}

impl Bind {
    pub(crate) fn local(&self) -> SocketAddr {
        SocketAddr::new(self.claim.address, self.port)
    }
}

/// All binds on one port.
#[derive(Debug, Default)]
struct Bucket {
    /// Made by `connect` without `bind`: other such connects may use the port towards other destinations.
    shared_by_connect: bool,
    /// The bind last made for a connection alone; others that claim the same hold it too.
    of_connections: Option<BindId>,
    claims: Claims,
    /// TCP: the last to bind said SO_REUSEPORT, and this is what it fits, or did: who says the same and fits it, too, needs
    /// no look at those who are there, whatever flags they have by now (Linux's `fastreuseport`).
    sharing: Option<Claim>,
}

/// By whose rules ports are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rules {
    #[default]
    Tcp,
    Udp,
}

/// The ports of one transport.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    rules: Rules,
    binds: Table<BindId, Bind>,
    buckets: BTreeMap<u16, Box<Bucket>>,
    /// How far `connect` has come in the ephemeral range.
    connects: u64,
    /// For destinations (some of their offset's bits) where the half meant for `connect` was found full: how many more
    /// times the other is tried first. Each walk over thousands of ports in TIME-WAIT costs milliseconds.
    full: BTreeMap<u8, u16>,
}

/// Which half of the ephemeral range is tried first: Linux keeps `bind` and `connect` apart, so that a busy client does
/// not eat the ports of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parity {
    Bind,
    Connect,
}

impl Claim {
    pub(crate) fn new(address: IpAddr, dual: bool, reuse_address: bool, reuse_port: bool) -> Claim {
        let dual = dual && (address.is_ipv4() || address.is_unspecified());
        Claim { address, dual, reuse_address, reuse_port, listening: false, device: Device::default() }
    }

    /// Whether packets to this address are for it.
    pub(crate) fn takes(&self, address: IpAddr) -> bool {
        self.address == address || (self.address.is_unspecified() && self.takes_family(address))
    }

    /// Whether it has to do with the address's family.
    pub(crate) fn takes_family(&self, address: IpAddr) -> bool {
        let both = self.dual && self.address == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        both || self.address.is_ipv4() == address.is_ipv4()
    }

    /// Whether who holds it may speak to this address: over IPv4 an AF_INET6 socket may that doesn't keep to IPv6, even when
    /// it has connected over IPv6.
    pub(crate) fn reaches(&self, remote: IpAddr) -> bool {
        self.address.is_ipv4() == remote.is_ipv4() || (self.dual && remote.is_ipv4())
    }

    /// Whether some address belongs to both, as Linux sees it (`inet_rcv_saddr_equal`).
    pub(crate) fn overlaps(&self, other: &Claim) -> bool {
        let meet = self.takes(other.address) || other.takes(self.address) || self.meets_narrowed(other);
        meet && self.device.overlaps(other.device)
    }

    /// IPv4's wildcard meets every AF_INET6 socket that does not keep to IPv6, even one that has connected over IPv6.
    fn meets_narrowed(&self, other: &Claim) -> bool {
        !self.dual && self.address == IpAddr::V4(Ipv4Addr::UNSPECIFIED) && other.dual
    }

    /// Whether this claim can't be made while the other stands. Both must agree to share: by SO_REUSEADDR, as long
    /// as the other does not listen, or by SO_REUSEPORT. (`inet_csk_bind_conflict`; UDP never listens.)
    fn conflicts(&self, other: &Claim) -> bool {
        let by_address = self.reuse_address && other.reuse_address && !other.listening;
        let by_port = self.reuse_port && other.reuse_port;
        self.overlaps(other) && !by_address && !by_port
    }
}

impl From<&BindRequest> for Claim {
    fn from(request: &BindRequest) -> Claim {
        let device = request.device.into();
        Claim {
            device,
            ..Claim::new(request.local.ip(), request.dual, request.reuse_address, request.reuse_port)
        }
    }
}

impl Bucket {
    /// Whether a claim may stand beside those that are there; `own` is one that doesn't count.
    fn admits(&self, claim: &Claim, own: Option<&Claim>) -> bool {
        let fits = claim.reuse_port && self.sharing.is_some_and(|shared| shared.takes(claim.address));
        let conflicts = |held: &Claim| claim.conflicts(held);
        fits || !own.map_or_else(|| self.claims.any(conflicts), |own| self.claims.any_other(own, conflicts))
    }

    /// A claim was admitted.
    fn admitted(&mut self, claim: &Claim) {
        let fitted = self.sharing.filter(|shared| shared.takes(claim.address));
        self.sharing = claim.reuse_port.then(|| fitted.unwrap_or(*claim));
    }
}

impl Ports {
    /// None taken, by these rules.
    pub(crate) fn new(rules: Rules) -> Ports {
        Ports { rules, ..Ports::default() }
    }

    pub(crate) fn get(&self, id: BindId) -> Option<&Bind> {
        self.binds.get(id)
    }

    /// How many binds there are.
    pub(crate) fn len(&self) -> usize {
        self.binds.len()
    }

    /// Whether any socket holds the port.
    pub(crate) fn is_bound(&self, port: u16) -> bool {
        self.buckets.contains_key(&port)
    }

    /// Takes a port by `bind`; port 0 takes a free one from `range`.
    pub(crate) fn bind(
        &mut self,
        claim: Claim,
        port: u16,
        range: (u16, u16),
        rng: &mut Rng,
    ) -> Option<BindId> {
        let port = match port {
            0 => {
                let free = |ports: &Ports, port| match ports.rules {
                    // No flag helps here: TCP does not share a port that was not asked for.
                    Rules::Tcp => !ports.any_claim(port, |held| claim.overlaps(held)),
                    Rules::Udp => !ports.any_claim(port, |held| claim.conflicts(held)),
                };
                self.pick(Parity::Bind, range, rng.next_u64() >> 1, free)?.0
            }
            port if self.buckets.get(&port).is_some_and(|bucket| !bucket.admits(&claim, None)) => {
                return None;
            }
            port => port,
        };
        let bucket = self.buckets.entry(port).or_default();
        bucket.shared_by_connect = false;
        if self.rules == Rules::Tcp {
            bucket.admitted(&claim);
        }
        Some(self.insert(port, claim))
    }

    /// Takes an ephemeral port for `connect` without `bind`: one that is free, or that other connects alone use and
    /// where `tuple_free` holds (`inet_hash_connect`).
    ///
    /// RFC 6056, section 3.3.3: from a secret place for each destination (`offset`, a keyed hash of it) onwards, so that
    /// a port comes again as late as can be; at random it would soon meet its own TIME-WAIT at the peer.
    pub(crate) fn bind_for_connect(
        &mut self,
        claim: Claim,
        range: (u16, u16),
        offset: u64,
        tuple_free: impl Fn(u16) -> bool,
    ) -> Option<BindId> {
        let start = (offset >> 1).wrapping_add(self.connects);
        let place = (offset & 0xff) as u8;
        let left = self.full.get(&place).copied().unwrap_or(0);
        let first = if left == 0 { Parity::Connect } else { Parity::Bind };
        let (port, steps) = self.pick(first, range, start, |ports, port| {
            ports.buckets.get(&port).is_none_or(|bucket| bucket.shared_by_connect && tuple_free(port))
        })?;
        self.connects = self.connects.wrapping_add(steps + 1);
        let in_own_half = (port - range.0).is_multiple_of(2);
        match (left, in_own_half) {
            (0, true) => {}
            (0, false) => {
                self.full.insert(place, (range.1 - range.0) / 8);
            }
            (1, _) | (_, true) => {
                self.full.remove(&place);
            }
            (left, false) => {
                self.full.insert(place, left - 1);
            }
        }
        let fresh = !self.buckets.contains_key(&port);
        let id = self.insert_shared(port, claim);
        if fresh && let Some(bucket) = self.buckets.get_mut(&port) {
            bucket.shared_by_connect = true;
        }
        Some(id)
    }

    /// The bind of a connection that a listener's SYN made: the listener's port and flags, its own address.
    pub(crate) fn inherit(&mut self, parent: BindId, address: IpAddr) -> Option<BindId> {
        let bind = *self.binds.get(parent)?;
        let claim = Claim { address, listening: false, ..bind.claim };
        Some(self.insert_shared(bind.port, claim))
    }

    /// One more holds it.
    pub(crate) fn hold(&mut self, id: BindId) {
        if let Some(bind) = self.binds.get_mut(id) {
            bind.references += 1;
        }
    }

    /// One less holds it; the last frees the port.
    pub(crate) fn release(&mut self, id: BindId) {
        let Some(bind) = self.binds.get_mut(id) else { return };
        bind.references -= 1;
        if bind.references == 0 {
            let (port, claim) = (bind.port, bind.claim);
            self.binds.remove(id);
            self.uncount(port, &claim);
        }
    }

    /// Makes it a listener's, unless another stands in the way now (listen(2) gives EADDRINUSE then).
    pub(crate) fn listen(&mut self, id: BindId) -> bool {
        let Some(bind) = self.binds.get(id) else { return false };
        let (port, claim) = (bind.port, bind.claim);
        let Some(bucket) = self.buckets.get_mut(&port) else { return false };
        // Itself does not count. Its own SO_REUSEADDR counts as ever against others that do not listen.
        let free = bucket.admits(&claim, Some(&claim));
        if free {
            bucket.admitted(&claim);
        }
        if free {
            self.change(id, |claim| claim.listening = true);
        }
        free
    }

    /// It is no listener's any more.
    pub(crate) fn unlisten(&mut self, id: BindId) {
        self.change(id, |claim| claim.listening = false);
    }

    /// Changes the reuse flags.
    pub(crate) fn set_reuse(&mut self, id: BindId, reuse_address: bool, reuse_port: bool) {
        self.change(id, |claim| {
            claim.reuse_address = reuse_address;
            claim.reuse_port = reuse_port;
        });
    }

    /// Changes where packets to it come in.
    pub(crate) fn set_device(&mut self, id: BindId, device: Device) {
        self.change(id, |claim| claim.device = device);
    }

    /// `connect` makes a wildcard specific.
    pub(crate) fn narrow(&mut self, id: BindId, address: IpAddr) {
        self.change(id, |claim| claim.address = address);
    }

    /// Takes `narrow` back.
    pub(crate) fn widen(&mut self, id: BindId) {
        let Some(requested) = self.binds.get(id).map(|bind| bind.requested) else { return };
        self.change(id, |claim| claim.address = requested.address);
    }

    fn any_claim(&self, port: u16, test: impl Fn(&Claim) -> bool) -> bool {
        self.buckets.get(&port).is_some_and(|bucket| bucket.claims.any(test))
    }

    fn insert(&mut self, port: u16, claim: Claim) -> BindId {
        self.count(port, claim);
        self.binds.insert(Bind { port, claim, requested: claim, references: 1 })
    }

    /// A bind that nobody will change.
    fn insert_shared(&mut self, port: u16, claim: Claim) -> BindId {
        let shared = self.buckets.get(&port).and_then(|bucket| bucket.of_connections);
        if let Some(id) = shared
            && let Some(bind) = self.binds.get_mut(id)
            && bind.claim == claim
        {
            bind.references += 1;
            return id;
        }
        let id = self.insert(port, claim);
        if let Some(bucket) = self.buckets.get_mut(&port) {
            bucket.of_connections = Some(id);
        }
        id
    }

    fn change(&mut self, id: BindId, change: impl FnOnce(&mut Claim)) {
        let Some(bind) = self.binds.get_mut(id) else { return };
        let (port, old) = (bind.port, bind.claim);
        change(&mut bind.claim);
        let new = bind.claim;
        // In this order the bucket never empties in between.
        self.count(port, new);
        self.uncount(port, &old);
    }

    fn count(&mut self, port: u16, claim: Claim) {
        self.buckets.entry(port).or_default().claims.count(claim);
    }

    fn uncount(&mut self, port: u16, claim: &Claim) {
        let Some(bucket) = self.buckets.get_mut(&port) else { return };
        bucket.claims.uncount(claim);
        if bucket.claims.is_empty() {
            self.buckets.remove(&port);
        }
    }

    /// Goes through the ephemeral range once from `start`, counted in twos, first the half that is meant for this use;
    /// the port, and how many were tried before it.
    fn pick(
        &self,
        parity: Parity,
        (low, high): (u16, u16),
        start: u64,
        usable: impl Fn(&Ports, u16) -> bool,
    ) -> Option<(u16, u64)> {
        let size = u64::from(high.checked_sub(low)?) + 1;
        let half = size.div_ceil(2);
        let first = u64::from(parity == Parity::Bind);
        let ports = [first, 1 - first].into_iter().flat_map(|odd| {
            (0..half).filter_map(move |step| {
                let offset = (start % half + step) % half * 2 + odd;
                let port = low.checked_add(u16::try_from(offset).ok()?)?;
                (offset < size).then_some((port, step))
            })
        });
        ports.into_iter().find(|(port, _)| *port != 0 && usable(self, *port))
    }
}

#[cfg(test)]
mod tests;
