//! Socket options: what each socket keeps of them, and what setting and reading them does. The rows, their numbers and
//! bytes are in `sockeye_abi`; a row that is enforced there is acted on here, and any other is ENOPROTOOPT.
//!
//! SO_RCVTIMEO, SO_SNDTIMEO and SO_LINGER's wait are kept for the caller, which does the blocking. SO_BSDCOMPAT is
//! accepted and ignored, as Linux does.

use std::net::IpAddr;
use std::sync::Arc;

use sockeye_abi::{Errno, Family, Opt, State, Transport, Value};
use sockeye_base::{Duration, Instant};
use sockeye_stack::{IpOptions, MtuDiscovery, Settings};
use sockeye_tcp::{self as tcp, Congestion, Keepalive, Tcb};

use crate::fast_open::FastOpenOptions;
use crate::host::{Host, Kind, Result, Socket, SocketId};
use crate::stream::StreamState;
use crate::tcp_info;

/// The most of TCP_LINGER2 (TCP_FIN_TIMEOUT_MAX), seconds.
const FIN_TIMEOUT_MAX: i32 = 120;
/// The least of TCP_WINDOW_CLAMP.
const LEAST_CLAMP: i32 = RCVBUF_MIN / 2;
/// The least a send buffer is (SOCK_MIN_SNDBUF).
const SNDBUF_MIN: i32 = 4608;
/// The least a receive buffer is (SOCK_MIN_RCVBUF).
const RCVBUF_MIN: i32 = 2304;
/// What a UDP socket says of its buffers (rmem_default, wmem_default).
const UDP_MEM: i32 = 212_992;
/// The two bits of the TOS byte that are ECN's, which a stream keeps to itself.
const ECN: i32 = 0x3;
/// The MSS a socket without a connection says (TCP_MSS_DEFAULT).
const MSS_DEFAULT: i32 = 536;

/// What TCP_MAXSEG may be, but for 0, which takes it back (TCP_MIN_MSS, MAX_TCP_WINDOW).
const MAX_SEG: std::ops::RangeInclusive<i32> = 88..=32_767;

/// The options of one socket; the defaults are Linux's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) reuse_address: bool,
    pub(crate) reuse_port: bool,
    pub(crate) broadcast: bool,
    pub(crate) v6only: bool,
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
    errors_v6: bool,
    /// Unset: the host's.
    congestion: Option<Congestion>,
    /// As it was set; 0: the host's.
    notsent_lowat: i32,
    /// SO_MAX_PACING_RATE, once it was set.
    max_pacing_rate: Option<u64>,
    pub(crate) fast_open: FastOpenOptions,
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
        config
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
        match remote {
            IpAddr::V4(_) => IpOptions { ttl: self.ttl, tos: self.tos, discovery: self.discovery_v4 },
            IpAddr::V6(_) => {
                IpOptions { ttl: self.hop_limit, tos: self.traffic_class, discovery: self.discovery_v6 }
            }
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

    /// What a listener leaves to a connection it accepts is all but how it accepts.
    pub(crate) fn accepted(self: &Arc<Options>) -> Arc<Options> {
        let mut options = Arc::clone(self);
        if options.defer_accept != 0 {
            Arc::make_mut(&mut options).defer_accept = 0;
        }
        if let Some(inherited) = options.fast_open.inherited() {
            Arc::make_mut(&mut options).fast_open = inherited;
        }
        options
    }
}

