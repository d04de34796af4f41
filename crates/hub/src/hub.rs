//! The hub: a network, and the processes that are plugged in as hosts of it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Sender;
use std::time::Instant as Clock;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
};
use sockeye_base::Instant;
use sockeye_gateway::{Gateway, Options};
use sockeye_lab::{Captured, Capturing, Direction, Lab};
use sockeye_look::{About, Desk, Role, Snapshot};
use sockeye_topology::{Files, Topology};
use sockeye_wire::Frame;

use crate::hosts::Hosts;
use crate::member::{Member, Read};
use crate::message::{Incoming, Joined, Reply, Request, VERSION, control, misfit};
use crate::plug::reach;
use crate::{Error, Place};

/// Connections of one hub.
const MOST_MEMBERS: usize = 1024;
/// Messages taken from one member before others are looked at.
const AT_A_TIME: usize = 64;

/// A network that processes plug their hosts into.
pub struct Hub {
    place: Place,
    listener: OwnedFd,
    took_over: bool,
    /// Nobody more can be let in, for want of descriptors, until somebody leaves.
    full: bool,
    /// A byte comes here when it is to end.
    end: UnixStream,
    hosts: Hosts,
    /// When the network's time began; it hasn't while hosts are waited for.
    began: Option<Clock>,
    /// So many have to come before it begins.
    awaited: usize,
    members: Vec<Peer>,
    ended: bool,
    teller: Option<Sender<Happening>>,
    watcher: Option<Watcher>,
    /// Where it is looked into, and what of it is told there.
    desk: Option<(Desk, About)>,
}

/// What happens to hosts that processes are plugged in as, by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// All that were waited for are there: the network's time begins.
    Began,
    /// A host is switched off: it isn't plugged in any more.
    Off(String),
    /// It is switched on: it may be plugged in again.
    On(String),
    /// It is to stand still.
    Pause(String),
    /// It is to go on.
    Resume(String),
}

/// Who sees each frame.
pub type Watcher = Box<dyn FnMut(&Lab, &Captured) + Send>;

/// What there is to do.
struct Ready {
    /// Somebody connects.
    listening: bool,
    /// It is to end.
    ended: bool,
    /// Somebody looks.
    looked_at: bool,
    /// The machine's network has something to say.
    outside: bool,
    /// Members that have something.
    members: Vec<usize>,
}

