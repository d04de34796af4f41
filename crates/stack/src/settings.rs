//! A host's settings, named as Linux's sysctls. The defaults are Linux's.

use sockeye_base::Duration;
use sockeye_tcp as tcp;

use crate::fast_open::{self, FastOpenKeys};

/// What is set for a whole host (ip-sysctl in the kernel's documentation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What the wall clock said at [`sockeye_base::Instant::ZERO`], since 1970.
    pub epoch: Duration,
    /// The host is a router: packets for others go on (`ip_forward`).
    pub ip_forward: bool,
    /// The same for IPv6 (`ipv6.conf.all.forwarding`).
    pub ip6_forward: bool,
    /// First and last ephemeral port (`ip_local_port_range`).
    pub ip_local_port_range: (u16, u16),
    /// TTL and hop limit of what is sent (`ip_default_ttl`).
    pub default_ttl: u8,
    /// What TCP connections begin with where the socket says nothing else.
    pub tcp: tcp::Config,
    /// When a SYN is answered by a cookie instead of being remembered: 0: never; 1: when the SYN queue is full; 2: always
    /// (`tcp_syncookies`).
    pub tcp_syncookies: u8,
    /// Without cookies: handshakes under way at one listener, a quarter of which stays free (`tcp_max_syn_backlog`).
    pub tcp_max_syn_backlog: usize,
    /// A finished handshake that finds the accept queue full is reset (`tcp_abort_on_overflow`).
    pub tcp_abort_on_overflow: bool,
    /// Who may open fast (`tcp_fastopen`): bits of [`crate::fast_open`].
    pub tcp_fastopen: u32,
    /// Keys of the cookies (`tcp_fastopen_key`); none: drawn by chance.
    pub tcp_fastopen_key: Option<FastOpenKeys>,
    /// How long nothing opens fast when something on the way seems to swallow it (`tcp_fastopen_blackhole_timeout_sec`);
    /// zero: nothing is suspected.
    pub tcp_fastopen_blackhole_timeout: Duration,
    /// The largest backlog of a listener (`net.core.somaxconn`).
    pub somaxconn: usize,
    /// Connections in TIME-WAIT; one more is over at once (`tcp_max_tw_buckets`).
    pub tcp_max_tw_buckets: usize,
    /// Connections that nobody holds any more and that have not ended; one more is reset (`tcp_max_orphans`).
    pub tcp_max_orphans: usize,
    /// Whether a connection in TIME-WAIT gives its place to a new one (`tcp_tw_reuse`): 0 never, 1 always, 2 over `lo`.
    pub tcp_tw_reuse: u8,
    /// After how long it does (`tcp_tw_reuse_delay`).
    pub tcp_tw_reuse_delay: Duration,
    /// Bytes, overhead included, of fragments that wait for the rest of their packets (`ipfrag_high_thresh`).
    pub ipfrag_high_thresh: usize,
    /// How long they wait (`ipfrag_time`).
    pub ipfrag_time: Duration,
    /// The same for IPv6 (`ip6frag_time`).
    pub ip6frag_time: Duration,
    /// How a silent peer is probed where the socket says nothing else (`tcp_keepalive_time` and its kin).
    pub keepalive: tcp::Keepalive,
    /// Most that SO_RCVBUF may ask for (`rmem_max`).
    pub rmem_max: u32,
    /// Most that SO_SNDBUF may ask for (`wmem_max`).
    pub wmem_max: u32,
    /// Datagrams, but for one, that wait at a Unix-domain socket for who isn't its peer (`net.unix.max_dgram_qlen`).
    pub unix_max_dgram_qlen: usize,
    /// Bytes, overhead included, that a UDP socket's receive queue holds (`rmem_default`).
    pub rmem_default: usize,
    /// Probes of a neighbour, unicast or not, before it has failed (`mcast_solicit`, `ucast_solicit`).
    pub neighbour_probes: u8,
    /// Between two probes (`retrans_time_ms`).
    pub neighbour_retransmit: Duration,
    /// How long a confirmed neighbour is believed: on average this long (`base_reachable_time_ms`).
    pub neighbour_reachable: Duration,
    /// How long a stale neighbour is used before it is probed (`delay_first_probe_time`).
    pub neighbour_delay: Duration,
    /// Packets that wait for one neighbour's address (`unres_qlen`).
    pub neighbour_queue_packets: usize,
    /// Bytes that wait for one neighbour's address (`unres_qlen_bytes`).
    pub neighbour_queue_bytes: usize,
    /// Neighbours remembered per interface (`gc_thresh3`).
    pub neighbours: usize,
    /// IPv4 groups that one socket may be in (`igmp_max_memberships`).
    pub igmp_max_memberships: usize,
    /// How often routers are told of a change in groups of IPv4, unless their querier says (`igmp_qrv`).
    pub igmp_qrv: u32,
    /// They are told of 224.0.0.0/24, too (`igmp_link_local_mcast_reports`).
    pub igmp_link_local_mcast_reports: bool,
    /// The same as `igmp_qrv` for IPv6 (`mld_qrv`).
    pub mld_qrv: u32,
    /// Sources that one filter may name (`igmp_max_msf`).
    pub igmp_max_msf: usize,
    /// The same for IPv6 (`mld_max_msf`).
    pub mld_max_msf: usize,
    /// ICMP errors per second to all destinations together (`icmp_msgs_per_sec`).
    pub icmp_msgs_per_sec: u32,
    /// How many of them at once (`icmp_msgs_burst`).
    pub icmp_msgs_burst: u32,
    /// Between two ICMP errors to one destination, after the first six (`icmp_ratelimit`).
    pub icmp_ratelimit: Duration,
    /// The same over IPv6 (`ipv6.icmp.ratelimit`).
    pub icmpv6_ratelimit: Duration,
    /// The types of ICMP messages whose rate counts, a bit each (`icmp_ratemask`). Over IPv6 it is that of all errors but
    /// packet too big.
    pub icmp_ratemask: u32,
    /// Echo requests are not answered (`icmp_echo_ignore_all`).
    pub icmp_echo_ignore_all: bool,
    /// The same over IPv6 (`ipv6.icmp.echo_ignore_all`).
    pub icmpv6_echo_ignore_all: bool,
    /// Nor are those to broadcast addresses (`icmp_echo_ignore_broadcasts`).
    pub icmp_echo_ignore_broadcasts: bool,
    /// First and last of the groups that may open ping sockets (`ping_group_range`). The kernel lets none, but whoever
    /// sets up a machine or a container lets all, and so do we.
    pub ping_group_range: (u32, u32),
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            // The first moment of 2026.
            epoch: Duration::from_secs(1_767_225_600),
            ip_forward: false,
            ip6_forward: false,
            ip_local_port_range: (32_768, 60_999),
            default_ttl: 64,
            tcp: tcp::Config::default(),
            tcp_syncookies: 1,
            tcp_max_syn_backlog: 4096,
            tcp_abort_on_overflow: false,
            tcp_fastopen: fast_open::CLIENT,
            tcp_fastopen_key: None,
            tcp_fastopen_blackhole_timeout: Duration::ZERO,
            somaxconn: 4096,
            tcp_max_tw_buckets: 131_072,
            tcp_max_orphans: 131_072,
            tcp_tw_reuse: 2,
            tcp_tw_reuse_delay: Duration::from_secs(1),
            ipfrag_high_thresh: 4_194_304,
            ipfrag_time: Duration::from_secs(30),
            ip6frag_time: Duration::from_secs(60),
            keepalive: tcp::Keepalive::default(),
            rmem_max: 4_194_304,
            wmem_max: 4_194_304,
            unix_max_dgram_qlen: 10,
            rmem_default: 212_992,
            neighbour_probes: 3,
            neighbour_retransmit: Duration::from_secs(1),
            neighbour_reachable: Duration::from_secs(30),
            neighbour_delay: Duration::from_secs(5),
            neighbour_queue_packets: 101,
            neighbour_queue_bytes: 212_992,
            neighbours: 1024,
            igmp_max_memberships: 20,
            igmp_qrv: 2,
            igmp_link_local_mcast_reports: true,
            mld_qrv: 2,
            igmp_max_msf: 10,
            mld_max_msf: 64,
            icmp_msgs_per_sec: 1000,
            icmp_msgs_burst: 50,
            icmp_ratelimit: Duration::from_secs(1),
            icmpv6_ratelimit: Duration::from_secs(1),
            icmp_ratemask: 0x1818,
            icmp_echo_ignore_all: false,
            icmpv6_echo_ignore_all: false,
            icmp_echo_ignore_broadcasts: true,
            ping_group_range: (0, i32::MAX as u32),
        }
    }
}
