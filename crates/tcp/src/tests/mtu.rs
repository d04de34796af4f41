//! A path that swallows large segments in silence.

use super::pair::{Pair, Pipe, pattern};
use crate::Config;

/// Sends over a path that takes segments of 1,200 bytes; gives the sender's largest segment at the end.
fn sent_over(mtu_probing: u8, sack: bool) -> u32 {
    let client = Config { mtu_probing, sack, gso: false, mss: 1460, ..Config::default() };
    let pipe = Pipe { largest: 1_200, ..Pipe::default() };
    let mut pair = Pair::established_with(client, Config { gso: false, ..Config::default() }, pipe);
    let bytes = pattern(2_000_000);
    pair.send(0, &bytes);
    pair.run_until(|pair| pair.ends[1].received.len() == bytes.len());
    assert!(pair.ends[1].received == bytes);
    pair.tcb(0).info().snd_mss
}

#[test]
fn a_black_hole_is_found_and_the_largest_size_with_it() {
    for (probing, sack) in [(1, true), (1, false), (2, true), (2, false)] {
        let mss = sent_over(probing, sack);
        assert!((1_190..=1_200).contains(&mss), "{probing} {sack}: {mss}");
    }
}

#[test]
fn without_probing_the_user_waits_in_vain() {
    let mut pair = Pair::established(Pipe { largest: 1_200, ..Pipe::default() });
    pair.send(0, &pattern(100_000));
    pair.run();
    assert_eq!((pair.ends[1].received.len(), pair.tcb(0).error()), (0, Some(crate::Error::TimedOut)));
}

#[test]
fn a_path_that_takes_all_is_soon_used() {
    let client = Config { mtu_probing: 2, base_mss: 512, ..Config::default() };
    let mut pair = Pair::established_with(client, Config::default(), Pipe::default());
    assert_eq!(pair.tcb(0).info().snd_mss, 512);
    let bytes = pattern(2_000_000);
    pair.send(0, &bytes);
    pair.run_until(|pair| pair.ends[1].received.len() == bytes.len());
    let info = pair.tcb(0).info();
    assert!(info.snd_mss > 1_440 && info.total_retrans == 0, "{} {}", info.snd_mss, info.total_retrans);
}