impl Host {
    /// Sets an option (setsockopt(2)). ENOPROTOOPT for an option that the socket hasn't, can't be set or isn't supported;
    /// EINVAL for a value out of bounds; ENOENT for a congestion control that isn't there.
    pub fn set_option(&mut self, now: Instant, id: SocketId, opt: Opt, value: Value) -> Result<()> {
        let socket = self.get(id)?;
        let row = opt.row();
        if row.state == State::Rejected || !row.settable || !row.applies(socket.family, socket.transport()) {
            return Err(Errno::ENOPROTOOPT);
        }
        if opt != Opt::TcpCongestion {
            row.check(&value)?;
        }
        // As Linux: only while there is no connection can the clamp be taken back.
        if opt == Opt::TcpWindowClamp
            && value == Value::Int(0)
            && self.stream(id)?.1.live(&self.stack).is_some()
        {
            return Err(Errno::EINVAL);
        }
        if opt == Opt::Ipv6V6Only {
            return self.set_v6only(id, value.flag()?);
        }
        let is_stream = socket.transport() == Transport::Tcp;
        if is_stream {
            self.check_fast_open(id, opt)?;
        }
        let settings = self.stack.settings().clone();
        Arc::make_mut(&mut self.get_mut(id)?.options).store(opt, &value, (is_stream, &settings))?;
        self.apply(now, id, opt)
    }

    /// Reads an option (getsockopt(2)); SO_ERROR is cleared by it.
    pub fn option(&mut self, now: Instant, id: SocketId, opt: Opt) -> Result<Value> {
        let socket = self.get(id)?;
        let row = opt.row();
        if row.state == State::Rejected || !row.readable || !row.applies(socket.family, socket.transport()) {
            return Err(Errno::ENOPROTOOPT);
        }
        match opt {
            Opt::SoError => {
                let error = self.take_error(id).or_else(|| self.take_soft_error(now, id));
                Ok(Value::Int(error.map_or(0, |errno| errno.0)))
            }
            Opt::SoAcceptConn => Ok(self.is_listening(id).into()),
            Opt::TcpInfo => Ok(Value::Bytes(tcp_info::of(self, now, id)?.to_bytes())),
            Opt::TcpMaxSeg => Ok(Value::Int(self.shown_segment(id)?)),
            Opt::TcpQuickAck if self.tcb(id).is_some() => Ok(self.tcb(id).is_some_and(Tcb::quick_ack).into()),
            Opt::TcpWindowClamp if self.tcb(id).is_some() => {
                Ok(Value::Int(clamp(self.tcb(id).map_or(0, Tcb::window_clamp))))
            }
            Opt::SoSndBuf | Opt::SoRcvBuf => Ok(Value::Int(self.shown_buffer(id, opt)?)),
            Opt::IpMtu | Opt::Ipv6Mtu => self.path_mtu(now, id).map(Value::Int),
            Opt::TcpFastOpen | Opt::TcpFastOpenConnect | Opt::TcpFastOpenKey | Opt::TcpFastOpenNoCookie => {
                self.shown_fast_open(id, opt)
            }
            _ => self.get(id)?.shown(opt, self.stack.settings()),
        }
    }

    /// What ICMP said of a connection that goes on (sk_err_soft).
    fn take_soft_error(&mut self, now: Instant, id: SocketId) -> Option<Errno> {
        self.with_tcb(now, id, Tcb::take_soft_error).flatten().map(crate::errors::of_tcp)
    }

    /// The segment in use; without a live connection the bound that was set, if any.
    fn shown_segment(&self, id: SocketId) -> Result<i32> {
        let (socket, stream) = self.stream(id)?;
        let used = self.info(id).map_or(MSS_DEFAULT, |info| clamp(info.snd_mss));
        let live = stream.live(&self.stack).is_some();
        Ok(socket.options.max_segment.filter(|_| !live).map_or(used, i32::from))
    }

    /// The MTU of the path to the peer; ENOTCONN without one.
    fn path_mtu(&self, now: Instant, id: SocketId) -> Result<i32> {
        let mtu = match &self.get(id)?.kind {
            Kind::Datagram(datagram) => datagram.udp.and_then(|udp| self.stack.udp_path_mtu(now, udp)),
            Kind::Stream(stream) => match stream.state {
                StreamState::Open(connection) if stream.live(&self.stack).is_some() => {
                    self.stack.tcp_mtu(connection)
                }
                StreamState::Open(_) | StreamState::Idle | StreamState::Listening(_) => None,
            },
        };
        mtu.and_then(|mtu| i32::try_from(mtu).ok()).ok_or(Errno::ENOTCONN)
    }

