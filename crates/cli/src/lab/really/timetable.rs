//! What happens by the file's timetable: hosts lose their programs and get them again, and all of it is told.

use std::io::{self, Write};
use std::time::Instant;

use sockeye_hub::Happening;
use sockeye_topology::What;

use super::processes::{kill, pause};
use super::{Fare, Run};

impl Run<'_> {
    pub(super) fn happen(&mut self, happening: &Happening) -> Result<(), String> {
        let number = match happening {
            Happening::Began => {
                self.began = Some(Instant::now());
                return Ok(());
            }
            Happening::Event(number) => *number,
        };
        self.happened = number + 1;
        let Some(event) = self.topology.events.get(number) else { return Ok(()) };
        if !self.quiet {
            let text = format!("[{:?}] {}\n", event.at, self.topology.tell(&event.what));
            // Nobody may be there to read it.
            let _ = io::stdout().write_all(text.as_bytes());
        }
        match event.what {
            What::Off(host) => self.switch_off(host),
            What::On(host) => self.switch_on(host)?,
            What::Pause(host) => self.pause(host, true),
            What::Resume(host) => self.pause(host, false),
            What::Cut(_) | What::Mend(_) | What::Change(..) | What::Readdress(..) => {}
        }
        Ok(())
    }

    fn switch_off(&mut self, host: usize) {
        let Some(mut attended) = self.attended.remove(&host) else { return };
        for (program, fare) in self.topology.programs.iter().zip(&mut self.fares) {
            fare.excused |= program.host == host;
        }
        kill(&mut attended.child);
    }

    /// Starts its programs again. One that is on goes on.
    fn switch_on(&mut self, host: usize) -> Result<(), String> {
        if self.attended.contains_key(&host) || !super::runs_something(self.topology, host) {
            return Ok(());
        }
        for (program, fare) in self.topology.programs.iter().zip(&mut self.fares) {
            if program.host == host {
                // What it has printed, it has.
                *fare = Fare { printed: std::mem::take(&mut fare.printed), ..Fare::default() };
            }
        }
        self.plug_in(host)
    }

    fn pause(&self, host: usize, still: bool) {
        self.attended.get(&host).into_iter().for_each(|attended| pause(&attended.child, still));
    }

    /// Whether a host that is off will be switched on.
    pub(super) fn comes_back(&self, host: usize) -> bool {
        let to_come = self.topology.events.iter().skip(self.happened);
        to_come.into_iter().any(|event| event.what == What::On(host))
    }
}
