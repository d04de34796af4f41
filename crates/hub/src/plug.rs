//! The side of who is plugged in.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use sockeye_base::Pool;
use sockeye_device::ring::Side;
use sockeye_wire::Frame;
use sockeye_wire::ethernet::Mac;

use crate::member::{Member, Read};
use crate::message::{Beside, HostReport, Joined, LONGEST_REPLY, Reply, Request, VERSION, misfit};
use crate::wire::{Bell, Received, Wire};
use crate::{Error, Place};

/// How long a hub may take to answer.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// Frames that are still heard of who isn't reached beside the hub any more.
const UNDER_WAY: usize = 4096;

/// A host's cable: frames both ways, without waiting. By rings that it shares with the hub, and with hosts that it has much to
/// say to.
///
/// Who sleeps says so before ([`Plug::may_sleep`]), and is woken by [`Plug::bell`], or by the socket for messages.
pub struct Plug {
    member: Member,
    /// The socket has something.
    told: bool,
    bell: Bell,
    /// To the hub, and to others.
    wire: Wire,
    beside: Vec<Neighbour>,
    /// Which of them is asked first.
    turn: usize,
    pool: Pool,
    buffer: Vec<u8>,
    /// The hub is gone.
    gone: bool,
}

/// A host that is reached beside the hub.
struct Neighbour {
    number: u64,
    interface: usize,
    to: Mac,
    wire: Wire,
    bell: Bell,
    /// The way is no more: so many frames that are under way are still heard.
    left: Option<usize>,
}

/// What comes to a host from its network.
#[derive(Debug)]
pub enum News {
    /// A frame, and by which interface.
    Frame(usize, Box<Frame>),
    /// A host has come, for who serves names.
    Named(String, Vec<IpAddr>),
    /// An interface of it, by its number, has these addresses from now on, each with its network.
    Addresses(usize, Vec<String>),
}

impl Plug {
    /// Asks to be a host of a network; gives the cable and what the host is.
    ///
    /// # Errors
    /// `NotUp`; `Refused` with the reason, such as that the host is there already.
    pub fn join(place: &Place, host: &str, program: &str) -> Result<(Plug, Joined), Error> {
        let request = Request::Join { host: host.to_owned(), program: program.to_owned(), version: VERSION };
        let (member, reply, files) = ask(place, &request)?;
        match reply {
            Reply::Joined(joined) if joined.version != VERSION => {
                Err(Error::Refused(misfit(VERSION, joined.version)))
            }
            Reply::Joined(joined) => {
                let [memory, bell] = <[OwnedFd; 2]>::try_from(files).map_err(|_| Error::Strange)?;
                let plug = Plug {
                    member,
                    told: true,
                    bell: Bell(bell),
                    wire: Wire::open(memory, Side::Second)?,
                    beside: Vec::new(),
                    turn: 0,
                    pool: Pool::new(),
                    buffer: Vec::new(),
                    gone: false,
                };
                Ok((plug, joined))
            }
            Reply::Refused(why) => Err(Error::Refused(why)),
            _ => Err(Error::Strange),
        }
    }

    /// The hosts of the network and their addresses, for one that has to know them; of those that come later it is told. To
    /// be asked for once, and before anything else.
    ///
    /// # Errors
    /// The hub is gone, or says something else.
    pub fn names(&mut self) -> Result<Vec<(String, Vec<IpAddr>)>, Error> {
        match answer(&mut self.member)? {
            Some((Reply::Names(names), _)) => Ok(names),
            Some(_) => Err(Error::Strange),
            None => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
        }
    }

