//! Carriers: the Unix-domain descriptors that stand for the program's sockets.
//!
//! The program holds P, the supervisor holds S, its other end; the kernel serves P natively. The supervisor keeps no
//! descriptor of P itself (the program's `close` must be the last), so what it knows of P is a cookie, to recognise it
//! by, and an abstract name, to ask whether it still lives.

mod adopted;
mod answers;
mod backlog;
mod link;
mod mailbox;
mod meeting;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::OnceLock;

use rustix::net::{AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType};
use slotmap::{SlotMap, new_key_type};
use sockeye_abi::{Errno, Family, Opt, Transport, Value};
use sockeye_base::{Duration, Instant};
use sockeye_preload::Name;
use sockeye_socket::{Host, Outside, SocketId};
use sockeye_stack::Charges;

pub(crate) use adopted::peer_name;
pub(crate) use answers::Answers;
pub(crate) use backlog::{Backlog, Waits, put};
pub(crate) use link::{Link, Moved};
pub(crate) use mailbox::{Delivered, Mailbox};
use meeting::Meeting;

use crate::calls::{FastSend, Unheard};
use crate::process::descriptors;
use crate::process::sockets::{self, Sockets};
use crate::process::threads::Threads;
use crate::shared::Shared;

/// Carriers that are too few to ask which are gone.
const MANY: usize = 64;

/// Descriptors of ours that no carrier gets.
const RESERVE: u64 = 16;

new_key_type! {
    /// A carrier.
    pub(crate) struct CarrierId;
}

/// One carrier.
pub(crate) struct Carrier {
    /// The stack's socket behind it.
    pub(crate) socket: SocketId,
    /// What it is if it is the Internet's; a netlink socket else.
    pub(crate) inet: Option<Inet>,
    /// By what P is recognised (SO_COOKIE); 0 while it waits to be accepted.
    pub(crate) cookie: u64,
    /// P's inode, by which `/proc` shows it.
    pub(crate) inode: u64,
    /// The thread and descriptor P was last used by.
    pub(crate) seen: (u32, i32),
    /// P's abstract name; an accepted one has its listener's, and is looked for in `/proc` instead.
    pub(crate) name: Option<SocketAddrAny>,
    pub(crate) state: State,
    /// What a caller was not told because it was gone.
    pub(crate) unheard: Option<Unheard>,
    /// What a blocking call with MSG_FASTOPEN has sent.
    pub(crate) fast_send: Option<FastSend>,
    /// The kernel tells when there is room in P's queue.
    pub(crate) watches_room: bool,
    /// The object may tell the program that it is connected.
    pub(crate) untold: bool,
    /// It broke behind the peer's end, which goes before an error when the program reads.
    pub(crate) had_ended: bool,
    /// A connection that no program has accepted yet.
    pub(crate) waits: Option<Waits>,
    threads: Rc<Threads>,
}

/// A socket of the Internet's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Inet {
    pub(crate) family: Family,
    pub(crate) transport: Transport,
}

/// What a carrier stands for at the moment.
pub(crate) enum State {
    /// A stream that is neither connected nor listening; P is unconnected.
    Fresh,
    /// A stream on its way. A non-blocking one has its link already, stuffed so that it is not writable.
    Connecting(Option<Link>),
    /// An established stream.
    Connected(Link),
    /// A stream whose connection failed or broke: P shows it natively, as ECONNRESET; S is gone. The error it stands
    /// for is here, or still with the socket.
    Broken(Option<Errno>),
    /// A listener.
    Listening(Backlog),
    /// A datagram socket.
    Datagram(Mailbox),
    /// A netlink socket.
    Netlink(Answers),
}

/// All carriers, by number, cookie, inode and socket.
pub(crate) struct Carriers {
    all: SlotMap<CarrierId, Carrier>,
    by_cookie: HashMap<u64, CarrierId>,
    by_inode: HashMap<u64, CarrierId>,
    by_socket: HashMap<SocketId, CarrierId>,
    /// Those that wait to be accepted, by where that is said.
    by_place: BTreeMap<u16, CarrierId>,
    /// How many there may be before it is asked which are gone.
    max: usize,
    /// Where streams are connected, from the first on.
    meeting: Option<Meeting>,
    /// Who holds them.
    pub(crate) threads: Rc<Threads>,
    /// What programs say of them without a call.
    pub(crate) shared: Shared,
    /// Where to ask which P lives, if the kernel answers that.
    sockets: Option<Sockets>,
}

