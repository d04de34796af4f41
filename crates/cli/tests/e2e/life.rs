//! Signals in a storm, and deaths at every moment: of programs, of the supervisor, of what it needs. Nothing is lost or
//! doubled, nothing hangs, nothing is left behind.
//!
//! `SOCKEYE_STORM="1024 100000 1000000"` asks for another size (megabytes each way, connections, datagrams), and
//! `SOCKEYE_KILLS=500` for another number of deaths.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::common::{
    TempDir, bounded, finish, need, python, read_line, run, run_exact, signal, sockeye, start,
};
use crate::oracle::compile_with;

/// A setting of the environment, or what it is without.
fn setting(name: &str, otherwise: &str) -> Vec<String> {
    let text = std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    text.split_whitespace().map(str::to_owned).collect()
}

fn storm(under: impl Fn(&Path) -> Command, restart: bool) {
    if !need(&["gcc"]) {
        return;
    }
    let program = compile_with("storm", &["-O2"]);
    let mut command = under(program.path());
    command.args(setting("SOCKEYE_STORM", "8 100 300")).args(restart.then_some("restart"));
    let finished = finish(&mut command).well();
    assert_eq!(finished.text(), "streams: right\nconnections: right\ndatagrams: right\n");
    assert!(!restart || finished.errors().is_empty(), "{}", finished.errors());
}

#[test]
fn a_storm_of_signals() {
    storm(|program| run([program]), false);
}

#[test]
fn a_storm_of_signals_with_restarted_calls() {
    storm(|program| run([program]), true);
}

#[test]
fn a_storm_of_signals_behind_the_gate() {
    storm(|program| run_exact([program]), false);
}

#[test]
fn a_storm_of_signals_with_restarted_calls_behind_the_gate() {
    storm(|program| run_exact([program]), true);
}

/// Go's runtime sends itself signals to take turns.
#[test]
fn go_under_its_own_signals() {
    if !need(&["go"]) {
        return;
    }
    let place = TempDir::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/turns.go");
    let program = place.path().join("turns");
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(&program).arg(source).current_dir(place.path());
    finish(build.env("GOCACHE", place.path().join("cache")).env("CGO_ENABLED", "0")).well();
    for under in [run([&program]), run_exact([&program])] {
        let mut command = under;
        let finished = finish(command.args(setting("SOCKEYE_STORM", "8 100 300"))).well();
        assert_eq!(finished.text(), "streams: right\nconnections: right\ndatagrams: right\n");
    }
}

#[test]
fn killed_at_every_point_of_its_life() {
    if !need(&["gcc"]) {
        return;
    }
    let program = compile_with("kills", &["-Wno-unused-result", "-pthread"]);
    let kills = setting("SOCKEYE_KILLS", "60").concat();
    for (seed, mut command) in [("1", run([program.path()])), ("2", run_exact([program.path()]))] {
        let finished = finish(command.args([seed, &kills])).well();
        assert_eq!(finished.text(), "descriptors of the supervisor: as before\n");
    }
}

/// What a family of programs does that ends only when it is ended: one blocks in a call that is held, one in a native one, one
/// has left the session, one does not want to end.
const FAMILY: &str = r"
import os, signal, socket, sys
def child(what):
    if os.fork() == 0:
        what()
        os._exit(0)
def held():
    try:
        socket.create_server(('127.0.0.1', 0)).accept()
    except OSError:
        signal.pause()
def native():
    try:
        s = socket.socket(type=socket.SOCK_DGRAM)
        s.bind(('127.0.0.1', 0))
        s.recv(1)
    except OSError:
        signal.pause()
def daemon():
    os.setsid()
    if os.fork() == 0:
        native()
    os._exit(0)
def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    native()
for what in held, native, daemon, stubborn:
    child(what)
print('ready', flush=True)
native()
";

/// The supervisor is killed: its programs are ended, to the last. They have its standard output, which ends with them.
#[test]
fn the_supervisor_dies() {
    if !need(&["python3"]) {
        return;
    }
    let mut child = start(python(FAMILY).stdout(Stdio::piped()).stderr(Stdio::piped()));
    assert_eq!(read_line(child.stdout.as_mut().expect("a pipe")), "ready");
    signal("KILL", &child.id().to_string());
    let output = bounded(child, "programs whose supervisor died");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "sockeye: the supervisor was killed; its programs are ended\n"
    );
}

