//! Packets that come in: from what the script says to values on the wire.

use std::net::SocketAddr;

use bytes::Bytes;
use sockeye_base::{Chain, SeqNum};
use sockeye_wire::tcp::{FastOpen, Flags, Options, Segment, Timestamps};
use sockeye_wire::{Body, Packet, icmpv4, icmpv6, ip, udp};

use super::flow::Flow;
use crate::failure::{Failure, Result};
use crate::setup::Setup;
use crate::syntax::{BodySpec, IcmpSpec, IpSpec, OptionSpec, PacketSpec, Quoted, TcpSpec, Tos};

/// All data of a script is zeroes.
static ZEROES: [u8; 65_536] = [0; 65_536];

/// Bytes of zeroes.
pub(super) fn zeroes(len: usize) -> Chain {
    Chain::from(Bytes::from_static(ZEROES.get(..len).unwrap_or(&ZEROES)))
}

/// Makes the packet.
pub(super) fn packet(line: usize, spec: &PacketSpec, flow: &mut Flow, setup: &Setup) -> Result<Packet> {
    let (body, from, to) = match &spec.body {
        BodySpec::Tcp(tcp) => {
            let segment = segment(line, tcp, flow, setup)?;
            (Body::Tcp(segment), flow.remote, flow.local)
        }
        BodySpec::Udp { ports, len } => {
            let (source, destination) = ports.unwrap_or((0, 0));
            let datagram = udp::Datagram {
                source: or_default(source, flow.remote),
                destination: or_default(destination, flow.local),
                payload: zeroes(*len),
            };
            (Body::Udp(datagram), flow.remote, flow.local)
        }
        BodySpec::Icmp(icmp) => (message(line, icmp, flow)?, flow.remote, flow.local),
        BodySpec::Unsupported(what) => return Err(Failure::unsupported(line, what)),
    };
    let mut ip = ip::Header::new(from.ip(), to.ip())
        .ok_or_else(|| Failure::different(line, "the addresses are of two families"))?;
    set_ip(&mut ip, spec.ip);
    Ok(Packet { ip, body })
}

fn set_ip(ip: &mut ip::Header, spec: IpSpec) {
    let class = match spec.tos {
        Tos::Unchecked | Tos::EitherEct => 0,
        Tos::Ecn(bits) | Tos::Byte(bits) => bits,
    };
    match ip {
        ip::Header::V4(header) => header.tos = class,
        ip::Header::V6(header) => header.traffic_class = class,
    }
    if let Some(ttl) = spec.ttl {
        ip.set_hop_limit(ttl);
    }
}

fn or_default(port: u16, address: SocketAddr) -> u16 {
    if port == 0 { address.port() } else { port }
}

fn segment(line: usize, spec: &TcpSpec, flow: &mut Flow, setup: &Setup) -> Result<Segment> {
    let is_syn = spec.flags.contains(Flags::SYN);
    if is_syn {
        flow.numbers.remote_syn(spec);
    }
    let window = spec
        .window
        .or_else(|| spec.flags.contains(Flags::RST).then_some(0))
        .ok_or_else(|| Failure::syntax(line, "a packet that comes in needs its window ('win')"))?;
    let (source, destination) = spec.ports.unwrap_or((0, 0));
    let has_ack = spec.flags.contains(Flags::ACK);
    let numbers = &flow.numbers;
    Ok(Segment {
        source: or_default(source, flow.remote),
        destination: or_default(destination, flow.local),
        seq: numbers.live_seq(spec.seq, is_syn),
        ack: if has_ack { numbers.live_ack(spec.ack.unwrap_or(0), is_syn) } else { SeqNum::default() },
        flags: spec.flags,
        window,
        urgent: spec.urgent,
        options: options(line, spec, flow, setup.timestamp_echo_scaled)?,
        payload: zeroes(usize::try_from(spec.len).unwrap_or(0)),
        gso_size: if spec.len > u32::from(setup.mss) { setup.mss } else { 0 },
    })
}

fn options(line: usize, spec: &TcpSpec, flow: &Flow, echo_scaled: bool) -> Result<Options> {
    let is_syn = spec.flags.contains(Flags::SYN);
    let mut options = Options::default();
    let listed = spec
        .options
        .as_ref()
        .ok_or_else(|| Failure::syntax(line, "<...> stands for options of packets that go out"))?;
    for option in listed {
        match option {
            OptionSpec::Nop | OptionSpec::Eol => {}
            OptionSpec::Mss(mss) => options.mss = Some(*mss),
            OptionSpec::WindowScale(shift) => options.window_scale = Some(*shift),
            OptionSpec::SackOk => options.sack_permitted = true,
            OptionSpec::Timestamps(value, echo) => {
                let live = if spec.flags.contains(Flags::ACK) {
                    flow.numbers.echo(*echo, echo_scaled).ok_or_else(|| {
                        Failure::different(line, format!("no packet went out with the TS val {echo}"))
                    })?
                } else {
                    *echo
                };
                options.timestamps = Some(Timestamps { value: *value, echo: live });
            }
            OptionSpec::Sack(blocks) => {
                let live = |edge: u32| flow.numbers.live_ack(edge, is_syn);
                options.sack = blocks.iter().map(|(left, right)| (live(*left), live(*right))).collect();
            }
            // As if it were read from bytes: one of odd length is not there, others are none of a wrong one.
            OptionSpec::FastOpen(cookie, experimental) if cookie.len().is_multiple_of(2) => {
                options.fast_open = FastOpen::new(cookie, *experimental).map(Box::new);
            }
            OptionSpec::FastOpen(..) => {}
            OptionSpec::Unsupported(name) => {
                return Err(Failure::unsupported(line, format_args!("the TCP option '{name}'")));
            }
        }
    }
    Ok(options)
}

