//! Random walks. Two connections, what lies between them and what their programs do, all drawn from one seed: the link
//! loses, delays, reorders, duplicates, corrupts and marks; the programs write, read, stall, close early or abort; the
//! options are any. The invariants hold after every step; what is read is what was written; and in the end both are
//! CLOSED, for a reason that fits.
//!
//! A failure names its walk: `SOCKEYE_WALK=<seed>` repeats it alone. `SOCKEYE_WALK_STEPS=<steps>` walks further than CI.

use std::collections::BTreeMap;

use sockeye_base::{Chain, Duration, Instant, Rng, SeqNum};
use sockeye_wire::checksum::Transport;
use sockeye_wire::ip::{self, Ecn};
use sockeye_wire::tcp::{Flags, Segment};
use sockeye_wire::{Body, Packet};

use super::pair::PORTS;
use crate::{
    Boundary, Buffer, Config, Congestion, Decision, EcnMode, Error, Keepalive, Listener, State, Tcb,
};

/// Steps of all walks together in CI.
const STEPS: u64 = 1_000_000;
/// Of those that are walked twice.
const SHORT_STEPS: u64 = 15_000;
/// No walk needs so many.
const LONGEST: u64 = 2_000_000;

/// How a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Everything arrives.
    Orderly,
    /// A program closes without reading, or aborts.
    Aborted,
    /// At some moment the link is cut for good.
    Cut,
}

/// One end: its connection and its program.
struct End {
    tcb: Option<Tcb>,
    config: Config,
    iss: SeqNum,
    to_write: u64,
    written: u64,
    read: u64,
    /// Everything was read.
    ended: bool,
    /// It leaves at this moment, whatever is still to come.
    leaves: Option<Instant>,
    left: bool,
}

/// What lies between, in thousandths.
#[derive(Debug)]
struct Link {
    delay: u64,
    jitter: u64,
    loss: u64,
    duplicate: u64,
    corrupt: u64,
    mark: u64,
    cut: Option<Instant>,
}

struct Walk {
    seed: u64,
    rng: Rng,
    fate: Fate,
    now: Instant,
    ends: [End; 2],
    link: Link,
    /// The second end's, unless both connect. Others fill its accept queue now and then.
    listener: Option<Listener<u32>>,
    in_flight: BTreeMap<(Instant, u64), (usize, Segment, Ecn)>,
    sent: u64,
    steps: u64,
    /// Prints what is sent and what arrives.
    talks: bool,
    /// Segments may take the short way.
    predicts: bool,
}

/// The byte at a place of an end's stream.
fn byte(end: usize, at: u64) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8 ^ if end == 0 { 0 } else { 0x5a }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len() as u64) as usize]
}

fn config(rng: &mut Rng, fate: Fate) -> Config {
    let bits = rng.next_u32();
    let bit = |n: u32| bits >> n & 1 == 1;
    let buffer = |rng: &mut Rng| Buffer::locked(pick(rng, &[2_304, 5_000, 20_000, 200_000]));
    let default = Config::default();
    let keepalive = Keepalive { idle: Duration::from_secs(10), interval: Duration::from_secs(5), count: 5 };
    Config {
        mss: pick(rng, &[48, 88, 536, 1000, 1460, 8960]),
        receive_buffer: if bit(0) { default.receive_buffer } else { buffer(rng) },
        send_buffer: if bit(1) { default.send_buffer } else { buffer(rng) },
        window_scaling: bit(2),
        timestamps: bit(3),
        sack: bit(4),
        gso: bit(5),
        nodelay: bit(6),
        cork: bit(7) && bit(8),
        quick_ack: bit(9),
        oob_inline: true,
        ecn: pick(rng, &[EcnMode::Off, EcnMode::On, EcnMode::Passive]),
        congestion: if bit(10) { Congestion::Reno } else { Congestion::Cubic },
        slow_start_after_idle: bit(11),
        notsent_lowat: if bit(12) { u32::MAX } else { 4000 },
        // A link this bad needs patience, where patience is wanted.
        syn_retries: 60,
        synack_retries: 60,
        retries2: if fate == Fate::Orderly { 100 } else { 8 },
        orphan_retries: if fate == Fate::Orderly { 100 } else { 8 },
        keepalive: (fate != Fate::Orderly).then_some(keepalive),
        ..default
    }
}

