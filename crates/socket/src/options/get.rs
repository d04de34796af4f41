//! getsockopt(2): what each option shows.

use slotmap::Key;
use sockeye_abi::{Errno, Family, Numbers, Opt, SocketType, State, Value, encode_sockaddr};
use sockeye_base::{Duration, Instant};
use sockeye_stack::Settings;
use sockeye_tcp::{self as tcp, Tcb};

use super::interfaces::number;
use super::{Asks, Options, clamp};
use crate::host::{Host, Kind, Result, Socket, SocketId};
use crate::stream::StreamState;
use crate::tcp_info;

/// What a UDP socket says of its buffers (rmem_default, wmem_default).
const UDP_MEM: i32 = 212_992;
/// The MSS a socket without a connection says (TCP_MSS_DEFAULT).
const MSS_DEFAULT: i32 = 536;

impl Host {
    /// Reads an option (getsockopt(2)); SO_ERROR is cleared by it.
    pub fn option(&mut self, now: Instant, id: SocketId, opt: Opt) -> Result<Value> {
        if let Some(end) = self.unix_end(id) {
            return self.unix_option(end, opt);
        }
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
            Opt::SoBindToDevice => self.shown_device(id),
            Opt::SoBindToIfindex => Ok(self.get(id)?.options.device.map_or(0, number).into()),
            // They are asked by [`Host::group_filter`].
            Opt::IpMsfilter | Opt::IpMcastMsfilter | Opt::Ipv6McastMsfilter => Err(Errno::EINVAL),
            Opt::SoAcceptConn => Ok(self.is_listening(id).into()),
            Opt::TcpInfo => Ok(Value::Bytes(tcp_info::of(self, now, id)?.to_bytes())),
            Opt::TcpMaxSeg => Ok(Value::Int(self.shown_segment(id)?)),
            Opt::TcpQuickAck if self.tcb(id).is_some() => Ok(self.tcb(id).is_some_and(Tcb::quick_ack).into()),
            Opt::TcpWindowClamp if self.tcb(id).is_some() => {
                Ok(Value::Int(clamp(self.tcb(id).map_or(0, Tcb::window_clamp))))
            }
            Opt::SoSndBuf | Opt::SoRcvBuf => Ok(Value::Int(self.shown_buffer(id, opt)?)),
            Opt::SoPeerName => self.peer_addr(id).map(|peer| Value::Bytes(encode_sockaddr(&peer))),
            Opt::SoCookie => Ok(Value::Bytes(id.data().as_ffi().to_ne_bytes().to_vec())),
            Opt::SoMemInfo => self.memory_info(id),
            Opt::IpProtocol => Ok(i32::from(self.local_addr(id)?.port()).into()),
            Opt::Ipv6AddrForm => {
                self.peer_addr(id)?;
                Ok(self.family(id)?.number().into())
            }
            Opt::SoIncomingCpu if self.tcb(id).is_some() => Ok(0.into()),
            Opt::SoTxRehash if self.transport(id)?.socket_type() != SocketType::Stream => {
                Err(Errno::EOPNOTSUPP)
            }
            Opt::IpHdrIncl | Opt::Ipv6HdrIncl | Opt::IcmpFilter | Opt::Icmpv6Filter | Opt::Ipv6Checksum => {
                self.raw_option(id, opt)
            }
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

    /// The sizes of a socket's buffers for sending and receiving, each if the program has set it: bytes, as SO_SNDBUF and
    /// SO_RCVBUF read.
    pub fn buffers_set(&self, id: SocketId) -> (Option<i32>, Option<i32>) {
        self.get(id)
            .map_or((None, None), |socket| (socket.options.send_buffer, socket.options.receive_buffer))
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
            (Kind::Stream(_), None) => clamp(tcb.map_or_else(
                || tcp.receive_buffer.first.max(socket.options.grown_buffer()),
                Tcb::receive_buffer,
            )),
        })
    }

    /// SO_MEMINFO: what is received and not read, and what it may be; what is sent and not acknowledged, and what it may
    /// be; then memory set aside, what is queued to be sent, and for options, a backlog, and what was dropped, of which
    /// nothing is kept here.
    fn memory_info(&self, id: SocketId) -> Result<Value> {
        let received = clamp(u32::try_from(self.unread(id).unwrap_or(0)).unwrap_or(u32::MAX));
        let queued = clamp(u32::try_from(self.unsent(id).unwrap_or((0, 0)).0).unwrap_or(u32::MAX));
        let (receive, send) = (self.shown_buffer(id, Opt::SoRcvBuf)?, self.shown_buffer(id, Opt::SoSndBuf)?);
        let words = [received.saturating_mul(2), receive, queued, send, 0, queued, 0, 0, 0];
        Ok(Value::Bytes(words.iter().flat_map(|word| word.to_ne_bytes()).collect()))
    }
}

