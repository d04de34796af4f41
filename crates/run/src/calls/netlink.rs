//! Calls on netlink sockets (netlink(7)).
//!
//! What has no address may go natively. A request that a signal has made again is answered twice.

use std::rc::Rc;

use rustix::fd::OwnedFd;
use rustix::net::RecvFlags;
use rustix::net::sockopt::{self, Timeout};
use sockeye_abi::netlink::{AF_NETLINK, Address, SOL_NETLINK};
use sockeye_abi::{Control, Credentials, Errno, MessageFlags, SOL_SOCKET, ioctl};
use sockeye_socket::SocketId;

use super::message::{Header, IOV_MAX, flags_of};
use super::{Answer, Taken, read_address};
use crate::carriers::{CarrierId, State};
use crate::process::{descriptors, memory};
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

/// A longer request is EMSGSIZE: Linux takes what SO_SNDBUF takes, less its overhead.
const REQUEST_MAX: usize = 212_960;

/// What a netlink call's descriptor stands for.
#[derive(Clone, Copy)]
pub(super) struct Netlink {
    carrier: CarrierId,
    socket: SocketId,
}

/// What is taken from P's queue.
struct Received {
    data: Vec<u8>,
    /// Its whole length, though `data` may be less.
    length: usize,
    control: Vec<Control>,
}

impl Supervisor {
    pub(super) fn netlink_subject(&mut self, id: CarrierId) -> Option<Netlink> {
        let carrier = self.carriers.get(id)?;
        matches!(carrier.state, State::Netlink(_)).then_some(Netlink { carrier: id, socket: carrier.socket })
    }

    pub(super) fn netlink_call(&mut self, call: &Call, subject: Netlink) -> Result<Answer, Errno> {
        let flags = flags_of(call);
        match call.number {
            libc::SYS_bind => {
                let wanted = Address::decode(&read_address(call, 1, 2)?)?;
                self.network.host().netlink_bind(subject.socket, wanted).map(|()| Answer::Value(0))
            }
            libc::SYS_connect => self.netlink_connect(call, subject),
            libc::SYS_getsockname => {
                let name = self.network.host().netlink_name(subject.socket)?;
                memory::write_value_result(call.tid, call.args[1], call.args[2], &name.encode())?;
                Ok(Answer::Value(0))
            }
            libc::SYS_getpeername => {
                memory::write_value_result(
                    call.tid,
                    call.args[1],
                    call.args[2],
                    &Address::default().encode(),
                )?;
                Ok(Answer::Value(0))
            }
            libc::SYS_listen | libc::SYS_accept | libc::SYS_accept4 | libc::SYS_shutdown => {
                Err(Errno::EOPNOTSUPP)
            }
            libc::SYS_setsockopt => self.netlink_set_option(call, subject),
            libc::SYS_getsockopt => self.netlink_get_option(call, subject),
            libc::SYS_ioctl => self.netlink_ioctl(call, subject),
            libc::SYS_sendto => {
                let header = Header::of_piece(call.args[1], call.args[2])?;
                let name = if call.args[4] == 0 { None } else { Some(read_address(call, 4, 5)?) };
                self.netlink_send(call, subject, (&header, name), flags)
            }
            libc::SYS_sendmsg => {
                let header = Header::read(call.tid, call.args[1])?;
                let name = header.read_name(call.tid)?;
                self.netlink_send(call, subject, (&header, name), flags)
            }
            libc::SYS_sendmmsg => {
                let count = (call.args[2] as u32 as usize).min(IOV_MAX);
                self.many(call, count, |supervisor, header| {
                    let name = header.read_name(call.tid)?;
                    supervisor.netlink_send(call, subject, (header, name), flags)
                })
            }
            libc::SYS_recvfrom => self.netlink_receive_from(call, subject, flags),
            libc::SYS_recvmsg => {
                let header = Header::read(call.tid, call.args[1])?;
                self.netlink_receive(call, subject, &header, flags)
            }
            libc::SYS_recvmmsg => {
                let count = (call.args[2] as u32 as usize).min(IOV_MAX);
                let flags = flags & !MessageFlags::from_bits_retain(libc::MSG_WAITFORONE);
                self.many(call, count, |supervisor, header| {
                    supervisor.netlink_receive(call, subject, header, flags)
                })
            }
            _ => Ok(Answer::Pass),
        }
    }