fn link(rng: &mut Rng, fate: Fate) -> Link {
    let mut often = |most: u64| if rng.below(2) == 0 { 0 } else { rng.below(most) };
    let (delay, jitter) = (often(100), often(100));
    let (loss, duplicate, corrupt, mark) = (often(300), often(300), often(50), often(200));
    let cut = (fate == Fate::Cut).then(|| Instant::from_millis(1 + rng.below(3000)));
    Link { delay, jitter, loss, duplicate, corrupt, mark, cut }
}

impl Walk {
    fn new(seed: u64, talks: bool) -> Walk {
        let mut rng = Rng::from_seed(seed);
        let fate = pick(&mut rng, &[Fate::Orderly, Fate::Orderly, Fate::Aborted, Fate::Cut]);
        let both_connect = rng.below(4) == 0;
        let leaver = (fate == Fate::Aborted).then(|| rng.below(2));
        let ends = [0, 1].map(|end| End {
            tcb: None,
            config: config(&mut rng, fate),
            // Close below the wrap-around.
            iss: SeqNum(u32::MAX - rng.below(50_000) as u32),
            to_write: pick(&mut rng, &[0, 1, 700, 5_000, 20_000, 60_000]),
            written: 0,
            read: 0,
            ended: false,
            leaves: leaver.filter(|&leaver| leaver == end).map(|_| Instant::from_millis(rng.below(3000))),
            left: false,
        });
        let listener = (!both_connect).then(|| Listener::new(Config::default(), 0));
        let link = link(&mut rng, fate);
        let mut walk = Walk {
            seed,
            rng,
            fate,
            now: Instant::from_millis(1),
            ends,
            link,
            listener,
            in_flight: BTreeMap::new(),
            sent: 0,
            steps: 0,
            talks,
            predicts: true,
        };
        let active = if both_connect { 2 } else { 1 };
        for (end, ports) in PORTS.into_iter().enumerate().take(active) {
            let it = &mut walk.ends[end];
            it.tcb = Some(Tcb::connect(walk.now, it.config.clone(), ports, it.iss, 77));
            walk.settle(end);
        }
        walk
    }

    /// Walks to the end; gives the steps it took.
    fn run(mut self) -> u64 {
        while !self.is_over() {
            self.steps += 1;
            assert!(self.steps < LONGEST, "never ends: {}", self.describe());
            self.step();
        }
        for end in 0..2 {
            self.judge(end);
        }
        self.steps
    }

    /// Both programs are done and both connections CLOSED. (One that never came to be is.)
    fn is_over(&self) -> bool {
        let closed = |end: &End| end.tcb.as_ref().is_none_or(|tcb| tcb.state() == State::Closed);
        let done = |end: &End| end.ended || end.left || self.has_failed(end) || end.tcb.is_none();
        let waits = self.fate == Fate::Orderly && self.ends.iter().any(|end| end.tcb.is_none());
        self.ends.iter().all(|end| closed(end) && done(end)) && !waits
    }

    fn has_failed(&self, end: &End) -> bool {
        end.tcb.as_ref().is_some_and(|tcb| tcb.state() == State::Closed && tcb.receive_len() == 0)
    }