/// P's side at birth: the descriptor to give away, and what to remember of it.
pub(crate) struct NewCarrier {
    pub(crate) program_end: OwnedFd,
    carrier: Carrier,
}

impl Carriers {
    pub(crate) fn new() -> Carriers {
        Carriers {
            all: SlotMap::with_key(),
            by_cookie: HashMap::new(),
            by_inode: HashMap::new(),
            by_socket: HashMap::new(),
            by_place: BTreeMap::new(),
            max: MANY,
            meeting: None,
            threads: Rc::new(Threads::new()),
            shared: Shared::default(),
            sockets: Sockets::open(),
        }
    }

    /// Makes the carrier of a new socket. It is not in the table until [`Carriers::insert`].
    pub(crate) fn create(&self, socket: SocketId, inet: Inet, nonblock: bool) -> io::Result<NewCarrier> {
        let (program_end, state) = match inet.transport {
            Transport::Tcp => (fresh_stream(nonblock)?, State::Fresh),
            Transport::Udp | Transport::Ping | Transport::Raw(_) => {
                let is_udp = inet.transport == Transport::Udp;
                let charges = if is_udp { Charges::default() } else { Charges::plain() };
                let (program_end, mailbox) = Mailbox::pair(nonblock, charges)?;
                (program_end, State::Datagram(mailbox))
            }
        };
        let named = named(&program_end)?;
        let carrier = self.carrier(&program_end, (socket, Some(inet)), named, state)?;
        Ok(NewCarrier { program_end, carrier })
    }

    /// The same for a netlink socket of this type.
    pub(crate) fn create_netlink(
        &self,
        socket: SocketId,
        kind: i32,
        nonblock: bool,
    ) -> io::Result<NewCarrier> {
        let (program_end, answers) = Answers::pair(nonblock, kind)?;
        let named = named(&program_end)?;
        let carrier = self.carrier(&program_end, (socket, None), named, State::Netlink(answers))?;
        Ok(NewCarrier { program_end, carrier })
    }

    fn carrier(
        &self,
        program_end: &OwnedFd,
        (socket, inet): (SocketId, Option<Inet>),
        (cookie, name): (u64, Option<SocketAddrAny>),
        state: State,
    ) -> io::Result<Carrier> {
        let inode = rustix::fs::fstat(program_end)?.st_ino;
        Ok(Carrier { cookie, inode, name, ..self.unknown((socket, inet), state) })
    }

    /// A carrier whose P isn't known.
    fn unknown(&self, (socket, inet): (SocketId, Option<Inet>), state: State) -> Carrier {
        Carrier {
            socket,
            inet,
            cookie: 0,
            inode: 0,
            seen: (0, -1),
            name: None,
            state,
            unheard: None,
            fast_send: None,
            watches_room: false,
            untold: false,
            had_ended: false,
            waits: None,
            threads: Rc::clone(&self.threads),
        }
    }

    /// Enters a carrier that the program now holds; drops our descriptor of its end.
    pub(crate) fn insert(&mut self, new: NewCarrier, seen: (u32, i32)) -> CarrierId {
        let NewCarrier { program_end, mut carrier } = new;
        drop(program_end);
        carrier.seen = seen;
        self.enter(carrier)
    }

    fn enter(&mut self, carrier: Carrier) -> CarrierId {
        let (cookie, inode, socket) = (carrier.cookie, carrier.inode, carrier.socket);
        let id = self.all.insert(carrier);
        self.by_cookie.insert(cookie, id);
        self.by_inode.insert(inode, id);
        self.by_socket.insert(socket, id);
        id
    }

