//! `close` (`--linger`), which SO_LINGER may have wait: it is held, the connection being closed meanwhile, and then the
//! kernel makes it.
//!
//! It is trapped for every file then, which costs, and a handler without SA_RESTART ends a trapped call with EINTR: the
//! descriptor stays open. So it is no part of the gate. Of the calls that close but aren't named so (`dup2`,
//! `close_range`, `exec`) none waits.

use sockeye_abi::Errno;

use super::{Answer, Subject};
use crate::carriers::State;
use crate::process::descriptors;
use crate::supervisor::Supervisor;

impl Supervisor {
    pub(super) fn close(&mut self, subject: Subject) -> Result<Answer, Errno> {
        let Some(time) = self.network.host().linger_time(subject.socket) else { return Ok(Answer::Pass) };
        let Some(carrier) = self.carriers.get(subject.carrier) else { return Ok(Answer::Pass) };
        let inode = carrier.inode;
        let State::Connected(link) = &mut carrier.state else { return Ok(Answer::Pass) };
        // What the program has not read resets the connection.
        if link.owes() || !link.is_closing() && !descriptors::is_last(inode) {
            return Ok(Answer::Pass);
        }
        link.begin_close();
        // What it wrote comes before the FIN.
        let unsent = link.unread() > 0;
        let now = self.network.now();
        let waits = unsent || self.network.host().begin_close(now, subject.socket).is_some();
        Ok(if waits { Answer::Wait { carrier: subject.carrier, limit: Some(time) } } else { Answer::Pass })
    }
}