    /// Whether the way it ended fits.
    fn judge(&self, end: usize) {
        let (it, peer) = (&self.ends[end], &self.ends[1 - end]);
        let Some(tcb) = &it.tcb else { return };
        let whole = it.read == peer.to_write && it.written == it.to_write;
        let fits = match (self.fate, tcb.error()) {
            (Fate::Orderly, None) => whole,
            // Our FIN's acknowledgement was lost until the peer had forgotten us: both have everything.
            (Fate::Orderly, Some(Error::Reset | Error::BrokenPipe)) => {
                whole && peer.ended && tcb.fin_received()
            }
            (
                Fate::Aborted,
                None | Some(Error::Reset | Error::BrokenPipe | Error::Refused | Error::TimedOut),
            ) => true,
            (Fate::Cut, None | Some(Error::TimedOut)) => true,
            // What was closed before the cut may answer what comes late.
            (Fate::Cut, Some(Error::Reset | Error::BrokenPipe)) => peer.ended,
            (_, Some(_)) => false,
        };
        assert!(fits, "end {end} ended with {:?}: {}", tcb.error(), self.describe());
    }

    /// A program does something, or time goes on to whatever comes next.
    fn step(&mut self) {
        if self.rng.below(3) == 0 {
            let end = self.rng.below(2) as usize;
            self.program(end);
            return self.settle(end);
        }
        let arrival = self.in_flight.keys().next().map(|&(at, _)| at);
        let timers = [0, 1].map(|end| self.deadline(end));
        // Programs wake up by themselves, too.
        let wake = self.now + Duration::from_millis(1 + self.rng.below(1000));
        let wakes = self.programs_wait().then_some(wake);
        let Some(next) = timers.into_iter().flatten().chain(arrival).chain(wakes).min() else {
            return;
        };
        self.now = next;
        if arrival == Some(next)
            && let Some((_, (to, segment, ecn))) = self.in_flight.pop_first()
        {
            self.arrive(to, segment, ecn);
        }
        for end in 0..2 {
            self.settle(end);
        }
    }

    /// Whether a program has anything left to do.
    fn programs_wait(&self) -> bool {
        self.ends.iter().any(|end| !end.ended && !end.left)
    }

    fn deadline(&mut self, end: usize) -> Option<Instant> {
        match self.ends[end].tcb.as_mut()?.decide(self.now) {
            Decision::Wait(at) => at,
            Decision::Send(segment) => panic!("not settled: {segment:?}: {}", self.describe()),
        }
    }

    fn program(&mut self, end: usize) {
        let (now, rng) = (self.now, &mut self.rng);
        let it = &mut self.ends[end];
        let Some(tcb) = &mut it.tcb else { return };
        if it.left {
            return;
        }
        if it.leaves.is_some_and(|at| at <= now) {
            it.left = true;
            if rng.below(2) == 0 {
                tcb.abort(now)
            } else {
                tcb.close(now)
            }
            return self.check(end);
        }
        match rng.below(16) {
            0..6 => it.write(end, now, rng),
            6..13 => it.take(1 - end, now, rng),
            13 => tcb.set_nodelay(now, rng.below(2) == 0),
            // Corked for good it would wait for good.
            14 => tcb.set_cork(now, rng.below(2) == 0 && it.written < it.to_write),
            _ => match rng.below(4) {
                0 => tcb.path_mtu(now, pick(rng, &[36, 500, 1200])),
                1 => tcb.set_congestion(now, pick(rng, &[Congestion::Reno, Congestion::Cubic])),
                2 => tcb.set_quick_ack(now, rng.below(2) == 0),
                _ => drop(tcb.info()),
            },
        }
        self.check(end);
    }

    /// For who looks into one walk.
    fn tell(&self, what: &str, end: usize, segment: &Segment) {
        if self.talks {
            let Segment { seq, ack, flags, window, payload, options, .. } = segment;
            let state = self.ends[end].tcb.as_ref().map(Tcb::state);
            let len = payload.len();
            println!(
                "{:?} {end} {state:?} {what} {flags:?} {seq:?} {len} ack {ack:?} win {window} {:?}",
                self.now, options.sack
            );
        }
    }

