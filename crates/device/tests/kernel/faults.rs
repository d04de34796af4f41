//! Segments get lost on the way, each way, by a seed.

use sockeye_stack::Settings;
use sockeye_tcp::Config;

use crate::rig::{Rig, Setup, with_rig};
use crate::transfer::all_ways;

fn lossy(setup: Setup, loss: u64) {
    with_rig(Setup { loss, ..setup }, |rig: &mut Rig| {
        all_ways(rig, [60_000, 60_000]);
        assert!(rig.seen.lost.iter().all(|&lost| lost > 0), "{:?}", rig.seen);
    });
}

#[test]
fn with_selective_acknowledgements() {
    lossy(Setup::default(), 10);
}

#[test]
fn without_selective_acknowledgements() {
    let tcp = Config { sack: false, ..Config::default() };
    lossy(Setup { settings: Settings { tcp, ..Settings::default() }, ..Setup::default() }, 10);
}

#[test]
fn without_timestamps() {
    let tcp = Config { timestamps: false, ..Config::default() };
    lossy(Setup { settings: Settings { tcp, ..Settings::default() }, ..Setup::default() }, 10);
}