/// The guard is killed: nobody needs it while the supervisor lives.
#[test]
fn the_guard_dies() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import os, signal, socket, sys
os.kill(os.getppid(), signal.SIGKILL)
while not open('/proc/%d/comm' % os.getppid()).read().startswith('sockeye'):
    pass
c = socket.create_connection(('tekapo', 7))
c.sendall(b'x')
print(c.recv(1))
sys.exit(7)
";
    assert_eq!(finish(&mut python(program)).exits(7).text(), "b'x'\n");
}

/// Killed at some moment from the first on, whoever it is: all end.
#[test]
fn killed_at_any_moment() {
    if !need(&["gcc"]) {
        return;
    }
    let program = compile_with("kills", &["-Wno-unused-result", "-pthread"]);
    for moment in 0..12u64 {
        let mut command = run([program.path()]);
        let child = start(command.args(["3", "100000"]).stdout(Stdio::piped()).stderr(Stdio::null()));
        std::thread::sleep(Duration::from_micros(moment * moment * 700));
        let target = match moment % 3 {
            0 => child.id().to_string(),
            1 => format!("-{}", child.id()),
            _ => child_of(child.id()).unwrap_or(child.id()).to_string(),
        };
        signal(if moment % 3 == 1 { "TERM" } else { "KILL" }, &target);
        if moment % 3 == 2 {
            signal("TERM", &child.id().to_string());
        }
        bounded(child, "a program that is killed");
    }
}

/// A child of a process, if it has one by now.
fn child_of(pid: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// The memory that the supervisor may have is too little: it ends, and its programs with it.
#[test]
fn no_memory() {
    if !need(&["gcc"]) {
        return;
    }
    let program = compile_with("storm", &["-O2"]);
    let binary = env!("CARGO_BIN_EXE_sockeye");
    for kilobytes in (18_000..34_000).step_by(2_000) {
        let script = format!("ulimit -v {kilobytes}; exec '{binary}' run -- \"$0\" 20 10 10 2>/dev/null");
        finish(Command::new("sh").args(["-c", &script]).arg(program.path()));
    }
}

/// The supervisor has a limit of descriptors, too: what it has none for is ENFILE, and it works again when there are some.
#[test]
fn no_descriptors() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import errno, os, socket
def echo(server):
    c = socket.create_connection(server.getsockname())
    kept.append(c)
    a, _ = server.accept()
    kept.append(a)
    c.sendall(b'x')
    return a.recv(1)
kept = []
server = socket.create_server(('127.0.0.1', 0))
server.settimeout(0.1)
ready, said = os.pipe()
wait, go = os.pipe()
for k in range(6):
    if os.fork() == 0:
        os.close(go)
        sockets, errors = [], set()
        for i in range(60):
            try:
                sockets.append(socket.socket(type=socket.SOCK_DGRAM))
            except OSError as error:
                errors.add(errno.errorcode[error.errno])
        os.write(said, b'%d' % (errors <= {'ENFILE'}))
        os.read(wait, 1)
        os._exit(0)
for k in range(6):
    print(os.read(ready, 1).decode(), end=' ')
outcome = None
for k in range(40):
    try:
        echo(server)
    except TimeoutError:
        outcome = outcome or 'waits'
    except OSError as error:
        print(outcome, errno.errorcode[error.errno])
        break
os.close(wait)
os.close(go)
for k in range(6):
    os.wait()
# Who waited is accepted now.
server.settimeout(20 if outcome else 0.1)
try:
    while True:
        server.accept()[0].close()
        server.settimeout(0.1)
except TimeoutError:
    pass
server.settimeout(20)
print(echo(server))
";
    let binary = env!("CARGO_BIN_EXE_sockeye");
    let script = format!("ulimit -n 200; exec '{binary}' run -- python3 -c \"$0\"");
    let finished = finish(Command::new("sh").args(["-c", &script, program])).well();
    let text = finished.text();
    let expected = ["1 1 1 1 1 1 waits ENOBUFS\nb'x'\n", "1 1 1 1 1 1 None ENOBUFS\nb'x'\n"];
    assert!(expected.contains(&text.as_str()), "{text}");
}

