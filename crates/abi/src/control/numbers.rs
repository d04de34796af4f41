//! Numbers of control messages (linux/in.h, linux/in6.h, asm-generic/socket.h, linux/udp.h).

pub(super) const IP_TOS: i32 = 1;
pub(super) const IP_TTL: i32 = 2;
pub(super) const IP_PKTINFO: i32 = 8;
pub(super) const IP_RECVERR: i32 = 11;
pub(super) const IP_ORIGDSTADDR: i32 = 20;
pub(super) const IP_RECVFRAGSIZE: i32 = 25;

/// The numbers of RFC 2292, which Linux still takes.
pub(super) const IPV6_2292PKTINFO: i32 = 2;
pub(super) const IPV6_2292HOPLIMIT: i32 = 8;
pub(super) const IPV6_RECVERR: i32 = 25;
pub(super) const IPV6_PKTINFO: i32 = 50;
pub(super) const IPV6_HOPLIMIT: i32 = 52;
pub(super) const IPV6_PATHMTU: i32 = 61;
pub(super) const IPV6_DONTFRAG: i32 = 62;
pub(super) const IPV6_TCLASS: i32 = 67;
pub(super) const IPV6_ORIGDSTADDR: i32 = 74;
pub(super) const IPV6_RECVFRAGSIZE: i32 = 77;

pub(super) const SCM_RIGHTS: i32 = 1;
pub(super) const SCM_CREDENTIALS: i32 = 2;
pub(super) const SO_PRIORITY: i32 = 12;
pub(super) const SO_TIMESTAMP_OLD: i32 = 29;
pub(super) const SO_TIMESTAMPNS_OLD: i32 = 35;
pub(super) const SO_MARK: i32 = 36;
pub(super) const SO_RXQ_OVFL: i32 = 40;
pub(super) const SO_TIMESTAMP_NEW: i32 = 63;
pub(super) const SO_TIMESTAMPNS_NEW: i32 = 64;

pub(super) const UDP_SEGMENT: i32 = 103;
pub(super) const UDP_GRO: i32 = 104;
