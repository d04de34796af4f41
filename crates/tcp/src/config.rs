//! What one connection is told when it begins; the defaults are Linux's.

use std::ops::Deref;
use std::sync::Arc;

use sockeye_base::Duration;

use crate::congestion::Congestion;
use crate::ecn::EcnMode;

/// Linux's TCP_RTO_MAX.
const RTO_MAX_SECONDS: u32 = 120;

/// The settings of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Largest payload a segment without options may have on our link (MTU less 40 or 60); advertised in the SYN.
    pub mss: u16,
    /// The user's bound of `mss` (TCP_MAXSEG); the owner of the path heeds it when it sets `mss`.
    pub user_mss: Option<u16>,
    /// What waits to be sent or acknowledged (SO_SNDBUF, tcp_wmem).
    pub send_buffer: Buffer,
    /// What waits to be read: the window is what is left of half of it (SO_RCVBUF, tcp_rmem).
    pub receive_buffer: Buffer,
    /// Bytes that make it readable (SO_RCVLOWAT).
    pub receive_lowat: u32,
    /// The receive buffer grows with what the program reads in a round trip (tcp_moderate_rcvbuf).
    pub moderate_rcvbuf: bool,
    /// Most that SO_RCVBUF may ask for: the window's scale is chosen so that it could be said (net.core.rmem_max).
    pub rmem_max: u32,
    /// Largest window (TCP_WINDOW_CLAMP).
    pub window_clamp: Option<u32>,
    /// Small segments needn't wait for acknowledgements (TCP_NODELAY).
    pub nodelay: bool,
    /// Only full segments may go (TCP_CORK).
    pub cork: bool,
    /// Urgent bytes stay in the stream (SO_OOBINLINE).
    pub oob_inline: bool,
    /// The urgent pointer names the urgent byte, not the one behind it (tcp_stdurg).
    pub stdurg: bool,
    /// Offer window scaling (RFC 7323).
    pub window_scaling: bool,
    /// Offer timestamps (RFC 7323).
    pub timestamps: bool,
    /// Offer selective acknowledgements (RFC 2018; tcp_sack).
    pub sack: bool,
    /// Explicit congestion notification (tcp_ecn).
    pub ecn: EcnMode,
    /// A SYN that is repeated doesn't ask for it any more (tcp_ecn_fallback).
    pub ecn_fallback: bool,
    /// How many SYNs are repeated with exponential backoff before giving up.
    pub syn_retries: u8,
    /// How many SYNs are repeated without backoff before those (Linux 6.5's tcp_syn_linear_timeouts).
    pub syn_linear_timeouts: u8,
    /// How many SYN-ACKs are repeated before giving up.
    pub synack_retries: u8,
    /// A listener's connections wait for data as long as so many SYN-ACKs would be repeated (TCP_DEFER_ACCEPT; see
    /// [`Config::retries_within`]).
    pub defer_accept: u8,
    /// How long data is repeated: the time this many repetitions take at the smallest RTO (tcp_retries2).
    pub retries2: u8,
    /// The same once nobody holds the connection any more (tcp_orphan_retries; 0 means 8, as Linux).
    pub orphan_retries: u8,
    /// RTO before the first measurement.
    pub rto_initial: Duration,
    /// Smallest part of the RTO that stands for variance.
    pub rto_min: Duration,
    /// Largest RTO and largest distance between probes.
    pub rto_max: Duration,
    /// How long FIN-WAIT-2 lasts once nobody holds the connection (tcp_fin_timeout).
    pub fin_timeout: Duration,
    /// The same for this connection (TCP_LINGER2); zero: it is reset at once.
    pub linger2: Option<Duration>,
    /// How many segments may overtake one before it is taken for lost, to begin with (tcp_reordering)...
    pub reordering: u32,
    /// ...and at most, whatever was seen (tcp_max_reordering).
    pub max_reordering: u32,
    /// Segments that came twice are told of (RFC 2883; tcp_dsack).
    pub dsack: bool,
    /// Finds out whether a timeout was mistaken (RFC 5682; tcp_frto).
    pub frto: bool,
    /// Bits: 2, RACK's window for reordering is not widened; 4, nor is it skipped after three duplicates (tcp_recovery).
    pub rack: u8,
    /// Timeouts of a connection with little in flight don't back off at first (tcp_thin_linear_timeouts).
    pub thin_linear_timeouts: bool,
    /// How long TIME-WAIT lasts.
    pub time_wait: Duration,
    /// How long an acknowledgement may wait for company.
    pub delayed_ack: Duration,
    /// Acknowledgements don't wait for data of ours to ride on, until we have answered data with data (TCP_QUICKACK).
    pub quick_ack: bool,
    /// Probe a silent peer (SO_KEEPALIVE).
    pub keepalive: Option<Keepalive>,
    /// Give up when data stays unacknowledged this long (TCP_USER_TIMEOUT).
    pub user_timeout: Option<Duration>,
    /// After an idle time of an RTO begin again with the initial window (tcp_slow_start_after_idle).
    pub slow_start_after_idle: bool,
    /// Writable, and taking more, only below so many bytes unsent (TCP_NOTSENT_LOWAT, tcp_notsent_lowat).
    pub notsent_lowat: u32,
    /// The congestion control (TCP_CONGESTION, tcp_congestion_control).
    pub congestion: Congestion,
    /// The path's MTU is probed (RFC 4821): 1, where packets vanish; more, always (tcp_mtu_probing).
    pub mtu_probing: u8,
    /// That begins with segments of this size (tcp_base_mss).
    pub base_mss: u32,
    /// Where packets vanish segments get no smaller than this (tcp_mtu_probe_floor).
    pub mtu_probe_floor: u32,
    /// A range of sizes smaller than this isn't searched (tcp_probe_threshold).
    pub mtu_probe_threshold: u32,
    /// After so long it is searched anew (tcp_probe_interval).
    pub mtu_probe_interval: Duration,
    /// When packets that vanish are suspected to be too large: the time this many repetitions take (tcp_retries1).
    pub retries1: u8,
    /// Tail loss probes are sent if it is 3 or 4 (tcp_early_retrans; what else the name says is no more).
    pub early_retrans: u8,
    /// Data is paced, and no faster than so many bytes per second (SO_MAX_PACING_RATE).
    pub max_pacing_rate: Option<u64>,
    /// The pacing rate in percent of a window per round trip, in slow start and afterwards (tcp_pacing_ss_ratio,
    /// tcp_pacing_ca_ratio).
    pub pacing_ratios: (u32, u32),
    /// Super-segments are no shorter than this, in segments, where there is so much to send (tcp_min_tso_segs).
    pub min_tso_segs: u8,
    /// May make super-segments (payload at most 65,475 bytes).
    pub gso: bool,
}