    fn netlink_connect(&mut self, call: &Call, subject: Netlink) -> Result<Answer, Errno> {
        let bytes = read_address(call, 1, 2)?;
        let family = bytes.first_chunk().map(|family| u16::from_ne_bytes(*family)).ok_or(Errno::EINVAL)?;
        if family != libc::AF_UNSPEC as u16 {
            let peer = Address::decode(&bytes)?;
            self.network.host().netlink_connect(subject.socket, peer)?;
        }
        Ok(Answer::Value(0))
    }

    /// Hands requests to the host. Only the kernel is to be spoken to.
    fn netlink_send(
        &mut self,
        call: &Call,
        subject: Netlink,
        (header, name): (&Header, Option<Vec<u8>>),
        flags: MessageFlags,
    ) -> Result<Answer, Errno> {
        if flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        if let Some(name) = name
            && Address::decode(&name)? != Address::default()
        {
            return Err(Errno::EPERM);
        }
        if header.room() > REQUEST_MAX {
            return Err(Errno::EMSGSIZE);
        }
        let bytes = header.gather(call.tid, REQUEST_MAX + 1)?;
        let now = self.network.now();
        let sent = self.network.host().netlink_send(now, subject.socket, &bytes, &self.carriers)?;
        self.show(subject.socket);
        Ok(Answer::Value(sent as i64))
    }

    fn netlink_receive_from(
        &mut self,
        call: &Call,
        subject: Netlink,
        flags: MessageFlags,
    ) -> Result<Answer, Errno> {
        let room = Header::of_piece(call.args[1], call.args[2])?.room();
        let Some(received) = self.netlink_take(subject, room, flags)? else {
            return self.netlink_wait(subject, flags);
        };
        memory::write(call.tid, call.args[1], &received.data)?;
        if call.args[4] != 0 {
            let kernel = Address::default().encode();
            memory::write_value_result(call.tid, call.args[4], call.args[5], &kernel)?;
        }
        Ok(Answer::Value(received.answer(flags)))
    }

    fn netlink_receive(
        &mut self,
        call: &Call,
        subject: Netlink,
        header: &Header,
        flags: MessageFlags,
    ) -> Result<Answer, Errno> {
        let Some(received) = self.netlink_take(subject, header.room(), flags)? else {
            return self.netlink_wait(subject, flags);
        };
        let mut shown = flags & MessageFlags::CMSG_CLOEXEC;
        shown.set(MessageFlags::TRUNC, received.length > received.data.len());
        let kernel = Address::default().encode();
        header.fill(call.tid, &received.data, &kernel, (&received.control, shown))?;
        Ok(Answer::Value(received.answer(flags)))
    }

    /// Takes the next datagram out of P's queue; `None` if there is none.
    fn netlink_take(
        &mut self,
        subject: Netlink,
        room: usize,
        flags: MessageFlags,
    ) -> Result<Option<Received>, Errno> {
        if flags.contains(MessageFlags::OOB) {
            return Err(Errno::EOPNOTSUPP);
        }
        self.pump(subject.carrier);
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        let program_end = carrier.borrow().ok_or(Errno::EBADF)?;
        let State::Netlink(answers) = &mut carrier.state else { return Err(Errno::EBADF) };
        if let Some(error) = answers.take_error() {
            return Err(error);
        }
        let peek = flags.contains(MessageFlags::PEEK);
        let mut native = RecvFlags::DONTWAIT;
        native.set(RecvFlags::PEEK, peek);
        match rustix::net::recv(&program_end, &mut self.buffer[..], native) {
            Ok((length, _)) => {
                let whole = &self.buffer[..length];
                let data = whole[..length.min(room)].to_vec();
                let carrier = subject.carrier;
                self.taken = (!peek).then(|| Taken { carrier, data: whole.to_vec(), received: None });
                // SO_PASSCRED: the kernel is process 0.
                let kernel = Control::Credentials(Credentials { pid: 0, uid: 0, gid: 0 });
                let asks = sockopt::socket_passcred(&program_end).unwrap_or(false);
                Ok(Some(Received { data, length, control: asks.then_some(kernel).into_iter().collect() }))
            }
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(error) => Err(Errno(error.raw_os_error())),
        }
    }

