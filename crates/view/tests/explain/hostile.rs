//! Captures of nonsense: bytes of true ones, changed at random. Nothing panics, and what is said of them still adds up.

use std::path::Path;
use std::time::Duration;

use sockeye_base::Rng;
use sockeye_device::CaptureReader;
use sockeye_view::{Exchanges, Flows, Side, explain};
use sockeye_wire::{Frame, checksum};

/// Whatever can be made of a capture.
fn all_of(packets: &[(Duration, Vec<u8>)]) -> usize {
    let (mut flows, mut exchanges) = (Flows::new(), Exchanges::new());
    for (number, (at, bytes)) in packets.iter().enumerate() {
        let bytes = bytes.clone().into();
        let Ok(frame) = Frame::parse_ethernet_shared(&bytes, checksum::Transport::Elsewhere) else {
            continue;
        };
        let dropped = (number % 7 == 6).then_some("lost");
        flows.add(*at, &frame, dropped);
        exchanges.add(*at, &frame, dropped);
    }
    let flows = flows.into_vec();
    for flow in &flows {
        crate::adds_up(&explain(flow));
        let pictures = [sockeye_view::ladder_picture(flow), sockeye_view::state_picture(flow)];
        for picture in pictures.into_iter().chain(sockeye_view::sequence_picture(flow)) {
            assert!(
                picture.ends_with("</svg>") && !picture.contains("NaN") && !picture.contains("inf"),
                "{picture}"
            );
        }
        assert!(!sockeye_view::ladder(flow, 80, true).is_empty() && !sockeye_view::states(flow).is_empty());
        sockeye_view::sequence(flow, 80, 20);
        assert!(flow.path(Side::Client).len() <= 3 * flow.steps.len());
    }
    for exchange in exchanges.into_vec() {
        assert!(!sockeye_view::exchange_ladder(&exchange, 80).is_empty());
        assert!(sockeye_view::exchange_picture(&exchange).ends_with("</svg>"));
    }
    flows.len()
}

#[test]
fn no_capture_makes_it_panic() {
    let mut random = Rng::from_seed(7);
    let mut connections = 0;
    for name in ["nagle", "closed", "timeout"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/explain/kernel/{name}.pcap"));
        let file = std::fs::read(path).expect("a capture");
        let mut reader = CaptureReader::new(file.as_slice()).expect("a capture");
        let mut packets = Vec::new();
        while reader.advance().expect("whole") {
            let record = reader.record().expect("a packet");
            packets.push((record.at, record.bytes.to_vec()));
        }
        for _ in 0..60 {
            let mut changed = packets.clone();
            for _ in 0..random.below(60) {
                let (packet, other) = (
                    random.below(changed.len() as u64) as usize,
                    random.below(changed.len() as u64) as usize,
                );
                let place = random.below(changed[packet].1.len() as u64) as usize;
                match random.below(4) {
                    // Behind the addresses: so it mostly stays with its connection.
                    0 | 1 => changed[packet].1[(38 + place % 40).min(place)] = random.below(256) as u8,
                    2 => changed.swap(packet, other),
                    _ => changed[packet].0 = Duration::from_secs(random.below(1 << 40)),
                }
            }
            connections += all_of(&changed);
        }
    }
    assert!(connections > 180);
}

#[test]
fn a_capture_of_nothing() {
    assert_eq!(all_of(&[]), 0);
    assert!(Flows::new().into_vec().is_empty());
}
