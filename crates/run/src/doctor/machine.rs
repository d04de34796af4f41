//! What can be looked up or tried without a child to supervise.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};
use rustix::system::uname;
use sockeye_hub::Place;

use super::{Check, Verdict};
use crate::Showing;
use crate::process::sockets::Sockets;

/// The first version with all that is needed, and the first that is quick.
const NEEDED: (u32, u32) = (5, 14);
const QUICK: (u32, u32) = (6, 6);
/// What `sockeye run` takes at least, in KiB, and with some hundred connections.
const MEMORY_KIB: u64 = 64 << 10;
/// What the supervisor asks for so that a datagram of the longest kind fits, twice.
const WRITE_BUFFER: u64 = 212_992;
/// `CAP_NET_ADMIN` and `CAP_SYS_PTRACE` in `CapEff`.
const NET_ADMIN: u32 = 12;
const SYS_PTRACE: u32 = 19;

pub(super) fn kernel() -> Check {
    let release = uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|text| text.parse().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let found = format!("Linux {release}");
    // What is tried below decides.
    if version < NEEDED {
        let text = ("made for Linux 5.14 and later", "use a later kernel, unless all else here is well");
        return Check::but("kernel", Verdict::Without, found, text);
    }
    if version < QUICK {
        let text =
            ("trapped calls are quick from Linux 6.6 on", "use a later kernel, unless wake-up is well below");
        return Check::but("kernel", Verdict::Slower, found, text);
    }
    Check::ok("kernel", found)
}

pub(super) fn architecture() -> Check {
    let name = "architecture";
    match std::env::consts::ARCH {
        "x86_64" => Check::ok(name, "x86-64"),
        other => Check::but(
            name,
            Verdict::Without,
            other,
            ("sockeye run was tried on x86-64 alone", "tell of what does not work"),
        ),
    }
}

pub(super) fn ptrace_scope() -> Check {
    let name = "ptrace_scope";
    let remedy = "sysctl kernel.yama.ptrace_scope=1, or run sockeye as root";
    match crate::yama() {
        None => Check::ok(name, "no Yama"),
        Some(scope @ 0..=1) => Check::ok(name, scope.to_string()),
        Some(2) if has_capability(SYS_PTRACE) => Check::ok(name, "2, which leaves CAP_SYS_PTRACE its rights"),
        Some(scope) => {
            let text = ("nobody may look into a program, so none can be supervised", remedy);
            Check::but(name, Verdict::Missing, scope.to_string(), text)
        }
    }
}

pub(super) fn privileges() -> Check {
    let name = "CAP_SYS_PTRACE";
    if has_capability(SYS_PTRACE) {
        return Check::ok(name, "programs that hide their memory can be served, too");
    }
    let text = (
        "programs that hide their memory (PR_SET_DUMPABLE) or change their user get no sockets",
        "run sockeye as root if one of them needs the network",
    );
    Check::but(name, Verdict::Without, "not there", text)
}

pub(super) fn unix_diag() -> Check {
    let name = "sock_diag";
    if Sockets::open().is_some() {
        return Check::ok(name, "tells which sockets are still open");
    }
    let text = (
        "whether a socket that was shut is still open is found by looking through /proc",
        "use a kernel with CONFIG_UNIX_DIAG",
    );
    Check::but(name, Verdict::Slower, "no unix_diag", text)
}

pub(super) fn write_buffers() -> Check {
    let name = "socket buffers";
    let max = number("/proc/sys/net/core/wmem_max").unwrap_or(0);
    if has_capability(NET_ADMIN) || max >= WRITE_BUFFER {
        return Check::ok(name, format!("net.core.wmem_max is {max}"));
    }
    let text = (
        "less fits into a carrier, so bulk data takes more steps",
        "sysctl net.core.wmem_max=212992 or more",
    );
    Check::but(name, Verdict::Slower, format!("net.core.wmem_max is {max}"), text)
}

pub(super) fn descriptors() -> Check {
    let name = "descriptors";
    // The supervisor raises its own to what the machine gives.
    let Some(limit) = getrlimit(Resource::Nofile).maximum else { return Check::ok(name, "no limit") };
    let found = format!("{limit} at most; the supervisor has one for each socket");
    if limit >= 4096 {
        return Check::ok(name, found);
    }
    let text = (
        "programs with more sockets get EMFILE or ENOBUFS",
        "raise the hard limit (ulimit -Hn, limits.conf)",
    );
    Check::but(name, Verdict::Without, found, text)
}

