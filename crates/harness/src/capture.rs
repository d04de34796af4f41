//! Capture files: read, filtered, printed in every way, and written again.

use std::time::Duration;

use sockeye_device::{CaptureReader, CaptureWriter, LinkType};
use sockeye_view::Filter;
use sockeye_wire::print::{Dump, DumpForm, Link, Printer, Style};

/// What looks at every part of a packet.
const FILTERS: [&str; 4] = [
    "tcp port 80 or udp portrange 50-60 or icmp6[icmp6type] = 135",
    "ip[ip[0] & 0xf * 4] = 1 or tcp[tcp[12] >> 2] = 71 or ether[len - 1] = 0",
    "vlan 5 and (net 10 or host fd61::2 or arp) and vlan",
    "not (ip multicast or ip6 multicast or ether broadcast) and less 100",
];

/// No text for a packet is longer than so many times the packet, and this.
const LONGEST: usize = 100;
const SPARE: usize = 4096;

/// The first byte says how packets are printed; the rest is a file. What can be read of it can be written and read again.
pub fn capture(bytes: &[u8]) {
    let Some((how, file)) = bytes.split_first() else { return };
    let filters = FILTERS.map(|text| Filter::parse(text, &()).expect("a filter"));
    let mut printer = Printer::new(style(*how));
    let Ok(mut reader) = CaptureReader::new(file) else { return };
    let mut writer = CaptureWriter::new(usize::MAX);
    let (mut told, mut read) = (0, Vec::new());
    let mut out = Vec::new();
    while let Ok(true) = reader.advance() {
        let Some(record) = reader.record() else { break };
        for interface in reader.interfaces().skip(told) {
            writer.interface(interface);
            told += 1;
        }
        writer.packet(&record);
        read.push((record.at.min(Duration::from_nanos(u64::MAX)), record.bytes.to_vec()));
        let link = match reader.link_type(record.interface) {
            LinkType::Ethernet => Link::Ethernet,
            LinkType::Raw | LinkType::Other(_) => Link::Raw,
        };
        for filter in &filters {
            filter.wants((link, record.direction), record.bytes, record.length);
        }
        if record.length >= record.bytes.len() {
            out.clear();
            let header_len = printer.packet(link, record.bytes, record.length, &mut out);
            printer.dump(record.bytes, header_len, &mut out);
            assert!(out.is_ascii() && out.len() <= LONGEST * record.bytes.len() + SPARE);
        }
    }
    let mut again = CaptureReader::new(writer.bytes().as_slice()).expect("what was written can be read");
    for (at, bytes) in read {
        assert!(again.advance().expect("what was written can be read"));
        let record = again.record().expect("a packet");
        assert_eq!((record.at, record.bytes), (at, bytes.as_slice()));
    }
}

fn style(how: u8) -> Style {
    let form = [DumpForm::Hex, DumpForm::HexAndText, DumpForm::Text].get(usize::from(how >> 6));
    Style {
        verbosity: how & 3,
        link_header: how & 4 != 0,
        quiet: how >> 3 & 1,
        absolute: how & 16 != 0,
        sums: how & 32 == 0,
        dump: form.map(|form| Dump { form: *form, link_header: how & 8 != 0 }),
    }
}
