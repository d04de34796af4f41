//! What a behaviour is given: the calls of its world, and the text it writes.

use std::fmt::Display;
use std::ops::{Deref, DerefMut};

use libc::{AF_INET, AF_INET6, SO_ERROR, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET};

use crate::address::{Name, at};
use crate::calls::{Calls, Fd, Incoming, Result};

/// Longer than any world takes to show what has happened, in milliseconds.
const SOON: i32 = 5000;

/// A behaviour's world, and what it has said.
pub struct Trial {
    calls: Box<dyn Calls>,
    text: String,
}

/// What a line can show: a value, or a call's outcome.
pub trait Shown {
    /// As text.
    fn shown(&self) -> String;
}

impl Trial {
    /// In a world.
    pub fn new(calls: impl Calls + 'static) -> Trial {
        Trial { calls: Box::new(calls), text: String::new() }
    }

    /// All lines.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Writes a line: what was done, and what came of it.
    pub fn line(&mut self, what: impl Display, outcome: impl Shown) {
        self.text += &format!("{what}: {}\n", outcome.shown());
    }

    /// Writes a line as it is.
    pub fn say(&mut self, text: impl Display) {
        self.text += &format!("{text}\n");
    }

    /// An IPv4 stream socket. This and the like panic where they fail: they are no part of what is asked.
    pub fn tcp(&mut self) -> Fd {
        self.opened(AF_INET, SOCK_STREAM)
    }

    /// An IPv4 datagram socket.
    pub fn udp(&mut self) -> Fd {
        self.opened(AF_INET, SOCK_DGRAM)
    }

    /// An IPv6 stream socket.
    pub fn tcp6(&mut self) -> Fd {
        self.opened(AF_INET6, SOCK_STREAM)
    }

    /// An IPv6 datagram socket.
    pub fn udp6(&mut self) -> Fd {
        self.opened(AF_INET6, SOCK_DGRAM)
    }

    /// A socket of this family and type, which may have SOCK_NONBLOCK.
    pub fn opened(&mut self, domain: i32, kind: i32) -> Fd {
        must("socket", self.socket(domain, kind, 0))
    }

    /// A socket of the name's family with SO_REUSEADDR, bound to it, that listens.
    pub fn listener(&mut self, name: &Name) -> Fd {
        let fd = self.opened(family(name), SOCK_STREAM);
        must("SO_REUSEADDR", self.set(fd, SOL_SOCKET, libc::SO_REUSEADDR, 1));
        must("bind", self.bind(fd, name));
        must("listen", self.listen(fd, 8));
        fd
    }

    /// A connection through a listener: the client's end and the server's.
    pub fn through(&mut self, listener: Fd) -> (Fd, Fd) {
        let name = must("getsockname", self.getsockname(listener));
        let client = self.opened(family(&name), SOCK_STREAM);
        must("connect", self.connect(client, &name));
        self.arrives(listener);
        (client, must("accept", self.accept4(listener, 0)).0)
    }

    /// A connection over 127.0.0.1: the client's end and the server's.
    pub fn pair(&mut self) -> (Fd, Fd) {
        let listener = self.listener(&at("127.0.0.1", 0));
        let pair = self.through(listener);
        must("close", self.close(listener));
        pair
    }

    /// Sets an int option.
    pub fn set(&mut self, fd: Fd, level: i32, number: i32, value: i32) -> Result<()> {
        self.setsockopt(fd, level, number, &value.to_ne_bytes())
    }

    /// Reads an int option.
    pub fn get(&mut self, fd: Fd, level: i32, number: i32) -> Result<i32> {
        let bytes = self.getsockopt(fd, level, number, 4)?;
        Ok(bytes.first_chunk().map_or(-1, |word| i32::from_ne_bytes(*word)))
    }

    /// SO_ERROR: `none`, or the error's name.
    pub fn error(&mut self, fd: Fd) -> String {
        match self.get(fd, SOL_SOCKET, SO_ERROR) {
            Ok(0) => "none".to_owned(),
            Ok(error) => sockeye_abi::Errno(error).name().to_owned(),
            Err(error) => format!("SO_ERROR: {}", error.name()),
        }
    }

