//! Waiting for many sockets at once, by one thread: a poll set in mio's shape, with Linux's epoll(7) behind it.
//!
//! A [`Poll`] watches sockets that were registered with it; [`Poll::poll`] waits until some have something to tell, and says
//! which. It costs nothing for those that stand idle, however many. It works in real time and, in a simulation's threads,
//! in virtual time.
//!
//! ```
//! use std::io::Read;
//! use sockeye::net::{TcpListener, TcpStream};
//! use sockeye::poll::{Events, Interest, Mode, Poll, Token};
//! use sockeye::{Lab, LinkOptions};
//!
//! # fn main() -> std::io::Result<()> {
//! let lab = Lab::new(1);
//! let (a, b) = (lab.host("a", ["10.0.0.1/24"])?, lab.host("b", ["10.0.0.2/24"])?);
//! lab.link(&a, &b, &LinkOptions::new());
//! const LISTENER: Token = Token(0);
//!
//! let listener = b.run(|| TcpListener::bind("b:7"))?;
//! listener.set_nonblocking(true)?;
//! let mut poll = b.run(Poll::new)?;
//! poll.registry().register(&listener, LISTENER, Interest::READABLE, Mode::Level)?;
//!
//! let client = a.run(|| TcpStream::connect("b:7"))?;
//! let mut events = Events::with_capacity(64);
//! poll.poll(&mut events, None)?;
//! for event in &events {
//!     assert!(event.token() == LISTENER && event.is_readable());
//!     let (stream, _) = listener.accept()?;
//!     poll.registry().register(&stream, Token(1), Interest::READABLE, Mode::Edge)?;
//! }
//! # drop(client);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::io;
use std::ops::BitOr;
use std::sync::Arc;
use std::task;
use std::time::Duration;

use sockeye_abi::{Errno, Readiness};

use crate::blocking;
use crate::engine::Shared;
use crate::host;
use crate::net::{RawSocket, TcpListener, TcpStream, UdpSocket};
use crate::open::{Open, os_error};
use crate::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use crate::socket::Socket;
use crate::watching::{Key, SetId, Watch, Watching};

/// What a caller calls a socket: comes back with each of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

/// What is asked for. Errors and hang-ups are told in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest(pub(crate) Readiness);

/// When something is told (epoll(7)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// With every [`Poll::poll`], as long as it is so.
    #[default]
    Level,
    /// When it becomes so, and with each further arrival (EPOLLET): the caller goes on until `WouldBlock`.
    Edge,
    /// Once; then nothing until [`Registry::reregister`] (EPOLLONESHOT).
    Once,
}

/// What a socket has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub(crate) token: Token,
    pub(crate) bits: Readiness,
}

/// Room for events, filled by [`Poll::poll`].
#[derive(Clone, Debug)]
pub struct Events {
    list: Vec<Event>,
    most: usize,
}

/// A poll set. One thread at a time waits for it.
#[derive(Debug)]
pub struct Poll {
    registry: Registry,
}

/// A poll set as those who register sockets hold it, in any thread. Handles are cheap to clone.
#[derive(Clone)]
pub struct Registry {
    set: Arc<Set>,
}

/// Makes a poll set's [`Poll::poll`] return, from any thread.
#[derive(Clone, Debug)]
pub struct Waker {
    registry: Registry,
    token: Token,
}

/// A socket that can be registered.
pub trait Source: sealed::Source {}

struct Set {
    shared: Arc<Shared>,
    id: SetId,
}

mod sealed {
    pub trait Source {
        #[expect(private_interfaces, reason = "nobody else can name this trait")]
        fn open(&self) -> &super::Open;
    }
}

macro_rules! sources {
    ($($socket:ty),*) => {
        $(
            impl sealed::Source for $socket {
                #[expect(private_interfaces, reason = "as in the trait")]
                fn open(&self) -> &Open {
                    &self.open
                }
            }

            impl Source for $socket {}
        )*
    };
}

sources!(TcpListener, TcpStream, UdpSocket, RawSocket, UnixDatagram, UnixListener, UnixStream, Socket);

impl Interest {
    /// Something to receive or to accept, or the end of it (EPOLLIN, EPOLLRDHUP).
    pub const READABLE: Interest = Interest(Readiness::IN.union(Readiness::RDHUP));
    /// Room to send, or a connection's end of opening (EPOLLOUT).
    pub const WRITABLE: Interest = Interest(Readiness::OUT);
    /// Urgent data (EPOLLPRI).
    pub const PRIORITY: Interest = Interest(Readiness::PRI);
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

impl Event {
    /// What the socket is called.
    pub fn token(&self) -> Token {
        self.token
    }

    /// A receive or an accept won't wait.
    pub fn is_readable(&self) -> bool {
        self.bits.intersects(Readiness::IN | Readiness::PRI)
    }

