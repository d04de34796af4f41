//! Socket options: what each socket keeps of them, and what setting and reading them does. The rows, their numbers and
//! bytes are in `sockeye_abi`; a row that is enforced there is acted on here, and any other is ENOPROTOOPT.
//!
//! SO_RCVTIMEO, SO_SNDTIMEO and SO_LINGER's wait are kept for the caller, which does the blocking. SO_BSDCOMPAT is
//! accepted and ignored, as Linux does.

mod asks;
mod get;
mod interfaces;
mod seldom;
mod set;

use std::net::IpAddr;
use std::sync::Arc;

use sockeye_abi::{Numbers, Opt};
use sockeye_base::Duration;
use sockeye_stack::{InterfaceId, IpOptions, MtuDiscovery, Settings};
use sockeye_tcp::{self as tcp, Congestion, Keepalive};

use crate::fast_open::FastOpenOptions;
pub(crate) use asks::Asks;
pub(crate) use interfaces::{Interfaces, number};
use seldom::Seldom;

/// The options of one socket; the defaults are Linux's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) broadcast: bool,
    pub(crate) v6only: bool,
    /// SO_BINDTODEVICE, or the scope of a link-local address.
    pub(crate) device: Option<InterfaceId>,
    /// Seconds; `None`: off.
    pub(crate) linger: Option<i32>,
    /// The seconds last set, which getsockopt shows also when it's off.
    linger_seconds: i32,
    keep_alive: bool,
    keep_idle: Option<Duration>,
    keep_interval: Option<Duration>,
    keep_count: Option<u8>,
    /// TCP_LINGER2, seconds; negative: none. Unset or 0: the host's.
    linger2: i32,
    /// TCP_WINDOW_CLAMP, before there is a connection.
    window_clamp: Option<u32>,
    pub(crate) oob_inline: bool,
    pub(crate) nodelay: bool,
    pub(crate) cork: bool,
    pub(crate) user_timeout: Option<Duration>,
    syn_retries: Option<u8>,
    /// TCP_DEFER_ACCEPT, in repetitions of a SYN-ACK.
    defer_accept: u8,
    /// TCP_MAXSEG.
    max_segment: Option<u16>,
    /// TCP_QUICKACK, before there is a connection.
    quick_ack: Option<bool>,
    /// As set and doubled.
    send_buffer: Option<i32>,
    /// As set and doubled.
    receive_buffer: Option<i32>,
    receive_timeout: Option<Duration>,
    send_timeout: Option<Duration>,
    tos: u8,
    ttl: Option<u8>,
    traffic_class: u8,
    discovery_v4: MtuDiscovery,
    discovery_v6: MtuDiscovery,
    hop_limit: Option<u8>,
    errors_v4: bool,
    /// What is to be told with each datagram.
    asks: Asks,
    /// SO_TIMESTAMP and its kin: by which numbers, and whether in nanoseconds.
    pub(crate) timestamps: Option<(Numbers, bool)>,
    /// UDP_SEGMENT.
    pub(crate) segment: u16,
    /// IPV6_DONTFRAG.
    pub(crate) dont_fragment: bool,
    errors_v6: bool,
    /// Unset: the host's.
    congestion: Option<Congestion>,
    /// As it was set; 0: the host's.
    notsent_lowat: i32,
    /// SO_MAX_PACING_RATE, once it was set.
    max_pacing_rate: Option<u64>,
    pub(crate) fast_open: FastOpenOptions,
    pub(crate) seldom: Seldom,
    pub(crate) interfaces: Interfaces,
}

impl Options {
    /// What a connection of this socket begins with.
    pub(crate) fn tcp_config(&self, settings: &Settings) -> tcp::Config {
        let mut config = settings.tcp.clone();
        config.congestion = self.congestion.unwrap_or(config.congestion);
        config.user_mss = self.max_segment;
        config.quick_ack = self.quick_ack.unwrap_or(config.quick_ack);
        config.oob_inline |= self.oob_inline;
        config.nodelay = self.nodelay;
        config.cork = self.cork;
        config.keepalive = self.keepalive(settings);
        config.linger2 = self.linger2();
        config.window_clamp = self.window_clamp;
        config.user_timeout = self.user_timeout;
        config.max_pacing_rate = self.max_pacing_rate.or(config.max_pacing_rate);
        config.notsent_lowat = self.notsent_lowat(settings);
        config.syn_retries = self.syn_retries.unwrap_or(config.syn_retries);
        config.defer_accept = self.defer_accept;
        config.rmem_max = settings.rmem_max;
        config.send_buffer = self.send_buffer.map_or(config.send_buffer, locked);
        config.receive_buffer = self.receive_buffer.map_or(config.receive_buffer, locked);
        self.seldom.tune(&mut config, settings);
        config.receive_buffer.first = config.receive_buffer.first.max(self.grown_buffer());
        config
    }

