//! A TUN or TAP device of the kernel (its `Documentation/networking/tuntap.rst`): what the machine routes to it comes
//! here, and what is sent here arrives at the machine. It is gone when it is dropped.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use bytes::Bytes;
use sockeye_wire::Frame;

use crate::interface::{self, Control, Request};
use crate::vnet;
use crate::{Codec, MAX_LEN};

/// What a frame of a device begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The IP header: TUN.
    Ip,
    /// An Ethernet header: TAP.
    Ethernet,
}

/// An open device. Nothing of it blocks; wait for it to become readable by its descriptor.
#[derive(Debug)]
pub struct Tun {
    file: File,
    name: String,
    control: Control,
    codec: Codec,
    offload: bool,
    buffer: Vec<u8>,
}

impl Tun {
    /// Makes a device of this name; `%d` in it becomes the first number that is free. With `offload` checksums are left
    /// unmade and super-segments cross whole, both ways; without, each frame is a single packet with its checksum.
    ///
    /// # Errors
    /// As open(2) of `/dev/net/tun` and its TUNSETIFF: EPERM without CAP_NET_ADMIN, EBUSY, EINVAL for an odd name.
    pub fn open(name: &str, layer: Layer, offload: bool) -> io::Result<Tun> {
        let file =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
        let kind = match layer {
            Layer::Ip => IFF_TUN,
            Layer::Ethernet => IFF_TAP,
        };
        let mut request = Request::new(name)?;
        request.set_flags(kind | IFF_NO_PI | IFF_VNET_HDR);
        interface::ioctl(file.as_fd(), TUNSETIFF, &mut request)?;
        interface::ioctl(file.as_fd(), TUNSETVNETHDRSZ, &mut (vnet::LEN as libc::c_int))?;
        interface::ioctl(file.as_fd(), TUNSETVNETLE, &mut 1)?;
        let offers = if offload { TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN } else { 0 };
        interface::set_offload(file.as_fd(), offers)?;
        Ok(Tun {
            file,
            name: request.name(),
            control: Control::new()?,
            codec: Codec { layer, partial_checksums: offload },
            offload,
            buffer: Vec::with_capacity(MAX_LEN),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the longest packet it takes.
    ///
    /// # Errors
    /// EINVAL outside 68 ... 65,535.
    pub fn set_mtu(&self, mtu: u16) -> io::Result<()> {
        self.control.set_mtu(&self.name, mtu)
    }

    /// Gives the machine an address on it, and a route to its network once it is up.
    ///
    /// # Errors
    /// EINVAL for a prefix longer than the address, EEXIST.
    pub fn add_address(&self, address: IpAddr, prefix_len: u8) -> io::Result<()> {
        self.control.add_address(&self.name, address, prefix_len)
    }

    /// Makes it work.
    ///
    /// # Errors
    /// EPERM.
    pub fn bring_up(&self) -> io::Result<()> {
        self.control.bring_up(&self.name)
    }

    /// The next frame the machine sends, if there is one. What can't be read is left out.
    ///
    /// # Errors
    /// EBADFD if the device was taken away, EIO while it is down.
    pub fn receive(&mut self) -> io::Result<Option<Frame>> {
        self.buffer.resize(MAX_LEN, 0);
        loop {
            match (&self.file).read(&mut self.buffer) {
                // The frame gets bytes of its own: small ones may live long, and should not hold a buffer for long ones.
                Ok(len) => {
                    let bytes = Bytes::copy_from_slice(self.buffer.get(..len).unwrap_or_default());
                    if let Ok(frame) = self.codec.decode(&bytes) {
                        return Ok(Some(frame));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a frame to the machine.
    ///
    /// # Errors
    /// EINVAL for a frame that does not fit this device, EAGAIN when the machine takes no more just now, EIO while it is
    /// down.
    pub fn send(&mut self, frame: &Frame) -> io::Result<()> {
        if self.offload || frame.count() == 1 {
            return self.put(frame);
        }
        frame.clone().split().try_for_each(|single| self.put(&single))
    }

    fn put(&mut self, frame: &Frame) -> io::Result<()> {
        self.buffer.clear();
        self.codec
            .encode(frame, &mut self.buffer)
            .map_err(|unfit| io::Error::new(io::ErrorKind::InvalidInput, unfit))?;
        loop {
            match (&self.file).write(&self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(|_| ()),
            }
        }
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for Tun {
    fn as_raw_fd(&self) -> i32 {
        self.file.as_raw_fd()
    }
}

// linux/if_tun.h
const TUNSETIFF: libc::Ioctl = 0x4004_54ca;
const TUNSETVNETHDRSZ: libc::Ioctl = 0x4004_54d8;
const TUNSETVNETLE: libc::Ioctl = 0x4004_54dc;
const IFF_TUN: u16 = 0x0001;
const IFF_TAP: u16 = 0x0002;
const IFF_NO_PI: u16 = 0x1000;
const IFF_VNET_HDR: u16 = 0x4000;
const TUN_F_CSUM: u32 = 0x01;
const TUN_F_TSO4: u32 = 0x02;
const TUN_F_TSO6: u32 = 0x04;
const TUN_F_TSO_ECN: u32 = 0x08;
