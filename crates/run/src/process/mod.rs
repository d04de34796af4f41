//! The supervised processes, from outside: their memory, their descriptors, their family, their names and files.

use std::fs;

pub(crate) mod descriptors;
pub(crate) mod family;
pub(crate) mod memory;
pub(crate) mod privileges;
pub(crate) mod sockets;
pub(crate) mod threads;

/// The name of the program that a thread belongs to, as ps(1) shows it; `"?"` if it is gone.
pub(crate) fn name_of(tid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let leader = status.lines().find_map(|line| line.strip_prefix("Tgid:")).map(str::trim);
    let name = fs::read(format!("/proc/{}/comm", leader.unwrap_or("0"))).unwrap_or_default();
    let name = String::from_utf8_lossy(&name);
    match name.trim_end() {
        "" => "?".to_owned(),
        // A program may call itself anything, and a terminal may do as it says.
        name => name.chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
    }
}