    /// A connection's buffers grow by themselves.
    fn shown_buffer(&self, id: SocketId, opt: Opt) -> Result<i32> {
        let (socket, is_send) = (self.get(id)?, opt == Opt::SoSndBuf);
        let set = if is_send { socket.options.send_buffer } else { socket.options.receive_buffer };
        let (tcp, tcb) = (&self.stack.settings().tcp, self.tcb(id));
        Ok(match (&socket.kind, set) {
            (_, Some(bytes)) => bytes,
            (Kind::Datagram(_), None) => UDP_MEM,
            (Kind::Stream(_), None) if is_send => clamp(tcb.map_or(tcp.send_buffer.first, Tcb::send_buffer)),
            (Kind::Stream(_), None) => clamp(tcb.map_or(tcp.receive_buffer.first, Tcb::receive_buffer)),
        })
    }

    /// IPV6_V6ONLY may change while the socket has no port.
    fn set_v6only(&mut self, id: SocketId, on: bool) -> Result<()> {
        let bound = match &self.get(id)?.kind {
            Kind::Stream(stream) => stream.bind.is_some() || stream.state != StreamState::Idle,
            Kind::Datagram(datagram) => datagram.udp.is_some(),
        };
        if bound {
            return Err(Errno::EINVAL);
        }
        Arc::make_mut(&mut self.get_mut(id)?.options).v6only = on;
        Ok(())
    }

