//! Packets that go out: put into the script's numbers and compared with what the script expects.

use sockeye_wire::tcp::{FastOpen, Field, Flags, Segment};
use sockeye_wire::{Body, Packet};

use super::describe;
use super::flow::Numbers;
use crate::setup::Setup;
use crate::syntax::{BodySpec, IcmpSpec, IpSpec, OptionSpec, PacketSpec, TcpSpec, Tos};

/// A segment of the host in the script's numbers, as the script would have written it.
pub(super) fn in_script_words(
    segment: &Segment,
    numbers: &mut Numbers,
    expected: Option<&TcpSpec>,
) -> TcpSpec {
    let is_syn = segment.flags.contains(Flags::SYN);
    let their_timestamp = expected.and_then(|expected| {
        expected.options.iter().flatten().find_map(|option| match option {
            OptionSpec::Timestamps(value, _) => Some(*value),
            _ => None,
        })
    });
    let mut options = Vec::new();
    for field in segment.options.fields() {
        options.push(match field {
            Field::NoOperation => OptionSpec::Nop,
            Field::Mss(mss) => OptionSpec::Mss(mss),
            Field::WindowScale(shift) => OptionSpec::WindowScale(shift),
            Field::SackPermitted => OptionSpec::SackOk,
            Field::Timestamps(timestamps) => {
                let value = match their_timestamp {
                    Some(script) => numbers.timestamp(script, timestamps.value),
                    None => timestamps.value,
                };
                OptionSpec::Timestamps(value, timestamps.echo)
            }
            Field::FastOpen(FastOpen { cookie, experimental }) => {
                let cookie = cookie.map_or(Vec::new(), |cookie| cookie.as_bytes().to_vec());
                OptionSpec::FastOpen(cookie, experimental)
            }
            Field::Sack(blocks) => {
                let script = |edge| numbers.script_ack(edge, is_syn);
                OptionSpec::Sack(blocks.iter().map(|(left, right)| (script(*left), script(*right))).collect())
            }
        });
    }
    TcpSpec {
        ports: None,
        flags: segment.flags,
        seq: numbers.script_seq(segment.seq, is_syn),
        len: u32::try_from(segment.payload.len()).unwrap_or(u32::MAX),
        ack: segment.flags.contains(Flags::ACK).then(|| numbers.script_ack(segment.ack, is_syn)),
        window: Some(segment.window),
        urgent: segment.urgent,
        options: Some(options),
    }
}

/// What differs between the two, as names of fields; nothing if the packet is as expected.
pub(super) fn differences(expected: &PacketSpec, actual: &PacketSpec, setup: &Setup) -> Vec<String> {
    let mut differing = ip_differences(expected.ip, actual.ip);
    match (&expected.body, &actual.body) {
        (BodySpec::Tcp(expected), BodySpec::Tcp(actual)) => {
            tcp_differences(expected, actual, setup, &mut differing)
        }
        (BodySpec::Udp { len: expected, .. }, BodySpec::Udp { len: actual, .. }) if expected == actual => {}
        (BodySpec::Udp { .. }, BodySpec::Udp { .. }) => differing.push("length".into()),
        (BodySpec::Icmp(expected), BodySpec::Icmp(actual)) => {
            icmp_differences(expected, actual, &mut differing)
        }
        _ => differing.push("protocol".into()),
    }
    differing
}

fn ip_differences(expected: IpSpec, actual: IpSpec) -> Vec<String> {
    let mut differing = Vec::new();
    let byte = match actual.tos {
        Tos::Byte(byte) | Tos::Ecn(byte) => byte,
        Tos::Unchecked | Tos::EitherEct => 0,
    };
    let right = match expected.tos {
        Tos::Unchecked => true,
        Tos::Ecn(bits) => byte & 3 == bits,
        Tos::EitherEct => matches!(byte & 3, 1 | 2),
        Tos::Byte(expected) => byte == expected,
    };
    if !right {
        differing.push("TOS".into());
    }
    if expected.ttl.is_some() && expected.ttl != actual.ttl {
        differing.push("TTL".into());
    }
    differing
}

fn tcp_differences(expected: &TcpSpec, actual: &TcpSpec, setup: &Setup, differing: &mut Vec<String>) {
    let mut note = |right: bool, name: &str| {
        if !right {
            differing.push(name.to_owned());
        }
    };
    note(expected.flags == actual.flags, "flags");
    note(expected.seq == actual.seq, "sequence number");
    note(expected.len == actual.len, "length");
    note(expected.ack == actual.ack || expected.ack.is_none() && actual.ack == Some(0), "acknowledgement");
    note(expected.window.is_none() || expected.window == actual.window, "window");
    note(expected.urgent == actual.urgent, "urgent pointer");
    if let (Some(expected), Some(actual)) = (&expected.options, &actual.options) {
        let same = expected.len() == actual.len()
            && expected.iter().zip(actual).all(|(expected, actual)| same_option(expected, actual, setup));
        note(same, "options");
    }
}

/// Timestamps are compared only if the script says how fast their clock goes, and echoes never, as in packetdrill.
fn same_option(expected: &OptionSpec, actual: &OptionSpec, setup: &Setup) -> bool {
    match (expected, actual) {
        (OptionSpec::Timestamps(expected, _), OptionSpec::Timestamps(actual, _)) => {
            let apart = i64::from(actual.wrapping_sub(*expected).cast_signed()).abs();
            setup.timestamp_tick == 0 || apart.saturating_mul(setup.timestamp_tick) <= setup.tolerance
        }
        (expected, actual) => expected == actual,
    }
}

fn icmp_differences(expected: &IcmpSpec, actual: &IcmpSpec, differing: &mut Vec<String>) {
    if expected.kind != actual.kind {
        differing.push("type".into());
    }
    if expected.code.is_some() && expected.code != actual.code {
        differing.push("code".into());
    }
}

/// A packet of the host as the script would have written it.
pub(super) fn spec_of(packet: &Packet, numbers: &mut Numbers, expected: Option<&TcpSpec>) -> PacketSpec {
    let ip = IpSpec { tos: Tos::Byte(packet.ip.traffic_class()), ttl: Some(packet.ip.hop_limit()) };
    let body = match &packet.body {
        Body::Tcp(segment) => BodySpec::Tcp(in_script_words(segment, numbers, expected)),
        Body::Udp(datagram) => BodySpec::Udp { ports: None, len: datagram.payload.len() },
        Body::Icmpv4(message) => describe::icmpv4(message),
        Body::Icmpv6(message) => describe::icmpv6(message),
        Body::Igmp(_) => BodySpec::Unsupported("IGMP".into()),
        Body::Fragment(_) => BodySpec::Unsupported("a fragment".into()),
        Body::Other { protocol, .. } => BodySpec::Unsupported(format!("protocol {protocol}")),
    };
    PacketSpec { inbound: false, ip, body }
}
