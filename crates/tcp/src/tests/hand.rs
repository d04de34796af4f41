//! One connection and a peer played by hand: exact segments in, exact segments out.

use sockeye_base::{Instant, SeqNum};
use sockeye_wire::tcp::{Flags, Options, Segment};

use super::pair::PORTS;
use crate::{Buffer, Config, Decision, Outcome, State, Tcb};

pub(super) const ISS: u32 = 1000;
pub(super) const IRS: u32 = 9000;

/// No options but the MSS, so that windows and sequence numbers stand as written.
pub(super) fn simple() -> Config {
    Config {
        window_scaling: false,
        timestamps: false,
        mss: 1000,
        receive_buffer: Buffer::locked(20_000),
        gso: false,
        ..Config::default()
    }
}

/// A segment from the peer.
pub(super) fn segment(flags: Flags, seq: u32, ack: u32, payload: &[u8]) -> Segment {
    Segment {
        source: PORTS[0].remote,
        destination: PORTS[0].local,
        seq: SeqNum(seq),
        ack: SeqNum(ack),
        flags,
        window: 20_000,
        payload: payload.to_vec().into(),
        ..Segment::default()
    }
}

pub(super) struct Hand {
    pub(super) tcb: Tcb,
    pub(super) now: Instant,
}

impl Hand {
    pub(super) fn connect(config: Config) -> Hand {
        let now = Instant::from_millis(1);
        Hand { tcb: Tcb::connect(now, config, PORTS[0], SeqNum(ISS), 0), now }
    }

    pub(super) fn accept(config: Config) -> Hand {
        let now = Instant::from_millis(1);
        let mut syn = segment(Flags::SYN, IRS, 0, b"");
        syn.options.mss = Some(1000);
        Hand { tcb: Tcb::accept(now, config, SeqNum(ISS), 0, &syn), now }
    }

    pub(super) fn established(config: Config) -> Hand {
        let mut hand = Hand::connect(config);
        hand.sent();
        let mut syn_ack = segment(Flags::SYN | Flags::ACK, IRS, ISS + 1, b"");
        syn_ack.options = Options { mss: Some(1000), ..Options::default() };
        assert_eq!(hand.tcb.input(hand.now, syn_ack), Outcome::default());
        hand.sent();
        assert_eq!(hand.tcb.state(), State::Established);
        hand
    }

    /// A connection in this state, reached by the calls and segments that lead there. Our next sequence number is
    /// ISS + 1, or + 2 with our FIN; the peer's IRS + 1, or + 2 with its FIN.
    pub(super) fn in_state(state: State) -> Hand {
        let mut hand = match state {
            State::SynSent => Hand::connect(simple()),
            State::SynReceived => Hand::accept(simple()),
            _ => Hand::established(simple()),
        };
        let now = hand.now;
        let fin = segment(Flags::FIN | Flags::ACK, IRS + 1, ISS + 1, b"");
        let ack_of_fin = segment(Flags::ACK, IRS + 1, ISS + 2, b"");
        if matches!(state, State::CloseWait | State::LastAck) {
            hand.tcb.input(now, fin.clone());
            hand.sent();
        }
        if matches!(
            state,
            State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck | State::TimeWait
        ) {
            hand.tcb.shutdown_send(now);
            hand.sent();
        }
        if matches!(state, State::FinWait2 | State::TimeWait) {
            hand.tcb.input(now, ack_of_fin);
        }
        if state == State::Closing {
            hand.tcb.input(now, fin);
        } else if state == State::TimeWait {
            hand.tcb.input(now, segment(Flags::FIN | Flags::ACK, IRS + 1, ISS + 2, b""));
        }
        if state == State::Closed {
            hand.tcb.abort(now);
        }
        hand.sent();
        assert_eq!(hand.tcb.state(), state);
        hand
    }

    /// A segment arrives; its reply and what is sent after it.
    pub(super) fn input(&mut self, segment: Segment) -> Vec<Segment> {
        let outcome = self.tcb.input(self.now, segment);
        let mut out: Vec<Segment> = outcome.reply.into_iter().collect();
        out.extend(self.sent());
        out
    }

    /// What it wants to send now.
    pub(super) fn sent(&mut self) -> Vec<Segment> {
        let mut out = Vec::new();
        loop {
            let decision = self.tcb.decide(self.now);
            assert_eq!(self.tcb.check_invariants(), Ok(()));
            match decision {
                Decision::Send(segment) => out.push(segment),
                Decision::Wait(_) => return out,
            }
        }
    }

    /// When it wants to be asked again.
    pub(super) fn deadline(&mut self) -> Option<Instant> {
        match self.tcb.decide(self.now) {
            Decision::Wait(at) => at,
            Decision::Send(segment) => panic!("wants to send {segment:?}"),
        }
    }

    /// Goes to its next deadline.
    pub(super) fn wait(&mut self) -> Vec<Segment> {
        self.now = self.deadline().expect("a deadline");
        self.sent()
    }
}

/// A segment in short: flags, sequence and acknowledgement numbers from ours and the peer's start, payload length.
pub(super) fn brief(segment: &Segment) -> (Flags, u32, u32, usize) {
    let from = |number: SeqNum, base: u32| number.offset_from(SeqNum(base));
    let ack = if segment.flags.contains(Flags::ACK) { from(segment.ack, IRS) } else { 0 };
    (segment.flags, from(segment.seq, ISS), ack, segment.payload.len())
}
