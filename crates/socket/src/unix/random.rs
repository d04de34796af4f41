//! Random calls on a handful of sockets: what the domain counts stays true, whoever has something new to show is named, and when
//! all is closed nothing is left.

use std::collections::{BTreeMap, BTreeSet};

use sockeye_abi::{How, MessageFlags, Opt, Readiness, SocketType, UnixAddress, Value};
use sockeye_base::{Instant, Rng};
use sockeye_stack::{Settings, Stack};

use super::{EndId, Passed, UnixMessage};
use crate::host::{Host, SocketId};

const NOW: Instant = Instant::from_millis(1);
const SEEDS: u64 = 60;
const STEPS: usize = 400;

struct Walk {
    host: Host,
    rng: Rng,
    /// A socket for each hold on it.
    held: Vec<SocketId>,
}

impl Walk {
    fn pick(&mut self) -> SocketId {
        let at = self.rng.below(self.held.len() as u64) as usize;
        self.held[at]
    }

    fn name(&mut self) -> UnixAddress {
        let name = vec![b'a' + self.rng.below(4) as u8];
        match self.rng.below(9) {
            0 => UnixAddress::Unnamed,
            1..=4 => UnixAddress::Abstract(name),
            _ => UnixAddress::Pathname(name),
        }
    }

    fn kind(&mut self) -> SocketType {
        [SocketType::Stream, SocketType::Datagram, SocketType::SeqPacket][self.rng.below(3) as usize]
    }

    fn flags(&mut self, of: &[MessageFlags]) -> MessageFlags {
        of.iter().copied().filter(|_| self.rng.below(4) == 0).collect()
    }

    /// One call; the socket it was made on.
    fn step(&mut self) -> Option<SocketId> {
        if self.held.len() < 4 {
            let kind = self.kind();
            let (a, b) = self.host.unix_pair(kind).expect("a pair");
            self.held.extend([a, b, self.host.unix_socket(kind).expect("a socket")]);
            return None;
        }
        let id = self.pick();
        let host = &mut self.host;
        match self.rng.below(20) {
            0..=4 => {
                let bytes = vec![7; [0, 1, 100, 5000, 60_000][self.rng.below(5) as usize]];
                let to = self.name();
                let passed = [Passed::Socket(self.pick()), Passed::Socket(self.pick())];
                let to = Some(&to).filter(|_| self.rng.below(2) == 0);
                let rights = &passed[..self.rng.below(3) as usize];
                let flags = self.flags(&[MessageFlags::OOB]);
                let message = UnixMessage { to, rights, credentials: None, flags };
                let _ = self.host.unix_send(NOW, id, &bytes, &message);
            }
            5..=9 => {
                let (max, room) =
                    ([0, 1, 50, 100_000][self.rng.below(4) as usize], self.rng.below(3) as usize);
                let flags = self.flags(&[MessageFlags::PEEK, MessageFlags::OOB]);
                let received = self.host.unix_receive(NOW, id, max, (flags, room));
                for passed in received.into_iter().flat_map(|received| received.rights) {
                    let Passed::Socket(id) = passed else { continue };
                    self.held.push(id);
                }
            }
            10 => {
                let name = self.name();
                let _ = self.host.unix_bind(id, &name);
            }
            11 | 12 => {
                let name = self.name();
                let _ = self.host.unix_connect(NOW, id, &name);
            }
            13 => {
                let backlog = self.rng.below(3) as i32;
                let _ = self.host.listen(NOW, id, backlog);
            }
            14 => {
                if let Ok((accepted, _)) = host.unix_accept(id) {
                    self.held.push(accepted);
                }
            }
            15 => {
                let how = [How::Read, How::Write, How::Both][self.rng.below(3) as usize];
                let _ = self.host.shutdown(NOW, id, how);
            }
            16 => {
                let (opt, value) = [
                    (Opt::SoSndBuf, 5000),
                    (Opt::SoOobInline, 1),
                    (Opt::SoPassCred, 1),
                    (Opt::SoPeekOff, 0),
                    (Opt::SoPassRights, 0),
                ][self.rng.below(5) as usize];
                let _ = self.host.set_option(NOW, id, opt, Value::Int(value));
            }
            17 => {
                let _ = host.unix_disconnect(NOW, id);
                let _ = host.unlink(b"a");
            }
            _ => {
                let at = self.rng.below(self.held.len() as u64) as usize;
                let id = self.held.swap_remove(at);
                self.host.release(NOW, id);
            }
        }
        Some(id)
    }

    fn bits(&self) -> BTreeMap<SocketId, Readiness> {
        self.held.iter().map(|id| (*id, self.host.readiness(*id))).collect()
    }

    /// What is counted twice is the same both times.
    fn check(&self) {
        let domain = &self.host.unix;
        let (mut charged, mut references) = (BTreeMap::<EndId, usize>::new(), BTreeMap::<EndId, u32>::new());
        let (mut in_flight, mut all) = (BTreeMap::<SocketId, u32>::new(), 0);
        for (id, end) in domain.ends.iter() {
            end.peer.iter().for_each(|peer| *references.entry(*peer).or_default() += 1);
            for packet in &end.queue {
                *charged.entry(packet.from).or_default() += packet.charge;
                *references.entry(packet.from).or_default() += 1;
                for passed in packet.rights.iter().flat_map(|rights| rights.iter()) {
                    let Passed::Socket(id) = passed else { continue };
                    *in_flight.entry(*id).or_default() += 1;
                    all += 1;
                }
            }
            assert_eq!(end.queue.iter().filter(|packet| packet.urgent).count(), usize::from(end.urgent));
            if let Some(other) = end.waits_at {
                let more = domain.ends.get(other).and_then(|other| other.more.as_ref());
                assert!(more.is_some_and(|more| more.waiting.contains(&id)), "in the line it stands in");
            }
        }
        for (id, end) in domain.ends.iter() {
            assert_eq!(end.charged, charged.get(&id).copied().unwrap_or(0));
            assert_eq!(end.references, references.get(&id).copied().unwrap_or(0));
            assert!(end.alive || end.references > 0, "the dead that nobody needs are gone");
            if let Some(handle) = end.handle {
                assert_eq!(end.in_flight, in_flight.get(&handle).copied().unwrap_or(0));
                let own = self.held.iter().filter(|id| **id == handle).count() as u32;
                assert_eq!(end.holders, end.in_flight + own);
            }
        }
        assert_eq!(domain.in_flight, all);
    }
}

#[test]
fn counts_stay_true_and_nothing_is_left() {
    for seed in 0..SEEDS {
        let host = Host::new("lone", Stack::new(Settings::default(), Rng::from_seed(1)));
        let mut walk = Walk { host, rng: Rng::from_seed(seed), held: Vec::new() };
        for _ in 0..STEPS {
            let before = walk.bits();
            let own = walk.step();
            let named: BTreeSet<SocketId> = std::iter::from_fn(|| walk.host.poll_changed()).collect();
            walk.check();
            for (id, bits) in walk.bits() {
                let gained = bits & !before.get(&id).copied().unwrap_or(bits);
                assert!(
                    gained.is_empty() || own == Some(id) || named.contains(&id),
                    "seed {seed}: {gained:?}"
                );
            }
        }
        while let Some(id) = walk.held.pop() {
            walk.host.release(NOW, id);
            walk.check();
        }
        assert_eq!((walk.host.sockets.len(), walk.host.unix.ends.len()), (0, 0), "seed {seed}");
    }
}
