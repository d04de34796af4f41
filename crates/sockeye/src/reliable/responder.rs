//! The answering side as a state machine: datagrams and replies in; requests, each once, and datagrams out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use sockeye_base::Instant;

use super::Number;
use super::packet::{Head, Kind, read, written};

/// How far a client's numbers may be ahead of the oldest it waits for.
pub(super) const WINDOW: u64 = 64;
/// Clients that are remembered.
const SESSIONS: usize = 1024;
/// Bytes of replies and of requests in waiting that are kept, of all clients.
const KEPT: usize = 64 << 20;
/// How long a client is remembered after its last word: longer than anybody has patience.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// Who asked what: a client's address, its session, the number.
type Key<P> = (P, u64);

/// The requests of many clients, `P` being their addresses.
#[derive(Debug)]
pub(super) struct Responder<P> {
    sessions: BTreeMap<Key<P>, Session>,
    /// By the last word: who is forgotten first.
    heard: BTreeMap<(Instant, u64), Key<P>>,
    /// Makes moments of `heard` distinct.
    count: u64,
    ready: VecDeque<Asked<P>>,
    kept: usize,
}

/// A request that is to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked<P> {
    pub(super) peer: P,
    pub(super) session: u64,
    pub(super) number: Number,
    pub(super) payload: Vec<u8>,
}

#[derive(Debug)]
struct Session {
    heard: (Instant, u64),
    /// Numbers below it the client doesn't wait for any more.
    oldest: Number,
    slots: BTreeMap<Number, Slot>,
}

#[derive(Debug)]
enum Slot {
    /// It waits for its turn, with the stamp of its last copy.
    Held(Vec<u8>, u32),
    /// It is being carried out; the stamp of its last copy.
    AtWork(u32),
    /// The reply.
    Answered(Vec<u8>),
}

impl Slot {
    fn kept(&self) -> usize {
        match self {
            Slot::Held(bytes, _) | Slot::Answered(bytes) => bytes.len(),
            Slot::AtWork(_) => 0,
        }
    }
}

impl<P: Ord + Copy> Responder<P> {
    pub(super) fn new() -> Responder<P> {
        let (sessions, heard) = (BTreeMap::new(), BTreeMap::new());
        Responder { sessions, heard, count: 0, ready: VecDeque::new(), kept: 0 }
    }

    /// A datagram came; gives what to send back at once: the reply again, or that the request is at work.
    pub(super) fn input(&mut self, now: Instant, peer: P, datagram: &[u8]) -> Option<Vec<u8>> {
        let (head, payload) = read(datagram)?;
        if head.kind != Kind::Request {
            return None;
        }
        self.forget(now);
        let key = (peer, head.session);
        let oldest = head.number - u64::from(head.back);
        self.hear(now, key, oldest);
        let session = self.sessions.get_mut(&key)?;
        session.advance(oldest, &mut self.kept);
        self.release(key);
        let session = self.sessions.get_mut(&key)?;
        if head.number < session.oldest || head.number - session.oldest >= WINDOW {
            return None;
        }
        match session.slots.get_mut(&head.number) {
            Some(Slot::Held(_, stamp) | Slot::AtWork(stamp)) => *stamp = head.stamp,
            Some(Slot::Answered(reply)) => {
                return Some(written(&Head { kind: Kind::Reply, back: 0, ..head }, reply));
            }
            None if head.ordered => {
                self.kept += payload.len();
                session.slots.insert(head.number, Slot::Held(payload.to_vec(), head.stamp));
                self.release(key);
                self.make_room(key);
                // If it is its turn the reply says that it came.
                let slots = &self.sessions.get(&key)?.slots;
                matches!(slots.get(&head.number)?, Slot::Held(..)).then_some(())?;
            }
            None => {
                session.slots.insert(head.number, Slot::AtWork(head.stamp));
                let (session, number) = (head.session, head.number);
                self.ready.push_back(Asked { peer, session, number, payload: payload.to_vec() });
                self.make_room(key);
                return None;
            }
        }
        Some(written(&Head { kind: Kind::Received, back: 0, ..head }, &[]))
    }

    /// The next request to be carried out.
    pub(super) fn next(&mut self) -> Option<Asked<P>> {
        self.ready.pop_front()
    }

    /// A request was carried out; gives the datagram for its client, unless that has given up or was forgotten.
    pub(super) fn answer(&mut self, asked: &Asked<P>, reply: &[u8]) -> Option<Vec<u8>> {
        let key = (asked.peer, asked.session);
        let slot = self.sessions.get_mut(&key)?.slots.get_mut(&asked.number)?;
        let Slot::AtWork(stamp) = *slot else { return None };
        *slot = Slot::Answered(reply.to_vec());
        self.kept += reply.len();
        self.release(key);
        self.make_room(key);
        let head = Head {
            kind: Kind::Reply,
            ordered: false,
            stamp,
            session: asked.session,
            number: asked.number,
            back: 0,
        };
        Some(written(&head, reply))
    }

    /// Clients, bytes and requests that are kept.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize, usize) {
        (self.sessions.len(), self.kept, self.ready.len())
    }

    /// The client was heard: it is remembered anew.
    fn hear(&mut self, now: Instant, key: Key<P>, oldest: Number) {
        self.count += 1;
        let heard = (now, self.count);
        let new = || Session { heard, oldest, slots: BTreeMap::new() };
        let session = self.sessions.entry(key).or_insert_with(new);
        self.heard.remove(&session.heard);
        session.heard = heard;
        self.heard.insert(heard, key);
    }

    /// Has a client's next requests in order carried out, if it is their turn.
    fn release(&mut self, key: Key<P>) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let mut number = session.oldest;
        while let Some(Slot::Answered(_)) = session.slots.get(&number) {
            number += 1;
        }
        if let Some(slot @ Slot::Held(..)) = session.slots.get_mut(&number)
            && let Slot::Held(payload, stamp) = slot
        {
            let (payload, stamp) = (std::mem::take(payload), *stamp);
            *slot = Slot::AtWork(stamp);
            self.kept -= payload.len();
            self.ready.push_back(Asked { peer: key.0, session: key.1, number, payload });
        }
    }

    /// Forgets those that have been silent for long.
    fn forget(&mut self, now: Instant) {
        while let Some((heard, _)) = self.heard.keys().next().copied()
            && now.since(heard) > REMEMBERED
        {
            self.forget_first();
        }
    }

    /// Forgets those that have been silent for longest, while there is too much to remember; this one last.
    fn make_room(&mut self, last: Key<P>) {
        while self.sessions.len() > SESSIONS || self.kept > KEPT {
            if self.heard.values().next().is_none_or(|first| *first == last) && self.sessions.len() <= 1 {
                return;
            }
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let Some((_, key)) = self.heard.pop_first() else { return };
        let Some(session) = self.sessions.remove(&key) else { return };
        self.kept -= session.slots.values().map(Slot::kept).sum::<usize>();
        // What is about to be carried out is nobody's any more.
        self.ready.retain(|asked| (asked.peer, asked.session) != key);
    }
}

impl Session {
    /// The client waits for nothing below this number.
    fn advance(&mut self, oldest: Number, kept: &mut usize) {
        if oldest > self.oldest {
            self.oldest = oldest;
            let left = self.slots.split_off(&oldest);
            *kept -= self.slots.values().map(Slot::kept).sum::<usize>();
            self.slots = left;
        }
    }
}
