//! Unix-domain sockets by Linux's numbers and bytes: what `bytes` does for those of the Internet.

use std::io;

use sockeye_abi::{
    Control, Errno, MessageFlags, OPTIONS, Opt, SOL_SOCKET, SocketType, State, UnixAddress, Value,
    decode_unix, decode_value, encode_unix, encode_value, ioctl,
};

use super::bytes::ReceivedBytes;
use super::{Socket, UnixMessage};
use crate::open::os_error;

/// AF_UNIX.
pub(super) const AF_UNIX: i32 = 1;
const AF_UNSPEC: [u8; 2] = [0; 2];
/// No address is longer (struct sockaddr_storage).
const LONGEST: usize = 128;
const SOCK_NONBLOCK: i32 = 0o4000;

impl Socket {
    /// socketpair(2) by its numbers, on the host entered: EOPNOTSUPP but for AF_UNIX.
    pub fn open_pair(domain: i32, kind: i32, protocol: i32) -> io::Result<(Socket, Socket)> {
        if domain != AF_UNIX {
            Socket::open(domain, kind, protocol)?;
            return Err(os_error(Errno::EOPNOTSUPP));
        }
        let (a, b) = Socket::unix_pair(SocketType::decode_unix(kind, protocol).map_err(os_error)?)?;
        for socket in [&a, &b] {
            socket.set_nonblocking(kind & SOCK_NONBLOCK != 0)?;
        }
        Ok((a, b))
    }

    pub(super) fn open_unix(kind: i32, protocol: i32) -> io::Result<Socket> {
        let socket = Socket::unix(SocketType::decode_unix(kind, protocol).map_err(os_error)?)?;
        socket.set_nonblocking(kind & SOCK_NONBLOCK != 0)?;
        Ok(socket)
    }

    pub(super) fn is_unix(&self) -> bool {
        self.open.is_unix()
    }

    pub(super) fn bind_unix_bytes(&self, address: &[u8]) -> io::Result<()> {
        self.bind_unix(&decode_unix(address).map_err(os_error)?)
    }

    pub(super) fn connect_unix_bytes(&self, address: &[u8]) -> io::Result<()> {
        let datagrams = self.unix_kind() == Some(SocketType::Datagram);
        if datagrams && address.starts_with(&AF_UNSPEC) && address.len() <= LONGEST {
            return self.disconnect_unix();
        }
        self.connect_unix(&decode_unix(address).map_err(os_error)?)
    }

    /// The destination of a datagram. A stream is refused one whatever it is, a SEQPACKET socket asks for none.
    pub fn unix_destination(&self, address: Option<&[u8]>) -> io::Result<Option<UnixAddress>> {
        let Some(address) = address.filter(|address| !address.is_empty()) else { return Ok(None) };
        match self.unix_kind() {
            _ if address.len() > LONGEST => Err(os_error(Errno::EINVAL)),
            Some(SocketType::Stream) => Ok(Some(UnixAddress::Unnamed)),
            Some(SocketType::SeqPacket) => Ok(None),
            _ => decode_unix(address).map(Some).map_err(os_error),
        }
    }

    /// There are no descriptor numbers here: SCM_RIGHTS is EBADF ([`Socket::send_unix`] passes things).
    pub(super) fn send_unix_bytes(
        &self,
        (bytes, control): (&[u8], &[u8]),
        flags: i32,
        to: Option<&[u8]>,
    ) -> io::Result<usize> {
        let mut credentials = None;
        for control in Control::decode_all(control).map_err(os_error)? {
            match control {
                Control::Credentials(said) => credentials = Some(said),
                Control::Rights(list) if list.is_empty() => {}
                Control::Rights(_) => return Err(os_error(Errno::EBADF)),
                Control::Other { level: SOL_SOCKET, .. } => return Err(os_error(Errno::EINVAL)),
                _ => {}
            }
        }
        let to = self.unix_destination(to)?;
        let flags = MessageFlags::from_bits_retain(flags);
        self.send_unix(bytes, &UnixMessage { to: to.as_ref(), credentials, flags, passed: &[] })
    }

    /// What is passed is let go.
    pub(super) fn recv_unix_bytes(
        &self,
        buffer: &mut [u8],
        room: usize,
        flags: i32,
    ) -> io::Result<ReceivedBytes> {
        let asked = MessageFlags::from_bits_retain(flags);
        let received = self.recv_unix(buffer, 0, asked)?;
        let control: Vec<Control> = received.credentials.map(Control::Credentials).into_iter().collect();
        let (control, cut) = Control::encode_all(&control, room);
        let mut flags = received.flags;
        flags.set(MessageFlags::CTRUNC, flags.contains(MessageFlags::CTRUNC) || cut);
        let value = if asked.contains(MessageFlags::TRUNC) { received.length } else { received.copied };
        let name = received.source.as_ref().map(encode_unix).unwrap_or_default();
        Ok(ReceivedBytes { value, name, control, flags: flags.bits() })
    }

    pub(super) fn set_unix_option_bytes(&self, level: i32, number: i32, value: &[u8]) -> io::Result<()> {
        let set = || {
            if level != SOL_SOCKET {
                return Err(Errno::EOPNOTSUPP);
            }
            if value.len() < 4 {
                return Err(Errno::EINVAL);
            }
            let opt = of_number(number)?;
            if opt.row().state == State::Rejected || !opt.row().settable {
                return Err(Errno::ENOPROTOOPT);
            }
            Ok((opt, decode_value(opt, value)?))
        };
        let (opt, value) = set().map_err(os_error)?;
        self.set_option(opt, value)
    }

    pub(super) fn unix_option_bytes(&self, level: i32, number: i32, room: usize) -> io::Result<Vec<u8>> {
        if level != SOL_SOCKET {
            return Err(os_error(Errno::EOPNOTSUPP));
        }
        let opt = of_number(number).map_err(os_error)?;
        let value = self.option(opt)?;
        if let (Opt::SoPeerGroups, Value::Bytes(groups)) = (opt, &value)
            && groups.len() > room
        {
            return Err(os_error(Errno::ERANGE));
        }
        encode_value(opt, &value, room).map_err(os_error)
    }

    pub(super) fn unix_ioctl(&self, request: u32, word: &mut [u8; 4]) -> io::Result<()> {
        let number = self.open.call(|host, _, id| match request {
            ioctl::FIONREAD => host.unread(id),
            ioctl::SIOCOUTQ => host.unsent(id).map(|(all, _)| all),
            ioctl::SIOCATMARK => host.at_mark(id).map(usize::from),
            _ => Err(Errno::ENOTTY),
        })?;
        *word = i32::try_from(number).unwrap_or(i32::MAX).to_ne_bytes();
        Ok(())
    }
}

fn of_number(number: i32) -> Result<Opt, Errno> {
    let row = OPTIONS.iter().find(|row| (row.level, row.number) == (SOL_SOCKET, number));
    row.map(|row| row.opt).ok_or(Errno::ENOPROTOOPT)
}
