//! Networks in files: text that is anything.

use std::time::Duration;

use sockeye_topology::{Call, Simulation, Topology, Work};

/// Longer texts only make the fuzzer slow.
const LONGEST: usize = 8192;
/// Bytes and requests that a conversation may have: how long a run takes is the file's to say, and isn't looked for here.
const MOST_BYTES: u64 = 10_000;
const MOST_COUNT: u64 = 10;
/// Virtual time ends here.
const UNTIL: Duration = Duration::from_millis(50);

/// Reads a network, explains it and runs it: what is read, runs.
pub fn network(bytes: &[u8]) {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= LONGEST) else { return };
    match Topology::parse(text) {
        Ok(mut topology) => {
            topology.explain();
            shorten(&mut topology);
            if topology.programs.is_empty() && topology.gateway.is_none() {
                // A port that somebody has is told, too.
                let _ = Simulation::new(&topology, 1, Vec::new()).map(|simulation| simulation.run(None));
            } else {
                topology.build(1, Vec::new());
            }
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            let lines = text.split('\n').count();
            for problem in &problems.0 {
                assert!((1..=lines).contains(&problem.line) && problem.column > 0, "{problem}");
                assert!(!problem.text.contains('\n'), "{problem}");
            }
        }
    }
}

fn shorten(topology: &mut Topology) {
    topology.until = Some(topology.until.map_or(UNTIL, |until| until.min(UNTIL)));
    for traffic in &mut topology.traffic {
        match &mut traffic.work {
            Work::Stream(bytes) => *bytes = (*bytes).min(MOST_BYTES),
            Work::Exchanges { count, .. } | Work::Datagrams { count, .. } => {
                *count = (*count).min(MOST_COUNT)
            }
            Work::Calls(_) => {}
        }
    }
    for calls in &mut topology.calls {
        calls.clients = calls.clients.min(3);
        for step in calls.client.iter_mut().chain(&mut calls.server) {
            if let Call::Write(bytes) = &mut step.call {
                *bytes = (*bytes).min(MOST_BYTES);
            }
        }
    }
}
