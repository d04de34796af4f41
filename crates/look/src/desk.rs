//! The side of who is looked into: a Unix socket, served by the loop of the process that holds the network.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen,
    recv, send, socket_with,
};
use sockeye_lab::{Captured, Capturing, Lab};

use crate::frames::Subscription;
use crate::runtime::{self, Found, is_of_this_user};
use crate::{About, Answer, Ask, Error, Request, Snapshot, VERSION};

/// Who may look at a time; others are cut off.
const MOST_CLIENTS: usize = 32;
/// Connections taken, and events, before the network goes on.
const AT_A_TIME: usize = 16;
/// No request is longer, in bytes.
const LONGEST: usize = 4096;
/// The number of the listener among the events.
const LISTENER: u64 = 0;

/// Where a process is looked into.
pub struct Desk {
    epoll: OwnedFd,
    listener: OwnedFd,
    path: PathBuf,
    began: Duration,
    clients: BTreeMap<u64, Client>,
    next: u64,
}

/// Who looks.
struct Client {
    socket: OwnedFd,
    /// What of a request has come.
    request: Vec<u8>,
    /// What of an answer is to be sent, and how much of it is.
    answer: Vec<u8>,
    sent: usize,
    /// It asks for a snapshot.
    asks: bool,
    frames: Option<Subscription>,
    /// It will ask nothing more.
    has_ended: bool,
    /// What is waited for.
    interest: EventFlags,
}

impl Desk {
    /// Opens the desk of this process, where the user's runtime directory is, and takes away what others left there that are
    /// no more.
    ///
    /// # Errors
    /// `Directory`, or the socket can't be made.
    pub fn open(about: &About) -> Result<Desk, Error> {
        let directory = runtime::directory().map_err(Error::Directory)?;
        runtime::list(&directory).map_err(Error::Directory)?;
        let place = Found::new(&directory, about.pid, about.role, about.network.as_deref());
        Ok(Desk::at(place.path, Duration::from_nanos(about.began))?)
    }

    /// Opens one here.
    pub(crate) fn at(path: PathBuf, began: Duration) -> io::Result<Desk> {
        // Who had this number before is gone.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&listener, &SocketAddrUnix::new(&path)?)?;
        listen(&listener, 16)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Desk { epoll, listener, path, began, clients: BTreeMap::new(), next: LISTENER + 1 })
    }

    /// The network's time begins only now.
    pub fn begin(&mut self, about: &mut About) {
        *about = About::of_this_process(about.role, about.network.take(), about.program.take());
        self.began = Duration::from_nanos(about.began);
    }

    /// What has to be captured for those who look.
    pub fn needs(&self) -> Capturing {
        let subscriptions = self.clients.values().filter_map(|client| client.frames.as_ref());
        subscriptions.map(Subscription::needs).max().unwrap_or_default()
    }

    /// Does what is to be done, when the descriptor is readable. Whether somebody asks for a snapshot: [`Desk::answer`]. What
    /// is to be captured may be another thing afterwards.
    pub fn attend(&mut self) -> bool {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(AT_A_TIME);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let buffer = rustix::buffer::spare_capacity(&mut events);
        // If that fails, there is nothing.
        let _ = epoll::wait(&self.epoll, buffer, Some(&at_once));
        for event in events {
            match event.data.u64() {
                LISTENER => self.accept(),
                number => {
                    let Some(client) = self.clients.get_mut(&number) else { continue };
                    let result = client.attend(event.flags, self.began);
                    self.keep(number, result);
                }
            }
        }
        self.clients.values().any(|client| client.asks)
    }

    /// Answers all who asked for a snapshot.
    pub fn answer(&mut self, snapshot: Snapshot) {
        let asking = self.clients.iter().filter(|(_, client)| client.asks);
        let asking: Vec<u64> = asking.map(|(number, _)| *number).collect();
        let answer = Answer::Snapshot(Box::new(snapshot));
        for number in asking {
            let Some(client) = self.clients.get_mut(&number) else { continue };
            let mut result = Ok(());
            while client.asks && result.is_ok() {
                client.asks = false;
                client.say(&answer);
                result = client.flush().and_then(|()| client.go_on(self.began));
            }
            self.keep(number, result);
        }
    }

    /// Shows a frame to those who want it.
    pub fn show(&mut self, lab: &Lab, captured: &Captured) {
        let subscriptions = self.clients.values_mut().filter_map(|client| client.frames.as_mut());
        subscriptions.for_each(|frames| frames.show(lab, captured));
    }

    /// Sends on what was shown.
    pub fn flush(&mut self) {
        let shown = |client: &mut Client| client.frames.as_mut().is_some_and(|frames| frames.waiting() > 0);
        let ready: Vec<u64> = self
            .clients
            .iter_mut()
            .filter_map(|(number, client)| (shown(client) && !client.waits_for_room()).then_some(*number))
            .collect();
        for number in ready {
            let Some(client) = self.clients.get_mut(&number) else { continue };
            let result = client.flush();
            self.keep(number, result);
        }
    }

    /// Goes on with a client, or without it.
    fn keep(&mut self, number: u64, result: io::Result<()>) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        let interest = client.wanted();
        let watched = result.and_then(|()| {
            if client.is_done() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            if interest != client.interest {
                epoll::modify(&self.epoll, &client.socket, EventData::new_u64(number), interest)?;
                client.interest = interest;
            }
            Ok(())
        });
        if watched.is_err() {
            self.clients.remove(&number);
        }
    }

    fn accept(&mut self) {
        for _ in 0..AT_A_TIME {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = match accept_with(&self.listener, flags) {
                Ok(socket) => socket,
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(_) => return,
            };
            if !is_of_this_user(&socket) || self.clients.len() >= MOST_CLIENTS {
                continue;
            }
            let number = self.next;
            self.next += 1;
            let client = Client::new(socket);
            if epoll::add(&self.epoll, &client.socket, EventData::new_u64(number), client.interest).is_ok() {
                self.clients.insert(number, client);
            }
        }
    }
}