/// A disk that is full ends the trace and the capture, in a line each, and nothing else.
#[test]
fn no_room_on_the_disk() {
    let place = TempDir::new();
    let mount = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c"]).arg(format!("mount -t tmpfs -o size=32k none \"$0\" && {script}"));
        command.arg(place.path());
        command
    };
    if !need(&["unshare", "mount", "curl"]) || !mount("true").output().is_ok_and(|out| out.status.success()) {
        println!("skipped: it takes root");
        return;
    }
    let binary = env!("CARGO_BIN_EXE_sockeye");
    for (option, line) in [("trace", "the trace ends here"), ("pcap", "the capture ends here")] {
        let script = format!(
            "'{binary}' run \"--{option}=$0/file\" -- sh -c 'curl -sS http://tekapo/bytes/2M | wc -c'; s=$?; stat -c %s \"$0/file\"; exit $s"
        );
        let finished = finish(&mut mount(&script)).in_one_line().complains(line);
        assert_eq!(finished.text(), "2097152\n32768\n");
    }
}

/// Who reads the program's output, or the trace, has gone.
#[test]
fn nobody_reads() {
    if !need(&["curl"]) {
        return;
    }
    let binary = env!("CARGO_BIN_EXE_sockeye");
    for (words, status) in [
        ("run -- yes", 141),
        ("run --trace -- curl -sS http://tekapo/bytes/2M -o /dev/null", 0),
        ("run --trace=/dev/stdout -- curl -sS http://tekapo/bytes/2M -o /dev/null", 0),
    ] {
        let script = format!("{{ '{binary}' {words} 2>&1; echo $? >&3; }} | head -c 1 >/dev/null");
        let finished = finish(Command::new("sh").args(["-c", &format!("exec 3>&1; {script}")])).well();
        assert_eq!(finished.text(), format!("{status}\n"), "{words}");
    }
}

/// A socket whose connection is under way is sent to another program, and is connected while it is on its way.
#[test]
fn connected_on_its_way() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import array, errno, select, socket, time
a, b = socket.socketpair()
s = socket.socket()
s.setblocking(False)
assert s.connect_ex(('10.61.0.2', 7)) == errno.EINPROGRESS
a.sendmsg([b'f'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [s.fileno()]))])
s.close()
time.sleep(0.2)
_, fds, _, _ = socket.recv_fds(b, 1, 1)
s = socket.socket(fileno=fds[0])
print(select.select([], [s], [], 20)[1] == [s], s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
s.setblocking(True)
s.sendall(b'x')
print(s.recv(1))
";
    let mut command = sockeye(["run", "--delay", "20ms", "--fast", "--", "python3", "-c", program]);
    assert_eq!(finish(&mut command).well().text(), "True 0\nb'x'\n");
}

/// Threads and processes without number: each is served, and nothing is left.
#[test]
fn a_storm_of_forks() {
    if !need(&["python3"]) {
        return;
    }
    let program = r"
import os, socket
server = socket.create_server(('127.0.0.1', 0), backlog=600)
for i in range(500):
    if os.fork() == 0:
        c = socket.create_connection(server.getsockname())
        c.sendall(b'x')
        c.recv(1)
        os._exit(0)
peers = [server.accept()[0] for i in range(500)]
for peer in peers:
    assert peer.recv(1) == b'x'
    peer.sendall(b'y')
print(sum(os.waitstatus_to_exitcode(os.wait()[1]) == 0 for i in range(500)))
";
    assert_eq!(finish(&mut python(program)).well().text(), "500\n");
}

/// Arguments that another thread changes while they are read, and descriptors that it closes.
#[test]
fn racing_arguments() {
    if need(&["gcc"]) {
        let program = compile_with("races", &["-pthread"]);
        for mut command in [run([program.path()]), run_exact([program.path()])] {
            assert_eq!(finish(&mut command).well().text(), "alive\n");
        }
    }
}
