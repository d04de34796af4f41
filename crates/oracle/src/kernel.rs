//! The kernel's own calls, or those of whoever supervises this process.

use std::ffi::CString;
use std::io;
use std::mem;
use std::ptr;
use std::time::Duration;

use libc::{c_int, c_void, iovec, mmsghdr, msghdr, sockaddr, socklen_t};

use crate::address::{Name, read_control};
use crate::calls::{Calls, Errno, Fd, Incoming, Outgoing, Result, Room};

/// Room for any `struct sockaddr`.
const NAME_ROOM: usize = 128;

/// System calls. It holds nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kernel;

fn done(value: impl Into<i64>) -> Result<i64> {
    let value = value.into();
    if value < 0 { Err(Errno(io::Error::last_os_error().raw_os_error().unwrap_or(0))) } else { Ok(value) }
}

fn size(value: impl Into<i64>) -> Result<usize> {
    done(value).map(|value| usize::try_from(value).unwrap_or(0))
}

fn fd(value: c_int) -> Result<Fd> {
    done(value).map(|_| value)
}

fn nothing(value: c_int) -> Result<()> {
    done(value).map(|_| ())
}

fn length(bytes: &[u8]) -> socklen_t {
    socklen_t::try_from(bytes.len()).unwrap_or(socklen_t::MAX)
}

fn address(bytes: &[u8]) -> *const sockaddr {
    bytes.as_ptr().cast()
}

/// A call that writes a name and its length.
fn named(call: impl FnOnce(*mut sockaddr, *mut socklen_t) -> i64) -> Result<(i64, Name)> {
    let mut bytes = vec![0; NAME_ROOM];
    let mut length = NAME_ROOM as socklen_t;
    let value = done(call(bytes.as_mut_ptr().cast(), &raw mut length))?;
    bytes.truncate(length as usize);
    Ok((value, Name(bytes)))
}

fn pieces_of(message: &Outgoing<'_>) -> Vec<iovec> {
    let piece = |bytes: &&[u8]| iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    message.pieces.iter().map(piece).collect()
}

/// A header that says where a message is. It holds no borrow: the message and its pieces must outlive the call.
fn header_of(message: &Outgoing<'_>, pieces: &[iovec]) -> msghdr {
    // SAFETY: all of a msghdr's fields may be zero.
    let mut header: msghdr = unsafe { mem::zeroed() };
    if let Some(name) = message.name {
        header.msg_name = name.as_ptr().cast_mut().cast();
        header.msg_namelen = length(name);
    }
    header.msg_iov = pieces.as_ptr().cast_mut();
    header.msg_iovlen = pieces.len();
    if !message.control.is_empty() {
        header.msg_control = message.control.as_ptr().cast_mut().cast();
        header.msg_controllen = message.control.len();
    }
    header
}

/// Where a message is received to.
struct Buffers {
    data: Vec<u8>,
    name: Vec<u8>,
    /// In words, as control messages must be aligned.
    control: Vec<u64>,
    piece: Box<[iovec; 1]>,
}

impl Buffers {
    fn new(room: Room) -> Buffers {
        let mut data = vec![0; room.data];
        let piece = Box::new([iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() }]);
        Buffers { data, name: vec![0; room.name], control: vec![0; room.control.div_ceil(8)], piece }
    }

    /// A header that says where they are; they must outlive the call.
    fn header(&mut self, room: Room) -> msghdr {
        // SAFETY: all of a msghdr's fields may be zero.
        let mut header: msghdr = unsafe { mem::zeroed() };
        if room.name > 0 {
            header.msg_name = self.name.as_mut_ptr().cast();
            header.msg_namelen = room.name as socklen_t;
        }
        header.msg_iov = self.piece.as_mut_ptr();
        header.msg_iovlen = 1;
        if room.control > 0 {
            header.msg_control = self.control.as_mut_ptr().cast();
            header.msg_controllen = room.control;
        }
        header
    }

    fn incoming(mut self, value: usize, header: &msghdr) -> Incoming {
        self.data.truncate(value);
        self.name.truncate(header.msg_namelen as usize);
        let control: Vec<u8> = self.control.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let written = control.get(..header.msg_controllen).unwrap_or(&control);
        let control = read_control(written);
        Incoming { value, data: self.data, name: Name(self.name), control, flags: header.msg_flags }
    }
}

