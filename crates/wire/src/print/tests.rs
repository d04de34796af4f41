//! The printer's lines beside tcpdump's own, recorded from tcpdump 4.99.3 (`-n -t`, and `-S` for the absolute ones).

use super::*;

fn compare(mut printer: Printer, frames: &[Frame], recorded: &str) {
    let recorded: Vec<&str> = recorded.lines().collect();
    for (index, (frame, line)) in frames.iter().zip(&recorded).enumerate() {
        assert_eq!(printer.line(frame, ""), *line, "frame {index}");
    }
    assert_eq!(frames.len(), recorded.len());
}

#[test]
fn prints_packets_as_tcpdump_does() {
    compare(Printer::new(), &samples::packets(), include_str!("recorded/packets.txt"));
}

#[test]
fn prints_absolute_numbers_as_tcpdump_does() {
    compare(Printer::absolute(), &samples::packets(), include_str!("recorded/absolute.txt"));
}

#[test]
fn prints_ethernet_frames_as_tcpdump_does() {
    compare(Printer::new(), &samples::ethernet_frames(), include_str!("recorded/ethernet.txt"));
}

#[test]
fn prints_fragments_as_tcpdump_does() {
    compare(Printer::new(), &samples::fragments(), include_str!("recorded/fragments.txt"));
}

#[test]
fn prints_memberships_as_tcpdump_does() {
    compare(Printer::new(), &samples::memberships(), include_str!("recorded/memberships.txt"));
}

#[test]
fn puts_the_timestamp_first() {
    let frame = &samples::ethernet_frames()[0];
    let line = Printer::new().line(frame, "00:00:01.000000");
    assert_eq!(line, "00:00:01.000000 ARP, Request who-has 10.61.0.2 tell 10.61.0.1, length 28");
}

#[test]
fn says_why_bytes_are_no_packet() {
    let mut bytes = samples::packets()[0].to_bytes();
    bytes[12] ^= 1;
    let bare = Frame::parse_packet(&bytes);
    assert_eq!(Printer::new().line(&bare, ""), "IP, malformed: bad IP header checksum, length 60");
    assert_eq!(Printer::new().line(&Frame::parse_packet(&[]), ""), "IP, malformed: truncated, length 0");
    let mut bytes = samples::ethernet_frames()[0].to_bytes();
    bytes[14] = 9;
    let foreign = Frame::parse_ethernet(&bytes).unwrap();
    assert_eq!(Printer::new().line(&foreign, ""), "ARP, malformed, length 42");
    bytes[12..14].copy_from_slice(&[0x88, 0xb5]);
    let foreign = Frame::parse_ethernet(&bytes).unwrap();
    let line = "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype Unknown (0x88b5), length 42";
    assert_eq!(Printer::new().line(&foreign, ""), line);
}
