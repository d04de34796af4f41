//! Who is connected to a hub: sockets, rings and bells, and what of them has to be looked at.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::sockopt::socket_peercred;
use sockeye_base::Pool;
use sockeye_device::ring::{Side, memory};
use sockeye_wire::Frame;

use crate::member::{Member, Read};
use crate::message::{LONGEST_REQUEST, Reply};
use crate::wire::{Bell, Received, Wire};

/// What an event is about that is no peer's: a number less than this.
const FIRST: u64 = 16;
/// Events taken at a time.
const EVENTS_AT_A_TIME: usize = 64;

/// The number of who is connected: never another's again.
pub(crate) type PeerId = u64;

/// All of them.
pub(crate) struct Peers {
    epoll: OwnedFd,
    list: BTreeMap<PeerId, Peer>,
    next: PeerId,
    /// Who is which host.
    seats: BTreeMap<usize, PeerId>,
    /// Whose rings may have something.
    lively: Vec<PeerId>,
    /// Who may have to be woken.
    owed: Vec<PeerId>,
    pool: Pool,
    buffer: Vec<u8>,
}

struct Peer {
    member: Member,
    cable: Option<Cable>,
    gone: bool,
    /// It has closed its socket: what is in its ring is the last of it.
    ended: bool,
    /// Messages wait for room in its socket, and it is told when there is.
    watches_room: bool,
    is_lively: bool,
    is_owed: bool,
}

/// What joins a host to the hub.
struct Cable {
    host: usize,
    wire: Wire,
    bell: Bell,
}

impl Peers {
    pub(crate) fn new() -> io::Result<Peers> {
        Ok(Peers {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            list: BTreeMap::new(),
            next: FIRST,
            seats: BTreeMap::new(),
            lively: Vec::new(),
            owed: Vec::new(),
            pool: Pool::new(),
            buffer: Vec::new(),
        })
    }

