//! What leads away from the program's host: the cable to a network in another process, and the gateway to the machine's own. And
//! its files, which lead to it.

use std::io;
use std::os::fd::AsFd;

use rustix::event::epoll;
use sockeye_base::Duration;

use super::Supervisor;
use crate::files::Source;

/// How long an ended program's last words may take to get out to the machine's network.
const FAREWELL: Duration = Duration::from_secs(10);

impl Supervisor {
    /// Whether what the ended program had sent to the machine's network is there. The kernel, too, sends what a program leaves
    /// behind; but nobody should have to wait for long.
    pub(super) fn has_said_all(&mut self) -> bool {
        let owes =
            self.network.owes_outside() || (self.network.gateway().is_some() && self.carriers.any_linked());
        let until = *self.farewell.get_or_insert(self.network.now() + FAREWELL);
        !owes || self.network.now() >= until
    }

    /// The machine's own network has something to say.
    pub(super) fn attend_gateway(&mut self) {
        self.network.attend_gateway();
        self.settle();
    }

    /// Frames come, or may go, by the cable.
    pub(super) fn attend_cable(&mut self) -> io::Result<()> {
        self.ready.cable = false;
        let leads_somewhere = self.network.attend_cable();
        self.settle();
        if !leads_somewhere && let Some(cable) = self.network.cable() {
            epoll::delete(&self.epoll, cable)?;
            self.network.cable_bell().map_or(Ok(()), |bell| epoll::delete(&self.epoll, bell))?;
            self.network.unplug();
            self.ledger.say_end_of_network();
        }
        Ok(())
    }

    /// Programs look at the host's files.
    pub(super) fn attend_files(&mut self) -> io::Result<()> {
        self.ready.file = false;
        let Some(files) = &mut self.files else { return Ok(()) };
        let now = self.network.now();
        let source = Source { now, host: self.network.host(), carriers: &self.carriers };
        if !files.attend(source) {
            epoll::delete(&self.epoll, files.as_fd())?;
            self.files = None;
        }
        Ok(())
    }
}