    /// Switches O_NONBLOCK.
    pub fn nonblocking(&mut self, fd: Fd, on: bool) {
        let flags = must("F_GETFL", self.fcntl(fd, libc::F_GETFL, 0)) & !libc::O_NONBLOCK;
        let own = if on { libc::O_NONBLOCK } else { 0 };
        must("F_SETFL", self.fcntl(fd, libc::F_SETFL, flags | own));
    }

    /// An ioctl(2) about an int.
    pub fn ask(&mut self, fd: Fd, request: u32) -> Result<i32> {
        let mut word = [0; 8];
        self.ioctl(fd, request, &mut word)?;
        Ok(i32::from_ne_bytes([word[0], word[1], word[2], word[3]]))
    }

    /// Waits until something can be read (or has ended, or failed): worlds take their time to show it. The bits.
    pub fn arrives(&mut self, fd: Fd) -> i16 {
        self.becomes(fd, libc::POLLIN)
    }

    /// Waits until one of these bits (or ERR or HUP) is there.
    pub fn becomes(&mut self, fd: Fd, events: i16) -> i16 {
        must("poll", self.poll(&[(fd, events)], SOON)).first().copied().unwrap_or(0)
    }

    /// The bits poll(2) tells now; RDNORM and its kin left out.
    pub fn bits(&mut self, fd: Fd) -> String {
        let seen = must("poll", self.poll(&[(fd, 0x2007)], 0)).first().copied().unwrap_or(0);
        bits(seen)
    }

    /// recv(2).
    pub fn recv(&mut self, fd: Fd, room: usize, flags: i32) -> Result<Vec<u8>> {
        self.recvfrom(fd, room, flags).map(|incoming| incoming.data)
    }

    /// send(2).
    pub fn send(&mut self, fd: Fd, bytes: &[u8], flags: i32) -> Result<usize> {
        self.sendto(fd, bytes, flags, None)
    }
}

impl Deref for Trial {
    type Target = dyn Calls;

    fn deref(&self) -> &Self::Target {
        &*self.calls
    }
}

impl DerefMut for Trial {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.calls
    }
}

/// The value of a call that can't fail here.
pub(crate) fn must<T>(call: &str, outcome: Result<T>) -> T {
    outcome.unwrap_or_else(|error| panic!("{call}: {}", error.name()))
}

/// The family of a name.
fn family(name: &Name) -> i32 {
    i32::from(u16::from_ne_bytes([name[0], name[1]]))
}

/// The bits of poll(2) by name.
pub(crate) fn bits(seen: i16) -> String {
    let names = [
        (0x1, "IN"),
        (0x2, "PRI"),
        (0x4, "OUT"),
        (0x8, "ERR"),
        (0x10, "HUP"),
        (0x20, "NVAL"),
        (0x80, "RDBAND"),
        (0x200, "WRBAND"),
        (0x2000, "RDHUP"),
    ];
    let names: Vec<&str> =
        names.into_iter().filter(|(bit, _)| seen & bit != 0).map(|(_, name)| name).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(" ") }
}

impl<T: Shown> Shown for Result<T> {
    fn shown(&self) -> String {
        match self {
            Ok(value) => value.shown(),
            Err(error) => error.name().to_owned(),
        }
    }
}

impl<T: Shown + ?Sized> Shown for &T {
    fn shown(&self) -> String {
        (**self).shown()
    }
}

impl Shown for () {
    fn shown(&self) -> String {
        "ok".to_owned()
    }
}

macro_rules! as_display {
    ($($type:ty)*) => {
        $(impl Shown for $type {
            fn shown(&self) -> String {
                self.to_string()
            }
        })*
    };
}

as_display! { i16 i32 u32 usize bool str String Name }

/// Bytes, as text where they are.
impl Shown for Vec<u8> {
    fn shown(&self) -> String {
        format!("\"{}\"", self.escape_ascii())
    }
}

/// A descriptor that was accepted, by its peer.
impl Shown for (Fd, Name) {
    fn shown(&self) -> String {
        format!("from {}", self.1)
    }
}

/// All there is to a message.
impl Shown for Incoming {
    fn shown(&self) -> String {
        let mut text = format!("{} {} from {}", self.value, self.data.shown(), self.name);
        if self.flags != 0 {
            text += &format!(" flags {:#x}", self.flags);
        }
        for (level, kind, data) in &self.control {
            text += &format!(" ({level} {kind}: {data:?})");
        }
        text
    }
}
