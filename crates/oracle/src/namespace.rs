//! A network of the kernel's, made like the virtual one: this process on `pukaki`, with `tekapo` beside it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd};
use std::process::{Command, Stdio};
use std::time::Duration;

/// There are no addresses but those that are given.
const UP: &str = "link set eth0 addrgenmode none\nlink set eth0 up\n";
/// The route to fd61::1 is there.
const LOCAL_ROUTE: &str = "fd610000000000000000000000000001 80 ";

/// Moves this process, which must have one thread, to a new network namespace like `pukaki` in the virtual network, and
/// sets these of its settings. It takes root, or user namespaces for everybody, and ip(8).
pub fn enter(settings: &[(&str, &str)]) -> io::Result<()> {
    become_root()?;
    unshare(libc::CLONE_NEWNET)?;
    let there = File::open("/proc/self/ns/net")?;
    ip("link set lo up\n")?;
    unshare(libc::CLONE_NEWNET)?;
    let here = File::open("/proc/self/ns/net")?;
    let place = format!("/proc/{}/fd/{}", std::process::id(), there.as_raw_fd());
    ip(&format!("link set lo up\nlink add eth0 type veth peer name eth0 netns {place}\n{UP}"))?;
    go(&there)?;
    ip(&format!("{UP}{}", addresses(2)))?;
    go(&here)?;
    ip(&addresses(1))?;
    // The kernel takes its time to see that the link is up.
    let local = || fs::read_to_string("/proc/net/ipv6_route").map(|routes| routes.contains(LOCAL_ROUTE));
    while !local()? {
        std::thread::sleep(Duration::from_millis(1));
    }
    // Its network lives as long as somebody holds it: as long as this process.
    let _ = there.into_raw_fd();
    for (name, value) in settings {
        fs::write(format!("/proc/sys/{}", name.replace('.', "/")), value)?;
    }
    Ok(())
}

/// Addresses are there at once, not after a second's look for duplicates.
fn addresses(host: u8) -> String {
    format!(
        "link set eth0 address 02:00:00:00:00:0{host}\naddr add 10.61.0.{host}/24 brd + dev eth0\n\
         addr add fd61::{host}/64 dev eth0 nodad\naddr add fe80::ff:fe00:{host}/64 dev eth0 nodad\n\
         route add 224.0.0.0/4 dev eth0\n"
    )
}

/// Where a namespace can't be made as we are, in one of users, where we are root.
fn become_root() -> io::Result<()> {
    // SAFETY: it only asks.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    if user == 0 {
        return Ok(());
    }
    unshare(libc::CLONE_NEWUSER)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

fn ip(commands: &str) -> io::Result<()> {
    let mut ip = Command::new("ip");
    let mut child = ip.args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(commands.as_bytes())?;
    }
    if child.wait()?.success() { Ok(()) } else { Err(io::Error::other(format!("ip: {commands}"))) }
}

fn unshare(what: i32) -> io::Result<()> {
    // SAFETY: no memory is passed.
    checked(unsafe { libc::unshare(what) })
}

fn go(namespace: &impl AsFd) -> io::Result<()> {
    // SAFETY: the descriptor is open.
    checked(unsafe { libc::setns(namespace.as_fd().as_raw_fd(), libc::CLONE_NEWNET) })
}

fn checked(value: i32) -> io::Result<()> {
    if value < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
