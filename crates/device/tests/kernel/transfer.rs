//! Bytes both ways, and an orderly end.

use sha2::{Digest, Sha256};
use sockeye_abi::Errno;
use sockeye_base::Rng;
use sockeye_device::Layer;
use sockeye_stack::Settings;
use sockeye_tcp::{Config, State};

use crate::rig::{BOTH, Rig, SIDES, Setup, Side, Version, with_rig};
use crate::socket::Socket;

/// One end's program.
struct End {
    socket: Socket,
    bytes: Vec<u8>,
    sent: usize,
    /// Shuts only after the peer has.
    last: bool,
    shut: bool,
    received: usize,
    digest: Sha256,
    ended: bool,
}

impl End {
    fn new(socket: Socket, len: usize, last: bool) -> End {
        let mut rng = Rng::from_seed(len as u64);
        // A prime length, so that nothing looks like what came a segment earlier.
        let block: Vec<u8> = (0..4093).map(|_| rng.next_u32() as u8).collect();
        let mut bytes = block.repeat(len / block.len() + 1);
        bytes.truncate(len);
        End { socket, bytes, sent: 0, last, shut: false, received: 0, digest: Sha256::new(), ended: false }
    }

    /// Writes and reads what can be, the writes of changing lengths.
    fn work(&mut self, rig: &mut Rig) {
        while self.sent < self.bytes.len() {
            let len = 1 + rig.rng.below(60_000) as usize;
            let end = (self.sent + len).min(self.bytes.len());
            match rig.send(&self.socket, &self.bytes[self.sent..end]) {
                Ok(len) => self.sent += len,
                Err(Errno::EAGAIN) => break,
                Err(error) => panic!("sending: {error:?}"),
            }
        }
        while !self.ended {
            match rig.receive(&self.socket, 50_000) {
                Ok(bytes) => {
                    self.ended = bytes.is_empty();
                    self.received += bytes.len();
                    self.digest.update(&bytes);
                }
                Err(Errno::EAGAIN) => break,
                Err(error) => panic!("receiving: {error:?}"),
            }
        }
        if self.sent == self.bytes.len() && !self.shut && (self.ended || !self.last) {
            rig.shut(&self.socket);
            self.shut = true;
        }
    }
}

/// Exchanges so many bytes between who connects and who listens, and closes, `first` first.
pub(crate) fn exchange(rig: &mut Rig, (from, first): (Side, Side), version: Version, lengths: [usize; 2]) {
    let [client, server] = rig.connection(from, version);
    let mut ends = [End::new(client, lengths[0], from != first), End::new(server, lengths[1], from == first)];
    rig.run("an exchange", |rig| {
        ends.iter_mut().for_each(|end| end.work(rig));
        ends.iter().all(|end| end.ended && end.shut)
    });
    for (end, peer) in [(0, 1), (1, 0)] {
        let (end, peer) = (&ends[end], &ends[peer]);
        assert_eq!(end.received, peer.bytes.len());
        assert!(end.digest.clone().finalize() == Sha256::digest(&peer.bytes), "other bytes than were sent");
    }
    let [ours] = ends
        .iter()
        .filter_map(|end| match end.socket {
            Socket::Sockeye(id) => Some(id),
            Socket::Linux(_) => None,
        })
        .collect::<Vec<_>>()[..]
    else {
        panic!("two ends of one side")
    };
    // Whose FIN was first waits, unless its last acknowledgement came twice: a peer that is gone by then resets it.
    let may_wait = first == Side::Sockeye;
    rig.run("the end", |rig| match rig.host.state(ours) {
        Some(State::TimeWait) => may_wait,
        state => state == Some(State::Closed),
    });
    ends.into_iter().for_each(|end| rig.close(end.socket));
}

/// Each version of IP, each side connecting, each side closing first.
pub(crate) fn all_ways(rig: &mut Rig, lengths: [usize; 2]) {
    for version in BOTH {
        for from in SIDES {
            for first in SIDES {
                exchange(rig, (from, first), version, lengths);
            }
        }
    }
}

#[test]
fn whoever_connects_and_whoever_closes_first() {
    with_rig(Setup::default(), |rig| all_ways(rig, [300_000, 100_000]));
}

#[test]
fn nothing_and_next_to_nothing() {
    with_rig(Setup::default(), |rig| {
        all_ways(rig, [0, 0]);
        all_ways(rig, [1, 0]);
    });
}

#[test]
fn super_segments_cross_whole() {
    with_rig(Setup::default(), |rig| {
        for version in BOTH {
            exchange(rig, (Side::Sockeye, Side::Linux), version, [2_000_000, 2_000_000]);
        }
        assert!(rig.seen.super_segments.iter().all(|&count| count > 20), "{:?}", rig.seen);
    });
}

#[test]
fn single_packets_with_their_checksums() {
    with_rig(Setup { offload: false, ..Setup::default() }, |rig| {
        all_ways(rig, [200_000, 200_000]);
        assert_eq!(rig.seen.super_segments[Side::Linux as usize], 0);
    });
}

#[test]
fn over_ethernet_too() {
    for offload in [true, false] {
        with_rig(Setup { layer: Layer::Ethernet, offload, ..Setup::default() }, |rig| {
            all_ways(rig, [100_000, 100_000]);
        });
    }
}

#[test]
fn small_segments() {
    // IPv6 needs an MTU of 1280; TCP's own bound is what makes them smaller.
    for mss in [88, 300] {
        with_rig(Setup { mtu: 1280, mss: Some(mss), ..Setup::default() }, |rig| {
            all_ways(rig, [30_000, 30_000]);
            let longest = rig.seen.longest;
            assert!(longest.iter().all(|&len| len <= usize::from(mss)), "{longest:?}");
        });
    }
}

#[test]
fn large_segments() {
    with_rig(Setup { mtu: 65_535, ..Setup::default() }, |rig| all_ways(rig, [1_000_000, 1_000_000]));
}

#[test]
fn without_options() {
    let tcp = Config { window_scaling: false, timestamps: false, sack: false, ..Config::default() };
    let settings = Settings { tcp, ..Settings::default() };
    with_rig(Setup { settings, ..Setup::default() }, |rig| all_ways(rig, [200_000, 200_000]));
    let sysctls = ["ipv4/tcp_window_scaling", "ipv4/tcp_timestamps", "ipv4/tcp_sack"];
    let sysctls = sysctls.map(|name| (name, "0")).to_vec();
    with_rig(Setup { sysctls, ..Setup::default() }, |rig| all_ways(rig, [200_000, 200_000]));
}
