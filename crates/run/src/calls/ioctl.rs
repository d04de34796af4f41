//! The ioctls that the kernel's carrier would answer wrongly.

use sockeye_abi::{Errno, Transport, ioctl};

use super::{Answer, Subject};
use crate::process::memory;
use crate::seccomp::Call;
use crate::supervisor::Supervisor;

impl Supervisor {
    pub(super) fn ioctl(&mut self, call: &Call, subject: Subject) -> Result<Answer, Errno> {
        match call.args[1] as u32 {
            ioctl::SIOCATMARK if !subject.is_stream() => Err(Errno::ENOTTY),
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
            // Interfaces: not yet. The machine's must not be seen.
            _ => Err(Errno::ENOTTY),
        }
    }
}
