//! The rows.

use super::{
    Kind, Layout, Row, SOL_ICMPV6, SOL_IP, SOL_IPV6, SOL_RAW, SOL_SOCKET, SOL_TCP, SOL_UDP, Sockets, State,
};
use crate::Family;
use crate::tcp_info::TcpInfo;

use Kind::{
    AnyInt, Bits, Device, Flag, Group, Int, Interface, Key, Linger, Name, NetworkInt, Number, Peer, Rate,
    Struct, Timeval, Word,
};

/// TCP_CA_NAME_MAX.
const NAME_OF_ALGORITHM: usize = 16;

macro_rules! families {
    (any) => {
        None
    };
    (v4) => {
        Some(Family::Inet)
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
    (unix) => {
        Sockets::Unix
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
                text: $text,
            },)*
        ];
    };
}

const ANY: i32 = i32::MAX;

// variant, level, number, name in C, kind, family, sockets, access, state, text
options! {
    SoDebug SOL_SOCKET 1 "SO_DEBUG" Flag, any any both Kept "Debugging notes of the kernel.";
    SoReuseAddr SOL_SOCKET 2 "SO_REUSEADDR" Flag, any any both Enforced "Bind beside sockets that don't listen.";
    SoType SOL_SOCKET 3 "SO_TYPE" AnyInt, any any read Enforced "SOCK_STREAM or SOCK_DGRAM.";
    SoError SOL_SOCKET 4 "SO_ERROR" AnyInt, any any read Enforced "The pending error; reading clears it.";
    SoDontRoute SOL_SOCKET 5 "SO_DONTROUTE" Flag, any any both Enforced "Over IPv4 to hosts on the link only; IPv6 keeps the value.";
    SoBroadcast SOL_SOCKET 6 "SO_BROADCAST" Flag, any any both Enforced "Datagrams may go to broadcast addresses.";
    SoSndBuf SOL_SOCKET 7 "SO_SNDBUF" AnyInt, any any both Enforced "Send buffer; reads as twice what was set.";
    SoRcvBuf SOL_SOCKET 8 "SO_RCVBUF" AnyInt, any any both Enforced "Receive buffer; reads as twice what was set.";
    SoKeepAlive SOL_SOCKET 9 "SO_KEEPALIVE" Flag, any any both Enforced "Probe an idle connection.";
    SoOobInline SOL_SOCKET 10 "SO_OOBINLINE" Flag, any any both Enforced "Urgent data in line.";
    SoNoCheck SOL_SOCKET 11 "SO_NO_CHECK" Flag, any any both Rejected "Datagrams without a checksum.";
    SoPriority SOL_SOCKET 12 "SO_PRIORITY" AnyInt, any any both Enforced "Priority in queues, which no virtual link has; IP_TOS changes it.";
    SoLinger SOL_SOCKET 13 "SO_LINGER" Linger, any any both Enforced "What close does with unsent data.";
    SoBsdCompat SOL_SOCKET 14 "SO_BSDCOMPAT" Flag, any any both Enforced "Accepted and ignored, as Linux; reads as 0.";
    SoReusePort SOL_SOCKET 15 "SO_REUSEPORT" Flag, any any both Enforced "Several sockets share a port.";
    SoPassCred SOL_SOCKET 16 "SO_PASSCRED" Flag, any unix both Enforced "Who sent it, with what is received.";
    SoPeerCred SOL_SOCKET 17 "SO_PEERCRED" Struct(12), any any read Enforced "Who connected, or listened.";
    SoRcvLowat SOL_SOCKET 18 "SO_RCVLOWAT" AnyInt, any any both Enforced "Bytes that make a stream readable; a datagram socket keeps the value.";
    SoSndLowat SOL_SOCKET 19 "SO_SNDLOWAT" AnyInt, any any read Enforced "Always 1 on Linux.";
    SoRcvTimeo SOL_SOCKET 20 "SO_RCVTIMEO" Timeval, any any both Enforced "How long receiving blocks.";
    SoSndTimeo SOL_SOCKET 21 "SO_SNDTIMEO" Timeval, any any both Enforced "How long sending blocks.";
    SoBindToDevice SOL_SOCKET 25 "SO_BINDTODEVICE" Interface, any any both Enforced "One interface only.";
    SoTimestamp SOL_SOCKET 29 "SO_TIMESTAMP" Flag, any datagrams both Enforced "Arrival times with datagrams, in microseconds.";
    SoPeerName SOL_SOCKET 28 "SO_PEERNAME" Peer, any any read Enforced "As getpeername.";
    SoAcceptConn SOL_SOCKET 30 "SO_ACCEPTCONN" Flag, any any read Enforced "Whether it listens.";
    SoPeerSec SOL_SOCKET 31 "SO_PEERSEC" Struct(256), any unix read Rejected "The peer's security label: there are none.";
    SoSndBufForce SOL_SOCKET 32 "SO_SNDBUFFORCE" AnyInt, any any write Enforced "SO_SNDBUF beyond the host's bound.";
    SoRcvBufForce SOL_SOCKET 33 "SO_RCVBUFFORCE" AnyInt, any any write Enforced "SO_RCVBUF beyond the host's bound.";
    SoPassSec SOL_SOCKET 34 "SO_PASSSEC" Flag, any unix both Rejected "The sender's security label.";
    SoTimestampNs SOL_SOCKET 35 "SO_TIMESTAMPNS" Flag, any datagrams both Enforced "Arrival times with datagrams, in nanoseconds.";
    SoMark SOL_SOCKET 36 "SO_MARK" AnyInt, any any both Kept "A mark on packets, for firewalls and routing rules.";
    SoProtocol SOL_SOCKET 38 "SO_PROTOCOL" AnyInt, any any read Enforced "IPPROTO_TCP or IPPROTO_UDP.";
    SoDomain SOL_SOCKET 39 "SO_DOMAIN" AnyInt, any any read Enforced "AF_INET or AF_INET6.";
    SoRxqOvfl SOL_SOCKET 40 "SO_RXQ_OVFL" Flag, any any both Enforced "How many datagrams were dropped, with each datagram.";
    SoWifiStatus SOL_SOCKET 41 "SO_WIFI_STATUS" Flag, any any both Kept "Whether Wi-Fi frames were acknowledged: no link is one.";
    SoPeekOff SOL_SOCKET 42 "SO_PEEK_OFF" AnyInt, any unix both Enforced "Where a peek begins, behind what was peeked at; negative: off.";
    SoNoFcs SOL_SOCKET 43 "SO_NOFCS" Flag, any any both Kept "Frames without checksum, where the driver can.";
    SoSelectErrQueue SOL_SOCKET 45 "SO_SELECT_ERR_QUEUE" Flag, any any both Enforced "poll says POLLPRI too of the error queue.";
    SoBusyPoll SOL_SOCKET 46 "SO_BUSY_POLL" Int(0, ANY), any any both Kept "Microseconds to spin for a packet.";
    SoMaxPacingRate SOL_SOCKET 47 "SO_MAX_PACING_RATE" Rate, any any both Enforced "Bytes per second, and data is paced; a datagram socket keeps the value, as without sch_fq.";
    SoBpfExtensions SOL_SOCKET 48 "SO_BPF_EXTENSIONS" AnyInt, any any read Rejected "What filters may ask for beyond the packet.";
    SoIncomingCpu SOL_SOCKET 49 "SO_INCOMING_CPU" AnyInt, any any both Kept "The processor that serves it; -1: any.";
    SoAttachBpf SOL_SOCKET 50 "SO_ATTACH_BPF" AnyInt, any any write Rejected "A filter that was loaded by bpf(2).";
    SoAttachReusePortCbpf SOL_SOCKET 51 "SO_ATTACH_REUSEPORT_CBPF" Struct(16), any any write Rejected "A program that picks one of those who share a port.";
    SoAttachReusePortEbpf SOL_SOCKET 52 "SO_ATTACH_REUSEPORT_EBPF" AnyInt, any any write Rejected "The same, loaded by bpf(2).";
    SoCnxAdvice SOL_SOCKET 53 "SO_CNX_ADVICE" AnyInt, any any write Kept "1: the path is doubtful; routes are looked up anew anyway.";
    SoMemInfo SOL_SOCKET 55 "SO_MEMINFO" Struct(36), any any read Enforced "Nine words: what its queues hold, and may.";
    SoIncomingNapiId SOL_SOCKET 56 "SO_INCOMING_NAPI_ID" AnyInt, any any read Kept "The driver's queue: none, 0.";
    SoCookie SOL_SOCKET 57 "SO_COOKIE" Number, any any read Enforced "A number that no other socket of the host has.";
    SoPeerGroups SOL_SOCKET 59 "SO_PEERGROUPS" Struct(256), any unix read Enforced "The groups of who connected, or listened.";
    SoBindToIfindex SOL_SOCKET 62 "SO_BINDTOIFINDEX" Int(0, ANY), any any both Enforced "One interface only, by its index.";
    SoTimestampNew SOL_SOCKET 63 "SO_TIMESTAMP_NEW" Flag, any datagrams both Enforced "SO_TIMESTAMP for times past 2038.";
    SoTimestampNsNew SOL_SOCKET 64 "SO_TIMESTAMPNS_NEW" Flag, any datagrams both Enforced "SO_TIMESTAMPNS for times past 2038.";
    SoTxTime SOL_SOCKET 61 "SO_TXTIME" Struct(8), any any both Rejected "Packets that leave at a time of their own.";
    SoRcvTimeoNew SOL_SOCKET 66 "SO_RCVTIMEO_NEW" Timeval, any any both Enforced "SO_RCVTIMEO with 64 bits on every machine.";
    SoSndTimeoNew SOL_SOCKET 67 "SO_SNDTIMEO_NEW" Timeval, any any both Enforced "SO_SNDTIMEO with 64 bits on every machine.";
    SoDetachReusePortBpf SOL_SOCKET 68 "SO_DETACH_REUSEPORT_BPF" AnyInt, any any write Rejected "See SO_ATTACH_REUSEPORT_CBPF.";
    SoPreferBusyPoll SOL_SOCKET 69 "SO_PREFER_BUSY_POLL" Flag, any any both Kept "Spinning before interrupts.";
    SoBusyPollBudget SOL_SOCKET 70 "SO_BUSY_POLL_BUDGET" Int(0, 65535), any any write Kept "Packets for each spin.";
    SoNetnsCookie SOL_SOCKET 71 "SO_NETNS_COOKIE" Number, any any read Rejected "A number of its network namespace.";
    SoBufLock SOL_SOCKET 72 "SO_BUF_LOCK" Int(0, 3), any any both Rejected "Whether SO_SNDBUF and SO_RCVBUF keep a buffer from growing.";
    SoReserveMem SOL_SOCKET 73 "SO_RESERVE_MEM" Int(0, ANY), any any both Enforced "EOPNOTSUPP, as without a memory group; reads as 0.";
    SoTxRehash SOL_SOCKET 74 "SO_TXREHASH" AnyInt, any any both Kept "Another path by another hash after a timeout: 0, 1, or -1, the default, 1.";
    SoRcvMark SOL_SOCKET 75 "SO_RCVMARK" Flag, any any both Rejected "The mark of each datagram.";
    SoPassPidfd SOL_SOCKET 76 "SO_PASSPIDFD" Flag, any unix both Rejected "A descriptor of the sender's process.";
    SoPeerPidfd SOL_SOCKET 77 "SO_PEERPIDFD" AnyInt, any unix read Rejected "A descriptor of the peer's process.";
    SoDevMemDontNeed SOL_SOCKET 80 "SO_DEVMEM_DONTNEED" Struct(8), any any write Rejected "Giving back a device's memory.";
    SoRcvPriority SOL_SOCKET 82 "SO_RCVPRIORITY" Flag, any any both Rejected "The priority of each datagram.";
    SoPassRights SOL_SOCKET 83 "SO_PASSRIGHTS" Flag, any unix both Enforced "Descriptors may be passed to it.";

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
    TcpMd5Sig SOL_TCP 14 "TCP_MD5SIG" Struct(216), any tcp write Rejected "Signed segments (RFC 2385).";
    TcpThinLinearTimeouts SOL_TCP 16 "TCP_THIN_LINEAR_TIMEOUTS" Int(0, 1), any tcp both Enforced "Timeouts with little in flight don't back off at first.";
    TcpThinDupAck SOL_TCP 17 "TCP_THIN_DUPACK" Int(0, 1), any tcp both Enforced "Accepted and ignored, as Linux; reads as 0.";
    TcpUserTimeout SOL_TCP 18 "TCP_USER_TIMEOUT" Int(0, ANY), any tcp both Enforced "Milliseconds data may stay unacknowledged.";
    TcpRepair SOL_TCP 19 "TCP_REPAIR" Int(-1, 1), any tcp both Rejected "Taking connections out of a kernel and into one.";
    TcpRepairQueue SOL_TCP 20 "TCP_REPAIR_QUEUE" AnyInt, any tcp both Rejected "See TCP_REPAIR.";
    TcpQueueSeq SOL_TCP 21 "TCP_QUEUE_SEQ" AnyInt, any tcp both Rejected "See TCP_REPAIR.";
    TcpRepairOptions SOL_TCP 22 "TCP_REPAIR_OPTIONS" Struct(64), any tcp write Rejected "See TCP_REPAIR.";
    TcpFastOpen SOL_TCP 23 "TCP_FASTOPEN" AnyInt, any tcp both Enforced "Data in the SYN: so many handshakes under way with it.";
    TcpTimestamp SOL_TCP 24 "TCP_TIMESTAMP" AnyInt, any tcp both Rejected "See TCP_REPAIR: the timestamp clock.";
    TcpNotSentLowat SOL_TCP 25 "TCP_NOTSENT_LOWAT" AnyInt, any tcp both Enforced "Writable below so much unsent.";
    TcpCcInfo SOL_TCP 26 "TCP_CC_INFO" Struct(20), any tcp read Enforced "What the congestion control tells: cubic and reno nothing.";
    TcpSaveSyn SOL_TCP 27 "TCP_SAVE_SYN" Int(0, 2), any tcp both Rejected "A listener keeps the headers of SYNs.";
    TcpSavedSyn SOL_TCP 28 "TCP_SAVED_SYN" Struct(256), any tcp read Rejected "The headers of the SYN this connection began with.";
    TcpRepairWindow SOL_TCP 29 "TCP_REPAIR_WINDOW" Struct(20), any tcp both Rejected "See TCP_REPAIR.";
    TcpFastOpenConnect SOL_TCP 30 "TCP_FASTOPEN_CONNECT" Int(0, 1), any tcp both Enforced "connect waits for the first data, to go with the SYN.";
    TcpUlp SOL_TCP 31 "TCP_ULP" Name(16), any tcp both Rejected "Another protocol in the kernel, as TLS.";
    TcpMd5SigExt SOL_TCP 32 "TCP_MD5SIG_EXT" Struct(216), any tcp write Rejected "Signed segments (RFC 2385).";
    TcpFastOpenKey SOL_TCP 33 "TCP_FASTOPEN_KEY" Key, any tcp both Enforced "The key of a listener's cookies, and the one before.";
    TcpFastOpenNoCookie SOL_TCP 34 "TCP_FASTOPEN_NO_COOKIE" Int(0, 1), any tcp both Enforced "Data in the SYN without a cookie.";
    TcpZeroCopyReceive SOL_TCP 35 "TCP_ZEROCOPY_RECEIVE" Struct(64), any tcp read Rejected "Receiving by mapping pages.";
    TcpInq SOL_TCP 36 "TCP_INQ" Int(0, 1), any tcp both Rejected "How much more waits, with each message received.";
    TcpTxDelay SOL_TCP 37 "TCP_TX_DELAY" Int(0, ANY), any tcp both Rejected "Microseconds that everything sent is delayed (see sockeye run --delay).";
    TcpIsMptcp SOL_TCP 43 "TCP_IS_MPTCP" AnyInt, any tcp read Enforced "Whether it is Multipath TCP: 0.";
    TcpRtoMaxMs SOL_TCP 44 "TCP_RTO_MAX_MS" Int(1000, 120_000), any tcp both Enforced "Longest retransmission timeout, milliseconds.";
    TcpRtoMinUs SOL_TCP 45 "TCP_RTO_MIN_US" Int(2000, 200_000), any tcp both Enforced "Least retransmission timeout beyond the round trip, microseconds.";
    TcpDelAckMaxUs SOL_TCP 46 "TCP_DELACK_MAX_US" Int(2000, 200_000), any tcp both Enforced "Longest delay of an acknowledgement, microseconds.";

    UdpCork SOL_UDP 1 "UDP_CORK" Flag, any udp both Enforced "Gather writes into one datagram.";
    UdpSegment SOL_UDP 103 "UDP_SEGMENT" Int(0, 65535), any udp both Enforced "Data are cut into datagrams of so many bytes; 0: they are one.";
    UdpLiteSendCscov SOL_UDP 10 "UDPLITE_SEND_CSCOV" AnyInt, any udp read Enforced "0: it isn't UDP-Lite.";
    UdpLiteRecvCscov SOL_UDP 11 "UDPLITE_RECV_CSCOV" AnyInt, any udp read Enforced "0: it isn't UDP-Lite.";
    UdpEncap SOL_UDP 100 "UDP_ENCAP" AnyInt, any udp both Rejected "Datagrams that hold IPsec and the like.";
    UdpNoCheck6Tx SOL_UDP 101 "UDP_NO_CHECK6_TX" Flag, any udp both Rejected "Datagrams over IPv6 without a checksum.";
    UdpNoCheck6Rx SOL_UDP 102 "UDP_NO_CHECK6_RX" Flag, any udp both Rejected "Taking those.";

    IpTos SOL_IP 1 "IP_TOS" AnyInt, any any both Enforced "The TOS byte of packets.";
    IpTtl SOL_IP 2 "IP_TTL" Int(-1, 255), any any both Enforced "The TTL of packets.";
    IpHdrIncl SOL_IP 3 "IP_HDRINCL" Flag, any any both Enforced "The program writes the IP header (raw sockets).";
    IpOptions SOL_IP 4 "IP_OPTIONS" Struct(40), any any both Rejected "IP options of packets.";
    IpPktInfo SOL_IP 8 "IP_PKTINFO" Flag, any any both Enforced "Destination and interface with each datagram.";
    IpMtuDiscover SOL_IP 10 "IP_MTU_DISCOVER" Int(0, 5), any any both Enforced "Path MTU discovery: IP_PMTUDISC_DONT to IP_PMTUDISC_OMIT.";
    IpRecvErr SOL_IP 11 "IP_RECVERR" Flag, any datagrams both Enforced "ICMP errors are told, connected or not, and queued with what they say (MSG_ERRQUEUE).";
    IpRecvTtl SOL_IP 12 "IP_RECVTTL" Flag, any any both Enforced "The TTL with each datagram.";
    IpRecvTos SOL_IP 13 "IP_RECVTOS" Flag, any any both Enforced "The TOS byte with each datagram.";
    IpMtu SOL_IP 14 "IP_MTU" AnyInt, any any read Enforced "The MTU of the path to the peer.";
    IpXfrmPolicy SOL_IP 17 "IP_XFRM_POLICY" Struct(168), any any write Rejected "IPsec for one socket.";
    IpPassSec SOL_IP 18 "IP_PASSSEC" Flag, any any both Rejected "The security label with each datagram.";
    IpFreeBind SOL_IP 15 "IP_FREEBIND" Flag, any any both Enforced "Bind to addresses that aren't local.";
    IpTransparent SOL_IP 19 "IP_TRANSPARENT" Flag, any any both Enforced "The same, and send from there.";
    IpRecvOrigDstAddr SOL_IP 20 "IP_RECVORIGDSTADDR" Flag, any any both Enforced "Address and port each datagram was sent to.";
    IpMinTtl SOL_IP 21 "IP_MINTTL" Int(0, 255), any any both Enforced "Segments with a smaller TTL are dropped; UDP keeps the value.";
    IpNoDefrag SOL_IP 22 "IP_NODEFRAG" Flag, any any both Rejected "Fragments that netfilter leaves alone.";
    IpBindAddressNoPort SOL_IP 24 "IP_BIND_ADDRESS_NO_PORT" Flag, any any both Enforced "Bind without a port yet.";
    IpRecvFragSize SOL_IP 25 "IP_RECVFRAGSIZE" Flag, any datagrams both Enforced "The largest fragment of each datagram that came in fragments.";
    IpMulticastIf SOL_IP 32 "IP_MULTICAST_IF" Device, any any both Enforced "Interface of multicasts sent.";
    IpMulticastTtl SOL_IP 33 "IP_MULTICAST_TTL" Int(-1, 255), any any both Enforced "TTL of multicasts sent.";
    IpMulticastLoop SOL_IP 34 "IP_MULTICAST_LOOP" Flag, any any both Enforced "Multicasts sent are heard here.";
    IpAddMembership SOL_IP 35 "IP_ADD_MEMBERSHIP" Group(Layout::Mreq), any any write Enforced "Join a group.";
    IpDropMembership SOL_IP 36 "IP_DROP_MEMBERSHIP" Group(Layout::Mreq), any any write Enforced "Leave a group.";
    IpUnblockSource SOL_IP 37 "IP_UNBLOCK_SOURCE" Group(Layout::MreqSource), any any write Enforced "Hear a source again.";
    IpBlockSource SOL_IP 38 "IP_BLOCK_SOURCE" Group(Layout::MreqSource), any any write Enforced "Hear a source no more.";
    IpAddSourceMembership SOL_IP 39 "IP_ADD_SOURCE_MEMBERSHIP" Group(Layout::MreqSource), any any write Enforced "Join one source.";
    IpDropSourceMembership SOL_IP 40 "IP_DROP_SOURCE_MEMBERSHIP" Group(Layout::MreqSource), any any write Enforced "Leave one source.";
    IpMsfilter SOL_IP 41 "IP_MSFILTER" Group(Layout::IpMsfilter), any any both Enforced "Whom of a group's sources it hears.";
    IpMcastJoinGroup SOL_IP 42 "MCAST_JOIN_GROUP" Group(Layout::GroupReq), any any write Enforced "Join a group of IPv4.";
    IpMcastBlockSource SOL_IP 43 "MCAST_BLOCK_SOURCE" Group(Layout::GroupSourceReq), any any write Enforced "Hear a source of IPv4 no more.";
    IpMcastUnblockSource SOL_IP 44 "MCAST_UNBLOCK_SOURCE" Group(Layout::GroupSourceReq), any any write Enforced "Hear a source of IPv4 again.";
    IpMcastLeaveGroup SOL_IP 45 "MCAST_LEAVE_GROUP" Group(Layout::GroupReq), any any write Enforced "Leave a group of IPv4.";
    IpMcastJoinSourceGroup SOL_IP 46 "MCAST_JOIN_SOURCE_GROUP" Group(Layout::GroupSourceReq), any any write Enforced "Join one source of IPv4.";
    IpMcastLeaveSourceGroup SOL_IP 47 "MCAST_LEAVE_SOURCE_GROUP" Group(Layout::GroupSourceReq), any any write Enforced "Leave one source of IPv4.";
    IpMcastMsfilter SOL_IP 48 "MCAST_MSFILTER" Group(Layout::GroupFilter), any any both Enforced "Whom of an IPv4 group's sources it hears.";
    IpMulticastAll SOL_IP 49 "IP_MULTICAST_ALL" Int(0, 1), any any both Enforced "Hear groups that others joined.";
    IpUnicastIf SOL_IP 50 "IP_UNICAST_IF" NetworkInt, any any both Enforced "Interface of what goes to one host.";
    IpLocalPortRange SOL_IP 51 "IP_LOCAL_PORT_RANGE" Word, any any both Enforced "Ephemeral ports: the first in the lower half, the last in the upper; 0: the host's.";
    IpProtocol SOL_IP 52 "IP_PROTOCOL" AnyInt, any any read Enforced "As Linux has it: the local port.";

    Ipv6AddrForm SOL_IPV6 1 "IPV6_ADDRFORM" AnyInt, v6 any both Enforced "AF_INET turns a socket connected to a mapped address into one of IPv4.";
    Ipv6Checksum SOL_IPV6 7 "IPV6_CHECKSUM" AnyInt, v6 raw both Enforced "Where the host makes and checks a checksum; -1: nowhere.";
    Ipv6UnicastHops SOL_IPV6 16 "IPV6_UNICAST_HOPS" Int(-1, 255), v6 any both Enforced "The hop limit of packets.";
    Ipv6MulticastIf SOL_IPV6 17 "IPV6_MULTICAST_IF" AnyInt, v6 any both Enforced "Interface of multicasts sent.";
    Ipv6MulticastHops SOL_IPV6 18 "IPV6_MULTICAST_HOPS" Int(-1, 255), v6 any both Enforced "Hop limit of multicasts sent.";
    Ipv6MulticastLoop SOL_IPV6 19 "IPV6_MULTICAST_LOOP" Int(0, 1), v6 any both Enforced "Multicasts sent are heard here.";
    Ipv6AddMembership SOL_IPV6 20 "IPV6_JOIN_GROUP" Group(Layout::Ipv6Mreq), v6 any write Enforced "Join a group.";
    Ipv6DropMembership SOL_IPV6 21 "IPV6_LEAVE_GROUP" Group(Layout::Ipv6Mreq), v6 any write Enforced "Leave a group.";
    Ipv6MtuDiscover SOL_IPV6 23 "IPV6_MTU_DISCOVER" Int(0, 5), v6 any both Enforced "Path MTU discovery: IPV6_PMTUDISC_DONT to IPV6_PMTUDISC_OMIT.";
    Ipv6Mtu SOL_IPV6 24 "IPV6_MTU" AnyInt, v6 any both Enforced "The MTU of the path to the peer; set: datagrams are cut to packets no longer than that, at least 1280.";
    Ipv6RecvErr SOL_IPV6 25 "IPV6_RECVERR" Flag, v6 datagrams both Enforced "ICMP errors are told, connected or not, and queued with what they say (MSG_ERRQUEUE).";
    Ipv6V6Only SOL_IPV6 26 "IPV6_V6ONLY" Flag, v6 any both Enforced "No IPv4 by mapped addresses.";
    Ipv6MulticastAll SOL_IPV6 29 "IPV6_MULTICAST_ALL" Flag, v6 any both Enforced "Hear groups that others joined.";
    Ipv6FlowLabelMgr SOL_IPV6 32 "IPV6_FLOWLABEL_MGR" Struct(32), v6 any both Rejected "Flow labels leased and shared.";
    Ipv6FlowInfoSend SOL_IPV6 33 "IPV6_FLOWINFO_SEND" Flag, v6 any both Rejected "Send with the flow label of the address.";
    Ipv6HdrIncl SOL_IPV6 36 "IPV6_HDRINCL" Flag, v6 raw both Enforced "The program writes the IP header (raw sockets).";
    Ipv6McastJoinGroup SOL_IPV6 42 "MCAST_JOIN_GROUP" Group(Layout::GroupReq), v6 any write Enforced "Join a group of IPv6.";
    Ipv6McastBlockSource SOL_IPV6 43 "MCAST_BLOCK_SOURCE" Group(Layout::GroupSourceReq), v6 any write Enforced "Hear a source of IPv6 no more.";
    Ipv6McastUnblockSource SOL_IPV6 44 "MCAST_UNBLOCK_SOURCE" Group(Layout::GroupSourceReq), v6 any write Enforced "Hear a source of IPv6 again.";
    Ipv6McastLeaveGroup SOL_IPV6 45 "MCAST_LEAVE_GROUP" Group(Layout::GroupReq), v6 any write Enforced "Leave a group of IPv6.";
    Ipv6McastJoinSourceGroup SOL_IPV6 46 "MCAST_JOIN_SOURCE_GROUP" Group(Layout::GroupSourceReq), v6 any write Enforced "Join one source of IPv6.";
    Ipv6McastLeaveSourceGroup SOL_IPV6 47 "MCAST_LEAVE_SOURCE_GROUP" Group(Layout::GroupSourceReq), v6 any write Enforced "Leave one source of IPv6.";
    Ipv6McastMsfilter SOL_IPV6 48 "MCAST_MSFILTER" Group(Layout::GroupFilter), v6 any both Enforced "Whom of an IPv6 group's sources it hears.";
    Ipv6RecvPktInfo SOL_IPV6 49 "IPV6_RECVPKTINFO" Flag, v6 any both Enforced "Destination and interface with each datagram.";
    Ipv6RecvHopLimit SOL_IPV6 51 "IPV6_RECVHOPLIMIT" Flag, v6 any both Enforced "The hop limit with each datagram.";
    Ipv6DontFrag SOL_IPV6 62 "IPV6_DONTFRAG" Flag, v6 any both Enforced "Datagrams too long for the path are refused.";
    Ipv6RecvTclass SOL_IPV6 66 "IPV6_RECVTCLASS" Flag, v6 any both Enforced "The traffic class with each datagram.";
    Ipv6Tclass SOL_IPV6 67 "IPV6_TCLASS" Int(-1, 255), v6 any both Enforced "The traffic class of packets.";
    Ipv6AutoFlowLabel SOL_IPV6 70 "IPV6_AUTOFLOWLABEL" Flag, v6 any both Enforced "Packets of a flow have a label (RFC 6437).";
    Ipv6AddrPreferences SOL_IPV6 72 "IPV6_ADDR_PREFERENCES" AnyInt, v6 any both Kept "Which addresses to send from: temporary, home, generated ones, which no host has (RFC 5014).";
    Ipv6MinHopCount SOL_IPV6 73 "IPV6_MINHOPCOUNT" Int(0, 255), v6 any both Enforced "Segments with a smaller hop limit are dropped; UDP keeps the value.";
    Ipv6RecvOrigDstAddr SOL_IPV6 74 "IPV6_RECVORIGDSTADDR" Flag, v6 any both Enforced "Address and port each datagram was sent to.";
    Ipv6Transparent SOL_IPV6 75 "IPV6_TRANSPARENT" Flag, v6 any both Enforced "Bind to addresses that aren't local, and send from there.";
    Ipv6UnicastIf SOL_IPV6 76 "IPV6_UNICAST_IF" NetworkInt, v6 any both Enforced "Interface of what goes to one host.";
    Ipv6RecvFragSize SOL_IPV6 77 "IPV6_RECVFRAGSIZE" Flag, v6 any both Enforced "The largest fragment of each datagram that came in fragments.";
    Ipv6FreeBind SOL_IPV6 78 "IPV6_FREEBIND" Flag, v6 any both Enforced "Bind to addresses that aren't local.";

    IcmpFilter SOL_RAW 1 "ICMP_FILTER" Bits(4), v4 raw both Enforced "Types of messages not to be heard.";
    Icmpv6Filter SOL_ICMPV6 1 "ICMP6_FILTER" Bits(32), v6 raw both Enforced "Types of messages not to be heard.";
}
