//! Poll sets: which sockets they watch, and which of these may have something to tell (epoll(7)).
//!
//! A socket that changed is looked at by those who watch it, and put in line with each that it may concern; a look at a set
//! goes through that line alone. So neither costs more where thousands stand idle.

use std::collections::VecDeque;
use std::task::Waker;

use slotmap::{SecondaryMap, SlotMap, new_key_type};
use sockeye_abi::{Errno, Readiness};
use sockeye_lab::{HostId, Lab};
use sockeye_socket::{Host, SocketId};

use crate::poll::{Event, Mode, Token};

new_key_type! {
    /// A poll set.
    pub(crate) struct SetId;
    struct EntryId;
}

/// A socket of one of the hosts.
pub(crate) type Key = (HostId, SocketId);

/// What is told whether it was asked for or not.
const ALWAYS: Readiness = Readiness::ERR.union(Readiness::HUP);
const READ: Readiness = Readiness::IN;
const WRITE: Readiness = Readiness::OUT;

/// How a socket is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(crate) token: Token,
    /// What is asked for.
    pub(crate) interest: Readiness,
    pub(crate) mode: Mode,
}

/// All poll sets of a network.
#[derive(Default)]
pub(crate) struct Watching {
    sets: SlotMap<SetId, Set>,
    entries: SlotMap<EntryId, Entry>,
    watched: Vec<SecondaryMap<SocketId, Vec<EntryId>>>,
}

#[derive(Default)]
struct Set {
    /// What may have something to tell, each once; and how much of it is gone meanwhile.
    ready: VecDeque<EntryId>,
    gone: usize,
    /// What [`Watching::notify`] put there.
    notices: VecDeque<Token>,
    /// Who waits.
    waker: Option<Waker>,
}

/// A socket in a set.
struct Entry {
    set: SetId,
    key: Key,
    watch: Watch,
    /// It has not told yet what it was to tell once.
    armed: bool,
    /// It is in the set's line.
    queued: bool,
    seen: Seen,
}

/// A socket as it was last seen: from there on there may be an edge.
#[derive(Clone, Copy)]
struct Seen {
    bits: Readiness,
    /// Of a stream: what it has received in all, and how often it said that there is room again.
    progress: Option<(u64, u8)>,
}

impl Seen {
    fn of(host: &Host, socket: SocketId) -> Seen {
        let mut bits = host.readiness(socket);
        if bits.contains(Readiness::NVAL) {
            // It went with its host's power.
            bits |= ALWAYS;
        }
        Seen { bits, progress: host.progress(socket) }
    }

    /// Whether a socket that now looks like this has news of `interest`, as Linux wakes for: something arrived, there is
    /// room again for who found none, or it says what it did not say before.
    fn has_edge(&self, before: &Seen, interest: Readiness) -> bool {
        let (arrived, room) = match (self.progress, before.progress) {
            (Some((received, rooms)), Some((then, rooms_then))) => (received != then, rooms != rooms_then),
            // Of datagrams and connections each is an event of its own.
            (None, None) => (true, false),
            (Some(_), None) | (None, Some(_)) => (true, true),
        };
        let mut told_anew = self.bits & !before.bits;
        told_anew.set(READ, self.bits.contains(READ) && (arrived || told_anew.contains(READ)));
        told_anew.set(WRITE, self.bits.contains(WRITE) && (room || told_anew.contains(WRITE)));
        if self.progress.is_none() {
            told_anew |= self.bits & Readiness::ERR;
        }
        // A FIN wakes even those who only send.
        told_anew.intersects(interest | ALWAYS | Readiness::RDHUP)
    }
}

impl Watching {
    /// A set that watches nothing.
    pub(crate) fn open(&mut self) -> SetId {
        self.sets.insert(Set::default())
    }

    /// Ends a set; its waker is the caller's to drop.
    pub(crate) fn close(&mut self, set: SetId) -> Option<Waker> {
        let keys: Vec<Key> =
            self.entries.values().filter(|entry| entry.set == set).map(|entry| entry.key).collect();
        for key in keys {
            let removed = self.remove((set, key));
            debug_assert!(removed.is_ok());
        }
        self.sets.remove(set)?.waker
    }

    /// EPOLL_CTL_ADD. EEXIST if the set has it, EBADF if it isn't open.
    pub(crate) fn add(
        &mut self,
        (lab, woken): (&Lab, &mut Vec<Waker>),
        (set, key): (SetId, Key),
        watch: Watch,
    ) -> Result<(), Errno> {
        if self.find(set, key).is_some() {
            return Err(Errno::EEXIST);
        }
        let (HostId(host), socket) = key;
        if self.watched.len() <= host {
            self.watched.resize_with(host + 1, SecondaryMap::new);
        }
        let seen = Seen::of(lab.host(key.0), socket);
        if seen.bits.contains(Readiness::NVAL) {
            return Err(Errno::EBADF);
        }
        let watchers = self.watched.get_mut(host).and_then(|sockets| sockets.entry(socket));
        let watchers = watchers.ok_or(Errno::EBADF)?.or_default();
        let id = self.entries.insert(Entry { set, key, watch, armed: true, queued: false, seen });
        watchers.push(id);
        self.begin(id, woken);
        Ok(())
    }

