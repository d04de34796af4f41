//! Options: what we offer in a SYN, what holds once both SYNs have been seen (RFC 9293, section 3.7.1; RFC 7323).

use sockeye_base::Instant;
use sockeye_wire::tcp::{Options, Segment, Timestamps};

use crate::config::Config;
use crate::receive_window::{ReceiveWindow, largest_window, window_of};
use crate::tcb::Tcb;

/// Bytes the timestamps option takes in each segment, padding included.
pub(crate) const TIMESTAMPS_LEN: u16 = 12;

/// RFC 9293, section 3.7.1: without the option the peer takes 536 bytes.
const DEFAULT_MSS: u16 = 536;

/// Linux sends no smaller segments, whatever the peer or ICMP say (TCP_MIN_SND_MSS, less options).
pub(crate) const SMALLEST_MSS: u16 = 48;

/// RFC 7323, section 2.3: a larger shift counts as 14.
const LARGEST_SHIFT: u8 = 14;

/// What the two SYNs agreed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Negotiated {
    /// The peer's MSS option.
    pub(crate) peer_mss: u16,
    /// How far the peer's windows, and ours, are shifted; both or neither.
    pub(crate) wscale: Option<Wscale>,
    /// Timestamps go in every segment.
    pub(crate) timestamps: bool,
    /// Either side may acknowledge selectively.
    pub(crate) sack: bool,
}

/// Window scale shifts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wscale {
    pub(crate) snd: u8,
    pub(crate) rcv: u8,
}

impl Negotiated {
    /// Before the peer's SYN has been seen.
    pub(crate) fn nothing() -> Negotiated {
        Negotiated { peer_mss: DEFAULT_MSS, wscale: None, timestamps: false, sack: false }
    }

    /// RFC 7323, sections 2.2 and 3.2, RFC 2018, section 2: scaling, timestamps and selective acknowledgements hold
    /// only if both SYNs carry them.
    pub(crate) fn new(config: &Config, syn: &Options) -> Negotiated {
        let snd = syn.window_scale.map(|shift| shift.min(LARGEST_SHIFT));
        Negotiated {
            peer_mss: syn.mss.filter(|mss| *mss > 0).unwrap_or(DEFAULT_MSS),
            wscale: snd
                .filter(|_| config.window_scaling)
                .map(|snd| Wscale { snd, rcv: offered_shift(config) }),
            timestamps: config.timestamps && syn.timestamps.is_some(),
            sack: config.sack && syn.sack_permitted,
        }
    }
}

/// The shift that lets 16 bits express the largest window there may ever be, as Linux reckons it: 10 for 32 MiB.
fn offered_shift(config: &Config) -> u8 {
    let buffer = &config.receive_buffer;
    let most = window_of(buffer.first).max(buffer.most).max(config.rmem_max).min(largest_window(config));
    (most.max(1).ilog2() as u8).saturating_sub(15).min(LARGEST_SHIFT)
}

impl Tcb {
    /// Options of our SYN, or of our SYN-ACK, which carries only what the peer's SYN had.
    pub(crate) fn syn_options(&self, now: Instant, with_ack: bool) -> Options {
        let (scale, timestamps, sack) = if with_ack {
            (self.negotiated.wscale.is_some(), self.negotiated.timestamps, self.negotiated.sack)
        } else {
            (self.config.window_scaling, self.config.timestamps, self.config.sack)
        };
        Options {
            // As Linux: what the path is known not to carry isn't asked for.
            mss: Some(self.config.mss.min(self.path_mss)),
            window_scale: scale.then(|| offered_shift(&self.config)),
            timestamps: timestamps.then(|| self.timestamps(now, with_ack)),
            sack_permitted: sack,
            ..Options::default()
        }
    }

    /// Options of any other segment.
    pub(crate) fn segment_options(&self, now: Instant, with_ack: bool) -> Options {
        let sack = with_ack && self.negotiated.sack;
        Options {
            timestamps: self.negotiated.timestamps.then(|| self.timestamps(now, with_ack)),
            sack: if sack { self.reassembly.sack_blocks(self.most_sack_blocks()) } else { Vec::new() },
            ..Options::default()
        }
    }

    /// RFC 2018, section 3: as many blocks as the header has room for.
    fn most_sack_blocks(&self) -> usize {
        if self.negotiated.timestamps { 3 } else { 4 }
    }

    /// Bytes that selective acknowledgements take from the next segment's payload.
    pub(crate) fn sack_len(&self) -> u32 {
        if !self.negotiated.sack {
            return 0;
        }
        match self.reassembly.sack_count().min(self.most_sack_blocks()) as u32 {
            0 => 0,
            count => 4 + 8 * count,
        }
    }

