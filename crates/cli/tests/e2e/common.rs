//! Starting `sockeye`, as whoever, with a bound on how long it may take.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// No test needs so long: what takes longer hangs.
const BOUND: Duration = Duration::from_secs(60);
/// The user `nobody`.
const ORDINARY_USER: &str = "65534";

/// A command that runs `sockeye` with these arguments.
pub(crate) fn sockeye<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sockeye"));
    command.args(arguments);
    tidy(&mut command);
    command
}

/// A command that runs a program without Sockeye.
pub(crate) fn bare<S: AsRef<OsStr>>(program: impl IntoIterator<Item = S>) -> Command {
    let mut words = program.into_iter();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    tidy(&mut command);
    command
}

/// A command that runs a program under `sockeye run`.
pub(crate) fn run<S: AsRef<OsStr>>(program: impl IntoIterator<Item = S>) -> Command {
    let mut command = sockeye(["run", "--"]);
    command.args(program);
    command
}

/// A command that runs a program under `sockeye run --exact`.
pub(crate) fn run_exact<S: AsRef<OsStr>>(program: impl IntoIterator<Item = S>) -> Command {
    let mut command = sockeye(["run", "--exact", "--"]);
    command.args(program);
    command
}

/// A command that runs a script of the shell under `sockeye run`.
pub(crate) fn shell(script: &str) -> Command {
    run(["sh", "-c", script])
}

/// A command that runs a Python program under `sockeye run`.
pub(crate) fn python(program: &str) -> Command {
    run(["python3", "-c", program])
}

/// Who runs the programs: whoever runs the tests, and an ordinary user if that is root.
pub(crate) fn users() -> Vec<User> {
    let root = is_root() && need(&["setpriv"]);
    if root { vec![User::Same, User::Ordinary(copy_for_all())] } else { vec![User::Same] }
}

/// Somebody who can run `sockeye`.
pub(crate) enum User {
    /// Whoever runs the tests.
    Same,
    /// An ordinary user without any privilege, for whom `sockeye` was copied to where it can be reached.
    Ordinary(TempDir),
}

impl User {
    /// Whether this user has no privileges.
    pub(crate) fn is_ordinary(&self) -> bool {
        matches!(self, User::Ordinary(_))
    }

    /// The command that runs a program under `sockeye run` as this user.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, program: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.sockeye(["run", "--"]);
        command.args(program);
        command
    }

    /// The command that runs `sockeye` with these arguments as this user.
    pub(crate) fn sockeye<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        match self {
            User::Same => sockeye(arguments),
            User::Ordinary(place) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", ORDINARY_USER, "--regid", ORDINARY_USER, "--clear-groups"]);
                command.arg(place.path().join("sockeye")).args(arguments).current_dir("/");
                tidy(&mut command);
                command
            }
        }
    }

    /// Lets this user write in a folder.
    pub(crate) fn give(&self, folder: &Path) {
        if let User::Ordinary(_) = self {
            let id = ORDINARY_USER.parse().ok();
            std::os::unix::fs::chown(folder, id, id).expect("whoever runs the tests is root");
        }
    }
}

/// Whether all these programs are here. If not, says so: the test is to be skipped. With SOCKEYE_CI set it fails.
pub(crate) fn need(programs: &[&str]) -> bool {
    let path = search_path();
    let is_there = |name: &str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let missing: Vec<&str> = programs.iter().copied().filter(|name| !is_there(name)).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("SOCKEYE_CI").is_none(), "not installed: {}", missing.join(", "));
    println!("skipped: not installed: {}", missing.join(", "));
    false
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    finish_with(command, Vec::new())
}

/// Runs a command to its end, with this on its standard input.
pub(crate) fn finish_with(command: &mut Command, input: Vec<u8>) -> Finished {
    let what = format!("{command:?}");
    let mut child = start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = bounded(child, &what);
    writer.join().expect("the writer does not panic");
    Finished { what, output }
}