impl Config {
    /// How often data is repeated, by somebody's connection or by nobody's.
    pub(crate) fn retries(&self, orphan: bool) -> u32 {
        match (orphan, self.orphan_retries) {
            (false, _) => self.retries2.into(),
            (true, 0) => 8,
            (true, retries) => retries.into(),
        }
    }

    /// How many repetitions of a SYN-ACK it takes to fill so many seconds, as Linux reckons: the first is due after 1 s,
    /// each of the next after twice the time, up to 120 s.
    pub fn retries_within(seconds: u32) -> u8 {
        (0..u8::MAX).find(|retries| Config::seconds_of_retries(*retries) >= seconds).unwrap_or(u8::MAX)
    }

    /// The seconds so many repetitions take.
    pub fn seconds_of_retries(retries: u8) -> u32 {
        (0..u32::from(retries)).map(|doublings| (1 << doublings.min(7)).min(RTO_MAX_SECONDS)).sum()
    }
}

/// The size of a buffer in bytes, overhead included as Linux counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// What it keeps however short memory is; there is always enough here.
    pub least: u32,
    /// What it begins with.
    pub first: u32,
    /// How far it grows by itself.
    pub most: u32,
    /// The user has said how large it is: it stays.
    pub locked: bool,
}

impl Buffer {
    /// As SO_SNDBUF and SO_RCVBUF make it.
    pub fn locked(bytes: u32) -> Buffer {
        Buffer { least: bytes, first: bytes, most: bytes, locked: true }
    }
}

/// How a silent peer is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe (TCP_KEEPIDLE).
    pub idle: Duration,
    /// Distance between probes (TCP_KEEPINTVL).
    pub interval: Duration,
    /// Probes without an answer before giving up (TCP_KEEPCNT).
    pub count: u8,
}

/// The two ports of a connection, as they go into its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    /// Ours.
    pub local: u16,
    /// The peer's.
    pub remote: u16,
}

/// One value for all connections that begin alike; who changes it gets one of their own.
#[derive(Clone, Debug)]
pub(crate) struct SharedConfig(pub(crate) Arc<Config>);

impl Deref for SharedConfig {
    type Target = Config;
    fn deref(&self) -> &Config {
        &self.0
    }
}

impl SharedConfig {
    /// Changes what is not so already: only then is there a value of its own.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(self);
        change(&mut config);
        if config != **self {
            self.0 = Arc::new(config);
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            mss: 1460,
            user_mss: None,
            send_buffer: Buffer { least: 4096, first: 16_384, most: 4_194_304, locked: false },
            receive_buffer: Buffer { least: 4096, first: 131_072, most: 33_554_432, locked: false },
            receive_lowat: 1,
            moderate_rcvbuf: true,
            rmem_max: 4_194_304,
            window_clamp: None,
            nodelay: false,
            cork: false,
            oob_inline: false,
            stdurg: false,
            window_scaling: true,
            timestamps: true,
            sack: true,
            ecn: EcnMode::default(),
            ecn_fallback: true,
            syn_retries: 6,
            syn_linear_timeouts: 4,
            synack_retries: 5,
            defer_accept: 0,
            retries2: 15,
            orphan_retries: 0,
            rto_initial: Duration::from_secs(1),
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(120),
            fin_timeout: Duration::from_secs(60),
            linger2: None,
            reordering: 3,
            max_reordering: 300,
            dsack: true,
            frto: true,
            rack: 1,
            thin_linear_timeouts: false,
            time_wait: Duration::from_secs(60),
            delayed_ack: Duration::from_millis(40),
            quick_ack: true,
            keepalive: None,
            user_timeout: None,
            slow_start_after_idle: true,
            notsent_lowat: u32::MAX,
            congestion: Congestion::default(),
            mtu_probing: 0,
            base_mss: 1024,
            mtu_probe_floor: 48,
            mtu_probe_threshold: 8,
            mtu_probe_interval: Duration::from_secs(600),
            retries1: 3,
            early_retrans: 3,
            max_pacing_rate: None,
            pacing_ratios: (200, 120),
            min_tso_segs: 2,
            gso: true,
        }
    }
}

impl Default for Keepalive {
    fn default() -> Keepalive {
        Keepalive { idle: Duration::from_secs(7200), interval: Duration::from_secs(75), count: 9 }
    }
}
