//! Whatever a peer or a user does, the invariants hold.

use proptest::prelude::*;
use sockeye_base::{Duration, SeqNum};
use sockeye_wire::tcp::{Flags, Timestamps};

use super::hand::{Hand, IRS, ISS, segment, simple};
use super::pair::{Pair, Pipe, pattern};
use crate::{Config, Keepalive, State};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_breaks_it(
        from in 0usize..10,
        steps in prop::collection::vec((0u8..14, any::<u8>(), 0u32..12_000, 0u32..12_000, any::<u16>()), 1..40),
    ) {
        let states = [
            State::SynSent, State::SynReceived, State::Established, State::FinWait1, State::FinWait2,
            State::CloseWait, State::Closing, State::LastAck, State::TimeWait, State::Closed,
        ];
        let mut hand = Hand::in_state(states[from]);
        for (what, flags, a, b, c) in steps {
            let now = hand.now;
            match what {
                0..5 => {
                    let bytes = vec![0; usize::from(c % 2000)];
                    let mut segment = segment(
                        Flags::from_bits_truncate(flags),
                        IRS.wrapping_add(a).wrapping_sub(1000),
                        ISS.wrapping_add(b).wrapping_sub(1000),
                        &bytes,
                    );
                    segment.window = c;
                    segment.gso_size = if c % 5 == 0 { c % 700 } else { 0 };
                    hand.input(segment);
                }
                5 => {
                    // What a peer in step would send.
                    let mut segment = segment(Flags::ACK, 0, 0, &vec![1; usize::from(flags)]);
                    (segment.seq, segment.ack, segment.window) = (hand.tcb.rcv_nxt, hand.tcb.snd_nxt, c);
                    segment.options.timestamps = Some(Timestamps { value: a, echo: b });
                    hand.input(segment);
                }
                6 => drop(hand.tcb.send(now, vec![0; a as usize].into())),
                7 => drop(hand.tcb.receive(now, a as usize)),
                8 => hand.tcb.shutdown_send(now),
                9 => if c < 4000 { hand.tcb.close(now) },
                10 => if c < 2000 { hand.tcb.abort(now) },
                11 => hand.tcb.set_keepalive(now, Some(Keepalive::default()).filter(|_| c % 2 == 0)),
                12 => {
                    hand.tcb.set_receive_buffer(now, u32::from(c));
                    hand.tcb.path_mtu(now, c);
                }
                _ => hand.now += Duration::from_millis(u64::from(c)),
            }
            prop_assert_eq!(hand.tcb.check_invariants(), Ok(()));
            hand.sent();
            hand.tcb.info();
            let now = hand.now;
            prop_assert!(hand.deadline().is_none_or(|at| at > now));
        }
    }
}

#[test]
fn the_simplest_config_too() {
    let mut pair = Pair::new(simple(), simple(), Pipe::default(), 3);
    pair.ends[0].closes = true;
    pair.ends[1].closes = true;
    pair.connect(0);
    pair.send(0, &pattern(50_000));
    pair.run();
    assert_eq!(pair.ends[1].received, pattern(50_000));
    assert_eq!(pair.states(), [State::Closed; 2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A peer that tells of blocks as it likes: nothing panics, the invariants hold, and once it tells the truth the
    /// data gets through.
    #[test]
    fn lies_about_blocks_change_nothing(
        timestamps: bool,
        gso: bool,
        steps in prop::collection::vec(
            (prop::collection::vec((0u32..60_000, 0u32..20_000), 0..4), 0u32..3000, 0u64..400, any::<bool>()),
            1..60,
        ),
    ) {
        let config = Config { timestamps, gso, sack: true, ..simple() };
        let mut hand = Hand::connect(config);
        hand.sent();
        let mut syn_ack = segment(Flags::SYN | Flags::ACK, IRS, ISS + 1, b"");
        syn_ack.options.mss = Some(1000);
        syn_ack.options.sack_permitted = true;
        syn_ack.options.timestamps = timestamps.then_some(Timestamps { value: 1, echo: 0 });
        hand.now += Duration::from_millis(20);
        hand.input(syn_ack);
        let data = vec![7; 60_000];
        let _ = hand.tcb.send(hand.now, data.into());
        hand.sent();
        let mut echo = 0;
        for (blocks, more, wait, ack) in steps {
            let una = hand.tcb.snd_una;
            let to = una + more.min(hand.tcb.flight());
            let mut lie = segment(Flags::ACK, IRS + 1, if ack { to.0 } else { una.0 }, b"");
            let block = |(left, len): (u32, u32)| (SeqNum(ISS) + left, SeqNum(ISS) + left + len);
            lie.options.sack = blocks.into_iter().map(block).collect();
            lie.options.timestamps = timestamps.then_some(Timestamps { value: 1, echo });
            let out = hand.input(lie);
            echo = out.last().and_then(|out| out.options.timestamps).map_or(echo, |timestamps| timestamps.value);
            hand.now += Duration::from_millis(wait);
            hand.sent();
            let info = hand.tcb.info();
            prop_assert!(info.sacked + info.lost <= info.unacked && info.retrans <= info.unacked);
        }
        // From now on an honest peer, that has only what it acknowledged.
        for _ in 0..400 {
            if hand.tcb.unacked_len() == 0 {
                break;
            }
            let out = hand.wait();
            for sent in out {
                if sent.seq == hand.tcb.snd_una {
                    let mut honest = segment(Flags::ACK, IRS + 1, sent.end().0, b"");
                    honest.options.timestamps = timestamps.then_some(Timestamps { value: 1, echo });
                    let more = hand.input(honest);
                    let mut queue: std::collections::VecDeque<_> = more.into();
                    while let Some(sent) = queue.pop_front() {
                        if sent.seq == hand.tcb.snd_una {
                            let mut honest = segment(Flags::ACK, IRS + 1, sent.end().0, b"");
                            honest.options.timestamps = timestamps.then_some(Timestamps { value: 1, echo });
                            queue.extend(hand.input(honest));
                        }
                    }
                }
            }
        }
        prop_assert_eq!(hand.tcb.unacked_len(), 0, "{:?}", hand.tcb);
    }
}
