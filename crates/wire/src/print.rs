//! Frames as lines of text, in tcpdump's words: what `tcpdump -n` prints for them.
//!
//! A line depends on lines before it: tcpdump prints sequence numbers relative to the start of their connection, so a
//! [`Printer`] remembers where each began. Not modelled: the protocols tcpdump decodes by their port, but for HTTP
//! (it would print DNS's questions, for one), and the hexadecimal dump behind frames of unknown kind.

mod connections;
mod fragment;
mod http;
mod icmp;
mod membership;
mod tcp;

use std::fmt::Write;

use bytes::Bytes;

use crate::{Body, Frame, Malformed, Packet, Payload, arp, checksum, ethernet, ip};

use connections::Connections;

/// Prints frames, one line each.
#[derive(Debug)]
pub struct Printer {
    /// `None`: sequence numbers are printed as they are.
    connections: Option<Connections>,
}

impl Default for Printer {
    fn default() -> Printer {
        Printer::new()
    }
}

impl Printer {
    /// A printer that has seen no connection yet. Sequence numbers are relative, as `tcpdump -n` prints them.
    pub fn new() -> Printer {
        Printer { connections: Some(Connections::default()) }
    }

    /// A printer of sequence numbers as they are in the packets: `tcpdump -n -S`.
    pub fn absolute() -> Printer {
        Printer { connections: None }
    }

    /// The line for a frame, without a line feed. `timestamp` comes first, with a space behind it unless it is empty.
    /// A super-segment is printed as one, as tcpdump prints it where the card does the splitting.
    pub fn line(&mut self, frame: &Frame, timestamp: &str) -> String {
        let mut out = String::with_capacity(160);
        out.push_str(timestamp);
        if !timestamp.is_empty() {
            out.push(' ');
        }
        match &frame.payload {
            Payload::Packet(packet) => self.packet(packet, &mut out),
            Payload::Arp(packet) => arp(packet, frame.len() - frame.header_len(), &mut out),
            Payload::Bytes(bytes) => unknown(frame, bytes, &mut out),
        }
        out
    }

    fn packet(&mut self, packet: &Packet, out: &mut String) {
        let (source, destination) = (packet.source(), packet.destination());
        out.push_str(name(&packet.ip));
        match packet.ports().or_else(|| fragment::ports_v4(packet)) {
            Some((from, to)) => put(out, format_args!(" {source}.{from} > {destination}.{to}: ")),
            None => put(out, format_args!(" {source} > {destination}: ")),
        }
        if packet.ip.alerts_routers() && !packet.source().is_ipv4() {
            out.push_str("HBH ");
        }
        match &packet.body {
            Body::Fragment(piece) => fragment::print(&packet.ip, piece, out),
            Body::Tcp(segment) => tcp::print(segment, self.start_of(packet), out),
            Body::Udp(datagram) => put(out, format_args!("UDP, length {}", datagram.payload.len())),
            Body::Icmpv4(message) => icmp::print_v4(message, out),
            Body::Icmpv6(message) => icmp::print_v6(message, out),
            Body::Igmp(message) => membership::print_igmp(message, out),
            Body::Other { protocol: NO_NEXT_HEADER, .. } if matches!(packet.ip, ip::Header::V6(_)) => {
                out.push_str("no next header");
            }
            Body::Other { protocol, payload } => {
                put(out, format_args!(" ip-proto-{protocol} {}", payload.len()))
            }
        }
    }

    /// What to count a segment's numbers from.
    fn start_of(&mut self, packet: &Packet) -> connections::Start {
        match (&mut self.connections, packet.as_segment()) {
            (Some(connections), Some(segment)) => {
                connections.start_of(packet.source(), packet.destination(), segment)
            }
            _ => connections::Start::default(),
        }
    }
}

/// RFC 8200, section 4.7.
const NO_NEXT_HEADER: u8 = 59;

fn name(header: &ip::Header) -> &'static str {
    match header {
        ip::Header::V4(_) => "IP",
        ip::Header::V6(_) => "IP6",
    }
}

fn arp(packet: &arp::Packet, len: usize, out: &mut String) {
    let arp::Packet { sender_mac, sender_ip, target_mac, target_ip, .. } = packet;
    match packet.operation {
        arp::Operation::Request if *target_mac == ethernet::Mac::ZERO => {
            put(out, format_args!("ARP, Request who-has {target_ip} tell {sender_ip}, length {len}"));
        }
        arp::Operation::Request => {
            put(
                out,
                format_args!(
                    "ARP, Request who-has {target_ip} ({target_mac}) tell {sender_ip}, length {len}"
                ),
            );
        }
        arp::Operation::Reply => {
            put(out, format_args!("ARP, Reply {sender_ip} is-at {sender_mac}, length {len}"))
        }
    }
}

/// Bytes that are no packet: why, if they should be one.
fn unknown(frame: &Frame, bytes: &Bytes, out: &mut String) {
    use ethernet::ether_type::{ARP, IPV4, IPV6};
    match &frame.ethernet {
        Some(ethernet::Header { ether_type: ARP, .. }) => out.push_str("ARP, malformed"),
        None | Some(ethernet::Header { ether_type: IPV4 | IPV6, .. }) => {
            let version = bytes.first().map_or(0, |first| first >> 4);
            // What can be read after all stands under the other version's EtherType.
            let reason = Packet::parse_shared(bytes, checksum::Transport::Here)
                .err()
                .unwrap_or(Malformed::Version(version));
            put(out, format_args!("{}, malformed: {reason}", if version == 6 { "IP6" } else { "IP" }));
        }
        Some(ethernet::Header { source, destination, ether_type }) => {
            put(out, format_args!("{source} > {destination}, ethertype Unknown (0x{ether_type:04x})"));
        }
    }
    put(out, format_args!(", length {}", frame.len()));
}

/// Puts text behind `out`.
fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string can't fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
