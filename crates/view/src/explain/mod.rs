//! Why a connection took as long as it did: each moment of its life is put down to what was waited for, from its segments
//! alone ([`explain`]).
//!
//! Flow: `distance.rs` finds how far the two ends are from where the capture was made; `sender.rs` walks through the
//! segments as one end saw them, once for each end as the sender, and claims stretches of time for what held it back;
//! `timeline.rs` settles who has a moment that several claim; `words.rs` says it for people.
//!
//! The principle is that what ends a wait tells what was waited for. A sender that goes on at the very moment an
//! acknowledgement comes had waited for that: for room in a window, if there was none before, or else for leave to have more
//! under way. A sender that goes on by itself had nothing to send before, or a timer ran out if it repeats something.
//!
//! Not modelled: what a program or a kernel knows and does not show, such as the congestion window itself, data that waits in
//! a send buffer, and pacing. Where two reasons look alike from outside, the words say so.

mod direction;
mod distance;
mod rounds;
mod sender;
mod timeline;
mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sockeye_wire::tcp::Flags;

use crate::flow::{Flow, Side};
pub use direction::{Direction, Repairs};
use timeline::{Claim, Rank};

/// What a moment was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// SYN, SYN and ACK, ACK.
    Handshake,
    /// Nobody answered, to the end.
    NoAnswer,
    /// The sender was still finding out how much the path carries.
    SlowStart,
    /// The sender's congestion window, after slow start.
    CongestionWindow,
    /// The receiver's window was as wide as it gets, and full.
    WindowSmall,
    /// The receiver's window was closed, or nearly: its program did not read.
    WindowClosed,
    /// No more was under way though there was room: the sender's buffer held no more.
    SendBuffer,
    /// Nagle's algorithm kept a small segment until an acknowledgement came that the receiver delayed.
    Nagle,
    /// A loss, and its repair after three duplicate acknowledgements (RFC 5681).
    FastRetransmit,
    /// A loss, and its repair by what selective acknowledgements told (RFC 6675).
    Sack,
    /// A loss that showed by the time at which later segments arrived (RFC 8985).
    Rack,
    /// A loss at the end, found by sending the last segment again (RFC 8985, section 7).
    TailLossProbe,
    /// A loss found when the retransmission timer ran out (RFC 6298), and its repair.
    TimeOut,
    /// The path carried no more: there was a queue before its slowest place.
    LinkRate,
    /// Nothing to send: a program's time.
    Application,
    /// Data, or the acknowledgement of it, was on its way, and nobody could do anything else.
    RoundTrip,
    /// What this capture can't tell.
    Unknown,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Both sides closed it.
    Closed,
    /// It was still open when the capture ended, or closed on one side only.
    Open,
    /// That side reset it.
    Reset(Side),
    /// The SYN was answered by a reset.
    Refused,
    /// The SYN was never answered, but for that error if there was one.
    NeverAnswered(Option<String>),
    /// That side stopped answering.
    Silent(Side),
}

/// What held a connection back, with its share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub cause: Cause,
    /// Who: whose program, whose window, whose buffer or data. `None`: both.
    pub side: Option<Side>,
    /// How long in all.
    pub time: Duration,
    /// Its share of the connection's life, in thousandths. All findings' add up to 1000.
    pub share: u32,
    /// In how many stretches of time.
    pub times: usize,
    /// The longest of them, in their order.
    pub evidence: Vec<Evidence>,
    /// What it is, with its numbers, in a sentence.
    pub words: String,
    /// The option or number that would change it, if there is one.
    pub advice: Option<String>,
}

/// A stretch of time that shows a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// When it began, from the connection's first segment on.
    pub at: Duration,
    /// How long it was.
    pub time: Duration,
    /// The capture's packets before and behind it.
    pub packets: (u64, u64),
}

