//! Which programs have which sockets open: what `/proc` tells who may look there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::snapshot::{Holder, Snapshot, State, UnixKind, UnixSocket};

/// The processes of a network's programs, and the sockets that each has open.
pub(crate) struct Processes {
    /// By the process that they descend from.
    families: BTreeMap<u32, Family>,
}

/// What descends from one process.
#[derive(Default)]
struct Family {
    /// Some process of it.
    any: Option<u32>,
    /// Who has a socket open, by inode.
    holders: BTreeMap<u64, Vec<Holder>>,
}

impl Processes {
    /// Those that descend from these processes.
    pub(crate) fn of(roots: &[u32]) -> Processes {
        let family = |root: &u32| (*root, Family::of(&descendants(&[*root])));
        Processes { families: roots.iter().map(family).collect() }
    }

    /// Tells of each socket who has it open, and of the machine's own sockets those that the programs have.
    pub(crate) fn note(&self, snapshot: &mut Snapshot) {
        let own = snapshot.about.pid;
        for host in &mut snapshot.hosts {
            let of_programs = host.pid.is_some() || host.program.is_some();
            let Some(family) = self.families.get(&host.pid.unwrap_or(own)).filter(|_| of_programs) else {
                continue;
            };
            for socket in &mut host.sockets {
                socket.holders = family.holders.get(&socket.inode).cloned().unwrap_or_default();
            }
            let carriers: BTreeSet<u64> = host.sockets.iter().map(|socket| socket.inode).collect();
            let unix = family.unix().into_iter().filter(|socket| !carriers.contains(&socket.inode));
            host.unix.extend(unix);
        }
    }
}

impl Family {
    fn of(processes: &[u32]) -> Family {
        let mut family = Family { any: processes.first().copied(), ..Family::default() };
        for pid in processes {
            let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            let sockets = entries.filter_map(|entry| {
                let inode = inode(fs::read_link(entry.path()).ok()?.to_str()?)?;
                Some((inode, entry.file_name().to_str()?.parse::<u32>().ok()?))
            });
            let mut program = None;
            for (inode, fd) in sockets {
                let program = program.get_or_insert_with(|| name_of(*pid)).clone();
                family.holders.entry(inode).or_default().push(Holder { pid: *pid, program, fd });
            }
        }
        family.holders.values_mut().for_each(|holders| holders.sort());
        family
    }

    /// The Unix-domain sockets that it has open, but those that stand for others.
    fn unix(&self) -> Vec<UnixSocket> {
        let Some(any) = self.any else { return Vec::new() };
        // A name may be of any bytes.
        let text = fs::read(format!("/proc/{any}/net/unix")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let mut sockets: Vec<UnixSocket> = text.lines().filter_map(unix_socket).collect();
        sockets.retain_mut(|socket| {
            socket.holders = self.holders.get(&socket.inode).cloned().unwrap_or_default();
            !socket.holders.is_empty() && !socket.name.as_deref().is_some_and(is_carrier)
        });
        sockets
    }
}

/// Whether an abstract name is that of a descriptor which stands for a network's socket: 13 hexadecimal digits.
fn is_carrier(name: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    name.strip_prefix('@').is_some_and(|name| name.len() == 13 && name.bytes().all(is_digit))
}

/// A line of `/proc/net/unix` (proc(5)).
fn unix_socket(line: &str) -> Option<UnixSocket> {
    let mut words = line.split_ascii_whitespace();
    let references = u32::from_str_radix(words.nth(1)?, 16).ok()?;
    let flags = u32::from_str_radix(words.nth(1)?, 16).ok()?;
    let kind = match words.next()? {
        "0001" => UnixKind::Stream,
        "0002" => UnixKind::Datagram,
        "0005" => UnixKind::SeqPacket,
        _ => return None,
    };
    let state = match words.next()? {
        _ if flags & SO_ACCEPTCON != 0 => State::Listen,
        "02" => State::SynSent,
        "03" => State::Established,
        _ => State::Close,
    };
    let inode = words.next()?.parse().ok()?;
    Some(UnixSocket {
        kind,
        state,
        name: words.next().map(str::to_owned),
        inode,
        peer: None,
        references,
        receive_queue: None,
        send_queue: None,
        holders: Vec::new(),
    })
}

/// `__SO_ACCEPTCON`: it listens.
const SO_ACCEPTCON: u32 = 1 << 16;

/// The number behind `socket:[`.
fn inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn name_of(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    // A program may call itself anything, and a terminal may do as it says.
    name.trim_end().chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// How often it is asked at most whose children there are, while they come and go.
const LOOKS: usize = 4;

/// All processes that descend from these, without them, parents before children.
pub fn descendants(roots: &[u32]) -> Vec<u32> {
    // A process that is none has no threads, but our own has: where they tell nothing, no thread does.
    if children(std::process::id()).is_some() {
        return below(roots, |pid| children(pid).unwrap_or_default());
    }
    let of = all_children();
    below(roots, |pid| of.get(&pid).cloned().unwrap_or_default())
}

/// A process's children, as its threads tell (`/proc/PID/task/TID/children`, of a kernel with CONFIG_PROC_CHILDREN): a few files instead
/// of one for each process there is. One that goes while they are told may hide another, so it is asked until that is so no more.
fn children(pid: u32) -> Option<Vec<u32>> {
    let mut known = told_children(pid)?;
    for _ in 1..LOOKS {
        let again = told_children(pid)?;
        let new: Vec<u32> = again.iter().filter(|child| !known.contains(child)).copied().collect();
        let is_same = again.len() == known.len() && new.is_empty();
        known.extend(new);
        if is_same {
            break;
        }
    }
    Some(known)
}

fn told_children(pid: u32) -> Option<Vec<u32>> {
    let mut all = None;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        // Of one that has ended meanwhile they are another's.
        let Ok(told) = fs::read_to_string(thread.path().join("children")) else { continue };
        let told = told.split_whitespace().filter_map(|number| number.parse::<u32>().ok());
        all.get_or_insert_with(Vec::new).extend(told);
    }
    all
}

/// The children of each process that has any.
fn all_children() -> BTreeMap<u32, Vec<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    children
}

fn below(roots: &[u32], children: impl Fn(u32) -> Vec<u32>) -> Vec<u32> {
    let mut found = roots.to_vec();
    let mut next = 0;
    while next < found.len() {
        // A process that has fallen to another meanwhile is told of by both.
        let new: Vec<u32> =
            children(found[next]).into_iter().filter(|child| !found.contains(child)).collect();
        found.extend(new);
        next += 1;
    }
    found.split_off(roots.len())
}

/// The parent, from `/proc/PID/stat`: behind the command's name, which may hold anything but ends at the last `)`.
pub fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Whether this process was begun with a signal ignored, by its number: SIGHUP by nohup(1).
pub fn ignores(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (1..=64).contains(&signal) && mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_machine_s_own() {
        let line = "0000000000000000: 00000002 00000000 00010000 0001 01 4711 @a name";
        let socket = unix_socket(line).expect("a socket");
        assert_eq!((socket.state, socket.inode, socket.name.as_deref()), (State::Listen, 4711, Some("@a")));
        assert_eq!((socket.kind, socket.references), (UnixKind::Stream, 2));
        assert!(unix_socket("Num       RefCount Protocol Flags    Type St Inode Path").is_none());
    }

    #[test]
    fn a_socket_s_inode_is_read() {
        assert_eq!(inode("socket:[4711]"), Some(4711));
        for wrong in ["pipe:[1]", "socket:[x]", "socket:[1", "/dev/null"] {
            assert_eq!(inode(wrong), None);
        }
    }
}
