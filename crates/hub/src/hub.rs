//! The hub: a network, and the processes that are plugged in as hosts of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::time::{Instant as Clock, SystemTime, UNIX_EPOCH};

use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
};
use sockeye_base::Instant;
use sockeye_gateway::{Gateway, Options};
use sockeye_lab::{Captured, Capturing, Direction, Lab};
use sockeye_look::{About, Desk, Role, Snapshot, is_of_this_user};
use sockeye_topology::{Files, Topology};

use crate::hosts::{Concern, Hosts};
use crate::message::{Beside, Joined, Reply, Request, VERSION, misfit};
use crate::peers::{PeerId, Peers};
use crate::plug::reach;
use crate::{Error, Place};

/// Connections of one hub.
const MOST_MEMBERS: usize = 1024;
/// Messages, and frames, taken from one member before others are looked at.
const AT_A_TIME: usize = 64;
/// Frames taken from one that has gone: more than its ring ever holds are nobody's.
const LAST: usize = 1 << 14;

/// What an event is about, if not about a peer.
mod token {
    pub(super) const LISTENER: u64 = 0;
    pub(super) const END: u64 = 1;
    pub(super) const DESK: u64 = 2;
    pub(super) const OUTSIDE: u64 = 3;
}

/// A network that processes plug their hosts into.
pub struct Hub {
    place: Place,
    listener: OwnedFd,
    took_over: bool,
    /// Nobody more can be let in, for want of descriptors, until somebody leaves.
    full: bool,
    /// It is waited for somebody to connect.
    listens: bool,
    /// A byte comes here when it is to end, of which `peers` tells.
    _end: UnixStream,
    hosts: Hosts,
    /// When the network's time began; it hasn't while hosts are waited for.
    began: Option<Clock>,
    /// So many have to come before it begins.
    awaited: usize,
    peers: Peers,
    ended: bool,
    teller: Option<Sender<Happening>>,
    watcher: Option<Watcher>,
    /// Where it is looked into, and what of it is told there.
    desk: Option<(Desk, About)>,
}

/// What happens in a network whose hosts are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// All that were waited for are there: the network's time begins.
    Began,
    /// An event of its timetable, by its place there. Who is plugged in as a host that is switched off isn't any more.
    Event(usize),
}

/// Who sees each frame.
pub type Watcher = Box<dyn FnMut(&Lab, &Captured) + Send>;

impl Hub {
    /// The default network at a place, its links like this each way, with this MTU in bytes. Hosts that it doesn't know get
    /// the next free address. If something leads to the machine's network, or in from it, that is host `gateway`.
    ///
    /// # Errors
    /// `IsUp`, or the socket can't be made, or a port not be published.
    pub fn new(
        place: Place,
        seed: u64,
        (direction, mtu): (Direction, usize),
        outside: Options,
    ) -> Result<Hub, Error> {
        Hub::at(place, || {
            let gateway = if outside.is_nothing() { None } else { Some(Gateway::new(outside)?) };
            Ok(Hosts::default_network(seed, (direction, mtu), gateway).map_err(failed)?)
        })
    }

    /// A file's network at a place, its hosts serving these files.
    ///
    /// # Errors
    /// The same.
    pub fn of(place: Place, topology: &Topology, seed: u64, files: Files) -> Result<Hub, Error> {
        Hub::at(place, || {
            let options = topology.gateway.as_ref().map(|gateway| gateway.options.clone());
            let gateway = options.map(Gateway::new).transpose()?;
            Ok(Hosts::of(topology, seed, files, gateway).map_err(failed)?)
        })
    }

    fn at(place: Place, hosts: impl FnOnce() -> Result<Hosts, Error>) -> Result<Hub, Error> {
        let (listener, took_over) = claim(&place)?;
        let (end, signalled) = UnixStream::pair()?;
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        let hangup = Some(SIGHUP).filter(|signal| !sockeye_look::ignores(*signal));
        for signal in [SIGTERM, SIGINT].into_iter().chain(hangup) {
            signal_hook::low_level::pipe::register(signal, signalled.try_clone()?)?;
        }
        let hosts = hosts().inspect_err(|_| {
            let _ = fs::remove_file(place.path());
        })?;
        let peers = Peers::new()?;
        peers.watch(token::LISTENER, &listener)?;
        peers.watch(token::END, &end)?;
        hosts.outside().map_or(Ok(()), |gateway| peers.watch(token::OUTSIDE, gateway))?;
        let mut hub = Hub {
            place,
            listener,
            took_over,
            full: false,
            listens: true,
            _end: end,
            hosts,
            began: None,
            awaited: 0,
            peers,
            ended: false,
            teller: None,
            watcher: None,
            desk: None,
        };
        hub.begin();
        Ok(hub)
    }