    fn netlink_wait(&mut self, subject: Netlink, flags: MessageFlags) -> Result<Answer, Errno> {
        let program_end = self.netlink_end(subject)?;
        if flags.contains(MessageFlags::DONTWAIT) || descriptors::is_nonblocking(&program_end) {
            return Err(Errno::EAGAIN);
        }
        let limit = sockopt::socket_timeout(&program_end, Timeout::Recv).unwrap_or(None);
        Ok(Answer::Wait { carrier: subject.carrier, limit })
    }

    fn netlink_end(&mut self, subject: Netlink) -> Result<Rc<OwnedFd>, Errno> {
        let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
        carrier.borrow().ok_or(Errno::EBADF)
    }

    /// Most of SOL_SOCKET's are the carrier's own.
    fn netlink_set_option(&mut self, call: &Call, subject: Netlink) -> Result<Answer, Errno> {
        let length = usize::try_from(call.int(4)).map_err(|_| Errno::EINVAL)?;
        match call.int(1) {
            SOL_SOCKET => Ok(Answer::Pass),
            SOL_NETLINK => {
                let value = memory::read_vec(call.tid, call.args[3], length.min(4))?;
                self.network.host().netlink_set_option(subject.socket, call.int(2), &value)?;
                Ok(Answer::Value(0))
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn netlink_get_option(&mut self, call: &Call, subject: Netlink) -> Result<Answer, Errno> {
        let (level, number) = (call.int(1), call.int(2));
        let room = usize::try_from(memory::read_i32(call.tid, call.args[4])?).map_err(|_| Errno::EINVAL)?;
        let (value, length) = match (level, number) {
            (SOL_SOCKET, libc::SO_TYPE | libc::SO_DOMAIN | libc::SO_PROTOCOL) => {
                let protocol = self.network.host().netlink_protocol(subject.socket)?;
                let carrier = self.carriers.get(subject.carrier).ok_or(Errno::EBADF)?;
                let State::Netlink(answers) = &carrier.state else { return Err(Errno::EBADF) };
                let word = match number {
                    libc::SO_TYPE => answers.kind,
                    libc::SO_DOMAIN => AF_NETLINK,
                    _ => protocol.number(),
                };
                let value: Vec<u8> = word.to_ne_bytes().into_iter().take(room).collect();
                let length = value.len();
                (value, length)
            }
            (SOL_SOCKET, _) => return Ok(Answer::Pass),
            (SOL_NETLINK, _) => self.network.host().netlink_option(subject.socket, number, room)?,
            _ => return Err(Errno::ENOPROTOOPT),
        };
        memory::write(call.tid, call.args[3], &value)?;
        memory::write(call.tid, call.args[4], &(length as i32).to_ne_bytes())?;
        Ok(Answer::Value(0))
    }

    fn netlink_ioctl(&mut self, call: &Call, subject: Netlink) -> Result<Answer, Errno> {
        match call.args[1] as u32 {
            ioctl::FIOSETOWN | ioctl::SIOCSPGRP | ioctl::FIOGETOWN | ioctl::SIOCGPGRP => Ok(Answer::Pass),
            ioctl::TIOCOUTQ => Err(Errno::ENOTTY),
            ioctl::SIOCGIFCONF => self.interface_list(call),
            request => self.interface_ioctl(call, subject.socket, request),
        }
    }

    /// Moves requests and answers between a netlink socket's carrier and the host.
    pub(crate) fn pump_netlink(&mut self, id: CarrierId) {
        let now = self.network.now();
        let Some(carrier) = self.carriers.get(id) else { return };
        let socket = carrier.socket;
        // What is told of all carriers is asked of them meanwhile.
        let State::Netlink(mut answers) = std::mem::replace(&mut carrier.state, State::Fresh) else { return };
        let host = self.network.host();
        let is_open = answers.relay(host, now, (socket, &self.carriers), &mut self.buffer);
        if let Some(carrier) = self.carriers.get(id) {
            carrier.state = State::Netlink(answers);
        }
        if is_open {
            self.watch_room(id);
        } else {
            self.close_carrier(id);
        }
    }
}

impl Received {
    /// The call's value: with MSG_TRUNC the datagram's whole length.
    fn answer(&self, flags: MessageFlags) -> i64 {
        if flags.contains(MessageFlags::TRUNC) { self.length as i64 } else { self.data.len() as i64 }
    }
}