    /// RFC 7323, section 3.2: TSval is our clock (milliseconds, as Linux), TSecr the peer's when we acknowledge.
    fn timestamps(&self, now: Instant, with_ack: bool) -> Timestamps {
        Timestamps { value: self.timestamp_clock(now), echo: if with_ack { self.ts_recent } else { 0 } }
    }

    /// Our timestamp clock.
    pub(crate) fn timestamp_clock(&self, now: Instant) -> u32 {
        (now.as_millis() as u32).wrapping_add(self.timestamp_offset)
    }

    /// Takes over what the peer's SYN says.
    pub(crate) fn negotiate(&mut self, now: Instant, syn: &Segment) {
        self.irs = syn.seq;
        self.rcv_nxt = syn.seq + 1;
        self.last_ack_sent = self.rcv_nxt;
        self.negotiated = Negotiated::new(&self.config, &syn.options);
        self.negotiate_ecn(syn.flags);
        if let Some(timestamps) = syn.options.timestamps {
            self.ts_recent = timestamps.value;
            self.ts_recent_at = now;
        }
        if self.passive {
            self.window = ReceiveWindow::new(&self.config, self.advmss());
        }
        self.rcv_adv = self.rcv_nxt + u32::from(self.syn_window());
        // RFC 7323, section 2.2: the window of a SYN is never scaled.
        self.snd_wnd = u32::from(syn.window);
        self.max_snd_wnd = self.snd_wnd;
        self.set_snd_mss();
        self.snd_wl1 = syn.seq;
        self.snd_wl2 = syn.ack;
        self.cwnd = self.initial_cwnd();
    }

    /// Largest payload of a segment we send: what the peer takes, our link and path carry, less each segment's options. As
    /// Linux, at most half of the largest window the peer ever offered, so that a small window doesn't mean stop and go.
    pub(crate) fn snd_mss(&self) -> u32 {
        u32::from(self.snd_mss)
    }

    /// Reckons it anew: the peer has spoken, or the path.
    pub(crate) fn set_snd_mss(&mut self) {
        let searched =
            self.rare.as_ref().and_then(|rare| rare.mtu_search).map_or(u16::MAX, |search| search.low);
        let limit = self.negotiated.peer_mss.min(self.config.mss).min(self.path_mss).min(searched);
        let half = if self.max_snd_wnd > 536 { self.max_snd_wnd / 2 } else { self.max_snd_wnd };
        let bound = if half == 0 { u16::MAX } else { u16::try_from(half).unwrap_or(u16::MAX) };
        let least = SMALLEST_MSS.saturating_sub(self.option_len());
        self.snd_mss = limit.saturating_sub(self.option_len()).min(bound).max(least);
    }

    /// Bytes of the options in each segment.
    pub(crate) fn option_len(&self) -> u16 {
        if self.negotiated.timestamps { TIMESTAMPS_LEN } else { 0 }
    }

    /// Largest payload of a segment we take, once both SYNs have been seen (Linux's advmss).
    pub(crate) fn advmss(&self) -> u32 {
        let options = if self.negotiated.timestamps { TIMESTAMPS_LEN } else { 0 };
        u32::from(self.config.mss.saturating_sub(options).max(1))
    }

    /// How far the peer's windows are shifted.
    pub(crate) fn snd_shift(&self) -> u8 {
        self.negotiated.wscale.map_or(0, |wscale| wscale.snd)
    }

    /// How far our windows are shifted.
    pub(crate) fn rcv_shift(&self) -> u8 {
        self.negotiated.wscale.map_or(0, |wscale| wscale.rcv)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_must_offer() {
        let config = Config::default();
        let bare = Negotiated::new(&config, &Options::default());
        assert!(bare.peer_mss == 536 && bare.wscale.is_none() && !bare.timestamps);
        let full = Options {
            mss: Some(1400),
            window_scale: Some(200),
            timestamps: Some(Timestamps { value: 1, echo: 0 }),
            ..Options::default()
        };
        let both = Negotiated::new(&config, &full);
        assert!(both.timestamps && both.peer_mss == 1400);
        assert_eq!(both.wscale.map(|wscale| (wscale.snd, wscale.rcv)), Some((14, 10)));
        let plain = Config { window_scaling: false, timestamps: false, ..config };
        let neither = Negotiated::new(&plain, &full);
        assert!(neither.wscale.is_none() && !neither.timestamps);
    }
}
