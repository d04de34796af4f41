use std::net::Ipv4Addr;

use sockeye_base::Chain;
use sockeye_wire::ip;
use sockeye_wire::tcp::Options;

use super::*;

/// Segments of one connection: who, flags, sequence number, acknowledgement, data; an `x` behind the letters is lost.
fn flow(segments: &[(Side, &str, u32, u32, usize)]) -> Flow {
    let ends = [(Ipv4Addr::new(10, 0, 0, 1), 4000), (Ipv4Addr::new(10, 0, 0, 2), 80)];
    let mut flows = Flows::new();
    for (number, (from, letters, seq, ack, len)) in segments.iter().enumerate() {
        let (source, destination) =
            if *from == Side::Client { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
        let has = |letter| letters.contains(letter);
        let mut flags = Flags::empty();
        for (flag, letter) in Flags::LETTERS {
            flags.set(flag, has(letter));
        }
        // Both begin near the end of their numbers.
        let first =
            if *from == Side::Client { [u32::MAX - 3, u32::MAX - 9] } else { [u32::MAX - 9, u32::MAX - 3] };
        let segment = Segment {
            source: source.1,
            destination: destination.1,
            seq: SeqNum(first[0].wrapping_add(*seq)),
            ack: SeqNum(first[1].wrapping_add(*ack)),
            flags,
            window: 1000,
            urgent: 0,
            options: Options::default(),
            payload: Chain::from(vec![0; *len]),
            gso_size: 0,
        };
        let header = ip::Header::new(source.0.into(), destination.0.into()).unwrap();
        let frame = Frame::packet(Packet::new(header, segment));
        flows.add(Duration::from_millis(number as u64), &frame, has('x').then_some("lost"));
    }
    let mut flows = flows.into_vec();
    assert_eq!(flows.len(), 1);
    flows.remove(0)
}

/// The states that one side goes through.
fn path(flow: &Flow, side: Side) -> Vec<String> {
    let mut names = vec![flow.first_states()[side.index()].to_string()];
    for step in &flow.steps {
        let name = step.states[side.index()].to_string();
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names
}

use Side::{Client as C, Server as S};

const HANDSHAKE: [(Side, &str, u32, u32, usize); 3] =
    [(C, "S", 0, 0, 0), (S, "S.", 0, 1, 0), (C, ".", 1, 1, 0)];

#[test]
fn an_orderly_end() {
    let rest = [
        (C, "P.", 1, 1, 10),
        (S, ".", 1, 11, 0),
        (C, "F.", 11, 1, 0),
        (S, ".", 1, 12, 0),
        (S, "F.", 1, 12, 0),
        (C, ".", 12, 2, 0),
    ];
    let flow = flow(&[&HANDSHAKE[..], &rest].concat());
    assert_eq!(
        path(&flow, C),
        ["CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT"]
    );
    assert_eq!(path(&flow, S), ["LISTEN", "SYN-RECEIVED", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]);
    assert!(flow.steps.iter().all(|step| !step.again));
}

#[test]
fn both_close_at_once() {
    let rest = [(C, "F.", 1, 1, 0), (S, "F.", 1, 1, 0), (C, ".", 2, 2, 0), (S, ".", 2, 2, 0)];
    // Neither had heard of the other's when it sent its own: here the second is heard after the first was.
    let flow = flow(&[&HANDSHAKE[..], &rest].concat());
    assert_eq!(path(&flow, C), ["CLOSED", "SYN-SENT", "ESTABLISHED", "FIN-WAIT-1", "CLOSING", "TIME-WAIT"]);
}

#[test]
fn a_fin_waits_for_what_is_missing() {
    let rest = [(S, "P.x", 1, 1, 10), (S, "F.", 11, 1, 0), (S, "P.", 1, 1, 10), (C, ".", 1, 12, 0)];
    let flow = flow(&[&HANDSHAKE[..], &rest].concat());
    assert_eq!(flow.steps[4].states[0], State::Of(tcp::State::Established));
    assert!(flow.steps[5].again && flow.steps[3].dropped.is_some());
    assert_eq!(path(&flow, S).last(), Some(&"FIN-WAIT-2".to_owned()));
}

#[test]
fn a_reset_and_a_refusal() {
    let reset = flow(&[&HANDSHAKE[..], &[(S, "R.", 1, 1, 0)]].concat());
    assert_eq!(reset.steps[3].states, [State::Of(tcp::State::Closed); 2]);
    let refused = flow(&[(C, "S", 0, 0, 0), (S, "R.", 0, 1, 0)]);
    assert_eq!(refused.steps[1].states[0], State::Of(tcp::State::Closed));
}

#[test]
fn one_that_was_there_before() {
    let flow = flow(&[(C, "P.", 500, 700, 10), (S, ".", 700, 510, 0)]);
    assert_eq!(flow.first_states(), [State::Of(tcp::State::Established); 2]);
    assert_eq!((flow.steps[0].seq, flow.steps[1].ack), (0, Some(10)));
}

#[test]
fn drawings_of_it() {
    let rest = [(C, "P.x", 1, 1, 10), (C, "P.", 1, 1, 10), (S, ".", 1, 11, 0)];
    let flow = flow(&[&HANDSHAKE[..], &rest].concat());
    let text = crate::ladder(&flow, 80, false);
    for part in ["10.0.0.1:4000", "SYN-RECEIVED", "SYN seq 0 win 1000", "1:11 ack 1", "(again)", "lost"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(crate::ladder_picture(&flow).contains("10.0.0.2:80"));
    assert!(crate::sequence_picture(&flow).is_some_and(|picture| picture.ends_with("</svg>")));
    assert!(crate::ladder(&flow, 1, true).lines().count() == 8);
}

#[test]
fn numbers_before_the_first_can_be_drawn() {
    // The capture began in the middle: what is sent again is older than what was seen first.
    let flow = flow(&[(C, ".", 1000, 1, 10), (C, ".", 990, 1, 20), (S, ".", 1, 980, 0)]);
    assert!(crate::sequence_picture(&flow).is_some());
    assert_eq!(crate::ladder(&flow, 80, true).lines().count(), 2 + 3);
}

#[test]
fn both_open_at_once() {
    let flow = flow(&[(C, "S", 0, 0, 0), (S, "S", 0, 0, 0), (C, "S.", 0, 1, 0), (S, "S.", 0, 1, 0)]);
    for side in [C, S] {
        let way: Vec<_> = flow.path(side).iter().map(|step| step.to.to_string()).collect();
        assert_eq!(way, ["SYN-SENT", "SYN-RECEIVED", "ESTABLISHED"]);
    }
}

#[test]
fn fins_that_cross() {
    // Each was sent before the other had come: neither acknowledges it.
    let rest = [(C, "F.", 1, 1, 0), (S, "F.", 1, 1, 0), (S, ".", 2, 2, 0), (C, ".", 2, 2, 0)];
    let flow = flow(&[&HANDSHAKE[..], &rest].concat());
    assert_eq!(path(&flow, C)[3..], ["FIN-WAIT-1", "CLOSING", "TIME-WAIT"]);
    let way: Vec<_> = flow.path(S).iter().map(|step| step.to.to_string()).collect();
    assert_eq!(way, ["SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1", "CLOSING", "TIME-WAIT"]);
    let ways = [C, S].map(|side| flow.path(side).last().map(|last| last.why));
    assert_eq!(ways, [Some("ACK comes"); 2]);
}

#[test]
fn a_fin_that_answers_a_fin_does_two_things() {
    let rest = [(C, "F.", 1, 1, 0), (S, "F.", 1, 2, 0), (C, ".", 2, 2, 0)];
    let flow = flow(&[&HANDSHAKE[..], &rest].concat());
    assert_eq!(path(&flow, C)[3..], ["FIN-WAIT-1", "TIME-WAIT"]);
    let words = crate::states(&flow);
    for part in ["client 10.0.0.1:4000: CLOSED", "FIN, ACK come: ACK goes", "LAST-ACK", "connect: SYN goes"] {
        assert!(words.contains(part), "no {part} in\n{words}");
    }
    // Both numbers of the client's way in the picture, and the last of the server's.
    let picture = crate::state_picture(&flow);
    for part in ["\n4\n", "\n5\n", "TIME-WAIT", "badge server"] {
        assert!(picture.contains(part), "no {part} in\n{picture}");
    }
}

#[test]
fn a_reset_is_no_arrow_of_the_diagram() {
    let flow = flow(&[&HANDSHAKE[..], &[(S, "R.", 1, 1, 0)]].concat());
    let last = |side| flow.path(side).last().map(|last| last.why);
    assert_eq!((last(C), last(S)), (Some("RST comes"), Some("RST goes")));
    assert!(crate::state_picture(&flow).contains("client unusual"));
}

#[test]
fn what_is_sent_over_time_as_text() {
    let rest = [(C, "P.", 1, 1, 100), (C, "P.x", 101, 1, 100), (C, "P.", 101, 1, 100), (S, ".", 1, 201, 0)];
    let flow = flow(&[&HANDSHAKE[..], &rest].concat());
    let text = crate::sequence(&flow, 60, 10).expect("there is data");
    let rows: String = text.lines().skip(1).collect();
    for mark in ['.', 'x', 'R', '_'] {
        assert!(rows.contains(mark), "no {mark} in\n{text}");
    }
    assert_eq!(text.lines().count(), 12);
    assert!(text.lines().skip(1).all(|line| line.chars().count() <= 60));
}

#[test]
fn what_a_router_passes_on_counts_once() {
    let mut flows = Flows::new();
    let mut add = |millis, hops: u8, seq: u32, len: usize, dropped: Option<&str>| {
        let mut header =
            ip::Header::new(Ipv4Addr::new(10, 0, 0, 1).into(), Ipv4Addr::new(10, 0, 0, 2).into()).unwrap();
        header.set_hop_limit(hops);
        let segment = Segment {
            source: 1,
            destination: 2,
            seq: SeqNum(seq),
            flags: Flags::ACK,
            payload: Chain::from(vec![0; len]),
            ..Segment::default()
        };
        flows.add(Duration::from_millis(millis), &Frame::packet(Packet::new(header, segment)), dropped);
    };
    add(0, 64, 0, 30, None);
    add(1, 63, 0, 10, None);
    add(1, 63, 10, 10, Some("lost"));
    add(1, 63, 20, 10, None);
    // Sent again by its sender.
    add(9, 64, 10, 10, None);
    let flow = flows.into_vec().remove(0);
    let seen: Vec<_> =
        flow.steps.iter().map(|step| (step.seq, step.len, step.dropped.is_some(), step.again)).collect();
    assert_eq!(
        seen,
        [(0, 10, false, false), (10, 10, true, false), (20, 10, false, false), (10, 10, false, true)]
    );
}
