//! The side of who is plugged in.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use sockeye_wire::Frame;

use crate::member::{Member, Read};
use crate::message::{HostReport, Incoming, Joined, Reply, Request, VERSION, control, misfit};
use crate::{Error, Place};

/// How long a hub may take to answer.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// A host's cable: frames both ways, without waiting.
pub struct Plug {
    member: Member,
    /// The hub is gone.
    gone: bool,
}

/// What comes to a host from its network.
#[derive(Debug)]
pub enum News {
    /// A frame, and by which interface.
    Frame(usize, Box<Frame>),
    /// A host has come, for who serves names.
    Named(String, Vec<IpAddr>),
}

impl Plug {
    /// Asks to be a host of a network; gives the cable and what the host is.
    ///
    /// # Errors
    /// `NotUp`; `Refused` with the reason, such as that the host is there already.
    pub fn join(place: &Place, host: &str, program: &str) -> Result<(Plug, Joined), Error> {
        let request = Request::Join { host: host.to_owned(), program: program.to_owned(), version: VERSION };
        let (member, reply) = ask(place, &request)?;
        match reply {
            Reply::Joined(joined) if joined.version != VERSION => {
                Err(Error::Refused(misfit(VERSION, joined.version)))
            }
            Reply::Joined(joined) => Ok((Plug { member, gone: false }, joined)),
            Reply::Refused(why) => Err(Error::Refused(why)),
            Reply::Named(..) | Reply::Hosts(_) | Reply::Down => Err(Error::Strange),
        }
    }

    /// The next of what has come; `None` if there is none for now.
    pub fn receive(&mut self) -> Option<News> {
        loop {
            match self.member.read() {
                Read::Message(Incoming::Frame(interface, frame)) => {
                    return Some(News::Frame(interface, frame));
                }
                Read::Message(Incoming::Control(text)) => {
                    if let Ok(Reply::Named(name, addresses)) = serde_json::from_slice(&text) {
                        return Some(News::Named(name, addresses));
                    }
                }
                Read::Rubbish => {}
                Read::Empty => return None,
                Read::Gone => {
                    self.gone = true;
                    return None;
                }
            }
        }
    }

    /// Sends a frame by an interface. One that finds no room is lost, as on any link.
    pub fn send(&mut self, interface: usize, frame: &Frame) {
        self.member.send_frame(interface, frame);
    }

    /// Sends what found no room in the socket before.
    pub fn flush(&mut self) {
        self.member.flush();
    }

    /// Whether frames wait for room in the socket: [`Plug::flush`] when it can be written.
    pub fn is_waiting(&self) -> bool {
        self.member.is_waiting()
    }

    /// Whether the hub is gone: nothing will come any more.
    pub fn is_gone(&self) -> bool {
        self.gone
    }
}

impl AsFd for Plug {
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
        Reply::Joined(_) | Reply::Named(..) | Reply::Down => Err(Error::Strange),
    }
}

/// Ends a network, and waits until it has gone.
///
/// # Errors
/// `NotUp`.
pub fn ask_down(place: &Place) -> Result<(), Error> {
    let (mut member, reply) = ask(place, &Request::Down)?;
    match reply {
        Reply::Down => loop {
            match member.read() {
                Read::Gone => return Ok(()),
                Read::Message(_) | Read::Rubbish => {}
                Read::Empty => wait(&member)?,
            }
        },
        Reply::Refused(why) => Err(Error::Refused(why)),
        Reply::Joined(_) | Reply::Named(..) | Reply::Hosts(_) => Err(Error::Strange),
    }
}

/// Connects, asks, and waits for the answer.
fn ask(place: &Place, request: &Request) -> Result<(Member, Reply), Error> {
    let mut member = Member::new(reach(place)?);
    member.send(&control(request));
    loop {
        match member.read() {
            Read::Message(Incoming::Control(text)) => {
                let reply = serde_json::from_slice(&text).map_err(|_| Error::Strange)?;
                return Ok((member, reply));
            }
            Read::Message(Incoming::Frame(..)) | Read::Rubbish => return Err(Error::Strange),
            Read::Gone => return Err(Error::NotUp(place.name().to_owned())),
            Read::Empty => wait(&member)?,
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
