//! Finding out how large packets may be where ICMP doesn't tell (RFC 4821), as Linux does: when segments time out again
//! and again, smaller ones are tried (a black hole); then, or from the start where that is wanted, now and then a larger
//! one is sent to see whether it arrives.
//!
//! Sizes are of segments with their options, without: what `path_mss` counts.

use sockeye_base::{Instant, SeqNum};
use sockeye_wire::tcp::Segment;

use crate::recovery::Phase;
use crate::tcb::Tcb;

/// A window of fewer segments isn't risked.
const LEAST_WINDOW: u32 = 11;

/// Bytes of the headers of a packet without options (IPv4's).
const HEADERS: u32 = 40;

/// A search under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MtuSearch {
    /// This size arrives; larger than that one doesn't.
    pub(crate) low: u16,
    high: u16,
    /// The probe that is out: where it begins and ends, its size.
    probe: Option<(SeqNum, SeqNum, u16)>,
    /// When the range was last whole.
    since: Instant,
}

impl Tcb {
    fn mtu_search(&mut self) -> Option<&mut MtuSearch> {
        self.rare.as_mut()?.mtu_search.as_mut()
    }

    fn largest(&self) -> u16 {
        self.negotiated.peer_mss.min(self.path_mss)
    }

    /// tcp_mtu_probing above 1: who connects starts small. (Who accepts does as Linux, whose search begins there when the path
    /// changes: with what the path is said to take.)
    pub(crate) fn begin_mtu_search(&mut self, now: Instant) {
        let high = self.largest();
        let base = u16::try_from(self.config.base_mss).unwrap_or(u16::MAX);
        let low = base.saturating_add(self.option_len()).min(high);
        self.rare().mtu_search = Some(MtuSearch { low, high, probe: None, since: now });
    }

    /// RFC 4821, section 7.7: what is sent times out for so long (tcp_retries1) that it may be too large.
    pub(crate) fn suspect_black_hole(&mut self, now: Instant) {
        if self.config.mtu_probing == 0 {
            return;
        }
        let options = self.option_len();
        let (base, floor) = (self.config.base_mss, self.config.mtu_probe_floor);
        match self.mtu_search() {
            None => self.begin_mtu_search(now),
            Some(search) => {
                let half = u32::from(search.low.saturating_sub(options) / 2).min(base).max(floor);
                search.low = u16::try_from(half).unwrap_or(u16::MAX).saturating_add(options);
            }
        }
        self.change_mss();
    }

    /// The largest segment changes; windows are counted in segments, as Linux has it.
    pub(crate) fn change_mss(&mut self) {
        let old = self.snd_mss();
        self.set_snd_mss();
        let new = self.snd_mss();
        if new == old {
            return;
        }
        self.cwnd = (self.cwnd / old).max(1) * new;
        if self.ssthresh != u32::MAX {
            self.ssthresh = self.ssthresh / old * new;
        }
    }

    /// Section 7.2: a probe half way between what arrives and what may not, with enough behind it that its loss is seen.
    /// `Err`: it is worth waiting until it can be sent.
    pub(crate) fn next_mtu_probe(&mut self, now: Instant) -> Result<Option<Segment>, ()> {
        let (options, mss) = (self.option_len(), self.snd_mss());
        let idle = self.recovery.phase == Phase::Open && self.cwnd / mss >= LEAST_WINDOW;
        let Some(&mut MtuSearch { low, high, probe: None, .. }) = self.mtu_search().filter(|_| idle) else {
            return Ok(None);
        };
        if u32::from(high.saturating_sub(low)) < self.config.mtu_probe_threshold.max(1) {
            self.search_again(now);
            return Ok(None);
        }
        let size = low + (high - low) / 2;
        let len = u32::from(size.saturating_sub(options));
        let needed = len + (self.recovery.reordering + 1) * mss;
        if self.unsent() < needed || self.snd_wnd < needed || self.within_record(self.snd_nxt, len).1 {
            return Ok(None);
        }
        let pipe = self.recovery.pipe();
        if self.usable_window() < needed || pipe + 2 > self.cwnd / mss {
            return if pipe == 0 { Ok(None) } else { Err(()) };
        }
        if self.is_paced_out(now) {
            return Ok(None);
        }
        let seq = self.snd_nxt;
        let segment = self.send_sized(now, len, len, false);
        // It counts for two.
        self.cwnd -= mss;
        if let Some(search) = self.mtu_search() {
            search.probe = Some((seq, seq + len, size));
        }
        Ok(Some(segment))
    }

    /// tcp_probe_interval: after a while the path may have become another.
    fn search_again(&mut self, now: Instant) {
        let (largest, interval) = (self.largest(), self.config.mtu_probe_interval);
        let low = u16::try_from(self.snd_mss()).unwrap_or(u16::MAX).saturating_add(self.option_len());
        if let Some(search) = self.mtu_search().filter(|search| now.since(search.since) >= interval) {
            (search.low, search.high, search.since) = (low.min(largest), largest, now);
        }
    }

    /// SND.UNA has moved: if past the probe, it arrived (section 7.6.1).
    pub(crate) fn note_mtu_probe_acked(&mut self) {
        let (una, options) = (self.snd_una, self.option_len());
        let Some(search) = self.mtu_search() else { return };
        let Some((_, _, size)) = search.probe.filter(|(_, end, _)| una.at_or_after(*end)) else { return };
        (search.low, search.probe) = (size, None);
        let (old, threshold) = (self.snd_mss(), self.current_ssthresh());
        // Linux keeps the window's bytes, headers included.
        let (before, after) = (old + u32::from(options) + HEADERS, u32::from(size) + HEADERS);
        let segments = u64::from(self.cwnd / old) * u64::from(before) / u64::from(after);
        self.ssthresh = threshold;
        self.cwnd = u32::try_from(segments).unwrap_or(u32::MAX).max(1) * old;
        self.change_mss();
    }

    /// Whether the loss that was found is the probe's, and no sign of congestion (section 7.6.2): then what it held goes
    /// again in segments as they were.
    pub(crate) fn was_mtu_probe_lost(&mut self) -> bool {
        let (una, mss) = (self.snd_una, self.snd_mss());
        let Some(search) = self.mtu_search() else { return false };
        let Some((_, _, size)) = search.probe.filter(|(seq, ..)| *seq == una) else { return false };
        (search.high, search.probe) = (size - 1, None);
        self.cwnd += mss;
        self.resend_smaller();
        true
    }

    /// Something is repeated: what became of the probe can't be told any more.
    pub(crate) fn forget_mtu_probe(&mut self) {
        if let Some(search) = self.mtu_search() {
            search.probe = None;
        }
    }

    pub(crate) fn is_mtu_probe_out(&self) -> bool {
        self.rare.as_ref().and_then(|rare| rare.mtu_search).is_some_and(|search| search.probe.is_some())
    }
}
