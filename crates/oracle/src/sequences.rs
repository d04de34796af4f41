//! Random sequences of calls that don't wait, over a handful of descriptors: what each says must be what the kernel says.
//!
//! A sequence comes from its seed; steps can be left out, to find the few that matter. Each has ports of its own, so that
//! many can run one after the other on one host.

use libc::{
    AF_INET, AF_INET6, MSG_PEEK, SO_LINGER, SO_REUSEADDR, SO_REUSEPORT, SOCK_DGRAM, SOCK_NONBLOCK,
    SOCK_STREAM, SOL_SOCKET,
};
use sockeye_abi::ioctl::FIONREAD;

use crate::address::{Name, at, unspecified};
use crate::calls::{Calls, Fd};
use crate::trial::{Shown, Trial, must};

/// Descriptors of a sequence.
const SLOTS: usize = 5;
/// Steps of a sequence.
pub const STEPS: usize = 40;
/// Ports of a sequence.
const PORTS: u16 = 3;
/// The first of the first sequence's ports; those of all are below the ephemeral ones.
const FIRST_PORT: u16 = 2000;
/// As many sequences have ports of their own.
pub const SEQUENCES: u64 = 10_000;
const HOSTS: [&str; 5] = ["0.0.0.0", "127.0.0.1", "127.0.0.2", "10.61.0.1", "192.0.2.1"];
const HOSTS6: [&str; 5] = ["::", "::1", "fd61::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0"];
/// Where AF_INET6 sockets connect to in every other sequence. A stream that was refused over IPv4 gets nowhere over IPv6 any
/// more on Linux (`notes/sockets.md`), so no sequence has both.
const MAPPED: [&str; 5] =
    ["::ffff:0.0.0.0", "::ffff:127.0.0.1", "::ffff:10.61.0.1", "::ffff:127.0.0.2", "::ffff:192.0.2.1"];
const NATIVE: [&str; 5] = ["::", "::1", "fd61::1", "2001:db8::1", "::1"];

/// How a world is to run a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As fast as it goes.
    #[default]
    Fast,
    /// With a while between any two steps, for a kernel that is late with what loopback carries.
    Slow,
}

/// Random numbers from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// A call.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open { slot: usize, domain: i32, kind: i32, reuse: i32 },
    Pair { slot: usize, into: usize, domain: i32 },
    Bind { slot: usize, host: usize, port: u16 },
    Connect { slot: usize, host: usize, port: u16 },
    Dissolve { slot: usize },
    Listen { slot: usize, backlog: i32 },
    Accept { slot: usize, into: usize },
    Send { slot: usize, length: usize },
    SendTo { slot: usize, host: usize, port: u16 },
    Receive { slot: usize, room: usize, flags: i32 },
    Shutdown { slot: usize, how: i32 },
    Linger { slot: usize },
    Reuse { slot: usize, reuse: i32 },
    Close { slot: usize },
    Dup { slot: usize, into: usize },
    Error { slot: usize },
    Look { slot: usize },
}

fn step(chance: &mut Chance) -> Step {
    let slot = chance.below(SLOTS);
    let into = chance.below(SLOTS);
    let host = chance.of(&[0, 1, 1, 1, 2, 3, 4]);
    let port = chance.below(PORTS.into()) as u16;
    let reuse = chance.of(&[0, 1, 1, 2, 3]);
    match chance.below(35) {
        0..4 => {
            let domain = chance.of(&[AF_INET, AF_INET, AF_INET6]);
            let kind = chance.of(&[SOCK_STREAM, SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM]);
            Step::Open { slot, domain, kind, reuse }
        }
        4..7 => Step::Bind { slot, host, port },
        7..11 => Step::Connect { slot, host, port },
        11 => Step::Dissolve { slot },
        12..15 => Step::Listen { slot, backlog: chance.of(&[0, 1, 5]) },
        15..18 => Step::Accept { slot, into },
        18..21 => Step::Send { slot, length: chance.of(&[0, 1, 10, 1000]) },
        21 => Step::SendTo { slot, host, port },
        22..25 => {
            Step::Receive { slot, room: chance.of(&[0, 1, 10, 5000]), flags: chance.of(&[0, 0, MSG_PEEK]) }
        }
        25 => Step::Shutdown { slot, how: chance.below(3) as i32 },
        26 => Step::Linger { slot },
        27 => Step::Reuse { slot, reuse },
        28 => Step::Close { slot },
        29 => Step::Dup { slot, into },
        30 => Step::Error { slot },
        31..34 => Step::Pair { slot, into, domain: chance.of(&[AF_INET, AF_INET6]) },
        _ => Step::Look { slot },
    }
}

/// The ports, families and descriptors of a sequence under way.
struct Run {
    first_port: u16,
    /// AF_INET6 sockets connect over IPv4.
    mapped: bool,
    slots: [Option<(Fd, i32)>; SLOTS],
}

impl Run {
    fn name(&self, slot: usize, host: usize, port: u16) -> Name {
        let list =
            if self.slots[slot].is_some_and(|(_, domain)| domain == AF_INET6) { HOSTS6 } else { HOSTS };
        at(list[host], self.first_port + port)
    }

    /// Where to connect to.
    fn destination(&self, slot: usize, host: usize, port: u16) -> Name {
        let list = if self.mapped { MAPPED } else { NATIVE };
        match self.slots[slot] {
            Some((_, AF_INET6)) => at(list[host], self.first_port + port),
            _ => self.name(slot, host, port),
        }
    }

    /// A name with the sequence's ports by letters.
    fn shown(&self, name: &Name) -> String {
        match name.port() {
            Some(port) if (self.first_port..self.first_port + PORTS).contains(&port) => {
                let text = name.with_port(0).to_string();
                let letter = char::from(b'P' + (port - self.first_port) as u8);
                format!("{}:{letter}", text.strip_suffix(":0").unwrap_or(&text))
            }
            _ => name.to_string(),
        }
    }

