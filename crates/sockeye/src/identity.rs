//! Who the callers are, as Unix-domain sockets tell their peers (SO_PEERCRED, SCM_CREDENTIALS).

pub use sockeye_abi::Credentials;
pub use sockeye_socket::Identity;

/// The process itself.
pub(crate) fn own() -> Identity {
    let credentials = Credentials {
        pid: rustix::process::getpid().as_raw_pid(),
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
    };
    let groups = rustix::process::getgroups().unwrap_or_default();
    Identity { credentials, groups: groups.into_iter().map(|group| group.as_raw()).collect() }
}
