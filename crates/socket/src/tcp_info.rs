//! TCP_INFO: a connection's true numbers in Linux's struct. What Sockeye doesn't count reads as 0.

use sockeye_abi::TcpInfo;
use sockeye_base::{Duration, Instant};
use sockeye_tcp::{Failure, Info, State};

use crate::host::{Host, Result, SocketId};

/// Linux's numbers of the states a socket has without a connection.
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;
/// TCPI_OPT_*.
const TIMESTAMPS: u8 = 1;
const SACK: u8 = 2;
const WINDOW_SCALE: u8 = 4;
const ECN: u8 = 8;
const ECN_SEEN: u8 = 16;
const SYN_DATA: u8 = 32;
/// IP's and TCP's headers.
const HEADERS_V4: u32 = 40;
const HEADERS_V6: u32 = 60;
/// What Linux shows for a slow start threshold that was never set.
const NO_THRESHOLD: u32 = 0x7fff_ffff;

/// The struct for a stream socket.
pub(crate) fn of(host: &Host, now: Instant, id: SocketId) -> Result<TcpInfo> {
    host.stream(id)?;
    if host.is_listening(id) {
        let waiting = u32::try_from(host.pending(id)).unwrap_or(u32::MAX);
        return Ok(TcpInfo { state: LISTEN, unacked: waiting, ..TcpInfo::default() });
    }
    Ok(match host.info(id) {
        Some(info) => {
            let over_v6 = host.peer_addr(id).is_ok_and(|peer| peer.ip().to_canonical().is_ipv6());
            of_connection(now, &info, over_v6)
        }
        None => TcpInfo { state: CLOSE, ..TcpInfo::default() },
    })
}

/// The struct for a connection, over IPv6 or IPv4.
pub(crate) fn of_connection(now: Instant, info: &Info, over_v6: bool) -> TcpInfo {
    let headers = if over_v6 { HEADERS_V6 } else { HEADERS_V4 };
    let ago = |at: Option<Instant>| millis(now.since(at.unwrap_or(info.established)));
    let scaled = info.snd_wscale.is_some() && info.rcv_wscale.is_some();
    let [busy, by_window, by_buffer] = info.busy_times(now);
    TcpInfo {
        pmtu: u32::from(info.path_mss) + headers,
        state: number_of(info.state),
        retransmits: saturated(info.retransmits),
        probes: saturated(info.probes),
        backoff: saturated(info.backoff),
        options: if info.timestamps { TIMESTAMPS } else { 0 }
            | if info.sack { SACK } else { 0 }
            | if scaled { WINDOW_SCALE } else { 0 }
            | if info.ecn { ECN } else { 0 }
            | if info.ecn_seen { ECN_SEEN } else { 0 }
            | if info.syn_data { SYN_DATA } else { 0 },
        fastopen_client_fail: match info.fast_open_failure {
            Failure::None => 0,
            Failure::NoCookie => 1,
            Failure::NotAcknowledged => 2,
            Failure::Repeated => 3,
        },
        snd_wscale: info.snd_wscale.unwrap_or(0),
        rcv_wscale: info.rcv_wscale.unwrap_or(0),
        rto: micros(info.rto),
        snd_mss: info.snd_mss,
        rcv_mss: info.rcv_mss,
        unacked: info.unacked,
        sacked: info.sacked,
        lost: info.lost,
        retrans: info.retrans,
        reordering: info.reordering,
        ca_state: info.recovery,
        last_data_sent: ago(info.last_data_sent),
        last_data_recv: ago(info.last_data_received),
        last_ack_recv: ago(Some(info.last_heard)),
        pacing_rate: info.pacing_rate,
        max_pacing_rate: info.max_pacing_rate,
        delivered: info.delivered,
        delivered_ce: info.delivered_ce,
        dsack_dups: info.dsack_dups,
        reord_seen: info.reord_seen,
        rcv_ooopack: low(info.out_of_order),
        rtt: info.rtt.map_or(0, micros),
        rttvar: micros(info.rttvar),
        min_rtt: info.min_rtt.map_or(0, micros),
        snd_ssthresh: info.ssthresh.min(NO_THRESHOLD),
        snd_cwnd: info.cwnd,
        advmss: info.advmss,
        total_retrans: info.total_retrans,
        bytes_acked: info.bytes_acked,
        bytes_received: info.bytes_received,
        segs_out: low(info.segs_out),
        segs_in: low(info.segs_in),
        notsent_bytes: u32::try_from(info.notsent_bytes).unwrap_or(u32::MAX),
        data_segs_in: low(info.data_segs_in),
        data_segs_out: low(info.data_segs_out),
        bytes_sent: info.bytes_sent,
        bytes_retrans: info.bytes_retrans,
        snd_wnd: info.snd_wnd,
        rcv_wnd: info.rcv_wnd,
        rcv_ssthresh: info.rcv_ssthresh,
        rcv_space: info.rcv_space,
        rcv_rtt: micros(info.rcv_rtt),
        ato: micros(info.ato),
        busy_time: long_micros(busy),
        rwnd_limited: long_micros(by_window),
        sndbuf_limited: long_micros(by_buffer),
        total_rto: info.timeouts,
        total_rto_recoveries: info.timeout_recoveries,
        total_rto_time: millis(
            info.timeout_time + info.timeout_since.map_or(Duration::ZERO, |at| now.since(at)),
        ),
    }
}

/// Linux's number of a state; a socket in TIME-WAIT shows CLOSE, as the kernel's does.
pub(crate) fn number_of(state: State) -> u8 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait | State::Closed => CLOSE,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Closing => 11,
    }
}

fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX)
}

fn long_micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

fn saturated(n: u32) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

/// A 32-bit counter of Linux wraps around.
fn low(n: u64) -> u32 {
    (n & u64::from(u32::MAX)) as u32
}
