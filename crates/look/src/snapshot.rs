//! What is to be seen of a network: its hosts with their interfaces and sockets, and its links. Serialized as JSON, it is what
//! `--json` prints.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use sockeye_abi::TcpInfo;

use crate::VERSION;

/// A network, or one process's part of it, at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Whose it is.
    pub about: About,
    /// When it was taken: nanoseconds since the network began.
    pub now: u64,
    /// The hosts.
    pub hosts: Vec<Host>,
    /// The links between them.
    pub links: Vec<Link>,
}

/// The process that holds hosts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct About {
    /// The version of what follows.
    pub version: u32,
    /// Its number.
    pub pid: u32,
    /// What it is.
    pub role: Role,
    /// The network it holds or is a host of, if that has a name.
    pub network: Option<String>,
    /// Which program it runs first, or which file the network is from.
    pub program: Option<String>,
    /// Whose sockets these are.
    pub uid: u32,
    /// When the network's time began: nanoseconds since 1970.
    pub began: u64,
}

impl About {
    /// This process, whose network's time begins now.
    pub fn of_this_process(role: Role, network: Option<String>, program: Option<String>) -> About {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        About {
            version: VERSION,
            pid: std::process::id(),
            role,
            network,
            program,
            uid: rustix::process::getuid().as_raw(),
            began: u64::try_from(since_1970.as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

/// What a process has hosts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// `sockeye run` with a network of its own.
    Run,
    /// `sockeye up`.
    Up,
    /// `sockeye lab run`, with programs.
    Lab,
    /// `sockeye run --host`: one host of a network that is up.
    Host,
}

/// A host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// The process that holds it, if that is not the one that tells.
    pub pid: Option<u32>,
    /// What runs there first.
    pub program: Option<String>,
    /// It is switched on.
    pub up: bool,
    /// Its interfaces, `lo` first.
    pub interfaces: Vec<Interface>,
    /// Its routes, the longest prefixes first.
    pub routes: Vec<Route>,
    /// The groups it is in.
    pub groups: Vec<Group>,
    /// Its sockets of the Internet's.
    pub sockets: Vec<Socket>,
    /// Its Unix-domain sockets; those of programs are the machine's own.
    pub unix: Vec<UnixSocket>,
    /// What it has counted, by Linux's names; in capitals the names of Linux's drop reasons.
    pub counters: Vec<(String, u64)>,
    /// The same as in `/proc/net/snmp`, `netstat` and `snmp6`: groups, and the names and values of each. Of the groups of what
    /// seldom happens only what did.
    pub statistics: Vec<(String, Vec<(String, i64)>)>,
}

/// An interface of a host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its number.
    pub index: u32,
    /// Its hardware address; none: it has no Ethernet header.
    pub mac: Option<String>,
    /// The longest IP packet, in bytes.
    pub mtu: usize,
    /// IFF_*.
    pub flags: u16,
    /// Its addresses, each with its prefix.
    pub addresses: Vec<String>,
    /// What came there.
    pub received: Traffic,
    /// What was sent there.
    pub sent: Traffic,
}

/// What an interface has counted, in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets; of a super-segment each.
    pub packets: u64,
    /// Their bytes, with Ethernet's headers.
    pub bytes: u64,
    /// Packets that were dropped there.
    pub dropped: u64,
}

/// A route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    /// Where to, with its prefix.
    pub destination: String,
    /// By which router, if by one.
    pub via: Option<IpAddr>,
    /// By which interface.
    pub interface: String,
}

/// A group that an interface hears.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// The interface.
    pub interface: String,
    /// The group.
    pub group: IpAddr,
    /// How many sockets are in it; one for what the host is in by itself.
    pub members: usize,
}

/// A link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Link {
    /// Its number.
    pub number: usize,
    /// What it joins: `pukaki/eth0`, or a switch.
    pub ends: [String; 2],
    /// The longest IP packet, in bytes.
    pub mtu: usize,
    /// Why it carries nothing, if it doesn't.
    pub dead: Option<String>,
    /// Away from the first end, and away from the second.
    pub ways: [Way; 2],
}

/// One direction of a link.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Way {
    /// Its delay, nanoseconds.
    pub delay: u64,
    /// Bits per second; none: as fast as can be.
    pub rate: Option<u64>,
    /// Frames that arrived or are under way; segments of a super-segment count each.
    pub frames: u64,
    /// Their bytes, Ethernet headers included.
    pub bytes: u64,
    /// Frames that were lost, by the reason.
    pub dropped: Vec<(String, u64)>,
    /// Frames under way.
    pub queued: usize,
}

/// A socket of the Internet's, or a connection that no socket holds any more, or not yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Socket {
    /// Its protocol.
    pub protocol: Protocol,
    /// Of a raw socket: the number of IP's protocol.
    pub number: Option<u16>,
    /// Its state; without TCP it is established if it has a peer, else closed.
    pub state: State,
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's; unspecified and port 0: none.
    pub remote: SocketAddr,
    /// The only interface it has to do with.
    pub interface: Option<String>,
    /// Bytes received and not read; of a listener connections not accepted.
    pub receive_queue: usize,
    /// Bytes sent and not acknowledged; of a listener its backlog.
    pub send_queue: usize,
    /// What it waits for.
    pub timer: Option<Timer>,
    /// Its inode on this machine; 0: nobody holds it.
    pub inode: u64,
    /// What names it as long as it lives.
    pub cookie: u64,
    /// Which programs have it open.
    pub holders: Vec<Holder>,
    /// It is shut for reading, for writing.
    pub shut: (bool, bool),
    /// IPV6_V6ONLY.
    pub v6only: bool,
    /// IP_TOS, or IPV6_TCLASS.
    pub tos: u8,
    /// SO_PRIORITY.
    pub priority: u32,
    /// SO_MARK.
    pub mark: u32,
    /// Its memory.
    pub memory: Memory,
    /// TCP's numbers; nothing of a listener, nor in TIME-WAIT.
    pub tcp: Option<TcpInfo>,
    /// How long a connection has been there, the handshake included: nanoseconds.
    pub age: Option<u64>,
    /// How its congestion window is governed; of TCP only.
    pub congestion: Option<String>,
}

