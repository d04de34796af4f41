//! Netlink messages (netlink(7)): headers, attributes and their padding, read with bounds from what programs wrote and
//! built for what they read. What the messages say of routes is in [`route`], of sockets in [`diag`].
//!
//! Integers are in the machine's order, lengths without padding; everything begins at a multiple of 4.

pub mod diag;
pub mod route;
#[cfg(test)]
mod tests;

use crate::request::{SOCK_CLOEXEC, SOCK_MAX, SOCK_NONBLOCK, SOCK_TYPE_MASK};
use crate::{Errno, SocketType};

/// AF_NETLINK.
pub const AF_NETLINK: i32 = 16;
/// SOL_NETLINK.
pub const SOL_NETLINK: i32 = 270;
/// `sizeof(struct nlmsghdr)`.
pub const HEADER: usize = 16;
/// `sizeof(struct sockaddr_nl)`.
const SOCKADDR_NL: usize = 12;
/// `sizeof(struct nlattr)`.
const ATTRIBUTE: usize = 4;
/// What of an attribute's type isn't its number: NLA_F_NESTED, NLA_F_NET_BYTEORDER.
const ATTRIBUTE_FLAGS: u16 = 0xc000;
const NESTED: u16 = 0x8000;

/// NLMSG_ERROR: an error, or with errno 0 an acknowledgement.
pub const ERROR: u16 = 2;
/// NLMSG_DONE: the end of a dump.
pub const DONE: u16 = 3;
/// NLMSG_MIN_TYPE: what is below is not a protocol's.
pub const MIN_TYPE: u16 = 16;

/// NLM_F_REQUEST.
pub const F_REQUEST: u16 = 1;
/// NLM_F_MULTI: more follow, up to NLMSG_DONE.
pub const F_MULTI: u16 = 2;
/// NLM_F_ACK: an answer is wanted, though there be no error.
pub const F_ACK: u16 = 4;
/// NLM_F_DUMP_FILTERED: the dump has only what was asked for.
pub const F_DUMP_FILTERED: u16 = 0x20;
/// NLM_F_DUMP: all of them.
pub const F_DUMP: u16 = 0x300;
/// NLM_F_CAPPED: the request isn't repeated in the answer.
const F_CAPPED: u16 = 0x100;
/// NLM_F_ACK_TLVS: what was wrong is said in attributes.
const F_ACK_TLVS: u16 = 0x200;
/// NLMSGERR_ATTR_MSG.
const ATTR_MSG: u16 = 1;

/// What a netlink socket speaks about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Protocol {
    /// NETLINK_ROUTE: interfaces, addresses, routes, neighbours, rules (rtnetlink(7)).
    Route,
    /// NETLINK_SOCK_DIAG: sockets (sock_diag(7)).
    SockDiag,
}

impl Protocol {
    /// Its number, as SO_PROTOCOL says it.
    pub const fn number(self) -> i32 {
        match self {
            Protocol::Route => 0,
            Protocol::SockDiag => 4,
        }
    }
}

/// What `socket(AF_NETLINK, type, protocol)` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The protocol.
    pub protocol: Protocol,
    /// SOCK_RAW or SOCK_DGRAM, which mean the same.
    pub kind: SocketType,
    /// SOCK_NONBLOCK was given.
    pub nonblock: bool,
    /// SOCK_CLOEXEC was given.
    pub cloexec: bool,
}

impl Request {
    /// EINVAL for unknown flags and types, ESOCKTNOSUPPORT for another type than SOCK_RAW and SOCK_DGRAM, EPROTONOSUPPORT for a
    /// protocol that is not here.
    pub const fn decode(type_: i32, protocol: i32) -> Result<Request, Errno> {
        let (flags, kind) = (type_ & !SOCK_TYPE_MASK, type_ & SOCK_TYPE_MASK);
        if flags & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 0 || kind >= SOCK_MAX {
            return Err(Errno::EINVAL);
        }
        let kind = match kind {
            2 => SocketType::Datagram,
            3 => SocketType::Raw,
            _ => return Err(Errno::ESOCKTNOSUPPORT),
        };
        let protocol = match protocol {
            0 => Protocol::Route,
            4 => Protocol::SockDiag,
            _ => return Err(Errno::EPROTONOSUPPORT),
        };
        let (nonblock, cloexec) = (flags & SOCK_NONBLOCK != 0, flags & SOCK_CLOEXEC != 0);
        Ok(Request { protocol, kind, nonblock, cloexec })
    }
}

/// `struct sockaddr_nl`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Address {
    /// The socket's number, often a process's; 0 is the kernel.
    pub port: u32,
    /// The groups it hears, or that are to hear.
    pub groups: u32,
}

impl Address {
    /// Reads one; EINVAL if it is too short or of another family.
    pub fn decode(bytes: &[u8]) -> Result<Address, Errno> {
        let bytes: &[u8; SOCKADDR_NL] = bytes.first_chunk().ok_or(Errno::EINVAL)?;
        if u16_at(bytes, 0) != AF_NETLINK as u16 {
            return Err(Errno::EINVAL);
        }
        Ok(Address { port: u32_at(bytes, 4), groups: u32_at(bytes, 8) })
    }

    /// Its bytes.
    pub fn encode(self) -> Vec<u8> {
        let mut bytes = (AF_NETLINK as u16).to_ne_bytes().to_vec();
        bytes.extend([0; 2]);
        bytes.extend(self.port.to_ne_bytes());
        bytes.extend(self.groups.to_ne_bytes());
        bytes
    }
}

