//! Segments get lost on the way, each way, by a seed; or marked.

use sockeye_stack::Settings;
use sockeye_tcp::{Config, EcnMode};

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

/// Each side asks for marks or grants them, and slows down when its packets are marked.
#[test]
fn marks_are_heeded() {
    for (linux, sockeye) in [("1", EcnMode::On), ("2", EcnMode::On), ("1", EcnMode::Passive)] {
        let tcp = Config { ecn: sockeye, ..Config::default() };
        let settings = Settings { tcp, ..Settings::default() };
        let sysctls = vec![("ipv4/tcp_ecn", linux)];
        with_rig(Setup { marks: 50, settings, sysctls, ..Setup::default() }, |rig| {
            all_ways(rig, [60_000, 60_000]);
            let seen = rig.seen;
            assert!(seen.marked.iter().chain(&seen.reduced).all(|&count| count > 0), "{seen:?}");
        });
    }
}
