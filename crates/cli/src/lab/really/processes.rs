//! The processes of a host.

use std::process::Child;

use sockeye_look::descendants;

/// Ends a `sockeye run`, which ends all it started. Asked kindly first it would let them go on for a while.
pub(super) fn kill(child: &mut Child) {
    let all: Vec<_> =
        descendants(&[child.id()]).into_iter().filter_map(|process| i32::try_from(process).ok()).collect();
    let _ = child.kill();
    let _ = child.wait();
    for process in all.into_iter().filter_map(rustix::process::Pid::from_raw) {
        // Most have ended with it.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
}
