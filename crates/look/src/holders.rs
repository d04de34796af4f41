//! Which programs have which sockets open: what `/proc` tells who may look there.

use std::collections::BTreeMap;
use std::fs;

use crate::snapshot::{Holder, Snapshot};

/// The processes of a network's programs, and the sockets that each has open.
pub(crate) struct Processes {
    /// By inode.
    holders: BTreeMap<u64, Vec<Holder>>,
}

impl Processes {
    /// Those that descend from these processes.
    pub(crate) fn of(roots: &[u32]) -> Processes {
        let mut holders: BTreeMap<u64, Vec<Holder>> = BTreeMap::new();
        for pid in descendants(roots) {
            let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            let sockets = entries.filter_map(|entry| {
                let inode = inode(fs::read_link(entry.path()).ok()?.to_str()?)?;
                Some((inode, entry.file_name().to_str()?.parse::<u32>().ok()?))
            });
            let mut program = None;
            for (inode, fd) in sockets {
                let program = program.get_or_insert_with(|| name_of(pid)).clone();
                holders.entry(inode).or_default().push(Holder { pid, program, fd });
            }
        }
        holders.values_mut().for_each(|holders| holders.sort());
        Processes { holders }
    }

    /// Tells of each socket who has it open.
    pub(crate) fn note(&self, snapshot: &mut Snapshot) {
        let sockets = snapshot.hosts.iter_mut().flat_map(|host| &mut host.sockets);
        for socket in sockets {
            socket.holders = self.holders.get(&socket.inode).cloned().unwrap_or_default();
        }
    }
}

/// The number behind `socket:[`.
fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn name_of(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    // A program may call itself anything, and a terminal may do as it says.
    name.trim_end().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// All processes that descend from these, without them, parents before children.
pub fn descendants(roots: &[u32]) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = roots.to_vec();
    let mut next = 0;
    while next < found.len() {
        found.extend(children.remove(&found[next]).unwrap_or_default());
        next += 1;
    }
    found.split_off(roots.len())
}

/// The parent, from `/proc/PID/stat`: behind the command's name, which may hold anything but ends at the last `)`.
pub fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_s_inode_is_read() {
        assert_eq!(inode("socket:[4711]"), Some(4711));
        for wrong in ["pipe:[1]", "socket:[x]", "socket:[1", "/dev/null"] {
            assert_eq!(inode(wrong), None);
        }
    }
}
