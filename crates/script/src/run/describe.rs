//! Packets, times and results in the words of a script.

use std::fmt::Write;

use sockeye_wire::tcp::Flags;
use sockeye_wire::{icmpv4, icmpv6};

use crate::syntax::{BodySpec, IcmpSpec, Nanos, OptionSpec, PacketSpec, Quoted, TcpSpec, Tos};

/// Seconds with six digits behind the point.
pub(super) fn seconds(nanos: Nanos) -> String {
    let micros = nanos.unsigned_abs() / 1000;
    format!("{}{}.{:06}", if nanos < 0 { "-" } else { "" }, micros / 1_000_000, micros % 1_000_000)
}

/// A packet. What an expected packet leaves open is left out of the actual one's line, too.
pub(super) fn packet(spec: &PacketSpec, like: &PacketSpec) -> String {
    let mut out = String::from(if spec.inbound { "<" } else { ">" });
    let byte = match spec.ip.tos {
        Tos::Byte(byte) | Tos::Ecn(byte) => byte,
        Tos::Unchecked | Tos::EitherEct => 0,
    };
    match (spec.ip.tos, like.ip.tos) {
        (_, Tos::Unchecked) => {}
        (Tos::EitherEct, _) => out.push_str(" [ect01]"),
        (_, Tos::Byte(_)) => put(&mut out, format_args!(" [tos {byte:#x}]")),
        _ => {
            let name =
                ["noecn", "ect1", "ect0", "ce"].get(usize::from(byte & 3)).copied().unwrap_or_default();
            put(&mut out, format_args!(" [{name}]"));
        }
    }
    if let (Some(ttl), Some(_)) = (spec.ip.ttl, like.ip.ttl) {
        put(&mut out, format_args!(" [ttl {ttl}]"));
    }
    match (&spec.body, &like.body) {
        (BodySpec::Tcp(tcp), BodySpec::Tcp(like)) => segment(tcp, like, &mut out),
        (BodySpec::Tcp(tcp), _) => segment(tcp, tcp, &mut out),
        (BodySpec::Udp { len, .. }, _) => put(&mut out, format_args!(" udp ({len})")),
        (BodySpec::Icmp(icmp), _) => {
            put(&mut out, format_args!(" icmp {} {}", icmp.kind, icmp.code.as_deref().unwrap_or("")));
        }
        (BodySpec::Unsupported(what), _) => put(&mut out, format_args!(" {what}")),
    }
    out.trim_end().to_owned()
}

fn segment(spec: &TcpSpec, like: &TcpSpec, out: &mut String) {
    out.push(' ');
    if spec.flags.is_empty() {
        out.push('-');
    }
    out.extend(
        Flags::LETTERS.iter().filter(|(flag, _)| spec.flags.contains(*flag)).map(|(_, letter)| letter),
    );
    let end = spec.seq.wrapping_add(spec.len);
    put(out, format_args!(" {}:{end}({})", spec.seq, spec.len));
    if let Some(ack) = spec.ack {
        put(out, format_args!(" ack {ack}"));
    }
    if let (Some(window), Some(_)) = (spec.window, like.window) {
        put(out, format_args!(" win {window}"));
    }
    if spec.urgent != 0 {
        put(out, format_args!(" urg {}", spec.urgent));
    }
    match (&spec.options, &like.options) {
        (None, _) | (_, None) => out.push_str(" <...>"),
        (Some(options), Some(_)) if options.is_empty() => {}
        (Some(options), Some(_)) => {
            let options: Vec<String> = options.iter().map(option).collect();
            put(out, format_args!(" <{}>", options.join(",")));
        }
    }
}

fn option(option: &OptionSpec) -> String {
    match option {
        OptionSpec::Nop => "nop".into(),
        OptionSpec::Eol => "eol".into(),
        OptionSpec::Mss(mss) => format!("mss {mss}"),
        OptionSpec::WindowScale(shift) => format!("wscale {shift}"),
        OptionSpec::SackOk => "sackOK".into(),
        OptionSpec::Timestamps(value, echo) => format!("TS val {value} ecr {echo}"),
        OptionSpec::Sack(blocks) => {
            let blocks: Vec<String> = blocks.iter().map(|(left, right)| format!("{left}:{right}")).collect();
            format!("sack {}", blocks.join(" "))
        }
        OptionSpec::FastOpen(cookie, experimental) => {
            let mut text = String::from(if *experimental { "FOEXP " } else { "FO " });
            cookie.iter().for_each(|byte| put(&mut text, format_args!("{byte:02x}")));
            text.trim_end().to_owned()
        }
        OptionSpec::Unsupported(name) => name.clone(),
    }
}

/// An ICMP message of the host.
pub(super) fn icmpv4(message: &icmpv4::Message) -> BodySpec {
    let (kind, code) = message.kind_and_code();
    let kind = match kind {
        0 => "echo_reply".into(),
        3 => "unreachable".into(),
        11 => "time_exceeded".into(),
        other => format!("type_{other}"),
    };
    let names =
        ["net_unreachable", "host_unreachable", "protocol_unreachable", "port_unreachable", "frag_needed"];
    let code = match names.get(usize::from(code)) {
        Some(name) if kind == "unreachable" => (*name).to_owned(),
        _ => format!("code_{code}"),
    };
    BodySpec::Icmp(IcmpSpec { kind, code: Some(code), mtu: None, quote: Quoted::Tcp(0) })
}

/// An ICMPv6 message of the host.
pub(super) fn icmpv6(message: &icmpv6::Message) -> BodySpec {
    let (kind, code) = match message {
        icmpv6::Message::DestinationUnreachable { code, .. } => (
            "unreachable",
            match code {
                icmpv6::Unreachable::NoRoute => "no_route",
                icmpv6::Unreachable::Prohibited => "admin_prohibited",
                icmpv6::Unreachable::Address => "address_unreachable",
                icmpv6::Unreachable::Port => "port_unreachable",
                icmpv6::Unreachable::Other(_) => "code_other",
            },
        ),
        icmpv6::Message::EchoReply { .. } => ("echo_reply", "code_0"),
        icmpv6::Message::TimeExceeded { .. } => ("time_exceeded", "exceeded_hop_limit"),
        icmpv6::Message::PacketTooBig { .. } => ("packet_too_big", "code_0"),
        icmpv6::Message::EchoRequest { .. }
        | icmpv6::Message::NeighborSolicitation { .. }
        | icmpv6::Message::NeighborAdvertisement { .. }
        | icmpv6::Message::Mld(_)
        | icmpv6::Message::Other { .. } => ("another", "code_0"),
    };
    BodySpec::Icmp(IcmpSpec { kind: kind.into(), code: Some(code.into()), mtu: None, quote: Quoted::Tcp(0) })
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string can't fail.
    let _ = out.write_fmt(text);
}
