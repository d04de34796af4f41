//! The transmission control block: everything one connection knows (RFC 9293, section 3.3.1), flat, under the RFC's
//! names, and what must always hold among it. What happens to it is in `input`, `output`, `user` and `timers`.

use std::sync::Arc;

use sockeye_base::{Chain, Duration, Instant, SeqNum};
use sockeye_wire::tcp::Segment;

use crate::config::{Config, Ports, SharedConfig};
use crate::congestion::Control;
use crate::error::Error;
use crate::info::{Counters, Info};
use crate::options::Negotiated;
use crate::output::Sending;
use crate::rare::Rare;
use crate::reassembly::Reassembly;
use crate::receive_window::ReceiveWindow;
use crate::recovery::Recovery;
use crate::rtt::Rtt;
use crate::send_buffer::SendBuffer;
use crate::state::State;
use crate::timers::{Timer, Timers};
use crate::urgent::Urgent;

/// One connection.
///
/// Feed it [`Tcb::input`] and the user's calls; after each, and when the time it named has come, call
/// [`Tcb::decide`] until it says [`crate::Decision::Wait`].
#[derive(Debug)]
pub struct Tcb {
    pub(crate) config: SharedConfig,
    pub(crate) ports: Ports,
    pub(crate) state: State,
    /// The connection began with the peer's SYN at a listener.
    pub(crate) passive: bool,
    /// What ended the connection.
    pub(crate) error: Option<Error>,
    /// What ICMP said meanwhile.
    pub(crate) soft_error: Option<Error>,

    // Send sequence space.
    pub(crate) iss: SeqNum,
    pub(crate) snd_una: SeqNum,
    /// Highest sequence number ever sent, plus one; repeating doesn't move it back.
    pub(crate) snd_nxt: SeqNum,
    pub(crate) snd_wnd: u32,
    pub(crate) snd_wl1: SeqNum,
    pub(crate) snd_wl2: SeqNum,
    /// Largest window the peer ever offered.
    pub(crate) max_snd_wnd: u32,
    /// End of the last segment sent that wasn't full (Minshall's variant of Nagle).
    pub(crate) snd_sml: SeqNum,
    /// What our path takes: the link's MSS, lessened by ICMP.
    pub(crate) path_mss: u16,
    /// Largest payload of a segment we send; see [`Tcb::set_snd_mss`].
    pub(crate) snd_mss: u16,
    /// From `snd_una` (from the SYN's end while that is unacknowledged).
    pub(crate) send_buffer: SendBuffer,
    /// The user has nothing more to send: FIN goes behind the queued data.
    pub(crate) fin_wanted: bool,
    pub(crate) fin_sent: bool,
    pub(crate) sending: Sending,

    // Receive sequence space.
    pub(crate) irs: SeqNum,
    pub(crate) rcv_nxt: SeqNum,
    /// Right edge of the window as the peer knows it: `rcv_nxt` + RCV.WND. Never moves left.
    pub(crate) rcv_adv: SeqNum,
    pub(crate) window: ReceiveWindow,
    /// Estimate of the peer's segments' payload.
    pub(crate) rcv_mss: u32,
    /// In order, not read yet.
    pub(crate) receive_queue: Chain,
    pub(crate) reassembly: Reassembly,
    /// The peer's FIN came: the stream's end is known.
    pub(crate) fin_received: bool,
    /// The user reads no more.
    pub(crate) receive_shutdown: bool,
    /// The user is gone (close): data that still comes is answered by a reset.
    pub(crate) orphan: bool,

    // What is owed.
    pub(crate) syn_due: bool,
    pub(crate) reset_due: bool,
    pub(crate) ack_now: bool,
    pub(crate) probe_due: bool,

    /// What is urgent, either way.
    pub(crate) urgent: Option<Box<Urgent>>,

    // Acknowledging.
    /// `rcv_nxt` as last told to the peer (RFC 7323's Last.ACK.sent).
    pub(crate) last_ack_sent: SeqNum,
    /// How many more acknowledgements go without delay.
    pub(crate) quick_acks: u8,
    /// We answer what comes with data of our own, so acknowledgements have company.
    pub(crate) interactive: bool,
    /// When an out-of-window segment was last answered (RFC 5961's limit).
    pub(crate) last_oow_ack: Option<Instant>,