    /// The program's descriptor has been given a new file: a fresh stream in the place of a broken one.
    pub(crate) fn refresh(&mut self, id: CarrierId, program_end: OwnedFd) -> io::Result<()> {
        let (cookie, name) = named(&program_end)?;
        let inode = rustix::fs::fstat(&program_end)?.st_ino;
        if let Some(carrier) = self.all.get_mut(id) {
            self.by_cookie.remove(&carrier.cookie);
            self.shared.table().into_iter().for_each(|table| table.leave(carrier.cookie));
            self.by_cookie.insert(cookie, id);
            self.by_inode.remove(&carrier.inode);
            self.by_inode.insert(inode, id);
            (carrier.cookie, carrier.inode) = (cookie, inode);
            carrier.name = name;
            carrier.state = State::Fresh;
            (carrier.watches_room, carrier.untold, carrier.had_ended) = (false, false, false);
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, id: CarrierId) -> Option<Carrier> {
        let carrier = self.all.remove(id)?;
        self.by_cookie.remove(&carrier.cookie);
        self.shared.table().into_iter().for_each(|table| table.leave(carrier.cookie));
        carrier.waits.iter().for_each(|waits| self.end_waiting(waits));
        // The kernel uses these numbers again, some time.
        if self.by_inode.get(&carrier.inode) == Some(&id) {
            self.by_inode.remove(&carrier.inode);
        }
        self.by_socket.remove(&carrier.socket);
        Some(carrier)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether one was seen at one of these threads last.
    pub(crate) fn any_seen_at(&self, threads: &HashSet<u32>) -> bool {
        self.all.values().any(|carrier| threads.contains(&carrier.seen.0))
    }

    /// Whether one has a link: its end will show.
    pub(crate) fn any_linked(&self) -> bool {
        self.all.values().any(|carrier| carrier.link().is_some())
    }

    /// Whether something is so of a carrier.
    pub(crate) fn is(&self, id: CarrierId, so: impl FnOnce(&Carrier) -> bool) -> bool {
        self.all.get(id).is_some_and(so)
    }

    pub(crate) fn get(&mut self, id: CarrierId) -> Option<&mut Carrier> {
        self.all.get_mut(id)
    }

    /// The carrier that descriptor `fd` of a thread is, if it is one; it is in hand then. What the object made becomes one here.
    pub(crate) fn take_in_hand(
        &mut self,
        seen: (u32, i32),
        host: &mut Host,
    ) -> Result<Option<CarrierId>, rustix::io::Errno> {
        let threads = Rc::clone(&self.threads);
        threads.take_in_hand(seen, |cookie, file| {
            self.by_cookie.get(&cookie).copied().or_else(|| self.adopt(cookie, file, host))
        })
    }

    /// Whether the Unix-domain socket with this inode is one of ours (`own`), or stands for a socket of the Internet's.
    pub(crate) fn stands_for_another(&self, inode: u64, own: &HashSet<u64>) -> bool {
        own.contains(&inode) || self.by_inode.contains_key(&inode)
    }

    pub(crate) fn of_inode(&self, inode: u64) -> Option<CarrierId> {
        self.by_inode.get(&inode).copied()
    }

    pub(crate) fn of_socket(&self, socket: SocketId) -> Option<CarrierId> {
        self.by_socket.get(&socket).copied()
    }

    /// The carriers whose end nothing would tell us of (they have no link), if their socket is `wanted`.
    pub(crate) fn unwatched(&self, mut wanted: impl FnMut(SocketId) -> bool) -> Vec<CarrierId> {
        let unwatched = self.all.iter().filter(|(_, carrier)| carrier.link().is_none());
        unwatched.filter(|(_, carrier)| wanted(carrier.socket)).map(|(id, _)| id).collect()
    }

    /// The streams that are connected and whose P is known.
    pub(crate) fn connected(&self) -> Vec<CarrierId> {
        self.those(|carrier| matches!(carrier.state, State::Connected(_)) && carrier.waits.is_none())
    }

    /// The listeners.
    pub(crate) fn listening(&self) -> Vec<CarrierId> {
        self.those(|carrier| matches!(carrier.state, State::Listening(_)))
    }

    fn those(&self, are: impl Fn(&Carrier) -> bool) -> Vec<CarrierId> {
        self.all.iter().filter(|(_, carrier)| are(carrier)).map(|(id, _)| id).collect()
    }

    /// Connects a stream's P to a new S; the carrier is connected then.
    pub(crate) fn connect(&mut self, id: CarrierId, host: &Host) -> Result<(), Errno> {
        let carrier = self.all.get_mut(id).ok_or(Errno::EBADF)?;
        let program_end = carrier.borrow().ok_or(Errno::EBADF)?;
        let name = carrier.name.as_ref().ok_or(Errno::EBADF)?;
        let meeting = match self.meeting.take() {
            Some(meeting) => meeting,
            None => Meeting::open().map_err(|_| Errno::ENOBUFS)?,
        };
        let link = meeting.connect(&program_end, name).map_err(|_| Errno::ENOBUFS)?;
        self.meeting = Some(meeting);
        link.bound(&program_end, host, carrier.socket);
        carrier.state = State::Connected(link);
        Ok(())
    }

    /// Whether there are so many that it is time to ask which are gone: more than twice as many as at the last time.
    pub(crate) fn are_many(&self) -> bool {
        self.all.len() > self.max
    }

    /// It was asked: those that are left live.
    pub(crate) fn note_asked(&mut self) {
        self.max = MANY.max(2 * self.all.len());
    }

    /// Whether any descriptor of P is still open anywhere.
    pub(crate) fn is_alive(&self, id: CarrierId) -> bool {
        let Some(carrier) = self.all.get(id) else { return false };
        if self.threads.borrow_seen(carrier.cookie, carrier.seen).is_some() {
            return true;
        }
        match &carrier.name {
            Some(name) => {
                let is_stream = carrier.inet.is_some_and(|inet| inet.transport.is_stream());
                let kind = if is_stream { SocketType::STREAM } else { SocketType::DGRAM };
                // A name that can be taken is nobody's any more.
                socket(kind, true).map_or(true, |probe| rustix::net::bind(&probe, name).is_err())
            }
            // The kernel looks through all sockets there are, but that is less than all descriptors.
            None => {
                let exists = |sockets: &Sockets| sockets.exists(carrier.inode, carrier.cookie);
                let told = self.sockets.as_ref().and_then(exists);
                told.unwrap_or_else(|| carrier.borrow().is_some())
            }
        }
    }
}

impl Outside for Carriers {
    fn inode(&self, socket: SocketId) -> u32 {
        let carrier = self.of_socket(socket).and_then(|id| self.all.get(id));
        carrier.map_or(0, |carrier| u32::try_from(carrier.inode).unwrap_or(0))
    }

    fn on_the_way(&self, socket: SocketId) -> (usize, usize) {
        let Some(carrier) = self.of_socket(socket).and_then(|id| self.all.get(id)) else { return (0, 0) };
        match &carrier.state {
            // Nobody has read anything yet.
            State::Connected(link) if carrier.waits.is_some() => (link.given(), 0),
            State::Connected(link) => {
                let unread = charge(&link.as_fd()) > 0;
                let end = if unread { carrier.borrow() } else { None };
                let received = end.and_then(|end| rustix::io::ioctl_fionread(end).ok()).unwrap_or(0);
                let received = usize::try_from(received).unwrap_or(0);
                // (Whether an end by itself was read is not known.)
                let end = usize::from(received > 0 && link.was_shown_end());
                (received + end, link.unread())
            }
            State::Datagram(mailbox) => (mailbox.waiting(), 0),
            _ => (0, 0),
        }
    }

    fn unix_sockets(&self, request: &[u8], all: bool) -> Result<Vec<Vec<u8>>, Errno> {
        /// Where an inode stands in `struct unix_diag_msg`.
        const INODE: usize = 4;
        let mut told = sockets::ask_machine(request, all)?;
        let own = descriptors::own_sockets();
        told.retain(|body| {
            let inode = body.get(INODE..).and_then(|rest| rest.first_chunk());
            let ours = |inode: &[u8; 4]| self.stands_for_another(u32::from_ne_bytes(*inode).into(), &own);
            // What the object has made is unknown until it is used.
            let made = sockets::name_of(body)
                .and_then(|name| name.strip_prefix(&[0]))
                .is_some_and(Name::is_of_stream);
            !made && !inode.is_some_and(ours)
        });
        Ok(told)
    }
}

impl Carrier {
    /// The link to P, if the stream has one.
    pub(crate) fn link(&self) -> Option<&Link> {
        match &self.state {
            State::Connected(link) | State::Connecting(Some(link)) => Some(link),
            State::Fresh
            | State::Connecting(None)
            | State::Broken(_)
            | State::Listening(_)
            | State::Datagram(_)
            | State::Netlink(_) => None,
        }
    }

    /// Whether P's queue has no room for what has come.
    pub(crate) fn is_full(&self) -> bool {
        match &self.state {
            State::Connected(link) => link.is_full(),
            State::Datagram(mailbox) => mailbox.is_full(),
            State::Netlink(answers) => answers.is_full(),
            State::Fresh | State::Connecting(_) | State::Broken(_) | State::Listening(_) => false,
        }
    }

    /// What shows a connection shows one under way.
    pub(crate) fn begin(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Fresh) {
            State::Connected(link) => State::Connecting(Some(link)),
            other => other,
        };
    }

    /// The descriptor of ours that tells of P.
    pub(crate) fn supervisor_end(&self) -> Option<BorrowedFd<'_>> {
        match &self.state {
            State::Datagram(mailbox) => Some(mailbox.as_fd()),
            State::Netlink(answers) => Some(answers.as_fd()),
            _ => self.link().map(AsFd::as_fd),
        }
    }

