//! The printer's lines beside tcpdump's own, recorded from tcpdump 4.99.3 (`-n -t`, and `-S` for the absolute ones).

use super::*;

fn compare(mut printer: Printer, frames: &[Frame], recorded: &str) {
    let recorded: Vec<&str> = recorded.lines().collect();
    for (index, (frame, line)) in frames.iter().zip(&recorded).enumerate() {
        // Bytes behind it in hexadecimal were not recorded.
        let printed = printer.line(frame, "");
        assert_eq!(printed.lines().next(), Some(*line), "frame {index}");
    }
    assert_eq!(frames.len(), recorded.len());
}

#[test]
fn prints_packets_as_tcpdump_does() {
    compare(Printer::default(), &samples::packets(), include_str!("recorded/packets.txt"));
}

#[test]
fn prints_absolute_numbers_as_tcpdump_does() {
    compare(
        Printer::new(Style { absolute: true, ..Style::default() }),
        &samples::packets(),
        include_str!("recorded/absolute.txt"),
    );
}

#[test]
fn prints_ethernet_frames_as_tcpdump_does() {
    compare(Printer::default(), &samples::ethernet_frames(), include_str!("recorded/ethernet.txt"));
}

#[test]
fn prints_fragments_as_tcpdump_does() {
    compare(Printer::default(), &samples::fragments(), include_str!("recorded/fragments.txt"));
}

#[test]
fn prints_memberships_as_tcpdump_does() {
    compare(Printer::default(), &samples::memberships(), include_str!("recorded/memberships.txt"));
}

#[test]
fn puts_the_timestamp_first() {
    let frame = &samples::ethernet_frames()[0];
    let line = Printer::default().line(frame, "00:00:01.000000");
    assert_eq!(line, "00:00:01.000000 ARP, Request who-has 10.61.0.2 tell 10.61.0.1, length 28");
}

#[test]
fn tells_what_is_wrong_with_a_packet() {
    let verbose = Style { verbosity: 1, ..Style::default() };
    let mut bytes = samples::packets()[0].to_bytes();
    bytes[12] ^= 1;
    let bare = Frame::parse_packet(&bytes);
    let line = Printer::new(verbose).line(&bare, "");
    assert!(line.contains("bad cksum") && line.contains("(incorrect -> "), "{line}");
    assert_eq!(Printer::default().line(&Frame::parse_packet(&[]), ""), " [|raw]");
    let mut bytes = samples::ethernet_frames()[0].to_bytes();
    bytes[12..14].copy_from_slice(&[0x88, 0xb5]);
    let foreign = Frame::parse_ethernet(&bytes).unwrap();
    let line = "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype Unknown (0x88b5), length 42: \n\t0x0000:  ";
    assert!(Printer::default().line(&foreign, "").starts_with(line));
}