pub(super) fn memory() -> Check {
    let name = "memory";
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let field = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let machine = field.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let group = group_memory_kib();
    let Some(kib) = machine.into_iter().chain(group).min() else { return Check::ok(name, "not known") };
    let of =
        if group.is_some_and(|group| group == kib) { " left to this control group" } else { " available" };
    let found = format!("{} MiB{of}", kib >> 10);
    if kib >= MEMORY_KIB {
        return Check::ok(name, found);
    }
    let text = (
        "a program with many connections may be ended for want of memory",
        "free some, or raise the group's memory.max",
    );
    Check::but(name, Verdict::Without, found, text)
}

/// What this process's control group (cgroups(7), version 2) may still take.
fn group_memory_kib() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let folder = Path::new("/sys/fs/cgroup").join(path);
    let read = |name: &str| number(folder.join(name));
    Some(read("memory.max")?.saturating_sub(read("memory.current")?) >> 10)
}

pub(super) fn files() -> Check {
    let name = "files";
    let may = |showing| in_child(|| crate::files::mount(showing).is_ok());
    if may(Showing::IfAllowed) {
        let found = "/proc/net, /proc/sys/net and /sys/class/net are the virtual host's, by FUSE in a mount namespace";
        return Check::ok(name, found);
    }
    let remedy = "run sockeye as root, with CAP_SYS_ADMIN and /dev/fuse in a container";
    if crate::object::Object::place().is_some() {
        let found = "no mount namespace: /proc/net, /proc/sys/net and /sys/class/net are the virtual host's by an object that is preloaded";
        let costs = "static programs, and those that don't open files by libc, see the machine's network there, and settings can't be written";
        let user =
            "sockeye run --proc=user, where the files of other users look like nobody's; or run it as root";
        let remedy = if may(Showing::AsUser) { user } else { remedy };
        return Check::but(name, Verdict::Without, found, (costs, remedy));
    }
    let costs = "/proc/net, /proc/sys/net and /sys/class/net show the machine's network";
    if may(Showing::AsUser) {
        let text = (
            costs,
            "sockeye run --proc=user, where the files of other users look like nobody's; or run it as root",
        );
        return Check::but(name, Verdict::Without, "no mount namespace without a user namespace", text);
    }
    Check::but(
        name,
        Verdict::Without,
        "no mount namespace, no FUSE in one, nor a place for an object",
        (costs, remedy),
    )
}

pub(super) fn runtime_directory() -> Check {
    let name = "runtime directory";
    match Place::of("default") {
        Ok(place) => {
            let folder = place.path().parent().unwrap_or(place.path());
            Check::ok(name, folder.display().to_string())
        }
        Err(error) => {
            let text = (
                "sockeye up and run --host have no place to meet",
                "set XDG_RUNTIME_DIR to a directory of your own",
            );
            Check::but(name, Verdict::Without, error.to_string(), text)
        }
    }
}

pub(super) fn tun() -> Check {
    let name = "TUN";
    let device = "/dev/net/tun";
    let found = match fs::OpenOptions::new().read(true).write(true).open(device) {
        Ok(_) if has_capability(NET_ADMIN) => return Check::ok(name, "devices can be made"),
        Ok(_) => "no CAP_NET_ADMIN".to_owned(),
        Err(error) => format!("{device}: {}", crate::plain(&error)),
    };
    let text = ("only the tests beside the machine's own TCP want it", "none, or root with /dev/net/tun");
    Check::but(name, Verdict::Without, found, text)
}

pub(super) fn ping() -> Check {
    let name = "ping";
    if sockeye_gateway::can_ping() {
        return Check::ok(name, "echo requests get out where run --outside leads out");
    }
    let found = fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").unwrap_or_default();
    let found =
        format!("net.ipv4.ping_group_range is {}", found.split_whitespace().collect::<Vec<_>>().join(" "));
    let text = (
        "ping doesn't get out, even with run --outside",
        "sysctl net.ipv4.ping_group_range=\"0 2147483647\"",
    );
    Check::but(name, Verdict::Without, found, text)
}

/// Whether this process has a capability (capabilities(7)).
fn has_capability(number: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    field
        .and_then(|text| u64::from_str_radix(text.trim(), 16).ok())
        .is_some_and(|bits| bits >> number & 1 == 1)
}

fn number(path: impl AsRef<Path>) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// What a child says of a thing that it tries, and that it would keep.
fn in_child(attempt: impl FnOnce() -> bool) -> bool {
    // SAFETY: this process has one thread; the child may do what its parent might, and ends at once.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::_exit(i32::from(!attempt()));
        }
        let mut status = 0;
        pid > 0 && libc::waitpid(pid, &raw mut status, 0) == pid && status == 0
    }
}