    /// Borrows P from whoever holds it.
    pub(crate) fn borrow(&self) -> Option<Rc<OwnedFd>> {
        self.threads.borrow_socket(self.cookie, self.inode, self.seen)
    }
}

/// Gives P the options that it serves itself. None of it can fail on a socket we hold.
pub(crate) fn set_options(program_end: &OwnedFd, host: &mut Host, now: Instant, socket: SocketId) {
    use rustix::net::sockopt::{Timeout, set_socket_oobinline, set_socket_timeout};
    if host.option(now, socket, Opt::SoOobInline) == Ok(Value::Int(1)) {
        let _ = set_socket_oobinline(program_end, true);
    }
    for (opt, which) in [(Opt::SoRcvTimeo, Timeout::Recv), (Opt::SoSndTimeo, Timeout::Send)] {
        if let Ok(Value::Time(Some(limit))) = host.option(now, socket, opt) {
            let _ = set_socket_timeout(program_end, which, Some(limit.max(Duration::from_micros(1))));
        }
    }
    match host.option(now, socket, Opt::SoRcvLowat) {
        Ok(Value::Int(lowat)) if lowat > 1 => set_receive_lowat(program_end, lowat),
        _ => {}
    }
}

/// SO_RCVLOWAT of a socket of ours.
fn set_receive_lowat(end: &OwnedFd, bytes: libc::c_int) {
    let size = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the call reads one int.
    unsafe {
        libc::setsockopt(
            end.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            size,
        )
    };
}

