//! The hub: a switch with `tekapo` on it, and a link for each host that is plugged in.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant as Clock;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
};
use sockeye_base::Instant;
use sockeye_lab::{Direction, HostId, HostSpec, Lab, LinkSpec, OutsideId, SwitchId};
use sockeye_services::Services;
use sockeye_stack::Cidr;
use sockeye_wire::Frame;

use crate::member::{Member, Read};
use crate::message::{HostReport, Incoming, Joined, Reply, Request, control};
use crate::plug::reach;
use crate::{Error, Place};

/// Connections of one hub.
const MOST_MEMBERS: usize = 1024;
/// Hosts that a network remembers.
const MOST_HOSTS: usize = 250;
/// Messages taken from one member before others are looked at.
const AT_A_TIME: usize = 64;
/// The longest name of a host (RFC 1035's label).
const LONGEST_NAME: usize = 63;
/// The hosts there are from the beginning: their last numbers.
const PUKAKI: u8 = 1;
const TEKAPO: u8 = 2;

/// A network that processes plug their hosts into.
pub struct Hub {
    place: Place,
    listener: OwnedFd,
    /// Nobody more can be let in, for want of descriptors, until somebody leaves.
    full: bool,
    /// A byte comes here when it is to end.
    end: UnixStream,
    lab: Lab,
    services: Services,
    switch: SwitchId,
    tekapo: HostId,
    mtu: usize,
    direction: Direction,
    began: Clock,
    /// The hosts that are or were plugged in.
    known: Vec<Known>,
    members: Vec<Peer>,
    ended: bool,
}

/// A host that is, or was, plugged in. It keeps its addresses.
struct Known {
    name: String,
    number: u8,
    outside: OutsideId,
    program: Option<(String, i32)>,
    sent: (u64, u64),
    received: (u64, u64),
}

/// Who is connected.
struct Peer {
    member: Member,
    /// Which of the known hosts it is.
    host: Option<usize>,
    gone: bool,
}

