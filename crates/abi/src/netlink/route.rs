//! What NETLINK_ROUTE says (rtnetlink(7)): numbers, and the fixed parts of its messages.

#![allow(missing_docs)] // the names are Linux's

use crate::Errno;

pub const RTM_NEWLINK: u16 = 16;
pub const RTM_GETLINK: u16 = 18;
pub const RTM_NEWADDR: u16 = 20;
pub const RTM_GETADDR: u16 = 22;
pub const RTM_NEWROUTE: u16 = 24;
pub const RTM_GETROUTE: u16 = 26;
pub const RTM_NEWNEIGH: u16 = 28;
pub const RTM_GETNEIGH: u16 = 30;
pub const RTM_NEWRULE: u16 = 32;
pub const RTM_GETRULE: u16 = 34;
/// Kinds are below this.
pub const RTM_MAX: u16 = 124;

pub const AF_UNSPEC: u8 = 0;
pub const AF_INET: u8 = 2;
pub const AF_BRIDGE: u8 = 7;
pub const AF_INET6: u8 = 10;

/// `struct ifinfomsg`.
#[derive(Clone, Copy, Debug, Default)]
pub struct IfInfo {
    pub family: u8,
    pub hardware: u16,
    pub index: i32,
    pub flags: u32,
    pub change: u32,
}

/// `struct ifaddrmsg`.
#[derive(Clone, Copy, Debug, Default)]
pub struct IfAddr {
    pub family: u8,
    pub prefix: u8,
    pub flags: u8,
    pub scope: u8,
    pub index: u32,
}

/// `struct rtmsg`; of a rule `struct fib_rule_hdr`, where `kind` is the action.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rt {
    pub family: u8,
    pub dst_len: u8,
    pub src_len: u8,
    pub tos: u8,
    pub table: u8,
    pub protocol: u8,
    pub scope: u8,
    pub kind: u8,
    pub flags: u32,
}

/// `struct ndmsg`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nd {
    pub family: u8,
    pub index: i32,
    pub state: u16,
    pub flags: u8,
    pub kind: u8,
}

impl IfInfo {
    pub const LEN: usize = 16;

    /// EINVAL if there is too little of it.
    pub fn decode(bytes: &[u8]) -> Result<IfInfo, Errno> {
        let b: &[u8; IfInfo::LEN] = bytes.first_chunk().ok_or(Errno::EINVAL)?;
        let word = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| b[at + i]));
        Ok(IfInfo {
            family: b[0],
            hardware: u16::from_ne_bytes([b[2], b[3]]),
            index: word(4).cast_signed(),
            flags: word(8),
            change: word(12),
        })
    }

    pub fn encode(self) -> [u8; IfInfo::LEN] {
        let mut out = [0; IfInfo::LEN];
        out[0] = self.family;
        out[2..4].copy_from_slice(&self.hardware.to_ne_bytes());
        out[4..8].copy_from_slice(&self.index.to_ne_bytes());
        out[8..12].copy_from_slice(&self.flags.to_ne_bytes());
        out[12..].copy_from_slice(&self.change.to_ne_bytes());
        out
    }
}

impl IfAddr {
    pub const LEN: usize = 8;

    /// EINVAL if there is too little of it.
    pub fn decode(bytes: &[u8]) -> Result<IfAddr, Errno> {
        let b: &[u8; IfAddr::LEN] = bytes.first_chunk().ok_or(Errno::EINVAL)?;
        let index = u32::from_ne_bytes([b[4], b[5], b[6], b[7]]);
        Ok(IfAddr { family: b[0], prefix: b[1], flags: b[2], scope: b[3], index })
    }

    pub fn encode(self) -> [u8; IfAddr::LEN] {
        let [a, b, c, d] = self.index.to_ne_bytes();
        [self.family, self.prefix, self.flags, self.scope, a, b, c, d]
    }
}

impl Rt {
    pub const LEN: usize = 12;