/// Who is connected.
struct Peer {
    member: Member,
    /// Which host it is.
    host: Option<usize>,
    gone: bool,
}

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
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP]
        {
            signal_hook::low_level::pipe::register(signal, signalled.try_clone()?)?;
        }
        let hosts = hosts().inspect_err(|_| {
            let _ = fs::remove_file(place.path());
        })?;
        Ok(Hub {
            place,
            listener,
            took_over,
            full: false,
            end,
            hosts,
            began: Some(Clock::now()),
            awaited: 0,
            members: Vec::new(),
            ended: false,
            teller: None,
            watcher: None,
            desk: None,
        })
    }

    /// Whether a network that ended without a word had left its socket there.
    pub fn took_over(&self) -> bool {
        self.took_over
    }

    /// Has the network's time begin when so many hosts have been plugged in, and tells of what happens to them.
    pub fn wait_for(&mut self, hosts: usize, teller: Sender<Happening>) {
        self.awaited = hosts;
        self.began = (hosts == 0).then(Clock::now);
        self.teller = Some(teller);
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
        self.desk = Some((Desk::open(&about)?, about));
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
            let Ready { listening, ended, looked_at, outside, members } = self.wait()?;
            self.ended |= ended;
            if looked_at {
                self.attend_desk();
            }
            if outside {
                self.hosts.attend_outside(self.now());
            }
            for at in members {
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
        self.began.map_or(Instant::ZERO, |began| Instant::ZERO + began.elapsed())
    }

    /// Waits for something to do.
    fn wait(&mut self) -> io::Result<Ready> {
        let deadline = self.hosts.next_deadline().filter(|_| self.began.is_some());
        let timeout = deadline.map(|deadline| {
            let span = deadline.since(self.now());
            Timespec { tv_sec: span.as_secs().min(1 << 30) as i64, tv_nsec: span.subsec_nanos().into() }
        });
        let has_room = self.members.len() < MOST_MEMBERS && !self.full;
        let listens = if has_room { PollFlags::IN } else { PollFlags::empty() };
        let mut places = vec![PollFd::new(&self.listener, listens), PollFd::new(&self.end, PollFlags::IN)];
        places.extend(self.desk.iter().map(|(desk, _)| PollFd::new(desk, PollFlags::IN)));
        let way_out = places.len();
        places.extend(self.hosts.outside().map(|gateway| PollFd::from_borrowed_fd(gateway, PollFlags::IN)));
        let first = places.len();
        places.extend(self.members.iter().map(|peer| {
            let writes = if peer.member.is_waiting() { PollFlags::OUT } else { PollFlags::empty() };
            PollFd::from_borrowed_fd(peer.member.as_fd(), PollFlags::IN | writes)
        }));
        match poll(&mut places, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let has = |at: usize| !places[at].revents().is_empty();
        let looked_at = way_out > 2 && has(2);
        let outside = first > way_out && has(way_out);
        let members = (first..places.len()).filter(|at| has(*at)).map(|at| at - first).collect();
        Ok(Ready { listening: has(0), ended: has(1), looked_at, outside, members })
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
                Read::Message(Incoming::Frame(interface, frame)) => self.frame_from(at, interface, frame),
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

    fn frame_from(&mut self, at: usize, interface: usize, frame: Box<Frame>) {
        let now = self.now();
        let host = self.members[at].host;
        let known = host.is_some_and(|host| self.hosts.input(now, (host, interface), frame));
        self.members[at].gone |= !known;
    }

    fn request_from(&mut self, at: usize, text: &[u8]) {
        let reply = match serde_json::from_slice(text) {
            Ok(Request::Join { version, .. }) if version != VERSION => {
                Reply::Refused(misfit(version, VERSION))
            }
            Ok(Request::Join { host, program, .. }) => {
                self.join(at, &host, &program).map_or_else(Reply::Refused, Reply::Joined)
            }
            Ok(Request::Hosts) => Reply::Hosts(self.hosts.report()),
            Ok(Request::Down) => {
                self.ended = true;
                Reply::Down
            }
            Err(_) => Reply::Refused("the network doesn't know what was asked".to_owned()),
        };
        self.members[at].member.send(&control(&reply));
    }

    /// Makes a member a host.
    fn join(&mut self, at: usize, name: &str, program: &str) -> Result<Joined, String> {
        if self.members[at].host.is_some() {
            return Err("this is a host already".to_owned());
        }
        let process = socket_peercred(&self.members[at].member)
            .map_or(0, |credentials| credentials.pid.as_raw_nonzero().get());
        let known = self.hosts.len();
        let (host, joined) = self.hosts.join(name, program, process)?;
        self.members[at].host = Some(host);
        if self.hosts.len() > known
            && let Some((server, name, addresses)) = self.hosts.name_server()
        {
            let news = control(&Reply::Named(name.to_owned(), addresses.to_vec()));
            let servers = self.members.iter_mut().filter(|peer| peer.host == Some(server) && !peer.gone);
            // What finds no room is lost, and with it the name.
            servers.for_each(|peer| {
                peer.member.send(&news);
            });
        }
        if self.began.is_none() {
            self.awaited = self.awaited.saturating_sub(1);
            if self.awaited == 0 {
                self.began = Some(Clock::now());
                self.desk.iter_mut().for_each(|(desk, about)| desk.begin(about));
                self.tell(Happening::Began);
            }
        }
        Ok(joined)
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
        while let Some((host, happening)) = self.hosts.happen(now) {
            if let Happening::Off(_) = happening {
                self.hosts.leave(host);
                let peers = self.members.iter_mut().filter(|peer| peer.host == Some(host));
                peers.for_each(|peer| peer.gone = true);
            }
            self.tell(happening);
        }
        let members = &mut self.members;
        self.hosts.settle(now, |host, interface, frame| {
            let peer = members.iter_mut().find(|peer| peer.host == Some(host) && !peer.gone);
            peer.is_some_and(|peer| peer.member.send_frame(interface, frame))
        });
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

    /// Hosts whose processes have left are switched off.
    fn forget_gone(&mut self) {
        for peer in self.members.extract_if(.., |peer| peer.gone) {
            self.full = false;
            if let Some(host) = peer.host {
                self.hosts.leave(host);
            }
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
