//! What the machine publishes: its ports that lead to those of hosts. A connection to one becomes one from the gateway; as long
//! as too many wait for the program's answer, others wait in the machine's queue. Of UDP each caller has a socket of the
//! gateway's own.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno as Native;
use rustix::net::{RecvFlags, SendFlags};
use slotmap::Key;
use sockeye_abi::{Errno, Family, Opt, Value};
use sockeye_base::Instant;
use sockeye_socket::{Host, SocketId};

use crate::flow::CALLER_STAYS;
use crate::relay::Relay;
use crate::{Gateway, Item, ItemId, Publish, Transport, native};

/// So many connections may wait for the program's answer.
const CALLING_MAX: usize = 128;
/// Connections, or datagrams, taken before others get their turn.
const AT_A_TIME: usize = 32;
/// So many callers a published UDP port remembers; the longest idle makes room.
const CALLERS_MAX: usize = 1024;

/// Where a published port leads.
pub(crate) struct Lead {
    host: String,
    port: u16,
    is_ipv4: bool,
    /// The host's address, if it has one of that family.
    address: Option<IpAddr>,
}

impl Lead {
    /// The host of this name has these addresses.
    pub(crate) fn learn(&mut self, host: &str, addresses: &[IpAddr]) {
        if self.host == host {
            self.address = addresses.iter().copied().find(|address| address.is_ipv4() == self.is_ipv4);
        }
    }
}

/// A TCP port.
pub(crate) struct Published {
    listener: OwnedFd,
    /// Its place in `Gateway::leads`.
    lead: usize,
    /// Nothing is taken from it for now.
    is_paused: bool,
}

/// A UDP port.
pub(crate) struct Door {
    outer: OwnedFd,
    /// Its place in `Gateway::leads`.
    lead: usize,
}

/// Who speaks to the program by a UDP port.
pub(crate) struct Caller {
    door: ItemId,
    peer: SocketAddr,
    socket: SocketId,
    used: Instant,
}

impl Caller {
    pub(crate) fn ends(&self) -> Instant {
        self.used + CALLER_STAYS
    }
}

impl Gateway {
    /// Opens a published port.
    pub(crate) fn publish(&mut self, published: Publish) -> std::io::Result<()> {
        let Publish { listen, host, to, transport } = published;
        let lead = self.leads.len();
        let item = match transport {
            Transport::Tcp => {
                let listener = native::open(listen, true)?;
                Item::Published(Published { listener, lead, is_paused: false })
            }
            Transport::Udp => Item::Door(Door { outer: native::open(listen, false)?, lead }),
        };
        let id = self.items.insert(item);
        match self.items.get(id) {
            Some(Item::Published(published)) => self.watch(id, &published.listener, EventFlags::IN)?,
            Some(Item::Door(door)) => self.watch(id, &door.outer, EventFlags::IN)?,
            _ => {}
        }
        self.leads.push(Lead { host, port: to, is_ipv4: listen.is_ipv4(), address: None });
        Ok(())
    }

    /// Takes connections to a published port.
    pub(crate) fn accept(&mut self, host: &mut Host, now: Instant, id: ItemId) {
        for _ in 0..AT_A_TIME {
            if self.calling >= CALLING_MAX || !self.has_room() {
                return self.pause(id, true);
            }
            let Some(Item::Published(published)) = self.items.get(id) else { return };
            let lead = published.lead;
            let outer = match native::accept(&published.listener) {
                Ok(outer) => outer,
                Err(Native::INTR | Native::CONNABORTED) => continue,
                Err(Native::AGAIN) => return,
                // No descriptors: it waits until something is over.
                Err(_) => return self.pause(id, true),
            };
            let Some(socket) = self.call(host, now, lead, sockeye_abi::Transport::Tcp) else {
                native::reset(outer);
                continue;
            };
            match self.add_relay(Relay::calling(outer, socket)) {
                Ok(relay) => {
                    self.calling += 1;
                    self.drive(host, now, relay);
                }
                Err(_) => host.abort(now, socket),
            }
        }
    }

    /// A socket of the gateway's that calls where a published port leads, or has called there.
    fn call(
        &self,
        host: &mut Host,
        now: Instant,
        lead: usize,
        transport: sockeye_abi::Transport,
    ) -> Option<SocketId> {
        let lead = self.leads.get(lead)?;
        let to = SocketAddr::new(lead.address?, lead.port);
        let family = if lead.is_ipv4 { Family::Inet } else { Family::Inet6 };
        let socket = host.socket(family, transport).ok()?;
        if transport == sockeye_abi::Transport::Tcp {
            let _ = host.set_option(now, socket, Opt::TcpNoDelay, Value::Int(1));
        }
        match host.connect(now, socket, to) {
            Ok(()) | Err(Errno::EINPROGRESS) => Some(socket),
            Err(_) => {
                host.close(now, socket);
                None
            }
        }
    }

