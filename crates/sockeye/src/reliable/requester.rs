//! The asking side as a state machine: requests and datagrams in; datagrams, outcomes and the next deadline out.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use sockeye_base::Instant;

use super::packet::{Head, Kind, LONGEST, read, written};
use super::responder::WINDOW;
use super::timeout::Timeout;
use super::{Config, Number};

/// Requests of one client, to one server.
#[derive(Debug)]
pub(super) struct Requester {
    session: u64,
    next: Number,
    config: Config,
    timeout: Timeout,
    open: BTreeMap<Number, Open>,
    done: VecDeque<(Number, Outcome)>,
    /// The last error of the network's, for who gives up.
    refused: Option<io::ErrorKind>,
}

/// The reply, or why it was given up.
pub(super) type Outcome = io::Result<Vec<u8>>;

#[derive(Debug)]
struct Open {
    payload: Vec<u8>,
    /// How many times it was sent, and when it is to be sent again.
    times: u32,
    due: Instant,
    /// When the server was last heard about it, or it was begun.
    heard: Instant,
    /// The server has said that it has it.
    has_come: bool,
}

impl Requester {
    pub(super) fn new(session: u64, config: Config) -> Requester {
        let timeout = Timeout::new(&config);
        Requester {
            session,
            next: 1,
            config,
            timeout,
            open: BTreeMap::new(),
            done: VecDeque::new(),
            refused: None,
        }
    }

    /// Begins a request. `WouldBlock` if there are too many, `InvalidInput` if it is too long.
    pub(super) fn start(&mut self, now: Instant, payload: &[u8]) -> io::Result<Number> {
        if payload.len() > LONGEST {
            let what = format!("a request of {} bytes: a datagram takes {LONGEST}", payload.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        }
        // The oldest may be no more than a window back.
        if self.next >= self.oldest() + WINDOW {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let number = self.next;
        self.next += 1;
        self.open.insert(
            number,
            Open { payload: payload.to_vec(), times: 0, due: now, heard: now, has_come: false },
        );
        Ok(number)
    }

    /// Whether nothing is under way or to be taken.
    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty() && self.done.is_empty()
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.timeout.round_trip()
    }

    /// A datagram that is due now. To be asked until there is none.
    pub(super) fn transmit(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.give_up(now);
        let oldest = self.oldest();
        let (&number, open) = self.open.iter_mut().find(|(_, open)| open.due <= now)?;
        open.times += 1;
        open.due = now + self.timeout.after(open.times);
        let head = Head {
            kind: Kind::Request,
            ordered: self.config.ordered,
            stamp: stamp(now),
            session: self.session,
            number,
            back: u16::try_from(number - oldest).unwrap_or(u16::MAX),
        };
        Some(written(&head, &open.payload))
    }

    /// When there is something to transmit, or to give up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.values().map(|open| open.due.min(open.heard + self.config.patience)).min()
    }

    /// A datagram came from the server.
    pub(super) fn input(&mut self, now: Instant, datagram: &[u8]) {
        let Some((head, payload)) = read(datagram) else { return };
        if head.session != self.session || head.kind == Kind::Request {
            return;
        }
        let Some(open) = self.open.get_mut(&head.number) else { return };
        self.refused = None;
        // What was said first of it measures the way; a reply after that it has come measures the work. Microseconds are modulo
        // 2^32, and a stamp from the future is none of ours.
        let micros = stamp(now).wrapping_sub(head.stamp);
        if !std::mem::replace(&mut open.has_come, true) && micros < 1 << 31 {
            self.timeout.sample(Duration::from_micros(micros.into()));
        }
        if head.kind == Kind::Received {
            // It is at work on it, or will be: no reason to give up.
            open.heard = now;
            return;
        }
        self.open.remove(&head.number);
        self.done.push_back((head.number, Ok(payload.to_vec())));
    }

    /// The network said so (ICMP's port unreachable, say): it may be a server that is being started, so it is no end yet.
    pub(super) fn refused(&mut self, error: &io::Error) {
        self.refused = Some(error.kind());
    }

    /// What became of a request.
    pub(super) fn finished(&mut self) -> Option<(Number, Outcome)> {
        self.done.pop_front()
    }

    fn give_up(&mut self, now: Instant) {
        let (patience, why) = (self.config.patience, self.refused.unwrap_or(io::ErrorKind::TimedOut));
        let done = &mut self.done;
        self.open.retain(|number, open| {
            let keeps = now < open.heard + patience;
            if !keeps {
                done.push_back((*number, Err(io::Error::from(why))));
            }
            keeps
        });
    }

    /// The oldest number that is waited for, or the next.
    fn oldest(&self) -> Number {
        self.open.first_key_value().map_or(self.next, |(number, _)| *number)
    }
}

/// Microseconds, modulo 2^32.
fn stamp(now: Instant) -> u32 {
    (now.as_nanos() / 1000) as u32
}
