//! The timers of a connection: a table indexed by an enum, and what happens when one is due.

use sockeye_base::{Counter, Instant};

use crate::state::State;
use crate::tcb::Tcb;

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Data (or a SYN, or a FIN) is unacknowledged (RFC 6298).
    Retransmit,
    /// Something waits to be sent, nothing is in flight and the window is shut (RFC 9293, section 3.8.6.1).
    Persist,
    /// An acknowledgement waits for company (RFC 9293, section 3.8.6.3).
    DelayedAck,
    /// The peer has been silent (RFC 9293, section 3.8.4).
    Keepalive,
    /// Paced data may leave.
    Pacing,
    /// The end of TIME-WAIT, or of an orphan's FIN-WAIT-2.
    TimeWait,
}

const ALL: [Timer; 6] =
    [Timer::Retransmit, Timer::Persist, Timer::DelayedAck, Timer::Keepalive, Timer::Pacing, Timer::TimeWait];

/// When each timer is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timers([Instant; ALL.len()]);

/// When a timer is due that isn't running.
const NEVER: Instant = Instant::from_nanos(u64::MAX);

impl Default for Timers {
    fn default() -> Timers {
        Timers([NEVER; ALL.len()])
    }
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = at;
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = NEVER;
    }

    pub(crate) fn clear_all(&mut self) {
        *self = Timers::default();
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize] != NEVER
    }

    pub(crate) fn at(&self, timer: Timer) -> Option<Instant> {
        Some(self.0[timer as usize]).filter(|at| *at != NEVER)
    }

    /// Neither of the two that make us send again, or ask, is running.
    pub(crate) fn is_idle_to_send(&self) -> bool {
        !self.is_set(Timer::Retransmit) && !self.is_set(Timer::Persist)
    }

    /// When the first is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        Some(self.soonest()).filter(|at| *at != NEVER)
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.soonest() <= now
    }

    fn soonest(&self) -> Instant {
        self.0.into_iter().fold(NEVER, Instant::min)
    }

    /// Stops and returns one that is due.
    fn take_due(&mut self, now: Instant) -> Option<Timer> {
        if !self.is_due(now) {
            return None;
        }
        let due = ALL.into_iter().find(|&timer| self.0[timer as usize] <= now)?;
        self.clear(due);
        Some(due)
    }
}

impl Tcb {
    /// Does what the timers due by now ask for. Each handler leaves its timer stopped or set later than `now`.
    pub(crate) fn run_timers(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Retransmit => self.on_retransmit_timer(now),
                Timer::Persist => self.on_persist_timer(now),
                Timer::DelayedAck => {
                    // The program had nothing to say in time: stop expecting it to.
                    self.interactive = false;
                    self.ack_now = true;
                }
                // What may leave now is looked at next.
                Timer::Pacing => {}
                Timer::Keepalive => self.on_keepalive_timer(now),
                Timer::TimeWait => self.enter_closed(),
            }
        }
    }

    /// RFC 9293, section 3.3.2: TIME-WAIT lasts twice a segment's life; Linux takes 60 s for that.
    pub(crate) fn enter_time_wait(&mut self, now: Instant) {
        self.state = State::TimeWait;
        self.timers.clear_all();
        self.judge_fast_open();
        self.timers.set(Timer::TimeWait, now + self.config.time_wait);
        self.send_buffer.clear();
        self.recovery.clear();
        self.reassembly.clear();
    }

    /// The connection is over: nothing more is sent but a reset already owed. What was received stays to be read.
    pub(crate) fn enter_closed(&mut self) {
        match self.state {
            State::SynSent | State::SynReceived => self.count(Counter::TcpAttemptFails),
            State::Established | State::CloseWait => self.count(Counter::TcpEstabResets),
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait
            | State::Closed => {}
        }
        self.state = State::Closed;
        self.timers.clear_all();
        self.judge_fast_open();
        self.send_buffer.clear();
        self.recovery.clear();
        self.reassembly.clear();
        self.ack_now = false;
        self.syn_due = false;
        self.probe_due = false;
    }
}