    /// Tells the stack what an option changes below.
    fn apply(&mut self, now: Instant, id: SocketId, opt: Opt) -> Result<()> {
        let socket = self.get(id)?;
        let (options, family) = (Arc::clone(&socket.options), socket.family);
        let (reuse_address, reuse_port) = (options.reuse_address, options.reuse_port);
        match &socket.kind {
            Kind::Datagram(datagram) => {
                let Some(udp) = datagram.udp else { return Ok(()) };
                match opt {
                    Opt::SoReuseAddr | Opt::SoReusePort => {
                        self.stack.udp_set_reuse(udp, reuse_address, reuse_port)
                    }
                    Opt::SoRcvBuf => {
                        if let Some(bytes) = options.receive_buffer() {
                            self.stack.udp_set_receive_buffer(udp, bytes);
                        }
                    }
                    // The rest is looked at when something is sent or arrives.
                    _ => {}
                }
            }
            Kind::Stream(stream) => {
                let (state, bind) = (stream.state, stream.bind);
                if let (Opt::SoReuseAddr | Opt::SoReusePort, Some(bind)) = (opt, bind) {
                    self.stack.set_reuse(bind, reuse_address, reuse_port);
                }
                match state {
                    StreamState::Idle => {}
                    StreamState::Listening(listener) => {
                        let config = options.tcp_config(self.stack.settings());
                        self.stack.tcp_set_listener_config(listener, config);
                        self.stack.tcp_set_listener_fast_open(listener, options.fast_open.wish());
                        let ip = options.ip_options(crate::address::any(family, 0).ip());
                        self.stack.tcp_set_listener_ip_options(listener, ip);
                    }
                    StreamState::Open(connection) => {
                        if let Some((_, remote)) = self.stack.tcp_endpoints(connection) {
                            self.stack.tcp_set_ip_options(connection, options.ip_options(remote.ip()));
                        }
                        let settings = self.stack.settings().clone();
                        self.stack.with_tcp(now, connection, |tcb| {
                            options.apply_to(now, tcb, (opt, &settings));
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

impl Options {
    /// Keeps a value that was checked.
    fn store(&mut self, opt: Opt, value: &Value, (is_stream, settings): (bool, &Settings)) -> Result<()> {
        match opt {
            Opt::SoReuseAddr => self.reuse_address = value.flag()?,
            Opt::SoReusePort => self.reuse_port = value.flag()?,
            Opt::SoBroadcast => self.broadcast = value.flag()?,
            Opt::SoKeepAlive => self.keep_alive = value.flag()?,
            Opt::SoLinger => {
                let Value::Linger { on, seconds } = *value else { return Err(Errno::EINVAL) };
                self.linger = on.then_some(seconds);
                if on {
                    self.linger_seconds = seconds;
                }
            }
            Opt::SoSndBuf => {
                self.send_buffer = Some(doubled(value.int()?, settings.wmem_max).max(SNDBUF_MIN));
            }
            Opt::SoRcvBuf => {
                self.receive_buffer = Some(doubled(value.int()?, settings.rmem_max).max(RCVBUF_MIN));
            }
            Opt::SoRcvTimeo => self.receive_timeout = span(value)?,
            Opt::SoSndTimeo => self.send_timeout = span(value)?,
            Opt::SoOobInline => self.oob_inline = value.flag()?,
            Opt::TcpNoDelay => self.nodelay = value.flag()?,
            Opt::TcpCork => self.cork = value.flag()?,
            Opt::TcpMaxSeg => {
                let wish = value.int()?;
                if wish != 0 && !MAX_SEG.contains(&wish) {
                    return Err(Errno::EINVAL);
                }
                self.max_segment = u16::try_from(wish).ok().filter(|most| *most > 0);
            }
            Opt::TcpQuickAck => self.quick_ack = Some(value.flag()?),
            Opt::TcpKeepIdle => self.keep_idle = Some(Duration::from_secs(unsigned(value)?)),
            Opt::TcpKeepIntvl => self.keep_interval = Some(Duration::from_secs(unsigned(value)?)),
            Opt::TcpKeepCnt => self.keep_count = Some(byte(value.int()?)?),
            Opt::TcpDeferAccept => {
                self.defer_accept = tcp::Config::retries_within(value.int()?.max(0).cast_unsigned());
            }
            Opt::TcpSynCnt => self.syn_retries = Some(byte(value.int()?)?),
            Opt::TcpUserTimeout => {
                self.user_timeout = Some(unsigned(value)?).filter(|ms| *ms > 0).map(Duration::from_millis);
            }
            Opt::TcpNotSentLowat => self.notsent_lowat = value.int()?,
            Opt::SoMaxPacingRate => {
                let Value::Rate(rate) = *value else { return Err(Errno::EINVAL) };
                // Without a bound nothing begins to be paced; what is paced goes on.
                let paced = rate != u64::MAX || self.max_pacing_rate.is_some();
                self.max_pacing_rate = paced.then_some(rate);
            }
            Opt::TcpLinger2 => self.linger2 = value.int()?.clamp(-1, FIN_TIMEOUT_MAX),
            Opt::TcpWindowClamp => {
                let clamp = value.int()?;
                self.window_clamp = (clamp != 0).then(|| clamp.max(LEAST_CLAMP).cast_unsigned());
            }
            Opt::IpTos if is_stream => {
                self.tos = byte((value.int()? & 0xff & !ECN) | (i32::from(self.tos) & ECN))?
            }
            Opt::IpTos => self.tos = byte(value.int()? & 0xff)?,
            Opt::IpTtl => match value.int()? {
                0 => return Err(Errno::EINVAL),
                ttl => self.ttl = u8::try_from(ttl).ok(),
            },
            Opt::Ipv6UnicastHops => self.hop_limit = u8::try_from(value.int()?).ok(),
            Opt::Ipv6Tclass => {
                let class = value.int()?.max(0);
                self.traffic_class = byte(if is_stream { class & !ECN } else { class })?;
            }
            Opt::IpMtuDiscover => self.discovery_v4 = discovery(value)?,
            Opt::Ipv6MtuDiscover => self.discovery_v6 = discovery(value)?,
            Opt::IpRecvErr => self.errors_v4 = value.flag()?,
            Opt::Ipv6RecvErr => self.errors_v6 = value.flag()?,
            Opt::TcpCongestion => {
                let Value::Bytes(name) = value else { return Err(Errno::EINVAL) };
                self.congestion = Some(Congestion::from_name(name).ok_or(Errno::ENOENT)?);
            }
            Opt::TcpFastOpen | Opt::TcpFastOpenConnect | Opt::TcpFastOpenKey | Opt::TcpFastOpenNoCookie => {
                self.fast_open.store(opt, value)?;
            }
            Opt::SoBsdCompat => {}
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    /// Bytes unsent below which a stream is writable.
    fn notsent_lowat(&self, settings: &Settings) -> u32 {
        match self.notsent_lowat {
            0 => settings.tcp.notsent_lowat,
            own => own.cast_unsigned(),
        }
    }

    /// Carries one option to a connection.
    fn apply_to(&self, now: Instant, tcb: &mut Tcb, (opt, settings): (Opt, &Settings)) {
        match opt {
            Opt::SoOobInline => tcb.set_oob_inline(now, self.oob_inline || settings.tcp.oob_inline),
            Opt::TcpNoDelay => tcb.set_nodelay(now, self.nodelay),
            Opt::TcpCongestion => {
                self.congestion.into_iter().for_each(|algorithm| tcb.set_congestion(now, algorithm))
            }
            Opt::TcpCork => tcb.set_cork(now, self.cork),
            Opt::TcpQuickAck => self.quick_ack.into_iter().for_each(|on| tcb.set_quick_ack(now, on)),
            Opt::SoKeepAlive | Opt::TcpKeepIdle | Opt::TcpKeepIntvl | Opt::TcpKeepCnt => {
                tcb.set_keepalive(now, self.keepalive(settings));
            }
            Opt::TcpSynCnt => {
                self.syn_retries.into_iter().for_each(|retries| tcb.set_syn_retries(now, retries))
            }
            Opt::TcpUserTimeout => tcb.set_user_timeout(now, self.user_timeout),
            Opt::SoMaxPacingRate => tcb.set_max_pacing_rate(self.max_pacing_rate),
            Opt::TcpLinger2 => tcb.set_linger2(now, self.linger2()),
            Opt::TcpWindowClamp => {
                self.window_clamp.into_iter().for_each(|clamp| tcb.set_window_clamp(now, clamp));
            }
            Opt::TcpNotSentLowat => tcb.set_notsent_lowat(now, self.notsent_lowat(settings)),
            Opt::SoSndBuf => {
                if let Some(bytes) = self.send_buffer {
                    tcb.set_send_buffer(now, bytes.cast_unsigned());
                }
            }
            Opt::SoRcvBuf => {
                if let Some(bytes) = self.receive_buffer {
                    tcb.set_receive_buffer(now, bytes.cast_unsigned());
                }
            }
            // The others have nothing to tell a connection that exists.
            _ => {}
        }
    }
}

impl Socket {
    /// What getsockopt shows of what the socket itself keeps.
    fn shown(&self, opt: Opt, settings: &Settings) -> Result<Value> {
        let options = &self.options;
        let ttl = |own: Option<u8>| i32::from(own.unwrap_or(settings.default_ttl));
        Ok(match opt {
            Opt::SoType => self.transport().socket_type().number().into(),
            Opt::SoProtocol => self.transport().protocol().into(),
            Opt::SoDomain => self.family.number().into(),
            Opt::SoReuseAddr => options.reuse_address.into(),
            Opt::SoReusePort => options.reuse_port.into(),
            Opt::SoBroadcast => options.broadcast.into(),
            Opt::SoKeepAlive => options.keep_alive.into(),
            Opt::SoLinger => Value::Linger { on: options.linger.is_some(), seconds: options.linger_seconds },
            Opt::SoOobInline => options.oob_inline.into(),
            Opt::SoBsdCompat => false.into(),
            Opt::SoRcvLowat | Opt::SoSndLowat => 1.into(),
            Opt::SoRcvTimeo => Value::Time(options.receive_timeout),
            Opt::SoSndTimeo => Value::Time(options.send_timeout),
            Opt::TcpNoDelay => options.nodelay.into(),
            Opt::TcpCork => options.cork.into(),
            Opt::TcpLinger2 => match options.linger2 {
                0 => seconds(settings.tcp.fin_timeout).into(),
                own => own.into(),
            },
            Opt::TcpWindowClamp => options.window_clamp.map_or(0, clamp).into(),
            Opt::TcpNotSentLowat => options.notsent_lowat.into(),
            Opt::SoMaxPacingRate => Value::Rate(options.max_pacing_rate.unwrap_or(u64::MAX)),
            Opt::TcpQuickAck => options.quick_ack.unwrap_or(true).into(),
            Opt::TcpKeepIdle => seconds(options.keep(settings).idle).into(),
            Opt::TcpKeepIntvl => seconds(options.keep(settings).interval).into(),
            Opt::TcpKeepCnt => i32::from(options.keep(settings).count).into(),
            Opt::TcpSynCnt => i32::from(options.syn_retries.unwrap_or(settings.tcp.syn_retries)).into(),
            Opt::TcpDeferAccept => clamp(tcp::Config::seconds_of_retries(options.defer_accept)).into(),
            Opt::TcpUserTimeout => options
                .user_timeout
                .map_or(0, |span| i32::try_from(span.as_millis()).unwrap_or(i32::MAX))
                .into(),
            Opt::TcpCongestion => {
                let algorithm = options.congestion.unwrap_or(settings.tcp.congestion);
                Value::Bytes(algorithm.name().as_bytes().to_vec())
            }
            Opt::IpTos => i32::from(options.tos).into(),
            Opt::IpTtl => ttl(options.ttl).into(),
            Opt::IpMtuDiscover => (options.discovery_v4 as i32).into(),
            Opt::Ipv6MtuDiscover => (options.discovery_v6 as i32).into(),
            Opt::IpRecvErr => options.errors_v4.into(),
            Opt::Ipv6UnicastHops => ttl(options.hop_limit).into(),
            Opt::Ipv6Tclass => i32::from(options.traffic_class).into(),
            Opt::Ipv6RecvErr => options.errors_v6.into(),
            Opt::Ipv6V6Only => (self.family == Family::Inet6 && options.v6only).into(),
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }
}

/// What SO_SNDBUF and SO_RCVBUF make of a wish: no more than the host allows, twice (for overhead). A negative wish is a
/// large one, as in Linux.
fn doubled(wish: i32, most: u32) -> i32 {
    clamp(wish.cast_unsigned().min(most).saturating_mul(2))
}

fn locked(bytes: i32) -> tcp::Buffer {
    tcp::Buffer::locked(bytes.cast_unsigned())
}

fn span(value: &Value) -> Result<Option<Duration>> {
    match value {
        Value::Time(span) => Ok(*span),
        Value::Int(_) | Value::Linger { .. } | Value::Rate(_) | Value::Bytes(_) => Err(Errno::EINVAL),
    }
}

fn unsigned(value: &Value) -> Result<u64> {
    u64::try_from(value.int()?).map_err(|_| Errno::EINVAL)
}

fn discovery(value: &Value) -> Result<MtuDiscovery> {
    let number = usize::try_from(value.int()?).map_err(|_| Errno::EINVAL)?;
    MtuDiscovery::ALL.get(number).copied().ok_or(Errno::EINVAL)
}

fn byte(n: i32) -> Result<u8> {
    u8::try_from(n).map_err(|_| Errno::EINVAL)
}

fn seconds(span: Duration) -> i32 {
    i32::try_from(span.as_secs()).unwrap_or(i32::MAX)
}

fn clamp(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