impl Hub {
    /// A network at a place, its links like this each way, with this MTU in bytes.
    ///
    /// # Errors
    /// `IsUp`, or the socket can't be made.
    pub fn new(place: Place, seed: u64, direction: Direction, mtu: usize) -> Result<Hub, Error> {
        let listener = claim(&place)?;
        let (end, signalled) = UnixStream::pair()?;
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP]
        {
            signal_hook::low_level::pipe::register(signal, signalled.try_clone()?)?;
        }
        let mut lab = Lab::new(seed);
        let tekapo = lab.add_host(HostSpec { mtu, ..HostSpec::new("tekapo", networks(TEKAPO)) });
        let switch = lab.add_switch("switch");
        lab.add_link(LinkSpec { mtu, ..LinkSpec::new(tekapo, switch) });
        lab.host_mut(tekapo).stack_mut().accept_any_destination(53);
        let mut services = Services::tekapo(&lab, tekapo);
        services.start(&mut lab, Instant::ZERO).map_err(|errno| io::Error::from_raw_os_error(errno.0))?;
        Ok(Hub {
            place,
            listener,
            full: false,
            end,
            lab,
            services,
            switch,
            tekapo,
            mtu,
            direction,
            began: Clock::now(),
            known: Vec::new(),
            members: Vec::new(),
            ended: false,
        })
    }

    /// Serves until it is told to end, by a signal or by `down`.
    ///
    /// # Errors
    /// The machine's, when it can't wait any more.
    pub fn serve(&mut self) -> Result<(), Error> {
        while !self.ended {
            self.settle();
            let (listening, ended, ready) = self.wait()?;
            self.ended |= ended;
            for at in ready {
                self.attend(at);
            }
            if listening {
                self.accept();
            }
            self.settle();
            self.forget_gone();
        }
        self.members.iter_mut().for_each(|peer| peer.member.flush());
        Ok(())
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.began.elapsed()
    }

    /// Waits for something to do: whether somebody connects, whether it is to end, and which members have something.
    fn wait(&mut self) -> io::Result<(bool, bool, Vec<usize>)> {
        let timeout = self.lab.next_deadline().map(|deadline| {
            let span = deadline.since(self.now());
            Timespec { tv_sec: span.as_secs().min(1 << 30) as i64, tv_nsec: span.subsec_nanos().into() }
        });
        let has_room = self.members.len() < MOST_MEMBERS && !self.full;
        let listens = if has_room { PollFlags::IN } else { PollFlags::empty() };
        let mut places = vec![PollFd::new(&self.listener, listens), PollFd::new(&self.end, PollFlags::IN)];
        places.extend(self.members.iter().map(|peer| {
            let writes = if peer.member.is_waiting() { PollFlags::OUT } else { PollFlags::empty() };
            PollFd::from_borrowed_fd(peer.member.as_fd(), PollFlags::IN | writes)
        }));
        match poll(&mut places, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let has = |at: usize| !places[at].revents().is_empty();
        let ready = (2..places.len()).filter(|at| has(*at)).map(|at| at - 2).collect();
        Ok((has(0), has(1), ready))
    }

    fn accept(&mut self) {
        while self.members.len() < MOST_MEMBERS {
            match accept_with(&self.listener, SocketFlags::CLOEXEC) {
                Ok(socket) => {
                    self.members.push(Peer { member: Member::new(socket), host: None, gone: false });
                }
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                // Whoever waits goes on waiting; to try again at once would do nothing else.
                Err(_) => {
                    self.full = !self.members.is_empty();
                    return;
                }
            }
        }
    }

    /// Takes what a member has sent.
    fn attend(&mut self, at: usize) {
        self.members[at].member.flush();
        for _ in 0..AT_A_TIME {
            match self.members[at].member.read() {
                Read::Message(Incoming::Frame(frame)) => self.frame_from(at, frame),
                Read::Message(Incoming::Control(text)) => self.request_from(at, &text),
                Read::Rubbish => self.members[at].gone = true,
                Read::Gone => self.members[at].gone = true,
                Read::Empty => return,
            }
            if self.members[at].gone {
                return;
            }
        }
    }

    fn frame_from(&mut self, at: usize, frame: Box<Frame>) {
        let Some(host) = self.members[at].host else {
            self.members[at].gone = true;
            return;
        };
        let now = self.now();
        let known = &mut self.known[host];
        count(&mut known.sent, &frame);
        self.lab.input_outside(now, known.outside, frame);
    }

    fn request_from(&mut self, at: usize, text: &[u8]) {
        let reply = match serde_json::from_slice(text) {
            Ok(Request::Join { host, program }) => {
                self.join(at, &host, program).map_or_else(Reply::Refused, Reply::Joined)
            }
            Ok(Request::Hosts) => Reply::Hosts(self.report()),
            Ok(Request::Down) => {
                self.ended = true;
                Reply::Down
            }
            Err(_) => Reply::Refused("the network doesn't know what was asked".to_owned()),
        };
        self.members[at].member.send(&control(&reply));
    }

    /// Makes a member a host.
    fn join(&mut self, at: usize, name: &str, program: String) -> Result<Joined, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) || name.starts_with('-') {
            return Err(format!("{name:?} is no name of a host: letters, digits and -"));
        }
        let name = name.to_ascii_lowercase();
        if name == "localhost" || self.members[at].host.is_some() {
            return Err(format!("{name} can't be joined as"));
        }
        if name == self.lab.host(self.tekapo).name() {
            return Err(format!("{name} is the network's own host"));
        }
        let process = socket_peercred(&self.members[at].member)
            .map_or(0, |credentials| credentials.pid.as_raw_nonzero().get());
        let host = match self.known.iter().position(|known| known.name == name) {
            Some(host) => host,
            None => self.add(&name)?,
        };
        let known = &mut self.known[host];
        if let Some((program, process)) = &known.program {
            return Err(format!("{name} is there already: process {process}, {program}"));
        }
        known.program = Some((program.chars().take(256).collect(), process));
        self.members[at].host = Some(host);
        Ok(Joined {
            name,
            addresses: networks(known.number).iter().map(ToString::to_string).collect(),
            mac: [0x02, 0, 1, 0, 0, known.number],
            mtu: self.mtu,
            dns: (v4(TEKAPO), v6(TEKAPO)),
        })
    }

    /// A host that was never there, with the next free address.
    fn add(&mut self, name: &str) -> Result<usize, String> {
        if self.known.len() >= MOST_HOSTS {
            return Err("the network has no address left".to_owned());
        }
        let taken = |number: u8| number == TEKAPO || self.known.iter().any(|known| known.number == number);
        let first = if name == "pukaki" { PUKAKI } else { TEKAPO + 1 };
        let number = (first..=254).find(|number| !taken(*number));
        let number = number.ok_or_else(|| "the network has no address left".to_owned())?;
        let outside = self.lab.add_outside();
        let directions = [self.direction.clone(), self.direction.clone()];
        let ends = [outside.into(), self.switch.into()];
        self.lab.add_link(LinkSpec { ends, mtu: self.mtu, directions });
        self.services.learn(name, &[v4(number).into(), v6(number).into()]);
        let (sent, received) = ((0, 0), (0, 0));
        self.known.push(Known { name: name.to_owned(), number, outside, program: None, sent, received });
        Ok(self.known.len() - 1)
    }

    fn report(&self) -> Vec<HostReport> {
        let own = HostReport {
            name: self.lab.host(self.tekapo).name().to_owned(),
            addresses: addresses(TEKAPO),
            program: None,
            up: true,
            sent: (0, 0),
            received: (0, 0),
        };
        let others = self.known.iter().map(|known| HostReport {
            name: known.name.clone(),
            addresses: addresses(known.number),
            program: known.program.clone(),
            up: known.program.is_some(),
            sent: known.sent,
            received: known.received,
        });
        std::iter::once(own).chain(others).collect()
    }

    /// Lets the network do what is due, and sends its members what has come to them.
    fn settle(&mut self) {
        let now = self.now();
        self.services.settle(&mut self.lab, now, |_, _, _| {});
        while let Some((outside, frame)) = self.lab.poll_outside() {
            let Some(host) = self.known.iter().position(|known| known.outside == outside) else { continue };
            // A host that is off hears nothing.
            let Some(peer) = self.members.iter_mut().find(|peer| peer.host == Some(host)) else { continue };
            if peer.member.send_frame(&frame) {
                count(&mut self.known[host].received, &frame);
            }
        }
    }

    /// Hosts whose processes have left are switched off.
    fn forget_gone(&mut self) {
        for peer in self.members.extract_if(.., |peer| peer.gone) {
            self.full = false;
            if let Some(host) = peer.host {
                self.known[host].program = None;
            }
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.place.path());
    }
}