    /// A send won't wait.
    pub fn is_writable(&self) -> bool {
        self.bits.contains(Readiness::OUT)
    }

    /// There is urgent data.
    pub fn is_priority(&self) -> bool {
        self.bits.contains(Readiness::PRI)
    }

    /// An error is pending.
    pub fn is_error(&self) -> bool {
        self.bits.contains(Readiness::ERR)
    }

    /// The peer sends no more, or the connection is over; what came before is still to be read.
    pub fn is_read_closed(&self) -> bool {
        self.bits.intersects(Readiness::HUP | Readiness::RDHUP)
    }

    /// Both directions are shut, or the connection is over.
    pub fn is_hang_up(&self) -> bool {
        self.bits.contains(Readiness::HUP)
    }
}

impl Events {
    /// Room for so many, at least one.
    pub fn with_capacity(capacity: usize) -> Events {
        let most = capacity.max(1);
        Events { list: Vec::with_capacity(most), most }
    }

    /// Whether the last poll gave none: its time was up.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Those of the last poll.
    pub fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.list.iter()
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.list.clear();
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Poll {
    /// A set for sockets of the network whose host the caller has entered.
    pub fn new() -> io::Result<Poll> {
        let shared = host::here()?.shared;
        let id = shared.with(|engine, _| engine.watching.open());
        Ok(Poll { registry: Registry { set: Arc::new(Set { shared, id }) } })
    }

    /// What sockets are registered with.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Waits until a socket has something to tell, or the time is up (then `events` is empty); takes as much as there is
    /// room for. An error of kind `Deadlock` in virtual time outside of the simulation's threads, if it would have to wait.
    pub fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        let Set { shared, id } = &*self.registry.set;
        events.clear();
        let until = timeout.map(|span| shared.now() + span);
        let mut left = Vec::new();
        blocking::wait(shared, until, |context| {
            shared.with(|engine, _| {
                let (lab, watching) = (&engine.lab, &mut engine.watching);
                watching.collect(lab, *id, events.most, &mut events.list);
                if events.is_empty() {
                    left.extend(watching.wait(*id, context.waker()));
                    return task::Poll::Pending;
                }
                task::Poll::Ready(())
            })
        })?;
        Ok(())
    }
}

/// Begins to watch a socket, or watches it in another way.
type Watches =
    fn(&mut Watching, (&sockeye_lab::Lab, &mut Vec<task::Waker>), (SetId, Key), Watch) -> Result<(), Errno>;

impl Registry {
    /// Watches a socket. It should be non-blocking, and stays watched until it is deregistered or closed (its last handle
    /// dropped). EEXIST if it is watched by this set already, EXDEV if it is of another network.
    pub fn register(
        &self,
        source: &impl Source,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> io::Result<()> {
        self.watch(source, Watch { token, interest: interest.0, mode }, Watching::add)
    }

    /// Watches it in another way from now on; what is so already is told again. ENOENT if it isn't watched.
    pub fn reregister(
        &self,
        source: &impl Source,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> io::Result<()> {
        self.watch(source, Watch { token, interest: interest.0, mode }, Watching::change)
    }

    /// Has a socket watched like this, anew or in another way.
    fn watch(&self, source: &impl Source, watch: Watch, how: Watches) -> io::Result<()> {
        self.on(source.open(), |set, key| {
            self.set.shared.with(|engine, _| {
                let (lab, watching, woken) = engine.watching();
                how(watching, (lab, woken), (set, key), watch)
            })
        })
    }

    /// Watches it no more. ENOENT if it isn't watched.
    pub fn deregister(&self, source: &impl Source) -> io::Result<()> {
        self.on(source.open(), |set, key| {
            self.set.shared.with(|engine, _| engine.watching.remove((set, key)))
        })
    }

    fn on(&self, open: &Open, work: impl FnOnce(SetId, Key) -> Result<(), Errno>) -> io::Result<()> {
        if !Arc::ptr_eq(&open.shared, &self.set.shared) {
            return Err(os_error(Errno::EXDEV));
        }
        work(self.set.id, (open.host, open.id)).map_err(os_error)
    }
}

impl Waker {
    /// A waker that comes up as a readable event of this name. Several calls between two polls are one event.
    pub fn new(registry: &Registry, token: Token) -> Waker {
        Waker { registry: registry.clone(), token }
    }

    /// Ends the wait that is going on, or the next.
    pub fn wake(&self) {
        let set = &self.registry.set;
        set.shared.with(|engine, _| {
            let (_, watching, woken) = engine.watching();
            watching.notify(set.id, self.token, woken);
        });
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        let left = self.shared.with(|engine, _| engine.watching.close(self.id));
        drop(left);
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("set", &self.set.id).finish()
    }
}
