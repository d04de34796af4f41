//! The ioctls that the kernel's carrier would answer wrongly.

use sockeye_abi::{Errno, Ifreq, Transport, ioctl};
use sockeye_socket::SocketId;

use super::{Answer, Subject};
use crate::process::memory;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

impl Supervisor {
    pub(super) fn ioctl(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        if let Some(nanos) = ioctl::stamp(call.args[1] as u32) {
            let now = self.network.now();
            let at = self.network.host().last_arrival(now, subject.socket)?;
            memory::write(call.tid, call.args[2], &ioctl::encode_stamp(at, nanos))?;
            return Ok(Answer::Value(0));
        }
        match call.args[1] as u32 {
            ioctl::SIOCATMARK if !subject.is_stream() => {
                // As of every ioctl that sockets don't have: it might be an interface's.
                memory::read(call.tid, call.args[2], &mut [0; Ifreq::LEN])?;
                Err(Errno::ENOTTY)
            }
            ioctl::TIOCOUTQ if subject.transport == Transport::Ping => Err(Errno::ENOTTY),
            // The carrier's queue is one of connections.
            ioctl::SIOCATMARK if self.network.host().is_listening(subject.socket) => {
                memory::write(call.tid, call.args[2], &0i32.to_ne_bytes())?;
                Ok(Answer::Value(0))
            }
            // Owners of signals, and the urgent mark: the carrier's own.
            ioctl::FIOSETOWN | ioctl::SIOCSPGRP | ioctl::FIOGETOWN | ioctl::SIOCGPGRP | ioctl::SIOCATMARK => {
                Ok(Answer::Pass)
            }
            request @ (ioctl::TIOCOUTQ | ioctl::SIOCOUTQNSD) if subject.transport == Transport::Tcp => {
                let unread = self
                    .carriers
                    .get(subject.carrier)
                    .and_then(|carrier| carrier.link())
                    .map_or(0, |link| link.unread());
                let (unacknowledged, unsent) = self.network.host().unsent(subject.socket)?;
                let queued = if request == ioctl::TIOCOUTQ { unacknowledged } else { unsent };
                let bytes = i32::try_from(queued + unread).unwrap_or(i32::MAX);
                memory::write(call.tid, call.args[2], &bytes.to_ne_bytes())?;
                Ok(Answer::Value(0))
            }
            ioctl::TIOCOUTQ => {
                memory::write(call.tid, call.args[2], &0i32.to_ne_bytes())?;
                Ok(Answer::Value(0))
            }
            ioctl::SIOCGIFCONF => self.interface_list(call),
            // The machine's interfaces must not be seen.
            request => self.interface_ioctl(call, subject.socket, request),
        }
    }

    /// A question about interfaces on a socket of the machine's: libraries ask on Unix-domain ones, and must be told of the
    /// host's all the same.
    pub(super) fn foreign_ioctl(&mut self, call: &Call) -> Result<Answer, Errno> {
        match (self.carriers.threads.socket_inode(call.tid, call.int(0)), call.args[1] as u32) {
            (Ok(Some(_)), ioctl::SIOCGIFCONF) => self.interface_list(call),
            // No socket of ours has this name, nor a family that would have addresses.
            (Ok(Some(_)), request) => self.interface_ioctl(call, SocketId::default(), request),
            _ => Ok(Answer::Pass),
        }
    }

    /// `struct ifconf`: how much room there is, and where. Whole entries only; without a place it is asked how much they take.
    pub(super) fn interface_list(&mut self, call: &Call) -> Result<Answer, Errno> {
        let mut head = [0; 16];
        memory::read(call.tid, call.args[2], &mut head)?;
        let room = i32::from_ne_bytes(std::array::from_fn(|i| head[i]));
        let place = u64::from_ne_bytes(std::array::from_fn(|i| head[8 + i]));
        let list = self.network.host().interface_list();
        let fits = if place == 0 { list.len() } else { usize::try_from(room).unwrap_or(0) / Ifreq::LEN };
        let shown = list.len().min(fits);
        if place != 0 {
            let bytes: Vec<u8> = list.iter().take(shown).flat_map(|entry| *entry.bytes()).collect();
            memory::write(call.tid, place, &bytes)?;
        }
        let length = i32::try_from(shown * Ifreq::LEN).unwrap_or(i32::MAX);
        memory::write(call.tid, call.args[2], &length.to_ne_bytes())?;
        Ok(Answer::Value(0))
    }

    /// `struct ifreq`, answered in place.
    pub(super) fn interface_ioctl(
        &mut self,
        call: &Call,
        socket: SocketId,
        request: u32,
    ) -> Result<Answer, Errno> {
        let mut argument = [0; Ifreq::LEN];
        if ioctl::asks_of_interface(request) {
            memory::read(call.tid, call.args[2], &mut argument)?;
        }
        let host = self.network.host();
        host.interface_ioctl(socket, request, &mut argument).unwrap_or(Err(Errno::ENOTTY))?;
        memory::write(call.tid, call.args[2], &argument)?;
        Ok(Answer::Value(0))
    }
}

/// Whether a call asks about interfaces, or would change one.
pub(super) fn is_of_interfaces(call: &Call) -> bool {
    let request = call.args[1] as u32;
    let is_one = ioctl::asks_of_interface(request) || ioctl::sets_interface(request);
    call.number == libc::SYS_ioctl && (is_one || request == ioctl::SIOCGIFCONF)
}