    /// Takes from all published ports again, if there is room.
    pub(crate) fn resume(&mut self) {
        self.has_paused = false;
        let ids: Vec<ItemId> = self.items.keys().collect();
        ids.into_iter().for_each(|id| self.pause(id, false));
    }

    fn pause(&mut self, id: ItemId, paused: bool) {
        let Some(Item::Published(published)) = self.items.get_mut(id) else { return };
        self.has_paused |= paused;
        if std::mem::replace(&mut published.is_paused, paused) != paused {
            let flags = if paused { EventFlags::empty() } else { EventFlags::IN };
            let event = EventData::new_u64(id.data().as_ffi());
            let _ = epoll::modify(&self.epoll, &published.listener, event, flags);
        }
    }

    /// Datagrams have come to a published port.
    pub(crate) fn door_ready(&mut self, host: &mut Host, now: Instant, id: ItemId) {
        for _ in 0..AT_A_TIME {
            let Some(Item::Door(door)) = self.items.get(id) else { return };
            let lead = door.lead;
            let came = rustix::net::recvfrom(&door.outer, &mut self.buffer[..], RecvFlags::DONTWAIT);
            let (came, peer) = match came {
                Ok((_, came, Some(peer))) => (came, peer),
                Ok(_) | Err(Native::INTR) => continue,
                // (An error is about what was sent, which is lost, as datagrams are.)
                Err(Native::AGAIN) => return,
                Err(_) => continue,
            };
            let Ok(peer) = SocketAddr::try_from(peer) else { continue };
            let Some(caller) = self.caller(host, now, (id, peer), lead) else { continue };
            let Some(Item::Caller(caller)) = self.items.get_mut(caller) else { continue };
            caller.used = now;
            // What the program doesn't take is lost; that it refuses is told to nobody.
            let bytes = self.buffer.get(..came).unwrap_or_default();
            if host.send(now, caller.socket, bytes).is_err() {
                let _ = host.send(now, caller.socket, bytes);
            }
        }
    }

    fn caller(
        &mut self,
        host: &mut Host,
        now: Instant,
        (door, peer): (ItemId, SocketAddr),
        lead: usize,
    ) -> Option<ItemId> {
        if let Some(id) = self.callers.get(&(door, peer)) {
            return Some(*id);
        }
        if self.callers.len() >= CALLERS_MAX {
            let used = |id: &ItemId| match self.items.get(*id) {
                Some(Item::Caller(caller)) => Some(caller.used),
                _ => None,
            };
            let idlest = self.callers.values().copied().min_by_key(used)?;
            self.end_caller(host, now, idlest);
        }
        let socket = self.call(host, now, lead, sockeye_abi::Transport::Udp)?;
        let id = self.items.insert(Item::Caller(Caller { door, peer, socket, used: now }));
        self.callers.insert((door, peer), id);
        self.by_socket.insert(socket, id);
        self.sweep_by(now + CALLER_STAYS);
        Some(id)
    }

    /// The program has answered a caller.
    pub(crate) fn caller_ready(&mut self, host: &mut Host, now: Instant, id: ItemId) {
        let Some(Item::Caller(caller)) = self.items.get_mut(id) else { return };
        let (door, peer, socket) = (caller.door, caller.peer, caller.socket);
        caller.used = now;
        loop {
            let bytes = match host.receive(now, socket, usize::MAX, false) {
                Ok(bytes) => bytes,
                Err(Errno::EAGAIN) => return,
                // That the program refused one, which is told once.
                Err(Errno::ECONNREFUSED) => continue,
                Err(_) => return,
            };
            if let Some(Item::Door(door)) = self.items.get(door) {
                let _ = rustix::net::sendto(&door.outer, &bytes.to_vec(), SendFlags::DONTWAIT, &peer);
            }
        }
    }

    pub(crate) fn end_caller(&mut self, host: &mut Host, now: Instant, id: ItemId) {
        if let Some(Item::Caller(caller)) = self.items.remove(id) {
            self.callers.remove(&(caller.door, caller.peer));
            self.by_socket.remove(caller.socket);
            host.close(now, caller.socket);
        }
    }
}