    // Options.
    pub(crate) negotiated: Negotiated,
    pub(crate) timestamp_offset: u32,
    pub(crate) ts_recent: u32,
    pub(crate) ts_recent_at: Instant,

    // Round trips, losses, congestion.
    pub(crate) rtt: Rtt,
    /// Our SYN went more than once: its round trip is unknown (RFC 6298, section 3).
    pub(crate) syn_repeated: bool,
    pub(crate) recovery: Recovery,
    pub(crate) control: Control,
    pub(crate) cwnd: u32,
    pub(crate) ssthresh: u32,
    pub(crate) cwnd_credit: u32,

    pub(crate) timers: Timers,
    /// Zero-window or keepalive probes since the peer was last heard.
    pub(crate) probes: u32,
    /// Doublings of the distance between zero-window probes.
    pub(crate) persist_backoff: u32,

    // When.
    pub(crate) opened_at: Instant,
    pub(crate) established_at: Option<Instant>,
    pub(crate) last_heard: Instant,
    pub(crate) last_data_sent: Option<Instant>,
    pub(crate) last_data_received: Option<Instant>,
    pub(crate) counters: Counters,
    pub(crate) rare: Option<Box<Rare>>,
}

/// How many acknowledgements at the start of a connection go without delay (Linux's TCP_MAX_QUICKACKS).
pub(crate) const QUICK_ACKS: u8 = 16;

impl Tcb {
    /// Opens actively: SYN-SENT. The SYN comes from [`Tcb::decide`].
    pub fn connect(
        now: Instant,
        config: impl Into<Arc<Config>>,
        ports: Ports,
        iss: SeqNum,
        timestamp_offset: u32,
    ) -> Tcb {
        let mut tcb = Tcb::new(now, config.into(), ports, iss, timestamp_offset);
        tcb.ask_for_ecn();
        tcb
    }

    /// Opens passively, for a listener that got `syn`: SYN-RECEIVED. The ports are the SYN's; the SYN-ACK comes from
    /// [`Tcb::decide`]. Data in the SYN is left for the peer to repeat, as Linux does without fast open.
    pub fn accept(
        now: Instant,
        config: impl Into<Arc<Config>>,
        iss: SeqNum,
        timestamp_offset: u32,
        syn: &Segment,
    ) -> Tcb {
        let ports = Ports { local: syn.destination, remote: syn.source };
        let mut tcb = Tcb::new(now, config.into(), ports, iss, timestamp_offset);
        tcb.state = State::SynReceived;
        tcb.passive = true;
        tcb.counters.segs_in += syn.count() as u32;
        tcb.negotiate(now, syn);
        tcb
    }

    fn new(now: Instant, config: Arc<Config>, ports: Ports, iss: SeqNum, timestamp_offset: u32) -> Tcb {
        let mut tcb = Tcb {
            ports,
            state: State::SynSent,
            passive: false,
            error: None,
            soft_error: None,
            iss,
            snd_una: iss,
            snd_nxt: iss + 1,
            snd_wnd: 0,
            snd_wl1: SeqNum(0),
            snd_wl2: iss,
            max_snd_wnd: 0,
            snd_sml: iss,
            path_mss: config.mss,
            snd_mss: 0,
            send_buffer: SendBuffer::default(),
            fin_wanted: false,
            fin_sent: false,
            sending: Sending::new(iss, config.send_buffer.first),
            irs: SeqNum(0),
            rcv_nxt: SeqNum(0),
            rcv_adv: SeqNum(0),
            window: ReceiveWindow::new(&config, u32::from(config.mss)),
            rcv_mss: u32::from(config.mss.min(536)),
            receive_queue: Chain::new(),
            reassembly: Reassembly::default(),
            fin_received: false,
            receive_shutdown: false,
            orphan: false,
            syn_due: true,
            reset_due: false,
            ack_now: false,
            probe_due: false,
            urgent: None,
            last_ack_sent: SeqNum(0),
            quick_acks: QUICK_ACKS,
            interactive: !config.quick_ack,
            last_oow_ack: None,
            negotiated: Negotiated::nothing(),
            timestamp_offset,
            ts_recent: 0,
            ts_recent_at: now,
            rtt: Rtt::new(),
            syn_repeated: false,
            recovery: Recovery::new(iss, config.reordering),
            control: config.congestion.control(now, iss + 1),
            cwnd: 0,
            ssthresh: u32::MAX,
            cwnd_credit: 0,
            timers: Timers::default(),
            probes: 0,
            persist_backoff: 0,
            opened_at: now,
            established_at: None,
            last_heard: now,
            last_data_sent: None,
            last_data_received: None,
            counters: Counters::default(),
            rare: None,
            config: SharedConfig(config),
        };
        tcb.set_snd_mss();
        tcb.cwnd = tcb.initial_cwnd();
        tcb
    }