    /// What is rung when a frame comes, or there is room: watch it for edges.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.0.as_fd()
    }

    /// The socket can be read.
    pub fn note_message(&mut self) {
        self.told = true;
    }

    /// The next of what has come; `None` if there is none for now.
    pub fn receive(&mut self) -> Option<News> {
        self.receive_frame().or_else(|| self.receive_message())
    }

    fn receive_frame(&mut self) -> Option<News> {
        // All in turn, so that who never stops keeps nobody from being heard.
        for _ in 0..=self.beside.len() {
            let Some(neighbour) = self.beside.get_mut(self.turn) else {
                self.turn = 0;
                match self.wire.receive(&mut self.pool) {
                    Received::Frame(interface, frame) => return Some(News::Frame(interface, frame)),
                    Received::Nothing => continue,
                    Received::Rubbish => {
                        self.gone = true;
                        return None;
                    }
                }
            };
            match neighbour.wire.receive(&mut self.pool) {
                Received::Frame(_, frame) => {
                    neighbour.left = neighbour.left.map(|left| left.saturating_sub(1));
                    let interface = neighbour.interface;
                    self.turn += usize::from(neighbour.left != Some(0));
                    return Some(News::Frame(interface, frame));
                }
                Received::Nothing if neighbour.left.is_none() => self.turn += 1,
                // Or it can't keep to the rules: the hub finds another way.
                Received::Nothing | Received::Rubbish => drop(self.beside.remove(self.turn)),
            }
        }
        None
    }

    fn receive_message(&mut self) -> Option<News> {
        while self.told {
            match self.member.read(&mut self.buffer) {
                Read::Control(text, files) => match serde_json::from_slice(&text) {
                    Ok(Reply::Named(name, addresses)) => return Some(News::Named(name, addresses)),
                    Ok(Reply::Addresses(interface, addresses)) => {
                        return Some(News::Addresses(interface, addresses));
                    }
                    Ok(Reply::Beside(beside)) => self.add_neighbour(&beside, files),
                    Ok(Reply::Parted(number)) => self.part(number),
                    Ok(
                        Reply::Joined(_)
                        | Reply::Names(_)
                        | Reply::Hosts(_)
                        | Reply::Down
                        | Reply::Refused(_),
                    )
                    | Err(_) => {}
                },
                Read::Bell | Read::Rubbish => {}
                Read::Empty => self.told = false,
                Read::Gone => {
                    self.gone = true;
                    self.told = false;
                }
            }
        }
        None
    }

    /// From now on a host is reached beside the hub, if that can be.
    fn add_neighbour(&mut self, beside: &Beside, files: Vec<OwnedFd>) {
        let Ok([memory, bell]) = <[OwnedFd; 2]>::try_from(files) else { return };
        let Beside { number, interface, to, second } = *beside;
        let side = if second { Side::Second } else { Side::First };
        if let Ok(wire) = Wire::open(memory, side) {
            self.beside.push(Neighbour {
                number,
                interface,
                to: Mac(to),
                wire,
                bell: Bell(bell),
                left: None,
            });
        }
    }

    /// A host isn't reached beside the hub any more.
    fn part(&mut self, number: u64) {
        let Some(at) = self.beside.iter().position(|neighbour| neighbour.number == number) else { return };
        let neighbour = &mut self.beside[at];
        neighbour.left = Some(UNDER_WAY);
        neighbour.wire.hand_over(&mut self.wire, neighbour.interface);
        if !neighbour.wire.has_some() {
            self.beside.remove(at);
        }
    }

    /// Sends a frame by an interface. One that finds no room is lost, as on any link.
    pub fn send(&mut self, interface: usize, frame: &Frame) {
        let to = frame.ethernet.map(|header| header.destination);
        let mut beside = self.beside.iter_mut();
        let neighbour = beside.find(|own| Some(own.to) == to && own.interface == interface);
        match neighbour.filter(|own| own.left.is_none() && own.wire.is_heard()) {
            Some(neighbour) => neighbour.wire.send(interface, frame),
            None => self.wire.send(interface, frame),
        };
    }

    /// Sends what found no room before, and wakes those who wait for what was sent or taken.
    pub fn finish(&mut self) {
        self.wire.flush();
        if self.wire.must_ring() {
            self.member.ring();
        }
        for neighbour in &mut self.beside {
            neighbour.wire.flush();
            if neighbour.wire.must_ring() {
                neighbour.bell.ring();
            }
        }
    }

    fn wires(&self) -> impl Iterator<Item = &Wire> {
        [&self.wire].into_iter().chain(self.beside.iter().map(|neighbour| &neighbour.wire))
    }

    /// Whether one may go to sleep: who sends something will ring. If not, something is there.
    pub fn may_sleep(&self) -> bool {
        !self.told && self.wires().all(Wire::may_sleep)
    }

    /// One doesn't sleep any more. Whether something is there, or may be.
    pub fn wake(&self) -> bool {
        self.wires().for_each(Wire::is_awake);
        self.told || self.wires().any(Wire::has_some)
    }

    /// Whether the hub is gone: nothing will come any more.
    pub fn is_gone(&self) -> bool {
        self.gone
    }
}