/// Starts a command in a process group of its own.
pub(crate) fn start(command: &mut Command) -> Child {
    command.process_group(0).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Waits for a process whose output is piped. If that takes too long its group is killed, and the test fails.
pub(crate) fn bounded(child: Child, what: &str) -> Output {
    let group = child.id();
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    match wait.recv_timeout(BOUND) {
        Ok(output) => output.expect("its output can be read"),
        Err(RecvTimeoutError::Timeout) => {
            signal("KILL", &format!("-{group}"));
            let output = wait.recv_timeout(Duration::from_secs(5));
            panic!("{what}: did not end in {BOUND:?}; until then: {output:?}");
        }
        Err(RecvTimeoutError::Disconnected) => unreachable!("the thread sends before it ends"),
    }
}

/// tshark finds no packet of these captures malformed, and no checksum wrong.
pub(crate) fn well_formed<P: AsRef<Path>>(captures: &[P]) {
    if !need(&["tshark", "mergecap"]) {
        return;
    }
    let place = TempDir::new();
    let all = place.path().join("all.pcapng");
    finish(bare(["mergecap", "-w"]).arg(&all).args(captures.iter().map(AsRef::as_ref))).well();
    // Of what ICMP's errors quote there is only a part, which has no checksum.
    let wrong = "_ws.malformed || ((ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0) \
                 && !icmp && !icmpv6) || icmp.checksum.status == 0 || icmpv6.checksum.status == 0";
    let mut command = bare(["tshark", "-n", "-Y", wrong]);
    for protocol in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{protocol}.check_checksum:TRUE")]);
    }
    // Each packet by itself: streams that were sent again in other pieces are no business of it.
    command.args(["-o", "tcp.desegment_tcp_streams:FALSE", "-o", "tcp.analyze_sequence_numbers:FALSE"]);
    let found = finish(command.arg("-r").arg(&all)).well().text();
    assert_eq!(found, "", "tshark finds these wrong");
}

/// Sends a signal to a process, or with `-` before its number to a group.
pub(crate) fn signal(name: &str, target: &str) {
    let sent = Command::new("sh").args(["-c", "kill -s \"$0\" -- \"$1\"", name, target]).status();
    assert!(sent.is_ok(), "no shell: {sent:?}");
}

/// Reads from a pipe up to the end of a line. For what another process says when it is ready.
pub(crate) fn read_line(from: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") && from.read(&mut byte).is_ok_and(|n| n == 1) {
        line.push(byte[0]);
    }
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

/// What a command printed and how it ended.
pub(crate) struct Finished {
    what: String,
    output: Output,
}

impl Finished {
    /// Its exit status; 128 and the signal's number if one ended it.
    pub(crate) fn code(&self) -> i32 {
        let status = self.output.status;
        status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
    }

    /// Its standard output.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    /// Its standard error.
    pub(crate) fn errors(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    /// It ended with this status.
    pub(crate) fn exits(self, code: i32) -> Finished {
        assert_eq!(self.code(), code, "{}\nprinted:\n{}\nerrors:\n{}", self.what, self.text(), self.errors());
        self
    }

    /// It ended well.
    pub(crate) fn well(self) -> Finished {
        self.exits(0)
    }

    /// It printed this, among other things.
    pub(crate) fn says(self, text: &str) -> Finished {
        assert!(
            self.text().contains(text),
            "{}\nprinted no {text:?}:\n{}\n{}",
            self.what,
            self.text(),
            self.errors()
        );
        self
    }

    /// It said this on standard error, among other things.
    pub(crate) fn complains(self, text: &str) -> Finished {
        assert!(self.errors().contains(text), "{}\nno {text:?} in its errors:\n{}", self.what, self.errors());
        self
    }

    /// What it said on standard error is one line.
    pub(crate) fn in_one_line(self) -> Finished {
        assert_eq!(
            self.errors().trim_end().lines().count(),
            1,
            "{}\nits errors:\n{}",
            self.what,
            self.errors()
        );
        self
    }
}

/// A folder that goes with its value. Everybody may look into it.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> TempDir {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sockeye-e2e-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        allow(&path, 0o755);
        TempDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The environment that tests count on: no proxies, no configuration of whoever runs them, messages in English.
fn tidy(command: &mut Command) {
    for name in ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
        .env("PATH", search_path())
        .env("LC_ALL", "C")
        .env("HOME", "/nonexistent")
        .env_remove("PYTHONPATH");
    command.stdin(Stdio::null());
}

/// The machine's own programs first: what else is in the path may not be for everybody.
fn search_path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("/usr/bin:/bin:/usr/sbin:/sbin:{own}")
}

pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A copy of `sockeye` that every user can run.
fn copy_for_all() -> TempDir {
    let place = TempDir::new();
    let copy = place.path().join("sockeye");
    std::fs::copy(env!("CARGO_BIN_EXE_sockeye"), &copy).expect("sockeye can be copied");
    allow(&copy, 0o755);
    place
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("our own file");
}
