//! What is to be seen, taken from a lab.

use sockeye_abi::{Family, SocketType, Transport, UnixAddress};
use sockeye_base::Instant;
use sockeye_lab::{End, HostId, Lab, WayView};
use sockeye_socket::{Outside, Row, UnixRow};
use sockeye_stack::{InterfaceId, Stack};
use sockeye_wire::ethernet::Mac;

use crate::snapshot::{
    Group, Host, Interface, Link, Memory, Protocol, Route, Socket, State, Timer, TimerKind, Traffic,
    UnixKind, UnixSocket, Way,
};

/// The hosts of a lab at this moment. `outside` knows of a host's sockets what stands between them and their programs.
pub fn hosts<'a>(
    lab: &mut Lab,
    now: Instant,
    outside: impl Fn(HostId) -> Option<&'a dyn Outside>,
) -> Vec<Host> {
    let ids: Vec<HostId> = lab.hosts().collect();
    ids.into_iter().map(|id| host(lab, now, id, outside(id))).collect()
}

/// The links of a lab.
pub fn links(lab: &Lab) -> Vec<Link> {
    let link = |(number, link): (usize, sockeye_lab::LinkView<'_>)| Link {
        number,
        ends: link.ends.map(|end| end_name(lab, end)),
        mtu: link.mtu,
        dead: link.dead.map(str::to_owned),
        ways: link.ways.map(way),
    };
    lab.links().enumerate().map(link).collect()
}

/// What an end of a link is called: `pukaki/eth0`, a switch, or who is outside.
pub(crate) fn end_name(lab: &Lab, end: End) -> String {
    let host = end.host().map(|host| format!("{}/", lab.host(host).name()));
    format!("{}{}", host.unwrap_or_default(), lab.name_of(end))
}

fn way(way: WayView<'_>) -> Way {
    Way {
        delay: sockeye_base::nanos(way.direction.delay),
        rate: way.direction.rate.map(Into::into),
        frames: way.carried.frames,
        bytes: way.carried.bytes,
        dropped: way.carried.dropped.iter().map(|(why, frames)| ((*why).to_owned(), *frames)).collect(),
        queued: way.queued,
    }
}

fn host(lab: &mut Lab, now: Instant, id: HostId, outside: Option<&dyn Outside>) -> Host {
    let up = lab.is_on(id);
    let rows = lab.work_on(id, |host| host.socket_rows(now));
    let host = lab.host(id);
    let stack = host.stack();
    let flags = |id, own| host.interface_flags(id, own).bits();
    let traffic = |packets, bytes, dropped| Traffic { packets, bytes, dropped };
    let interfaces = stack.interfaces().map(|(id, own)| (id, own, stack.interface_counts(id)));
    let interfaces = interfaces.map(|(id, own, counts)| Interface {
        name: own.name.to_string(),
        index: id.index(),
        mac: (own.mac != Mac::ZERO).then(|| own.mac.to_string()),
        mtu: own.mtu,
        flags: flags(id, own),
        addresses: own.addresses.iter().map(ToString::to_string).collect(),
        received: traffic(counts.rx_packets, counts.rx_bytes, counts.rx_dropped),
        sent: traffic(counts.tx_packets, counts.tx_bytes, counts.tx_dropped),
    });
    let routes = stack.routes().map(|route| Route {
        destination: format!("{}/{}", route.destination.network(), route.destination.prefix()),
        via: route.via,
        interface: name_of(stack, route.interface),
    });
    let groups = stack.interfaces().flat_map(|(id, own)| {
        let group = |(group, members)| Group { interface: own.name.to_string(), group, members };
        stack.groups(id).into_iter().map(group)
    });
    Host {
        name: host.name().to_owned(),
        pid: None,
        program: None,
        up,
        interfaces: interfaces.collect(),
        routes: routes.collect(),
        groups: groups.collect(),
        sockets: rows.iter().map(|row| socket(stack, row, outside)).collect(),
        unix: host.unix_rows().iter().map(unix_socket).collect(),
        counters: host.counters().iter().map(|(name, count)| (name.to_owned(), count)).collect(),
        statistics: host.statistics().into_iter().map(happened).collect(),
    }
}