    fn arrive(&mut self, to: usize, mut segment: Segment, ecn: Ecn) {
        let now = self.now;
        self.tell("gets", to, &segment);
        if to == 1
            && let Some(listener) = &mut self.listener
        {
            // Somebody else waits to be accepted, or is.
            if self.rng.below(4) == 0 && listener.accept().is_none() {
                listener.syn_received(9);
                listener.established(9);
            }
            let it = &mut self.ends[1];
            let opens = segment.flags - (Flags::ECE | Flags::CWR) == Flags::SYN;
            match &it.tcb {
                None if opens && listener.admits_syn() => {
                    it.tcb = Some(Tcb::accept(now, it.config.clone(), it.iss, 0, &segment));
                    return self.check(to);
                }
                None if opens => return,
                Some(tcb) if tcb.state() == State::SynReceived && !listener.admits_established() => return,
                None | Some(_) => {}
            }
        }
        let reply = match &mut self.ends[to].tcb {
            Some(tcb) if self.predicts => tcb.input_marked(now, &mut segment, ecn).reply,
            Some(tcb) => tcb.input_unexpected(now, &mut segment, ecn).reply,
            None => crate::reset_for(&segment),
        };
        self.check(to);
        if let Some(reply) = reply {
            self.push(to, reply, Ecn::NotEct);
        }
    }

    /// Lets a connection send what it wants to.
    fn settle(&mut self, end: usize) {
        for round in 0.. {
            assert!(round < 10_000, "no end of segments: {}", self.describe());
            let Some(tcb) = &mut self.ends[end].tcb else { return };
            let (decision, ecn) = (tcb.decide(self.now), tcb.ecn());
            self.check(end);
            match decision {
                Decision::Send(segment) => self.push(end, segment, ecn),
                Decision::Wait(at) => {
                    assert!(at.is_none_or(|at| at > self.now), "waits for the past: {}", self.describe());
                    return;
                }
            }
        }
    }

    fn check(&self, end: usize) {
        if let Some(tcb) = &self.ends[end].tcb
            && let Err(broken) = tcb.check_invariants()
        {
            panic!("end {end}: {broken}: {}", self.describe());
        }
    }

    /// Puts a segment on the link. Where segments can meet different fates they are told apart.
    fn push(&mut self, from: usize, segment: Segment, ecn: Ecn) {
        self.tell("sends", from, &segment);
        let whole = self.rng.below(2) == 0;
        let pieces: Vec<Segment> = if whole { vec![segment] } else { segment.split().collect() };
        for segment in pieces {
            if self.link.cut.is_some_and(|at| at <= self.now) || self.rng.below(1000) < self.link.loss {
                continue;
            }
            if self.rng.below(1000) < self.link.corrupt {
                self.corrupt(&segment);
                continue;
            }
            let marked = ecn != Ecn::NotEct && self.rng.below(1000) < self.link.mark;
            let ecn = if marked { Ecn::Ce } else { ecn };
            let copies = if self.rng.below(1000) < self.link.duplicate { 2 } else { 1 };
            for _ in 0..copies {
                let at =
                    self.now + Duration::from_millis(self.link.delay + self.rng.below(self.link.jitter + 1));
                self.sent += 1;
                self.in_flight.insert((at, self.sent), (1 - from, segment.clone(), ecn));
            }
        }
    }

    /// A byte is not what it was: whoever gets it notices, and drops it.
    fn corrupt(&mut self, segment: &Segment) {
        let v6 = self.rng.below(2) == 0;
        let addresses = if v6 {
            [[0xfd; 16].into(), [0xfc; 16].into()]
        } else {
            [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()]
        };
        let Some(ip) = ip::Header::new(addresses[0], addresses[1]) else { return };
        let mut bytes = Vec::new();
        let start = ip.len();
        Packet { ip, body: Body::Tcp(segment.clone()) }.write(Transport::Here, &mut bytes);
        let at = start + self.rng.below((bytes.len() - start) as u64) as usize;
        bytes[at] ^= 1 + self.rng.below(255) as u8;
        assert!(Packet::parse(&bytes).is_err(), "nobody noticed: {}", self.describe());
    }

