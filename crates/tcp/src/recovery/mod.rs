//! Finding and repairing losses, as Linux does: what is in flight (`sent`); what an acknowledgement says of it (`ack`,
//! `scoreboard`); the states that follow from that and leaving them when they were mistaken (`alert`, `undo`); what is
//! taken for lost by time (`rack`), by duplicates alone (`newreno`), by silence (`tail`, `rto`); how fast the window
//! shrinks meanwhile (`prr`).
//!
//! RFC 6675's rules are not separate here: RACK (RFC 8985) with its three-duplicates rule covers them, as in Linux.

mod ack;
mod alert;
mod newreno;
mod prr;
mod rack;
mod rto;
mod scoreboard;
mod sent;
mod tail;
mod undo;

use sockeye_base::{Instant, SeqNum};
use sockeye_wire::tcp::Segment;

use crate::output::MOST_AT_ONCE;
use crate::tcb::Tcb;
pub(crate) use rack::Rack;
pub(crate) use sent::{Sent, SentList};

/// How losses are being repaired; Linux's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// None is known.
    Open,
    /// Something came out of order, or was repeated: perhaps a loss.
    Disorder,
    /// The network tells of congestion, nothing is lost (RFC 3168): the window shrinks (RFC 6937).
    Cwr,
    /// Fast recovery: the window shrinks (RFC 6937), what is lost is repeated.
    Recovery,
    /// After a timeout (RFC 5681, section 3.1): slow start.
    Loss,
}

impl Phase {
    /// Linux's number (TCP_CA_*).
    pub(crate) fn number(self) -> u8 {
        match self {
            Phase::Open => 0,
            Phase::Disorder => 1,
            Phase::Cwr => 2,
            Phase::Recovery => 3,
            Phase::Loss => 4,
        }
    }

    /// The window shrinks with what arrives.
    pub(crate) fn reduces(self) -> bool {
        match self {
            Phase::Cwr | Phase::Recovery => true,
            Phase::Open | Phase::Disorder | Phase::Loss => false,
        }
    }
}

/// What may be sent in answer to the latest event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Nothing again.
    Nothing,
    /// What is lost, as far as the window lets it.
    Lost,
    /// New data, to see whether the timeout was mistaken (RFC 5682); if there is none, what is lost.
    NewFirst,
}

/// What the retransmission timer is running for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Armed {
    /// RFC 6298's timeout.
    Timeout,
    /// RFC 8985's tail loss probe.
    Probe,
    /// RFC 8985's reordering timer.
    Reordering,
    /// The SYN-ACK of a connection that opened fast: nothing else is timed before that is acknowledged.
    SynAck,
}

/// What is known about losses.
#[derive(Debug)]
pub(crate) struct Recovery {
    pub(crate) phase: Phase,
    /// What is in flight.
    pub(crate) sent: SentList,
    /// SND.NXT when the phase began: repair ends there.
    pub(crate) high_seq: SeqNum,
    pub(crate) repeat: Repeat,
    /// A timeout: the first segment goes again, whatever the windows.
    pub(crate) resend_head: bool,
    /// A probe of the tail is due.
    pub(crate) probe_tail: bool,
    pub(crate) armed: Armed,
    /// Timeouts since the last progress.
    pub(crate) timeouts: u32,
    /// Timeouts of the SYN.
    pub(crate) syn_timeouts: u32,
    /// Without SACK: duplicate acknowledgements, each for a segment that the peer has.
    pub(crate) reno_sacked: u32,
    /// How many segments may overtake one.
    pub(crate) reordering: u32,
    /// How often reordering was seen.
    pub(crate) reord_seen: u32,
    /// Made by the first loss.
    repair: Option<Box<Repair>>,
    /// Whether the timeout was mistaken is being found out (RFC 5682).
    pub(crate) frto: bool,
    /// SND.NXT when the tail was probed, until it is known what came of that.
    pub(crate) probe_high: Option<SeqNum>,
    /// That probe repeated a segment.
    pub(crate) probe_resent: bool,
    pub(crate) rack: Rack,
    /// The latest acknowledgement's echo of our clock.
    pub(crate) echo: Option<u32>,
    /// Segments that arrived, and that were taken for lost, in all; they wrap around.
    pub(crate) delivered: u32,
    pub(crate) lost_in_all: u32,
    /// Segments that the peer says it got twice (RFC 2883).
    pub(crate) dsack_dups: u32,
}

