//! Which program's turn it is: what may begin, what never will, and when all is over.

use std::time::Instant;

use sockeye_topology::{Program, Ready};

use super::{Run, complain};
use crate::lab::words::{Order, Start};

impl Run<'_> {
    pub(super) fn start_what_can(&mut self) {
        if self.began.is_none() {
            return;
        }
        for number in 0..self.fares.len() {
            let program = &self.topology.programs[number];
            let can = self.fares[number].began.is_none()
                && self.attended.contains_key(&program.host)
                && program.after.iter().all(|other| self.is_ready(*other));
            if can {
                self.start(number);
            }
        }
    }

    fn start(&mut self, number: usize) {
        let program = &self.topology.programs[number];
        let Some(attended) = self.attended.get(&program.host) else { return };
        let port = match program.ready {
            Some(Ready::Port(port)) => Some(port),
            _ => None,
        };
        let start = Start {
            program: number,
            command: program.command.clone(),
            environment: program.environment.clone(),
            directory: program.directory.clone(),
            port,
            holder: attended.child.id(),
        };
        self.fares[number].began = Some(Instant::now());
        self.order(program.host, &Order::Start(start));
    }

    /// Whether those after it may begin.
    pub(super) fn is_ready(&self, number: usize) -> bool {
        let (program, fare) = (&self.topology.programs[number], &self.fares[number]);
        match &program.ready {
            _ if fare.missing => false,
            Some(Ready::After(time)) => {
                let is_time = || fare.began.is_some_and(|began| began.elapsed() >= *time);
                fare.ready || fare.ended.is_none() && is_time()
            }
            Some(Ready::Port(_) | Ready::Prints(_)) => fare.ready,
            None if program.server => fare.began.is_some(),
            None => fare.ended.is_some(),
        }
    }

    /// A program has ended; because it was told to or by itself.
    pub(super) fn note_end(&mut self, number: usize, status: i32, told: bool) {
        let Some(program) = self.topology.programs.get(number) else { return };
        let is_well = status == program.status.unwrap_or(0);
        // What has ended well before its time is ready, too.
        let is_ready = self.is_ready(number) || is_well && matches!(program.ready, Some(Ready::After(_)));
        let fare = &mut self.fares[number];
        fare.ended = Some((status, fare.began.map(|began| began.elapsed()).unwrap_or_default()));
        fare.ready |= is_ready;
        fare.excused |= told;
        let name = &program.name;
        let why = if fare.excused {
            let by = crash(status).filter(|_| told);
            by.map(|signal| format!("{name}: told to end, it was ended by signal {signal}"))
        } else if program.ready.is_some() && !is_ready {
            Some(format!("{name}: ended with {status} before it was ready"))
        } else if program.server && !is_well {
            Some(format!("{name}: ended with {status}, though it was to serve"))
        } else {
            None
        };
        if let Some(why) = why {
            fare.blamed = true;
            complain(&why);
            self.failures.push(why);
        }
    }

    /// For each program whether it won't be ready any more, nor those after it.
    fn hopeless(&self) -> Vec<bool> {
        let mut hopeless: Vec<bool> = Vec::with_capacity(self.fares.len());
        for (number, (program, fare)) in self.topology.programs.iter().zip(&self.fares).enumerate() {
            // What it is after comes before it in the file.
            let waits_for_ever = fare.began.is_none() && program.after.iter().any(|other| hopeless[*other]);
            let has_ended = fare.ended.is_some() || self.is_gone(program);
            hopeless.push(waits_for_ever || has_ended && !self.is_ready(number));
        }
        hopeless
    }

    /// Its host is off, and doesn't come back.
    fn is_gone(&self, program: &Program) -> bool {
        !self.attended.contains_key(&program.host) && !self.comes_back(program.host)
    }

    /// Whether all that is waited for has ended, and doesn't begin again.
    pub(super) fn is_over(&self) -> bool {
        let hopeless = self.hopeless();
        let mut programs = self.topology.programs.iter().zip(&self.fares).zip(hopeless);
        self.began.is_some()
            && programs.all(|((program, fare), hopeless)| {
                let never = fare.began.is_none() && hopeless;
                program.server || fare.ended.is_some() || never || self.is_gone(program)
            })
    }

    /// When something is to be looked at without anybody telling.
    /// What is due by `seen` was seen.
    pub(super) fn deadline(&self, seen: Instant) -> Option<Instant> {
        let programs = self.topology.programs.iter().zip(&self.fares);
        let times = programs.flat_map(|(program, fare)| {
            let ready = match program.ready {
                Some(Ready::After(time)) => fare.began.map(|began| began + time),
                _ => None,
            };
            let late = fare.began.zip(program.within).filter(|_| fare.ended.is_none() && !fare.excused);
            [ready.filter(|at| *at > seen), late.map(|(began, within)| began + within)]
        });
        let whole = self.began.zip(self.topology.expectations.within).map(|(began, within)| began + within);
        times.chain([whole]).flatten().min()
    }

    /// What has taken too long is told to end. Whether it is the whole.
    pub(super) fn note_time(&mut self) -> bool {
        let too_long = |began: Option<Instant>, within: Option<std::time::Duration>| {
            began.zip(within).is_some_and(|(began, within)| began.elapsed() >= within)
        };
        let whole = too_long(self.began, self.topology.expectations.within);
        if whole {
            let within = self.topology.expectations.within.unwrap_or_default();
            self.failures.push(format!("it takes longer than {within:?}"));
        }
        for number in 0..self.fares.len() {
            let (program, fare) = (&self.topology.programs[number], &mut self.fares[number]);
            let late = too_long(fare.began, program.within);
            if fare.ended.is_some() || fare.excused || !(late || whole) {
                continue;
            }
            fare.excused = true;
            fare.ended = fare.began.map(|began| (-1, began.elapsed()));
            if late {
                let within = program.within.unwrap_or_default();
                fare.blamed = true;
                self.failures.push(format!("{}: takes longer than {within:?}", program.name));
            }
            let host = program.host;
            self.order(host, &Order::End(number));
        }
        whole
    }
}

/// The signal that tells of a program's own mistake, if it ended by one.
fn crash(status: i32) -> Option<i32> {
    use rustix::process::Signal;
    let mistakes =
        [Signal::ILL, Signal::TRAP, Signal::ABORT, Signal::BUS, Signal::FPE, Signal::SEGV, Signal::SYS];
    mistakes.map(Signal::as_raw).into_iter().find(|signal| status == 128 + signal)
}
