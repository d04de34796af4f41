//! Segments that arrive in TIME-WAIT while somebody still holds the connection: [`TimeWait`] knows the answers.

use sockeye_base::{Counter, Instant};
use sockeye_wire::tcp::Segment;

use super::{Outcome, Step};
use crate::state::State;
use crate::tcb::Tcb;
use crate::time_wait::{Late, TimeWait};
use crate::timers::Timer;

impl Tcb {
    /// What has to be kept of it in TIME-WAIT, when all that was owed is sent; `None` in any other state.
    pub fn time_wait(&self) -> Option<TimeWait> {
        let ends = self.timers.at(Timer::TimeWait).filter(|_| self.state == State::TimeWait)?;
        let window = (self.rcv_wnd() >> self.rcv_shift()).min(u32::from(u16::MAX));
        Some(TimeWait {
            ports: self.ports,
            snd_nxt: self.snd_nxt,
            rcv_nxt: self.rcv_nxt,
            window: window as u16,
            timestamps: self.negotiated.timestamps,
            timestamp_offset: self.timestamp_offset,
            ts_recent: self.ts_recent,
            ts_recent_at: self.ts_recent_at,
            last_oow_ack: self.last_oow_ack,
            ends,
            lasts: self.config.time_wait,
        })
    }

    pub(super) fn in_time_wait(&mut self, now: Instant, segment: &Segment) -> Step {
        let Some(mut time_wait) = self.time_wait() else { return Step::Break(Outcome::default()) };
        let late = time_wait.input(now, segment);
        self.ts_recent = time_wait.ts_recent;
        self.ts_recent_at = time_wait.ts_recent_at;
        self.last_oow_ack = time_wait.last_oow_ack;
        self.timers.set(Timer::TimeWait, time_wait.ends);
        Step::Break(match late {
            Late::Waits(reply) => reply.into(),
            Late::Skipped => {
                self.count(Counter::AckSkippedTimeWait);
                Outcome::default()
            }
            Late::Ended => {
                self.enter_closed();
                Outcome::default()
            }
            Late::Restart => {
                self.enter_closed();
                Outcome { reply: None, restart: Some(time_wait.restart_iss()) }
            }
        })
    }
}
