//! The supervisor of unmodified programs: `sockeye run`.
//!
//! A seccomp filter hands it the socket calls of a program and of all its descendants. Each socket is a *carrier* in
//! the program (a Unix-domain descriptor, `carriers`) and a socket of the network's stack behind it; the loop in
//! `supervisor` keeps the two alike. Not modelled: what `docs/compatibility.md` lists.

mod calls;
mod carriers;
mod corks;
pub mod doctor;
mod ending;
mod faults;
mod files;
mod guard;
mod launch;
mod network;
mod object;
mod pcap;
mod process;
mod seccomp;
mod shared;
mod signals;
mod supervisor;
mod trace;
mod unmet;

pub use calls::{CALLS, CallRow, When};
pub use faults::Faults;
pub use files::Showing;
pub use network::HOST;
pub use pcap::Pcap;
pub use sockeye_gateway as gateway;
pub use sockeye_hub::Place;
use sockeye_hub::Plug;
use unmet::{Hearing, Ledger, Limit};
pub use unmet::{Report, Unmet};

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use sockeye_stack::{Settings, SysctlError};

/// Bytes of a frame that are captured if nothing else is said, as tcpdump does: more than any has.
pub const WHOLE: usize = 262_144;
/// What a kernel without SYNC_WAKE_UP is told of.
const SLOW: &str = "this kernel wakes programs slowly (no SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP): socket calls cost ten times more than on \
     Linux 6.6 or later; --quiet leaves this line out";
/// The exit status for a network or host that can't be, and for a wrong command line.
const EXIT_USAGE: u8 = 2;
/// The exit status where `strict` ended the program; that of timeout(1), which ends programs, too.
pub const EXIT_STRICT: i32 = 124;
/// The exit status for a failure of Sockeye's own.
pub const EXIT_SOCKEYE: i32 = 125;
/// The exit status for a program that can't be executed.
pub const EXIT_NOT_EXECUTABLE: i32 = 126;
/// The exit status for a program that was not found.
pub const EXIT_NOT_FOUND: i32 = 127;

/// A program and its arguments.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name, looked for in PATH, or its path.
    pub name: OsString,
    /// What follows the name.
    pub arguments: Vec<OsString>,
}

/// How to run it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Print each segment.
    pub trace: Option<TraceTo>,
    /// Write each frame to a pcapng file, made anew.
    pub pcap: Option<PathBuf>,
    /// Bytes of each frame that are written there; all if it isn't said.
    pub snap: Option<usize>,
    /// What the program's link is like.
    pub faults: Faults,
    /// Trap reads and writes, too, so that they end as Linux's do where a carrier can't show it. If it isn't said: where
    /// the link may lose or delay.
    pub exact: Option<bool>,
    /// Trap `close`, too, so that it waits as SO_LINGER says. A handler without SA_RESTART may then end any `close` with
    /// EINTR, which leaves the descriptor open.
    pub linger: bool,
    /// Preload the object into dynamic programs: what costs them a trapped call without it costs less. It shows in their environment.
    pub object: bool,
    /// Wait for the program's descendants, too, instead of ending them when it ends.
    pub wait: bool,
    /// Settings of the program's host: names as sysctl(8) has them, and values.
    pub sysctls: Vec<(String, String)>,
    /// The host of a network that is up to be, and that network's name; without it, `pukaki` of a network of its own.
    pub host: Option<(String, Place)>,
    /// What leads to the machine's own network, and from it. Not with `host`.
    pub gateway: gateway::Options,
    /// The network's seed; chosen at random if none is given.
    pub seed: Option<u64>,
    /// Where the files of the host's network are shown in the places of the machine's.
    pub showing: Showing,
    /// Count what could not be honoured.
    pub report: bool,
    /// End the program at the first thing that can't be honoured.
    pub strict: bool,
    /// Say nothing on standard error of what a program can't have here.
    pub quiet: bool,
    /// Nor that its network has ended, or we were killed: who started us tells of that.
    pub attended: bool,
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit status: the program's own, or 128 and the number of the signal that ended it; [`EXIT_STRICT`] where
    /// `strict` did, [`EXIT_SOCKEYE`] where the capture could not be written.
    pub status: i32,
    /// What could not be honoured; empty if nobody asked for it.
    pub report: Report,
}

