//! RACK (RFC 8985): a segment is lost if one that left after it has arrived, and it has had the time to. How much more
//! time that is depends on the reordering seen.

use sockeye_base::{Duration, Instant, SeqNum, nanos};

use super::{Armed, Phase, Sent};
use crate::tcb::Tcb;
use crate::timers::Timer;

/// Linux lets no timer of this kind be shorter (TCP_TIMEOUT_MIN).
pub(super) const SHORTEST: Duration = Duration::from_millis(2);

/// Section 6.2, step 4: so many recoveries after the last D-SACK the window is as before.
const RECOVERIES: u32 = 16;

/// Bits of tcp_recovery.
const STATIC_WINDOW: u8 = 2;
const NO_DUPLICATES: u8 = 4;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rack {
    /// Of all segments that have arrived the one that left last: when, where it ends, and its round trip.
    sent_at: Instant,
    end: SeqNum,
    /// In nanoseconds.
    rtt: u64,
    /// There is one; it was a repetition.
    known: bool,
    resent: bool,
    /// There are news since the last look.
    pub(super) advanced: bool,
    /// Quarters of the smallest round trip in the reordering window.
    steps: u32,
    /// Recoveries until it is one again.
    pub(super) persist: u32,
    pub(super) dsack_seen: bool,
    /// SND.NXT when it was last widened: once in a round trip.
    round: Option<SeqNum>,
}

impl Default for Rack {
    fn default() -> Rack {
        Rack {
            sent_at: Instant::ZERO,
            end: SeqNum(0),
            rtt: 0,
            known: false,
            resent: false,
            advanced: false,
            steps: 1,
            persist: 0,
            dsack_seen: false,
            round: None,
        }
    }
}

impl Rack {
    /// Nothing that was repeated came twice of late.
    pub(super) fn is_calm(&self) -> bool {
        !self.dsack_seen && self.round.is_none()
    }
}

impl Tcb {
    /// Section 6.2, steps 2 and 3: `sent` has arrived.
    pub(super) fn rack_advance(&mut self, now: Instant, sent: &Sent) {
        let rtt = now.nanos_since(sent.sent_at);
        // The acknowledgement of the first, not of the repetition.
        if sent.ever_resent && self.rtt.min().is_some_and(|min| rtt < nanos(min)) {
            return;
        }
        let rack = &mut self.recovery.rack;
        rack.advanced = true;
        rack.rtt = rtt;
        let at = rack.sent_at;
        if !rack.known || sent.sent_at > at || (sent.sent_at == at && sent.end().after(rack.end)) {
            rack.known = true;
            rack.resent = sent.ever_resent;
            rack.sent_at = sent.sent_at;
            rack.end = sent.end();
        }
    }

    /// Section 6.2, step 4: the peer got repetitions it did not need, so it takes longer than we thought.
    pub(super) fn rack_widen(&mut self, news: bool) {
        let widens = self.config.rack & STATIC_WINDOW == 0;
        if !widens || !news {
            return;
        }
        let (una, nxt) = (self.snd_una, self.snd_nxt);
        let rack = &mut self.recovery.rack;
        if rack.round.is_some_and(|round| una.at_or_after(round)) {
            rack.round = None;
        }
        if std::mem::take(&mut rack.dsack_seen) && rack.round.is_none() {
            rack.steps = (rack.steps + 1).min(255);
            rack.persist = RECOVERIES;
            rack.round = Some(nxt);
        } else if rack.persist == 0 {
            rack.steps = 1;
        }
    }

    /// Linux lets it last for another recovery if the last one was mistaken.
    pub(super) fn rack_persist(&mut self) {
        self.recovery.rack.persist = (self.recovery.rack.persist + 1).min(RECOVERIES);
    }

    /// How long others may overtake a segment (section 6.2, step 4). As long as no reordering was seen: not at all
    /// in recovery, nor after three segments.
    fn rack_window(&self) -> Duration {
        let recovery = &self.recovery;
        if recovery.reord_seen == 0 {
            let repairing = match recovery.phase {
                Phase::Open | Phase::Disorder | Phase::Cwr => false,
                Phase::Recovery | Phase::Loss => true,
            };
            let enough =
                self.config.rack & NO_DUPLICATES == 0 && recovery.sacked_out() >= recovery.reordering;
            if repairing || enough {
                return Duration::ZERO;
            }
        }
        let Some(srtt) = self.rtt.srtt() else { return Duration::ZERO };
        let least = self.rtt.min().unwrap_or(srtt) / 4;
        least.saturating_mul(recovery.rack.steps).min(srtt)
    }

    /// When a segment will have been on its way for too long.
    pub(super) fn rack_deadline(&self, sent: &Sent, window: Duration) -> Instant {
        sent.sent_at + Duration::from_nanos(self.recovery.rack.rtt) + window
    }

    /// Section 6.2, step 5: takes for lost what has had its time; sets the timer for what has not. Says whether it is
    /// set.
    pub(super) fn rack_mark_lost(&mut self, now: Instant) -> bool {
        if !std::mem::take(&mut self.recovery.rack.advanced) {
            return false;
        }
        let Some(latest) = self.rack_detect(now) else { return false };
        self.timers.set(Timer::Retransmit, latest.max(now) + SHORTEST);
        self.recovery.armed = Armed::Reordering;
        true
    }

    /// Gives the last deadline of those whose time is not up.
    pub(super) fn rack_detect(&mut self, now: Instant) -> Option<Instant> {
        let (latest, end, resent) =
            (self.recovery.rack.sent_at, self.recovery.rack.end, self.recovery.rack.resent);
        if !self.recovery.rack.known || self.recovery.sent.sacked() + self.recovery.sent.resent() == 0 {
            // In order so far: nothing was overtaken.
            return None;
        }
        let window = self.rack_window();
        let mut wait = None;
        for at in 0..self.recovery.sent.len() {
            let Some(&sent) = self.recovery.sent.get(at) else { break };
            // What left at one moment left in the order of sequence numbers; unless it was partly a repetition.
            let overtaken = sent.sent_at < latest
                || (sent.sent_at == latest && sent.end().before(end) && sent.ever_resent == resent);
            if !overtaken && !sent.ever_resent {
                // Those behind it left later still, or they were repeated and will be found in the next round.
                if sent.sent_at > latest {
                    break;
                }
                continue;
            }
            if sent.sacked || (sent.lost && !sent.resent) || !overtaken {
                continue;
            }
            let deadline = self.rack_deadline(&sent, window);
            if deadline <= now {
                self.recovery.mark_lost(at);
            } else {
                wait = wait.max(Some(deadline));
            }
        }
        wait
    }

    /// Section 6.3: the reordering timer is due.
    pub(super) fn on_reordering_timer(&mut self, now: Instant) {
        let pipe = self.recovery.pipe();
        self.rack_detect(now);
        if self.recovery.pipe() != pipe {
            if self.recovery.phase != Phase::Recovery {
                self.enter_recovery(false);
                self.reduce_cwnd(1, true, false);
            }
            self.recovery.repeat = super::Repeat::Lost;
        }
        self.rearm_timeout(now);
    }
}
