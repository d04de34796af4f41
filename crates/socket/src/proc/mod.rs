//! The files by which Linux shows a host's network: `/proc/net`, `/proc/sys/net`, `/sys/class/net`, made as text from what stands
//! in the host when one asks. Columns and their widths are the kernel's, so that who reads one reads the other.
//!
//! A file is named by the folder it lies in and its path there. Not made: files that only tell of how a kernel keeps its tables
//! (`fib_trie`, `ptype`, `softnet_stat` …), or of what the host doesn't have.

mod devices;
mod snmp;
mod sockets;
mod sysctls;
mod sysfs;

use sockeye_abi::Errno;
use sockeye_base::Instant;

use crate::host::{Host, Result};
use crate::netlink::Outside;

/// The folders that files lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Folder {
    /// `/proc/net`.
    Net,
    /// `/proc/sys/net`.
    Sysctls,
    /// `/sys/class/net`.
    Class,
    /// `/sys/devices/virtual/net`.
    Devices,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Folder,
    /// A file, and who may use it.
    File {
        /// As chmod(2) has it.
        mode: u32,
        /// The length that stat(2) tells.
        size: u64,
    },
    /// A link to there.
    Link(String),
}

impl Node {
    /// A file of proc(5), which tells no length.
    fn of_proc(mode: u32) -> Node {
        Node::File { mode, size: 0 }
    }
}

/// Who reads.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// When.
    pub now: Instant,
    /// The user whose the host's sockets are.
    pub user: u32,
    /// What the host doesn't know of its sockets.
    pub outside: &'a dyn Outside,
}

/// Makes a file's text.
type Make = fn(&mut Host, Reader<'_>) -> String;

/// `/proc/net`.
const NET: &[(&str, Make)] = &[
    ("arp", devices::arp),
    ("dev", devices::dev),
    ("dev_mcast", devices::dev_mcast),
    ("icmp", sockets::icmp),
    ("icmp6", sockets::icmp6),
    ("if_inet6", devices::if_inet6),
    ("igmp", devices::igmp),
    ("igmp6", devices::igmp6),
    ("ipv6_route", devices::ipv6_route),
    ("netlink", sockets::netlink),
    ("netstat", snmp::netstat),
    ("packet", sockets::packet),
    ("raw", sockets::raw),
    ("raw6", sockets::raw6),
    ("route", devices::route),
    ("snmp", snmp::snmp),
    ("snmp6", snmp::snmp6),
    ("sockstat", sockets::sockstat),
    ("sockstat6", sockets::sockstat6),
    ("tcp", sockets::tcp),
    ("tcp6", sockets::tcp6),
    ("udp", sockets::udp),
    ("udp6", sockets::udp6),
    ("udplite", sockets::udplite),
    ("udplite6", sockets::udplite6),
];

impl Host {
    /// What a path in a folder stands for; the folder itself is the empty path.
    pub fn file(&self, folder: Folder, path: &str) -> Option<Node> {
        if path.is_empty() {
            return Some(Node::Folder);
        }
        match folder {
            Folder::Net => NET.iter().any(|(name, _)| *name == path).then_some(Node::of_proc(0o444)),
            Folder::Sysctls => sysctls::node(path),
            Folder::Class => self.class_node(path),
            Folder::Devices => self.device_node(path),
        }
    }

    /// The names in a folder of files, sorted; none in what is no folder.
    pub fn file_names(&self, folder: Folder, path: &str) -> Vec<String> {
        let mut names = match folder {
            Folder::Net if path.is_empty() => NET.iter().map(|(name, _)| (*name).to_owned()).collect(),
            Folder::Class if path.is_empty() => self.interface_names(),
            Folder::Net | Folder::Class => Vec::new(),
            Folder::Sysctls => sysctls::names(path),
            Folder::Devices => self.device_names(path),
        };
        names.sort();
        names.dedup();
        names
    }

    /// What reading a file gives. ENOENT if there is none, EISDIR, EINVAL for one that has nothing to say.
    pub fn read_file(&mut self, (folder, path): (Folder, &str), reader: Reader<'_>) -> Result<String> {
        match self.file(folder, path).ok_or(Errno::ENOENT)? {
            Node::Folder => return Err(Errno::EISDIR),
            Node::Link(_) => return Err(Errno::EINVAL),
            Node::File { .. } => {}
        }
        match folder {
            Folder::Net => {
                let (_, make) = NET.iter().find(|(name, _)| *name == path).ok_or(Errno::ENOENT)?;
                Ok(make(self, reader))
            }
            Folder::Sysctls => self.read_sysctl(path),
            Folder::Class | Folder::Devices => self.read_device(path),
        }
    }

    /// Writes to a file: only sysctls can be. ENOENT, EACCES; EINVAL for what it can't be.
    pub fn write_file(&mut self, (folder, path): (Folder, &str), text: &str) -> Result<()> {
        match (folder, self.file(folder, path)) {
            (_, None) => Err(Errno::ENOENT),
            (Folder::Sysctls, Some(Node::File { mode, .. })) if mode & 0o200 != 0 => {
                self.write_sysctl(path, text)
            }
            (_, Some(_)) => Err(Errno::EACCES),
        }
    }

    fn interface_names(&self) -> Vec<String> {
        self.stack.interfaces().map(|(_, interface)| interface.name.to_string()).collect()
    }
}

/// Lines of one width, as `seq_pad` makes them.
fn padded(line: &str, width: usize) -> String {
    format!("{line:<width$}\n")
}
