//! The trapped calls: what each means for the stack and its carrier. A file per family of calls.

mod accept;
mod close;
mod connect;
mod create;
mod datagram;
mod fast_open;
mod gate;
mod ioctl;
mod message;
mod names;
mod netlink;
mod options;
mod table;
mod uname;
mod unheard;
mod unmet;

use libc::c_long;
use rustix::io::Errno as Native;
use sockeye_abi::{Errno, Family, MessageFlags, Transport};
use sockeye_base::Duration;
use sockeye_socket::SocketId;

use crate::carriers::{CarrierId, Inet, State};
use crate::process::descriptors;
use crate::process::memory;
use crate::seccomp::{Call, FOREIGN};
use crate::supervisor::Supervisor;
use crate::unmet::Limit;

pub(crate) use fast_open::FastSend;
pub(crate) use table::numbers;
pub use table::{CALLS, CallRow, When};
pub(crate) use uname::HostNames;
use unheard::Outcome;
pub(crate) use unheard::{Mark, Taken, Unheard};

/// The longest address the kernel takes (`sizeof(struct sockaddr_storage)`).
const ADDRESS_MAX: usize = 128;

/// The calls that take message headers.
const MESSAGE_CALLS: [c_long; 4] =
    [libc::SYS_sendmsg, libc::SYS_recvmsg, libc::SYS_sendmmsg, libc::SYS_recvmmsg];
/// The kernel's own flag for headers of 32-bit programs: nobody else may give it.
const MSG_CMSG_COMPAT: i32 = i32::MIN;

/// How a call ends.
pub(crate) enum Answer {
    /// With this value.
    Value(i64),
    /// The kernel makes it.
    Pass,
    /// Later, when its carrier changed, or with the time limit's error.
    Wait { carrier: CarrierId, limit: Option<Duration> },
    /// It has been answered.
    Done,
}

/// What a call's descriptor stands for.
#[derive(Clone, Copy)]
pub(crate) struct Subject {
    carrier: CarrierId,
    socket: SocketId,
    family: Family,
    transport: Transport,
}

impl Subject {
    fn is_stream(self) -> bool {
        self.transport.is_stream()
    }
}

impl Supervisor {
    /// Serves one trapped call.
    pub(crate) fn dispatch(&mut self, call: &Call) -> Result<Answer, Errno> {
        match call.number {
            libc::SYS_socket => return self.create(call),
            libc::SYS_splice => return self.splice(call),
            libc::SYS_uname => return self.uname(call),
            libc::SYS_sethostname | libc::SYS_setdomainname => return self.set_host_name(call),
            libc::SYS_io_uring_setup => return self.limited(call, Limit::IoUring),
            // The filter sends only those that ask for a listener, and for strict mode.
            libc::SYS_seccomp if call.int(0) == libc::SECCOMP_SET_MODE_FILTER as i32 => {
                return self.limited(call, Limit::Listener);
            }
            libc::SYS_seccomp | libc::SYS_prctl => return self.limited(call, Limit::StrictMode),
            FOREIGN => return self.limited(call, Limit::Foreign),
            _ => {}
        }
        let Some(id) = self.carrier_at(call, 0) else { return self.foreign(call) };
        let Some(subject) = self.subject_of(id) else { return self.other(call, id) };
        if MESSAGE_CALLS.contains(&call.number) && message::flags_of(call).bits() & MSG_CMSG_COMPAT != 0 {
            return Err(Errno::EINVAL);
        }
        if subject.is_stream() {
            self.hold_cork(id);
        }
        match call.number {
            libc::SYS_connect => self.connect(call, subject),
            libc::SYS_bind => self.bind(call, subject),
            libc::SYS_listen => self.listen(call, subject),
            libc::SYS_accept => self.accept(call, subject, 0),
            libc::SYS_accept4 => self.accept(call, subject, call.int(3)),
            libc::SYS_getsockname => self.local_name(call, subject),
            libc::SYS_getpeername => self.peer_name(call, subject),
            libc::SYS_setsockopt => self.set_option(call, subject),
            libc::SYS_getsockopt => self.get_option(call, subject),
            libc::SYS_shutdown => self.shutdown(call, subject),
            libc::SYS_close => self.close(subject),
            libc::SYS_ioctl => self.ioctl(call, subject),
            libc::SYS_read | libc::SYS_readv => self.read(call, subject),
            libc::SYS_write | libc::SYS_writev => self.write(call, subject),
            libc::SYS_sendfile => self.gate_send(call, subject, MessageFlags::empty()),
            libc::SYS_sendto if !subject.is_stream() => self.send_to(call, subject),
            libc::SYS_sendmsg if !subject.is_stream() => self.send_message(call, subject),
            libc::SYS_sendmmsg if !subject.is_stream() => self.send_messages(call, subject),
            libc::SYS_recvfrom if !subject.is_stream() => self.receive_from(call, subject),
            libc::SYS_recvmsg if !subject.is_stream() => self.receive_message(call, subject),
            libc::SYS_recvmmsg if !subject.is_stream() => self.receive_messages(call, subject),
            libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg => self.stream_send(call, subject),
            libc::SYS_recvfrom | libc::SYS_recvmsg | libc::SYS_recvmmsg => self.stream_receive(call, subject),
            _ => Ok(Answer::Pass),
        }
    }

