//! The retransmission timer (RFC 6298, section 5), and when to give up (RFC 9293, section 3.8.3, by Linux's reckoning).

use sockeye_base::{Duration, Instant};

use super::{Armed, Phase, Repeat};
use crate::config::Config;
use crate::error::Error;
use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

/// A connection with fewer segments in flight is thin; so many of its timeouts are alike (TCP_THIN_LINEAR_RETRIES).
const THIN: u32 = 4;
const THIN_RETRIES: u32 = 6;

impl Tcb {
    /// Section 5.1: something is in flight, so the timer runs.
    pub(crate) fn start_retransmit_timer(&mut self, now: Instant) {
        self.timers.clear(Timer::Persist);
        if !self.timers.is_set(Timer::Retransmit) {
            self.restart_retransmit_timer(now);
        }
    }

    /// Section 5.3: from now. A user timeout that ends earlier is looked at when it ends (as Linux).
    pub(crate) fn restart_retransmit_timer(&mut self, now: Instant) {
        if self.recovery.armed == Armed::SynAck {
            return;
        }
        let mut at = now + self.rtt.rto(&self.config);
        if let (Some(timeout), Some(first)) =
            (self.config.user_timeout, self.recovery.repair().first_repeat_at)
        {
            at = at.min((first + timeout).max(now + Duration::from_millis(1)));
        }
        self.timers.set(Timer::Retransmit, at);
        self.recovery.armed = Armed::Timeout;
    }

    /// Sections 5.2 and 5.3, when something was acknowledged or another timer has had its turn: the timeout counts
    /// from the first segment's last sending then.
    pub(super) fn rearm_timeout(&mut self, now: Instant) {
        let Some(head) = self.recovery.sent.first().map(|head| head.sent_at) else {
            self.timers.clear(Timer::Retransmit);
            return;
        };
        let after_other = self.recovery.armed != Armed::Timeout;
        self.restart_retransmit_timer(now);
        if after_other {
            let at = (head + self.rtt.rto(&self.config)).max(now + Duration::from_millis(1));
            self.timers.set(Timer::Retransmit, at);
        }
    }

    pub(crate) fn on_retransmit_timer(&mut self, now: Instant) {
        match self.state {
            State::SynSent | State::SynReceived => self.on_syn_timeout(now),
            State::Established | State::FinWait1 | State::CloseWait | State::Closing | State::LastAck => {
                match self.recovery.armed {
                    Armed::Timeout => self.on_data_timeout(now),
                    Armed::Probe => self.on_probe_timer(now),
                    Armed::Reordering => self.on_reordering_timer(now),
                    Armed::SynAck => self.on_syn_ack_timeout(now),
                }
            }
            State::FinWait2 | State::TimeWait | State::Closed => {}
        }
    }

    /// A SYN or SYN-ACK is unanswered. Linux (since 6.5) repeats a SYN a few times at the initial RTO before it doubles:
    /// at 1, 2, 3, 4, 5, 7, 11, 19, 35, 67 s, and gives up at 131 s.
    fn on_syn_timeout(&mut self, now: Instant) {
        let (linear, retries) = if self.passive {
            (0, u32::from(self.config.synack_retries))
        } else {
            (u32::from(self.config.syn_linear_timeouts), u32::from(self.config.syn_retries))
        };
        let first = *self.recovery.repair_mut().first_repeat_at.get_or_insert(now);
        let user_limit = self.recovery.syn_timeouts > 0
            && self.config.user_timeout.is_some_and(|timeout| now.since(first) >= timeout);
        // As Linux, it also ends when so many doublings would have; that tells where few are wanted.
        let tried = self.recovery.syn_timeouts > 0 && !self.passive;
        let too_long = tried
            && now.since(self.opened_at) >= time_of_retries(&self.config, self.config.rto_initial, retries);
        let put_off = self.still_put_off();
        let enough = self.recovery.syn_timeouts >= linear + retries && put_off == 0;
        let gives_up = enough || user_limit || too_long;
        self.suspect_fast_open(gives_up);
        if gives_up {
            self.fail(Error::TimedOut);
            return;
        }
        self.count_timeout(self.recovery.timeouts == 0);
        self.recovery.syn_timeouts += 1;
        self.recovery.timeouts += 1;
        if self.recovery.syn_timeouts > linear {
            self.rtt.backoff += 1;
        }
        // The peer has our SYN: it is repeated at the end of that time, for the peer to finish the handshake.
        if put_off <= 1 {
            self.repeat_syn();
        }
        self.restart_retransmit_timer(now);
    }

    /// How many more of these before a bare acknowledgement is enough, once there was one (TCP_DEFER_ACCEPT).
    fn still_put_off(&self) -> u32 {
        let put_off = self.rare.as_ref().is_some_and(|rare| rare.deferred);
        let left = u32::from(self.config.defer_accept).saturating_sub(self.recovery.syn_timeouts);
        if put_off { left } else { 0 }
    }

    fn repeat_syn(&mut self) {
        self.counters.total_retrans += 1;
        self.syn_repeated = true;
        if !self.passive {
            self.queue_cwr();
        }
        self.syn_due = true;
    }