impl Socket {
    /// What getsockopt shows of what the socket itself keeps.
    fn shown(&self, opt: Opt, settings: &Settings) -> Result<Value> {
        if let Some(value) = self.options.interfaces.shown(opt, self.family) {
            return Ok(value);
        }
        Ok(match opt {
            Opt::SoType => self.transport().socket_type().number().into(),
            Opt::SoProtocol => self.transport().protocol(self.family).into(),
            Opt::SoDomain => self.family.number().into(),
            Opt::Ipv6V6Only => (self.family == Family::Inet6 && self.options.v6only).into(),
            _ => return self.options.shown(opt, settings),
        })
    }
}

impl Options {
    /// What getsockopt shows of what was set.
    pub(crate) fn shown(&self, opt: Opt, settings: &Settings) -> Result<Value> {
        let options = self;
        let ttl = |own: Option<u8>| i32::from(own.unwrap_or(settings.default_ttl));
        Ok(match opt {
            Opt::SoReuseAddr => options.reuse_address.into(),
            Opt::SoReusePort => options.reuse_port.into(),
            Opt::SoBroadcast => options.broadcast.into(),
            Opt::SoKeepAlive => options.keep_alive.into(),
            Opt::SoLinger => Value::Linger { on: options.linger.is_some(), seconds: options.linger_seconds },
            Opt::SoOobInline => options.oob_inline.into(),
            Opt::SoBsdCompat
            | Opt::TcpThinDupAck
            | Opt::TcpIsMptcp
            | Opt::UdpLiteSendCscov
            | Opt::UdpLiteRecvCscov => false.into(),
            Opt::SoSndLowat => 1.into(),
            // Nobody: process 0, no user, no group.
            Opt::SoPeerCred => Value::Bytes([0_i32, -1, -1].iter().flat_map(|n| n.to_ne_bytes()).collect()),
            Opt::TcpCcInfo => Value::Bytes(Vec::new()),
            Opt::SoRcvTimeo | Opt::SoRcvTimeoNew => Value::Time(options.receive_timeout),
            Opt::SoSndTimeo | Opt::SoSndTimeoNew => Value::Time(options.send_timeout),
            Opt::TcpNoDelay => options.nodelay.into(),
            Opt::UdpSegment => i32::from(options.segment).into(),
            Opt::TcpCork | Opt::UdpCork => options.cork.into(),
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
            Opt::SoTimestamp => (options.timestamps == Some((Numbers::Old, false))).into(),
            // As Linux: on in nanoseconds, too.
            Opt::SoTimestampNew => matches!(options.timestamps, Some((Numbers::New, _))).into(),
            Opt::SoTimestampNs => (options.timestamps == Some((Numbers::Old, true))).into(),
            Opt::SoTimestampNsNew => (options.timestamps == Some((Numbers::New, true))).into(),
            Opt::Ipv6DontFrag => options.dont_fragment.into(),
            opt if Asks::knows(opt) => options.asks(opt).into(),
            _ => options.seldom.shown(opt).ok_or(Errno::ENOPROTOOPT)?.into(),
        })
    }
}

fn seconds(span: Duration) -> i32 {
    i32::try_from(span.as_secs()).unwrap_or(i32::MAX)
}
