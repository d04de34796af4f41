//! The processes of a host.

use std::process::Child;

/// Ends a `sockeye run`, which ends all it started. Asked kindly first it would let them go on for a while.
pub(super) fn kill(child: &mut Child) {
    let own = i32::try_from(child.id()).unwrap_or(0);
    let all: Vec<_> = descendants(own).collect();
    let _ = child.kill();
    let _ = child.wait();
    for process in all.into_iter().filter_map(rustix::process::Pid::from_raw) {
        // Most have ended with it.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
    }
}

/// The children of a process, theirs, and so on.
pub(super) fn descendants(of: i32) -> impl Iterator<Item = i32> {
    let mut found = Vec::new();
    let mut todo = vec![of];
    while let Some(process) = todo.pop() {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children: Vec<i32> =
                children.split_whitespace().filter_map(|child| child.parse().ok()).collect();
            found.extend(&children);
            todo.extend(children);
        }
    }
    found.into_iter()
}
