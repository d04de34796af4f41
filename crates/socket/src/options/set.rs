//! setsockopt(2): values checked, kept, and told to the stack.

use std::sync::Arc;

use sockeye_abi::{Errno, Family, Numbers, Opt, State, Value};
use sockeye_base::{Duration, Instant};
use sockeye_stack::{MtuDiscovery, Settings};
use sockeye_tcp::{self as tcp, Congestion, Tcb};

use super::{Asks, Options, clamp};
use crate::host::{Host, Kind, Result, SocketId};
use crate::stream::StreamState;

/// The most of TCP_LINGER2 (TCP_FIN_TIMEOUT_MAX), seconds.
const FIN_TIMEOUT_MAX: i32 = 120;
/// The least of TCP_WINDOW_CLAMP.
const LEAST_CLAMP: i32 = RCVBUF_MIN / 2;
/// The least a send buffer is (SOCK_MIN_SNDBUF).
const SNDBUF_MIN: i32 = 4608;
/// The least a receive buffer is (SOCK_MIN_RCVBUF).
const RCVBUF_MIN: i32 = 2304;
/// What every link takes (IPV6_MIN_MTU).
const LEAST_IPV6_MTU: i32 = 1280;
/// The two bits of the TOS byte that are ECN's, which a stream keeps to itself.
const ECN: i32 = 0x3;
/// What TCP_MAXSEG may be, but for 0, which takes it back (TCP_MIN_MSS, MAX_TCP_WINDOW).
const MAX_SEG: std::ops::RangeInclusive<i32> = 88..=32_767;

impl Host {
    /// Sets an option (setsockopt(2)). ENOPROTOOPT for an option that the socket hasn't, can't be set or isn't supported;
    /// EINVAL for a value out of bounds; ENOENT for a congestion control that isn't there.
    pub fn set_option(&mut self, now: Instant, id: SocketId, opt: Opt, value: Value) -> Result<()> {
        if let Some(end) = self.unix_end(id) {
            return self.set_unix_option(end, opt, &value);
        }
        let socket = self.get(id)?;
        let row = opt.row();
        if row.state == State::Rejected || !row.settable || !row.applies(socket.family, socket.transport()) {
            return Err(Errno::ENOPROTOOPT);
        }
        if opt != Opt::TcpCongestion {
            row.check(&value)?;
        }
        let waiting = self.pending(id);
        if waiting > 0 {
            let options = Arc::clone(&self.get(id)?.options);
            self.heirs.keep(id, waiting, &options);
        }
        // As Linux: only while there is no connection can the clamp be taken back.
        if opt == Opt::TcpWindowClamp
            && value == Value::Int(0)
            && (self.is_listening(id) || self.stream(id)?.1.live(&self.stack).is_some())
        {
            return Err(Errno::EINVAL);
        }
        if let Some(done) = self.set_interface_option(id, opt, &value) {
            return done;
        }
        if let Some(done) = self.set_group_option(now, id, (opt, &value)) {
            return done;
        }
        match opt {
            Opt::Ipv6V6Only => return self.set_v6only(id, value.flag()?),
            Opt::IpHdrIncl | Opt::Ipv6HdrIncl | Opt::IcmpFilter | Opt::Icmpv6Filter | Opt::Ipv6Checksum => {
                return self.set_raw_option(id, opt, &value);
            }
            Opt::Ipv6AddrForm => return self.turn_into_v4(id, value.int()?),
            _ => {}
        }
        let is_stream = self.get(id)?.transport().is_stream();
        if is_stream {
            self.check_fast_open(id, opt)?;
        }
        let settings = self.stack.settings().clone();
        Arc::make_mut(&mut self.get_mut(id)?.options).store(opt, &value, (is_stream, &settings))?;
        self.apply(now, id, opt)
    }