    /// Waits for something else, too, of this number.
    pub(crate) fn watch(&self, number: u64, what: impl AsFd) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, what, EventData::new_u64(number), EventFlags::IN)?)
    }

    /// Waits for that, or doesn't.
    pub(crate) fn watch_again(&self, number: u64, what: impl AsFd, on: bool) -> io::Result<()> {
        let interest = if on { EventFlags::IN } else { EventFlags::empty() };
        Ok(epoll::modify(&self.epoll, what, EventData::new_u64(number), interest)?)
    }

    /// Waits for something to do, not at all if a ring has something: gives the numbers of sockets that have.
    pub(crate) fn wait(&mut self, timeout: Option<&Timespec>) -> io::Result<Vec<u64>> {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let list = &mut self.list;
        self.lively.retain(|id| {
            let Some(peer) = list.get_mut(id) else { return false };
            peer.is_lively = !peer.gone && peer.cable.as_ref().is_some_and(|cable| !cable.wire.may_sleep());
            peer.is_lively
        });
        let timeout = if self.lively.is_empty() { timeout } else { Some(&at_once) };
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS_AT_A_TIME);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(events.iter().map(|event| event.data.u64()).collect())
    }

    /// Whose rings may have something.
    pub(crate) fn lively(&self) -> Vec<PeerId> {
        self.lively.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Somebody has connected.
    pub(crate) fn add(&mut self, socket: OwnedFd) -> io::Result<()> {
        let id = self.next;
        self.watch(id, &socket)?;
        self.next += 1;
        let member = Member::new(socket, LONGEST_REQUEST);
        let peer = Peer {
            member,
            cable: None,
            gone: false,
            ended: false,
            watches_room: false,
            is_lively: false,
            is_owed: false,
        };
        self.list.insert(id, peer);
        Ok(())
    }

    /// The process of who is connected, or 0.
    pub(crate) fn process(&self, id: PeerId) -> i32 {
        let peer = self.list.get(&id).and_then(|peer| socket_peercred(&peer.member).ok());
        peer.map_or(0, |credentials| credentials.pid.as_raw_nonzero().get())
    }

    /// Which host it is.
    pub(crate) fn host(&self, id: PeerId) -> Option<usize> {
        self.list.get(&id)?.cable.as_ref().map(|cable| cable.host)
    }

    /// Makes it a host; gives the memory of its rings.
    pub(crate) fn seat(&mut self, id: PeerId, host: usize) -> io::Result<OwnedFd> {
        let memory = memory()?;
        let cable = Cable { host, wire: Wire::open(&memory, Side::First)?, bell: Bell::new()? };
        if let Some(peer) = self.list.get_mut(&id) {
            peer.cable = Some(cable);
            self.seats.insert(host, id);
            self.enliven(id);
        }
        Ok(memory)
    }

    /// What a host is woken by.
    pub(crate) fn bell(&self, host: usize) -> Option<BorrowedFd<'_>> {
        let cable = self.list.get(self.seats.get(&host)?)?.cable.as_ref()?;
        Some(cable.bell.0.as_fd())
    }

    /// Who is this host.
    pub(crate) fn of_host(&self, host: usize) -> Option<PeerId> {
        self.seats.get(&host).copied()
    }

    /// The next message of a peer. Who breaks the rules is gone.
    pub(crate) fn read(&mut self, id: PeerId) -> Option<Vec<u8>> {
        let peer = self.list.get_mut(&id).filter(|peer| !peer.gone)?;
        peer.member.flush();
        let read = peer.member.read(&mut self.buffer);
        self.watch_room(id);
        match read {
            Read::Control(text, _) => return Some(text),
            Read::Bell => self.enliven(id),
            Read::Gone if self.host(id).is_some() => {
                self.list.get_mut(&id).into_iter().for_each(|peer| peer.ended = true);
                self.enliven(id);
            }
            Read::Rubbish | Read::Gone => self.dismiss(id),
            Read::Empty => {}
        }
        None
    }

    /// Its ring may have something, or room.
    fn enliven(&mut self, id: PeerId) {
        let Some(peer) = self.list.get_mut(&id) else { return };
        if peer.cable.is_some() && !std::mem::replace(&mut peer.is_lively, true) {
            self.lively.push(id);
        }
    }

    /// Whether it has closed its socket.
    pub(crate) fn has_ended(&self, id: PeerId) -> bool {
        self.list.get(&id).is_some_and(|peer| peer.ended)
    }

    /// The next frame of a host, and the number of its interface. Who breaks the rules is gone.
    pub(crate) fn receive(&mut self, id: PeerId) -> Option<(usize, Box<Frame>)> {
        let peer = self.list.get_mut(&id).filter(|peer| !peer.gone)?;
        match peer.cable.as_mut()?.wire.receive(&mut self.pool) {
            Received::Frame(interface, frame) => return Some((interface, frame)),
            Received::Rubbish => self.dismiss(id),
            Received::Nothing => {}
        }
        None
    }

    /// Sends what waited for room in its ring; it is rung up later for that, and for what was taken.
    pub(crate) fn flush(&mut self, id: PeerId) {
        if let Some(peer) = self.list.get_mut(&id)
            && let Some(cable) = &mut peer.cable
        {
            cable.wire.flush();
            if !std::mem::replace(&mut peer.is_owed, true) {
                self.owed.push(id);
            }
        }
    }

    /// Sends a frame to a host; `false` if it is lost.
    pub(crate) fn deliver(&mut self, host: usize, interface: usize, frame: &Frame) -> bool {
        let Some(id) = self.seats.get(&host) else { return false };
        let Some(peer) = self.list.get_mut(id).filter(|peer| !peer.gone) else { return false };
        let Some(cable) = &mut peer.cable else { return false };
        if !std::mem::replace(&mut peer.is_owed, true) {
            self.owed.push(*id);
        }
        cable.wire.send(interface, frame)
    }

    /// Wakes who sleeps and was sent something, or waits for room that there is now.
    pub(crate) fn ring(&mut self) {
        for id in self.owed.drain(..) {
            let Some(peer) = self.list.get_mut(&id) else { continue };
            peer.is_owed = false;
            if let Some(cable) = &mut peer.cable
                && cable.wire.must_ring()
            {
                cable.bell.ring();
            }
        }
    }

    /// Says something to somebody, with files. What finds no room is lost.
    pub(crate) fn say(&mut self, id: PeerId, reply: &Reply, files: &[BorrowedFd<'_>]) {
        if let Some(peer) = self.list.get_mut(&id).filter(|peer| !peer.gone) {
            peer.member.send(reply, files);
            self.watch_room(id);
        }
    }

    /// While messages wait for room in a socket, it is told when there is.
    fn watch_room(&mut self, id: PeerId) {
        let Some(peer) = self.list.get_mut(&id) else { return };
        let waits = peer.member.is_waiting();
        if waits != peer.watches_room {
            let flags = if waits { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            // It is watched already, so nothing can be missing for it.
            let _ = epoll::modify(&self.epoll, &peer.member, EventData::new_u64(id), flags);
            peer.watches_room = waits;
        }
    }

    /// It is to go.
    pub(crate) fn dismiss(&mut self, id: PeerId) {
        self.list.get_mut(&id).into_iter().for_each(|peer| peer.gone = true);
    }

    /// Forgets those who are gone; gives the hosts they were.
    pub(crate) fn take_gone(&mut self) -> Vec<Option<usize>> {
        let gone = self.list.extract_if(.., |_, peer| peer.gone);
        let hosts: Vec<_> = gone.map(|(_, peer)| peer.cable.map(|cable| cable.host)).collect();
        for host in hosts.iter().flatten() {
            self.seats.remove(host);
        }
        hosts
    }

    /// Sends what waits, for the last time.
    pub(crate) fn end(&mut self) {
        self.list.values_mut().for_each(|peer| peer.member.flush());
    }
}
