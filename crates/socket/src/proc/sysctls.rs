//! `/proc/sys/net`: the host's settings, a file each.

use sockeye_abi::Errno;
use sockeye_stack::{Settings, SysctlError};

use super::Node;
use crate::host::{Host, Result};

/// What can only be read.
const READ_ONLY: [&str; 1] = ["ipv4/tcp_available_congestion_control"];
/// What only its owner may read.
const SECRET: [&str; 1] = ["ipv4/tcp_fastopen_key"];

/// The files' paths.
fn paths() -> impl Iterator<Item = String> {
    Settings::sysctl_names().filter_map(|name| Some(name.strip_prefix("net.")?.replace('.', "/")))
}

pub(super) fn node(path: &str) -> Option<Node> {
    let below = |file: &String| file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
    if READ_ONLY.contains(&path) {
        return Some(Node::of_proc(0o444));
    }
    if SECRET.contains(&path) {
        return Some(Node::of_proc(0o600));
    }
    if paths().any(|file| file == path) {
        return Some(Node::of_proc(0o644));
    }
    paths().any(|file| below(&file)).then_some(Node::Folder)
}

pub(super) fn names(path: &str) -> Vec<String> {
    let inside = |file: String| {
        let rest = if path.is_empty() { &file } else { file.strip_prefix(path)?.strip_prefix('/')? };
        rest.split('/').next().map(str::to_owned)
    };
    paths().filter_map(inside).collect()
}

impl Host {
    pub(super) fn read_sysctl(&self, path: &str) -> Result<String> {
        Ok(self.stack.settings().sysctl(&format!("net/{path}")).ok_or(Errno::ENOENT)? + "\n")
    }

    pub(super) fn write_sysctl(&mut self, path: &str, text: &str) -> Result<()> {
        let set = self.stack.settings_mut().set_sysctl(&format!("net/{path}"), text);
        set.map_err(|why| match why {
            SysctlError::Unknown => Errno::ENOENT,
            SysctlError::Invalid => Errno::EINVAL,
        })
    }
}