/// An unconnected stream end with a name of its own.
pub(crate) fn fresh_stream(nonblock: bool) -> io::Result<OwnedFd> {
    socket(SocketType::STREAM, nonblock)
}

/// A descriptor that we mean to keep: ENFILE if it would leave too few for what calls need for a moment.
pub(crate) fn to_stay(fd: OwnedFd) -> io::Result<OwnedFd> {
    if may_stay(&fd) { Ok(fd) } else { Err(rustix::io::Errno::NFILE.into()) }
}

/// Whether it leaves enough.
fn may_stay(fd: &OwnedFd) -> bool {
    use rustix::process::{Resource, getrlimit};
    /// As it was at the start.
    static LIMIT: OnceLock<u64> = OnceLock::new();
    let limit = LIMIT.get_or_init(|| getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX));
    u64::try_from(fd.as_raw_fd()).is_ok_and(|number| number.saturating_add(RESERVE) < *limit)
}

/// A Unix-domain socket of ours.
pub(crate) fn socket(kind: SocketType, nonblock: bool) -> io::Result<OwnedFd> {
    let mut flags = SocketFlags::CLOEXEC;
    flags.set(SocketFlags::NONBLOCK, nonblock);
    Ok(rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?)
}

/// Gives the socket an abstract name of its own, made of its cookie; gives both. No other socket ever has it: one that the kernel chooses
/// (unix(7), "Autobind feature") may be another's soon, and then whose it was would seem to live.
pub(crate) fn name(socket: &OwnedFd) -> io::Result<(u64, SocketAddrAny)> {
    let cookie = rustix::net::sockopt::socket_cookie(socket)?;
    let name = SocketAddrUnix::new_abstract_name(format!("{cookie:013x}").as_bytes())?;
    rustix::net::bind(socket, &name)?;
    Ok((cookie, name.into()))
}

/// The memory that a socket of ours is charged for what its peer has not read.
fn charge(end: &impl AsRawFd) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the ioctl writes one int.
    let done = unsafe { libc::ioctl(end.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if done == 0 { usize::try_from(bytes).unwrap_or(0) } else { 0 }
}

/// The cookie of P, and the name that it is given.
fn named(program_end: &OwnedFd) -> io::Result<(u64, Option<SocketAddrAny>)> {
    name(program_end).map(|(cookie, name)| (cookie, Some(name)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_name_is_never_given_twice() {
        let names = (0..3000).map(|_| name(&fresh_stream(true).expect("a socket")).expect("a name").1);
        let names: HashSet<Vec<u8>> = names
            .map(|name| SocketAddrUnix::try_from(name).expect("its family"))
            .map(|name| name.abstract_name().expect("an abstract one").to_vec())
            .collect();
        assert_eq!(names.len(), 3000);
    }
}
