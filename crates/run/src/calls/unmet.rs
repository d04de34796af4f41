//! Whether a call failed for something that Linux has and we have not, and what a program under a supervisor can't do.

use sockeye_abi::{Access, Errno, MessageFlags, absent};

use super::message::flags_of;
use super::{Answer, Subject};
use crate::process::{family, privileges};
use crate::seccomp::Call;
use crate::supervisor::Supervisor;
use crate::unmet::Limit;

impl Supervisor {
    /// A call that nobody can have under a supervisor.
    pub(super) fn limited(&mut self, call: &Call, limit: Limit) -> Result<Answer, Errno> {
        // Another sockeye says so itself.
        if limit != Limit::Listener || !privileges::is_our_own(call.tid) {
            self.ledger.meet(call.tid, limit);
        }
        match limit {
            Limit::IoUring | Limit::Foreign | Limit::Hidden => Err(limit.errno().unwrap_or(Errno::ENOSYS)),
            Limit::Listener | Limit::StrictMode | Limit::Privileges => Ok(Answer::Pass),
        }
    }

    /// Looks at a program that makes a socket: whether it can be served, and has what its file promises. Its file is not looked
    /// at for each socket.
    pub(super) fn look_at_program(&mut self, call: &Call) -> Result<(), Errno> {
        if self.carriers.threads.is_known(call.tid) {
            return Ok(());
        }
        match privileges::of_process(call.tid) {
            Some(goes_without) => {
                if goes_without {
                    self.ledger.meet(call.tid, Limit::Privileges);
                }
                self.carriers.threads.note_known(call.tid);
                Ok(())
            }
            None => self.limited(call, Limit::Hidden).map(drop),
        }
    }

    /// A program that hides has made a call on a socket. If neither it nor those it comes from have one of ours it is a
    /// Unix-domain socket (an agent's, say), which the kernel serves.
    pub(super) fn meet_hidden(&mut self, call: &Call) {
        if self.carriers.any_seen_at(&family::lineage(call.tid)) {
            self.ledger.meet(call.tid, Limit::Hidden);
        }
    }

    /// A call has failed: notes it if it would not have on Linux.
    pub(crate) fn note_failure(&mut self, call: &Call, errno: Errno) {
        if !self.ledger.is_read() {
            return;
        }
        let found = match call.number {
            libc::SYS_socket => {
                absent::socket(call.int(0), call.int(1), call.int(2)).map(|what| ("socket", what))
            }
            libc::SYS_setsockopt => self.absent_option(call, Access::Write).map(|what| ("setsockopt", what)),
            libc::SYS_getsockopt => self.absent_option(call, Access::Read).map(|what| ("getsockopt", what)),
            libc::SYS_ioctl => absent::request(call.args[1] as u32).map(|what| ("ioctl", what)),
            libc::SYS_sendmmsg if flags_of(call).contains(MessageFlags::FASTOPEN) => {
                Some(("sendmmsg", "MSG_FASTOPEN"))
            }
            libc::SYS_recvfrom | libc::SYS_recvmsg | libc::SYS_recvmmsg
                if errno == Errno::EOPNOTSUPP && flags_of(call).contains(MessageFlags::TRUNC) =>
            {
                Some(("recv", "MSG_TRUNC of a stream"))
            }
            _ => None,
        };
        if let Some((name, what)) = found {
            self.ledger.note(call.tid, name, what, Some(errno));
        }
    }

    fn absent_option(&mut self, call: &Call, access: Access) -> Option<&'static str> {
        let Subject { family, transport, .. } = self.subject(call)?;
        absent::option(family, transport, (call.int(1), call.int(2)), access)
    }
}