    fn close(&mut self, t: &mut Trial, slot: usize) -> String {
        self.slots[slot].take().map_or_else(|| "-".to_owned(), |(fd, _)| t.close(fd).shown())
    }

    fn put(&mut self, t: &mut Trial, slot: usize, fd: Fd, domain: i32) {
        self.close(t, slot);
        self.slots[slot] = Some((fd, domain));
    }

    fn reuse(t: &mut Trial, fd: Fd, reuse: i32) -> String {
        let address = t.set(fd, SOL_SOCKET, SO_REUSEADDR, reuse & 1).shown();
        let port = t.set(fd, SOL_SOCKET, SO_REUSEPORT, reuse >> 1).shown();
        format!("{address} {port}")
    }

    fn step(&mut self, t: &mut Trial, step: Step) -> String {
        let fd = |slot: usize| self.slots[slot].map_or(-1, |(fd, _)| fd);
        match step {
            Step::Open { slot, domain, kind, reuse } => match t.socket(domain, kind | SOCK_NONBLOCK, 0) {
                Ok(fd) => {
                    self.put(t, slot, fd, domain);
                    if kind == SOCK_STREAM {
                        let _ = t.set(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
                    }
                    Run::reuse(t, fd, reuse)
                }
                Err(error) => error.name().to_owned(),
            },
            Step::Pair { slot, into, domain } => {
                let server = t.listener(&at(if domain == AF_INET { "127.0.0.1" } else { "::1" }, 0));
                let pair = t.through(server);
                must("close", t.close(server));
                for (slot, fd) in [(slot, pair.0), (into, pair.1)] {
                    t.nonblocking(fd, true);
                    let _ = t.set(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
                    self.put(t, slot, fd, domain);
                }
                "ok".to_owned()
            }
            Step::Bind { slot, host, port } => t.bind(fd(slot), &self.name(slot, host, port)).shown(),
            Step::Connect { slot, host, port } => {
                t.connect(fd(slot), &self.destination(slot, host, port)).shown()
            }
            Step::Dissolve { slot } => t.connect(fd(slot), &unspecified()).shown(),
            Step::Listen { slot, backlog } => t.listen(fd(slot), backlog).shown(),
            Step::Accept { slot, into } => match t.accept4(fd(slot), SOCK_NONBLOCK) {
                Ok((accepted, from)) => {
                    let domain = self.slots[slot].map_or(AF_INET, |(_, domain)| domain);
                    self.put(t, into, accepted, domain);
                    format!("from {}", self.shown(&from))
                }
                Err(error) => error.name().to_owned(),
            },
            Step::Send { slot, length } => t.send(fd(slot), &vec![b'x'; length], 0).shown(),
            Step::SendTo { slot, host, port } => {
                t.sendto(fd(slot), b"datagram", 0, Some(&self.name(slot, host, port))).shown()
            }
            Step::Receive { slot, room, flags } => match t.recvfrom(fd(slot), room, flags) {
                Ok(got) => format!("{} from {}", got.value, self.shown(&got.name)),
                Err(error) => error.name().to_owned(),
            },
            Step::Shutdown { slot, how } => t.shutdown(fd(slot), how).shown(),
            Step::Linger { slot } => {
                let at_once = [1_i32.to_ne_bytes(), [0; 4]].concat();
                t.setsockopt(fd(slot), SOL_SOCKET, SO_LINGER, &at_once).shown()
            }
            Step::Reuse { slot, reuse } => Run::reuse(t, fd(slot), reuse),
            Step::Close { slot } => self.close(t, slot),
            Step::Dup { slot, into } => match t.dup(fd(slot)) {
                Ok(copy) => {
                    let domain = self.slots[slot].map_or(AF_INET, |(_, domain)| domain);
                    self.put(t, into, copy, domain);
                    "ok".to_owned()
                }
                Err(error) => error.name().to_owned(),
            },
            Step::Error { slot } => t.error(fd(slot)),
            Step::Look { slot } => {
                let fd = fd(slot);
                if fd < 0 {
                    return "-".to_owned();
                }
                let shown =
                    |name: crate::Result<Name>| name.map_or_else(|e| e.name().to_owned(), |n| self.shown(&n));
                let (bits, unread) = (t.bits(fd), t.ask(fd, FIONREAD).shown());
                format!("{bits}, {unread}, {} - {}", shown(t.getsockname(fd)), shown(t.getpeername(fd)))
            }
        }
    }
}

/// Runs a sequence, without the steps that are left out; a line for each step.
pub fn run(t: &mut Trial, seed: u64, (without, pace): (&[usize], Pace)) {
    let first_port = FIRST_PORT + (seed % SEQUENCES) as u16 * PORTS;
    let mut run = Run { first_port, mapped: seed % 2 == 1, slots: [None; SLOTS] };
    let mut chance = Chance(seed);
    for number in 0..STEPS {
        let step = step(&mut chance);
        if without.contains(&number) {
            continue;
        }
        let said = run.step(t, step);
        t.say(format!("{number}: {step:?}: {said}"));
        if pace == Pace::Slow {
            t.sleep(3);
        }
    }
    for slot in 0..SLOTS {
        run.close(t, slot);
    }
}

/// Runs many sequences; the text of each begins with its seed.
pub fn run_many(calls: impl Calls + 'static, seeds: &[u64], how: (&[usize], Pace)) -> String {
    let mut t = Trial::new(calls);
    for seed in seeds {
        t.say(format!("seed {seed}"));
        run(&mut t, *seed, how);
    }
    t.into_text()
}