/// A socket's timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    /// What for.
    pub kind: TimerKind,
    /// How long still, milliseconds.
    pub expires: u64,
    /// How often it was in vain.
    pub retransmits: u8,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// To repeat what was not acknowledged.
    Retransmit,
    /// To look whether the peer is still there.
    Keepalive,
    /// The end of TIME-WAIT, or of an orphan's FIN-WAIT-2.
    TimeWait,
    /// To look whether the peer's window has opened.
    Persist,
}

/// What a socket's memory holds, in bytes: SO_MEMINFO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Received, with its overhead.
    pub received: u32,
    /// The bound of that: SO_RCVBUF.
    pub receive_buffer: u32,
    /// Given to the network.
    pub sent: u32,
    /// The bound of that: SO_SNDBUF.
    pub send_buffer: u32,
    /// Set aside.
    pub forward: u32,
    /// Queued to be sent, or to be sent again.
    pub queued: u32,
    /// For options.
    pub options: u32,
    /// Waiting for the socket to be free.
    pub backlog: u32,
    /// Packets, not bytes, that found no room.
    pub drops: u32,
}

/// Who has a socket open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holder {
    /// Its process's number.
    pub pid: u32,
    /// The program's name.
    pub program: String,
    /// The descriptor.
    pub fd: u32,
}

/// A Unix-domain socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnixSocket {
    /// Its type.
    pub kind: UnixKind,
    /// Its state: established, listening, closed, or on its way.
    pub state: State,
    /// Its path, or `@` and its name; none: it has none.
    pub name: Option<String>,
    /// Its inode; in a network without programs its number there.
    pub inode: u64,
    /// Its peer's.
    pub peer: Option<u64>,
    /// How many have it open or wait for it.
    pub references: u32,
    /// Bytes that wait to be read; of a listener connections. Not known of the machine's own.
    pub receive_queue: Option<usize>,
    /// Bytes, overhead included, that nobody has read yet; of a listener its backlog.
    pub send_queue: Option<usize>,
    /// Which programs have it open.
    pub holders: Vec<Holder>,
}

/// The type of a Unix-domain socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnixKind {
    /// SOCK_STREAM.
    Stream,
    /// SOCK_DGRAM.
    Datagram,
    /// SOCK_SEQPACKET.
    SeqPacket,
}

/// Enums whose values have a word each, which they are written and read as.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $value:ident $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $value,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$value,)*];

            /// The word for it.
            pub fn word(self) -> &'static str {
                match self {
                    $($name::$value => $word,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }
    };
}

words! {
    /// A socket's protocol and family.
    Protocol {
        /// TCP over IPv4.
        Tcp "tcp",
        /// TCP over IPv6, and over IPv4 by mapped addresses.
        Tcp6 "tcp6",
        /// UDP over IPv4.
        Udp "udp",
        /// UDP over IPv6.
        Udp6 "udp6",
        /// Raw, of IPv4.
        Raw "raw",
        /// Raw, of IPv6.
        Raw6 "raw6",
        /// Echo requests (ping), of IPv4.
        Icmp "icmp",
        /// Echo requests, of IPv6.
        Icmp6 "icmp6",
    }
}

words! {
    /// A socket's state, by Linux's names.
    State {
        /// TCP_ESTABLISHED.
        Established "ESTABLISHED",
        /// TCP_SYN_SENT.
        SynSent "SYN_SENT",
        /// TCP_SYN_RECV.
        SynRecv "SYN_RECV",
        /// TCP_FIN_WAIT1.
        FinWait1 "FIN_WAIT1",
        /// TCP_FIN_WAIT2.
        FinWait2 "FIN_WAIT2",
        /// TCP_TIME_WAIT.
        TimeWait "TIME_WAIT",
        /// TCP_CLOSE.
        Close "CLOSE",
        /// TCP_CLOSE_WAIT.
        CloseWait "CLOSE_WAIT",
        /// TCP_LAST_ACK.
        LastAck "LAST_ACK",
        /// TCP_LISTEN.
        Listen "LISTEN",
        /// TCP_CLOSING.
        Closing "CLOSING",
    }
}

impl State {
    /// Linux's number of it is its place in the list, from 1 on.
    pub fn from_number(number: u8) -> State {
        let place = usize::from(number).checked_sub(1);
        place.and_then(|place| State::ALL.get(place).copied()).unwrap_or(State::Close)
    }
}

impl Protocol {
    /// Whether it is of IPv6.
    pub fn is_v6(self) -> bool {
        matches!(self, Protocol::Tcp6 | Protocol::Udp6 | Protocol::Raw6 | Protocol::Icmp6)
    }

    /// Whether it is TCP.
    pub fn is_tcp(self) -> bool {
        matches!(self, Protocol::Tcp | Protocol::Tcp6)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Run => "run",
            Role::Up => "up",
            Role::Lab => "lab",
            Role::Host => "host",
        })
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(word: &str) -> Result<Role, ()> {
        let all = [Role::Run, Role::Up, Role::Lab, Role::Host];
        all.into_iter().find(|role| role.to_string() == word).ok_or(())
    }
}
