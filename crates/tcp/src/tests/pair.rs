//! Two connections and a pipe that loses, delays, reorders and duplicates, run by their deadlines.

use std::collections::BTreeMap;

use sockeye_base::{Chain, Duration, Instant, Rng, SeqNum};
use sockeye_wire::ip::Ecn;
use sockeye_wire::tcp::{Flags, Segment};

use crate::{Config, Decision, Ports, State, Tcb};

/// One end: a connection, once there is one, and the program that uses it.
pub(super) struct End {
    pub(super) tcb: Option<Tcb>,
    pub(super) config: Config,
    pub(super) iss: SeqNum,
    /// What the program has still to send; when it is gone it shuts down for sending, if `closes`.
    pub(super) to_send: Chain,
    pub(super) closes: bool,
    /// Reads at most this much at each step; 0: doesn't read.
    pub(super) reads: usize,
    pub(super) received: Vec<u8>,
    pub(super) listens: bool,
}

/// What the pipe does to a segment.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    pub(super) delay: Duration,
    /// Chances in a thousand.
    pub(super) loss: u64,
    pub(super) duplicate: u64,
    /// A segment takes up to this much longer.
    pub(super) jitter: Duration,
    /// The nth segments (from 0, both directions) are lost.
    pub(super) drops: Vec<usize>,
    /// Segments with more data vanish, without a word.
    pub(super) largest: usize,
    /// The chance that what may be marked is marked.
    pub(super) marks: u64,
    /// Chances are for segments with data only.
    pub(super) data_only: bool,
}

impl Default for Pipe {
    fn default() -> Pipe {
        Pipe {
            delay: Duration::from_millis(10),
            loss: 0,
            duplicate: 0,
            jitter: Duration::ZERO,
            drops: Vec::new(),
            largest: usize::MAX,
            marks: 0,
            data_only: false,
        }
    }
}

/// A segment seen by the pipe: when it was sent, and by which end.
pub(super) struct Seen {
    pub(super) at: Instant,
    pub(super) from: usize,
    pub(super) segment: Segment,
    /// As it left, before the pipe marked it.
    pub(super) ecn: Ecn,
}

pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) ends: [End; 2],
    pub(super) pipe: Pipe,
    pub(super) seen: Vec<Seen>,
    rng: Rng,
    in_flight: BTreeMap<(Instant, u64), (usize, Segment, Ecn)>,
    count: u64,
}

pub(super) const PORTS: [Ports; 2] = [Ports { local: 4000, remote: 80 }, Ports { local: 80, remote: 4000 }];

impl Pair {
    pub(super) fn new(client: Config, server: Config, pipe: Pipe, seed: u64) -> Pair {
        let end = |config: Config, iss: u32| End {
            tcb: None,
            config,
            iss: SeqNum(iss),
            to_send: Chain::new(),
            closes: false,
            reads: usize::MAX,
            received: Vec::new(),
            listens: false,
        };
        let mut ends = [end(client, 1000), end(server, u32::MAX - 5000)];
        ends[1].listens = true;
        let rng = Rng::from_seed(seed);
        Pair {
            now: Instant::from_millis(5),
            ends,
            pipe,
            seen: vec![],
            rng,
            in_flight: BTreeMap::new(),
            count: 0,
        }
    }

    pub(super) fn plain() -> Pair {
        Pair::new(Config::default(), Config::default(), Pipe::default(), 1)
    }

    /// Both ends in ESTABLISHED.
    pub(super) fn established(pipe: Pipe) -> Pair {
        Pair::established_with(Config::default(), Config::default(), pipe)
    }

    pub(super) fn established_with(client: Config, server: Config, pipe: Pipe) -> Pair {
        let mut pair = Pair::new(client, server, Pipe { delay: pipe.delay, ..Pipe::default() }, 1);
        pair.connect(0);
        pair.run_for(pipe.delay * 4);
        assert_eq!(pair.states(), [State::Established; 2]);
        pair.pipe = pipe;
        pair.seen.clear();
        pair
    }

    pub(super) fn connect(&mut self, end: usize) {
        let it = &mut self.ends[end];
        it.tcb = Some(Tcb::connect(self.now, it.config.clone(), PORTS[end], it.iss, 77));
        self.settle();
    }

    pub(super) fn tcb(&mut self, end: usize) -> &mut Tcb {
        self.ends[end].tcb.as_mut().expect("a connection")
    }

    pub(super) fn states(&self) -> [State; 2] {
        [0, 1].map(|end| self.ends[end].tcb.as_ref().map_or(State::Closed, Tcb::state))
    }

    /// Does something to a connection, then lets both send what they want to.
    pub(super) fn with<R>(&mut self, end: usize, act: impl FnOnce(&mut Tcb, Instant) -> R) -> R {
        let now = self.now;
        let result = act(self.tcb(end), now);
        self.settle();
        result
    }

    pub(super) fn send(&mut self, end: usize, bytes: &[u8]) {
        self.ends[end].to_send.append(bytes.to_vec().into());
        self.settle();
    }

