//! The rows.

use super::{Kind, Row, SOL_IP, SOL_IPV6, SOL_SOCKET, SOL_TCP, SOL_UDP, Sockets, State};
use crate::Family;
use crate::tcp_info::TcpInfo;

use Kind::{AnyInt, Flag, Int, Key, Linger, Name, Rate, Struct, Timeval};

/// IFNAMSIZ.
const NAME_OF_INTERFACE: usize = 16;
/// TCP_CA_NAME_MAX.
const NAME_OF_ALGORITHM: usize = 16;

macro_rules! families {
    (any) => {
        None
    };
    (v6) => {
        Some(Family::Inet6)
    };
}
macro_rules! sockets {
    (any) => {
        Sockets::All
    };
    (tcp) => {
        Sockets::Tcp
    };
    (udp) => {
        Sockets::Udp
    };
    (datagrams) => {
        Sockets::Datagrams
    };
    (raw) => {
        Sockets::Raw
    };
}
macro_rules! readable {
    (write) => {
        false
    };
    ($other:ident) => {
        true
    };
}
macro_rules! settable {
    (read) => {
        false
    };
    ($other:ident) => {
        true
    };
}

macro_rules! options {
    ($($opt:ident $level:ident $number:literal $name:literal $kind:expr, $family:ident $sockets:ident $access:ident
       $state:ident $text:literal;)*) => {
        /// A socket option.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Opt {
            $(#[doc = $text] $opt,)*
        }

        /// Every option that has a row.
        pub const OPTIONS: &[Row] = &[
            $(Row {
                opt: Opt::$opt,
                level: $level,
                number: $number,
                name: $name,
                kind: $kind,
                family: families!($family),
                sockets: sockets!($sockets),
                readable: readable!($access),
                settable: settable!($access),
                state: State::$state,
            },)*
        ];
    };
}

const ANY: i32 = i32::MAX;

