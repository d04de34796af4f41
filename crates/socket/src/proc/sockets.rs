//! Tables of sockets: `tcp`, `udp`, `raw`, `icmp` and their twins for IPv6, `netlink`, `packet`, and how many there are.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use sockeye_abi::netlink::Protocol;
use sockeye_abi::{Family, Transport};
use sockeye_stack::ConnectionId;
use sockeye_tcp::State;

use super::{Reader, padded};
use crate::host::{Host, Kind, Slot, SocketId};
use crate::netlink::Listed;

/// What lines are padded to: TCP's, and those of datagrams over IPv4.
const TCP_WIDTH: usize = 149;
const DATAGRAM_WIDTH: usize = 127;
/// Linux's numbers of states.
const SYN_RECV: u8 = 3;
const TIME_WAIT: u8 = 6;
const LISTEN: u8 = 10;
/// Milliseconds of a tick, as programs are told times (USER_HZ).
const TICK: u128 = 10;

const TCP_HEADER: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
const TCP6_HEADER: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const UDP_HEADER: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
const RAW_HEADER: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
const DATAGRAM6_HEADER: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n";

/// The kernel's own netlink sockets, of the protocols that are spoken.
const KERNEL_NETLINK: [Protocol; 2] = [Protocol::Route, Protocol::SockDiag];

pub(super) fn tcp(host: &mut Host, reader: Reader<'_>) -> String {
    let mut text = padded(TCP_HEADER, TCP_WIDTH);
    host.tcp_lines(Family::Inet, reader).iter().for_each(|line| text += &padded(line, TCP_WIDTH));
    text
}

pub(super) fn tcp6(host: &mut Host, reader: Reader<'_>) -> String {
    let lines = host.tcp_lines(Family::Inet6, reader);
    lines.iter().fold(TCP6_HEADER.to_owned(), |text, line| text + line + "\n")
}

pub(super) fn udp(host: &mut Host, reader: Reader<'_>) -> String {
    let lines = host.datagram_lines((Family::Inet, is_udp), reader);
    lines.iter().fold(padded(UDP_HEADER, DATAGRAM_WIDTH), |text, line| text + &padded(line, DATAGRAM_WIDTH))
}

pub(super) fn udp6(host: &mut Host, reader: Reader<'_>) -> String {
    of_ipv6(&host.datagram_lines((Family::Inet6, is_udp), reader))
}

/// UDP-Lite's: there are none.
pub(super) fn udplite(_: &mut Host, _: Reader<'_>) -> String {
    padded(UDP_HEADER, DATAGRAM_WIDTH)
}

pub(super) fn udplite6(_: &mut Host, _: Reader<'_>) -> String {
    of_ipv6(&[])
}

pub(super) fn raw(host: &mut Host, reader: Reader<'_>) -> String {
    // The first column is narrower than UDP's, and nothing is padded.
    let lines = host.datagram_lines((Family::Inet, is_raw), reader);
    let narrow = |line: &String| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n";
    lines.iter().fold(RAW_HEADER.to_owned() + "\n", |text, line| text + &narrow(line))
}

pub(super) fn raw6(host: &mut Host, reader: Reader<'_>) -> String {
    of_ipv6(&host.datagram_lines((Family::Inet6, is_raw), reader))
}

pub(super) fn icmp(host: &mut Host, reader: Reader<'_>) -> String {
    let lines = host.datagram_lines((Family::Inet, is_ping), reader);
    lines.iter().fold(padded(RAW_HEADER, DATAGRAM_WIDTH), |text, line| text + &padded(line, DATAGRAM_WIDTH))
}

pub(super) fn icmp6(host: &mut Host, reader: Reader<'_>) -> String {
    of_ipv6(&host.datagram_lines((Family::Inet6, is_ping), reader))
}

/// There are none of AF_PACKET.
pub(super) fn packet(_: &mut Host, _: Reader<'_>) -> String {
    "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n".to_owned()
}