impl AsFd for Desk {
    /// Readable when there is something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Client {
    fn new(socket: OwnedFd) -> Client {
        let interest = EventFlags::IN;
        Client {
            socket,
            request: Vec::new(),
            answer: Vec::new(),
            sent: 0,
            asks: false,
            frames: None,
            has_ended: false,
            interest,
        }
    }

    fn is_answered(&self) -> bool {
        self.sent == self.answer.len() && !self.asks
    }

    /// The next request may be taken.
    fn is_free(&self) -> bool {
        self.is_answered() && self.frames.is_none()
    }

    /// All was said, on both sides.
    fn is_done(&self) -> bool {
        self.has_ended && self.is_answered() && self.frames.is_none()
    }

    /// A request is read when the answer to the one before is gone. (That somebody has hung up is always told.)
    fn wanted(&mut self) -> EventFlags {
        let waits =
            self.sent < self.answer.len() || self.frames.as_mut().is_some_and(|frames| frames.waiting() > 0);
        match (waits, self.has_ended || !self.is_free()) {
            (true, _) => EventFlags::OUT,
            (false, true) => EventFlags::empty(),
            (false, false) => EventFlags::IN,
        }
    }

    fn waits_for_room(&self) -> bool {
        self.interest.contains(EventFlags::OUT)
    }

    fn attend(&mut self, flags: EventFlags, began: Duration) -> io::Result<()> {
        if flags.intersects(EventFlags::HUP | EventFlags::ERR) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if flags.contains(EventFlags::OUT) {
            self.flush()?;
        }
        if flags.contains(EventFlags::IN) && self.is_free() {
            self.read()?;
        }
        self.go_on(began)
    }

    /// Does what was asked, as long as the answers are taken.
    fn go_on(&mut self, began: Duration) -> io::Result<()> {
        while self.is_free() {
            let Some(end) = self.request.iter().position(|byte| *byte == b'\n') else { break };
            let line: Vec<u8> = self.request.drain(..=end).collect();
            self.take(&line, began);
            self.flush()?;
        }
        let is_endless = self.request.len() >= LONGEST && !self.request.contains(&b'\n');
        if is_endless { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = [0; LONGEST];
        match recv(&self.socket, &mut bytes[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => {
                // A last request may have no end of line.
                self.request.extend((!self.request.is_empty()).then_some(b'\n'));
                self.has_ended = true;
                Ok(())
            }
            Ok((length, _)) => {
                self.request.extend(bytes.get(..length).unwrap_or_default());
                Ok(())
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a request.
    fn take(&mut self, line: &[u8], began: Duration) {
        let answer = match serde_json::from_slice::<Request>(line) {
            Ok(Request { version, .. }) if version != VERSION => {
                Answer::Error(format!("the network speaks version {VERSION}, not {version}"))
            }
            Ok(Request { ask: Ask::Snapshot, .. }) => {
                self.asks = true;
                return;
            }
            Ok(Request { ask: Ask::Frames(wanted), .. }) => match Subscription::new(wanted, began) {
                Ok(frames) => {
                    self.frames = Some(frames);
                    Answer::Frames
                }
                Err(why) => Answer::Error(why),
            },
            Err(error) => Answer::Error(format!("the network doesn't know what was asked: {error}")),
        };
        self.say(&answer);
    }

    fn say(&mut self, answer: &Answer) {
        self.sent = 0;
        // Nothing in it can fail to be written.
        self.answer = serde_json::to_vec(answer).unwrap_or_default();
        self.answer.push(b'\n');
    }

    /// Sends what waits, as far as it is read.
    fn flush(&mut self) -> io::Result<()> {
        let socket = &self.socket;
        let put = |bytes: &[u8]| Ok(send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?);
        let flushed = loop {
            match self.answer.get(self.sent..) {
                None | Some([]) => break self.frames.as_mut().map_or(Ok(()), |frames| frames.send(put)),
                Some(rest) => match put(rest) {
                    Ok(sent) => self.sent += sent,
                    Err(error) => break Err(error),
                },
            }
        };
        if self.sent == self.answer.len() {
            (self.answer, self.sent) = (Vec::new(), 0);
        }
        match flushed {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