/// Where the trace goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TraceTo {
    /// To standard error.
    StandardError,
    /// To this file, which is made anew.
    File(PathBuf),
}

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that the host doesn't have, or can't have this value.
    #[error("{0}={1}: {why}", why = match .2 {
        SysctlError::Unknown => "there is no such setting",
        SysctlError::Invalid => "it can't be that",
    })]
    Sysctl(String, String, SysctlError),
    /// The trace's or the capture's file.
    #[error("{path}: {why}", path = .0.display(), why = plain(.1))]
    Trace(PathBuf, #[source] io::Error),
    /// The network that is up.
    #[error(transparent)]
    Network(#[from] sockeye_hub::Error),
    /// The program's name or file.
    #[error("{path}: {why}", path = .0.display(), why = plain(.1))]
    Exec(PathBuf, #[source] io::Error),
    /// The kernel refused the filter.
    #[error("{}", filter_refused(.0))]
    Filter(#[source] io::Error),
    /// The program's descriptors can't be borrowed.
    #[error("{}", refused_here("descriptors be borrowed (pidfd_getfd)", .0))]
    Borrow(#[source] io::Error),
    /// The program's memory can't be read.
    #[error("{}", refused_here("memory be read (process_vm_readv)", .0))]
    Memory(#[source] io::Error),
    /// An inherited socket would be a way out.
    #[error(
        "descriptor {0} is a socket of the machine's network: close it (for example, {0}<&-) before starting a program"
    )]
    InheritedSocket(i32),
    /// The way to the machine's own network.
    #[error(transparent)]
    Gateway(#[from] gateway::Error),
    /// The host's files, which were asked for.
    #[error("the host's files can't be shown (--proc={0}): {why}", why = plain(.1))]
    Files(&'static str, #[source] io::Error),
    /// Something else at the start.
    #[error("cannot start: {0}: {why}", why = plain(.1))]
    Start(&'static str, #[source] io::Error),
    /// The loop failed.
    #[error("the supervisor failed: {why}", why = plain(.0))]
    Serve(#[source] io::Error),
}

impl Error {
    /// The exit status that tells of it.
    pub fn exit_status(&self) -> i32 {
        match self {
            Error::Exec(_, error) if error.kind() == io::ErrorKind::NotFound => EXIT_NOT_FOUND,
            Error::Exec(..) => EXIT_NOT_EXECUTABLE,
            Error::Network(error) if error.exit_status() == EXIT_USAGE => EXIT_USAGE.into(),
            Error::Trace(..)
            | Error::Network(_)
            | Error::Sysctl(..)
            | Error::Filter(_)
            | Error::Borrow(_)
            | Error::Memory(_)
            | Error::InheritedSocket(_)
            | Error::Files(..)
            | Error::Gateway(_)
            | Error::Start(..)
            | Error::Serve(_) => EXIT_SOCKEYE,
        }
    }
}

fn filter_refused(error: &io::Error) -> String {
    let why = match error.raw_os_error() {
        Some(libc::EBUSY) => "another supervisor's filter with user notification is in the way",
        Some(libc::EINVAL | libc::ENOSYS) => {
            "this kernel's seccomp has no user notification as is needed: Linux 5.14 or later, with CONFIG_SECCOMP_FILTER"
        }
        Some(libc::EACCES | libc::EPERM) => {
            "installing a seccomp filter is forbidden here; in a container its own filter has to allow seccomp(2)"
        }
        _ => "the seccomp filter can't be installed",
    };
    format!("cannot supervise: {why} ({})", plain(error))
}

/// What the machine doesn't let us do with a program, and what to do about it.
fn refused_here(what: &str, error: &io::Error) -> String {
    let remedy = match (error.raw_os_error(), yama()) {
        (Some(libc::ENOSYS), _) => {
            "Linux 5.14 or later is needed, or a container's filter that allows the call"
        }
        (_, Some(2..)) => {
            "kernel.yama.ptrace_scope forbids it: set it to 1 by sysctl, or run sockeye as root"
        }
        _ => "in a container it needs the capability CAP_SYS_PTRACE (docker run --cap-add=SYS_PTRACE)",
    };
    format!("this machine does not let a program's {what}: {}; {remedy}", plain(error))
}

/// Whom Yama lets look into a process: 0 its user, 1 its ancestors, 2 root, 3 nobody; `None` without Yama.
fn yama() -> Option<u32> {
    std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

/// An error's text without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(text, _)| text.to_owned())
}

/// Runs a program on host `pukaki` of the default network, or on a host of one that is up.
///
/// The calling process must have one thread. It becomes the program's supervisor: it takes over its own signals, and
/// waits for all of its children.
pub fn run(program: &Program, options: &Options) -> Result<Ended, Error> {
    check_settings(&options.sysctls)?;
    let snap = options.snap.unwrap_or(WHOLE);
    let mut watchers = network::Watchers {
        trace: options.trace.as_ref().map(trace::Trace::open).transpose()?,
        pcap: options.pcap.as_ref().map(|path| pcap::Pcap::create(path, snap, since_1970())).transpose()?,
        desk: None,
    };
    let seed = options.seed.unwrap_or_else(random_seed);
    let joined = match &options.host {
        Some((host, place)) => Some(Plug::join(place, host, &program.name.to_string_lossy())?),
        None => None,
    };
    let (signals, mask) = signals::Signals::take().map_err(|error| Error::Start("signals", error))?;
    ending::Ending::adopt_orphans().map_err(|error| Error::Start("subreaper", error))?;
    let gateway = match options.gateway.is_nothing() {
        true => None,
        false => Some(gateway::Gateway::new(options.gateway.clone())?),
    };
    // What another process does with a link isn't known here, nor what the machine's network does.
    let leads_out = joined.is_some() || gateway.is_some();
    let exact = options.exact.unwrap_or(!options.faults.are_none() || leads_out);
    let Options { report: counts, strict, quiet, attended, .. } = *options;
    let hearing = Hearing { counts, strict, quiet, attended };
    let mut ledger = Ledger::new(hearing);
    if process::privileges::of_program(&program.name) {
        let name = std::path::Path::new(&program.name).file_name().unwrap_or(&program.name);
        ledger.meet_as(name.to_string_lossy().into_owned(), Limit::Privileges);
    }
    let filter = seccomp::Filter::new(exact, options.linger);
    // Before the program is there who may say that it is.
    let opened = watchers.open_desk(options.host.as_ref().map(|(_, place)| place.name()), &program.name);
    // It can do without, unless somebody is to look.
    opened.or_else(|error| match attended {
        true => Err(Error::Start("the control socket", io::Error::other(error))),
        false => Ok(()),
    })?;
    let object = object::Object::place();
    let (showing, preload) = (options.showing, options.object);
    let how = launch::How { showing, object: object.as_ref(), preload, attended };
    let mut launched = launch::launch(program, &mask, &filter, &how)?;
    let files = launched.files.take();
    if !launched.is_quick {
        ledger.say(SLOW);
    }
    launch::allow_many_descriptors();
    let mut ending = launched.ending(options.wait);
    let (listener, launched) = launched.split();
    let network = match joined {
        Some((mut plug, joined)) => {
            // Not before the guard is there: it would keep them, too.
            let names = if joined.dns.is_none() { plug.names()? } else { Vec::new() };
            network::Network::joined(seed, (plug, &joined, &names), &options.sysctls, watchers)
        }
        None => network::Network::new(seed, (&options.faults, &options.sysctls), gateway, watchers),
    };
    let network =
        network.map_err(|errno| Error::Start("the network", io::Error::from_raw_os_error(errno.0)))?;
    let mut supervisor = supervisor::Supervisor::new(listener, signals, (network, files), (exact, ledger))
        .map_err(|error| Error::Start("epoll", error))?;
    if options.host.is_some() {
        give_back_memory();
    }
    let mut status = supervisor.serve(&mut ending).map_err(Error::Serve)?;
    if !supervisor.network.end_capture() {
        status = EXIT_SOCKEYE;
    }
    match launched.exec_error() {
        Some(error) => Err(Error::Exec(PathBuf::from(&program.name), error)),
        None => Ok(Ended { status, report: supervisor.ledger.into_report() }),
    }
}

/// Whether the host can have these settings.
fn check_settings(sysctls: &[(String, String)]) -> Result<(), Error> {
    let mut settings = Settings::default();
    let mut check = |(name, value): &(String, String)| {
        settings.set_sysctl(name, value).map_err(|why| Error::Sysctl(name.clone(), value.clone(), why))
    };
    sysctls.iter().try_for_each(&mut check)
}

/// What was needed to begin with goes back to the machine, where there may be a thousand of us.
fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: a plain call.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What the machine's clock says.
fn since_1970() -> std::time::Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// A seed nobody knows, so that sequence numbers and ports are as hard to guess as they should be.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