fn message(line: usize, spec: &IcmpSpec, flow: &Flow) -> Result<Body> {
    let quoted =
        quoted(spec, flow).ok_or_else(|| Failure::different(line, "the addresses are of two families"))?;
    let code = spec.code.as_deref();
    let unknown = || Failure::unsupported(line, format_args!("icmp {} {}", spec.kind, code.unwrap_or("")));
    if flow.local.is_ipv4() {
        let original = icmpv4::quote(&quoted);
        return Ok(Body::Icmpv4(match spec.kind.as_str() {
            "unreachable" => {
                let number = code_number(code, UNREACHABLE_V4).ok_or_else(unknown)?;
                let mtu = spec.mtu.and_then(|mtu| u16::try_from(mtu).ok()).unwrap_or(0);
                let code = icmpv4::Unreachable::from_code(number, mtu);
                icmpv4::Message::DestinationUnreachable { code, original }
            }
            "time_exceeded" => {
                icmpv4::Message::TimeExceeded { code: code_number(code, &[]).ok_or_else(unknown)?, original }
            }
            kind @ ("source_quench" | "parameter_problem") => {
                let kind = if kind == "source_quench" { 4 } else { 12 };
                let rest: Vec<u8> = [0; 4].into_iter().chain(original).collect();
                icmpv4::Message::Other { kind, code: 0, rest: rest.into() }
            }
            _ => return Err(unknown()),
        }));
    }
    let original = icmpv6::quote(&quoted);
    Ok(Body::Icmpv6(match spec.kind.as_str() {
        "unreachable" => {
            let code = match code_number(code, UNREACHABLE_V6).ok_or_else(unknown)? {
                0 => icmpv6::Unreachable::NoRoute,
                1 => icmpv6::Unreachable::Prohibited,
                3 => icmpv6::Unreachable::Address,
                4 => icmpv6::Unreachable::Port,
                other => icmpv6::Unreachable::Other(other),
            };
            icmpv6::Message::DestinationUnreachable { code, original }
        }
        "packet_too_big" => icmpv6::Message::PacketTooBig { mtu: spec.mtu.unwrap_or(0), original },
        "time_exceeded" => icmpv6::Message::TimeExceeded {
            code: code_number(code, EXCEEDED_V6).ok_or_else(unknown)?,
            original,
        },
        _ => return Err(unknown()),
    }))
}

/// The packet of the host that the message speaks of.
fn quoted(spec: &IcmpSpec, flow: &Flow) -> Option<Packet> {
    let ip = ip::Header::new(flow.local.ip(), flow.remote.ip())?;
    let (source, destination) = (flow.local.port(), flow.remote.port());
    let body = match spec.quote {
        Quoted::Tcp(_) if flow.is_udp => {
            Body::Udp(udp::Datagram { source, destination, payload: Chain::new() })
        }
        Quoted::Tcp(seq) => Body::Tcp(Segment {
            source,
            destination,
            seq: flow.numbers.live_ack(seq, false),
            ..Segment::default()
        }),
        Quoted::Udp(len) => Body::Udp(udp::Datagram { source, destination, payload: zeroes(len) }),
    };
    Some(Packet { ip, body })
}

/// A code by its name in the list, or by its number as `code_7`; without one it is 0.
fn code_number(code: Option<&str>, names: &[(&str, u8)]) -> Option<u8> {
    match code {
        None => Some(0),
        Some(code) => match code.strip_prefix("code_") {
            Some(number) => number.parse().ok(),
            None => names.iter().find(|(name, _)| *name == code).map(|(_, number)| *number),
        },
    }
}

/// Codes of ICMP's destination unreachable (RFC 792, RFC 1122, RFC 1812).
const UNREACHABLE_V4: &[(&str, u8)] = &[
    ("net_unreachable", 0),
    ("host_unreachable", 1),
    ("protocol_unreachable", 2),
    ("port_unreachable", 3),
    ("frag_needed", 4),
    ("source_route_failed", 5),
    ("net_unknown", 6),
    ("host_unknown", 7),
    ("source_host_isolated", 8),
    ("net_prohibited", 9),
    ("host_prohibited", 10),
    ("net_unreachable_for_tos", 11),
    ("host_unreachable_for_tos", 12),
    ("packet_filtered", 13),
    ("precedence_violation", 14),
    ("precedence_cutoff", 15),
];

/// Codes of ICMPv6's destination unreachable (RFC 4443).
const UNREACHABLE_V6: &[(&str, u8)] = &[
    ("net_unreachable", 0),
    ("no_route", 0),
    ("admin_prohibited", 1),
    ("not_neighbour", 2),
    ("address_unreachable", 3),
    ("port_unreachable", 4),
];

/// Codes of ICMPv6's time exceeded (RFC 4443).
const EXCEEDED_V6: &[(&str, u8)] = &[("exceeded_hop_limit", 0), ("exceeded_frag_time", 1)];