    /// The network's time begins, and the clocks of its hosts say what the machine's says.
    fn begin(&mut self) {
        self.began = Some(Clock::now());
        self.hosts.set_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    }

    /// Whether a network that ended without a word had left its socket there.
    pub fn took_over(&self) -> bool {
        self.took_over
    }

    /// Has the network's time begin when so many hosts have been plugged in, and tells of what happens to them.
    pub fn wait_for(&mut self, hosts: usize, teller: Sender<Happening>) {
        self.awaited = hosts;
        if hosts > 0 {
            self.began = None;
        }
        self.teller = Some(teller);
    }

    /// Frames that did not arrive, by reason.
    pub fn dropped(&self) -> BTreeMap<&'static str, u64> {
        self.hosts.dropped()
    }

    /// Set it where hosts leave because all is over: what comes for them afterwards isn't counted as dropped.
    pub fn over(&self) -> Arc<AtomicBool> {
        self.hosts.over()
    }

    /// Shows each frame to somebody.
    pub fn watch(&mut self, watcher: Watcher) {
        self.watcher = Some(watcher);
        self.choose_capture();
    }

    /// Opens a control socket, where others may look at the network: of this kind, from this file.
    ///
    /// # Errors
    /// It can't be made.
    pub fn open_desk(&mut self, role: Role, program: Option<String>) -> Result<(), sockeye_look::Error> {
        let network = Some(self.place.name().to_owned());
        let about = About::of_this_process(role, network, program);
        let desk = Desk::open(&about)?;
        self.peers.watch(token::DESK, &desk).map_err(sockeye_look::Error::from)?;
        self.desk = Some((desk, about));
        Ok(())
    }

    /// Does what is to be done for who looks.
    fn attend_desk(&mut self) {
        let now = self.now();
        if let Some((desk, about)) = &mut self.desk
            && desk.attend()
        {
            let (hosts, links) = self.hosts.seen(now);
            desk.answer(Snapshot { about: about.clone(), now: now.as_nanos(), hosts, links });
        }
        self.choose_capture();
    }

    fn choose_capture(&mut self) {
        let watched = if self.watcher.is_some() { Capturing::Sent } else { Capturing::Nothing };
        let looked_at = self.desk.as_ref().map_or(Capturing::Nothing, |(desk, _)| desk.needs());
        self.hosts.capture(watched.max(looked_at));
    }

    /// Serves until it is told to end, by a signal or by `down`.
    ///
    /// # Errors
    /// The machine's, when it can't wait any more.
    pub fn serve(&mut self) -> Result<(), Error> {
        while !self.ended {
            self.settle();
            let events = self.wait()?;
            self.ended |= events.contains(&token::END);
            if events.contains(&token::DESK) {
                self.attend_desk();
            }
            if events.contains(&token::OUTSIDE) {
                self.hosts.attend_outside(self.now());
            }
            events.iter().for_each(|id| self.hear(*id));
            for id in self.peers.lively() {
                self.take_frames(id);
            }
            if events.contains(&token::LISTENER) {
                self.accept();
            }
            self.settle();
            self.forget_gone();
        }
        self.peers.end();
        Ok(())
    }

    fn now(&self) -> Instant {
        self.began.map_or(Instant::ZERO, |began| Instant::ZERO + began.elapsed())
    }

    /// Waits for something to do: gives the numbers of who has something.
    fn wait(&mut self) -> io::Result<Vec<u64>> {
        let deadline = self.hosts.next_deadline().filter(|_| self.began.is_some());
        let timeout = deadline.map(|deadline| {
            let span = deadline.since(self.now());
            Timespec { tv_sec: span.as_secs().min(1 << 30) as i64, tv_nsec: span.subsec_nanos().into() }
        });
        let listens = self.peers.len() < MOST_MEMBERS && !self.full;
        if listens != self.listens {
            self.peers.watch_again(token::LISTENER, &self.listener, listens)?;
            self.listens = listens;
        }
        self.peers.wait(timeout.as_ref())
    }

    fn accept(&mut self) {
        while self.peers.len() < MOST_MEMBERS {
            match accept_with(&self.listener, SocketFlags::CLOEXEC) {
                // Whoever is somebody else is let go, and whoever can't be listened to.
                Ok(socket) if is_of_this_user(&socket) => drop(self.peers.add(socket)),
                Ok(_) => {}
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                // Whoever waits goes on waiting; to try again at once would do nothing else.
                Err(_) => {
                    self.full = self.peers.len() > 0;
                    return;
                }
            }
        }
    }

    /// Takes the messages that a peer has sent.
    fn hear(&mut self, id: PeerId) {
        for _ in 0..AT_A_TIME {
            let Some(text) = self.peers.read(id) else { return };
            self.request_from(id, &text);
        }
    }

    /// Takes the frames that a host has sent.
    fn take_frames(&mut self, id: PeerId) {
        let now = self.now();
        let Some(host) = self.peers.host(id) else { return };
        // What it sent before it went is on the link.
        let ended = self.peers.has_ended(id);
        for _ in 0..if ended { LAST } else { AT_A_TIME } {
            let Some((interface, frame)) = self.peers.receive(id) else { break };
            if !self.hosts.input(now, (host, interface), frame) {
                self.peers.dismiss(id);
            }
        }
        if ended {
            return self.peers.dismiss(id);
        }
        self.peers.flush(id);
    }

    fn request_from(&mut self, id: PeerId, text: &[u8]) {
        let reply = match serde_json::from_slice(text) {
            Ok(Request::Join { version, .. }) if version != VERSION => {
                Reply::Refused(misfit(version, VERSION))
            }
            Ok(Request::Join { host, program, .. }) => match self.join(id, &host, &program) {
                Ok((joined, memory)) => return self.welcome(id, joined, &memory),
                Err(why) => Reply::Refused(why),
            },
            Ok(Request::Hosts) => Reply::Hosts(self.hosts.report(self.now())),
            Ok(Request::Down) => {
                self.ended = true;
                Reply::Down
            }
            Err(_) => Reply::Refused("the network doesn't know what was asked".to_owned()),
        };
        self.peers.say(id, &reply, &[]);
    }

    /// Tells who is a host now what it is.
    fn welcome(&mut self, id: PeerId, joined: Joined, memory: &OwnedFd) {
        let bell = self.peers.host(id).and_then(|host| self.peers.bell(host)?.try_clone_to_owned().ok());
        let Some(bell) = bell else { return self.peers.dismiss(id) };
        let knows_names = joined.dns.is_none();
        self.peers.say(id, &Reply::Joined(joined), &[memory.as_fd(), bell.as_fd()]);
        if knows_names {
            self.peers.say(id, &Reply::Names(self.hosts.names()), &[]);
        }
    }

    /// Makes a peer a host: what it is, and the memory of its rings.
    fn join(&mut self, id: PeerId, name: &str, program: &str) -> Result<(Joined, OwnedFd), String> {
        if self.peers.host(id).is_some() {
            return Err("this is a host already".to_owned());
        }
        let known = self.hosts.len();
        let (host, joined) = self.hosts.join(name, program, self.peers.process(id))?;
        let memory = self.peers.seat(id, host).map_err(|error| {
            self.hosts.leave(host);
            format!("the network can't share memory with {name}: {error}")
        })?;
        if self.hosts.len() > known
            && let Some((server, name, addresses)) = self.hosts.name_server()
            && let Some(server) = self.peers.of_host(server)
        {
            // What finds no room is lost, and with it the name.
            self.peers.say(server, &Reply::Named(name.to_owned(), addresses.to_vec()), &[]);
        }
        if self.began.is_none() {
            self.awaited = self.awaited.saturating_sub(1);
            if self.awaited == 0 {
                self.begin();
                self.desk.iter_mut().for_each(|(desk, about)| desk.begin(about));
                self.tell(Happening::Began);
            }
        }
        Ok((joined, memory))
    }

    fn tell(&self, happening: Happening) {
        if let Some(teller) = &self.teller {
            // Whoever listened may have gone.
            let _ = teller.send(happening);
        }
    }

    /// Lets the network do what is due, and sends its members what has come to them.
    fn settle(&mut self) {
        let now = self.now();
        while let Some((number, concern)) = self.began.and_then(|_| self.hosts.happen(now)) {
            match concern {
                Some(Concern::Off(host)) => {
                    self.hosts.leave(host);
                    self.peers.of_host(host).into_iter().for_each(|id| self.peers.dismiss(id));
                }
                Some(Concern::Addresses(host, interface, addresses)) => {
                    let reply = Reply::Addresses(interface, addresses);
                    self.peers.of_host(host).into_iter().for_each(|id| self.peers.say(id, &reply, &[]));
                }
                None => {}
            }
            self.tell(Happening::Event(number));
        }
        let peers = &mut self.peers;
        self.hosts.settle(now, |host, interface, frame| peers.deliver(host, interface, frame));
        self.peers.ring();
        self.lead_beside();
        while let Some((lab, captured)) = self.hosts.poll_captured() {
            self.watcher
                .iter_mut()
                .filter(|_| captured.is_sent())
                .for_each(|watcher| watcher(lab, &captured));
            self.desk.iter_mut().for_each(|(desk, _)| desk.show(lab, &captured));
        }
        self.desk.iter_mut().for_each(|(desk, _)| desk.flush());
        while let Some(note) = self.hosts.poll_note() {
            // Nobody may be there to read it.
            let _ = writeln!(io::stderr(), "sockeye: {note}");
        }
    }

    /// Gives hosts ways of their own, and takes them back.
    fn lead_beside(&mut self) {
        for pair in self.hosts.end_beside() {
            for end in pair.ends {
                let parted = Reply::Parted(pair.number);
                self.peers.of_host(end.host).into_iter().for_each(|id| self.peers.say(id, &parted, &[]));
            }
        }
        while let Some((memory, pair)) = self.hosts.begin_beside() {
            let (number, ends) = (pair.number, pair.ends);
            for (own, other) in [(0, 1), (1, 0)] {
                let (end, other) = (ends[own], ends[other]);
                let to = self.hosts.mac(other);
                let bell = self.peers.bell(other.host).and_then(|bell| bell.try_clone_to_owned().ok());
                // Who has no such way goes by the hub.
                let (Some(id), Some(bell)) = (self.peers.of_host(end.host), bell) else { continue };
                let beside = Beside { number, interface: end.interface, to, second: own == 1 };
                self.peers.say(id, &Reply::Beside(beside), &[memory.as_fd(), bell.as_fd()]);
            }
        }
    }

    /// Hosts whose processes have left are switched off.
    fn forget_gone(&mut self) {
        for host in self.peers.take_gone() {
            self.full = false;
            host.into_iter().for_each(|host| self.hosts.leave(host));
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.place.path());
    }
}

/// What the network could not be given.
fn failed(errno: sockeye_abi::Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.0)
}

/// A listener at a place, if no other hub is there. What one left behind that is no more is taken away; says whether there was such.
fn claim(place: &Place) -> Result<(OwnedFd, bool), Error> {
    // One at a time: else two that find nobody there would each take away the other's socket.
    let alone = File::open(place.directory())?;
    alone.lock()?;
    match reach(place) {
        Ok(_) => return Err(Error::IsUp(place.name().to_owned())),
        Err(Error::NotUp(_)) => {}
        Err(error) => return Err(error),
    }
    let took_over = match fs::remove_file(place.path()) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        removed => removed.is_ok(),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener =
        socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(io::Error::from)?;
    let address = SocketAddrUnix::new(place.path()).map_err(io::Error::from)?;
    bind(&listener, &address).map_err(io::Error::from)?;
    listen(&listener, 128).map_err(io::Error::from)?;
    Ok((listener, took_over))
}
