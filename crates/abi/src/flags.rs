//! The bits of messages and of poll, and the ways to shut down.

use bitflags::bitflags;

use crate::Errno;

bitflags! {
    /// MSG_*: the flags of send(2) and recv(2). Unknown bits are kept by `from_bits_retain`; Linux ignores them.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct MessageFlags: i32 {
        /// Urgent data.
        const OOB = 0x1;
        /// Look, don't take.
        const PEEK = 0x2;
        /// To a host on the link only.
        const DONTROUTE = 0x4;
        /// Control data were cut.
        const CTRUNC = 0x8;
        /// Confirm the path, and send nothing.
        const PROBE = 0x10;
        /// The datagram was cut; as an input flag, ask for its true length.
        const TRUNC = 0x20;
        /// Don't block.
        const DONTWAIT = 0x40;
        /// End of a record.
        const EOR = 0x80;
        /// Block until all bytes asked for are there.
        const WAITALL = 0x100;
        /// Confirm that the path works.
        const CONFIRM = 0x800;
        /// From (or of) the error queue.
        const ERRQUEUE = 0x2000;
        /// No SIGPIPE.
        const NOSIGNAL = 0x4000;
        /// More is coming: as TCP_CORK for this call.
        const MORE = 0x8000;
        /// recvmmsg: don't block after the first.
        const WAITFORONE = 0x10000;
        /// No copy.
        const ZEROCOPY = 0x4000000;
        /// Data in the SYN.
        const FASTOPEN = 0x20000000;
        /// Close-on-exec for descriptors received.
        const CMSG_CLOEXEC = 0x40000000;
    }
}

/// What becomes of a flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// The call does what it says.
    Heeded,
    /// It changes nothing here, and nothing that a program could see on Linux.
    Nothing,
    /// It means nothing to this call.
    Ignored,
    /// Linux does something that is not done here.
    Missing,
    /// It is an answer: in `msg_flags` of recvmsg(2).
    Answer,
}

/// Every flag, what becomes of it in sending and receiving on sockets of the Internet, and what it means.
pub const MESSAGE_FLAGS: &[(MessageFlags, &str, Use, Use, &str)] = {
    use MessageFlags as M;
    use Use::{Answer, Heeded, Ignored, Missing, Nothing};
    &[
        (M::OOB, "MSG_OOB", Heeded, Heeded, "urgent data; with datagrams EOPNOTSUPP"),
        (M::PEEK, "MSG_PEEK", Ignored, Heeded, "look, don't take"),
        (M::DONTROUTE, "MSG_DONTROUTE", Heeded, Ignored, "datagrams over IPv4 to hosts on the link only"),
        (M::CTRUNC, "MSG_CTRUNC", Ignored, Answer, "control messages were cut"),
        (M::PROBE, "MSG_PROBE", Heeded, Ignored, "send nothing: find the way"),
        (
            M::TRUNC,
            "MSG_TRUNC",
            Ignored,
            Heeded,
            "the datagram's true length; of a stream, take and throw away",
        ),
        (M::DONTWAIT, "MSG_DONTWAIT", Heeded, Heeded, "don't wait"),
        (
            M::EOR,
            "MSG_EOR",
            Heeded,
            Ignored,
            "a stream's record ends; its segments aren't merged with later ones",
        ),
        (M::WAITALL, "MSG_WAITALL", Ignored, Heeded, "wait for all that was asked for"),
        (M::CONFIRM, "MSG_CONFIRM", Nothing, Ignored, "the neighbour answers"),
        (M::ERRQUEUE, "MSG_ERRQUEUE", Ignored, Heeded, "take from the error queue"),
        (M::NOSIGNAL, "MSG_NOSIGNAL", Heeded, Ignored, "no SIGPIPE"),
        (M::MORE, "MSG_MORE", Heeded, Ignored, "more is coming: don't send what isn't full yet"),
        (M::WAITFORONE, "MSG_WAITFORONE", Ignored, Heeded, "recvmmsg waits for the first only"),
        (M::ZEROCOPY, "MSG_ZEROCOPY", Missing, Ignored, "no copy; on Linux where SO_ZEROCOPY is set"),
        (
            M::FASTOPEN,
            "MSG_FASTOPEN",
            Heeded,
            Ignored,
            "connect, with data in the SYN; with datagrams ignored",
        ),
        (M::CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC", Ignored, Heeded, "descriptors received are closed by exec"),
    ]
};

bitflags! {
    /// What poll(2) and epoll(7) say of a descriptor, in their numbers.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
    pub struct Readiness: u32 {
        /// POLLIN: a read will not block.
        const IN = 0x1;
        /// POLLPRI: urgent data.
        const PRI = 0x2;
        /// POLLOUT: a write will not block.
        const OUT = 0x4;
        /// POLLERR: an error is pending.
        const ERR = 0x8;
        /// POLLHUP: both directions are shut.
        const HUP = 0x10;
        /// POLLNVAL: no such descriptor.
        const NVAL = 0x20;
        /// POLLRDNORM: equal to IN.
        const RDNORM = 0x40;
        /// POLLRDBAND.
        const RDBAND = 0x80;
        /// POLLWRNORM: equal to OUT.
        const WRNORM = 0x100;
        /// POLLWRBAND.
        const WRBAND = 0x200;
        /// POLLRDHUP: the peer will send no more.
        const RDHUP = 0x2000;
    }
}

/// Which directions `shutdown` closes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// SHUT_RD.
    Read,
    /// SHUT_WR.
    Write,
    /// SHUT_RDWR.
    Both,
}

impl How {
    /// Decodes shutdown(2)'s argument; EINVAL for anything but 0, 1 and 2.
    pub fn decode(how: i32) -> Result<How, Errno> {
        match how {
            0 => Ok(How::Read),
            1 => Ok(How::Write),
            2 => Ok(How::Both),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Whether reading is shut.
    pub fn reads(self) -> bool {
        matches!(self, How::Read | How::Both)
    }

    /// Whether writing is shut.
    pub fn writes(self) -> bool {
        matches!(self, How::Write | How::Both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_has_a_row() {
        let rows = MESSAGE_FLAGS.iter().fold(MessageFlags::empty(), |all, row| {
            assert!(!all.intersects(row.0), "{} once", row.1);
            all | row.0
        });
        assert_eq!(rows, MessageFlags::all());
    }

    #[test]
    fn how() {
        assert_eq!(How::decode(0), Ok(How::Read));
        assert!(How::decode(2).is_ok_and(|how| how.reads() && how.writes()));
        assert_eq!(How::decode(3), Err(Errno::EINVAL));
        assert_eq!(How::decode(-1), Err(Errno::EINVAL));
    }
}
