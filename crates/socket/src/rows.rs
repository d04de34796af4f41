//! The sockets of a host as they stand, for who looks at it from outside (netstat(8), ss(8)): the numbers that `inet_diag` and
//! `unix_diag` tell, as values.

use std::net::SocketAddr;

use slotmap::Key as _;
use sockeye_abi::netlink::diag;
use sockeye_abi::{Family, SocketType, TcpInfo, Transport, UnixAddress};
use sockeye_base::{Duration, Instant};
use sockeye_tcp::Tcb;

use crate::host::{Host, Slot, SocketId};
use crate::netlink::{Key, Told};
use crate::unix::EndId;

const TCP: u8 = 6;
const UDP: u8 = 17;
/// Linux's number of the state CLOSE.
const CLOSE: u8 = 7;

/// A socket of the Internet's, or a connection that no socket holds.
#[derive(Clone, Debug)]
pub struct Row {
    /// The socket; `None`: nobody holds it.
    pub socket: Option<SocketId>,
    /// Its family.
    pub family: Family,
    /// Its transport.
    pub transport: Transport,
    /// Its state, by TCP's numbers in Linux; a UDP socket with a peer is ESTABLISHED (1), one without CLOSE (7).
    pub state: u8,
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's; unspecified: none.
    pub remote: SocketAddr,
    /// The number of the only interface it has to do with; 0: all.
    pub interface: u32,
    /// Bytes received and not read; of a listener connections not accepted.
    pub receive_queue: usize,
    /// Bytes sent and not acknowledged; of a listener its backlog.
    pub send_queue: usize,
    /// What it waits for: nothing 0, to repeat something 1, to probe a silent peer 2, the end of TIME-WAIT 3, to probe a
    /// window 4.
    pub timer: u8,
    /// How long still.
    pub expires: Duration,
    /// How often it was in vain.
    pub retransmits: u8,
    /// Its name in `inet_diag`'s answers.
    pub cookie: u64,
    /// What is shut: bit 0 reading, bit 1 writing.
    pub shutdown: u8,
    /// IP_TOS.
    pub tos: u8,
    /// IPV6_TCLASS.
    pub traffic_class: u8,
    /// IPV6_V6ONLY.
    pub v6only: bool,
    /// SO_PRIORITY.
    pub priority: u32,
    /// SO_MARK.
    pub mark: u32,
    /// SO_MEMINFO: received, its bound, sent, its bound, reserved, queued, for options, backlog, dropped; bytes but the last.
    pub memory: [u32; 9],
    /// TCP_INFO.
    pub info: Option<TcpInfo>,
    /// How long a connection has been there, the handshake included.
    pub age: Option<Duration>,
    /// TCP_CONGESTION; empty but for TCP.
    pub congestion: &'static str,
}

/// A Unix-domain socket.
#[derive(Clone, Debug)]
pub struct UnixRow {
    /// Its number, which no other socket of the host has meanwhile.
    pub number: u64,
    /// Its type.
    pub kind: SocketType,
    /// As for TCP: ESTABLISHED 1, CLOSE 7, LISTEN 10.
    pub state: u8,
    /// Its name.
    pub name: UnixAddress,
    /// Its peer's number, if somebody has it.
    pub peer: Option<u64>,
    /// Bytes that wait to be read; of a listener connections.
    pub receive_queue: usize,
    /// Bytes, overhead included, that nobody has read yet; of a listener its backlog.
    pub send_queue: usize,
    /// What is shut: bit 0 reading, bit 1 writing.
    pub shutdown: u8,
    /// How many have it open.
    pub holders: u32,
}

impl Host {
    /// All sockets of the Internet's that netstat(8) shows, and ping sockets: by family and transport, listeners first.
    pub fn socket_rows(&mut self, now: Instant) -> Vec<Row> {
        let mut rows = Vec::new();
        for family in [Family::Inet, Family::Inet6] {
            for protocol in [TCP, UDP, diag::RAW] {
                let keys = self.keys(family, protocol).unwrap_or_default();
                rows.extend(keys.into_iter().filter_map(|key| self.row(now, key, family)));
            }
            let pings = self.sockets.iter().filter_map(|(id, slot)| match slot {
                Slot::Inet(socket) if (socket.family, socket.transport()) == (family, Transport::Ping) => {
                    Some(Key::Socket(id))
                }
                Slot::Inet(_) | Slot::Unix(_) | Slot::Netlink(_) => None,
            });
            let pings: Vec<Key> = pings.collect();
            rows.extend(pings.into_iter().filter_map(|key| self.row(now, key, family)));
        }
        rows
    }

    fn row(&mut self, now: Instant, key: Key, family: Family) -> Option<Row> {
        let Told { message, .. } = self.told(now, key, family)?;
        let (socket, transport, more) = match key {
            Key::Socket(id) => {
                let more = self.more_of_socket(now, id, message.family);
                (Some(id), self.transport(id).ok()?, more)
            }
            Key::Connection(id) => (None, Transport::Tcp, self.more_of_connection(now, id)),
            Key::Left(_) => (None, Transport::Tcp, Default::default()),
        };
        let connection = match key {
            Key::Socket(id) => self.info(id),
            Key::Connection(id) => self.stack.tcp(id).map(Tcb::info),
            Key::Left(_) => None,
        };
        let ends = message.ends;
        let large = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Some(Row {
            socket,
            family,
            transport,
            state: message.state,
            local: ends.local,
            remote: ends.remote,
            interface: ends.interface,
            receive_queue: large(message.receive_queue),
            send_queue: large(message.send_queue),
            timer: message.timer,
            expires: Duration::from_millis(message.expires.into()),
            retransmits: message.retransmits,
            cookie: message.cookie,
            shutdown: more.shutdown,
            tos: more.tos,
            traffic_class: more.traffic_class,
            v6only: more.v6only,
            priority: more.priority,
            mark: self.mark_of(now, key),
            memory: more.memory,
            info: more.info.filter(|_| message.state != CLOSE),
            age: connection.map(|info| now.since(info.established)),
            congestion: more.congestion,
        })
    }

    /// All Unix-domain sockets.
    pub fn unix_rows(&self) -> Vec<UnixRow> {
        let of_socket = |(id, slot): (SocketId, &Slot)| match slot {
            Slot::Unix(end) => self.unix_row(id, *end),
            Slot::Inet(_) | Slot::Netlink(_) => None,
        };
        self.sockets.iter().filter_map(of_socket).collect()
    }

    fn unix_row(&self, id: SocketId, end: EndId) -> Option<UnixRow> {
        let shown = self.unix.shown(end)?;
        let (read, write) = self.is_shut(id);
        Some(UnixRow {
            number: id.data().as_ffi(),
            kind: self.unix_kind(id)?,
            state: shown.state,
            name: self.unix_local(id).ok()?,
            peer: shown.peer.map(|peer| peer.data().as_ffi()),
            receive_queue: shown.receive_queue,
            send_queue: shown.send_queue,
            shutdown: u8::from(read) | u8::from(write) << 1,
            holders: shown.holders,
        })
    }
}
