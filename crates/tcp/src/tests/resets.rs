//! Resets, true and forged (RFC 5961), and what the user is told.

use sockeye_base::{Duration, SeqNum};
use sockeye_wire::tcp::Flags;

use super::hand::{Hand, IRS, ISS, segment};
use crate::{Error, State, Unreachable, reset_for};

#[test]
fn the_exact_reset_ends_any_state() {
    for (state, seq, error) in [
        (State::SynReceived, IRS + 1, Some(Error::Reset)),
        (State::Established, IRS + 1, Some(Error::Reset)),
        (State::FinWait1, IRS + 1, Some(Error::Reset)),
        (State::FinWait2, IRS + 1, Some(Error::Reset)),
        (State::CloseWait, IRS + 2, Some(Error::BrokenPipe)),
        (State::CloseWait, IRS + 1, Some(Error::BrokenPipe)),
        (State::Closing, IRS + 2, Some(Error::Reset)),
        (State::LastAck, IRS + 2, Some(Error::Reset)),
        (State::TimeWait, IRS + 2, None),
    ] {
        let mut hand = Hand::in_state(state);
        assert_eq!(hand.input(segment(Flags::RST, seq, 0, b"")), []);
        assert!(hand.tcb.is_finished(), "{state}");
        assert_eq!(hand.tcb.take_error(), error, "{state}");
        assert_eq!(hand.tcb.take_error(), None);
        assert_eq!(hand.deadline(), None);
    }
}

#[test]
fn a_reset_elsewhere_is_challenged_or_dropped() {
    for state in [
        State::SynReceived,
        State::Established,
        State::FinWait1,
        State::FinWait2,
        State::CloseWait,
        State::Closing,
        State::LastAck,
    ] {
        let mut hand = Hand::in_state(state);
        let out = hand.input(segment(Flags::RST, IRS + 500, 0, b""));
        assert_eq!(out.iter().map(|segment| segment.flags).collect::<Vec<_>>(), [Flags::ACK], "{state}");
        // Within half a second there is no second one.
        assert_eq!(hand.input(segment(Flags::RST, IRS + 500, 0, b"")), []);
        hand.now += Duration::from_millis(500);
        hand.sent();
        assert_eq!(hand.input(segment(Flags::RST, IRS + 500, 0, b"")).len(), 1);
        // Out of the window: nothing.
        hand.now += Duration::from_millis(500);
        hand.sent();
        assert_eq!(hand.input(segment(Flags::RST, IRS + 50_000, 0, b"")), []);
        assert_eq!(hand.input(segment(Flags::RST, IRS - 50, 0, b"")), []);
        assert_eq!(hand.tcb.state(), state);
    }
}

#[test]
fn a_reset_in_syn_sent_must_acknowledge() {
    let mut hand = Hand::in_state(State::SynSent);
    assert_eq!(hand.input(segment(Flags::RST, 0, 0, b"")), []);
    assert_eq!(hand.input(segment(Flags::RST | Flags::ACK, 0, ISS, b"")), []);
    assert_eq!(hand.tcb.state(), State::SynSent);
    hand.input(segment(Flags::RST | Flags::ACK, 0, ISS + 1, b""));
    assert_eq!((hand.tcb.state(), hand.tcb.error()), (State::Closed, Some(Error::Refused)));
}

#[test]
fn a_syn_is_challenged() {
    for state in [State::Established, State::FinWait2, State::CloseWait, State::LastAck] {
        for seq in [IRS, IRS + 2, IRS + 400, IRS + 1_000_000] {
            let mut hand = Hand::in_state(state);
            let out = hand.input(segment(Flags::SYN, seq, 0, b""));
            assert_eq!(out.iter().map(|segment| segment.flags).collect::<Vec<_>>(), [Flags::ACK], "{state}");
            assert_eq!(hand.tcb.state(), state);
        }
    }
}

#[test]
fn abort_tells_the_peer_where_there_is_one() {
    for (state, resets) in [
        (State::SynSent, 0),
        (State::SynReceived, 1),
        (State::Established, 1),
        (State::FinWait1, 1),
        (State::FinWait2, 1),
        (State::CloseWait, 1),
        (State::Closing, 0),
        (State::LastAck, 0),
        (State::TimeWait, 0),
        (State::Closed, 0),
    ] {
        let mut hand = Hand::in_state(state);
        hand.tcb.abort(hand.now);
        assert_eq!(hand.tcb.is_finished(), resets == 0, "{state}");
        let out = hand.sent();
        assert_eq!(out.len(), resets, "{state}");
        assert!(out.iter().all(|segment| segment.flags == Flags::RST | Flags::ACK));
        assert!(hand.tcb.is_finished());
    }
}

#[test]
fn resets_for_no_connection() {
    let ack = segment(Flags::ACK, 5, 6, b"abc");
    let reset = reset_for(&ack).unwrap();
    assert_eq!((reset.flags, reset.seq, reset.source), (Flags::RST, SeqNum(6), ack.destination));
    let syn = segment(Flags::SYN, 5, 0, b"");
    let reset = reset_for(&syn).unwrap();
    assert_eq!((reset.flags, reset.seq, reset.ack), (Flags::RST | Flags::ACK, SeqNum(0), SeqNum(6)));
    assert_eq!(reset_for(&segment(Flags::RST, 5, 0, b"")), None);
}

#[test]
fn what_was_received_before_a_reset_can_be_read() {
    let mut hand = Hand::in_state(State::Established);
    hand.input(segment(Flags::ACK, IRS + 1, ISS + 1, b"last words"));
    hand.input(segment(Flags::RST, IRS + 11, 0, b""));
    assert!(!hand.tcb.receive_closed());
    assert_eq!(hand.tcb.receive(hand.now, 100).to_vec(), b"last words");
    assert!(hand.tcb.receive_closed() && hand.tcb.send(hand.now, b"x".to_vec().into()).is_err());
}

#[test]
fn icmp_ends_only_attempts() {
    let gone = Error::Unreachable(Unreachable::Host);
    let mut hand = Hand::in_state(State::SynSent);
    hand.tcb.soft_error(hand.now, gone, true);
    assert_eq!((hand.tcb.state(), hand.tcb.error()), (State::Closed, Some(gone)));
    let mut hand = Hand::in_state(State::Established);
    hand.tcb.soft_error(hand.now, gone, true);
    assert_eq!((hand.tcb.state(), hand.tcb.error()), (State::Established, None));
    hand.tcb.send(hand.now, b"x".to_vec().into()).unwrap();
    hand.sent();
    while hand.tcb.state() != State::Closed {
        hand.wait();
    }
    assert_eq!(hand.tcb.error(), Some(gone), "it says why nothing came through");
}