/// A connection explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Client and server.
    pub ends: [SocketAddr; 2],
    /// From the first to the last segment.
    pub life: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// What client and server sent.
    pub directions: [Direction; 2],
    /// The round trip, as short as it was seen.
    pub round_trip: Option<Duration>,
    /// Of that, what lies between the capture and client, and server.
    pub distances: [Option<Duration>; 2],
    /// What took the time, the most first.
    pub findings: Vec<Finding>,
    /// What else there is to know, a sentence each.
    pub notes: Vec<String>,
}

/// Most stretches of time that are named for a finding.
const MOST_EVIDENCE: usize = 4;

/// Explains a connection.
pub fn explain(flow: &Flow) -> Explanation {
    let times = times(flow);
    let life = times.last().copied().unwrap_or(0);
    let distances = distance::find(flow, &times);
    let [client, server] =
        [Side::Client, Side::Server].map(|side| sender::walk(flow, &times, side, distances));
    let outcome = outcome(flow);
    let main = if server.direction.bytes > client.direction.bytes { Side::Server } else { Side::Client };
    let mut claims = handshake(flow, &times);
    if let Outcome::Silent(side) = outcome {
        claims.extend(silence(flow, &times, side));
    }
    for (side, walked) in [(Side::Client, &client), (Side::Server, &server)] {
        let is_main = side == main;
        claims.extend(walked.claims.iter().map(|claim| claim.of_direction(is_main)));
    }
    let settled = timeline::settle(claims, life);
    let directions = [client.direction, server.direction];
    let duration = |nanos: Option<u64>| nanos.map(Duration::from_nanos);
    let round_trip = directions.iter().filter_map(|direction| direction.least_round_trip).min();
    let mut explanation = Explanation {
        ends: flow.ends,
        life: Duration::from_nanos(life),
        outcome,
        directions,
        round_trip: round_trip.or_else(|| {
            let [a, b] = distances;
            duration(Some(a? + b?))
        }),
        distances: distances.map(duration),
        findings: Vec::new(),
        notes: Vec::new(),
    };
    explanation.findings = findings(flow, &settled, &times, &explanation);
    explanation.notes = words::notes(flow, &explanation);
    explanation
}

/// When each segment came, in nanoseconds from the first on; never earlier than the one before it.
fn times(flow: &Flow) -> Vec<u64> {
    let began = flow.steps.first().map_or(Duration::ZERO, |step| step.at);
    let mut last = 0;
    let time = |at: Duration| u64::try_from(at.saturating_sub(began).as_nanos()).unwrap_or(u64::MAX);
    // More than a hundred years are a broken clock.
    let most = 1 << 62;
    flow.steps
        .iter()
        .map(|step| {
            last = time(step.at).min(most).max(last);
            last
        })
        .collect()
}

/// The handshake's time: until a SYN was answered that is a time-out, or no answer at all.
fn handshake(flow: &Flow, times: &[u64]) -> Vec<Claim> {
    let mut claims = Vec::new();
    let steps = || flow.steps.iter().zip(times).enumerate();
    let began = steps().next().filter(|(_, (step, _))| step.flags.contains(Flags::SYN));
    let Some((first, _)) = began else { return claims };
    let answer = steps().find(|(_, (step, _))| step.from == Side::Server && step.dropped.is_none());
    let Some((answer, _)) = answer else {
        let last = flow.steps.len() - 1;
        claims.push(Claim::new((0, times[last]), Cause::NoAnswer, Side::Server).ranked(Rank::Handshake));
        return claims;
    };
    // What is repeated, by whom: the last before the end of the handshake counts, the others were in vain.
    let done = steps().skip(answer).find(|(_, (step, _))| {
        step.from == Side::Client && !step.flags.contains(Flags::SYN) && step.dropped.is_none()
    });
    let done = done.map_or(answer, |(at, _)| at);
    let opens = |(_, (step, _)): &(usize, (&crate::Step, &u64))| step.flags.contains(Flags::SYN);
    let mut before = first;
    for (at, (step, _)) in steps().take(done).skip(1).filter(opens) {
        if step.again {
            let stretch = (times[before], times[at]);
            claims.push(Claim::new(stretch, Cause::TimeOut, step.from).ranked(Rank::Handshake));
            before = at;
        }
    }
    let stretch = (times[before], times[done]);
    claims.push(Claim::new(stretch, Cause::Handshake, Side::Client).ranked(Rank::Handshake));
    claims
}