    /// EPOLL_CTL_MOD: what may be told is told again. ENOENT if the set hasn't got it.
    pub(crate) fn change(
        &mut self,
        (lab, woken): (&Lab, &mut Vec<Waker>),
        (set, key): (SetId, Key),
        watch: Watch,
    ) -> Result<(), Errno> {
        let id = self.find(set, key).ok_or(Errno::ENOENT)?;
        if let Some(entry) = self.entries.get_mut(id) {
            (entry.watch, entry.armed) = (watch, true);
            entry.seen = Seen::of(lab.host(key.0), key.1);
        }
        self.begin(id, woken);
        Ok(())
    }

    /// EPOLL_CTL_DEL. ENOENT if the set hasn't got it.
    pub(crate) fn remove(&mut self, (set, key): (SetId, Key)) -> Result<(), Errno> {
        let id = self.find(set, key).ok_or(Errno::ENOENT)?;
        self.forget(id);
        if let Some(sockets) = self.watched.get_mut(key.0.0)
            && let Some(watchers) = sockets.get_mut(key.1)
        {
            watchers.retain(|watcher| *watcher != id);
            if watchers.is_empty() {
                sockets.remove(key.1);
            }
        }
        Ok(())
    }

    /// A socket is closed: no set has it any more.
    pub(crate) fn closed(&mut self, (HostId(host), socket): Key) {
        let watchers = self.watched.get_mut(host).and_then(|sockets| sockets.remove(socket));
        watchers.into_iter().flatten().for_each(|id| self.forget(id));
    }

    /// A socket changed: puts it in line with those it concerns, and moves who waits for them to `woken`.
    pub(crate) fn changed(&mut self, (id, socket): Key, host: &Host, woken: &mut Vec<Waker>) {
        let Some(watchers) = self.watched.get(id.0).and_then(|sockets| sockets.get(socket)) else { return };
        let now = Seen::of(host, socket);
        for id in watchers {
            let Some(entry) = self.entries.get_mut(*id) else { continue };
            let before = std::mem::replace(&mut entry.seen, now);
            let Watch { interest, mode, .. } = entry.watch;
            let news = match mode {
                Mode::Edge => now.has_edge(&before, interest),
                Mode::Level | Mode::Once => now.bits.intersects(interest | ALWAYS),
            };
            if news && entry.armed && !std::mem::replace(&mut entry.queued, true) {
                let Some(set) = self.sets.get_mut(entry.set) else { continue };
                set.ready.push_back(*id);
                woken.extend(set.waker.take());
            }
        }
    }

    /// Tells who looks at a set something that no socket said.
    pub(crate) fn notify(&mut self, set: SetId, token: Token, woken: &mut Vec<Waker>) {
        let Some(set) = self.sets.get_mut(set) else { return };
        if !set.notices.contains(&token) {
            set.notices.push_back(token);
        }
        woken.extend(set.waker.take());
    }

    /// Takes at most so many events (epoll_wait). What is level-triggered and stays ready gets in line again, at its end.
    pub(crate) fn collect(&mut self, lab: &Lab, id: SetId, most: usize, events: &mut Vec<Event>) {
        let Some(set) = self.sets.get_mut(id) else { return };
        while events.len() < most
            && let Some(token) = set.notices.pop_front()
        {
            events.push(Event { token, bits: READ });
        }
        for _ in 0..set.ready.len() {
            if events.len() >= most {
                return;
            }
            let Some(next) = set.ready.pop_front() else { return };
            let Some(entry) = self.entries.get_mut(next) else {
                set.gone -= 1;
                continue;
            };
            entry.queued = false;
            let now = Seen::of(lab.host(entry.key.0), entry.key.1);
            let bits = now.bits & (entry.watch.interest | ALWAYS);
            entry.seen = now;
            if bits.is_empty() || !entry.armed {
                continue;
            }
            events.push(Event { token: entry.watch.token, bits });
            match entry.watch.mode {
                Mode::Edge => {}
                Mode::Once => entry.armed = false,
                Mode::Level => {
                    entry.queued = true;
                    set.ready.push_back(next);
                }
            }
        }
    }

    /// Waits for the next event of a set; what is left of who waited before is the caller's to drop.
    pub(crate) fn wait(&mut self, id: SetId, waker: &Waker) -> Option<Waker> {
        self.sets.get_mut(id)?.waker.replace(waker.clone())
    }

    /// Puts an entry in line if it has something to tell from the beginning.
    fn begin(&mut self, id: EntryId, woken: &mut Vec<Waker>) {
        if let Some(entry) = self.entries.get_mut(id)
            && entry.seen.bits.intersects(entry.watch.interest | ALWAYS)
            && !std::mem::replace(&mut entry.queued, true)
            && let Some(set) = self.sets.get_mut(entry.set)
        {
            set.ready.push_back(id);
            woken.extend(set.waker.take());
        }
    }

    fn find(&self, set: SetId, (HostId(host), socket): Key) -> Option<EntryId> {
        let watchers = self.watched.get(host)?.get(socket)?;
        watchers.iter().copied().find(|id| self.entries.get(*id).is_some_and(|entry| entry.set == set))
    }

    /// Takes an entry out of its set. In the line its place stays until it comes up, or most of the line is gone.
    fn forget(&mut self, id: EntryId) {
        if let Some(entry) = self.entries.remove(id)
            && entry.queued
            && let Some(set) = self.sets.get_mut(entry.set)
        {
            set.gone += 1;
            if set.gone > set.ready.len() / 2 {
                set.ready.retain(|ready| self.entries.contains_key(*ready));
                set.gone = 0;
            }
        }
    }
}