    /// TCP_QUICKACK, if it was set.
    pub(crate) fn quick_ack(&self) -> Option<bool> {
        self.quick_ack
    }

    /// Takes TCP_QUICKACK back.
    pub(crate) fn forget_quick_ack(&mut self) {
        self.quick_ack = None;
    }

    /// The probing that is on.
    pub(crate) fn keepalive(&self, settings: &Settings) -> Option<Keepalive> {
        self.keep_alive.then(|| self.keep(settings))
    }

    fn keep(&self, settings: &Settings) -> Keepalive {
        let host = settings.keepalive;
        Keepalive {
            idle: self.keep_idle.unwrap_or(host.idle),
            interval: self.keep_interval.unwrap_or(host.interval),
            count: self.keep_count.unwrap_or(host.count),
        }
    }

    fn linger2(&self) -> Option<Duration> {
        (self.linger2 != 0).then(|| Duration::from_secs(u64::try_from(self.linger2).unwrap_or(0)))
    }

    /// What the headers of packets to this address say.
    pub(crate) fn ip_options(&self, remote: IpAddr) -> IpOptions {
        let hops = self.interfaces.hops(remote);
        match remote {
            IpAddr::V4(_) => IpOptions {
                ttl: hops.or(self.ttl),
                tos: self.tos,
                discovery: self.discovery_v4,
                min_ttl: self.seldom.min_ttl(Opt::IpMinTtl),
                dont_route: self.seldom.is_on(Opt::SoDontRoute),
                any_source: self.seldom.is_on(Opt::IpTransparent),
                no_flow_label: false,
                longest_packet: 0,
            },
            IpAddr::V6(_) => IpOptions {
                ttl: hops.or(self.hop_limit),
                tos: self.traffic_class,
                discovery: self.discovery_v6,
                min_ttl: self.seldom.min_ttl(Opt::Ipv6MinHopCount),
                dont_route: false,
                any_source: self.seldom.takes_foreign_addresses(),
                longest_packet: self.seldom.longest_packet(),
                no_flow_label: !self.seldom.is_on(Opt::Ipv6AutoFlowLabel),
            },
        }
    }

    /// Bytes unsent below which a stream is writable.
    fn notsent_lowat(&self, settings: &Settings) -> u32 {
        match self.notsent_lowat {
            0 => settings.tcp.notsent_lowat,
            own => own.cast_unsigned(),
        }
    }

    /// Whether every ICMP error is reported (IP_RECVERR, IPV6_RECVERR).
    pub(crate) fn receives_errors(&self, over_v6: bool) -> bool {
        if over_v6 { self.errors_v6 } else { self.errors_v4 }
    }

    /// Bytes, overhead included, that a datagram socket's queue may hold, if set.
    pub(crate) fn receive_buffer(&self) -> Option<usize> {
        self.receive_buffer.and_then(|bytes| usize::try_from(bytes).ok())
    }

    /// How large SO_RCVLOWAT makes a stream's buffer of which nothing else was said, overhead included.
    fn grown_buffer(&self) -> u32 {
        match self.seldom.get(Opt::SoRcvLowat) {
            lowat if lowat > 1 && self.receive_buffer.is_none() => lowat.cast_unsigned().saturating_mul(2),
            _ => 0,
        }
    }

    /// Bytes, overhead included, that a Unix-domain socket may have sent before somebody reads, if set.
    pub(crate) fn unix_send_buffer(&self) -> Option<usize> {
        self.send_buffer.and_then(|bytes| usize::try_from(bytes).ok())
    }

    /// What a listener leaves to a connection it accepts is all but how it accepts.
    pub(crate) fn accepted(self: &Arc<Options>) -> Arc<Options> {
        let mut options = Arc::clone(self);
        if options.defer_accept != 0 {
            Arc::make_mut(&mut options).defer_accept = 0;
        }
        if options.seldom.is_on(Opt::SoPriority) {
            let _ = Arc::make_mut(&mut options).seldom.set(Opt::SoPriority, 0);
        }
        if let Some(inherited) = options.fast_open.inherited() {
            Arc::make_mut(&mut options).fast_open = inherited;
        }
        options
    }
}

fn locked(bytes: i32) -> tcp::Buffer {
    tcp::Buffer::locked(bytes.cast_unsigned())
}

fn clamp(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
