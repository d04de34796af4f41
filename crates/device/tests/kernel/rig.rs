//! A host of Sockeye's on a device, the machine on the other side, and what carries frames between them.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant as Clock};

use rustix::event::{PollFd, PollFlags};
use sockeye_base::{Instant, Rng};
use sockeye_device::{Layer, Tun};
use sockeye_socket::Host;
use sockeye_stack::{Interface, InterfaceId, Settings, Stack};
use sockeye_wire::ethernet::Mac;
use sockeye_wire::ip::Ecn;
use sockeye_wire::tcp::Flags;
use sockeye_wire::{Frame, Payload};

/// No test needs so long: what takes longer hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// Which addresses a test uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V4,
    V6,
}

pub(crate) const BOTH: [Version; 2] = [Version::V4, Version::V6];

/// Which side does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The machine.
    Linux,
    /// Our host.
    Sockeye,
}

pub(crate) const SIDES: [Side; 2] = [Side::Linux, Side::Sockeye];

impl Side {
    pub(crate) fn other(self) -> Side {
        match self {
            Side::Linux => Side::Sockeye,
            Side::Sockeye => Side::Linux,
        }
    }

    /// Its address and a port.
    pub(crate) fn at(self, version: Version, port: u16) -> SocketAddr {
        let number = match self {
            Side::Linux => 1,
            Side::Sockeye => 2,
        };
        let address: IpAddr = match version {
            Version::V4 => [10, 77, 0, number].into(),
            Version::V6 => [0xfd77, 0, 0, 0, 0, 0, 0, number.into()].into(),
        };
        (address, port).into()
    }
}

/// What a test wants to have.
pub(crate) struct Setup {
    pub(crate) layer: Layer,
    pub(crate) offload: bool,
    pub(crate) mtu: u16,
    /// TCP_MAXSEG of our sockets.
    pub(crate) mss: Option<u16>,
    pub(crate) settings: Settings,
    /// Files under `/proc/sys/net` and what is written there.
    pub(crate) sysctls: Vec<(&'static str, &'static str)>,
    /// Chances in a thousand that a segment is lost, each way; SYNs aren't.
    pub(crate) loss: u64,
    /// Chances in a thousand that a packet that may be marked is: congestion on the way, each way.
    pub(crate) marks: u64,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            layer: Layer::Ip,
            offload: true,
            mtu: 1500,
            mss: None,
            settings: Settings::default(),
            sysctls: Vec::new(),
            loss: 0,
            marks: 0,
        }
    }
}

/// What crossed, by who sent it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) frames: [u64; 2],
    pub(crate) super_segments: [u64; 2],
    pub(crate) lost: [u64; 2],
    pub(crate) marked: [u64; 2],
    /// Segments that tell of a window made smaller for a mark.
    pub(crate) reduced: [u64; 2],
    /// Longest payload of a single segment.
    pub(crate) longest: [usize; 2],
}

pub(crate) struct Rig {
    pub(crate) host: Host,
    pub(crate) seen: Seen,
    /// Chances in a thousand that a segment is lost, and that it is marked.
    pub(crate) loss: u64,
    pub(crate) marks: u64,
    pub(crate) rng: Rng,
    pub(crate) mss: Option<u16>,
    tun: Tun,
    interface: InterfaceId,
    began: Clock,
    ports: u16,
}

