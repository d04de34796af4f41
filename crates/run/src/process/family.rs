//! Who descends from whom.

use std::collections::{HashMap, HashSet};
use std::fs;

/// The processes that descend from `ancestor`, without itself, parents before children.
pub(crate) fn descendants(ancestor: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![ancestor];
    let mut next = 0;
    while next < found.len() {
        found.extend(children.remove(&found[next]).unwrap_or_default());
        next += 1;
    }
    found.remove(0);
    found
}

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

/// The parent, from `/proc/PID/stat`: behind the command's name, which may hold anything but ends at the last `)`.
fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn finds_a_child() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat");
        assert!(descendants(std::process::id()).contains(&child.id()));
        assert!(descendants(child.id()).is_empty());
        assert_eq!(lineage(child.id()), HashSet::from([child.id()]));
        drop(child.stdin.take());
        child.wait().expect("cat ends");
    }
}