    /// Data or FIN is unacknowledged.
    fn on_data_timeout(&mut self, now: Instant) {
        if self.flight() == 0 {
            return;
        }
        let gives_up = self.has_tried_enough(now);
        self.suspect_fast_open(gives_up);
        if gives_up {
            self.fail(Error::TimedOut);
            return;
        }
        if self.recovery.repair().first_repeat_at.is_some_and(|first| {
            now.since(first)
                >= time_of_retries(&self.config, self.config.rto_min, self.config.retries1.into())
        }) {
            self.suspect_black_hole(now);
        }
        self.enter_loss(now);
        self.count_timeout(self.recovery.timeouts == 0);
        self.recovery.timeouts += 1;
        self.recovery.repair_mut().first_repeat_at.get_or_insert(now);
        self.recovery.resend_head = true;
        self.recovery.repeat = Repeat::Lost;
        // Section 5.5.
        self.rtt.backoff = if self.is_thin() { 0 } else { self.rtt.backoff + 1 };
        self.restart_retransmit_timer(now);
    }

    /// As Linux: with so little in flight there are no duplicates to tell of a loss, so timeouts keep their distance for
    /// a while, if the host wishes.
    fn is_thin(&self) -> bool {
        self.config.thin_linear_timeouts
            && self.state == State::Established
            && self.recovery.sent.packets() < THIN
            && self.ssthresh != u32::MAX
            && self.recovery.timeouts <= THIN_RETRIES
    }

    /// RFC 5681, section 3.1: a timeout. What has been on its way for longer than a round trip is lost, and the window
    /// is one segment more than what is not.
    pub(crate) fn enter_loss(&mut self, now: Instant) {
        let begins = match self.recovery.phase {
            Phase::Open | Phase::Disorder => true,
            Phase::Cwr | Phase::Recovery | Phase::Loss => false,
        };
        let mistakable = begins || self.recovery.phase == Phase::Cwr || self.recovery.timeouts > 0;
        let disordered = begins && self.recovery.sacked_out() >= self.config.reordering;
        self.mark_lost_by_timeout(now);
        // Equation 4: once for each window; what was sent again doesn't tell its worth.
        let whole_window = !self.recovery.high_seq.after(self.snd_una);
        let again = self.recovery.phase == Phase::Loss && self.recovery.timeouts == 0;
        if begins || whole_window || again {
            self.recovery.repair_mut().undo_ssthresh = Some(self.current_ssthresh());
            self.recovery.repair_mut().undo_cwnd = self.cwnd;
            self.reduce_ssthresh();
            self.begin_undo();
        }
        self.cwnd = (self.recovery.pipe() + 1).saturating_mul(self.snd_mss());
        self.cwnd_credit = 0;
        if disordered {
            self.recovery.reordering = self.recovery.reordering.min(self.config.reordering);
        }
        self.recovery.phase = Phase::Loss;
        self.control.algorithm().on_timeout(now, self.snd_nxt);
        self.recovery.high_seq = self.snd_nxt;
        self.recovery.probe_high = None;
        self.queue_cwr();
        // RFC 5682, section 2.1, step 1.
        self.recovery.frto = mistakable && self.config.frto && !self.is_mtu_probe_out();
    }

    /// Takes for lost all that RACK would by now. If the peer says that it has the first, it has thrown it away
    /// (RFC 2018, section 8): what it said doesn't count any more.
    fn mark_lost_by_timeout(&mut self, now: Instant) {
        let reneged = self.recovery.sent.first().is_some_and(|sent| sent.sacked);
        self.recovery.reno_sacked = 0;
        if reneged {
            self.recovery.sent.change_all(|_, sent| sent.sacked = false);
        }
        for at in 0..self.recovery.sent.len() {
            let Some(&sent) = self.recovery.sent.get(at) else { break };
            if at == 0 || reneged || self.rack_deadline(&sent, Duration::ZERO) <= now {
                self.recovery.mark_lost(at);
            }
        }
    }

    fn has_tried_enough(&self, now: Instant) -> bool {
        let Some(first) = self.recovery.repair().first_repeat_at else { return false };
        let tried = now.since(first);
        if self.config.user_timeout.is_some_and(|timeout| tried >= timeout) {
            return true;
        }
        // RFC 9293, section 3.8.6.1: a peer that shut its window and still answers is alive.
        if self.snd_wnd == 0 && !self.orphan && now.since(self.last_heard) < self.config.rto_max {
            return false;
        }
        tried >= time_of_retries(&self.config, self.config.rto_min, self.config.retries(self.orphan))
    }
}

/// How long `retries` repetitions take from this RTO on: 924.6 s for 15 at the smallest (Linux's tcp_retries2).
fn time_of_retries(config: &Config, base: Duration, retries: u32) -> Duration {
    let base = base.max(Duration::from_millis(1));
    let ratio = config.rto_max.as_nanos() / base.as_nanos();
    let doublings = ratio.max(1).ilog2().min(29);
    if retries <= doublings {
        base.saturating_mul((2 << retries) - 1)
    } else {
        let flat = config.rto_max.saturating_mul(retries - doublings);
        base.saturating_mul((2 << doublings) - 1).saturating_add(flat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_as_linux_reckons_them() {
        let config = Config::default();
        let time = |retries| time_of_retries(&config, config.rto_min, retries);
        assert_eq!(time(15), Duration::from_millis(924_600));
        assert_eq!(time(8), Duration::from_millis(102_200));
        assert_eq!(time(0), Duration::from_millis(200));
        assert_eq!(time_of_retries(&config, config.rto_initial, 1), Duration::from_secs(3));
    }
}
