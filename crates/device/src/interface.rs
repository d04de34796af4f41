//! What is set on a network interface by ioctl (netdevice(7)): flags, MTU, addresses. A few calls are all that is
//! needed, and they need no netlink.

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketType};

const TUNSETOFFLOAD: libc::Ioctl = 0x4004_54d0;

/// Sockets to ask by. They belong to the network namespace they were made in, as the device does.
#[derive(Debug)]
pub(crate) struct Control {
    v4: OwnedFd,
    /// None on a machine without IPv6.
    v6: Option<OwnedFd>,
}

impl Control {
    pub(crate) fn new() -> io::Result<Control> {
        let v4 = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        Ok(Control { v4, v6: rustix::net::socket(AddressFamily::INET6, SocketType::DGRAM, None).ok() })
    }

    pub(crate) fn set_mtu(&self, name: &str, mtu: u16) -> io::Result<()> {
        let mut request = Request::new(name)?;
        request.0.ifr_ifru.ifru_mtu = mtu.into();
        ioctl(self.v4.as_fd(), libc::SIOCSIFMTU, &mut request)
    }

    pub(crate) fn bring_up(&self, name: &str) -> io::Result<()> {
        let mut request = Request::new(name)?;
        ioctl(self.v4.as_fd(), libc::SIOCGIFFLAGS, &mut request)?;
        request.set_flags(request.flags() | (libc::IFF_UP | libc::IFF_RUNNING) as u16);
        ioctl(self.v4.as_fd(), libc::SIOCSIFFLAGS, &mut request)
    }

    pub(crate) fn add_address(&self, name: &str, address: IpAddr, prefix_len: u8) -> io::Result<()> {
        match address {
            IpAddr::V4(address) => {
                let mask = match prefix_len {
                    0 => 0,
                    1..=32 => u32::MAX << (32 - prefix_len),
                    _ => return Err(io::ErrorKind::InvalidInput.into()),
                };
                let mut request = Request::new(name)?;
                request.set_address(address);
                ioctl(self.v4.as_fd(), libc::SIOCSIFADDR, &mut request)?;
                request.set_address(mask.into());
                ioctl(self.v4.as_fd(), libc::SIOCSIFNETMASK, &mut request)
            }
            IpAddr::V6(address) => {
                let socket = self.v6.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                let mut request = Request::new(name)?;
                ioctl(self.v4.as_fd(), libc::SIOCGIFINDEX, &mut request)?;
                let mut request = libc::in6_ifreq {
                    ifr6_addr: libc::in6_addr { s6_addr: address.octets() },
                    ifr6_prefixlen: prefix_len.into(),
                    ifr6_ifindex: request.index(),
                };
                ioctl(socket.as_fd(), libc::SIOCSIFADDR, &mut request)
            }
        }
    }
}

/// A `struct ifreq`: an interface's name and one value.
#[repr(transparent)]
pub(crate) struct Request(libc::ifreq);

impl Request {
    /// EINVAL for a name that is too long or holds a zero.
    pub(crate) fn new(name: &str) -> io::Result<Request> {
        if name.len() >= libc::IFNAMSIZ || name.contains('\0') {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: all zero is a value of this structure of numbers.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        Ok(Request(request))
    }

    /// The name, which the kernel may have completed.
    pub(crate) fn name(&self) -> String {
        let bytes = self.0.ifr_name.map(|byte| byte as u8);
        let name = CStr::from_bytes_until_nul(&bytes).unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    pub(crate) fn set_flags(&mut self, flags: u16) {
        self.0.ifr_ifru.ifru_flags = flags.cast_signed();
    }

    fn flags(&self) -> u16 {
        // SAFETY: every part of the union is numbers, and all its bytes were set when it was made.
        unsafe { self.0.ifr_ifru.ifru_flags }.cast_unsigned()
    }

    fn index(&self) -> libc::c_int {
        // SAFETY: as for the flags.
        unsafe { self.0.ifr_ifru.ifru_ifindex }
    }

    fn set_address(&mut self, address: Ipv4Addr) {
        let mut data = [0; 14];
        for (to, from) in data[2..].iter_mut().zip(address.octets()) {
            *to = from as libc::c_char;
        }
        let family = libc::AF_INET as libc::sa_family_t;
        self.0.ifr_ifru.ifru_addr = libc::sockaddr { sa_family: family, sa_data: data };
    }
}

/// What the kernel may read and write by a pointer in an ioctl.
///
/// # Safety
/// Any bytes the kernel writes must be a value of the type, which must be what the requests it is used with take.
pub(crate) unsafe trait Argument {}
// SAFETY: numbers only, laid out as the kernel's structures.
unsafe impl Argument for Request {}
// SAFETY: as above.
unsafe impl Argument for libc::in6_ifreq {}
// SAFETY: a number.
unsafe impl Argument for libc::c_int {}

/// An ioctl whose argument is a pointer.
pub(crate) fn ioctl<A: Argument>(
    fd: BorrowedFd<'_>,
    request: libc::Ioctl,
    argument: &mut A,
) -> io::Result<()> {
    // SAFETY: the argument lives through the call, and is what the request takes.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request, std::ptr::from_mut(argument)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// TUNSETOFFLOAD, whose argument is a number.
pub(crate) fn set_offload(fd: BorrowedFd<'_>, offers: u32) -> io::Result<()> {
    // SAFETY: no pointer is passed.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), TUNSETOFFLOAD, libc::c_ulong::from(offers)) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
