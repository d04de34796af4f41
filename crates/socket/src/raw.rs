//! Raw and ping sockets (raw(7), icmp(7), ipv6(7)): what is theirs alone of the calls and options. The rest they have in
//! common with UDP's sockets.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use sockeye_abi::{Errno, Family, MessageFlags, Opt, Transport, Value};
use sockeye_base::{Chain, Instant};
use sockeye_stack::{Event, RawOptions, UdpId};

use crate::datagram::{Cork, Datagram, LONGEST};
use crate::errors;
use crate::host::{Host, Kind, Result, Socket, SocketId};
use crate::message::Outgoing;
use crate::stream::request_of;

/// IPPROTO_RAW: its sockets write the IP header from the start.
const IPPROTO_RAW: u16 = 255;
/// An ICMP header's length, and the types of echo requests.
const ICMP_HEADER: usize = 8;
const ECHO: u8 = 8;
const ECHO_V6: u8 = 128;
/// The group that a virtual host's programs are in: they are its root's.
const GROUP: u32 = 0;

impl Host {
    /// Opens a raw or a ping socket. EACCES if the host's `ping_group_range` leaves out root's group, whose all sockets are.
    pub(crate) fn open_raw(&mut self, family: Family, transport: Transport) -> Result<SocketId> {
        let (low, high) = self.stack.settings().ping_group_range;
        if transport == Transport::Ping && !(low..=high).contains(&GROUP) {
            return Err(Errno::EACCES);
        }
        let mut options = Arc::clone(&self.options);
        let first = Arc::make_mut(&mut options);
        // As Linux (INET_PROTOSW_REUSE).
        first.reuse_address = true;
        first.v6only = (family, transport) == (Family::Inet6, Transport::Ping);
        let udp = match transport {
            Transport::Raw(protocol) => {
                let udp = self.stack.raw_open(family == Family::Inet6, protocol);
                let own = self.stack.raw_options(udp).unwrap_or_default();
                let writes_header = protocol == IPPROTO_RAW;
                self.stack.raw_set_options(udp, RawOptions { writes_header, ..own });
                Some(udp)
            }
            _ => None,
        };
        let mut datagram = Datagram::new(transport);
        datagram.udp = udp;
        let id = self.insert(Socket::new(family, options, Kind::Datagram(Box::new(datagram))));
        if let Some(udp) = udp {
            self.stack.set_socket_of(Event::Udp(udp), id);
        }
        Ok(id)
    }