    fn describe(&self) -> String {
        let ends = self.ends.iter().map(|end| {
            let state = end.tcb.as_ref().map(Tcb::state);
            let (written, read) = (end.written, end.read);
            format!("{state:?} wrote {written} of {}, read {read}, {:?}", end.to_write, end.tcb)
        });
        let ends: Vec<String> = ends.collect();
        let (seed, fate, now, steps, link) = (self.seed, self.fate, self.now, self.steps, &self.link);
        format!("SOCKEYE_WALK={seed} {fate:?} at {now:?} after {steps} steps, {link:?}\n{}", ends.join("\n"))
    }
}

impl End {
    /// Writes some of what is left, and says FIN behind the last.
    fn write(&mut self, own: usize, now: Instant, rng: &mut Rng) {
        let Some(tcb) = &mut self.tcb else { return };
        let most = pick(rng, &[1, 700, 5_000, 100_000]).min(self.to_write - self.written);
        let len = most.min(tcb.send_room() as u64);
        if len > 0 {
            let bytes: Vec<u8> = (self.written..self.written + len).map(|at| byte(own, at)).collect();
            let last = self.written + len == self.to_write;
            let kinds = [Boundary::None, Boundary::More, Boundary::Record, Boundary::Urgent];
            let boundary = if last { Boundary::None } else { pick(rng, &kinds) };
            tcb.send_message(now, Chain::from(bytes), boundary).expect("room to send");
            self.written += len;
        }
        if self.written == self.to_write && !tcb.state().is_opening() && rng.below(3) == 0 {
            tcb.set_cork(now, false);
            tcb.shutdown_send(now);
        }
    }

    /// Reads some of what has come; at the end leaves, if the peer has everything.
    fn take(&mut self, peer: usize, now: Instant, rng: &mut Rng) {
        let Some(tcb) = &mut self.tcb else { return };
        let chain = tcb.receive(now, pick(rng, &[1, 500, 20_000, usize::MAX]));
        for piece in chain.pieces() {
            assert!(piece.iter().zip(self.read..).all(|(got, at)| *got == byte(peer, at)), "other bytes");
            self.read += piece.len() as u64;
        }
        let over = tcb.receive_len() == 0 && (tcb.fin_received() || tcb.state() == State::Closed);
        // Nobody waits long for what an orphan has still to send.
        let told = tcb.send_closed() && tcb.unacked_len() + tcb.unsent_len() == 0;
        if over && (self.written == self.to_write && told || tcb.state() == State::Closed) {
            self.ended = true;
            tcb.close(now);
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "which walks to take is no part of a walk")]
fn wanted(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Walked twice, with header prediction and without: not a bit is different, at any step.
#[test]
fn the_short_way_leads_to_the_same() {
    let (mut left, mut seed) = (SHORT_STEPS, wanted("SOCKEYE_WALK").unwrap_or(0));
    while left > 0 {
        let mut walks = [Walk::new(seed, false), Walk { predicts: false, ..Walk::new(seed, false) }];
        while left > 0 && !walks.iter().all(Walk::is_over) {
            walks.iter_mut().for_each(Walk::step);
            let [short, long] = walks.each_ref().map(Walk::describe);
            assert_eq!(short, long);
            left -= 1;
        }
        seed += 1;
    }
}

#[test]
fn a_million_steps() {
    if let Some(seed) = wanted("SOCKEYE_WALK") {
        println!("{} steps", Walk::new(seed, true).run());
        return;
    }
    let (mut left, mut seed) =
        (wanted("SOCKEYE_WALK_STEPS").unwrap_or(STEPS), wanted("SOCKEYE_WALK_FROM").unwrap_or(0));
    let mut walks = 0;
    while left > 0 {
        left = left.saturating_sub(Walk::new(seed, false).run());
        seed += 1;
        walks += 1;
    }
    println!("{walks} walks");
}