/// What seldom happens is told if it did, and what netstat(8) prints in any case.
fn happened((group, rows): (&str, Vec<(String, i64)>)) -> (String, Vec<(String, i64)>) {
    let mut rows = rows;
    if matches!(group, "TcpExt" | "IpExt" | "UdpLite" | "UdpLite6") {
        rows.retain(|(name, count)| *count != 0 || name == "TCPHPHits");
    }
    (group.to_owned(), rows)
}

fn name_of(stack: &Stack, id: InterfaceId) -> String {
    let interface = stack.interfaces().find(|(own, _)| *own == id);
    interface.map(|(_, interface)| interface.name.to_string()).unwrap_or_default()
}

fn socket(stack: &Stack, row: &Row, outside: Option<&dyn Outside>) -> Socket {
    let state = State::from_number(row.state);
    let held = row.socket.zip(outside);
    let inode = held.map_or(0, |(socket, outside)| outside.inode(socket).into());
    // A listener's queues are connections, which wait nowhere else.
    let (received, written) = match held {
        Some((socket, outside)) if state != State::Listen => outside.on_the_way(socket),
        Some(_) | None => (0, 0),
    };
    let interface = InterfaceId::from_index(row.interface);
    let timer = |kind| {
        let expires = u64::try_from(row.expires.as_millis()).unwrap_or(u64::MAX);
        Timer { kind, expires, retransmits: row.retransmits }
    };
    let kind = match row.timer {
        1 => Some(TimerKind::Retransmit),
        2 => Some(TimerKind::Keepalive),
        3 => Some(TimerKind::TimeWait),
        4 => Some(TimerKind::Persist),
        _ => None,
    };
    let [received_bytes, receive_buffer, sent, send_buffer, forward, queued, options, backlog, drops] =
        row.memory;
    Socket {
        protocol: protocol(row.family, row.transport),
        number: match row.transport {
            Transport::Raw(number) => Some(number),
            Transport::Tcp | Transport::Udp | Transport::Ping => None,
        },
        state,
        local: row.local,
        remote: row.remote,
        interface: interface.map(|id| name_of(stack, id)),
        receive_queue: row.receive_queue.saturating_add(received),
        send_queue: row.send_queue.saturating_add(written),
        timer: kind.map(timer),
        inode,
        cookie: row.cookie,
        holders: Vec::new(),
        shut: (row.shutdown & 1 != 0, row.shutdown & 2 != 0),
        v6only: row.v6only,
        tos: if row.family == Family::Inet6 { row.traffic_class } else { row.tos },
        priority: row.priority,
        mark: row.mark,
        memory: Memory {
            received: received_bytes,
            receive_buffer,
            sent,
            send_buffer,
            forward,
            queued,
            options,
            backlog,
            drops,
        },
        tcp: row.info.filter(|_| state != State::Listen),
        age: row.age.map(sockeye_base::nanos),
        congestion: (!row.congestion.is_empty()).then(|| row.congestion.to_owned()),
    }
}

fn protocol(family: Family, transport: Transport) -> Protocol {
    match (transport, family) {
        (Transport::Tcp, Family::Inet) => Protocol::Tcp,
        (Transport::Tcp, Family::Inet6) => Protocol::Tcp6,
        (Transport::Udp, Family::Inet) => Protocol::Udp,
        (Transport::Udp, Family::Inet6) => Protocol::Udp6,
        (Transport::Raw(_), Family::Inet) => Protocol::Raw,
        (Transport::Raw(_), Family::Inet6) => Protocol::Raw6,
        (Transport::Ping, Family::Inet) => Protocol::Icmp,
        (Transport::Ping, Family::Inet6) => Protocol::Icmp6,
    }
}

fn unix_socket(row: &UnixRow) -> UnixSocket {
    UnixSocket {
        kind: match row.kind {
            SocketType::Stream => UnixKind::Stream,
            SocketType::SeqPacket => UnixKind::SeqPacket,
            SocketType::Datagram | SocketType::Raw => UnixKind::Datagram,
        },
        state: State::from_number(row.state),
        name: match &row.name {
            UnixAddress::Unnamed => None,
            UnixAddress::Pathname(path) => Some(String::from_utf8_lossy(path).into_owned()),
            UnixAddress::Abstract(name) => Some(format!("@{}", String::from_utf8_lossy(name))),
        },
        inode: row.number,
        peer: row.peer,
        references: row.holders,
        receive_queue: Some(row.receive_queue),
        send_queue: Some(row.send_queue),
        holders: Vec::new(),
    }
}