/// What is kept in mind while losses are repaired, and to take back what was done if they were none.
#[derive(Debug)]
pub(crate) struct Repair {
    /// When the first timeout since the last progress was: giving up counts from there.
    pub(crate) first_repeat_at: Option<Instant>,
    /// Proportional rate reduction, segments: what was delivered and sent since it began.
    pub(crate) prr_delivered: u32,
    pub(crate) prr_out: u32,
    /// The window and the threshold before the reduction, bytes; no threshold: it can't be undone.
    pub(crate) undo_cwnd: u32,
    pub(crate) undo_ssthresh: Option<u32>,
    /// SND.UNA when the reduction was made, while it may turn out to be mistaken.
    pub(crate) undo_marker: Option<SeqNum>,
    /// Repetitions of which the peer hasn't said that they were needless; `None` until there is one.
    pub(crate) undo_retrans: Option<u32>,
    /// When the first repetition of this recovery was made, on our timestamps' clock.
    pub(crate) retrans_stamp: Option<u32>,
}

/// Nothing was ever lost.
static NO_REPAIR: Repair = Repair {
    first_repeat_at: None,
    prr_delivered: 0,
    prr_out: 0,
    undo_cwnd: 0,
    undo_ssthresh: None,
    undo_marker: None,
    undo_retrans: None,
    retrans_stamp: None,
};

impl Recovery {
    pub(crate) fn repair(&self) -> &Repair {
        self.repair.as_deref().unwrap_or(&NO_REPAIR)
    }

    pub(crate) fn repair_mut(&mut self) -> &mut Repair {
        self.repair.get_or_insert_with(|| Box::new(Repair { ..NO_REPAIR }))
    }

    /// Takes something back to what it was before any loss: nothing to do if there was none.
    pub(crate) fn forget(&mut self, forget: impl FnOnce(&mut Repair)) {
        if let Some(repair) = &mut self.repair {
            forget(repair);
        }
    }

    pub(crate) fn new(iss: SeqNum, reordering: u32) -> Recovery {
        Recovery {
            phase: Phase::Open,
            sent: SentList::default(),
            high_seq: iss,
            repeat: Repeat::Nothing,
            resend_head: false,
            probe_tail: false,
            armed: Armed::Timeout,
            timeouts: 0,
            syn_timeouts: 0,
            reno_sacked: 0,
            reordering,
            reord_seen: 0,
            repair: None,
            frto: false,
            probe_high: None,
            probe_resent: false,
            rack: Rack::default(),
            echo: None,
            delivered: 0,
            lost_in_all: 0,
            dsack_dups: 0,
        }
    }

    /// Nothing is lost, repeated or in doubt, as far as is known.
    pub(crate) fn is_calm(&self) -> bool {
        self.phase == Phase::Open && self.reno_sacked == 0 && self.probe_high.is_none() && self.rack.is_calm()
    }

    /// So many segments have arrived.
    pub(crate) fn deliver(&mut self, count: u32) {
        self.delivered = self.delivered.wrapping_add(count);
    }

    /// Segments that the peer has beyond SND.UNA, as far as we know.
    pub(crate) fn sacked_out(&self) -> u32 {
        self.sent.sacked() + self.reno_sacked
    }

    /// Segments in the network (RFC 6675's pipe).
    pub(crate) fn pipe(&self) -> u32 {
        let left = self.sacked_out() + self.sent.lost();
        (self.sent.packets() + self.sent.resent()).saturating_sub(left)
    }

    /// Takes entry `at` for lost, or its repetition if it had been repeated.
    pub(crate) fn mark_lost(&mut self, at: usize) {
        let Some(sent) = self.sent.get(at).copied().filter(|sent| !sent.sacked) else { return };
        if !sent.lost || sent.resent {
            self.lost_in_all = self.lost_in_all.wrapping_add(sent.count());
        }
        self.sent.change(at, |sent| {
            sent.lost = true;
            sent.resent = false;
        });
    }

    /// Nothing is in flight any more, nor to be repeated.
    pub(crate) fn clear(&mut self) {
        self.sent.clear();
        self.reno_sacked = 0;
        self.repeat = Repeat::Nothing;
        self.resend_head = false;
        self.probe_tail = false;
    }

    /// What must always hold.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (sacked, lost) = (self.sacked_out(), self.sent.lost());
        if sacked + lost > self.sent.packets() {
            return Err(format!("{sacked} at the peer and {lost} lost of {}", self.sent.packets()));
        }
        if self.sent.resent() > self.sent.packets() {
            return Err(format!("repeated {} of {}", self.sent.resent(), self.sent.packets()));
        }
        Ok(())
    }
}