    /// IPV6_ADDRFORM: what speaks IPv4 anyway may be a socket of IPv4.
    fn turn_into_v4(&mut self, id: SocketId, family: i32) -> Result<()> {
        if family != Family::Inet.number() {
            return Err(Errno::EINVAL);
        }
        let socket = self.get(id)?;
        let (established, peer) = match &socket.kind {
            Kind::Stream(stream) => {
                (stream.live(&self.stack) == Some(tcp::State::Established), self.stream_peer(stream))
            }
            Kind::Datagram(datagram) => (true, self.datagram_peer(datagram)),
        };
        let peer = peer.filter(|_| established).ok_or(Errno::ENOTCONN)?;
        if socket.options.v6only || peer.is_ipv6() {
            return Err(Errno::EADDRNOTAVAIL);
        }
        self.get_mut(id)?.family = Family::Inet;
        Ok(())
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
                    Opt::SoRcvBuf | Opt::SoRcvBufForce => {
                        if let Some(bytes) = options.receive_buffer() {
                            self.stack.udp_set_receive_buffer(udp, bytes);
                        }
                    }
                    Opt::UdpCork if !options.cork => self.push_cork(now, id)?,
                    Opt::IpRecvErr | Opt::Ipv6RecvErr => {
                        let (v4, v6) = (options.receives_errors(false), options.receives_errors(true));
                        self.stack.udp_queue_errors(udp, v4, v6);
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
    pub(crate) fn store(
        &mut self,
        opt: Opt,
        value: &Value,
        (is_stream, settings): (bool, &Settings),
    ) -> Result<()> {
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
            Opt::SoSndBufForce => self.send_buffer = Some(forced(value.int()?).max(SNDBUF_MIN)),
            Opt::SoRcvBufForce => self.receive_buffer = Some(forced(value.int()?).max(RCVBUF_MIN)),
            Opt::SoRcvLowat => {
                let most = match self.receive_buffer {
                    _ if !is_stream => i32::MAX,
                    Some(bytes) => bytes / 2,
                    None => clamp(settings.tcp.receive_buffer.most / 2),
                };
                let wish = value.int()?;
                let lowat = if wish < 0 { most } else { wish.min(most) };
                self.seldom.set(opt, lowat.max(1))?;
            }
            Opt::SoRcvTimeo | Opt::SoRcvTimeoNew => self.receive_timeout = span(value)?,
            Opt::SoSndTimeo | Opt::SoSndTimeoNew => self.send_timeout = span(value)?,
            Opt::SoOobInline => self.oob_inline = value.flag()?,
            Opt::TcpNoDelay => self.nodelay = value.flag()?,
            Opt::UdpSegment => self.segment = u16::try_from(value.int()?).map_err(|_| Errno::EINVAL)?,
            Opt::TcpCork | Opt::UdpCork => self.cork = value.flag()?,
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
            Opt::IpTos => {
                let (wish, kept) = (value.int()? & 0xff, i32::from(self.tos) & ECN);
                let tos = byte(if is_stream { wish & !ECN | kept } else { wish })?;
                if tos != self.tos {
                    self.tos = tos;
                    self.seldom.set(Opt::SoPriority, priority_of(tos))?;
                }
            }
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
            Opt::Ipv6Mtu => match value.int()? {
                0 => self.seldom.set(opt, 0)?,
                longest if longest < LEAST_IPV6_MTU => return Err(Errno::EINVAL),
                longest => self.seldom.set(opt, longest)?,
            },
            Opt::SoBsdCompat | Opt::TcpThinDupAck => {}
            Opt::SoTxRehash if !is_stream => return Err(Errno::EOPNOTSUPP),
            // The last of the four that was set counts, and any of them switches off.
            Opt::SoTimestamp => self.timestamps = value.flag()?.then_some((Numbers::Old, false)),
            Opt::SoTimestampNew => self.timestamps = value.flag()?.then_some((Numbers::New, false)),
            Opt::SoTimestampNs => self.timestamps = value.flag()?.then_some((Numbers::Old, true)),
            Opt::SoTimestampNsNew => self.timestamps = value.flag()?.then_some((Numbers::New, true)),
            Opt::Ipv6DontFrag => self.dont_fragment = value.flag()?,
            opt if Asks::knows(opt) => self.asks.set(opt, value.flag()?),
            _ => self.seldom.set(opt, value.int()?)?,
        }
        Ok(())
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
            Opt::SoSndBuf | Opt::SoSndBufForce => {
                if let Some(bytes) = self.send_buffer {
                    tcb.set_send_buffer(now, bytes.cast_unsigned());
                }
            }
            Opt::SoRcvBuf | Opt::SoRcvBufForce => {
                if let Some(bytes) = self.receive_buffer {
                    tcb.set_receive_buffer(now, bytes.cast_unsigned());
                }
            }
            Opt::SoRcvLowat => tcb.set_receive_lowat(self.seldom.get(opt).cast_unsigned()),
            Opt::TcpThinLinearTimeouts | Opt::TcpRtoMaxMs | Opt::TcpRtoMinUs | Opt::TcpDelAckMaxUs => {
                tcb.tune(|config| self.seldom.tune(config, settings));
            }
            // The others have nothing to tell a connection that exists.
            _ => {}
        }
    }
}

/// What SO_SNDBUF and SO_RCVBUF make of a wish: no more than the host allows, twice (for overhead). A negative wish is a
/// large one, as in Linux.
fn doubled(wish: i32, most: u32) -> i32 {
    clamp(wish.cast_unsigned().min(most).saturating_mul(2))
}

/// The same of SO_SNDBUFFORCE and SO_RCVBUFFORCE, which nothing bounds.
fn forced(wish: i32) -> i32 {
    wish.clamp(0, i32::MAX / 2) * 2
}

/// SO_PRIORITY as IP_TOS changes it (ip(7), tc-prio(8)).
fn priority_of(tos: u8) -> i32 {
    [0, 2, 6, 4][usize::from(tos >> 3 & 3)]
}

fn span(value: &Value) -> Result<Option<Duration>> {
    match value {
        Value::Time(span) => Ok(*span),
        _ => Err(Errno::EINVAL),
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
