//! The true numbers of a connection, for TCP_INFO and for people.

use std::num::Wrapping;

use sockeye_base::{Duration, Instant};

use crate::fast_open::Failure;
use crate::output::Limit;
use crate::state::State;
use crate::tcb::Tcb;
use crate::timers::Timer;

/// What a connection waits for, of what others may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// To repeat what was not acknowledged, or to send the last of it once more.
    Repeat(Instant),
    /// To look whether the peer's window has opened.
    Window(Instant),
    /// To look whether the peer is still there.
    Keepalive(Instant),
    /// The end of TIME-WAIT, or of an orphan's FIN-WAIT-2.
    TimeWait(Instant),
}

/// A connection's numbers at one moment. Segments of a super-segment count each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// State.
    pub state: State,
    /// Smoothed round-trip time; `None` before the first measurement.
    pub rtt: Option<Duration>,
    /// Round-trip time variation (RFC 6298's RTTVAR).
    pub rttvar: Duration,
    /// Smallest round-trip time measured.
    pub min_rtt: Option<Duration>,
    /// Retransmission timeout, backoff included.
    pub rto: Duration,
    /// From our first SYN (or the peer's) to ESTABLISHED.
    pub handshake: Option<Duration>,
    /// Largest payload of a segment we send.
    pub snd_mss: u32,
    /// The peer's segments' payload, as estimated from what came.
    pub rcv_mss: u32,
    /// Largest payload we told the peer to send.
    pub advmss: u32,
    /// Congestion window, segments.
    pub cwnd: u32,
    /// Slow start threshold, segments; `u32::MAX` while none has been set.
    pub ssthresh: u32,
    /// The peer's window, bytes.
    pub snd_wnd: u32,
    /// Our window, bytes.
    pub rcv_wnd: u32,
    /// Window scale shift of the peer's windows; `None`: not negotiated.
    pub snd_wscale: Option<u8>,
    /// Window scale shift of our windows; `None`: not negotiated.
    pub rcv_wscale: Option<u8>,
    /// Timestamps are in use.
    pub timestamps: bool,
    /// Selective acknowledgements are in use.
    pub sack: bool,
    /// Explicit congestion notification is in use.
    pub ecn: bool,
    /// Data came in packets that may be marked.
    pub ecn_seen: bool,
    /// Data in a SYN was acknowledged by the peer, or taken from it (TCPI_OPT_SYN_DATA).
    pub syn_data: bool,
    /// Why ours was not.
    pub fast_open_failure: Failure,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Segments of those that the peer has.
    pub sacked: u32,
    /// Segments of those that are taken for lost.
    pub lost: u32,
    /// Segments repeated and on their way.
    pub retrans: u32,
    /// By how many segments one may be overtaken without being taken for lost.
    pub reordering: u32,
    /// How often segments were seen to be overtaken.
    pub reord_seen: u32,
    /// Segments that the peer says it got twice.
    pub dsack_dups: u32,
    /// Segments that arrived.
    pub delivered: u32,
    /// Segments of those whose acknowledgements told of congestion.
    pub delivered_ce: u32,
    /// How losses are being repaired (tcpi_ca_state): 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss.
    pub recovery: u8,
    /// Bytes queued and never sent.
    pub notsent_bytes: usize,
    /// Segments sent, repeated ones too.
    pub segs_out: u64,
    /// Segments received.
    pub segs_in: u64,
    /// Segments with data sent.
    pub data_segs_out: u64,
    /// Segments with data received.
    pub data_segs_in: u64,
    /// Bytes sent, repeated ones too.
    pub bytes_sent: u64,
    /// Bytes sent again.
    pub bytes_retrans: u64,
    /// Bytes acknowledged by the peer.
    pub bytes_acked: u64,
    /// Bytes received in order.
    pub bytes_received: u64,
    /// Timeouts since the last progress.
    pub retransmits: u32,
    /// Timeouts' doublings in force.
    pub backoff: u32,
    /// Probes (zero window, keepalive) without an answer.
    pub probes: u32,
    /// Segments repeated in all.
    pub total_retrans: u32,
    /// Segments received out of order.
    pub out_of_order: u64,
    /// What a paced connection would send, bytes per second (Linux's sk_pacing_rate).
    pub pacing_rate: u64,
    /// The bound of that; `u64::MAX`: none.
    pub max_pacing_rate: u64,
    /// What sending waits for, and since when.
    pub limit: Limit,
    /// Since when.
    pub limit_since: Instant,
    /// How long it waited before for the network alone, the peer's window, the send buffer.
    pub limited: [Duration; 3],
    /// The largest window told to the peer yet (Linux's rcv_ssthresh).
    pub rcv_ssthresh: u32,
    /// Most bytes the program read in a round trip.
    pub rcv_space: u32,
    /// The round trip as the receiver sees it.
    pub rcv_rtt: Duration,
    /// How long an acknowledgement may wait for company; zero before there was data.
    pub ato: Duration,
    /// Largest payload the path takes, options not counted.
    pub path_mss: u16,
    /// Retransmission timeouts.
    pub timeouts: u16,
    /// Those that came after progress.
    pub timeout_recoveries: u16,
    /// How long it took until something was acknowledged again.
    pub timeout_time: Duration,
    /// The first of the timeouts that still last.
    pub timeout_since: Option<Instant>,
    /// When it began, the handshake included.
    pub established: Instant,
    /// When something acceptable last came.
    pub last_heard: Instant,
    /// When data was last sent.
    pub last_data_sent: Option<Instant>,
    /// When data was last received.
    pub last_data_received: Option<Instant>,
}

impl Tcb {
    /// What it waits for next.
    pub fn pending(&self) -> Option<Pending> {
        let at = |timer| self.timers.at(timer);
        at(Timer::Retransmit)
            .map(Pending::Repeat)
            .or_else(|| at(Timer::Persist).map(Pending::Window))
            .or_else(|| at(Timer::Keepalive).map(Pending::Keepalive))
            .or_else(|| at(Timer::TimeWait).map(Pending::TimeWait))
    }
}

impl Info {
    /// How long sending was busy, held back by the peer's window, held back by the send buffer.
    pub fn busy_times(&self, now: Instant) -> [Duration; 3] {
        let [mut network, mut window, mut buffer] = self.limited;
        let span = now.since(self.limit_since);
        match self.limit {
            Limit::Idle => {}
            Limit::Busy => network += span,
            Limit::PeerWindow => window += span,
            Limit::SendBuffer => buffer += span,
        }
        [network + window + buffer, window, buffer]
    }
}

/// What is counted while a connection lives; as in Linux, segments in 32 bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_retrans: u64,
    pub(crate) bytes_acked: u64,
    pub(crate) bytes_received: u64,
    pub(crate) segs_out: Wrapping<u32>,
    pub(crate) segs_in: Wrapping<u32>,
    pub(crate) data_segs_out: Wrapping<u32>,
    pub(crate) data_segs_in: Wrapping<u32>,
    pub(crate) out_of_order: Wrapping<u32>,
    pub(crate) total_retrans: u32,
}