impl Tcb {
    /// How many segments cwnd still lets go.
    pub(crate) fn cwnd_room(&self) -> u32 {
        (self.cwnd / self.snd_mss()).saturating_sub(self.recovery.pipe())
    }

    /// Whether it lets one go; without dividing.
    pub(crate) fn cwnd_takes_another(&self) -> bool {
        u64::from(self.recovery.pipe() + 1) * u64::from(self.snd_mss()) <= u64::from(self.cwnd)
    }

    /// The next segment to repeat, if the windows let it go.
    pub(crate) fn next_retransmission(&mut self, now: Instant) -> Option<Segment> {
        if std::mem::take(&mut self.recovery.probe_tail)
            && let Some(probe) = self.next_tail_probe(now)
        {
            return Some(probe);
        }
        if std::mem::take(&mut self.recovery.resend_head) {
            return self.repeat(now, 0, 1, false);
        }
        if self.recovery.repeat == Repeat::NewFirst {
            if let Some(new) = self.next_new(now) {
                return Some(new);
            }
            if self.snd_nxt.after(self.recovery.high_seq) {
                self.recovery.repeat = Repeat::Nothing;
            } else {
                self.recovery.frto = false;
                self.recovery.repeat = Repeat::Lost;
            }
        }
        if self.recovery.repeat != Repeat::Lost || self.recovery.sent.lost() <= self.recovery.sent.resent() {
            return None;
        }
        let room = self.cwnd_room();
        let at = self.recovery.sent.iter().position(|sent| sent.lost && !sent.resent)?;
        let seq = self.recovery.sent.get(at)?.seq;
        // RFC 9293, section 3.8.6: into a window that has shrunk meanwhile only the first goes.
        let window = (self.snd_una + self.snd_wnd).distance_from(seq).max(0).cast_unsigned();
        let fits = if at == 0 {
            (window / self.effective_mss()).max(1)
        } else {
            window.div_ceil(self.effective_mss())
        };
        let most = room.min(fits);
        if most == 0 || self.is_paced_out(now) {
            return None;
        }
        self.repeat(now, at, most, false)
    }

    /// Repeats at most `most` segments of entry `at`.
    pub(crate) fn repeat(&mut self, now: Instant, at: usize, most: u32, probe: bool) -> Option<Segment> {
        let sent = *self.recovery.sent.get(at)?;
        self.forget_mtu_probe();
        let mss = sent.mss.min(self.effective_mss());
        if mss < sent.mss {
            self.recovery.sent.change(at, |sent| sent.mss = mss);
        }
        let at_once = if self.config.gso { (MOST_AT_ONCE / mss).max(1) } else { 1 };
        let edge = sent.seq + most.min(at_once).saturating_mul(mss).min(sent.len);
        let edge = if sent.fin && edge + 1 == sent.end() { sent.end() } else { edge };
        let at = self.recovery.sent.isolate(at, sent.seq, edge)?;
        let sent = *self.recovery.sent.get(at)?;
        let len = sent.len - u32::from(sent.fin);
        let mut segment = self.build_data(now, (sent.seq, len), (sent.push || len > mss, sent.fin));
        if len > mss {
            segment.gso_size = u16::try_from(mss).unwrap_or(u16::MAX);
        }
        self.note_repeated(now, at, probe);
        self.counters.total_retrans += sent.count();
        self.counters.bytes_retrans += u64::from(len);
        self.count_sent(&segment);
        if self.config.max_pacing_rate.is_some() {
            self.pace(now, len);
        }
        Some(segment)
    }

    /// Entry `at` has left again. Linux doesn't count a probe as part of a recovery.
    fn note_repeated(&mut self, now: Instant, at: usize, probe: bool) {
        let Some(sent) = self.recovery.sent.get(at).copied() else { return };
        self.recovery.sent.change(at, |sent| {
            sent.ever_resent = true;
            sent.sent_at = now;
            sent.resent |= !probe && !sent.sacked;
        });
        if probe {
            return;
        }
        let clock = self.timestamp_clock(now);
        let reduces = self.recovery.phase.reduces();
        let repair = self.recovery.repair_mut();
        repair.retrans_stamp.get_or_insert(clock);
        repair.undo_retrans = Some(repair.undo_retrans.unwrap_or(0) + sent.count());
        if reduces {
            repair.prr_out += sent.count();
        }
        if at == 0 && self.recovery.armed != Armed::Reordering {
            self.restart_retransmit_timer(now);
        }
    }
}