    pub(super) fn push(&mut self, from: usize, segment: Segment, ecn: Ecn) {
        let lost = self.pipe.drops.contains(&self.seen.len())
            || segment.payload.len() > self.pipe.largest
            || (self.rng.below(1000) < self.pipe.loss
                && !(self.pipe.data_only && segment.payload.is_empty()));
        self.seen.push(Seen { at: self.now, from, segment: segment.clone(), ecn });
        let marked = ecn != Ecn::NotEct && self.pipe.marks > 0 && self.rng.below(1000) < self.pipe.marks;
        let ecn = if marked { Ecn::Ce } else { ecn };
        let copies = if self.rng.below(1000) < self.pipe.duplicate { 2 } else { 1 };
        for _ in 0..if lost { 0 } else { copies } {
            let jitter = self.rng.below(self.pipe.jitter.as_nanos() as u64 + 1);
            let at = self.now + self.pipe.delay + Duration::from_nanos(jitter);
            self.count += 1;
            self.in_flight.insert((at, self.count), (1 - from, segment.clone(), ecn));
        }
    }

    fn check(&self, end: usize) {
        if let Some(tcb) = &self.ends[end].tcb {
            tcb.check_invariants().unwrap_or_else(|broken| panic!("{:?} end {end}: {broken}", self.now));
        }
    }

    /// The programs write and read, the connections decide, until nobody wants anything more now.
    pub(super) fn settle(&mut self) {
        for end in 0..2 {
            self.program(end);
            let mut rounds = 0;
            while let Some(tcb) = &mut self.ends[end].tcb {
                rounds += 1;
                assert!(rounds < 10_000, "spins");
                let (decision, ecn) = (tcb.decide(self.now), tcb.ecn());
                self.check(end);
                match decision {
                    Decision::Send(segment) => self.push(end, segment, ecn),
                    Decision::Wait(at) => {
                        assert!(at.is_none_or(|at| at > self.now), "waits for the past");
                        break;
                    }
                }
            }
        }
    }

    fn program(&mut self, end: usize) {
        let now = self.now;
        let it = &mut self.ends[end];
        let Some(tcb) = &mut it.tcb else { return };
        let room = tcb.send_room();
        if room > 0 && !it.to_send.is_empty() {
            tcb.send(now, it.to_send.split_to(room)).expect("room to send");
        }
        if it.closes && it.to_send.is_empty() && !tcb.state().is_opening() {
            tcb.shutdown_send(now);
        }
        if it.reads > 0 {
            it.received.extend_from_slice(&tcb.receive(now, it.reads).to_vec());
        }
        self.check(end);
    }

    fn arrive(&mut self, to: usize, mut segment: Segment, ecn: Ecn) {
        let now = self.now;
        let it = &mut self.ends[to];
        if it.tcb.is_none() && it.listens && segment.flags - (Flags::ECE | Flags::CWR) == Flags::SYN {
            it.tcb = Some(Tcb::accept(now, it.config.clone(), it.iss, 0, &segment));
        } else if let Some(tcb) = &mut it.tcb {
            if let Some(reply) = tcb.input_marked(now, &mut segment, ecn).reply {
                self.push(to, reply, Ecn::NotEct);
            }
        } else if let Some(reset) = crate::reset_for(&segment) {
            self.push(to, reset, Ecn::NotEct);
        }
        self.check(to);
        self.settle();
    }

    fn next_deadline(&mut self) -> Option<Instant> {
        let now = self.now;
        let arrival = self.in_flight.keys().next().map(|&(at, _)| at);
        let timers = self.ends.iter_mut().filter_map(|end| match end.tcb.as_mut()?.decide(now) {
            Decision::Send(segment) => panic!("not settled: {segment:?}"),
            Decision::Wait(at) => at,
        });
        timers.chain(arrival).min()
    }

    /// Goes to the next thing that happens, at `end` at the latest. Says whether there was one.
    pub(super) fn step(&mut self, end: Instant) -> bool {
        let Some(next) = self.next_deadline().filter(|&next| next <= end) else {
            self.now = end;
            return false;
        };
        self.now = next;
        while let Some(entry) = self.in_flight.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let (to, segment, ecn) = entry.remove();
            self.arrive(to, segment, ecn);
        }
        self.settle();
        true
    }

    pub(super) fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
    }

    /// Runs until neither end wants anything more; at most ten days.
    pub(super) fn run(&mut self) {
        self.run_for(Duration::from_secs(864_000));
    }

    /// Runs until `done`, or panics after ten days.
    pub(super) fn run_until(&mut self, mut done: impl FnMut(&mut Pair) -> bool) {
        let end = self.now + Duration::from_secs(864_000);
        while !done(self) {
            assert!(self.step(end), "never happened: {:?}", self.states());
        }
    }

    /// Segments seen that came from `end`.
    pub(super) fn from(&self, end: usize) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(move |seen| seen.from == end)
    }
}

/// Bytes that tell where they are.
pub(super) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}
