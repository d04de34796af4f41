//! A listener's carrier: P listens as a Unix-domain socket, and for each connection that waits to be accepted the
//! supervisor connects to it, so that `poll` and `epoll` show what they should. The connection is there already, accepted ahead of the
//! program: what comes waits where the program will find it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{SocketAddrAny, SocketAddrUnix, SocketType};
use sockeye_abi::{Errno, encode_sockaddr};
use sockeye_preload::{Accepted, Name};
use sockeye_socket::SocketId;

use crate::shared::Shared;

use super::{CarrierId, Carriers, Inet, Link, State};

/// What stands in P's queue.
#[derive(Default)]
pub(crate) struct Backlog {
    /// In the order of the queue.
    pub(crate) waiting: VecDeque<CarrierId>,
    /// Accepted ahead, while P's queue has no room, or we no descriptor.
    pub(crate) next: Option<(SocketId, SocketAddr)>,
}

/// How a connection waits to be accepted.
pub(crate) struct Waits {
    pub(crate) listener: CarrierId,
    pub(crate) peer: SocketAddr,
    /// The cookie of our end.
    pub(crate) end: u64,
    /// Where the object says that it has accepted it; without one it can be accepted by a call alone.
    pub(crate) place: Option<u16>,
    /// It broke, with this error if nobody was told of it: P is to show it when the program has it.
    pub(crate) broken: Option<Option<Errno>>,
}

/// An end of ours in the queue of the listener with this name, in a place if it has one; and its cookie.
pub(crate) fn put(
    listener: &SocketAddrAny,
    (place, peer): (Option<u16>, SocketAddr),
    shared: &Shared,
) -> io::Result<(OwnedFd, u64)> {
    let end = super::socket(SocketType::STREAM, true).and_then(super::to_stay)?;
    let cookie = rustix::net::sockopt::socket_cookie(&end)?;
    if let Some(place) = place {
        let name = Name::of_waiting(cookie, place, &encode_sockaddr(&peer));
        rustix::net::bind(&end, &SocketAddrUnix::new_abstract_name(name.as_bytes())?)?;
        shared.expect(place, cookie);
    }
    rustix::net::connect(&end, listener)?;
    Ok((end, cookie))
}

impl Carriers {
    /// The connections that wait in a listener's queue, in its order.
    pub(crate) fn waiting(&self, listener: CarrierId) -> impl Iterator<Item = (CarrierId, &Waits)> {
        let backlog = self.all.get(listener).and_then(|carrier| match &carrier.state {
            State::Listening(backlog) => Some(backlog),
            _ => None,
        });
        let ids = backlog.into_iter().flat_map(|backlog| &backlog.waiting);
        ids.filter_map(|id| Some((*id, self.all.get(*id)?.waits.as_ref()?)))
    }

    /// What stands in a listener's queue.
    pub(crate) fn backlog(&mut self, listener: CarrierId) -> Option<&mut Backlog> {
        match &mut self.get(listener)?.state {
            State::Listening(backlog) => Some(backlog),
            _ => None,
        }
    }

    /// Enters the carrier of a connection that waits to be accepted.
    pub(crate) fn enter_waiting(
        &mut self,
        (socket, inet): (SocketId, Inet),
        link: Link,
        waits: Waits,
    ) -> CarrierId {
        let place = waits.place;
        let mut carrier = self.unknown((socket, Some(inet)), State::Connected(link));
        carrier.waits = Some(waits);
        let id = self.all.insert(carrier);
        self.by_socket.insert(socket, id);
        self.by_place.extend(place.map(|place| (place, id)));
        id
    }

    /// A connection that waited was accepted: gives how it did. `None` if it can't have been this.
    pub(crate) fn leave_waiting(&mut self, id: CarrierId, accepted: Accepted) -> Option<Waits> {
        let Accepted { end, cookie, inode, process, fd } = accepted;
        let carrier = self.all.get_mut(id)?;
        let waits =
            carrier.waits.take_if(|waits| waits.end == end && !self.by_cookie.contains_key(&cookie))?;
        (carrier.cookie, carrier.inode, carrier.seen) = (cookie, inode, (process, fd));
        self.by_cookie.insert(cookie, id);
        self.by_inode.insert(inode, id);
        self.end_waiting(&waits);
        Some(waits)
    }

    pub(super) fn end_waiting(&mut self, waits: &Waits) {
        if let Some(place) = waits.place {
            self.by_place.remove(&place);
            self.shared.free_place(place);
        }
    }

    /// Those of which is said that they were accepted, since this was asked last.
    pub(crate) fn news_of_waiting(&mut self) -> Vec<(CarrierId, Accepted)> {
        if !self.shared.has_news() {
            return Vec::new();
        }
        let said = |(place, id): (&u16, &CarrierId)| Some((*id, self.shared.accepted(*place)?));
        self.by_place.iter().filter_map(said).collect()
    }

    /// The one that waits in a place.
    pub(crate) fn of_place(&self, place: u16) -> Option<CarrierId> {
        self.by_place.get(&place).copied()
    }
}