pub(super) fn netlink(host: &mut Host, reader: Reader<'_>) -> String {
    let mut text =
        "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
            .to_owned();
    let mut line = |key: u64,
                    protocol: Protocol,
                    (port, groups, waiting, dumps, inode): (u32, u32, usize, bool, u32)| {
        let _ = writeln!(
            text,
            "{key:016x} {:<3} {port:<10} {groups:08x} {waiting:<8} {:<8} {:<5} {:<8} {:<8} {inode:<8}",
            protocol.number(),
            0,
            u8::from(dumps),
            2,
            0
        );
    };
    for (key, protocol) in (1..).zip(KERNEL_NETLINK) {
        line(key, protocol, (0, 0, 0, false, 0));
    }
    for (id, slot) in host.sockets.iter() {
        if let Slot::Netlink(netlink) = slot {
            let (protocol, shown) = netlink.shown();
            let (port, groups, waiting, dumps) = shown;
            line(pointer(id), protocol, (port, groups, waiting, dumps, reader.outside.inode(id)));
        }
    }
    text
}

pub(super) fn sockstat(host: &mut Host, reader: Reader<'_>) -> String {
    let count = host.counted(Family::Inet, reader);
    let (mut held, mut all) = (0, 0);
    for id in host.stack.tcp_connections() {
        all += 1;
        held += usize::from(host.stack.tcp_holder(id) != Some(sockeye_stack::Holder::Nobody));
    }
    let waits = host.stack.tcp_left().count();
    let allocated = host.sockets.values().filter(|slot| is_tcp_slot(slot)).count();
    format!(
        "sockets: used {}\nTCP: inuse {} orphan {} tw {waits} alloc {allocated} mem 0\nUDP: inuse {} mem 0\n\
         UDPLITE: inuse 0\nRAW: inuse {}\nFRAG: inuse {} memory {}\n",
        host.sockets.len(),
        count.tcp,
        all - held,
        count.udp,
        count.raw,
        host.stack.fragments_waiting().0,
        host.stack.fragments_waiting().1,
    )
}

pub(super) fn sockstat6(host: &mut Host, reader: Reader<'_>) -> String {
    let count = host.counted(Family::Inet6, reader);
    format!(
        "TCP6: inuse {}\nUDP6: inuse {}\nUDPLITE6: inuse 0\nRAW6: inuse {}\nFRAG6: inuse 0 memory 0\n",
        count.tcp, count.udp, count.raw
    )
}

/// How many sockets are in use, by transport.
struct Count {
    tcp: usize,
    udp: usize,
    raw: usize,
}

impl Host {
    fn counted(&self, family: Family, Reader { now, user, outside }: Reader<'_>) -> Count {
        let count = |is_it: fn(Transport) -> bool| self.listed(now, (family, is_it), (user, outside));
        let tcp = count(is_tcp).iter().filter(|listed| listed.message.state != TIME_WAIT).count();
        Count { tcp, udp: count(is_udp).len(), raw: count(is_raw).len() }
    }

    /// `get_tcp4_sock`, `get_openreq4`, `get_timewait4_sock`.
    fn tcp_lines(&self, family: Family, Reader { now, user, outside }: Reader<'_>) -> Vec<String> {
        let listed = self.listed(now, (family, is_tcp), (user, outside));
        let lines = listed.iter().enumerate().map(|(at, listed)| {
            let head = format!("{at:4}: {}", beginning(listed));
            let message = &listed.message;
            let sk = message.cookie as u32;
            if matches!(message.state, SYN_RECV | TIME_WAIT) {
                return format!("{head} {:5} {:8} {} {} {sk:016x}", message.uid, 0, 0, 1);
            }
            let (rto, cwnd, ssthresh) = self.tempo(listed.connection);
            let ssthresh = if message.state == LISTEN { 0 } else { ssthresh };
            // Nothing is told of delayed acknowledgements.
            format!(
                "{head} {:5} {:8} {} {} {sk:016x} {rto} 0 0 {cwnd} {ssthresh}",
                message.uid, 0, message.inode, 1
            )
        });
        lines.collect()
    }