    /// EINVAL if there is too little of it.
    pub fn decode(bytes: &[u8]) -> Result<Rt, Errno> {
        let b: &[u8; Rt::LEN] = bytes.first_chunk().ok_or(Errno::EINVAL)?;
        Ok(Rt {
            family: b[0],
            dst_len: b[1],
            src_len: b[2],
            tos: b[3],
            table: b[4],
            protocol: b[5],
            scope: b[6],
            kind: b[7],
            flags: u32::from_ne_bytes([b[8], b[9], b[10], b[11]]),
        })
    }

    pub fn encode(self) -> [u8; Rt::LEN] {
        let [a, b, c, d] = self.flags.to_ne_bytes();
        let Rt { family, dst_len, src_len, tos, table, protocol, scope, kind, .. } = self;
        [family, dst_len, src_len, tos, table, protocol, scope, kind, a, b, c, d]
    }
}

impl Nd {
    pub const LEN: usize = 12;

    /// EINVAL if there is too little of it.
    pub fn decode(bytes: &[u8]) -> Result<Nd, Errno> {
        let b: &[u8; Nd::LEN] = bytes.first_chunk().ok_or(Errno::EINVAL)?;
        Ok(Nd {
            family: b[0],
            index: i32::from_ne_bytes([b[4], b[5], b[6], b[7]]),
            state: u16::from_ne_bytes([b[8], b[9]]),
            flags: b[10],
            kind: b[11],
        })
    }

    pub fn encode(self) -> [u8; Nd::LEN] {
        let mut out = [0; Nd::LEN];
        out[0] = self.family;
        out[4..8].copy_from_slice(&self.index.to_ne_bytes());
        out[8..10].copy_from_slice(&self.state.to_ne_bytes());
        out[10] = self.flags;
        out[11] = self.kind;
        out
    }
}

/// IFF_LOWER_UP, which ioctl(2)'s 16 bits of flags have no room for.
pub const IFF_LOWER_UP: u32 = 0x1_0000;

pub const IFLA_ADDRESS: u16 = 1;
pub const IFLA_BROADCAST: u16 = 2;
pub const IFLA_IFNAME: u16 = 3;
pub const IFLA_MTU: u16 = 4;
pub const IFLA_QDISC: u16 = 6;
pub const IFLA_STATS: u16 = 7;
pub const IFLA_MASTER: u16 = 10;
pub const IFLA_PROTINFO: u16 = 12;
pub const IFLA_TXQLEN: u16 = 13;
pub const IFLA_MAP: u16 = 14;
pub const IFLA_OPERSTATE: u16 = 16;
pub const IFLA_LINKMODE: u16 = 17;
pub const IFLA_LINKINFO: u16 = 18;
pub const IFLA_STATS64: u16 = 23;
pub const IFLA_AF_SPEC: u16 = 26;
pub const IFLA_GROUP: u16 = 27;
pub const IFLA_EXT_MASK: u16 = 29;
pub const IFLA_PROMISCUITY: u16 = 30;
pub const IFLA_NUM_TX_QUEUES: u16 = 31;
pub const IFLA_NUM_RX_QUEUES: u16 = 32;
pub const IFLA_CARRIER: u16 = 33;
pub const IFLA_CARRIER_CHANGES: u16 = 35;
pub const IFLA_PROTO_DOWN: u16 = 39;
pub const IFLA_GSO_MAX_SEGS: u16 = 40;
pub const IFLA_GSO_MAX_SIZE: u16 = 41;
pub const IFLA_XDP: u16 = 43;
pub const IFLA_CARRIER_UP_COUNT: u16 = 47;
pub const IFLA_CARRIER_DOWN_COUNT: u16 = 48;
pub const IFLA_MIN_MTU: u16 = 50;
pub const IFLA_MAX_MTU: u16 = 51;
pub const IFLA_ALT_IFNAME: u16 = 53;
pub const IFLA_GRO_MAX_SIZE: u16 = 58;
pub const IFLA_TSO_MAX_SIZE: u16 = 59;
pub const IFLA_TSO_MAX_SEGS: u16 = 60;
pub const IFLA_ALLMULTI: u16 = 61;
pub const IFLA_GSO_IPV4_MAX_SIZE: u16 = 63;
pub const IFLA_GRO_IPV4_MAX_SIZE: u16 = 64;
/// IFLA_XDP_ATTACHED.
pub const IFLA_XDP_ATTACHED: u16 = 2;
/// IFLA_INET6_FLAGS.
pub const IFLA_INET6_FLAGS: u16 = 1;
/// IFLA_INET6_TOKEN.
pub const IFLA_INET6_TOKEN: u16 = 7;
/// IFLA_INET6_ADDR_GEN_MODE.
pub const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
/// IF_READY, of IFLA_INET6_FLAGS.
pub const IF_READY: u32 = 0x8000_0000;