impl Calls for Kernel {
    fn socket(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<Fd> {
        // SAFETY: no memory is passed.
        fd(unsafe { libc::socket(domain, kind, protocol) })
    }

    fn socketpair(&mut self, domain: i32, kind: i32, protocol: i32) -> Result<(Fd, Fd)> {
        let mut both = [0; 2];
        // SAFETY: there is room for two descriptors.
        nothing(unsafe { libc::socketpair(domain, kind, protocol, both.as_mut_ptr()) })?;
        Ok((both[0], both[1]))
    }

    fn bind(&mut self, fd: Fd, name: &[u8]) -> Result<()> {
        // SAFETY: the address is as long as is said.
        nothing(unsafe { libc::bind(fd, address(name), length(name)) })
    }

    fn connect(&mut self, fd: Fd, name: &[u8]) -> Result<()> {
        // SAFETY: the address is as long as is said.
        nothing(unsafe { libc::connect(fd, address(name), length(name)) })
    }

    fn listen(&mut self, fd: Fd, backlog: i32) -> Result<()> {
        // SAFETY: no memory is passed.
        nothing(unsafe { libc::listen(fd, backlog) })
    }

    fn accept4(&mut self, fd: Fd, flags: i32) -> Result<(Fd, Name)> {
        // SAFETY: `named` gives room for a name, and its length.
        let (fd, name) = named(|name, length| unsafe { libc::accept4(fd, name, length, flags) }.into())?;
        Ok((fd as Fd, name))
    }

    fn unlink(&mut self, path: &[u8]) -> Result<()> {
        let path = CString::new(path).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the path ends in a NUL.
        nothing(unsafe { libc::unlink(path.as_ptr()) })
    }

    fn shutdown(&mut self, fd: Fd, how: i32) -> Result<()> {
        // SAFETY: no memory is passed.
        nothing(unsafe { libc::shutdown(fd, how) })
    }

    fn close(&mut self, fd: Fd) -> Result<()> {
        // SAFETY: the behaviours' descriptors belong to nothing else here.
        nothing(unsafe { libc::close(fd) })
    }

    fn dup(&mut self, old: Fd) -> Result<Fd> {
        // SAFETY: no memory is passed.
        fd(unsafe { libc::dup(old) })
    }

    fn read(&mut self, fd: Fd, room: usize) -> Result<Vec<u8>> {
        let mut data = vec![0; room];
        // SAFETY: the buffer is as long as is said.
        let count = size(unsafe { libc::read(fd, data.as_mut_ptr().cast(), room) } as i64)?;
        data.truncate(count);
        Ok(data)
    }

    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize> {
        // SAFETY: the bytes are as many as is said.
        size(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) } as i64)
    }

    fn sendto(&mut self, fd: Fd, bytes: &[u8], flags: i32, to: Option<&[u8]>) -> Result<usize> {
        let (name, name_len) = to.map_or((ptr::null(), 0), |to| (address(to), length(to)));
        let data: *const c_void = bytes.as_ptr().cast();
        // SAFETY: bytes and address are as long as is said.
        size(unsafe { libc::sendto(fd, data, bytes.len(), flags, name, name_len) } as i64)
    }

    fn recvfrom(&mut self, fd: Fd, room: usize, flags: i32) -> Result<Incoming> {
        let mut data = vec![0; room];
        let into: *mut c_void = data.as_mut_ptr().cast();
        let (value, name) = named(|name, length| {
            // SAFETY: the buffer is as long as is said; `named` gives room for a name, and its length.
            unsafe { libc::recvfrom(fd, into, room, flags, name, length) as i64 }
        })?;
        let value = usize::try_from(value).unwrap_or(0);
        data.truncate(value);
        Ok(Incoming { value, data, name, ..Incoming::default() })
    }

    fn sendmsg(&mut self, fd: Fd, message: &Outgoing<'_>, flags: i32) -> Result<usize> {
        let pieces = pieces_of(message);
        let header = header_of(message, &pieces);
        // SAFETY: what the header points to lives until the call returns, and is only read.
        size(unsafe { libc::sendmsg(fd, &raw const header, flags) } as i64)
    }

    fn recvmsg(&mut self, fd: Fd, room: Room, flags: i32) -> Result<Incoming> {
        let mut buffers = Buffers::new(room);
        let mut header = buffers.header(room);
        // SAFETY: what the header points to is as long as it says and lives until the call returns.
        let value = size(unsafe { libc::recvmsg(fd, &raw mut header, flags) } as i64)?;
        Ok(buffers.incoming(value, &header))
    }

    fn sendmmsg(&mut self, fd: Fd, messages: &[Outgoing<'_>], flags: i32) -> Result<Vec<usize>> {
        let pieces: Vec<Vec<iovec>> = messages.iter().map(pieces_of).collect();
        let headers = messages.iter().zip(&pieces);
        let mut list: Vec<mmsghdr> = headers
            .map(|(message, pieces)| mmsghdr { msg_hdr: header_of(message, pieces), msg_len: 0 })
            .collect();
        // SAFETY: what the headers point to lives until the call returns, and is only read.
        let count = size(unsafe { libc::sendmmsg(fd, list.as_mut_ptr(), list.len() as u32, flags) })?;
        Ok(list.iter().take(count).map(|entry| entry.msg_len as usize).collect())
    }

    fn recvmmsg(&mut self, fd: Fd, rooms: &[Room], flags: i32, limit: Option<u64>) -> Result<Vec<Incoming>> {
        let mut buffers: Vec<Buffers> = rooms.iter().map(|room| Buffers::new(*room)).collect();
        let headers = buffers.iter_mut().zip(rooms).map(|(buffers, room)| buffers.header(*room));
        let mut list: Vec<mmsghdr> = headers.map(|msg_hdr| mmsghdr { msg_hdr, msg_len: 0 }).collect();
        let mut limit = limit.map(|milliseconds| libc::timespec {
            tv_sec: (milliseconds / 1000) as i64,
            tv_nsec: (milliseconds % 1000 * 1_000_000) as i64,
        });
        let limit = limit.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        // SAFETY: what the headers point to is as long as they say and lives until the call returns.
        let count = size(unsafe { libc::recvmmsg(fd, list.as_mut_ptr(), list.len() as u32, flags, limit) })?;
        let received = buffers.into_iter().zip(&list).take(count);
        Ok(received
            .map(|(buffers, entry)| buffers.incoming(entry.msg_len as usize, &entry.msg_hdr))
            .collect())
    }

    fn getsockopt(&mut self, fd: Fd, level: i32, number: i32, room: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; room];
        let mut length = room as socklen_t;
        // SAFETY: the buffer is as long as is said.
        nothing(unsafe { libc::getsockopt(fd, level, number, bytes.as_mut_ptr().cast(), &raw mut length) })?;
        bytes.truncate(length as usize);
        Ok(bytes)
    }

    fn getsockopt_of(&mut self, fd: Fd, level: i32, number: i32, question: &[u8]) -> Result<Vec<u8>> {
        let mut bytes = question.to_vec();
        bytes.resize(question.len() + 16_384, 0);
        let mut length = question.len() as socklen_t;
        // SAFETY: the buffer is longer than is said, as Linux may write more.
        nothing(unsafe { libc::getsockopt(fd, level, number, bytes.as_mut_ptr().cast(), &raw mut length) })?;
        bytes.truncate(length as usize);
        Ok(bytes)
    }

    fn setsockopt(&mut self, fd: Fd, level: i32, number: i32, value: &[u8]) -> Result<()> {
        // SAFETY: the value is as long as is said.
        nothing(unsafe { libc::setsockopt(fd, level, number, value.as_ptr().cast(), length(value)) })
    }

    fn getsockname(&mut self, fd: Fd) -> Result<Name> {
        // SAFETY: `named` gives room for a name, and its length.
        named(|name, length| unsafe { libc::getsockname(fd, name, length) }.into()).map(|(_, name)| name)
    }

    fn getpeername(&mut self, fd: Fd) -> Result<Name> {
        // SAFETY: `named` gives room for a name, and its length.
        named(|name, length| unsafe { libc::getpeername(fd, name, length) }.into()).map(|(_, name)| name)
    }

    fn ioctl(&mut self, fd: Fd, request: u32, argument: &mut [u8]) -> Result<()> {
        let argument: *mut c_void = argument.as_mut_ptr().cast();
        // SAFETY: a behaviour gives a request as much memory as it needs.
        nothing(unsafe { libc::ioctl(fd, request.into(), argument) })
    }

    fn fcntl(&mut self, fd: Fd, command: i32, argument: i32) -> Result<i32> {
        // SAFETY: these commands take an int, and no memory.
        done(unsafe { libc::fcntl(fd, command, argument) }).map(|value| value as i32)
    }

    fn poll(&mut self, list: &[(Fd, i16)], limit: i32) -> Result<Vec<i16>> {
        let entry = |(fd, events): &(Fd, i16)| libc::pollfd { fd: *fd, events: *events, revents: 0 };
        let mut list: Vec<libc::pollfd> = list.iter().map(entry).collect();
        // SAFETY: the list is as long as is said.
        done(unsafe { libc::poll(list.as_mut_ptr(), list.len() as u64, limit) })?;
        Ok(list.iter().map(|entry| entry.revents).collect())
    }

    fn sleep(&mut self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }
}