    /// A raw socket may be bound again and again, but not while it has a peer.
    pub(crate) fn bind_raw(&mut self, id: SocketId, wanted: SocketAddr) -> Result<()> {
        let (socket, datagram) = self.datagram(id)?;
        let right = match (socket.family, wanted.ip()) {
            (Family::Inet, IpAddr::V4(_)) => Ok(()),
            (Family::Inet6, IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some() => Err(Errno::EADDRNOTAVAIL),
            (Family::Inet6, IpAddr::V6(_)) => Ok(()),
            (Family::Inet, IpAddr::V6(_)) | (Family::Inet6, IpAddr::V4(_)) => Err(Errno::EAFNOSUPPORT),
        };
        right?;
        if datagram.peer.is_some() {
            return Err(Errno::EINVAL);
        }
        let udp = datagram.udp.ok_or(Errno::EBADF)?;
        let request = request_of(socket, wanted);
        self.stack.raw_bind(udp, &request).map_err(errors::of_bind)
    }

    /// Sends on a raw or ping socket, with the checks in Linux's order (`raw_sendmsg`, `ping_common_sendmsg`).
    pub(crate) fn send_raw(
        &mut self,
        now: Instant,
        id: SocketId,
        message: &Outgoing<'_>,
        bytes: Chain,
    ) -> Result<usize> {
        let udp = self.port_of(now, id)?;
        let len = bytes.len();
        if len > LONGEST {
            return Err(Errno::EMSGSIZE);
        }
        let (socket, datagram) = self.datagram(id)?;
        let (family, transport) = (socket.family, datagram.transport);
        let is_ping = transport == Transport::Ping;
        if message.flags.contains(MessageFlags::OOB) {
            return Err(if is_ping && len < ICMP_HEADER { Errno::EINVAL } else { Errno::EOPNOTSUPP });
        }
        if is_ping {
            check_request(family, &bytes)?;
        }
        if message.to.is_none() && datagram.peer.is_none() {
            return Err(Errno::EDESTADDRREQ);
        }
        if let Some(to) = message.to {
            check_destination(family, transport, to)?;
        }
        if self.stack.raw_options(udp).is_some_and(|options| options.writes_header) {
            return self.send_whole(now, (id, udp), message, &bytes);
        }
        // The kernel looks at type and code of what goes out.
        let is_icmp = transport.protocol(family) == Transport::Ping.protocol(family);
        if is_icmp && len < 2 {
            return Err(Errno::EFAULT);
        }
        let waits_for_more = message.flags.contains(MessageFlags::MORE) && !is_ping;
        let cork = match self.datagram_mut(id)?.cork.take() {
            Some(mut cork) => {
                cork.data.append(bytes);
                cork
            }
            None => {
                Box::new(Cork { ready: self.prepare_datagram(now, (id, udp), (message, len))?, data: bytes })
            }
        };
        self.stack.udp_check_length(&cork.ready, cork.data.len()).map_err(errors::of_send)?;
        // Behind a header of the host's a raw packet is queued without a look at the socket's state (`__ip_append_data`).
        if is_ping {
            self.ready_to_send(id)?;
        }
        if waits_for_more {
            self.datagram_mut(id)?.cork = Some(cork);
        } else {
            self.stack.raw_transmit(now, cork.ready, cork.data).map_err(errors::of_send)?;
        }
        Ok(len)
    }

    /// Sends a packet with its header.
    fn send_whole(
        &mut self,
        now: Instant,
        (id, udp): (SocketId, UdpId),
        message: &Outgoing<'_>,
        bytes: &Chain,
    ) -> Result<usize> {
        let ready = self.prepare_datagram(now, (id, udp), (message, bytes.len()))?;
        self.ready_to_send(id)?;
        self.stack.raw_transmit_whole(now, &ready, bytes).map_err(errors::of_send)?;
        Ok(bytes.len())
    }

    /// Sets what the stack keeps of a raw socket. Of a filter the first bytes may be given alone.
    pub(crate) fn set_raw_option(&mut self, id: SocketId, opt: Opt, value: &Value) -> Result<()> {
        let (udp, mut options) = self.raw_options(id).ok_or(Errno::ENOPROTOOPT)?;
        match (opt, value) {
            (Opt::IpHdrIncl | Opt::Ipv6HdrIncl, value) => options.writes_header = value.flag()?,
            // RFC 3542, section 3.1: it is a 16-bit field.
            (Opt::Ipv6Checksum, Value::Int(at)) if *at > 0 && at % 2 == 1 => return Err(Errno::EINVAL),
            (Opt::Ipv6Checksum, Value::Int(at)) => options.checksum_at = usize::try_from(*at).ok(),
            (_, Value::Bytes(given)) => {
                for (word, given) in options.filter.iter_mut().zip(given.chunks(4)) {
                    let mut bytes = word.to_ne_bytes();
                    bytes.iter_mut().zip(given).for_each(|(byte, new)| *byte = *new);
                    *word = u32::from_ne_bytes(bytes);
                }
            }
            _ => return Err(Errno::EINVAL),
        }
        self.stack.raw_set_options(udp, options);
        Ok(())
    }

    /// The same, to look at. IP_HDRINCL is off on all other sockets.
    pub(crate) fn raw_option(&self, id: SocketId, opt: Opt) -> Result<Value> {
        let options = self.raw_options(id).map(|(_, options)| options).unwrap_or_default();
        Ok(match opt {
            Opt::Ipv6Checksum => {
                let at = options.checksum_at.and_then(|at| i32::try_from(at).ok());
                at.unwrap_or(-1).into()
            }
            Opt::IcmpFilter | Opt::Icmpv6Filter => {
                let mut bytes: Vec<u8> = options.filter.iter().flat_map(|word| word.to_ne_bytes()).collect();
                bytes.truncate(if opt == Opt::IcmpFilter { 4 } else { bytes.len() });
                Value::Bytes(bytes)
            }
            _ => options.writes_header.into(),
        })
    }

    fn raw_options(&self, id: SocketId) -> Option<(UdpId, RawOptions)> {
        let (_, datagram) = self.datagram(id).ok()?;
        let udp = datagram.udp.filter(|_| matches!(datagram.transport, Transport::Raw(_)))?;
        Some((udp, self.stack.raw_options(udp)?))
    }
}

/// A ping socket sends echo requests and nothing else.
fn check_request(family: Family, bytes: &Chain) -> Result<()> {
    let mut head = [0; ICMP_HEADER];
    let whole = bytes.copy_to(&mut head) == head.len();
    let request = match family {
        Family::Inet => ECHO,
        Family::Inet6 => ECHO_V6,
    };
    if whole && head.starts_with(&[request, 0]) { Ok(()) } else { Err(Errno::EINVAL) }
}

/// Over IPv6 the port is 0 or the protocol's number (`rawv6_sendmsg`); and a ping socket takes the addresses for what they are.
fn check_destination(family: Family, transport: Transport, to: SocketAddr) -> Result<()> {
    let SocketAddr::V6(to) = to else { return Ok(()) };
    let is_mapped = to.ip().to_ipv4_mapped().is_some();
    match (family, transport) {
        (Family::Inet6, Transport::Raw(protocol)) => {
            let named = to.port();
            let free = named == 0 || protocol == IPPROTO_RAW;
            match named {
                _ if !free && named != protocol => Err(Errno::EINVAL),
                256.. => Err(Errno::EINVAL),
                _ if is_mapped => Err(Errno::ENETUNREACH),
                _ => Ok(()),
            }
        }
        (Family::Inet6, Transport::Ping) if is_mapped => Err(Errno::EINVAL),
        (Family::Inet6, Transport::Ping) if *to.ip() == Ipv6Addr::UNSPECIFIED => Err(Errno::ENETUNREACH),
        _ => Ok(()),
    }
}