/// `struct nlmsghdr` without its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// What it is.
    pub kind: u16,
    /// NLM_F_.
    pub flags: u16,
    /// Which request it is, or answers.
    pub seq: u32,
    /// Whose it is: the port of who asked.
    pub port: u32,
}

/// A message as a program sent it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// Its header.
    pub header: Header,
    /// What follows the header.
    pub payload: &'a [u8],
    /// Both.
    whole: &'a [u8],
}

/// The messages in what a program sent, up to the first that isn't whole.
pub fn messages(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head: &[u8; HEADER] = rest.first_chunk()?;
        let length = usize::try_from(u32_at(head, 0)).ok()?;
        let whole = rest.get(..length)?;
        let payload = whole.get(HEADER..)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        let (kind, flags) = (u16_at(head, 4), u16_at(head, 6));
        let header = Header { kind, flags, seq: u32_at(head, 8), port: u32_at(head, 12) };
        Some(Message { header, payload, whole })
    })
}

/// The attributes in these bytes: their types' numbers and values.
pub fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let head: &[u8; ATTRIBUTE] = rest.first_chunk()?;
        let length = usize::from(u16_at(head, 0));
        let value = rest.get(ATTRIBUTE..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((u16_at(head, 2) & !ATTRIBUTE_FLAGS, value))
    })
}

/// The last attribute of this type.
pub fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).filter(|(other, _)| *other == kind).last().map(|(_, value)| value)
}

/// The same as a number of 32 bits.
pub fn attribute_u32(bytes: &[u8], kind: u16) -> Option<u32> {
    attribute(bytes, kind)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

/// A datagram of messages, being written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Datagram {
    bytes: Vec<u8>,
}

impl Datagram {
    /// Its bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How long it is.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds a message.
    pub fn message(&mut self, header: Header, body: &[u8]) {
        let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(header.kind.to_ne_bytes());
        self.bytes.extend(header.flags.to_ne_bytes());
        self.bytes.extend(header.seq.to_ne_bytes());
        self.bytes.extend(header.port.to_ne_bytes());
        self.bytes.extend(body);
        pad(&mut self.bytes);
    }

    /// Adds the answer to a request that failed, or did what it should (`None`): its header, and if it failed and `whole`
    /// all of it, is repeated. What was wrong is said if `text` is given.
    pub fn answer(
        &mut self,
        port: u32,
        to: &Message<'_>,
        error: Option<Errno>,
        (whole, text): (bool, Option<&str>),
    ) {
        let (repeated, capped) = match error {
            Some(_) if whole => (to.whole, 0),
            Some(_) | None => (to.whole.get(..HEADER).unwrap_or_default(), F_CAPPED),
        };
        let said = if text.is_some() { F_ACK_TLVS } else { 0 };
        let header = Header { kind: ERROR, flags: capped | said, seq: to.header.seq, port };
        let fixed = [&code(error)[..], repeated].concat();
        self.message(header, &body(&fixed, |out| text.iter().for_each(|text| out.text(ATTR_MSG, text))));
    }

    /// Adds the end of a dump, with the error that it ended with.
    pub fn done(&mut self, header: Header, error: Option<Errno>, text: Option<&str>) {
        let said = if text.is_some() { F_ACK_TLVS } else { 0 };
        let header = Header { kind: DONE, flags: header.flags | F_MULTI | said, ..header };
        self.message(
            header,
            &body(&code(error), |out| text.iter().for_each(|text| out.text(ATTR_MSG, text))),
        );
    }
}

/// What follows the header of a message: its protocol's fixed part, then the attributes that `write` adds.
pub fn body(fixed: &[u8], write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut bytes = fixed.to_vec();
    let mut out = Writer { bytes: &mut bytes };
    write(&mut out);
    bytes
}

/// The attributes of a message, being written.
#[derive(Debug)]
pub struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
}

impl Writer<'_> {
    /// Adds an attribute.
    pub fn put(&mut self, kind: u16, value: &[u8]) {
        let start = self.begin(kind);
        self.bytes.extend(value);
        self.end(start);
    }

    /// Adds a number.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_ne_bytes());
    }

    /// Adds a text and its NUL.
    pub fn text(&mut self, kind: u16, text: &str) {
        let start = self.begin(kind);
        self.bytes.extend(text.bytes().chain([0]));
        self.end(start);
    }

    /// Adds attributes in an attribute, which is not marked as one of these.
    pub fn nest(&mut self, kind: u16, write: impl FnOnce(&mut Writer<'_>)) {
        let start = self.begin(kind);
        write(&mut Writer { bytes: self.bytes });
        self.end(start);
    }

    /// Adds an empty attribute that could have attributes, and is marked so.
    pub fn empty_nest(&mut self, kind: u16) {
        self.put(kind | NESTED, &[]);
    }

    fn begin(&mut self, kind: u16) -> usize {
        pad(self.bytes);
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        start
    }

    fn end(&mut self, start: usize) {
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        pad(self.bytes);
    }
}

/// The error of an answer: 0, or the errno with its sign turned.
fn code(error: Option<Errno>) -> [u8; 4] {
    error.map_or(0, |errno| -errno.0).to_ne_bytes()
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(aligned(bytes.len()), 0);
}

fn u16_at<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]))
}