    /// Sequence number of the first byte in the send buffer.
    pub(crate) fn send_base(&self) -> SeqNum {
        if self.state.is_opening() { self.iss + 1 } else { self.snd_una }
    }

    /// Sequence number behind the last byte queued; the FIN's, if one is wanted.
    pub(crate) fn send_end(&self) -> SeqNum {
        self.send_base() + self.send_buffer.len() as u32
    }

    /// Bytes queued and never sent.
    pub(crate) fn unsent(&self) -> u32 {
        if self.fin_sent { 0 } else { self.send_end().distance_from(self.snd_nxt).max(0).cast_unsigned() }
    }

    /// Sequence numbers sent and not acknowledged.
    pub(crate) fn flight(&self) -> u32 {
        self.snd_nxt.offset_from(self.snd_una)
    }

    /// Our FIN was sent and is acknowledged.
    pub(crate) fn fin_acked(&self) -> bool {
        self.fin_sent && self.snd_una == self.snd_nxt
    }

    /// The window the peer knows.
    pub(crate) fn rcv_wnd(&self) -> u32 {
        self.rcv_adv.offset_from(self.rcv_nxt)
    }

    /// Where it stands.
    pub fn info(&self) -> Info {
        let mss = self.snd_mss();
        let (counters, ecn) = (&self.counters, self.ecn_state());
        Info {
            state: if self.handshake_pending() && !self.orphan { State::SynReceived } else { self.state },
            rtt: self.rtt.srtt(),
            rttvar: self.rtt.rttvar(),
            min_rtt: self.rtt.min(),
            rto: self.rtt.rto(&self.config),
            handshake: self.established_at.map(|at| at.since(self.opened_at)),
            snd_mss: mss,
            rcv_mss: self.rcv_mss,
            advmss: self.advmss(),
            cwnd: (self.cwnd / mss).max(1),
            ssthresh: if self.ssthresh == u32::MAX { u32::MAX } else { self.ssthresh / mss },
            snd_wnd: self.snd_wnd,
            rcv_wnd: self.rcv_wnd(),
            snd_wscale: self.negotiated.wscale.map(|wscale| wscale.snd),
            rcv_wscale: self.negotiated.wscale.map(|wscale| wscale.rcv),
            timestamps: self.negotiated.timestamps,
            sack: self.negotiated.sack,
            ecn: ecn.on && !self.state.is_opening(),
            ecn_seen: ecn.seen,
            syn_data: self.fast().is_some_and(|open| open.data_acked),
            fast_open_failure: self.fast().map(|open| open.failure).unwrap_or_default(),
            unacked: u32::from(self.state.is_opening()) + self.recovery.sent.packets(),
            sacked: self.recovery.sacked_out(),
            lost: self.recovery.sent.lost(),
            retrans: self.recovery.sent.resent(),
            reordering: self.recovery.reordering,
            reord_seen: self.recovery.reord_seen,
            dsack_dups: self.recovery.dsack_dups,
            delivered: self.recovery.delivered,
            delivered_ce: ecn.delivered_ce,
            recovery: self.recovery.phase.number(),
            notsent_bytes: self.unsent_len(),
            segs_out: u64::from(counters.segs_out.0),
            segs_in: u64::from(counters.segs_in.0),
            data_segs_out: u64::from(counters.data_segs_out.0),
            data_segs_in: u64::from(counters.data_segs_in.0),
            bytes_sent: counters.bytes_sent,
            bytes_retrans: counters.bytes_retrans,
            bytes_acked: counters.bytes_acked,
            bytes_received: counters.bytes_received,
            retransmits: self.recovery.timeouts,
            backoff: self.rtt.backoff,
            probes: self.probes,
            total_retrans: counters.total_retrans,
            out_of_order: u64::from(counters.out_of_order.0),
            pacing_rate: self.pacing_rate(),
            max_pacing_rate: self.config.max_pacing_rate.unwrap_or(u64::MAX),
            limit: self.sending.limit,
            limit_since: self.sending.limit_since,
            limited: self.limited(),
            rcv_ssthresh: self.window.ssthresh,
            rcv_space: self.window.read,
            rcv_rtt: self.window.rtt(),
            ato: self.last_data_received.map_or(Duration::ZERO, |_| self.config.delayed_ack),
            path_mss: self.path_mss.min(self.config.mss),
            timeouts: self.rare.as_ref().map_or(0, |rare| rare.timeouts),
            timeout_recoveries: self.rare.as_ref().map_or(0, |rare| rare.timeout_recoveries),
            timeout_time: self.rare.as_ref().map_or(Duration::ZERO, |rare| rare.timeout_time),
            timeout_since: self.recovery.repair().first_repeat_at,
            established: self.established_at.unwrap_or(self.opened_at),
            last_heard: self.last_heard,
            last_data_sent: self.last_data_sent,
            last_data_received: self.last_data_received,
        }
    }

