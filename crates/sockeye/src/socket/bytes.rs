//! The calls of [`Socket`] by Linux's numbers and bytes, as a C program makes them: each argument is decoded, and refused,
//! as the kernel does it. Errors are Linux's ([`io::Error::raw_os_error`]).

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use sockeye_abi::{
    Control, Errno, How, MessageFlags, Request, Transport, Value, decode_bind, decode_destination,
    decode_get, decode_question, decode_set, encode_sockaddr, encode_unix, encode_value, ioctl,
};

use super::unix_bytes::AF_UNIX;
use super::{Message, Received, Socket};
use crate::host;
use crate::open::{Open, os_error};

/// What a program that asks nothing asks of MCAST_MSFILTER: a `struct group_filter` without sources.
const NOTHING_ASKED: [u8; 144] = [0; 144];

/// What [`Socket::recv_bytes`] and its kin received, as the system calls tell it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedBytes {
    /// What recvmsg(2) returns: how many bytes were copied; with MSG_TRUNC the datagram's length.
    pub value: usize,
    /// Who sent it: a `struct sockaddr`. A stream says nothing.
    pub name: Vec<u8>,
    /// The control messages that there was room for.
    pub control: Vec<u8>,
    /// MSG_ bits that come back.
    pub flags: i32,
}

impl ReceivedBytes {
    fn new(received: Received, asked: MessageFlags, room: usize) -> ReceivedBytes {
        let (control, is_cut) = Control::encode_all(&received.control, room);
        let mut flags = received.flags;
        flags.set(MessageFlags::CTRUNC, flags.contains(MessageFlags::CTRUNC) || is_cut);
        let whole = asked.contains(MessageFlags::TRUNC);
        ReceivedBytes {
            value: if whole { received.full_length } else { received.length },
            name: received.source.map_or_else(Vec::new, |source| encode_sockaddr(&source)),
            control,
            flags: flags.bits(),
        }
    }
}

impl Socket {
    /// socket(2) by its numbers (`AF_INET`, `SOCK_STREAM | SOCK_NONBLOCK`, `IPPROTO_TCP` …), on the host entered.
    /// SOCK_CLOEXEC is the caller's.
    pub fn open(domain: i32, kind: i32, protocol: i32) -> io::Result<Socket> {
        if domain == AF_UNIX {
            return Socket::open_unix(kind, protocol);
        }
        let request = Request::decode(domain, kind, protocol).map_err(os_error)?;
        let host = host::here()?;
        let open = Open::new(&host.shared, host.id, request.family, request.transport)?;
        open.set_nonblocking(request.nonblock);
        Ok(Socket { open })
    }

    /// bind(2) to a `struct sockaddr`.
    pub fn bind_bytes(&self, address: &[u8]) -> io::Result<()> {
        if self.is_unix() {
            return self.bind_unix_bytes(address);
        }
        self.open.call(|host, now, id| {
            let address = decode_bind(host.family(id)?, host.transport(id)?, address)?;
            host.bind(now, id, address)
        })
    }

    /// connect(2) to a `struct sockaddr`; AF_UNSPEC dissolves the association.
    pub fn connect_bytes(&self, address: &[u8]) -> io::Result<()> {
        if self.is_unix() {
            return self.connect_unix_bytes(address);
        }
        let decoded = self.open.call(|host, now, id| host.decode_connect(now, id, address))?;
        match decoded {
            Some(address) => self.connect(address),
            None => self.disconnect(),
        }
    }

    /// getsockname(2): a `struct sockaddr`.
    pub fn local_bytes(&self) -> io::Result<Vec<u8>> {
        if self.is_unix() {
            return self.local_unix().map(|address| encode_unix(&address));
        }
        self.local_addr().map(|address| encode_sockaddr(&address))
    }

    /// getpeername(2): a `struct sockaddr`.
    pub fn peer_bytes(&self) -> io::Result<Vec<u8>> {
        if self.is_unix() {
            return self.peer_unix().map(|address| encode_unix(&address));
        }
        self.peer_addr().map(|address| encode_sockaddr(&address))
    }

    /// sendto(2): MSG_ bits, and a `struct sockaddr` or none. A stream ignores the address.
    pub fn send_bytes(&self, bytes: &[u8], flags: i32, address: Option<&[u8]>) -> io::Result<usize> {
        self.send_message_bytes(bytes, flags, address, &[])
    }

    /// sendmsg(2): the same with control messages as they lie in memory (cmsg(3)).
    pub fn send_message_bytes(
        &self,
        bytes: &[u8],
        flags: i32,
        address: Option<&[u8]>,
        control: &[u8],
    ) -> io::Result<usize> {
        if self.is_unix() {
            return self.send_unix_bytes((bytes, control), flags, address);
        }
        let to = self.open.call(|host, _, id| match (host.transport(id)?, address) {
            (Transport::Tcp, _) | (_, None) => Ok::<Option<SocketAddr>, Errno>(None),
            (transport, Some(address)) => decode_destination(host.family(id)?, transport, address),
        })?;
        let control = Control::decode_all(control).map_err(os_error)?;
        let message = Message::new(bytes).flags(MessageFlags::from_bits_retain(flags)).control(&control);
        self.send_message(&to.map_or(message, |to| message.to(to)))
    }

    /// recvfrom(2) with MSG_ bits.
    pub fn recv_bytes(&self, buffer: &mut [u8], flags: i32) -> io::Result<ReceivedBytes> {
        self.recv_message_bytes(buffer, 0, flags)
    }