// variant, level, number, name in C, kind, family, sockets, access, state, text
options! {
    SoReuseAddr SOL_SOCKET 2 "SO_REUSEADDR" Flag, any any both Enforced "Bind beside sockets that don't listen.";
    SoType SOL_SOCKET 3 "SO_TYPE" AnyInt, any any read Enforced "SOCK_STREAM or SOCK_DGRAM.";
    SoError SOL_SOCKET 4 "SO_ERROR" AnyInt, any any read Enforced "The pending error; reading clears it.";
    SoDontRoute SOL_SOCKET 5 "SO_DONTROUTE" Flag, any any both Rejected "Send to hosts on the link only.";
    SoBroadcast SOL_SOCKET 6 "SO_BROADCAST" Flag, any any both Enforced "Datagrams may go to broadcast addresses.";
    SoSndBuf SOL_SOCKET 7 "SO_SNDBUF" AnyInt, any any both Enforced "Send buffer; reads as twice what was set.";
    SoRcvBuf SOL_SOCKET 8 "SO_RCVBUF" AnyInt, any any both Enforced "Receive buffer; reads as twice what was set.";
    SoKeepAlive SOL_SOCKET 9 "SO_KEEPALIVE" Flag, any any both Enforced "Probe an idle connection.";
    SoOobInline SOL_SOCKET 10 "SO_OOBINLINE" Flag, any any both Enforced "Urgent data in line.";
    SoPriority SOL_SOCKET 12 "SO_PRIORITY" AnyInt, any any both Rejected "Priority in queues.";
    SoLinger SOL_SOCKET 13 "SO_LINGER" Linger, any any both Enforced "What close does with unsent data.";
    SoBsdCompat SOL_SOCKET 14 "SO_BSDCOMPAT" Flag, any any both Enforced "Accepted and ignored, as Linux; reads as 0.";
    SoReusePort SOL_SOCKET 15 "SO_REUSEPORT" Flag, any any both Enforced "Several sockets share a port.";
    SoRcvLowat SOL_SOCKET 18 "SO_RCVLOWAT" Int(0, ANY), any any read Enforced "Bytes that make a socket readable: 1.";
    SoSndLowat SOL_SOCKET 19 "SO_SNDLOWAT" AnyInt, any any read Enforced "Always 1 on Linux.";
    SoRcvTimeo SOL_SOCKET 20 "SO_RCVTIMEO" Timeval, any any both Enforced "How long receiving blocks.";
    SoSndTimeo SOL_SOCKET 21 "SO_SNDTIMEO" Timeval, any any both Enforced "How long sending blocks.";
    SoBindToDevice SOL_SOCKET 25 "SO_BINDTODEVICE" Name(NAME_OF_INTERFACE), any any both Rejected "One interface only.";
    SoTimestamp SOL_SOCKET 29 "SO_TIMESTAMP" Flag, any any both Rejected "Arrival times with data.";
    SoAcceptConn SOL_SOCKET 30 "SO_ACCEPTCONN" Flag, any any read Enforced "Whether it listens.";
    SoMark SOL_SOCKET 36 "SO_MARK" AnyInt, any any both Rejected "A mark on packets.";
    SoProtocol SOL_SOCKET 38 "SO_PROTOCOL" AnyInt, any any read Enforced "IPPROTO_TCP or IPPROTO_UDP.";
    SoDomain SOL_SOCKET 39 "SO_DOMAIN" AnyInt, any any read Enforced "AF_INET or AF_INET6.";
    SoMaxPacingRate SOL_SOCKET 47 "SO_MAX_PACING_RATE" Rate, any tcp both Enforced "Bytes per second, and data is paced.";

    TcpNoDelay SOL_TCP 1 "TCP_NODELAY" Flag, any tcp both Enforced "No waiting to fill segments (Nagle off).";
    TcpMaxSeg SOL_TCP 2 "TCP_MAXSEG" Int(0, 32767), any tcp both Enforced "Largest segment: a bound for connections to come; reads as the one in use.";
    TcpCork SOL_TCP 3 "TCP_CORK" Flag, any tcp both Enforced "Full segments only, for up to 200 ms.";
    TcpKeepIdle SOL_TCP 4 "TCP_KEEPIDLE" Int(1, 32767), any tcp both Enforced "Idle seconds before the first probe.";
    TcpKeepIntvl SOL_TCP 5 "TCP_KEEPINTVL" Int(1, 32767), any tcp both Enforced "Seconds between probes.";
    TcpKeepCnt SOL_TCP 6 "TCP_KEEPCNT" Int(1, 127), any tcp both Enforced "Probes unanswered before giving up.";
    TcpSynCnt SOL_TCP 7 "TCP_SYNCNT" Int(1, 127), any tcp both Enforced "Retransmissions of a SYN.";
    TcpLinger2 SOL_TCP 8 "TCP_LINGER2" AnyInt, any tcp both Enforced "Seconds an orphan stays in FIN_WAIT2; negative: it doesn't.";
    TcpDeferAccept SOL_TCP 9 "TCP_DEFER_ACCEPT" AnyInt, any tcp both Enforced "Accept when data came, or so many seconds have passed.";
    TcpWindowClamp SOL_TCP 10 "TCP_WINDOW_CLAMP" AnyInt, any tcp both Enforced "Bound of the window advertised.";
    TcpInfo SOL_TCP 11 "TCP_INFO" Struct(TcpInfo::LEN), any tcp read Enforced "struct tcp_info.";
    TcpQuickAck SOL_TCP 12 "TCP_QUICKACK" Flag, any tcp both Enforced "Acknowledge at once.";
    TcpCongestion SOL_TCP 13 "TCP_CONGESTION" Name(NAME_OF_ALGORITHM), any tcp both Enforced "The congestion control: cubic or reno.";
    TcpUserTimeout SOL_TCP 18 "TCP_USER_TIMEOUT" Int(0, ANY), any tcp both Enforced "Milliseconds data may stay unacknowledged.";
    TcpFastOpen SOL_TCP 23 "TCP_FASTOPEN" AnyInt, any tcp both Enforced "Data in the SYN: so many handshakes under way with it.";
    TcpNotSentLowat SOL_TCP 25 "TCP_NOTSENT_LOWAT" AnyInt, any tcp both Enforced "Writable below so much unsent.";
    TcpFastOpenConnect SOL_TCP 30 "TCP_FASTOPEN_CONNECT" Int(0, 1), any tcp both Enforced "connect waits for the first data, to go with the SYN.";
    TcpFastOpenKey SOL_TCP 33 "TCP_FASTOPEN_KEY" Key, any tcp both Enforced "The key of a listener's cookies, and the one before.";
    TcpFastOpenNoCookie SOL_TCP 34 "TCP_FASTOPEN_NO_COOKIE" Int(0, 1), any tcp both Enforced "Data in the SYN without a cookie.";

    UdpCork SOL_UDP 1 "UDP_CORK" Flag, any udp both Rejected "Gather writes into one datagram.";

    IpTos SOL_IP 1 "IP_TOS" AnyInt, any any both Enforced "The TOS byte of packets.";
    IpTtl SOL_IP 2 "IP_TTL" Int(-1, 255), any any both Enforced "The TTL of packets.";
    IpHdrIncl SOL_IP 3 "IP_HDRINCL" Flag, any any both Rejected "The program writes the IP header (raw sockets).";
    IpOptions SOL_IP 4 "IP_OPTIONS" Struct(40), any any both Rejected "IP options of packets.";
    IpPktInfo SOL_IP 8 "IP_PKTINFO" Flag, any any both Rejected "Destination and interface with each datagram.";
    IpMtuDiscover SOL_IP 10 "IP_MTU_DISCOVER" Int(0, 5), any any both Enforced "Path MTU discovery: IP_PMTUDISC_DONT to IP_PMTUDISC_OMIT.";
    IpRecvErr SOL_IP 11 "IP_RECVERR" Flag, any datagrams both Enforced "ICMP errors of the connected peer are queued too (MSG_ERRQUEUE).";
    IpRecvTtl SOL_IP 12 "IP_RECVTTL" Flag, any any both Rejected "The TTL with each datagram.";
    IpRecvTos SOL_IP 13 "IP_RECVTOS" Flag, any any both Rejected "The TOS byte with each datagram.";
    IpMtu SOL_IP 14 "IP_MTU" AnyInt, any any read Enforced "The MTU of the path to the peer.";
    IpFreeBind SOL_IP 15 "IP_FREEBIND" Flag, any any both Rejected "Bind to addresses that aren't local.";
    IpTransparent SOL_IP 19 "IP_TRANSPARENT" Flag, any any both Rejected "Transparent proxying.";
    IpBindAddressNoPort SOL_IP 24 "IP_BIND_ADDRESS_NO_PORT" Flag, any any both Rejected "Bind without a port yet.";
    IpMulticastIf SOL_IP 32 "IP_MULTICAST_IF" Struct(12), any any both Rejected "Interface of multicasts sent.";
    IpMulticastTtl SOL_IP 33 "IP_MULTICAST_TTL" Int(-1, 255), any any both Rejected "TTL of multicasts sent.";
    IpMulticastLoop SOL_IP 34 "IP_MULTICAST_LOOP" Flag, any any both Rejected "Multicasts sent are heard here.";
    IpAddMembership SOL_IP 35 "IP_ADD_MEMBERSHIP" Struct(12), any any write Rejected "Join a group.";
    IpDropMembership SOL_IP 36 "IP_DROP_MEMBERSHIP" Struct(12), any any write Rejected "Leave a group.";
    IpAddSourceMembership SOL_IP 39 "IP_ADD_SOURCE_MEMBERSHIP" Struct(12), any any write Rejected "Join one source.";
    IpDropSourceMembership SOL_IP 40 "IP_DROP_SOURCE_MEMBERSHIP" Struct(12), any any write Rejected "Leave one source.";
    IpMulticastAll SOL_IP 49 "IP_MULTICAST_ALL" Flag, any any both Rejected "Hear groups that others joined.";

    Ipv6UnicastHops SOL_IPV6 16 "IPV6_UNICAST_HOPS" Int(-1, 255), v6 any both Enforced "The hop limit of packets.";
    Ipv6MulticastIf SOL_IPV6 17 "IPV6_MULTICAST_IF" AnyInt, v6 any both Rejected "Interface of multicasts sent.";
    Ipv6MulticastHops SOL_IPV6 18 "IPV6_MULTICAST_HOPS" Int(-1, 255), v6 any both Rejected "Hop limit of multicasts sent.";
    Ipv6MulticastLoop SOL_IPV6 19 "IPV6_MULTICAST_LOOP" Int(0, 1), v6 any both Rejected "Multicasts sent are heard here.";
    Ipv6AddMembership SOL_IPV6 20 "IPV6_JOIN_GROUP" Struct(20), v6 any write Rejected "Join a group.";
    Ipv6DropMembership SOL_IPV6 21 "IPV6_LEAVE_GROUP" Struct(20), v6 any write Rejected "Leave a group.";
    Ipv6MtuDiscover SOL_IPV6 23 "IPV6_MTU_DISCOVER" Int(0, 5), v6 any both Enforced "Path MTU discovery: IPV6_PMTUDISC_DONT to IPV6_PMTUDISC_OMIT.";
    Ipv6Mtu SOL_IPV6 24 "IPV6_MTU" AnyInt, v6 any read Enforced "The MTU of the path to the peer.";
    Ipv6RecvErr SOL_IPV6 25 "IPV6_RECVERR" Flag, v6 datagrams both Enforced "ICMP errors of the connected peer are queued too (MSG_ERRQUEUE).";
    Ipv6V6Only SOL_IPV6 26 "IPV6_V6ONLY" Flag, v6 any both Enforced "No IPv4 by mapped addresses.";
    Ipv6RecvPktInfo SOL_IPV6 49 "IPV6_RECVPKTINFO" Flag, v6 any both Rejected "Destination and interface with each datagram.";
    Ipv6RecvHopLimit SOL_IPV6 51 "IPV6_RECVHOPLIMIT" Flag, v6 any both Rejected "The hop limit with each datagram.";
    Ipv6RecvTclass SOL_IPV6 66 "IPV6_RECVTCLASS" Flag, v6 any both Rejected "The traffic class with each datagram.";
    Ipv6Tclass SOL_IPV6 67 "IPV6_TCLASS" Int(-1, 255), v6 any both Enforced "The traffic class of packets.";
    Ipv6FreeBind SOL_IPV6 78 "IPV6_FREEBIND" Flag, v6 any both Rejected "Bind to addresses that aren't local.";
}