impl AsFd for Plug {
    /// Its socket.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.member.as_fd()
    }
}

/// The hosts of a network.
///
/// # Errors
/// `NotUp`.
pub fn ask_hosts(place: &Place) -> Result<Vec<HostReport>, Error> {
    match ask(place, &Request::Hosts)?.1 {
        Reply::Hosts(hosts) => Ok(hosts),
        Reply::Refused(why) => Err(Error::Refused(why)),
        _ => Err(Error::Strange),
    }
}

/// Ends a network, and waits until it has gone.
///
/// # Errors
/// `NotUp`.
pub fn ask_down(place: &Place) -> Result<(), Error> {
    let (mut member, reply, _) = ask(place, &Request::Down)?;
    match reply {
        Reply::Down => loop {
            match member.read(&mut Vec::new()) {
                Read::Gone => return Ok(()),
                Read::Control(..) | Read::Bell | Read::Rubbish => {}
                Read::Empty => wait(&member)?,
            }
        },
        Reply::Refused(why) => Err(Error::Refused(why)),
        _ => Err(Error::Strange),
    }
}

/// Connects, asks, and waits for the answer and the files that come with it.
fn ask(place: &Place, request: &Request) -> Result<(Member, Reply, Vec<OwnedFd>), Error> {
    let mut member = Member::new(reach(place)?, LONGEST_REPLY);
    member.send(request, &[]);
    let answer = answer(&mut member)?;
    let (reply, files) = answer.ok_or_else(|| Error::NotUp(place.name().to_owned()))?;
    Ok((member, reply, files))
}

/// Waits for what the hub says, and the files that come with it; nothing if it is gone.
fn answer(member: &mut Member) -> Result<Option<(Reply, Vec<OwnedFd>)>, Error> {
    let mut buffer = Vec::new();
    loop {
        match member.read(&mut buffer) {
            Read::Control(text, files) => {
                let reply = serde_json::from_slice(&text).map_err(|_| Error::Strange)?;
                return Ok(Some((reply, files)));
            }
            Read::Bell | Read::Rubbish => return Err(Error::Strange),
            Read::Gone => return Ok(None),
            Read::Empty => wait(member)?,
        }
    }
}

/// Waits for the hub to say something.
fn wait(member: &Member) -> Result<(), Error> {
    let mut ready = [PollFd::new(member, PollFlags::IN)];
    match poll(&mut ready, Some(&PATIENCE)) {
        Ok(0) => Err(Error::Refused("the network doesn't answer".to_owned())),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(Error::Io(error.into())),
    }
}

/// A connection to a hub, if one is there.
pub(crate) fn reach(place: &Place) -> Result<OwnedFd, Error> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(std::io::Error::from)?;
    let address = SocketAddrUnix::new(place.path()).map_err(std::io::Error::from)?;
    match connect(&socket, &address) {
        Ok(()) => Ok(socket),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED) => {
            Err(Error::NotUp(place.name().to_owned()))
        }
        Err(error) => Err(Error::Io(error.into())),
    }
}