    /// recvmsg(2) with room for so many bytes of control messages.
    pub fn recv_message_bytes(
        &self,
        buffer: &mut [u8],
        room: usize,
        flags: i32,
    ) -> io::Result<ReceivedBytes> {
        if self.is_unix() {
            return self.recv_unix_bytes(buffer, room, flags);
        }
        let flags = MessageFlags::from_bits_retain(flags);
        self.receive_message(buffer, flags).map(|received| ReceivedBytes::new(received, flags, room))
    }

    /// recvmmsg(2): buffers, each with the room for its control messages.
    pub fn recv_messages_bytes(
        &self,
        (buffers, rooms): (&mut [&mut [u8]], &[usize]),
        flags: i32,
        limit: Option<Duration>,
    ) -> io::Result<Vec<ReceivedBytes>> {
        let flags = MessageFlags::from_bits_retain(flags);
        let received = self.receive_messages(buffers, flags, limit)?;
        let rooms = rooms.iter().copied().chain(std::iter::repeat(0));
        Ok(received.into_iter().zip(rooms).map(|(one, room)| ReceivedBytes::new(one, flags, room)).collect())
    }

    /// shutdown(2): SHUT_RD, SHUT_WR or SHUT_RDWR.
    pub fn shutdown_number(&self, how: i32) -> io::Result<()> {
        let how = How::decode(how).map_err(os_error)?;
        self.open.call(|host, now, id| host.shutdown(now, id, how))
    }

    /// setsockopt(2) by level and number.
    pub fn set_option_bytes(&self, level: i32, number: i32, value: &[u8]) -> io::Result<()> {
        if self.is_unix() {
            return self.set_unix_option_bytes(level, number, value);
        }
        self.open.call(|host, now, id| {
            let (option, value) = decode_set(host.family(id)?, host.transport(id)?, (level, number), value)?;
            host.set_option(now, id, option, value)
        })
    }

    /// getsockopt(2) by level and number: the bytes that come into a buffer of `room` bytes, all of them zero before.
    pub fn option_bytes(&self, level: i32, number: i32, room: usize) -> io::Result<Vec<u8>> {
        if self.is_unix() {
            return self.unix_option_bytes(level, number, room);
        }
        self.open.call(|host, now, id| {
            let option = decode_get(host.family(id)?, host.transport(id)?, level, number)?;
            let value = match decode_question(option, &NOTHING_ASKED[..room.min(NOTHING_ASKED.len())]) {
                Some(asked) => Value::Filter(host.group_filter(id, option, &asked?)?),
                None => host.option(now, id, option)?,
            };
            encode_value(option, &value, room)
        })
    }

    /// getsockopt(2) of an option that asks something (IP_MSFILTER, MCAST_MSFILTER): the buffer as a program fills it, and
    /// what it holds then. It may be longer: Linux goes by the number of sources that the question says.
    pub fn option_answer(&self, level: i32, number: i32, question: &[u8]) -> io::Result<Vec<u8>> {
        self.open.call(|host, _, id| {
            let option = decode_get(host.family(id)?, host.transport(id)?, level, number)?;
            let asked = decode_question(option, question).ok_or(Errno::EINVAL)?;
            let filter = host.group_filter(id, option, &asked?)?;
            encode_value(option, &Value::Filter(filter), question.len())
        })
    }

    /// ioctl(2): FIONBIO, FIONREAD, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, SIOCGSTAMP, SIOCGSTAMPNS, and those of interfaces that take a
    /// `struct ifreq` (netdevice(7)). The argument is the memory that the request's
    /// pointer means; EFAULT if it is too short. ENOTTY for others.
    pub fn ioctl(&self, request: u32, argument: &mut [u8]) -> io::Result<()> {
        if ioctl::asks_of_interface(request) || ioctl::sets_interface(request) {
            return self.open.call(|host, _, id| {
                host.interface_ioctl(id, request, argument).unwrap_or(Err(Errno::ENOTTY))
            });
        }
        let word = argument.first_chunk_mut::<4>().ok_or_else(|| os_error(Errno::EFAULT))?;
        if request == ioctl::FIONBIO {
            self.open.set_nonblocking(*word != [0; 4]);
            return Ok(());
        }
        if let Some(nanos) = ioctl::stamp(request) {
            let at = self.open.call(|host, now, id| host.last_arrival(now, id))?;
            let bytes = ioctl::encode_stamp(at, nanos);
            argument.get_mut(..bytes.len()).ok_or_else(|| os_error(Errno::EFAULT))?.copy_from_slice(&bytes);
            return Ok(());
        }
        if self.is_unix() {
            return self.unix_ioctl(request, word);
        }
        let bytes = self.open.call(|host, _, id| match request {
            ioctl::FIONREAD => host.unread(id),
            ioctl::SIOCOUTQ => host.unsent(id).map(|(all, _)| all),
            ioctl::SIOCOUTQNSD if host.transport(id)? == Transport::Tcp => {
                host.unsent(id).map(|(_, unsent)| unsent)
            }
            ioctl::SIOCATMARK if host.transport(id)? == Transport::Tcp => host.at_mark(id).map(usize::from),
            _ => Err(Errno::ENOTTY),
        })?;
        *word = i32::try_from(bytes).unwrap_or(i32::MAX).to_ne_bytes();
        Ok(())
    }
}