    /// What must hold between any two calls; for tests and fuzzers.
    pub fn check_invariants(&self) -> Result<(), String> {
        let must = |holds: bool, what: &str| if holds { Ok(()) } else { Err(format!("{what}: {self:?}")) };
        must(self.snd_una.at_or_before(self.snd_nxt), "SND.UNA <= SND.NXT")?;
        must(self.rcv_nxt.at_or_before(self.rcv_adv), "the window doesn't shrink")?;
        must(self.cwnd >= self.snd_mss(), "cwnd holds a segment")?;
        must(self.fin_wanted || !self.fin_sent, "no FIN unasked")?;
        self.reassembly.check(self.rcv_nxt, self.rcv_adv)?;
        must(
            !(self.timers.is_set(Timer::Persist) && self.timers.is_set(Timer::Retransmit)),
            "one timer to send",
        )?;
        self.recovery.check()?;
        if self.state.may_transmit() {
            must(
                self.flight() <= self.send_buffer.len() as u32 + u32::from(self.fin_sent),
                "flight is held",
            )?;
            let timed = self.flight() > 0 || self.handshake_pending();
            must(timed == self.timers.is_set(Timer::Retransmit) || self.syn_due, "flight is timed")?;
            self.recovery.sent.check(self.snd_una, self.snd_nxt)?;
        }
        match self.state {
            State::SynSent | State::SynReceived => {
                let data = self.recovery.sent.first().map_or(0, |sent| sent.len);
                must(self.flight() == 1 + data && !self.fin_sent, "SYN in flight")
            }
            State::Established | State::CloseWait => must(!self.fin_wanted, "FIN asked in a closing state"),
            State::FinWait1 | State::Closing | State::LastAck => {
                must(self.fin_wanted && !self.fin_acked(), "FIN on its way")
            }
            State::FinWait2 => must(self.fin_acked(), "FIN acknowledged"),
            State::TimeWait => {
                must(self.fin_acked(), "FIN acknowledged")?;
                must(self.timers.is_set(Timer::TimeWait), "TIME-WAIT ends")
            }
            State::Closed => must(self.timers.next().is_none(), "no timers when CLOSED"),
        }
    }
}
