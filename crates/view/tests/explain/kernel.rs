//! The kernel's own TCP (Linux 6.18, two namespaces and a veth pair), captured by tcpdump with 96 bytes of each packet. What was
//! done stands at each case; captures are at the client's end unless said otherwise.

use std::path::Path;

use sockeye_device::CaptureReader;
use sockeye_view::{Cause, Explanation, Flows, Side, explain};
use sockeye_wire::{Frame, checksum};

fn explained(name: &str) -> Explanation {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain/kernel").join(name);
    let bytes = std::fs::read(path).expect("a capture");
    let mut reader = CaptureReader::new(bytes.as_slice()).expect("a capture");
    let mut flows = Flows::new();
    while reader.advance().expect("whole") {
        let record = reader.record().expect("a packet");
        let mut bytes = record.bytes.to_vec();
        bytes.resize(record.length, 0);
        let frame = Frame::parse_ethernet_shared(&bytes.into(), checksum::Transport::Elsewhere);
        flows.add(record.at, &frame.expect("a frame"), None);
    }
    let flows = flows.into_vec();
    assert_eq!(flows.len(), 1);
    explain(&flows[0])
}

fn blames(name: &str, cause: Cause, side: Side) {
    let explained = explained(name);
    let first = &explained.findings[0];
    assert_eq!((first.cause, first.side), (cause, Some(side)), "{explained}");
    crate::adds_up(&explained);
}

/// Eight times four bytes, then 200, then an answer is waited for.
#[test]
fn nagle() {
    blames("nagle.pcap", Cause::Nagle, Side::Client);
}

/// 100,000 bytes for a server with an SO_RCVBUF of 20,000, which sleeps 0.2 s before each read.
#[test]
fn a_receiver_that_does_not_read() {
    blames("closed.pcap", Cause::WindowClosed, Side::Client);
}

/// 150,000 bytes through `tbf rate 2mbit`; captured behind that, at the server.
#[test]
fn a_slow_link() {
    blames("rate.pcap", Cause::LinkRate, Side::Client);
}

/// 500 bytes, and 500 more when the server's way back is a blackhole, for a second.
#[test]
fn a_time_out() {
    blames("timeout.pcap", Cause::TimeOut, Side::Client);
}
