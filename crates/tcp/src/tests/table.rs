//! The main cases of RFC 9293, section 3.10.7, as a table: state, segment, answer, next state.

use sockeye_wire::tcp::Flags;

use super::hand::{Hand, IRS, ISS, brief, segment};
use crate::State::{self, *};

/// What is expected in answer: flags, sequence number less ISS, acknowledgement number less IRS.
type Answer = Option<(Flags, u32, u32)>;

const SYN: Flags = Flags::SYN;
const ACK: Flags = Flags::ACK;
const RST: Flags = Flags::RST;
const FIN_ACK: Flags = Flags::FIN.union(Flags::ACK);
const SYN_ACK: Flags = Flags::SYN.union(Flags::ACK);
const RST_ACK: Flags = Flags::RST.union(Flags::ACK);

fn check(from: State, input: (Flags, u32, u32, &[u8]), answer: Answer, to: State) {
    let mut hand = Hand::in_state(from);
    let (flags, seq, ack, payload) = input;
    let out = hand.input(segment(flags, IRS.wrapping_add(seq), ISS.wrapping_add(ack), payload));
    let got: Vec<_> = out.iter().map(|out| (brief(out).0, brief(out).1, brief(out).2)).collect();
    let case = format!("{from}, {flags:?} seq {seq} ack {ack} len {}", payload.len());
    assert_eq!(got, answer.into_iter().collect::<Vec<_>>(), "{case}");
    assert_eq!(hand.tcb.state(), to, "{case}");
}

#[test]
fn opening() {
    check(SynSent, (SYN_ACK, 0, 1, b""), Some((ACK, 1, 1)), Established);
    check(SynSent, (SYN, 0, 0, b""), Some((SYN_ACK, 0, 1)), SynReceived);
    check(SynSent, (ACK, 0, 1, b""), None, SynSent);
    check(SynSent, (RST_ACK, 0, 1, b""), None, Closed);
    check(SynSent, (RST_ACK, 0, 7, b""), None, SynSent);
    let mut hand = Hand::in_state(SynSent);
    let out = hand.input(segment(ACK, IRS, ISS + 50, b""));
    assert_eq!((out[0].flags, out[0].seq.0), (RST, ISS + 50));
    assert_eq!(hand.tcb.state(), SynSent);
    check(SynReceived, (ACK, 1, 1, b""), None, Established);
    check(SynReceived, (ACK, 1, 1, b"data"), Some((ACK, 1, 5)), Established);
    // Answered a little later.
    check(SynReceived, (FIN_ACK, 1, 1, b""), None, CloseWait);
    check(SynReceived, (SYN, 0, 0, b""), Some((SYN_ACK, 0, 1)), SynReceived);
    check(SynReceived, (ACK, 1, 2, b""), Some((RST, 2, 0)), SynReceived);
    check(SynReceived, (RST, 1, 0, b""), None, Closed);
}

#[test]
fn established_and_after() {
    check(Established, (ACK, 1, 1, b""), None, Established);
    check(Established, (ACK, 1, 1, b"data"), Some((ACK, 1, 5)), Established);
    // Answered a little later.
    check(Established, (FIN_ACK, 1, 1, b""), None, CloseWait);
    check(Established, (FIN_ACK, 1, 1, b"bye"), None, CloseWait);
    check(Established, (Flags::empty(), 1, 0, b"no ack"), None, Established);
    check(Established, (ACK, 20_000, 1, b"far"), Some((ACK, 1, 1)), Established);
    check(FinWait1, (ACK, 1, 2, b""), None, FinWait2);
    check(FinWait1, (FIN_ACK, 1, 1, b""), Some((ACK, 2, 2)), Closing);
    check(FinWait1, (FIN_ACK, 1, 2, b""), Some((ACK, 2, 2)), TimeWait);
    check(FinWait1, (ACK, 1, 1, b"data"), Some((ACK, 2, 5)), FinWait1);
    check(FinWait2, (FIN_ACK, 1, 2, b""), Some((ACK, 2, 2)), TimeWait);
    check(FinWait2, (ACK, 1, 2, b"data"), Some((ACK, 2, 5)), FinWait2);
    check(CloseWait, (FIN_ACK, 1, 1, b""), Some((ACK, 1, 2)), CloseWait);
    check(CloseWait, (ACK, 2, 1, b"after fin"), Some((ACK, 1, 2)), CloseWait);
    check(Closing, (ACK, 2, 2, b""), None, TimeWait);
    check(Closing, (FIN_ACK, 1, 1, b""), Some((ACK, 2, 2)), Closing);
    check(LastAck, (ACK, 2, 2, b""), None, Closed);
    check(LastAck, (FIN_ACK, 1, 1, b""), Some((ACK, 2, 2)), LastAck);
    check(TimeWait, (FIN_ACK, 1, 2, b""), Some((ACK, 2, 2)), TimeWait);
    check(TimeWait, (ACK, 2, 2, b""), None, TimeWait);
    check(TimeWait, (RST, 2, 0, b""), None, Closed);
    check(TimeWait, (RST, 5, 0, b""), None, TimeWait);
}

#[test]
fn closed() {
    check(Closed, (ACK, 1, 1, b""), Some((RST, 1, 0)), Closed);
    check(Closed, (RST, 1, 1, b""), None, Closed);
}
