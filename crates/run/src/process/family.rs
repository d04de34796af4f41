//! Who descends from whom.

use std::collections::HashSet;
use std::fs;

use sockeye_look::parent;

/// The threads of a thread's process and of its ancestors, up to this process.
pub(crate) fn lineage(tid: u32) -> HashSet<u32> {
    let mut threads = HashSet::new();
    let mut next = Some(tid);
    while let Some(pid) = next.filter(|pid| ![0, 1, std::process::id()].contains(pid)) {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        threads.extend(tasks.filter_map(|task| task.file_name().to_str()?.parse::<u32>().ok()));
        next = parent(pid);
    }
    threads
}

#[cfg(test)]
mod tests {
    use super::*;
    use sockeye_look::descendants;
    use std::process::{Command, Stdio};

    #[test]
    fn finds_a_child() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat");
        assert!(descendants(&[std::process::id()]).contains(&child.id()));
        assert!(descendants(&[child.id()]).is_empty());
        assert_eq!(lineage(child.id()), HashSet::from([child.id()]));
        drop(child.stdin.take());
        child.wait().expect("cat ends");
    }
}
