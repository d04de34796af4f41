//! What happens by the file's timetable: hosts lose their programs and get them again, and all of it is told.

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
        self.say(&format!("[{:?}] {}\n", event.at, self.topology.tell(&event.what)), false);
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
        for number in 0..self.fares.len() {
            let is_ready = self.is_ready(number);
            let fare = &mut self.fares[number];
            if self.topology.programs[number].host == host && fare.ended.is_none() {
                fare.excused = true;
                fare.lost = fare.began.is_some();
                fare.served |= is_ready;
            }
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
                // What it has printed, it has, and so it has served.
                let (printed, served) = (std::mem::take(&mut fare.printed), fare.served);
                *fare = Fare { printed, served, ..Fare::default() };
            }
        }
        self.plug_in(host)
    }

    fn pause(&self, host: usize, still: bool) {
        self.attended.get(&host).into_iter().for_each(|attended| pause(&attended.child, still));
    }

    /// Whether a host that is off will be switched on.
    pub(super) fn comes_back(&self, host: usize) -> bool {
        let mut to_come = self.topology.events.iter().skip(self.happened);
        to_come.any(|event| event.what == What::On(host))
    }
}