pub const IFA_ADDRESS: u16 = 1;
pub const IFA_LOCAL: u16 = 2;
pub const IFA_LABEL: u16 = 3;
pub const IFA_BROADCAST: u16 = 4;
pub const IFA_CACHEINFO: u16 = 6;
pub const IFA_FLAGS: u16 = 8;
pub const IFA_PROTO: u16 = 11;
pub const IFA_F_NODAD: u8 = 2;
pub const IFA_F_PERMANENT: u8 = 0x80;
/// IFAPROT_KERNEL_LO.
pub const IFAPROT_KERNEL_LO: u8 = 1;

pub const RTA_DST: u16 = 1;
pub const RTA_SRC: u16 = 2;
pub const RTA_IIF: u16 = 3;
pub const RTA_OIF: u16 = 4;
pub const RTA_GATEWAY: u16 = 5;
pub const RTA_PRIORITY: u16 = 6;
pub const RTA_PREFSRC: u16 = 7;
pub const RTA_CACHEINFO: u16 = 12;
pub const RTA_TABLE: u16 = 15;
pub const RTA_PREF: u16 = 20;
pub const RTA_UID: u16 = 25;

pub const RTPROT_KERNEL: u8 = 2;
pub const RTPROT_BOOT: u8 = 3;
pub const RT_SCOPE_UNIVERSE: u8 = 0;
pub const RT_SCOPE_LINK: u8 = 253;
pub const RT_SCOPE_HOST: u8 = 254;
pub const RT_TABLE_DEFAULT: u8 = 253;
pub const RT_TABLE_MAIN: u8 = 254;
pub const RT_TABLE_LOCAL: u8 = 255;
pub const RTN_UNICAST: u8 = 1;
pub const RTN_LOCAL: u8 = 2;
pub const RTN_BROADCAST: u8 = 3;
pub const RTN_MULTICAST: u8 = 5;
pub const RTM_F_NOTIFY: u32 = 0x100;
pub const RTM_F_CLONED: u32 = 0x200;
pub const RTM_F_PREFIX: u32 = 0x800;
pub const RTM_F_LOOKUP_TABLE: u32 = 0x1000;
pub const RTM_F_FIB_MATCH: u32 = 0x2000;
/// RTCF_MULTICAST, RTCF_BROADCAST, RTCF_LOCAL: what is known of a looked-up destination.
pub const RTCF_MULTICAST: u32 = 0x2000_0000;
pub const RTCF_BROADCAST: u32 = 0x1000_0000;
pub const RTCF_LOCAL: u32 = 0x8000_0000;

pub const NDA_DST: u16 = 1;
pub const NDA_LLADDR: u16 = 2;
pub const NDA_CACHEINFO: u16 = 3;
pub const NDA_PROBES: u16 = 4;
pub const NDA_IFINDEX: u16 = 8;
pub const NDA_MASTER: u16 = 9;
pub const NTF_PROXY: u8 = 8;
pub const NUD_INCOMPLETE: u16 = 1;
pub const NUD_REACHABLE: u16 = 2;
pub const NUD_STALE: u16 = 4;
pub const NUD_DELAY: u16 = 8;
pub const NUD_PROBE: u16 = 16;
pub const NUD_FAILED: u16 = 32;

pub const FRA_PRIORITY: u16 = 6;
pub const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
pub const FRA_TABLE: u16 = 15;
pub const FRA_PROTOCOL: u16 = 21;
pub const FR_ACT_TO_TBL: u8 = 1;