/// The time at the end in which a side said nothing more, though it was asked.
fn silence(flow: &Flow, times: &[u64], silent: Side) -> Option<Claim> {
    let last = flow.steps.len().checked_sub(1)?;
    let heard = flow.steps.iter().rposition(|step| step.from == silent && step.dropped.is_none());
    let asked = flow.steps.iter().enumerate().skip(heard.map_or(0, |heard| heard + 1));
    let (asked, _) = asked.into_iter().find(|(_, step)| step.end() != step.seq)?;
    let stretch = (times[asked], times[last]);
    Some(Claim::new(stretch, Cause::NoAnswer, silent).ranked(Rank::Handshake))
}

fn outcome(flow: &Flow) -> Outcome {
    let began = flow.steps.first().is_some_and(|step| step.flags.contains(Flags::SYN));
    let heard = |side: Side| flow.steps.iter().rposition(|step| step.from == side && step.dropped.is_none());
    if let Some(reset) = flow.steps.iter().find(|step| step.flags.contains(Flags::RST)) {
        let spoke = flow.steps.iter().find(|step| step.from == Side::Server && step.dropped.is_none());
        let refused = began && spoke.is_some_and(|first| first.flags.contains(Flags::RST));
        return if refused { Outcome::Refused } else { Outcome::Reset(reset.from) };
    }
    if began && heard(Side::Server).is_none() {
        return Outcome::NeverAnswered(flow.errors.last().map(|error| error.words.clone()));
    }
    let fins = [Side::Client, Side::Server]
        .map(|side| flow.steps.iter().any(|step| step.from == side && step.flags.contains(Flags::FIN)));
    // Asked again and again, it said nothing any more.
    for side in [Side::Client, Side::Server] {
        let since = heard(side).map_or(0, |heard| heard + 1);
        let rest = flow.steps.get(since..).unwrap_or_default();
        if rest.iter().filter(|step| step.from != side && step.again).count() >= 2 {
            return Outcome::Silent(side);
        }
    }
    if fins == [true, true] { Outcome::Closed } else { Outcome::Open }
}

/// Puts the stretches of time of the same cause together, the longest time first.
fn findings(flow: &Flow, settled: &[Claim], times: &[u64], explanation: &Explanation) -> Vec<Finding> {
    let mut sums: BTreeMap<(Cause, Option<Side>), Vec<&Claim>> = Default::default();
    for claim in settled {
        sums.entry((claim.cause, claim.side)).or_default().push(claim);
    }
    // The last packet up to its beginning, and the first from its end on.
    let number = |at: usize| flow.steps.get(at).or(flow.steps.last()).map_or(0, |step| step.number);
    let around = |claim: &Claim| {
        let before = times.partition_point(|time| *time <= claim.from).saturating_sub(1);
        (number(before), number(times.partition_point(|time| *time < claim.to)))
    };
    let mut findings: Vec<Finding> = sums
        .into_iter()
        .map(|((cause, side), claims)| {
            let time: u64 = claims.iter().map(|claim| claim.span()).sum();
            let mut longest = claims.clone();
            longest.sort_by_key(|claim| std::cmp::Reverse(claim.span()));
            longest.truncate(MOST_EVIDENCE);
            longest.sort_by_key(|claim| claim.from);
            let evidence = longest.iter().map(|claim| Evidence {
                at: Duration::from_nanos(claim.from),
                time: Duration::from_nanos(claim.span()),
                packets: around(claim),
            });
            let (words, advice) = words::of(cause, side, flow, explanation);
            Finding {
                cause,
                side,
                time: Duration::from_nanos(time),
                share: 0,
                times: claims.len(),
                evidence: evidence.collect(),
                words,
                advice,
            }
        })
        .collect();
    findings.sort_by_key(|finding| (std::cmp::Reverse(finding.time), finding.cause, finding.side));
    timeline::share_out(&mut findings, times.last().copied().unwrap_or(0));
    findings
}
