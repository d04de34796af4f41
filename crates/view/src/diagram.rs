//! The state diagram of TCP (RFC 9293, section 3.3.2) with the way that each side of a connection took through it.

use std::fmt::Write;
use std::time::Duration;

use sockeye_tcp::State::{
    CloseWait, Closed, Closing, Established, FinWait1, FinWait2, LastAck, SynReceived, SynSent, TimeWait,
};
use sockeye_wire::tcp::Flags;

use crate::flow::{Flow, Side, State, Step};

/// A side's way from one state to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// When, from the connection's first segment on.
    pub at: Duration,
    /// The capture's packet that shows it.
    pub number: u64,
    /// From which state.
    pub from: State,
    /// To which.
    pub to: State,
    /// What made it go, and what it did.
    pub why: &'static str,
}

/// An arrow of the diagram.
pub(crate) struct Arrow {
    pub(crate) from: State,
    pub(crate) to: State,
    /// What happens, and behind a colon what is done about it.
    pub(crate) why: &'static str,
}

const fn arrow(from: State, to: State, why: &'static str) -> Arrow {
    Arrow { from, to, why }
}

const fn of(state: sockeye_tcp::State) -> State {
    State::Of(state)
}

/// All that a connection can do but by a reset, which ends it from anywhere.
pub(crate) const ARROWS: [Arrow; 20] = [
    arrow(of(Closed), of(SynSent), "connect: SYN goes"),
    arrow(of(Closed), State::Listen, "listen"),
    arrow(State::Listen, of(SynReceived), "SYN comes: SYN, ACK go"),
    arrow(State::Listen, of(SynSent), "send: SYN goes"),
    arrow(State::Listen, of(Closed), "close"),
    arrow(of(SynSent), of(SynReceived), "SYN comes: SYN, ACK go"),
    arrow(of(SynSent), of(Established), "SYN, ACK come: ACK goes"),
    arrow(of(SynSent), of(Closed), "close"),
    arrow(of(SynReceived), of(Established), "ACK comes"),
    arrow(of(SynReceived), of(FinWait1), "close: FIN goes"),
    arrow(of(Established), of(FinWait1), "close: FIN goes"),
    arrow(of(Established), of(CloseWait), "FIN comes: ACK goes"),
    arrow(of(FinWait1), of(FinWait2), "ACK comes"),
    arrow(of(FinWait1), of(Closing), "FIN comes: ACK goes"),
    arrow(of(FinWait1), of(TimeWait), "FIN, ACK come: ACK goes"),
    arrow(of(FinWait2), of(TimeWait), "FIN comes: ACK goes"),
    arrow(of(Closing), of(TimeWait), "ACK comes"),
    arrow(of(CloseWait), of(LastAck), "close: FIN goes"),
    arrow(of(LastAck), of(Closed), "ACK comes"),
    arrow(of(TimeWait), of(Closed), "after two lifetimes of a segment"),
];

impl Flow {
    /// The way of a side through the states, as far as the capture shows it.
    pub fn path(&self, side: Side) -> Vec<Transition> {
        let began = self.steps.first().map_or(Duration::ZERO, |step| step.at);
        let mut now = self.first_states()[side.index()];
        let mut path = Vec::new();
        for step in &self.steps {
            let next = step.states[side.index()];
            if next == now {
                continue;
            }
            let at = step.at.saturating_sub(began);
            let mut go = |from, to, why| path.push(Transition { at, number: step.number, from, to, why });
            let direct = find(now, next).filter(|_| !is_reset(step, next));
            let by = ARROWS.iter().find(|first| first.from == now && find(first.to, next).is_some());
            match (direct, by) {
                (Some(why), _) => go(now, next, why),
                // A segment that does two things at once.
                (None, Some(first)) if !step.flags.contains(Flags::RST) => {
                    go(now, first.to, first.why);
                    go(first.to, next, find(first.to, next).unwrap_or_default());
                }
                (None, _) => go(now, next, unusual(step, side)),
            }
            now = next;
        }
        path
    }
}

fn find(from: State, to: State) -> Option<&'static str> {
    ARROWS.iter().find(|arrow| (arrow.from, arrow.to) == (from, to)).map(|arrow| arrow.why)
}

fn is_reset(step: &Step, to: State) -> bool {
    step.flags.contains(Flags::RST) && to == State::Of(Closed)
}

/// What is in no diagram.
fn unusual(step: &Step, side: Side) -> &'static str {
    match (step.flags.contains(Flags::RST), step.from == side) {
        (true, true) => "RST goes",
        (true, false) => "RST comes",
        (false, _) => "by segments that were not captured",
    }
}

/// The ways of both sides through the states, as text.
pub fn states(flow: &Flow) -> String {
    let mut out = String::new();
    for side in [Side::Client, Side::Server] {
        let first = flow.first_states()[side.index()];
        // Writing into a string can't fail.
        let _ = writeln!(out, "{side} {}: {first}", flow.ends[side.index()]);
        for (number, step) in flow.path(side).iter().enumerate() {
            let seconds = step.at.as_secs_f64();
            let (to, why) = (step.to.to_string(), step.why);
            let _ =
                writeln!(out, "{:>4} {seconds:>10.6}  {to:<12}  {why} (packet {})", number + 1, step.number);
        }
    }
    out
}