    /// The socket behind a call's first argument, if it is one of ours.
    fn subject(&mut self, call: &Call) -> Option<Subject> {
        self.subject_at(call, 0)
    }

    /// The socket behind one of a call's arguments.
    fn subject_at(&mut self, call: &Call, argument: usize) -> Option<Subject> {
        let id = self.carrier_at(call, argument)?;
        self.subject_of(id)
    }

    fn subject_of(&mut self, id: CarrierId) -> Option<Subject> {
        let carrier = self.carriers.get(id)?;
        let Inet { family, transport } = carrier.inet?;
        Some(Subject { carrier: id, socket: carrier.socket, family, transport })
    }

    /// The carrier that one of a call's arguments is.
    fn carrier_at(&mut self, call: &Call, argument: usize) -> Option<CarrierId> {
        let fd = call.int(argument);
        let found = if is_for_all_files(call.number) {
            match self.carriers.threads.socket_inode(call.tid, fd) {
                Ok(Some(inode)) => match self.carriers.of_inode(inode) {
                    // What the object has made isn't known yet.
                    None if self.carriers.shared.table().is_some() => self.take_in_hand(call.tid, fd),
                    known => Ok(known),
                },
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            }
        } else {
            self.take_in_hand(call.tid, fd)
        };
        if let Err(Native::ACCESS | Native::PERM) = found {
            self.meet_hidden(call);
        }
        let id = found.ok()??;
        self.carriers.get(id)?.seen = (call.tid, fd);
        if argument == 0 {
            self.about = Some((call.id, id));
        }
        Some(id)
    }

    /// The carrier that descriptor `fd` of a thread is, if it is one; it is in hand then.
    fn take_in_hand(&mut self, tid: u32, fd: i32) -> Result<Option<CarrierId>, Native> {
        // It may have been accepted a moment ago.
        self.note_accepts();
        self.carriers.take_in_hand((tid, fd), self.network.host())
    }

    /// A call on what is no socket of the Internet's.
    fn other(&mut self, call: &Call, id: CarrierId) -> Result<Answer, Errno> {
        match self.netlink_subject(id) {
            Some(subject) => self.netlink_call(call, subject),
            None => self.foreign(call),
        }
    }

    /// A call on something that is not ours: the kernel knows best. But its name-cache and resolver daemons would
    /// answer for the machine's network, so they are not there.
    fn foreign(&mut self, call: &Call) -> Result<Answer, Errno> {
        if ioctl::is_of_interfaces(call) {
            return self.foreign_ioctl(call);
        }
        if call.number == libc::SYS_connect
            && let Ok(bytes) = read_address(call, 1, 2)
            && names::is_resolver_daemon(&bytes)
        {
            return Err(Errno::ECONNREFUSED);
        }
        Ok(Answer::Pass)
    }

    /// Whether the descriptor's file is in non-blocking mode.
    fn is_nonblocking(&mut self, subject: Subject) -> bool {
        let program_end = self.carriers.get(subject.carrier).and_then(|carrier| carrier.borrow());
        program_end.is_none_or(descriptors::is_nonblocking)
    }

    fn state(&mut self, subject: Subject) -> Result<&mut State, Errno> {
        self.carriers.get(subject.carrier).map(|carrier| &mut carrier.state).ok_or(Errno::EBADF)
    }
}

/// Whether a call is made on files of all kinds.
fn is_for_all_files(number: c_long) -> bool {
    matches!(
        number,
        libc::SYS_read
            | libc::SYS_readv
            | libc::SYS_write
            | libc::SYS_writev
            | libc::SYS_sendfile
            | libc::SYS_splice
            | libc::SYS_ioctl
            | libc::SYS_close
    )
}

/// The address a call gives in argument `pointer`, whose length is argument `length`.
fn read_address(call: &Call, pointer: usize, length: usize) -> Result<Vec<u8>, Errno> {
    let length = usize::try_from(call.int(length)).map_err(|_| Errno::EINVAL)?;
    if length > ADDRESS_MAX {
        return Err(Errno::EINVAL);
    }
    memory::read_vec(call.tid, call.args[pointer], length)
}