    fn datagrams_dropped(&self, id: SocketId) -> u32 {
        match self.get(id).map(|socket| &socket.kind) {
            Ok(Kind::Datagram(datagram)) => datagram.udp.map_or(0, |udp| self.stack.udp_drops(udp)),
            Ok(Kind::Stream(_)) | Err(_) => 0,
        }
    }

    /// Retransmission timeout in ticks, congestion window, slow start threshold (-1 for none).
    fn tempo(&self, connection: Option<ConnectionId>) -> (u128, u32, i64) {
        let info = connection.and_then(|id| self.stack.tcp(id)).map(|tcb| tcb.info());
        let Some(info) = info.filter(|info| info.state != State::Closed) else { return (100, 10, -1) };
        let ssthresh = if info.ssthresh == u32::MAX { -1 } else { info.ssthresh.into() };
        (info.rto.as_millis() / TICK, info.cwnd, ssthresh)
    }

    /// `udp4_format_sock`, `raw_sock_seq_show`, `ping_v4_format_sock`, `__ip6_dgram_sock_seq_show`.
    fn datagram_lines(
        &self,
        of: (Family, fn(Transport) -> bool),
        Reader { now, user, outside }: Reader<'_>,
    ) -> Vec<String> {
        let listed = self.listed(now, of, (user, outside));
        let lines = listed.iter().map(|listed| {
            let message = &listed.message;
            let drops = listed.socket.map_or(0, |id| self.datagrams_dropped(id));
            let sk = message.cookie as u32;
            format!(
                "{:5}: {} {:5} {:8} {} {} {sk:016x} {drops}",
                message.ends.local.port(),
                beginning(listed),
                message.uid,
                0,
                message.inode,
                2
            )
        });
        lines.collect()
    }
}

/// The columns that all tables have: ends, state, queues, timer, repetitions.
fn beginning(listed: &Listed) -> String {
    let message = &listed.message;
    let expires = u128::from(message.expires) / TICK;
    // A listener's backlog isn't told here.
    let sending = if message.state == LISTEN { 0 } else { message.send_queue };
    format!(
        "{} {} {:02X} {:08X}:{:08X} {:02X}:{expires:08X} {:08X}",
        end(message.ends.local),
        end(message.ends.remote),
        message.state,
        sending,
        message.receive_queue,
        message.timer,
        message.retransmits,
    )
}

/// An end as the words it has in memory, and its port.
fn end(end: SocketAddr) -> String {
    let port = end.port();
    match end.ip() {
        IpAddr::V4(ip) => format!("{:08X}:{port:04X}", u32::from_ne_bytes(ip.octets())),
        IpAddr::V6(ip) => {
            let words = ip.octets();
            let words = words.chunks_exact(4).filter_map(|word| word.first_chunk());
            let text: String = words.map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect();
            format!("{text}:{port:04X}")
        }
    }
}

fn of_ipv6(lines: &[String]) -> String {
    lines.iter().fold(DATAGRAM6_HEADER.to_owned(), |text, line| text + line + "\n")
}

/// What stands where Linux has a hashed address.
fn pointer(id: SocketId) -> u64 {
    use slotmap::Key as _;
    id.data().as_ffi() & u64::from(u32::MAX)
}

fn is_tcp_slot(slot: &Slot) -> bool {
    matches!(slot, Slot::Inet(socket) if socket.transport() == Transport::Tcp)
}

fn is_tcp(transport: Transport) -> bool {
    transport == Transport::Tcp
}

fn is_udp(transport: Transport) -> bool {
    transport == Transport::Udp
}

fn is_raw(transport: Transport) -> bool {
    matches!(transport, Transport::Raw(_))
}

fn is_ping(transport: Transport) -> bool {
    transport == Transport::Ping
}