/// A listener at a place, if no other hub is there. What one left behind that is no more is taken away.
fn claim(place: &Place) -> Result<OwnedFd, Error> {
    // One at a time: else two that find nobody there would each take away the other's socket.
    let alone = File::open(place.directory())?;
    alone.lock()?;
    match reach(place) {
        Ok(_) => return Err(Error::IsUp(place.name().to_owned())),
        Err(Error::NotUp(_)) => {}
        Err(error) => return Err(error),
    }
    match fs::remove_file(place.path()) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener =
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(io::Error::from)?;
    let address = SocketAddrUnix::new(place.path()).map_err(io::Error::from)?;
    bind(&listener, &address).map_err(io::Error::from)?;
    listen(&listener, 128).map_err(io::Error::from)?;
    Ok(listener)
}

fn count((frames, bytes): &mut (u64, u64), frame: &Frame) {
    *frames += frame.count() as u64;
    *bytes += frame.len() as u64;
}

fn v4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 61, 0, number)
}

fn v6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd61, 0, 0, 0, 0, 0, 0, number.into())
}

fn networks(number: u8) -> Vec<Cidr> {
    [Cidr::new(v4(number).into(), 24), Cidr::new(v6(number).into(), 64)].into_iter().flatten().collect()
}

fn addresses(number: u8) -> Vec<String> {
    vec![v4(number).to_string(), v6(number).to_string()]
}
