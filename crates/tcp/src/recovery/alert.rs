//! The phases: what an acknowledgement that isn't plain progress leads to (Linux's tcp_fastretrans_alert).

use sockeye_base::{Duration, Instant};

use super::ack::Seen;
use super::{Armed, Phase, Repeat};
use crate::tcb::Tcb;
use crate::timers::Timer;

impl Tcb {
    pub(super) fn alert(&mut self, now: Instant, seen: &mut Seen) {
        if self.recovery.sent.is_empty() {
            self.recovery.reno_sacked = 0;
        }
        if seen.echo {
            // Whatever else turns out, the reduction is due.
            self.recovery.forget(|repair| repair.undo_ssthresh = None);
        }
        if seen.reneged && seen.advanced {
            // RFC 2018, section 8: the peer may have thrown away what it had. A little later a timeout begins anew.
            let delay = (self.rtt.srtt().unwrap_or_default() / 2).max(Duration::from_millis(10));
            self.timers.set(Timer::Retransmit, now + delay);
            self.recovery.armed = Armed::Timeout;
            seen.set_timer = false;
            return;
        }
        if self.recovery.phase == Phase::Open {
            self.recovery.forget(|repair| repair.retrans_stamp = None);
        } else if self.recovery.phase == Phase::Recovery && self.snd_una.at_or_after(self.recovery.high_seq) {
            if !self.negotiated.sack {
                self.recovery.reno_sacked = 0;
            }
            let hold = self.try_undo_recovery();
            self.recovery.rack.persist = self.recovery.rack.persist.saturating_sub(1);
            if hold {
                return;
            }
            // The window has come down, unless that was undone.
            if self.recovery.repair().undo_marker.is_some() {
                self.end_reduction();
            }
        } else if self.recovery.phase == Phase::Cwr && self.snd_una.after(self.recovery.high_seq) {
            // Something later is acknowledged, so the peer has seen our CWR.
            self.end_reduction();
            self.recovery.phase = Phase::Open;
        }
        match self.recovery.phase {
            Phase::Recovery => {
                if !seen.advanced {
                    if !self.negotiated.sack {
                        self.add_reno_sacks(seen.duplicates);
                    }
                } else if self.try_undo_partial(seen.prior_una) {
                    return;
                }
                if self.try_undo_dsack() {
                    self.try_to_open(seen.echo);
                }
                self.identify_losses(now, seen);
                if self.recovery.phase != Phase::Recovery {
                    if self.recovery.sent.lost() == 0 {
                        return;
                    }
                    self.enter_recovery(seen.echo);
                }
            }
            Phase::Loss => {
                self.process_loss(seen);
                self.identify_losses(now, seen);
                if !(self.recovery.phase == Phase::Open || seen.lost_again) {
                    return;
                }
                if !self.look_for_losses(now, seen) {
                    return;
                }
            }
            Phase::Open | Phase::Disorder | Phase::Cwr => {
                if !self.look_for_losses(now, seen) {
                    return;
                }
            }
        }
        self.recovery.repeat = Repeat::Lost;
    }

    /// Whether recovery begins.
    fn look_for_losses(&mut self, now: Instant, seen: &mut Seen) -> bool {
        if !self.negotiated.sack {
            if seen.advanced {
                self.recovery.reno_sacked = 0;
            }
            self.add_reno_sacks(seen.duplicates);
        }
        if matches!(self.recovery.phase, Phase::Open | Phase::Disorder) {
            self.try_undo_dsack();
        }
        self.identify_losses(now, seen);
        if self.recovery.sent.lost() == 0 {
            self.try_to_open(seen.echo);
            return false;
        }
        if matches!(self.recovery.phase, Phase::Open | Phase::Disorder) && self.was_mtu_probe_lost() {
            return false;
        }
        self.enter_recovery(seen.echo);
        true
    }

    fn identify_losses(&mut self, now: Instant, seen: &mut Seen) {
        if self.recovery.sent.is_empty() {
            return;
        }
        if !self.negotiated.sack {
            self.newreno_mark_lost(seen.advanced);
            return;
        }
        let resent = self.recovery.sent.resent();
        if self.rack_mark_lost(now) {
            seen.set_timer = false;
        }
        seen.lost_again |= resent > self.recovery.sent.resent();
    }

    /// Fast recovery begins. `echo`: with a sign of congestion that can't be mistaken.
    pub(super) fn enter_recovery(&mut self, echo: bool) {
        self.begin_undo();
        self.recovery.forget(|repair| repair.undo_ssthresh = None);
        if !self.recovery.phase.reduces() {
            self.recovery.repair_mut().undo_ssthresh = Some(self.current_ssthresh()).filter(|_| !echo);
            self.begin_reduction();
        }
        self.recovery.phase = Phase::Recovery;
    }

    /// The threshold if the window were not being reduced: three quarters of the window at least.
    pub(crate) fn current_ssthresh(&self) -> u32 {
        if self.recovery.phase.reduces() { self.ssthresh } else { self.ssthresh.max(self.cwnd / 4 * 3) }
    }
}