/// Runs a test in a network namespace of its own, which ends with it; or says why it can't.
pub(crate) fn with_rig(setup: Setup, test: impl FnOnce(&mut Rig) + Send) {
    let outcome = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let mut rig = Rig::new(setup)?;
            test(&mut rig);
            Ok::<(), String>(())
        });
        thread.join()
    });
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(why)) => println!("skipped: {why}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

impl Rig {
    /// Moves the calling thread to a new namespace. The error says what the machine doesn't allow.
    fn new(setup: Setup) -> Result<Rig, String> {
        if !Path::new("/dev/net/tun").exists() {
            return Err("no /dev/net/tun".to_owned());
        }
        // SAFETY: it concerns this thread only, and only which network its later calls see.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } < 0 {
            return Err(format!("no namespace: {}", std::io::Error::last_os_error()));
        }
        let tun = match Tun::open("sock%d", setup.layer, setup.offload) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(format!("no TUN device: {error}"));
            }
            opened => opened.expect("a device"),
        };
        for (file, value) in setup.sysctls {
            std::fs::write(Path::new("/proc/sys/net").join(file), value).expect(file);
        }
        // Nobody else can have our addresses; Linux would wait a second to see.
        let accept_dad = format!("/proc/sys/net/ipv6/conf/{}/accept_dad", tun.name());
        std::fs::write(accept_dad, "0").expect("accept_dad");
        tun.set_mtu(setup.mtu).expect("an MTU");
        for (version, prefix_len) in [(Version::V4, 24), (Version::V6, 64)] {
            tun.add_address(Side::Linux.at(version, 0).ip(), prefix_len).expect("an address");
        }
        tun.bring_up().expect("up");
        // An IPv6 address can be used once a worker of the kernel's has looked at it.
        let until = Clock::now() + LIMIT;
        while UdpSocket::bind(Side::Linux.at(Version::V6, 0)).is_err() {
            assert!(Clock::now() < until, "no IPv6 address");
            std::thread::yield_now();
        }

        let rng = Rng::from_seed(7);
        let mut stack = Stack::new(setup.settings, rng.clone());
        let addresses = [(Version::V4, 24), (Version::V6, 64)];
        let addresses =
            addresses.map(|(version, len)| format!("{}/{len}", Side::Sockeye.at(version, 0).ip()));
        let interface = stack.add_interface(Interface {
            name: "eth0".into(),
            mac: if setup.layer == Layer::Ethernet { Mac([2, 0, 0, 0, 0, 2]) } else { Mac::ZERO },
            mtu: setup.mtu.into(),
            addresses: addresses.iter().map(|text| text.parse().expect("an address")).collect(),
        });
        let (host, began) = (Host::new("sockeye", stack), Clock::now());
        Ok(Rig {
            host,
            seen: Seen::default(),
            loss: setup.loss,
            marks: setup.marks,
            rng,
            mss: setup.mss,
            tun,
            interface,
            began,
            ports: 5000,
        })
    }

    /// A port not used before.
    pub(crate) fn port(&mut self) -> u16 {
        self.ports += 1;
        self.ports
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::ZERO + self.began.elapsed()
    }

    /// Carries frames and runs timers until `done`, which may work on sockets.
    pub(crate) fn run(&mut self, what: &str, mut done: impl FnMut(&mut Rig) -> bool) {
        let until = Clock::now() + LIMIT;
        loop {
            let ended = done(self);
            let moved = self.carry();
            if ended {
                return;
            }
            assert!(Clock::now() < until, "{what}: never happened; {:?}", self.seen);
            if !moved {
                self.wait();
            }
        }
    }

    /// Carries what there is; says whether anything moved.
    fn carry(&mut self) -> bool {
        let mut moved = false;
        while let Some(frame) = self.tun.receive().expect("a device that works") {
            moved = true;
            for frame in self.survivors(frame, Side::Linux) {
                let now = self.now();
                self.host.input(now, self.interface, frame);
            }
        }
        let now = self.now();
        if self.host.next_deadline().is_some_and(|at| at <= now) {
            self.host.advance(now);
        }
        while let Some((_, frame)) = self.host.poll_frame() {
            moved = true;
            for frame in self.survivors(*frame, Side::Sockeye) {
                self.tun.send(&frame).expect("a device that takes it");
            }
        }
        moved
    }

    /// What of a frame isn't lost. Where segments can be lost they are told apart.
    fn survivors(&mut self, frame: Frame, from: Side) -> Vec<Frame> {
        let from = from as usize;
        self.seen.frames[from] += frame.count() as u64;
        self.seen.super_segments[from] += u64::from(frame.count() > 1);
        if let Some(segment) = frame.as_segment() {
            let size = match usize::from(segment.gso_size) {
                0 => segment.payload.len(),
                size => size,
            };
            let reduced = segment.flags.intersection(Flags::CWR | Flags::SYN) == Flags::CWR;
            self.seen.reduced[from] += u64::from(reduced);
            self.seen.longest[from] = self.seen.longest[from].max(size);
        }
        if self.loss == 0 && self.marks == 0 {
            return vec![frame];
        }
        let all = frame.count();
        // A SYN is repeated after a second at the earliest: too slow for a test.
        let opens = |frame: &Frame| frame.as_segment().is_some_and(|it| it.flags.contains(Flags::SYN));
        let rest = frame.split().filter(|frame| opens(frame) || self.rng.below(1000) >= self.loss);
        let mut rest: Vec<Frame> = rest.collect();
        for frame in &mut rest {
            if let Payload::Packet(packet) = &mut frame.payload
                && packet.ip.ecn() == Ecn::Ect0
                && self.rng.below(1000) < self.marks
            {
                packet.ip.set_ecn(Ecn::Ce);
                self.seen.marked[from] += 1;
            }
        }
        self.seen.lost[from] += (all - rest.len()) as u64;
        rest
    }

    /// Waits for a frame or a timer. (The kernel's side may have changed by a timer of its own: look again soon.)
    fn wait(&mut self) {
        let now = self.now();
        let next = self.host.next_deadline().map_or(Duration::MAX, |at| at.since(now));
        let timeout = next.min(Duration::from_millis(5)).try_into().expect("a short time");
        let mut fds = [PollFd::from_borrowed_fd(self.tun.as_fd(), PollFlags::IN)];
        match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => panic!("poll: {error}"),
        }
    }
}
