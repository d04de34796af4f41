//! What came of the programs, and whether it is what was expected.

use serde_json::json;
use sockeye_topology::{Program, Ready};

use super::{Fare, Run};
use crate::lab::counted::{self, Counted};

impl Run<'_> {
    /// What was expected and isn't so.
    pub(super) fn judge(&mut self, counted: &Counted) {
        for (program, fare) in self.topology.programs.iter().zip(&self.fares) {
            let name = &program.name;
            if self.interrupted && (fare.excused || fare.ended.is_none()) {
                // It had no time to do what it should.
                continue;
            }
            let has_served = program.server && fare.served;
            if fare.began.is_none() {
                if has_served {
                    continue;
                }
                self.failures.push(format!("{name}: was not started"));
                continue;
            }
            if fare.lost && !has_served {
                let what = if program.server { "was ready" } else { "had ended" };
                self.failures.push(format!("{name}: its host was switched off before it {what}"));
            }
            let is_judged = !(fare.excused || fare.blamed);
            if let (Some(wanted), Some((status, _)), true) = (program.status, fare.ended, is_judged)
                && status != wanted
            {
                self.failures.push(format!("{name}: ended with {status}, not {wanted}"));
            }
            for (what, _) in program.prints.iter().zip(&fare.printed).filter(|(_, printed)| !**printed) {
                self.failures.push(format!("{name}: did not print {what:?}"));
            }
        }
        self.failures.extend(counted.failures(&self.topology.expectations));
    }

    pub(super) fn summary(&self, json: bool, counted: &Counted) -> String {
        let took = self.began.map(|began| began.elapsed()).unwrap_or_default();
        let programs = self.topology.programs.iter().zip(&self.fares);
        if json {
            let programs: Vec<_> = programs
                .map(|(program, fare)| {
                    json!({
                        "name": program.name,
                        "host": self.topology.hosts[program.host].name,
                        "status": fare.ended.map(|(status, _)| status),
                        "seconds": fare.ended.map(|(_, took)| took.as_secs_f64()),
                    })
                })
                .collect();
            let value = json!({
                "name": self.topology.name,
                "seed": self.seed,
                "seconds": took.as_secs_f64(),
                "interrupted": self.interrupted,
                "programs": programs,
                "drops": counted.drops,
                "failures": self.failures,
            });
            return format!("{value:#}\n");
        }
        let name = self.topology.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let interrupted = if self.interrupted { ", interrupted" } else { "" };
        let mut text = format!("{name}seed {}, {took:.1?} of real time{interrupted}\n", self.seed);
        for (program, fare) in programs {
            text += &format!("  {}\n", fate(program, fare));
        }
        text += &counted::dropped(&counted.drops);
        for failure in &self.failures {
            text += &format!("FAILED  {failure}\n");
        }
        text
    }
}

fn fate(program: &Program, fare: &Fare) -> String {
    let name = &program.name;
    match (fare.began, fare.ended) {
        _ if fare.missing => format!("{name}: not started"),
        (None, _) if fare.served => format!("{name}: not started again"),
        (None, _) => format!("{name}: not started"),
        (Some(_), Some((status, took))) if !fare.excused => {
            format!("{name}: ended with {status} after {took:.1?}")
        }
        (Some(_), _) if matches!(program.ready, Some(Ready::Port(_) | Ready::Prints(_))) && !fare.ready => {
            format!("{name}: was ended before it was ready")
        }
        // Of one whose host was switched off nothing more was heard.
        (Some(_), ended) if program.server && !fare.blamed && (ended.is_some() || !fare.excused) => {
            format!("{name}: served to the end")
        }
        (Some(_), _) => format!("{name}: was ended"),
    }
}
